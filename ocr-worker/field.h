/* field: one field of a form or certificate, read at full resolution and compared with
 * the record. */
#ifndef OCR_WORKER_FIELD_H
#define OCR_WORKER_FIELD_H

#include "ocr-worker/date.h"
#include "ocr-worker/reading.h"
#include "ocr-worker/sheet.h"

struct field_read {
    uint8_t verdict; /* enum ocr_field_verdict */
    float confidence;
    struct box box; /* on the upright page */
    size_t text_len;
    char text[160];
    bool strike;       /* a line is drawn through it, in colour or twice */
    bool strike_doubt; /* something like it */
    size_t digit_count; /* numbers */
    char digits[20];
    size_t digits_sure; /* of the last ones, read for certain */
    bool has_date; /* dates, read for certain */
    struct date date;
};

struct field_expected {
    const char *digits; /* 12 or 13 */
    size_t digit_count;
    struct date date;
    const uint32_t *name, *title; /* the title: of the same person, and no name */
    size_t name_count, title_count;
};

/* As expected, or in another spelling of it. */
bool field_agrees(const struct field_read *read);

void field_number(struct reader_core *core, const struct sheet *sheet, struct box box,
                  const struct field_expected *expected, struct field_read *ret);
void field_name(struct reader_core *core, const struct sheet *sheet, struct box box,
                const struct field_expected *expected, struct field_read *ret);
/* Is it the expected name, in its own spelling or in another one? At a part of what
 * field_name costs, which would say what it is instead. */
bool field_has_name(struct reader_core *core, const struct sheet *sheet, struct box box,
                    const struct field_expected *expected, struct field_read *ret);
/* `expected_day`: false reads a date without comparing (the day of issue). */
void field_date(struct reader_core *core, const struct sheet *sheet, struct box box,
                bool compare, const struct field_expected *expected,
                struct field_read *ret);

/* The check digit of a company number's twelve digits ('1'..'9'). */
char field_check_digit(const char *twelve);

#endif
