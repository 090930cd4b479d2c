#include "ocr-worker/reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ocr-worker/variant.h"

#define WORTH 0.58f      /* a group below it is better left out */
#define CUT_COST_EM 0.25f
#define PLAIN_SCORE 0.8f /* coarse: it is some character of the alphabet */
#define CLEAN_SCORE 0.88f
#define YEAR 0x5e74
#define MONTH 0x6708
#define DAY 0x65e5
#define MENDED_MARGIN 0.05f /* as good as certain, and nothing to hold against anybody */
#define HAIR_EM 0.05 /* thinner than any stroke that stands alone */
#define DIRT_EM 0.2 /* what may stick out of one */
#define CANDIDATES 24
#define NAME_FLOOR 0.80f /* fine score below which nothing is certain */
#define NAME_MARGIN 0.02f
#define CLEAR_PART 0.85f
#define FIT_SCORE 0.9f /* in about the font that it is printed in */
#define NEAR_SCORE 0.95f
#define NEAR_PART 0.72f
#define RIVALS_MAX 8
#define PART_FLOOR 0.85f
#define PART_NEARER 0.6f
#define PART_BEHIND 0.005f /* on the whole, at most */
/* What is held against somebody has to be far more certain than what agrees. */
#define OTHER_FLOOR 0.88f
#define OTHER_LEAD 0.04f
#define OTHER_SIDE 0.75f
#define OTHER_PLAIN 0.95f /* no other character could be meant */
#define GAP_NAME_EM 2.6
#define FIRST_KANJI 0x3400
#define CLEAR_PRINT 0.93f /* mean score: 0.89 without thin strokes, 0.96 and more with them */
#define FIRST_KATAKANA 0x30a1
#define LAST_KATAKANA 0x30fe
#define DOT_EM 0.15 /* of a kanji's side: dirt that touches it, at most */
#define CLEAN_FINE 0.93f
#define CLEAN_MARGIN 0.06f

enum err reader_core_open(const char *without, struct reader_core *ret) {
    static const uint32_t digits[] = U"0123456789０１２３４５６７８９";
    static const uint32_t dates[] =
        U"0123456789０１２３４５６７８９年月日生昭和平成大正明治令元/／.";
    struct reader_core core = {0};
    enum err err = glyphs_open(without, &core.glyphs);

    if (err == OK)
        err = alphabet_of(core.glyphs, digits, 20, GLYPH_FONTS_MAX, &core.digits);
    if (err == OK)
        err = alphabet_of(core.glyphs, dates, sizeof dates / sizeof *dates - 1,
                          GLYPH_FONTS_MAX, &core.dates);
    if (err == OK)
        err = glyph_bank_all(core.glyphs, &core.all);
    if (err == OK)
        glyphs_prepare(core.glyphs, dates, sizeof dates / sizeof *dates - 1);
    if (err != OK) {
        reader_core_close(&core);
        return err;
    }
    *ret = core;
    return OK;
}

void reader_core_close(struct reader_core *core) {
    alphabet_free(&core->digits);
    alphabet_free(&core->dates);
    glyph_bank_free(&core->all);
    glyphs_close(core->glyphs);
    core->glyphs = NULL;
}

/* ---- transcription */

struct best {
    float value;
    uint8_t len;
    bool skip;
};

static bool is_dash(const struct line *line, struct box box) {
    int w = box_width(&box), h = box_height(&box);

    return w > line->em * 0.25 && h < line->em * 0.2 + 1 && w > 2 * h &&
           (box.y0 + box.y1) / 2 > line->box.y0 + box_height(&line->box) / 4 &&
           (box.y0 + box.y1) / 2 < line->box.y1 - box_height(&line->box) / 5;
}

/* A dot: a point of a date, or dirt. No digit, no 年 or 月 falls into such pieces. */
static bool is_point(const struct line *line, const struct box *b) {
    return int_max(box_width(b), box_height(b)) < line->em * 0.3 + 1;
}

/* Dirt: a speck, or what is left of a streak of the scanner. */
static bool is_speck(const struct line *line, const struct box *b) {
    return int_max(box_width(b), box_height(b)) < line->em * 0.2 + 1 ||
           box_width(b) < line->em * HAIR_EM;
}

