/* codec: bounded reading and writing of bytes, and their text forms. */
#include "store/base/codec.h"

struct reader reader_of(struct span in) {
    return (struct reader){in.data, in.data == NULL ? NULL : in.data + in.len, false};
}

struct span read_bytes(struct reader *r, size_t len) {
    struct span out = {r->at, len};

    if (r->bad || reader_left(r) < len) {
        r->bad = true;
        return span_of(NULL, 0);
    }
    if (len > 0) {
        r->at += len;
    }
    return out;
}

static uint64_t read_le(struct reader *r, size_t len) {
    struct span in = read_bytes(r, len);
    uint64_t v = 0;

    for (size_t i = in.len; i > 0; i--) {
        v = v << 8 | in.data[i - 1];
    }
    return v;
}

uint8_t read_u8(struct reader *r) {
    return (uint8_t)read_le(r, 1);
}

uint16_t read_u16(struct reader *r) {
    return (uint16_t)read_le(r, 2);
}

uint32_t read_u32(struct reader *r) {
    return (uint32_t)read_le(r, 4);
}

uint64_t read_u64(struct reader *r) {
    return read_le(r, 8);
}

static void put_le(struct buf *out, uint64_t v, size_t len) {
    uint8_t bytes[8];

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(v >> (8 * i));
    }
    buf_put(out, bytes, len);
}

void put_u8(struct buf *out, uint8_t v) {
    put_le(out, v, 1);
}

void put_u16(struct buf *out, uint16_t v) {
    put_le(out, v, 2);
}

void put_u32(struct buf *out, uint32_t v) {
    put_le(out, v, 4);
}

void put_u64(struct buf *out, uint64_t v) {
    put_le(out, v, 8);
}

void hex_encode(struct span in, char *out) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digits[in.data[i] >> 4];
        out[2 * i + 1] = digits[in.data[i] & 15];
    }
    out[2 * in.len] = '\0';
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

enum err hex_decode(struct span in, uint8_t *out, size_t len) {
    if (in.len % 2 != 0 || in.len / 2 != len) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < in.len; i++) {
        if (hex_digit(in.data[i]) < 0) {
            return ERR_INVALID;
        }
    }
    for (size_t i = 0; i < len; i++) {
        out[i] =
            (uint8_t)(hex_digit(in.data[2 * i]) << 4 | hex_digit(in.data[2 * i + 1]));
    }
    return OK;
}

size_t base64url_encode(struct span in, char *out) {
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned bits_len = 0;
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        bits = bits << 8 | in.data[i];
        bits_len += 8;
        while (bits_len >= 6) {
            bits_len -= 6;
            out[len++] = digits[bits >> bits_len & 63];
        }
    }
    if (bits_len > 0) {
        out[len++] = digits[bits << (6 - bits_len) & 63];
    }
    out[len] = '\0';
    return len;
}

static int base64url_digit(uint8_t c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '-') {
        return 62;
    }
    return c == '_' ? 63 : -1;
}

enum err base64url_decode(struct span in, uint8_t *out, size_t out_max,
                          size_t *ret_len) {
    uint32_t bits = 0;
    unsigned bits_len = 0;
    size_t len = 0;

    if (in.len % 4 == 1) {
        return ERR_INVALID;
    }
    if (in.len / 4 * 3 + (in.len % 4 > 0 ? in.len % 4 - 1 : 0) > out_max) {
        return ERR_TOO_BIG;
    }
    for (size_t i = 0; i < in.len; i++) {
        int digit = base64url_digit(in.data[i]);
        if (digit < 0) {
            return ERR_INVALID;
        }
        bits = bits << 6 | (uint32_t)digit;
        bits_len += 6;
        if (bits_len >= 8) {
            bits_len -= 8;
            out[len++] = (uint8_t)(bits >> bits_len);
        }
    }
    if ((bits & ((1u << bits_len) - 1)) != 0) {
        return ERR_INVALID;
    }
    *ret_len = len;
    return OK;
}

static bool utf8_tail(const uint8_t *at, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

/* The table of RFC 3629 §4. */
size_t utf8_sequence(struct span text) {
    const uint8_t *s = text.data;
    size_t len;

    if (text.len == 0 || s[0] == 0) {
        return 0;
    }
    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return 0;
    }
    len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (text.len < len || !utf8_tail(s + 1, len - 1)) {
        return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    return len;
}

bool utf8_valid(struct span text) {
    size_t i = 0;

    while (i < text.len) {
        size_t len = utf8_sequence(span_of(text.data + i, text.len - i));
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}
