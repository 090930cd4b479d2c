/* buf: a growing byte buffer, and JSON text into it. */
#include "store/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define BUF_CAP_MIN 256

void buf_init(struct buf *buf, size_t max) {
    *buf = (struct buf){NULL, 0, 0, max, OK};
}

void buf_free(struct buf *buf) {
    if (buf->data != NULL) {
        secret_wipe(buf->data, buf->len);
        free(buf->data);
    }
    buf_init(buf, buf->max);
}

void buf_reset(struct buf *buf) {
    if (buf->data != NULL) {
        secret_wipe(buf->data, buf->len);
    }
    buf->len = 0;
    buf->err = OK;
}

/* Room for `len` more bytes; false and the sticky error otherwise. Not realloc:
 * that would leave an unwiped copy behind. */
static bool buf_grow(struct buf *buf, size_t len) {
    size_t cap = buf->cap < BUF_CAP_MIN ? BUF_CAP_MIN : buf->cap;
    uint8_t *data;

    if (buf->err != OK) {
        return false;
    }
    if (len > buf->max || buf->len > buf->max - len) {
        buf->err = ERR_TOO_BIG;
        return false;
    }
    if (buf->cap - buf->len >= len) {
        return true;
    }
    while (cap - buf->len < len) {
        if (cap > SIZE_MAX / 2) {
            buf->err = ERR_TOO_BIG;
            return false;
        }
        cap *= 2;
    }
    data = malloc(cap);
    if (data == NULL) {
        buf->err = ERR_NOMEM;
        return false;
    }
    if (buf->len > 0) {
        memcpy(data, buf->data, buf->len);
        secret_wipe(buf->data, buf->len);
    }
    free(buf->data);
    buf->data = data;
    buf->cap = cap;
    return true;
}

void buf_put(struct buf *buf, const void *data, size_t len) {
    if (len > 0 && buf_grow(buf, len)) {
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }
}

void buf_str(struct buf *buf, const char *s) {
    buf_put(buf, s, strlen(s));
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args, again;
    char small[128];
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    CHECK(len >= 0);
    if ((size_t)len < sizeof small) {
        buf_put(buf, small, (size_t)len);
    } else if (buf_grow(buf, (size_t)len + 1)) {
        (void)vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

static bool json_is_plain(uint8_t c) {
    static const uint8_t special[128] = {
        ['"'] = 1, ['\\'] = 1, ['<'] = 1, ['>'] = 1, ['&'] = 1, ['\''] = 1, [0x7f] = 1,
    };
    return c >= 0x20 && c < 0x80 && special[c] == 0;
}

/* U+2028 and U+2029 end a line in JavaScript. */
static bool json_ends_line(const uint8_t *s, size_t len) {
    return len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8;
}

/* Bytes at the beginning of `text` that stand for themselves. */
static size_t json_run(struct span text) {
    size_t i = 0;

    while (i < text.len) {
        size_t len = 1;
        if (text.data[i] >= 0x80) {
            len = utf8_sequence(span_of(text.data + i, text.len - i));
        }
        if (len == 0 || (len == 1 && !json_is_plain(text.data[i])) ||
            json_ends_line(text.data + i, len)) {
            break;
        }
        i += len;
    }
    return i;
}

/* One character that does not; gives the bytes of input it took. */
static size_t json_special(struct buf *buf, struct span rest) {
    uint8_t c = rest.data[0];
    size_t len = utf8_sequence(rest);

    if (len == 0) {
        buf_str(buf, c == 0 ? "\\u0000" : "\\ufffd");
        return 1;
    }
    if (len == 1) {
        switch (c) {
        case '"':
            buf_str(buf, "\\\"");
            break;
        case '\\':
            buf_str(buf, "\\\\");
            break;
        case '\n':
            buf_str(buf, "\\n");
            break;
        default:
            buf_printf(buf, "\\u%04x", (unsigned)c);
        }
        return 1;
    }
    buf_str(buf, rest.data[2] == 0xa8 ? "\\u2028" : "\\u2029"); /* json_ends_line */
    return len;
}

void buf_json(struct buf *buf, struct span text) {
    size_t i = 0;

    buf_put(buf, "\"", 1);
    while (i < text.len) {
        size_t run = json_run(span_of(text.data + i, text.len - i));
        buf_put(buf, text.data + i, run);
        i += run;
        if (i < text.len) {
            i += json_special(buf, span_of(text.data + i, text.len - i));
        }
    }
    buf_put(buf, "\"", 1);
}

void buf_json_name(struct buf *buf, const char *name) {
    if (buf->len > 0) {
        uint8_t last = buf->data[buf->len - 1];
        if (last != '{' && last != '[') {
            buf_put(buf, ",", 1);
        }
    }
    buf_json(buf, span_str(name));
    buf_put(buf, ":", 1);
}

void buf_json_member(struct buf *buf, const char *name, struct span text) {
    buf_json_name(buf, name);
    buf_json(buf, text);
}

void buf_json_u64(struct buf *buf, const char *name, uint64_t value) {
    buf_json_name(buf, name);
    buf_printf(buf, "%llu", (unsigned long long)value);
}

void buf_json_bool(struct buf *buf, const char *name, bool value) {
    buf_json_name(buf, name);
    buf_str(buf, value ? "true" : "false");
}
