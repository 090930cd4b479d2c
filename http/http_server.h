/* http_server: the HTTP threads of a node.
 *
 * Each thread has its own h2o event loop, its own SO_REUSEPORT listeners (direct,
 * balancer, operator), its own TLS contexts and its own `struct svc`. HTTP/1.1
 * only. See http/http_router.h for what answers where. */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "server/config.h"
#include "server/svc_shared.h"
#include "store/base/err.h"

struct http_server;

/* Bind all listeners, then start the threads. ERR_CONFIG or ERR_IO with one
 * sentence in `why` (port in use: says which key of the configuration). */
enum err http_server_start(const struct config *config, struct svc_shared *shared,
                           struct http_server **ret_server, char why[256]);
/* Has each thread gone round since this was asked before? They do, idle or not, several
 * times a second. Thread: one. */
bool http_server_moved(struct http_server *server);
/* Stop accepting, let requests in flight end (at most 5 s), close idle
 * connections, join the threads. */
void http_server_stop(struct http_server *server);

#endif
