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

void read_fixed(struct reader *r, uint8_t *out, size_t len) {
    struct span bytes = read_bytes(r, len);

    if (bytes.len == len && len > 0) {
        memcpy(out, bytes.data, len);
    }
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

struct span read_span(struct reader *r) {
    uint16_t len = read_u16(r);
    struct span bytes = read_bytes(r, len);

    return bytes.len > 0 ? bytes : span_of(NULL, 0);
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

void put_span(struct buf *out, struct span bytes) {
    put_u16(out, (uint16_t)bytes.len);
    buf_put(out, bytes.data, bytes.len);
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

/* One more than the digit; 0: none. */
static const uint8_t base64url_digit[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6,
    ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12,
    ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
    ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
    ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
    ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
    ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
    ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
    ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

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
        uint32_t digit = base64url_digit[in.data[i]];
        if (digit == 0) {
            return ERR_INVALID;
        }
        bits = bits << 6 | (digit - 1);
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
        bool ascii = text.data[i] > 0 && text.data[i] < 0x80; /* nearly all: at once */
        size_t len = ascii ? 1 : utf8_sequence(span_of(text.data + i, text.len - i));
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}
