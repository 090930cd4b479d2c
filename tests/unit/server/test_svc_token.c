/* The token endpoint and userinfo, over the real state machine. */
#include "tests/unit/server/svc_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/crypto/digest.h"

static int setup(void **state) {
    fixture_setup(state);
    fixture_world(*state);
    return 0;
}

struct tokens {
    char access[4096], refresh[4096], id[4096];
};

static void code_for(struct fixture *f, const char *client, const char *scope,
                     const char *account, char code[FIXTURE_CODE]) {
    struct browser browser = {0};
    struct params params = usual(client, scope);

    code[0] = '\0';
    sign_in(f, &browser, account, &params, code);
    /* DOMAIN §2.1 fixes the length for its own profile alone; others' are sealed. */
    if (strcmp(client, "es") == 0)
        assert_in_range(strlen(code), 200, 300);
    else
        assert_int_equal(strlen(code), 22);
}

static struct params redemption(const char *client, const char *code) {
    return params_make("grant_type", "authorization_code", "code", code, "redirect_uri",
                       redirect_of(client), "code_verifier", VERIFIER, NULL);
}

static void take_tokens(const struct svc_token *got, struct tokens *ret) {
    memset(ret, 0, sizeof *ret);
    json_text(got->body, "access_token", ret->access);
    if (json_has(got->body, "refresh_token"))
        json_text(got->body, "refresh_token", ret->refresh);
    if (json_has(got->body, "id_token"))
        json_text(got->body, "id_token", ret->id);
}

static void expect_tokens(struct fixture *f, const char *client, const char *secret,
                          const struct params *params, struct tokens *ret) {
    struct svc_token got;

    run_token(f, client, secret, params, &got);
    assert_int_equal(got.op.err, OK);
    if (got.refusal.error)
        fail_msg("%s: %s", oidc_error_str(got.refusal.error), got.refusal.description);
    take_tokens(&got, ret);
    svc_op_close(&got.op);
}

static void expect_refusal(struct fixture *f, const char *client, const char *secret,
                           const struct params *params, enum oidc_error error) {
    struct svc_token got;

    run_token(f, client, secret, params, &got);
    assert_int_equal(got.op.err, OK);
    assert_int_equal(got.refusal.error, error);
    assert_int_equal(got.body.len, 0);
    assert_true(got.refusal.description && got.refusal.description[0]);
    svc_op_close(&got.op);
}

static void redeem(struct fixture *f, const char *code, struct tokens *ret) {
    struct params params = redemption("conf", code);

    expect_tokens(f, "conf", FIXTURE_SECRET, &params, ret);
}

static void userinfo_is(struct fixture *f, const char *access, enum oidc_error error) {
    struct svc_userinfo got;

    run_userinfo(f, access, &got);
    assert_int_equal(got.op.err, OK);
    assert_int_equal(got.error, error);
    assert_int_equal(got.body.len > 0, error == OIDC_OK);
    svc_op_close(&got.op);
}

static void check_claims(struct fixture *f, const struct tokens *tokens,
                         const char *client, const char *nonce) {
    char text[4096], at_hash[DIGEST_AT_HASH_SIZE];
    struct arena arena;
    struct span claims;

    arena_init(&arena, 1 << 16);
    assert_int_equal(
        jwt_verify(f->svc->keys.keys, span_str(tokens->id), "JWT", &arena, &claims),
        OK);
    json_text(claims, "iss", text);
    assert_string_equal(text, FIXTURE_ISSUER);
    json_text(claims, "aud", text);
    assert_string_equal(text, client);
    json_text(claims, "auth_time", text);
    assert_string_equal(text, "1700000000");
    json_text(claims, "iat", text);
    assert_int_equal(strtoull(text, NULL, 10), f->repl.now_ms / 1000);
    json_text(claims, "exp", text);
    assert_int_equal(strtoull(text, NULL, 10), f->repl.now_ms / 1000 + 3600);
    digest_at_hash(span_str(tokens->access), at_hash);
    json_text(claims, "at_hash", text);
    assert_string_equal(text, at_hash);
    assert_true(json_has(claims, "jti") && json_has(claims, "sub"));
    if (nonce) {
        json_text(claims, "nonce", text);
        assert_string_equal(text, nonce);
    } else {
        assert_false(json_has(claims, "nonce"));
    }
    assert_false(json_has(claims, "name"));
    arena_close(&arena);
}

