#include "ocr-worker/locate.h"

#include <stdlib.h>

#include "ocr-worker/date.h"
#include "ocr-worker/variant.h"

#define BAND_EM 1.15 /* half a row's height where no rules bound it */
#define ROW_MM 16
#define VALUE_FAR_MM 60
#define GAP_RIGHT 3 /* heights */
#define VALUE_GAP_MM 11 /* within a value */
#define NAME_FAR_MM 22 /* from a certificate's birth date */

static int mm(const struct page *page, double millimetres) {
    return (int)(page->dpi * millimetres / 25.4);
}

/* ---- a form's value */

/* The row of a label: between the rules above and below it where they are near, else
 * some heights. */
static void row_of(const struct page *page, const struct box *label, int *top,
                   int *bottom) {
    int cy = (label->y0 + label->y1) / 2, cx = (label->x0 + label->x1) / 2;
    int em = box_height(label), far = mm(page, ROW_MM);
    int above = cy - far, below = cy + far;

    for (size_t i = 0; i < page->across_count; i++) {
        const struct rule *r = &page->across[i];

        if (r->from > cx || r->to < cx)
            continue;
        if (r->last < label->y0 && r->last > above)
            above = r->last;
        if (r->first > label->y1 && r->first < below)
            below = r->first;
    }
    *top = above > cy - far ? above + 1 : cy - (int)(BAND_EM * em) - 2;
    *bottom = below < cy + far ? below - 1 : cy + (int)(BAND_EM * em) + 2;
}

static bool is_dirt(const struct page *page, const struct box *b) {
    return int_max(box_width(b), box_height(b)) < int_max(3, mm(page, 0.85));
}

/* Text ink whose middle lies in the region. */
static bool ink_in(const struct page *page, struct box region, struct box *ret) {
    struct box box = {0};
    int right = region.x0;

    for (size_t i = 0; i < page->blob_count; i++) {
        const struct box *b = &page->blobs[i].box;
        int cx = (b->x0 + b->x1) / 2, cy = (b->y0 + b->y1) / 2;

        if (cx < region.x0 || cx >= region.x1 || cy < region.y0 || cy >= region.y1 ||
            is_dirt(page, b) || box_height(b) > mm(page, 10) || b->y0 < region.y0 - 3 ||
            b->y1 > region.y1 + 3)
            continue;
        if (box.x1 > 0 && b->x0 - right > mm(page, VALUE_GAP_MM)) /* another field */
            break;
        box = box_join(box, *b);
        right = box.x1;
    }
    *ret = box;
    return box.x1 > box.x0;
}

/* The next label of the row ends a value. */
static int value_end(const struct sheet *s, const struct label_hit *label, int top,
                     int bottom) {
    int end = s->page.ink.width;

    for (size_t i = 0; i < s->labels.count; i++) {
        const struct box *b = &s->labels.hits[i].box;

        if (b->x0 > label->box.x1 && b->x0 < end && (b->y0 + b->y1) / 2 > top &&
            (b->y0 + b->y1) / 2 < bottom && s->labels.hits[i].label != LABEL_TITLE)
            end = b->x0;
    }
    return end;
}

/* The rule between a label and its value; -1: none near. */
static int rule_after(const struct page *page, const struct box *label) {
    int cy = (label->y0 + label->y1) / 2, best = -1;

    for (size_t i = 0; i < page->down_count; i++) {
        const struct rule *r = &page->down[i];

        if (r->from < cy && r->to > cy && r->first > label->x1 &&
            r->first < label->x1 + mm(page, VALUE_FAR_MM) &&
            (best < 0 || r->last < best))
            best = r->last;
    }
    return best;
}

/* Ink that is no speck beside its label. */
static bool value_in(const struct page *page, const struct label_hit *label,
                     struct box region, struct box *ret) {
    return ink_in(page, region, ret) &&
           int_max(box_width(ret), box_height(ret)) * 10 >= box_height(&label->box) * 7;
}

