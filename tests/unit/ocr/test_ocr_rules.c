/* test_ocr_rules: dates, spellings, the code's payload and the verdict, without pixels. */
#include "ocr-worker/field.h"
#include "ocr-worker/judge.h"
#include "ocr-worker/original.h"
#include "ocr-worker/qr.h"
#include "ocr-worker/reading.h"
#include "ocr-worker/variant.h"
#include "tests/unit/store/unit.h"

static bool find(const uint32_t *text, struct date *ret) {
    size_t count = 0, from, to;

    while (text[count] != 0)
        count++;
    return date_find(text, count, ret, &from, &to);
}

static void assert_date(const uint32_t *text, int year, int month, int day) {
    struct date d = {0};

    assert_true(find(text, &d));
    assert_int_equal(d.year, year);
    assert_int_equal(d.month, month);
    assert_int_equal(d.day, day);
}

static void test_dates(void **state) {
    struct date d;

    (void)state;
    assert_date(U"昭和56年3月11日生", 1981, 3, 11);
    assert_date(U"平成元年11月10日生", 1989, 11, 10);
    assert_date(U"生年月日昭和64年1月7日", 1989, 1, 7);
    assert_date(U"令和8年11月12日", 2026, 11, 12);
    assert_date(U"大正1年7月30日", 1912, 7, 30);
    assert_date(U"1998年05月01日", 1998, 5, 1);
    assert_date(U"1958/06/09", 1958, 6, 9);
    assert_date(U"1958.6.9", 1958, 6, 9);
    /* Two ones close together look like 日. */
    assert_date(U"平成日年4月3日生", 1999, 4, 3);
    assert_date(U"昭和31年日月日日生", 1956, 11, 11);
    assert_date(U"20日年1月日日", 2011, 1, 11);
    assert_date(U"2004/日/日", 2004, 11, 11);
    assert_false(find(U"昭和64年1月8日", &d)); /* Heisei by then */
    assert_false(find(U"平成1年1月7日", &d));
    assert_false(find(U"1990年2月29日", &d));
    assert_false(find(U"1990年13月1日", &d));
    assert_false(find(U"年月日", &d));
    assert_false(find(U"1958/06-09", &d)); /* two styles in one */
}

static void test_months(void **state) {
    struct date d = date_add_months((struct date){2026, 8, 16}, 3);

    (void)state;
    assert_int_equal(date_days(d), date_days((struct date){2026, 11, 16}));
    d = date_add_months((struct date){2026, 11, 30}, 3);
    assert_int_equal(date_days(d), date_days((struct date){2027, 2, 28}));
    assert_int_equal(date_days((struct date){1970, 1, 1}), 0);
    assert_int_equal(date_days((struct date){2000, 3, 1}), 11017);
}

static void test_spellings(void **state) {
    (void)state;
    assert_true(variant_same(U'高', U'髙'));
    assert_true(variant_same(U'﨑', U'崎'));
    assert_true(variant_same(U'邊', U'辺'));
    assert_true(variant_same(U'齊', U'斉'));
    assert_false(variant_same(U'斎', U'斉'));
    assert_true(variant_kin(U'斎', U'斉'));
    assert_false(variant_kin(U'土', U'士'));
    assert_true(variant_kin(U'テ', U'デ')); /* a mark that faded is held against nobody */
    assert_true(variant_kin(U'ば', U'ぱ'));
    assert_false(variant_same(U'テ', U'デ'));
    assert_false(variant_kin(U'テ', U'ド'));
    assert_false(variant_kin(U'テ', U'て'));
    assert_true(variant_one_shape(U'ロ', U'口'));
    assert_false(variant_one_shape(U'ロ', U'日'));
    assert_int_equal(variant_fold(0x3000), 0);
    assert_int_equal(variant_fold(U'０'), '0');
    assert_int_equal(variant_fold(0xfa10), U'塚');
}

/* What was read from the whole bank, for certain, against what should be there. */
static bool is_other(const uint32_t *read, const uint32_t *expected) {
    struct read_char chars[16];
    size_t n = 0, count = 0;

    for (; read[n] != 0; n++)
        chars[n] = (struct read_char){.ch = read[n], .score = 0.95f, .margin = 0.1f};
    while (expected[count] != 0)
        count++;
    return reading_is_other(chars, n, expected, count);
}

