/* Clients that sign: private_key_jwt at the token endpoint (RFC 7523). */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/server/client_signer.h"

#define CLIENT_ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

static struct signer ec, rsa, thief;

static void add_client(struct fixture *f, const char *id, const char *profile,
                       const char *more) {
    const struct signer own[] = {ec, rsa};
    char *jwks = signer_jwks(own, 2);
    struct svc_admin got;
    char body[8192];

    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\",\"name\":\"J\",\"auth\":\"private_key_jwt\","
             "\"profile\":\"%s\",\"alg\":\"ES256\",\"government\":true,%s"
             "\"scopes\":[\"openid\",\"offline_access\"],\"jwks\":%s,"
             "\"redirect_uris\":[\"https://conf.test/cb\"]}",
             id, profile, more, jwks);
    run_admin(f, ADMIN_CLIENT_ADD, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    assert_false(json_has(got.body, "client_secret"));
    svc_op_close(&got.op);
    free(jwks);
}

static int setup(void **state) {
    fixture_setup(state);
    fixture_world(*state);
    ec = signer_ec("ec");
    rsa = signer_rsa("rsa", 2048);
    thief = signer_ec("ec");
    add_client(*state, "jwtrp", "standard", "");
    add_client(*state, "other", "standard", "");
    add_client(*state, "fapirp", "fapi2", "\"features\":[\"dpop_bound\"],");
    return 0;
}

static int teardown(void **state) {
    signer_close(&ec);
    signer_close(&rsa);
    signer_close(&thief);
    return fixture_teardown(state);
}

/* Claims of an assertion; what is NULL or 0 takes the usual value. */
struct says {
    const char *id, *iss, *sub, *aud, *jti;
    long exp; /* seconds from now */
    const char *more;
};

/* The caller frees. `aud` is JSON. */
static char *assertion(struct fixture *f, const struct signer *signer, const char *alg,
                       struct says says) {
    static unsigned count;
    char claims[1024], jti[32];

    snprintf(jti, sizeof jti, "jti-%u", count++);
    snprintf(claims, sizeof claims,
             "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":%s,\"jti\":\"%s\",\"exp\":%llu%s}",
             says.iss ? says.iss : says.id, says.sub ? says.sub : says.id,
             says.aud ? says.aud : "\"" FIXTURE_ISSUER "\"", says.jti ? says.jti : jti,
             (unsigned long long)(f->repl.now_ms / 1000) +
                 (unsigned long long)(says.exp ? says.exp : 60),
             says.more ? says.more : "");
    return signer_sign(signer, alg, NULL, NULL, claims);
}

static void run(struct fixture *f, const char *client_id, const char *token,
                struct svc_token *ret) {
    struct params params =
        params_make("grant_type", "refresh_token", "refresh_token", "nobody's",
                    "client_assertion_type", CLIENT_ASSERTION_TYPE, "client_assertion",
                    token, client_id ? "client_id" : NULL, client_id, NULL);

    run_token(f, NULL, NULL, &params, ret);
    assert_int_equal(ret->op.err, OK);
}

/* OIDC_INVALID_GRANT: it was authenticated. Frees `token`. */
static void expect(struct fixture *f, const char *client_id, char *token,
                   enum oidc_error error) {
    struct svc_token got;

    run(f, client_id, token, &got);
    if (got.refusal.error != error)
        fail_msg("%s: %s", oidc_error_str(got.refusal.error), got.refusal.description);
    svc_op_close(&got.op);
    free(token);
}

static void test_authenticates(void **state) {
    struct fixture *f = *state;
    struct says says = {.id = "jwtrp"};

    expect(f, "jwtrp", assertion(f, &ec, "ES256", says), OIDC_INVALID_GRANT);
    expect(f, NULL, assertion(f, &ec, "ES256", says), OIDC_INVALID_GRANT);
    expect(f, NULL, assertion(f, &rsa, "PS256", says), OIDC_INVALID_GRANT);
    expect(f, NULL, assertion(f, &rsa, "RS256", says), OIDC_INVALID_GRANT);
    says.aud = "\"" FIXTURE_ISSUER "token\"";
    expect(f, NULL, assertion(f, &ec, "ES256", says), OIDC_INVALID_GRANT);
    says.aud = "[\"" FIXTURE_ISSUER "\"]";
    expect(f, NULL, assertion(f, &ec, "ES256", says), OIDC_INVALID_GRANT);
}