static float group_best(struct text *text, struct line *line, size_t at, size_t len,
                        const struct alphabet *alphabet) {
    const struct glyph_coarse *ink = line_coarse(text, line, at, len);
    float best = -1;

    if (ink == NULL)
        return -1;
    for (size_t i = 0; i < alphabet->bank.count; i++) {
        float score = glyph_coarse_match(ink, &alphabet->bank.coarse[i]);

        best = score > best ? score : best;
    }
    return best;
}

/* Is an atom, alone or with its neighbours, a character of the alphabet? */
static bool is_readable(struct text *text, struct line *line, size_t at,
                        const struct alphabet *alphabet) {
    for (size_t from = at < 2 ? 0 : at - 2; from <= at; from++)
        for (size_t len = at - from + 1; len <= 3 && from + len <= line->count; len++)
            if (group_best(text, line, from, len, alphabet) >= PLAIN_SCORE)
                return true;
    return false;
}

/* The side of an atom that makes most of a character of it when what sticks out there is
 * taken away; into *ret. */
static float clean_side(struct text *text, struct line *line, size_t at,
                        const struct alphabet *alphabet, struct box *ret) {
    struct box was = line->atoms[at].box;
    int most = (int)(line->em * DIRT_EM) + 1;
    float best = -1;

    *ret = was;
    for (enum text_side side = TEXT_LEFT; side <= TEXT_BOTTOM; side++) {
        struct box box = was;
        float here;

        if (!text_trim(text->ink, &box, side, most))
            continue;
        line->atoms[at].box = box;
        line_forget(line, at);
        here = group_best(text, line, at, 1, alphabet);
        if (here > best) {
            best = here;
            *ret = box;
        }
    }
    line->atoms[at].box = was;
    line_forget(line, at);
    return best;
}

/* Dirt that touches: what can be read without what sticks out of it, at a corner perhaps,
 * and not otherwise. */
static void clean_atoms(struct text *text, struct line *line,
                        const struct alphabet *alphabet) {
    for (size_t at = 0; at < line->count; at++) {
        struct box was = line->atoms[at].box, box;
        float score = 0;

        if (box_height(&was) < line->em * 0.45 || is_readable(text, line, at, alphabet))
            continue;
        for (int pass = 0; pass < 2 && score < CLEAN_SCORE; pass++) {
            score = clean_side(text, line, at, alphabet, &box);
            line->atoms[at].box = box;
            line_forget(line, at);
        }
        if (score < CLEAN_SCORE) {
            line->atoms[at].box = was;
            line_forget(line, at);
        }
    }
}

/* What it costs to divide a piece of ink, in pixels like the values of divisions. */
static float cut_cost(const struct line *line, size_t at) {
    return line->atoms[at].cut ? CUT_COST_EM * (float)line->em : 0;
}

/* Best division of the line from each atom to its end. */
static void divide(struct text *text, struct line *line, const struct alphabet *alphabet,
                   struct best *best) {
    best[line->count] = (struct best){0};
    for (size_t at = line->count; at-- > 0;) {
        const struct box *b = &line->atoms[at].box;
        float width = (float)box_width(b);
        bool dash = is_dash(line, *b);
        float cost = cut_cost(line, at);

        best[at].len = 1;
        best[at].skip = true;
        best[at].value = best[at + 1].value - cost -
                         (dash || is_point(line, b) ? 0.02f : 0.3f) * width;
        for (size_t len = 1; len <= TEXT_GROUP_MAX && at + len <= line->count; len++) {
            struct box group = line_group(line, at, len);
            float score, value;

            if (box_width(&group) > 1.4 * line->em)
                break;
            if (box_height(&group) < line->em * 0.45 || /* no digit, no kanji is so low */
                box_width(&group) < line->em * HAIR_EM)
                continue;
            score = group_best(text, line, at, len, alphabet);
            value = best[at + len].value - cost +
                    (score - WORTH) * (float)box_width(&group);
            if (score > WORTH && value > best[at].value)
                best[at] = (struct best){value, (uint8_t)len, false};
        }
    }
}

