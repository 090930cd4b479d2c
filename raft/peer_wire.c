#include "raft/peer_wire.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "store/base/check.h"
#include "store/base/codec.h"

static const uint8_t hello_magic[8] = {'T', 'A', 'S', 'U', 'K', 'I', 'P', 'N'};

size_t peer_message_begin(enum peer_type type, struct buf *out) {
    size_t start = out->len;
    put_u32(out, 0);
    put_u8(out, (uint8_t)type);
    put_u8(out, 0);
    put_u16(out, 0);
    return start;
}

void peer_message_end(size_t start, struct buf *out) {
    if (buf_err(out) != OK) {
        return;
    }
    size_t len = out->len - start - PEER_HEADER_LEN;
    CHECK(len <= LIMIT_PEER_MESSAGE);
    for (size_t i = 0; i < 4; i++) {
        out->data[start + i] = (uint8_t)(len >> (8 * i));
    }
}

static void put_address(const char address[PEER_ADDRESS_MAX], struct buf *out) {
    size_t len = strnlen(address, PEER_ADDRESS_MAX - 1);
    put_u8(out, (uint8_t)len);
    buf_put(out, address, len);
}

static void put_status(const struct peer_status *s, struct buf *out) {
    put_u64(out, s->term);
    put_u64(out, s->leader_id);
    put_u64(out, s->applied_index);
    put_u64(out, s->commit_index);
    put_u64(out, s->last_index);
    put_u64(out, s->clock_ms);
    put_u64(out, s->wall_ms);
    put_u64(out, s->sent_mono_ms);
    put_u64(out, s->echo_mono_ms);
    put_u64(out, s->echo_held_ms);
    put_u64(out, s->staleness_ms);
    put_u64(out, s->digest_index);
    put_u64(out, s->digest.lo);
    put_u64(out, s->digest.hi);
    put_u8(out, (uint8_t)((s->ready ? 1 : 0) | (s->no_space ? 2 : 0) |
                          (s->digest_differs ? 4 : 0)));
    put_u64(out, s->configuration_index);
    put_u64(out, s->hold_index);
    put_address(s->leader_address, out);
}

/* HELLO and FETCH begin alike. */
static void put_greeting(struct id128 cluster_id, uint64_t from, uint64_t to,
                         uint64_t last, struct buf *out) {
    buf_put(out, hello_magic, sizeof(hello_magic));
    put_u16(out, PEER_VERSION);
    buf_put(out, cluster_id.b, sizeof(cluster_id.b));
    put_u64(out, from);
    put_u64(out, to);
    put_u64(out, last);
}

static void put_refused(const struct peer_image_refused *refused, struct buf *out) {
    size_t len = refused->why.len < PEER_WHY_MAX ? refused->why.len : PEER_WHY_MAX;
    put_u8(out, refused->reason);
    put_u8(out, (uint8_t)len);
    buf_put(out, refused->why.data, len);
}

void peer_message_encode(const struct peer_message *message, struct buf *out) {
    size_t start = peer_message_begin(message->type, out);
    switch (message->type) {
    case PEER_HELLO:
        put_greeting(message->hello.cluster_id, message->hello.from, message->hello.to,
                     message->hello.epoch, out);
        put_address(message->hello.address, out);
        break;
    case PEER_RAFT:
        buf_put(out, message->raft.data, message->raft.len);
        break;
    case PEER_FORWARD:
        put_u64(out, message->forward.term);
        put_u64(out, message->forward.boot);
        put_u64(out, message->forward.after);
        put_u16(out, message->forward.count);
        buf_put(out, message->forward.envelopes.data, message->forward.envelopes.len);
        break;
    case PEER_AGAIN:
        put_u64(out, message->again.term);
        put_u64(out, message->again.boot);
        put_u32(out, message->again.pause_ms);
        break;
    case PEER_PROBE:
        put_u64(out, message->probe.term);
        put_u64(out, message->probe.id);
        put_u8(out, message->probe.urgent ? 1 : 0);
        break;
    case PEER_PROVEN:
        put_u64(out, message->proven.term);
        put_u64(out, message->proven.id);
        put_u64(out, message->proven.index);
        break;
    case PEER_STATUS:
        put_status(&message->status, out);
        break;
    case PEER_BEYOND:
        put_u64(out, message->beyond.term);
        put_u64(out, message->beyond.first_index);
        break;
    case PEER_FETCH:
        put_greeting(message->fetch.cluster_id, message->fetch.from, message->fetch.to,
                     message->fetch.floor_index, out);
        buf_put(out, message->fetch.blob, sizeof(message->fetch.blob));
        break;
    case PEER_IMAGE_DATA:
        buf_put(out, message->image_data.data, message->image_data.len);
        break;
    case PEER_IMAGE_WAIT:
    case PEER_IMAGE_END:
    case PEER_IMAGE_KEPT:
        break;
    case PEER_IMAGE_REFUSED:
        put_refused(&message->refused, out);
        break;
    case PEER_TURNED_AWAY:
        put_u8(out, message->turned);
        break;
    }
    peer_message_end(start, out);
}