bool locate_value(const struct sheet *s, const struct label_hit *label, struct box *ret) {
    const struct page *page = &s->page;
    const struct box *at = &label->box;
    int top, bottom, end, left, rule = rule_after(page, at);

    row_of(page, at, &top, &bottom);
    end = value_end(s, label, top, bottom);
    if (rule >= 0 &&
        value_in(page, label, (struct box){rule + 1, top, end, bottom}, ret))
        return true;
    /* In the label's own cell, under it: the line may begin before the words found. */
    left = s->text.lines[label->line].box.x0;
    if (left < at->x0 - mm(page, 45))
        left = at->x0;
    left -= mm(page, 3);
    if (value_in(page, label, (struct box){left, at->y1 + 1, end, bottom}, ret) &&
        ret->x0 < at->x1)
        return true;
    if (value_in(page, label,
                 (struct box){at->x1 + box_height(at) / 3, top, end, bottom}, ret))
        return true;
    return value_in(page, label,
                    (struct box){left, at->y1 + 2, at->x0 + mm(page, 90),
                                 at->y1 + 3 * box_height(at) + 4},
                    ret);
}

/* What stands right of a value that begins as close to its label as words that go on. */
static bool value_beyond(const struct sheet *s, const struct label_hit *label,
                         const struct box *value, struct box *ret) {
    const struct page *page = &s->page;
    int top, bottom;

    if (value->x0 < label->box.x1 || value->x0 - label->box.x1 > box_height(&label->box))
        return false;
    row_of(page, &label->box, &top, &bottom);
    return value_in(page, label,
                    (struct box){value->x1 + 1, top, value_end(s, label, top, bottom),
                                 bottom},
                    ret);
}

static bool line_has(const struct sheet *s, size_t line, enum label label) {
    for (size_t i = 0; i < s->labels.count; i++)
        if (s->labels.hits[i].label == label && s->labels.hits[i].line == line)
            return true;
    return false;
}

size_t locate_form_values(const struct sheet *s, enum label label, struct box *values,
                          size_t max) {
    size_t count = 0;

    for (size_t i = 0; i < s->labels.count && count < max; i++) {
        const struct label_hit *h = &s->labels.hits[i];

        if (h->label == label && !line_has(s, h->line, LABEL_CERT_NUMBER) &&
            !(label == LABEL_NAME && line_has(s, h->line, LABEL_KANA)) &&
            locate_value(s, h, &values[count])) {
            count++;
            if (label == LABEL_FORM_NUMBER && count < max &&
                value_beyond(s, h, &values[count - 1], &values[count]))
                count++;
        }
    }
    return count;
}

/* ---- a certificate */

struct dated {
    size_t line;
    struct box box;
    bool born; /* 生 follows */
    struct date date;
    bool kanji; /* 年月日, or an era: no number with dashes */
};

/* A date in a line of the page: coarse only, the field is read again later. */
static bool date_in_line(struct reader_core *core, struct sheet *s, size_t at,
                         struct dated *ret) {
    struct line *line = &s->text.lines[at];
    struct read_line read;
    uint32_t chars[TEXT_CHARS_MAX];
    size_t from, to, count = 0;

    if (line->count < 5 || line->count > 60)
        return false;
    reading_transcribe(core, &s->text, line, &core->dates, &read);
    for (size_t i = 0; i < read.count; i++) /* dots are dirt here */
        if (read.chars[i].ch != '.')
            read.chars[count++] = read.chars[i];
    read.count = count;
    for (size_t i = 0; i < count; i++)
        chars[i] = read.chars[i].ch;
    if (!date_find(chars, read.count, &ret->date, &from, &to))
        return false;
    ret->line = at;
    ret->box = (struct box){0};
    ret->born = to < read.count && chars[to] == 0x751f;
    ret->kanji = false;
    for (size_t i = from; i < to; i++)
        ret->kanji |= chars[i] > 0x80;
    for (size_t i = from; i < to + ret->born; i++)
        ret->box = box_join(ret->box, read.chars[i].box);
    return true;
}

static int bottom_of(const struct sheet *s, enum label label, int otherwise) {
    const struct label_hit *h = labels_best(&s->labels, label);

    return h != NULL ? h->box.y1 : otherwise;
}

/* What says that a date is one of birth; the strongest sign on the page wins. */
enum birth_sign { BIRTH_NONE, BIRTH_ABOVE_PROOF, BIRTH_LABEL, BIRTH_BORN };

static enum birth_sign birth_sign(const struct sheet *s, size_t at, const struct dated *d,
                                  int proof) {
    if (d->born)
        return BIRTH_BORN;
    if (line_has(s, at, LABEL_BIRTH))
        return BIRTH_LABEL;
    return d->kanji && proof > 0 && s->text.lines[at].box.y1 < proof ? BIRTH_ABOVE_PROOF
                                                                     : BIRTH_NONE;
}

