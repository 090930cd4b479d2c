/* view: a page of a scan, or a piece of one, as an image that a browser may be given.
 *
 * The file is decoded in a sandboxed child (ocr-worker/sandbox.h) that sends back nothing
 * but pixels: what they are packed into is made here, from their numbers, and no byte of
 * the scan goes on. Thread: the process's. */
#ifndef OCR_WORKER_VIEW_H
#define OCR_WORKER_VIEW_H

#include "ocr-worker/sandbox.h"

#define VIEW_SIDE_MAX 4000

struct view_request {
    int page;    /* of the file, from 0 */
    int turn;    /* clockwise degrees by which the content stands turned: 0 to 270 */
    int side;    /* of the result, at most; 1 to VIEW_SIDE_MAX */
    bool piece;  /* of `quad` alone, with a margin; `turn` is in it */
    double quad[4][2]; /* scan pixels, clockwise from the upright top left */
};

enum view_end {
    VIEW_OK,
    VIEW_BROKEN,  /* no such page, or no image that can be read */
    VIEW_TIMEOUT, /* it took too long or too much */
    VIEW_FAULT,   /* of this machine: no memory, no child */
};

/* Append a JPEG to `out`. */
enum view_end view_page(struct span file, const struct view_request *request,
                        const struct sandbox_limits *limits, struct buf *out);

#endif
