/* What a worker is asked, and what becomes of its answer. */
#include "tests/unit/server/svc_fixture.h"

#include <string.h>

#include "ocr-worker/wire/evidence_wire.h"
#include "ocr-worker/wire/job_wire.h"
#include "server/svc_job.h"
#include "store/store_intake.h"

static void on_done(struct svc_job *job) {
    *(bool *)job->arg = true;
}

static void run(struct fixture *f, struct svc_job *job) {
    bool done = false;

    job->done = on_done;
    job->arg = &done;
    svc_job(f->svc, job);
    fixture_until(f, &done);
    assert_int_equal(job->op.err, OK);
}

/* A stack of three files, the second of which is the first once more. */
static struct id128 add_bundle(struct fixture *f) {
    struct command batch = {.type = CMD_BATCH_ADD,
                            .batch_add = {.id = {{1}},
                                          .label = "朝の便",
                                          .environment = f->config.environment,
                                          .received_day = 20000}};
    struct command bundle = {.type = CMD_BUNDLE_ADD,
                             .bundle_add = {.batch = {{1}}, .count = 3}};

    fixture_apply(f, &batch);
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t blob = i == 2 ? 2 : 1;
        struct command add = {.type = CMD_BLOB_ADD,
                              .blob_add = {.id = {{blob}},
                                           .kind = BLOB_SCAN,
                                           .size = 100,
                                           .nodes_count = 1,
                                           .nodes = {1}}};
        fixture_apply(f, &add);
        bundle.bundle_add.files[i] = (struct intake_file){.blob = {{blob}},
                                                          .size = 100,
                                                          .format = SCAN_TIFF,
                                                          .name = "S0001-1.tif"};
    }
    fixture_apply(f, &bundle);
    return store_intake_bundle_id(bundle.bundle_add.files, 3);
}

/* What is asked next; job->op is to be closed. */
static void lease(struct fixture *f, struct svc_job *op, struct job *ret_job) {
    *op = (struct svc_job){.action = JOB_ASK};
    run(f, op);
    assert_int_equal(op->kind, JOB_ANSWERED);
    assert_int_equal(job_decode(op->body, ret_job), OK);
}

static void answer(struct fixture *f, const struct job *job, uint64_t more_reasons) {
    static struct ocr_evidence evidence;
    struct svc_job op = {.action = JOB_ANSWER};
    struct buf body;

    evidence = (struct ocr_evidence){.job_id = job->id,
                                     .attempt = job->attempt,
                                     .verdict = OCR_REVIEW,
                                     .reasons =
                                         OCR_REASON(OCR_DOUBT_PAGE) | more_reasons,
                                     .page_count = 3};
    for (uint8_t i = 0; i < 3; i++)
        evidence.pages[i] = (struct ocr_page){.scan = i, .width = 100, .height = 100};
    buf_init(&body, EVIDENCE_WIRE_MAX);
    assert_int_equal(evidence_encode(&evidence, &body), OK);
    op.body_in = buf_span(&body);
    run(f, &op);
    assert_int_equal(op.kind, JOB_ANSWERED);
    svc_op_close(&op.op);
    buf_free(&body);
}

static void read_back(struct fixture *f, struct id128 id, struct intake_bundle *bundle) {
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_intake_bundle_get(f->svc->read, id, bundle), OK);
    svc_read_end(f->svc);
}

/* A page's file is one of the bundle's, by its number there. */
static void a_file_that_stands_twice_is_asked_twice(void **state) {
    static struct intake_bundle bundle;
    struct fixture *f = *state;
    struct id128 id = add_bundle(f);
    struct svc_job op;
    struct job job;

    lease(f, &op, &job);
    assert_int_equal(job.scan_count, 3);
    assert_int_equal(job.scans[0].hash[0], 1);
    assert_int_equal(job.scans[1].hash[0], 1);
    assert_int_equal(job.scans[2].hash[0], 2);
    answer(f, &job, 0);
    svc_op_close(&op.op);
    read_back(f, id, &bundle);
    assert_int_equal(bundle.state, BUNDLE_SORTED);
    assert_int_equal(bundle.pages_count, 3);
    assert_int_equal(bundle.pages[2].file, 2);
}

/* Half a stack is not sorted: after some attempts a person gets every file of it. */
static void pages_that_were_not_read_are_not_dropped(void **state) {
    static const uint64_t unread[] = {
        OCR_REASON(OCR_IMAGE_BROKEN), OCR_REASON(OCR_IMAGE_TOO_LARGE),
        OCR_REASON(OCR_IMAGE_UNKNOWN), OCR_REASON(OCR_READER_MEMORY),
        OCR_REASON(OCR_TOO_MANY_PAGES)};
    static struct intake_bundle bundle;
    struct fixture *f = *state;
    struct id128 id = add_bundle(f);

    for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++) {
        struct svc_job op;
        struct job job;
        read_back(f, id, &bundle);
        assert_int_equal(bundle.state, BUNDLE_SORTING);
        lease(f, &op, &job);
        answer(f, &job, unread[i]);
        svc_op_close(&op.op);
        f->repl.now_ms += 60000;
    }
    read_back(f, id, &bundle);
    assert_int_equal(bundle.state, BUNDLE_SORTED);
    assert_int_equal(bundle.pages_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bundle.pages[i].file, i);
        assert_int_equal(bundle.pages[i].kind, PAGE_UNREADABLE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_stands_twice_is_asked_twice),
        TEST(pages_that_were_not_read_are_not_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
