/* seal_match: two impressions compared.
 *
 * Each is cut out, brought to one size by the circle around its ink, and turned onto
 * the other: the turn by correlation in polar form, then fine steps of place, size and
 * turn. The score is the correlation of what lies inside the outer ring, which all
 * seals have. It finds a different seal. A careful copy scores high too, but its strokes
 * are seldom of the same width, nor quite in the same places: weight and stray say so.
 * What none of the three can find is left to people (the bands are in judge.h).
 * Thread: the reader's. */
#ifndef OCR_WORKER_SEAL_MATCH_H
#define OCR_WORKER_SEAL_MATCH_H

#include "ocr-worker/page.h"

#define SEAL_SIDE 128

struct seal {
    bool found;
    bool framed;    /* it stood in a frame of its own */
    bool red;       /* its ink is red */
    bool uneven;    /* pale red stands around it: a stain, or half of it is faint */
    struct box box; /* on the upright reduced page */
    double radius_mm;
    uint8_t ink[SEAL_SIDE * SEAL_SIDE];
};

/* The impression inside `frame` (any of a page's frames, or a guess). `want_red`: take
 * red ink alone when there is some. False: out of memory. */
bool seal_cut(const struct page *page, struct box frame, bool want_red,
              struct seal *ret);

/* How alike two impressions are, laid upon one another. */
struct seal_likeness {
    double score;  /* correlation, -1..1 */
    double weight; /* ink of the second to that of the first: strokes of another width */
    double stray;  /* part of either's ink that lies beside the other's */
};
void seal_match(const struct seal *a, const struct seal *b, struct seal_likeness *ret);

#endif
