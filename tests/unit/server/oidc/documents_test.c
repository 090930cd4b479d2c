/* scope, bearer, claims and metadata: small texts in, small texts out. */
#include "tests/unit/server/unit.h"

#include <jansson.h>

#include "server/domain/profile.h"
#include "server/oidc/acr.h"
#include "server/oidc/bearer.h"
#include "server/oidc/claims.h"
#include "server/oidc/metadata.h"
#include "server/oidc/scope.h"

static void scopes(void **state) {
    static const char *const bad[] = {
        "",         " ",        "openid ", " openid", "openid  email", "openid\temail",
        "open\"id", "open\\id", "\x80",    "openid\n"};
    static char text[LIMIT_SCOPE + 1];
    uint64_t got = 0;
    struct buf out;

    (void)state;
    assert_true(scope_parse(span_str("email openid openid x:y Profile"), &got));
    assert_int_equal(got, SCOPE_OPENID | SCOPE_EMAIL);
    assert_true(scope_parse(span_str("unknown"), &got));
    assert_int_equal(got, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (scope_parse(span_str(bad[i]), &got))
            fail_msg("accepted: '%s'", bad[i]);
    memset(text, 'x', sizeof(text));
    assert_true(scope_parse(span_of(text, LIMIT_SCOPE), &got));
    assert_false(scope_parse(span_of(text, LIMIT_SCOPE + 1), &got));
    buf_init(&out, 256);
    scope_print(SCOPE_ALL, &out);
    assert_span(buf_span(&out),
                "openid profile user email address phone mandate "
                           "jp_gbizid_v1_ida role delegation_info offline_access");
    buf_reset(&out);
    scope_print(0, &out);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

static void duplicates_are_seen(void **state) {
    static const char *const names[] = {"a", "b", NULL};
    struct params params = PARAMS("a=1", "b=", "b=2", "a=3");
    bool duplicate;

    (void)state;
    assert_span(params_get(&params, "a", &duplicate), "1");
    assert_true(duplicate);
    assert_null(params_get(&params, "c", &duplicate).data);
    assert_false(duplicate);
    assert_non_null(params_get(&params, "b", NULL).data);
    assert_string_equal(params_duplicate(&params, names), "a");
}

static void bearer(void **state) {
    struct span token, none = {NULL, 0};
    struct params form = PARAMS("access_token=abc");
    struct params twice = PARAMS("access_token=a", "access_token=b");
    struct params empty = {.count = 0};
    bool missing, dpop;
    static const char *const bad[] = {"Bearer a b", "Bearer a\"", "Bearer \xff",
                                      "Bearer =",   "Bearer a=b", "Bearer a,b"};
    static const char *const other[] = {"Basic cnA6eA==", "Bearer", "Bearer ",
                                        "Bearerabc", "DPoPabc"};

    (void)state;
    assert_int_equal(bearer_parse(span_str("Bearer aZ09-._~+/=="), &empty, false,
                                  &token, &missing, &dpop)
                         .error,
                     OIDC_OK);
    assert_span(token, "aZ09-._~+/==");
    assert_int_equal(
        bearer_parse(span_str("bEARER  x"), NULL, false, &token, &missing, &dpop).error,
        OIDC_OK);
    assert_span(token, "x");
    assert_int_equal(bearer_parse(none, &form, false, &token, &missing, &dpop).error,
                     OIDC_OK);
    assert_span(token, "abc");
    assert_int_equal(
        bearer_parse(span_str("Bearer x"), &form, false, &token, &missing, &dpop).error,
        OIDC_INVALID_REQUEST);
    assert_int_equal(bearer_parse(none, &twice, false, &token, &missing, &dpop).error,
                     OIDC_INVALID_REQUEST);
    assert_int_equal(
        bearer_parse(span_str("Bearer x"), NULL, true, &token, &missing, &dpop).error,
        OIDC_INVALID_REQUEST);
    assert_int_equal(bearer_parse(none, &empty, false, &token, &missing, &dpop).error,
                     OIDC_INVALID_TOKEN);
    assert_true(missing);
    assert_int_equal(
        bearer_parse(span_str("dpop  x"), NULL, false, &token, &missing, &dpop).error,
        OIDC_OK);
    assert_true(dpop && span_is(token, "x"));
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        assert_int_equal(
            bearer_parse(span_str(other[i]), NULL, false, &token, &missing, &dpop)
                .error,
            OIDC_INVALID_TOKEN);
        assert_true(missing);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            bearer_parse(span_str(bad[i]), NULL, false, &token, &missing, &dpop).error,
            OIDC_INVALID_TOKEN);
        assert_false(missing);
    }
}

