/* Authorization, sign-in, consent and sign-out as the HTTP layer sees them. */
#include "tests/unit/server/svc_fixture.h"

#include "server/oidc/scope.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    fixture_setup(state);
    fixture_world(*state);
    return 0;
}

static void assert_error(const struct svc_authorize *got, const char *error) {
    char text[4096];

    assert_int_equal(got->kind, AUTHORIZE_REDIRECT);
    assert_true(location_param(got->location, "error", text));
    assert_string_equal(text, error);
    assert_true(location_param(got->location, "iss", text));
    assert_string_equal(text, FIXTURE_ISSUER);
    assert_true(location_param(got->location, "state", text));
    assert_string_equal(text, "s t&\xe5\xb7\x9e");
    assert_false(location_param(got->location, "code", text));
}

static void expect_error(struct fixture *f, struct browser *browser,
                         const struct params *params, const char *error) {
    struct svc_authorize got;

    run_authorize(f, browser, params, &got);
    assert_int_equal(got.op.err, OK);
    assert_error(&got, error);
    svc_op_close(&got.op);
}

static void expect_kind(struct fixture *f, struct browser *browser,
                        const struct params *params, enum svc_authorize_kind kind) {
    struct svc_authorize got;

    run_authorize(f, browser, params, &got);
    assert_int_equal(got.op.err, OK);
    assert_int_equal(got.kind, kind);
    svc_op_close(&got.op);
}

static struct params with(struct params params, const char *name, const char *value) {
    params.items[params.count].name = span_str(name);
    params.items[params.count].value = span_str(value);
    params.count++;
    return params;
}

static void test_login_gives_code(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    struct svc_authorize page;
    struct svc_login login;
    char text[4096];

    run_authorize(f, &browser, &params, &page);
    assert_int_equal(page.kind, AUTHORIZE_LOGIN);
    assert_true(page.set_browser_cookie.len > 0 && page.login_state.len > 0);
    assert_true(span_is(page.client_name, "補助金"));
    assert_true(span_is(page.redirect_host, "conf.test"));
    assert_true(span_is(page.redirect_origin, "https://conf.test"));
    svc_op_close(&page.op);

    run_login(f, &browser, ALICE, FIXTURE_PASSWORD, &login);
    assert_int_equal(login.kind, LOGIN_CONTINUE);
    assert_int_equal(login.next.kind, AUTHORIZE_REDIRECT);
    assert_true(login.next.set_session_cookie.len > 0);
    assert_memory_equal(login.next.location.data, "https://conf.test/cb?", 21);
    assert_true(location_param(login.next.location, "code", text));
    assert_int_equal(strlen(text), 22);
    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789"),
                     22);
    assert_true(location_param(login.next.location, "iss", text));
    assert_string_equal(text, FIXTURE_ISSUER);
    assert_true(location_param(login.next.location, "state", text));
    assert_string_equal(text, "s t&\xe5\xb7\x9e");
    svc_op_close(&login.op);
    expect_kind(f, &browser, &params, AUTHORIZE_REDIRECT); /* single sign-on */
    assert_int_equal(f->counters.values[COUNT_CODE_ISSUED], 2);
}

static void test_query_of_redirect_uri_is_kept(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = with(usual("shop", NULL), "prompt", "none");
    struct svc_authorize got;

    run_authorize(f, &browser, &params, &got);
    assert_memory_equal(got.location.data, "https://shop.test/cb?x=1&error=", 31);
    svc_op_close(&got.op);
}

static void test_prompt_none(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params plain = usual("conf", NULL);
    struct params none = with(plain, "prompt", "none");
    struct params old = with(none, "max_age", "0");
    struct params shop = with(usual("shop", NULL), "prompt", "none");
    char code[FIXTURE_CODE];

    expect_error(f, &browser, &none, "login_required");
    sign_in(f, &browser, ALICE, &plain, code);
    expect_kind(f, &browser, &none, AUTHORIZE_REDIRECT);
    get_code(f, &browser, &none, code);
    f->repl.now_ms += 1;
    expect_error(f, &browser, &old, "login_required");
    expect_error(f, &browser, &shop, "consent_required");
}

