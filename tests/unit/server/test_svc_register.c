/* Relying parties that register themselves: what an initial access token gives, once;
 * what the registration says of it afterwards; what it cannot be made to say. */
#include "tests/unit/server/svc_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define REDIRECT "\"redirect_uris\":[\"https://d.test/cb\"]"
#define PLAIN "{" REDIRECT "}"
#define HOUR_MS 3600000u

struct done_flag {
    bool done;
};

static void on_done(struct svc_register *registration) {
    ((struct done_flag *)registration->arg)->done = true;
}

/* Close what is returned. `token`: after "Bearer ". */
static void call(struct fixture *f, enum svc_register_action action, const char *token,
                 const char *client_id, const char *body, struct svc_register *ret) {
    static char header[4096];
    struct done_flag flag = {false};

    snprintf(header, sizeof header, "Bearer %s", token);
    *ret = (struct svc_register){
        .done = on_done,
        .arg = &flag,
        .action = action,
        .authorization = token ? span_str(header) : span_of(NULL, 0),
        .client_id = client_id ? span_str(client_id) : span_of(NULL, 0),
        .body_in = body ? span_str(body) : span_of(NULL, 0),
    };
    svc_register(f->svc, ret);
    fixture_until(f, &flag.done);
    assert_int_equal(ret->op.err, OK);
}

static void give(struct fixture *f, const char *terms, char token[4096]) {
    struct svc_admin got;

    run_admin(f, ADMIN_REGISTRATION, terms, &got);
    if (got.kind != ADMIN_OK)
        fail_msg("%s: %.*s", terms, (int)got.message.len,
                 (const char *)got.message.data);
    json_text(got.body, "token", token);
    svc_op_close(&got.op);
}

struct made {
    char id[4096], access[4096], secret[4096];
};

static void create(struct fixture *f, const char *body, struct made *ret) {
    struct svc_register got;
    char token[4096];

    give(f, "{}", token);
    call(f, REGISTER_CREATE, token, NULL, body, &got);
    if (got.error != OIDC_OK)
        fail_msg("%s: %s", body, got.description);
    json_text(got.body, "client_id", ret->id);
    json_text(got.body, "registration_access_token", ret->access);
    if (json_has(got.body, "client_secret"))
        json_text(got.body, "client_secret", ret->secret);
    svc_op_close(&got.op);
}

/* `description`: how it begins. */
static void refused(struct fixture *f, enum svc_register_action action,
                    const char *token, const char *client_id, const char *body,
                    enum oidc_error error, const char *description) {
    struct svc_register got;

    call(f, action, token, client_id, body, &got);
    if (got.error != error ||
        strncmp(got.description, description, strlen(description)) != 0)
        fail_msg("%s\n%s: %s", body, oidc_error_str(got.error),
                 got.description ? got.description : "");
    assert_int_equal(got.body.len, 0);
    svc_op_close(&got.op);
}

static void test_once(void **state) {
    struct svc_register got;
    char token[4096], text[4096];

    give(*state, "{}", token);
    /* What is refused does not use it up. */
    refused(*state, REGISTER_CREATE, token, NULL, "{}", OIDC_INVALID_REDIRECT_URI,
            "redirect_uris: is missing");
    call(*state, REGISTER_CREATE, token, NULL, PLAIN, &got);
    assert_int_equal(got.error, OIDC_OK);
    json_text(got.body, "client_name", text);
    assert_string_equal(text, "d.test");
    json_text(got.body, "token_endpoint_auth_method", text);
    assert_string_equal(text, "client_secret_basic");
    json_text(got.body, "client_secret", text);
    assert_int_equal(strlen(text), 43);
    json_text(got.body, "scope", text);
    assert_null(strstr(text, "offline_access")); /* no refresh_token was asked for */
    svc_op_close(&got.op);
    refused(*state, REGISTER_CREATE, token, NULL, PLAIN, OIDC_INVALID_TOKEN,
            "the token is expired, used");
}

static void test_expiry(void **state) {
    struct fixture *f = *state;
    struct svc_register got;
    char token[4096];

    give(f, "{\"hours\":2}", token);
    f->repl.now_ms += 2 * HOUR_MS - 1;
    call(f, REGISTER_CREATE, token, NULL, PLAIN, &got);
    assert_int_equal(got.error, OIDC_OK);
    svc_op_close(&got.op);
    give(f, "{\"hours\":2}", token);
    f->repl.now_ms += 2 * HOUR_MS;
    refused(f, REGISTER_CREATE, token, NULL, PLAIN, OIDC_INVALID_TOKEN, "the token is");
}