/* Among the alphabet, by the fine comparison. */
static struct read_char decide(struct reader_core *core, struct text *text,
                               struct line *line, size_t at, size_t len,
                               const struct alphabet *alphabet) {
    struct glyph_hit hits[12];
    struct read_char best = {.score = -1, .box = line_group(line, at, len)};
    const struct glyph_coarse *coarse = line_coarse(text, line, at, len);
    struct glyph_fine fine;
    float second = -1;
    size_t count;

    if (coarse == NULL || !glyph_fine_of(text->ink, best.box, &fine))
        return best;
    count = glyph_bank_find(&alphabet->bank, coarse, hits, 12);
    if (count > 0)
        glyph_fine_focus(core->glyphs, &fine, hits[0].ch);
    for (size_t i = 0; i < count; i++) {
        uint32_t ch = variant_fold(hits[i].ch);
        float score = glyph_fine_match(core->glyphs, &fine, hits[i].ch);

        if (ch == best.ch) {
            best.score = score > best.score ? score : best.score;
        } else if (score > best.score) {
            second = best.score;
            best.second = best.ch;
            best.ch = ch;
            best.score = score;
        } else if (score > second) {
            second = score;
            best.second = ch;
        }
    }
    best.margin = best.score - (second > 0 ? second : 0);
    return best;
}

static struct read_char sign(uint32_t ch, struct box box) {
    return (struct read_char){.ch = ch, .score = 1, .margin = 1, .box = box};
}

/* A day after a year, and another one after it: the first is a month in print whose 月 has
 * no foot. The digits are what they are. */
static void mend_month(struct read_line *line) {
    for (size_t i = 2; i < line->count; i++) {
        struct read_char *c = &line->chars[i];
        bool after_year = c[-2].ch == YEAR || (i > 2 && c[-3].ch == YEAR);

        if (c->ch != DAY || c->second != MONTH || !after_year || c[-1].ch > '9')
            continue;
        for (size_t k = i + 1; k < line->count && k < i + 4; k++)
            if (line->chars[k].ch == DAY) {
                c->second = DAY;
                c->ch = MONTH;
                c->margin = MENDED_MARGIN;
                return;
            }
    }
}

void reading_transcribe(struct reader_core *core, struct text *text, struct line *line,
                        const struct alphabet *alphabet, struct read_line *ret) {
    struct best *best = calloc(line->count + 1, sizeof *best);

    *ret = (struct read_line){0};
    if (best == NULL)
        return;
    clean_atoms(text, line, alphabet);
    divide(text, line, alphabet, best);
    for (size_t at = 0; at < line->count; at += best[at].len) {
        const struct box *b = &line->atoms[at].box;

        if (ret->count == TEXT_CHARS_MAX)
            break;
        if (!best[at].skip) {
            ret->chars[ret->count] = decide(core, text, line, at, best[at].len, alphabet);
            ret->chars[ret->count++].cut = line->atoms[at].cut;
        } else if (is_dash(line, *b)) {
            if (alphabet == &core->dates)
                ret->chars[ret->count++] = sign('-', *b);
        } else if (is_point(line, b)) {
            if (alphabet == &core->dates)
                ret->chars[ret->count++] = sign('.', *b);
        } else if (!is_speck(line, b)) {
            ret->left++;
        }
    }
    free(best);
    if (alphabet == &core->dates)
        mend_month(ret);
}

size_t reading_utf8(const struct read_char *chars, size_t count, char *out, size_t max) {
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        char one[4];
        size_t n = glyph_put(chars[i].ch != 0 ? chars[i].ch : '?', one);

        if (len + n > max)
            break;
        memcpy(out + len, one, n);
        len += n;
    }
    return len;
}

/* ---- names */

struct name_search {
    struct reader_core *core;
    struct text *text;
};

static float name_score(void *context, struct line *line, size_t at, size_t len,
                        uint32_t ch) {
    struct name_search *s = context;
    const struct box group = line_group(line, at, len);
    const struct glyph_coarse *ink;
    uint32_t others[VARIANT_MAX];
    size_t count = variant_of(ch, others);
    float best;

    if (is_speck(line, &group)) /* as large as a character it would be like any dense one */
        return -1;
    ink = line_coarse(s->text, line, at, len);
    if (ink == NULL)
        return -1;
    best = glyph_coarse_best(s->core->glyphs, ink, ch);
    for (size_t i = 0; i < count; i++) {
        float score = glyph_coarse_best(s->core->glyphs, ink, others[i]);

        best = score > best ? score : best;
    }
    return best;
}

