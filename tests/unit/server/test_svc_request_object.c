/* Signed requests (RFC 9101) at the authorization endpoint and that of pushed requests.
 */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/server/client_signer.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define TYP "oauth-authz-req+jwt"

static struct signer ec, rsa, thief;

static void add_client(struct fixture *f, const char *id, const char *profile,
                       const char *features) {
    const struct signer own[] = {ec, rsa};
    char *jwks = signer_jwks(own, 2);
    struct svc_admin got;
    char body[8192];

    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\",\"name\":\"J\",\"auth\":\"private_key_jwt\","
             "\"profile\":\"%s\",\"alg\":\"ES256\",\"government\":true,"
             "\"features\":[%s],\"scopes\":[\"openid\",\"email\"],\"jwks\":%s,"
             "\"redirect_uris\":[\"https://conf.test/cb\"]}",
             id, profile, features, jwks);
    run_admin(f, ADMIN_CLIENT_ADD, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    svc_op_close(&got.op);
    free(jwks);
}

static int setup(void **state) {
    fixture_setup(state);
    fixture_world(*state);
    ec = signer_ec("ec");
    rsa = signer_rsa("rsa", 2048);
    thief = signer_ec("ec");
    add_client(*state, "signs", "standard", "");
    add_client(*state, "must", "standard", "\"require_signed\"");
    add_client(*state, "fapirp", "fapi2", "\"dpop_bound\",\"require_signed\"");
    return 0;
}

static int teardown(void **state) {
    signer_close(&ec);
    signer_close(&rsa);
    signer_close(&thief);
    return fixture_teardown(state);
}

/* Of an object of client `id`; NULL and 0: as usual. Numbers: seconds from now. */
struct object {
    const char *id, *iss, *client_id, *aud, *redirect, *scope;
    long exp, nbf;
    bool lasting;     /* neither exp nor nbf */
    const char *more; /* members, each after a comma */
};

static const char * or (const char *given, const char *usual_text) {
    return given ? given : usual_text;
}

/* The caller frees. `aud` is JSON. */
static char *claims_of(struct fixture *f, struct object object) {
    long now_s = (long)(f->repl.now_ms / 1000);
    char *claims = malloc(8192), life[96] = "";

    if (!object.lasting)
        snprintf(life, sizeof life, ",\"exp\":%ld,\"nbf\":%ld",
                 now_s + (object.exp ? object.exp : 300), now_s + object.nbf);
    snprintf(claims, 8192,
             "{\"iss\":\"%s\",\"client_id\":\"%s\",\"aud\":%s,"
             "\"response_type\":\"code\",\"redirect_uri\":\"%s\",\"scope\":\"%s\","
             "\"state\":\"inner\",\"code_challenge\":\"" CHALLENGE "\","
             "\"code_challenge_method\":\"S256\"%s%s}",
             or (object.iss, object.id), or (object.client_id, object.id),
             or (object.aud, "\"" FIXTURE_ISSUER "\""),
             or (object.redirect, "https://conf.test/cb"), or (object.scope, "openid"),
             life, or (object.more, ""));
    return claims;
}

static char *sign(struct fixture *f, const struct signer *signer, const char *alg,
                  struct object object) {
    char *claims = claims_of(f, object);
    char *token = signer_sign(signer, alg, "typ", TYP, claims);

    free(claims);
    return token;
}

/* The error at the redirect URI that stands outside. Frees `token`. */
static void refused(struct fixture *f, const char *id, char *token, const char *error) {
    struct params params =
        params_make("client_id", id, "redirect_uri", "https://conf.test/cb", "state",
                    "outer", "response_type", "code", "request", token, NULL);
    struct browser browser = {0};
    struct svc_authorize got;
    char text[4096];

    run_authorize(f, &browser, &params, &got);
    assert_int_equal(got.op.err, OK);
    assert_int_equal(got.kind, AUTHORIZE_REDIRECT);
    assert_true(location_param(got.location, "error", text));
    assert_string_equal(text, error);
    assert_true(location_param(got.location, "state", text));
    assert_string_equal(text, "outer");
    svc_op_close(&got.op);
    free(token);
}

