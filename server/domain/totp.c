#include "server/domain/totp.h"

#include "store/base/secret.h"

#define CODES 1000000u

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

uint32_t totp_code(const struct totp_mac *mac, struct span seed, uint64_t step) {
    uint8_t moving[8], out[TOTP_MAC_LEN];
    uint32_t code = 0;

    for (int i = 0; i < 8; i++) {
        moving[i] = (uint8_t)(step >> (56 - 8 * i));
    }
    mac->hmac_sha1(seed, span_of(moving, sizeof moving), out);
    for (int i = 0; i < 4; i++) {
        code = code << 8 | out[(out[TOTP_MAC_LEN - 1] & 15) + i];
    }
    secret_wipe(out, sizeof out);
    return (code & 0x7fffffffu) % CODES;
}

bool totp_check(const struct totp_mac *mac, struct span seed, uint64_t now_ms,
                struct span typed, uint64_t *ret_step) {
    uint64_t now = now_ms / TOTP_STEP_MS;
    uint64_t first = now > 0 ? now - 1 : 0;
    uint64_t found = 0;
    uint32_t got = 0, any = 0;

    if (typed.len != TOTP_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < typed.len; i++) {
        if (typed.data[i] < '0' || typed.data[i] > '9') {
            return false;
        }
        got = got * 10 + (typed.data[i] - (uint32_t)'0');
    }
    for (uint64_t step = first; step <= now + 1; step++) {
        uint32_t differs = totp_code(mac, seed, step) ^ got;
        /* All ones when equal: both numbers are below 2^31. */
        uint32_t equal = 0u - ((differs - 1u) >> 31);
        uint64_t mask = (uint64_t)equal << 32 | equal;
        found = (found & ~mask) | (step & mask);
        any |= equal;
    }
    if (any == 0) {
        return false;
    }
    *ret_step = found;
    return true;
}

void base32_encode(struct span in, char *out) {
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < in.len; i++) {
        bits = (bits << 8 | in.data[i]) & 0xfffu;
        for (have += 8; have >= 5; have -= 5) {
            *out++ = alphabet[bits >> (have - 5) & 31];
        }
    }
    if (have > 0) {
        *out++ = alphabet[bits << (5 - have) & 31];
    }
    *out = '\0';
}

enum err base32_decode(struct span in, uint8_t *out, size_t out_max, size_t *ret_len) {
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        bool letter = c >= 'A' && c <= 'Z';
        if (!letter && (c < '2' || c > '7')) {
            return ERR_INVALID;
        }
        bits = (bits << 5 | (letter ? c - (uint32_t)'A' : c - (uint32_t)'2' + 26)) &
               0xfffu;
        have += 5;
        if (have >= 8) {
            if (len == out_max) {
                return ERR_TOO_BIG;
            }
            have -= 8;
            out[len++] = (uint8_t)(bits >> have);
        }
    }
    /* Five or more left over: the last character holds none of a byte. */
    if (have >= 5 || (bits & ((1u << have) - 1)) != 0) {
        return ERR_INVALID;
    }
    *ret_len = len;
    return OK;
}

/* RFC 3986 §2.3: all but the unreserved characters. */
static void put_escaped(struct buf *out, struct span text) {
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~') {
            buf_put(out, &c, 1);
        } else {
            char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
            buf_put(out, escaped, sizeof escaped);
        }
    }
}

static void put_text(struct buf *out, const char *text) {
    buf_put(out, text, strlen(text));
}

enum err totp_uri(struct span issuer, struct span name,
                  const uint8_t seed[TOTP_SEED_LEN], struct buf *out) {
    char secret[TOTP_SEED_LEN * 8 / 5 + 1];

    base32_encode(span_of(seed, TOTP_SEED_LEN), secret);
    put_text(out, "otpauth://totp/");
    put_escaped(out, issuer);
    put_text(out, ":");
    put_escaped(out, name);
    put_text(out, "?secret=");
    put_text(out, secret);
    put_text(out, "&issuer=");
    put_escaped(out, issuer);
    put_text(out, "&algorithm=SHA1&digits=6&period=30");
    secret_wipe(secret, sizeof secret);
    return buf_err(out);
}
