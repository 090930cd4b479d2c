/* http_cookie: reading our cookies from a Cookie header, and writing Set-Cookie.
 *
 * Every cookie of ours has the `__Host-` prefix (RFC 6265bis §4.1.3.2): Secure,
 * Path=/, no Domain; and HttpOnly and SameSite=Lax, or Strict for the staff's. Pure; fuzzed
 * (tests/fuzz/fuzz_cookie.c). */
#ifndef HTTP_HTTP_COOKIE_H
#define HTTP_HTTP_COOKIE_H

#include "store/base/buf.h"
#include "store/base/span.h"

#define COOKIE_SESSION "__Host-tasuki_session"
#define COOKIE_BROWSER "__Host-tasuki_browser"
#define COOKIE_DEVICE "__Host-tasuki_device"
#define COOKIE_LANG "__Host-tasuki_lang"
/* Of the staff console: both begin alike, and are SameSite=Strict. */
#define COOKIE_STAFF "__Host-tasuki_staff"
#define COOKIE_STAFF_BROWSER "__Host-tasuki_staff_browser"

/* The value of `name`, borrowed from `header`; empty when absent, when it stands
 * there twice, or when it holds a byte that is no cookie-octet (RFC 6265 §4.1.1). */
struct span http_cookie_get(struct span header, const char *name);

/* Append a Set-Cookie value. max_age_s < 0: a session cookie; 0: delete it. */
void http_cookie_write(const char *name, struct span value, int64_t max_age_s,
                       struct buf *out);

#endif
