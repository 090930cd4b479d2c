#include "server/oidc/jwt_claims.h"

bool jwt_claims_aud(const struct jwt_claims *claims, struct span audience) {
    for (size_t i = 0; i < claims->aud_count; i++)
        if (span_equal(claims->aud[i], audience))
            return true;
    return false;
}

bool jwt_claims_expired(const struct jwt_claims *claims, uint64_t now_s) {
    return claims->has_exp && claims->exp_s + JWT_SKEW_S <= now_s;
}

bool jwt_claims_early(const struct jwt_claims *claims, uint64_t now_s) {
    return (claims->has_nbf && claims->nbf_s > now_s + JWT_SKEW_S) ||
           (claims->has_iat && claims->iat_s > now_s + JWT_SKEW_S);
}
