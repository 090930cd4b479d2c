#include "tests/unit/server/unit.h"

#include "server/oidc/client_auth.h"

static void encode(const char *text, char *out) {
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)(uint8_t)text[i] << 16;

        group |= i + 1 < len ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0;
        group |= i + 2 < len ? (uint32_t)(uint8_t)text[i + 2] : 0;
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[group & 63] : '=';
    }
    *out = 0;
}

static struct oidc_verdict parse_basic(const char *pair, struct params params,
                                       struct client_credentials *credentials) {
    char header[4096] = "Basic ";

    encode(pair, header + 6);
    return client_auth_parse(span_str(header), &params, credentials);
}

static void takes_basic(void **state) {
    static const struct {
        const char *pair, *id, *secret;
    } rows[] = {
        {"rp:s3cret", "rp", "s3cret"},
        {"rp-1._x:a%3Ab%25c%2Bd+e%2F%3d", "rp-1._x", "a:b%c+d e/="},
        {"r%70:x~!*'()", "rp", "x~!*'()"},
        {"rp:xy", "rp", "xy"},
        {"rp:x", "rp", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client_credentials credentials;
        struct params params = {.count = 0};

        assert_int_equal(parse_basic(rows[i].pair, params, &credentials).error,
                         OIDC_OK);
        assert_int_equal(credentials.method, OIDC_AUTH_BASIC);
        assert_true(credentials.basic_used);
        assert_span(credentials.client_id, rows[i].id);
        assert_span(credentials.secret, rows[i].secret);
    }
}

static void takes_post_and_none(void **state) {
    struct client_credentials credentials;
    struct params params = PARAMS("client_id=rp", "client_secret=a:b%c");
    struct span none = {NULL, 0};

    (void)state;
    assert_int_equal(client_auth_parse(none, &params, &credentials).error, OIDC_OK);
    assert_int_equal(credentials.method, OIDC_AUTH_POST);
    assert_false(credentials.basic_used);
    assert_span(credentials.secret, "a:b%c");
    params = PARAMS("client_id=rp");
    assert_int_equal(client_auth_parse(none, &params, &credentials).error, OIDC_OK);
    assert_int_equal(credentials.method, OIDC_AUTH_NONE);
    params = PARAMS("client_id=rp", "client_secret=");
    assert_int_equal(client_auth_parse(none, &params, &credentials).error, OIDC_OK);
    assert_int_equal(credentials.method, OIDC_AUTH_NONE);
}

static void refuses_malformed_basic(void **state) {
    static const char *const pairs[] = {
        "rp",     "rp:",     ":x",      "r p:x",        "rp:a:b",  "rp:%",
        "rp:%4",  "rp:%zz",  "rp:%00",  "rp:a%0Ab",     "rp:a\nb", "rp:a&b",
        "rp:a=b", "r%00p:x", "rp:\x80", "rp:%E3%81%82", "r%3Ap:x",
    };
    static const char *const headers[] = {
        "Basic",           "Basic ",          "Basic cnA6eA",   "Basic cnA6eA=",
        "Basic cnA6eB==",  "Basic cn A6eA==", "Basic cnA6e-==", "Basic =nA6eA==",
        "Basic cnA6eA===", "Bearer cnA6eA==", "BasiccnA6eA==",  "Basic cnA6eA==,x",
        "Basic ====",      "Basic c===",
    };
    struct client_credentials credentials;
    struct params params = {.count = 0};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (parse_basic(pairs[i], params, &credentials).error != OIDC_INVALID_CLIENT)
            fail_msg("pair accepted: %s", pairs[i]);
        assert_true(credentials.basic_used);
        assert_int_equal(credentials.secret.len, 0);
    }
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (client_auth_parse(span_str(headers[i]), &params, &credentials).error !=
            OIDC_INVALID_CLIENT)
            fail_msg("header accepted: %s", headers[i]);
    assert_int_equal(
        client_auth_parse(span_str("bAsIc  cnA6eA=="), &params, &credentials).error,
        OIDC_OK);
}

static void bounds_basic(void **state) {
    struct client_credentials credentials;
    struct params params = {.count = 0};
    static char header[64 * 1024];
    char pair[3 * (LIMIT_CLIENT_ID + CLIENT_SECRET_MAX) + 8];
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < LIMIT_CLIENT_ID + CLIENT_SECRET_MAX; i++) {
        if (i == LIMIT_CLIENT_ID)
            pair[len++] = ':';
        memcpy(pair + len, "%61", 3);
        len += 3;
    }
    pair[len] = 0;
    assert_int_equal(parse_basic(pair, params, &credentials).error, OIDC_OK);
    assert_int_equal(credentials.client_id.len, LIMIT_CLIENT_ID);
    assert_int_equal(credentials.secret.len, CLIENT_SECRET_MAX);
    pair[len++] = 'b';
    pair[len] = 0;
    assert_int_equal(parse_basic(pair, params, &credentials).error,
                     OIDC_INVALID_CLIENT);
    memset(header, 'A', sizeof(header));
    memcpy(header, "Basic ", 6);
    assert_int_equal(
        client_auth_parse(span_of(header, sizeof(header)), &params, &credentials).error,
        OIDC_INVALID_CLIENT);
}

static void refuses_two_methods(void **state) {
    struct client_credentials credentials;
    struct span none = {NULL, 0};
    struct params params;

    (void)state;
    assert_int_equal(parse_basic("rp:x", PARAMS("client_secret=x"), &credentials).error,
                     OIDC_INVALID_CLIENT);
    assert_int_equal(parse_basic("rp:x", PARAMS("client_id=other"), &credentials).error,
                     OIDC_INVALID_REQUEST);
    assert_int_equal(parse_basic("rp:x", PARAMS("client_id=rp"), &credentials).error,
                     OIDC_OK);
    params = PARAMS("client_id=rp", "client_id=rp");
    assert_int_equal(client_auth_parse(none, &params, &credentials).error,
                     OIDC_INVALID_REQUEST);
    params = PARAMS("client_id=rp", "client_secret=a", "client_secret=b");
    assert_int_equal(client_auth_parse(none, &params, &credentials).error,
                     OIDC_INVALID_REQUEST);
    params = PARAMS("grant_type=x");
    assert_int_equal(client_auth_parse(none, &params, &credentials).error,
                     OIDC_INVALID_CLIENT);
    params = PARAMS("client_secret=x");
    assert_int_equal(client_auth_parse(none, &params, &credentials).error,
                     OIDC_INVALID_CLIENT);
    params = PARAMS("client_id=r p", "client_secret=x");
    assert_int_equal(client_auth_parse(none, &params, &credentials).error,
                     OIDC_INVALID_CLIENT);
}

static void the_method_is_the_registered_one(void **state) {
    static const enum oidc_auth methods[] = {OIDC_AUTH_NONE, OIDC_AUTH_BASIC,
                                             OIDC_AUTH_POST};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            struct oidc_client client = {.auth = methods[i]};
            struct client_credentials credentials = {.method = methods[j]};

            assert_int_equal(client_auth_check(&client, &credentials).error,
                             i == j ? OIDC_OK : OIDC_INVALID_CLIENT);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_basic),
        cmocka_unit_test(takes_post_and_none),
        cmocka_unit_test(refuses_malformed_basic),
        cmocka_unit_test(bounds_basic),
        cmocka_unit_test(refuses_two_methods),
        cmocka_unit_test(the_method_is_the_registered_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
