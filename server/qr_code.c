#include "server/qr_code.h"

#include <errno.h>
#include <qrencode.h>

/* Where the run of dark modules that begins at x ends. */
static unsigned run_end(const unsigned char *row, unsigned width, unsigned x) {
    while (x < width && (row[x] & 1u))
        x++;
    return x;
}

enum err qr_code_path(struct span text, struct buf *out, struct qr_code *ret_code) {
    QRcode *code;

    if (text.len == 0 || text.len > QR_CODE_TEXT_MAX)
        return ERR_TOO_BIG;
    code = QRcode_encodeData((int)text.len, text.data, 0, QR_ECLEVEL_M);
    if (!code)
        return errno == ENOMEM ? ERR_NOMEM : ERR_TOO_BIG;
    unsigned width = (unsigned)code->width;
    for (unsigned y = 0; y < width; y++) {
        const unsigned char *row = code->data + (size_t)y * width;
        for (unsigned x = 0; x < width; x++) {
            unsigned end = run_end(row, width, x);
            if (end > x)
                buf_printf(out, "M%u %uh%uv1h-%uz", x + QR_CODE_QUIET,
                           y + QR_CODE_QUIET, end - x, end - x);
            x = end > x ? end : x;
        }
    }
    QRcode_free(code);
    ret_code->size = width + 2 * QR_CODE_QUIET;
    return buf_err(out);
}
