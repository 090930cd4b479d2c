/* What the farm read beside what was typed: the two written alike, differences marked by
 * character, a seal's score in words; and nothing that decides. */
#include "tests/unit/server/svc_fixture.h"

#include <jansson.h>
#include <string.h>

#include "server/domain/profile.h"
#include "server/svc_staff_review.h"

static const struct application_id id = {"P271000"};

static struct profile typed(void) {
    struct profile profile = {.corp_type = CORP_CORPORATION};

    profile.fields[PROFILE_CORPORATE_NUMBER] = span_str("7000012050002");
    profile.fields[PROFILE_NAME] = span_str("襷株式会社");
    profile.fields[PROFILE_REP_LAST_NAME] = span_str("山本");
    profile.fields[PROFILE_REP_FIRST_NAME] = span_str("千尋");
    profile.fields[PROFILE_BIRTHDAY] = span_str("19800307");
    return profile;
}

/* The rows of these fields. */
static json_t *rows_of(const struct ocr_field *fields, uint32_t count) {
    struct profile profile = typed();
    struct ocr_evidence evidence = {.field_count = count};

    memcpy(evidence.fields, fields, count * sizeof fields[0]);
    return svc_staff_evidence_json(&profile, &evidence, &id);
}

static json_t *row_of(uint8_t kind, uint8_t verdict, uint16_t confidence,
                      const char *text) {
    const struct ocr_field field = {.kind = kind,
                                    .verdict = verdict,
                                    .confidence = confidence,
                                    .text = span_str(text)};
    json_t *list = rows_of(&field, 1);
    json_t *row = json_incref(json_array_get(list, 0));

    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    return row;
}

/* The side's text, differing runs in brackets. */
static void side(const json_t *row, const char *name, const char *want) {
    struct buf text;
    json_t *run;
    size_t i;

    buf_init(&text, 512);
    json_array_foreach(json_object_get(row, name), i, run) {
        bool differs = json_is_true(json_object_get(run, "differs"));
        buf_printf(&text, "%s%s%s", differs ? "[" : "",
                   json_string_value(json_object_get(run, "text")), differs ? "]" : "");
    }
    assert_true(span_is(buf_span(&text), want));
    buf_free(&text);
}

static void both(uint8_t kind, const char *text, const char *left, const char *right) {
    json_t *row = row_of(kind, OCR_FIELD_DIFFERS, 810, text);

    assert_true(json_is_true(json_object_get(row, "compared")));
    assert_true(json_is_false(json_object_get(row, "agrees")));
    side(row, "typed", left);
    side(row, "read", right);
    json_decref(row);
}

static void what_was_typed_is_written_as_the_field_writes_it(void **state) {
    (void)state;
    both(OCR_FIELD_FORM_NUMBER, "7000012050002", "7000012050002", "7000012050002");
    both(OCR_FIELD_FORM_NUMBER, "7-0000-1205-0002", "7000012050002", "7000012050002");
    /* A certificate has the twelve digits behind the check digit. */
    both(OCR_FIELD_CERT_NUMBER, "0000-12-050002", "000012050002", "000012050002");
    both(OCR_FIELD_CERT_NUMBER, "0000-12-050003", "00001205000[2]", "00001205000[3]");
    both(OCR_FIELD_CERT_NAME, "山木千尋", "山[本] 千尋", "山[木]千尋");
    both(OCR_FIELD_FORM_NAME, "山本　千尋", "山本 千尋", "山本　千尋");
    both(OCR_FIELD_CERT_COMPANY, "襷株式會社", "襷株式[会]社", "襷株式[會]社");
    both(OCR_FIELD_FORM_BIRTH, "1980年3月8日", "1980年3月[7]日", "1980年3月[8]日");
    both(OCR_FIELD_CERT_BIRTH, "昭和55年3月7日", "昭和55年3月7日", "昭和55年3月7日");
}

static void what_nobody_typed_is_shown_alone(void **state) {
    json_t *row = row_of(OCR_FIELD_CERT_ISSUED, OCR_FIELD_AGREES, 999, "令和8年4月1日");

    (void)state;
    assert_true(json_is_false(json_object_get(row, "compared")));
    assert_true(json_is_true(json_object_get(row, "agrees")));
    side(row, "typed", "");
    side(row, "read", "令和8年4月1日");
    json_decref(row);
    row = row_of(OCR_FIELD_COPY_MARK, OCR_FIELD_DOUBTFUL, 0, "");
    assert_null(json_object_get(row, "read"));
    assert_string_equal(json_string_value(json_object_get(row, "confidence")), "0.00");
    json_decref(row);
}

static void a_seals_score_is_said_in_words_and_never_as_yes(void **state) {
    static const struct {
        uint16_t score;
        const char *word, *number;
    } cases[] = {{0, "seal_against", "0.00"},    {699, "seal_against", "0.69"},
                 {700, "seal_look", "0.70"},     {950, "seal_look", "0.95"},
                 {951, "seal_consistent", "0.95"}, {1000, "seal_consistent", "1.00"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *row = row_of(i % 2 ? OCR_FIELD_FORM_SEAL : OCR_FIELD_CERT_SEAL,
                             OCR_FIELD_DOUBTFUL, cases[i].score, "");
        assert_string_equal(json_string_value(json_object_get(row, "seal")),
                            cases[i].word);
        assert_string_equal(json_string_value(json_object_get(row, "confidence")),
                            cases[i].number);
        assert_true(json_is_false(json_object_get(row, "compared")));
        json_decref(row);
    }
}

/* The number that a scan was sorted by is no evidence; the pictures keep their places. */
static void pictures_are_those_of_their_fields(void **state) {
    const struct ocr_field fields[] = {
        {.kind = OCR_FIELD_FORM_NUMBER, .verdict = OCR_FIELD_AGREES},
        {.kind = OCR_FIELD_APPLICATION_ID, .verdict = OCR_FIELD_AGREES},
        {.kind = OCR_FIELD_CERT_NAME, .verdict = OCR_FIELD_VARIANT}};
    json_t *list = rows_of(fields, 3), *row;

    (void)state;
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "crop")),
                        "/staff/scan?id=P271000&field=0");
    row = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(row, "crop")),
                        "/staff/scan?id=P271000&field=2");
    assert_string_equal(json_string_value(json_object_get(row, "verdict")), "variant");
    assert_true(json_is_false(json_object_get(row, "agrees"))); /* shown as such */
    json_decref(list);
    list = rows_of(fields, 0);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_typed_is_written_as_the_field_writes_it),
        cmocka_unit_test(what_nobody_typed_is_shown_alone),
        cmocka_unit_test(a_seals_score_is_said_in_words_and_never_as_yes),
        cmocka_unit_test(pictures_are_those_of_their_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
