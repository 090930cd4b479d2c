#include "http/http_thread.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_request.h"
#include "http/http_router.h"
#include "store/base/check.h"
#include "store/base/log.h"

#ifdef __SANITIZE_ADDRESS__
/* h2o keeps freed buffers in lists of each thread, which end with the thread, and
 * does not free a loop's queue. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void) {
    return "print_suppressions=0"; /* the log is JSON lines */
}
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:h2o_mem_alloc_recycle\nleak:h2o_multithread_create_queue\n";
}
#endif

#define CONNECTIONS_MAX 10000
#define CONNECTIONS_MIN 16
#define FILES_FOR_OTHERS 256 /* descriptors of the store, the log and the peers */
#define ACCEPTS_AT_ONCE 16
#define REQUEST_TIMEOUT_MS 10000
#define HANDSHAKE_TIMEOUT_MS 10000
#define STOP_GRACE_MS 5000
#define BEAT_MS 200
#define LOOK_MS 1000
#define RESPONSE_TIMEOUT_MS 10000

/* One accepted connection, so that it can be cut off from outside of h2o. */
struct connection {
    h2o_linklist_t link;
    h2o_socket_t *socket;
    struct http_thread *thread;
    /* h2o makes the SSL of it at the first bytes, and holds no reference until then. */
    SSL_CTX *ssl_ctx;
    size_t written;          /* when last looked at: names the response being written */
    uint64_t written_ms;     /* since when it has been that one; 0: none is */
    struct span certificate; /* DER, that the client has proven to hold; or empty */
    struct buf chain;        /* DER of those that it sent behind it, end to end */
};

static void post(struct port_loop *loop, struct port_task *task) {
    struct http_thread *thread = H2O_STRUCT_FROM_MEMBER(struct http_thread, loop, loop);
    struct port_task *head =
        atomic_load_explicit(&thread->mailbox, memory_order_relaxed);
    do {
        task->next = head;
        /* acquire: whoever finds it empty sees `wake` unlinked by on_mail */
    } while (!atomic_compare_exchange_weak_explicit(
        &thread->mailbox, &head, task, memory_order_acq_rel, memory_order_relaxed));
    /* Only the first into an empty mailbox wakes: `wake` is queued once. */
    if (head == NULL) {
        h2o_multithread_send_message(&thread->receiver, &thread->wake);
    }
}

static void on_mail(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
    struct http_thread *thread =
        H2O_STRUCT_FROM_MEMBER(struct http_thread, receiver, receiver);
    while (!h2o_linklist_is_empty(messages)) {
        h2o_linklist_unlink(messages->next);
    }
    struct port_task *newest =
        atomic_exchange_explicit(&thread->mailbox, NULL, memory_order_acq_rel);
    struct port_task *oldest = NULL;
    while (newest != NULL) {
        struct port_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct port_task *task = oldest;
        oldest = task->next;
        task->run(task);
    }
}

static void on_socket_closed(void *data) {
    struct connection *connection = data;
    h2o_linklist_unlink(&connection->link);
    connection->thread->connections_count--;
    SSL_CTX_free(connection->ssl_ctx);
    OPENSSL_free((void *)(uintptr_t)connection->certificate.data);
    buf_free(&connection->chain);
    free(connection);
}

static struct connection *connection_of(h2o_socket_t *socket) {
    return socket != NULL && socket->on_close.cb == on_socket_closed
               ? socket->on_close.data
               : NULL;
}

/* Too many, or too long: as if it had sent none behind the first. */
static void keep_chain(struct connection *connection, const STACK_OF(X509) * sent) {
    buf_free(&connection->chain);
    buf_init(&connection->chain, LIMIT_CLIENT_CHAIN);
    for (int i = 0; i < sk_X509_num(sent); i++) { /* NULL: -1 */
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(sent, i), &der);
        if (len > 0) {
            buf_put(&connection->chain, der, (size_t)len);
        }
        OPENSSL_free(der);
    }
    if (buf_err(&connection->chain) != OK) {
        buf_free(&connection->chain);
        buf_init(&connection->chain, LIMIT_CLIENT_CHAIN);
    }
}

