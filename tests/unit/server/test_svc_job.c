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

/* --- more than a job takes --- */

#define MANY (JOB_SCANS_MAX + 1)

static void apply_for(struct fixture *f, struct application_id id) {
    struct command apply = {
        .type = CMD_APPLICATION_SUBMIT,
        .application_submit = {.id = id,
                               .environment = f->config.environment,
                               .kind = APPLICATION_CORPORATION,
                               .form_version = 3,
                               .account_index = {{1}},
                               .person_index = {{2}},
                               .pair_index = {{3}},
                               .confirmed = true,
                               .sealed = span_str("typed")}};

    fixture_apply(f, &apply);
}

/* Files `first` to `end`, one page each, of this application or of nobody's. */
static struct id128 add_sorted(struct fixture *f, uint8_t first, uint8_t end,
                               struct application_id id) {
    struct command bundle = {.type = CMD_BUNDLE_ADD,
                             .bundle_add = {.batch = {{1}},
                                            .count = (size_t)(end - first)}};
    struct command ask = {.type = CMD_JOB_LEASE,
                          .job_lease = {.environment = f->config.environment,
                                        .worker = "w",
                                        .lease_ms = 60000,
                                        .count = 1}};
    struct command sorted = {.type = CMD_JOB_RESULT,
                             .job_result = {.attempt = 1,
                                            .worker = "w",
                                            .pages_count = (size_t)(end - first)}};

    for (uint8_t i = first; i < end; i++) {
        struct command add = {.type = CMD_BLOB_ADD,
                              .blob_add = {.id = {{i}},
                                           .kind = BLOB_SCAN,
                                           .size = 100,
                                           .nodes_count = 1,
                                           .nodes = {1}}};
        fixture_apply(f, &add);
        bundle.bundle_add.files[i - first] = (struct intake_file){
            .blob = {{i}}, .size = 100, .format = SCAN_TIFF, .name = "S.tif"};
        sorted.job_result.pages[i - first] =
            (struct intake_page){.file = (uint8_t)(i - first),
                                 .how = id.text[0] ? PAGE_BY_QR : PAGE_BY_NOTHING,
                                 .id = id};
    }
    fixture_apply(f, &bundle);
    fixture_apply(f, &ask);
    sorted.job_result.key.kind = JOB_SORT;
    sorted.job_result.key.subject =
        store_intake_bundle_id(bundle.bundle_add.files, (size_t)(end - first));
    fixture_apply(f, &sorted);
    return sorted.job_result.key.subject;
}

static struct application application_of(struct fixture *f, struct application_id id) {
    struct application application;
    struct arena arena;

    arena_init(&arena, 1u << 20);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_application_get(f->svc->read, &arena, &id, &application), OK);
    svc_read_end(f->svc);
    arena_close(&arena);
    return application; /* its spans are over */
}

/* It is not read in part: a person reads it. */
static void more_files_than_a_job_takes_go_to_a_person(void **state) {
    struct fixture *f = *state;
    struct application_id id = {"P00001"};
    struct command batch = {.type = CMD_BATCH_ADD,
                            .batch_add = {.id = {{1}},
                                          .label = "朝の便",
                                          .environment = f->config.environment,
                                          .received_day = 20000}};
    struct command place = {.type = CMD_PAGE_PLACE, .page_place = {.id = id}};

    fixture_apply(f, &batch);
    apply_for(f, id);
    place.page_place.bundle =
        add_sorted(f, MANY, MANY + 1, (struct application_id){""});
    add_sorted(f, 1, MANY, id);
    fixture_apply(f, &place);
    assert_int_equal(application_of(f, id).pages, MANY);
    for (int i = 0; i < 5; i++) {
        struct svc_job op = {.action = JOB_ASK};
        assert_int_not_equal(application_of(f, id).state, APPLICATION_STAFF);
        run(f, &op);
        assert_int_equal(op.kind, JOB_NOTHING);
        svc_op_close(&op.op);
        f->repl.now_ms += 20000;
    }
    assert_int_equal(application_of(f, id).state, APPLICATION_STAFF);
    assert_int_equal(application_of(f, id).ocr, FARM_REVIEW);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_stands_twice_is_asked_twice),
        TEST(pages_that_were_not_read_are_not_dropped),
        TEST(more_files_than_a_job_takes_go_to_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
