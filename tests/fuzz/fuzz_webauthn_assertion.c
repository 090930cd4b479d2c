/* fuzz_webauthn_assertion: authenticator data of arbitrary bytes, alone, and in an
 * assertion whose signature is of the same bytes: it is never one. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/webauthn.h"
#include "store/base/check.h"

#define CLIENT_DATA                                                                    \
    "{\"type\":\"webauthn.get\",\"challenge\":"                                        \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"origin\":\"https://example.org\"}"

/* WebAuthn Level 3 §16.2 */
static const uint8_t key[] = {
    0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, 0xaf, 0xef, 0xa1,
    0x6f, 0x97, 0xca, 0x9b, 0x2d, 0x23, 0xeb, 0x86, 0xcc, 0xb6, 0x40, 0x98, 0xd2,
    0x0d, 0xb9, 0x08, 0x56, 0x06, 0x2e, 0xb2, 0x49, 0xc3, 0x3a, 0x9b, 0x67, 0x2f,
    0x26, 0xdf, 0x61, 0x22, 0x58, 0x20, 0x93, 0x0a, 0x56, 0xb8, 0x7a, 0x2f, 0xca,
    0x66, 0x33, 0x4b, 0x03, 0x45, 0x8a, 0xbf, 0x87, 0x97, 0x17, 0xc1, 0x2c, 0xc6,
    0x8e, 0xd7, 0x32, 0x90, 0xaf, 0x2e, 0x26, 0x64, 0x79, 0x6b, 0x92, 0x20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct webauthn_expect expect = {.origin = span_str("https://example.org"),
                                     .rp_id = span_str("example.org")};
    size_t signature = size < 72 ? size : 72;
    struct webauthn_assertion assertion = {
        .client_data = span_str(CLIENT_DATA),
        .auth_data = span_of(data, size),
        .signature = span_of(data + size - signature, signature),
    };
    struct webauthn_auth_data made;
    uint32_t count;
    uint8_t flags;

    if (webauthn_auth_data(span_of(data, size), &made))
        CHECK(made.flags == data[32] && size >= 37);
    CHECK(webauthn_assert(&expect, span_of(key, sizeof key),
                          size > 32 ? data[32] : 0, &assertion, &count,
                          &flags) != WEBAUTHN_FINE);
    return 0;
}