static void test_tokens(void **state) {
    struct made one, two;
    char token[4096];

    create(*state, PLAIN, &one);
    create(*state, PLAIN, &two);
    give(*state, "{}", token);
    refused(*state, REGISTER_CREATE, NULL, NULL, PLAIN, OIDC_INVALID_TOKEN, "");
    refused(*state, REGISTER_CREATE, "nothing", NULL, PLAIN, OIDC_INVALID_TOKEN,
            "the token is");
    /* Of the other kind, and of another client. */
    refused(*state, REGISTER_CREATE, one.access, NULL, PLAIN, OIDC_INVALID_TOKEN,
            "the token is");
    refused(*state, REGISTER_READ, token, one.id, NULL, OIDC_INVALID_TOKEN,
            "the token is");
    refused(*state, REGISTER_READ, two.access, one.id, NULL, OIDC_INVALID_TOKEN,
            "the token is");
    refused(*state, REGISTER_READ, one.access, NULL, NULL, OIDC_INVALID_TOKEN,
            "the token is");
    refused(*state, REGISTER_DELETE, two.access, one.id, NULL, OIDC_INVALID_TOKEN,
            "the token is");
}

static void test_mistakes(void **state) {
    static const struct {
        const char *members, *message;
    } mistakes[] = {
        {"\"response_types\":[\"token\"]", "response_types[0]: code"},
        {"\"grant_types\":[\"implicit\"]", "grant_types[0]: "},
        {"\"grant_types\":[\"refresh_token\"]", "grant_types: authorization_code"},
        {"\"grant_types\":[\"authorization_code\",\"client_credentials\"],"
         "\"token_endpoint_auth_method\":\"none\"",
         "grant_types: client_credentials needs"},
        {"\"token_endpoint_auth_method\":\"magic\"", "token_endpoint_auth_method: "},
        {"\"token_endpoint_auth_method\":\"private_key_jwt\"", "jwks: "},
        {"\"token_endpoint_auth_method\":\"tls_client_auth\"", "tls_client_auth_sub"},
        {"\"jwks_uri\":\"https://d.test/jwks\"", "jwks_uri: keys are taken by value"},
        {"\"sector_identifier_uri\":\"https://d.test/s\"", "sector_identifier_uri: "},
        {"\"request_uris\":[\"https://d.test/r\"]", "request_uris: "},
        {"\"id_token_signed_response_alg\":\"none\"", "id_token_signed_response_alg: "},
        {"\"id_token_encrypted_response_alg\":\"RSA-OAEP\"", "id_token_encrypted_"},
        {"\"userinfo_signed_response_alg\":\"ES256\"", "userinfo_signed_response_alg: "},
        {"\"request_object_signing_alg\":\"none\"", "request_object_signing_alg: "},
        {"\"scope\":\"openid mandate\"", "scope: more than"},
        {"\"scope\":\"email\"", "scope: openid"},
        {"\"initiate_login_uri\":\"http://d.test/i\"", "initiate_login_uri: "},
        {"\"logo_uri\":\"javascript:alert(1)\"", "logo_uri: "},
        {"\"contacts\":\"me\"", "contacts: an array"},
        {"\"client_name\":\"a\\u0007b\"", "client_name: control characters"},
        {"\"subject_type\":\"secret\"", "subject_type: public or pairwise"},
        {"\"default_max_age\":7", "default_max_age: "},
    };
    static const char *const uris[] = {
        "[]", "[\"javascript:alert(1)\"]", "[\"https://*.d.test/cb\"]",
        "[\"https://d.test/cb#f\"]", "[\"http://d.test/cb\"]", "\"https://d.test/cb\""};
    struct made made;
    char token[4096], body[8192];

    give(*state, "{}", token);
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        snprintf(body, sizeof body, "{" REDIRECT ",%s}", mistakes[i].members);
        refused(*state, REGISTER_CREATE, token, NULL, body,
                OIDC_INVALID_CLIENT_METADATA, mistakes[i].message);
    }
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        snprintf(body, sizeof body, "{\"redirect_uris\":%s}", uris[i]);
        refused(*state, REGISTER_CREATE, token, NULL, body, OIDC_INVALID_REDIRECT_URI,
                "redirect_uris");
    }
    refused(*state, REGISTER_CREATE, token, NULL, "nonsense",
            OIDC_INVALID_CLIENT_METADATA, "not JSON");
    /* What nobody knows is left alone (RFC 7591 §2). */
    create(*state, "{" REDIRECT ",\"shoe_size\":43}", &made);
}

