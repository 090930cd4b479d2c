/* fuzz_multipart: the first line names the boundary; what is taken lies within the body,
 * is bounded, and fields are UTF-8. */
#include <stddef.h>
#include <stdint.h>

#include "http/http_multipart.h"
#include "store/base/buf.h"
#include "store/base/check.h"
#include "store/base/codec.h"

static void inside(struct span part, const uint8_t *data, size_t size) {
    CHECK(part.len == 0 || (part.data >= data && part.data + part.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct params params;
    struct http_multipart_file file;
    const uint8_t *end = size > 2 ? memchr(data + 2, '\r', size - 2) : NULL;
    struct span boundary = end ? span_of(data + 2, (size_t)(end - data) - 2)
                               : span_of("", 0);
    const char *why = NULL;
    struct buf type;

    buf_init(&type, 256);
    buf_str(&type, "multipart/form-data; boundary=");
    buf_put(&type, boundary.data, boundary.len < 100 ? boundary.len : 100);
    boundary = http_multipart_boundary(buf_span(&type));
    if (http_multipart_parse(span_of(data, size), boundary, &params, &file, &why) == OK) {
        CHECK(params.count <= LIMIT_FORM_FIELDS);
        for (size_t i = 0; i < params.count; i++) {
            CHECK(params.items[i].name.len <= LIMIT_FORM_NAME);
            CHECK(params.items[i].value.len <= LIMIT_FORM_VALUE);
            CHECK(utf8_valid(params.items[i].value));
            inside(params.items[i].value, data, size);
        }
        inside(file.bytes, data, size);
    } else {
        CHECK(why != NULL);
    }
    buf_free(&type);
    return 0;
}
