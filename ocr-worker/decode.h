/* decode: pages of a scan file as luma and chroma planes.
 *
 * First place where bytes of a stranger meet an image library, so it runs in the
 * sandboxed child alone. The kind of file is told by its first bytes, never by its
 * name; sizes are read from the headers and bounded before pixels are allocated.
 * JPEG streams inside TIFF are decoded directly, chroma stays subsampled as it is. */
#ifndef OCR_WORKER_DECODE_H
#define OCR_WORKER_DECODE_H

#include "ocr-worker/image.h"
#include "store/base/span.h"

#define DECODE_PAGES_MAX 16

enum decode_fault {
    DECODE_OK,
    DECODE_UNKNOWN,   /* no TIFF, JPEG or PDF */
    DECODE_BROKEN,    /* truncated, or not what its first bytes say */
    DECODE_TOO_LARGE, /* more pixels, or more pages, than a scan of paper has */
    DECODE_MEMORY,
};

struct raster {
    struct plane y;
    struct plane cb, cr; /* without pixels: gray */
    int shrink;          /* scan pixels to one of y: 1 or 2 */
    int dpi;             /* of y; a guess from the size where the file says nothing */
    int scan_width, scan_height, scan_dpi;
};

struct decode;

/* Borrows `file` until decode_close. */
enum decode_fault decode_open(struct span file, struct decode **ret_decode);
void decode_close(struct decode *decode);
/* Large pages at half size from now on: enough for codes, and half the work. */
void decode_halve(struct decode *decode);
/* The next page. *ret_more false: there was none, nothing is returned. */
enum decode_fault decode_next(struct decode *decode, bool *ret_more,
                              struct raster *ret_raster);
void raster_free(struct raster *raster);

#endif
