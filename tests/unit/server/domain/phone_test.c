/* phone: what is a number, and why another thing is none. */
#include "tests/unit/server/unit.h"

#include "server/domain/phone.h"

static const struct phone_countries japan = {.count = 0};
static const struct phone_countries two = {.code = {"81", "1"}, .count = 2};

static void one_form_for_a_number(void **state) {
    static const char *const rows[] = {
        "090-1234-5678",
        "09012345678",
        " 090 1234 5678 ",
        "(090)1234-5678",
        "+819012345678",
        "+81 90-1234-5678",
        "+81 (90) 1234 5678",
        "０９０－１２３４－５６７８",
        "０９０１２３４５６７８",
        "＋８１９０１２３４５６７８",
        "090ー1234ー5678", /* the long vowel, as people type it */
        "090−1234‐5678",
        "090　1234　5678",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct phone phone;
        enum phone_refusal refusal = phone_parse(span_str(rows[i]), &japan, &phone);
        if (refusal)
            fail_msg("%s: %s", rows[i], phone_refusal_str(refusal));
        assert_string_equal(phone.text, "+819012345678");
        assert_int_equal(phone.len, 13);
        assert_true(phone_is_e164(phone_span(&phone)));
    }
}

/* SECURITY E04 and its neighbours. */
static void what_is_no_number_is_refused(void **state) {
    static const struct {
        const char *text;
        enum phone_refusal refusal;
    } rows[] = {
        {"", PHONE_EMPTY},
        {"   ", PHONE_EMPTY},
        {"+", PHONE_EMPTY},
        {"+1;ext=123", PHONE_CHARACTER},
        {"09012345678;ext=1", PHONE_CHARACTER},
        {"09012345678x12", PHONE_CHARACTER},
        {"0901234567a", PHONE_CHARACTER},
        {"tel:+819012345678", PHONE_CHARACTER},
        {"090-1234-5678\r\nTo: +819000000000", PHONE_CHARACTER},
        {"09012345678\n", PHONE_CHARACTER},
        {"09012345678,09087654321", PHONE_CHARACTER},
        {"090\t12345678", PHONE_CHARACTER},
        {"090.1234.5678", PHONE_CHARACTER},
        {"٠٩٠١٢٣٤٥٦٧٨", PHONE_CHARACTER}, /* Arabic-Indic digits */
        {"०९०१२३४५६७८", PHONE_CHARACTER}, /* Devanagari */
        {"𝟎𝟗𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖", PHONE_CHARACTER}, /* mathematical */
        {"\xef\xbc", PHONE_CHARACTER},
        {"0901234567890123456789012345678901234567", PHONE_LONG},
        {"+81901234567890123", PHONE_LONG},
        {"090123456789", PHONE_LONG},
        {"0901234567", PHONE_SHORT},
        {"+81", PHONE_SHORT},
        {"110", PHONE_NATIONAL},
        {"9012345678", PHONE_NATIONAL},
        {"+0909012345678", PHONE_NATIONAL},
        {"++819012345678", PHONE_FORM},
        {"090+12345678", PHONE_FORM},
        {"-09012345678", PHONE_FORM},
        {"090--1234-5678", PHONE_FORM},
        {"09012345678-", PHONE_FORM},
        {"(09012345678", PHONE_FORM},
        {"090)12345678", PHONE_FORM},
        {"()09012345678", PHONE_FORM},
        {"(090)(1234)5678", PHONE_FORM},
        {"03-1234-5678", PHONE_NO_MOBILE},
        {"050-1234-5678", PHONE_NO_MOBILE},
        {"0120-123-456", PHONE_NO_MOBILE},
        {"0990-12-3456", PHONE_NO_MOBILE}, /* premium rate */
        {"+8190012345678", PHONE_LONG},
        {"+12025550123", PHONE_COUNTRY},
        {"+88213123456", PHONE_COUNTRY}, /* satellite */
        {"010-1-202-555-0123", PHONE_NO_MOBILE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct phone phone;
        enum phone_refusal refusal = phone_parse(span_str(rows[i].text), &japan, &phone);
        if (refusal != rows[i].refusal)
            fail_msg("%s: %s", rows[i].text, phone_refusal_str(refusal));
        assert_true(strlen(phone_refusal_str(refusal)) > 0);
    }
}

static void a_nul_ends_nothing(void **state) {
    struct phone phone;

    (void)state;
    assert_int_equal(phone_parse(span_of("090\0" "12345678", 12), &japan, &phone),
                     PHONE_CHARACTER);
}

static void countries_are_a_list(void **state) {
    struct phone phone;

    (void)state;
    assert_int_equal(phone_parse(span_str("+1 202-555-0123"), &two, &phone), PHONE_OK);
    assert_string_equal(phone.text, "+12025550123");
    assert_int_equal(phone_parse(span_str("090-1234-5678"), &two, &phone), PHONE_OK);
    assert_int_equal(phone_parse(span_str("+442071838750"), &two, &phone),
                     PHONE_COUNTRY);
}

static void a_mask_shows_the_ends(void **state) {
    char out[1 + PHONE_DIGITS_MAX + 1];

    (void)state;
    phone_mask(span_str("+819012345678"), out);
    assert_string_equal(out, "+81******5678");
    assert_false(phone_is_e164(span_str("819012345678")));
    assert_false(phone_is_e164(span_str("+8190123456a8")));
    assert_false(phone_is_e164(span_str("+0190123456")));
    assert_false(phone_is_e164(span_str("+8190123456781234")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form_for_a_number),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_nul_ends_nothing),
        cmocka_unit_test(countries_are_a_list),
        cmocka_unit_test(a_mask_shows_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