static void test_manage(void **state) {
    struct made made = {0};
    struct svc_register got;
    char body[8192], text[4096];

    create(*state,
           "{" REDIRECT ",\"client_name\":\"一\",\"contacts\":[\"a\",\"b\"],"
           "\"grant_types\":[\"authorization_code\",\"refresh_token\"]}",
           &made);
    call(*state, REGISTER_READ, made.access, made.id, NULL, &got);
    json_text(got.body, "client_name", text);
    assert_string_equal(text, "一");
    json_text(got.body, "scope", text);
    assert_non_null(strstr(text, "offline_access"));
    assert_false(json_has(got.body, "client_secret")); /* nobody knows it */
    assert_non_null(memmem(got.body.data, got.body.len, "[\"a\",\"b\"]", 9));
    svc_op_close(&got.op);

    refused(*state, REGISTER_UPDATE, made.access, made.id, PLAIN,
            OIDC_INVALID_CLIENT_METADATA, "client_id: is missing");
    refused(*state, REGISTER_UPDATE, made.access, made.id,
            "{\"client_id\":\"other\"," REDIRECT "}", OIDC_INVALID_CLIENT_METADATA,
            "client_id: is another one");
    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\"," REDIRECT ",\"registration_access_token\":\"x\"}",
             made.id);
    refused(*state, REGISTER_UPDATE, made.access, made.id, body,
            OIDC_INVALID_CLIENT_METADATA, "registration_access_token: ");

    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\"," REDIRECT ",\"client_name\":\"二\"}", made.id);
    call(*state, REGISTER_UPDATE, made.access, made.id, body, &got);
    assert_int_equal(got.error, OIDC_OK);
    json_text(got.body, "client_name", text);
    assert_string_equal(text, "二");
    assert_false(json_has(got.body, "contacts")); /* the whole is replaced */
    assert_false(json_has(got.body, "client_secret")); /* and its secret kept */
    svc_op_close(&got.op);
    /* It gave up refresh tokens: the operator alone may give them back. */
    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\"," REDIRECT ",\"scope\":\"openid offline_access\"}",
             made.id);
    refused(*state, REGISTER_UPDATE, made.access, made.id, body,
            OIDC_INVALID_CLIENT_METADATA, "scope: more than");

    call(*state, REGISTER_DELETE, made.access, made.id, NULL, &got);
    assert_int_equal(got.error, OIDC_OK);
    svc_op_close(&got.op);
    refused(*state, REGISTER_READ, made.access, made.id, NULL, OIDC_INVALID_TOKEN,
            "the token is");
}

/* What an operator has decided stays, whatever the RP says of itself. */
static void test_operator_keeps(void **state) {
    struct svc_register got;
    struct svc_admin admin;
    struct made made;
    char body[8192];
    json_t *root, *client;
    size_t i;

    create(*state, PLAIN, &made);
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"stage\":\"suspended\"}",
             made.id);
    run_admin(*state, ADMIN_CLIENT_CHANGE, body, &admin);
    assert_int_equal(admin.kind, ADMIN_OK);
    svc_op_close(&admin.op);
    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\"," REDIRECT ",\"stage\":\"live\","
             "\"government\":true,\"profile\":\"gbizid\"}",
             made.id);
    call(*state, REGISTER_UPDATE, made.access, made.id, body, &got);
    assert_int_equal(got.error, OIDC_OK);
    svc_op_close(&got.op);
    run_admin(*state, ADMIN_CLIENT_LIST, "", &admin);
    root = json_loadb((const char *)admin.body.data, admin.body.len, 0, NULL);
    json_array_foreach(json_object_get(root, "clients"), i, client) {
        if (strcmp(json_string_value(json_object_get(client, "client_id")), made.id))
            continue;
        assert_string_equal(json_string_value(json_object_get(client, "stage")),
                            "suspended");
        assert_string_equal(json_string_value(json_object_get(client, "profile")),
                            "standard");
        assert_false(json_is_true(json_object_get(client, "government")));
        assert_true(json_is_true(json_object_get(client, "dynamic")));
        assert_int_equal(json_integer_value(json_object_get(client, "revision")), 3);
        break;
    }
    assert_true(i < json_array_size(json_object_get(root, "clients")));
    json_decref(root);
    svc_op_close(&admin.op);
}

static void test_terms(void **state) {
    static const struct {
        const char *terms, *message;
    } mistakes[] = {
        {"{\"hours\":0}", "hours: 1 to 720"},
        {"{\"hours\":\"1\"}", "hours: 1 to 720"},
        {"{\"stage\":\"live\"}", "stage: applied or in_verification"},
        {"{\"profile\":\"x\"}", "profile: "},
        {"{\"scopes\":[\"email\"]}", "scopes: openid must"},
        {"{\"profile\":\"gbizid\",\"scopes\":[\"openid\",\"phone\"]}",
         "scopes: address and phone"},
        {"{\"colour\":1}", "colour: there is no such member"},
    };
    struct svc_admin got;

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        run_admin(*state, ADMIN_REGISTRATION, mistakes[i].terms, &got);
        assert_int_equal(got.kind, ADMIN_INVALID);
        assert_memory_equal(got.message.data, mistakes[i].message,
                            strlen(mistakes[i].message));
        svc_op_close(&got.op);
    }
}

#define TEST(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_once),   TEST(test_expiry), TEST(test_tokens),
        TEST(test_terms),  TEST(test_manage), TEST(test_operator_keeps),
        TEST(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
