/* sheet: one page of a scan, upright, with its lines, labels and kind.
 *
 * Flow: raster -> orient (skew, then the turn under which words of the table appear)
 * -> kind. Ownership: the sheet owns everything, the raster too. */
#ifndef OCR_WORKER_SHEET_H
#define OCR_WORKER_SHEET_H

#include "ocr-worker/label.h"
#include "ocr-worker/page.h"
#include "ocr-worker/qr.h"
#include "ocr-worker/wire/evidence_wire.h"

struct sheet {
    uint8_t scan, index;
    struct raster raster;
    struct page page;
    struct text text;
    struct labels labels;
    struct qr qr;
    enum ocr_page_kind kind;
    float weight; /* of the labels */
};

/* Takes the raster over, whatever it returns. False: out of memory. */
bool sheet_open(struct label_reader *reader, struct raster *raster, struct sheet *ret);
void sheet_free(struct sheet *sheet);

/* Corners of a box of the upright page (or of a cut) in scan pixels. */
void sheet_quad(const struct page *page, struct box box, struct ocr_point quad[4]);

#endif
