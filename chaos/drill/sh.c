#include "chaos/drill/sh.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* In the child: never returns. */
static _Noreturn void become(const struct sh_command *command, int out) {
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!command->outlives) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    if (command->net >= 0 && setns(command->net, CLONE_NEWNET) != 0) {
        _exit(126);
    }
    dup2(null, 0);
    dup2(out >= 0 ? out : null, 1);
    dup2(out >= 0 ? out : null, 2);
    for (size_t i = 0; command->env != NULL && command->env[i] != NULL; i++) {
        putenv((char *)(uintptr_t)command->env[i]);
    }
    execvp(command->argv[0], (char *const *)(uintptr_t)command->argv);
    _exit(127);
}

static pid_t begin(const struct sh_command *command, int out) {
    pid_t pid = fork();
    if (pid == 0) {
        become(command, out);
    }
    return pid;
}

pid_t sh_spawn(const struct sh_command *command) {
    int out = -1;
    if (command->log != NULL) {
        out = open(command->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (out < 0) {
            return -1;
        }
    }
    pid_t pid = begin(command, out);
    if (out >= 0) {
        close(out);
    }
    return pid;
}

bool sh_ended(pid_t pid, int *ret_status) {
    int status;
    pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == 0) {
        return false;
    }
    if (ret_status != NULL) {
        *ret_status = got == pid ? status : 0;
    }
    return true;
}

bool sh_wait(pid_t pid, unsigned ms, int *ret_status) {
    uint64_t end = now_ms() + ms;
    while (!sh_ended(pid, ret_status)) {
        if (now_ms() >= end) {
            return false;
        }
        poll(NULL, 0, 10);
    }
    return true;
}

/* False: time is up. */
static bool listen_to(int from, uint64_t end, struct buf *out) {
    char chunk[4096];
    for (;;) {
        uint64_t now = now_ms();
        struct pollfd wait = {.fd = from, .events = POLLIN};
        if (now >= end) {
            return false;
        }
        if (poll(&wait, 1, (int)(end - now)) <= 0) {
            continue;
        }
        ssize_t n = read(from, chunk, sizeof(chunk));
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return true;
        }
        if (n > 0 && out != NULL) {
            buf_put(out, chunk, (size_t)n);
        }
    }
}

int sh_run(const struct sh_command *command, unsigned seconds, struct buf *out) {
    uint64_t end = now_ms() + (uint64_t)seconds * 1000;
    int ends[2], status = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    pid_t pid = begin(command, ends[1]);
    close(ends[1]);
    bool heard = pid > 0 && listen_to(ends[0], end, out);
    close(ends[0]);
    if (pid < 0) {
        return -1;
    }
    /* Its output may be shut before it ends. */
    if (!heard || !sh_wait(pid, (unsigned)(end - now_ms()), &status)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        if (out != NULL) {
            buf_printf(out, "%s: ended after %u s\n", command->argv[0], seconds);
        }
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
