#include "tests/unit/server/unit.h"

#include "server/oidc/authorize_check.h"
#include "server/oidc/scope.h"

#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define HEAD "client_id=rp", "redirect_uri=https://rp.example/cb"
#define BASE HEAD, "response_type=code", "scope=openid"

static const char *const uris[] = {"https://rp.example/cb"};

static struct oidc_client client_of(enum oidc_profile profile, enum oidc_auth auth) {
    return (struct oidc_client){
        .client_id = span_str("rp"),
        .profile = profile,
        .auth = auth,
        .scopes = SCOPE_OPENID | SCOPE_PROFILE | SCOPE_OFFLINE_ACCESS,
        .redirect_uris = uris,
        .redirect_uris_count = 1,
    };
}

static struct authorize_verdict check(struct params params,
                                      struct authorize_request *request) {
    struct oidc_client client = client_of(OIDC_STANDARD, OIDC_AUTH_BASIC);

    return authorize_check(&params, &client, request);
}

static void takes_a_full_request(void **state) {
    static const uint8_t challenge[4] = {0x13, 0xd3, 0x1e, 0x96};
    struct authorize_request request;
    struct params params =
        PARAMS(BASE, "response_mode=query", "state=\"><script>\xe3\x81\x82",
               "nonce=n-1", "code_challenge=" CHALLENGE, "code_challenge_method=S256",
               "prompt=login consent", "max_age=3600", "id_token_hint=a.b.c",
               "login_hint=alice@example.com", "ui_locales=ja en-GB", "acr_values=1",
               "display=popup", "claims={}", "unknown=1", "unknown=2");
    struct authorize_verdict verdict = check(params, &request);

    (void)state;
    assert_int_equal(verdict.error, OIDC_OK);
    assert_true(verdict.may_redirect);
    assert_span(request.client_id, "rp");
    assert_span(request.redirect_uri, "https://rp.example/cb");
    assert_span(request.state, "\"><script>\xe3\x81\x82");
    assert_span(request.nonce, "n-1");
    assert_int_equal(request.scopes, SCOPE_OPENID);
    assert_false(request.scope_omitted);
    assert_true(request.has_challenge);
    assert_memory_equal(request.challenge, challenge, sizeof(challenge));
    assert_int_equal(request.prompt, PROMPT_LOGIN | PROMPT_CONSENT);
    assert_true(request.has_max_age);
    assert_int_equal(request.max_age_s, 3600);
    assert_span(request.id_token_hint, "a.b.c");
    assert_span(request.login_hint, "alice@example.com");
    assert_span(request.ui_locales, "ja en-GB");
    assert_span(request.acr_values, "1");
    assert_int_equal(request.display, DISPLAY_POPUP);
}

/* Empty values count as absent ones. */
static void takes_a_small_request(void **state) {
    struct authorize_request request;
    struct params params = PARAMS(BASE, "state=", "nonce=", "prompt=", "max_age=",
                                  "display=", "code_challenge=", "request=");

    (void)state;
    assert_int_equal(check(params, &request).error, OIDC_OK);
    assert_int_equal(request.state.len, 0);
    assert_int_equal(request.nonce.len, 0);
    assert_false(request.has_challenge);
    assert_false(request.has_max_age);
    assert_int_equal(request.prompt, 0);
    assert_int_equal(request.display, DISPLAY_PAGE);
}

/* A refusal is posted too, unless the mode itself is in doubt. */
static void posts_by_a_form(void **state) {
    struct authorize_request request;
    struct params good = PARAMS(BASE, "response_mode=form_post");
    struct params bad = PARAMS(BASE, "response_mode=form_post", "prompt=x");
    struct params twice =
        PARAMS(BASE, "response_mode=form_post", "response_mode=form_post");
    struct authorize_verdict verdict = check(good, &request);

    (void)state;
    assert_int_equal(verdict.error, OIDC_OK);
    assert_true(request.form_post);
    verdict = check(bad, &request);
    assert_int_equal(verdict.error, OIDC_INVALID_REQUEST);
    assert_true(verdict.may_redirect && verdict.form_post);
    verdict = check(twice, &request);
    assert_int_equal(verdict.error, OIDC_INVALID_REQUEST);
    assert_true(verdict.may_redirect && !verdict.form_post);
}

