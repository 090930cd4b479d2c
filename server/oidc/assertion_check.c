#include "server/oidc/assertion_check.h"

static struct oidc_verdict refuse(const char *description) {
    return (struct oidc_verdict){OIDC_INVALID_CLIENT, description};
}

/* The issuer, or the URL of the token endpoint or of the endpoint that was called. */
static bool is_ours(struct span audience, const struct assertion_rules *rules) {
    struct span issuer = rules->issuer, rest;

    if (audience.len < issuer.len ||
        !span_equal(span_of(audience.data, issuer.len), issuer))
        return false;
    rest = span_of(audience.data + issuer.len, audience.len - issuer.len);
    return rest.len == 0 || span_is(rest, "token") || span_equal(rest, rules->endpoint);
}

static bool audience_good(const struct jwt_claims *claims, bool fapi2,
                          const struct assertion_rules *rules) {
    if (fapi2)
        return !claims->aud_list && jwt_claims_aud(claims, rules->issuer);
    /* One that names another server too could be sent on by that server. */
    return claims->aud_count == 1 && is_ours(claims->aud[0], rules);
}

static struct oidc_verdict check_times(const struct jwt_claims *claims,
                                       uint64_t now_s) {
    if (!claims->has_exp)
        return refuse("client_assertion has no exp");
    if (jwt_claims_expired(claims, now_s))
        return refuse("client_assertion is expired");
    if (claims->exp_s > now_s + ASSERTION_LIFE_MAX_S)
        return refuse("client_assertion is valid for longer than an hour");
    if (jwt_claims_early(claims, now_s))
        return refuse("client_assertion is from the future (nbf, iat)");
    return (struct oidc_verdict){OIDC_OK, NULL};
}

struct oidc_verdict assertion_check(const struct jwt_claims *claims,
                                    const struct oidc_client *client,
                                    const struct assertion_rules *rules,
                                    uint32_t *ret_ttl_s) {
    bool fapi2 = client->profile == OIDC_FAPI2;
    struct oidc_verdict verdict;

    if (!span_equal(claims->iss, client->client_id) ||
        !span_equal(claims->sub, client->client_id))
        return refuse("client_assertion must have the client_id as iss and as sub");
    if (!audience_good(claims, fapi2, rules))
        return refuse(fapi2 ? "client_assertion must have the issuer alone as aud"
                            : "client_assertion is for another audience");
    if (claims->jti.len == 0 || claims->jti.len > ASSERTION_JTI_MAX)
        return refuse("client_assertion must have a jti of 1 to 256 bytes");
    verdict = check_times(claims, rules->now_s);
    if (verdict.error == OIDC_OK)
        *ret_ttl_s = (uint32_t)(claims->exp_s + JWT_SKEW_S - rules->now_s);
    return verdict;
}
