/* account_id, corporate_number, date and profile. */
#include "tests/unit/server/unit.h"

#include "server/domain/account_id.h"
#include "server/domain/corporate_number.h"
#include "server/domain/date.h"
#include "server/domain/profile.h"

static void account_ids(void **state) {
    static const struct {
        const char *text, *canonical; /* NULL: refused */
    } rows[] = {
        {"alice@example.com", "alice@example.com"},
        {"  Alice.Smith+Tag@EXAMPLE.co.JP ", "alice.smith+tag@example.co.jp"},
        {"o'neil_1@a-b.example", "o'neil_1@a-b.example"},
        {"a@1.example", "a@1.example"},
        {"", NULL},
        {"   ", NULL},
        {"alice", NULL},
        {"@example.com", NULL},
        {"alice@", NULL},
        {"alice@example", NULL},
        {"alice@@example.com", NULL},
        {"a@b@example.com", NULL},
        {".alice@example.com", NULL},
        {"alice.@example.com", NULL},
        {"a..b@example.com", NULL},
        {"\"a b\"@example.com", NULL},
        {"a b@example.com", NULL},
        {"a\tb@example.com", NULL},
        {"alice@example.com\n", NULL},
        {"alice@example.com\r\nBcc: x@y.example", NULL},
        {"alice@exam ple.com", NULL},
        {"alice@-example.com", NULL},
        {"alice@example-.com", NULL},
        {"alice@example..com", NULL},
        {"alice@example.com.", NULL},
        {"alice@.example.com", NULL},
        {"alice@127.0.0.1", NULL},
        {"alice@[127.0.0.1]", NULL},
        {"alice@exam_ple.com", NULL},
        {"alice@xn--wgv71a119e.jp", NULL},
        {"alice@EXAMPLE.XN--P1AI", NULL},
        {"\xd0\xb0lice@example.com", NULL},
        {"alice@ex\xd0\xb0mple.com", NULL},
        {"alic\xef\xbd\x85@example.com", NULL},
        {"alice@example.com\xe2\x80\x8b", NULL},
    };
    struct account_id id;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = NULL;
        bool good = account_id_parse(span_str(rows[i].text), &id, &why);

        if (good != (rows[i].canonical != NULL))
            fail_msg("'%s': %s", rows[i].text, good ? "accepted" : why);
        if (good) {
            assert_string_equal(id.text, rows[i].canonical);
            assert_int_equal(id.len, strlen(rows[i].canonical));
        } else {
            assert_non_null(why);
            assert_true(strlen(why) > 0);
        }
    }
    assert_false(account_id_parse(span_of("a\0b@example.com", 15), &id, NULL));
}

static void account_id_lengths(void **state) {
    char text[300];
    struct account_id id;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[64] = '@';
    text[128] = text[192] = '.';
    assert_true(account_id_parse(span_of(text, LIMIT_ACCOUNT_ID), &id, NULL));
    assert_false(account_id_parse(span_of(text, LIMIT_ACCOUNT_ID + 1), &id, NULL));
    text[64] = 'a';
    text[65] = '@'; /* 65 characters before @ */
    assert_false(account_id_parse(span_of(text, 140), &id, NULL));
    memset(text, 'a', sizeof(text));
    text[10] = '@';
    text[75] = '.'; /* a label of 64 */
    assert_false(account_id_parse(span_of(text, 100), &id, NULL));
}