static void bearer_is_bounded(void **state) {
    static char header[BEARER_TOKEN_MAX + 8];
    struct span token;
    bool missing, dpop;

    (void)state;
    memset(header, 'a', sizeof(header));
    memcpy(header, "Bearer ", 7);
    assert_int_equal(bearer_parse(span_of(header, BEARER_TOKEN_MAX + 7), NULL, false,
                                  &token, &missing, &dpop)
                         .error,
                     OIDC_OK);
    assert_int_equal(bearer_parse(span_of(header, BEARER_TOKEN_MAX + 8), NULL, false,
                                  &token, &missing, &dpop)
                         .error,
                     OIDC_INVALID_TOKEN);
}

static json_t *parse(const struct buf *text) {
    json_t *object;

    assert_int_equal(buf_err(text), OK);
    object =
        json_loadb((const char *)text->data, text->len, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(object));
    return object;
}

static void assert_member(json_t *object, const char *name, const char *value) {
    const char *got = json_string_value(json_object_get(object, name));

    assert_non_null(got);
    assert_string_equal(got, value);
}

/* Back-Channel Logout 1.0 §2.4: these members, and no nonce. */
static void logout_token(void **state) {
    struct logout_token_claims claims = {
        .issuer = span_str("https://op.example/oauth/"),
        .sub = span_str("abc"),
        .client_id = span_str("rp"),
        .issued_s = 100,
        .expires_s = 220,
        .jti = span_str("j1"),
        .sid = span_str("s1"),
    };
    json_t *object, *events, *event;
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    claims_logout_token(&claims, &out);
    object = parse(&out);
    assert_int_equal(json_object_size(object), 8);
    assert_member(object, "iss", "https://op.example/oauth/");
    assert_member(object, "sub", "abc");
    assert_member(object, "aud", "rp");
    assert_member(object, "jti", "j1");
    assert_member(object, "sid", "s1");
    assert_int_equal(json_integer_value(json_object_get(object, "iat")), 100);
    assert_int_equal(json_integer_value(json_object_get(object, "exp")), 220);
    events = json_object_get(object, "events");
    assert_int_equal(json_object_size(events), 1);
    event =
        json_object_get(events, "http://schemas.openid.net/event/backchannel-logout");
    assert_true(json_is_object(event));
    assert_int_equal(json_object_size(event), 0);
    json_decref(object);
    buf_free(&out);
}

static void id_token(void **state) {
    struct id_token_claims claims = {
        .issuer = span_str("https://op.example/oauth/"),
        .sub = span_str("abc"),
        .client_id = span_str("rp"),
        .issued_s = 1700000000,
        .expires_s = 1700003600,
        .auth_time_s = 1699999999,
        .nonce = span_str("n\"</script>\xe3\x81\x82"),
        .jti = span_str("j"),
        .at_hash = span_str("h"),
        .sid = span_str("s"),
    };
    struct buf out;
    json_t *object;

    (void)state;
    buf_init(&out, 4096);
    claims_id_token(&claims, &out);
    object = parse(&out);
    assert_int_equal(json_object_size(object), 10);
    assert_member(object, "iss", "https://op.example/oauth/");
    assert_member(object, "aud", "rp");
    assert_member(object, "nonce", "n\"</script>\xe3\x81\x82");
    assert_int_equal(json_integer_value(json_object_get(object, "exp")), 1700003600);
    assert_int_equal(json_integer_value(json_object_get(object, "iat")), 1700000000);
    assert_int_equal(json_integer_value(json_object_get(object, "auth_time")),
                     1699999999);
    json_decref(object);
    buf_reset(&out);
    claims.nonce = claims.at_hash = claims.sid = span_of(NULL, 0);
    claims_id_token(&claims, &out);
    object = parse(&out);
    assert_int_equal(json_object_size(object), 7);
    assert_null(json_object_get(object, "nonce"));
    json_decref(object);
    buf_free(&out);
}

