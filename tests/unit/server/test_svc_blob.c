/* An upload waits for its second copy, and never longer than it is told. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/blob.h"
#include "server/crypto/digest.h"
#include "server/svc_blob.h"

static const char bytes[] = "one page of a scan";

static void on_done(struct svc_blob *blob) {
    *(bool *)blob->arg = true;
}

static enum err run(struct fixture *f, enum svc_blob_action action) {
    bool done = false;
    struct svc_blob op = {.done = on_done,
                          .arg = &done,
                          .action = action,
                          .size = sizeof bytes,
                          .blob_kind = BLOB_SCAN};
    enum err err;

    if (action == BLOB_PART)
        op.chunk = span_of(bytes, sizeof bytes);
    digest_sha256(span_of(bytes, sizeof bytes), op.id.b);
    svc_blob(f->svc, &op);
    fixture_until(f, &done);
    err = op.op.err;
    if (!err)
        assert_int_equal(op.kind, BLOB_DONE);
    svc_op_close(&op.op);
    return err;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    struct blob_id id;

    digest_sha256(span_of(bytes, sizeof bytes), id.b);
    blob_delete(f->shared.blobs, &id);
    return fixture_teardown(state);
}

/* As on another node: it has fetched what this one holds. */
static void copy(void *arg) {
    struct fixture *f = arg;
    struct command hold = {.type = CMD_BLOB_HOLD,
                           .blob_hold = {.node = 2, .count = 1, .blobs = {{.holds = true}}}};

    digest_sha256(span_of(bytes, sizeof bytes), hold.blob_hold.blobs[0].id.b);
    if (f->repl.reads == 3)
        fixture_apply(f, &hold);
}

static void it_is_done_once_there_are_two(void **state) {
    struct fixture *f = *state;

    f->repl.on_read = copy;
    f->repl.on_read_arg = f;
    assert_int_equal(run(f, BLOB_PART), OK);
    assert_int_equal(run(f, BLOB_COMMIT), OK);
    assert_int_equal(f->repl.reads, 3);
}

/* A probe is the pause between two looks: without one there is no second look. */
static void no_probe_no_wait(void **state) {
    struct fixture *f = *state;

    assert_int_equal(run(f, BLOB_PART), OK);
    f->repl.read = ERR_BUSY;
    assert_int_equal(run(f, BLOB_COMMIT), ERR_BUSY);
    assert_int_equal(f->repl.reads, 1);
    f->repl.read = OK;
    f->repl.fresh = ERR_TIMEOUT; /* of the probe */
    assert_int_equal(run(f, BLOB_COMMIT), ERR_TIMEOUT);
    assert_int_equal(f->repl.reads, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_blobs, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_is_done_once_there_are_two),
        TEST(no_probe_no_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
