/* fuzz_phone: telephone numbers as people type them. First byte chooses the countries. */
#include <stddef.h>
#include <stdint.h>

#include "server/domain/phone.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct phone_countries many = {.code = {"81", "1", "44", "882"},
                                                .count = 4};
    static const struct phone_countries japan = {.count = 0};
    const struct phone_countries *countries;
    struct phone phone, again;
    char masked[sizeof phone.text];

    if (size == 0)
        return 0;
    countries = data[0] % 2 ? &many : &japan;
    if (phone_parse(span_of(data + 1, size - 1), countries, &phone) != PHONE_OK)
        return 0;
    /* One recipient, in the one form, which is its own form. */
    CHECK(phone_is_e164(phone_span(&phone)) && phone.text[phone.len] == '\0');
    CHECK(phone_parse(phone_span(&phone), countries, &again) == PHONE_OK);
    CHECK(span_equal(phone_span(&phone), phone_span(&again)));
    phone_mask(phone_span(&phone), masked);
    CHECK(strlen(masked) == phone.len);
    return 0;
}
