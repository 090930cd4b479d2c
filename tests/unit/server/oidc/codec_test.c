/* login_state, sealed_code and token_format: what stands inside sealed text. */
#include "tests/unit/server/unit.h"

#include "server/oidc/login_state.h"
#include "server/oidc/scope.h"
#include "server/oidc/sealed_code.h"
#include "server/oidc/token_format.h"

static struct login_state full_state(void) {
    struct login_state state = {
        .browser = {1, 2, 3},
        .issued_ms = 1700000000123,
        .auth_after_ms = 1700000000000,
        .flags = 0xdeadbeef,
        .subject = span_str("0123456789abcdef0123456789abcdef"),
        .request =
            {
                .client_id = span_str("rp"),
                .redirect_uri = span_str("https://rp.example/cb"),
                .state = span_str("s"),
                .nonce = span_str("n"),
                .scopes = SCOPE_OPENID | SCOPE_EMAIL,
                .scope_omitted = true,
                .has_challenge = true,
                .challenge = {9, 8, 7},
                .prompt = PROMPT_LOGIN,
                .has_max_age = true,
                .max_age_s = 77,
                .display = DISPLAY_TOUCH,
                .login_hint = span_str("alice@example.com"),
                .ui_locales = span_str("ja"),
                .acr_values = span_str("1 2"),
            },
    };

    return state;
}

static void login_state_round_trip(void **state) {
    struct login_state in = full_state();
    struct login_state out;
    struct buf bytes, again;

    (void)state;
    buf_init(&bytes, LOGIN_STATE_MAX);
    buf_init(&again, LOGIN_STATE_MAX);
    assert_int_equal(login_state_encode(&in, &bytes), OK);
    assert_int_equal(login_state_decode(buf_span(&bytes), &out), OK);
    assert_memory_equal(out.browser, in.browser, sizeof(in.browser));
    assert_true(out.issued_ms == in.issued_ms);
    assert_true(out.auth_after_ms == in.auth_after_ms);
    assert_int_equal(out.flags, in.flags);
    assert_true(span_equal(out.subject, in.subject));
    assert_true(span_equal(out.request.redirect_uri, in.request.redirect_uri));
    assert_true(span_equal(out.request.state, in.request.state));
    assert_true(span_equal(out.request.nonce, in.request.nonce));
    assert_int_equal(out.request.scopes, in.request.scopes);
    assert_true(out.request.scope_omitted && out.request.has_challenge);
    assert_memory_equal(out.request.challenge, in.request.challenge, 32);
    assert_int_equal(out.request.prompt, PROMPT_LOGIN);
    assert_int_equal(out.request.max_age_s, 77);
    assert_int_equal(out.request.display, DISPLAY_TOUCH);
    assert_true(span_equal(out.request.acr_values, in.request.acr_values));
    assert_int_equal(login_state_encode(&out, &again), OK);
    assert_true(span_equal(buf_span(&bytes), buf_span(&again)));
    buf_free(&bytes);
    buf_free(&again);
}

static void login_state_refuses_damage(void **state) {
    struct login_state in = full_state();
    struct login_state out;
    struct buf bytes;

    (void)state;
    buf_init(&bytes, LOGIN_STATE_MAX + 1);
    assert_int_equal(login_state_encode(&in, &bytes), OK);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_not_equal(login_state_decode(span_of(bytes.data, len), &out), OK);
    buf_put(&bytes, "", 1);
    assert_int_equal(login_state_decode(buf_span(&bytes), &out), ERR_INVALID);
    bytes.data[0] = 1;
    assert_int_equal(login_state_decode(buf_span(&bytes), &out), ERR_VERSION);
    buf_free(&bytes);
}

static void login_state_bounds(void **state) {
    static char text[LIMIT_STATE + 1];
    struct login_state in = full_state();
    struct login_state out;
    struct buf bytes;

    (void)state;
    memset(text, 'x', sizeof(text));
    buf_init(&bytes, LOGIN_STATE_MAX);
    in.request.redirect_uri = span_of(text, LIMIT_REDIRECT_URI);
    in.request.state = span_of(text, LIMIT_STATE);
    in.request.nonce = span_of(text, LIMIT_NONCE);
    in.request.login_hint = span_of(text, AUTHORIZE_HINT_MAX);
    in.request.ui_locales = span_of(text, AUTHORIZE_LOCALES_MAX);
    in.request.acr_values = span_of(text, AUTHORIZE_ACR_MAX);
    in.request.client_id = span_of(text, LIMIT_CLIENT_ID);
    assert_int_equal(login_state_encode(&in, &bytes), OK);
    assert_int_equal(login_state_decode(buf_span(&bytes), &out), OK);
    /* Sealed (28 bytes more) and as base64url text it fits a form field. */
    assert_true((LOGIN_STATE_MAX + 28) * 4 / 3 + 2 <= LIMIT_FORM_VALUE);
    buf_reset(&bytes);
    in.request.state = span_of(text, LIMIT_STATE + 1);
    assert_int_equal(login_state_encode(&in, &bytes), ERR_TOO_BIG);
    buf_free(&bytes);
}

static struct sealed_code full_code(void) {
    return (struct sealed_code){
        .chance = {1, 2, 3},
        .mark = 0xfedc,
        .epoch = 0x100000005,
        .expires_ms = 1700000060123,
        .session = {4, 5, 6},
        .generation = 3,
        .scopes = SCOPE_OPENID | SCOPE_EMAIL,
        .redirect_uri = span_str("https://rp.example/cb"),
        .nonce = span_str("n"),
        .has_challenge = true,
        .challenge = {9, 8, 7},
        .has_dpop_key = true,
        .dpop_key = {6, 5, 4},
        .auth_after_ms = 1700000000000,
        .id_token_claims = 1,
        .userinfo_claims = 2,
    };
}