struct aligned reading_place(struct reader_core *core, struct text *text,
                             struct line *line, const uint32_t *expected, size_t count) {
    struct name_search search = {core, text};

    return line_align(line, expected, count, 0, true, GAP_NAME_EM, 0.3f, name_score,
                      &search);
}

/* One character: what is it, given what it should be? */
struct verified {
    struct read_char read;
    bool agrees, variant, differs;
};

/* Those whose place it would be, as near as the best of them comes. */
struct rivals {
    size_t count;
    struct glyph_hit list[RIVALS_MAX];
};

static void add_rival(struct rivals *r, uint32_t ch, float score) {
    size_t at = 0;

    while (at < r->count && r->list[at].ch != ch)
        at++;
    if (at < r->count)
        return;
    if (r->count < RIVALS_MAX)
        r->count++;
    else if (r->list[r->count - 1].score >= score)
        return;
    for (at = r->count - 1; at > 0 && r->list[at - 1].score < score; at--)
        r->list[at] = r->list[at - 1];
    r->list[at] = (struct glyph_hit){ch, score};
}

static void consider(struct reader_core *core, const struct glyph_fine *fine,
                     uint32_t ch, uint32_t expected, struct read_char *own,
                     struct rivals *rivals) {
    float score = glyph_fine_match(core->glyphs, fine, ch);

    if (variant_same(ch, expected)) {
        /* Its own spelling first: a variant must be the better one to be named. */
        float edge = own->ch == expected ? 0.005f : 0;

        if (score > own->score + edge) {
            own->ch = ch;
            own->score = score;
        }
    } else if (!variant_one_shape(ch, expected)) {
        add_rival(rivals, ch, score);
    }
}

/* Where print is as clear as templates, little lies between look-alikes (プ and ブ), and
 * what counts is how much worse the other explains the ink. */
static bool is_much_nearer(float own, float other, float between) {
    return own >= NEAR_SCORE && 1 - own < NEAR_PART * (1 - other) && between < 0.45f;
}

/* By a margin, and the poorer the print the larger. */
static bool is_clear(float own, float margin) {
    return margin >= NAME_MARGIN && 1 - own < CLEAR_PART * (1 - own + margin);
}

/* Clear of each that is as good on the whole, where the two differ: the circle of パ is no
 * two strokes, however faint it is. */
static bool is_nearer_in_part(struct reader_core *core, const struct glyph_fine *fine,
                              const struct read_char *own, const struct rivals *rivals) {
    for (size_t i = 0; i < rivals->count; i++) {
        const struct glyph_hit *r = &rivals->list[i];
        struct glyph_local part;

        if (i > 0 && r->score <= own->score - 2 * NAME_MARGIN)
            break;
        part = glyph_local(core->glyphs, fine, own->ch, r->ch);
        if (r->score > own->score + PART_BEHIND || part.a < PART_FLOOR ||
            1 - part.a > PART_NEARER * (1 - part.b))
            return false;
    }
    return true;
}

