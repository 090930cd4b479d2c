/* fuzz_http_head: what the guard lets through has one reading: one framing, one host,
 * no byte that another parser could take for the end of a line. */
#include <stddef.h>
#include <stdint.h>

#include "http/http_head.h"
#include "store/base/check.h"
#include "store/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct http_head head;
    const char *why = NULL;

    if (http_head_check(span_of(data, size), &head, &why) != HEAD_OK) {
        CHECK(why != NULL);
        return 0;
    }
    CHECK(head.method.len > 0 && head.target.len > 0);
    CHECK(head.target.len <= LIMIT_URL);
    for (size_t i = 0; i < head.target.len; i++)
        CHECK(head.target.data[i] > 0x20 && head.target.data[i] < 0x7f);
    for (size_t i = 0; i < head.host.len; i++)
        CHECK(head.host.data[i] >= 0x20 || head.host.data[i] == '\t');
    return 0;
}
