/* password_rule: SP 800-63B-4 §3.1.1.2 (SECURITY D05). */
#include "tests/unit/server/unit.h"

#include <stdio.h>

#include "server/domain/password_list.h"
#include "server/domain/password_rule.h"

static enum password_refusal check(const char *typed, size_t len_min) {
    const struct span words[] = {span_str("alice@example.test"), span_str("株式会社襷商事"),
                                 span_str("d05-8fab3c9de71b@a1b2c3.test")};
    enum password_refusal refusal;
    struct buf normal;

    buf_init(&normal, 8192);
    assert_int_equal(password_normal(span_str(typed), &normal), OK);
    refusal = password_check(buf_span(&normal), len_min, words, 3);
    buf_free(&normal);
    return refusal;
}

static void only_length_is_asked_for(void **state) {
    (void)state;
    assert_int_equal(check("kv7dq2m", 8), PASSWORD_SHORT);
    assert_int_equal(check("kv7dq2mz", 8), PASSWORD_OK);
    assert_int_equal(check("kvodqumzewxrpb", 15), PASSWORD_SHORT);
    assert_int_equal(check("kvodqumzewxrpbt", 15), PASSWORD_OK);
    assert_int_equal(check("   lead and trail   ", 15), PASSWORD_OK);
    assert_int_equal(check("走れ走れ駅伝の襷をつなげ明日", 15), PASSWORD_SHORT); /* 14 */
    assert_int_equal(check("走れ走れ駅伝の襷をつなげ明日へ", 15), PASSWORD_OK);
    assert_int_equal(check("🏃🎽🏁🏃🎽🥇🏃🎌🏯🍙🗻🌸🚄🎏🎐", 15), PASSWORD_OK);
}

static void long_ones_are_good_up_to_the_limit(void **state) {
    char text[514];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + (i * i * 7 + i * 3) % 26);
    text[512] = '\0';
    assert_int_equal(check(text, 15), PASSWORD_OK);
    text[64] = '\0';
    assert_int_equal(check(text, 15), PASSWORD_OK);
    text[64] = 'x';
    text[512] = 'x';
    text[513] = '\0';
    assert_int_equal(check(text, 15), PASSWORD_LONG);
}

static void what_is_tried_first_is_refused(void **state) {
    static const char *const common[] = {
        "password",         "Password1!",          "P@ssw0rd2026!!!!", "passwordpassword",
        "qwertyuiop12345",  "1234567890123456",    "aaaaaaaaaaaaaaaa", "abcdefghijklmnop",
        "iloveyou20262026", "Welcome!2026!Admin1", "tasukitasuki2026", "GbizID-Prime-2026",
        "9876543210987654", "abababababababab",    "letmein!letmein!", "1qaz2wsx3edc4rfv1qaz2wsx",
    };

    (void)state;
    for (size_t i = 0; i < sizeof common / sizeof common[0] - 1; i++)
        if (check(common[i], 8) != PASSWORD_COMMON)
            fail_msg("%s", common[i]);
}

static void what_is_little_more_than_a_name_is_refused(void **state) {
    (void)state;
    assert_int_equal(check("alice2026!", 8), PASSWORD_CONTEXT);
    assert_int_equal(check("ALICE.example.2026", 8), PASSWORD_CONTEXT);
    assert_int_equal(check("株式会社襷商事2026", 8), PASSWORD_CONTEXT);
    assert_int_equal(check("d05-8fab3c9de71b@a1b2c3.test", 8), PASSWORD_CONTEXT);
    assert_int_equal(check("D05-8FAB3C9DE71B-2026", 8), PASSWORD_CONTEXT);
    assert_int_equal(check("alice runs the second leg", 15), PASSWORD_OK);
}

/* Of the list that is shipped, with figures or signs around or in them, or twice. */
static void what_many_have_chosen_is_refused(void **state) {
    static const char *const listed[] = {
        "footballer",    "!Sunshine20251128", "tr1n1ty!", "michelle2024",   "elephantelephant",
        "Sakuragaoka",   "takahashi19800101", "1234qwer", "yamashita1975!", "Kimberly#2020",
        "hokkaido12345", "ryunosuke2025",
    };

    (void)state;
    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++)
        if (check(listed[i], 8) != PASSWORD_COMMON)
            fail_msg("%s", listed[i]);
    /* A listed word is no reason against what has more than a date beside it. */
    assert_int_equal(check("sunshine 4 the 3 cats", 15), PASSWORD_OK);
    assert_int_equal(check("trinity-71920-48213", 15), PASSWORD_OK);
}

/* By bisection: so every line of it is found, and what lies between two is not. */
static void every_line_of_the_list_is_found(void **state) {
    FILE *file = fopen(TASUKI_SOURCE_DIR "/server/domain/password/common.txt", "r");
    char line[128], beside[129];
    size_t count = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!password_list_has(span_str(line)))
            fail_msg("%s: the list is not sorted", line);
        snprintf(beside, sizeof beside, "%s\x01", line);
        assert_false(password_list_has(span_str(beside)));
        count++;
    }
    fclose(file);
    assert_true(count > 50000);
    assert_false(password_list_has(span_str("")));
    assert_false(password_list_has(span_str("\x7f")));
}

static void controls_and_broken_text_are_refused(void **state) {
    struct buf normal;

    (void)state;
    assert_int_equal(check("tab\tin the middle of it", 15), PASSWORD_FORM);
    assert_int_equal(check("\xff\xfe not a text at all", 15), PASSWORD_FORM);
    buf_init(&normal, 64);
    assert_int_equal(password_normal(span_of((const uint8_t *)"long enough\0 and nul", 20), &normal), OK);
    assert_int_equal(normal.len, 20); /* nothing ends at a NUL (D07) */
    assert_int_equal(password_check(buf_span(&normal), 8, NULL, 0), PASSWORD_FORM);
    buf_free(&normal);
}

static void forms_of_unicode_are_one(void **state) {
    struct buf a, b;

    (void)state;
    buf_init(&a, 256);
    buf_init(&b, 256);
    /* Half-width kana and a decomposed voiced mark; full-width letters. */
    assert_int_equal(password_normal(span_str("ﾊﾟｽﾜｰﾄﾞ Ａｂｃ が"), &a), OK);
    assert_int_equal(password_normal(span_str("パスワード Abc か\u3099"), &b), OK);
    assert_true(span_equal(buf_span(&a), buf_span(&b)));
    buf_free(&a);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_length_is_asked_for),
        cmocka_unit_test(long_ones_are_good_up_to_the_limit),
        cmocka_unit_test(what_is_tried_first_is_refused),
        cmocka_unit_test(what_is_little_more_than_a_name_is_refused),
        cmocka_unit_test(what_many_have_chosen_is_refused),
        cmocka_unit_test(every_line_of_the_list_is_found),
        cmocka_unit_test(controls_and_broken_text_are_refused),
        cmocka_unit_test(forms_of_unicode_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
