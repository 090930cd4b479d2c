#include <math.h>
#include <stdlib.h>

#include "ocr-worker/page.h"

#define POINTS_MAX 30000
#define ANGLE_MAX 4.0
#define COARSE_STEP 0.25
#define FINE_STEP 0.03

/* Ink whose right (or lower) neighbour is paper: the ends of strokes, which line up
 * along lines of text and along rules. */
struct edges {
    int *along; /* position along the line */
    int *across;
    size_t count;
    int across_max;
};

static bool edge_at(const struct plane *ink, int x, int y, bool down) {
    int next = down ? plane_at(ink, x, y + 1) : plane_at(ink, x + 1, y);

    return plane_at(ink, x, y) > PAGE_INK_LEVEL + 20 && next <= PAGE_INK_LEVEL + 20;
}

static bool edges_of(const struct plane *ink, bool quarter, struct edges *e) {
    size_t total = 0, keep, seen = 0;

    for (int y = 0; y + 1 < ink->height; y += 2)
        for (int x = 0; x + 1 < ink->width; x += 2)
            total += edge_at(ink, x, y, !quarter);
    keep = total / POINTS_MAX + 1;
    e->along = malloc((total / keep + 1) * sizeof *e->along);
    e->across = malloc((total / keep + 1) * sizeof *e->across);
    if (e->along == NULL || e->across == NULL)
        return false;
    for (int y = 0; y + 1 < ink->height; y += 2) {
        for (int x = 0; x + 1 < ink->width; x += 2) {
            if (!edge_at(ink, x, y, !quarter) || seen++ % keep != 0 ||
                e->count > total / keep)
                continue;
            e->along[e->count] = quarter ? y - ink->height / 2 : x - ink->width / 2;
            e->across[e->count++] = quarter ? x : y;
        }
    }
    e->across_max = quarter ? ink->width : ink->height;
    return true;
}

/* Sum of squares of the profile: peaks where lines are level. */
static double sharpness(const struct edges *e, double degrees, uint32_t *bins,
                        int count) {
    double slope = tan(degrees * M_PI / 180), sum = 0;
    int margin = (count - e->across_max) / 2;

    for (int i = 0; i < count; i++)
        bins[i] = 0;
    for (size_t i = 0; i < e->count; i++) {
        int at = (int)lround(e->across[i] - slope * e->along[i]) + margin;

        if (at >= 0 && at < count)
            bins[at]++;
    }
    for (int i = 1; i < count; i++) {
        double pair = bins[i] + bins[i - 1];

        sum += pair * pair;
    }
    return sum / (double)(e->count + 1) / (double)(e->count + 1) * count;
}

static double best_angle(const struct edges *e, double *ret_peak) {
    int count = e->across_max + 400;
    uint32_t *bins = malloc((size_t)count * sizeof *bins);
    double best = 0, peak = 0, from, to;

    *ret_peak = 0;
    if (bins == NULL)
        return 0;
    for (double a = -ANGLE_MAX; a <= ANGLE_MAX; a += COARSE_STEP) {
        double s = sharpness(e, a, bins, count);

        if (s > peak) {
            peak = s;
            best = a;
        }
    }
    from = best - COARSE_STEP;
    to = best + COARSE_STEP;
    for (double a = from; a <= to; a += FINE_STEP) {
        double s = sharpness(e, a, bins, count);

        if (s > peak) {
            peak = s;
            best = a;
        }
    }
    free(bins);
    *ret_peak = peak;
    return best;
}

double deskew_angle(const struct plane *ink, bool *ret_quarter) {
    double angle[2] = {0, 0}, peak[2] = {0, 0};

    for (int q = 0; q < 2; q++) {
        struct edges e = {0};

        if (edges_of(ink, q == 1, &e) && e.count > 50)
            angle[q] = best_angle(&e, &peak[q]);
        free(e.along);
        free(e.across);
    }
    *ret_quarter = peak[1] > peak[0];
    /* Down the page, a line that falls to the right leans to the left. */
    return *ret_quarter ? -angle[1] : angle[0];
}
