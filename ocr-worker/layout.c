#include <stdlib.h>
#include <string.h>

#include "ocr-worker/page.h"

/* Rules first: runs longer than a big character, thin across. They are taken out of
 * the text; what remains falls into connected pieces. */

#define RULE_MM 9
#define THICK_MM 1.2

/* ---- rules */

static void rule_add(struct rule *rules, size_t *count, int from, int to, int at) {
    for (size_t i = *count; i-- > 0;) {
        struct rule *r = &rules[i];

        if (at - r->last > 6)
            break;
        if (from <= r->to + 12 && to >= r->from - 12) { /* the same, a row further */
            r->from = int_min(r->from, from);
            r->to = int_max(r->to, to);
            r->last = at;
            return;
        }
    }
    if (*count < PAGE_RULES_MAX)
        rules[(*count)++] = (struct rule){from, to, at, at};
}

/* `deep`: how far the ink goes on across, from (x, y) both ways. */
static int deep_at(const struct page *page, int x, int y, bool down, int max) {
    const struct plane *ink = &page->ink;
    int n = 1;

    for (int side = -1; side <= 1; side += 2) {
        for (int k = 1; k <= max; k++) {
            int u = down ? x + side * k : x, v = down ? y : y + side * k;

            if (u < 0 || v < 0 || u >= ink->width || v >= ink->height ||
                plane_at(ink, u, v) <= page->level)
                break;
            n++;
        }
    }
    return n;
}

/* A run of ink along a line that is thin in most places is a rule: mark it. */
static void take_run(struct page *page, int line, int from, int to, bool down,
                     int thick) {
    int thin = 0, tried = 0;

    for (int k = from; k < to; k += 4, tried++)
        thin += deep_at(page, down ? line : k, down ? k : line, down, thick) <=
                thick;
    if (thin * 3 < tried * 2)
        return;
    if (down)
        rule_add(page->down, &page->down_count, from, to, line);
    else
        rule_add(page->across, &page->across_count, from, to, line);
    for (int k = from; k < to; k++) {
        uint8_t *bit = plane_row(&page->bits, down ? k : line) + (down ? line : k);

        if (deep_at(page, down ? line : k, down ? k : line, down, thick) <=
            thick + 1)
            *bit = PAGE_BIT_RULE;
    }
}

static void find_rules(struct page *page, bool down) {
    int lines = down ? page->ink.width : page->ink.height;
    int count = down ? page->ink.height : page->ink.width;
    int long_min = page->dpi * RULE_MM * 10 / 254;
    int thick = int_max(3, (int)(page->dpi * THICK_MM / 25.4));
    size_t step = down ? (size_t)page->ink.width : 1;

    for (int line = 0; line < lines; line++) {
        const uint8_t *at = page->ink.px + (down ? (size_t)line
                                                 : (size_t)line * (size_t)count);
        int from = -1;

        for (int k = 0; k <= count; k++) {
            bool ink = k < count && at[(size_t)k * step] > page->level;

            if (ink && from < 0)
                from = k;
            if (!ink && from >= 0) {
                if (k - from >= long_min)
                    take_run(page, line, from, k, down, thick);
                from = -1;
            }
        }
    }
}

/* What a rule left behind where it wavers or fades: thin ink along it. */
static void sweep_rule(struct page *page, const struct rule *r, bool down, int thick) {
    int limit = down ? page->ink.width : page->ink.height;
    int length = down ? page->ink.height : page->ink.width;

    for (int at = int_max(0, r->first - 3); at < int_min(limit, r->last + 4); at++) {
        for (int k = int_max(0, r->from - 6); k < int_min(length, r->to + 6); k++) {
            int x = down ? at : k, y = down ? k : at;
            uint8_t *bit = plane_row(&page->bits, y) + x;

            if (*bit == PAGE_BIT_TEXT && deep_at(page, x, y, down, thick) <= thick)
                *bit = PAGE_BIT_RULE;
        }
    }
}

static void sweep_rules(struct page *page) {
    int thick = int_max(3, (int)(page->dpi * THICK_MM / 25.4));

    for (size_t i = 0; i < page->across_count; i++)
        sweep_rule(page, &page->across[i], false, thick);
    for (size_t i = 0; i < page->down_count; i++)
        sweep_rule(page, &page->down[i], true, thick);
}

/* ---- connected pieces */

struct run {
    int x0, x1, y;
    int label;
};

struct labels {
    struct run *runs;
    size_t run_count, run_max;
    int *parent;
    int count;
};

static int root(struct labels *l, int at) {
    while (l->parent[at] != at) {
        l->parent[at] = l->parent[l->parent[at]];
        at = l->parent[at];
    }
    return at;
}

