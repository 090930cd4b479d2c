#include "raft/peer_conn.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "store/base/check.h"

/* A peer that acknowledges nothing for so long is gone. */
#define UNACKED_MAX_MS 5000

/* Read buffers shared by all connections: the callbacks finish with them before
 * they return, and there is one raft thread. */
static _Thread_local uint8_t cipher_buf[64 * 1024];
static _Thread_local uint8_t plain_buf[32 * 1024];

static void on_freed(uv_handle_t *handle) {
    struct peer_conn *conn = handle->data;
    peer_tls_session_free(conn->session);
    peer_framer_close(&conn->framer);
    free(conn->writing);
    free(conn);
}

void peer_conn_close(struct peer_conn *conn, const char *why, bool refused) {
    if (conn->closing) {
        return;
    }
    conn->closing = true;
    conn->open = false;
    conn->handlers->closed(conn, why, refused);
    uv_close((uv_handle_t *)&conn->tcp, on_freed);
}

enum err peer_conn_detach(struct peer_conn *conn, int *ret_fd,
                          struct peer_tls_session **ret_session) {
    uv_os_fd_t fd;
    unsigned no_limit = 0;
    if (conn->closing || conn->writing != NULL) {
        return ERR_BUSY; /* it has not even taken our handshake */
    }
    if (uv_fileno((const uv_handle_t *)&conn->tcp, &fd) != 0) {
        return ERR_IO;
    }
    /* libuv closes its own descriptor. */
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        return ERR_IO;
    }
    /* The new owner has its own idea of patience. */
    (void)setsockopt(own, IPPROTO_TCP, TCP_USER_TIMEOUT, &no_limit, sizeof(no_limit));
    *ret_fd = own;
    *ret_session = conn->session;
    conn->session = NULL;
    conn->closing = true;
    conn->open = false;
    uv_close((uv_handle_t *)&conn->tcp, on_freed);
    return OK;
}

void peer_conn_trust(struct peer_conn *conn) {
    conn->framer.body_max = LIMIT_PEER_MESSAGE;
}

static enum err conn_new(uv_loop_t *loop, struct peer_tls *tls, bool dial,
                         const struct peer_conn_handlers *handlers, void *owner,
                         struct peer_conn **ret_conn) {
    struct peer_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL) {
        return ERR_NOMEM;
    }
    conn->owner = owner;
    conn->handlers = handlers;
    conn->dialled = dial;
    enum err err = peer_tls_session_new(tls, dial, &conn->session);
    if (err != OK) {
        free(conn);
        return err;
    }
    peer_framer_init(&conn->framer, PEER_HELLO_MAX);
    int rv = uv_tcp_init(loop, &conn->tcp);
    CHECK(rv == 0); /* allocates nothing, opens nothing */
    conn->tcp.data = conn;
    conn->connect.data = conn;
    conn->write.data = conn;
    *ret_conn = conn;
    return OK;
}

