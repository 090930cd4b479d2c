#include "ocr-worker/streak.h"

#define BANDS 10        /* parts of the page, each of which a streak runs through */
#define BAND_ROWS 40    /* of which are looked at */
#define BESIDE 4        /* columns from a streak to the paper beside it */
#define CONTRAST 10     /* levels by which it is darker */
#define COLUMNS_MAX 120 /* more is no dirt on the glass: a pattern, or a drawing */
#define INK_BELOW 28    /* levels below the streak alone: there is print in it */

/* Lines that run down the page, or, where a program has turned the scan, across it. */
struct lines {
    uint8_t *px;
    size_t along, side; /* from a pixel of a line to its next, and to the line beside it */
    int length, count;
};

static uint8_t *line_at(const struct lines *l, int line, int k) {
    return l->px + (size_t)line * l->side + (size_t)k * l->along;
}

/* How much of the light it lets through, in 256ths; 0: no streak. */
static int streak_at(const struct lines *l, int line) {
    int sum = 0, all = 0;

    for (int band = 0; band < BANDS; band++) {
        int hits = 0;

        for (int i = 0; i < BAND_ROWS; i++) {
            int k = (int)((int64_t)(band * BAND_ROWS + i) * l->length /
                          (BANDS * BAND_ROWS));
            int here = *line_at(l, line, k);
            int paper = int_min(*line_at(l, line - BESIDE, k), *line_at(l, line + BESIDE, k));

            if (paper - here < CONTRAST)
                continue;
            hits++;
            sum += here * 256 / paper;
        }
        if (hits * 10 < BAND_ROWS * 7)
            return 0;
        all += hits;
    }
    return int_max(1, sum / all);
}

static void mend(const struct lines *l, int line, int through) {
    for (int k = 0; k < l->length; k++) {
        uint8_t *at = line_at(l, line, k);
        int paper = (*line_at(l, line - BESIDE, k) + *line_at(l, line + BESIDE, k)) / 2;
        int alone = paper * through / 256;

        *at = (uint8_t)(*at > alone - INK_BELOW ? int_max(*at, paper)
                                                : int_min(255, *at * 256 / through));
    }
}

static int remove_lines(const struct lines *l) {
    int lines[COLUMNS_MAX], through[COLUMNS_MAX], count = 0;

    if (l->length < BANDS * BAND_ROWS)
        return 0;
    for (int line = BESIDE; line < l->count - BESIDE; line++) {
        int t = streak_at(l, line);

        if (t == 0)
            continue;
        if (count == COLUMNS_MAX)
            return 0;
        lines[count] = line;
        through[count++] = t;
    }
    for (int i = 0; i < count; i++)
        mend(l, lines[i], through[i]);
    return count;
}

int streak_remove(struct plane *p) {
    size_t width = (size_t)p->width;
    const struct lines down = {p->px, width, 1, p->height, p->width};
    const struct lines across = {p->px, 1, width, p->width, p->height};

    return remove_lines(&down) + remove_lines(&across);
}
