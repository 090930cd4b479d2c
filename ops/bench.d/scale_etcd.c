/* scale_etcd: puts to etcd as fast as etcd takes them, for ops/bench scale.
 *
 *   scale_etcd --node 127.0.0.1:PORT [--node ...] --conns N --streams N --seconds S
 *              [--value BYTES] [--every MS]
 *
 * gRPC over HTTP/2 without TLS, by hand, so that the client costs as little as it
 * can: each request is two frames that are written in one go, and of an answer only
 * the frames' heads are read. An answer with a message is a success; errors are
 * trailers alone. Each connection has --streams puts outstanding, of random keys;
 * with --every one more put begins each MS milliseconds whatever is outstanding, and
 * "ack SENT_US ACKED_US" is printed for each success. At the end prints one JSON
 * object. One thread. RFC 9113 §3.4, §4.1, §6; RFC 7541 §6.2.2. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 256
#define NODES_MAX 16
#define SLOTS 4096u /* streams of one connection that may be outstanding */
#define SAMPLES_MAX 4000000u
#define VALUE_MAX 4096u
#define FRAME_HEAD 9u
#define IN_MAX 65536u

enum frame_type { DATA = 0, HEADERS = 1, RST = 3, SETTINGS = 4, PING = 6, GOAWAY = 7 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, WINDOW_UPDATE = 8 };

struct conn {
    int fd; /* -1: not connected */
    const struct sockaddr_in *node;
    uint32_t next_stream;
    uint64_t sent_us[SLOTS];
    bool message[SLOTS];
    uint8_t in[IN_MAX];
    size_t in_len;
    uint64_t again_us; /* when to connect again */
};

static struct {
    struct sockaddr_in node[NODES_MAX];
    unsigned nodes, conns, streams, seconds, value, every;
    struct conn *conn;
    uint32_t *samples;
    size_t samples_count;
    uint64_t acks, errors, random;
    bool ending;
} run = {.conns = 1, .streams = 1, .seconds = 5, .value = 256, .random = 1};

static uint64_t mono_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static _Noreturn void refuse(const char *what) {
    fprintf(stderr, "scale_etcd: %s\n", what);
    exit(2);
}

static uint64_t next_random(void) {
    run.random ^= run.random << 13;
    run.random ^= run.random >> 7;
    run.random ^= run.random << 17;
    return run.random;
}

static size_t frame_head(uint8_t *out, size_t len, int type, int flags,
                         uint32_t stream) {
    out[0] = (uint8_t)(len >> 16);
    out[1] = (uint8_t)(len >> 8);
    out[2] = (uint8_t)len;
    out[3] = (uint8_t)type;
    out[4] = (uint8_t)flags;
    for (int i = 0; i < 4; i++) {
        out[5 + i] = (uint8_t)(stream >> (24 - 8 * i));
    }
    return FRAME_HEAD;
}

/* A literal header field that enters no table: its name by number (or itself). */
static size_t literal(uint8_t *out, int index, const char *name, const char *value) {
    size_t at = 0;
    if (index > 15) {
        out[at++] = 0x0f;
        out[at++] = (uint8_t)(index - 15);
    } else {
        out[at++] = (uint8_t)index;
    }
    if (index == 0) {
        out[at++] = (uint8_t)strlen(name);
        memcpy(out + at, name, strlen(name));
        at += strlen(name);
    }
    out[at++] = (uint8_t)strlen(value);
    memcpy(out + at, value, strlen(value));
    return at + strlen(value);
}

static size_t put_headers(uint8_t *out) {
    size_t at = 0;
    out[at++] = 0x83; /* :method POST */
    out[at++] = 0x86; /* :scheme http */
    at += literal(out + at, 4, NULL, "/etcdserverpb.KV/Put");
    at += literal(out + at, 1, NULL, "127.0.0.1");
    at += literal(out + at, 31, NULL, "application/grpc");
    return at + literal(out + at, 0, "te", "trailers");
}

static size_t varint(uint8_t *out, size_t v) {
    size_t at = 0;
    for (; v >= 128; v >>= 7) {
        out[at++] = (uint8_t)(v | 128);
    }
    out[at++] = (uint8_t)v;
    return at;
}

