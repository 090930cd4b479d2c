/* fuzz_device_cookie: svc_device_decode over arbitrary bytes. What it takes is bounded, and
 * encodes to the same. */
#include <stddef.h>
#include <stdint.h>

#include "server/svc_device.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct svc_device_entry entries[SVC_DEVICE_ACCOUNTS];
    size_t count = svc_device_decode(span_of(data, size), entries);
    struct buf out;

    CHECK(count <= SVC_DEVICE_ACCOUNTS);
    if (count == 0) {
        return 0;
    }
    buf_init(&out, SVC_DEVICE_PLAIN_MAX);
    CHECK(svc_device_encode(entries, count, &out) == OK);
    CHECK(span_equal(buf_span(&out), span_of(data, size)));
    buf_free(&out);
    return 0;
}
