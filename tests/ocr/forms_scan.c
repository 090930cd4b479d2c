/* forms_scan: what a scanner does to a page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "tests/ocr/forms.h"

#define NOISES 65536

struct rgb {
    int w, h;
    unsigned char *v; /* 3 a pixel */
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
    for (int k = 0; k < 3; k++)
        s->cast[k] = 1;
}

void scan_widen(struct chance *c, struct scan *s) {
    double part = chance_real(c, 0, 1);

    s->dpi = part < 0.05 ? 150 : part < 0.2 ? 200 : part < 0.82 ? 300 : part < 0.95 ? 400 : 600;
    if (chance_is(c, 0.1)) {
        s->bits = chance_is(c, 0.6) ? 1 : 2;
        s->fax = chance_is(c, 0.4);
        s->gray = true;
    }
    s->holes = false; /* wear has them */
    if (chance_is(c, 0.15))
        s->quality = chance_int(c, 22, 40);
    if (chance_is(c, 0.15))
        for (int k = 0; k < 3; k++)
            s->cast[k] = chance_real(c, 0.84, 1);
    s->black_bed = chance_is(c, 0.35);
    if (chance_is(c, 0.3))
        for (int i = 0; i < 4; i++)
            s->edge[i] = chance_is(c, 0.25) ? chance_real(c, -7, 0) : chance_real(c, 0, 12);
}

bool scan_is_poor(const struct scan *s) {
    return s->gray || s->dpi < 200 || s->bits != 0 || fabs(s->angle) > 4.5;
}

/* Turned by the scan's small angle, on the scanner's bed. */
static bool on_bed(const struct scan *s, cairo_surface_t *page, struct rgb *ret) {
    int pw = cairo_image_surface_get_width(page), ph = cairo_image_surface_get_height(page);
    double mm = s->dpi / 25.4, bed = s->black_bed ? 0.07 : 0.93;
    int w = pw + (int)((s->edge[1] + s->edge[3]) * mm);
    int h = ph + (int)((s->edge[0] + s->edge[2]) * mm);
    cairo_surface_t *to = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cairo_t *cr = cairo_create(to);
    const unsigned char *px;
    int stride;

    cairo_set_source_rgb(cr, bed, bed, bed);
    cairo_paint(cr);
    cairo_translate(cr, s->edge[3] * mm + pw / 2.0, s->edge[0] * mm + ph / 2.0);
    cairo_rotate(cr, s->angle * M_PI / 180);
    cairo_translate(cr, -pw / 2.0, -ph / 2.0);
    cairo_set_source_surface(cr, page, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_BILINEAR);
    cairo_paint(cr);
    cairo_destroy(cr);
    cairo_surface_flush(to);
    px = cairo_image_surface_get_data(to);
    stride = cairo_image_surface_get_stride(to);
    ret->w = w;
    ret->h = h;
    ret->v = malloc((size_t)w * (size_t)h * 3);
    for (int y = 0; ret->v != NULL && y < h; y++) {
        unsigned char *out = ret->v + (size_t)y * (size_t)w * 3;
        const unsigned char *in = px + (ptrdiff_t)y * stride;

        for (int x = 0; x < w; x++, in += 4, out += 3) {
            out[0] = in[2];
            out[1] = in[1];
            out[2] = in[0];
        }
    }
    cairo_surface_destroy(to);
    return ret->v != NULL;
}

static unsigned char *at(const struct rgb *p, int x, int y) {
    return p->v + ((size_t)y * (size_t)p->w + (size_t)x) * 3;
}

static void darken(const struct rgb *p, int x, int y, double keep) {
    if (x >= 0 && y >= 0 && x < p->w && y < p->h)
        for (int k = 0; k < 3; k++)
            at(p, x, y)[k] = (unsigned char)(at(p, x, y)[k] * keep);
}

