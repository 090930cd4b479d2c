/* frame: envelopes, and the frames that carry them through the log. */
#include "raft/command.h"

#include <sodium/crypto_shorthash.h>

#include "store/base/limits.h"

#define FRAME_VERSION 1
#define FRAME_HEADER_LEN 32
#define FRAME_CHECKSUM_AT 24
#define FRAME_PAD 8

/* Known to all on purpose: the checksum finds damage. Forgery is kept out by the
 * peers' mutual TLS. */
static const unsigned char checksum_key[crypto_shorthash_KEYBYTES] = "tasuki frame  1";

static void hash(struct span in, uint8_t out[crypto_shorthash_BYTES]) {
    static const uint8_t none[1];
    (void)crypto_shorthash(out, in.len > 0 ? in.data : none, in.len, checksum_key);
}

/* Over the header up to the checksum and over the hash of what follows it. */
static void frame_checksum(struct span frame, uint8_t out[crypto_shorthash_BYTES]) {
    uint8_t both[FRAME_CHECKSUM_AT + crypto_shorthash_BYTES];

    memcpy(both, frame.data, FRAME_CHECKSUM_AT);
    hash(span_of(frame.data + FRAME_HEADER_LEN, frame.len - FRAME_HEADER_LEN),
         both + FRAME_CHECKSUM_AT);
    hash(span_of(both, sizeof both), out);
}

static size_t padded(size_t len) {
    return (len + FRAME_PAD - 1) / FRAME_PAD * FRAME_PAD;
}

void envelope_encode(const struct envelope *envelope, struct buf *out) {
    if (envelope->payload.len > LIMIT_COMMAND && out->err == OK) {
        out->err = ERR_TOO_BIG;
    }
    put_u64(out, envelope->node);
    put_u64(out, envelope->boot);
    put_u64(out, envelope->seq);
    put_u64(out, envelope->low);
    put_u16(out, (uint16_t)envelope->type);
    put_u16(out, 0);
    put_u32(out, (uint32_t)envelope->payload.len);
    buf_put(out, envelope->payload.data, envelope->payload.len);
}

enum err envelope_decode(struct reader *in, struct envelope *ret_envelope) {
    struct envelope envelope;
    uint16_t reserved;
    uint32_t len;

    envelope.node = read_u64(in);
    envelope.boot = read_u64(in);
    envelope.seq = read_u64(in);
    envelope.low = read_u64(in);
    envelope.type = (enum command_type)read_u16(in);
    reserved = read_u16(in);
    len = read_u32(in);
    if (reserved != 0 || len > LIMIT_COMMAND) {
        in->bad = true;
    }
    envelope.payload = read_bytes(in, len);
    if (in->bad) {
        return ERR_INVALID;
    }
    *ret_envelope = envelope;
    return OK;
}

enum err frame_encode(uint64_t term, uint64_t now_ms, uint16_t count,
                      struct span envelopes, struct buf *out) {
    static const uint8_t zero[FRAME_PAD];
    size_t len = FRAME_HEADER_LEN + envelopes.len;

    if (count == 0 || count > LIMIT_FRAME_COMMANDS || out->len != 0) {
        return ERR_INVALID;
    }
    if (envelopes.len > LIMIT_FRAME - FRAME_HEADER_LEN || padded(len) > LIMIT_FRAME) {
        return ERR_TOO_BIG;
    }
    put_u32(out, (uint32_t)len);
    put_u8(out, FRAME_VERSION);
    put_u8(out, 0);
    put_u16(out, count);
    put_u64(out, term);
    put_u64(out, now_ms);
    put_u64(out, 0);
    buf_put(out, envelopes.data, envelopes.len);
    if (buf_err(out) == OK) {
        frame_checksum(buf_span(out), out->data + FRAME_CHECKSUM_AT);
    }
    buf_put(out, zero, padded(len) - len);
    return buf_err(out);
}

static bool all_zero(struct span in) {
    for (size_t i = 0; i < in.len; i++) {
        if (in.data[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool envelopes_whole(struct reader r, uint16_t count) {
    struct envelope envelope;

    for (uint16_t i = 0; i < count; i++) {
        if (envelope_decode(&r, &envelope) != OK) {
            return false;
        }
    }
    return reader_left(&r) == 0;
}

enum err frame_decode(struct span in, struct frame_header *ret_header,
                      struct reader *ret_envelopes) {
    struct frame_header header;
    uint8_t sum[crypto_shorthash_BYTES];
    struct reader r = reader_of(in);
    struct reader body;
    uint32_t len = read_u32(&r);
    uint8_t version = read_u8(&r);
    uint8_t reserved = read_u8(&r);

    header.count = read_u16(&r);
    header.term = read_u64(&r);
    header.now_ms = read_u64(&r);
    (void)read_u64(&r);
    if (r.bad || in.len > LIMIT_FRAME) {
        return ERR_INVALID;
    }
    if (version != FRAME_VERSION) {
        return version == 0 ? ERR_INVALID : ERR_VERSION;
    }
    if (len < FRAME_HEADER_LEN || padded(len) != in.len || reserved != 0 ||
        header.count == 0 || header.count > LIMIT_FRAME_COMMANDS ||
        !all_zero(span_of(in.data + len, in.len - len))) {
        return ERR_INVALID;
    }
    frame_checksum(span_of(in.data, len), sum);
    if (memcmp(sum, in.data + FRAME_CHECKSUM_AT, sizeof sum) != 0) {
        return ERR_INVALID;
    }
    body = reader_of(span_of(in.data + FRAME_HEADER_LEN, len - FRAME_HEADER_LEN));
    if (!envelopes_whole(body, header.count)) {
        return ERR_INVALID;
    }
    *ret_header = header;
    *ret_envelopes = body;
    return OK;
}
