/* fuzz_request_object: the claims of a request object whose signature is good, to
 * parameters, to a checked request: svc_claims_read, request_object_check,
 * svc_request_object_params. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/request_object.h"
#include "server/svc_claims.h"
#include "server/svc_request_object.h"
#include "store/base/check.h"

static void judge(const struct params *params) {
    CHECK(params->count <= LIMIT_FORM_FIELDS);
    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];

        CHECK(param->name.len <= LIMIT_FORM_NAME);
        CHECK(param->value.len <= LIMIT_FORM_VALUE);
        CHECK(!span_is(param->name, "request") && !span_is(param->name, "request_uri"));
        CHECK(!span_is(param->name, "iss") && !span_is(param->name, "sub"));
        CHECK(memchr(param->value.data, 0, param->value.len) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct params params;
    struct oidc_client client = {
        .client_id = span_str("rp"),
        .profile = size % 2 ? OIDC_FAPI2 : OIDC_STANDARD,
    };
    struct jwt_claims claims;
    struct oidc_verdict verdict;
    struct arena arena;
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(object) || svc_claims_read(object, &claims) != OK) {
        json_decref(object);
        return 0;
    }
    arena_init(&arena, 1 << 20);
    verdict = request_object_check(&claims, &client, span_str("https://op.test/oauth/"),
                                   1700000000);
    CHECK((verdict.error == OIDC_OK) == (verdict.description == NULL));
    if (verdict.error == OIDC_OK)
        CHECK(span_is(claims.client_id, "rp") && span_is(claims.iss, "rp"));
    if (svc_request_object_params(object, &arena, &params) == OK)
        judge(&params);
    json_decref(object);
    arena_close(&arena);
    return 0;
}
