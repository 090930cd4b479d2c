/* 申請書ID: its check digits find what typing and reading get wrong. */
#include "tests/unit/server/unit.h"

#include "server/domain/application_id.h"

static void made_ones_are_sound_and_slips_are_not(void **state) {
    (void)state;
    for (uint64_t n = 0; n < 2000; n++) {
        char text[APPLICATION_ID_TEXT];
        application_id_make(n * 499979 + 17, text);
        assert_true(application_id_sound(span_str(text)));
        for (size_t i = 1; i < APPLICATION_ID_TEXT - 1; i++) {
            char was = text[i];
            text[i] = (char)('0' + (was - '0' + 1 + (int)(n % 9)) % 10);
            assert_false(application_id_sound(span_str(text)));
            text[i] = was;
            if (i > 1 && text[i - 1] != was) { /* two digits exchanged */
                text[i] = text[i - 1];
                text[i - 1] = was;
                assert_false(application_id_sound(span_str(text)));
                text[i - 1] = text[i];
                text[i] = was;
            }
        }
    }
}

static void other_forms_are_not_ours(void **state) {
    (void)state;
    assert_false(application_id_sound(span_str("P268049544")));
    assert_false(application_id_sound(span_str("Q00000000001")));
    assert_false(application_id_sound(span_str("P0000000000A")));
    assert_false(application_id_sound(span_str("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_ones_are_sound_and_slips_are_not),
        cmocka_unit_test(other_forms_are_not_ours),
    };
    return cmocka_run_group_tests_name("application_id", tests, NULL, NULL);
}