static struct account_claims full_claims(void) {
    struct account_claims claims = {.sub = span_str("abc"),
                                    .account_type = 3,
                                    .corp_type = 1,
                                    .parent_id = span_str("parent")};

    for (size_t i = 0; i < CLAIM_COUNT; i++)
        claims.text[i] = span_str("v");
    return claims;
}

static void userinfo_by_scope(void **state) {
    static const struct {
        uint64_t scopes;
        size_t members;
    } rows[] = {
        {SCOPE_OPENID, 1},
        {SCOPE_OPENID | SCOPE_PROFILE, 1 + 14},
        {SCOPE_OPENID | SCOPE_USER, 1 + 12},
        {SCOPE_OPENID | SCOPE_EMAIL, 1 + 2},
        {SCOPE_OPENID | SCOPE_MANDATE, 1 + 1},
        {SCOPE_OPENID | SCOPE_IDA, 1 + 1},
        {SCOPE_GBIZID, 1 + 14 + 12 + 2 + 4},
    };
    struct account_claims claims = full_claims();
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *object;

        buf_reset(&out);
        claims_userinfo(&claims, claims_of_scopes(rows[i].scopes, false), &out);
        object = parse(&out);
        assert_int_equal(json_object_size(object), rows[i].members);
        assert_member(object, "sub", "abc");
        json_decref(object);
    }
    buf_free(&out);
}

static void userinfo_types_and_gaps(void **state) {
    struct account_claims claims = {.sub = span_str("abc"), .account_type = 2};
    struct buf out;
    json_t *object;

    (void)state;
    buf_init(&out, 4096);
    claims.text[CLAIM_PREFECTURE] = span_str("13");
    claims.text[CLAIM_EMAIL] = span_str("a@example.com");
    claims_userinfo(&claims,
                    claims_of_scopes(SCOPE_PROFILE | SCOPE_USER | SCOPE_EMAIL, false),
                    &out);
    object = parse(&out);
    assert_int_equal(json_object_size(object), 5);
    assert_true(json_is_integer(json_object_get(object, "account_type")));
    assert_member(object, "prefecture_name", "13");
    assert_member(object, "email", "a@example.com");
    assert_member(object, "user_email", "a@example.com");
    json_decref(object);
    buf_free(&out);
}

/* OpenID Connect Core §5.1, §5.4: for RPs that are not of the platform's profile. */
static void standard_names(void **state) {
    struct account_claims claims = {.sub = span_str("abc"), .updated_s = 7};
    struct buf out;
    json_t *object, *address;

    (void)state;
    buf_init(&out, 4096);
    claims.text[CLAIM_USER_LAST_NAME] = span_str("襷");
    claims.text[CLAIM_USER_BIRTHDAY] = span_str("19700102");
    claims.text[CLAIM_USER_POST_CODE] = span_str("1000001");
    claims.text[CLAIM_USER_ADDRESS2] = span_str("一丁目");
    claims.text[CLAIM_USER_ADDRESS3] = span_str("二階");
    claims.text[CLAIM_USER_TEL] = span_str("0312345678");
    claims_userinfo(&claims, claims_of_scopes(SCOPE_OPENID, true), &out);
    object = parse(&out);
    assert_int_equal(json_object_size(object), 1);
    json_decref(object);
    buf_reset(&out);
    claims_userinfo(
        &claims, claims_of_scopes(SCOPE_PROFILE | SCOPE_ADDRESS | SCOPE_PHONE, true),
        &out);
    object = parse(&out);
    assert_member(object, "family_name", "襷");
    assert_member(object, "birthdate", "1970-01-02");
    assert_member(object, "phone_number", "0312345678");
    assert_null(json_object_get(object, "email_verified"));
    address = json_object_get(object, "address");
    assert_member(address, "postal_code", "1000001");
    assert_member(address, "street_address", "一丁目二階");
    assert_null(json_object_get(address, "region"));
    json_decref(object);
    buf_free(&out);
}