static struct verified verify_so(struct reader_core *core, const struct glyph_fine *fine,
                                 const struct glyph_coarse *coarse, struct box box,
                                 uint32_t expected) {
    struct verified v = {.read = {.ch = expected, .score = -1, .box = box}};
    struct read_char other = {.score = -1, .box = box};
    struct rivals rivals = {0};
    struct glyph_hit hits[CANDIDATES];
    uint32_t more[VARIANT_MAX];
    size_t count;
    float between;

    consider(core, fine, expected, expected, &v.read, &rivals);
    count = variant_of(expected, more);
    for (size_t i = 0; i < count; i++)
        consider(core, fine, more[i], expected, &v.read, &rivals);
    count = variant_alike(expected, more);
    for (size_t i = 0; i < count; i++)
        consider(core, fine, more[i], expected, &v.read, &rivals);
    count = glyph_bank_find(&core->all, coarse, hits, CANDIDATES);
    for (size_t i = 0; i < count; i++)
        consider(core, fine, hits[i].ch, expected, &v.read, &rivals);
    if (rivals.count > 0) {
        other.ch = rivals.list[0].ch;
        other.score = rivals.list[0].score;
    }
    v.read.margin = v.read.score - other.score;
    between = other.ch != 0 ? glyph_between(core->glyphs, fine, v.read.ch, other.ch)
                            : 0;
    v.variant = v.read.ch != expected;
    v.agrees = v.read.score >= NAME_FLOOR &&
               ((v.read.margin >= 0 &&
                 (is_clear(v.read.score, v.read.margin) ||
                  between < (v.read.score >= FIT_SCORE ? 0.35f : 0.25f) ||
                  is_much_nearer(v.read.score, other.score, between))) ||
                is_nearer_in_part(core, fine, &v.read, &rivals));
    v.differs = other.score >= OTHER_FLOOR && v.read.margin <= -OTHER_LEAD &&
                between > OTHER_SIDE && !variant_kin(other.ch, expected);
    if (v.read.margin < 0 && !v.agrees) {
        other.margin = -v.read.margin;
        v.read = other;
    }
    return v;
}

/* At the edge of the strip: perhaps only a part of a character. */
static bool is_cut(const struct plane *ink, const struct box *b) {
    return b->x0 <= 0 || b->y0 <= 0 || b->x1 >= ink->width || b->y1 >= ink->height;
}

/* A dot that touches a kanji left or right is dirt where all the rest agrees with ease. No
 * kanji is another one with a dot beside it; above or below one it may be (白 and 日), and
 * kana are with two of them. */
static bool is_clean_kanji(struct reader_core *core, struct text *text, struct box box,
                           uint32_t expected, struct verified *ret) {
    int side = int_max(box_width(&box), box_height(&box));

    if (expected < FIRST_KANJI)
        return false;
    for (enum text_side at = TEXT_LEFT; at <= TEXT_RIGHT; at++) {
        struct box clean = box;
        struct glyph_coarse coarse;
        struct glyph_fine fine;

        if (!text_trim(text->ink, &clean, at, (int)(side * DOT_EM) + 1) ||
            !glyph_coarse_of(text->ink, clean, &coarse) ||
            !glyph_fine_of(text->ink, clean, &fine))
            continue;
        *ret = verify_so(core, &fine, &coarse, clean, expected);
        if (ret->agrees && ret->read.score >= CLEAN_FINE &&
            ret->read.margin >= CLEAN_MARGIN)
            return true;
    }
    return false;
}

/* As sharp print first; what leaves a doubt as the blurred print that it may be. It is
 * another character only where it is both ways: thin strokes fade in coarse scans, and
 * 土 is 上 then to whoever looks for sharp ones. */
static struct verified verify(struct reader_core *core, struct text *text,
                              struct box box, uint32_t expected) {
    struct verified v = {.read = {.ch = expected, .score = -1, .box = box}}, blurred;
    struct verified cleaned;
    struct glyph_coarse coarse;
    struct glyph_fine fine;

    if (!glyph_coarse_of(text->ink, box, &coarse) ||
        !glyph_fine_of(text->ink, box, &fine))
        return v;
    v = verify_so(core, &fine, &coarse, box, expected);
    if (v.agrees)
        return v;
    if (is_clean_kanji(core, text, box, expected, &cleaned))
        return cleaned;
    fine.blurred = true;
    blurred = verify_so(core, &fine, &coarse, box, expected);
    v.differs = v.differs && blurred.differs && v.read.ch == blurred.read.ch &&
                !is_cut(text->ink, &box);
    if (v.differs)
        return v;
    glyph_fine_focus(core->glyphs, &fine, expected);
    return fine.blurred && blurred.agrees ? blurred : v;
}

