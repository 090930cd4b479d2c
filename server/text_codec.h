/* text_codec: files of other programs between their encoding and UTF-8: Japanese Windows
 * writes CSV in CP932. By iconv of libc; bounded. Thread: any. */
#ifndef SERVER_TEXT_CODEC_H
#define SERVER_TEXT_CODEC_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

enum text_encoding {
    TEXT_AUTO, /* UTF-8 when it is valid, else CP932 */
    TEXT_UTF8,
    TEXT_CP932,
};

/* Append as UTF-8. ERR_INVALID: it is not of this encoding; ERR_TOO_BIG, ERR_NOMEM of
 * `out`; ERR_IO: libc does not know CP932. */
enum err text_decode(enum text_encoding encoding, struct span text, struct buf *out);
/* The other way. ERR_INVALID: a character that the encoding lacks. */
enum err text_encode(enum text_encoding encoding, struct span utf8, struct buf *out);

#endif
