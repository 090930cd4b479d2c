/* bench_svc: CPU time of one userinfo call, of one code exchange, and of a client's own
 * token by a secret, an assertion and with a DPoP proof, inside the services, with the
 * double of raft/repl.h: no network, no log, one commit of the store per command.
 * Prints; asserts nothing about time. Arguments: userinfo calls, exchanges. */
#include "tests/unit/server/svc_fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/server/client_signer.h"

static void exchange(struct fixture *f, const char *client, const char *code,
                     char access[4096]) {
    struct params params =
        params_make("grant_type", "authorization_code", "code", code, "redirect_uri",
                    redirect_of(client), "code_verifier", VERIFIER, "client_id", client,
                    "client_secret", FIXTURE_SECRET, NULL);
    bool basic = strcmp(client, "conf") == 0;
    struct svc_token got;

    if (basic)
        params.count -= 2;
    run_token(f, basic ? client : NULL, FIXTURE_SECRET, &params, &got);
    assert_int_equal(got.refusal.error, OIDC_OK);
    json_text(got.body, "access_token", access);
    svc_op_close(&got.op);
}

static void bench_userinfo(struct fixture *f, const char *access, unsigned calls) {
    struct svc_userinfo got;
    double begun = fixture_cpu_us();

    for (unsigned i = 0; i < calls; i++) {
        run_userinfo(f, access, &got);
        assert_int_equal(got.error, OIDC_OK);
        svc_op_close(&got.op);
    }
    printf("userinfo: %.2f us CPU a call\n", (fixture_cpu_us() - begun) / calls);
}

/* The state machine's part is the raft thread's in the server: told apart. */
static void bench_exchange(struct fixture *f, const char *client, unsigned count) {
    struct browser browser = {0};
    struct params params = usual(client, "openid profile email");
    char code[FIXTURE_CODE], access[4096];
    double authorize_us = 0, token_us = 0, apply_us[2] = {0, 0}, at, applied;

    sign_in(f, &browser, ALICE, &params, code);
    for (unsigned i = 0; i < count; i++) {
        applied = f->repl.apply_us;
        at = fixture_cpu_us();
        get_code(f, &browser, &params, code);
        authorize_us += fixture_cpu_us() - at;
        apply_us[0] += f->repl.apply_us - applied;
        applied = f->repl.apply_us;
        at = fixture_cpu_us();
        exchange(f, client, code, access);
        token_us += fixture_cpu_us() - at;
        apply_us[1] += f->repl.apply_us - applied;
    }
    printf("%s: authorize %.1f us + apply %.1f us, token %.1f us + apply %.1f us CPU\n",
           client, (authorize_us - apply_us[0]) / count, apply_us[0] / count,
           (token_us - apply_us[1]) / count, apply_us[1] / count);
}

/* ---- what a signature of the client's costs */

static void machine(struct fixture *f, const char *id, const char *auth,
                    const char *feature, const char *jwks) {
    struct svc_admin got;
    char body[4096];

    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\",\"name\":\"M\",\"profile\":\"standard\","
             "\"auth\":\"%s\",\"alg\":\"ES256\",\"features\":[\"credentials\"%s],"
             "\"scopes\":[\"openid\"],\"audience\":\"https://api.test/\","
             "\"redirect_uris\":[\"https://m.test/cb\"]%s%s}",
             id, auth, feature, jwks ? ",\"jwks\":" : ",\"client_secret\":",
             jwks ? jwks : "\"" FIXTURE_SECRET "\"");
    run_admin(f, ADMIN_CLIENT_ADD, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    svc_op_close(&got.op);
}

static void ended(struct svc_token *token) {
    *(bool *)token->arg = true;
}

/* One request; its CPU time without the state machine's. */
static double ask(struct fixture *f, const struct params *params, const char *basic,
                  const char *proof, char nonce[256]) {
    double applied = f->repl.apply_us, begun = fixture_cpu_us();
    bool done = false;
    struct svc_token token = {
        .done = ended,
        .arg = &done,
        .in = {.params = params,
               .endpoint = "token",
               .base = FIXTURE_ISSUER,
               .authorization = span_str(basic ? basic : ""),
               .dpop = span_str(proof ? proof : "")}};

    svc_token(f->svc, &token);
    fixture_until(f, &done);
    double us = fixture_cpu_us() - begun - (f->repl.apply_us - applied);
    assert_int_equal(token.op.err, OK);
    assert_int_equal(token.refusal.error, nonce ? OIDC_USE_DPOP_NONCE : OIDC_OK);
    if (nonce)
        snprintf(nonce, 256, "%.*s", (int)token.refusal.dpop_nonce.len,
                 (const char *)token.refusal.dpop_nonce.data);
    svc_op_close(&token.op);
    return us;
}

static char *basic_of(const char *id) {
    static char header[256];
    char pair[128];
    int len = snprintf(pair, sizeof pair, "%s:%s", id, FIXTURE_SECRET);
    int at = snprintf(header, sizeof header, "Basic ");

    EVP_EncodeBlock((unsigned char *)header + at, (unsigned char *)pair, len);
    return header;
}