static void test_code_exchange(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct svc_token got;
    struct tokens tokens;
    char code[FIXTURE_CODE], text[4096];

    code_for(f, "conf", "openid profile", ALICE, code);
    params = redemption("conf", code);
    run_token(f, "conf", FIXTURE_SECRET, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_OK);
    json_text(got.body, "token_type", text);
    assert_string_equal(text, "Bearer");
    json_text(got.body, "expires_in", text);
    assert_string_equal(text, "3600");
    json_text(got.body, "scope", text);
    assert_string_equal(text, "openid profile");
    assert_false(json_has(got.body, "refresh_token")); /* offline_access alone */
    take_tokens(&got, &tokens);
    svc_op_close(&got.op);
    check_claims(f, &tokens, "conf", "n-1");
    userinfo_is(f, tokens.access, OIDC_OK);
    userinfo_is(f, tokens.id, OIDC_INVALID_TOKEN);
}

static void test_code_once(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct tokens tokens;
    char code[FIXTURE_CODE];

    code_for(f, "conf", "openid offline_access", ALICE, code);
    redeem(f, code, &tokens);
    params = redemption("conf", code);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    /* B01: what the first gave is dead. */
    userinfo_is(f, tokens.access, OIDC_INVALID_TOKEN);
    params = params_make("grant_type", "refresh_token", "refresh_token", tokens.refresh,
                         NULL);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
}

