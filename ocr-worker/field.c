#include "ocr-worker/field.h"

#include <stdlib.h>
#include <string.h>

#define SURE_SCORE 0.78f
#define SURE_MARGIN 0.035f
#define EQUAL_SCORE 0.66f
#define EQUAL_MARGIN 0.02f
#define OTHER_SCORE 0.82f
#define OTHER_MARGIN 0.06f
#define MORE_EM 0.4
#define BESIDE_EM 1.3
#define YEAR 0x5e74 /* 年 */
#define FAINT_INK 85 /* of 255: print is darker somewhere, even where strokes are thin */

/* ---- a field's strip: its text at full resolution */

struct strip {
    struct page cut;
    struct text text;
    bool lost; /* a character may be among what was taken for a frame */
};

static void strip_close(struct strip *s) {
    text_free(&s->text);
    page_free(&s->cut);
}

static uint8_t darkest(const struct plane *ink, const struct box *b) {
    uint8_t peak = 0;

    for (int y = b->y0; y < b->y1; y++)
        for (int x = b->x0; x < b->x1; x++)
            if (plane_at(ink, x, y) > peak)
                peak = plane_at(ink, x, y);
    return peak;
}

/* Sides of frames are high and thin, or run through the whole strip; a frame in one
 * piece is wide; the pattern of the paper is faint. */
static bool is_text(const struct page *cut, const struct box *b) {
    double mm = cut->dpi / 25.4;

    if (box_width(b) > 14 * mm || (box_height(b) > 5.8 * mm && box_width(b) < mm))
        return false;
    return !(b->y0 <= 1 && b->y1 >= cut->ink.height - 1) &&
           darkest(&cut->ink, b) >= FAINT_INK;
}

/* A line that runs through the strip, and what touches it: a digit, perhaps. */
static bool is_more_than_rule(const struct page *cut, const struct box *b) {
    double mm = cut->dpi / 25.4;

    return box_width(b) > mm && box_width(b) < 14 * mm &&
           darkest(&cut->ink, b) >= FAINT_INK;
}

static bool strip_cut(const struct sheet *sheet, struct box box, enum text_kind kind,
                      struct strip *s) {
    struct text_blob *blobs;
    size_t count = 0;
    bool good;

    s->text.count = 0;
    s->lost = false;
    if (!page_cut(&sheet->page, box, 3, &s->cut))
        return false;
    blobs = malloc((s->cut.blob_count + 1) * sizeof *blobs);
    good = blobs != NULL;
    for (size_t i = 0; good && i < s->cut.blob_count; i++) {
        const struct box *b = &s->cut.blobs[i].box;

        if (is_text(&s->cut, b))
            blobs[count++] = (struct text_blob){.box = *b, .area = s->cut.blobs[i].area};
        else
            s->lost |= is_more_than_rule(&s->cut, b);
    }
    good = good && text_single(&s->cut.ink, blobs, count, kind, &s->text) &&
           s->text.lines[0].count > 0;
    free(blobs);
    if (!good)
        strip_close(s);
    return good;
}

/* Ink that goes on beyond an end of the strip: a character's thin stroke that the reduced
 * page did not show. */
static bool goes_on(const struct strip *s, const struct page *page, struct box *box) {
    const struct line *line = &s->text.lines[0];
    int more = (int)(line->em * MORE_EM / page->reduce) + 1;
    bool left = line->box.x0 <= 0, right = line->box.x1 >= s->cut.ink.width;

    if (left)
        box->x0 -= more;
    if (right)
        box->x1 += more;
    return left || right;
}

static bool strip_open(const struct sheet *sheet, struct box box, enum text_kind kind,
                       struct strip *s) {
    bool good = strip_cut(sheet, box, kind, s);

    if (good && goes_on(s, &sheet->page, &box)) {
        strip_close(s);
        good = strip_cut(sheet, box, kind, s);
    }
    return good;
}

