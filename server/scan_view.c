#include "server/scan_view.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The program's own limit is 20 s for its child; this one is for the program. */
#define WALL_MS 25000u
#define EXIT_BROKEN 3
#define EXIT_LATE 4

static uint64_t now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The bytes as a file without a name, to be read from its begin. -1: it cannot be. */
static int file_of(struct span bytes) {
    int fd = memfd_create("scan", MFD_CLOEXEC);
    size_t at = 0;

    while (fd >= 0 && at < bytes.len) {
        ssize_t n = write(fd, bytes.data + at, bytes.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Its child, with nothing open but input and output. */
static enum err start(const struct scan_view *view, int in, int out, pid_t *ret_pid) {
    char page[16], turn[16], side[16], quad[128];
    char *const argv[] = {"tasuki-ocr", "view", "--page", page, "--turn", turn, "--side",
                          side, view->piece ? "--quad" : NULL, quad, NULL};
    char *const environment[] = {"LC_ALL=C.UTF-8", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int rc;

    snprintf(page, sizeof page, "%u", view->page);
    snprintf(turn, sizeof turn, "%u", view->turn);
    snprintf(side, sizeof side, "%u", view->side);
    snprintf(quad, sizeof quad, "%d,%d,%d,%d,%d,%d,%d,%d", view->quad[0][0],
             view->quad[0][1], view->quad[1][0], view->quad[1][1], view->quad[2][0],
             view->quad[2][1], view->quad[3][0], view->quad[3][1]);
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ERR_NOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ERR_NOMEM;
    }
    rc = posix_spawn_file_actions_adddup2(&actions, in, 0);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&actions, out, 1);
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    rc = rc ? rc : posix_spawnattr_setsigmask(&attributes, &none);
    rc = rc ? rc : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    rc = rc ? rc : posix_spawn(ret_pid, view->program, &actions, &attributes, argv,
                               environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc ? ERR_IO : OK;
}

/* Until the end of its output. ERR_TIMEOUT, ERR_TOO_BIG, ERR_NOMEM. */
static enum err collect(int fd, struct buf *out) {
    uint64_t deadline = now_ms() + WALL_MS, now;

    while ((now = now_ms()) < deadline) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint8_t part[16384];
        ssize_t n;
        if (poll(&p, 1, (int)(deadline - now)) <= 0)
            continue;
        n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? ERR_IO : buf_err(out);
        buf_put(out, part, (size_t)n);
        if (buf_err(out))
            return buf_err(out);
    }
    return ERR_TIMEOUT;
}

static enum err meaning(int status) {
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    return code == 0             ? OK
           : code == EXIT_BROKEN ? ERR_INVALID
           : code == EXIT_LATE   ? ERR_TIMEOUT
                                 : ERR_IO;
}

enum err scan_view(const struct scan_view *view, struct span file, struct buf *out) {
    int in = file_of(file), ends[2] = {-1, -1}, status = 0;
    enum err err = in < 0 || pipe2(ends, O_CLOEXEC) != 0 ? ERR_IO : OK;
    pid_t pid = -1;

    if (!err)
        err = start(view, in, ends[1], &pid);
    if (in >= 0)
        close(in);
    if (ends[1] >= 0)
        close(ends[1]);
    if (!err) {
        err = collect(ends[0], out);
        if (err)
            kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        err = err ? err : meaning(status);
    }
    if (ends[0] >= 0)
        close(ends[0]);
    return err;
}
