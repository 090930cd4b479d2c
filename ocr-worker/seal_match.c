#include "ocr-worker/seal_match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RED_LEVEL 24   /* of page->red: twice Cr above neutral */
#define RED_MOST 995   /* in thousandths of a frame's pixels: how red its seal is */
#define EVEN_PART 0.6  /* of the red's box: so much is as red as half of the seal */
#define RADIUS_MIN_MM 4.0
#define RADIUS_MAX_MM 17.0
#define MIDDLE (SEAL_SIDE / 2.0 - 0.5)
#define UNIT (SEAL_SIDE / 2.0 - 4) /* pixels that the radius becomes */
#define INNER 0.86                 /* of the radius: inside the outer ring */
#define RAYS 360
#define RINGS 40

/* ---- cutting */

struct blob_set {
    struct blob *blobs;
    size_t count;
};

/* Blobs of the wanted ink inside the frame, in reduced pixels: of what is beyond `level`,
 * and counts as ink at all. */
static bool seal_blobs(const struct page *page, struct box frame, bool red, int level,
                       struct page *part) {
    const struct plane *from = red ? &page->red : &page->ink;

    memset(part, 0, sizeof *part);
    part->dpi = page->dpi;
    part->level = int_max(level, red ? RED_LEVEL : PAGE_INK_LEVEL);
    part->reduce = 1;
    if (!plane_new(&part->ink, box_width(&frame), box_height(&frame)))
        return false;
    for (int y = 0; y < part->ink.height; y++)
        memcpy(plane_row(&part->ink, y), plane_row(from, frame.y0 + y) + frame.x0,
               (size_t)part->ink.width);
    if (layout_find(part))
        return true;
    page_free(part);
    return false;
}

/* The box of all blobs that are no dirt and near the biggest. */
static struct box seal_box(const struct page *part) {
    int dirt = int_max(2, part->dpi / 60);
    struct box box = {0};
    bool grown = true;

    for (size_t i = 0; i < part->blob_count; i++) {
        const struct box *b = &part->blobs[i].box;

        if (part->blobs[i].area > dirt * dirt &&
            box_width(b) * box_height(b) > box_width(&box) * box_height(&box))
            box = *b;
    }
    while (grown) {
        int near = part->dpi / 12;

        grown = false;
        for (size_t i = 0; i < part->blob_count; i++) {
            const struct box *b = &part->blobs[i].box;
            struct box both = box_join(box, *b);

            if (int_max(box_width(b), box_height(b)) <= dirt ||
                b->x0 > box.x1 + near || b->x1 < box.x0 - near ||
                b->y0 > box.y1 + near || b->y1 < box.y0 - near ||
                box_width(&both) * box_height(&both) ==
                    box_width(&box) * box_height(&box))
                continue;
            box = both;
            grown = true;
        }
    }
    return box;
}

/* Darkness of the ink itself, at full resolution: the green channel for red ink. */
static void seal_tone(const struct page *page, struct plane *tone,
                      const struct affine *map, bool red) {
    const struct raster *r = page->raster;
    struct plane cr, cb;
    struct affine half, to_chroma;
    double sx, sy;

    plane_warp(&r->y, map, 255, tone);
    if (!red || r->cr.px == NULL)
        return;
    sx = (double)r->cr.width / r->y.width;
    sy = (double)r->cr.height / r->y.height;
    half = (struct affine){sx, 0, (sx - 1) / 2, 0, sy, (sy - 1) / 2};
    to_chroma = affine_then(map, &half);
    if (!plane_new(&cr, tone->width, tone->height))
        return;
    if (plane_new(&cb, tone->width, tone->height)) {
        plane_warp(&r->cr, &to_chroma, 128, &cr);
        plane_warp(&r->cb, &to_chroma, 128, &cb);
        for (size_t i = 0, n = (size_t)tone->width * (size_t)tone->height; i < n; i++) {
            int redness = cr.px[i] - 128;
            int green = tone->px[i] - (88 * (cb.px[i] - 128) + 183 * redness) / 256;

            /* What is dark without being red is print or dirt, not the seal. */
            if (redness < 8)
                green = int_max(green, 255 - 12 * int_max(0, redness));
            tone->px[i] = (uint8_t)int_max(0, int_min(255, green));
        }
        plane_free(&cb);
    }
    plane_free(&cr);
}