/* DOMAIN §2.1: by kind of account. */
static void verified_claims(void **state) {
    static const struct {
        unsigned account_type, corp_type;
        const char *level, *name, *role;
        bool has_address;
    } rows[] = {
        {1, 1, "ial1", NULL, NULL, false},
        {2, 1, "ial2", "代表", "prime", false},
        {2, 2, "ial2", "代表", NULL, true},
        {3, 1, "ial2", NULL, "member", false},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 8192);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct account_claims claims = full_claims();
        json_t *object, *verified, *verification, *told, *permission;

        claims.account_type = rows[i].account_type;
        claims.corp_type = rows[i].corp_type;
        claims.text[CLAIM_REP_LAST_NAME] = span_str("代表");
        claims.text[CLAIM_CORPORATE_NUMBER] = span_str("7000012050002");
        claims.procedure = span_str("jp_gbizid_document_corporation");
        claims.verified_at = span_str("2026-11-24T00:00:00Z");
        buf_reset(&out);
        claims_userinfo(&claims, claims_of_scopes(SCOPE_IDA, false), &out);
        object = parse(&out);
        verified = json_object_get(object, "verified_claims");
        verification = json_object_get(verified, "verification");
        told = json_object_get(verified, "claims");
        assert_member(verification, "trust_framework", "jp_gbizid_v1");
        assert_member(verification, "assurance_level", rows[i].level);
        assert_int_equal(json_object_size(verification), i == 0 ? 2 : 4);
        if (rows[i].name)
            assert_member(told, "family_name", rows[i].name);
        else
            assert_null(json_object_get(told, "family_name"));
        assert_int_equal(json_object_get(told, "address") != NULL, rows[i].has_address);
        permission =
            json_object_get(json_object_get(told, "authority"), "permission");
        assert_int_equal(json_array_size(permission), rows[i].role ? 1 : 0);
        if (rows[i].role)
            assert_member(json_array_get(permission, 0), "role", rows[i].role);
        json_decref(object);
    }
    buf_free(&out);
}

static void mandates(void **state) {
    struct account_claims claims = {.sub = span_str("x"), .account_type = 3};
    struct buf out;
    json_t *object, *list;

    (void)state;
    buf_init(&out, 1024);
    claims.services = span_str("jgrants e-gov");
    claims_userinfo(&claims, claims_of_scopes(SCOPE_MANDATE | SCOPE_ROLE, false), &out);
    object = parse(&out);
    list = json_object_get(object, "mandate_info");
    assert_int_equal(json_array_size(list), 2);
    assert_member(json_array_get(list, 0), "client_id", "jgrants");
    assert_member(json_array_get(list, 1), "client_id", "e-gov");
    list = json_object_get(json_object_get(object, "role"), "permission");
    assert_member(json_array_get(list, 0), "role", "jp_gbizid_member");
    json_decref(object);
    buf_free(&out);
}

/* What was asked for one by one, in the ID token. */
static void asked_claims(void **state) {
    struct account_claims account = full_claims();
    struct id_token_claims claims = {
        .issuer = span_str("https://op.example/oauth/"),
        .sub = span_str("abc"),
        .client_id = span_str("rp"),
        .methods = ACR_BY_PASSWORD,
        .account = &account,
        .wanted = claims_find(span_str("email")) | claims_find(span_str("given_name")),
    };
    struct buf out;
    json_t *object;

    (void)state;
    buf_init(&out, 1024);
    claims_id_token(&claims, &out);
    object = parse(&out);
    assert_member(object, "email", "v");
    assert_member(object, "given_name", "v");
    assert_member(object, "acr", ACR_PASSWORD);
    assert_null(json_object_get(object, "name"));
    json_decref(object);
    assert_int_equal(claims_find(span_str("sub")), 0);
    assert_int_equal(claims_find(span_str("")), 0);
    assert_int_equal(claims_scopes(claims.wanted), SCOPE_EMAIL | SCOPE_PROFILE);
    buf_free(&out);
}