/* A name that only lacks characters, or has dirt and offices about it, is in doubt. */
static void test_other_names(void **state) {
    struct read_char faint[4] = {{.ch = U'山', .score = 0.95f, .margin = 0.1f},
                                 {.ch = U'田', .score = 0.95f, .margin = 0.1f},
                                 {.ch = U'太', .score = 0.95f, .margin = 0.1f},
                                 {.ch = U'郎', .score = 0.7f, .margin = 0.1f}};

    (void)state;
    assert_false(is_other(U"浦しのぶ", U"三浦しのぶ"));
    assert_false(is_other(U"ノ瀬小百合", U"一ノ瀬小百合"));
    assert_false(is_other(U"三しぶ", U"三浦しのぶ"));
    assert_false(is_other(U"取締役三浦しのぶ", U"三浦しのぶ"));
    assert_false(is_other(U"三浦ノしのくぶ", U"三浦しのぶ"));
    assert_false(is_other(U"三浦しのぷ", U"三浦しのぶ")); /* one character: to a person */
    assert_false(is_other(U"高", U"三浦しのぶ"));
    assert_true(is_other(U"山田太郎", U"三浦しのぶ"));
    assert_true(is_other(U"三浦太郎", U"三浦しのぶ"));
    assert_true(is_other(U"しのぶ三浦", U"三浦しのぶ")); /* in another order */
    assert_false(reading_is_other(faint, 4, U"三浦しのぶ", 5));
    faint[3].score = 0.8f; /* legible, and three of four are certain */
    assert_true(reading_is_other(faint, 4, U"三浦しのぶ", 5));
}

/* Digits as they were read: as good as `score`, but for those that are not expected. */
static bool is_clear(const char *read, const char *expected, float score) {
    struct read_char chars[16];
    size_t n = 0;

    for (; read[n] != 0; n++)
        chars[n] = (struct read_char){.ch = (uint32_t)read[n],
                                      .score = read[n] == expected[n] ? score : 0.96f};
    return reading_is_clear(chars, n, expected);
}

static void test_clear_print(void **state) {
    (void)state;
    assert_true(is_clear("381600045517", "384600045517", 0.96f));
    assert_false(is_clear("381600045517", "384600045517", 0.89f)); /* a 4 without its bar */
    assert_false(is_clear("111111111111", "384600045527", 0.99f)); /* nothing to go by */
}

static bool is_furigana(const uint32_t *read, size_t n, const uint32_t *expected,
                        size_t count) {
    struct read_char chars[16];

    for (size_t i = 0; i < n; i++)
        chars[i] = (struct read_char){.ch = read[i]};
    return reading_is_furigana(chars, n, expected, count);
}

static void test_furigana(void **state) {
    (void)state;
    assert_true(is_furigana(U"フジタノボル", 6, U"藤田昇", 3));
    assert_false(is_furigana(U"フジタ昇", 4, U"藤田昇", 3));
    assert_false(is_furigana(U"アンナ", 3, U"マリア", 3)); /* names of kana differ */
    assert_false(is_furigana(U"", 0, U"藤田昇", 3));
}

static void test_numbers(void **state) {
    (void)state;
    assert_int_equal(field_check_digit("000012050002"), '7');
    assert_int_equal(field_check_digit("000012090001"), '4');
    assert_int_equal(field_check_digit("180301018771"), '1');
}

static void test_code(void **state) {
    struct qr qr = {0};

    (void)state;
    assert_true(qr_parse(span_str("GBZP1;P268049544;v2.1"), &qr));
    assert_string_equal(qr.application_id, "P268049544");
    assert_int_equal(qr.form_version, 201);
    assert_true(qr_parse(span_str("GBZP1;A-1;v10"), &qr));
    assert_int_equal(qr.form_version, 1000);
    assert_false(qr_parse(span_str("GBZP1;;v2"), &qr));
    assert_false(qr_parse(span_str("GBZP1;P1"), &qr));
    assert_false(qr_parse(span_str("GBZP1;P1;v"), &qr));
    assert_false(qr_parse(span_str("GBZP1;P1;v2.1.3"), &qr));
    assert_false(qr_parse(span_str("GBZP1;p<script>;v2"), &qr));
    assert_false(qr_parse(span_str("GBZP2;P1;v2"), &qr));
    assert_false(
        qr_parse(span_str("GBZP1;P1234567890123456789012345678901234567890;v2"), &qr));
}

static struct findings all_well(void) {
    return (struct findings){
        .forms = 1, .certificates = 1,
        .form_number = OCR_FIELD_AGREES, .form_name = OCR_FIELD_AGREES,
        .form_birth = OCR_FIELD_AGREES, .cert_number = OCR_FIELD_AGREES,
        .cert_name = OCR_FIELD_VARIANT, .cert_birth = OCR_FIELD_AGREES,
        .issued = OCR_FIELD_AGREES, .issued_on = {2026, 8, 16},
        .received_on = {2026, 11, 16}, .seal_found = {true, true},
        .form_seal_red = true, .seals_framed = true,
        .seal_score = SEAL_EXACT - 0.001, .seal_weight = 1};
}

static void assert_verdict(const struct findings *f, enum ocr_verdict verdict,
                           uint64_t reasons) {
    struct ocr_evidence e = {0};

    judge(f, &e);
    assert_string_equal(ocr_verdict_str(e.verdict), ocr_verdict_str(verdict));
    assert_int_equal(e.reasons, reasons);
}

