#include "store/base/notify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WATCHDOG_US_MAX 3600000000ull

/* A path, or a name in the abstract space, which begins with '@'. */
static bool address_of(const char *text, struct notify *notify) {
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

/* A third of WATCHDOG_USEC, in milliseconds; 0: none of ours (WATCHDOG_PID). */
static unsigned period_ms(void) {
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid())) {
        return 0;
    }
    unsigned long long us = strtoull(usec, NULL, 10);
    us = us > WATCHDOG_US_MAX ? WATCHDOG_US_MAX : us;
    return (unsigned)(us / 3000);
}

enum err notify_open(struct notify *ret_notify) {
    struct notify notify = {.socket = -1};
    const char *to = getenv("NOTIFY_SOCKET");

    if (to != NULL) {
        if (!address_of(to, &notify)) {
            return ERR_CONFIG;
        }
        notify.every_ms = period_ms();
        notify.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (notify.socket < 0) {
            return ERR_CONFIG;
        }
    }
    *ret_notify = notify;
    return OK;
}

void notify_tell(const struct notify *notify, const char *words) {
    if (notify->socket >= 0) {
        (void)sendto(notify->socket, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT,
                     (const struct sockaddr *)&notify->to, notify->to_len);
    }
}

void notify_close(struct notify *notify) {
    if (notify->socket >= 0) {
        close(notify->socket);
    }
    notify->socket = -1;
}
