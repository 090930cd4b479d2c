/* fuzz_accept_language: always one of the two languages. */
#include <stddef.h>
#include <stdint.h>

#include "http/http_lang.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum http_lang lang = http_lang_accept(span_of(data, size));

    CHECK(lang == LANG_JA || lang == LANG_EN);
    if (http_lang_locales(span_of(data, size), &lang))
        CHECK(lang == LANG_JA || lang == LANG_EN);
    return 0;
}
