#include "tests/unit/server/unit.h"

#include <stdio.h>

#include "server/crypto/client_keys.h"
#include "tests/unit/server/client_signer.h"

#define CLAIMS "{\"iss\":\"rp\",\"sub\":\"rp\"}"

struct fixture {
    struct signer signers[2]; /* P-256, RSA */
    struct client_keys *keys;
    struct arena arena;
};

static const char *const types[] = {"jwt", NULL};
static const struct client_jws_rules standard = {JWS_ALGS_STANDARD, types};
static const struct client_jws_rules fapi2 = {JWS_ALGS_FAPI2, types};

static int setup(void **state) {
    static struct fixture f;
    char *jwks;

    arena_init(&f.arena, 1 << 20);
    f.signers[0] = signer_ec("ec");
    f.signers[1] = signer_rsa("rsa", 2048);
    jwks = signer_jwks(f.signers, 2);
    assert_int_equal(client_keys_parse(span_str(jwks), &f.keys, NULL), OK);
    free(jwks);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    signer_close(&f->signers[0]);
    signer_close(&f->signers[1]);
    client_keys_free(f->keys);
    arena_close(&f->arena);
    return 0;
}

static enum err verify(struct fixture *f, char *token,
                       const struct client_jws_rules *rules) {
    json_t *claims = NULL, *wanted = json_loads(CLAIMS, 0, NULL);
    enum err err =
        client_keys_verify(f->keys, span_str(token), rules, &f->arena, &claims);

    if (err == OK)
        assert_true(json_equal(claims, wanted));
    else
        assert_null(claims);
    json_decref(claims);
    json_decref(wanted);
    free(token);
    arena_reset(&f->arena);
    return err;
}

static void test_algorithms(void **state) {
    struct fixture *f = *state;
    const struct signer *ec = &f->signers[0], *rsa = &f->signers[1];
    struct signer confused = signer_confused(rsa);

    assert_int_equal(verify(f, signer_sign(ec, "ES256", NULL, NULL, CLAIMS), &fapi2),
                     OK);
    assert_int_equal(verify(f, signer_sign(rsa, "PS256", NULL, NULL, CLAIMS), &fapi2),
                     OK);
    assert_int_equal(
        verify(f, signer_sign(rsa, "RS256", NULL, NULL, CLAIMS), &standard), OK);
    assert_int_equal(verify(f, signer_sign(rsa, "RS256", NULL, NULL, CLAIMS), &fapi2),
                     ERR_FORGED);
    assert_int_equal(
        verify(f, signer_sign(rsa, "RS512", NULL, NULL, CLAIMS), &standard),
        ERR_FORGED);
    assert_int_equal(
        verify(f, signer_sign(&confused, "HS256", NULL, NULL, CLAIMS), &standard),
        ERR_FORGED);
    assert_int_equal(
        verify(f, signer_forge("{\"alg\":\"none\"}", CLAIMS, ""), &standard),
        ERR_INVALID);
    assert_int_equal(
        verify(f, signer_forge("{\"alg\":\"none\",\"kid\":\"ec\"}", CLAIMS, "AAAA"),
               &standard),
        ERR_FORGED);
    assert_int_equal(
        verify(f, signer_forge("{\"alg\":\"ES256\",\"alg\":\"none\"}", CLAIMS, "AAAA"),
               &standard),
        ERR_INVALID);
    signer_close(&confused);
}

static void test_keys_are_chosen(void **state) {
    struct fixture *f = *state;
    struct signer other = signer_ec("other"), posing = signer_ec("ec");
    struct signer crossed = {f->signers[0].jwk, "rsa"};
    struct signer nameless = {f->signers[0].jwk, NULL};

    assert_int_equal(
        verify(f, signer_sign(&other, "ES256", NULL, NULL, CLAIMS), &fapi2),
        ERR_FORGED);
    assert_int_equal(
        verify(f, signer_sign(&posing, "ES256", NULL, NULL, CLAIMS), &fapi2),
        ERR_FORGED);
    assert_int_equal(
        verify(f, signer_sign(&crossed, "ES256", NULL, NULL, CLAIMS), &fapi2),
        ERR_FORGED);
    /* One key alone is of this kind. */
    assert_int_equal(
        verify(f, signer_sign(&nameless, "ES256", NULL, NULL, CLAIMS), &fapi2), OK);
    signer_close(&other);
    signer_close(&posing);
}