static void test_prompt_login_and_max_age(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0}, before;
    struct params plain = usual("conf", NULL);
    struct params prompt = with(plain, "prompt", "login");
    struct params select = with(plain, "prompt", "select_account");
    struct params age = with(plain, "max_age", "10");
    char code[FIXTURE_CODE] = "";

    sign_in(f, &browser, ALICE, &plain, code);
    expect_kind(f, &browser, &select, AUTHORIZE_LOGIN);
    expect_kind(f, &browser, &age, AUTHORIZE_REDIRECT);
    f->repl.now_ms += 11000;
    expect_kind(f, &browser, &age, AUTHORIZE_LOGIN);
    before = browser;
    code[0] = '\0';
    sign_in(f, &browser, BOB, &prompt, code); /* as another user (A14) */
    assert_int_equal(strlen(code), 22);
    expect_kind(f, &browser, &age, AUTHORIZE_REDIRECT);
    expect_kind(f, &before, &plain, AUTHORIZE_LOGIN); /* D08: it has ended */
}

static void expect_again(struct fixture *f, struct browser *browser,
                         const char *account, const char *password,
                         enum svc_login_notice notice) {
    struct svc_login login;

    run_login(f, browser, account, password, &login);
    assert_int_equal(login.op.err, OK);
    assert_int_equal(login.kind, LOGIN_AGAIN);
    assert_int_equal(login.next.notice, notice);
    assert_int_equal(login.next.set_session_cookie.len, 0);
    assert_int_equal(login.next.kind, AUTHORIZE_LOGIN);
    assert_true(span_is(login.next.login_state, browser->login_state));
    assert_true(span_is(login.next.client_name, "補助金"));
    assert_int_equal(login.next.set_browser_cookie.len, 0);
    svc_op_close(&login.op);
}

static void test_bad_credentials(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    char long_password[LIMIT_PASSWORD + 2];
    unsigned submits;

    expect_kind(f, &browser, &params, AUTHORIZE_LOGIN);
    submits = f->repl.submits;
    expect_again(f, &browser, ALICE, "not the password", NOTICE_BAD_CREDENTIALS);
    expect_again(f, &browser, "nobody@example.jp", "not the password",
                 NOTICE_BAD_CREDENTIALS);
    expect_again(f, &browser, "no account id", "not the password",
                 NOTICE_BAD_CREDENTIALS);
    /* Known, unknown and malformed left one command each. */
    assert_int_equal(f->repl.submits - submits, 3);
    memset(long_password, 'x', sizeof long_password - 1);
    long_password[sizeof long_password - 1] = '\0';
    expect_again(f, &browser, ALICE, long_password, NOTICE_BAD_CREDENTIALS);
    expect_again(f, &browser, ALICE, "", NOTICE_BAD_CREDENTIALS);
    assert_int_equal(f->repl.submits - submits, 3); /* refused before any work */
    assert_int_equal(f->counters.values[COUNT_LOGIN_FAILED], 5);
}

static bool locked_after(struct fixture *f, struct browser *browser,
                         const char *account, unsigned *ret_tries) {
    for (unsigned i = 0; i < 30; i++) {
        struct svc_login login;
        enum svc_login_notice notice;

        run_login(f, browser, account, "not the password", &login);
        assert_int_equal(login.kind, LOGIN_AGAIN);
        notice = login.next.notice;
        svc_op_close(&login.op);
        if (notice == NOTICE_LOCKED) {
            *ret_tries = i;
            return true;
        }
        assert_int_equal(notice, NOTICE_BAD_CREDENTIALS);
    }
    return false;
}

static void test_lock(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    unsigned known = 0, unknown = 1;

    expect_kind(f, &browser, &params, AUTHORIZE_LOGIN);
    assert_true(locked_after(f, &browser, ALICE, &known));
    assert_true(locked_after(f, &browser, "nobody@example.jp", &unknown));
    assert_int_equal(known, unknown); /* no way to tell them apart (D01) */
    expect_again(f, &browser, ALICE, FIXTURE_PASSWORD, NOTICE_LOCKED);
}

static void test_local_limit(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    unsigned submits;

    assert_int_equal(
        rate_limit_new(1, 1, 16, port_system_clock, &f->shared.login_limit), OK);
    expect_kind(f, &browser, &params, AUTHORIZE_LOGIN);
    expect_again(f, &browser, ALICE, "not the password", NOTICE_BAD_CREDENTIALS);
    submits = f->repl.submits;
    expect_again(f, &browser, ALICE, FIXTURE_PASSWORD, NOTICE_LIMITED);
    assert_int_equal(f->repl.submits, submits);
}

