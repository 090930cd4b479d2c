/* fuzz_webauthn_attestation: an attestation object of arbitrary bytes, down to the
 * credential in it. What is found lies inside the input and within its bounds. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/webauthn.h"
#include "store/base/check.h"

static void inside(struct span part, const uint8_t *data, size_t size) {
    CHECK(part.data >= data && part.data + part.len <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct webauthn_auth_data made;
    struct span auth_data;

    if (!webauthn_attestation_object(span_of(data, size), &auth_data))
        return 0;
    inside(auth_data, data, size);
    if (!webauthn_auth_data(auth_data, &made) || !(made.flags & WEBAUTHN_ATTESTED))
        return 0;
    inside(made.credential.id, data, size);
    inside(made.credential.key, data, size);
    CHECK(made.credential.id.len > 0 &&
          made.credential.id.len <= WEBAUTHN_CREDENTIAL_ID_MAX);
    CHECK(made.credential.key.len > 0 && made.credential.key.len <= COSE_KEY_MAX);
    return 0;
}