static void test_header(void **state) {
    struct fixture *f = *state;
    const struct signer *ec = &f->signers[0];
    static const char *const refused[] = {"jku", "jwk", "x5u", "x5c", "crit", "b64"};

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(verify(f,
                                signer_sign(ec, "ES256", refused[i],
                                            "https://evil.example/", CLAIMS),
                                &standard),
                         ERR_INVALID);
    assert_int_equal(
        verify(f, signer_sign(ec, "ES256", "x5t", "abc", CLAIMS), &standard), OK);
    assert_int_equal(
        verify(f, signer_sign(ec, "ES256", "typ", "JWT", CLAIMS), &standard), OK);
    assert_int_equal(verify(f,
                            signer_sign(ec, "ES256", "typ", "application/jwt", CLAIMS),
                            &standard),
                     OK);
    assert_int_equal(
        verify(f, signer_sign(ec, "ES256", "typ", "dpop+jwt", CLAIMS), &standard),
        ERR_INVALID);
}

static void test_damage(void **state) {
    struct fixture *f = *state;
    char *token = signer_sign(&f->signers[0], "ES256", NULL, NULL, CLAIMS);
    size_t len = strlen(token);
    char *big;

    for (size_t i = 0; i < len; i += 7) {
        char *bad = strdup(token);

        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(f, bad, &standard), OK);
    }
    /* cjose's decoder has an assertion on padding where none can be. */
    for (size_t i = 0; i < len; i++) {
        char *bad = strdup(token);

        bad[i] = '=';
        assert_int_not_equal(verify(f, bad, &standard), OK);
    }
    free(token);
    assert_int_not_equal(
        verify(f, signer_sign(&f->signers[0], "ES256", NULL, NULL, "[1]"), &standard),
        OK);
    assert_int_not_equal(
        verify(f, signer_sign(&f->signers[0], "ES256", NULL, NULL, "{\"a\":1,\"a\":2}"),
               &standard),
        OK);
    big = malloc(LIMIT_JWT);
    memset(big, ' ', LIMIT_JWT);
    big[0] = '{';
    big[LIMIT_JWT - 2] = '}';
    big[LIMIT_JWT - 1] = '\0';
    assert_int_equal(
        verify(f, signer_sign(&f->signers[0], "ES256", NULL, NULL, big), &standard),
        ERR_INVALID);
    free(big);
}

/* A set that is one key's text, with `more` after its members. */
static enum err parse_with(const struct signer *signer, const char *more,
                           size_t *count) {
    struct client_keys *keys = NULL;
    char *jwk = signer_jwk(signer);
    char text[8192];
    enum err err;

    snprintf(text, sizeof text, "{\"keys\":[%s%s}]}", jwk, more);
    free(jwk);
    err = client_keys_parse(span_str(text), &keys, NULL);
    if (err == OK && count)
        *count = client_keys_count(keys, JWS_ALGS_STANDARD);
    client_keys_free(keys);
    return err;
}

static void test_sets(void **state) {
    struct fixture *f = *state;
    struct signer weak = signer_rsa("weak", 1024);
    struct signer twice[] = {f->signers[0], f->signers[0]};
    struct client_keys *keys = NULL;
    const char *why = NULL;
    size_t count = 9;
    char *jwks;

    assert_int_equal(parse_with(&f->signers[1], ",\"d\":\"AAAA\"", NULL), ERR_INVALID);
    assert_int_equal(parse_with(&f->signers[1], ",\"use\":\"enc\"", &count), OK);
    assert_int_equal(count, 0);
    assert_int_equal(parse_with(&f->signers[1], ",\"alg\":\"PS256\"", &count), OK);
    assert_int_equal(count, 1);
    assert_int_equal(parse_with(&f->signers[1], ",\"alg\":\"HS256\"", &count), OK);
    assert_int_equal(count, 0);
    assert_int_equal(parse_with(&weak, "", NULL), ERR_INVALID);
    jwks = signer_jwks(twice, 2);
    assert_int_equal(client_keys_parse(span_str(jwks), &keys, &why), ERR_INVALID);
    assert_non_null(why);
    free(jwks);
    signer_close(&weak);
}

static void test_set_forms(void **state) {
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":[]}",
        "{\"keys\":{}}",
        "{\"keys\":[1]}",
        "{\"keys\":[{}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
        /* 32 bytes each, no point of the curve */
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
        "\"y\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"kid\":7}]}",
    };
    struct client_keys *keys = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(client_keys_parse(span_str(bad[i]), &keys, NULL), ERR_INVALID);
    assert_int_equal(client_keys_parse(
                         span_str("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}]}"),
                         &keys, NULL),
                     OK);
    assert_int_equal(client_keys_count(keys, JWS_ALGS_STANDARD), 0);
    client_keys_free(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithms), cmocka_unit_test(test_keys_are_chosen),
        cmocka_unit_test(test_header),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_sets),       cmocka_unit_test(test_set_forms),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
