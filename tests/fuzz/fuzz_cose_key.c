/* fuzz_cose_key: cose_key_read over arbitrary bytes. What is taken is of a kind that is
 * used here, is the same when it is read again, and verifies no signature of zeros. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/cose_key.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t zeros[64];
    struct span in = span_of(data, size);
    struct cose_key one, two;

    if (!cose_key_read(&in, &one))
        return 0;
    CHECK(in.data + in.len == data + size && in.len < size);
    in = span_of(data, size - in.len);
    CHECK(cose_key_read(&in, &two) && in.len == 0 && one.alg == two.alg);
    /* An Ed25519 key of small order does verify some: its owner chose it. */
    if (cose_key_sound(&one) && one.alg != COSE_EDDSA)
        CHECK(cose_key_verify(span_of(data, (size_t)(in.data - data)),
                              span_str("message"),
                              span_of(zeros, sizeof zeros)) == ERR_FORGED);
    return 0;
}
