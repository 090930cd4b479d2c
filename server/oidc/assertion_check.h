/* assertion_check: the rules of a client's assertion (private_key_jwt), once its
 * signature is known to be good.
 *
 * Source: RFC 7523 §3, OpenID Connect Core §9, FAPI 2.0 Security Profile §5.3.2.1
 * (which takes nothing but the issuer, as one string, for an audience). Times are in
 * seconds; `now_s` is replicated time. Pure. */
#ifndef OIDC_ASSERTION_CHECK_H
#define OIDC_ASSERTION_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/oidc/oidc_client.h"
#include "server/oidc/oidc_error.h"

/* Clocks of others are taken to differ by so much. */
#define ASSERTION_SKEW_S 30
/* An assertion for longer is refused: its jti is kept as long as it is good. */
#define ASSERTION_LIFE_MAX_S 3600
#define ASSERTION_JTI_MAX 256

/* Which audience an assertion names. */
enum assertion_audience {
    ASSERTION_AUD_OTHER,
    ASSERTION_AUD_ISSUER,   /* one string, our issuer */
    ASSERTION_AUD_ACCEPTED, /* a list with our issuer, or the URL of an endpoint */
};

/* Absent texts are empty, absent times have no bit. */
struct assertion_claims {
    struct span iss, sub, jti;
    enum assertion_audience audience;
    bool has_exp, has_nbf, has_iat;
    int64_t exp_s, nbf_s, iat_s;
};

/* invalid_client with what is wrong. On OIDC_OK *ret_ttl_s is how long its jti must be
 * remembered. */
struct oidc_verdict assertion_check(const struct assertion_claims *claims,
                                    const struct oidc_client *client, int64_t now_s,
                                    uint32_t *ret_ttl_s);

#endif
