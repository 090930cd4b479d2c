/* peer_conn: one TLS connection between two nodes, on the raft thread's loop.
 *
 *   DIALING -> HANDSHAKE -> OPEN -> (closing, freed by its close callback)
 *   accepted ones start at HANDSHAKE. Ways out: peer_conn_close(), and for a
 *   connection that goes on without this loop peer_conn_detach().
 *
 * Invariants:
 *   N1  `closed` is called once, before the memory goes (not after a detach); nothing
 *       is called after;
 *   N2  at most PEER_CONN_OUT_MAX bytes wait to be sent: beyond it ERR_BUSY;
 *   N3  no message is delivered before the peer's certificate is verified. */
#ifndef RAFT_PEER_CONN_H
#define RAFT_PEER_CONN_H

#include <uv.h>

#include "raft/peer_tls.h"
#include "raft/peer_wire.h"

#define PEER_CONN_OUT_MAX (16u * 1024 * 1024)

struct peer_conn;

struct peer_conn_handlers {
    /* Verified: `peer` is who the certificate names. False: close. */
    bool (*opened)(struct peer_conn *conn, uint64_t peer);
    /* One message; the body borrows. False: close (the sender is at fault). */
    bool (*message)(struct peer_conn *conn, enum peer_type type, struct span body);
    /* The owner forgets the connection. `refused`: nobody listens there. */
    void (*closed)(struct peer_conn *conn, const char *why, bool refused);
};

struct peer_conn {
    void *owner;
    uint64_t peer; /* dialled: expected; accepted: 0 until HELLO */
    bool dialled, open, closing;
    uint64_t deadline_ms;   /* owner's: to be closed then unless open */
    struct peer_conn *next; /* owner's list */

    /* private */
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    const struct peer_conn_handlers *handlers;
    struct peer_tls_session *session;
    struct peer_framer framer;
    uint8_t *writing; /* being written by libuv; NULL: none */
    size_t writing_len;
};

/* Start to dial. ERR_NOMEM, ERR_IO. */
enum err peer_conn_dial(uv_loop_t *loop, const struct sockaddr *address,
                        struct peer_tls *tls, const struct peer_conn_handlers *handlers,
                        void *owner, struct peer_conn **ret_conn);
/* Take one connection from a listener. */
enum err peer_conn_accept(uv_stream_t *listener, struct peer_tls *tls,
                          const struct peer_conn_handlers *handlers, void *owner,
                          struct peer_conn **ret_conn);
/* Encrypt whole messages; they leave at the next flush. ERR_CLOSED: not open.
 * ERR_BUSY (N2): nothing was taken. */
enum err peer_conn_send(struct peer_conn *conn, struct span messages);
/* Write what waits. Call once a loop iteration. */
void peer_conn_flush(struct peer_conn *conn);
/* From now on messages of up to LIMIT_PEER_MESSAGE are taken. */
void peer_conn_trust(struct peer_conn *conn);
void peer_conn_close(struct peer_conn *conn, const char *why, bool refused);
/* From within `message`: socket and session go on elsewhere (non-blocking; some bytes
 * may wait in the session), the connection ends without `closed`. ERR_BUSY, ERR_IO:
 * nothing has changed. */
enum err peer_conn_detach(struct peer_conn *conn, int *ret_fd,
                          struct peer_tls_session **ret_session);

#endif
