/* decode_pdf: pages of a PDF, rendered by Poppler at scanning resolution.
 *
 * What a scanner's PDF holds is one image a page; others are rendered all the same.
 * Same rules as decode.h: sandboxed child only, sizes bounded first. */
#ifndef OCR_WORKER_DECODE_PDF_H
#define OCR_WORKER_DECODE_PDF_H

#include "ocr-worker/decode.h"

struct decode_pdf;

/* Borrows `file` until it is closed. */
enum decode_fault decode_pdf_open(struct span file, struct decode_pdf **ret_pdf);
void decode_pdf_close(struct decode_pdf *pdf);
int decode_pdf_pages(const struct decode_pdf *pdf);
enum decode_fault decode_pdf_page(struct decode_pdf *pdf, int page,
                                  struct raster *ret_raster);

/* decode's: planes from packed pixels (red lowest). */
enum decode_fault decode_rgba(const uint32_t *rgba, int width, int height, int dpi,
                              bool upside_down, struct raster *ret_raster);

#endif
