/* fuzz_claims_request: the parameter `claims` of an authorization request. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/authorize_check.h"
#include "server/oidc/claims.h"
#include "server/svc_claims_request.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct oidc_verdict verdict;
    struct claims_request request = {0};
    struct arena arena;

    if (size > AUTHORIZE_CLAIMS_MAX)
        return 0;
    arena_init(&arena, 1 << 16);
    CHECK(svc_claims_request(span_of(data, size), &arena, &request, &verdict) == OK);
    CHECK((verdict.error == OIDC_OK) == (verdict.description == NULL));
    CHECK((request.id_token | request.userinfo) >> CLAIM_END == 0);
    CHECK(request.sub.len <= AUTHORIZE_SUB_MAX);
    arena_close(&arena);
    return 0;
}