/* Keep what the client has shown for its requests. */
static void on_certificate(SSL *ssl, X509 *cert, const STACK_OF(X509) * sent) {
    struct connection *connection = connection_of(BIO_get_data(SSL_get_rbio(ssl)));
    unsigned char *der = NULL;
    int len = connection != NULL ? i2d_X509(cert, &der) : -1;
    if (len <= 0 || len > LIMIT_CLIENT_CERT || connection->certificate.data != NULL) {
        OPENSSL_free(der); /* as if it had shown none */
        return;
    }
    connection->certificate = span_of(der, (size_t)len);
    keep_chain(connection, sent);
}

struct span http_thread_certificate(const h2o_req_t *h2o, struct span *ret_chain) {
    struct connection *connection =
        connection_of(h2o->conn->callbacks->get_socket(h2o->conn));
    *ret_chain =
        connection != NULL ? buf_span(&connection->chain) : span_of(NULL, 0);
    return connection != NULL ? connection->certificate : span_of(NULL, 0);
}

static void on_accept(h2o_socket_t *listen_socket, const char *error) {
    struct http_listener *listener = listen_socket->data;
    struct http_thread *thread = listener->thread;
    if (error != NULL) {
        return;
    }
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        h2o_socket_t *socket = h2o_evloop_socket_accept(listen_socket);
        if (socket == NULL) {
            return;
        }
        struct connection *connection = NULL;
        if (thread->connections_count < thread->connections_max && !thread->stopping) {
            connection = calloc(1, sizeof(*connection));
        }
        if (connection == NULL) {
            h2o_socket_close(socket);
            continue;
        }
        connection->socket = socket;
        connection->thread = thread;
        connection->ssl_ctx = listener->accept.ssl_ctx;
        SSL_CTX_up_ref(connection->ssl_ctx);
        h2o_linklist_insert(&thread->connections, &connection->link);
        thread->connections_count++;
        socket->on_close.cb = on_socket_closed;
        socket->on_close.data = connection;
        h2o_accept(&listener->accept, socket);
    }
}

static void listen_for_certificates(struct http_listener *listener) {
    if (listener->door == DOOR_MTLS || listener->door == DOOR_OPERATOR ||
        listener->door == DOOR_WORKER) {
        http_tls_on_certificate(listener->accept.ssl_ctx, on_certificate);
    }
}

static void reload_certificates(struct http_thread *thread) {
    uint64_t stamp = http_tls_stamp(thread->config);
    if (stamp == thread->tls_stamp) {
        return;
    }
    thread->tls_stamp = stamp;
    for (int door = 0; door < DOORS; door++) {
        struct http_listener *listener = &thread->listeners[door];
        SSL_CTX *ctx = NULL;
        char why[256] = "";
        if (listener->socket == NULL) {
            continue;
        }
        if (http_tls_new(thread->config, (enum http_door)door, &ctx, why) != OK) {
            log_event(LOG_ERROR, "http.certificate.kept_old", log_str("why", why),
                      log_end());
            continue;
        }
        SSL_CTX_free(listener->accept.ssl_ctx);
        listener->accept.ssl_ctx = ctx;
        listen_for_certificates(listener);
        log_event(LOG_INFO, "http.certificate.loaded", log_end());
    }
}

/* From outside of h2o a connection is ended by its socket: h2o reads the end of
 * the stream and frees what is its own. */
static void cut_connections(struct http_thread *thread) {
    for (h2o_linklist_t *node = thread->connections.next; node != &thread->connections;
         node = node->next) {
        struct connection *connection =
            H2O_STRUCT_FROM_MEMBER(struct connection, link, node);
        shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
    }
}

/* Bytes count when h2o hands them to TLS: once for each response. */
static void cut_if_slow(struct connection *connection, uint64_t now_ms) {
    h2o_socket_t *socket = connection->socket;
    if (!h2o_socket_is_writing(socket)) {
        connection->written_ms = 0;
    } else if (connection->written_ms == 0 ||
               connection->written != socket->bytes_written) {
        connection->written = socket->bytes_written;
        connection->written_ms = now_ms;
    } else if (now_ms - connection->written_ms >= RESPONSE_TIMEOUT_MS) {
        shutdown(h2o_socket_get_fd(socket), SHUT_RDWR);
    }
}

static void look_for_slow(struct http_thread *thread, uint64_t now_ms) {
    if (now_ms - thread->looked_at_ms < LOOK_MS) {
        return;
    }
    thread->looked_at_ms = now_ms;
    for (h2o_linklist_t *node = thread->connections.next; node != &thread->connections;
         node = node->next) {
        cut_if_slow(H2O_STRUCT_FROM_MEMBER(struct connection, link, node), now_ms);
    }
}

