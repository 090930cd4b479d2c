#include "chaos/drill/guardian.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos/drill/sh.h"

#define MESSAGE_MAX 8192
#define HEAL_S 20

enum verb { ARM = 1, HEAL, OVER, STOP };

struct message {
    enum verb verb;
    unsigned number;
    unsigned ttl_ms;
    char words[MESSAGE_MAX]; /* ARM: arguments, each with its NUL */
    size_t len;
};

static uint64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- the process */

struct charge {
    unsigned number; /* 0: free */
    uint64_t due_ms;
    struct message armed;
};

static struct charge charges[GUARDIAN_FAULTS_MAX];

static bool run(struct charge *charge) {
    struct sh_command command = {.net = -1, .outlives = true};
    size_t count = 0;
    for (size_t at = 0; at < charge->armed.len && count + 1 < SH_ARGS_MAX;) {
        command.argv[count++] = charge->armed.words + at;
        at += strlen(charge->armed.words + at) + 1;
    }
    bool good = sh_run(&command, HEAL_S, NULL) == 0;
    if (good) {
        charge->number = 0;
    } else {
        charge->due_ms = now_ms() + 1000;
    }
    return good;
}

static struct charge *find(unsigned number) {
    for (size_t i = 0; i < GUARDIAN_FAULTS_MAX; i++) {
        if (charges[i].number == number) {
            return &charges[i];
        }
    }
    return NULL;
}

/* Newest first: what was built on another goes before it. */
static bool run_all(void) {
    bool good = true;
    for (size_t turn = 0; turn < GUARDIAN_FAULTS_MAX; turn++) {
        struct charge *newest = NULL;
        for (size_t i = 0; i < GUARDIAN_FAULTS_MAX; i++) {
            if (charges[i].number != 0 &&
                (newest == NULL || charges[i].number > newest->number)) {
                newest = &charges[i];
            }
        }
        if (newest == NULL) {
            break;
        }
        good &= run(newest);
        newest->number = 0;
    }
    return good;
}

static bool answer_to(const struct message *message) {
    struct charge *charge;
    switch (message->verb) {
    case ARM:
        charge = find(0);
        if (charge == NULL) {
            return false;
        }
        charge->armed = *message;
        charge->number = message->number;
        charge->due_ms = now_ms() + message->ttl_ms;
        return true;
    case HEAL:
        charge = find(message->number);
        return charge == NULL || run(charge);
    case OVER:
        return find(message->number) == NULL;
    case STOP:
        return run_all();
    }
    return false;
}

static int until_due(void) {
    uint64_t now = now_ms(), next = now + 60000;
    for (size_t i = 0; i < GUARDIAN_FAULTS_MAX; i++) {
        if (charges[i].number != 0 && charges[i].due_ms < next) {
            next = charges[i].due_ms;
        }
    }
    return next > now ? (int)(next - now) : 0;
}

static _Noreturn void guard(int from) {
    static struct message message;
    for (;;) {
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int ready = poll(&wait, 1, until_due());
        for (size_t i = 0; i < GUARDIAN_FAULTS_MAX; i++) {
            if (charges[i].number != 0 && charges[i].due_ms <= now_ms()) {
                run(&charges[i]);
            }
        }
        if (ready <= 0) {
            continue;
        }
        ssize_t n = recv(from, &message, sizeof(message), 0);
        if (n <= 0) { /* the drill is gone */
            _exit(run_all() ? 0 : 1);
        }
        char answer = answer_to(&message) ? 1 : 0;
        if (send(from, &answer, 1, MSG_NOSIGNAL) != 1 || message.verb == STOP) {
            _exit(run_all() ? 0 : 1);
        }
    }
}

/* ---- the drill's side */

bool guardian_start(struct guardian *guardian) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        /* Ctrl-C at the terminal is for the drill. */
        setsid();
        signal(SIGINT, SIG_IGN);
        guard(ends[1]);
    }
    close(ends[1]);
    *guardian = (struct guardian){.to = ends[0], .pid = pid};
    return pid > 0;
}

static bool ask(struct guardian *guardian, const struct message *message) {
    char answer = 0;
    return send(guardian->to, message, sizeof(*message), MSG_NOSIGNAL) ==
               (ssize_t)sizeof(*message) &&
           recv(guardian->to, &answer, 1, 0) == 1 && answer == 1;
}

unsigned guardian_arm(struct guardian *guardian, unsigned ttl_ms,
                      const char *const heal[]) {
    static struct message message;
    message = (struct message){.verb = ARM, .ttl_ms = ttl_ms};
    for (size_t i = 0; heal[i] != NULL; i++) {
        size_t len = strlen(heal[i]) + 1;
        if (len > MESSAGE_MAX - message.len) {
            return 0;
        }
        memcpy(message.words + message.len, heal[i], len);
        message.len += len;
    }
    message.number = ++guardian->last;
    return ask(guardian, &message) ? message.number : 0;
}

bool guardian_heal(struct guardian *guardian, unsigned number) {
    static struct message message;
    message = (struct message){.verb = HEAL, .number = number};
    return ask(guardian, &message);
}

bool guardian_over(struct guardian *guardian, unsigned number) {
    static struct message message;
    message = (struct message){.verb = OVER, .number = number};
    return ask(guardian, &message);
}

bool guardian_stop(struct guardian *guardian) {
    static struct message message;
    message = (struct message){.verb = STOP};
    bool good = ask(guardian, &message);
    close(guardian->to);
    waitpid(guardian->pid, NULL, 0);
    return good;
}