static void expect_refused(struct fixture *f, struct browser *browser) {
    struct svc_login login;
    unsigned submits = f->repl.submits;

    run_login(f, browser, ALICE, FIXTURE_PASSWORD, &login);
    assert_int_equal(login.op.err, OK);
    assert_int_equal(login.kind, LOGIN_REFUSED);
    assert_int_equal(f->repl.submits, submits);
    svc_op_close(&login.op);
}

static void test_login_state_is_bound(void **state) {
    struct fixture *f = *state;
    struct browser alice = {0}, other = {0}, broken;
    struct params params = usual("conf", NULL);

    expect_kind(f, &alice, &params, AUTHORIZE_LOGIN);
    expect_kind(f, &other, &params, AUTHORIZE_LOGIN);
    assert_string_not_equal(alice.binding, other.binding);
    memcpy(other.login_state, alice.login_state, sizeof other.login_state);
    expect_refused(f, &other); /* D09 */
    broken = alice;
    broken.binding[0] = '\0';
    expect_refused(f, &broken);
    broken = alice;
    broken.login_state[20] ^= 1;
    expect_refused(f, &broken);
    broken.login_state[0] = '\0';
    expect_refused(f, &broken);
    f->repl.now_ms += 31 * 60 * 1000;
    expect_refused(f, &alice);
}

static void test_consent(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("shop", "openid email");
    struct params more = usual("shop", "openid email profile");
    struct params again = with(params, "prompt", "consent");
    struct svc_consent consent;
    char text[4096], code[FIXTURE_CODE] = "";

    sign_in(f, &browser, ALICE, &params, code);
    assert_string_equal(code, ""); /* the consent page came first */
    run_consent(f, &browser, false, &consent);
    assert_error(&consent.next, "access_denied");
    svc_op_close(&consent.op);
    expect_kind(f, &browser, &params, AUTHORIZE_CONSENT); /* nothing was stored */
    run_consent(f, &browser, true, &consent);
    assert_int_equal(consent.next.kind, AUTHORIZE_REDIRECT);
    assert_true(location_param(consent.next.location, "code", text));
    svc_op_close(&consent.op);
    expect_kind(f, &browser, &params, AUTHORIZE_REDIRECT);
    expect_kind(f, &browser, &more, AUTHORIZE_CONSENT);
    expect_kind(f, &browser, &again, AUTHORIZE_CONSENT);
    run_consent(f, &browser, true, &consent);
    assert_int_equal(consent.next.kind, AUTHORIZE_REDIRECT);
    svc_op_close(&consent.op);
}

static void test_consent_is_the_accounts(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0}, page, stranger = {0};
    struct params params = usual("shop", NULL);
    struct params conf = with(usual("conf", NULL), "prompt", "login");
    struct svc_consent consent;
    char code[FIXTURE_CODE] = "";

    sign_in(f, &browser, ALICE, &params, code);
    page = browser;
    /* Bob signs in meanwhile; Alice's page must not speak for him. */
    sign_in(f, &browser, BOB, &conf, code);
    memcpy(browser.login_state, page.login_state, sizeof browser.login_state);
    run_consent(f, &browser, true, &consent);
    assert_int_equal(consent.next.kind, AUTHORIZE_CONSENT);
    svc_op_close(&consent.op);
    /* Without a session: sign in first. */
    page.session[0] = '\0';
    run_consent(f, &page, true, &consent);
    assert_int_equal(consent.next.kind, AUTHORIZE_LOGIN);
    svc_op_close(&consent.op);
    /* A login page's state is no consent. */
    expect_kind(f, &stranger, &params, AUTHORIZE_LOGIN);
    run_consent(f, &stranger, true, &consent);
    assert_int_equal(consent.next.kind, AUTHORIZE_REFUSED);
    svc_op_close(&consent.op);
}