static void stretch_levels(const struct plane *tone, uint8_t *ink) {
    int paper = plane_quantile(tone, 850), black = plane_quantile(tone, 40);
    int span = int_max(30, paper - black);

    for (int i = 0; i < SEAL_SIDE * SEAL_SIDE; i++)
        ink[i] = (uint8_t)int_max(
            0, int_min(255, (paper - 8 - tone->px[i]) * 255 / span));
}

static bool seal_take(const struct page *page, struct box box, bool red,
                      struct seal *ret) {
    double cx = (box.x0 + box.x1 - 1) / 2.0, cy = (box.y0 + box.y1 - 1) / 2.0;
    double radius = (box_width(&box) + box_height(&box)) / 4.0;
    double step = radius / UNIT;
    struct affine own = {step, 0, cx - MIDDLE * step, 0, step, cy - MIDDLE * step};
    struct affine map = affine_then(&own, &page->to_raster);
    struct plane tone;

    ret->radius_mm = radius * 25.4 / page->dpi;
    ret->box = box;
    ret->red = red;
    if (ret->radius_mm < RADIUS_MIN_MM || ret->radius_mm > RADIUS_MAX_MM ||
        box_width(&box) * 10 < box_height(&box) * 7 ||
        box_height(&box) * 10 < box_width(&box) * 7)
        return true;
    if (!plane_new(&tone, SEAL_SIDE, SEAL_SIDE))
        return false;
    seal_tone(page, &tone, &map, red);
    stretch_levels(&tone, ret->ink);
    plane_free(&tone);
    ret->found = true;
    return true;
}

/* Is there red around the seal that is much paler than it is? A stain is red, too. */
static bool is_uneven(const struct page *page, struct box frame, struct box whole,
                      int most, bool *ret_uneven) {
    struct page part;
    struct box strong;

    if (!seal_blobs(page, frame, true, most / 2, &part))
        return false;
    strong = seal_box(&part);
    page_free(&part);
    *ret_uneven = box_width(&strong) * box_height(&strong) <
                  EVEN_PART * box_width(&whole) * box_height(&whole);
    return true;
}

bool seal_cut(const struct page *page, struct box frame, bool want_red,
              struct seal *ret) {
    memset(ret, 0, sizeof *ret);
    frame = box_clip(frame, page->ink.width, page->ink.height);
    if (box_width(&frame) < 8 || box_height(&frame) < 8)
        return true;
    for (int red = want_red && page->red.px != NULL; red >= 0; red--) {
        struct page part;
        struct box box;
        int most;

        if (!seal_blobs(page, frame, red == 1, 0, &part))
            return false;
        box = seal_box(&part);
        most = plane_quantile(&part.ink, RED_MOST);
        page_free(&part);
        if (box.x1 <= box.x0)
            continue;
        if (red == 1 && !is_uneven(page, frame, box, most, &ret->uneven))
            return false;
        box = (struct box){box.x0 + frame.x0, box.y0 + frame.y0, box.x1 + frame.x0,
                           box.y1 + frame.y0};
        if (!seal_take(page, box, red == 1, ret))
            return false;
        if (ret->found)
            return true;
    }
    return true;
}

/* ---- comparing */

static float sample(const uint8_t *ink, double x, double y) {
    int x0 = (int)x, y0 = (int)y;
    float fx = (float)(x - x0), fy = (float)(y - y0), top, low;
    const uint8_t *p;

    if (x < 0 || y < 0 || x0 + 1 >= SEAL_SIDE || y0 + 1 >= SEAL_SIDE)
        return 0;
    p = ink + y0 * SEAL_SIDE + x0;
    top = (float)p[0] + fx * (float)(p[1] - p[0]);
    p += SEAL_SIDE;
    low = (float)p[0] + fx * (float)(p[1] - p[0]);
    return top + fy * (low - top);
}

