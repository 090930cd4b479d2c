/* The CSV of decisions: each line by itself, in both encodings. */
#include "tests/unit/server/unit.h"

#include "server/domain/decision_csv.h"
#include "server/domain/defect.h"
#include "server/text_codec.h"

static struct decision_line lines[DECISION_CSV_LINES_MAX];

static struct decision_csv parsed(struct span text) {
    struct decision_csv csv = {.lines = lines, .max = DECISION_CSV_LINES_MAX};

    assert_int_equal(decision_csv_parse(text, &csv), OK);
    return csv;
}

static void good_lines_are_read(void **state) {
    struct decision_csv csv = parsed(
        span_str("\xef\xbb\xbf申請書ID,審査結果,不備区分\r\n"
                 "P268049544,OK,\r\n"
                 "\r\n"
                 "\"P268050723\", NG ,cert_expired;form_differs\n"
                 "P268051247,NG\n"
                 "P268051248,OK"));

    (void)state;
    assert_int_equal(csv.count, 4);
    for (size_t i = 0; i < csv.count; i++)
        assert_int_equal(lines[i].fault, DECISION_GOOD);
    assert_string_equal(lines[0].id, "P268049544");
    assert_true(lines[0].ok);
    assert_int_equal(lines[0].number, 2);
    assert_int_equal(lines[1].number, 4);
    assert_false(lines[1].ok);
    assert_int_equal(lines[1].defects, defect_bit(span_str("cert_expired")) |
                                           defect_bit(span_str("form_differs")));
    assert_int_equal(lines[2].defects, 0);
}

static void each_line_is_judged_by_itself(void **state) {
    static const struct {
        const char *line;
        enum decision_fault fault;
    } cases[] = {
        {"P268049544", DECISION_COLUMNS},
        {"P268049544,OK,,", DECISION_COLUMNS},
        {"p268049544,OK", DECISION_BAD_ID},
        {"=CMD(),OK", DECISION_BAD_ID},
        {"P26804954400000000,OK", DECISION_BAD_ID},
        {"P268049544,ok", DECISION_BAD_WORD},
        {"P268049545,承認", DECISION_BAD_WORD},
        {"P268049546,OK,cert_copy", DECISION_BAD_DEFECT},
        {"P268049547,NG,nonsense", DECISION_BAD_DEFECT},
        {"P268049548,NG,cert_copy;", DECISION_GOOD},
        {"P268049548,OK", DECISION_TWICE},
        {"P268049549,OK", DECISION_GOOD},
        {"\"P268049550,OK", DECISION_COLUMNS},
    };
    struct buf text;
    struct decision_csv csv;

    (void)state;
    buf_init(&text, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        buf_printf(&text, "%s\r\n", cases[i].line);
    csv = parsed(buf_span(&text));
    assert_int_equal(csv.count, sizeof cases / sizeof cases[0]);
    for (size_t i = 0; i < csv.count; i++)
        if (lines[i].fault != cases[i].fault)
            fail_msg("%s: %s", cases[i].line, decision_fault_name(lines[i].fault));
    buf_free(&text);
}

static void what_is_too_much_is_refused(void **state) {
    struct decision_csv csv = {.lines = lines, .max = 2};
    struct buf text;

    (void)state;
    assert_int_equal(
        decision_csv_parse(span_str("P268049544,OK\nP268049545,OK\nP268049546,OK\n"), &csv),
        ERR_TOO_BIG);
    assert_int_equal(decision_csv_parse(span_of("\xff\xff", 2), &csv), ERR_INVALID);
    csv.max = DECISION_CSV_LINES_MAX;
    buf_init(&text, 2u * DECISION_CSV_BYTES_MAX);
    while (text.len <= DECISION_CSV_BYTES_MAX)
        buf_str(&text, "P268049544,OK\n");
    assert_int_equal(decision_csv_parse(buf_span(&text), &csv), ERR_TOO_BIG);
    buf_free(&text);
}

static void both_encodings_say_the_same(void **state) {
    static const char head[] = DECISION_CSV_HEAD;
    struct buf cp932, back;

    (void)state;
    buf_init(&cp932, 4096);
    buf_init(&back, 4096);
    assert_int_equal(text_encode(TEXT_CP932, span_str(head), &cp932), OK);
    assert_int_not_equal(cp932.len, strlen(head));
    assert_int_equal(text_decode(TEXT_AUTO, buf_span(&cp932), &back), OK);
    assert_true(span_is(buf_span(&back), head));
    buf_reset(&back);
    assert_int_equal(text_decode(TEXT_UTF8, buf_span(&cp932), &back), ERR_INVALID);
    buf_reset(&back);
    assert_int_equal(text_decode(TEXT_CP932, span_of("\x82", 1), &back), ERR_INVALID);
    buf_reset(&back);
    assert_int_equal(text_encode(TEXT_CP932, span_str("\xf0\xa0\xae\xb7"), &back),
                     ERR_INVALID); /* 𠮷 is not in it */
    buf_free(&cp932);
    buf_free(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_read),
        cmocka_unit_test(each_line_is_judged_by_itself),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(both_encodings_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
