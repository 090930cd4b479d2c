/* What a change of the replicated state does to sessions, tokens and new clusters. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <string.h>

#include "server/svc_bootstrap.h"

static int setup(void **state) {
    fixture_setup(state);
    fixture_world(*state);
    return 0;
}

static void expect(struct fixture *f, struct browser *browser, enum err err,
                   enum svc_authorize_kind kind) {
    struct params params = usual("conf", NULL);
    struct svc_authorize got;

    run_authorize(f, browser, &params, &got);
    assert_int_equal(got.op.err, err);
    if (!err)
        assert_int_equal(got.kind, kind);
    svc_op_close(&got.op);
}

static enum oidc_error redeem(struct fixture *f, const char *code, char access[4096]) {
    struct params params =
        params_make("grant_type", "authorization_code", "code", code, "redirect_uri",
                    redirect_of("conf"), "code_verifier", VERIFIER, NULL);
    struct svc_token got;
    enum oidc_error error;

    run_token(f, "conf", FIXTURE_SECRET, &params, &got);
    assert_int_equal(got.op.err, OK);
    error = got.refusal.error;
    if (!error)
        json_text(got.body, "access_token", access);
    svc_op_close(&got.op);
    return error;
}

/* Change the account of ALICE; what is borrowed is encoded within the snapshot. */
static void change_alice(struct fixture *f, enum account_state account_state,
                         uint64_t generation) {
    struct command command = {.type = CMD_ACCOUNT_PUT};
    struct arena arena;

    arena_init(&arena, 1 << 20);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(
        store_account_find(f->svc->read, &arena,
                           svc_hash(f->svc, HASH_ACCOUNT_ID, span_str(ALICE)),
                           &command.account_put.account),
        OK);
    command.account_put.replace = true;
    command.account_put.account.state = account_state;
    command.account_put.account.generation = generation;
    command.account_put.account.password_hash =
        arena_dup(&arena, command.account_put.account.password_hash);
    command.account_put.account.sealed_profile =
        arena_dup(&arena, command.account_put.account.sealed_profile);
    svc_read_end(f->svc);
    fixture_apply(f, &command);
    arena_close(&arena);
}

/* D16, for both ways in which an account's sessions end. */
static void check_change(struct fixture *f, enum account_state account_state,
                         uint64_t generation) {
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    struct svc_userinfo got;
    char code[FIXTURE_CODE], pending[FIXTURE_CODE], access[4096];

    sign_in(f, &browser, ALICE, &params, code);
    assert_int_equal(redeem(f, code, access), OIDC_OK);
    get_code(f, &browser, &params, pending);
    change_alice(f, account_state, generation);
    run_userinfo(f, access, &got);
    assert_int_equal(got.error, OIDC_INVALID_TOKEN);
    svc_op_close(&got.op);
    assert_int_equal(redeem(f, pending, access), OIDC_INVALID_GRANT);
    expect(f, &browser, OK, AUTHORIZE_LOGIN);
}

static void test_suspended(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct svc_login login;

    check_change(f, ACCOUNT_SUSPENDED, 1);
    expect(f, &browser, OK, AUTHORIZE_LOGIN);
    run_login(f, &browser, ALICE, FIXTURE_PASSWORD, &login);
    assert_int_equal(login.kind, LOGIN_AGAIN);
    assert_int_equal(login.next.notice, NOTICE_ACCOUNT_STATE);
    svc_op_close(&login.op);
    /* Only the right password learns that. */
    run_login(f, &browser, ALICE, "not the password", &login);
    assert_int_equal(login.next.notice, NOTICE_BAD_CREDENTIALS);
    svc_op_close(&login.op);
}

static void test_generation(void **state) {
    check_change(*state, ACCOUNT_ACTIVE, 2);
}