static void polar(const uint8_t *ink, float *out) {
    for (int a = 0; a < RAYS; a++) {
        double c = cos(a * 2 * M_PI / RAYS), s = sin(a * 2 * M_PI / RAYS);

        for (int r = 0; r < RINGS; r++) {
            double d = UNIT * INNER * (0.12 + 0.88 * (r + 0.5) / RINGS);

            out[a * RINGS + r] = sample(ink, MIDDLE + c * d, MIDDLE + s * d) *
                                 sqrtf((float)(r + 1) / RINGS);
        }
    }
    for (int r = 0; r < RINGS; r++) { /* every ring without its mean */
        float mean = 0;

        for (int a = 0; a < RAYS; a++)
            mean += out[a * RINGS + r];
        mean /= RAYS;
        for (int a = 0; a < RAYS; a++)
            out[a * RINGS + r] -= mean;
    }
}

/* Correlation at every turn of whole degrees. */
__attribute__((target_clones("avx2", "default"), optimize("O3", "fast-math"))) static void
correlate(const float *a, const float *b, float *out) {
    for (int turn = 0; turn < RAYS; turn++) {
        float sum = 0;

        for (int k = 0; k < RAYS; k++) {
            const float *p = a + k * RINGS;
            const float *q = b + ((k + turn) % RAYS) * RINGS;

            for (int r = 0; r < RINGS; r++)
                sum += p[r] * q[r];
        }
        out[turn] = sum;
    }
}

struct pose {
    double turn, dx, dy, scale;
};

struct disc {
    int count;
    int x[SEAL_SIDE * SEAL_SIDE / 4], y[SEAL_SIDE * SEAL_SIDE / 4];
    float value[SEAL_SIDE * SEAL_SIDE / 4]; /* of a, mean out, length one */
};

static void disc_of(const uint8_t *ink, struct disc *d) {
    double limit = UNIT * INNER, mean = 0, norm = 0;

    d->count = 0;
    for (int y = 0; y < SEAL_SIDE; y += 2) {
        for (int x = 0; x < SEAL_SIDE; x += 2) {
            if (hypot(x - MIDDLE, y - MIDDLE) > limit)
                continue;
            d->x[d->count] = x;
            d->y[d->count] = y;
            d->value[d->count] = ink[y * SEAL_SIDE + x];
            mean += d->value[d->count++];
        }
    }
    mean /= d->count;
    for (int i = 0; i < d->count; i++) {
        d->value[i] -= (float)mean;
        norm += d->value[i] * d->value[i];
    }
    for (int i = 0; i < d->count; i++)
        d->value[i] /= (float)sqrt(norm + 1);
}

static double score_at(const struct disc *d, const uint8_t *b, const struct pose *p) {
    double c = cos(p->turn) * p->scale, s = sin(p->turn) * p->scale;
    double sum = 0, mean = 0, square = 0;

    for (int i = 0; i < d->count; i++) {
        double x = d->x[i] - MIDDLE, y = d->y[i] - MIDDLE;
        double v = sample(b, MIDDLE + c * x - s * y + p->dx, MIDDLE + s * x + c * y + p->dy);

        sum += d->value[i] * v;
        mean += v;
        square += v * v;
    }
    square -= mean * mean / d->count;
    return square > 1 ? sum / sqrt(square) : 0;
}

