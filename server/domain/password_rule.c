#include "server/domain/password_rule.h"

#include <stdlib.h>
#include <uninorm.h>

#include <password_words.h> /* made by CMake: password_words.txt */

#include "server/domain/password_list.h"
#include "store/base/codec.h"
#include "store/base/limits.h"
#include "store/base/secret.h"

/* What is left of a password without words that anybody knows must be this long. */
#define REST_MIN 4
#define WORD_MIN 4
/* So many figures and signs around a listed word, a date, make no password of it. */
#define AROUND_MAX 8
#define FOLDED_MAX (LIMIT_PASSWORD + 1)

const char *password_refusal_str(enum password_refusal refusal) {
    switch (refusal) {
    case PASSWORD_OK:
        return "";
    case PASSWORD_SHORT:
        return "it is too short";
    case PASSWORD_LONG:
        return "it is too long";
    case PASSWORD_FORM:
        return "it has characters that cannot be typed everywhere";
    case PASSWORD_COMMON:
        return "it is one of those that are tried first";
    case PASSWORD_CONTEXT:
        return "it is little more than a name";
    }
    return "";
}

enum err password_normal(struct span typed, struct buf *out) {
    uint8_t *normal;
    size_t len = 0;

    if (typed.len == 0 || !utf8_valid(typed)) {
        buf_put(out, typed.data, typed.len);
        return buf_err(out);
    }
    normal = u8_normalize(UNINORM_NFKC, typed.data, typed.len, NULL, &len);
    if (!normal) {
        return ERR_NOMEM;
    }
    buf_put(out, normal, len);
    secret_wipe(normal, len);
    free(normal);
    return buf_err(out);
}

