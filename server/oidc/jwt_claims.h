/* jwt_claims: the registered claims of a JWT that a client made (RFC 7519 §4.1), as the
 * rules see them. The service parses the JSON (svc_claims); a claim of another type
 * than the RFC gives it makes that fail. Pure. */
#ifndef OIDC_JWT_CLAIMS_H
#define OIDC_JWT_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/span.h"

#define JWT_AUDIENCES_MAX 8
#define JWT_SKEW_S 30 /* clocks of honest clients; FAPI 2.0 §5.3.2.1: 10 to 60 */

struct jwt_claims {
    struct span iss, sub, jti, client_id; /* empty: absent */
    struct span aud[JWT_AUDIENCES_MAX];
    size_t aud_count;
    bool aud_list; /* an array, were it of one */
    bool has_exp, has_nbf, has_iat;
    uint64_t exp_s, nbf_s, iat_s; /* seconds since 1970, rounded down */
};

bool jwt_claims_aud(const struct jwt_claims *claims, struct span audience);
/* `exp` is past, for a clock that differs by JWT_SKEW_S. */
bool jwt_claims_expired(const struct jwt_claims *claims, uint64_t now_s);
/* `nbf` or `iat` lie ahead of `now_s` by more than that. */
bool jwt_claims_early(const struct jwt_claims *claims, uint64_t now_s);

#endif