static void begin_stop(struct http_thread *thread, uint64_t now_ms) {
    thread->stopping = true;
    thread->stop_at_ms = now_ms + STOP_GRACE_MS;
    /* Not h2o_context_request_shutdown: it arms a timer of HTTP/2 that outlives us. */
    thread->context.shutdown_requested = 1;
    thread->files_context.shutdown_requested = 1;
    for (int door = 0; door < DOORS; door++) {
        if (thread->listeners[door].socket != NULL) {
            h2o_socket_read_stop(thread->listeners[door].socket);
        }
    }
}

static void on_tick(h2o_timeout_entry_t *entry) {
    struct http_thread *thread =
        H2O_STRUCT_FROM_MEMBER(struct http_thread, tick, entry);
    uint64_t now_ms = thread->shared->clock.mono_ms(thread->shared->clock.impl);
    atomic_fetch_add(&thread->rounds, 1);
    if (atomic_load(&thread->stop) && !thread->stopping) {
        begin_stop(thread, now_ms);
    }
    if (!thread->stopping) {
        reload_certificates(thread);
        look_for_slow(thread, now_ms);
    } else if (thread->requests_count == 0 || now_ms >= thread->stop_at_ms) {
        cut_connections(thread);
        thread->done = thread->requests_count == 0 && thread->connections_count == 0;
    }
    h2o_timeout_link(thread->context.loop, &thread->beat, &thread->tick);
}

static void configure_global(h2o_globalconf_t *global, size_t body_max) {
    h2o_config_init(global);
    global->server_name = h2o_iovec_init(NULL, 0);
    global->max_request_entity_size = body_max;
    global->http1.upgrade_to_http2 = 0;
    global->http1.req_timeout = REQUEST_TIMEOUT_MS;
    global->handshake_timeout = HANDSHAKE_TIMEOUT_MS;
}

bool http_door_takes_files(enum http_door door) {
    return door == DOOR_STAFF || door == DOOR_OPERATOR;
}

static void configure_h2o(struct http_thread *thread) {
    configure_global(&thread->global, LIMIT_REQUEST_BODY);
    configure_global(&thread->files_global, LIMIT_UPLOAD_BODY);
    for (int door = 0; door < DOORS; door++) {
        struct http_listener *listener = &thread->listeners[door];
        static const char *const names[DOORS] = {"direct", "balancer", "operator",
                                                 "mtls", "staff", "worker"};
        listener->thread = thread;
        listener->door = (enum http_door)door;
        listener->host = h2o_config_register_host(
            http_door_takes_files(listener->door) ? &thread->files_global : &thread->global,
            h2o_iovec_init(names[door], strlen(names[door])), 65535);
        listener->hosts[0] = listener->host;
        http_router_register(listener);
    }
}

/* Owns `fd`, on failure too. */
static enum err open_listener(struct http_listener *listener, int fd, char why[256]) {
    struct http_thread *thread = listener->thread;
    SSL_CTX *ctx = NULL;
    enum err err = http_tls_new(thread->config, listener->door, &ctx, why);
    if (err != OK) {
        close(fd);
        return err;
    }
    listener->accept = (h2o_accept_ctx_t){
        .ctx = http_door_takes_files(listener->door) ? &thread->files_context : &thread->context,
        .hosts = listener->hosts,
        .ssl_ctx = ctx};
    listen_for_certificates(listener);
    listener->socket =
        h2o_evloop_socket_create(thread->context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_socket_read_start(listener->socket, on_accept);
    return OK;
}

static void tear_down(struct http_thread *thread) {
    for (int door = 0; door < DOORS; door++) {
        struct http_listener *listener = &thread->listeners[door];
        if (listener->socket != NULL) {
            h2o_socket_close(listener->socket);
            SSL_CTX_free(listener->accept.ssl_ctx);
        }
    }
    svc_free(thread->svc);
    http_request_drop_spares(thread);
    if (h2o_timeout_is_linked(&thread->tick)) {
        h2o_timeout_unlink(&thread->tick);
    }
    h2o_timeout_dispose(thread->context.loop, &thread->beat);
    h2o_multithread_unregister_receiver(thread->context.queue, &thread->receiver);
    /* One more turn lets h2o release what it closed in this one. */
    h2o_evloop_run(thread->context.loop, 0);
    h2o_evloop_t *loop = thread->context.loop;
    h2o_context_dispose(&thread->files_context);
    h2o_context_dispose(&thread->context);
    h2o_evloop_run(loop, 0); /* the same for the queues' own sockets */
    h2o_config_dispose(&thread->files_global);
    h2o_config_dispose(&thread->global);
    free(loop);
}

static void close_all(const int fds[DOORS]) {
    for (int door = 0; door < DOORS; door++) {
        if (fds[door] >= 0) {
            close(fds[door]);
        }
    }
}

static enum err open_listeners(struct http_thread *thread, const int fds[DOORS],
                               char why[256]) {
    enum err err = OK;
    for (int door = 0; door < DOORS; door++) {
        if (fds[door] < 0) {
            continue;
        }
        if (err == OK) {
            err = open_listener(&thread->listeners[door], fds[door], why);
        } else {
            close(fds[door]);
        }
    }
    return err;
}

/* No more connections than there are descriptors for: at the end of those a listener
 * could neither accept nor stop being ready. */
static size_t connections_max(const struct config *config) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur <= FILES_FOR_OTHERS) {
        return CONNECTIONS_MIN;
    }
    uint64_t share = (files.rlim_cur - FILES_FOR_OTHERS) / config->http_threads;
    return share < CONNECTIONS_MIN   ? CONNECTIONS_MIN
           : share < CONNECTIONS_MAX ? (size_t)share
                                     : CONNECTIONS_MAX;
}

