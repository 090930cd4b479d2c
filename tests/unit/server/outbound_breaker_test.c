/* outbound_breaker: its states, one call after the other. */
#include "tests/unit/server/unit.h"

#include "server/outbound_breaker.h"

static void fail_calls(struct breaker *breaker, unsigned times, uint64_t now_ms) {
    for (unsigned i = 0; i < times; i++) {
        breaker_begin(breaker, now_ms);
        breaker_end(breaker, false, now_ms);
    }
}

static void failures_in_a_row_open_it(void **state) {
    struct breaker breaker = {0};

    (void)state;
    fail_calls(&breaker, BREAKER_FAILURES - 1, 1000);
    assert_true(breaker_admits(&breaker, 1000));
    breaker_end(&breaker, true, 1000); /* not in a row */
    fail_calls(&breaker, BREAKER_FAILURES - 1, 1000);
    assert_int_equal(breaker_state(&breaker, 1000), BREAKER_CLOSED);
    fail_calls(&breaker, 1, 1000);
    assert_int_equal(breaker_state(&breaker, 1000), BREAKER_OPEN);
    assert_false(breaker_admits(&breaker, 1000 + BREAKER_PAUSE_MS - 1));
    assert_int_equal(breaker_state(&breaker, 1000 + BREAKER_PAUSE_MS), BREAKER_HALF_OPEN);
    assert_true(breaker_admits(&breaker, 1000 + BREAKER_PAUSE_MS));
}

static void one_call_tries_again(void **state) {
    struct breaker breaker = {0};
    uint64_t now = 1000;

    (void)state;
    fail_calls(&breaker, BREAKER_FAILURES, now);
    now += BREAKER_PAUSE_MS;
    breaker_begin(&breaker, now);
    assert_false(breaker_admits(&breaker, now));
    breaker_cancel(&breaker); /* it was never made: another one may */
    assert_true(breaker_admits(&breaker, now));
    breaker_begin(&breaker, now);
    breaker_end(&breaker, true, now);
    assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
    fail_calls(&breaker, BREAKER_FAILURES - 1, now);
    assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
}

static void pauses_grow_to_their_bound(void **state) {
    struct breaker breaker = {0};
    uint64_t now = 1000;
    uint64_t pause = BREAKER_PAUSE_MS;

    (void)state;
    fail_calls(&breaker, BREAKER_FAILURES, now);
    for (int i = 0; i < 8; i++) {
        assert_false(breaker_admits(&breaker, now + pause - 1));
        now += pause;
        assert_true(breaker_admits(&breaker, now));
        fail_calls(&breaker, 1, now);
        pause = 2 * pause < BREAKER_PAUSE_MAX_MS ? 2 * pause : BREAKER_PAUSE_MAX_MS;
    }
    assert_true(pause == BREAKER_PAUSE_MAX_MS);
}

/* Calls that began before it opened, and end after. */
static void late_ends_say_nothing_new(void **state) {
    struct breaker breaker = {0};

    (void)state;
    for (int i = 0; i < 10; i++)
        breaker_begin(&breaker, 1000);
    for (int i = 0; i < 9; i++)
        breaker_end(&breaker, false, 1000);
    assert_true(breaker_admits(&breaker, 1000 + BREAKER_PAUSE_MS));
    breaker_end(&breaker, false, 1000 + BREAKER_PAUSE_MS); /* half open, not its probe */
    assert_true(breaker_admits(&breaker, 1000 + BREAKER_PAUSE_MS));
    breaker_end(&breaker, true, 1000); /* but a success is one */
    assert_int_equal(breaker_state(&breaker, 1000), BREAKER_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it),
        cmocka_unit_test(one_call_tries_again),
        cmocka_unit_test(pauses_grow_to_their_bound),
        cmocka_unit_test(late_ends_say_nothing_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
