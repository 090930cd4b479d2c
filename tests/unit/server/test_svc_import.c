/* What people decided, as a file: what stands in it, and where it ends. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <string.h>

#include "server/svc_import.h"
#include "store/store_write.h"

#define DAY_MS (24ull * 3600 * 1000)
#define DENIED 20

/* Denied applications P00001 and on, one a day. */
static void add_denied(struct fixture *f) {
    struct store_write *write;
    struct store_meta meta;

    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_read_meta(f->svc->read, &meta), OK);
    svc_read_end(f->svc);
    assert_int_equal(store_write_begin(f->repl.store, &write), OK);
    for (unsigned n = 1; n <= DENIED; n++) {
        struct application a = {.kind = APPLICATION_CORPORATION,
                                .state = APPLICATION_DENIED,
                                .environment = f->config.environment,
                                .defects = DEFECT_CERT_COPY,
                                .sealed = span_str("sealed")};
        snprintf(a.id.text, sizeof a.id.text, "P%05u", n);
        a.account_index.b[0] = a.person_index.b[0] = a.pair_index.b[0] = (uint8_t)n;
        a.created_ms = 1;
        a.state_ms = a.decided_ms = n * DAY_MS;
        a.revision = 1;
        assert_int_equal(store_application_put(write, &a), OK);
    }
    assert_int_equal(store_write_commit(write, &meta), OK);
}

static enum err export(struct fixture *f, unsigned from, unsigned to, size_t rows_max,
                       struct buf *out) {
    return svc_import_export(f->svc, from * DAY_MS, to * DAY_MS, rows_max, out);
}

static void an_export_is_of_its_days(void **state) {
    struct fixture *f = *state;
    struct buf out;

    add_denied(f);
    buf_init(&out, 4096);
    assert_int_equal(export(f, 3, 4, 100, &out), OK);
    assert_true(span_is(buf_span(&out), DECISION_CSV_HEAD "P00003,NG,cert_copy\r\n"
                                                          "P00004,NG,cert_copy\r\n"));
    buf_free(&out);
}

/* It works for a bounded time, whatever there is. */
static void an_export_ends_at_its_bounds(void **state) {
    struct fixture *f = *state;
    struct buf out;

    add_denied(f);
    buf_init(&out, 4096);
    assert_int_equal(export(f, 1, DENIED, DENIED - 1, &out), ERR_TOO_BIG);
    buf_free(&out);
    buf_init(&out, 4096);
    assert_int_equal(export(f, 1, DENIED, DENIED, &out), OK);
    buf_free(&out);
    buf_init(&out, 100); /* it is full long before */
    assert_int_equal(export(f, 1, DENIED, DENIED, &out), ERR_TOO_BIG);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_export_is_of_its_days, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_export_ends_at_its_bounds, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