/* Rows of colour, or rules, from end to end of the text and not much further. */
static void find_strike(const struct sheet *sheet, const struct strip *s,
                        struct box box, struct field_read *ret) {
    const struct page *page = &sheet->page;
    const struct box *text = &s->text.lines[0].box;
    int lines = 0, wide = box_width(text);

    for (size_t i = 0; i < s->cut.across_count; i++) {
        const struct rule *r = &s->cut.across[i];
        int at = (r->first + r->last) / 2, quarter = box_height(text) / 5;

        lines += r->to - r->from > wide / 2 && at > text->y0 + quarter &&
                 at < text->y1 - quarter;
    }
    ret->strike_doubt = lines > 0;
    ret->strike = lines > 1;
    if (page->red.px == NULL)
        return;
    lines = 0;
    for (int y = int_max(0, box.y0); y < int_min(page->red.height, box.y1); y++) {
        int red = 0, seen = 0;

        for (int x = int_max(0, box.x0); x < int_min(page->red.width, box.x1); x++) {
            seen++;
            red += plane_at(&page->red, x, y) > 40;
        }
        lines += seen > 20 && red * 10 > seen * 6;
    }
    if (lines >= 2 && lines < box_height(&box))
        ret->strike = true;
}

static void set_text(const struct read_char *chars, size_t count, struct field_read *ret) {
    ret->text_len = reading_utf8(chars, count, ret->text, sizeof ret->text);
}

/* ---- numbers */

char field_check_digit(const char *twelve) {
    int sum = 0;

    for (int n = 1; n <= 12; n++)
        sum += (twelve[12 - n] - '0') * (n % 2 == 1 ? 1 : 2);
    return (char)('9' - sum % 9);
}

static bool number_valid(const char *digits, size_t count) {
    return count == 12 || (count == 13 && field_check_digit(digits + 1) == digits[0]);
}

/* Divided within a piece of ink: nothing to hold against anybody. */
static bool has_cut(const struct read_line *line) {
    for (size_t i = 0; i < line->count; i++)
        if (line->chars[i].cut)
            return true;
    return false;
}

/* Certain enough to be held against somebody where it is not what was expected. */
static bool number_differs(const struct read_line *line, const char *expected) {
    bool other = false;

    for (size_t i = 0; i < line->count; i++) {
        if (line->chars[i].score < SURE_SCORE || line->chars[i].margin < SURE_MARGIN)
            return false;
        if ((uint32_t)expected[i] == line->chars[i].ch)
            continue;
        if (line->chars[i].score < OTHER_SCORE || line->chars[i].margin < OTHER_MARGIN)
            return false;
        other = true;
    }
    return other && reading_is_clear(line->chars, line->count, expected);
}

/* What is as expected needs less than what is held against somebody: that another
 * character is misread as the very one that should be there is rare by itself. */
static bool is_expected(const struct read_char *c) {
    return (c->score >= SURE_SCORE && c->margin >= EQUAL_MARGIN) ||
           (c->score >= EQUAL_SCORE && c->margin >= OTHER_MARGIN);
}

static void compare_number(const struct read_line *line, const char *expected,
                           size_t count, struct field_read *ret) {
    bool equal = line->count == count, sure = line->left == 0;

    ret->confidence = line->count > 0 ? 1 : 0;
    for (size_t i = 0; i < line->count; i++) {
        const struct read_char *c = &line->chars[i];

        if (i < sizeof ret->digits - 1)
            ret->digits[ret->digit_count++] = (char)c->ch;
        equal = equal && (uint32_t)expected[i] == c->ch;
        sure = sure && is_expected(c);
        ret->confidence = c->score < ret->confidence ? c->score : ret->confidence;
        ret->digits_sure = c->score >= SURE_SCORE && c->margin >= SURE_MARGIN
                               ? ret->digits_sure + 1
                               : 0;
    }
    ret->verdict = OCR_FIELD_DOUBTFUL;
    if (equal && sure)
        ret->verdict = OCR_FIELD_AGREES;
    else if (!equal && !has_cut(line) && line->count == count && line->left == 0 &&
             number_valid(ret->digits, ret->digit_count) &&
             number_differs(line, expected))
        ret->verdict = OCR_FIELD_DIFFERS;
}

