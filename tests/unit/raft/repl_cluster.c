#include "tests/unit/raft/repl_cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/base/check.h"
#include "store/base/codec.h"

#ifndef REPL_NODE_PATH
#error "REPL_NODE_PATH must name the repl_node binary"
#endif

#define ANSWER_MS 20000

uint64_t cluster_mono_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

void cluster_init(struct cluster *c, size_t count) {
    memset(c, 0, sizeof(*c));
    CHECK(count <= CLUSTER_MAX);
    signal(SIGPIPE, SIG_IGN);
    c->count = count;
    c->run = 1;
    snprintf(c->dir, sizeof(c->dir), "/tmp/tasuki-repl-XXXXXX");
    CHECK(mkdtemp(c->dir) != NULL);
    for (size_t i = 0; i < sizeof(c->cluster_id.b); i++) {
        c->cluster_id.b[i] = (uint8_t)(0x10 + i);
    }
    c->pki = repl_pki_new();
    for (uint64_t id = 1; id <= count; id++) {
        char ca[96], cert[96], key[96];
        c->port[id] = free_port();
        snprintf(ca, sizeof(ca), "%s/ca%d.pem", c->dir, (int)id);
        snprintf(cert, sizeof(cert), "%s/node%d.pem", c->dir, (int)id);
        snprintf(key, sizeof(key), "%s/node%d.key", c->dir, (int)id);
        repl_pki_write_ca(c->pki, ca);
        repl_pki_issue(c->pki, c->cluster_id, id, 30, cert, key);
    }
}

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void cluster_close(struct cluster *c) {
    for (uint64_t id = 1; id <= c->count; id++) {
        cluster_kill(c, id);
        free(c->node[id].text);
    }
    (void)nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    repl_pki_free(c->pki);
    free(c->acked);
    free(c->acked_us);
}

static void add_ack(struct cluster *c, const char *line) {
    if (c->acked_count == c->acked_cap) {
        c->acked_cap = c->acked_cap == 0 ? 4096 : c->acked_cap * 2;
        c->acked = realloc(c->acked, c->acked_cap * sizeof(*c->acked));
        c->acked_us = realloc(c->acked_us, c->acked_cap * sizeof(*c->acked_us));
        CHECK(c->acked != NULL && c->acked_us != NULL);
    }
    memcpy(c->acked[c->acked_count], line + 4, 32);
    c->acked[c->acked_count][32] = '\0';
    c->acked_us[c->acked_count++] = strtoull(line + 37, NULL, 10);
}

/* Take whole lines: acks are collected; the first other one is given back. */
static bool take_lines(struct cluster *c, struct node_process *p, char answer[256]) {
    size_t at = 0;
    bool found = false;
    char *end;
    while (!found && (end = memchr(p->text + at, '\n', p->len - at)) != NULL) {
        char *line = p->text + at;
        *end = '\0';
        if (strncmp(line, "ack ", 4) == 0) {
            add_ack(c, line);
        } else {
            snprintf(answer, 256, "%s", line);
            found = true;
        }
        at = (size_t)(end - p->text) + 1;
    }
    memmove(p->text, p->text + at, p->len - at);
    p->len -= at;
    return found;
}

