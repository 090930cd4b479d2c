#include "server/domain/text_diff.h"

#define CHARS TEXT_DIFF_CHARS

/* One side in characters. */
struct side {
    struct span text;
    size_t count;
    struct span chars[CHARS];
    bool matched[CHARS];
};

/* Of UTF-8; a byte that begins no character stands for itself. */
static size_t char_len(struct span text, size_t at) {
    uint8_t c = text.data[at];
    size_t len = c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;

    if (len > text.len - at)
        return 1;
    for (size_t i = 1; i < len; i++) {
        if ((text.data[at + i] & 0xc0) != 0x80)
            return 1;
    }
    return len;
}

/* False: more than CHARS. */
static bool split(struct span text, struct side *ret) {
    ret->text = text;
    ret->count = 0;
    for (size_t at = 0; at < text.len;) {
        size_t len = char_len(text, at);
        if (ret->count == CHARS)
            return false;
        ret->matched[ret->count] = false;
        ret->chars[ret->count++] = span_of(text.data + at, len);
        at += len;
    }
    return true;
}

static bool is_space(struct span c) {
    return span_is(c, " ") || span_is(c, "\xe3\x80\x80");
}

/* Positions of what is no space. */
static size_t solid(const struct side *side, uint8_t at[CHARS]) {
    size_t count = 0;

    for (size_t i = 0; i < side->count; i++) {
        if (!is_space(side->chars[i]))
            at[count++] = (uint8_t)i;
    }
    return count;
}

static void match(struct side *a, struct side *b) {
    uint8_t length[CHARS + 1][CHARS + 1] = {{0}}; /* of what is common from there on */
    uint8_t at_a[CHARS], at_b[CHARS];
    size_t count_a = solid(a, at_a), count_b = solid(b, at_b), i, j;

    for (i = count_a; i-- > 0;) {
        for (j = count_b; j-- > 0;) {
            uint8_t skip_a = length[i + 1][j], skip_b = length[i][j + 1];
            length[i][j] = span_equal(a->chars[at_a[i]], b->chars[at_b[j]])
                               ? (uint8_t)(length[i + 1][j + 1] + 1)
                           : skip_a > skip_b ? skip_a
                                             : skip_b;
        }
    }
    for (i = 0, j = 0; i < count_a && j < count_b;) {
        if (span_equal(a->chars[at_a[i]], b->chars[at_b[j]])) {
            a->matched[at_a[i++]] = true;
            b->matched[at_b[j++]] = true;
        } else if (length[i + 1][j] >= length[i][j + 1]) {
            i++;
        } else {
            j++;
        }
    }
}

/* Neighbours of one kind as one run. True: none differs. */
static bool put_runs(const struct side *side, struct text_side *ret) {
    bool same = true;

    ret->count = 0;
    for (size_t i = 0; i < side->count; i++) {
        bool space = is_space(side->chars[i]);
        bool differs = !space && !side->matched[i];
        struct text_run *last = ret->count > 0 ? &ret->runs[ret->count - 1] : NULL;
        if (last && last->differs == differs)
            last->text.len += side->chars[i].len;
        else
            ret->runs[ret->count++] = (struct text_run){side->chars[i], differs};
        same = same && !differs;
    }
    return same;
}

static void put_whole(struct span text, bool differs, struct text_side *ret) {
    ret->count = text.len > 0 ? 1 : 0;
    ret->runs[0] = (struct text_run){text, differs};
}

void text_diff(struct span a, struct span b, struct text_diff *ret_diff) {
    struct side side_a, side_b;
    bool same;

    if (!split(a, &side_a) || !split(b, &side_b)) {
        ret_diff->same = span_equal(a, b);
        put_whole(a, !ret_diff->same, &ret_diff->a);
        put_whole(b, !ret_diff->same, &ret_diff->b);
        return;
    }
    match(&side_a, &side_b);
    same = put_runs(&side_a, &ret_diff->a);
    ret_diff->same = put_runs(&side_b, &ret_diff->b) && same;
}
