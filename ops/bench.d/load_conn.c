#include "ops/bench.d/load_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

bool load_conn_init(struct load_conn *conn, int epoll, SSL_CTX *tls,
                    const struct load_node *node, load_conn_done done, void *arg) {
    *conn = (struct load_conn){
        .epoll = epoll, .fd = -1, .tls = tls, .node = node, .done = done, .arg = arg};
    conn->out = malloc(LOAD_REQUEST_MAX);
    conn->in = malloc(LOAD_RESPONSE_MAX + 1);
    return conn->out != NULL && conn->in != NULL;
}

static void drop(struct load_conn *conn) {
    SSL_free(conn->ssl);
    conn->ssl = NULL;
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    conn->fd = -1;
    conn->state = LOAD_CONN_DOWN;
}

void load_conn_close(struct load_conn *conn) {
    drop(conn);
    free(conn->out);
    free(conn->in);
    conn->out = conn->in = NULL;
}

void load_conn_fail(struct load_conn *conn, const char *why) {
    bool asked = conn->asked;
    conn->asked = false;
    drop(conn);
    if (asked) {
        conn->done(conn->arg, NULL, why);
    }
}

static void watch(struct load_conn *conn, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (conn->events != events &&
        epoll_ctl(conn->epoll, conn->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
                  conn->fd, &event) != 0) {
        abort(); /* out of descriptors or memory: no measurement */
    }
    conn->events = events;
}

static void dial(struct load_conn *conn) {
    int on = 1;
    conn->dials++;
    conn->events = 0;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        load_conn_fail(conn, "no socket");
        return;
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(conn->fd, (const struct sockaddr *)&conn->node->address,
                sizeof(conn->node->address)) != 0 &&
        errno != EINPROGRESS) {
        load_conn_fail(conn, "connection refused");
        return;
    }
    conn->state = LOAD_CONN_CONNECTING;
    watch(conn, EPOLLOUT);
}

/* True: go on. False: wait for the socket, or the connection failed. */
static bool settled(struct load_conn *conn, int result, const char *why) {
    if (result > 0) {
        return true;
    }
    switch (SSL_get_error(conn->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        watch(conn, EPOLLIN);
        break;
    case SSL_ERROR_WANT_WRITE:
        watch(conn, EPOLLIN | EPOLLOUT);
        break;
    default:
        load_conn_fail(conn, why);
    }
    return false;
}

static void flush_out(struct load_conn *conn) {
    while (conn->out_at < conn->out_len) {
        int n = SSL_write(conn->ssl, conn->out + conn->out_at,
                          (int)(conn->out_len - conn->out_at));
        if (!settled(conn, n, "closed while sending")) {
            return;
        }
        conn->out_at += (size_t)n;
    }
    watch(conn, EPOLLIN);
}

static void start(struct load_conn *conn) {
    conn->state = LOAD_CONN_BUSY;
    conn->in_len = 0;
    conn->head_len = 0;
    conn->body_len = 0;
    conn->chunked = false;
    conn->out_at = 0;
    flush_out(conn);
}

static void handshake(struct load_conn *conn) {
    if (conn->state == LOAD_CONN_CONNECTING) {
        conn->ssl = SSL_new(conn->tls);
        if (conn->ssl == NULL || SSL_set_fd(conn->ssl, conn->fd) != 1) {
            load_conn_fail(conn, "no TLS object");
            return;
        }
        conn->state = LOAD_CONN_HANDSHAKE;
    }
    if (settled(conn, SSL_connect(conn->ssl), "TLS handshake or connection failed")) {
        conn->state = LOAD_CONN_IDLE;
        if (conn->asked) {
            start(conn);
        }
    }
}

void load_conn_send(struct load_conn *conn, size_t len, uint64_t deadline_ms) {
    conn->asked = true;
    conn->out_len = len;
    conn->deadline_ms = deadline_ms;
    if (conn->state == LOAD_CONN_DOWN) {
        dial(conn);
    } else {
        start(conn);
    }
}

bool load_response_header(const struct load_response *response, const char *name,
                          unsigned nth, const char **ret_value, size_t *ret_len) {
    size_t name_len = strlen(name);
    for (const char *line = response->head; *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        if (end == NULL) {
            return false;
        }
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':' &&
            nth-- == 0) {
            const char *value = line + name_len + 1;
            value += strspn(value, " ");
            *ret_value = value;
            *ret_len = (size_t)(end - value);
            return true;
        }
        line = end + 2;
    }
    return false;
}