void field_number(struct reader_core *core, const struct sheet *sheet, struct box box,
                  const struct field_expected *expected, struct field_read *ret) {
    struct strip s;
    struct read_line line;

    *ret = (struct field_read){.verdict = OCR_FIELD_DOUBTFUL, .box = box};
    if (!strip_open(sheet, box, TEXT_DIGITS, &s))
        return;
    reading_transcribe(core, &s.text, &s.text.lines[0], &core->digits, &line);
    line.left += s.lost;
    set_text(line.chars, line.count, ret);
    compare_number(&line, expected->digits, expected->digit_count, ret);
    find_strike(sheet, &s, box, ret);
    strip_close(&s);
}

/* ---- names */

/* Part of the record's title: the wrong line was taken for the name. */
static bool is_of_title(const struct name_reading *name,
                        const struct field_expected *expected) {
    for (size_t from = 0; from + name->count <= expected->title_count; from++) {
        size_t i = 0;

        while (i < name->count && name->chars[i].ch == expected->title[from + i])
            i++;
        if (i == name->count)
            return true;
    }
    return false;
}

/* Words of companies, offices, places and eras: the wrong line was taken for the name. */
static bool is_no_name(const struct name_reading *name) {
    static const uint32_t words[][2] = {
        {0x682a, 0x5f0f}, {0x4f1a, 0x793e}, {0x53d6, 0x7de0}, {0x7de0, 0x5f79},
        {0x4ee3, 0x8868}, {0x7406, 0x4e8b}, {0x6cd5, 0x52d9}, {0x8a3c, 0x660e},
        {0x756a, 0x53f7}, {0x4e01, 0x76ee}, {0x4e2d, 0x592e}, {0x5e02, 0x4e2d},
        {0x672c, 0x5e97}, {0x5546, 0x53f7}, {0x6c0f, 0x540d}, {0x793e, 0x54e1},
        {0x662d, 0x548c}, {0x5e73, 0x6210}, {0x4ee4, 0x548c}, {0x5927, 0x6b63}};

    for (size_t i = 0; i + 1 < name->count; i++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (name->chars[i].ch == words[k][0] && name->chars[i + 1].ch == words[k][1])
                return true;
    return false;
}

static void name_in(struct reader_core *core, const struct sheet *sheet, struct box box,
                    const struct field_expected *expected, bool other,
                    struct field_read *ret) {
    static const uint8_t verdicts[] = {
        [NAME_AGREES] = OCR_FIELD_AGREES,
        [NAME_VARIANT] = OCR_FIELD_VARIANT,
        [NAME_DIFFERS] = OCR_FIELD_DIFFERS,
        [NAME_DOUBTFUL] = OCR_FIELD_DOUBTFUL,
    };
    struct name_reading name;
    struct strip s;

    *ret = (struct field_read){.verdict = OCR_FIELD_DOUBTFUL, .box = box};
    if (!strip_open(sheet, box, TEXT_NAME, &s))
        return;
    reading_name(core, &s.text, &s.text.lines[0], expected->name, expected->name_count,
                 other, &name);
    set_text(name.chars, name.count, ret);
    ret->confidence = name.confidence;
    ret->verdict = verdicts[name.result];
    if (s.lost || (ret->verdict == OCR_FIELD_DIFFERS &&
                   (is_no_name(&name) || is_of_title(&name, expected) ||
                    reading_is_furigana(name.chars, name.count, expected->name,
                                        expected->name_count))))
        ret->verdict = OCR_FIELD_DOUBTFUL;
    find_strike(sheet, &s, box, ret);
    strip_close(&s);
}

bool field_agrees(const struct field_read *read) {
    return read->verdict == OCR_FIELD_AGREES || read->verdict == OCR_FIELD_VARIANT;
}

/* 一 and 三 in thin print are nothing on the reduced page, and a name that begins or ends
 * with them seems shorter: what leaves a doubt is read again with what stands beside it.
 * Every character and all ink of the wider strip have to agree as well. */
static void look_beside(struct reader_core *core, const struct sheet *sheet,
                        struct box box, const struct field_expected *expected,
                        struct field_read *ret) {
    int more = (int)(box_height(&box) * BESIDE_EM);

    for (int side = 0; side < 2 && ret->verdict == OCR_FIELD_DOUBTFUL; side++) {
        struct box wider = box;
        struct field_read here;

        wider.x0 -= side == 0 ? more : 0;
        wider.x1 += side == 1 ? more : 0;
        name_in(core, sheet, wider, expected, false, &here);
        if (field_agrees(&here))
            *ret = here;
    }
}

void field_name(struct reader_core *core, const struct sheet *sheet, struct box box,
                const struct field_expected *expected, struct field_read *ret) {
    name_in(core, sheet, box, expected, true, ret);
    look_beside(core, sheet, box, expected, ret);
}

bool field_has_name(struct reader_core *core, const struct sheet *sheet, struct box box,
                    const struct field_expected *expected, struct field_read *ret) {
    name_in(core, sheet, box, expected, false, ret);
    look_beside(core, sheet, box, expected, ret);
    return field_agrees(ret);
}

/* ---- dates */

/* Dots are dirt, unless there is no date without them. */
static bool find_date(struct read_line *line, struct date *ret, size_t *ret_from,
                      size_t *ret_to) {
    uint32_t chars[TEXT_CHARS_MAX];
    struct read_line plain = *line;

    plain.count = 0;
    for (size_t i = 0; i < line->count; i++)
        if (line->chars[i].ch != '.')
            plain.chars[plain.count++] = line->chars[i];
    for (size_t i = 0; i < plain.count; i++)
        chars[i] = plain.chars[i].ch;
    if (date_find(chars, plain.count, ret, ret_from, ret_to)) {
        *line = plain;
        return true;
    }
    for (size_t i = 0; i < line->count; i++)
        chars[i] = line->chars[i].ch;
    return date_find(chars, line->count, ret, ret_from, ret_to);
}

static bool is_digit(uint32_t ch) {
    return ch >= '0' && ch <= '9';
}

/* Nothing of a number stands outside of the date, and only digits were cut apart, or a
 * digit and 年: 日 with a one before it may fall into 1, 日 and 1. */
static bool is_whole(const struct read_line *line, size_t from, size_t to) {
    for (size_t i = 0; i < line->count; i++) {
        const struct read_char *c = &line->chars[i];

        if ((i < from || i >= to) && is_digit(c->ch))
            return false;
        if (c->cut &&
            (i == 0 || !(is_digit(c->ch) || c->ch == YEAR) || !is_digit(c[-1].ch)))
            return false;
    }
    return true;
}

/* Of somebody who may represent a company now. */
static bool is_birth(struct date d) {
    return d.year >= 1900 && d.year <= 2020;
}

void field_date(struct reader_core *core, const struct sheet *sheet, struct box box,
                bool compare, const struct field_expected *expected,
                struct field_read *ret) {
    struct read_line line;
    struct strip s;
    size_t from, to;

    *ret = (struct field_read){.verdict = OCR_FIELD_DOUBTFUL, .box = box};
    if (!strip_open(sheet, box, TEXT_DIGITS, &s))
        return;
    reading_transcribe(core, &s.text, &s.text.lines[0], &core->dates, &line);
    line.left += s.lost;
    set_text(line.chars, line.count, ret);
    if (find_date(&line, &ret->date, &from, &to)) {
        bool sure = line.left == 0 && is_whole(&line, from, to);
        bool very = sure && !has_cut(&line), equal;

        equal = compare && sure && date_days(ret->date) == date_days(expected->date);
        ret->confidence = 1;
        for (size_t i = from; i < to; i++) {
            const struct read_char *c = &line.chars[i];

            equal = equal && is_expected(c);
            sure = sure && c->score >= SURE_SCORE && c->margin >= SURE_MARGIN;
            very = very && c->score >= OTHER_SCORE && c->margin >= OTHER_MARGIN;
            ret->confidence = c->score < ret->confidence ? c->score : ret->confidence;
        }
        ret->has_date = sure || equal;
        if (equal || (sure && !compare))
            ret->verdict = OCR_FIELD_AGREES;
        else if (very && compare && is_birth(ret->date))
            ret->verdict = OCR_FIELD_DIFFERS;
    }
    find_strike(sheet, &s, box, ret);
    strip_close(&s);
}
