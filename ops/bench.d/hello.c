/* hello: libh2o's evloop answering "hello" over TLS and nothing else: the limit
 * that this HTTP library sets on this machine. One thread. Ends with SIGTERM. */
#include <arpa/inet.h>
#include <h2o.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static h2o_accept_ctx_t accept_ctx;

static int on_request(h2o_handler_t *handler, h2o_req_t *req) {
    (void)handler;
    req->res.status = 200;
    req->res.reason = "OK";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("text/plain"));
    h2o_send_inline(req, H2O_STRLIT("hello"));
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *err) {
    h2o_socket_t *sock = err == NULL ? h2o_evloop_socket_accept(listener) : NULL;
    if (sock != NULL) {
        h2o_accept(&accept_ctx, sock);
    }
}

/* As http's: TLS 1.2 and later, an ECDSA certificate, no compression. */
static SSL_CTX *make_tls(const char *cert, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        return NULL;
    }
    return tls;
}

static int listen_on(long port) {
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        perror("bench_hello: listen");
        return -1;
    }
    return fd;
}

int main(int argc, char **argv) {
    static h2o_globalconf_t config;
    static h2o_context_t context;
    char *end = argc == 4 ? argv[1] : NULL;
    long port = argc == 4 ? strtol(argv[1], &end, 10) : 0;
    if (argc != 4 || *end != '\0' || port < 1 || port > 65535) {
        fprintf(stderr, "bench_hello PORT CERT.pem KEY.pem\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    h2o_config_init(&config);
    h2o_hostconf_t *host =
        h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_handler_t *handler = h2o_create_handler(path, sizeof(*handler));
    handler->on_req = on_request;
    h2o_context_init(&context, h2o_evloop_create(), &config);

    accept_ctx.ctx = &context;
    accept_ctx.hosts = config.hosts;
    accept_ctx.ssl_ctx = make_tls(argv[2], argv[3]);
    if (accept_ctx.ssl_ctx == NULL) {
        fprintf(stderr, "bench_hello: certificate or key cannot be used\n");
        return 2;
    }
    int fd = listen_on(port);
    if (fd < 0) {
        return 2;
    }
    h2o_socket_t *listener =
        h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    while (h2o_evloop_run(context.loop, INT32_MAX) == 0) {
    }
    return 1;
}