/* Read what is there. False: the process has closed its end. */
static bool read_some(struct node_process *p) {
    if (p->cap - p->len < 65536) {
        p->cap = p->len + 262144;
        p->text = realloc(p->text, p->cap);
        CHECK(p->text != NULL);
    }
    ssize_t n = read(p->out, p->text + p->len, p->cap - p->len);
    if (n > 0) {
        p->len += (size_t)n;
        return true;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool wait_answer(struct cluster *c, struct node_process *p, char answer[256]) {
    uint64_t until = cluster_mono_us() + ANSWER_MS * 1000;
    bool open = true;
    while (p->len == 0 || !take_lines(c, p, answer)) {
        struct pollfd fd = {.fd = p->out, .events = POLLIN};
        if (!open || cluster_mono_us() > until) {
            return false;
        }
        if (poll(&fd, 1, 100) > 0) {
            open = read_some(p);
        }
    }
    return true;
}

bool cluster_start(struct cluster *c, uint64_t id, char why[256]) {
    struct node_process *p = &c->node[id];
    int in[2], out[2];
    char id_text[8], run[16], hex[33], ports[64] = "", answer[256] = "";
    CHECK(p->pid == 0 && pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    snprintf(id_text, sizeof(id_text), "%d", (int)id);
    snprintf(run, sizeof(run), "%u", c->run++);
    hex_encode(span_of(c->cluster_id.b, sizeof(c->cluster_id.b)), hex);
    for (uint64_t i = 1; i <= c->count; i++) {
        size_t len = strlen(ports);
        snprintf(ports + len, sizeof(ports) - len, "%s%u", i > 1 ? "," : "",
                 c->port[i]);
    }
    p->pid = fork();
    CHECK(p->pid >= 0);
    if (p->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl(REPL_NODE_PATH, "repl_node", c->dir, id_text, run, hex, ports,
              (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    p->in = in[1];
    p->out = out[0];
    p->len = 0;
    CHECK(fcntl(p->out, F_SETFL, O_NONBLOCK) == 0);
    if (wait_answer(c, p, answer) && strcmp(answer, "started") == 0) {
        return true;
    }
    if (why != NULL) {
        snprintf(why, 256, "%s", answer);
    }
    cluster_kill(c, id);
    return false;
}

static int reap(struct node_process *p) {
    int status = 0;
    CHECK(waitpid(p->pid, &status, 0) == p->pid);
    close(p->in);
    close(p->out);
    p->pid = 0;
    p->status = status;
    return status;
}

void cluster_kill(struct cluster *c, uint64_t id) {
    struct node_process *p = &c->node[id];
    char rest[256];
    if (p->pid == 0) {
        return;
    }
    (void)kill(p->pid, SIGKILL);
    /* What it had acknowledged before counts. */
    struct pollfd fd = {.fd = p->out, .events = POLLIN};
    while (poll(&fd, 1, 2000) > 0 && read_some(p)) {
        while (p->len > 0 && take_lines(c, p, rest)) {
        }
    }
    (void)reap(p);
}

int cluster_quit(struct cluster *c, uint64_t id) {
    CHECK(c->node[id].pid != 0);
    (void)!write(c->node[id].in, "quit\n", 5);
    return cluster_wait_exit(c, id);
}

int cluster_wait_exit(struct cluster *c, uint64_t id) {
    struct node_process *p = &c->node[id];
    char rest[256];
    uint64_t until = cluster_mono_us() + ANSWER_MS * 1000;
    struct pollfd fd = {.fd = p->out, .events = POLLIN};
    while (cluster_mono_us() < until && poll(&fd, 1, ANSWER_MS) > 0 && read_some(p)) {
        while (p->len > 0 && take_lines(c, p, rest)) {
        }
    }
    if (cluster_mono_us() >= until) {
        (void)kill(p->pid, SIGKILL);
    }
    int status = reap(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool cluster_ask(struct cluster *c, uint64_t id, const char *command,
                 char answer[256]) {
    struct node_process *p = &c->node[id];
    char line[256];
    int len = snprintf(line, sizeof(line), "%s\n", command);
    CHECK(p->pid != 0);
    return write(p->in, line, (size_t)len) == len && wait_answer(c, p, answer);
}

bool cluster_answer(struct cluster *c, uint64_t id, char answer[256]) {
    return wait_answer(c, &c->node[id], answer);
}

void cluster_collect(struct cluster *c, unsigned ms) {
    uint64_t until = cluster_mono_us() + (uint64_t)ms * 1000;
    char rest[256];
    while (cluster_mono_us() < until) {
        for (uint64_t id = 1; id <= c->count; id++) {
            struct node_process *p = &c->node[id];
            if (p->pid != 0 && read_some(p) && p->len > 0) {
                (void)take_lines(c, p, rest);
            }
        }
        usleep(2000);
    }
}

bool cluster_view(struct cluster *c, uint64_t id, struct node_view *ret_view) {
    char answer[256];
    int ready, fresh, differs;
    unsigned long long leader, term, applied, lo, hi, clock_ms;
    if (!cluster_ask(c, id, "status", answer) ||
        sscanf(answer, "status %d %llu %llu %llu %llx %llx %d %d %llu", &ready, &leader,
               &term, &applied, &lo, &hi, &fresh, &differs, &clock_ms) != 9) {
        return false;
    }
    *ret_view = (struct node_view){.ready = ready,
                                   .fresh = fresh,
                                   .differs = differs,
                                   .leader = leader,
                                   .term = term,
                                   .applied = applied,
                                   .lo = lo,
                                   .hi = hi,
                                   .clock_ms = clock_ms};
    return true;
}

uint64_t cluster_wait_leader(struct cluster *c, unsigned timeout_ms) {
    uint64_t until = cluster_mono_us() + (uint64_t)timeout_ms * 1000;
    while (cluster_mono_us() < until) {
        uint64_t leader = 0;
        bool agreed = true;
        for (uint64_t id = 1; id <= c->count; id++) {
            struct node_view view;
            if (c->node[id].pid == 0) {
                continue;
            }
            agreed = agreed && cluster_view(c, id, &view) && view.ready &&
                     view.leader != 0 && (leader == 0 || leader == view.leader);
            leader = agreed ? view.leader : 0;
        }
        if (agreed && c->node[leader].pid != 0) {
            return leader;
        }
        usleep(10000);
    }
    return 0;
}

bool cluster_wait_equal(struct cluster *c, unsigned timeout_ms) {
    uint64_t until = cluster_mono_us() + (uint64_t)timeout_ms * 1000;
    while (cluster_mono_us() < until) {
        struct node_view first = {0};
        bool equal = true;
        for (uint64_t id = 1; id <= c->count && equal; id++) {
            struct node_view view;
            if (c->node[id].pid == 0) {
                continue;
            }
            equal = cluster_view(c, id, &view) && !view.differs;
            if (equal && first.applied != 0) {
                equal = view.applied == first.applied && view.lo == first.lo &&
                        view.hi == first.hi;
            }
            first = view;
        }
        if (equal) {
            return true;
        }
        usleep(10000);
    }
    return false;
}

long cluster_missing(struct cluster *c, uint64_t id) {
    char path[96], command[128], answer[256];
    long missing;
    snprintf(path, sizeof(path), "%s/acked", c->dir);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    for (size_t i = 0; i < c->acked_count; i++) {
        fprintf(file, "%s\n", c->acked[i]);
    }
    CHECK(fclose(file) == 0);
    snprintf(command, sizeof(command), "verify %s", path);
    if (!cluster_ask(c, id, command, answer) ||
        sscanf(answer, "missing %ld", &missing) != 1) {
        return -1;
    }
    return missing;
}
