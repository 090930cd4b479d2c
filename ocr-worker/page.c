#include "ocr-worker/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REDUCED_DPI 150
#define BLOCK 16 /* pixels of the reduced page to one cell of the background */

/* ---- reduction */

void reduced_free(struct reduced *r) {
    plane_free(&r->tone);
    plane_free(&r->cr);
    plane_free(&r->cb);
}

__attribute__((optimize("O3"))) static void halve_rows(const uint8_t *a, const uint8_t *b,
                                                        uint8_t *out, int count) {
    for (int x = 0; x < count; x++)
        out[x] = (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2);
}

static bool shrink_plane(const struct plane *from, int w, int h, struct plane *to) {
    if (!plane_new(to, w, h))
        return false;
    if (w == from->width && h == from->height) {
        memcpy(to->px, from->px, (size_t)w * (size_t)h);
        return true;
    }
    for (int y = 0; y < h; y++) {
        int y0 = (int)((int64_t)y * from->height / h);
        int y1 = int_max(y0 + 1, (int)((int64_t)(y + 1) * from->height / h));
        uint8_t *out = plane_row(to, y);

        if (w * 2 == from->width && y1 == y0 + 2) { /* the common case */
            halve_rows(plane_row(from, y0), plane_row(from, y0 + 1), out, w);
            continue;
        }
        for (int x = 0; x < w; x++) {
            int x0 = (int)((int64_t)x * from->width / w);
            int x1 = int_max(x0 + 1, (int)((int64_t)(x + 1) * from->width / w));
            int sum = 0;

            for (int v = y0; v < y1; v++)
                for (int u = x0; u < x1; u++)
                    sum += plane_at(from, u, v);
            out[x] = (uint8_t)(sum / ((y1 - y0) * (x1 - x0)));
        }
    }
    return true;
}

bool page_reduce(const struct raster *raster, struct reduced *ret) {
    struct reduced r = {0};
    int w, h;

    r.factor = int_max(1, (raster->dpi + REDUCED_DPI / 3) / REDUCED_DPI);
    w = raster->y.width / r.factor;
    h = raster->y.height / r.factor;
    if (!shrink_plane(&raster->y, w, h, &r.tone))
        goto bad;
    if (raster->cr.px != NULL) {
        if (!shrink_plane(&raster->cr, w, h, &r.cr) ||
            !shrink_plane(&raster->cb, w, h, &r.cb))
            goto bad;
        for (size_t i = 0, n = (size_t)w * (size_t)h; i < n; i++) {
            int red = r.tone.px[i] + ((359 * (r.cr.px[i] - 128)) >> 8);

            r.tone.px[i] = (uint8_t)int_max(0, int_min(255, red));
        }
    }
    *ret = r;
    return true;
bad:
    reduced_free(&r);
    return false;
}

/* ---- ink */

static uint8_t block_paper(const struct plane *tone, int bx, int by) {
    uint16_t bins[64] = {0};
    int count = 0, sum = 0;

    for (int y = by * BLOCK; y < int_min(tone->height, (by + 1) * BLOCK); y += 2) {
        const uint8_t *row = plane_row(tone, y);

        for (int x = bx * BLOCK; x < int_min(tone->width, (bx + 1) * BLOCK); x += 2) {
            bins[row[x] >> 2]++;
            count++;
        }
    }
    for (int v = 63; v >= 0; v--) {
        sum += bins[v];
        if (sum * 4 > count) /* the 75th percentile */
            return (uint8_t)(v * 4 + 3);
    }
    return 255;
}

/* Blocks that are ink for the most part take their paper from the neighbours. */
static void spread_paper(struct plane *grid, uint8_t common) {
    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < grid->height; y++) {
            uint8_t *row = plane_row(grid, y);

            for (int x = 0; x < grid->width; x++) {
                int best = row[x];

                for (int d = 0; d < 4; d++) {
                    int u = x + (d == 0) - (d == 1), v = y + (d == 2) - (d == 3);

                    if (u >= 0 && v >= 0 && u < grid->width && v < grid->height)
                        best = int_max(best, plane_at(grid, u, v));
                }
                if (row[x] < common * 7 / 10)
                    row[x] = (uint8_t)best;
            }
        }
    }
}

