#include "ocr-worker/streak.h"

#define BANDS 10        /* parts of the page, each of which a streak runs through */
#define BAND_ROWS 40    /* of which are looked at */
#define BESIDE 4        /* columns from a streak to the paper beside it */
#define CONTRAST 10     /* levels by which it is darker */
#define COLUMNS_MAX 120 /* more is no dirt on the glass: a pattern, or a drawing */
#define INK_BELOW 28    /* levels below the streak alone: there is print in it */

static int beside(const uint8_t *row, int x) {
    return int_min(row[x - BESIDE], row[x + BESIDE]);
}

/* How much of the light it lets through, in 256ths; 0: no streak. */
static int streak_at(const struct plane *p, int x) {
    int sum = 0, all = 0;

    for (int band = 0; band < BANDS; band++) {
        int hits = 0;

        for (int i = 0; i < BAND_ROWS; i++) {
            int y = (int)((int64_t)(band * BAND_ROWS + i) * p->height / (BANDS * BAND_ROWS));
            const uint8_t *row = plane_row(p, y);
            int paper = beside(row, x);

            if (paper - row[x] < CONTRAST)
                continue;
            hits++;
            sum += row[x] * 256 / paper;
        }
        if (hits * 10 < BAND_ROWS * 7)
            return 0;
        all += hits;
    }
    return int_max(1, sum / all);
}

static void mend(struct plane *p, int x, int through) {
    for (int y = 0; y < p->height; y++) {
        uint8_t *row = plane_row(p, y);
        int paper = (row[x - BESIDE] + row[x + BESIDE]) / 2;
        int alone = paper * through / 256;

        row[x] = (uint8_t)(row[x] > alone - INK_BELOW
                               ? int_max(row[x], paper)
                               : int_min(255, row[x] * 256 / through));
    }
}

int streak_remove(struct plane *p) {
    int columns[COLUMNS_MAX], through[COLUMNS_MAX], count = 0;

    if (p->height < BANDS * BAND_ROWS)
        return 0;
    for (int x = BESIDE; x < p->width - BESIDE; x++) {
        int t = streak_at(p, x);

        if (t == 0)
            continue;
        if (count == COLUMNS_MAX)
            return 0;
        columns[count] = x;
        through[count++] = t;
    }
    for (int i = 0; i < count; i++)
        mend(p, columns[i], through[i]);
    return count;
}
