#include "http/http_multipart.h"

#include "store/base/codec.h"

#define BOUNDARY_MAX 70 /* RFC 2046 §5.1.1 */

static struct span after(struct span text, size_t n) {
    return span_of(text.data + n, text.len - n);
}

static bool begins(struct span text, struct span with) {
    return text.len >= with.len && memcmp(text.data, with.data, with.len) == 0;
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool begins_caseless(struct span text, const char *with) {
    size_t len = strlen(with);

    if (text.len < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (lower(text.data[i]) != (uint8_t)with[i]) {
            return false;
        }
    }
    return true;
}

/* Where `what` begins; text.len: nowhere. */
static size_t find(struct span text, struct span what) {
    for (size_t i = 0; what.len <= text.len && i <= text.len - what.len; i++) {
        const uint8_t *at = memchr(text.data + i, what.data[0], text.len - what.len - i + 1);
        if (at == NULL) {
            break;
        }
        i = (size_t)(at - text.data);
        if (memcmp(at, what.data, what.len) == 0) {
            return i;
        }
    }
    return text.len;
}

struct span http_multipart_boundary(struct span content_type) {
    static const char type[] = "multipart/form-data", name[] = "boundary=";
    struct span rest;
    size_t len;

    if (!begins_caseless(content_type, type)) {
        return span_of("", 0);
    }
    rest = after(content_type, sizeof(type) - 1);
    while (rest.len > 0 && (rest.data[0] == ';' || rest.data[0] == ' ')) {
        rest = after(rest, 1);
    }
    if (!begins_caseless(rest, name)) {
        return span_of("", 0);
    }
    rest = after(rest, sizeof(name) - 1);
    for (len = 0; len < rest.len && rest.data[len] != ';'; len++) {
        uint8_t c = rest.data[len];
        bool good = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '\'' || c == '+' || c == '.';
        if (!good) {
            return span_of("", 0);
        }
    }
    return len > 0 && len <= BOUNDARY_MAX ? span_of(rest.data, len) : span_of("", 0);
}

/* ---- one part's head */

struct part {
    struct span name, file_name;
    bool has_file_name;
};

/* The quoted value of `; key="..."`; false: it is not there. */
static bool parameter(struct span line, const char *key, struct span *ret_value) {
    struct span rest = line;
    size_t at = find(rest, span_str(key)), end;

    if (at == rest.len || at < 2 || rest.data[at - 1] != ' ' || rest.data[at - 2] != ';') {
        return false;
    }
    rest = after(rest, at + strlen(key));
    end = find(rest, span_str("\""));
    if (end == rest.len) {
        return false;
    }
    *ret_value = span_of(rest.data, end);
    return true;
}

/* Lines up to the empty one; *rest is behind it. */
static bool read_head(struct span *rest, struct part *ret) {
    static const char disposition[] = "content-disposition: form-data";
    bool found = false;

    *ret = (struct part){.has_file_name = false};
    for (;;) {
        size_t len = find(*rest, span_str("\r\n"));
        struct span line = span_of(rest->data, len);
        if (len == rest->len) {
            return false;
        }
        *rest = after(*rest, len + 2);
        if (len == 0) {
            return found;
        }
        if (begins_caseless(line, disposition)) {
            if (found || !parameter(line, "name=\"", &ret->name)) {
                return false;
            }
            ret->has_file_name = parameter(line, "filename=\"", &ret->file_name);
            found = true;
        }
    }
}

/* ---- the body */

static enum err take(const struct part *part, struct span value, struct params *params,
                     struct http_multipart_file *file, const char **ret_why) {
    if (part->name.len == 0 || part->name.len > LIMIT_FORM_NAME ||
        !utf8_valid(part->name) || memchr(part->name.data, '\0', part->name.len)) {
        *ret_why = "a part has no sound name";
        return ERR_INVALID;
    }
    if (part->has_file_name || span_is(part->name, "file")) {
        if (file->name.len > 0) {
            *ret_why = "one file at a time is expected";
            return ERR_INVALID;
        }
        *file = (struct http_multipart_file){part->name, part->file_name, value};
        return OK;
    }
    if (value.len > LIMIT_FORM_VALUE || params->count == LIMIT_FORM_FIELDS) {
        *ret_why = "too many fields, or too long a value";
        return ERR_TOO_BIG;
    }
    if (!utf8_valid(value) || (value.len > 0 && memchr(value.data, '\0', value.len))) {
        *ret_why = "a value is not UTF-8";
        return ERR_INVALID;
    }
    params->items[params->count++] = (struct param){part->name, value};
    return OK;
}

enum err http_multipart_parse(struct span body, struct span boundary,
                              struct params *ret_params,
                              struct http_multipart_file *ret_file,
                              const char **ret_why) {
    char line[BOUNDARY_MAX + 5] = "\r\n--";
    struct span mark = span_of(line, boundary.len + 4), rest = body;
    struct part part;
    enum err err = OK;

    ret_params->count = 0;
    *ret_file = (struct http_multipart_file){span_of("", 0), span_of("", 0),
                                             span_of("", 0)};
    *ret_why = "the body is no multipart/form-data";
    if (boundary.len == 0 || boundary.len > BOUNDARY_MAX) {
        return ERR_INVALID;
    }
    memcpy(line + 4, boundary.data, boundary.len);
    if (!begins(rest, after(mark, 2))) {
        return ERR_INVALID;
    }
    rest = after(rest, mark.len - 2);
    while (begins(rest, span_str("\r\n"))) {
        size_t len;
        rest = after(rest, 2);
        if (!read_head(&rest, &part) || (len = find(rest, mark)) == rest.len) {
            return ERR_INVALID;
        }
        err = take(&part, span_of(rest.data, len), ret_params, ret_file, ret_why);
        if (err != OK) {
            return err;
        }
        rest = after(rest, len + mark.len);
    }
    return begins(rest, span_str("--")) ? OK : ERR_INVALID;
}