static void test_account_type(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("primeonly", NULL);
    struct svc_login login;

    expect_kind(f, &browser, &params, AUTHORIZE_LOGIN);
    run_login(f, &browser, BOB, FIXTURE_PASSWORD, &login);
    assert_int_equal(login.kind, LOGIN_CONTINUE);
    assert_error(&login.next, "access_denied");
    assert_true(login.next.set_session_cookie.len > 0);
    svc_op_close(&login.op);
    expect_error(f, &browser, &params, "access_denied");
}

static void test_never_redirects_to_unproven(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params unknown = usual("nobody", NULL);
    struct params evil = usual("conf", NULL);
    struct params doubled = with(usual("conf", NULL), "client_id", "shop");
    struct params type = usual("conf", NULL);
    struct svc_authorize got;

    evil.items[2].value = span_str("https://conf.test/cb/x");
    type.items[0].value = span_str("token");
    expect_kind(f, &browser, &unknown, AUTHORIZE_REFUSED);
    expect_kind(f, &browser, &doubled, AUTHORIZE_REFUSED);
    run_authorize(f, &browser, &evil, &got);
    assert_int_equal(got.kind, AUTHORIZE_REFUSED);
    assert_int_equal(got.refusal, OIDC_INVALID_REQUEST);
    assert_int_equal(got.location.len, 0);
    svc_op_close(&got.op);
    expect_error(f, &browser, &type, "unsupported_response_type");
}

/* An ID token that the cluster signs, with claims of the test's choice. */
/* The client as it is registered, without one redirect URI or scope. */
static void change_client(struct fixture *f, const char *id, const char *redirect,
                          uint64_t scopes) {
    struct command command = {.type = CMD_CLIENT_PUT};
    struct client *client = &command.client_put.client;
    struct oidc_client view;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(svc_client_read(f->svc, &arena, span_str(id), client, &view), OK);
    svc_read_end(f->svc);
    client->redirect_uris[0] = redirect;
    client->scopes = scopes;
    command.client_put.replace = true;
    fixture_apply(f, &command);
    arena_close(&arena);
}

static void test_client_changes_while_page_is_open(void **state) {
    struct fixture *f = *state;
    struct browser login = {0}, consent = {0};
    struct params conf = usual("conf", NULL);
    struct params shop = usual("shop", "openid profile");
    struct svc_consent got;
    struct svc_login signed_in;

    expect_kind(f, &login, &conf, AUTHORIZE_LOGIN);
    change_client(f, "conf", "https://conf.test/new", SCOPE_OPENID);
    expect_refused(f, &login);

    expect_kind(f, &consent, &shop, AUTHORIZE_LOGIN);
    change_client(f, "shop", redirect_of("shop"), SCOPE_OPENID);
    run_login(f, &consent, ALICE, FIXTURE_PASSWORD, &signed_in);
    assert_int_equal(signed_in.next.kind, AUTHORIZE_CONSENT);
    assert_int_equal(signed_in.next.consent_scopes, SCOPE_OPENID);
    svc_op_close(&signed_in.op);
    change_client(f, "shop", "https://shop.test/new", SCOPE_OPENID);
    run_consent(f, &consent, true, &got);
    assert_int_equal(got.next.kind, AUTHORIZE_REFUSED);
    assert_int_equal(got.next.location.len, 0);
    svc_op_close(&got.op);
}

static void sign_hint_with(struct fixture *f, const struct jwt_keys *keys,
                           enum key_alg alg, const char *sub, const char *aud,
                           char out[2048]) {
    char claims[512];
    struct buf token;
    snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%s\"}",
             FIXTURE_ISSUER, aud, sub);
    buf_init(&token, 2047);
    assert_int_equal(jwt_sign(keys, alg, repl_now_ms(f->shared.repl), "JWT",
                              span_str(claims), &token),
                     OK);
    memcpy(out, token.data, token.len);
    out[token.len] = '\0';
    buf_free(&token);
}

static void sign_hint(struct fixture *f, const char *sub, const char *aud,
                      char out[2048]) {
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(svc_keys(f->svc), OK);
    svc_read_end(f->svc);
    sign_hint_with(f, f->svc->keys.keys, KEY_RS256, sub, aud, out);
}