static void sealed_code_round_trip(void **state) {
    struct sealed_code in = full_code(), out;
    struct buf bytes, again;

    (void)state;
    buf_init(&bytes, SEALED_CODE_MAX);
    buf_init(&again, SEALED_CODE_MAX);
    assert_int_equal(sealed_code_encode(&in, &bytes), OK);
    assert_int_equal(sealed_code_decode(buf_span(&bytes), &out), OK);
    assert_memory_equal(out.chance, in.chance, sizeof in.chance);
    assert_int_equal(out.mark, in.mark);
    assert_true(out.epoch == in.epoch && out.expires_ms == in.expires_ms);
    assert_memory_equal(out.session, in.session, sizeof in.session);
    assert_true(out.generation == 3 && out.scopes == in.scopes);
    assert_true(span_equal(out.redirect_uri, in.redirect_uri));
    assert_true(span_equal(out.nonce, in.nonce));
    assert_true(out.has_challenge && out.has_dpop_key);
    assert_memory_equal(out.challenge, in.challenge, 32);
    assert_memory_equal(out.dpop_key, in.dpop_key, 32);
    assert_true(out.auth_after_ms == in.auth_after_ms);
    assert_true(out.id_token_claims == 1 && out.userinfo_claims == 2);
    assert_int_equal(sealed_code_encode(&out, &again), OK);
    assert_true(span_equal(buf_span(&bytes), buf_span(&again)));
    buf_free(&bytes);
    buf_free(&again);
}

static void sealed_code_refuses_damage(void **state) {
    struct sealed_code in = full_code(), out;
    struct buf bytes;

    (void)state;
    buf_init(&bytes, SEALED_CODE_MAX + 1);
    assert_int_equal(sealed_code_encode(&in, &bytes), OK);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_not_equal(sealed_code_decode(span_of(bytes.data, len), &out), OK);
    buf_put(&bytes, "", 1);
    assert_int_equal(sealed_code_decode(buf_span(&bytes), &out), ERR_INVALID);
    bytes.data[0] = 2;
    assert_int_equal(sealed_code_decode(buf_span(&bytes), &out), ERR_VERSION);
    buf_reset(&bytes);
    in.scopes = UINT64_MAX;
    assert_int_equal(sealed_code_encode(&in, &bytes), OK);
    assert_int_equal(sealed_code_decode(buf_span(&bytes), &out), ERR_INVALID);
    buf_free(&bytes);
}

static void sealed_code_bounds(void **state) {
    static char text[SEALED_CODE_MAX];
    struct sealed_code in = full_code(), out;
    struct buf bytes;
    size_t rest;

    (void)state;
    memset(text, 'x', sizeof text);
    buf_init(&bytes, SEALED_CODE_MAX);
    assert_int_equal(sealed_code_encode(&in, &bytes), OK);
    rest = SEALED_CODE_MAX - bytes.len;
    buf_reset(&bytes);
    in.nonce = span_of(text, in.nonce.len + rest);
    assert_int_equal(sealed_code_encode(&in, &bytes), OK);
    assert_int_equal(bytes.len, SEALED_CODE_MAX);
    assert_int_equal(sealed_code_decode(buf_span(&bytes), &out), OK);
    buf_reset(&bytes);
    in.nonce.len++;
    assert_int_equal(sealed_code_encode(&in, &bytes), ERR_TOO_BIG);
    assert_int_equal(bytes.len, 0);
    buf_free(&bytes);
}

static void token_round_trip(void **state) {
    (void)state;
    for (size_t len = TOKEN_SECRET_MIN; len <= TOKEN_SECRET_MAX; len++) {
        struct stamped_token in = {.epoch = 3, .index = UINT64_MAX, .secret_len = len};
        struct stamped_token out;
        uint8_t bytes[TOKEN_FORMAT_MAX];
        size_t size;

        memset(in.secret, 0xa5, len);
        size = token_format_encode(&in, bytes);
        assert_int_equal(size, TOKEN_FORMAT_HEAD + len);
        assert_int_equal(token_format_decode(span_of(bytes, size), &out), OK);
        assert_true(out.epoch == 3 && out.index == UINT64_MAX);
        assert_true(span_equal(token_format_secret(&out), token_format_secret(&in)));
    }
}

static void token_refuses_damage(void **state) {
    uint8_t bytes[TOKEN_FORMAT_MAX + 1] = {1};
    struct stamped_token out;

    (void)state;
    for (size_t len = 0; len < TOKEN_FORMAT_HEAD + TOKEN_SECRET_MIN; len++)
        assert_int_equal(token_format_decode(span_of(bytes, len), &out), ERR_INVALID);
    assert_int_equal(token_format_decode(span_of(bytes, sizeof(bytes)), &out),
                     ERR_INVALID);
    bytes[0] = 2;
    assert_int_equal(token_format_decode(span_of(bytes, 40), &out), ERR_VERSION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login_state_round_trip),
        cmocka_unit_test(login_state_refuses_damage),
        cmocka_unit_test(login_state_bounds),
        cmocka_unit_test(sealed_code_round_trip),
        cmocka_unit_test(sealed_code_refuses_damage),
        cmocka_unit_test(sealed_code_bounds),
        cmocka_unit_test(token_round_trip),
        cmocka_unit_test(token_refuses_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
