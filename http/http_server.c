#include "http/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_console.h"
#include "http/http_page.h"
#include "http/http_thread.h"
#include "store/base/log.h"

struct http_server {
    struct http_thread **threads;
    uint64_t *rounds; /* of each thread, when http_server_moved saw it move */
    unsigned threads_count;
};

static bool parse_address(const char *text, struct sockaddr_in *ret_address) {
    char host[64];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return *end == '\0' && port > 0 && port <= UINT16_MAX &&
           inet_pton(AF_INET, host, &ret_address->sin_addr) == 1;
}

/* Another process's listener must be noticed although SO_REUSEPORT lets our own
 * threads share the port: the first bind of this process goes without it. */
static enum err probe_port(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    rc = rc == 0 ? listen(fd, 1) : rc;
    int saved = errno;
    close(fd);
    errno = saved;
    return rc == 0 ? OK : ERR_IO;
}

static int bind_listener(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        listen(fd, 1024) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static const char *const door_keys[DOORS] = {"http_listen", "balancer_listen",
                                             "operator_listen", "mtls_listen",
                                             "staff_listen", "worker_listen"};

static enum err bind_doors(const struct config *config, bool first, int fds[DOORS],
                           char why[256]) {
    const char *texts[DOORS] = {config->http.address, config->balancer.address,
                                config->operator_.address, config->mtls.address,
                                config->staff.address, config->worker.address};
    for (int door = 0; door < DOORS; door++) {
        struct sockaddr_in address;
        if (texts[door][0] == '\0') {
            continue;
        }
        if (!parse_address(texts[door], &address)) {
            snprintf(why, 256, "%s = %s: IPv4:port is expected", door_keys[door],
                     texts[door]);
            return ERR_CONFIG;
        }
        if ((first && probe_port(&address) != OK) ||
            (fds[door] = bind_listener(&address)) < 0) {
            snprintf(why, 256, "%s = %s: %s; choose another port or end what uses it",
                     door_keys[door], texts[door], strerror(errno));
            return ERR_IO;
        }
    }
    return OK;
}

static enum err start_thread(struct http_server *server, const struct config *config,
                             struct svc_shared *shared, char why[256]) {
    int fds[DOORS];
    for (int door = 0; door < DOORS; door++) {
        fds[door] = -1;
    }
    enum err err = bind_doors(config, server->threads_count == 0, fds, why);
    if (err != OK) {
        for (int door = 0; door < DOORS; door++) {
            if (fds[door] >= 0) {
                close(fds[door]);
            }
        }
        return err;
    }
    err = http_thread_start(config, shared, fds,
                            &server->threads[server->threads_count], why);
    if (err == OK) {
        server->threads_count++;
    }
    return err;
}

enum err http_server_start(const struct config *config, struct svc_shared *shared,
                           struct http_server **ret_server, char why[256]) {
    struct http_server *server = calloc(1, sizeof(*server));
    enum err err = server != NULL ? http_page_init() : ERR_NOMEM;
    if (err == OK) {
        err = http_console_init();
    }
    if (err == OK) {
        server->threads = calloc(config->http_threads, sizeof(*server->threads));
        server->rounds = calloc(config->http_threads, sizeof(*server->rounds));
        err = server->threads != NULL && server->rounds != NULL ? OK : ERR_NOMEM;
    }
    for (unsigned i = 0; i < config->http_threads && err == OK; i++) {
        err = start_thread(server, config, shared, why);
    }
    if (err != OK) {
        http_server_stop(server);
        return err;
    }
    *ret_server = server;
    return OK;
}

bool http_server_moved(struct http_server *server) {
    bool moved = true;
    for (unsigned i = 0; i < server->threads_count; i++) {
        moved &= atomic_load(&server->threads[i]->rounds) != server->rounds[i];
    }
    for (unsigned i = 0; moved && i < server->threads_count; i++) {
        server->rounds[i] = atomic_load(&server->threads[i]->rounds);
    }
    return moved;
}

void http_server_stop(struct http_server *server) {
    if (server == NULL) {
        return;
    }
    for (unsigned i = 0; i < server->threads_count; i++) {
        http_thread_stop(server->threads[i]);
    }
    for (unsigned i = 0; i < server->threads_count; i++) {
        http_thread_join(server->threads[i]);
    }
    free(server->threads);
    free(server->rounds);
    free(server);
}