void reading_prepare(struct reader_core *core, const uint32_t *name, size_t count) {
    glyphs_trim(core->glyphs);
    for (size_t i = 0; i < count; i++) {
        struct glyph_hit hits[CANDIDATES];
        struct glyph_coarse coarse;
        uint32_t more[VARIANT_MAX];

        glyphs_prepare(core->glyphs, &name[i], 1);
        glyphs_prepare(core->glyphs, more, variant_of(name[i], more));
        glyphs_prepare(core->glyphs, more, variant_alike(name[i], more));
        for (size_t font = 0; glyph_coarse_get(core->glyphs, name[i], font, &coarse);
             font += 4) {
            size_t found = glyph_bank_find(&core->all, &coarse, hits, CANDIDATES);

            for (size_t k = 0; k < found; k++)
                glyphs_prepare(core->glyphs, &hits[k].ch, 1);
        }
    }
}

static void name_whole(struct reader_core *core, struct text *text, struct line *line,
                       const uint32_t *expected, size_t count,
                       struct name_reading *ret);

void reading_name(struct reader_core *core, struct text *text, struct line *line,
                  const uint32_t *expected, size_t count, bool other,
                  struct name_reading *ret) {
    struct aligned a = reading_place(core, text, line, expected, count);
    bool differs = false, doubt = false, variant = false, plain = true;
    size_t agree = 0;

    *ret = (struct name_reading){.result = NAME_DOUBTFUL};
    if (!a.found || a.mean < 0.5f) {
        if (other)
            name_whole(core, text, line, expected, count, ret);
        return;
    }
    ret->confidence = 1;
    for (size_t i = 0; i < count; i++) {
        struct verified v = verify(core, text, a.box[i], expected[i]);

        ret->chars[ret->count++] = v.read;
        ret->box = box_join(ret->box, a.box[i]);
        differs |= v.differs;
        doubt |= !v.differs && !v.agrees;
        variant |= v.agrees && v.variant;
        agree += v.agrees;
        plain = plain && (!v.differs || v.read.score >= OTHER_PLAIN);
        if (v.read.score < ret->confidence)
            ret->confidence = v.read.score;
    }
    for (size_t i = 0; i < line->count; i++) /* ink that no character of it explains */
        if ((i < a.start || i >= a.end) && !is_speck(line, &line->atoms[i].box))
            doubt = true;
    if (differs && (a.least > 0.5f || (plain && !doubt)))
        ret->result = NAME_DIFFERS;
    else if (!differs && !doubt)
        ret->result = variant ? NAME_VARIANT : NAME_AGREES;
    /* Where half of it stands in its place, another division of the ink is no other name:
     * ノ and く of バ. */
    if (other && ret->result == NAME_DOUBTFUL && agree * 2 < count)
        name_whole(core, text, line, expected, count, ret);
}

/* ---- a name that is not the expected one: read it from the whole bank */

static void whole_divide(struct reader_core *core, struct text *text, struct line *line,
                         struct best *best) {
    best[line->count] = (struct best){0};
    for (size_t at = line->count; at-- > 0;) {
        const struct box *b = &line->atoms[at].box;

        best[at] = (struct best){best[at + 1].value - cut_cost(line, at) -
                                     (is_speck(line, b) ? 0.02f : 0.3f) *
                                         (float)box_width(b),
                                 1, true};
        for (size_t len = 1; len <= TEXT_GROUP_MAX && at + len <= line->count; len++) {
            struct box group = line_group(line, at, len);
            struct glyph_hit hit;
            float value;

            if (box_width(&group) > 1.3 * line->em)
                break;
            if (is_speck(line, &group))
                continue;
            if (line_coarse(text, line, at, len) == NULL ||
                glyph_bank_find(&core->all, line_coarse(text, line, at, len), &hit, 1) <
                    1)
                continue;
            value = best[at + len].value - cut_cost(line, at) +
                    (hit.score - WORTH) * (float)box_width(&group);
            if (value > best[at].value)
                best[at] = (struct best){value, (uint8_t)len, false};
        }
    }
}

static struct read_char whole_char(struct reader_core *core, struct text *text,
                                   struct box box) {
    struct read_char best = {.score = -1, .box = box};
    struct glyph_hit hits[CANDIDATES];
    struct glyph_coarse coarse;
    struct glyph_fine fine;
    float second = 0;
    size_t count;

    if (!glyph_coarse_of(text->ink, box, &coarse) ||
        !glyph_fine_of(text->ink, box, &fine))
        return best;
    count = glyph_bank_find(&core->all, &coarse, hits, CANDIDATES);
    if (count > 0)
        glyph_fine_focus(core->glyphs, &fine, hits[0].ch);
    for (size_t i = 0; i < count; i++) {
        float score = glyph_fine_match(core->glyphs, &fine, hits[i].ch);

        if (score > best.score) {
            second = best.score;
            best.ch = hits[i].ch;
            best.score = score;
        } else if (score > second) {
            second = score;
        }
    }
    best.margin = best.score - second;
    return best;
}

