/* fuzz_decision_csv: lines are bounded and judged; what is good survives being written and
 * read again; the same bytes as CP932 end in text or in an error. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/domain/decision_csv.h"
#include "server/domain/defect.h"
#include "server/text_codec.h"
#include "store/base/check.h"
#include "store/base/codec.h"

static struct decision_line lines[DECISION_CSV_LINES_MAX],
    again_lines[DECISION_CSV_LINES_MAX];

static void check_again(const struct decision_csv *csv) {
    struct decision_csv again = {.lines = again_lines, .max = DECISION_CSV_LINES_MAX};
    struct buf text;
    size_t good = 0;

    buf_init(&text, DECISION_CSV_BYTES_MAX);
    buf_str(&text, DECISION_CSV_HEAD);
    for (size_t i = 0; i < csv->count; i++) {
        const struct decision_line *line = &csv->lines[i];
        CHECK(line->fault <= DECISION_FAULT_LAST);
        CHECK(strlen(line->id) <= DECISION_ID_MAX);
        CHECK(line->defects < 1u << DEFECTS);
        if (line->fault == DECISION_GOOD) {
            decision_csv_put(line->id, line->ok, line->defects, &text);
            good++;
        }
    }
    if (buf_err(&text) == OK) {
        CHECK(decision_csv_parse(buf_span(&text), &again) == OK);
        CHECK(again.count == good);
        for (size_t i = 0; i < again.count; i++)
            CHECK(again.lines[i].fault == DECISION_GOOD);
    }
    buf_free(&text);
}

static void parse(struct span text) {
    struct decision_csv csv = {.lines = lines, .max = DECISION_CSV_LINES_MAX};

    if (decision_csv_parse(text, &csv) == OK) {
        CHECK(csv.count <= csv.max);
        check_again(&csv);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf text;

    parse(span_of(data, size));
    buf_init(&text, DECISION_CSV_BYTES_MAX);
    if (text_decode(TEXT_CP932, span_of(data, size), &text) == OK) {
        CHECK(utf8_valid(buf_span(&text)));
        parse(buf_span(&text));
    }
    buf_free(&text);
    return 0;
}
