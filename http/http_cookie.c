#include "http/http_cookie.h"

#include <inttypes.h>

static bool is_cookie_octet(uint8_t c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

static struct span trim(struct span s) {
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

struct span http_cookie_get(struct span header, const char *name) {
    const struct span none = span_of(NULL, 0);
    struct span found = none;
    while (header.len > 0) {
        const uint8_t *semi = memchr(header.data, ';', header.len);
        size_t len = semi != NULL ? (size_t)(semi - header.data) : header.len;
        struct span pair = trim(span_of(header.data, len));
        const uint8_t *eq = pair.len > 0 ? memchr(pair.data, '=', pair.len) : NULL;
        if (eq != NULL && span_is(span_of(pair.data, (size_t)(eq - pair.data)), name)) {
            if (found.data != NULL) {
                return none;
            }
            found = span_of(eq + 1, pair.len - (size_t)(eq - pair.data) - 1);
        }
        size_t step = semi != NULL ? len + 1 : len;
        header.data += step;
        header.len -= step;
    }
    for (size_t i = 0; i < found.len; i++) {
        if (!is_cookie_octet(found.data[i])) {
            return none;
        }
    }
    return found;
}

void http_cookie_write(const char *name, struct span value, int64_t max_age_s,
                       struct buf *out) {
    buf_str(out, name);
    buf_str(out, "=");
    buf_put(out, value.data, value.len);
    bool strict = strncmp(name, COOKIE_STAFF, sizeof(COOKIE_STAFF) - 1) == 0;
    buf_printf(out, "; Path=/; Secure; HttpOnly; SameSite=%s", strict ? "Strict" : "Lax");
    if (max_age_s >= 0) {
        buf_printf(out, "; Max-Age=%" PRId64, max_age_s);
    }
}