static enum err get_greeting(struct reader *r, struct id128 *cluster_id, uint64_t *from,
                             uint64_t *to, uint64_t *last) {
    struct span magic = read_bytes(r, sizeof(hello_magic));
    uint16_t version = read_u16(r);
    struct span cluster = read_bytes(r, sizeof(cluster_id->b));
    *from = read_u64(r);
    *to = read_u64(r);
    if (version == PEER_VERSION) {
        *last = read_u64(r);
    }
    if (r->bad || !span_equal(magic, span_of(hello_magic, sizeof(hello_magic)))) {
        return ERR_INVALID;
    }
    memcpy(cluster_id->b, cluster.data, sizeof(cluster_id->b));
    return version == PEER_VERSION ? OK : ERR_VERSION;
}

/* Text that may go to a terminal or a log. */
static enum err get_refused(struct reader *r, struct peer_image_refused *refused) {
    refused->reason = read_u8(r);
    size_t len = read_u8(r);
    refused->why = read_bytes(r, len);
    if (r->bad || len > PEER_WHY_MAX || refused->reason < PEER_IMAGE_BUSY ||
        refused->reason > PEER_IMAGE_FAILED) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < len; i++) {
        if (refused->why.data[i] < 0x20 || refused->why.data[i] > 0x7e) {
            return ERR_INVALID;
        }
    }
    return OK;
}

static enum err get_address(struct reader *r, char ret_address[PEER_ADDRESS_MAX]) {
    uint8_t len = read_u8(r);
    struct span address = read_bytes(r, len);
    if (len >= PEER_ADDRESS_MAX ||
        (address.len > 0 && memchr(address.data, 0, address.len) != NULL)) {
        return ERR_INVALID;
    }
    memset(ret_address, 0, PEER_ADDRESS_MAX);
    if (address.len > 0) {
        memcpy(ret_address, address.data, address.len);
    }
    return OK;
}

static enum err get_hello(struct reader *r, struct peer_hello *hello) {
    enum err err =
        get_greeting(r, &hello->cluster_id, &hello->from, &hello->to, &hello->epoch);
    return err == OK ? get_address(r, hello->address) : err;
}

static enum err get_status(struct reader *r, struct peer_status *s) {
    s->term = read_u64(r);
    s->leader_id = read_u64(r);
    s->applied_index = read_u64(r);
    s->commit_index = read_u64(r);
    s->last_index = read_u64(r);
    s->clock_ms = read_u64(r);
    s->wall_ms = read_u64(r);
    s->sent_mono_ms = read_u64(r);
    s->echo_mono_ms = read_u64(r);
    s->echo_held_ms = read_u64(r);
    s->staleness_ms = read_u64(r);
    s->digest_index = read_u64(r);
    s->digest.lo = read_u64(r);
    s->digest.hi = read_u64(r);
    uint8_t flags = read_u8(r);
    s->ready = (flags & 1) != 0;
    s->no_space = (flags & 2) != 0;
    s->digest_differs = (flags & 4) != 0;
    s->configuration_index = read_u64(r);
    s->hold_index = read_u64(r);
    enum err err = get_address(r, s->leader_address);
    return err == OK && flags > 7 ? ERR_INVALID : err;
}