static void set_socket_options(struct peer_conn *conn) {
    uv_os_fd_t fd;
    unsigned timeout_ms = UNACKED_MAX_MS;
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    if (uv_fileno((const uv_handle_t *)&conn->tcp, &fd) == 0) {
        /* Both are refinements: without them a dead peer is noticed later. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
                         sizeof(timeout_ms));
    }
}

/* Give every whole message in `in` to the owner. False: closed. */
static bool deliver(struct peer_conn *conn, struct span in) {
    while (in.len > 0) {
        enum peer_type type;
        struct span body;
        bool whole;
        enum err err = peer_framer_next(&conn->framer, &in, &type, &body, &whole);
        if (err != OK) {
            peer_conn_close(conn, err_str(err), false);
            return false;
        }
        if (!whole) {
            return true;
        }
        if (!conn->handlers->message(conn, type, body)) {
            peer_conn_close(conn, "the peer sent what it must not send", false);
            return false;
        }
        if (conn->closing) {
            return false;
        }
    }
    return true;
}

static void go_on(struct peer_conn *conn) {
    if (!conn->open) {
        char why[256];
        uint64_t peer;
        enum err err = peer_tls_handshake(conn->session, &peer, why);
        if (err == ERR_BUSY) {
            peer_conn_flush(conn);
            return;
        }
        if (err != OK) {
            peer_conn_flush(conn); /* the alert, if it can go at once */
            peer_conn_close(conn, why, false);
            return;
        }
        conn->open = true;
        if (!conn->handlers->opened(conn, peer)) {
            peer_conn_close(conn, "the certificate is of an unexpected node", false);
            return;
        }
        peer_conn_flush(conn);
    }
    while (!conn->closing) {
        size_t len;
        enum err err = peer_tls_read(conn->session, plain_buf, sizeof(plain_buf), &len);
        if (err != OK) {
            peer_conn_close(conn,
                            err == ERR_CLOSED ? "the peer closed the connection"
                                              : "the TLS stream is broken",
                            false);
            return;
        }
        if (len == 0 || !deliver(conn, span_of(plain_buf, len))) {
            return;
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init((char *)cipher_buf, sizeof(cipher_buf));
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf) {
    struct peer_conn *conn = stream->data;
    if (conn->closing || nread == 0) {
        return;
    }
    if (nread < 0) {
        peer_conn_close(conn, uv_strerror((int)nread), false);
        return;
    }
    enum err err = peer_tls_feed(conn->session, span_of(buf->base, (size_t)nread));
    if (err != OK) {
        peer_conn_close(conn, err_str(err), false);
        return;
    }
    go_on(conn);
}

static void start_reading(struct peer_conn *conn) {
    set_socket_options(conn);
    int rv = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    if (rv != 0) {
        peer_conn_close(conn, uv_strerror(rv), false);
    }
}

static void on_connect(uv_connect_t *req, int status) {
    struct peer_conn *conn = req->data;
    if (conn->closing) {
        return;
    }
    if (status != 0) {
        peer_conn_close(conn, uv_strerror(status), status == UV_ECONNREFUSED);
        return;
    }
    start_reading(conn);
    if (!conn->closing) {
        go_on(conn);
    }
}

enum err peer_conn_dial(uv_loop_t *loop, const struct sockaddr *address,
                        struct peer_tls *tls, const struct peer_conn_handlers *handlers,
                        void *owner, struct peer_conn **ret_conn) {
    struct peer_conn *conn;
    enum err err = conn_new(loop, tls, true, handlers, owner, &conn);
    if (err != OK) {
        return err;
    }
    int rv = uv_tcp_connect(&conn->connect, &conn->tcp, address, on_connect);
    if (rv != 0) {
        conn->closing = true; /* the owner has not seen it yet: no callback */
        uv_close((uv_handle_t *)&conn->tcp, on_freed);
        return ERR_IO;
    }
    *ret_conn = conn;
    return OK;
}

enum err peer_conn_accept(uv_stream_t *listener, struct peer_tls *tls,
                          const struct peer_conn_handlers *handlers, void *owner,
                          struct peer_conn **ret_conn) {
    struct peer_conn *conn;
    enum err err = conn_new(listener->loop, tls, false, handlers, owner, &conn);
    if (err != OK) {
        return err;
    }
    int rv = uv_accept(listener, (uv_stream_t *)&conn->tcp);
    if (rv == 0) {
        set_socket_options(conn);
        rv = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    }
    if (rv != 0) {
        conn->closing = true;
        uv_close((uv_handle_t *)&conn->tcp, on_freed);
        return ERR_IO;
    }
    *ret_conn = conn;
    return OK;
}

enum err peer_conn_send(struct peer_conn *conn, struct span messages) {
    if (!conn->open) {
        return ERR_CLOSED;
    }
    size_t waiting = peer_tls_pending(conn->session).len + conn->writing_len;
    if (waiting + messages.len > PEER_CONN_OUT_MAX) {
        return ERR_BUSY;
    }
    enum err err = peer_tls_write(conn->session, messages);
    if (err != OK) {
        peer_conn_close(conn, err_str(err), false);
        return ERR_CLOSED;
    }
    return OK;
}

static void on_written(uv_write_t *req, int status) {
    struct peer_conn *conn = req->data;
    free(conn->writing);
    conn->writing = NULL;
    conn->writing_len = 0;
    if (conn->closing) {
        return;
    }
    if (status != 0) {
        peer_conn_close(conn, uv_strerror(status), false);
        return;
    }
    peer_conn_flush(conn);
}

void peer_conn_flush(struct peer_conn *conn) {
    if (conn->closing || conn->writing != NULL) {
        return;
    }
    struct span pending = peer_tls_pending(conn->session);
    if (pending.len == 0) {
        return;
    }
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)pending.data, (unsigned)pending.len);
    int rv = uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);
    if (rv < 0 && rv != UV_EAGAIN) {
        peer_conn_close(conn, uv_strerror(rv), false);
        return;
    }
    size_t done = rv > 0 ? (size_t)rv : 0;
    if (done < pending.len) {
        size_t rest = pending.len - done;
        conn->writing = malloc(rest);
        if (conn->writing == NULL) {
            peer_conn_close(conn, err_str(ERR_NOMEM), false);
            return;
        }
        memcpy(conn->writing, pending.data + done, rest);
        conn->writing_len = rest;
    }
    peer_tls_drop(conn->session, pending.len);
    if (conn->writing != NULL) {
        buf = uv_buf_init((char *)conn->writing, (unsigned)conn->writing_len);
        rv = uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, on_written);
        if (rv != 0) {
            free(conn->writing);
            conn->writing = NULL;
            conn->writing_len = 0;
            peer_conn_close(conn, uv_strerror(rv), false);
        }
    }
}
