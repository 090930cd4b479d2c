#include "ocr-worker/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool plane_new(struct plane *plane, int width, int height) {
    plane->px = NULL;
    if (width < 1 || height < 1 || width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX ||
        (size_t)width * (size_t)height > IMAGE_PIXELS_MAX)
        return false;
    plane->width = width;
    plane->height = height;
    plane->px = malloc((size_t)width * (size_t)height);
    return plane->px != NULL;
}

void plane_free(struct plane *plane) {
    free(plane->px);
    plane->px = NULL;
}

uint8_t plane_sample(const struct plane *p, double x, double y, uint8_t outside) {
    int x0 = (int)floor(x), y0 = (int)floor(y);
    int fx = (int)((x - x0) * 256), fy = (int)((y - y0) * 256);
    const uint8_t *row;
    int top, low;

    if (x0 < 0 || y0 < 0 || x0 + 1 >= p->width || y0 + 1 >= p->height)
        return outside;
    row = plane_row(p, y0) + x0;
    top = row[0] * (256 - fx) + row[1] * fx;
    row += p->width;
    low = row[0] * (256 - fx) + row[1] * fx;
    return (uint8_t)((top * (256 - fy) + low * fy) >> 16);
}

/* Where a row of a warp is, in 16.16 fixed point: the map is affine, so steps are constant,
 * and what lies inside of the plane is one run. */
struct walk {
    int64_t x, y, step_x, step_y;
};

static bool is_inside(const struct plane *from, const struct walk *at, int i) {
    int64_t x = (at->x + i * at->step_x) >> 16, y = (at->y + i * at->step_y) >> 16;

    return x >= 0 && y >= 0 && x + 1 < from->width && y + 1 < from->height;
}

/* Inside of the plane, whose sides (IMAGE_SIDE_MAX) fit 15 bits. */
static void warp_run(const struct plane *from, struct walk at, uint8_t *out, int count) {
    const size_t w = (size_t)from->width;
    int32_t x = (int32_t)at.x, y = (int32_t)at.y;
    const int32_t step_x = (int32_t)at.step_x, step_y = (int32_t)at.step_y;

    for (int i = 0; i < count; i++) {
        const uint8_t *row = from->px + (size_t)(y >> 16) * w + (size_t)(x >> 16);
        int fx = (x >> 8) & 255, fy = (y >> 8) & 255;
        int top = (row[0] << 8) + (row[1] - row[0]) * fx;
        int low = (row[w] << 8) + (row[w + 1] - row[w]) * fx;

        out[i] = (uint8_t)(((top << 8) + (low - top) * fy) >> 16);
        if (i + 1 < count) {
            x += step_x;
            y += step_y;
        }
    }
}

static void warp_row(const struct plane *from, struct walk at, uint8_t outside,
                     uint8_t *out, int count) {
    int first = 0, last = count;

    while (first < last && !is_inside(from, &at, first))
        out[first++] = outside;
    while (last > first && !is_inside(from, &at, last - 1))
        out[--last] = outside;
    at.x += first * at.step_x;
    at.y += first * at.step_y;
    if (last > first)
        warp_run(from, at, out + first, last - first);
}

void plane_warp(const struct plane *from, const struct affine *map, uint8_t outside,
                struct plane *to) {
    const double one = 65536.0;

    for (int y = 0; y < to->height; y++)
        warp_row(from,
                 (struct walk){llround((map->b * y + map->c) * one),
                               llround((map->e * y + map->f) * one),
                               llround(map->a * one), llround(map->d * one)},
                 outside, plane_row(to, y), to->width);
}

/* [1 2 1] of three rows. */
__attribute__((optimize("O3"))) static void soften_rows(const uint8_t *a,
                                                         const uint8_t *b,
                                                         const uint8_t *c, uint8_t *out,
                                                         size_t count) {
    for (size_t x = 0; x < count; x++)
        out[x] = (uint8_t)((a[x] + 2 * b[x] + c[x] + 2) >> 2);
}

bool plane_soften(struct plane *p) {
    size_t w = (size_t)p->width;
    uint8_t *lines = malloc(2 * w + 2); /* the row before as it was, and this one */
    uint8_t *before, *keep;

    if (lines == NULL)
        return false;
    for (int y = 0; y < p->height; y++) { /* across, by three copies a pixel apart */
        uint8_t *row = plane_row(p, y);

        lines[0] = row[0];
        memcpy(lines + 1, row, w);
        lines[w + 1] = row[w - 1];
        soften_rows(lines, lines + 1, lines + 2, row, w);
    }
    before = lines;
    keep = lines + w;
    memcpy(before, plane_row(p, 0), w);
    for (int y = 0; y < p->height; y++) { /* down */
        uint8_t *row = plane_row(p, y), *swap = before;

        memcpy(keep, row, w);
        soften_rows(before, keep, y + 1 < p->height ? row + w : keep, row, w);
        before = keep;
        keep = swap;
    }
    free(lines);
    return true;
}

uint8_t plane_quantile(const struct plane *p, unsigned per_mille) {
    size_t count = (size_t)p->width * (size_t)p->height, step = count / 50000 + 1;
    uint32_t bins[256] = {0};
    uint64_t seen = 0, want;

    for (size_t i = 0; i < count; i += step, seen++)
        bins[p->px[i]]++;
    want = seen * per_mille / 1000;
    for (unsigned v = 0, sum = 0; v < 256; v++) {
        sum += bins[v];
        if (sum > want)
            return (uint8_t)v;
    }
    return 255;
}

struct affine affine_identity(void) {
    return (struct affine){.a = 1, .e = 1};
}

struct affine affine_then(const struct affine *m, const struct affine *n) {
    return (struct affine){
        .a = n->a * m->a + n->b * m->d,
        .b = n->a * m->b + n->b * m->e,
        .c = n->a * m->c + n->b * m->f + n->c,
        .d = n->d * m->a + n->e * m->d,
        .e = n->d * m->b + n->e * m->e,
        .f = n->d * m->c + n->e * m->f + n->f,
    };
}

void affine_apply(const struct affine *m, double x, double y, double *ret_x,
                  double *ret_y) {
    *ret_x = m->a * x + m->b * y + m->c;
    *ret_y = m->d * x + m->e * y + m->f;
}

struct box box_join(struct box a, struct box b) {
    if (a.x1 <= a.x0)
        return b;
    if (b.x1 <= b.x0)
        return a;
    return (struct box){int_min(a.x0, b.x0), int_min(a.y0, b.y0), int_max(a.x1, b.x1),
                        int_max(a.y1, b.y1)};
}

struct box box_clip(struct box b, int width, int height) {
    b.x0 = int_max(0, int_min(b.x0, width));
    b.x1 = int_max(b.x0, int_min(b.x1, width));
    b.y0 = int_max(0, int_min(b.y0, height));
    b.y1 = int_max(b.y0, int_min(b.y1, height));
    return b;
}