/* [side, middle, side] some times over, both ways, is near enough to the lens. */
static bool blur(struct rgb *p, double sigma) {
    double part = sigma * sigma / 2;
    int passes = part > 0.33 ? 3 : 2;
    int side = (int)(256 * (passes == 3 ? part * 2 / 3 : part)), middle = 256 - 2 * side;
    size_t row = (size_t)p->w * 3;
    unsigned char *was = malloc(2 * row), *above = was + row;

    for (int pass = 0; was != NULL && pass < passes; pass++) {
        for (int y = 0; y < p->h; y++) {
            unsigned char *v = p->v + (size_t)y * row;

            memcpy(was, v, row);
            for (size_t x = 3; x + 3 < row; x++)
                v[x] = (unsigned char)((was[x - 3] * side + was[x] * middle +
                                        was[x + 3] * side + 128) >> 8);
        }
        memcpy(above, p->v, row);
        for (int y = 1; y + 1 < p->h; y++) {
            unsigned char *v = p->v + (size_t)y * row;
            const unsigned char *below = v + row;

            memcpy(was, v, row);
            for (size_t x = 0; x < row; x++)
                v[x] = (unsigned char)((above[x] * side + was[x] * middle +
                                        below[x] * side + 128) >> 8);
            memcpy(above, was, row);
        }
    }
    free(was);
    return was != NULL;
}

static void dot(const struct rgb *p, int x0, int y0, int r, double keep) {
    for (int y = -r; y <= r; y++)
        for (int x = -r; x <= r; x++)
            if (x * x + y * y <= r * r)
                darken(p, x0 + x, y0 + y, keep);
}

