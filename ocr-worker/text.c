#include "ocr-worker/text.h"

#include <stdlib.h>
#include <string.h>

#include "ocr-worker/page.h"

/* Pieces of a line's height by so much are more than one character. */
#define WIDE_DIGITS_EM 0.8
#define WIDE_NAME_EM 1.45
#define STRAY_EM 0.12 /* from a kanji to a dot that is none of its own; digits have none */
#define SPECK_EM 0.22 /* smaller both ways: may be dirt, may be a point */

/* ---- lines */

static void line_free(struct line *line) {
    free(line->atoms);
    free(line->coarse);
    free(line->made);
}

void text_free(struct text *text) {
    for (size_t i = 0; i < text->count; i++)
        line_free(&text->lines[i]);
    text->count = 0;
}

static bool line_new(struct line *line, size_t count) {
    *line = (struct line){0};
    line->atoms = calloc(count + 1, sizeof *line->atoms);
    line->coarse = calloc(count + 1, sizeof *line->coarse);
    line->made = calloc((count + 1) * TEXT_GROUP_MAX, 1);
    if (line->atoms != NULL && line->coarse != NULL && line->made != NULL)
        return true;
    line_free(line);
    return false;
}

static int by_left(const void *a, const void *b) {
    const struct text_blob *p = a, *q = b;

    return (p->box.x0 > q->box.x0) - (p->box.x0 < q->box.x0);
}

static int by_int(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* The height of what makes up most of the ink, small parts of characters apart. */
static double em_of(const struct text_blob *blobs, size_t count) {
    int sides[TEXT_ATOMS_MAX];
    size_t n = 0;
    int sum = 0, part = 0;

    for (size_t i = 0; i < count && n < TEXT_ATOMS_MAX; i++) {
        sides[n] = int_max(box_height(&blobs[i].box), 1);
        sum += sides[n++];
    }
    if (n == 0)
        return 1;
    qsort(sides, n, sizeof *sides, by_int);
    for (size_t i = 0; i < n; i++) {
        part += sides[i];
        if (part * 10 >= sum * 7)
            return sides[i];
    }
    return sides[n - 1];
}

/* Of a line of its own: parts of 橋 are small, and what shares columns is higher. */
static double em_of_columns(const struct text_blob *blobs, size_t count) {
    struct text_blob *joined = malloc((count + 1) * sizeof *joined);
    double em = em_of(blobs, count), whole;
    size_t n = 0;

    if (joined == NULL)
        return em;
    memcpy(joined, blobs, count * sizeof *joined);
    qsort(joined, count, sizeof *joined, by_left);
    for (size_t i = 0; i < count; i++)
        if (n > 0 && joined[i].box.x0 < joined[n - 1].box.x1)
            joined[n - 1].box = box_join(joined[n - 1].box, joined[i].box);
        else
            joined[n++] = joined[i];
    whole = em_of(joined, n);
    free(joined);
    return whole > em ? whole : em;
}

/* A round dot that stands above or below all that shares its columns, by `gap_em` or more:
 * dirt. One within a character (of 太) is not. */
static bool is_stray(const struct text_blob *blobs, size_t count, size_t at, double em,
                     double gap_em) {
    const struct box *b = &blobs[at].box;
    int w = box_width(b), h = box_height(b);
    int top = 1 << 30, bottom = -1;

    if (w > em * 0.2 + 1 || h > em * 0.2 + 1 || w > 2 * h || h > 2 * w ||
        blobs[at].area * 10 < w * h * 6)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct box *o = &blobs[i].box;

        if (i == at || o->x1 <= b->x0 || o->x0 >= b->x1 ||
            int_max(box_width(o), box_height(o)) < em * 0.4)
            continue;
        top = int_min(top, o->y0);
        bottom = int_max(bottom, o->y1);
    }
    return bottom >= 0 && (b->y1 <= top - em * gap_em || b->y0 >= bottom + em * gap_em);
}

/* Blobs by x, into atoms: what shares at least a column, unless one is dirt. */
static void fill_atoms(struct line *line, const struct text_blob *blobs, size_t count,
                       double em, double gap_em) {
    for (size_t i = 0; i < count && line->count < TEXT_ATOMS_MAX; i++) {
        struct atom *last = line->count > 0 ? &line->atoms[line->count - 1] : NULL;

        if (is_stray(blobs, count, i, em, gap_em))
            continue;
        line->box = box_join(line->box, blobs[i].box);
        if (last != NULL && blobs[i].box.x0 < last->box.x1) {
            last->box = box_join(last->box, blobs[i].box);
            last->area += blobs[i].area;
        } else {
            line->atoms[line->count++] =
                (struct atom){blobs[i].box, blobs[i].area, blobs[i].cut};
        }
    }
}

