/* What people type into an application, and what is made of it. */
#include "tests/unit/server/unit.h"

#include <string.h>

#include "server/domain/applicant.h"
#include "server/domain/name_fold.h"

static const struct phone_countries japan;
static const struct applicant_rules rules = {&japan, {2026, 11, 28}};

static void fill(struct span typed[APPLICANT_INPUTS]) {
    static const char *const usual[APPLICANT_INPUTS] = {
        [APPLICANT_IN_NUMBER] = "7000012050002",
        [APPLICANT_IN_NAME] = "株式会社襷",
        [APPLICANT_IN_PREFECTURE] = "13",
        [APPLICANT_IN_ADDRESS1] = "千代田区",
        [APPLICANT_IN_ADDRESS2] = "霞が関1丁目3番1号",
        [APPLICANT_IN_LAST] = "髙橋",
        [APPLICANT_IN_FIRST] = "太郎",
        [APPLICANT_IN_LAST_KANA] = "タカハシ",
        [APPLICANT_IN_FIRST_KANA] = "タロウ",
        [APPLICANT_IN_BIRTH_ERA] = "showa",
        [APPLICANT_IN_BIRTH_YEAR] = "55",
        [APPLICANT_IN_BIRTH_MONTH] = "3",
        [APPLICANT_IN_BIRTH_DAY] = "7",
        [APPLICANT_IN_POST_CODE] = "100-8901",
        [APPLICANT_IN_PHONE] = "090-1234-5678",
        [APPLICANT_IN_EMAIL] = "Taro@Example.jp",
        [APPLICANT_IN_AGREE] = "yes",
    };

    for (size_t i = 0; i < APPLICANT_INPUTS; i++)
        typed[i] = span_str(usual[i] ? usual[i] : "");
}

struct reading {
    struct arena arena;
    struct applicant applicant;
};

static void read_form(struct reading *r, enum applicant_kind kind,
                      const struct span typed[APPLICANT_INPUTS]) {
    arena_init(&r->arena, 1u << 20);
    assert_int_equal(applicant_read(kind, typed, &rules, &r->arena, &r->applicant), OK);
}

static void assert_field(const struct reading *r, enum profile_field field,
                         const char *text) {
    struct span value = r->applicant.profile.fields[field];

    assert_int_equal(value.len, strlen(text));
    if (value.len > 0)
        assert_memory_equal(value.data, text, value.len);
}

/* The fault of one input that is typed in another way. */
static enum applicant_fault fault_of(enum applicant_kind kind,
                                     enum applicant_input input, const char *text,
                                     enum applicant_input at) {
    struct span typed[APPLICANT_INPUTS];
    struct reading r;
    enum applicant_fault fault;

    fill(typed);
    typed[input] = span_str(text);
    read_form(&r, kind, typed);
    fault = r.applicant.faults[at];
    assert_int_equal(r.applicant.faults_count, fault != APPLICANT_FAULT_GOOD);
    arena_close(&r.arena);
    return fault;
}

static void a_whole_form_makes_a_profile(void **state) {
    struct span typed[APPLICANT_INPUTS];
    enum profile_field field;
    const char *why;
    struct reading r;

    (void)state;
    fill(typed);
    typed[APPLICANT_IN_NUMBER] = span_str(" ７０００-０１２０５０００２");
    typed[APPLICANT_IN_LAST_KANA] = span_str("ﾀｶﾊｼ");
    typed[APPLICANT_IN_FIRST_KANA] = span_str(" たろう　");
    typed[APPLICANT_IN_POST_CODE] = span_str("〒１００ー８９０１");
    read_form(&r, APPLICANT_CORPORATION, typed);
    assert_int_equal(r.applicant.faults_count, 0);
    assert_field(&r, PROFILE_CORPORATE_NUMBER, "7000012050002");
    assert_field(&r, PROFILE_REP_LAST_NAME, "髙橋");
    assert_field(&r, PROFILE_REP_LAST_KANA, "タカハシ");
    assert_field(&r, PROFILE_REP_FIRST_KANA, "タロウ");
    assert_field(&r, PROFILE_BIRTHDAY, "19800307");
    assert_field(&r, PROFILE_USER_POST_CODE, "1008901");
    assert_field(&r, PROFILE_USER_TEL, "+819012345678");
    assert_field(&r, PROFILE_EMAIL, "taro@example.jp");
    assert_field(&r, PROFILE_USER_ADDRESS1, "千代田区");
    assert_true(profile_check(&r.applicant.profile, &field, &why));
    arena_close(&r.arena);
}