static void test_code_and_refresh(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct says says = {.id = "jwtrp"};
    struct params params = usual("jwtrp", "openid offline_access");
    char *token = assertion(f, &ec, "ES256", says);
    struct svc_token got;
    char code[FIXTURE_CODE];

    sign_in(f, &browser, ALICE, &params, code);
    params = params_make("grant_type", "authorization_code", "code", code,
                         "redirect_uri", redirect_of("jwtrp"), "code_verifier",
                         VERIFIER, "client_assertion_type", CLIENT_ASSERTION_TYPE,
                         "client_assertion", token, NULL);
    run_token(f, NULL, NULL, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_OK);
    assert_true(json_has(got.body, "id_token"));
    svc_op_close(&got.op);
    /* The same assertion again: no second look at the code, which would revoke. */
    run_token(f, NULL, NULL, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_INVALID_CLIENT);
    svc_op_close(&got.op);
    free(token);
}

static void test_used_once(void **state) {
    struct fixture *f = *state;
    struct says says = {.id = "jwtrp", .jti = "once", .exp = 600};

    expect(f, NULL, assertion(f, &ec, "ES256", says), OIDC_INVALID_GRANT);
    expect(f, NULL, assertion(f, &ec, "ES256", says), OIDC_INVALID_CLIENT);
    f->repl.now_ms += 500 * 1000;
    says.exp = 100;
    expect(f, NULL, assertion(f, &ec, "ES256", says), OIDC_INVALID_CLIENT);
    /* Another client's, with the same jti. */
    says.id = "other";
    expect(f, NULL, assertion(f, &ec, "ES256", says), OIDC_INVALID_GRANT);
}

