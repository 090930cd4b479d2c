/* oidc_error: refusals of the protocol, with the code that the RFC gives them.
 *
 * Which HTTP status goes with one is http/http_respond's table. Source: RFC 6749
 * §4.1.2.1 and §5.2, RFC 6750 §3.1, OpenID Connect Core §3.1.2.6, RFC 9101 §10,
 * RFC 9449 §5, §8, RFC 7591 §3.2.2; OpenID Connect Core Unmet Authentication Requirements 1.0. */
#ifndef OIDC_OIDC_ERROR_H
#define OIDC_OIDC_ERROR_H

#define OIDC_ERROR_LIST(X)                                                             \
    X(OIDC_OK, "")                                                                     \
    X(OIDC_INVALID_REQUEST, "invalid_request")                                         \
    X(OIDC_INVALID_CLIENT, "invalid_client")                                           \
    X(OIDC_INVALID_GRANT, "invalid_grant")                                             \
    X(OIDC_UNAUTHORIZED_CLIENT, "unauthorized_client")                                 \
    X(OIDC_UNSUPPORTED_GRANT_TYPE, "unsupported_grant_type")                           \
    X(OIDC_UNSUPPORTED_RESPONSE_TYPE, "unsupported_response_type")                     \
    X(OIDC_INVALID_SCOPE, "invalid_scope")                                             \
    X(OIDC_ACCESS_DENIED, "access_denied")                                             \
    X(OIDC_SERVER_ERROR, "server_error")                                               \
    X(OIDC_TEMPORARILY_UNAVAILABLE, "temporarily_unavailable")                         \
    X(OIDC_INVALID_TOKEN, "invalid_token")                                             \
    X(OIDC_INSUFFICIENT_SCOPE, "insufficient_scope")                                   \
    X(OIDC_LOGIN_REQUIRED, "login_required")                                           \
    X(OIDC_CONSENT_REQUIRED, "consent_required")                                       \
    X(OIDC_INTERACTION_REQUIRED, "interaction_required")                               \
    X(OIDC_REQUEST_NOT_SUPPORTED, "request_not_supported")                             \
    X(OIDC_REQUEST_URI_NOT_SUPPORTED, "request_uri_not_supported")                     \
    X(OIDC_REGISTRATION_NOT_SUPPORTED, "registration_not_supported")                   \
    X(OIDC_INVALID_REQUEST_URI, "invalid_request_uri")                                 \
    X(OIDC_INVALID_REQUEST_OBJECT, "invalid_request_object")                           \
    X(OIDC_INVALID_DPOP_PROOF, "invalid_dpop_proof")                                   \
    X(OIDC_USE_DPOP_NONCE, "use_dpop_nonce")                                           \
    X(OIDC_INVALID_REDIRECT_URI, "invalid_redirect_uri")                               \
    X(OIDC_INVALID_CLIENT_METADATA, "invalid_client_metadata")                         \
    X(OIDC_UNMET_AUTHENTICATION, "unmet_authentication_requirements")

enum oidc_error {
#define X(name, text) name,
    OIDC_ERROR_LIST(X)
#undef X
};

/* The RFC's code. */
const char *oidc_error_str(enum oidc_error error);

/* What a rule says. `description` is static English of the characters that
 * RFC 6749 §5.2 allows, and names the parameter; NULL with OIDC_OK. */
struct oidc_verdict {
    enum oidc_error error;
    const char *description;
};

#endif
