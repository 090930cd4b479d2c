#include "server/svc_secret.h"

#include "server/crypto/place.h"
#include "server/svc_flow.h"
#include "store/base/check.h"
#include "store/base/secret.h"

#define RADIX 62u
#define MARK_LETTERS 3u
#define MARK_BYTES 2u
#define MARKS 65536u

_Static_assert(sizeof(struct key_hash) == PLACE_KEY, "keys of rows are of one length");

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* Each with the same probability: bytes of 248 and above would favour the first letters,
 * so they are drawn again. */
static void draw_letters(struct svc *svc, char *out, size_t wanted) {
    uint8_t bytes[32];
    size_t len = 0;

    while (len < wanted) {
        svc_random(svc, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes && len < wanted; i++) {
            if (bytes[i] < 4 * RADIX)
                out[len++] = letters[bytes[i] % RADIX];
        }
    }
    secret_wipe(bytes, sizeof bytes);
}

/* Three letters have room for 3.6 times as many numbers: one of those with these 16 bits,
 * by chance, so that each letter comes. What is chance are the others (40 letters). */
static void write_mark(struct svc *svc, uint16_t mark, char out[MARK_LETTERS]) {
    uint32_t number;
    uint8_t chance;

    do {
        svc_random(svc, &chance, 1);
        number = mark + (uint32_t)(chance % 4) * MARKS;
    } while (number >= RADIX * RADIX * RADIX);
    for (size_t i = MARK_LETTERS; i > 0; i--) {
        out[i - 1] = letters[number % RADIX];
        number /= RADIX;
    }
}

/* Of any bytes: what no draw writes has a mark that no row was put by (L2). */
static uint32_t read_mark(const uint8_t in[MARK_LETTERS]) {
    uint32_t number = 0;

    for (size_t i = 0; i < MARK_LETTERS; i++) {
        const char *at = memchr(letters, in[i], RADIX);
        if (at == NULL)
            return UINT32_MAX;
        number = number * RADIX + (uint32_t)(at - letters);
    }
    return number;
}

void svc_code_draw(struct svc *svc, char *out, size_t len) {
    size_t rest = len - MARK_LETTERS;
    uint16_t mark;

    if (len != FLOW_CODE_LEN) {
        draw_letters(svc, out, len);
        return;
    }
    draw_letters(svc, out, rest);
    mark = place_mark(svc->sealer, HASH_CODE, span_of(out, rest),
                      repl_now_ms(svc->shared->repl));
    write_mark(svc, mark, out + rest);
}

struct key_hash svc_code_key(struct svc *svc, struct span code) {
    size_t rest = code.len - MARK_LETTERS;
    struct key_hash key;

    if (code.len != FLOW_CODE_LEN)
        return svc_hash(svc, HASH_CODE, code);
    place_key(svc->sealer, HASH_CODE, span_of(code.data, rest),
              read_mark(code.data + rest), key.b);
    return key;
}

void svc_access_draw(struct svc *svc, uint8_t out[TOKEN_SECRET_MAX]) {
    size_t rest = TOKEN_SECRET_MAX - MARK_BYTES;
    uint16_t mark;

    svc_random(svc, out, rest);
    mark = place_mark(svc->sealer, HASH_ACCESS, span_of(out, rest),
                      repl_now_ms(svc->shared->repl));
    out[rest] = (uint8_t)(mark >> 8);
    out[rest + 1] = (uint8_t)mark;
}

struct key_hash svc_access_key(struct svc *svc, struct span secret) {
    size_t rest = secret.len - MARK_BYTES;
    struct key_hash key;

    CHECK(secret.len >= TOKEN_SECRET_MIN);
    place_key(svc->sealer, HASH_ACCESS, span_of(secret.data, rest),
              (uint32_t)(secret.data[rest] << 8 | secret.data[rest + 1]), key.b);
    return key;
}
