#include "server/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/child_end.h"
#include "store/base/log.h"
#include "store/store.h"

extern char **environ;

enum child_exit {
    CHILD_WHOLE = 0,
    CHILD_DIFFERS = 1,
    CHILD_FAILED = 2,
    CHILD_CORRUPT = 3,
    CHILD_NEWER = 4,
    CHILD_TOO_BIG = 5
};

#define LINE_MAX_BYTES 128
/* A snapshot keeps pages from being used again: a walk that takes longer is given up.
 */
#define CHILD_MAX_S (60 * 60)

struct scrub {
    struct scrub_config config;
    char program[1024], dir[1024];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop;
    pid_t child; /* 0: none */
    struct scrub_status status;
};

/* ---- the child */

static void print_progress(void *arg, uint64_t rows) {
    (void)arg;
    printf("P %" PRIu64 "\n", rows);
    fflush(stdout);
}

static uint64_t count_rows(struct store_read *read) {
    const char *names[STORE_TABLES_MAX];
    uint64_t counts[STORE_TABLES_MAX], total = 0;
    size_t tables = store_table_counts(read, names, counts, STORE_TABLES_MAX);

    for (size_t i = 0; i < tables; i++)
        total += counts[i];
    return total;
}

static enum err look(struct store_read *read, bool *ret_whole) {
    struct store_meta meta;
    struct store_digest digest;
    enum err err = store_read_meta(read, &meta);

    if (!err) {
        printf("T %" PRIu64 " %" PRIu64 "\n", count_rows(read), meta.applied_index);
        fflush(stdout);
        err = store_digest_walk(read, print_progress, NULL, &digest);
    }
    if (!err)
        *ret_whole = digest.lo == meta.digest.lo && digest.hi == meta.digest.hi;
    return err;
}

static int exit_of(enum err err) {
    switch (err) {
    case ERR_CORRUPT:
        return CHILD_CORRUPT;
    case ERR_VERSION: /* the node runs on it: of a newer release it is by damage alone
                       */
        return CHILD_NEWER;
    case ERR_TOO_BIG:
        return CHILD_TOO_BIG;
    default:
        return CHILD_FAILED;
    }
}

int scrub_child(const char *of) {
    char *dir = NULL;
    long parent = strtol(of, &dir, 10);
    struct store_config config = {.dir = dir + 1, .read_only = true};
    struct store_read *read;
    struct store *store;
    bool whole = false;
    enum err err;

    (void)setpriority(PRIO_PROCESS, 0, 19);
    /* With the node it ends, or it would hold a snapshot that nobody waits for. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || alarm(CHILD_MAX_S) != 0)
        return CHILD_FAILED;
    if (*dir != ':')
        return CHILD_FAILED;
    if (getppid() != (pid_t)parent) /* it ended before the signal was asked for */
        return CHILD_FAILED;
    err = store_open(&config, &store);
    if (err)
        return exit_of(err);
    err = store_read_new(store, &read);
    if (!err) {
        err = store_read_begin(read);
        if (!err) {
            err = look(read, &whole);
            store_read_end(read);
        }
        store_read_free(read);
    }
    store_close(store);
    if (err)
        return exit_of(err);
    return whole ? CHILD_WHOLE : CHILD_DIFFERS;
}

/* ---- the parent */

static void take_line(struct scrub *scrub, const char *line) {
    uint64_t a = 0, b = 0;

    pthread_mutex_lock(&scrub->mutex);
    if (sscanf(line, "T %" SCNu64 " %" SCNu64, &a, &b) == 2) {
        scrub->status.rows_total = a;
        scrub->status.index = b;
    } else if (sscanf(line, "P %" SCNu64, &a) == 1) {
        scrub->status.rows = a;
    }
    pthread_mutex_unlock(&scrub->mutex);
}