/* ---- pieces that touch */

#define CUT_EM 0.2      /* the least width of a part: five to a character */
#define CUT_PEAK_EM 0.4 /* how far to look for the strokes beside a thin place */
#define CUT_THIN 2      /* times thinner than those */

/* Ink of each column of a box. */
static void columns_of(const struct plane *ink, const struct box *b, int *sums) {
    memset(sums, 0, (size_t)box_width(b) * sizeof *sums);
    for (int y = b->y0; y < b->y1; y++) {
        const uint8_t *row = plane_row(ink, y) + b->x0;

        for (int x = 0; x < box_width(b); x++)
            sums[x] += row[x];
    }
}

static int most(const int *sums, int from, int to) {
    int best = 0;

    for (int x = from; x < to; x++)
        best = int_max(best, sums[x]);
    return best;
}

/* The thinnest column around `x`, and thin beside what stands left and right of it. */
static bool is_thin(const int *sums, int width, int x, double em) {
    int near = int_max(1, (int)(em * CUT_EM / 2));
    int far = int_max(2, (int)(em * CUT_PEAK_EM));

    for (int k = int_max(0, x - near); k < int_min(width, x + near + 1); k++)
        if (sums[k] < sums[x] || (sums[k] == sums[x] && k < x))
            return false;
    return sums[x] * CUT_THIN <= most(sums, int_max(0, x - far), x) &&
           sums[x] * CUT_THIN <= most(sums, x + 1, int_min(width, x + far + 1));
}

/* Rows of [from, to) that hold ink. */
static struct text_blob part_of(const struct plane *ink, const struct box *b, int from,
                                int to) {
    struct text_blob part = {{b->x0 + from, b->y1, b->x0 + to, b->y0}, 0, from > 0};

    for (int y = b->y0; y < b->y1; y++)
        for (int x = b->x0 + from; x < b->x0 + to; x++)
            if (plane_at(ink, x, y) > PAGE_INK_LEVEL_CUT) {
                part.box.y0 = int_min(part.box.y0, y);
                part.box.y1 = y + 1;
                part.area++;
            }
    return part;
}

/* Appends the parts of a wide piece; returns how many. */
static size_t cut_wide(const struct plane *ink, const struct text_blob *blob, double em,
                       struct text_blob *out, size_t max) {
    int width = box_width(&blob->box), least = int_max(2, (int)(em * CUT_EM)), from = 0;
    int *sums = malloc((size_t)width * sizeof *sums);
    size_t count = 0;

    if (sums != NULL) {
        columns_of(ink, &blob->box, sums);
        for (int x = least; x < width - least && count + 1 < max; x++) {
            if (x - from < least || !is_thin(sums, width, x, em))
                continue;
            out[count] = part_of(ink, &blob->box, from, x);
            count += out[count].area > 0;
            from = x;
        }
        out[count] = part_of(ink, &blob->box, from, width);
        count += out[count].area > 0;
        free(sums);
    }
    if (count == 0)
        out[count++] = *blob;
    return count;
}

/* Digits stand on one line and end on one: specks beyond both are dirt. Returns how many
 * blobs are left. */
static size_t drop_beyond(struct text_blob *blobs, size_t count, double em) {
    int top[TEXT_ATOMS_MAX], bottom[TEXT_ATOMS_MAX];
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < count && n < TEXT_ATOMS_MAX; i++) {
        if (box_height(&blobs[i].box) < em * 0.6)
            continue;
        top[n] = blobs[i].box.y0;
        bottom[n++] = blobs[i].box.y1;
    }
    if (n == 0)
        return count;
    qsort(top, n, sizeof *top, by_int);
    qsort(bottom, n, sizeof *bottom, by_int);
    for (size_t i = 0; i < count; i++) {
        const struct box *b = &blobs[i].box;

        if (int_max(box_width(b), box_height(b)) >= em * SPECK_EM + 1 ||
            (b->y1 > top[n / 2] + 1 && b->y0 < bottom[n / 2] - 1))
            blobs[kept++] = blobs[i];
    }
    return kept;
}