static enum err get_forward(struct reader *r, struct peer_forward *f) {
    f->term = read_u64(r);
    f->boot = read_u64(r);
    f->after = read_u64(r);
    f->count = read_u16(r);
    f->envelopes = read_bytes(r, reader_left(r));
    if (f->count == 0 || f->count > LIMIT_FRAME_COMMANDS) {
        return ERR_INVALID;
    }
    return OK;
}

static enum err get_fetch(struct reader *r, struct peer_fetch *fetch) {
    enum err err = get_greeting(r, &fetch->cluster_id, &fetch->from, &fetch->to,
                                &fetch->floor_index);
    struct span blob = read_bytes(r, sizeof(fetch->blob));
    if (blob.len == sizeof(fetch->blob)) {
        memcpy(fetch->blob, blob.data, blob.len);
    }
    return err;
}

static enum err get_body(enum peer_type type, struct reader *r,
                         struct peer_message *m) {
    uint8_t flag = 0;
    switch (type) {
    case PEER_HELLO:
        return get_hello(r, &m->hello);
    case PEER_RAFT:
        m->raft = read_bytes(r, reader_left(r));
        return OK;
    case PEER_FORWARD:
        return get_forward(r, &m->forward);
    case PEER_AGAIN:
        m->again.term = read_u64(r);
        m->again.boot = read_u64(r);
        m->again.pause_ms = read_u32(r);
        return OK;
    case PEER_PROBE:
        m->probe.term = read_u64(r);
        m->probe.id = read_u64(r);
        flag = read_u8(r);
        m->probe.urgent = flag == 1;
        return flag <= 1 ? OK : ERR_INVALID;
    case PEER_PROVEN:
        m->proven.term = read_u64(r);
        m->proven.id = read_u64(r);
        m->proven.index = read_u64(r);
        return OK;
    case PEER_STATUS:
        return get_status(r, &m->status);
    case PEER_BEYOND:
        m->beyond.term = read_u64(r);
        m->beyond.first_index = read_u64(r);
        return OK;
    case PEER_FETCH:
        return get_fetch(r, &m->fetch);
    case PEER_IMAGE_DATA:
        m->image_data = read_bytes(r, reader_left(r));
        return m->image_data.len > 0 ? OK : ERR_INVALID;
    case PEER_IMAGE_WAIT:
    case PEER_IMAGE_END:
    case PEER_IMAGE_KEPT:
        return OK;
    case PEER_IMAGE_REFUSED:
        return get_refused(r, &m->refused);
    case PEER_TURNED_AWAY:
        m->turned = read_u8(r);
        return m->turned == PEER_TURNED_NO_MEMBER || m->turned == PEER_TURNED_EPOCH
                   ? OK
                   : ERR_INVALID;
    }
    return ERR_VERSION;
}

enum err peer_message_decode(enum peer_type type, struct span body,
                             struct peer_message *ret_message) {
    struct peer_message m = {.type = type};
    struct reader r = reader_of(body);
    enum err err = get_body(type, &r, &m);
    if (err != OK) {
        return err;
    }
    if (r.bad || reader_left(&r) != 0) {
        return ERR_INVALID;
    }
    *ret_message = m;
    return OK;
}

void peer_framer_init(struct peer_framer *framer, size_t body_max) {
    *framer = (struct peer_framer){.body_max = body_max};
}

void peer_framer_close(struct peer_framer *framer) {
    free(framer->data);
    *framer = (struct peer_framer){0};
}

static enum err header_parse(const uint8_t *at, size_t body_max,
                             enum peer_type *ret_type, size_t *ret_body_len) {
    struct reader r = reader_of(span_of(at, PEER_HEADER_LEN));
    size_t body_len = read_u32(&r);
    uint8_t type = read_u8(&r);
    uint32_t reserved = read_u8(&r);
    reserved |= read_u16(&r);
    if (reserved != 0) {
        return ERR_INVALID;
    }
    if (body_len > body_max) {
        return ERR_TOO_BIG;
    }
    *ret_type = (enum peer_type)type;
    *ret_body_len = body_len;
    return OK;
}

