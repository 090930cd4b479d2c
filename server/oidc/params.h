/* params: the parameters of one form or query string, as the rules see them.
 *
 * Made by http/http_form: in their order, decoded (%xx, +), checked to be UTF-8
 * without NUL. Duplicates are kept here so that the rules can refuse them
 * (RFC 6749 §3.1). Borrowed; pure. */
#ifndef OIDC_PARAMS_H
#define OIDC_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/limits.h"
#include "store/base/span.h"

struct param {
    struct span name;
    struct span value;
};
struct params {
    struct param items[LIMIT_FORM_FIELDS];
    size_t count;
};

/* The first value of `name`; empty span with data == NULL when absent. Sets
 * *ret_duplicate (may be NULL) when it stands there more than once. */
struct span params_get(const struct params *params, const char *name,
                       bool *ret_duplicate);

/* The first of `names` (ended by NULL) that stands there more than once; NULL
 * when none does. */
const char *params_duplicate(const struct params *params, const char *const names[]);

#endif