/* Refusals before the redirect URI is proven: never a redirect. */
static void refuses_on_our_own_page(void **state) {
    static const struct {
        const char *pairs[8];
        enum oidc_error error;
        const char *word; /* the description names the parameter */
    } rows[] = {
        {{NULL}, OIDC_INVALID_REQUEST, "client_id"},
        {{"client_id=rp"}, OIDC_INVALID_REQUEST, "redirect_uri"},
        {{"redirect_uri=https://rp.example/cb"}, OIDC_INVALID_REQUEST, "client_id"},
        {{"client_id=rp", "client_id=rp", "redirect_uri=https://rp.example/cb"},
         OIDC_INVALID_REQUEST,
         "client_id"},
        {{HEAD, "redirect_uri=https://evil.test/"},
         OIDC_INVALID_REQUEST,
         "redirect_uri"},
        {{HEAD, "client_id="}, OIDC_INVALID_REQUEST, "client_id"},
        {{"client_id=other", "redirect_uri=https://rp.example/cb"},
         OIDC_INVALID_CLIENT,
         "client_id"},
        {{"client_id=r p", "redirect_uri=https://rp.example/cb"},
         OIDC_INVALID_CLIENT,
         "client_id"},
        {{"client_id=rp", "redirect_uri=https://rp.example/cb/"},
         OIDC_INVALID_REQUEST,
         "redirect_uri"},
        {{"client_id=rp", "redirect_uri=javascript:alert(1)"},
         OIDC_INVALID_REQUEST,
         "redirect_uri"},
        {{"client_id=rp", "redirect_uri=https://evil.test/", "response_type=token"},
         OIDC_INVALID_REQUEST,
         "redirect_uri"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct authorize_request request;
        struct authorize_verdict verdict = check(params_of(rows[i].pairs), &request);

        assert_int_equal(verdict.error, rows[i].error);
        assert_false(verdict.may_redirect);
        assert_int_equal(verdict.redirect_uri.len, 0);
        if (!strstr(verdict.description, rows[i].word))
            fail_msg("row %zu: %s", i, verdict.description);
    }
}

#define ROW(error, word, ...)                                                          \
    { {__VA_ARGS__}, error, word }
static const struct {
    const char *pairs[10];
    enum oidc_error error;
    const char *word;
} refusals[] = {
    ROW(OIDC_INVALID_REQUEST, "response_type", HEAD, "scope=openid"),
    ROW(OIDC_UNSUPPORTED_RESPONSE_TYPE, "response_type", HEAD, "response_type=token"),
    ROW(OIDC_UNSUPPORTED_RESPONSE_TYPE, "response", HEAD,
        "response_type=id_token token"),
    ROW(OIDC_UNSUPPORTED_RESPONSE_TYPE, "response", HEAD, "response_type=code token"),
    ROW(OIDC_UNSUPPORTED_RESPONSE_TYPE, "response_type", HEAD, "response_type=code "),
    ROW(OIDC_INVALID_REQUEST, "response_type", BASE, "response_type=code"),
    ROW(OIDC_INVALID_REQUEST, "state", BASE, "state=a", "state=b"),
    ROW(OIDC_INVALID_REQUEST, "state", BASE, "state=a", "state=a"),
    ROW(OIDC_INVALID_REQUEST, "scope", BASE, "scope=profile"),
    ROW(OIDC_INVALID_REQUEST, "challenge", BASE, "code_challenge=a",
        "code_challenge=b"),
    ROW(OIDC_INVALID_REQUEST, "nonce", BASE, "nonce=a", "nonce=b"),
    ROW(OIDC_INVALID_REQUEST, "claims", BASE, "claims=a", "claims=b"),
    ROW(OIDC_INVALID_REQUEST, "response_mode", BASE, "response_mode=fragment"),
    ROW(OIDC_INVALID_REQUEST, "response_mode", BASE, "response_mode=web_message"),
    ROW(OIDC_INVALID_REQUEST, "response_mode", BASE, "response_mode=web_message"),
    ROW(OIDC_INVALID_REQUEST, "response_mode", BASE, "response_mode=query.jwt"),
    ROW(OIDC_REQUEST_NOT_SUPPORTED, "request", BASE,
        "request=eyJhbGciOiJub25lIn0.e30."),
    ROW(OIDC_REQUEST_URI_NOT_SUPPORTED, "request_uri", BASE,
        "request_uri=http://canary/"),
    ROW(OIDC_REGISTRATION_NOT_SUPPORTED, "registration", BASE, "registration={}"),
    ROW(OIDC_INVALID_SCOPE, "scope", HEAD, "response_type=code"),
    ROW(OIDC_INVALID_SCOPE, "openid", HEAD, "response_type=code", "scope=profile"),
    ROW(OIDC_INVALID_SCOPE, "scope", HEAD, "response_type=code",
        "scope=openid  profile"),
    ROW(OIDC_INVALID_SCOPE, "scope", HEAD, "response_type=code", "scope= openid"),
    ROW(OIDC_INVALID_SCOPE, "scope", HEAD, "response_type=code", "scope=openid\x01"),
    ROW(OIDC_INVALID_SCOPE, "scope", HEAD, "response_type=code", "scope=openid \"x\""),
    ROW(OIDC_INVALID_REQUEST, "state", BASE, "state=a\r\nb"),
    ROW(OIDC_INVALID_REQUEST, "state", BASE, "state=\x7f"),
    ROW(OIDC_INVALID_REQUEST, "state", BASE, "state=\xff"),
    ROW(OIDC_INVALID_REQUEST, "nonce", BASE, "nonce=\t"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge_method", BASE,
        "code_challenge=" CHALLENGE),
    ROW(OIDC_INVALID_REQUEST, "code_challenge_method", BASE,
        "code_challenge=" CHALLENGE, "code_challenge_method=plain"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge_method", BASE,
        "code_challenge=" CHALLENGE, "code_challenge_method=s256"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge", BASE, "code_challenge_method=S256"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge", BASE,
        "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c",
        "code_challenge_method=S256"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge", BASE, "code_challenge=" CHALLENGE "=",
        "code_challenge_method=S256"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge", BASE,
        "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        "code_challenge_method=S256"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge", BASE,
        "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
        "code_challenge_method=S256"),
    ROW(OIDC_INVALID_REQUEST, "code_challenge", BASE,
        "code_challenge=" CHALLENGE CHALLENGE CHALLENGE, "code_challenge_method=S256"),
    ROW(OIDC_INVALID_REQUEST, "prompt", BASE, "prompt=none login"),
    ROW(OIDC_INVALID_REQUEST, "prompt", BASE, "prompt=create"),
    ROW(OIDC_INVALID_REQUEST, "prompt", BASE, "prompt=login  consent"),
    ROW(OIDC_INVALID_REQUEST, "max_age", BASE, "max_age=-1"),
    ROW(OIDC_INVALID_REQUEST, "max_age", BASE, "max_age=1.5"),
    ROW(OIDC_INVALID_REQUEST, "max_age", BASE, "max_age=2147483648"),
    ROW(OIDC_INVALID_REQUEST, "max_age", BASE, "max_age=99999999999999999999999"),
    ROW(OIDC_INVALID_REQUEST, "id_token_hint", BASE, "id_token_hint=<x>"),
    ROW(OIDC_INVALID_REQUEST, "login_hint", BASE, "login_hint=a\nb"),
    ROW(OIDC_INVALID_REQUEST, "ui_locales", BASE, "ui_locales=<script>"),
    ROW(OIDC_INVALID_REQUEST, "acr_values", BASE, "acr_values=\x01"),
    ROW(OIDC_INVALID_REQUEST, "display", BASE, "display=<x>"),
};
#undef ROW

static void refuses_by_redirect(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct authorize_request request;
        struct authorize_verdict verdict =
            check(params_of(refusals[i].pairs), &request);

        if (verdict.error != refusals[i].error)
            fail_msg("row %zu: %s (%s)", i, oidc_error_str(verdict.error),
                     verdict.description ? verdict.description : "");
        assert_true(verdict.may_redirect);
        assert_span(verdict.redirect_uri, "https://rp.example/cb");
        if (!strstr(verdict.description, refusals[i].word))
            fail_msg("row %zu: %s", i, verdict.description);
        /* RFC 6749 §5.2: what error_description may hold. */
        for (const char *c = verdict.description; *c; c++)
            assert_true(*c >= 0x20 && *c < 0x7f && *c != '"' && *c != '\\');
    }
}