static bool run_add(struct labels *l, int x0, int x1, int y) {
    if (l->run_count == l->run_max) {
        size_t max = l->run_max * 2 + 8192;
        struct run *runs = realloc(l->runs, max * sizeof *runs);
        int *parent;

        if (runs == NULL)
            return false;
        l->runs = runs;
        parent = realloc(l->parent, max * sizeof *parent);
        if (parent == NULL)
            return false;
        l->parent = parent;
        l->run_max = max;
    }
    l->parent[l->run_count] = (int)l->run_count;
    l->runs[l->run_count] = (struct run){x0, x1, y, (int)l->run_count};
    l->run_count++;
    return true;
}

static bool runs_of_row(struct labels *l, const uint8_t *bits, int width, int y) {
    for (int x = 0; x < width;) {
        int from;

        if (bits[x] != PAGE_BIT_TEXT) {
            const uint8_t *next = memchr(bits + x, PAGE_BIT_TEXT, (size_t)(width - x));

            if (next == NULL)
                return true;
            x = (int)(next - bits);
        }
        from = x;
        while (x < width && bits[x] == PAGE_BIT_TEXT)
            x++;
        if (!run_add(l, from, x, y))
            return false;
    }
    return true;
}

/* Join runs of two neighbouring rows that touch, corners too. */
static void join_rows(struct labels *l, size_t above, size_t above_end, size_t end) {
    size_t i = above, j = above_end;

    while (i < above_end && j < end) {
        struct run *p = &l->runs[i], *q = &l->runs[j];

        if (p->x0 <= q->x1 && q->x0 <= p->x1) {
            int a = root(l, (int)i), b = root(l, (int)j);

            if (a != b)
                l->parent[int_max(a, b)] = int_min(a, b);
        }
        if (p->x1 < q->x1)
            i++;
        else
            j++;
    }
}

static int by_x(const void *a, const void *b) {
    const struct blob *p = a, *q = b;

    if (p->box.x0 != q->box.x0)
        return p->box.x0 < q->box.x0 ? -1 : 1;
    return (p->box.y0 > q->box.y0) - (p->box.y0 < q->box.y0);
}

static bool blobs_of(struct page *page, struct labels *l) {
    int *index = calloc(l->run_count + 1, sizeof *index);
    size_t count = 0;

    if (index == NULL)
        return false;
    for (size_t i = 0; i < l->run_count; i++)
        if (root(l, (int)i) == (int)i)
            index[i] = (int)count++;
    page->blobs = calloc(count + 1, sizeof *page->blobs);
    if (page->blobs == NULL) {
        free(index);
        return false;
    }
    for (size_t i = 0; i < l->run_count; i++) {
        struct run *r = &l->runs[i];
        struct blob *b = &page->blobs[index[root(l, (int)i)]];

        b->box = box_join(b->box, (struct box){r->x0, r->y, r->x1, r->y + 1});
        b->area += r->x1 - r->x0;
    }
    free(index);
    qsort(page->blobs, count, sizeof *page->blobs, by_x);
    page->blob_count = count < PAGE_BLOBS_MAX ? count : PAGE_BLOBS_MAX;
    return true;
}

static bool lies_on(const struct rule *rules, size_t count, int from, int to, int first,
                    int last) {
    for (size_t i = 0; i < count; i++)
        if (first >= rules[i].first - 4 && last <= rules[i].last + 4 &&
            to > rules[i].from - 4 && from < rules[i].to + 4)
            return true;
    return false;
}

/* Crumbs of rules are no text: they would tie one row to the next. */
static void drop_crumbs(struct page *page) {
    size_t kept = 0;

    for (size_t i = 0; i < page->blob_count; i++) {
        const struct box *b = &page->blobs[i].box;

        if (!lies_on(page->across, page->across_count, b->x0, b->x1 - 1, b->y0,
                     b->y1 - 1) &&
            !lies_on(page->down, page->down_count, b->y0, b->y1 - 1, b->x0, b->x1 - 1))
            page->blobs[kept++] = page->blobs[i];
    }
    page->blob_count = kept;
}

static bool find_blobs(struct page *page) {
    struct labels l = {0};
    size_t above = 0, above_end = 0;
    bool good = true;

    for (int y = 0; y < page->bits.height && good; y++) {
        good = runs_of_row(&l, plane_row(&page->bits, y), page->bits.width, y);
        if (good && y > 0)
            join_rows(&l, above, above_end, l.run_count);
        above = above_end;
        above_end = l.run_count;
    }
    good = good && blobs_of(page, &l);
    free(l.runs);
    free(l.parent);
    return good;
}

bool layout_find(struct page *page) {
    if (!plane_new(&page->bits, page->ink.width, page->ink.height))
        return false;
    for (size_t i = 0, n = (size_t)page->ink.width * (size_t)page->ink.height; i < n; i++)
        page->bits.px[i] = page->ink.px[i] > page->level;
    find_rules(page, false);
    find_rules(page, true);
    sweep_rules(page);
    if (!find_blobs(page))
        return false;
    drop_crumbs(page);
    return true;
}
