/* scan_view: a page of a scan as an image that may be shown, made by another program.
 *
 * A scan is bytes of a stranger: nothing of this process decodes them, and no browser is
 * given them. `tasuki-ocr view` (ocr-worker/view.h) gets the file as its standard input,
 * reads it in a sandboxed child, and answers with a JPEG of its own making.
 * Waits for that process: on the view pool. Thread: any. */
#ifndef SERVER_SCAN_VIEW_H
#define SERVER_SCAN_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

struct scan_view {
    const char *program; /* path of tasuki-ocr */
    unsigned page;       /* of the file, from 0 */
    unsigned turn;       /* degrees by which its content stands turned */
    unsigned side;       /* of the image, at most */
    bool piece;          /* of the quad alone */
    int32_t quad[4][2];
};

/* Append the image to `out`, whose cap bounds it. ERR_INVALID: the page cannot be read;
 * ERR_TIMEOUT; ERR_IO: the program cannot be run, or failed. */
enum err scan_view(const struct scan_view *view, struct span file, struct buf *out);

#endif