/* The state goes back with an error, unless it is itself at fault. */
static void returns_the_state(void **state) {
    struct authorize_request request;

    (void)state;
    assert_span(check(PARAMS(HEAD, "state=xyz", "response_type=token"), &request).state,
                "xyz");
    assert_span(check(PARAMS(BASE, "state=xyz", "prompt=bad"), &request).state, "xyz");
    assert_int_equal(check(PARAMS(BASE, "state=a", "state=b"), &request).state.len, 0);
    assert_int_equal(check(PARAMS(BASE, "state=a\nb"), &request).state.len, 0);
}

static void bounds_every_value(void **state) {
    static const struct {
        const char *name;
        size_t len_max;
    } rows[] = {
        {"state", LIMIT_STATE},
        {"nonce", LIMIT_NONCE},
        {"login_hint", AUTHORIZE_HINT_MAX},
        {"ui_locales", AUTHORIZE_LOCALES_MAX},
        {"acr_values", AUTHORIZE_ACR_MAX},
        {"id_token_hint", LIMIT_JWT},
    };
    static char text[64 * 1024];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct params params = PARAMS(BASE);
        struct authorize_request request;
        struct param *last = &params.items[params.count++];

        last->name = span_str(rows[i].name);
        last->value = span_of(text, rows[i].len_max);
        assert_int_equal(check(params, &request).error, OIDC_OK);
        last->value = span_of(text, rows[i].len_max + 1);
        assert_int_equal(check(params, &request).error, OIDC_INVALID_REQUEST);
        last->value = span_of(text, sizeof(text));
        assert_int_equal(check(params, &request).error, OIDC_INVALID_REQUEST);
    }
}

