#include "raft/repl_watchdog.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "raft/repl_exit.h"
#include "store/base/log.h"

#define TICK_MS 100
/* How long the last words may take: standard error may hang as well. */
#define LAST_WORDS_MS 200
#define FD_MAX 65536

struct repl_watchdog {
    pthread_t thread;
    struct repl_pulse *pulse;
    uint32_t ticks_max;
    atomic_bool stop;
};

enum repl_stall_verdict repl_stall_tick(struct repl_stall *stall,
                                        const struct repl_progress *now,
                                        uint32_t ticks_max) {
    const struct repl_progress *seen = &stall->seen;
    stall->loop_ticks = now->loop == seen->loop ? stall->loop_ticks + 1 : 0;
    stall->append_ticks = now->appending > 0 && now->appended == seen->appended
                              ? stall->append_ticks + 1
                              : 0;
    stall->sync_ticks =
        now->syncing > 0 && now->synced == seen->synced ? stall->sync_ticks + 1 : 0;
    stall->seen = *now;
    if (stall->loop_ticks >= ticks_max) {
        return STALL_LOOP;
    }
    if (stall->append_ticks >= ticks_max) {
        return STALL_APPEND;
    }
    return stall->sync_ticks >= REPL_STALL_SYNC * ticks_max ? STALL_SYNC : STALL_NONE;
}

static void sleep_ms(long ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static void *say_last_words(void *arg) {
    static const char *const why[] = {
        [STALL_LOOP] = "the raft thread made no progress",
        [STALL_APPEND] = "a write to the log did not finish",
        [STALL_SYNC] = "a sync of the store did not finish",
    };
    const enum repl_stall_verdict *verdict = arg;
    log_event(LOG_FATAL, "repl.stalled", log_str("why", why[*verdict]),
              log_u64("exit", REPL_EXIT_STALLED), log_end());
    return NULL;
}

_Noreturn static void end_process(enum repl_stall_verdict verdict) {
    struct rlimit limit;
    int fd_max = FD_MAX;
    pthread_t thread;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FD_MAX) {
        fd_max = (int)limit.rlim_cur;
    }
    for (int fd = 3; fd < fd_max; fd++) {
        (void)shutdown(fd, SHUT_RDWR); /* no effect on what is not a socket */
    }
    if (pthread_create(&thread, NULL, say_last_words, &verdict) == 0) {
        sleep_ms(LAST_WORDS_MS);
    }
    _exit(REPL_EXIT_STALLED);
}

static void *watch(void *arg) {
    struct repl_watchdog *dog = arg;
    struct repl_stall stall = {0};
    while (!atomic_load(&dog->stop)) {
        sleep_ms(TICK_MS);
        struct repl_progress now = {.loop = atomic_load(&dog->pulse->loop),
                                    .appended = atomic_load(&dog->pulse->appended),
                                    .synced = atomic_load(&dog->pulse->synced),
                                    .appending = atomic_load(&dog->pulse->appending),
                                    .syncing = atomic_load(&dog->pulse->syncing)};
        enum repl_stall_verdict verdict = repl_stall_tick(&stall, &now, dog->ticks_max);
        if (verdict != STALL_NONE && !atomic_load(&dog->stop)) {
            end_process(verdict);
        }
    }
    return NULL;
}

enum err repl_watchdog_start(struct repl_pulse *pulse, uint32_t stall_limit_ms,
                             struct repl_watchdog **ret_watchdog) {
    struct repl_watchdog *dog = calloc(1, sizeof(*dog));
    if (dog == NULL) {
        return ERR_NOMEM;
    }
    dog->pulse = pulse;
    dog->ticks_max = stall_limit_ms / TICK_MS + 1;
    if (pthread_create(&dog->thread, NULL, watch, dog) != 0) {
        free(dog);
        return ERR_NOMEM;
    }
    *ret_watchdog = dog;
    return OK;
}

void repl_watchdog_stop(struct repl_watchdog *watchdog) {
    if (watchdog != NULL) {
        atomic_store(&watchdog->stop, true);
        (void)pthread_join(watchdog->thread, NULL);
        free(watchdog);
    }
}