/* Take a chunked body apart in place. 1: whole, 0: more to come, -1: malformed. */
static int dechunk(struct load_conn *conn) {
    char *body = conn->in + conn->head_len;
    char *at = body;
    char *end = conn->in + conn->in_len;
    for (int pass = 0; pass < 2; pass++) { /* look first, then move */
        char *to = body;
        at = body;
        for (;;) {
            char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
            if (line == NULL) {
                return 0;
            }
            unsigned long size = strtoul(at, NULL, 16);
            if (size > LOAD_RESPONSE_MAX) {
                return -1;
            }
            if ((size_t)(end - line) < size + 4) {
                return 0;
            }
            if (pass == 1) {
                memmove(to, line + 2, size);
            }
            to += size;
            at = line + 2 + size + 2;
            if (size == 0) {
                conn->body_len = (size_t)(to - body);
                break;
            }
        }
    }
    return 1;
}

/* The head is there: how long is the body? False: cannot be told. */
static bool read_head(struct load_conn *conn) {
    struct load_response head = {.head = strstr(conn->in, "\r\n") + 2};
    const char *value;
    size_t len;
    if (load_response_header(&head, "content-length", 0, &value, &len)) {
        conn->body_len = strtoul(value, NULL, 10);
        return conn->head_len + conn->body_len <= LOAD_RESPONSE_MAX;
    }
    conn->chunked = load_response_header(&head, "transfer-encoding", 0, &value, &len);
    return conn->chunked || strncmp(conn->in + 9, "204", 3) == 0;
}

/* 1: a whole response, 0: more to come, -1: not HTTP. */
static int parse(struct load_conn *conn) {
    conn->in[conn->in_len] = '\0';
    if (conn->head_len == 0) {
        char *end = memmem(conn->in, conn->in_len, "\r\n\r\n", 4);
        if (end == NULL) {
            return 0;
        }
        end[2] = '\0'; /* ends the head; one CR of the blank line is lost */
        conn->head_len = (size_t)(end - conn->in) + 4;
        if (strncmp(conn->in, "HTTP/1.1 ", 9) != 0 || !read_head(conn)) {
            return -1;
        }
    }
    if (conn->chunked) {
        return dechunk(conn);
    }
    return conn->in_len >= conn->head_len + conn->body_len;
}

static void finish(struct load_conn *conn) {
    struct load_response response = {
        .status = (int)strtol(conn->in + 9, NULL, 10),
        .head = strstr(conn->in, "\r\n") + 2,
        .body = conn->in + conn->head_len,
        .body_len = conn->body_len,
    };
    const char *value;
    size_t len;
    conn->in[conn->head_len + conn->body_len] = '\0';
    conn->asked = false;
    conn->state = LOAD_CONN_IDLE;
    if (load_response_header(&response, "connection", 0, &value, &len) && len == 5 &&
        strncasecmp(value, "close", 5) == 0) {
        drop(conn);
    }
    conn->done(conn->arg, &response, NULL);
}

static void read_in(struct load_conn *conn) {
    for (;;) {
        size_t room = LOAD_RESPONSE_MAX - conn->in_len;
        if (room == 0) {
            load_conn_fail(conn, "response too large");
            return;
        }
        int n = SSL_read(conn->ssl, conn->in + conn->in_len, (int)room);
        if (!settled(conn, n, "closed by the server")) {
            return;
        }
        if (conn->state != LOAD_CONN_BUSY) {
            load_conn_fail(conn, "bytes that were not asked for");
            return;
        }
        conn->in_len += (size_t)n;
        int whole = parse(conn);
        if (whole < 0) {
            load_conn_fail(conn, "not an HTTP/1.1 response");
            return;
        }
        if (whole > 0) {
            finish(conn);
            return;
        }
    }
}

void load_conn_event(struct load_conn *conn, uint32_t events) {
    switch (conn->state) {
    case LOAD_CONN_DOWN:
        return;
    case LOAD_CONN_CONNECTING:
    case LOAD_CONN_HANDSHAKE:
        handshake(conn);
        return;
    case LOAD_CONN_IDLE:
    case LOAD_CONN_BUSY:
        if (conn->state == LOAD_CONN_BUSY && conn->out_at < conn->out_len) {
            flush_out(conn);
        }
        if (conn->state != LOAD_CONN_DOWN && (events & ~(uint32_t)EPOLLOUT) != 0) {
            read_in(conn);
        }
    }
}
