#include "tests/unit/server/unit.h"

#include "server/oidc/logout_check.h"

#define HINT "id_token_hint=e30.e30.c2ln"
#define URI "post_logout_redirect_uri=https://rp.test/out"

static const struct logout_hint no_hint;

static void takes_what_it_knows(void **state) {
    struct params params =
        PARAMS(HINT, "client_id=rp", URI, "state=s 1", "ui_locales=ja",
               "logout_hint=taro@example.jp", "other=1", "other=2");
    struct params empty = {.count = 0};
    struct logout_request request;

    (void)state;
    assert_int_equal(logout_check(&params, &request).error, OIDC_OK);
    assert_span(request.id_token_hint, "e30.e30.c2ln");
    assert_span(request.client_id, "rp");
    assert_span(request.post_logout_redirect_uri, "https://rp.test/out");
    assert_span(request.state, "s 1");
    assert_int_equal(logout_check(&empty, &request).error, OIDC_OK);
    assert_int_equal(request.id_token_hint.len, 0);
    assert_int_equal(request.post_logout_redirect_uri.len, 0);
}

static void refuses(void **state) {
    static char long_jwt[LIMIT_JWT + 32] = "id_token_hint=";
    static char long_state[LIMIT_STATE + 32] = "state=";
    static char long_uri[LIMIT_REDIRECT_URI + 64] = "post_logout_redirect_uri=";
    static const struct {
        const char *pairs[4];
        const char *word;
    } rows[] = {
        {{HINT, HINT}, "repeated"},
        {{URI, "post_logout_redirect_uri=https://evil.test/"}, "repeated"},
        {{"state=a", "state=b"}, "repeated"},
        {{"id_token_hint=e30.e30.c2ln\n"}, "id_token_hint"},
        {{"id_token_hint=<b>"}, "id_token_hint"},
        {{long_jwt}, "id_token_hint"},
        {{"client_id=a b"}, "client_id"},
        {{"state=a\r\nSet-Cookie: x"}, "state"},
        {{"state=\xff"}, "state"},
        {{long_state}, "state"},
        {{"post_logout_redirect_uri=https://rp.test/\n"}, "post_logout_redirect_uri"},
        {{long_uri}, "post_logout_redirect_uri"},
        {{"logout_hint=a\x7f"}, "logout_hint"},
    };

    (void)state;
    memset(long_jwt + strlen(long_jwt), 'a', LIMIT_JWT + 1);
    memset(long_state + strlen(long_state), 'a', LIMIT_STATE + 1);
    memset(long_uri + strlen(long_uri), 'a', LIMIT_REDIRECT_URI + 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct params params = params_of(rows[i].pairs);
        struct logout_request request;
        struct oidc_verdict verdict = logout_check(&params, &request);

        assert_int_equal(verdict.error, OIDC_INVALID_REQUEST);
        if (!strstr(verdict.description, rows[i].word))
            fail_msg("row %zu: %s", i, verdict.description);
    }
}

static void finds_the_client(void **state) {
    struct logout_hint hint = {span_str("rp"), span_str("s"), span_str("i")};
    struct logout_request request = {.client_id = span_str("rp")};
    struct span client_id;

    (void)state;
    assert_int_equal(logout_client(&request, &hint, &client_id).error, OIDC_OK);
    assert_span(client_id, "rp");
    assert_int_equal(logout_client(&request, &no_hint, &client_id).error, OIDC_OK);
    assert_span(client_id, "rp");
    request.client_id = span_str("other");
    assert_int_equal(logout_client(&request, &hint, &client_id).error,
                     OIDC_INVALID_REQUEST);
    request.client_id = span_str("");
    assert_int_equal(logout_client(&request, &hint, &client_id).error, OIDC_OK);
    assert_span(client_id, "rp");
    assert_int_equal(logout_client(&request, &no_hint, &client_id).error, OIDC_OK);
    assert_int_equal(client_id.len, 0);
    request.post_logout_redirect_uri = span_str("https://rp.test/out");
    assert_int_equal(logout_client(&request, &no_hint, &client_id).error,
                     OIDC_INVALID_REQUEST);
}

/* SECURITY F05: bytes, and nothing near them. */
static void compares_the_target_exactly(void **state) {
    static const char *const uris[] = {"https://rp.test/out", "https://rp.test/o2?a=1"};
    static const char *const near[] = {
        "https://rp.test/out/",      "https://rp.test/out?x=1",
        "https://rp.test/ou",        "https://rp.test/out#a",
        "https://RP.test/out",       "https://rp.test:443/out",
        "https://rp.test/./out",     "http://rp.test/out",
        "https://rp.test/o2",        "https://rp.test.evil/out",
        "javascript:alert(1)",       "//rp.test/out",
        "https://rp.test\\@evil/out"};
    struct logout_request request = {.id_token_hint = span_str("x")};

    (void)state;
    assert_int_equal(logout_target(&request, NULL, 0).error, OIDC_OK);
    for (size_t i = 0; i < 2; i++) {
        request.post_logout_redirect_uri = span_str(uris[i]);
        assert_int_equal(logout_target(&request, uris, 2).error, OIDC_OK);
    }
    assert_int_equal(logout_target(&request, NULL, 0).error, OIDC_INVALID_REQUEST);
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        request.post_logout_redirect_uri = span_str(near[i]);
        assert_int_equal(logout_target(&request, uris, 2).error, OIDC_INVALID_REQUEST);
    }
}

static void asks_unless_the_hint_is_of_this_session(void **state) {
    struct span sub = span_str("sub1"), sid = span_str("sid1");
    struct logout_hint hint = {span_str("rp"), sub, sid};

    (void)state;
    assert_false(logout_asks(&hint, sub, sid));
    assert_true(logout_asks(&no_hint, sub, sid));
    assert_true(logout_asks(&hint, span_str("sub2"), sid));
    assert_true(logout_asks(&hint, sub, span_str("sid2")));
    hint.sid = span_str("");
    assert_true(logout_asks(&hint, sub, sid));
    assert_true(logout_asks(&hint, sub, span_str("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_it_knows),
        cmocka_unit_test(refuses),
        cmocka_unit_test(finds_the_client),
        cmocka_unit_test(compares_the_target_exactly),
        cmocka_unit_test(asks_unless_the_hint_is_of_this_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
