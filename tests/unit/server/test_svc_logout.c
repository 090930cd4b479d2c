/* svc_logout: who is asked, who is sent where, and who is told. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_outbox.h"

#define OUT "https://conf.test/out"

static int setup(void **state) {
    struct svc_admin admin;

    fixture_setup(state);
    fixture_world(*state);
    run_admin(*state, ADMIN_CLIENT_ADD,
              "{\"client_id\":\"conf\",\"name\":\"補助金\",\"government\":true,"
              "\"client_secret\":\"" FIXTURE_SECRET "\",\"scopes\":[\"openid\"],"
              "\"redirect_uris\":[\"https://conf.test/cb\"],\"replace\":true,"
              "\"post_logout_uris\":[\"" OUT "\",\"https://conf.test/o2?a=1\"],"
              "\"backchannel_logout_uri\":\"https://conf.test/bc\","
              "\"features\":[\"logout_session\"]}",
              &admin);
    assert_int_equal(admin.kind, ADMIN_OK);
    svc_op_close(&admin.op);
    return 0;
}

/* Alice is signed in at "conf"; its ID token. */
static void signed_in(struct fixture *f, struct browser *browser, char id_token[4096]) {
    struct params params = usual("conf", NULL);
    struct svc_token token;
    char code[64];

    sign_in(f, browser, ALICE, &params, code);
    params =
        params_make("grant_type", "authorization_code", "code", code, "redirect_uri",
                    redirect_of("conf"), "code_verifier", VERIFIER, NULL);
    run_token(f, "conf", FIXTURE_SECRET, &params, &token);
    assert_int_equal(token.refusal.error, OIDC_OK);
    json_text(token.body, "id_token", id_token);
    svc_op_close(&token.op);
}

static uint64_t waiting(struct fixture *f) {
    struct outbox_counts counts;

    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_outbox_counts(f->svc->read, span_of(NULL, 0), &counts), OK);
    svc_read_end(f->svc);
    return counts.waiting;
}

static bool lives(struct fixture *f, struct browser *browser) {
    struct params params = usual("conf", NULL);
    struct svc_authorize got;
    bool redirect;

    run_authorize(f, browser, &params, &got);
    redirect = got.kind == AUTHORIZE_REDIRECT;
    svc_op_close(&got.op);
    return redirect;
}

static void assert_location(const struct svc_logout *logout, const char *want) {
    if (!span_is(logout->location, want))
        fail_msg("location '%.*s'", (int)logout->location.len,
                 (const char *)logout->location.data);
}

static void a_hint_of_this_session_ends_it_at_once(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct svc_logout logout;
    struct params params;
    char hint[4096];

    signed_in(f, &browser, hint);
    f->repl.now_ms += 20 * 60 * 1000; /* expired is fine for a hint */
    params = params_make("id_token_hint", hint, "post_logout_redirect_uri", OUT,
                         "state", "a b&c", NULL);
    run_logout(f, &browser, &params, false, "", &logout);
    assert_int_equal(logout.refusal, OIDC_OK);
    assert_true(logout.ended);
    assert_location(&logout, OUT "?state=a%20b%26c");
    svc_op_close(&logout.op);
    assert_false(lives(f, &browser));
    assert_int_equal(waiting(f), 1);
    /* Once more, signed out: the hint still says whose request it is. */
    run_logout(f, &browser, &params, false, "", &logout);
    assert_false(logout.ended);
    assert_location(&logout, OUT "?state=a%20b%26c");
    svc_op_close(&logout.op);
    assert_int_equal(waiting(f), 1);
}

static void without_an_address_the_person_stays(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct svc_logout logout;
    struct params params;
    char hint[4096];

    signed_in(f, &browser, hint);
    params = params_make("id_token_hint", hint, "state", "s", NULL);
    run_logout(f, &browser, &params, false, "", &logout);
    assert_true(logout.ended);
    assert_int_equal(logout.location.len, 0);
    svc_op_close(&logout.op);
}

