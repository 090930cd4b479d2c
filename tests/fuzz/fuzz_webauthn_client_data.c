/* fuzz_webauthn_client_data: client data of arbitrary bytes. What is fine names the
 * challenge and the origin; nothing is fine for both ceremonies. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/webauthn.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct webauthn_expect expect = {.origin = span_str("https://example.org"),
                                     .rp_id = span_str("example.org")};
    struct span in = span_of(data, size);
    bool create = webauthn_client_data(in, WEBAUTHN_CREATE, &expect) == WEBAUTHN_FINE;
    bool get = webauthn_client_data(in, WEBAUTHN_GET, &expect) == WEBAUTHN_FINE;

    CHECK(!(create && get));
    CHECK(!(create || get) || size > 60);
    return 0;
}
