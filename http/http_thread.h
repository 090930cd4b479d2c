/* http_thread: one HTTP thread. An h2o event loop with its listeners, its services
 * and the requests in flight on it.
 *
 * Invariants:
 *   H1  everything here is made, touched and released by its own thread only, but for
 *       the mailbox (port_loop.post) and the stop flag: h2o keeps spare memory by
 *       thread, and what was made on another one races for that one's;
 *   H2  a connection over the cap is closed at once, before its TLS handshake;
 *   H3  at the stop no connection is left open: those in a request are closed after
 *       it, idle ones at once, all after a grace;
 *   H4  a client that does not take its response is cut off; h2o bounds the time of
 *       handshakes, requests and pauses, but not of responses;
 *   H5  h2o reads a whole body before anybody is asked, and knows one bound a context:
 *       files come through the doors of staff and operators alone, which have a context
 *       with a higher one, and there to the paths that http_router names. */
#ifndef HTTP_HTTP_THREAD_H
#define HTTP_HTTP_THREAD_H

#include <h2o.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/http_tls.h"
#include "server/svc.h"
#include "server/svc_shared.h"

struct http_thread;

/* A listener of one thread, and its h2o host (which tells the router the door). */
struct http_listener {
    struct http_thread *thread;
    enum http_door door;
    h2o_hostconf_t *host;
    h2o_hostconf_t *hosts[2]; /* this one, NULL */
    h2o_accept_ctx_t accept;
    h2o_socket_t *socket; /* NULL: not configured */
};

struct http_thread {
    struct port_loop loop; /* first: posted tasks find their thread by it */
    const struct config *config;
    struct svc_shared *shared;
    struct svc *svc;
    h2o_globalconf_t global;
    h2o_context_t context;
    /* H5: of the doors at which larger bodies may come, on the same loop. */
    h2o_globalconf_t files_global;
    h2o_context_t files_context;
    struct http_listener listeners[DOORS];
    h2o_multithread_receiver_t receiver;
    h2o_multithread_message_t wake;
    _Atomic(struct port_task *) mailbox;
    h2o_linklist_t connections;
    size_t connections_count, connections_max;
    size_t requests_count;      /* that services hold */
    struct http_request *spare; /* to be used again */
    size_t spare_count;
    uint64_t tls_stamp;
    h2o_timeout_t beat;
    h2o_timeout_entry_t tick;
    uint64_t looked_at_ms; /* for clients that take nothing */
    uint64_t request_id;   /* of the last request; random at first */
    _Atomic uint64_t rounds; /* of the beat */
    _Atomic bool stop;
    bool stopping;
    uint64_t stop_at_ms;
    bool done;
    pthread_t pthread;
};

/* `fds` are bound sockets, -1 where there is none; owned from here, on failure too. */
enum err http_thread_start(const struct config *config, struct svc_shared *shared,
                           const int fds[DOORS], struct http_thread **ret_thread,
                           char why[256]);
/* The certificate (DER) that the connection's client has proven to hold; empty: none,
 * or not through DOOR_MTLS or _OPERATOR. *ret_chain: those that it sent behind it, end to end.
 * Borrowed while the connection lives. */
struct span http_thread_certificate(const h2o_req_t *h2o, struct span *ret_chain);
/* Ask it to stop; then wait for it and free it. */
/* H5: bodies up to LIMIT_UPLOAD_BODY may come by it. */
bool http_door_takes_files(enum http_door door);

void http_thread_stop(struct http_thread *thread);
void http_thread_join(struct http_thread *thread);

#endif