bool text_single(const struct plane *ink, const struct text_blob *blobs, size_t count,
                 enum text_kind kind, struct text *ret) {
    const double wide_em = kind == TEXT_DIGITS ? WIDE_DIGITS_EM : WIDE_NAME_EM;
    size_t max = count + TEXT_ATOMS_MAX, n = 0;
    struct text_blob *sorted = malloc((max + 1) * sizeof *sorted);
    double em = em_of_columns(blobs, count);

    ret->ink = ink;
    ret->count = 0;
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t room = max - n - (count - i - 1);

        if (box_width(&blobs[i].box) > wide_em * em && room > 1)
            n += cut_wide(ink, &blobs[i], em, sorted + n, room);
        else
            sorted[n++] = blobs[i];
    }
    if (kind == TEXT_DIGITS)
        n = drop_beyond(sorted, n, em);
    qsort(sorted, n, sizeof *sorted, by_left);
    if (line_new(&ret->lines[0], n < TEXT_ATOMS_MAX ? n : TEXT_ATOMS_MAX)) {
        ret->count = 1;
        ret->lines[0].em = em;
        fill_atoms(&ret->lines[0], sorted, n, em, kind == TEXT_DIGITS ? 0 : STRAY_EM);
    }
    free(sorted);
    return ret->count == 1;
}

/* ---- finding lines on a page */

