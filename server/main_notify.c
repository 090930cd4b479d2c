#include "server/main_notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "store/base/notify.h"

#define STEP_MS 100

struct main_notify {
    struct http_server *http;
    struct notify to;
    pthread_t thread;
    bool started;
    atomic_bool stop;
};

static void *beat(void *arg) {
    struct main_notify *notify = arg;
    unsigned rest_ms = 0;

    while (!atomic_load(&notify->stop)) {
        struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
        (void)nanosleep(&step, NULL);
        rest_ms = rest_ms > STEP_MS ? rest_ms - STEP_MS : 0;
        if (rest_ms == 0 && http_server_moved(notify->http)) {
            notify_tell(&notify->to, "WATCHDOG=1");
            rest_ms = notify->to.every_ms;
        }
    }
    return NULL;
}

enum err main_notify_start(struct http_server *http, struct main_notify **ret_notify) {
    struct notify to;
    enum err err = notify_open(&to);

    *ret_notify = NULL;
    if (err != OK || to.socket < 0) {
        return err;
    }
    struct main_notify *notify = calloc(1, sizeof(*notify));
    if (notify == NULL) {
        notify_close(&to);
        return ERR_NOMEM;
    }
    notify->http = http;
    notify->to = to;
    notify->started = to.every_ms > 0 &&
                      pthread_create(&notify->thread, NULL, beat, notify) == 0;
    if (to.every_ms > 0 && !notify->started) {
        main_notify_stop(notify);
        return ERR_NOMEM;
    }
    notify_tell(&notify->to, "READY=1");
    *ret_notify = notify;
    return OK;
}

void main_notify_stopping(struct main_notify *notify) {
    if (notify != NULL) {
        notify_tell(&notify->to, "STOPPING=1");
    }
}

void main_notify_stop(struct main_notify *notify) {
    if (notify == NULL) {
        return;
    }
    atomic_store(&notify->stop, true);
    if (notify->started) {
        (void)pthread_join(notify->thread, NULL);
    }
    notify_close(&notify->to);
    free(notify);
}