static void test_verdict_ok(void **state) {
    struct findings f = all_well();

    (void)state;
    assert_verdict(&f, OCR_OK, 0); /* three months to the day, and a variant */
    f.seal_weight = SEAL_WEIGHT_OFF + 0.01; /* cut again, in a bolder hand */
    assert_false(judge_seal_consistent(&f));
    f.seal_weight = 1;
    f.seal_stray = SEAL_STRAY + 0.001;
    assert_false(judge_seal_consistent(&f));
    f.seal_stray = 0;
    assert_true(judge_seal_consistent(&f));
    f.seal_score = SEAL_CONSISTENT - 0.001;
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_DOUBT_SEAL));
    f.seal_score = SEAL_DIFFERENT - 0.001;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_SEAL_MISMATCH));
    f.seals_framed = false; /* perhaps something else was compared */
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_DOUBT_SEAL));
    f = all_well();
    f.form_gray = true;
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_GRAY_SCAN));
    f = all_well();
    f.faults = OCR_REASON(OCR_IMAGE_BROKEN);
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_IMAGE_BROKEN));
    f = all_well();
    f.form_number = 0; /* never looked at */
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_DOUBT_NUMBER));
}

static void test_verdict_ng(void **state) {
    struct findings f = all_well();

    (void)state;
    f.received_on.day = 17;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_CERT_EXPIRED));
    f = all_well();
    f.cert_number = OCR_FIELD_DIFFERS;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_CORP_NUMBER_MISMATCH));
    f.form_number = OCR_FIELD_DIFFERS; /* both papers say another one than the record */
    f.numbers_equal = true;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_RECORD_MISMATCH));
    f = all_well();
    f.cert_name = OCR_FIELD_DIFFERS;
    f.form_name = OCR_FIELD_DOUBTFUL; /* against what? */
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_DOUBT_NAME));
    f = all_well();
    f.cert_copy = true;
    f.cert_number = OCR_FIELD_DIFFERS; /* what a copy says is not the reason */
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_CERT_PHOTOCOPY));
    f = all_well();
    f.correction = true;
    f.form_number = OCR_FIELD_DOUBTFUL;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_HAND_CORRECTED));
}

static void test_verdict_papers(void **state) {
    struct findings f = {.forms = 1};

    (void)state;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_CERT_MISSING));
    f.blanks = 1;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_BLANK_PAGE));
    f.registries = 1;
    assert_verdict(&f, OCR_NG, OCR_REASON(OCR_WRONG_DOCUMENT));
    f.unknowns = 1; /* may be the certificate */
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_DOUBT_PAGE));
    f = all_well();
    f.certificates = 2;
    assert_verdict(&f, OCR_REVIEW, OCR_REASON(OCR_DUPLICATE_PAGE));
    f = all_well();
    f.other_application = true;
    f.cert_number = OCR_FIELD_DIFFERS;
    assert_verdict(&f, OCR_REVIEW,
                   OCR_REASON(OCR_OTHER_APPLICATION) |
                       OCR_REASON(OCR_CORP_NUMBER_MISMATCH));
}

static void sheet_of(struct sheet *s, struct plane ink, int cb, int cr) {
    static uint8_t colour;

    memset(s, 0, sizeof *s);
    s->raster.cr.px = &colour; /* that there is some */
    s->page.ink = ink;
    s->page.cb = cb;
    s->page.cr = cr;
    s->page.paper = 210; /* what a copier makes of the paper's pattern */
}

/* Colour is what the certificate has beside the form, not what the lamp casts on both. */
static void test_copy_under_cast(void **state) {
    uint8_t blank[40 * 40] = {0};
    struct plane ink = {40, 40, blank};
    struct sheet *form = malloc(sizeof *form), *cert = malloc(sizeof *cert);
    struct findings f = {0};

    (void)state;
    assert_true(form != NULL && cert != NULL);
    sheet_of(form, ink, 12310, 13420);
    sheet_of(cert, ink, 12290, 13450);
    original_cert(cert, form, &f);
    assert_true(f.cert_copy);
    sheet_of(cert, ink, 12800, 12800); /* its tint and the cast make gray */
    original_cert(cert, form, &f);
    assert_false(f.cert_copy);
    assert_false(f.cert_copy_doubt);
    sheet_of(form, ink, 12800, 12800);
    original_cert(cert, form, &f);
    assert_true(f.cert_copy);
    form->raster.cr.px = NULL; /* a gray scan shows no copy */
    original_cert(cert, form, &f);
    assert_false(f.cert_copy);
    free(form);
    free(cert);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),       cmocka_unit_test(test_months),
        cmocka_unit_test(test_spellings),   cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_clear_print), cmocka_unit_test(test_furigana),
        cmocka_unit_test(test_code),        cmocka_unit_test(test_verdict_ok),
        cmocka_unit_test(test_verdict_ng),  cmocka_unit_test(test_verdict_papers),
        cmocka_unit_test(test_copy_under_cast), cmocka_unit_test(test_other_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