/* Lines that may hold a date: neither title nor the fine print of the foot. */
static void find_dates(struct reader_core *core, struct sheet *s,
                       struct located_cert *ret) {
    int proof = bottom_of(s, LABEL_PROOF, 0), title = bottom_of(s, LABEL_CERT_TITLE, 0);
    struct dated birth = {0}, issued = {0};
    enum birth_sign best = BIRTH_NONE;
    bool has_issued = false;

    for (size_t i = 0; i < s->text.count; i++) {
        struct line *line = &s->text.lines[i];
        enum birth_sign sign;
        struct dated d;

        if (line->box.y1 < title || line->em < mm(&s->page, 1.5) ||
            line->em > mm(&s->page, 7) || line_has(s, i, LABEL_CERT_NUMBER) ||
            !date_in_line(core, s, i, &d))
            continue;
        sign = birth_sign(s, i, &d, proof);
        if (sign > best) {
            birth = d;
            best = sign;
        } else if (!d.born && !has_issued && (proof == 0 || line->box.y0 > proof - 4)) {
            issued = d;
            has_issued = true;
        }
    }
    ret->has_birth = best != BIRTH_NONE;
    ret->birth = birth.box;
    if (!ret->has_birth) { /* dirt between its characters, perhaps: by its label */
        const struct label_hit *label = labels_best(&s->labels, LABEL_BIRTH);

        ret->has_birth = label != NULL && locate_value(s, label, &ret->birth);
    }
    ret->has_issued = has_issued;
    ret->issued = issued.box;
}

/* The part of a line right of the office or label that begins it. */
static bool after_office(const struct sheet *s, size_t at, struct box *ret) {
    const struct line *line = &s->text.lines[at];
    size_t from = 0;

    for (size_t i = 0; i < s->labels.count; i++) {
        const struct label_hit *h = &s->labels.hits[i];

        if (h->line == at && (h->label == LABEL_TITLE || h->label == LABEL_NAME) &&
            h->end > from)
            from = h->end;
    }
    *ret = (struct box){0};
    for (size_t i = from; i < line->count; i++)
        if (!is_dirt(&s->page, &line->atoms[i].box))
            *ret = box_join(*ret, line->atoms[i].box);
    return from > 0 && ret->x1 > ret->x0;
}

/* Is an atom of a line part of an office or a label? */
static bool in_office(const struct sheet *s, size_t at, size_t atom) {
    for (size_t i = 0; i < s->labels.count; i++) {
        const struct label_hit *h = &s->labels.hits[i];

        if (h->line == at && (h->label == LABEL_TITLE || h->label == LABEL_NAME) &&
            atom >= h->start && atom < h->end)
            return true;
    }
    return false;
}

/* The record's office, where it stands before the name: atoms up to its end. */
static size_t office_end(struct reader_core *core, struct sheet *s, struct line *line,
                         const struct located_want *want, size_t name_at) {
    struct aligned a = {0};

    if (want->title_count > 1)
        a = reading_place(core, &s->text, line, want->title, want->title_count);
    return a.found && a.mean > 0.7f && a.end <= name_at ? a.end : 0;
}

/* Nothing but an office or a label: no name. */
static bool is_office(struct reader_core *core, struct sheet *s, size_t at,
                      const struct located_want *want) {
    struct line *line = &s->text.lines[at];
    size_t end = office_end(core, s, line, want, line->count);

    for (size_t k = end; k < line->count; k++)
        if (!in_office(s, at, k) && !is_dirt(&s->page, &line->atoms[k].box))
            return false;
    return true;
}

/* `digits` of them at the end of a line, where no label leads to the number. */
static bool find_number(struct reader_core *core, struct sheet *s, size_t digits,
                        struct box *ret) {
    for (size_t i = 0; i < s->text.count; i++) {
        struct line *line = &s->text.lines[i];
        struct read_line read;
        struct box box = {0};

        if (line->count < digits || line->count > 60 || line->em < mm(&s->page, 1.5))
            continue;
        reading_transcribe(core, &s->text, line, &core->digits, &read);
        if (read.count < digits)
            continue;
        for (size_t k = read.count - digits; k < read.count; k++) {
            if (read.chars[k].score < 0.7f) /* read again later, at full resolution */
                break;
            box = box_join(box, read.chars[k].box);
            if (k + 1 == read.count) {
                *ret = box;
                return true;
            }
        }
    }
    return false;
}

