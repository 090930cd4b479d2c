/* account_id: アカウントID, an e-mail address, in the one form that is compared.
 *
 * Source: DOMAIN §1, RFC 5321 §4.1.2 (dot-string local parts only). The same
 * person must not get two accounts by case or look-alikes, so: ASCII only, all
 * lower case, nothing else folded (dots and +tags are parts of an address). Pure. */
#ifndef DOMAIN_ACCOUNT_ID_H
#define DOMAIN_ACCOUNT_ID_H

#include <stdbool.h>

#include "store/base/limits.h"
#include "store/base/span.h"

struct account_id {
    char text[LIMIT_ACCOUNT_ID + 1]; /* terminated */
    size_t len;
};

static inline struct span account_id_span(const struct account_id *id) {
    return span_of(id->text, id->len);
}

/* ASCII spaces around the text are dropped: people paste them. False: *ret_why
 * (may be NULL) is static English. */
bool account_id_parse(struct span text, struct account_id *ret_id,
                      const char **ret_why);

#endif