/* A service maps the profile's fields to claims by identifier: names agree. */
static void claims_are_the_profiles(void **state) {
    struct account_claims claims = {.sub = span_str("x")};
    struct buf out;
    json_t *object;

    (void)state;
    buf_init(&out, 8192);
#define X(id, name, scope)                                                             \
    claims.text[CLAIM_##id] = span_str(profile_field_name(PROFILE_##id));
    CLAIM_LIST(X)
#undef X
    claims_userinfo(&claims, claims_of_scopes(SCOPE_ALL, false), &out);
    object = parse(&out);
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        assert_member(object, profile_field_name((enum profile_field)i),
                      profile_field_name((enum profile_field)i));
    json_decref(object);
    buf_free(&out);
}

static void discovery(void **state) {
    struct buf out, again;
    json_t *object, *list;

    (void)state;
    buf_init(&out, 8192);
    buf_init(&again, 8192);
    metadata_discovery(span_str("https://op.example:8443/oauth/"), span_str(""), false,
                       &out);
    metadata_discovery(span_str("https://op.example:8443/oauth/"), span_str(""), false,
                       &again);
    assert_true(span_equal(buf_span(&out), buf_span(&again)));
    object = parse(&out);
    assert_member(object, "issuer", "https://op.example:8443/oauth/");
    assert_member(object, "authorization_endpoint",
                  "https://op.example:8443/oauth/authorize");
    assert_member(object, "token_endpoint", "https://op.example:8443/oauth/token");
    assert_member(object, "userinfo_endpoint",
                  "https://op.example:8443/oauth/userinfo");
    assert_member(object, "jwks_uri", "https://op.example:8443/oauth/jwks");
    assert_true(json_is_true(
        json_object_get(object, "authorization_response_iss_parameter_supported")));
    assert_true(json_is_true(json_object_get(object, "request_parameter_supported")));
    /* Absent would mean true (Discovery §3). */
    assert_true(
        json_is_false(json_object_get(object, "request_uri_parameter_supported")));
    assert_member(object, "end_session_endpoint",
                  "https://op.example:8443/oauth/logout");
    assert_true(json_is_true(json_object_get(object, "backchannel_logout_supported")));
    assert_true(
        json_is_true(json_object_get(object, "backchannel_logout_session_supported")));
    list = json_object_get(object, "response_types_supported");
    assert_int_equal(json_array_size(list), 1);
    list = json_object_get(object, "id_token_signing_alg_values_supported");
    assert_int_equal(json_array_size(list), 3);
    list = json_object_get(object, "token_endpoint_auth_methods_supported");
    assert_int_equal(json_array_size(list), 4);
    list = json_object_get(object, "claims_supported");
    assert_int_equal(json_array_size(list),
                     12 + CLAIM_COUNT + CLAIM_END - CLAIM_OTHER_FIRST - 1);
    json_decref(object);
    buf_free(&out);
    buf_free(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes),
        cmocka_unit_test(duplicates_are_seen),
        cmocka_unit_test(bearer),
        cmocka_unit_test(bearer_is_bounded),
        cmocka_unit_test(id_token),
        cmocka_unit_test(logout_token),
        cmocka_unit_test(userinfo_by_scope),
        cmocka_unit_test(userinfo_types_and_gaps),
        cmocka_unit_test(standard_names),
        cmocka_unit_test(verified_claims),
        cmocka_unit_test(mandates),
        cmocka_unit_test(asked_claims),
        cmocka_unit_test(claims_are_the_profiles),
        cmocka_unit_test(discovery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