bool locate_form_number(struct reader_core *core, struct sheet *s, struct box *ret) {
    return find_number(core, s, 13, ret);
}

/* What stands right of a name belongs to it: a wide gap makes two lines of one. */
static void extend_right(const struct sheet *s, struct box *name) {
    bool grown = true;

    while (grown) {
        grown = false;
        for (size_t i = 0; i < s->text.count; i++) {
            const struct line *line = &s->text.lines[i];
            int cy = (line->box.y0 + line->box.y1) / 2;

            if (cy <= name->y0 || cy >= name->y1 || line->box.x0 < name->x1 ||
                line->box.x0 - name->x1 > GAP_RIGHT * box_height(name))
                continue;
            *name = box_join(*name, line->box);
            grown = true;
        }
    }
}

/* 王千夏 in 昭和42年9月20日生: few strokes are like any others on the reduced page. */
static bool crosses(const struct aligned *a, const struct box *birth) {
    for (size_t i = 0; i < a->count; i++)
        if (a->box[i].x0 < birth->x1 && a->box[i].x1 > birth->x0 &&
            a->box[i].y0 < birth->y1 && a->box[i].y1 > birth->y0)
            return true;
    return false;
}

/* By content first: the line near the birth date that looks most like the name. */
static void find_name(struct reader_core *core, struct sheet *s,
                      const struct located_want *want, struct located_cert *ret) {
    int cy = (ret->birth.y0 + ret->birth.y1) / 2, far = mm(&s->page, NAME_FAR_MM);
    float best = 0.62f;
    int nearest = far;
    struct box box;

    if (!ret->has_birth)
        return;
    for (size_t i = 0; i < s->text.count; i++) {
        struct line *line = &s->text.lines[i];
        struct aligned a;
        size_t office;

        if (abs((line->box.y0 + line->box.y1) / 2 - cy) > far || line->count > 80)
            continue;
        a = reading_place(core, &s->text, line, want->name, want->name_count);
        if (!a.found || a.mean <= best || crosses(&a, &ret->birth))
            continue;
        best = a.mean;
        ret->has_name = ret->name_by_content = true;
        /* All that follows the name belongs to it too, as does what stands between it
         * and the office. */
        ret->name = (struct box){0};
        for (size_t k = a.start; k < line->count; k++)
            if (line->atoms[k].box.y1 < ret->birth.y0 ||
                line->atoms[k].box.x1 <= ret->birth.x0 ||
                line->atoms[k].box.y0 > ret->birth.y1)
                ret->name = box_join(ret->name, line->atoms[k].box);
        box = line->atoms[a.start].box;
        office = office_end(core, s, line, want, a.start);
        for (size_t k = a.start; k-- > office;) { /* a character more before it, if any */
            if (box.x0 - line->atoms[k].box.x1 > line->em * 0.38 || in_office(s, i, k) ||
                abs(box.x0 - ret->birth.x0) < line->em * 0.5)
                break;
            box = box_join(box, line->atoms[k].box);
        }
        ret->name = box_join(ret->name, box);
    }
    for (size_t i = 0; i < s->text.count && !ret->has_name; i++) {
        const struct line *line = &s->text.lines[i];
        int gap = ret->birth.y0 - line->box.y1;

        if (gap < -3 || gap >= nearest || line->box.x1 < ret->birth.x0 ||
            is_office(core, s, i, want))
            continue;
        if (!after_office(s, i, &box)) { /* what stands above the birth date */
            box = (struct box){0};
            for (size_t k = 0; k < line->count; k++)
                if (line->atoms[k].box.x0 > ret->birth.x0 - 2 * (int)line->em &&
                    !is_dirt(&s->page, &line->atoms[k].box))
                    box = box_join(box, line->atoms[k].box);
        }
        if (box.x1 <= box.x0 || box_width(&box) < mm(&s->page, 5))
            continue;
        nearest = gap;
        ret->name = box;
    }
    ret->has_name |= nearest < far;
    if (ret->has_name)
        extend_right(s, &ret->name);
}