static void leaves_out_scopes_that_are_not_granted(void **state) {
    struct authorize_request request;
    struct params params = PARAMS(HEAD, "response_type=code",
                                  "scope=openid profile user email offline_access x:y");
    struct oidc_client client = client_of(OIDC_STANDARD, OIDC_AUTH_BASIC);

    (void)state;
    assert_int_equal(check(params, &request).error, OIDC_OK);
    assert_int_equal(request.scopes,
                     SCOPE_OPENID | SCOPE_PROFILE | SCOPE_OFFLINE_ACCESS);
    client.scopes = SCOPE_PROFILE;
    assert_int_equal(authorize_check(&params, &client, &request).error,
                     OIDC_INVALID_SCOPE);
}

/* DOMAIN §2.1: an omitted scope means the base set, without offline_access. */
static void gbizid_takes_an_omitted_scope(void **state) {
    struct oidc_client client = client_of(OIDC_GBIZID, OIDC_AUTH_BASIC);
    struct params params = PARAMS(HEAD, "response_type=code");
    struct authorize_request request;

    (void)state;
    assert_int_equal(authorize_check(&params, &client, &request).error, OIDC_OK);
    assert_true(request.scope_omitted);
    assert_int_equal(request.scopes, SCOPE_OPENID | SCOPE_PROFILE);
    params = PARAMS(HEAD, "response_type=code", "scope=profile");
    assert_int_equal(authorize_check(&params, &client, &request).error,
                     OIDC_INVALID_SCOPE);
}

static void public_clients_need_pkce(void **state) {
    struct oidc_client client = client_of(OIDC_GBIZID, OIDC_AUTH_NONE);
    struct params params = PARAMS(BASE);
    struct authorize_request request;
    struct authorize_verdict verdict = authorize_check(&params, &client, &request);

    (void)state;
    assert_int_equal(verdict.error, OIDC_INVALID_REQUEST);
    assert_non_null(strstr(verdict.description, "code_challenge"));
    params = PARAMS(BASE, "code_challenge=" CHALLENGE, "code_challenge_method=S256");
    assert_int_equal(authorize_check(&params, &client, &request).error, OIDC_OK);
}

static void finds_the_client(void **state) {
    struct params params = PARAMS(HEAD);
    struct span client_id;
    static char text[LIMIT_CLIENT_ID + 1];

    (void)state;
    assert_int_equal(authorize_client(&params, &client_id).error, OIDC_OK);
    assert_span(client_id, "rp");
    memset(text, 'a', sizeof(text));
    params.items[0].value = span_of(text, sizeof(text));
    assert_int_equal(authorize_client(&params, &client_id).error, OIDC_INVALID_CLIENT);
}

static void bounds_the_redirect_uri(void **state) {
    struct oidc_client client = client_of(OIDC_STANDARD, OIDC_AUTH_BASIC);
    struct params params = PARAMS(BASE);
    struct authorize_request request;
    static char text[LIMIT_REDIRECT_URI + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    params.items[1].value = span_of(text, sizeof(text));
    assert_int_equal(authorize_check(&params, &client, &request).error,
                     OIDC_INVALID_REQUEST);
}

/* A refusal of the service's goes where the client is known to be, or to our page. */
static void sends_refusals_back(void **state) {
    struct oidc_client client = client_of(OIDC_STANDARD, OIDC_AUTH_BASIC);
    static const struct oidc_verdict why = {OIDC_INVALID_REQUEST_OBJECT, "no"};
    struct params params = PARAMS(BASE);
    struct authorize_verdict verdict = authorize_refusal(&params, &client, why);

    (void)state;
    assert_int_equal(verdict.error, OIDC_INVALID_REQUEST_OBJECT);
    assert_true(verdict.may_redirect);
    assert_span(verdict.redirect_uri, "https://rp.example/cb");
    params.items[1].value = span_str("https://evil.example/cb");
    verdict = authorize_refusal(&params, &client, why);
    assert_int_equal(verdict.error, OIDC_INVALID_REQUEST_OBJECT);
    assert_false(verdict.may_redirect);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_full_request),
        cmocka_unit_test(takes_a_small_request),
        cmocka_unit_test(posts_by_a_form),
        cmocka_unit_test(refuses_on_our_own_page),
        cmocka_unit_test(refuses_by_redirect),
        cmocka_unit_test(returns_the_state),
        cmocka_unit_test(bounds_every_value),
        cmocka_unit_test(leaves_out_scopes_that_are_not_granted),
        cmocka_unit_test(gbizid_takes_an_omitted_scope),
        cmocka_unit_test(public_clients_need_pkce),
        cmocka_unit_test(finds_the_client),
        cmocka_unit_test(bounds_the_redirect_uri),
        cmocka_unit_test(sends_refusals_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
