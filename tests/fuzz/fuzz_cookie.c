/* fuzz_cookie: a cookie's value holds cookie-octets only, and lies in the header. */
#include <stddef.h>
#include <stdint.h>

#include "http/http_cookie.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span value = http_cookie_get(span_of(data, size), COOKIE_SESSION);

    for (size_t i = 0; i < value.len; i++)
        CHECK(value.data[i] > 0x20 && value.data[i] < 0x7f && value.data[i] != ';');
    if (value.len > 0)
        CHECK(value.data > data && value.data + value.len <= data + size);
    return 0;
}
