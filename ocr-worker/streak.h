/* streak: lines that dirt on a scanner's glass draws down the whole of a page.
 *
 * They are straight along the columns of the scan, from its first row to its last, which
 * nothing is that was printed. Taken away before anything else is looked at: one of them
 * runs through a digit of every line. Thread: any. */
#ifndef OCR_WORKER_STREAK_H
#define OCR_WORKER_STREAK_H

#include "ocr-worker/image.h"

/* In place, down the page and across it: a scan may have been turned since. Returns how
 * many columns and rows were mended. */
int streak_remove(struct plane *luma);

#endif