/* Downhill by steps that shrink. */
static double refine(const struct disc *d, const uint8_t *b, struct pose *p) {
    struct pose step = {2 * M_PI / 180, 1.5, 1.5, 0.02};
    double best = score_at(d, b, p);

    for (int round = 0; round < 5; round++) {
        for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < 8; i++) {
                double sign = i % 2 ? 1 : -1, s;
                struct pose q = *p;

                q.turn += i / 2 == 0 ? sign * step.turn : 0;
                q.dx += i / 2 == 1 ? sign * step.dx : 0;
                q.dy += i / 2 == 2 ? sign * step.dy : 0;
                q.scale += i / 2 == 3 ? sign * step.scale : 0;
                s = score_at(d, b, &q);
                if (s > best) {
                    best = s;
                    *p = q;
                }
            }
        }
        step = (struct pose){step.turn / 2, step.dx / 2, step.dy / 2, step.scale / 2};
    }
    return best;
}

/* b as it lies on a, and what ink of each has none of the other near. */
static void compare_ink(const struct seal *a, const struct seal *b, const struct pose *p,
                        struct seal_likeness *ret) {
    double c = cos(p->turn) * p->scale, s = sin(p->turn) * p->scale;
    double ink[2] = {1, 1}, all[2] = {1, 1}, alone[2] = {0, 0};
    uint8_t *on = calloc(2, SEAL_SIDE * SEAL_SIDE);

    ret->weight = 0; /* unknown is unlike */
    ret->stray = 1;
    if (on == NULL)
        return;
    for (int y = 0; y < SEAL_SIDE; y++) {
        for (int x = 0; x < SEAL_SIDE; x++) {
            double dx = x - MIDDLE, dy = y - MIDDLE;
            float v[2] = {a->ink[y * SEAL_SIDE + x],
                          sample(b->ink, MIDDLE + c * dx - s * dy + p->dx,
                                 MIDDLE + s * dx + c * dy + p->dy)};

            for (int k = 0; k < 2 && hypot(dx, dy) < UNIT * INNER; k++) {
                ink[k] += v[k];
                on[(k * SEAL_SIDE + y) * SEAL_SIDE + x] = v[k] > 127;
            }
        }
    }
    for (int k = 0; k < 2; k++) {
        const uint8_t *own = on + k * SEAL_SIDE * SEAL_SIDE;
        const uint8_t *other = on + (1 - k) * SEAL_SIDE * SEAL_SIDE;

        for (int y = 1; y < SEAL_SIDE - 1; y++) {
            for (int x = 1; x < SEAL_SIDE - 1; x++) {
                const uint8_t *at = other + y * SEAL_SIDE + x;
                bool near = false;

                if (!own[y * SEAL_SIDE + x])
                    continue;
                for (int v = -1; v <= 1; v++)
                    for (int u = -1; u <= 1; u++)
                        near |= at[v * SEAL_SIDE + u] != 0;
                all[k]++;
                alone[k] += !near;
            }
        }
    }
    free(on);
    ret->weight = ink[1] / ink[0];
    ret->stray = fmax(alone[0] / all[0], alone[1] / all[1]);
}

void seal_match(const struct seal *a, const struct seal *b, struct seal_likeness *ret) {
    float *pa = malloc(2 * RAYS * RINGS * sizeof *pa), *pb, by_turn[RAYS];
    struct disc *d = malloc(sizeof *d);
    struct pose at_best = {0, 0, 0, 1};

    *ret = (struct seal_likeness){.score = -1};
    if (pa == NULL || d == NULL || !a->found || !b->found)
        goto done;
    pb = pa + RAYS * RINGS;
    polar(a->ink, pa);
    polar(b->ink, pb);
    correlate(pa, pb, by_turn);
    disc_of(a->ink, d);
    for (int peak = 0; peak < 4; peak++) {
        struct pose p = {0, 0, 0, 1};
        double score;
        int at = 0;

        for (int i = 1; i < RAYS; i++)
            if (by_turn[i] > by_turn[at])
                at = i;
        for (int k = -8; k <= 8; k++)
            by_turn[(at + k + RAYS) % RAYS] = -1e30f;
        p.turn = at * M_PI / 180;
        score = refine(d, b->ink, &p);
        if (score > ret->score) {
            ret->score = score;
            at_best = p;
        }
    }
    compare_ink(a, b, &at_best, ret);
done:
    free(pa);
    free(d);
}