static void dirt(const struct scan *s, struct rgb *p, struct chance *c) {
    for (int i = 0; i < s->specks; i++) {
        int x0 = chance_int(c, 0, p->w - 1), y0 = chance_int(c, 0, p->h - 1);

        dot(p, x0, y0, chance_int(c, 1, s->dpi / 90), 0.15);
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
    for (int i = 0; s->holes && i < 2; i++)
        dot(p, (int)(10 * s->dpi / 25.4), p->h / 2 + (i * 2 - 1) * (int)(40 * s->dpi / 25.4),
            (int)(3 * s->dpi / 25.4), 0.25);
}

static void stain(const struct scan *s, struct rgb *p, struct chance *c) {
    double sx = chance_real(c, 0, p->w), sy = chance_real(c, 0, p->h);
    double r = chance_real(c, 0.06, 0.15) * p->w;

    for (int y = (int)(sy - r); s->stain && y < sy + r; y++) {
        for (int x = (int)(sx - r); x < sx + r; x++) {
            double far = hypot(x - sx, y - sy) / r;

            if (x < 0 || y < 0 || x >= p->w || y >= p->h || far >= 1)
                continue;
            for (int k = 0; k < 3; k++)
                at(p, x, y)[k] = (unsigned char)(at(p, x, y)[k] * (1 - (1 - far) * (0.1 + 0.12 * k)));
        }
    }
}

/* Lamp, sensor and their noise. */
static bool tone(const struct scan *s, struct rgb *p, struct chance *c) {
    double slope = chance_real(c, -1, 1), lift = chance_real(c, 0, 22);
    signed char *noise = malloc(NOISES);
    unsigned char level[3][256];
    unsigned short *keep = malloc((size_t)p->w * sizeof *keep);
    bool good = noise != NULL && keep != NULL;

    for (int i = 0; good && i < NOISES; i++)
        noise[i] = (signed char)((chance_real(c, -1, 1) + chance_real(c, -1, 1)) * 1.2 * s->noise);
    for (int v = 0; v < 3 * 256; v++)
        level[v / 256][v % 256] = (unsigned char)((lift + (v % 256) * (255 - lift) / 255) * s->cast[v / 256]);
    for (int x = 0; good && x < p->w; x++)
        keep[x] = (unsigned short)(256 * (1 - s->shade * (0.5 + slope * ((double)x / p->w - 0.5))));
    for (int y = 0; good && y < p->h; y++) {
        unsigned char *v = at(p, 0, y);
        unsigned from = chance_next(c);

        for (int x = 0; x < p->w; x++, v += 3) {
            int add = noise[(from + (unsigned)x) % NOISES];

            for (int k = 0; k < 3; k++) {
                int value = (level[k][v[k]] * keep[x] >> 8) + add;

                v[k] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
    }
    free(noise);
    free(keep);
    return good;
}

static bool turned(const struct scan *s, struct rgb *p) {
    int w = s->turn % 180 ? p->h : p->w, h = s->turn % 180 ? p->w : p->h;
    unsigned char *out;

    if (s->turn == 0)
        return true;
    out = malloc((size_t)w * (size_t)h * 3);
    for (int y = 0; out != NULL && y < p->h; y++) {
        for (int x = 0; x < p->w; x++) {
            int u = s->turn == 90 ? p->h - 1 - y : s->turn == 180 ? p->w - 1 - x : y;
            int v = s->turn == 90 ? x : s->turn == 180 ? p->h - 1 - y : p->w - 1 - x;

            memcpy(out + ((size_t)v * (size_t)w + (size_t)u) * 3, at(p, x, y), 3);
        }
    }
    free(p->v);
    *p = (struct rgb){w, h, out};
    return out != NULL;
}

/* ---- one bit */

static void set_bit(struct scanned *ret, size_t row, int x) {
    ret->data[row + (size_t)x / 8] |= (unsigned char)(0x80 >> (x & 7));
}

static void lose_lines(struct scanned *ret, size_t stride, struct chance *c) {
    for (int i = chance_int(c, 0, 5); i > 0; i--) {
        int y = chance_int(c, 1, ret->h - 1);

        memcpy(ret->data + (size_t)y * stride, ret->data + (size_t)(y - 1) * stride, stride);
    }
    for (int i = ret->w * ret->h / 6000; i > 0; i--) /* pepper */
        set_bit(ret, (size_t)chance_int(c, 0, ret->h - 1) * stride, chance_int(c, 0, ret->w - 1));
}

static bool to_bits(const struct scan *s, const struct rgb *p, struct chance *c,
                    struct scanned *ret) {
    size_t stride = ((size_t)p->w + 7) / 8;
    int limit = s->bits == 1 ? chance_int(c, 105, 165) : 128;
    int *error = calloc((size_t)p->w + 2, 2 * sizeof *error), *next;

    ret->len = stride * (size_t)p->h;
    ret->data = calloc(1, ret->len);
    if (error == NULL || ret->data == NULL) {
        free(error);
        return false;
    }
    next = error + p->w + 2;
    for (int y = 0; y < p->h; y++) {
        int carry = 0;

        for (int x = 0; x < p->w; x++) {
            const unsigned char *v = at(p, x, y);
            int luma = (v[0] * 77 + v[1] * 150 + v[2] * 29) >> 8, off;

            if (s->bits == 2)
                luma += carry + error[x + 1];
            if (luma < limit)
                set_bit(ret, (size_t)y * stride, x);
            off = luma < limit ? luma : luma - 255; /* Floyd and Steinberg */
            carry = off * 7 / 16;
            next[x] += off * 3 / 16;
            next[x + 1] += off * 5 / 16;
            next[x + 2] += off / 16;
        }
        memcpy(error, next, ((size_t)p->w + 2) * sizeof *error);
        memset(next, 0, ((size_t)p->w + 2) * sizeof *next);
    }
    free(error);
    if (s->fax)
        lose_lines(ret, stride, c);
    return true;
}

static bool to_jpeg(const struct scan *s, const struct rgb *p, struct scanned *ret) {
    tjhandle handle = tjInitCompress();
    bool good = handle != NULL &&
                tjCompress2(handle, p->v, p->w, 0, p->h, TJPF_RGB, &ret->data, &ret->len,
                            s->gray ? TJSAMP_GRAY : TJSAMP_420, s->quality, 0) == 0;

    tjDestroy(handle);
    return good;
}

bool scan_page(const struct scan *s, cairo_surface_t *page, struct chance *c,
               struct scanned *ret) {
    struct rgb p = {0};
    bool good = on_bed(s, page, &p);

    memset(ret, 0, sizeof *ret);
    if (good) {
        dirt(s, &p, c);
        good = blur(&p, s->blur * s->dpi / 300);
        stain(s, &p, c);
        good = good && tone(s, &p, c) && turned(s, &p);
    }
    ret->w = p.w;
    ret->h = p.h;
    ret->dpi = s->dpi;
    ret->gray = s->gray;
    ret->bits = s->bits != 0;
    good = good && (s->bits ? to_bits(s, &p, c, ret) : to_jpeg(s, &p, ret));
    free(p.v);
    return good;
}
