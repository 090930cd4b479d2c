#include "server/oidc/assertion_check.h"

static struct oidc_verdict refuse(const char *description) {
    return (struct oidc_verdict){OIDC_INVALID_CLIENT, description};
}

static bool names(struct span claim, const struct oidc_client *client) {
    return span_equal(claim, client->client_id);
}

static struct oidc_verdict check_times(const struct assertion_claims *claims,
                                       int64_t now_s) {
    if (!claims->has_exp)
        return refuse("client_assertion has no exp");
    if (claims->exp_s <= now_s - ASSERTION_SKEW_S)
        return refuse("client_assertion is expired");
    if (claims->exp_s > now_s + ASSERTION_LIFE_MAX_S)
        return refuse("client_assertion is valid for longer than an hour");
    if (claims->has_nbf && claims->nbf_s > now_s + ASSERTION_SKEW_S)
        return refuse("client_assertion is not valid yet (nbf)");
    if (claims->has_iat && claims->iat_s > now_s + ASSERTION_SKEW_S)
        return refuse("client_assertion is from the future (iat)");
    return (struct oidc_verdict){OIDC_OK, NULL};
}

struct oidc_verdict assertion_check(const struct assertion_claims *claims,
                                    const struct oidc_client *client, int64_t now_s,
                                    uint32_t *ret_ttl_s) {
    struct oidc_verdict verdict;

    if (!names(claims->iss, client) || !names(claims->sub, client))
        return refuse("client_assertion must have the client_id as iss and as sub");
    if (claims->audience == ASSERTION_AUD_OTHER)
        return refuse("client_assertion is for another audience");
    if (client->profile == OIDC_FAPI2 && claims->audience != ASSERTION_AUD_ISSUER)
        return refuse("client_assertion must have the issuer alone as aud");
    if (claims->jti.len == 0 || claims->jti.len > ASSERTION_JTI_MAX)
        return refuse("client_assertion must have a jti of 1 to 256 bytes");
    verdict = check_times(claims, now_s);
    if (verdict.error == OIDC_OK)
        *ret_ttl_s = (uint32_t)(claims->exp_s - now_s + ASSERTION_SKEW_S);
    return verdict;
}