static void test_code_is_bound(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct tokens tokens;
    char code[FIXTURE_CODE];

    code_for(f, "conf", NULL, ALICE, code);
    params = redemption("conf", code);
    expect_refusal(f, "shop", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    params.items[2].value = span_str("https://conf.test/other");
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    params = redemption("conf", code);
    params.items[3].value = span_str("xBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    params.count = 3; /* no verifier at all */
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    redeem(f, code, &tokens); /* none of these burnt it (B03) */
}

static struct params redemption_es(const char *code) {
    return params_make("grant_type", "authorization_code", "code", code, "redirect_uri",
                       redirect_of("es"), "code_verifier", VERIFIER, "client_id", "es",
                       "client_secret", FIXTURE_SECRET, NULL);
}

static void test_code_expires(void **state) {
    struct fixture *f = *state;
    struct params params;
    char code[FIXTURE_CODE];

    code_for(f, "conf", NULL, ALICE, code);
    f->repl.now_ms += 5 * 60 * 1000 + 1;
    params = redemption("conf", code);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    code_for(f, "es", NULL, ALICE, code); /* profile standard: 60 seconds */
    f->repl.now_ms += 61 * 1000;
    params = redemption_es(code);
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
}

/* One that does not fit into a code is stored. */
static struct params not_to_be_sealed(void) {
    static char nonce[LIMIT_NONCE + 1];
    struct params params = usual("es", NULL);

    memset(nonce, 'n', LIMIT_NONCE);
    assert_true(span_is(params.items[5].name, "nonce"));
    params.items[5].value = span_str(nonce);
    return params;
}

/* A stored one's last letters say where its row stands; they are a part of the secret for
 * all that, and whatever stands there is looked up and not found. */
static void test_code_counts_whole(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = not_to_be_sealed();
    struct tokens tokens;
    char code[FIXTURE_CODE], other[FIXTURE_CODE];

    sign_in(f, &browser, ALICE, &params, code);
    assert_int_equal(strlen(code), 43);
    for (size_t i = 0; i < 43; i++) {
        memcpy(other, code, sizeof other);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        params = redemption_es(other);
        expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
        other[i] = '.';
        expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
    }
    params = redemption_es(code);
    expect_tokens(f, NULL, NULL, &params, &tokens);
}

/* What does not open is an unknown code: changed anywhere, cut, longer, another's. */
static void test_sealed_code_counts_whole(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct tokens tokens;
    char code[FIXTURE_CODE], other[FIXTURE_CODE];
    size_t len;

    code_for(f, "es", NULL, ALICE, code);
    len = strlen(code);
    for (size_t i = 0; i < len; i++) {
        memcpy(other, code, sizeof other);
        other[i] = other[i] == 'A' ? 'Q' : 'A'; /* not in bits that go unused alone */
        params = redemption_es(other);
        expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
        memcpy(other, code, sizeof other);
        other[i] = '\0';
        params = redemption_es(other);
        expect_refusal(f, NULL, NULL, &params,
                       i > 0 ? OIDC_INVALID_GRANT : OIDC_INVALID_REQUEST);
    }
    memset(other, 'A', sizeof other - 1);
    other[sizeof other - 1] = '\0';
    memcpy(other, code, len);
    params = redemption_es(other);
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
    params = redemption("conf", code); /* of another client */
    params.items[2].value = span_str(redirect_of("es"));
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    params = redemption_es(code);
    params.items[3].value = span_str("xBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
    params = redemption_es(code);
    params.items[2].value = span_str("https://es.test/other");
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
    params = redemption_es(code);
    expect_tokens(f, NULL, NULL, &params, &tokens); /* none of these burnt it */
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
    userinfo_is(f, tokens.access, OIDC_INVALID_TOKEN); /* B01 */
}

/* And it does not matter what the node that redeems it has applied. */
static void test_sealed_code_is_one_command(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("es", "openid email");
    struct tokens tokens;
    char code[FIXTURE_CODE], stored[FIXTURE_CODE];
    unsigned before;

    sign_in(f, &browser, ALICE, &params, code);
    before = f->repl.submits;
    get_code(f, &browser, &params, code);
    assert_int_equal(f->repl.submits, before);
    f->repl.hide_above = 0; /* a node that has applied nothing of that */
    params = redemption_es(code);
    expect_tokens(f, NULL, NULL, &params, &tokens);
    assert_int_equal(f->repl.submits, before + 1);
    assert_int_equal(f->repl.waits, 0);
    f->repl.hide_above = UINT64_MAX;
    check_claims(f, &tokens, "es", "n-1");
    params = not_to_be_sealed();
    before = f->repl.submits;
    get_code(f, &browser, &params, stored);
    assert_int_equal(f->repl.submits, before + 1);
    params = redemption_es(stored);
    expect_tokens(f, NULL, NULL, &params, &tokens);
}

/* The idle end of a session is moved by its use, whether the code is redeemed or not. */
static void test_moving_the_idle_end_stores_the_code(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("es", NULL);
    struct command tick = {.type = CMD_TICK};
    struct tokens tokens;
    char code[FIXTURE_CODE];
    unsigned before;

    sign_in(f, &browser, ALICE, &params, code);
    for (int visit = 0; visit < 3; visit++) {
        f->repl.now_ms += (1800 - 1) * 1000;
        fixture_apply(f, &tick); /* the state's clock moves */
        before = f->repl.submits;
        params = usual("es", NULL);
        get_code(f, &browser, &params, code);
        assert_int_equal(f->repl.submits, before + 1);
        assert_int_equal(strlen(code), 43);
    }
    params = redemption_es(code);
    expect_tokens(f, NULL, NULL, &params, &tokens);
    params = usual("es", NULL);
    get_code(f, &browser, &params, code);
    assert_true(strlen(code) > 43);
}

static void test_client_authentication(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct svc_token got;
    struct tokens tokens;
    char code[FIXTURE_CODE];

    code_for(f, "conf", NULL, ALICE, code);
    params = redemption("conf", code);
    expect_refusal(f, "conf", "wrong secret of some length!!!!!", &params,
                   OIDC_INVALID_CLIENT);
    expect_refusal(f, "conf", "", &params, OIDC_INVALID_CLIENT);
    expect_refusal(f, "nobody", FIXTURE_SECRET, &params, OIDC_INVALID_CLIENT);
    expect_refusal(f, "pub", FIXTURE_SECRET, &params, OIDC_INVALID_CLIENT);
    run_token(f, "conf", "no", &params, &got);
    assert_true(got.refusal.challenge_basic);
    svc_op_close(&got.op);
    params = params_make("grant_type", "authorization_code", "code", code,
                         "redirect_uri", redirect_of("conf"), "code_verifier", VERIFIER,
                         "client_id", "conf", "client_secret", FIXTURE_SECRET, NULL);
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_CLIENT); /* basic is its way */
    params = params_make("grant_type", "authorization_code", "code", code,
                         "redirect_uri", redirect_of("conf"), "code_verifier", VERIFIER,
                         "client_id", "conf", NULL);
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_CLIENT);
    params = params_make("grant_type", "password", NULL);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_UNSUPPORTED_GRANT_TYPE);
    redeem(f, code, &tokens);
}

static void test_other_clients(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct tokens tokens;
    char code[FIXTURE_CODE];

    code_for(f, "es", NULL, ALICE, code);
    params = params_make("grant_type", "authorization_code", "code", code,
                         "redirect_uri", redirect_of("es"), "code_verifier", VERIFIER,
                         "client_id", "es", "client_secret", FIXTURE_SECRET, NULL);
    expect_tokens(f, NULL, NULL, &params, &tokens);
    check_claims(f, &tokens, "es", "n-1");
    code_for(f, "pub", NULL, BOB, code);
    params = params_make("grant_type", "authorization_code", "code", code,
                         "redirect_uri", redirect_of("pub"), "code_verifier", VERIFIER,
                         "client_id", "pub", NULL);
    expect_tokens(f, NULL, NULL, &params, &tokens);
    check_claims(f, &tokens, "pub", "n-1");
}

