/* bearer: where an access token may stand in a request (RFC 6750 §2, RFC 9449 §7.1).
 * Pure. */
#ifndef OIDC_BEARER_H
#define OIDC_BEARER_H

#include "server/oidc/oidc_error.h"
#include "server/oidc/params.h"

#define BEARER_TOKEN_MAX 2048

/* `authorization`: header's value, empty when absent; `params`: form body or NULL;
 * `token_in_query`: access_token stood in the URL (refused, RFC 9700 §4.3.2).
 * More than one place: invalid_request. No token at all: OIDC_INVALID_TOKEN with
 * *ret_missing true, so that the challenge carries no error code (RFC 6750 §3.1).
 * *ret_dpop: it was sent by the scheme DPoP (RFC 9449 §7.1), in any outcome.
 * *ret_token borrows; set on OIDC_OK alone. */
struct oidc_verdict bearer_parse(struct span authorization, const struct params *params,
                                 bool token_in_query, struct span *ret_token,
                                 bool *ret_missing, bool *ret_dpop);

#endif
