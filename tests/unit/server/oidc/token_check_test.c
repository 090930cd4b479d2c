#include "tests/unit/server/unit.h"

#include "server/oidc/pkce.h"
#include "server/oidc/scope.h"
#include "server/oidc/token_check.h"

#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CODE "grant_type=authorization_code", "code=abc", "redirect_uri=https://rp/cb"

static void takes_a_code(void **state) {
    struct token_request request;
    struct params params = PARAMS(CODE, "code_verifier=" VERIFIER, "client_id=rp");

    (void)state;
    assert_int_equal(token_check(&params, &request).error, OIDC_OK);
    assert_int_equal(request.grant, TOKEN_GRANT_CODE);
    assert_span(request.code, "abc");
    assert_true(request.has_redirect_uri);
    assert_span(request.redirect_uri, "https://rp/cb");
    assert_true(request.has_verifier);
    assert_span(request.code_verifier, VERIFIER);
    params = PARAMS(CODE);
    assert_int_equal(token_check(&params, &request).error, OIDC_OK);
    assert_false(request.has_verifier);
}

static void takes_a_refresh_token(void **state) {
    struct token_request request;
    struct params params = PARAMS("grant_type=refresh_token", "refresh_token=r1");

    (void)state;
    assert_int_equal(token_check(&params, &request).error, OIDC_OK);
    assert_int_equal(request.grant, TOKEN_GRANT_REFRESH);
    assert_span(request.refresh_token, "r1");
    assert_false(request.has_scope);
    params =
        PARAMS("grant_type=refresh_token", "refresh_token=r1", "scope=openid email x");
    assert_int_equal(token_check(&params, &request).error, OIDC_OK);
    assert_true(request.has_scope);
    assert_int_equal(request.scopes, SCOPE_OPENID | SCOPE_EMAIL);
}

static void refuses(void **state) {
    static const struct {
        const char *pairs[8];
        enum oidc_error error;
        const char *word;
    } rows[] = {
        {{"code=abc"}, OIDC_INVALID_REQUEST, "grant_type"},
        {{"grant_type="}, OIDC_INVALID_REQUEST, "grant_type"},
        {{"grant_type=password", "username=a", "password=b"},
         OIDC_UNSUPPORTED_GRANT_TYPE,
         "grant_type"},
        {{"grant_type=client_credentials", "scope=  "}, OIDC_INVALID_SCOPE, "scope"},
        {{"grant_type=Authorization_code", "code=abc"},
         OIDC_UNSUPPORTED_GRANT_TYPE,
         "grant_type"},
        {{CODE, "grant_type=refresh_token"}, OIDC_INVALID_REQUEST, "grant_type"},
        {{CODE, "code=abd"}, OIDC_INVALID_REQUEST, "code"},
        {{CODE, "redirect_uri=https://rp/cb"}, OIDC_INVALID_REQUEST, "redirect_uri"},
        {{CODE, "client_id=a", "client_id=a"}, OIDC_INVALID_REQUEST, "client_id"},
        {{CODE, "client_secret=a", "client_secret=b"},
         OIDC_INVALID_REQUEST,
         "client_secret"},
        {{"grant_type=authorization_code", "redirect_uri=https://rp/cb"},
         OIDC_INVALID_REQUEST,
         "code"},
        {{"grant_type=authorization_code", "code=abc"},
         OIDC_INVALID_REQUEST,
         "redirect_uri"},
        {{"grant_type=authorization_code", "code=a c", "redirect_uri=https://rp/cb"},
         OIDC_INVALID_GRANT,
         "code"},
        {{CODE, "code_verifier="}, OIDC_INVALID_GRANT, "code_verifier"},
        {{CODE, "code_verifier=short"}, OIDC_INVALID_GRANT, "code_verifier"},
        {{CODE, "code_verifier=" VERIFIER "+"}, OIDC_INVALID_GRANT, "code_verifier"},
        {{CODE, "code_verifier=" VERIFIER VERIFIER VERIFIER},
         OIDC_INVALID_GRANT,
         "code_verifier"},
        {{"grant_type=refresh_token"}, OIDC_INVALID_REQUEST, "refresh_token"},
        {{"grant_type=refresh_token", "refresh_token=\xe3\x81\x82"},
         OIDC_INVALID_GRANT,
         "refresh_token"},
        {{"grant_type=refresh_token", "refresh_token=a", "scope=openid  x"},
         OIDC_INVALID_SCOPE,
         "scope"},
        {{"grant_type=refresh_token", "refresh_token=a", "scope=email"},
         OIDC_INVALID_SCOPE,
         "scope"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct token_request request;
        struct params params = params_of(rows[i].pairs);
        struct oidc_verdict verdict = token_check(&params, &request);

        if (verdict.error != rows[i].error)
            fail_msg("row %zu: %s", i, oidc_error_str(verdict.error));
        if (!strstr(verdict.description, rows[i].word))
            fail_msg("row %zu: %s", i, verdict.description);
    }
}

static void bounds_codes(void **state) {
    struct token_request request;
    struct params params = PARAMS(CODE);
    static char text[TOKEN_CODE_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    params.items[1].value = span_of(text, TOKEN_CODE_MAX);
    assert_int_equal(token_check(&params, &request).error, OIDC_OK);
    params.items[1].value = span_of(text, TOKEN_CODE_MAX + 1);
    assert_int_equal(token_check(&params, &request).error, OIDC_INVALID_GRANT);
}

static void verifier_lengths(void **state) {
    char text[PKCE_VERIFIER_MAX + 1];

    (void)state;
    memset(text, '~', sizeof(text));
    assert_false(pkce_verifier_valid(span_of(text, PKCE_VERIFIER_MIN - 1)));
    assert_true(pkce_verifier_valid(span_of(text, PKCE_VERIFIER_MIN)));
    assert_true(pkce_verifier_valid(span_of(text, PKCE_VERIFIER_MAX)));
    assert_false(pkce_verifier_valid(span_of(text, PKCE_VERIFIER_MAX + 1)));
    text[7] = '=';
    assert_false(pkce_verifier_valid(span_of(text, 64)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_code),     cmocka_unit_test(takes_a_refresh_token),
        cmocka_unit_test(refuses),          cmocka_unit_test(bounds_codes),
        cmocka_unit_test(verifier_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