static double by_secret(struct fixture *f, unsigned count) {
    struct params params = params_make("grant_type", "client_credentials", NULL);
    double us = 0;

    for (unsigned i = 0; i < count; i++)
        us += ask(f, &params, basic_of("m-secret"), NULL, NULL);
    return us / count;
}

static double by_assertion(struct fixture *f, const struct signer *key,
                           unsigned count) {
    double us = 0;

    for (unsigned i = 0; i < count; i++) {
        char claims[512], *jwt;
        struct params params;

        snprintf(claims, sizeof claims,
                 "{\"iss\":\"m-key\",\"sub\":\"m-key\",\"aud\":\"" FIXTURE_ISSUER
                 "\",\"jti\":\"a%u\",\"exp\":%llu}",
                 i, (unsigned long long)f->repl.now_ms / 1000 + 60);
        jwt = signer_sign(key, "ES256", NULL, NULL, claims);
        params = params_make(
            "grant_type", "client_credentials", "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion", jwt, NULL);
        us += ask(f, &params, NULL, NULL, NULL);
        free(jwt);
    }
    return us / count;
}

static char *proof_of(struct fixture *f, const struct signer *key, const char *jwk,
                      unsigned serial, const char *nonce) {
    char claims[768];

    snprintf(claims, sizeof claims,
             "{\"htm\":\"POST\",\"htu\":\"" FIXTURE_ISSUER "token\",\"jti\":\"p%u\","
             "\"iat\":%llu%s%s%s}",
             serial, (unsigned long long)f->repl.now_ms / 1000,
             nonce[0] ? ",\"nonce\":\"" : "", nonce, nonce[0] ? "\"" : "");
    return signer_proof(key, "ES256", "dpop+jwt", jwk, claims);
}

static double by_proof(struct fixture *f, const struct signer *key, unsigned count) {
    struct params params = params_make("grant_type", "client_credentials", NULL);
    char *members = signer_jwk(key), jwk[1024], nonce[256] = "", *proof;
    double us = 0;

    snprintf(jwk, sizeof jwk, "%s}", members);
    free(members);
    proof = proof_of(f, key, jwk, 0, nonce);
    (void)ask(f, &params, basic_of("m-dpop"), proof, nonce);
    free(proof);
    for (unsigned i = 1; i <= count; i++) {
        proof = proof_of(f, key, jwk, i, nonce);
        us += ask(f, &params, basic_of("m-dpop"), proof, NULL);
        free(proof);
    }
    return us / count;
}

/* P-256 by OpenSSL alone: what cannot be less. */
static double verify_alone(unsigned count) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t text[300] = {1}, sig[80];
    size_t len = sizeof sig;
    double begun;

    assert_true(key && ctx);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, text, sizeof text), 1);
    begun = fixture_cpu_us();
    for (unsigned i = 0; i < count; i++) {
        EVP_MD_CTX_reset(ctx);
        assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
        assert_int_equal(EVP_DigestVerify(ctx, sig, len, text, sizeof text), 1);
    }
    double us = (fixture_cpu_us() - begun) / count;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return us;
}

static void bench_signatures(struct fixture *f, unsigned count) {
    struct signer key = signer_ec("m");
    char *jwks = signer_jwks(&key, 1);
    double secret, assertion, proof, verify;

    machine(f, "m-secret", "basic", "", NULL);
    machine(f, "m-key", "private_key_jwt", "", jwks);
    machine(f, "m-dpop", "basic", ",\"dpop_bound\"", NULL);
    free(jwks);
    (void)by_secret(f, count / 4 + 1); /* caches are warm for all of them */
    secret = by_secret(f, count);
    assertion = by_assertion(f, &key, count);
    proof = by_proof(f, &key, count);
    verify = verify_alone(count);
    printf("client_credentials, JWT ES256: by secret %.1f us, by private_key_jwt %.1f us "
           "(+%.1f), with a DPoP proof %.1f us (+%.1f) CPU; a P-256 verification alone "
           "%.1f us\n",
           secret, assertion, assertion - secret, proof, proof - secret, verify);
    signer_close(&key);
}

int main(int argc, char **argv) {
    unsigned calls = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    unsigned exchanges = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2000;
    struct browser browser = {0};
    struct params params;
    struct fixture *f;
    void *state = NULL;
    char code[FIXTURE_CODE], access[4096];

    fixture_setup(&state);
    f = state;
    fixture_world(f);
    params = usual("conf", "openid profile user email");
    sign_in(f, &browser, ALICE, &params, code);
    exchange(f, "conf", code, access);
    bench_userinfo(f, access, calls);
    bench_exchange(f, "conf", exchanges);
    bench_exchange(f, "es", exchanges);
    bench_signatures(f, exchanges);
    fixture_teardown(&state);
    return 0;
}