static bool same_char(uint32_t a, uint32_t b) {
    return variant_kin(a, b) || variant_one_shape(a, b);
}

/* The expected name, and something before or behind it: an office, dirt. */
static bool contains(const struct read_char *chars, size_t n, const uint32_t *expected,
                     size_t count) {
    for (size_t from = 0; from + count <= n; from++) {
        size_t i = 0;

        while (i < count && same_char(chars[from + i].ch, expected[i]))
            i++;
        if (i == count)
            return true;
    }
    return false;
}

/* Are all characters of `part` in `whole`, one after another? */
static bool in_order(const uint32_t *whole, size_t whole_count, const uint32_t *part,
                     size_t part_count) {
    size_t k = 0;

    for (size_t i = 0; i < whole_count && k < part_count; i++)
        k += same_char(whole[i], part[k]);
    return k == part_count;
}

static bool is_sure(const struct read_char *c) {
    return c->score >= 0.87f && c->margin >= 0.03f;
}

bool reading_is_other(const struct read_char *chars, size_t n, const uint32_t *expected,
                      size_t count) {
    uint32_t read[TEXT_CHARS_MAX];
    size_t sure = 0, strange = 0;

    if (n < 2 || n > 12)
        return false;
    for (size_t i = 0; i < n; i++) {
        read[i] = chars[i].ch;
        if (chars[i].score < 0.75f)
            return false;
        sure += is_sure(&chars[i]);
        strange += (i >= count || !same_char(chars[i].ch, expected[i])) &&
                   is_sure(&chars[i]);
    }
    if (in_order(read, n, expected, count) || in_order(expected, count, read, n) ||
        contains(chars, n, expected, count))
        return false;
    return strange >= 2 && sure * 4 >= n * 3;
}

bool reading_is_furigana(const struct read_char *chars, size_t n,
                         const uint32_t *expected, size_t count) {
    bool kanji = false;

    for (size_t i = 0; i < count; i++)
        kanji |= expected[i] >= FIRST_KANJI;
    for (size_t i = 0; i < n; i++)
        if (chars[i].ch < FIRST_KATAKANA || chars[i].ch > LAST_KATAKANA)
            return false;
    return kanji && n > 0;
}

bool reading_is_clear(const struct read_char *chars, size_t n, const char *expected) {
    float sum = 0;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if ((uint32_t)expected[i] == chars[i].ch) {
            sum += chars[i].score;
            count++;
        }
    return count > 0 && sum >= CLEAR_PRINT * (float)count;
}

static void name_whole(struct reader_core *core, struct text *text, struct line *line,
                       const uint32_t *expected, size_t count,
                       struct name_reading *ret) {
    struct best *best = calloc(line->count + 1, sizeof *best);
    struct read_char chars[TEXT_CHARS_MAX];
    size_t n = 0, left = 0;
    float least = 1;

    if (best == NULL)
        return;
    whole_divide(core, text, line, best);
    for (size_t at = 0; at < line->count && n < TEXT_CHARS_MAX; at += best[at].len) {
        if (best[at].skip) {
            left += !is_speck(line, &line->atoms[at].box);
            continue;
        }
        chars[n] = whole_char(core, text, line_group(line, at, best[at].len));
        least = chars[n].score < least ? chars[n].score : least;
        n++;
    }
    free(best);
    if (n == 0)
        return;
    if (ret->count == 0) {
        ret->count = n;
        ret->confidence = least;
        ret->box = line->box;
        memcpy(ret->chars, chars, n * sizeof *chars);
    }
    if (left == 0 && reading_is_other(chars, n, expected, count)) {
        ret->result = NAME_DIFFERS;
        ret->count = n;
        ret->box = line->box;
        memcpy(ret->chars, chars, n * sizeof *chars);
    }
}