/* A PutRequest behind gRPC's five bytes: field 1 key, field 2 value. */
static size_t put_message(uint8_t *out) {
    char key[33];
    size_t at = 5;
    int key_len = snprintf(key, sizeof(key), "%016" PRIx64 "%016" PRIx64, next_random(),
                           next_random());
    out[at++] = 0x0a;
    at += varint(out + at, (size_t)key_len);
    memcpy(out + at, key, (size_t)key_len);
    at += (size_t)key_len;
    out[at++] = 0x12;
    at += varint(out + at, run.value);
    memset(out + at, 'v', run.value);
    at += run.value;
    out[0] = 0;
    for (int i = 0; i < 4; i++) {
        out[1 + i] = (uint8_t)((at - 5) >> (24 - 8 * i));
    }
    return at;
}

static void conn_lost(struct conn *c) {
    close(c->fd);
    c->fd = -1;
    c->again_us = mono_us() + 20000;
    run.errors++;
}

static bool send_all(struct conn *c, const uint8_t *data, size_t len) {
    while (len > 0) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            struct pollfd fd = {.fd = c->fd, .events = POLLOUT};
            (void)poll(&fd, 1, 100);
        } else {
            conn_lost(c);
            return false;
        }
    }
    return true;
}

static void put_begin(struct conn *c) {
    uint8_t out[VALUE_MAX + 512];
    uint8_t *body;
    uint32_t stream = c->next_stream;
    size_t len = put_headers(out + FRAME_HEAD);
    frame_head(out, len, HEADERS, END_HEADERS, stream);
    body = out + FRAME_HEAD + len;
    size_t body_len = put_message(body + FRAME_HEAD);
    frame_head(body, body_len, DATA, END_STREAM, stream);
    c->next_stream += 2;
    c->sent_us[stream / 2 % SLOTS] = mono_us();
    c->message[stream / 2 % SLOTS] = false;
    (void)send_all(c, out, FRAME_HEAD + len + FRAME_HEAD + body_len);
}

static void conn_open(struct conn *c) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    uint8_t out[64];
    size_t len = sizeof(preface) - 1;
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        connect(c->fd, (const struct sockaddr *)c->node, sizeof(*c->node))) {
        conn_lost(c);
        return;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->next_stream = 1;
    c->in_len = 0;
    memcpy(out, preface, len);
    len += frame_head(out + len, 0, SETTINGS, 0, 0);
    len += frame_head(out + len, 4, WINDOW_UPDATE, 0, 0);
    memcpy(out + len, "\x7f\x00\x00\x00", 4); /* never to be raised again */
    if (!send_all(c, out, len + 4) || run.every != 0) {
        return;
    }
    for (unsigned i = 0; i < run.streams && c->fd >= 0; i++) {
        put_begin(c);
    }
}

static void put_ended(struct conn *c, uint32_t stream) {
    uint64_t now = mono_us(), sent = c->sent_us[stream / 2 % SLOTS];
    if (!c->message[stream / 2 % SLOTS]) {
        run.errors++;
    } else {
        run.acks++;
        if (run.samples_count < SAMPLES_MAX) {
            run.samples[run.samples_count++] = (uint32_t)(now - sent);
        }
        if (run.every != 0) {
            printf("ack %" PRIu64 " %" PRIu64 "\n", sent, now);
            fflush(stdout);
        }
    }
    if (run.every == 0 && !run.ending) {
        put_begin(c);
    }
}

static void frame_take(struct conn *c, const uint8_t *frame, size_t len) {
    int type = frame[3], flags = frame[4];
    uint8_t out[FRAME_HEAD + 8];
    uint32_t stream = (uint32_t)(frame[5] & 0x7f) << 24 | (uint32_t)frame[6] << 16 |
                      (uint32_t)frame[7] << 8 | frame[8];
    if (type == SETTINGS && (flags & ACK) == 0) {
        (void)send_all(c, out, frame_head(out, 0, SETTINGS, ACK, 0));
    } else if (type == PING && (flags & ACK) == 0 && len == 8) {
        frame_head(out, 8, PING, ACK, 0);
        memcpy(out + FRAME_HEAD, frame + FRAME_HEAD, 8);
        (void)send_all(c, out, sizeof(out));
    } else if (type == GOAWAY) {
        conn_lost(c);
    } else if (type == DATA && len > 5) {
        c->message[stream / 2 % SLOTS] = true;
    } else if (type == RST || (type == HEADERS && (flags & END_STREAM) != 0)) {
        put_ended(c, stream);
    }
}