static struct params refreshing(const char *token) {
    return params_make("grant_type", "refresh_token", "refresh_token", token, NULL);
}

static void test_refresh_rotates(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct tokens first, second, again, third;
    char code[FIXTURE_CODE];

    code_for(f, "conf", "openid offline_access", ALICE, code);
    redeem(f, code, &first);
    assert_int_equal(strlen(first.refresh), 43);
    f->repl.now_ms += 60 * 1000;
    params = refreshing(first.refresh);
    expect_refusal(f, "shop", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT); /* B07 */
    expect_tokens(f, "conf", FIXTURE_SECRET, &params, &second);
    assert_string_not_equal(first.refresh, second.refresh);
    check_claims(f, &second, "conf", NULL);
    userinfo_is(f, second.access, OIDC_OK);
    /* An honest retry within 10 s: the same successor. */
    f->repl.now_ms += 9 * 1000;
    expect_tokens(f, "conf", FIXTURE_SECRET, &params, &again);
    assert_string_equal(again.refresh, second.refresh);
    userinfo_is(f, again.access, OIDC_OK);
    params = refreshing(second.refresh);
    expect_tokens(f, "conf", FIXTURE_SECRET, &params, &third);
    /* B05: reuse of the old one ends the family. */
    f->repl.now_ms += 11 * 1000;
    params = refreshing(first.refresh);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    params = refreshing(third.refresh);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    userinfo_is(f, third.access, OIDC_INVALID_TOKEN);
}

static void test_refresh_scope(void **state) {
    struct fixture *f = *state;
    struct params params;
    struct tokens first, second;
    struct svc_token got;
    char code[FIXTURE_CODE], text[4096];

    code_for(f, "conf", "openid email offline_access", ALICE, code);
    redeem(f, code, &first);
    params = refreshing(first.refresh);
    params.items[params.count++] =
        (struct param){span_str("scope"), span_str("openid profile")};
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_SCOPE);
    params.items[params.count - 1].value = span_str("nonsense");
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_SCOPE);
    params.items[params.count - 1].value = span_str("openid");
    run_token(f, "conf", FIXTURE_SECRET, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_OK);
    json_text(got.body, "scope", text);
    assert_string_equal(text, "openid");
    take_tokens(&got, &second);
    svc_op_close(&got.op);
    params = refreshing("never-issued");
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
}

static void token_ended(struct svc_token *token) {
    *(bool *)token->arg = true;
}

static void test_query_is_refused(void **state) {
    struct fixture *f = *state;
    struct params params = refreshing("x");
    bool done = false;
    struct svc_token got = {.done = token_ended,
                            .arg = &done,
                            .in = {.params = &params, .query_present = true}};

    svc_token(f->svc, &got);
    fixture_until(f, &done);
    assert_int_equal(got.refusal.error, OIDC_INVALID_REQUEST);
    svc_op_close(&got.op);
}

static void test_userinfo_scopes(void **state) {
    struct fixture *f = *state;
    struct svc_userinfo got;
    struct tokens tokens;
    char code[FIXTURE_CODE], text[4096];

    code_for(f, "conf", "openid profile email", ALICE, code);
    redeem(f, code, &tokens);
    run_userinfo(f, tokens.access, &got);
    assert_int_equal(got.error, OIDC_OK);
    json_text(got.body, "account_type", text);
    assert_string_equal(text, "2");
    json_text(got.body, "name", text);
    assert_string_equal(text, "国税商事");
    json_text(got.body, "email", text);
    assert_string_equal(text, ALICE);
    json_text(got.body, "sub", text);
    assert_int_equal(strlen(text), 32);
    assert_false(json_has(got.body, "user_last_nm"));
    svc_op_close(&got.op);

    code_for(f, "conf", "openid profile", CAROL, code);
    redeem(f, code, &tokens);
    run_userinfo(f, tokens.access, &got);
    json_text(got.body, "account_type", text);
    assert_string_equal(text, "3");
    assert_true(json_has(got.body, "parent_id"));
    assert_false(json_has(got.body, "email"));
    svc_op_close(&got.op);

    code_for(f, "conf", "openid", ALICE, code);
    redeem(f, code, &tokens);
    run_userinfo(f, tokens.access, &got);
    assert_false(json_has(got.body, "name"));
    svc_op_close(&got.op);
}

