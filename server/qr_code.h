/* qr_code: a text as a QR code (ISO/IEC 18004), drawn as the path of an SVG whose unit is
 * one module. Pure. Thread: any. */
#ifndef SERVER_QR_CODE_H
#define SERVER_QR_CODE_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define QR_CODE_TEXT_MAX 512
#define QR_CODE_QUIET 4 /* modules of white around it (§6.3.8) */

struct qr_code {
    unsigned size; /* modules a side, with the quiet zone */
};

/* Append the dark modules as `M x y h n v1 h-n z` runs. ERR_TOO_BIG, ERR_NOMEM. */
enum err qr_code_path(struct span text, struct buf *out, struct qr_code *ret_code);

#endif
