#include "http/http_form.h"

#include "store/base/buf.h"
#include "store/base/codec.h"

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode into arena memory of the input's length, which is never exceeded. */
static enum err decode(struct span in, size_t len_max, struct arena *arena,
                       struct span *ret_out, const char **ret_why) {
    uint8_t *out = arena_alloc(arena, in.len + 1);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if (c == '%') {
            int hi = in.len - i > 2 ? hex_value(in.data[i + 1]) : -1;
            int lo = in.len - i > 2 ? hex_value(in.data[i + 2]) : -1;
            if (hi < 0 || lo < 0) {
                *ret_why = "a percent sign is not followed by two hex digits";
                return ERR_INVALID;
            }
            c = (uint8_t)(hi << 4 | lo);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = c;
    }
    if (len > len_max) {
        *ret_why = "a parameter is too long";
        return ERR_TOO_BIG;
    }
    *ret_out = span_of(out, len);
    if (!utf8_valid(*ret_out)) {
        *ret_why = "a parameter is not valid UTF-8, or holds a NUL";
        return ERR_INVALID;
    }
    return OK;
}

static enum err add_field(struct span pair, struct arena *arena, struct params *params,
                          const char **ret_why) {
    if (params->count == LIMIT_FORM_FIELDS) {
        *ret_why = "too many parameters";
        return ERR_TOO_BIG;
    }
    const uint8_t *eq = memchr(pair.data, '=', pair.len);
    size_t name_len = eq != NULL ? (size_t)(eq - pair.data) : pair.len;
    struct span value = span_of("", 0);
    if (eq != NULL) {
        value = span_of(eq + 1, pair.len - name_len - 1);
    }
    struct param *param = &params->items[params->count];
    enum err err = decode(span_of(pair.data, name_len), LIMIT_FORM_NAME, arena,
                          &param->name, ret_why);
    if (err == OK) {
        err = decode(value, LIMIT_FORM_VALUE, arena, &param->value, ret_why);
    }
    if (err == OK) {
        params->count++;
    }
    return err;
}

enum err http_form_parse(struct span in, struct arena *arena, struct params *ret_params,
                         const char **ret_why) {
    ret_params->count = 0;
    while (in.len > 0) {
        const uint8_t *amp = memchr(in.data, '&', in.len);
        size_t len = amp != NULL ? (size_t)(amp - in.data) : in.len;
        if (len > 0) {
            enum err err = add_field(span_of(in.data, len), arena, ret_params, ret_why);
            if (err != OK) {
                return err;
            }
        }
        size_t step = amp != NULL ? len + 1 : len;
        in.data += step;
        in.len -= step;
    }
    return OK;
}

void http_form_escape(struct span in, struct buf *out) {
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
            (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~') {
            buf_put(out, &c, 1);
        } else {
            buf_printf(out, "%%%02X", c);
        }
    }
}