static void a_hint_of_another_session_asks(void **state) {
    struct fixture *f = *state;
    struct browser alices = {0}, others = {0};
    struct svc_logout logout;
    struct params params;
    char older[4096], hint[4096], csrf[64];

    signed_in(f, &others, older); /* the same person, elsewhere */
    signed_in(f, &alices, hint);
    params = params_make("id_token_hint", older, "post_logout_redirect_uri",
                         "https://conf.test/o2?a=1", "state", "x", NULL);
    run_logout(f, &alices, &params, false, "", &logout);
    assert_true(logout.signed_in && !logout.ended);
    assert_int_equal(logout.location.len, 0);
    assert_true(span_is(logout.client_name, "補助金"));
    assert_true(span_is(logout.redirect_origin, "https://conf.test"));
    snprintf(csrf, sizeof csrf, "%.*s", (int)logout.set_csrf.len,
             (const char *)logout.set_csrf.data);
    svc_op_close(&logout.op);
    assert_true(lives(f, &alices));
    run_logout(f, &alices, &params, true, "wrong", &logout);
    assert_true(logout.csrf_refused && logout.location.len == 0);
    svc_op_close(&logout.op);
    run_logout(f, &alices, &params, true, csrf, &logout);
    assert_true(logout.ended);
    assert_location(&logout, "https://conf.test/o2?a=1&state=x");
    svc_op_close(&logout.op);
    assert_true(lives(f, &others));
}

/* A stranger's link may not send people about. */
static void without_a_hint_the_person_decides(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0}, nobody = {0};
    struct svc_logout logout;
    struct params params =
        params_make("client_id", "conf", "post_logout_redirect_uri", OUT, NULL);
    char hint[4096];

    run_logout(f, &nobody, &params, false, "", &logout);
    assert_int_equal(logout.location.len, 0);
    assert_true(span_is(logout.back, OUT));
    svc_op_close(&logout.op);
    signed_in(f, &browser, hint);
    run_logout(f, &browser, &params, false, "", &logout);
    assert_true(logout.signed_in && !logout.ended && logout.location.len == 0);
    svc_op_close(&logout.op);
}

static void bad_requests_end_nothing(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    char hint[4096], forged[4096];

    signed_in(f, &browser, hint);
    memcpy(forged, hint, sizeof forged);
    forged[strlen(forged) - 10] ^= 1;
    const struct params bad[] = {
        params_make("id_token_hint", forged, NULL),
        params_make("id_token_hint", "e30.e30.c2ln", NULL),
        params_make("id_token_hint", hint, "client_id", "shop", NULL),
        params_make("id_token_hint", hint, "post_logout_redirect_uri", OUT "/", NULL),
        params_make("id_token_hint", hint, "post_logout_redirect_uri",
                    "https://conf.test/cb", NULL),
        params_make("post_logout_redirect_uri", OUT, NULL),
        params_make("client_id", "shop", "post_logout_redirect_uri", OUT, NULL),
        params_make("client_id", "unknown", NULL),
        params_make("id_token_hint", hint, "id_token_hint", hint, NULL),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct svc_logout logout;

        run_logout(f, &browser, &bad[i], false, "", &logout);
        if (logout.refusal != OIDC_INVALID_REQUEST || logout.location.len > 0 ||
            logout.ended)
            fail_msg("row %zu", i);
        assert_non_null(logout.description);
        svc_op_close(&logout.op);
    }
    assert_true(lives(f, &browser));
    assert_int_equal(waiting(f), 0);
}

#define LOGOUT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOGOUT_TEST(a_hint_of_this_session_ends_it_at_once),
        LOGOUT_TEST(without_an_address_the_person_stays),
        LOGOUT_TEST(a_hint_of_another_session_asks),
        LOGOUT_TEST(without_a_hint_the_person_decides),
        LOGOUT_TEST(bad_requests_end_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