/* (back - in) * 255 / span, cut to a byte. The quotient of numbers this small rounds down as
 * a float as it does whole, and many are divided at once. */
__attribute__((optimize("O3"))) static void block_ink(const struct plane *tone, int bx,
                                                       int by, int back, int black,
                                                       struct plane *ret) {
    const float span = (float)int_max(40, back - black);
    int x0 = bx * BLOCK, n = int_min(BLOCK, tone->width - x0);

    for (int y = by * BLOCK; y < int_min(tone->height, (by + 1) * BLOCK); y++) {
        const uint8_t *in = plane_row(tone, y) + x0;
        uint8_t *out = plane_row(ret, y) + x0;

        for (int x = 0; x < n; x++) {
            int v = (int)((float)((back - in[x]) * 255) / span);

            out[x] = (uint8_t)int_max(0, int_min(255, v));
        }
    }
}

bool page_ink(const struct plane *tone, struct plane *ret, uint8_t *ret_paper,
              uint8_t *ret_black) {
    struct plane grid;
    int gw = (tone->width + BLOCK - 1) / BLOCK, gh = (tone->height + BLOCK - 1) / BLOCK;
    uint8_t black = plane_quantile(tone, 4), paper = plane_quantile(tone, 600);

    if (!plane_new(ret, tone->width, tone->height))
        return false;
    if (!plane_new(&grid, gw, gh)) {
        plane_free(ret);
        return false;
    }
    if (black > paper * 6 / 10) /* a blank page: its noise is not ink */
        black = (uint8_t)(paper * 3 / 10);
    for (int y = 0; y < gh; y++)
        for (int x = 0; x < gw; x++)
            plane_row(&grid, y)[x] = block_paper(tone, x, y);
    spread_paper(&grid, paper);
    for (int by = 0; by < gh; by++)
        for (int bx = 0; bx < gw; bx++)
            block_ink(tone, bx, by, plane_at(&grid, bx, by), black, ret);
    plane_free(&grid);
    *ret_paper = paper;
    *ret_black = black;
    return true;
}

/* ---- building */

/* From the upright reduced page to the reduced one as it lies. */
static struct affine upright_map(int w, int h, int turn, double skew) {
    double angle = skew * M_PI / 180, c = cos(angle), s = sin(angle);
    int up_w = turn % 180 == 0 ? w : h, up_h = turn % 180 == 0 ? h : w;
    struct affine centre = {1, 0, -(up_w - 1) / 2.0, 0, 1, -(up_h - 1) / 2.0};
    struct affine level = {c, -s, 0, s, c, 0}, back = {1, 0, (w - 1) / 2.0, 0, 1,
                                                       (h - 1) / 2.0};
    struct affine quarter = affine_identity(), m;

    if (turn == 90)
        quarter = (struct affine){0, -1, 0, 1, 0, 0};
    else if (turn == 180)
        quarter = (struct affine){-1, 0, 0, 0, -1, 0};
    else if (turn == 270)
        quarter = (struct affine){0, 1, 0, -1, 0, 0};
    m = affine_then(&centre, &level);
    m = affine_then(&m, &quarter);
    return affine_then(&m, &back);
}

/* The commonest level, and what lies about it, in hundredths: the paper's. */
static int paper_level(const struct plane *p) {
    uint32_t bins[256] = {0}, count = 0;
    uint64_t sum = 0;
    int middle = 128;

    for (size_t i = 0, n = (size_t)p->width * (size_t)p->height; i < n; i += 37)
        bins[p->px[i]]++;
    for (int v = 0; v < 256; v++)
        if (bins[v] > bins[middle])
            middle = v;
    for (int v = int_max(0, middle - 4); v <= int_min(255, middle + 4); v++) {
        count += bins[v];
        sum += (uint64_t)bins[v] * (uint64_t)v * 100;
    }
    return count > 0 ? (int)(sum / count) : 12800;
}

/* A lamp that casts red on everything makes no paper a seal; one that casts blue must not
 * make black ink red beside it. */
