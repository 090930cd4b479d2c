/* http_head: the guard before the router. A strict reading of the raw request head.
 *
 * h2o 2.2.5 takes the first of two Content-Length headers, Transfer-Encoding over
 * Content-Length, bare LF and folded lines. What two parsers could read in two ways
 * is refused here (RFC 9112 §6.3, §11.2), and the connection is closed after it.
 * Pure, one pass, no allocation; fuzzed (tests/fuzz/fuzz_http_head.c). */
#ifndef HTTP_HTTP_HEAD_H
#define HTTP_HTTP_HEAD_H

#include <stdbool.h>

#include "store/base/span.h"

enum http_head_verdict {
    HEAD_OK,
    HEAD_BAD,             /* 400: malformed or ambiguous */
    HEAD_CHUNKED,         /* 411: nodes take Content-Length only */
    HEAD_URL_TOO_LONG,    /* 414 */
    HEAD_FIELDS_TOO_MANY, /* 431: header fields too many or too large */
    HEAD_HTTP_VERSION,    /* 505 */
};

struct http_head {
    struct span method, target;
    struct span host; /* empty: none (HTTP/1.0) */
    bool has_body;    /* a Content-Length other than 0 */
};

/* `raw` begins at the request line; bytes after the head are not looked at. Names
 * may have been lower-cased in place by h2o. `ret_why` is static English. */
enum http_head_verdict http_head_check(struct span raw, struct http_head *ret_head,
                                       const char **ret_why);

#endif
