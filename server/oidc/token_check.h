/* token_check: the rules of a token request, in their order.
 *
 * Source: RFC 6749 §4.1.3, §4.4, §5.2, §6; RFC 7636 §4.5. Client authentication is
 * client_auth's; what a code or token is worth is the state machine's. Pure. */
#ifndef OIDC_TOKEN_CHECK_H
#define OIDC_TOKEN_CHECK_H

#include "server/oidc/oidc_error.h"
#include "server/oidc/params.h"

/* Longest code or refresh token that is looked at at all. */
#define TOKEN_CODE_MAX 512

enum token_grant {
    TOKEN_GRANT_CODE = 1,
    TOKEN_GRANT_REFRESH = 2,
    TOKEN_GRANT_CLIENT = 3, /* client_credentials (RFC 6749 §4.4) */
};

/* Spans borrow from the parameters. */
struct token_request {
    enum token_grant grant;
    struct span code;
    bool has_redirect_uri;
    struct span redirect_uri;
    bool has_verifier;
    struct span code_verifier; /* of RFC 7636 §4.1's syntax */
    struct span refresh_token;
    bool has_scope;
    uint64_t scopes; /* with has_scope: known ones, openid among them (DOMAIN §2.1); of
                        TOKEN_GRANT_CLIENT: the known ones that were asked for */
};

/* *ret_request is set on OIDC_OK alone. */
struct oidc_verdict token_check(const struct params *params,
                                struct token_request *ret_request);

#endif
