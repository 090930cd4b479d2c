#include "server/oidc/token_check.h"

#include "server/oidc/pkce.h"
#include "server/oidc/scope.h"

static struct oidc_verdict pass(void) {
    return (struct oidc_verdict){OIDC_OK, NULL};
}

static struct oidc_verdict refuse(enum oidc_error error, const char *description) {
    return (struct oidc_verdict){error, description};
}

#define REPEATED(name)                                                                 \
    { name, "parameter " name " is repeated" }
static const struct {
    const char *name;
    const char *description;
} known_params[] = {
    REPEATED("grant_type"),    REPEATED("code"),          REPEATED("redirect_uri"),
    REPEATED("code_verifier"), REPEATED("refresh_token"), REPEATED("scope"),
    REPEATED("client_id"),     REPEATED("client_secret"),
};
#define KNOWN_PARAMS (sizeof(known_params) / sizeof(known_params[0]))

/* Codes and tokens are visible ASCII (RFC 6749 Appendix A.11, A.17). */
static bool code_valid(struct span code) {
    if (code.len == 0 || code.len > TOKEN_CODE_MAX)
        return false;
    for (size_t i = 0; i < code.len; i++)
        if (code.data[i] <= 0x20 || code.data[i] >= 0x7f)
            return false;
    return true;
}

/* RFC 6749 §4.1.3. A verifier or redirect URI that cannot be right is
 * invalid_grant, as a wrong one is (RFC 7636 §4.6). */
static struct oidc_verdict check_code(const struct params *params,
                                      struct token_request *request) {
    bool present = false;

    request->grant = TOKEN_GRANT_CODE;
    request->code = params_get(params, "code", NULL);
    if (request->code.len == 0)
        return refuse(OIDC_INVALID_REQUEST, "code is missing");
    if (!code_valid(request->code))
        return refuse(OIDC_INVALID_GRANT, "code is malformed");

    request->redirect_uri = params_get(params, "redirect_uri", NULL);
    request->has_redirect_uri = request->redirect_uri.len > 0;
    if (!request->has_redirect_uri)
        return refuse(OIDC_INVALID_REQUEST, "redirect_uri is missing");
    if (request->redirect_uri.len > LIMIT_REDIRECT_URI)
        return refuse(OIDC_INVALID_GRANT, "redirect_uri is too long");

    request->code_verifier = params_get(params, "code_verifier", NULL);
    present = request->code_verifier.data != NULL;
    if (present && !pkce_verifier_valid(request->code_verifier))
        return refuse(OIDC_INVALID_GRANT,
                      "code_verifier must be 43 to 128 unreserved characters");
    request->has_verifier = present;
    return pass();
}

/* RFC 6749 §6. */
static struct oidc_verdict check_refresh(const struct params *params,
                                         struct token_request *request) {
    struct span scope = params_get(params, "scope", NULL);

    request->grant = TOKEN_GRANT_REFRESH;
    request->refresh_token = params_get(params, "refresh_token", NULL);
    if (request->refresh_token.len == 0)
        return refuse(OIDC_INVALID_REQUEST, "refresh_token is missing");
    if (!code_valid(request->refresh_token))
        return refuse(OIDC_INVALID_GRANT, "refresh_token is malformed");
    if (scope.len == 0)
        return pass();
    if (!scope_parse(scope, &request->scopes))
        return refuse(OIDC_INVALID_SCOPE, "scope is malformed or too long");
    if (!(request->scopes & SCOPE_OPENID))
        return refuse(OIDC_INVALID_SCOPE, "scope must contain openid");
    request->has_scope = true;
    return pass();
}

/* RFC 6749 §4.4.2. */
static struct oidc_verdict check_client(const struct params *params,
                                        struct token_request *request) {
    struct span scope = params_get(params, "scope", NULL);

    request->grant = TOKEN_GRANT_CLIENT;
    if (scope.len > 0 && !scope_parse(scope, &request->scopes))
        return refuse(OIDC_INVALID_SCOPE, "scope is malformed or too long");
    return pass();
}

struct oidc_verdict token_check(const struct params *params,
                                struct token_request *ret_request) {
    struct token_request request = {0};
    struct span grant_type;
    struct oidc_verdict verdict;
    bool duplicate;

    for (size_t i = 0; i < KNOWN_PARAMS; i++) {
        params_get(params, known_params[i].name, &duplicate);
        if (duplicate)
            return refuse(OIDC_INVALID_REQUEST, known_params[i].description);
    }
    grant_type = params_get(params, "grant_type", NULL);
    if (grant_type.len == 0)
        return refuse(OIDC_INVALID_REQUEST, "grant_type is missing");
    if (span_is(grant_type, "authorization_code"))
        verdict = check_code(params, &request);
    else if (span_is(grant_type, "refresh_token"))
        verdict = check_refresh(params, &request);
    else if (span_is(grant_type, "client_credentials"))
        verdict = check_client(params, &request);
    else
        return refuse(OIDC_UNSUPPORTED_GRANT_TYPE,
                      "grant_type must be authorization_code, refresh_token or "
                      "client_credentials");
    if (verdict.error == OIDC_OK)
        *ret_request = request;
    return verdict;
}
