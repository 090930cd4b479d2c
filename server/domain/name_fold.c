#include "server/domain/name_fold.h"

#include <stdlib.h>
#include <uninorm.h>

#include "store/base/codec.h"
#include "store/base/spelling.h"

#define HIRAGANA_FIRST 0x3041
#define HIRAGANA_LAST 0x3096
#define KATAKANA_AHEAD 0x60

static bool is_space(uint32_t c) {
    return c == ' ' || c == 0x3000;
}

static bool is_selector(uint32_t c) {
    return (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0100 && c <= 0xe01ef);
}

/* Code points in the normal form; free() them. ERR_INVALID, ERR_NOMEM. */
static enum err normal(struct span text, uninorm_t form, uint32_t **ret_chars,
                       size_t *ret_count) {
    uint8_t *bytes;
    size_t len = 0, count = 0;
    uint32_t *chars;

    if (!utf8_valid(text))
        return ERR_INVALID;
    bytes = u8_normalize(form, text.data, text.len, NULL, &len);
    if (!bytes)
        return ERR_NOMEM;
    chars = calloc(len + 1, sizeof *chars);
    for (size_t at = 0; chars && at < len;) {
        size_t n = utf8_sequence(span_of(bytes + at, len - at));
        uint32_t c = n == 1 ? bytes[at] : bytes[at] & (0xffu >> (n + 1));

        if (n == 0)
            break; /* not after utf8_valid */
        for (size_t i = 1; i < n; i++)
            c = c << 6 | (bytes[at + i] & 0x3fu);
        chars[count++] = c;
        at += n;
    }
    free(bytes);
    if (!chars)
        return ERR_NOMEM;
    *ret_chars = chars;
    *ret_count = count;
    return OK;
}

static void put_char(uint32_t c, struct buf *out) {
    uint8_t bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; c >>= 6)
        bytes[i] = (uint8_t)(0x80 | (c & 0x3f));
    bytes[0] = (uint8_t)(heads[n] | c);
    buf_put(out, bytes, n);
}

enum err name_fold(struct span name, struct buf *out) {
    uint32_t *chars;
    size_t count;
    enum err err;

    if (name.len == 0)
        return OK;
    err = normal(name, UNINORM_NFKC, &chars, &count);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++)
        if (!is_space(chars[i]) && !is_selector(chars[i]))
            put_char(spelling_fold(chars[i]), out);
    free(chars);
    return buf_err(out);
}

static enum err trimmed(struct span typed, uninorm_t form, bool katakana,
                        struct buf *out) {
    uint32_t *chars;
    size_t count, start = 0;
    enum err err;

    if (typed.len == 0)
        return OK;
    err = normal(typed, form, &chars, &count);
    if (err)
        return err;
    while (start < count && is_space(chars[start]))
        start++;
    while (count > start && is_space(chars[count - 1]))
        count--;
    for (size_t i = start; i < count; i++) {
        bool hiragana = chars[i] >= HIRAGANA_FIRST && chars[i] <= HIRAGANA_LAST;

        put_char(katakana && hiragana ? chars[i] + KATAKANA_AHEAD : chars[i], out);
    }
    free(chars);
    return buf_err(out);
}

enum err name_kana(struct span typed, struct buf *out) {
    return trimmed(typed, UNINORM_NFKC, true, out);
}

enum err name_plain(struct span typed, struct buf *out) {
    return trimmed(typed, UNINORM_NFC, false, out);
}
