/* image: planes of bytes, and the few operations that the reader needs on them.
 *
 * A plane owns its pixels, rows without padding. Coordinates are pixel centres at
 * whole numbers. Nothing here knows what a page is. Bounds: IMAGE_PIXELS_MAX. */
#ifndef OCR_WORKER_IMAGE_H
#define OCR_WORKER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_PIXELS_MAX (40u * 1000 * 1000)
#define IMAGE_SIDE_MAX 20000

struct plane {
    int width;
    int height;
    uint8_t *px; /* width * height; NULL: no plane */
};

/* x' = ax + by + c, y' = dx + ey + f. */
struct affine {
    double a, b, c, d, e, f;
};

struct box {
    int x0, y0, x1, y1; /* x1, y1 exclusive */
};

/* False: out of memory, or beyond the bounds. Pixels are undefined. */
bool plane_new(struct plane *plane, int width, int height);
void plane_free(struct plane *plane);

static inline uint8_t plane_at(const struct plane *p, int x, int y) {
    return p->px[(size_t)y * (size_t)p->width + (size_t)x];
}

static inline uint8_t *plane_row(const struct plane *p, int y) {
    return p->px + (size_t)y * (size_t)p->width;
}

/* Bilinear; outside of the plane `outside`. */
uint8_t plane_sample(const struct plane *p, double x, double y, uint8_t outside);

/* Resample: to(x, y) = from(map(x, y)). `to` has its size already. */
void plane_warp(const struct plane *from, const struct affine *map, uint8_t outside,
                struct plane *to);

/* [1 2 1] in both directions, in place. */
bool plane_soften(struct plane *p);

/* The value below which `per_mille` of the pixels lie (a sample of them). */
uint8_t plane_quantile(const struct plane *p, unsigned per_mille);

struct affine affine_identity(void);
/* first, then second */
struct affine affine_then(const struct affine *first, const struct affine *second);
void affine_apply(const struct affine *m, double x, double y, double *ret_x,
                  double *ret_y);

static inline int box_width(const struct box *b) {
    return b->x1 - b->x0;
}
static inline int box_height(const struct box *b) {
    return b->y1 - b->y0;
}
static inline int int_min(int a, int b) {
    return a < b ? a : b;
}
static inline int int_max(int a, int b) {
    return a > b ? a : b;
}
/* The smallest box around both; a box without area is no box. */
struct box box_join(struct box a, struct box b);
struct box box_clip(struct box b, int width, int height);

#endif
