/* http_multipart: multipart/form-data (RFC 7578), as browsers send it with a file.
 *
 * Strict: CR LF everywhere, each part with a Content-Disposition that names it, at most
 * LIMIT_FORM_FIELDS parts. Values without a file name are fields by the rules of
 * http_form.h (UTF-8, bounded); one part may have a file name, and its bytes are given as
 * they are. A part named `file` is that one without a file name too: a page that has
 * shown what is in a file sends it on in a hidden field. Pure; fuzzed (tests/fuzz/fuzz_multipart.c). */
#ifndef HTTP_HTTP_MULTIPART_H
#define HTTP_HTTP_MULTIPART_H

#include "server/oidc/params.h"
#include "store/base/err.h"

struct http_multipart_file {
    struct span name, file_name, bytes; /* borrow from the body; name empty: none came */
};

/* The boundary of a Content-Type; empty: it is no multipart/form-data, or unsound. */
struct span http_multipart_boundary(struct span content_type);
/* Values borrow from `body`. ERR_INVALID, ERR_TOO_BIG, with static English in *ret_why. */
enum err http_multipart_parse(struct span body, struct span boundary,
                              struct params *ret_params,
                              struct http_multipart_file *ret_file,
                              const char **ret_why);

#endif