/* What the thread is started with, and how that went. */
struct starting {
    struct http_thread *thread;
    const int *fds;
    char *why;
    enum err err;
    sem_t done;
};

/* All that belongs to h2o: its buffers come from lists of the thread that makes them
 * (H1), the queue's socket included. */
static enum err set_up(struct http_thread *thread, const int fds[DOORS],
                       char why[256]) {
    configure_h2o(thread);
    h2o_context_init(&thread->context, h2o_evloop_create(), &thread->global);
    h2o_context_init(&thread->files_context, thread->context.loop,
                     &thread->files_global);
    h2o_multithread_register_receiver(thread->context.queue, &thread->receiver,
                                      on_mail);
    h2o_timeout_init(thread->context.loop, &thread->beat, BEAT_MS);
    thread->tick.cb = on_tick;
    h2o_timeout_link(thread->context.loop, &thread->beat, &thread->tick);
    enum err err = open_listeners(thread, fds, why);
    return err != OK ? err : svc_new(thread->shared, &thread->loop, &thread->svc);
}

static void *run(void *arg) {
    struct starting *starting = arg;
    struct http_thread *thread = starting->thread;
    enum err err = set_up(thread, starting->fds, starting->why);
    starting->err = err;
    sem_post(&starting->done); /* `starting` is gone from here on */
    while (err == OK && !thread->done) {
        h2o_evloop_run(thread->context.loop, INT32_MAX);
    }
    tear_down(thread);
    return NULL;
}

enum err http_thread_start(const struct config *config, struct svc_shared *shared,
                           const int fds[DOORS], struct http_thread **ret_thread,
                           char why[256]) {
    struct http_thread *thread = calloc(1, sizeof(*thread));
    CHECK(thread != NULL); /* as h2o takes it, at the start */
    thread->connections_max = connections_max(config);
    thread->loop.post = post;
    thread->config = config;
    thread->shared = shared;
    thread->tls_stamp = http_tls_stamp(config);
    shared->random.fill(shared->random.impl, &thread->request_id,
                        sizeof(thread->request_id));
    h2o_linklist_init_anchor(&thread->connections);
    struct starting starting = {.thread = thread, .fds = fds, .why = why};
    CHECK(sem_init(&starting.done, 0, 0) == 0);
    if (pthread_create(&thread->pthread, NULL, run, &starting) != 0) {
        close_all(fds);
        free(thread);
        return ERR_IO;
    }
    while (sem_wait(&starting.done) != 0) {
        continue; /* a signal */
    }
    sem_destroy(&starting.done);
    if (starting.err != OK) {
        http_thread_join(thread);
        return starting.err;
    }
    *ret_thread = thread;
    return OK;
}

void http_thread_stop(struct http_thread *thread) {
    atomic_store(&thread->stop, true);
}

void http_thread_join(struct http_thread *thread) {
    pthread_join(thread->pthread, NULL);
    free(thread);
}
