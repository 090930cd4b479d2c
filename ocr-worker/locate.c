#include "ocr-worker/locate.h"

#include <stdlib.h>

#include "ocr-worker/date.h"
#include "ocr-worker/variant.h"

#define BAND_EM 1.15 /* half a row's height where no rules bound it */
#define VALUE_FAR_MM 60

static int mm(const struct page *page, double millimetres) {
    return (int)(page->dpi * millimetres / 25.4);
}

/* ---- a form's value */

/* The row of a label: between the rules above and below it, or some heights. */
static void row_of(const struct page *page, const struct box *label, int *top,
                   int *bottom) {
    int cy = (label->y0 + label->y1) / 2, cx = (label->x0 + label->x1) / 2;
    int em = box_height(label);

    *top = cy - (int)(BAND_EM * em) - 2;
    *bottom = cy + (int)(BAND_EM * em) + 2;
    for (size_t i = 0; i < page->across_count; i++) {
        const struct rule *r = &page->across[i];

        if (r->from > cx || r->to < cx)
            continue;
        if (r->last < label->y0 && r->last + 1 > *top)
            *top = r->last + 1;
        if (r->first > label->y1 && r->first - 1 < *bottom)
            *bottom = r->first - 1;
    }
}

static bool is_dirt(const struct page *page, const struct box *b) {
    return int_max(box_width(b), box_height(b)) < int_max(3, mm(page, 0.55));
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
        if (box.x1 > 0 && b->x0 - right > mm(page, 25)) /* another field */
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

bool locate_value(const struct sheet *s, const struct label_hit *label, struct box *ret) {
    const struct page *page = &s->page;
    int top, bottom, start = label->box.x1 + box_height(&label->box) / 3;
    int end, cy = (label->box.y0 + label->box.y1) / 2;
    struct box region;

    row_of(page, &label->box, &top, &bottom);
    for (size_t i = 0; i < page->down_count; i++) { /* the rule between both */
        const struct rule *r = &page->down[i];

        if (r->from < cy && r->to > cy && r->first > label->box.x1 &&
            r->first < label->box.x1 + mm(page, VALUE_FAR_MM)) {
            start = r->last + 1;
            break;
        }
    }
    end = value_end(s, label, top, bottom);
    region = (struct box){start, top, end, bottom};
    if (ink_in(page, region, ret))
        return true;
    region = (struct box){label->box.x1 + 2, top, end, bottom};
    if (ink_in(page, region, ret))
        return true;
    region = (struct box){label->box.x0 - mm(page, 8), label->box.y1 + 2,
                          label->box.x0 + mm(page, 90),
                          label->box.y1 + 3 * box_height(&label->box) + 4};
    return ink_in(page, region, ret);
}

static bool line_has(const struct sheet *s, size_t line, enum label label) {
    for (size_t i = 0; i < s->labels.count; i++)
        if (s->labels.hits[i].label == label && s->labels.hits[i].line == line)
            return true;
    return false;
}

/* Of several: the one whose row stands nearest above the birth date's. */
const struct label_hit *locate_form_label(const struct sheet *s, enum label label) {
    const struct label_hit *birth = labels_best(&s->labels, LABEL_BIRTH), *best = NULL;
    int best_far = 0;

    for (size_t i = 0; i < s->labels.count; i++) {
        const struct label_hit *h = &s->labels.hits[i];
        struct box value;
        int far;

        if (h->label != label || line_has(s, h->line, LABEL_CERT_NUMBER) ||
            (label == LABEL_NAME && line_has(s, h->line, LABEL_KANA)) ||
            !locate_value(s, h, &value))
            continue;
        far = birth == NULL ? h->box.y0 : abs(birth->box.y0 - h->box.y0);
        if (best == NULL || far < best_far) {
            best = h;
            best_far = far;
        }
    }
    return best;
}

/* ---- a certificate */

struct dated {
    size_t line;
    struct box box;
    bool born; /* 生 follows */
    struct date date;
    bool era;
};

/* A date in a line of the page: coarse only, the field is read again later. */
static bool date_in_line(struct reader_core *core, struct sheet *s, size_t at,
                         struct dated *ret) {
    struct line *line = &s->text.lines[at];
    struct read_line read;
    uint32_t chars[TEXT_CHARS_MAX];
    size_t from, to;

    if (line->count < 5 || line->count > 60)
        return false;
    reading_transcribe(core, &s->text, line, &core->dates, &read);
    for (size_t i = 0; i < read.count; i++)
        chars[i] = read.chars[i].ch;
    if (!date_find(chars, read.count, &ret->date, &from, &to))
        return false;
    ret->line = at;
    ret->box = (struct box){0};
    ret->born = to < read.count && chars[to] == 0x751f;
    ret->era = chars[from] > 0x80;
    for (size_t i = from; i < to + ret->born; i++)
        ret->box = box_join(ret->box, read.chars[i].box);
    return true;
}

static int bottom_of(const struct sheet *s, enum label label, int otherwise) {
    const struct label_hit *h = labels_best(&s->labels, label);

    return h != NULL ? h->box.y1 : otherwise;
}

/* Lines that may hold a date: neither title nor the fine print of the foot. */
static void find_dates(struct reader_core *core, struct sheet *s,
                       struct located_cert *ret) {
    int proof = bottom_of(s, LABEL_PROOF, 0), title = bottom_of(s, LABEL_CERT_TITLE, 0);
    struct dated birth = {0}, issued = {0};
    bool has_birth = false, has_issued = false;

    for (size_t i = 0; i < s->text.count; i++) {
        struct line *line = &s->text.lines[i];
        struct dated d;

        if (line->box.y1 < title || line->em < mm(&s->page, 1.5) ||
            line->em > mm(&s->page, 7) || !date_in_line(core, s, i, &d))
            continue;
        if (d.born && !has_birth) {
            birth = d;
            has_birth = true;
        } else if (!d.born && line_has(s, i, LABEL_BIRTH) && !has_birth) {
            birth = d;
            has_birth = true;
        } else if (!d.born && !has_issued && (proof == 0 || line->box.y0 > proof - 4)) {
            issued = d;
            has_issued = true;
        } else if (!d.born && !has_birth && proof > 0 && line->box.y1 < proof) {
            birth = d;
            has_birth = true;
        }
    }
    ret->has_birth = has_birth;
    ret->birth = birth.box;
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

/* By content first: the line near the birth date that looks most like the name. */
static void find_name(struct reader_core *core, struct sheet *s, const uint32_t *name,
                      size_t count, struct located_cert *ret) {
    int cy = (ret->birth.y0 + ret->birth.y1) / 2, far = mm(&s->page, 22);
    float best = 0.62f;
    int nearest = far;
    struct box box;

    if (!ret->has_birth)
        return;
    for (size_t i = 0; i < s->text.count; i++) {
        struct line *line = &s->text.lines[i];
        struct aligned a;

        if (abs((line->box.y0 + line->box.y1) / 2 - cy) > far || line->count > 80)
            continue;
        a = reading_place(core, &s->text, line, name, count);
        if (!a.found || a.mean <= best)
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
        if (after_office(s, i, &box) && box.x0 < ret->name.x0)
            ret->name = box_join(ret->name, box);
    }
    for (size_t i = 0; i < s->text.count && !ret->has_name; i++) {
        const struct line *line = &s->text.lines[i];
        int gap = ret->birth.y0 - line->box.y1;

        if (gap < -3 || gap >= nearest || line->box.x1 < ret->birth.x0)
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
}

void locate_cert(struct reader_core *core, struct sheet *s, const uint32_t *name,
                 size_t count, struct located_cert *ret) {
    const struct label_hit *number = labels_best(&s->labels, LABEL_CERT_NUMBER);

    *ret = (struct located_cert){0};
    ret->has_number = number != NULL && locate_value(s, number, &ret->number);
    find_dates(core, s, ret);
    find_name(core, s, name, count, ret);
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
            frames[count++] = (struct box){l->last + 1, top, r->first, bottom};
        }
    }
    return count;
}
