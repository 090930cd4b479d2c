/* main_notify: what the supervisor is told (store/base/notify.h).
 *
 *   READY=1      the listeners are open
 *   STOPPING=1   a signal came
 *   WATCHDOG=1   three times in WATCHDOG_USEC, by a thread of its own, as long as each
 *                HTTP thread goes round
 *
 * raft/repl_watchdog ends a process whose raft thread or log stands still. What that
 * cannot see is left to the supervisor: a process that stands still as a whole, and HTTP
 * threads that do. Without its variables nothing is said. */
#ifndef SERVER_MAIN_NOTIFY_H
#define SERVER_MAIN_NOTIFY_H

#include "http/http_server.h"

struct main_notify;

/* Tells READY=1. `http` outlives it. ERR_NOMEM; ERR_CONFIG: NOTIFY_SOCKET is no address.
 * *ret_notify is NULL when there is no supervisor that listens. */
enum err main_notify_start(struct http_server *http, struct main_notify **ret_notify);
/* STOPPING=1; the watchdog goes on, since what is open has its time to end. NULL-safe. */
void main_notify_stopping(struct main_notify *notify);
/* Before the HTTP server ends. NULL-safe. */
void main_notify_stop(struct main_notify *notify);

#endif
