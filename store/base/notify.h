/* notify: word to the supervisor, in the words of sd_notify(3): a datagram to the socket
 * that NOTIFY_SOCKET names.
 *
 * Without the variable nothing is said, and all of this does nothing. What cannot be sent
 * is not repeated: a supervisor that misses it acts. Thread: any, once it is open. */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "store/base/err.h"

struct notify {
    int socket; /* -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_len;
    unsigned every_ms; /* WATCHDOG=1 is wanted so often, three times in its time; 0: not */
};

/* ERR_CONFIG: NOTIFY_SOCKET is no address, or no socket can be had. */
enum err notify_open(struct notify *ret_notify);
/* READY=1, STOPPING=1, WATCHDOG=1. */
void notify_tell(const struct notify *notify, const char *words);
void notify_close(struct notify *notify);

#endif