static void conn_read(struct conn *c) {
    ssize_t n = recv(c->fd, c->in + c->in_len, IN_MAX - c->in_len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        conn_lost(c);
        return;
    }
    c->in_len += n > 0 ? (size_t)n : 0;
    size_t at = 0;
    while (c->fd >= 0 && c->in_len - at >= FRAME_HEAD) {
        const uint8_t *frame = c->in + at;
        size_t len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
        if (len > IN_MAX - FRAME_HEAD) {
            refuse("an answer with a frame that is larger than etcd's are");
        }
        if (c->in_len - at < FRAME_HEAD + len) {
            break;
        }
        frame_take(c, frame, len);
        at += FRAME_HEAD + len;
    }
    if (c->fd >= 0) {
        memmove(c->in, c->in + at, c->in_len - at);
        c->in_len -= at;
    }
}

static void turn(int timeout_ms) {
    struct pollfd fds[CONNS_MAX];
    for (unsigned i = 0; i < run.conns; i++) {
        struct conn *c = &run.conn[i];
        if (c->fd < 0 && mono_us() >= c->again_us) {
            conn_open(c);
        }
        fds[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    }
    if (poll(fds, run.conns, timeout_ms) <= 0) {
        return;
    }
    for (unsigned i = 0; i < run.conns; i++) {
        if (fds[i].revents != 0) {
            conn_read(&run.conn[i]);
        }
    }
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print_result(uint64_t us) {
    struct rusage used;
    size_t count = run.samples_count;
    (void)getrusage(RUSAGE_SELF, &used);
    qsort(run.samples, count, sizeof(run.samples[0]), by_value);
    printf("{\"acks\": %" PRIu64 ", \"errors\": %" PRIu64
           ", \"per_second\": %.1f, \"p50_us\": %u, \"p99_us\": %u, \"client_cpu\": "
           "%.3f}\n",
           run.acks, run.errors, (double)run.acks * 1e6 / (double)us,
           count ? run.samples[count / 2] : 0,
           count ? run.samples[count * 99 / 100] : 0,
           ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
            (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec)) /
               (double)us);
}

static void add_node(const char *text) {
    char host[64];
    unsigned port;
    struct sockaddr_in *node = &run.node[run.nodes];
    if (run.nodes == NODES_MAX || sscanf(text, "%63[0-9.]:%5u", host, &port) != 2 ||
        port > 65535 || inet_pton(AF_INET, host, &node->sin_addr) != 1) {
        refuse("--node: IPv4:PORT is expected");
    }
    node->sin_family = AF_INET;
    node->sin_port = htons((uint16_t)port);
    run.nodes++;
}

static void take_argument(const char *name, const char *value) {
    struct {
        const char *name;
        unsigned *value, max;
    } numbers[] = {
        {"--conns", &run.conns, CONNS_MAX}, {"--streams", &run.streams, 256},
        {"--seconds", &run.seconds, 3600},  {"--value", &run.value, VALUE_MAX},
        {"--every", &run.every, 10000},
    };
    if (strcmp(name, "--node") == 0) {
        add_node(value);
        return;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            char *end;
            unsigned long v = strtoul(value, &end, 10);
            if (*end != '\0' || v == 0 || v > numbers[i].max) {
                refuse("a number out of its range");
            }
            *numbers[i].value = (unsigned)v;
            return;
        }
    }
    refuse("unknown option");
}

int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        take_argument(argv[i], argv[i + 1]);
    }
    if (argc % 2 == 0 || run.nodes == 0) {
        refuse("options come with a value each; --node is needed");
    }
    run.random = mono_us() | 1;
    run.conn = calloc(run.conns, sizeof(*run.conn));
    run.samples = malloc(SAMPLES_MAX * sizeof(*run.samples));
    if (run.conn == NULL || run.samples == NULL) {
        refuse("out of memory");
    }
    for (unsigned i = 0; i < run.conns; i++) {
        run.conn[i].node = &run.node[i % run.nodes];
        run.conn[i].fd = -1;
    }
    uint64_t begun = mono_us(), next = begun;
    uint64_t until = begun + (uint64_t)run.seconds * 1000000;
    for (unsigned i = 0; mono_us() < until;) {
        turn(run.every != 0 ? 1 : 10);
        if (run.every != 0 && mono_us() >= next) {
            struct conn *c = &run.conn[i++ % run.conns];
            next += (uint64_t)run.every * 1000;
            if (c->fd >= 0) {
                put_begin(c);
            }
        }
    }
    print_result(mono_us() - begun);
    return run.acks > 0 ? 0 : 1;
}
