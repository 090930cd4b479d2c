/* app_code: what is printed is read, however people type it. */
#include "server/domain/app_code.h"
#include "tests/unit/server/unit.h"

static void what_is_printed_is_read(void **state) {
    uint8_t code[APP_CODE_BYTES], back[APP_CODE_BYTES];
    char text[APP_CODE_TEXT_SIZE];

    (void)state;
    for (unsigned n = 0; n < 2000; n++) {
        for (size_t i = 0; i < sizeof code; i++)
            code[i] = (uint8_t)(n * 31 + i * n + (n >> 3) * 17);
        app_code_print(code, text);
        assert_int_equal(strlen(text), APP_CODE_TEXT_SIZE - 1);
        assert_int_equal(app_code_parse(span_str(text), back), OK);
        assert_memory_equal(code, back, sizeof code);
    }
}

static void known_codes(void **state) {
    uint8_t code[APP_CODE_BYTES] = {0};
    char text[APP_CODE_TEXT_SIZE];

    (void)state;
    app_code_print(code, text);
    assert_string_equal(text, "0000-0000-0000-0000-0000-0000-00");
    memset(code, 0xff, sizeof code);
    app_code_print(code, text);
    assert_string_equal(text, "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZW");
}

static void people_type_otherwise(void **state) {
    static const char *const same[] = {
        "0123-4567-89AB-CDEF-GHJK-MNPQ-RW", "0123456789abcdefghjkmnpqrw",
        " O1234567 89AB CDEF GHJK MNPQ RW", "OI23456789ABCDEFGHJKMNPQRW",
        "ol23456789ABCDEFGHJKMNPQRW"};
    uint8_t first[APP_CODE_BYTES], code[APP_CODE_BYTES];

    (void)state;
    assert_int_equal(app_code_parse(span_str(same[0]), first), OK);
    for (size_t i = 1; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(app_code_parse(span_str(same[i]), code), OK);
        assert_memory_equal(first, code, sizeof code);
    }
}

static void what_is_no_code_is_refused(void **state) {
    static const char *const bad[] = {
        "",
        "0123456789ABCDEFGHJKMNPQR",   /* short */
        "0123456789ABCDEFGHJKMNPQRW0", /* long */
        "0123456789ABCDEFGHJKMNPQRX",  /* bits beyond the end */
        "0123456789ABCDEFGHJKMNPQ!W",
        "U123456789ABCDEFGHJKMNPQRW",
        "------------------------------------------------------------------",
    };
    uint8_t code[APP_CODE_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(app_code_parse(span_str(bad[i]), code), ERR_INVALID);
    assert_int_equal(
        app_code_parse(span_of("0123456789ABCDEFGHJKMNPQ\0W", 26), code), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read),
        cmocka_unit_test(known_codes),
        cmocka_unit_test(people_type_otherwise),
        cmocka_unit_test(what_is_no_code_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
