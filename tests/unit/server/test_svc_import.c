/* What people decided, as a file: what stands in it, and where it ends. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <string.h>

#include "server/svc_import.h"
#include "store/store_write.h"

#define DAY_MS (24ull * 3600 * 1000)
#define DENIED 20

static void add(struct store_write *write, enum client_environment environment,
                enum application_state state, unsigned n, uint32_t defects) {
    struct application a = {.kind = APPLICATION_CORPORATION,
                            .state = state,
                            .environment = environment,
                            .defects = defects,
                            .sealed = span_str("sealed")};

    snprintf(a.id.text, sizeof a.id.text, "P%05u", n);
    a.account_index.b[0] = a.person_index.b[0] = a.pair_index.b[0] = (uint8_t)n;
    a.created_ms = 1;
    a.state_ms = a.decided_ms = n * DAY_MS;
    a.revision = 1;
    if (state == APPLICATION_APPROVED) { /* it lapses (P5) */
        a.mails.count = 1;
        a.mails.at[0] = (struct application_mail){.kind = APPLICATION_MAIL_EXPIRED,
                                                  .at_ms = (n + 60) * DAY_MS,
                                                  .sealed = span_str("sealed")};
    }
    assert_int_equal(store_application_put(write, &a), OK);
}

/* Denied applications P00001 and on, one a day. */
static void add_denied(struct fixture *f) {
    struct store_write *write;
    struct store_meta meta;

    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_read_meta(f->svc->read, &meta), OK);
    svc_read_end(f->svc);
    assert_int_equal(store_write_begin(f->repl.store, &write), OK);
    for (unsigned n = 1; n <= DENIED; n++)
        add(write, f->config.environment, APPLICATION_DENIED, n, DEFECT_CERT_COPY);
    assert_int_equal(store_write_commit(write, &meta), OK);
}

static enum err export(struct fixture *f, unsigned from, unsigned to, size_t rows_max,
                       struct buf *out) {
    return svc_import_export_csv(f->repl.store, from * DAY_MS, to * DAY_MS, rows_max,
                                 TEXT_UTF8, out);
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

/* Whatever became of it since: what was approved stays an OK, what was denied an NG, and
 * what no person decided is neither. */
static void an_export_has_what_people_decided(void **state) {
    static const struct {
        enum application_state state;
        const char *line;
    } rows[] = {
        {APPLICATION_APPROVED, "P00001,OK,\r\n"},  {APPLICATION_ACTIVATED, "P00002,OK,\r\n"},
        {APPLICATION_LAPSED, "P00003,OK,\r\n"},    {APPLICATION_DENIED, "P00004,NG,cert_copy\r\n"},
        {APPLICATION_RETURNED, "P00005,NG,cert_copy\r\n"}, {APPLICATION_DEFECT, ""},
        {APPLICATION_WITHDRAWN, ""},               {APPLICATION_STAFF, ""},
    };
    struct fixture *f = *state;
    struct store_write *write;
    struct store_meta meta;
    struct buf out, want;

    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_read_meta(f->svc->read, &meta), OK);
    svc_read_end(f->svc);
    assert_int_equal(store_write_begin(f->repl.store, &write), OK);
    buf_init(&want, 4096);
    buf_str(&want, DECISION_CSV_HEAD);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        add(write, f->config.environment, rows[i].state, i + 1, DEFECT_CERT_COPY);
        buf_str(&want, rows[i].line);
    }
    assert_int_equal(store_write_commit(write, &meta), OK);
    buf_init(&out, 4096);
    assert_int_equal(export(f, 1, DENIED, 100, &out), OK);
    assert_true(span_equal(buf_span(&out), buf_span(&want)));
    buf_free(&out);
    buf_free(&want);
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
        cmocka_unit_test_setup_teardown(an_export_has_what_people_decided, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_export_ends_at_its_bounds, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