/* Move bytes from *in until the framer holds `want` of them. */
static enum err framer_fill(struct peer_framer *framer, struct span *in, size_t want) {
    if (framer->len >= want) {
        return OK;
    }
    if (framer->cap < want) {
        uint8_t *grown = realloc(framer->data, want);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        framer->data = grown;
        framer->cap = want;
    }
    size_t take = want - framer->len;
    if (take > in->len) {
        take = in->len;
    }
    if (take > 0) {
        memcpy(framer->data + framer->len, in->data, take);
        framer->len += take;
        *in = span_of(in->data + take, in->len - take);
    }
    return OK;
}

enum err peer_framer_next(struct peer_framer *framer, struct span *in,
                          enum peer_type *ret_type, struct span *ret_body,
                          bool *ret_whole) {
    enum peer_type type;
    size_t body_len = 0;
    enum err err;
    *ret_whole = false;
    if (framer->len == 0 && in->len >= PEER_HEADER_LEN) {
        /* The usual case: the whole message is in the input; no copy. */
        err = header_parse(in->data, framer->body_max, &type, &body_len);
        if (err != OK) {
            return err;
        }
        if (in->len - PEER_HEADER_LEN >= body_len) {
            *ret_type = type;
            *ret_body = span_of(in->data + PEER_HEADER_LEN, body_len);
            *ret_whole = true;
            *in = span_of(in->data + PEER_HEADER_LEN + body_len,
                          in->len - PEER_HEADER_LEN - body_len);
            return OK;
        }
    }
    err = framer_fill(framer, in, PEER_HEADER_LEN);
    if (err != OK || framer->len < PEER_HEADER_LEN) {
        return err;
    }
    err = header_parse(framer->data, framer->body_max, &type, &body_len);
    if (err == OK) {
        err = framer_fill(framer, in, PEER_HEADER_LEN + body_len);
    }
    if (err != OK || framer->len < PEER_HEADER_LEN + body_len) {
        return err;
    }
    *ret_type = type;
    *ret_body = span_of(framer->data + PEER_HEADER_LEN, body_len);
    *ret_whole = true;
    framer->len = 0; /* the bytes stay until the next call */
    return OK;
}

enum err peer_name_parse(struct span uri, struct id128 *ret_cluster_id,
                         uint64_t *ret_node_id) {
    static const char scheme[] = "tasuki://";
    static const char middle[] = "/node/";
    struct id128 cluster;
    struct reader r = reader_of(uri);
    struct span head = read_bytes(&r, sizeof(scheme) - 1);
    struct span hex = read_bytes(&r, 2 * sizeof(cluster.b));
    struct span mid = read_bytes(&r, sizeof(middle) - 1);
    struct span digits = read_bytes(&r, reader_left(&r));
    if (r.bad || !span_is(head, scheme) || !span_is(mid, middle) || digits.len == 0 ||
        digits.len > 18 || digits.data[0] == '0') {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < hex.len; i++) {
        if (hex.data[i] >= 'A' && hex.data[i] <= 'F') {
            return ERR_INVALID;
        }
    }
    uint64_t id = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return ERR_INVALID;
        }
        id = id * 10 + (uint64_t)(digits.data[i] - '0');
    }
    enum err err = hex_decode(hex, cluster.b, sizeof(cluster.b));
    if (err != OK) {
        return ERR_INVALID;
    }
    *ret_cluster_id = cluster;
    *ret_node_id = id;
    return OK;
}

enum err peer_address_parse(const char *text, struct sockaddr_in *ret_address) {
    char host[INET_ADDRSTRLEN];
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        return ERR_INVALID;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    uint32_t port = 0;
    const char *at = colon + 1;
    for (; *at >= '0' && *at <= '9' && port <= 65535; at++) {
        port = port * 10 + (uint32_t)(*at - '0');
    }
    if (*at != '\0' || port == 0 || port > 65535 ||
        inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        return ERR_INVALID;
    }
    address.sin_port = htons((uint16_t)port);
    *ret_address = address;
    return OK;
}