static int root(int *parent, int at) {
    while (parent[at] != at) {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    return at;
}

static bool same_line(const struct box *a, const struct box *b) {
    int ha = box_height(a), hb = box_height(b), high = int_max(ha, hb);
    int over = int_min(a->y1, b->y1) - int_max(a->y0, b->y0);
    int gap = int_max(a->x0, b->x0) - int_min(a->x1, b->x1);

    /* Neighbours of a size; or a small piece within the height of a big one. */
    return gap < high * 3 && over * 10 >= int_min(ha, hb) * 6 &&
           (int_min(ha, hb) * 3 >= high || gap < high);
}

static void join_lines(const struct text_blob *blobs, size_t count, int em_max,
                       int *parent) {
    for (size_t i = 0; i < count; i++) {
        int seen = 0;

        for (size_t j = i + 1; j < count; j++) {
            if (blobs[j].box.x0 > blobs[i].box.x1 + 3 * em_max || seen > 12)
                break;
            if (!same_line(&blobs[i].box, &blobs[j].box))
                continue;
            seen++;
            parent[root(parent, (int)j)] = root(parent, (int)i);
        }
    }
}

/* One blob's root after another: gather a line's blobs, which stay sorted by x. */
static bool gather(const struct text_blob *blobs, size_t count, int *parent,
                   struct text *text) {
    struct text_blob *own = malloc((count + 1) * sizeof *own);
    bool good = own != NULL;

    for (size_t i = 0; i < count && good && text->count < TEXT_LINES_MAX; i++) {
        size_t n = 0;

        if (root(parent, (int)i) != (int)i)
            continue;
        for (size_t j = 0; j < count; j++)
            if (root(parent, (int)j) == (int)i)
                own[n++] = blobs[j];
        good = line_new(&text->lines[text->count],
                        n < TEXT_ATOMS_MAX ? n : TEXT_ATOMS_MAX);
        if (!good)
            break;
        text->lines[text->count].em = em_of_columns(own, n);
        fill_atoms(&text->lines[text->count], own, n, text->lines[text->count].em,
                   STRAY_EM);
        text->count++;
    }
    free(own);
    return good;
}

static int by_top(const void *a, const void *b) {
    const struct line *p = a, *q = b;

    return (p->box.y0 > q->box.y0) - (p->box.y0 < q->box.y0);
}

bool text_find(const struct plane *ink, const struct text_blob *blobs, size_t count,
               int em_min, int em_max, struct text *ret) {
    struct text_blob *kept = malloc((count + 1) * sizeof *kept);
    int *parent = malloc((count + 1) * sizeof *parent);
    size_t n = 0;
    bool good = kept != NULL && parent != NULL;

    ret->ink = ink;
    ret->count = 0;
    for (size_t i = 0; i < count && good; i++) {
        int w = box_width(&blobs[i].box), h = box_height(&blobs[i].box);

        if (h > em_max || w > em_max * 2 || int_max(w, h) < em_min)
            continue;
        parent[n] = (int)n;
        kept[n++] = blobs[i];
    }
    if (good) {
        qsort(kept, n, sizeof *kept, by_left);
        join_lines(kept, n, em_max, parent);
        /* The smallest index of a set is not always its root: make it so. */
        for (size_t i = n; i-- > 0;) {
            int r = root(parent, (int)i);

            if ((int)i < r) {
                parent[r] = (int)i;
                parent[i] = (int)i;
            }
        }
        good = gather(kept, n, parent, ret);
        qsort(ret->lines, ret->count, sizeof *ret->lines, by_top);
    }
    free(kept);
    free(parent);
    return good;
}

/* ---- dirt that touches */

/* From the first to the last ink of a column or row of a box; 0: none. */
static int extent_at(const struct plane *ink, const struct box *b, bool column, int at) {
    int from = column ? b->y0 : b->x0, to = column ? b->y1 : b->x1;

    while (from < to && plane_at(ink, column ? at : from, column ? from : at) <=
                            PAGE_INK_LEVEL_CUT)
        from++;
    while (to > from && plane_at(ink, column ? at : to - 1, column ? to - 1 : at) <=
                            PAGE_INK_LEVEL_CUT)
        to--;
    return to - from;
}

bool text_trim(const struct plane *ink, struct box *box, enum text_side side, int most) {
    bool column = side == TEXT_LEFT || side == TEXT_RIGHT;
    bool first = side == TEXT_LEFT || side == TEXT_TOP;
    int from = column ? box->x0 : box->y0, to = column ? box->x1 : box->y1, deep = 0;
    int wide = 0;

    while (deep <= most && from + deep < to) {
        int here = extent_at(ink, box, column, first ? from + deep : to - 1 - deep);

        if (here > most)
            break;
        wide = int_max(wide, here);
        deep++;
    }
    if (deep < 2 || deep > most || from + deep >= to || wide > 2 * deep + 1)
        return false;
    *(column ? first ? &box->x0 : &box->x1 : first ? &box->y0 : &box->y1) +=
        first ? deep : -deep;
    while (box->x0 < box->x1 && extent_at(ink, box, true, box->x0) == 0)
        box->x0++;
    while (box->x1 > box->x0 && extent_at(ink, box, true, box->x1 - 1) == 0)
        box->x1--;
    while (box->y0 < box->y1 && extent_at(ink, box, false, box->y0) == 0)
        box->y0++;
    while (box->y1 > box->y0 && extent_at(ink, box, false, box->y1 - 1) == 0)
        box->y1--;
    return box_width(box) > 0 && box_height(box) > 0;
}

/* ---- groups */

struct box line_group(const struct line *line, size_t at, size_t len) {
    struct box box = line->atoms[at].box;

    for (size_t i = 1; i < len; i++)
        box = box_join(box, line->atoms[at + i].box);
    return box;
}

void line_forget(struct line *line, size_t at) {
    size_t from = at < TEXT_GROUP_MAX ? 0 : at + 1 - TEXT_GROUP_MAX;

    for (; from <= at; from++)
        memset(&line->made[from * TEXT_GROUP_MAX], 0, TEXT_GROUP_MAX);
}

const struct glyph_coarse *line_coarse(const struct text *text, struct line *line,
                                       size_t at, size_t len) {
    uint8_t *made = &line->made[at * TEXT_GROUP_MAX + len - 1];
    struct glyph_coarse *coarse = &line->coarse[at][len - 1];

    if (*made == 0) {
        struct box box = line_group(line, at, len);
        int side = int_max(box_width(&box), box_height(&box));

        *made = side > 1.45 * line->em + 2 || !glyph_coarse_of(text->ink, box, coarse)
                    ? 2
                    : 1;
    }
    return *made == 1 ? coarse : NULL;
}

/* ---- alphabets */

enum err alphabet_of(struct glyphs *glyphs, const uint32_t *chars, size_t count,
                     size_t fonts, struct alphabet *ret) {
    struct alphabet a = {0};
    enum err err;

    a.chars = malloc((count + 1) * sizeof *a.chars);
    a.first = malloc((count + 2) * sizeof *a.first);
    if (a.chars == NULL || a.first == NULL) {
        alphabet_free(&a);
        return ERR_NOMEM;
    }
    err = glyph_bank_of(glyphs, chars, count, fonts, &a.bank);
    if (err != OK) {
        alphabet_free(&a);
        return err;
    }
    for (size_t i = 0; i < a.bank.count; i++) {
        if (i > 0 && a.bank.chars[i] == a.bank.chars[i - 1])
            continue;
        a.chars[a.count] = a.bank.chars[i];
        a.first[a.count++] = i;
    }
    a.first[a.count] = a.bank.count;
    *ret = a;
    return OK;
}

void alphabet_free(struct alphabet *a) {
    glyph_bank_free(&a->bank);
    free(a->chars);
    free(a->first);
    *a = (struct alphabet){0};
}

float alphabet_score(const struct alphabet *a, const struct glyph_coarse *ink,
                     uint32_t ch) {
    float best = -1;

    for (size_t i = 0; i < a->count; i++) {
        if (a->chars[i] != ch)
            continue;
        for (size_t k = a->first[i]; k < a->first[i + 1]; k++) {
            float score = glyph_coarse_match(ink, &a->bank.coarse[k]);

            best = score > best ? score : best;
        }
        break;
    }
    return best;
}

/* ---- alignment */

#define CUT_COST 0.2f /* of a character that begins within a piece of ink */

struct search {
    struct line *line;
    const uint32_t *chars;
    size_t count;
    double gap;
    float least;
    text_score score;
    void *context;
    /* Best sum of scores from character k on, k's group beginning at atom i. */
    float *best;      /* [count][atoms] */
    uint8_t *length;  /* the group's; 0: nothing fits */
    uint8_t *skip;    /* specks passed over behind it */
    uint8_t *visited;
};

static bool is_speck(const struct line *line, size_t at) {
    const struct box *b = &line->atoms[at].box;

    return int_max(box_width(b), box_height(b)) < SPECK_EM * line->em + 1;
}

static float search_from(struct search *s, size_t k, size_t at) {
    size_t cell = k * s->line->count + at;
    float best = -1e9f, cost = 0;

    if (s->visited[cell])
        return s->best[cell];
    s->visited[cell] = 1;
    if (s->line->atoms[at].cut)
        cost = CUT_COST;
    for (size_t len = 1; len <= TEXT_GROUP_MAX && at + len <= s->line->count; len++) {
        float here = s->score(s->context, s->line, at, len, s->chars[k]), rest = 0;
        size_t next = at + len, skipped = 0;
        int right = line_group(s->line, at, len).x1;

        if (here < s->least)
            continue;
        if (k + 1 < s->count) {
            rest = -1e9f;
            for (; next < s->line->count && skipped <= 2; next++, skipped++) {
                float value;

                if (s->line->atoms[next].box.x0 - right > s->gap)
                    break;
                value = search_from(s, k + 1, next) - 0.1f * (float)skipped;
                if (value > rest) {
                    rest = value;
                    s->skip[cell] = (uint8_t)skipped;
                }
                if (!is_speck(s->line, next))
                    break;
            }
        }
        if (here + rest - cost > best) {
            best = here + rest - cost;
            s->length[cell] = (uint8_t)len;
        }
    }
    s->best[cell] = best;
    return best;
}

/* skip[] may be of another length than the one chosen in the end: walk anew. */
static void walk(struct search *s, size_t at, struct aligned *ret) {
    ret->found = true;
    ret->start = at;
    ret->count = s->count;
    ret->least = 1;
    ret->mean = 0;
    for (size_t k = 0; k < s->count; k++) {
        size_t len = s->length[k * s->line->count + at], next = at + len;
        float here = s->score(s->context, s->line, at, len, s->chars[k]);

        ret->box[k] = line_group(s->line, at, len);
        ret->score[k] = here;
        ret->mean += here / (float)s->count;
        ret->least = here < ret->least ? here : ret->least;
        ret->end = next;
        if (k + 1 < s->count) {
            float best = -1e9f;
            size_t go = next;

            for (size_t n = 0; next + n < s->line->count && n <= 2; n++) {
                float value = search_from(s, k + 1, next + n) - 0.1f * (float)n;

                if (value > best) {
                    best = value;
                    go = next + n;
                }
                if (!is_speck(s->line, next + n))
                    break;
            }
            at = go;
        }
    }
}

struct aligned line_align(struct line *line, const uint32_t *chars, size_t count,
                          size_t from, bool anywhere, double gap_em, float least,
                          text_score score, void *context) {
    struct aligned ret = {0};
    struct search s = {line, chars, count, gap_em * line->em, least, score, context,
                       NULL, NULL,  NULL,  NULL};
    size_t cells = count * line->count, best_at = 0;
    float best = -1e8f;

    if (count < 1 || count > TEXT_CHARS_MAX || line->count < 1 || from >= line->count)
        return ret;
    s.best = malloc(cells * sizeof *s.best);
    s.length = calloc(cells * 3, 1);
    if (s.best == NULL || s.length == NULL)
        goto done;
    s.skip = s.length + cells;
    s.visited = s.skip + cells;
    for (size_t at = from; at < line->count; at++) {
        float value = search_from(&s, 0, at);

        if (value > best) {
            best = value;
            best_at = at;
        }
        if (!anywhere && !is_speck(line, at))
            break;
    }
    if (best > 0)
        walk(&s, best_at, &ret);
done:
    free(s.best);
    free(s.length);
    return ret;
}
