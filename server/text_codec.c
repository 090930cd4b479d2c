#include "server/text_codec.h"

#include <errno.h>
#include <iconv.h>

#include "store/base/codec.h"

static enum err convert(const char *to, const char *from, struct span text,
                        struct buf *out) {
    iconv_t handle = iconv_open(to, from);
    char *in = (char *)(uintptr_t)text.data; /* iconv does not write there */
    size_t in_left = text.len;
    enum err err = OK;

    if (handle == (iconv_t)-1)
        return ERR_IO;
    while (in_left > 0 && !err) {
        char part[4096], *at = part;
        size_t left = sizeof part;
        size_t rc = iconv(handle, &in, &in_left, &at, &left);
        buf_put(out, part, (size_t)(at - part));
        err = rc == (size_t)-1 && errno != E2BIG ? ERR_INVALID : buf_err(out);
    }
    iconv_close(handle);
    return err ? err : buf_err(out);
}

enum err text_decode(enum text_encoding encoding, struct span text, struct buf *out) {
    bool utf8 = utf8_valid(text);

    if (text.len > 0 && memchr(text.data, '\0', text.len))
        return ERR_INVALID; /* of no text */
    if (encoding == TEXT_CP932 || (encoding == TEXT_AUTO && !utf8))
        return convert("UTF-8", "CP932", text, out);
    if (!utf8)
        return ERR_INVALID;
    buf_put(out, text.data, text.len);
    return buf_err(out);
}

enum err text_encode(enum text_encoding encoding, struct span utf8, struct buf *out) {
    if (encoding == TEXT_CP932)
        return convert("CP932", "UTF-8", utf8, out);
    buf_put(out, utf8.data, utf8.len);
    return buf_err(out);
}
