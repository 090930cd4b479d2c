#include "server/main_notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "store/base/log.h"

#define STEP_MS 100
#define WATCHDOG_US_MAX 3600000000ull

struct main_notify {
    struct http_server *http;
    struct sockaddr_un to;
    socklen_t to_len;
    int socket;
    unsigned every_ms; /* 0: no watchdog is asked for */
    pthread_t thread;
    bool started;
    atomic_bool stop;
};

static void tell(const struct main_notify *notify, const char *words) {
    (void)sendto(notify->socket, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&notify->to, notify->to_len);
}

/* A path, or a name in the abstract space, which begins with '@'. */
static bool address_of(const char *text, struct main_notify *notify) {
    size_t len = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || len < 2 ||
        len >= sizeof(notify->to.sun_path)) {
        return false;
    }
    notify->to.sun_family = AF_UNIX;
    memcpy(notify->to.sun_path, text, len);
    if (text[0] == '@') {
        notify->to.sun_path[0] = '\0';
    }
    notify->to_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
    return true;
}

/* A third of WATCHDOG_USEC, in milliseconds; 0: none of ours. */
static unsigned period_ms(void) {
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid())) {
        return 0;
    }
    unsigned long long us = strtoull(usec, NULL, 10);
    us = us > WATCHDOG_US_MAX ? WATCHDOG_US_MAX : us;
    return (unsigned)(us / 3000);
}

static void *beat(void *arg) {
    struct main_notify *notify = arg;
    unsigned rest_ms = 0;

    while (!atomic_load(&notify->stop)) {
        struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
        (void)nanosleep(&step, NULL);
        rest_ms = rest_ms > STEP_MS ? rest_ms - STEP_MS : 0;
        if (rest_ms == 0 && http_server_moved(notify->http)) {
            tell(notify, "WATCHDOG=1");
            rest_ms = notify->every_ms;
        }
    }
    return NULL;
}

enum err main_notify_start(struct http_server *http, struct main_notify **ret_notify) {
    const char *to = getenv("NOTIFY_SOCKET");
    *ret_notify = NULL;
    if (to == NULL) {
        return OK;
    }
    struct main_notify *notify = calloc(1, sizeof(*notify));
    if (notify == NULL) {
        return ERR_NOMEM;
    }
    notify->http = http;
    notify->every_ms = period_ms();
    notify->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->socket < 0 || !address_of(to, notify)) {
        main_notify_stop(notify);
        return ERR_CONFIG;
    }
    notify->started = notify->every_ms > 0 &&
                      pthread_create(&notify->thread, NULL, beat, notify) == 0;
    if (notify->every_ms > 0 && !notify->started) {
        main_notify_stop(notify);
        return ERR_NOMEM;
    }
    tell(notify, "READY=1");
    *ret_notify = notify;
    return OK;
}

void main_notify_stopping(struct main_notify *notify) {
    if (notify != NULL) {
        tell(notify, "STOPPING=1");
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
    if (notify->socket >= 0) {
        close(notify->socket);
    }
    free(notify);
}