static void test_id_token_hint(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params plain = usual("conf", NULL);
    struct params hinted;
    struct svc_login login;
    char code[FIXTURE_CODE], hint[2048], forged[2048];

    sign_in(f, &browser, ALICE, &plain, code);
    sign_hint(f, "00000000000000000000000000000001", "conf", hint);
    hinted = with(with(plain, "prompt", "none"), "id_token_hint", hint);
    expect_error(f, &browser, &hinted, "login_required"); /* never Alice (A15) */
    hinted = with(plain, "id_token_hint", hint);
    expect_kind(f, &browser, &hinted, AUTHORIZE_LOGIN);
    run_login(f, &browser, ALICE, FIXTURE_PASSWORD, &login);
    assert_error(&login.next, "login_required");
    svc_op_close(&login.op);
    memcpy(forged, hint, sizeof forged);
    forged[strlen(forged) - 10] ^= 1;
    hinted = with(plain, "id_token_hint", forged);
    expect_error(f, &browser, &hinted, "invalid_request");
    sign_hint(f, "00000000000000000000000000000001", "shop", hint);
    hinted = with(plain, "id_token_hint", hint);
    expect_error(f, &browser, &hinted, "invalid_request");
}

/* A key that other nodes sign with already. */
struct ahead {
    struct fixture *f;
    struct arena arena;
    struct signing_key key;
    char revoked[LIMIT_KID + 1];
};

static bool take_kid(void *arg, const struct signing_key *key) {
    struct ahead *ahead = arg;

    if (key->alg != KEY_ES256)
        return true;
    snprintf(ahead->revoked, sizeof ahead->revoked, "%s", key->kid);
    return false;
}

static void revoke_comes(void *arg) {
    struct ahead *ahead = arg;
    struct command command = {.type = CMD_KEY_REVOKE};

    command.key_revoke.revoked = ahead->revoked;
    command.key_revoke.replacement.key = ahead->key;
    fixture_apply(ahead->f, &command);
    ahead->f->repl.on_read = NULL;
}

/* An emergency: the key is replaced, and a token of the new one is here before the
 * command is. It is waited for, but not at everybody's pleasure. */
static void test_hint_of_a_key_that_comes(void **state) {
    struct fixture *f = *state;
    struct ahead ahead = {.f = f};
    struct browser browser = {0};
    struct params plain = usual("conf", NULL);
    struct params hinted;
    struct jwt_keys *keys;
    struct sealer *sealer;
    char hint[2048];

    arena_init(&ahead.arena, 1 << 16);
    assert_int_equal(sealer_new(f->shared.keyring, &f->shared.random, &sealer), OK);
    assert_int_equal(jwt_key_generate(KEY_ES256, sealer, &ahead.arena, &ahead.key), OK);
    assert_int_equal(jwt_keys_from_rows(&ahead.key, 1, sealer, &keys), OK);
    sealer_free(sealer);
    sign_hint_with(f, keys, KEY_ES256, "00000000000000000000000000000001", "conf",
                   hint);
    jwt_keys_unref(keys);
    hinted = with(with(plain, "prompt", "none"), "id_token_hint", hint);
    expect_error(f, &browser, &hinted, "invalid_request");
    assert_int_equal(f->repl.reads, 1);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_key_walk(f->svc->read, &ahead.arena, take_kid, &ahead), OK);
    svc_read_end(f->svc);
    f->repl.on_read = revoke_comes;
    f->repl.on_read_arg = &ahead;
    expect_error(f, &browser, &hinted, "login_required");
    assert_int_equal(f->repl.reads, 2);
    expect_error(f, &browser, &hinted, "login_required"); /* now it is known */
    assert_int_equal(f->repl.reads, 2);
    arena_close(&ahead.arena);
}

static void test_unknown_keys_do_not_flood(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params plain = usual("conf", NULL);
    struct params hinted;
    char hint[2048];

    /* {"alg":"ES256","kid":"nobody","typ":"JWT"} */
    snprintf(hint, sizeof hint,
             "eyJhbGciOiJFUzI1NiIsImtpZCI6Im5vYm9keSIsInR5cCI6IkpXVCJ9.e30.AAAA");
    hinted = with(with(plain, "prompt", "none"), "id_token_hint", hint);
    for (int i = 0; i < 100; i++)
        expect_error(f, &browser, &hinted, "invalid_request");
    assert_in_range(f->repl.reads, 1, 60); /* 20 a second */
}