static bool build_red(const struct reduced *r, const struct affine *map,
                      struct page *page) {
    struct plane up;
    int neutral;

    page->cb = page->cr = 12800;
    if (r->cr.px == NULL)
        return true;
    page->cb = paper_level(&r->cb);
    page->cr = paper_level(&r->cr);
    neutral = int_max(128, (page->cr + 50) / 100);
    if (!plane_new(&page->red, page->ink.width, page->ink.height))
        return false;
    up = page->red;
    plane_warp(&r->cr, map, 128, &up);
    for (size_t i = 0, n = (size_t)up.width * (size_t)up.height; i < n; i++)
        up.px[i] = (uint8_t)int_max(0, int_min(255, 2 * (up.px[i] - neutral)));
    return true;
}

bool page_build(const struct raster *raster, const struct reduced *r, int turn,
                double skew, struct page *page) {
    int w = r->tone.width, h = r->tone.height;
    struct affine map = upright_map(w, h, turn, skew), grow;
    double f = r->factor, off = (r->factor - 1) / 2.0;
    struct plane tone;
    bool good;

    memset(page, 0, sizeof *page);
    page->raster = raster;
    page->level = PAGE_INK_LEVEL;
    page->reduce = r->factor;
    page->dpi = int_max(1, raster->dpi / r->factor);
    page->turn = turn;
    page->skew = skew;
    grow = (struct affine){f, 0, off, 0, f, off};
    page->to_raster = affine_then(&map, &grow);
    if (!plane_new(&tone, turn % 180 == 0 ? w : h, turn % 180 == 0 ? h : w))
        return false;
    plane_warp(&r->tone, &map, 255, &tone);
    good = page_ink(&tone, &page->ink, &page->paper, &page->black);
    plane_free(&tone);
    good = good && build_red(r, &map, page) && layout_find(page);
    if (!good)
        page_free(page);
    return good;
}

void page_free(struct page *page) {
    plane_free(&page->ink);
    plane_free(&page->red);
    plane_free(&page->bits);
    free(page->blobs);
    page->blobs = NULL;
    page->blob_count = 0;
}

/* ---- cutting */

/* The red channel of the raster at `map`; luma where it is gray. */
static void cut_tone(const struct raster *raster, const struct affine *map,
                     struct plane *tone, struct plane *cr) {
    double sx, sy;
    struct affine half, to_cr;

    plane_warp(&raster->y, map, 255, tone);
    if (raster->cr.px == NULL)
        return;
    sx = (double)raster->cr.width / raster->y.width;
    sy = (double)raster->cr.height / raster->y.height;
    half = (struct affine){sx, 0, (sx - 1) / 2, 0, sy, (sy - 1) / 2};
    to_cr = affine_then(map, &half);
    plane_warp(&raster->cr, &to_cr, 128, cr);
    for (size_t i = 0, n = (size_t)tone->width * (size_t)tone->height; i < n; i++) {
        int red = tone->px[i] + ((359 * (cr->px[i] - 128)) >> 8);

        tone->px[i] = (uint8_t)int_max(0, int_min(255, red));
    }
}

bool page_cut(const struct page *page, struct box box, int margin, struct page *cut) {
    double f = page->reduce;
    struct affine grow;
    struct plane tone = {0}, cr = {0};
    bool good;
    int w, h;

    memset(cut, 0, sizeof *cut);
    box = box_clip((struct box){box.x0 - margin, box.y0 - margin, box.x1 + margin,
                                box.y1 + margin},
                   page->ink.width, page->ink.height);
    w = box_width(&box) * page->reduce;
    h = box_height(&box) * page->reduce;
    cut->raster = page->raster;
    cut->level = PAGE_INK_LEVEL_CUT;
    cut->reduce = 1;
    cut->dpi = page->dpi * page->reduce;
    cut->turn = page->turn;
    cut->skew = page->skew;
    grow = (struct affine){1 / f, 0, box.x0 + (1 / f - 1) / 2,
                           0, 1 / f, box.y0 + (1 / f - 1) / 2};
    cut->to_raster = affine_then(&grow, &page->to_raster);
    good = plane_new(&tone, w, h) && plane_new(&cr, w, h);
    if (good) {
        cut_tone(page->raster, &cut->to_raster, &tone, &cr);
        good = page_ink(&tone, &cut->ink, &cut->paper, &cut->black);
    }
    plane_free(&tone);
    plane_free(&cr);
    good = good && layout_find(cut);
    if (!good)
        page_free(cut);
    return good;
}
