#include "server/oidc/request_object.h"

static struct oidc_verdict refuse(const char *description) {
    return (struct oidc_verdict){OIDC_INVALID_REQUEST_OBJECT, description};
}

static struct oidc_verdict check_life(const struct jwt_claims *claims, uint64_t now_s) {
    if (!claims->has_exp || !claims->has_nbf)
        return refuse("the request object must have exp and nbf");
    if (claims->nbf_s + REQUEST_OBJECT_LIFE_MAX_S + JWT_SKEW_S < now_s)
        return refuse("nbf of the request object is more than an hour ago");
    if (claims->exp_s > claims->nbf_s + REQUEST_OBJECT_LIFE_MAX_S)
        return refuse("exp of the request object is more than an hour after its nbf");
    return (struct oidc_verdict){OIDC_OK, NULL};
}

struct oidc_verdict request_object_check(const struct jwt_claims *claims,
                                         const struct oidc_client *client,
                                         struct span issuer, uint64_t now_s) {
    if (!span_equal(claims->iss, client->client_id) ||
        !span_equal(claims->client_id, client->client_id))
        return refuse("iss and client_id of the request object must be the client_id");
    /* It is no assertion, and may not be made one of (RFC 9101 §10.8). */
    if (span_equal(claims->sub, client->client_id))
        return refuse("sub of the request object must not be the client_id");
    if (!jwt_claims_aud(claims, issuer))
        return refuse("aud of the request object must have the issuer");
    if (jwt_claims_expired(claims, now_s))
        return refuse("the request object is expired");
    if (jwt_claims_early(claims, now_s))
        return refuse("nbf or iat of the request object lies in the future");
    if (client->profile == OIDC_FAPI2)
        return check_life(claims, now_s);
    return (struct oidc_verdict){OIDC_OK, NULL};
}

enum request_object_member request_object_member(struct span name) {
    static const char *const claims[] = {"iss", "sub", "aud", "exp",
                                         "nbf", "iat", "jti"};

    if (span_is(name, "request") || span_is(name, "request_uri"))
        return REQUEST_OBJECT_REFUSED;
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
        if (span_is(name, claims[i]))
            return REQUEST_OBJECT_CLAIM;
    return REQUEST_OBJECT_PARAM;
}