size_t locate_cert_names(struct reader_core *core, struct sheet *s,
                         const struct located_want *want, const struct located_cert *at,
                         struct box *names, size_t max) {
    int cy = (at->birth.y0 + at->birth.y1) / 2, far = mm(&s->page, NAME_FAR_MM);
    int proof = bottom_of(s, LABEL_PROOF, s->page.ink.height);
    size_t count = 0;

    for (size_t i = 0; at->has_birth && i < s->text.count && count < max; i++) {
        struct line *line = &s->text.lines[i];
        size_t from;

        if (abs((line->box.y0 + line->box.y1) / 2 - cy) > far || line->box.y1 >= proof ||
            line->count > 80 ||
            (line->box.y0 < at->birth.y1 && line->box.y1 > at->birth.y0) ||
            is_office(core, s, i, want))
            continue;
        if (!after_office(s, i, &names[count])) {
            names[count] = (struct box){0};
            from = office_end(core, s, line, want, line->count);
            for (size_t k = from; k < line->count; k++)
                if (!is_dirt(&s->page, &line->atoms[k].box))
                    names[count] = box_join(names[count], line->atoms[k].box);
        }
        if (box_width(&names[count]) < mm(&s->page, 5))
            continue;
        extend_right(s, &names[count]);
        count++;
    }
    return count;
}

void locate_cert_name(struct reader_core *core, struct sheet *s,
                      const struct located_want *want, struct located_cert *at) {
    find_name(core, s, want, at);
}

void locate_cert(struct reader_core *core, struct sheet *s,
                 const struct located_want *want, struct located_cert *ret) {
    const struct label_hit *number = labels_best(&s->labels, LABEL_CERT_NUMBER);

    *ret = (struct located_cert){0};
    ret->has_number = (number != NULL && locate_value(s, number, &ret->number)) ||
                      find_number(core, s, 12, &ret->number);
    find_dates(core, s, ret);
    find_name(core, s, want, ret);
}

/* ---- frames */

static bool rule_near(const struct rule *rules, size_t count, int at, int from, int to,
                      int slack) {
    int covered = 0;

    for (size_t i = 0; i < count; i++)
        if (rules[i].first <= at + slack && rules[i].last >= at - slack)
            covered += int_max(0, int_min(to, rules[i].to) -
                                      int_max(from, rules[i].from));
    return covered * 10 >= (to - from) * 6;
}

/* Cells of a table look like one frame from outside. */
static bool is_divided(const struct page *page, struct box frame) {
    int w = box_width(&frame), h = box_height(&frame);

    for (size_t i = 0; i < page->across_count; i++) {
        const struct rule *r = &page->across[i];

        if (r->first > frame.y0 + h / 10 && r->last < frame.y1 - h / 10 &&
            int_min(r->to, frame.x1) - int_max(r->from, frame.x0) > w * 6 / 10)
            return true;
    }
    for (size_t i = 0; i < page->down_count; i++) {
        const struct rule *r = &page->down[i];

        if (r->first > frame.x0 + w / 10 && r->last < frame.x1 - w / 10 &&
            int_min(r->to, frame.y1) - int_max(r->from, frame.y0) > h * 6 / 10)
            return true;
    }
    return false;
}

size_t locate_frames(const struct page *page, double min_mm, double max_mm,
                     struct box *frames, size_t max) {
    int lo = mm(page, min_mm), hi = mm(page, max_mm), slack = mm(page, 1.5);
    size_t count = 0;

    for (size_t i = 0; i < page->down_count; i++) {
        for (size_t j = 0; j < page->down_count && count < max; j++) {
            const struct rule *l = &page->down[i], *r = &page->down[j];
            int w = r->first - l->last, top = int_max(l->from, r->from);
            int bottom = int_min(l->to, r->to), h = bottom - top;

            if (w < lo || w > hi || h < lo || h > hi || w * 2 < h || h * 2 < w ||
                abs(l->from - r->from) > 4 * slack || abs(l->to - r->to) > 4 * slack)
                continue;
            if (!rule_near(page->across, page->across_count, top, l->last, r->first,
                           2 * slack) ||
                !rule_near(page->across, page->across_count, bottom, l->last, r->first,
                           2 * slack))
                continue;
            if (!is_divided(page, (struct box){l->last, top, r->first, bottom}))
                frames[count++] = (struct box){l->last + 1, top, r->first, bottom};
        }
    }
    return count;
}
