/* test_ocr_wire: jobs and evidence survive the way, and nothing else gets through. */
#include "ocr-worker/wire/evidence_wire.h"
#include "ocr-worker/wire/job_wire.h"
#include "tests/unit/store/unit.h"

static struct job a_job(void) {
    struct job job = {.id = span_of("\1\2\3", 3), .attempt = 2, .lease_ms = 60000};

    job.record = (struct job_record){
        .application_id = span_str("P268049544"),
        .corporate_number = span_str("7140003014381"),
        .company = span_str("白樺テクノロジー株式会社"),
        .address = span_str("東京都港区芝公園１丁目"),
        .title = span_str("代表取締役"),
        .name = span_str("山本 千尋"),
        .birth_date = span_str("1990-10-06"),
        .received_on = span_str("2026-11-16"),
    };
    job.scan_count = 2;
    job.scans[0] = (struct job_scan){.len = 123456, .media = JOB_MEDIA_TIFF};
    job.scans[1] = (struct job_scan){.hash = {0xab}, .len = 7, .media = JOB_MEDIA_JPEG};
    return job;
}

static void test_job(void **state) {
    struct job job = a_job(), got;
    struct buf out;

    (void)state;
    buf_init(&out, JOB_WIRE_MAX);
    assert_ok(job_encode(&job, &out));
    assert_ok(job_decode(buf_span(&out), &got));
    assert_true(span_equal(got.record.name, job.record.name));
    assert_true(span_equal(got.id, job.id));
    assert_int_equal(got.scans[1].hash[0], 0xab);
    assert_int_equal(got.scans[0].len, 123456);
    for (size_t len = 0; len < out.len; len++)
        assert_err(job_decode(span_of(out.data, len), &got), ERR_INVALID);
    out.data[4] = 9;
    assert_err(job_decode(buf_span(&out), &got), ERR_VERSION);
    buf_free(&out);
}

static void test_job_bounds(void **state) {
    struct job job = a_job();
    struct buf out;

    (void)state;
    buf_init(&out, JOB_WIRE_MAX);
    job.record.corporate_number = span_str("714000301438");
    assert_err(job_encode(&job, &out), ERR_INVALID);
    job = a_job();
    job.record.name = span_str("\xff");
    assert_err(job_encode(&job, &out), ERR_INVALID);
    job = a_job();
    job.scans[0].media = 9;
    assert_err(job_encode(&job, &out), ERR_INVALID);
    job = a_job();
    job.record.birth_date = span_str("1990/10/06");
    assert_err(job_encode(&job, &out), ERR_INVALID);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

static struct ocr_evidence an_evidence(void) {
    struct ocr_evidence e = {.job_id = span_of("\1", 1), .attempt = 1, .verdict = OCR_NG};

    e.reasons = OCR_REASON(OCR_NAME_MISMATCH) | OCR_REASON(OCR_DOUBT_SEAL);
    e.page_count = 1;
    e.pages[0] = (struct ocr_page){.kind = OCR_PAGE_FORM, .turn = 180, .skew = -42,
                                   .width = 2480, .height = 3508, .dpi = 300};
    e.field_count = 1;
    e.fields[0] = (struct ocr_field){.kind = OCR_FIELD_FORM_NAME,
                                     .verdict = OCR_FIELD_DIFFERS, .confidence = 873,
                                     .quad = {{1, 2}, {3, 2}, {3, 4}, {-1, 4}},
                                     .text = span_str("田中 朋")};
    return e;
}

static void test_evidence(void **state) {
    struct ocr_evidence e = an_evidence(), got;
    struct buf out, json;

    (void)state;
    buf_init(&out, EVIDENCE_WIRE_MAX);
    assert_ok(evidence_encode(&e, &out));
    assert_ok(evidence_decode(buf_span(&out), &got));
    assert_int_equal(got.pages[0].skew, -42);
    assert_int_equal(got.fields[0].quad[3].x, -1);
    assert_true(span_equal(got.fields[0].text, e.fields[0].text));
    for (size_t len = 0; len < out.len; len++)
        assert_err(evidence_decode(span_of(out.data, len), &got), ERR_INVALID);
    buf_init(&json, 1 << 16);
    evidence_json(&got, &json);
    buf_put(&json, "", 1);
    assert_non_null(strstr((char *)json.data, "\"reasons\":[\"name_mismatch\",\"doubt_seal\"]"));
    buf_free(&json);
    buf_free(&out);
}

static void test_evidence_rules(void **state) {
    struct ocr_evidence e = an_evidence();
    struct buf out;

    (void)state;
    buf_init(&out, EVIDENCE_WIRE_MAX);
    e.verdict = OCR_OK; /* with reasons: a worker that contradicts itself */
    assert_err(evidence_encode(&e, &out), ERR_INVALID);
    e = an_evidence();
    e.reasons = OCR_REASON(OCR_DOUBT_SEAL); /* NG needs more than a doubt */
    assert_err(evidence_encode(&e, &out), ERR_INVALID);
    e = an_evidence();
    e.reasons |= UINT64_C(1) << 63;
    assert_err(evidence_encode(&e, &out), ERR_INVALID);
    e = an_evidence();
    e.fields[0].page = 1;
    assert_err(evidence_encode(&e, &out), ERR_INVALID);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_job_bounds),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_evidence_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
