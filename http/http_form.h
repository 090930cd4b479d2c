/* http_form: application/x-www-form-urlencoded, of bodies and of query strings.
 *
 * Strict: %xx must be two hex digits, values are UTF-8 without NUL, at most
 * LIMIT_FORM_FIELDS fields, names and values bounded. Duplicates are kept for the
 * rules to refuse. Pure; fuzzed (tests/fuzz/fuzz_form.c). */
#ifndef HTTP_HTTP_FORM_H
#define HTTP_HTTP_FORM_H

#include "server/oidc/params.h"
#include "store/base/arena.h"
#include "store/base/err.h"

/* Decoded bytes live in `arena`. ERR_INVALID, ERR_TOO_BIG with static English in
 * *ret_why; ERR_NOMEM. */
enum err http_form_parse(struct span in, struct arena *arena, struct params *ret_params,
                         const char **ret_why);

/* Percent-encode for a query value: all but RFC 3986 unreserved. */
struct buf;
void http_form_escape(struct span in, struct buf *out);

#endif