static void test_userinfo_refusals(void **state) {
    struct fixture *f = *state;
    struct svc_userinfo got;
    struct tokens tokens;
    char code[FIXTURE_CODE], forged[4096];
    unsigned waits;

    run_userinfo(f, NULL, &got);
    assert_int_equal(got.error, OIDC_INVALID_TOKEN);
    assert_true(got.token_missing);
    svc_op_close(&got.op);
    code_for(f, "conf", NULL, ALICE, code);
    redeem(f, code, &tokens);
    snprintf(forged, sizeof forged, "%s", tokens.access);
    forged[5] ^= 1;
    waits = f->repl.waits;
    f->repl.hide_above = 2;
    userinfo_is(f, forged, OIDC_INVALID_TOKEN);
    assert_int_equal(f->repl.waits, waits); /* without waiting */
    run_userinfo(f, tokens.access, &got);
    assert_int_equal(got.op.err, ERR_TIMEOUT); /* behind: never invalid_token */
    svc_op_close(&got.op);
    f->repl.hide_above = UINT64_MAX;
    f->repl.fresh = ERR_STALE;
    run_userinfo(f, tokens.access, &got);
    assert_int_equal(got.op.err, ERR_STALE);
    svc_op_close(&got.op);
    f->repl.fresh = OK;
    userinfo_is(f, tokens.access, OIDC_OK);
    f->repl.now_ms += 3600 * 1000;
    userinfo_is(f, tokens.access, OIDC_INVALID_TOKEN);
}

static void test_logout_ends_tokens(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", "openid offline_access");
    struct svc_logout logout;
    struct tokens tokens;
    struct params es = usual("es", NULL);
    char code[FIXTURE_CODE], pending[FIXTURE_CODE], sealed[FIXTURE_CODE], csrf[64];

    sign_in(f, &browser, ALICE, &params, code);
    redeem(f, code, &tokens);
    get_code(f, &browser, &params, pending);
    get_code(f, &browser, &es, sealed);
    run_logout(f, &browser, NULL, false, "", &logout);
    snprintf(csrf, sizeof csrf, "%.*s", (int)logout.set_csrf.len,
             (const char *)logout.set_csrf.data);
    svc_op_close(&logout.op);
    run_logout(f, &browser, NULL, true, csrf, &logout);
    assert_true(logout.ended);
    svc_op_close(&logout.op);
    userinfo_is(f, tokens.access, OIDC_INVALID_TOKEN);
    params = refreshing(tokens.refresh);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    params = redemption("conf", pending);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_GRANT);
    params = redemption_es(sealed);
    expect_refusal(f, NULL, NULL, &params, OIDC_INVALID_GRANT);
}

/* With half of its keys a new epoch redeems nothing: the code would be used up. */
static void test_before_all_keys(void **state) {
    struct fixture *f = *state;
    struct params params = redemption("conf", "code");
    struct svc_token got;

    fixture_add_key(f, KEY_ES256);
    run_token(f, "conf", FIXTURE_SECRET, &params, &got);
    assert_int_equal(got.op.err, ERR_NO_LEADER); /* 503, try again */
    svc_op_close(&got.op);
    fixture_add_key(f, KEY_RS256);
    fixture_add_key(f, KEY_PS256);
    expect_refusal(f, "conf", FIXTURE_SECRET, &params, OIDC_INVALID_CLIENT);
}

#define TOKEN_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TOKEN_TEST(test_code_exchange),
        TOKEN_TEST(test_code_once),
        TOKEN_TEST(test_code_is_bound),
        TOKEN_TEST(test_code_expires),
        TOKEN_TEST(test_code_counts_whole),
        TOKEN_TEST(test_sealed_code_counts_whole),
        TOKEN_TEST(test_sealed_code_is_one_command),
        TOKEN_TEST(test_moving_the_idle_end_stores_the_code),
        TOKEN_TEST(test_client_authentication),
        TOKEN_TEST(test_other_clients),
        TOKEN_TEST(test_refresh_rotates),
        TOKEN_TEST(test_refresh_scope),
        TOKEN_TEST(test_query_is_refused),
        TOKEN_TEST(test_userinfo_scopes),
        TOKEN_TEST(test_userinfo_refusals),
        TOKEN_TEST(test_logout_ends_tokens),
        cmocka_unit_test_setup_teardown(test_before_all_keys, fixture_setup_empty,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
