/* page: one page of a scan, brought upright and level, and its ink.
 *
 * Flow: raster (decode) -> reduced planes at about 150 dpi -> deskew: one warp that
 * undoes turn and skew -> ink (tint, shade and show-through taken away) -> layout.
 * Coordinates of everything found are those of the upright reduced page; `to_raster`
 * leads to the raster, where fields are cut at full resolution.
 * Ownership: the page owns its planes and lists; the raster is borrowed. */
#ifndef OCR_WORKER_PAGE_H
#define OCR_WORKER_PAGE_H

#include "ocr-worker/decode.h"
#include "ocr-worker/image.h"

#define PAGE_BLOBS_MAX 12000
#define PAGE_RULES_MAX 400

/* A connected piece of ink. */
struct blob {
    struct box box;
    int area;
};

struct rule {
    int from, to;    /* along */
    int first, last; /* across */
};

struct page {
    const struct raster *raster;
    int level;  /* of ink that counts: thin strokes fade at the edge of resolution */
    int reduce; /* raster pixels to one of the reduced page */
    int dpi;    /* of the reduced page */
    int turn;   /* degrees clockwise that the content stands turned in the scan */
    double skew;
    struct affine to_raster;
    struct plane ink; /* of the red channel; 255: black */
    struct plane red; /* how much redder than the paper, doubled; no pixels: gray */
    struct plane bits; /* 1: text, 2: rule, 0: paper */
    struct blob *blobs; /* of text, by x */
    size_t blob_count;
    struct rule across[PAGE_RULES_MAX]; /* horizontal */
    size_t across_count;
    struct rule down[PAGE_RULES_MAX];
    size_t down_count;
    uint8_t paper, black; /* red channel's levels of paper and darkest ink */
    int cb, cr;           /* of the paper, in hundredths; 12800: gray */
};

/* The reduced planes of a raster, as it lies. */
struct reduced {
    struct plane tone; /* red channel, or luma */
    struct plane cr, cb;
    int factor;
};

bool page_reduce(const struct raster *raster, struct reduced *ret);
void reduced_free(struct reduced *reduced);

/* tone -> ink, the background estimated block by block. */
bool page_ink(const struct plane *tone, struct plane *ret_ink, uint8_t *ret_paper,
              uint8_t *ret_black);

/* Warp upright by turn and skew, find ink, rules and blobs. */
bool page_build(const struct raster *raster, const struct reduced *reduced, int turn,
                double skew, struct page *ret_page);
void page_free(struct page *page);

/* A part of the page at full resolution, as a page of its own: its ink, rules, blobs;
 * `reduce` 1, no redness. `box` in coordinates of `page`, `margin` in its pixels. */
bool page_cut(const struct page *page, struct box box, int margin, struct page *ret_cut);

#define PAGE_INK_LEVEL 96
#define PAGE_INK_LEVEL_CUT 70
#define PAGE_BIT_TEXT 1
#define PAGE_BIT_RULE 2

/* layout.c */
bool layout_find(struct page *page);

/* deskew.c: degrees by which the lines of the ink fall to the right, -4..4; and
 * whether the lines run down the page (content is turned by a quarter). */
double deskew_angle(const struct plane *ink, bool *ret_quarter);

#endif
