/* load_conn: one keep-alive HTTP/1.1 connection over TLS to one node.
 *
 *   DOWN -> CONNECTING -> HANDSHAKE -> IDLE <-> BUSY; any -> DOWN
 *
 * One request at a time. A connection that is down is dialled by the next request.
 * `done` is called once for each request: with the response, or with NULL and the
 * reason. The response borrows until the next request. One thread, one epoll. */
#ifndef BENCH_LOAD_CONN_H
#define BENCH_LOAD_CONN_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_REQUEST_MAX (16 * 1024)
#define LOAD_RESPONSE_MAX (128 * 1024)

/* Where to: from https://IPv4:port (the name is sent as Host and SNI when given). */
struct load_node {
    struct sockaddr_in address;
    char host[128]; /* Host header */
};

struct load_response {
    int status;
    const char *head; /* header lines, each ended by CRLF; terminated */
    const char *body; /* terminated */
    size_t body_len;
    bool close; /* the server will close */
};

enum load_conn_state {
    LOAD_CONN_DOWN,
    LOAD_CONN_CONNECTING,
    LOAD_CONN_HANDSHAKE,
    LOAD_CONN_IDLE,
    LOAD_CONN_BUSY,
};

struct load_conn;
typedef void (*load_conn_done)(void *arg, const struct load_response *response,
                               const char *failure);

struct load_conn {
    enum load_conn_state state;
    int epoll, fd;
    uint32_t events;
    SSL_CTX *tls;
    SSL *ssl;
    const struct load_node *node;
    char *out, *in; /* LOAD_REQUEST_MAX, LOAD_RESPONSE_MAX + 1 */
    size_t out_len, out_at, in_len;
    size_t head_len, body_len; /* of the response; head_len 0: not whole yet */
    bool chunked, asked;
    uint64_t deadline_ms;
    uint64_t dials;
    load_conn_done done;
    void *arg;
};

/* False: no memory. */
bool load_conn_init(struct load_conn *conn, int epoll, SSL_CTX *tls,
                    const struct load_node *node, load_conn_done done, void *arg);
void load_conn_close(struct load_conn *conn);
/* Send `len` bytes that the caller put into conn->out. */
void load_conn_send(struct load_conn *conn, size_t len, uint64_t deadline_ms);
/* What epoll said. */
void load_conn_event(struct load_conn *conn, uint32_t events);
/* Fail the request and drop the connection. */
void load_conn_fail(struct load_conn *conn, const char *why);

/* The value of the `nth` header of this name (lower case); false: none. */
bool load_response_header(const struct load_response *response, const char *name,
                          unsigned nth, const char **ret_value, size_t *ret_len);

#endif
