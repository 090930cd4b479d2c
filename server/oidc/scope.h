/* scope: the scopes that can be granted, as bits. Source: OpenID Connect Core
 * §5.4, DOMAIN §2.1. Bits are stored and replicated: never reuse one. */
#ifndef OIDC_SCOPE_H
#define OIDC_SCOPE_H

#include "store/base/buf.h"
#include "store/base/span.h"

enum scope {
    SCOPE_OPENID = 1 << 0,
    SCOPE_PROFILE = 1 << 1,
    SCOPE_USER = 1 << 2,
    SCOPE_EMAIL = 1 << 3,
    SCOPE_OFFLINE_ACCESS = 1 << 4,
    SCOPE_ADDRESS = 1 << 5, /* standard claims alone (OpenID Connect Core §5.4) */
    SCOPE_PHONE = 1 << 6,
    /* The platform's own. The last three are for RPs that have arranged for them. */
    SCOPE_MANDATE = 1 << 7,
    SCOPE_IDA = 1 << 8,
    SCOPE_ROLE = 1 << 9,
    SCOPE_DELEGATION = 1 << 10,
};

#define SCOPE_ALL                                                                      \
    ((uint64_t)(SCOPE_OPENID | SCOPE_PROFILE | SCOPE_USER | SCOPE_EMAIL |              \
                SCOPE_OFFLINE_ACCESS | SCOPE_ADDRESS | SCOPE_PHONE | SCOPE_MANDATE |   \
                SCOPE_IDA | SCOPE_ROLE | SCOPE_DELEGATION))

/* What the real platform knows (DOMAIN §2.1). */
#define SCOPE_GBIZID                                                                   \
    ((uint64_t)(SCOPE_OPENID | SCOPE_PROFILE | SCOPE_USER | SCOPE_EMAIL |              \
                SCOPE_OFFLINE_ACCESS | SCOPE_MANDATE | SCOPE_IDA | SCOPE_ROLE |        \
                SCOPE_DELEGATION))

/* Parse a space-separated list (RFC 6749 §3.3). Unknown scopes are left out, as
 * OpenID Connect Core §3.1.2.1 asks. False: empty,
 * longer than LIMIT_SCOPE, or not of the RFC's syntax. */
bool scope_parse(struct span text, uint64_t *ret_scopes);
/* Canonical order, separated by spaces. */
void scope_print(uint64_t scopes, struct buf *out);

#endif