/* DOMAIN §6.1 names these as true numbers. */
static void corporate_numbers(void **state) {
    static const char *const good[] = {"7000012050002", "4000012090001",
                                       "1180301018771"};
    static const char *const bad[] = {"",
                                      "700001205000",
                                      "70000120500022",
                                      "8000012050002",
                                      "0000012050002",
                                      "7000012050003",
                                      "700001205000a",
                                      "\xef\xbc\x97"
                                      "0000120500",
                                      " 700001205000"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(corporate_number_valid(span_str(good[i])));
        assert_int_equal(corporate_number_check_digit(span_str(good[i] + 1)),
                         good[i][0]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (corporate_number_valid(span_str(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(corporate_number_check_digit(span_str("00001205000")), 0);
    assert_int_equal(corporate_number_check_digit(span_str("00001205000x")), 0);
}

static void dates(void **state) {
    static const char *const good[] = {"18680101", "19000228", "20000229",
                                       "20240229", "20231231", "99991231"};
    static const char *const bad[] = {"",         "2024022",  "202402290", "18671231",
                                      "19000229", "20230229", "20230001",  "20231301",
                                      "20230100", "20230132", "20230431",  "2023-1-1",
                                      "2023010a", "00000000"};
    struct date date;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(date_parse(span_str(good[i]), &date));
    assert_true(date_parse(span_str("19800712"), &date));
    assert_int_equal(date.year, 1980);
    assert_int_equal(date.month, 7);
    assert_int_equal(date.day, 12);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (date_parse(span_str(bad[i]), &date))
            fail_msg("accepted: %s", bad[i]);
}

/* How an account was proven, and what it may use. */
static void profile_of_proof(void **state) {
    static const struct {
        enum profile_field field;
        const char *text;
        bool good;
    } rows[] = {
        {PROFILE_PROCEDURE, "jp_gbizid_one_stop_service", true},
        {PROFILE_PROCEDURE, "jp_gbizid", false},
        {PROFILE_VERIFIED_AT, "2026-11-24T23:59:59Z", true},
        {PROFILE_VERIFIED_AT, "2026-02-29T00:00:00Z", false},
        {PROFILE_VERIFIED_AT, "2026-11-24T24:00:00Z", false},
        {PROFILE_VERIFIED_AT, "2026-11-24 00:00:00Z", false},
        {PROFILE_SERVICES, "jgrants e-gov", true},
        {PROFILE_SERVICES, "jgrants  e-gov", false},
        {PROFILE_SERVICES, "jgrants ", false},
        {PROFILE_SERVICES, "a/b", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = NULL;

        if (profile_field_check(rows[i].field, span_str(rows[i].text), &why) !=
            rows[i].good)
            fail_msg("%s '%s'", profile_field_name(rows[i].field), rows[i].text);
        assert_true(rows[i].good == (why == NULL));
    }
}

static void profile_fields(void **state) {
    static const struct {
        enum profile_field field;
        const char *text;
        bool good;
    } rows[] = {
        {PROFILE_NAME, "株式会社たすき", true},
        {PROFILE_NAME, "", true},
        {PROFILE_NAME, "葛\xf3\xa0\x84\x80城 Foo", true},
        {PROFILE_NAME, " 株式会社", false},
        {PROFILE_NAME, "株式会社\xe3\x80\x80", false},
        {PROFILE_NAME, "a\nb", false},
        {PROFILE_NAME,
         "a\xe2\x80\xae"
         "b",
         false},
        {PROFILE_NAME,
         "a\xe2\x80\x8b"
         "b",
         false},
        {PROFILE_NAME,
         "a\xc2\x85"
         "b",
         false},
        {PROFILE_NAME, "\xff", false},
        {PROFILE_EN_NAME, "Tasuki K.K.", true},
        {PROFILE_EN_NAME, "Tasuki 社", false},
        {PROFILE_REP_LAST_KANA, "ヤマダ", true},
        {PROFILE_REP_LAST_KANA, "ヴァン・ダー ビークー", true},
        {PROFILE_REP_LAST_KANA, "やまだ", false},
        {PROFILE_REP_LAST_KANA, "ﾔﾏﾀﾞ", false},
        {PROFILE_REP_LAST_KANA, "山田", false},
        {PROFILE_PREFECTURE, "01", true},
        {PROFILE_PREFECTURE, "47", true},
        {PROFILE_PREFECTURE, "00", false},
        {PROFILE_PREFECTURE, "48", false},
        {PROFILE_PREFECTURE, "1", false},
        {PROFILE_PREFECTURE, "013", false},
        {PROFILE_PREFECTURE, "東京", false},
        {PROFILE_CORPORATE_NUMBER, "7000012050002", true},
        {PROFILE_CORPORATE_NUMBER, "700001205000", false},
        {PROFILE_BIRTHDAY, "19800101", true},
        {PROFILE_BIRTHDAY, "19800231", false},
        {PROFILE_USER_POST_CODE, "1000001", true},
        {PROFILE_USER_POST_CODE, "100-0001", false},
        {PROFILE_USER_TEL, "0312345678", true},
        {PROFILE_USER_TEL, "+81312345678", true},
        {PROFILE_USER_TEL, "+0312345678", false},
        {PROFILE_USER_TEL, "03-1234-5678", false},
        {PROFILE_USER_TEL, "+1;ext=5", false},
        {PROFILE_USER_TEL, "12345678", false},
        {PROFILE_USER_TEL, "1234567890123456", false},
        {PROFILE_USER_TEL, "\xef\xbc\x90\xef\xbc\x93\xef\xbc\x91\xef\xbc\x92", false},
        {PROFILE_USER_TEL, "0312345678\r\n", false},
        {PROFILE_EMAIL, "alice@example.com", true},
        {PROFILE_EMAIL, "Alice@example.com", false},
        {PROFILE_EMAIL, "alice", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = NULL;

        if (profile_field_check(rows[i].field, span_str(rows[i].text), &why) !=
            rows[i].good)
            fail_msg("%s '%s'", profile_field_name(rows[i].field), rows[i].text);
        assert_true(rows[i].good == (why == NULL));
    }
}

/* Lengths count characters: 50 kanji are 150 bytes. */
static void profile_lengths(void **state) {
    char text[51 * 3];
    const char *why = NULL;

    (void)state;
    for (size_t i = 0; i < 51; i++)
        memcpy(text + 3 * i, "山", 3);
    assert_true(profile_field_check(PROFILE_USER_LAST_NAME, span_of(text, 150), &why));
    assert_false(profile_field_check(PROFILE_USER_LAST_NAME, span_of(text, 153), &why));
}

static void profile_rules_across_fields(void **state) {
    struct profile profile = {.corp_type = CORP_CORPORATION};
    enum profile_field field = PROFILE_COUNT;
    const char *why = NULL;

    (void)state;
    assert_true(profile_check(&profile, &field, &why));
    profile.fields[PROFILE_CORPORATE_NUMBER] = span_str("7000012050002");
    assert_true(profile_check(&profile, &field, &why));
    profile.fields[PROFILE_CORPORATE_NUMBER] = span_str("7000012050003");
    assert_false(profile_check(&profile, &field, &why));
    assert_int_equal(field, PROFILE_CORPORATE_NUMBER);
    profile.corp_type = CORP_SOLE; /* 個人事業主管理番号: no check digit */
    assert_true(profile_check(&profile, &field, &why));
    profile.corp_type = CORP_NONE;
    assert_false(profile_check(&profile, &field, &why));
    profile.fields[PROFILE_CORPORATE_NUMBER] = span_of(NULL, 0);
    profile.fields[PROFILE_USER_TEL] = span_str("x");
    assert_false(profile_check(&profile, &field, &why));
    assert_int_equal(field, PROFILE_USER_TEL);
}

static void profile_names(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        assert_int_equal(
            profile_field_find(span_str(profile_field_name((enum profile_field)i))), i);
    assert_int_equal(profile_field_find(span_str("corp_type")), PROFILE_COUNT);
}

static void profile_codec(void **state) {
    struct profile in = {.corp_type = CORP_CORPORATION};
    struct profile out;
    struct buf bytes, again;

    (void)state;
    buf_init(&bytes, PROFILE_ENCODED_MAX);
    buf_init(&again, PROFILE_ENCODED_MAX);
    in.fields[PROFILE_NAME] = span_str("株式会社たすき");
    in.fields[PROFILE_BIRTHDAY] = span_str("19800101");
    in.fields[PROFILE_EMAIL] = span_str("alice@example.com");
    assert_int_equal(profile_encode(&in, &bytes), OK);
    assert_int_equal(profile_decode(buf_span(&bytes), &out), OK);
    assert_int_equal(out.corp_type, CORP_CORPORATION);
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        assert_true(span_equal(in.fields[i], out.fields[i]));
    assert_int_equal(profile_encode(&out, &again), OK);
    assert_true(span_equal(buf_span(&bytes), buf_span(&again)));
    buf_free(&bytes);
    buf_free(&again);
}

static void profile_codec_takes_the_longest(void **state) {
    static char text[4 * 300];
    struct profile in = {0};
    struct buf bytes;

    (void)state;
    for (size_t i = 0; i < 300; i++)
        memcpy(text + 4 * i, "\xf0\xa0\xae\x9f", 4);
    buf_init(&bytes, PROFILE_ENCODED_MAX);
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        in.fields[i] = span_of(text, 4 * 2);
    in.fields[PROFILE_NAME] = span_of(text, 4 * 150);
    assert_int_equal(profile_encode(&in, &bytes), OK);
    in.fields[PROFILE_NAME] = span_of(text, 4 * 151);
    buf_reset(&bytes);
    assert_int_equal(profile_encode(&in, &bytes), ERR_TOO_BIG);
    buf_free(&bytes);
}

static void profile_codec_refuses_damage(void **state) {
    static const struct {
        const char *bytes;
        size_t len;
        enum err err;
    } rows[] = {
        {"", 0, ERR_INVALID},
        {"\x01", 1, ERR_INVALID},
        {"\x02\x01", 2, ERR_VERSION},
        {"\x01\x03", 2, ERR_INVALID},
        {"\x01\x01\x02", 3, ERR_INVALID},
        {"\x01\x01\x02\x02\x00\x41", 6, ERR_INVALID},
        {"\x01\x01\x02\x00\x00", 5, ERR_INVALID},
        {"\x01\x01\x02\x01\x00\xff", 6, ERR_INVALID},
        {"\x01\x01\x63\x01\x00\x41", 6, ERR_VERSION},
        {"\x01\x01\x03\x01\x00\x41\x02\x01\x00\x41", 10, ERR_INVALID},
        {"\x01\x01\x02\x01\x00\x41\x02\x01\x00\x41", 10, ERR_INVALID},
        {"\x01\x01\x04\x09\x00\x41\x41\x41\x41\x41\x41\x41\x41\x41", 14, ERR_INVALID},
    };
    struct profile out;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (profile_decode(span_of(rows[i].bytes, rows[i].len), &out) != rows[i].err)
            fail_msg("row %zu", i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_ids),
        cmocka_unit_test(account_id_lengths),
        cmocka_unit_test(corporate_numbers),
        cmocka_unit_test(dates),
        cmocka_unit_test(profile_fields),
        cmocka_unit_test(profile_of_proof),
        cmocka_unit_test(profile_lengths),
        cmocka_unit_test(profile_rules_across_fields),
        cmocka_unit_test(profile_names),
        cmocka_unit_test(profile_codec),
        cmocka_unit_test(profile_codec_takes_the_longest),
        cmocka_unit_test(profile_codec_refuses_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
