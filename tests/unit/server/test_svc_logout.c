/* svc_logout: who is asked, who is sent where, and who is told. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/codec.h"
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
    char code[FIXTURE_CODE];

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

/* ---- what operators see of it */

static struct id128 the_message(struct fixture *f, char hex[33]) {
    struct id128 id;
    struct svc_admin got;
    const char *at;

    run_admin(f, ADMIN_OUTBOX_LIST, "", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    at = strstr((const char *)got.body.data, "\"messages\":[{\"id\":\"");
    assert_non_null(at);
    snprintf(hex, 33, "%s", at + strlen("\"messages\":[{\"id\":\""));
    assert_int_equal(hex_decode(span_str(hex), id.b, sizeof id.b), OK);
    svc_op_close(&got.op);
    return id;
}

static void expect_list(struct fixture *f, const char *part) {
    struct svc_admin got;
    char text[4096];

    run_admin(f, ADMIN_OUTBOX_LIST, "", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    snprintf(text, sizeof text, "%.*s", (int)got.body.len, (const char *)got.body.data);
    if (!strstr(text, part))
        fail_msg("no %s in %s", part, text);
    svc_op_close(&got.op);
}

/* An attempt of node 1's, after which the message is given up. */
static void attempt_fails(struct fixture *f, struct id128 id) {
    struct command claim = {.type = CMD_OUTBOX_CLAIM};
    struct command settle = {.type = CMD_OUTBOX_SETTLE};

    claim.outbox_claim.node = 1;
    claim.outbox_claim.ids[claim.outbox_claim.count++] = id;
    fixture_apply(f, &claim);
    settle.outbox_settle.messages[settle.outbox_settle.count++] =
        (struct outbox_settled){id, 1, OUTBOX_STATUS};
    fixture_apply(f, &settle);
}

static void ends_a_session(struct fixture *f) {
    struct browser browser = {0};
    struct svc_logout logout;
    struct params params;
    char hint[4096];

    signed_in(f, &browser, hint);
    params = params_make("id_token_hint", hint, NULL);
    run_logout(f, &browser, &params, false, "", &logout);
    assert_true(logout.ended);
    svc_op_close(&logout.op);
}

static void operators_see_messages_and_retry_them(void **state) {
    struct fixture *f = *state;
    char hex[33], body[64];
    struct svc_admin got;
    struct id128 id;

    expect_list(f, "{\"waiting\":0,\"dead\":0,\"dropped\":0,\"clients\":[],"
                   "\"messages\":[]}");
    ends_a_session(f);
    expect_list(f, "{\"waiting\":1,\"dead\":0,\"dropped\":0,\"clients\":[{"
                   "\"client_id\":\"conf\",\"waiting\":1,\"dead\":0,\"dropped\":0}]");
    expect_list(f, "\"kind\":\"backchannel_logout\",\"client_id\":\"conf\","
                   "\"state\":\"pending\",\"reason\":\"\",\"attempts\":0,");
    id = the_message(f, hex);
    f->repl.now_ms += 25ull * 60 * 60 * 1000;
    attempt_fails(f, id);
    expect_list(f, "\"state\":\"dead\",\"reason\":\"status\",\"attempts\":1,");
    expect_list(f, "{\"waiting\":0,\"dead\":1,");
    run_admin(f, ADMIN_STATUS, "", &got);
    assert_non_null(strstr((const char *)got.body.data,
                           "\"outbox\":{\"waiting\":0,\"dead\":1,\"dropped\":0}"));
    svc_op_close(&got.op);
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", hex);
    run_admin(f, ADMIN_OUTBOX_RETRY, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    assert_true(span_is(got.body, body));
    svc_op_close(&got.op);
    expect_list(f, "\"state\":\"pending\",\"reason\":\"status\",\"attempts\":0,");
}

static void what_cannot_be_retried_is_named(void **state) {
    static const struct {
        const char *body, *message;
        enum svc_admin_kind kind;
    } rows[] = {
        {"{}", "id: is missing", ADMIN_INVALID},
        {"{\"id\":7}", "id: a string is expected", ADMIN_INVALID},
        {"{\"id\":\"12\"}", "id: 32 hex digits", ADMIN_INVALID},
        {"{\"id\":\"0123456789abcdef0123456789abcdeg\"}", "id: 32 hex digits",
         ADMIN_INVALID},
        {"{\"id\":\"0\",\"all\":true}", "all: there is no such member", ADMIN_INVALID},
        {"{\"id\":\"0123456789abcdef0123456789abcdef\"}",
         "id: there is no such message", ADMIN_NOT_FOUND},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct svc_admin got;

        run_admin(*state, ADMIN_OUTBOX_RETRY, rows[i].body, &got);
        assert_int_equal(got.kind, rows[i].kind);
        if (strncmp((const char *)got.message.data, rows[i].message,
                    strlen(rows[i].message)) != 0)
            fail_msg("%s: %.*s", rows[i].body, (int)got.message.len,
                     (const char *)got.message.data);
        svc_op_close(&got.op);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LOGOUT_TEST(a_hint_of_this_session_ends_it_at_once),
        LOGOUT_TEST(without_an_address_the_person_stays),
        LOGOUT_TEST(a_hint_of_another_session_asks),
        LOGOUT_TEST(without_a_hint_the_person_decides),
        LOGOUT_TEST(bad_requests_end_nothing),
        LOGOUT_TEST(operators_see_messages_and_retry_them),
        LOGOUT_TEST(what_cannot_be_retried_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
