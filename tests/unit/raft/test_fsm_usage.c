/* The state machine: what relying parties use is counted, each thing once, by months of
 * Japan, and forgotten after three years. */
#include "tests/unit/store/unit.h"

#include <string.h>

#include "raft/fsm_limits.h"
#include "store/store_usage.h"
#include "tests/unit/raft/fsm_fixture.h"

#define DAY_MS (24ull * HOUR_MS)

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    struct command client = command_client("rp");
    assert_code(fsm_fixture_do(fx, &client), OUT_OK);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fsm_fixture *fx = *state;
    fsm_fixture_close(fx);
    free(fx);
    return 0;
}

static uint64_t count_of(struct fsm_fixture *fx, uint32_t month, const char *client_id,
                         enum usage_kind kind) {
    struct store_read *read;
    struct usage_row row;
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    enum err err = store_usage_get(read, month, span_str(client_id), &row);
    store_read_end(read);
    store_read_free(read);
    assert_true(err == OK || err == ERR_NOT_FOUND);
    return err == OK ? row.counts[kind] : 0;
}

static uint32_t month_now(struct fsm_fixture *fx) {
    return store_usage_month(fx->now_ms);
}

static void months_are_japans(void **state) {
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01"},
        {1582988399999, "2020-02"}, /* 29 February, 23:59:59.999 in Tokyo */
        {1582988400000, "2020-03"},
        {1767193199999, "2025-12"},
        {1767193200000, "2026-01"},
        {1795532399999, "2026-11"}, /* 24 November 2026, 23:59:59.999 */
        {951782399999, "2000-02"},  /* 29 February 2000, a leap year by 400 */
        {4107510000000, "2100-03"}, /* and 2100 is none */
        {4107509999999, "2100-02"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[STORE_USAGE_MONTH_TEXT];
        store_usage_month_print(store_usage_month(rows[i].ms), text);
        assert_string_equal(text, rows[i].text);
    }
    /* No moment is too late for it. */
    assert_true(store_usage_month(UINT64_MAX - 10 * HOUR_MS) > 0);
}

static void a_batch_counts_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_usage(1);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_code(fsm_fixture_do(fx, &command), OUT_PROOF_REPLAYED);
    command = command_usage(2);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_int_equal(count_of(fx, month_now(fx), "rp", USAGE_USERINFO), 2);
    assert_int_equal(count_of(fx, month_now(fx), "", USAGE_TOP), 2);
    assert_int_equal(count_of(fx, month_now(fx), "", USAGE_USERINFO), 0);
}

static void a_client_that_there_is_not_gets_no_row(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_usage(1);
    command.usage_add.items[0].client_id = span_str("nobody");
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_int_equal(count_of(fx, month_now(fx), "nobody", USAGE_USERINFO), 0);
    assert_int_equal(count_of(fx, month_now(fx), "", USAGE_TOP), 1);
}

static void a_code_is_a_login_and_a_refused_one_is_none(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_account(1);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    command = command_login(1, 1);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    command = command_issue(1, 1);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_code(fsm_fixture_do(fx, &command), OUT_EXISTS);
    command = command_issue(2, 2);
    assert_code(fsm_fixture_do(fx, &command), OUT_SESSION_ENDED);
    command = command_issue(1, 3);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_int_equal(count_of(fx, month_now(fx), "rp", USAGE_LOGIN), 2);
}

static void it_does_not_wrap(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_usage(1);
    command.usage_add.items[0].counts[USAGE_USERINFO] = UINT64_MAX;
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    command = command_usage(2);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_true(count_of(fx, month_now(fx), "rp", USAGE_USERINFO) == UINT64_MAX);
}

static void three_years_are_kept_and_no_more(void **state) {
    struct fsm_fixture *fx = *state;
    uint32_t first = month_now(fx);
    for (uint64_t n = 0; n < 45; n++) {
        struct command command = command_usage(n);
        assert_code(fsm_fixture_do(fx, &command), OUT_OK);
        while (month_now(fx) == first + n) {
            fx->now_ms += 7 * DAY_MS;
        }
    }
    uint32_t last = first + 44;
    for (uint32_t month = first; month <= last; month++) {
        bool kept = month + FSM_USAGE_MONTHS >= last;
        assert_int_equal(count_of(fx, month, "rp", USAGE_USERINFO), kept ? 1 : 0);
        assert_int_equal(count_of(fx, month, "", USAGE_TOP), kept ? 1 : 0);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(months_are_japans),
        TEST(a_batch_counts_once),
        TEST(a_client_that_there_is_not_gets_no_row),
        TEST(a_code_is_a_login_and_a_refused_one_is_none),
        TEST(it_does_not_wrap),
        TEST(three_years_are_kept_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
