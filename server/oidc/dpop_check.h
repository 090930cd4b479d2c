/* dpop_check: the rules of a DPoP proof whose signature is good (RFC 9449 §4.3, 8 to
 * 12, §7, §8). Times in seconds, of the replicated clock. Pure. */
#ifndef OIDC_DPOP_CHECK_H
#define OIDC_DPOP_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/oidc/oidc_error.h"
#include "store/base/span.h"

/* A proof may be so old, or so far ahead of us. Its jti is kept for both together. */
#define DPOP_WINDOW_S 60
#define DPOP_JTI_MAX 256

/* Empty: absent. */
struct dpop_claims {
    struct span jti, htm, htu, ath;
    bool has_iat;
    int64_t iat_s;
};
/* The request that it stands in. */
struct dpop_request {
    const char *method;
    struct span url;        /* as it is published, without a query */
    struct span token_hash; /* base64url of the access token's SHA-256; empty: no token
                               came with it */
    int64_t now_s;
};

/* invalid_dpop_proof with what is wrong. */
struct oidc_verdict dpop_check(const struct dpop_claims *claims,
                               const struct dpop_request *request);

#endif