/* A session cookie of the right secret, sealed with another epoch and index. */
static void reseal(struct fixture *f, struct browser *browser, uint64_t epoch,
                   uint64_t index) {
    struct stamped_token token;
    uint8_t plain[TOKEN_FORMAT_MAX];
    struct arena arena;
    struct span text;
    size_t len;

    assert_int_equal(
        svc_stamp_open(f->svc, SEAL_SESSION_COOKIE, span_str(browser->session), &token),
        OK);
    token.epoch = epoch;
    token.index = index;
    len = token_format_encode(&token, plain);
    arena_init(&arena, 1 << 16);
    assert_int_equal(
        svc_seal_text(f->svc, SEAL_SESSION_COOKIE, span_of(plain, len), &arena, &text),
        OK);
    snprintf(browser->session, sizeof browser->session, "%.*s", (int)text.len,
             (const char *)text.data);
    arena_close(&arena);
}

static void test_epochs(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    unsigned waits = f->repl.waits;
    char code[FIXTURE_CODE];

    sign_in(f, &browser, ALICE, &params, code);
    reseal(f, &browser, 1, f->repl.index);
    expect(f, &browser, OK, AUTHORIZE_REDIRECT);
    /* Of an ended epoch: over, and no index of the new one is waited for. */
    reseal(f, &browser, 0, f->repl.index + 1000);
    expect(f, &browser, OK, AUTHORIZE_LOGIN);
    assert_int_equal(f->repl.waits, waits);
    /* Of an epoch that this node has not reached: not for it to judge. */
    reseal(f, &browser, store_epoch_next(1, 0), 1);
    expect(f, &browser, ERR_STALE, AUTHORIZE_LOGIN);
    /* Of another branch: this node will never reach it. */
    reseal(f, &browser, 2, 1);
    expect(f, &browser, OK, AUTHORIZE_LOGIN);
    reseal(f, &browser, 1, f->repl.index + 1000);
    expect(f, &browser, ERR_TIMEOUT, AUTHORIZE_LOGIN);
    assert_int_equal(f->repl.waits, waits + 1);
}

/* Purposes are apart: a cookie is no access token, and the other way round. */
static void test_purposes(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    struct svc_userinfo got;
    char code[FIXTURE_CODE], access[4096];

    sign_in(f, &browser, ALICE, &params, code);
    assert_int_equal(redeem(f, code, access), OIDC_OK);
    run_userinfo(f, browser.session, &got);
    assert_int_equal(got.error, OIDC_INVALID_TOKEN);
    svc_op_close(&got.op);
    snprintf(browser.session, sizeof browser.session, "%.1000s", access);
    expect(f, &browser, OK, AUTHORIZE_LOGIN);
}

static void test_retired_client(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    struct command command = {
        .type = CMD_CLIENT_CHANGE,
        .client_change = {.client_id = "conf", .stage = CLIENT_RETIRED}};
    char code[FIXTURE_CODE], access[4096];

    sign_in(f, &browser, ALICE, &params, code);
    fixture_apply(f, &command);
    expect(f, &browser, OK, AUTHORIZE_REFUSED);
    assert_int_equal(redeem(f, code, access), OIDC_INVALID_CLIENT);
}

static void test_bootstrap(void **state) {
    struct fixture *f = *state;
    struct svc_bootstrap *bootstrap;
    struct store_meta meta;
    const char *why;
    uint32_t age_s;

    assert_false(svc_ready(f->svc, &why));
    assert_int_equal(svc_jwks(f->svc, &age_s).len, 0);
    for (int i = 0; i < 2; i++) { /* the second time nothing is missing */
        assert_int_equal(svc_bootstrap_start(&f->shared, &bootstrap), OK);
        svc_bootstrap_stop(bootstrap); /* it finishes the look that it has begun */
        assert_int_equal(f->repl.submits, 5);
    }
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_read_meta(f->svc->read, &meta), OK);
    svc_read_end(f->svc);
    assert_memory_equal(&meta.cluster_id, &f->config.cluster_id, 16);
    assert_true(svc_ready(f->svc, &why));
    assert_int_equal(f->svc->keys.count, 3);
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_suspended),
        STATE_TEST(test_generation),
        STATE_TEST(test_epochs),
        STATE_TEST(test_purposes),
        STATE_TEST(test_retired_client),
        cmocka_unit_test_setup_teardown(test_bootstrap, fixture_setup_empty,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