static void test_inside_counts(void **state) {
    struct fixture *f = *state;
    struct object object = {.id = "signs",
                            .more = ",\"max_age\":600,\"sub\":\"other\""};
    char *token = sign(f, &ec, "ES256", object);
    struct params params =
        params_make("client_id", "signs", "request", token, "scope", "openid gold",
                    "state", "outer", "redirect_uri", "https://evil.test/cb",
                    "response_type", "token", "prompt", "none", NULL);
    struct browser browser = {0};
    struct svc_authorize got;
    struct svc_login login;
    char text[4096];

    run_authorize(f, &browser, &params, &got);
    assert_int_equal(got.kind, AUTHORIZE_LOGIN);
    svc_op_close(&got.op);
    run_login(f, &browser, ALICE, FIXTURE_PASSWORD, &login);
    assert_int_equal(login.next.kind, AUTHORIZE_REDIRECT);
    assert_int_equal(memcmp(login.next.location.data, "https://conf.test/cb?", 21), 0);
    assert_true(location_param(login.next.location, "state", text));
    assert_string_equal(text, "inner");
    assert_true(location_param(login.next.location, "code", text));
    svc_op_close(&login.op);
    free(token);
}

static void test_algorithms(void **state) {
    struct fixture *f = *state;
    struct object object = {.id = "signs"};
    struct signer confused = signer_confused(&rsa);
    char *claims = claims_of(f, object);

    refused(f, "signs", sign(f, &thief, "ES256", object), "invalid_request_object");
    refused(f, "signs", sign(f, &confused, "HS256", object), "invalid_request_object");
    refused(f, "signs", signer_forge("{\"alg\":\"none\"}", claims, ""),
            "invalid_request_object");
    refused(f, "signs", strdup("nonsense"), "invalid_request_object");
    refused(f, "signs", signer_sign(&ec, "ES256", "typ", "dpop+jwt", claims),
            "invalid_request_object");
    /* No keys: nothing can be verified. */
    object.id = "conf";
    refused(f, "conf", sign(f, &ec, "ES256", object), "request_not_supported");
    free(claims);
    signer_close(&confused);
}

static void test_claims(void **state) {
    struct fixture *f = *state;
    static const struct object wrong[] = {
        {.id = "signs", .iss = "conf"},
        {.id = "signs", .client_id = "conf"},
        {.id = "signs", .aud = "\"https://other.test/\""},
        {.id = "signs", .aud = "[]"},
        {.id = "signs", .exp = -60, .nbf = -600},
        {.id = "signs", .nbf = 60},
        {.id = "signs", .more = ",\"sub\":\"signs\""},
        {.id = "signs", .more = ",\"request\":\"a.b.c\""},
        {.id = "signs", .more = ",\"request_uri\":\"urn:x\""},
        {.id = "signs", .more = ",\"state\":\"twice\""},
        {.id = "signs", .more = ",\"prompt\":null"},
        {.id = "signs", .more = ",\"prompt\":1.5"},
    };
    struct object inner = {.id = "signs", .scope = "email"};
    struct params params;
    struct browser browser = {0};
    struct svc_authorize got;
    char text[4096], *token;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refused(f, "signs", sign(f, &ec, "ES256", wrong[i]), "invalid_request_object");
    /* A good object with a bad request is answered where it says. */
    token = sign(f, &ec, "ES256", inner);
    params = params_make("client_id", "signs", "request", token, NULL);
    run_authorize(f, &browser, &params, &got);
    assert_int_equal(got.kind, AUTHORIZE_REDIRECT);
    assert_true(location_param(got.location, "error", text));
    assert_string_equal(text, "invalid_scope");
    assert_true(location_param(got.location, "state", text));
    assert_string_equal(text, "inner");
    svc_op_close(&got.op);
    free(token);
}

/* Our own page: no redirect URI is proven. */
static void test_page(void **state) {
    struct fixture *f = *state;
    struct object evil = {.id = "signs", .redirect = "https://evil.test/cb"};
    struct object other = {.id = "signs"};
    struct browser browser = {0};
    struct svc_authorize got;
    struct params params;
    char *token = sign(f, &ec, "ES256", evil);

    params = params_make("client_id", "signs", "request", token, NULL);
    run_authorize(f, &browser, &params, &got);
    assert_int_equal(got.kind, AUTHORIZE_REFUSED);
    svc_op_close(&got.op);
    free(token);
    token = sign(f, &thief, "ES256", other);
    params = params_make("client_id", "signs", "request", token, "redirect_uri",
                         "https://evil.test/cb", NULL);
    run_authorize(f, &browser, &params, &got);
    assert_int_equal(got.kind, AUTHORIZE_REFUSED);
    assert_int_equal(got.refusal, OIDC_INVALID_REQUEST_OBJECT);
    svc_op_close(&got.op);
    free(token);
}

