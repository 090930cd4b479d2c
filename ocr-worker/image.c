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

/* One row, in 16.16 fixed point: the map is affine, so steps are constant. */
static void warp_row(const struct plane *from, int64_t x, int64_t y, int64_t step_x,
                     int64_t step_y, uint8_t outside, uint8_t *out, int count) {
    const int w = from->width, h = from->height;

    for (int i = 0; i < count; i++, x += step_x, y += step_y) {
        int x0 = (int)(x >> 16), y0 = (int)(y >> 16);
        int fx = (int)(x >> 8) & 255, fy = (int)(y >> 8) & 255;
        const uint8_t *row;
        int top, low;

        if (x0 < 0 || y0 < 0 || x0 + 1 >= w || y0 + 1 >= h) {
            out[i] = outside;
            continue;
        }
        row = from->px + (size_t)y0 * (size_t)w + (size_t)x0;
        top = row[0] * (256 - fx) + row[1] * fx;
        low = row[w] * (256 - fx) + row[w + 1] * fx;
        out[i] = (uint8_t)((top * (256 - fy) + low * fy) >> 16);
    }
}

void plane_warp(const struct plane *from, const struct affine *map, uint8_t outside,
                struct plane *to) {
    const double one = 65536.0;

    for (int y = 0; y < to->height; y++)
        warp_row(from, llround((map->b * y + map->c) * one),
                 llround((map->e * y + map->f) * one), llround(map->a * one),
                 llround(map->d * one), outside, plane_row(to, y), to->width);
}

bool plane_soften(struct plane *p) {
    size_t w = (size_t)p->width;
    uint8_t *lines = malloc(2 * w); /* the row before as it was, and this one */
    uint8_t *before, *keep;

    if (lines == NULL)
        return false;
    before = lines;
    keep = lines + w;
    for (int y = 0; y < p->height; y++) { /* across */
        uint8_t *row = plane_row(p, y);
        int left = row[0];

        for (int x = 0; x < p->width; x++) {
            int here = row[x], right = x + 1 < p->width ? row[x + 1] : here;

            row[x] = (uint8_t)((left + 2 * here + right + 2) / 4);
            left = here;
        }
    }
    memcpy(before, plane_row(p, 0), w);
    for (int y = 0; y < p->height; y++) { /* down */
        uint8_t *row = plane_row(p, y);
        const uint8_t *next = y + 1 < p->height ? row + w : row;

        memcpy(keep, row, w);
        for (size_t x = 0; x < w; x++)
            row[x] = (uint8_t)((before[x] + 2 * keep[x] + next[x] + 2) / 4);
        memcpy(before, keep, w);
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
