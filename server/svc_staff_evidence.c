/* svc_staff_evidence: what the OCR farm found, beside what the applicant typed. It is
 * shown as evidence: nothing here decides. */
#include <stdio.h>

#include "server/domain/date_like.h"
#include "server/domain/profile.h"
#include "server/domain/text_diff.h"
#include "server/svc_staff_review.h"

/* The score of two seals (OCR.md, seals). */
#define SEAL_AGAINST 700
#define SEAL_CONSISTENT 950
#define TEXT_MAX 1024

static json_t *runs_json(const struct text_side *side) {
    json_t *list = json_array();

    for (size_t i = 0; i < side->count; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:b}", "text", svc_staff_text(side->runs[i].text),
                            "differs", side->runs[i].differs));
    return list;
}

/* Without hyphens; a certificate's number has twelve digits, the last of the thirteen. */
static void put_number(struct span number, bool of_certificate, struct buf *out) {
    size_t from = of_certificate && number.len == 13 ? 1 : 0;

    for (size_t i = from; i < number.len; i++) {
        if (number.data[i] != '-')
            buf_put(out, number.data + i, 1);
    }
}

static void put_name(const struct profile *profile, struct buf *out) {
    struct span last = profile->fields[PROFILE_REP_LAST_NAME];
    struct span first = profile->fields[PROFILE_REP_FIRST_NAME];

    buf_put(out, last.data, last.len);
    buf_str(out, last.len > 0 && first.len > 0 ? " " : "");
    buf_put(out, first.data, first.len);
}

/* What was typed, written as the field writes it. False: there is nothing to compare. */
static bool put_typed(const struct profile *profile, const struct ocr_field *field,
                      struct buf *out) {
    struct span company = profile->fields[PROFILE_NAME];

    switch (field->kind) {
    case OCR_FIELD_FORM_NUMBER:
    case OCR_FIELD_CERT_NUMBER:
        put_number(profile->fields[PROFILE_CORPORATE_NUMBER],
                   field->kind == OCR_FIELD_CERT_NUMBER, out);
        return true;
    case OCR_FIELD_FORM_NAME:
    case OCR_FIELD_CERT_NAME:
        put_name(profile, out);
        return true;
    case OCR_FIELD_FORM_BIRTH:
    case OCR_FIELD_CERT_BIRTH:
        date_like(profile->fields[PROFILE_BIRTHDAY], field->text, out);
        return true;
    case OCR_FIELD_CERT_COMPANY:
        buf_put(out, company.data, company.len);
        return true;
    default:
        return false;
    }
}

static void add_comparison(const struct profile *profile, const struct ocr_field *field,
                           json_t *row) {
    struct buf typed, read;
    struct text_diff *diff = malloc(sizeof *diff);

    buf_init(&typed, TEXT_MAX);
    buf_init(&read, TEXT_MAX);
    if (field->kind == OCR_FIELD_FORM_NUMBER || field->kind == OCR_FIELD_CERT_NUMBER)
        put_number(field->text, false, &read);
    else
        buf_put(&read, field->text.data, field->text.len);
    if (diff && put_typed(profile, field, &typed)) {
        text_diff(buf_span(&typed), buf_span(&read), diff);
        json_object_set_new(row, "typed", runs_json(&diff->a));
        json_object_set_new(row, "read", runs_json(&diff->b));
        json_object_set_new(row, "compared", json_true());
    } else if (diff && read.len > 0) {
        json_object_set_new(row, "typed", json_array());
        json_object_set_new(
            row, "read",
            json_pack("[{s:o, s:b}]", "text", svc_staff_text(buf_span(&read)), "differs",
                      false));
    }
    buf_free(&typed);
    buf_free(&read);
    free(diff);
}

static const char *seal_band(unsigned score) {
    return score < SEAL_AGAINST        ? "seal_against"
           : score <= SEAL_CONSISTENT ? "seal_look"
                                       : "seal_consistent";
}

static json_t *row_json(const struct profile *profile, const struct ocr_field *field,
                        size_t index, const struct application_id *id) {
    char confidence[8], crop[96];
    json_t *row;

    snprintf(confidence, sizeof confidence, "%u.%02u", field->confidence / 1000u,
             field->confidence % 1000u / 10u);
    snprintf(crop, sizeof crop, "/staff/scan?id=%s&field=%zu", id->text, index);
    row = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b}", "field", ocr_field_kind_str(field->kind),
                    "verdict", ocr_field_verdict_str(field->verdict), "confidence",
                    confidence, "crop", crop, "agrees",
                    field->verdict == OCR_FIELD_AGREES, "compared", false, "seal",
                    false);
    if (field->kind == OCR_FIELD_FORM_SEAL || field->kind == OCR_FIELD_CERT_SEAL)
        json_object_set_new(row, "seal", json_string(seal_band(field->confidence)));
    else
        add_comparison(profile, field, row);
    return row;
}

json_t *svc_staff_evidence_json(const struct profile *profile,
                                const struct ocr_evidence *evidence,
                                const struct application_id *id) {
    json_t *list = json_array();

    for (uint32_t i = 0; i < evidence->field_count; i++) {
        if (evidence->fields[i].kind != OCR_FIELD_APPLICATION_ID)
            json_array_append_new(list,
                                  row_json(profile, &evidence->fields[i], i, id));
    }
    return list;
}
