/* buf: a growing byte buffer with a cap, and the writer of JSON text.
 *
 * Errors are sticky: after the first failure every put does nothing, and
 * buf_err() reports it once at the end, so that callers stay readable. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/err.h"
#include "store/base/span.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    enum err err;
};

/* `max`: the length is never let beyond it (ERR_TOO_BIG, sticky). */
void buf_init(struct buf *buf, size_t max);
/* Wipes (contents may be secret) and frees. */
void buf_free(struct buf *buf);
/* Empty it, keep the memory, clear the error. */
void buf_reset(struct buf *buf);

void buf_put(struct buf *buf, const void *data, size_t len);
void buf_str(struct buf *buf, const char *s);
void buf_printf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD, `<>&` and
 * controls are \u-escaped, so the text is safe inside HTML too. */
void buf_json(struct buf *buf, struct span text);
/* `"name":`, preceded by a comma unless the last byte is `{` or `[`. */
void buf_json_name(struct buf *buf, const char *name);
/* The same and a value behind it. */
void buf_json_member(struct buf *buf, const char *name, struct span text);
void buf_json_u64(struct buf *buf, const char *name, uint64_t value);
void buf_json_bool(struct buf *buf, const char *name, bool value);

static inline struct span buf_span(const struct buf *buf)
{
    return span_of(buf->data, buf->len);
}

static inline enum err buf_err(const struct buf *buf)
{
    return buf->err;
}

#endif
