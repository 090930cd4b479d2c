/* forms_scan: what a scanner does to a page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "tests/ocr/forms.h"

struct rgb {
    int w, h;
    float *v; /* 3 a pixel, 0..255 */
};

void scan_make(struct chance *c, int hard, struct scan *s) {
    memset(s, 0, sizeof *s);
    s->dpi = chance_is(c, 0.15) ? 200 : 300;
    s->turn = chance_is(c, 0.8) ? 0 : chance_int(c, 1, 3) * 90;
    s->quality = chance_int(c, hard ? 45 : 60, 88);
    s->gray = chance_is(c, 0.08);
    s->angle = chance_real(c, -1.8, 1.8);
    s->folds = chance_is(c, 0.3);
    s->streaks = chance_is(c, hard ? 0.3 : 0.08);
    s->stain = chance_is(c, hard ? 0.3 : 0.06);
    s->holes = chance_is(c, 0.12);
    s->through = chance_is(c, 0.3);
    s->blur = chance_real(c, 0.4, hard ? 1.1 : 0.8);
    s->noise = chance_real(c, 1, hard ? 7 : 4);
    s->shade = chance_real(c, 0, hard ? 0.12 : 0.05);
    s->specks = chance_int(c, 0, hard ? 45 : 15);
}

/* Rotated by the scan's small angle, on the scanner's gray bed. */
static bool rotated(const struct scan *s, cairo_surface_t *page, struct rgb *ret) {
    int w = cairo_image_surface_get_width(page), h = cairo_image_surface_get_height(page);
    cairo_surface_t *to = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cairo_t *cr = cairo_create(to);
    const unsigned char *px;
    int stride;

    cairo_set_source_rgb(cr, 0.93, 0.93, 0.93);
    cairo_paint(cr);
    cairo_translate(cr, w / 2.0, h / 2.0);
    cairo_rotate(cr, s->angle * M_PI / 180);
    cairo_translate(cr, -w / 2.0, -h / 2.0);
    cairo_set_source_surface(cr, page, 0, 0);
    cairo_paint(cr);
    cairo_destroy(cr);
    cairo_surface_flush(to);
    px = cairo_image_surface_get_data(to);
    stride = cairo_image_surface_get_stride(to);
    ret->w = w;
    ret->h = h;
    ret->v = malloc((size_t)w * (size_t)h * 3 * sizeof *ret->v);
    for (int y = 0; ret->v != NULL && y < h; y++)
        for (int x = 0; x < w * 3; x++)
            ret->v[(size_t)y * (size_t)w * 3 + (size_t)x] =
                px[y * stride + x / 3 * 4 + (2 - x % 3)];
    cairo_surface_destroy(to);
    return ret->v != NULL;
}

static float *at(const struct rgb *p, int x, int y) {
    return p->v + ((size_t)y * (size_t)p->w + (size_t)x) * 3;
}

static void darken(const struct rgb *p, int x, int y, double keep) {
    if (x >= 0 && y >= 0 && x < p->w && y < p->h)
        for (int k = 0; k < 3; k++)
            at(p, x, y)[k] *= (float)keep;
}

/* Box blur twice is near enough to the lens. */
static void blur(struct rgb *p, double sigma) {
    float side = (float)(sigma * sigma / 2), middle = 1 - 2 * side;
    size_t row = (size_t)p->w * 3;

    for (int pass = 0; pass < 2; pass++)
        for (int y = 0; y < p->h; y++)
            for (size_t x = 3; x + 3 < row; x++) {
                float *v = p->v + (size_t)y * row + x;

                *v = v[-3] * side + *v * middle + v[3] * side;
            }
    for (int pass = 0; pass < 2; pass++)
        for (int y = 1; y + 1 < p->h; y++)
            for (size_t x = 0; x < row; x++) {
                float *v = p->v + (size_t)y * row + x;

                *v = v[-(ptrdiff_t)row] * side + *v * middle + v[row] * side;
            }
}

