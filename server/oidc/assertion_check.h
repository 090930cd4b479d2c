/* assertion_check: the rules of a client's assertion (private_key_jwt), once its
 * signature is known to be good.
 *
 * Source: RFC 7523 §3, OpenID Connect Core §9, FAPI 2.0 Security Profile §5.3.2.1
 * (which takes nothing but the issuer, as one string, for an audience). No profile
 * takes an assertion for several audiences. Times are in
 * seconds; `now_s` is replicated time. Pure. */
#ifndef OIDC_ASSERTION_CHECK_H
#define OIDC_ASSERTION_CHECK_H

#include "server/oidc/jwt_claims.h"
#include "server/oidc/oidc_client.h"
#include "server/oidc/oidc_error.h"

/* An assertion for longer is refused: its jti is kept as long as it is good. */
#define ASSERTION_LIFE_MAX_S 3600
#define ASSERTION_JTI_MAX 256

struct assertion_rules {
    struct span issuer;   /* ends with a slash */
    struct span endpoint; /* the one that was called, below the issuer: "token" */
    uint64_t now_s;
};

/* invalid_client with what is wrong. On OIDC_OK *ret_ttl_s is how long its jti, which
 * is there and bounded, must be remembered. */
struct oidc_verdict assertion_check(const struct jwt_claims *claims,
                                    const struct oidc_client *client,
                                    const struct assertion_rules *rules,
                                    uint32_t *ret_ttl_s);

#endif
