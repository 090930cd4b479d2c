#include "http/http_head.h"

#include <strings.h>

#include "store/base/limits.h"

/* What is known of the head while its lines are read. */
struct scan {
    struct http_head head;
    unsigned fields, hosts, lengths, encodings, authorizations;
    const char *why;
};

/* RFC 9110 §5.6.2. */
static bool is_token_char(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char(s.data[i])) {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_digits(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

static bool name_is(struct span name, const char *lower) {
    return name.len == strlen(lower) &&
           strncasecmp((const char *)name.data, lower, name.len) == 0;
}

/* Cut the next line, without its CRLF. False: no CRLF, or a CR or LF alone. */
static bool next_line(struct span *in, struct span *ret_line) {
    const uint8_t *lf = memchr(in->data, '\n', in->len);
    if (lf == NULL || lf == in->data || lf[-1] != '\r') {
        return false;
    }
    size_t len = (size_t)(lf - in->data) - 1;
    if (memchr(in->data, '\r', len) != NULL) {
        return false;
    }
    *ret_line = span_of(in->data, len);
    in->data = lf + 1;
    in->len -= len + 2;
    return true;
}

static enum http_head_verdict bad(struct scan *scan, const char *why) {
    scan->why = why;
    return HEAD_BAD;
}

/* method SP target SP "HTTP/1." ("0" / "1"), single spaces. */
static enum http_head_verdict check_request_line(struct scan *scan, struct span line,
                                                 bool *ret_needs_host) {
    const uint8_t *end = line.data + line.len;
    const uint8_t *sp = memchr(line.data, ' ', line.len);
    if (sp == NULL || !is_token(span_of(line.data, (size_t)(sp - line.data)))) {
        return bad(scan, "request line is malformed");
    }
    scan->head.method = span_of(line.data, (size_t)(sp - line.data));
    const uint8_t *target = sp + 1;
    sp = memchr(target, ' ', (size_t)(end - target));
    if (sp == NULL || sp == target) {
        return bad(scan, "request line is malformed");
    }
    scan->head.target = span_of(target, (size_t)(sp - target));
    if (scan->head.target.len > LIMIT_URL) {
        scan->why = "request target is too long";
        return HEAD_URL_TOO_LONG;
    }
    for (const uint8_t *p = target; p < sp; p++) {
        if (*p <= 0x20 || *p >= 0x7f) {
            return bad(scan,
                       "request target holds a byte that must be percent-encoded");
        }
    }
    struct span version = span_of(sp + 1, (size_t)(end - sp - 1));
    *ret_needs_host = span_is(version, "HTTP/1.1");
    if (!*ret_needs_host && !span_is(version, "HTTP/1.0")) {
        scan->why = "HTTP version is not 1.0 or 1.1";
        return HEAD_HTTP_VERSION;
    }
    return HEAD_OK;
}

static enum http_head_verdict note_field(struct scan *scan, struct span name,
                                         struct span value) {
    if (name_is(name, "content-length")) {
        if (!is_digits(value)) {
            return bad(scan, "Content-Length is not a number");
        }
        scan->lengths++;
        scan->head.has_body = !span_is(value, "0");
    } else if (name_is(name, "transfer-encoding")) {
        if (!name_is(value, "chunked")) {
            return bad(scan, "Transfer-Encoding is not supported");
        }
        scan->encodings++;
    } else if (name_is(name, "host")) {
        scan->hosts++;
        scan->head.host = value;
    } else if (name_is(name, "authorization") && ++scan->authorizations > 1) {
        /* RFC 6749 §2.3: one method of authentication a request. */
        return bad(scan, "Authorization is given more than once");
    } else if (name_is(name, "cookie") && value.len > LIMIT_COOKIE) {
        scan->why = "Cookie header is too large";
        return HEAD_FIELDS_TOO_MANY;
    }
    return HEAD_OK;
}

static enum http_head_verdict check_field(struct scan *scan, struct span line) {
    if (++scan->fields > LIMIT_HEADERS) {
        scan->why = "too many header fields";
        return HEAD_FIELDS_TOO_MANY;
    }
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return bad(scan, "folded header line");
    }
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (colon == NULL || !is_token(span_of(line.data, (size_t)(colon - line.data)))) {
        return bad(scan, "header name is malformed");
    }
    const uint8_t *from = colon + 1;
    const uint8_t *to = line.data + line.len;
    while (from < to && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (to > from && (to[-1] == ' ' || to[-1] == '\t')) {
        to--;
    }
    for (const uint8_t *p = from; p < to; p++) {
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f) {
            return bad(scan, "control byte in a header value");
        }
    }
    return note_field(scan, span_of(line.data, (size_t)(colon - line.data)),
                      span_of(from, (size_t)(to - from)));
}

static enum http_head_verdict check_framing(struct scan *scan, bool needs_host) {
    if (scan->lengths + scan->encodings > 1) {
        return bad(scan, "body length is given more than once");
    }
    if (scan->hosts > 1 || (needs_host && scan->hosts == 0)) {
        return bad(scan, "exactly one Host header is required");
    }
    if (scan->encodings == 1) {
        scan->why = "send Content-Length; chunked bodies are not taken";
        return HEAD_CHUNKED;
    }
    return HEAD_OK;
}

enum http_head_verdict http_head_check(struct span raw, struct http_head *ret_head,
                                       const char **ret_why) {
    struct scan scan = {.head = {.host = span_of("", 0)}};
    struct span line;
    bool needs_host = false;
    enum http_head_verdict verdict;
    if (!next_line(&raw, &line)) {
        verdict = bad(&scan, "request line does not end with CRLF");
        goto done;
    }
    verdict = check_request_line(&scan, line, &needs_host);
    while (verdict == HEAD_OK) {
        if (!next_line(&raw, &line)) {
            verdict = bad(&scan, "header line does not end with CRLF");
        } else if (line.len == 0) {
            verdict = check_framing(&scan, needs_host);
            break;
        } else {
            verdict = check_field(&scan, line);
        }
    }
done:
    if (verdict == HEAD_OK) {
        *ret_head = scan.head;
    } else {
        *ret_why = scan.why;
    }
    return verdict;
}
