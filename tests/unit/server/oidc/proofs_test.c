/* assertion_check and dpop_check: one rule a case. */
#include "server/oidc/assertion_check.h"
#include "server/oidc/dpop_check.h"
#include "tests/unit/server/unit.h"

#define NOW 1750000000
#define ISSUER "https://op.example/oauth/"

static struct oidc_client client = {.profile = OIDC_STANDARD};

static struct jwt_claims assertion(void) {
    client.client_id = span_str("rp");
    client.profile = OIDC_STANDARD;
    return (struct jwt_claims){
        .iss = span_str("rp"),
        .sub = span_str("rp"),
        .jti = span_str("j"),
        .aud = {span_str(ISSUER)},
        .aud_count = 1,
        .has_exp = true,
        .exp_s = NOW + 60,
    };
}

static enum oidc_error asserted(const struct jwt_claims *claims) {
    uint32_t ttl_s = 0;
    const struct assertion_rules rules = {span_str(ISSUER), span_str("token"), NOW};
    struct oidc_verdict verdict = assertion_check(claims, &client, &rules, &ttl_s);

    if (verdict.error)
        assert_non_null(verdict.description);
    else
        assert_true(ttl_s >= 1 && ttl_s <= ASSERTION_LIFE_MAX_S + JWT_SKEW_S);
    return verdict.error;
}

static void assertions(void **state) {
    struct jwt_claims good = assertion(), bad;

    (void)state;
    assert_int_equal(asserted(&good), OIDC_OK);
    bad = good, bad.iss = span_str("other");
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
    bad = good, bad.sub = span_of(NULL, 0);
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
    bad = good, bad.jti = span_of(NULL, 0);
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
    bad = good, bad.aud[0] = span_str("https://other.example/oauth/");
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
    bad = good, bad.has_exp = false;
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
}

static void assertions_in_time(void **state) {
    struct jwt_claims good = assertion(), bad;

    (void)state;
    good.exp_s = NOW - JWT_SKEW_S + 1;
    assert_int_equal(asserted(&good), OIDC_OK);
    bad = good, bad.exp_s--;
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
    good.exp_s = NOW + ASSERTION_LIFE_MAX_S;
    assert_int_equal(asserted(&good), OIDC_OK);
    bad = good, bad.exp_s++;
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
    good.has_nbf = good.has_iat = true;
    good.nbf_s = good.iat_s = NOW + JWT_SKEW_S;
    assert_int_equal(asserted(&good), OIDC_OK);
    bad = good, bad.nbf_s++;
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
    bad = good, bad.iat_s++;
    assert_int_equal(asserted(&bad), OIDC_INVALID_CLIENT);
}

/* FAPI 2.0 §5.3.2.1: the issuer as the only audience. */
static void audiences(void **state) {
    struct jwt_claims claims = assertion();

    (void)state;
    claims.aud[0] = span_str(ISSUER "token");
    assert_int_equal(asserted(&claims), OIDC_OK);
    client.profile = OIDC_FAPI2;
    assert_int_equal(asserted(&claims), OIDC_INVALID_CLIENT);
    claims.aud[0] = span_str(ISSUER);
    assert_int_equal(asserted(&claims), OIDC_OK);
}

static struct dpop_claims proof(void) {
    return (struct dpop_claims){
        .jti = span_str("j"),
        .htm = span_str("POST"),
        .htu = span_str("https://op.example/oauth/token"),
        .has_iat = true,
        .iat_s = NOW,
    };
}

static struct dpop_request request = {.method = "POST", .now_s = NOW};

static enum oidc_error proven(const struct dpop_claims *claims) {
    request.url = span_str("https://op.example/oauth/token");
    return dpop_check(claims, &request).error;
}

static void proofs(void **state) {
    struct dpop_claims good = proof(), bad;

    (void)state;
    assert_int_equal(proven(&good), OIDC_OK);
    bad = good, bad.jti = span_of(NULL, 0);
    assert_int_equal(proven(&bad), OIDC_INVALID_DPOP_PROOF);
    bad = good, bad.htm = span_str("post");
    assert_int_equal(proven(&bad), OIDC_INVALID_DPOP_PROOF);
    bad = good, bad.has_iat = false;
    assert_int_equal(proven(&bad), OIDC_INVALID_DPOP_PROOF);
    good.iat_s = NOW - DPOP_WINDOW_S;
    assert_int_equal(proven(&good), OIDC_OK);
    bad = good, bad.iat_s--;
    assert_int_equal(proven(&bad), OIDC_INVALID_DPOP_PROOF);
    good.iat_s = NOW + DPOP_WINDOW_S;
    assert_int_equal(proven(&good), OIDC_OK);
    bad = good, bad.iat_s++;
    assert_int_equal(proven(&bad), OIDC_INVALID_DPOP_PROOF);
}

static void urls_of_proofs(void **state) {
    static const char *const same[] = {
        "https://op.example/oauth/token?a=b", "https://op.example/oauth/token#x",
        "HTTPS://OP.example/oauth/token", "https://op.example:443/oauth/token"};
    static const char *const other[] = {"",
                                        "https://op.example",
                                        "https://op.example/oauth/Token",
                                        "https://op.example/oauth/token/",
                                        "https://op.example/oauth/par",
                                        "https://op.example:44/oauth/token",
                                        "http://op.example/oauth/token",
                                        "https://op.example.evil/oauth/token",
                                        "/oauth/token"};
    struct dpop_claims claims = proof();

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        claims.htu = span_str(same[i]);
        assert_int_equal(proven(&claims), OIDC_OK);
    }
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        claims.htu = span_str(other[i]);
        assert_int_equal(proven(&claims), OIDC_INVALID_DPOP_PROOF);
    }
}

static void tokens_of_proofs(void **state) {
    struct dpop_claims claims = proof();

    (void)state;
    request.token_hash = span_str("hash");
    assert_int_equal(proven(&claims), OIDC_INVALID_DPOP_PROOF);
    claims.ath = span_str("other");
    assert_int_equal(proven(&claims), OIDC_INVALID_DPOP_PROOF);
    claims.ath = span_str("hash");
    assert_int_equal(proven(&claims), OIDC_OK);
    request.token_hash = span_of(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assertions),     cmocka_unit_test(assertions_in_time),
        cmocka_unit_test(audiences),      cmocka_unit_test(proofs),
        cmocka_unit_test(urls_of_proofs), cmocka_unit_test(tokens_of_proofs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