static void numbers_are_asked_of_who_has_one(void **state) {
    (void)state;
    assert_int_equal(fault_of(APPLICANT_CORPORATION, APPLICANT_IN_NUMBER, "",
                              APPLICANT_IN_NUMBER),
                     APPLICANT_FAULT_MISSING);
    assert_int_equal(
        fault_of(APPLICANT_PUBLIC, APPLICANT_IN_NUMBER, "", APPLICANT_IN_NUMBER),
        APPLICANT_FAULT_GOOD);
    assert_int_equal(fault_of(APPLICANT_OTHER, APPLICANT_IN_NUMBER, "7000012050003",
                              APPLICANT_IN_NUMBER),
                     APPLICANT_FAULT_NUMBER_CHECK);
    assert_int_equal(
        fault_of(APPLICANT_SOLE, APPLICANT_IN_NAME, "", APPLICANT_IN_NAME),
        APPLICANT_FAULT_GOOD);
    assert_int_equal(
        fault_of(APPLICANT_CORPORATION, APPLICANT_IN_NAME, "", APPLICANT_IN_NAME),
        APPLICANT_FAULT_MISSING);
}

static void faults_are_named(void **state) {
    static const struct {
        enum applicant_input input;
        const char *text;
        enum applicant_fault fault;
        enum applicant_input at;
    } cases[] = {
        {APPLICANT_IN_NUMBER, "000012050002", APPLICANT_FAULT_NUMBER_BASE,
         APPLICANT_IN_NUMBER},
        {APPLICANT_IN_NUMBER, "70000120500", APPLICANT_FAULT_NUMBER_SHORT,
         APPLICANT_IN_NUMBER},
        {APPLICANT_IN_NUMBER, "70000120500022", APPLICANT_FAULT_NUMBER_LONG,
         APPLICANT_IN_NUMBER},
        {APPLICANT_IN_NUMBER, "70000I2050002", APPLICANT_FAULT_NUMBER_CHARACTER,
         APPLICANT_IN_NUMBER},
        {APPLICANT_IN_LAST_KANA, "髙橋", APPLICANT_FAULT_KANA, APPLICANT_IN_LAST_KANA},
        {APPLICANT_IN_LAST, "髙\xe2\x80\xae橋", APPLICANT_FAULT_TEXT, APPLICANT_IN_LAST},
        {APPLICANT_IN_LAST, "\xff", APPLICANT_FAULT_TEXT, APPLICANT_IN_LAST},
        {APPLICANT_IN_PREFECTURE, "48", APPLICANT_FAULT_PREFECTURE,
         APPLICANT_IN_PREFECTURE},
        {APPLICANT_IN_POST_CODE, "100890", APPLICANT_FAULT_POST_CODE,
         APPLICANT_IN_POST_CODE},
        {APPLICANT_IN_PHONE, "03-1234-5678", APPLICANT_FAULT_PHONE_MOBILE,
         APPLICANT_IN_PHONE},
        {APPLICANT_IN_PHONE, "+1 202 555 0100", APPLICANT_FAULT_PHONE_COUNTRY,
         APPLICANT_IN_PHONE},
        {APPLICANT_IN_EMAIL, "taro", APPLICANT_FAULT_EMAIL, APPLICANT_IN_EMAIL},
        {APPLICANT_IN_AGREE, "", APPLICANT_FAULT_AGREE, APPLICANT_IN_AGREE},
        {APPLICANT_IN_BIRTH_YEAR, "64", APPLICANT_FAULT_BIRTH_OUTSIDE,
         APPLICANT_IN_BIRTH_ERA},
        {APPLICANT_IN_BIRTH_YEAR, "五十五", APPLICANT_FAULT_BIRTH_NUMBER,
         APPLICANT_IN_BIRTH_ERA},
        {APPLICANT_IN_BIRTH_DAY, "32", APPLICANT_FAULT_BIRTH_DAY,
         APPLICANT_IN_BIRTH_ERA},
        {APPLICANT_IN_BIRTH_MONTH, "", APPLICANT_FAULT_MISSING, APPLICANT_IN_BIRTH_ERA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fault_of(APPLICANT_CORPORATION, cases[i].input, cases[i].text,
                                  cases[i].at),
                         cases[i].fault);
}

static void slips_are_found(void **state) {
    struct corporate_finding finding;
    bool found = false;
    char out[14];

    (void)state;
    corporate_number_find(span_str("4000012090001"), out, &finding); /* 経済産業省 */
    assert_int_equal(finding.fault, CORPORATE_OK);
    assert_string_equal(out, "4000012090001");
    corporate_number_find(span_str("1180301018717"), out, &finding); /* of ...771 */
    assert_int_equal(finding.fault, CORPORATE_CHECK);
    for (size_t i = 0; i < finding.slips_count; i++)
        found = found || (finding.slips[i].position == 12 &&
                          strcmp(finding.slips[i].typed, "17") == 0 &&
                          strcmp(finding.slips[i].meant, "71") == 0);
    assert_true(found);
    corporate_number_find(span_str("180301018771"), out, &finding);
    assert_int_equal(finding.fault, CORPORATE_SHORT);
    assert_int_equal(finding.check, '1');
    corporate_number_find(span_str("11180301018771"), out, &finding);
    assert_int_equal(finding.fault, CORPORATE_LONG);
    assert_int_equal(finding.slips[0].position, 1);
    corporate_number_find(span_str("法人"), out, &finding);
    assert_int_equal(finding.fault, CORPORATE_CHARACTER);
    assert_int_equal(finding.position, 1);
}

static enum era_refusal day(enum era era, const char *y, const char *m, const char *d,
                            const char *expected) {
    struct date date;
    enum era_refusal refusal =
        era_date_read(era, span_str(y), span_str(m), span_str(d), &date);
    char text[9];

    if (refusal == ERA_OK) {
        date_print(&date, text);
        assert_string_equal(text, expected);
    }
    return refusal;
}

static void eras_begin_and_end(void **state) {
    struct date date = {1989, 1, 8};
    char text[ERA_TEXT_MAX];

    (void)state;
    assert_int_equal(day(ERA_SHOWA, "64", "1", "7", "19890107"), ERA_OK);
    assert_int_equal(day(ERA_SHOWA, "64", "1", "8", ""), ERA_OUTSIDE);
    assert_int_equal(day(ERA_HEISEI, "元", "1", "8", "19890108"), ERA_OK);
    assert_int_equal(day(ERA_HEISEI, "1", "1", "7", ""), ERA_OUTSIDE);
    assert_int_equal(day(ERA_HEISEI, "31", "4", "30", "20190430"), ERA_OK);
    assert_int_equal(day(ERA_HEISEI, "31", "5", "1", ""), ERA_OUTSIDE);
    assert_int_equal(day(ERA_REIWA, "１", "５", "１", "20190501"), ERA_OK);
    assert_int_equal(day(ERA_TAISHO, "1", "7", "30", "19120730"), ERA_OK);
    assert_int_equal(day(ERA_TAISHO, "15", "12", "25", ""), ERA_OUTSIDE);
    assert_int_equal(day(ERA_MEIJI, "45", "7", "29", "19120729"), ERA_OK);
    assert_int_equal(day(ERA_MEIJI, "45", "7", "30", ""), ERA_OUTSIDE);
    assert_int_equal(day(ERA_WESTERN, "1980", "2", "29", "19800229"), ERA_OK);
    assert_int_equal(day(ERA_WESTERN, "1981", "2", "29", ""), ERA_DAY);
    assert_int_equal(day(ERA_WESTERN, "1867", "1", "1", ""), ERA_OUTSIDE);
    assert_int_equal(day(ERAS, "1980", "1", "1", ""), ERA_NUMBER);
    era_date_print(&date, text);
    assert_string_equal(text, "平成元年1月8日");
}

static bool same_name(const char *a, const char *b) {
    struct buf x, y;
    bool same;

    buf_init(&x, 256);
    buf_init(&y, 256);
    assert_int_equal(name_fold(span_str(a), &x), OK);
    assert_int_equal(name_fold(span_str(b), &y), OK);
    same = span_equal(buf_span(&x), buf_span(&y));
    buf_free(&x);
    buf_free(&y);
    return same;
}

static void spellings_are_one_name(void **state) {
    (void)state;
    assert_true(same_name("髙橋 太郎", "高橋太郎"));
    assert_true(same_name("山﨑", "山崎"));
    assert_true(same_name("渡邉", "渡辺"));
    assert_true(same_name("渡邊　一", "渡辺一"));
    assert_true(same_name("齊藤", "斉藤"));
    assert_true(same_name("葛󠄀城", "葛城")); /* with a variation selector */
    assert_true(same_name("塚本", "塚本"));
    assert_false(same_name("斎藤", "斉藤"));
    assert_false(same_name("土屋", "士屋"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_form_makes_a_profile),
        cmocka_unit_test(numbers_are_asked_of_who_has_one),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(slips_are_found),
        cmocka_unit_test(eras_begin_and_end),
        cmocka_unit_test(spellings_are_one_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
