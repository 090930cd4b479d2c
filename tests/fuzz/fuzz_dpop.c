/* fuzz_dpop: dpop_proof_open over arbitrary bytes. The key stands in the token, so one
 * may be good; then it has a thumbprint, and says the same when it is opened again. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/dpop_proof.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dpop_proof one, two;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    if (dpop_proof_open(span_of(data, size), &arena, &one) == OK) {
        CHECK(dpop_proof_open(span_of(data, size), &arena, &two) == OK);
        CHECK(memcmp(one.thumbprint, two.thumbprint, sizeof one.thumbprint) == 0);
        CHECK(span_equal(one.jti, two.jti) && span_equal(one.htu, two.htu));
    }
    arena_close(&arena);
    return 0;
}