static size_t characters(struct span text) {
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool has_control(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

/* Lower case, and if `figures` those that stand for letters back to them. */
static size_t fold(struct span text, bool figures, char out[FOLDED_MAX]) {
    static const char from[] = "0134578@$!", to[] = "oieastbasi";
    size_t len = 0;

    for (size_t i = 0; i < text.len && len + 1 < FOLDED_MAX; i++) {
        char c = (char)text.data[i];
        const char *at = figures && c != '\0' ? strchr(from, c) : NULL;
        if (at) {
            c = to[at - from];
        } else if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return len;
}

/* Every character the one before, one more or one less: aaaaaaaa, 12345678, 98765432. */
static size_t steps_off(struct span text) {
    size_t off = 0;

    for (size_t i = 1; i < text.len; i++) {
        int step = (int)text.data[i] - (int)text.data[i - 1];
        off += step < -1 || step > 1;
    }
    return off;
}

/* A short piece again and again. */
static bool repeats(struct span text) {
    for (size_t piece = 1; piece <= 4 && piece * 2 <= text.len; piece++) {
        size_t i = piece;
        while (i < text.len && text.data[i] == text.data[i - piece]) {
            i++;
        }
        if (i == text.len) {
            return true;
        }
    }
    return false;
}

/* Take out every place where `word` stands; true when it stood somewhere. */
static bool cut_word(char *text, size_t *len, const char *word, size_t word_len) {
    bool found = false;
    char *at;

    while (word_len > 0 && (at = strstr(text, word)) != NULL) {
        memmove(at, at + word_len, *len - (size_t)(at - text) - word_len + 1);
        *len -= word_len;
        found = true;
    }
    return found;
}

/* What is left that is not a figure or a sign. */
static size_t letters(const char *text, size_t len) {
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        count += (c >= 'a' && c <= 'z') || c >= 0x80;
    }
    return count;
}

/* The folded text without the words of the list, longest first as the file has them. */
static bool cut_common(char *text, size_t *len, bool figures) {
    const char *at = (const char *)password_words_txt;
    const char *end = at + password_words_txt_len;
    bool found = false;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t word_len = (size_t)((stop ? stop : end) - at);
        char word[64], folded[FOLDED_MAX];

        if (word_len > 0 && word_len < sizeof word && *at != '#') {
            memcpy(word, at, word_len);
            word[word_len] = '\0';
            word_len = fold(span_of((const uint8_t *)word, word_len), figures, folded);
            found = cut_word(text, len, folded, word_len) || found;
        }
        at = stop ? stop + 1 : end;
    }
    return found;
}

/* Figures and signs around a word make it no better. */
static struct span core_of(struct span text) {
    while (text.len > 0 && letters((const char *)text.data, 1) == 0 &&
           !(text.data[0] >= 'A' && text.data[0] <= 'Z')) {
        text = span_of(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && letters((const char *)text.data + text.len - 1, 1) == 0 &&
           !(text.data[text.len - 1] >= 'A' && text.data[text.len - 1] <= 'Z')) {
        text.len--;
    }
    return text;
}

/* The words of a name or address that are long enough to be recognised. */
static bool cut_words(char *text, size_t *len, struct span word, bool figures) {
    char folded[FOLDED_MAX];
    size_t folded_len = fold(word, figures, folded), from = 0;
    bool found = false;

    for (size_t j = 0; j <= folded_len; j++) {
        char c = folded[j];
        if (j < folded_len && ((c >= 'a' && c <= 'z') || (uint8_t)c >= 0x80)) {
            continue;
        }
        folded[j] = '\0';
        if (j - from >= WORD_MIN) {
            found = cut_word(text, len, folded + from, j - from) || found;
        }
        from = j + 1;
    }
    return found;
}

static bool cut_whole(char *text, size_t *len, struct span part, bool figures) {
    char folded[FOLDED_MAX];
    size_t folded_len = fold(core_of(part), figures, folded);

    return folded_len >= WORD_MIN && cut_word(text, len, folded, folded_len);
}

/* A name or address as it is, what stands on each side of its @, and its words: short
 * ones between figures make an address all the same. */
static bool cut_own(char *text, size_t *len, const struct span *words, size_t count,
                    bool figures) {
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        struct span word = words[i];
        const uint8_t *at = word.len > 0 ? memchr(word.data, '@', word.len) : NULL;

        found = cut_whole(text, len, word, figures) || found;
        if (at) {
            size_t side = (size_t)(at - word.data);
            struct span domain = span_of(at + 1, word.len - side - 1);
            found = cut_whole(text, len, span_of(word.data, side), figures) || found;
            found = cut_whole(text, len, domain, figures) || found;
        }
        found = cut_words(text, len, word, figures) || found;
    }
    return found;
}

/* One of those that are tried first, however it is written. */
static bool is_listed(struct span text) {
    char folded[FOLDED_MAX];
    bool found = false;

    for (int figures = 0; figures < 2 && !found; figures++) {
        size_t len = fold(text, figures == 1, folded);
        found = len >= WORD_MIN && password_list_has(span_of(folded, len));
    }
    secret_wipe(folded, sizeof folded);
    return found;
}

/* The piece that it is a repetition of; itself. */
static struct span piece_of(struct span text) {
    for (size_t piece = 1; piece * 2 <= text.len; piece++) {
        if (text.len % piece == 0 &&
            memcmp(text.data, text.data + piece, text.len - piece) == 0) {
            return span_of(text.data, piece);
        }
    }
    return text;
}

static bool is_common(struct span normal) {
    struct span core = core_of(normal);

    return is_listed(normal) || is_listed(piece_of(normal)) ||
           (normal.len - core.len <= AROUND_MAX &&
            (is_listed(core) || is_listed(piece_of(core))));
}

/* Is there enough in it beside words that anybody knows? */
static enum password_refusal check_words(struct span normal, const struct span *words,
                                         size_t words_count, bool figures) {
    char folded[FOLDED_MAX];
    size_t len = fold(core_of(normal), figures, folded);
    bool own = cut_own(folded, &len, words, words_count, figures);
    bool common = cut_common(folded, &len, figures);
    enum password_refusal refusal = PASSWORD_OK;

    if ((own || common) && letters(folded, len) < REST_MIN) {
        refusal = common ? PASSWORD_COMMON : PASSWORD_CONTEXT;
    }
    secret_wipe(folded, sizeof folded);
    return refusal;
}

enum password_refusal password_check(struct span normal, size_t len_min,
                                     const struct span *words, size_t words_count) {
    enum password_refusal refusal;

    if (normal.len > LIMIT_PASSWORD) {
        return PASSWORD_LONG;
    }
    if (!utf8_valid(normal) || has_control(normal)) {
        return PASSWORD_FORM;
    }
    if (characters(normal) < len_min) {
        return PASSWORD_SHORT;
    }
    if (repeats(normal) || steps_off(normal) * 4 <= normal.len) {
        return PASSWORD_COMMON;
    }
    refusal = check_words(normal, words, words_count, false);
    if (refusal == PASSWORD_OK) {
        refusal = check_words(normal, words, words_count, true);
    }
    return refusal == PASSWORD_OK && is_common(normal) ? PASSWORD_COMMON : refusal;
}
