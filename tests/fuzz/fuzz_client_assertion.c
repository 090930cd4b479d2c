/* fuzz_client_assertion: the claims of an assertion or a request object whose signature
 * is good: svc_claims_read and assertion_check. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/assertion_check.h"
#include "server/svc_claims.h"
#include "store/base/check.h"

#define NOW_S 1700000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct assertion_rules rules = {
        .issuer = span_str("https://op.test/oauth/"),
        .endpoint = span_str("par"),
        .now_s = NOW_S,
    };
    struct oidc_client client = {
        .client_id = span_str("rp"),
        .profile = size % 2 ? OIDC_FAPI2 : OIDC_STANDARD,
    };
    struct jwt_claims claims;
    uint32_t ttl_s = 0;
    json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(root) || svc_claims_read(root, &claims) != OK) {
        json_decref(root);
        return 0;
    }
    CHECK(claims.aud_count <= JWT_AUDIENCES_MAX);
    if (assertion_check(&claims, &client, &rules, &ttl_s).error == OIDC_OK) {
        CHECK(span_is(claims.iss, "rp") && span_is(claims.sub, "rp"));
        CHECK(claims.jti.len > 0 && claims.jti.len <= ASSERTION_JTI_MAX);
        CHECK(ttl_s > 0 && ttl_s <= ASSERTION_LIFE_MAX_S + JWT_SKEW_S);
    }
    json_decref(root);
    return 0;
}