static void test_wrong_claims(void **state) {
    struct fixture *f = *state;
    static const struct says wrong[] = {
        {.id = "jwtrp", .iss = "fapirp"},
        {.id = "jwtrp", .sub = "conf"},
        {.id = "jwtrp", .sub = "no such client"},
        {.id = "jwtrp", .aud = "\"https://other.test/\""},
        {.id = "jwtrp", .aud = "7"},
        {.id = "jwtrp", .aud = "[]"},
        {.id = "jwtrp", .aud = "[\"https://x.test/\",\"" FIXTURE_ISSUER "\"]"},
        {.id = "jwtrp", .aud = "[\"" FIXTURE_ISSUER "\",\"" FIXTURE_ISSUER "\"]"},
        {.id = "jwtrp", .exp = -31},
        {.id = "jwtrp", .exp = 3700},
        {.id = "jwtrp", .jti = ""},
        {.id = "jwtrp", .more = ",\"exp\":1"},
        {.id = "jwtrp", .more = ",\"nbf\":9999999999"},
        {.id = "jwtrp", .more = ",\"iat\":\"now\""},
        {.id = "fapirp", .aud = "\"" FIXTURE_ISSUER "token\""},
        {.id = "fapirp", .aud = "[\"" FIXTURE_ISSUER "\"]"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect(f, wrong[i].id, assertion(f, &ec, "ES256", wrong[i]),
               OIDC_INVALID_CLIENT);
}

static void test_wrong_keys(void **state) {
    struct fixture *f = *state;
    struct says says = {.id = "jwtrp"}, conf = {.id = "conf"}, fapi = {.id = "fapirp"};
    struct signer confused = signer_confused(&rsa);

    expect(f, NULL, assertion(f, &thief, "ES256", says), OIDC_INVALID_CLIENT);
    expect(f, NULL, assertion(f, &confused, "HS256", says), OIDC_INVALID_CLIENT);
    expect(f, NULL, assertion(f, &rsa, "RS256", fapi), OIDC_INVALID_CLIENT);
    /* Past its authentication, it lacks what its tokens are to be bound to. */
    expect(f, NULL, assertion(f, &rsa, "PS256", fapi), OIDC_INVALID_DPOP_PROOF);
    /* It has a secret, and no keys. */
    expect(f, NULL, assertion(f, &ec, "ES256", conf), OIDC_INVALID_CLIENT);
    /* client_id and assertion name two clients. */
    expect(f, "fapirp", assertion(f, &ec, "ES256", says), OIDC_INVALID_CLIENT);
    expect(f, "jwtrp", strdup("a.b.c"), OIDC_INVALID_CLIENT);
    expect(f, NULL, strdup("a.b.c"), OIDC_INVALID_CLIENT);
    expect(
        f, NULL,
        signer_forge("{\"alg\":\"none\"}", "{\"iss\":\"jwtrp\",\"sub\":\"jwtrp\"}", ""),
        OIDC_INVALID_CLIENT);
    signer_close(&confused);
}

static void test_other_methods(void **state) {
    struct fixture *f = *state;
    struct says says = {.id = "jwtrp"};
    char *token = assertion(f, &ec, "ES256", says);
    struct params params;
    struct svc_token got;

    /* No secret opens this client, not even the empty one's hash. */
    params = params_make("grant_type", "refresh_token", "refresh_token", "x",
                         "client_id", "jwtrp", "client_secret", FIXTURE_SECRET, NULL);
    run_token(f, NULL, NULL, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_INVALID_CLIENT);
    svc_op_close(&got.op);
    params = params_make("grant_type", "refresh_token", "refresh_token", "x",
                         "client_id", "jwtrp", NULL);
    run_token(f, NULL, NULL, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_INVALID_CLIENT);
    svc_op_close(&got.op);
    /* Two at once. */
    params = params_make("grant_type", "refresh_token", "refresh_token", "x",
                         "client_assertion_type", CLIENT_ASSERTION_TYPE,
                         "client_assertion", token, NULL);
    run_token(f, "conf", FIXTURE_SECRET, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_INVALID_CLIENT);
    svc_op_close(&got.op);
    /* Repeated. */
    params = params_make("grant_type", "refresh_token", "refresh_token", "x",
                         "client_assertion_type", CLIENT_ASSERTION_TYPE,
                         "client_assertion", token, "client_assertion", token, NULL);
    run_token(f, NULL, NULL, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_INVALID_REQUEST);
    svc_op_close(&got.op);
    free(token);
}

static void test_registration(void **state) {
    static const char *const wrong[] = {
        "\"auth\":\"private_key_jwt\"",
        "\"auth\":\"private_key_jwt\",\"jwks\":{\"keys\":[]}",
        "\"auth\":\"private_key_jwt\",\"jwks\":7",
        "\"auth\":\"private_key_jwt\",\"jwks\":{\"keys\":[{\"kty\":\"oct\","
        "\"k\":\"AAAA\"}]}",
        "\"profile\":\"fapi2\"",
        "\"profile\":\"fapi2\",\"auth\":\"post\"",
        "\"auth\":\"none\",\"client_secret\":\"" FIXTURE_SECRET "\"",
    };
    struct svc_admin got;
    char body[1024];

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(body, sizeof body,
                 "{\"client_id\":\"bad\",\"name\":\"J\",\"scopes\":[\"openid\"],"
                 "\"redirect_uris\":[\"https://conf.test/cb\"],%s}",
                 wrong[i]);
        run_admin(*state, ADMIN_CLIENT_ADD, body, &got);
        assert_int_equal(got.kind, ADMIN_INVALID);
        svc_op_close(&got.op);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_authenticates), TEST(test_code_and_refresh), TEST(test_used_once),
        TEST(test_wrong_claims),  TEST(test_wrong_keys),       TEST(test_other_methods),
        TEST(test_registration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
