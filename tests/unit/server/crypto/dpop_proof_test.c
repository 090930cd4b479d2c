/* dpop_proof: the key in the header signs, and nothing else of it counts. */
#include <stdio.h>

#include "server/crypto/dpop_proof.h"
#include "tests/unit/server/client_signer.h"
#include "tests/unit/server/unit.h"

#define CLAIMS "{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"u\",\"iat\":7,\"ath\":\"a\"}"

static enum err opened(const char *token, struct dpop_proof *ret) {
    struct arena arena;
    enum err err;

    arena_init(&arena, 1 << 20);
    err = dpop_proof_open(span_str(token), &arena, ret);
    if (err == OK) {
        assert_true(span_is(ret->jti, "j") && span_is(ret->htm, "POST"));
        assert_true(ret->has_iat && ret->iat_s == 7 && ret->nonce.len == 0);
    }
    arena_close(&arena);
    return err;
}

/* Signed by `signer` under a header with `jwk`, which has no brace at its end. */
static char *sign(const struct signer *signer, const char *jwk, const char *typ,
                  const char *alg) {
    char whole[4096];

    assert_true(snprintf(whole, sizeof whole, "%s}", jwk) < (int)sizeof whole);
    return signer_proof(signer, alg, typ, whole, CLAIMS);
}

static void expect(const struct signer *signer, const char *jwk, const char *typ,
                   const char *alg, enum err want) {
    struct dpop_proof proof;
    char *token = sign(signer, jwk, typ, alg);

    assert_int_equal(opened(token, &proof), want);
    free(token);
}

static void the_key_in_the_header_signs(void **state) {
    struct signer key = signer_ec(NULL), other = signer_ec(NULL);
    struct signer rsa = signer_rsa(NULL, 2048);
    char *jwk = signer_jwk(&key), *rsa_jwk = signer_jwk(&rsa);

    (void)state;
    expect(&key, jwk, "dpop+jwt", "ES256", OK);
    expect(&rsa, rsa_jwk, "dpop+jwt", "PS256", OK);
    expect(&other, jwk, "dpop+jwt", "ES256", ERR_FORGED);
    expect(&key, jwk, "jwt", "ES256", ERR_INVALID);
    free(jwk);
    free(rsa_jwk);
    signer_close(&key);
    signer_close(&other);
    signer_close(&rsa);
}

static void one_key_has_one_thumbprint(void **state) {
    struct signer key = signer_ec(NULL);
    char *jwk = signer_jwk(&key), *token = sign(&key, jwk, "dpop+jwt", "ES256");
    struct dpop_proof one, two;

    (void)state;
    assert_int_equal(opened(token, &one), OK);
    free(token);
    token = sign(&key, jwk, "DPoP+JWT", "ES256");
    assert_int_equal(opened(token, &two), OK);
    assert_memory_equal(one.thumbprint, two.thumbprint, sizeof one.thumbprint);
    free(token);
    free(jwk);
    signer_close(&key);
}

static void garbage_is_refused(void **state) {
    static const char *const garbage[] = {
        "", ".", "..", "a.b.c", "e30.e30.AA", "e30.e30.A", "eyJhbGciOiJub25lIn0.e30."};
    struct dpop_proof proof;

    (void)state;
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
        assert_int_equal(opened(garbage[i], &proof), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_in_the_header_signs),
        cmocka_unit_test(one_key_has_one_thumbprint),
        cmocka_unit_test(garbage_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