static void test_must_sign(void **state) {
    struct fixture *f = *state;
    struct params params = usual("must", NULL);
    struct object object = {.id = "must"};
    struct browser browser = {0};
    struct svc_authorize got;
    char text[4096], *token;

    run_authorize(f, &browser, &params, &got);
    assert_int_equal(got.kind, AUTHORIZE_REDIRECT);
    assert_true(location_param(got.location, "error", text));
    assert_string_equal(text, "invalid_request");
    svc_op_close(&got.op);
    token = sign(f, &rsa, "RS256", object);
    params = params_make("client_id", "must", "request", token, NULL);
    run_authorize(f, &browser, &params, &got);
    assert_int_equal(got.kind, AUTHORIZE_LOGIN);
    svc_op_close(&got.op);
    free(token);
}

static void par_ended(struct svc_par *par) {
    *(bool *)par->arg = true;
}

/* What client "must" is told. Frees `object`, which may be NULL. */
static enum oidc_error push(struct fixture *f, char *object) {
    static unsigned count;
    char claims[512], *assertion;
    bool done = false;
    struct svc_par par;
    struct params params;
    enum oidc_error error;

    snprintf(claims, sizeof claims,
             "{\"iss\":\"must\",\"sub\":\"must\",\"aud\":\"" FIXTURE_ISSUER
             "\",\"jti\":\"%u\",\"exp\":%llu}",
             count++, (unsigned long long)f->repl.now_ms / 1000 + 60);
    assertion = signer_sign(&ec, "ES256", NULL, NULL, claims);
    params = params_make("client_assertion_type", ASSERTION_TYPE, "client_assertion",
                         assertion, object ? "request" : NULL, object, NULL);
    memset(&par, 0xa5, sizeof par);
    par.done = par_ended;
    par.arg = &done;
    par.in = (struct svc_caller_in){.params = &params, .endpoint = "par"};
    svc_par(f->svc, &par);
    fixture_until(f, &done);
    assert_int_equal(par.op.err, OK);
    error = par.refusal.error;
    if (!error)
        assert_true(json_has(par.body, "request_uri"));
    svc_op_close(&par.op);
    free(assertion);
    free(object);
    return error;
}

static void test_pushed(void **state) {
    struct fixture *f = *state;
    struct object object = {.id = "must"}, other = {.id = "signs"};

    assert_int_equal(push(f, sign(f, &ec, "ES256", object)), OIDC_OK);
    assert_int_equal(push(f, NULL), OIDC_INVALID_REQUEST);
    assert_int_equal(push(f, sign(f, &thief, "ES256", object)),
                     OIDC_INVALID_REQUEST_OBJECT);
    assert_int_equal(push(f, sign(f, &ec, "ES256", other)),
                     OIDC_INVALID_REQUEST_OBJECT);
}

/* FAPI 2.0 Message Signing §5.3.1. */
static void test_fapi2(void **state) {
    struct fixture *f = *state;
    static const struct object wrong[] = {
        {.id = "fapirp", .lasting = true},
        {.id = "fapirp", .exp = 4200},
        {.id = "fapirp", .nbf = -4200, .exp = 60},
    };
    struct object good = {.id = "fapirp",
                          .aud = "[\"https://other.test/\",\"" FIXTURE_ISSUER "\"]",
                          .nbf = 8};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refused(f, "fapirp", sign(f, &ec, "ES256", wrong[i]), "invalid_request_object");
    refused(f, "fapirp", sign(f, &rsa, "RS256", good), "invalid_request_object");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_inside_counts), TEST(test_algorithms), TEST(test_claims),
        TEST(test_page),          TEST(test_must_sign),  TEST(test_pushed),
        TEST(test_fapi2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