static void expect_err(struct fixture *f, struct browser *browser,
                       const struct params *params, enum err err) {
    struct svc_authorize got;

    run_authorize(f, browser, params, &got);
    assert_int_equal(got.op.err, err);
    svc_op_close(&got.op);
}

static void test_behind_and_stale(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0}, forged;
    struct params params = usual("conf", NULL);
    char code[FIXTURE_CODE];

    sign_in(f, &browser, ALICE, &params, code);
    f->repl.hide_above = 3;
    expect_err(f, &browser, &params, ERR_TIMEOUT); /* waited; never "not signed in" */
    assert_int_equal(f->repl.waits, 1);
    forged = browser;
    forged.session[10] ^= 1;
    expect_kind(f, &forged, &params, AUTHORIZE_LOGIN);
    assert_int_equal(f->repl.waits, 1); /* a forged one is refused at once */
    f->repl.hide_above = UINT64_MAX;
    f->repl.fresh = ERR_STALE;
    expect_err(f, &browser, &params, ERR_STALE);
    f->repl.fresh = OK;
    f->repl.submit = ERR_BUSY;
    expect_err(f, &browser, &params, ERR_BUSY);
    f->repl.submit = OK;
    expect_kind(f, &browser, &params, AUTHORIZE_REDIRECT);
}

static void test_session_ends(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    struct svc_logout logout;
    char code[FIXTURE_CODE];

    sign_in(f, &browser, ALICE, &params, code);
    for (int i = 0; i < 24; i++) { /* used every 29 minutes: 11.6 hours */
        f->repl.now_ms += 29 * 60 * 1000;
        expect_kind(f, &browser, &params, AUTHORIZE_REDIRECT);
    }
    f->repl.now_ms += 29 * 60 * 1000; /* beyond 12 hours */
    expect_kind(f, &browser, &params, AUTHORIZE_LOGIN);
    sign_in(f, &browser, ALICE, &params, code);
    f->repl.now_ms += 31 * 60 * 1000; /* idle */
    expect_kind(f, &browser, &params, AUTHORIZE_LOGIN);
    run_logout(f, &browser, NULL, false, "", &logout);
    assert_false(logout.signed_in);
    svc_op_close(&logout.op);
}

static void test_logout(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    struct svc_logout logout;
    char code[FIXTURE_CODE], csrf[64];

    run_logout(f, &browser, NULL, false, "", &logout);
    assert_false(logout.signed_in);
    svc_op_close(&logout.op);
    sign_in(f, &browser, ALICE, &params, code);
    run_logout(f, &browser, NULL, false, "", &logout);
    assert_true(logout.signed_in && !logout.ended);
    snprintf(csrf, sizeof csrf, "%.*s", (int)logout.set_csrf.len,
             (const char *)logout.set_csrf.data);
    svc_op_close(&logout.op);
    run_logout(f, &browser, NULL, true, "forged", &logout);
    assert_true(logout.csrf_refused && !logout.ended);
    svc_op_close(&logout.op);
    expect_kind(f, &browser, &params, AUTHORIZE_REDIRECT);
    run_logout(f, &browser, NULL, true, csrf, &logout);
    assert_true(logout.ended);
    svc_op_close(&logout.op);
    expect_kind(f, &browser, &params, AUTHORIZE_LOGIN); /* D12 */
}

#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        FLOW_TEST(test_login_gives_code),
        FLOW_TEST(test_query_of_redirect_uri_is_kept),
        FLOW_TEST(test_prompt_none),
        FLOW_TEST(test_prompt_login_and_max_age),
        FLOW_TEST(test_bad_credentials),
        FLOW_TEST(test_lock),
        FLOW_TEST(test_local_limit),
        FLOW_TEST(test_login_state_is_bound),
        FLOW_TEST(test_consent),
        FLOW_TEST(test_consent_is_the_accounts),
        FLOW_TEST(test_account_type),
        FLOW_TEST(test_never_redirects_to_unproven),
        FLOW_TEST(test_id_token_hint),
        FLOW_TEST(test_hint_of_a_key_that_comes),
        FLOW_TEST(test_unknown_keys_do_not_flood),
        FLOW_TEST(test_behind_and_stale),
        FLOW_TEST(test_session_ends),
        FLOW_TEST(test_logout),
        FLOW_TEST(test_client_changes_while_page_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
