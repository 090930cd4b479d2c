/* qr: a text as a QR code (ISO/IEC 18004), drawn by one path of SVG. Thread: any. */
#ifndef SERVER_QR_H
#define SERVER_QR_H

#include "store/base/arena.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* *ret_path: the `d` of a path that fills the dark modules, one unit each, in a square of
 * *ret_size units that has the margin of four. Both live in `arena`. ERR_TOO_BIG: more
 * text than a code holds. */
enum err qr_make(struct span text, struct arena *arena, struct span *ret_path,
                 struct span *ret_size);

#endif
