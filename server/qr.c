#include "server/qr.h"

#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#include "store/base/buf.h"

#define MARGIN 4
#define PATH_MAX_LEN (256u * 1024)

/* Runs of dark modules, row by row. */
static void draw(const QRcode *code, struct buf *out) {
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width;) {
            const unsigned char *row = code->data + y * code->width;
            char text[64];
            int run = 0;

            while (x + run < code->width && (row[x + run] & 1))
                run++;
            if (run > 0) {
                snprintf(text, sizeof text, "M%d %dh%dv1h-%dz", x + MARGIN, y + MARGIN,
                         run, run);
                buf_str(out, text);
            }
            x += run > 0 ? run : 1;
        }
    }
}

enum err qr_make(struct span text, struct arena *arena, struct span *ret_path,
                 struct span *ret_size) {
    QRcode *code = QRcode_encodeData((int)text.len, text.data, 0, QR_ECLEVEL_M);
    struct buf path;
    char size[16];
    enum err err;

    if (!code)
        return ERR_TOO_BIG;
    buf_init(&path, PATH_MAX_LEN);
    draw(code, &path);
    snprintf(size, sizeof size, "%d", code->width + 2 * MARGIN);
    QRcode_free(code);
    err = buf_err(&path);
    if (!err) {
        *ret_path = arena_dup(arena, buf_span(&path));
        *ret_size = arena_dup(arena, span_str(size));
        err = ret_path->data && ret_size->data ? OK : ERR_NOMEM;
    }
    buf_free(&path);
    return err;
}