static void dirt(const struct scan *s, struct rgb *p, struct chance *c) {
    for (int i = 0; i < s->specks; i++) {
        int x0 = chance_int(c, 0, p->w - 1), y0 = chance_int(c, 0, p->h - 1);
        int r = chance_int(c, 1, s->dpi / 90);

        for (int y = -r; y <= r; y++)
            for (int x = -r; x <= r; x++)
                if (x * x + y * y <= r * r)
                    darken(p, x0 + x, y0 + y, 0.15);
    }
    for (int i = 0; s->folds && i < 2; i++) {
        int y0 = (int)(p->h * (i + 1) / 3.0 + chance_real(c, -40, 40));
        double slope = chance_real(c, -0.01, 0.01);

        for (int x = 0; x < p->w; x++)
            for (int d = 0; d < s->dpi / 12; d++)
                darken(p, x, y0 + (int)(slope * x) + d, 0.88 + 0.12 * d / (s->dpi / 12.0));
    }
    for (int i = 0; s->streaks && i < chance_int(c, 1, 3); i++) {
        int x0 = chance_int(c, 0, p->w - 1), wide = chance_int(c, 1, 2);
        double keep = chance_real(c, 0.55, 0.9);

        for (int y = 0; y < p->h; y++)
            for (int x = 0; x < wide; x++)
                darken(p, x0 + x, y, keep);
    }
    for (int i = 0; s->holes && i < 2; i++) {
        int y0 = p->h / 2 + (i * 2 - 1) * (int)(40 * s->dpi / 25.4);
        int x0 = (int)(10 * s->dpi / 25.4), r = (int)(3 * s->dpi / 25.4);

        for (int y = -r; y <= r; y++)
            for (int x = -r; x <= r; x++)
                if (x * x + y * y <= r * r)
                    darken(p, x0 + x, y0 + y, 0.25);
    }
}

static void tone(const struct scan *s, struct rgb *p, struct chance *c) {
    double sx = chance_real(c, 0, p->w), sy = chance_real(c, 0, p->h);
    double r = chance_real(c, 0.06, 0.15) * p->w, gx = chance_real(c, -1, 1);
    float lift = (float)chance_real(c, 0, 22);

    for (int y = 0; y < p->h; y++) {
        for (int x = 0; x < p->w; x++) {
            float *v = at(p, x, y);
            double keep = 1 - s->shade * (0.5 + gx * ((double)x / p->w - 0.5));
            double far = s->stain ? hypot(x - sx, y - sy) / r : 2;

            float noise = ((float)(chance_next(c) & 1023) / 512 - 1) * 1.7f * (float)s->noise;

            for (int k = 0; k < 3; k++) {
                float stain = s->stain && far < 1 ? (float)(1 - (1 - far) * (0.1 + 0.12 * k)) : 1;

                v[k] = (lift + v[k] * (255 - lift) / 255) * (float)keep * stain + noise;
            }
        }
    }
}

static unsigned char *turned(const struct scan *s, const struct rgb *p, int *ret_w,
                             int *ret_h) {
    int w = s->turn % 180 ? p->h : p->w, h = s->turn % 180 ? p->w : p->h;
    unsigned char *out = malloc((size_t)w * (size_t)h * 3);

    for (int y = 0; out != NULL && y < p->h; y++) {
        for (int x = 0; x < p->w; x++) {
            int u = s->turn == 90    ? p->h - 1 - y
                    : s->turn == 180 ? p->w - 1 - x
                    : s->turn == 270 ? y
                                     : x;
            int v = s->turn == 90    ? x
                    : s->turn == 180 ? p->h - 1 - y
                    : s->turn == 270 ? p->w - 1 - x
                                     : y;
            for (int k = 0; k < 3; k++) {
                float value = at(p, x, y)[k];

                out[((size_t)v * (size_t)w + (size_t)u) * 3 + (size_t)k] =
                    (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
    }
    *ret_w = w;
    *ret_h = h;
    return out;
}

bool scan_page(const struct scan *s, cairo_surface_t *page, struct chance *c,
               unsigned char **ret_jpeg, unsigned long *ret_len, int *ret_w, int *ret_h) {
    tjhandle handle = tjInitCompress();
    unsigned char *px = NULL;
    struct rgb p = {0};
    bool good = handle != NULL && rotated(s, page, &p);

    if (good) {
        dirt(s, &p, c);
        blur(&p, s->blur);
        tone(s, &p, c);
        px = turned(s, &p, ret_w, ret_h);
    }
    *ret_jpeg = NULL;
    good = good && px != NULL &&
           tjCompress2(handle, px, *ret_w, 0, *ret_h, TJPF_RGB, ret_jpeg, ret_len,
                       s->gray ? TJSAMP_GRAY : TJSAMP_420, s->quality, 0) == 0;
    free(px);
    free(p.v);
    tjDestroy(handle);
    return good;
}