/* Until the child closes its end. */
static void read_lines(struct scrub *scrub, int fd) {
    char line[LINE_MAX_BYTES];
    size_t len = 0;
    char c;

    for (;;) {
        ssize_t got = read(fd, &c, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        if (c == '\n') {
            line[len] = '\0';
            take_line(scrub, line);
            len = 0;
        } else if (len < sizeof line - 1) {
            line[len++] = c;
        }
    }
}

static bool spawn(struct scrub *scrub, int *ret_fd) {
    char option[1100];
    char *argv[] = {"tasukid", option, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int fds[2], rv;
    pid_t child = 0;

    snprintf(option, sizeof option, "--scrub=%ld:%s", (long)getpid(), scrub->dir);
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none); /* the server's threads have all */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    rv = posix_spawn(&child, scrub->program, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    if (rv != 0) {
        close(fds[0]);
        return false;
    }
    pthread_mutex_lock(&scrub->mutex);
    scrub->child = child;
    if (scrub->stop)
        kill(child, SIGKILL);
    pthread_mutex_unlock(&scrub->mutex);
    *ret_fd = fds[0];
    return true;
}

/* The child's end, or -1. */
static int wait_child(struct scrub *scrub) {
    siginfo_t info;
    int status = 0;
    pid_t ended;

    /* It is reaped under the mutex: scrub_stop must not signal another's number. */
    while (waitid(P_PID, (id_t)scrub->child, &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR)
        continue;
    pthread_mutex_lock(&scrub->mutex);
    ended = waitpid(scrub->child, &status, 0);
    scrub->child = 0;
    pthread_mutex_unlock(&scrub->mutex);
    return ended < 0 ? -1 : status;
}

/* In words, for `rotten`. */
static const char *damage_of(int code) {
    switch (code) {
    case CHILD_DIFFERS:
        return "its rows do not add up to its digest";
    case CHILD_NEWER:
        return "its head is not that of the store which the node runs on";
    case CHILD_TOO_BIG:
        return "a row is longer than any can be";
    default:
        return "a page, or a row in it, is not what it must be";
    }
}

static bool is_damage(int code) {
    return code == CHILD_DIFFERS || code == CHILD_CORRUPT || code == CHILD_NEWER ||
           code == CHILD_TOO_BIG;
}

static void judge(struct scrub *scrub, int end, uint64_t begun_ms) {
    struct port_clock clock = scrub->config.clock;
    bool exited = end >= 0 && WIFEXITED(end);
    bool whole = exited && WEXITSTATUS(end) == CHILD_WHOLE;
    bool rotten = (exited && is_damage(WEXITSTATUS(end))) ||
                  (end >= 0 && child_died_of_data(end));
    bool failed = !whole && !rotten;
    char why[1200];

    pthread_mutex_lock(&scrub->mutex);
    struct scrub_status *status = &scrub->status;
    bool stopped = scrub->stop;
    status->running = false;
    status->done = status->done || !failed;
    status->failed = failed;
    status->whole = failed ? status->whole : whole;
    status->ended_wall_ms = clock.wall_ms(clock.impl);
    status->took_ms = clock.mono_ms(clock.impl) - begun_ms;
    if (whole)
        status->rows = status->rows_total;
    pthread_mutex_unlock(&scrub->mutex);
    if (stopped)
        return;
    log_event(whole ? LOG_INFO : LOG_ERROR, "node.scrubbed", log_bool("whole", whole),
              log_bool("failed", failed), log_u64("index", status->index),
              log_u64("rows", status->rows), log_u64("ms", status->took_ms), log_end());
    if (whole || failed)
        return;
    if (exited)
        snprintf(why, sizeof why, "%s/data.mdb is damaged: %s", scrub->dir,
                 damage_of(WEXITSTATUS(end)));
    else
        snprintf(why, sizeof why,
                 "%s/data.mdb is damaged: reading it ended with signal %d", scrub->dir,
                 WTERMSIG(end));
    scrub->config.rotten(scrub->config.arg, why);
}

static void run_once(struct scrub *scrub) {
    struct port_clock clock = scrub->config.clock;
    uint64_t begun_ms = clock.mono_ms(clock.impl);
    int fd = -1, end = -1;

    pthread_mutex_lock(&scrub->mutex);
    scrub->status.running = true;
    scrub->status.rows = 0;
    scrub->status.rows_total = 0;
    pthread_mutex_unlock(&scrub->mutex);
    if (spawn(scrub, &fd)) {
        read_lines(scrub, fd);
        close(fd);
        end = wait_child(scrub);
    }
    judge(scrub, end, begun_ms);
}

/* True: so much time has passed; false: it is to stop. */
static bool wait_s(struct scrub *scrub, uint32_t seconds) {
    struct timespec until;
    bool stop;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&scrub->mutex);
    while (!scrub->stop &&
           pthread_cond_timedwait(&scrub->wake, &scrub->mutex, &until) == 0)
        continue;
    stop = scrub->stop;
    pthread_mutex_unlock(&scrub->mutex);
    return !stop;
}

static void *run(void *arg) {
    struct scrub *scrub = arg;
    uint32_t wait = scrub->config.first_s;

    while (wait_s(scrub, wait)) {
        run_once(scrub);
        wait = scrub->config.interval_s;
    }
    return NULL;
}

enum err scrub_start(const struct scrub_config *config, struct scrub **ret_scrub) {
    struct scrub *scrub = calloc(1, sizeof *scrub);
    pthread_condattr_t attributes;

    if (!scrub)
        return ERR_NOMEM;
    scrub->config = *config;
    snprintf(scrub->program, sizeof scrub->program, "%s", config->program);
    snprintf(scrub->dir, sizeof scrub->dir, "%s", config->dir);
    pthread_mutex_init(&scrub->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&scrub->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&scrub->thread, NULL, run, scrub) != 0) {
        free(scrub);
        return ERR_NOMEM;
    }
    *ret_scrub = scrub;
    return OK;
}

void scrub_status(struct scrub *scrub, struct scrub_status *ret_status) {
    pthread_mutex_lock(&scrub->mutex);
    *ret_status = scrub->status;
    pthread_mutex_unlock(&scrub->mutex);
}

void scrub_stop(struct scrub *scrub) {
    if (!scrub)
        return;
    pthread_mutex_lock(&scrub->mutex);
    scrub->stop = true;
    if (scrub->child != 0)
        kill(scrub->child, SIGKILL);
    pthread_cond_signal(&scrub->wake);
    pthread_mutex_unlock(&scrub->mutex);
    pthread_join(scrub->thread, NULL);
    pthread_cond_destroy(&scrub->wake);
    pthread_mutex_destroy(&scrub->mutex);
    free(scrub);
}
