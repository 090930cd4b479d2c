/* fuzz_sealed_code: the decoder of what a sealed code carries. What it takes is within
 * its bounds, and encodes to the same bytes. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/scope.h"
#include "server/oidc/sealed_code.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sealed_code code;
    struct buf out;

    if (sealed_code_decode(span_of(data, size), &code) != OK)
        return 0;
    CHECK(code.redirect_uri.len + code.nonce.len <= SEALED_CODE_MAX);
    CHECK((code.scopes & ~SCOPE_ALL) == 0);
    buf_init(&out, SEALED_CODE_MAX);
    CHECK(sealed_code_encode(&code, &out) == OK);
    CHECK(span_equal(buf_span(&out), span_of(data, size)));
    buf_free(&out);
    return 0;
}
