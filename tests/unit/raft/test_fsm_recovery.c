/* The state machine: a new password by a link. */
#include "tests/unit/store/unit.h"

#include "tests/unit/raft/fsm_fixture.h"

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    struct command account = command_account(1), other = command_account(2);
    struct command client = command_client("rp");
    assert_non_null(fx);
    fsm_fixture_open(fx);
    assert_code(fsm_fixture_do(fx, &account), OUT_OK);
    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
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

static enum outcome_code give(struct fsm_fixture *fx, struct command command) {
    return fsm_fixture_do(fx, &command);
}

static void a_link_is_used_once_and_ends_everything(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_login(1, 1)), OUT_OK);
    assert_code(give(fx, command_issue(1, 1)), OUT_OK);
    assert_code(give(fx, command_redeem(1, 2)), OUT_OK);
    assert_code(give(fx, command_second(1, 5)), OUT_SECOND_STEP);
    assert_code(give(fx, command_recover(1, 9)), OUT_OK);
    assert_code(give(fx, command_set(1, 1, 9)), OUT_OK);
    assert_code(give(fx, command_set(1, 1, 9)), OUT_ACCOUNT_STATE);
    assert_code(give(fx, command_set(1, 2, 9)), OUT_EXPIRED); /* once */
    assert_code(give(fx, command_issue(1, 3)), OUT_SESSION_ENDED);
    assert_code(give(fx, command_refresh(2, 3)), OUT_ACCOUNT_STATE);
    assert_code(give(fx, command_challenge(1, 5, FACTOR_SMS, 1)), OUT_ACCOUNT_STATE);
    assert_code(give(fx, command_login(1, 2)), OUT_BAD_CREDENTIALS); /* compared with
                                                        what is not the password now */
    assert_int_equal(fsm_fixture_rows(fx, "recovery"), 0);
}

static void a_newer_link_makes_the_older_void(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_recover(1, 8)), OUT_OK);
    assert_code(give(fx, command_recover(1, 9)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "recovery"), 1);
    assert_code(give(fx, command_set(1, 1, 8)), OUT_EXPIRED);
    assert_code(give(fx, command_set(1, 1, 9)), OUT_OK);
}

static void a_link_is_of_one_account_and_its_time(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_account(1);

    assert_code(give(fx, command_recover(1, 9)), OUT_OK);
    assert_code(give(fx, command_set(2, 1, 9)), OUT_EXPIRED);
    fx->now_ms += 30 * MINUTE_MS;
    assert_code(give(fx, command_set(1, 1, 9)), OUT_EXPIRED);
    assert_code(give(fx, (struct command){.type = CMD_TICK}), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "recovery"), 0);
    /* And of the account ID that it was sent to. */
    assert_code(give(fx, command_recover(1, 9)), OUT_OK);
    c.account_put.replace = true;
    c.account_put.account.login_index = key_of(777);
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_set(1, 1, 9)), OUT_EXPIRED);
}

static void a_change_of_the_account_ends_links(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_set(1, 1, 9);

    assert_code(give(fx, command_recover(1, 9)), OUT_OK);
    c.password_set.has_secret = false; /* who has no link has proven nothing */
    assert_code(give(fx, c), OUT_EXPIRED);
    c = command_account(1); /* changed meanwhile */
    c.account_put.replace = true;
    c.account_put.account.generation = 2;
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_set(1, 2, 9)), OUT_EXPIRED);
    c = command_account(2);
    assert_code(give(fx, command_recover(2, 9)), OUT_OK);
    c.account_put.replace = true;
    c.account_put.account.state = ACCOUNT_SUSPENDED;
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_set(2, 1, 9)), OUT_ACCOUNT_STATE);
}

static void who_has_no_account_is_counted_and_sent_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_recover(1, 9);

    c.recovery_ask.known = false;
    c.recovery_ask.generation = 0;
    for (int i = 0; i < 9; i++) {
        assert_code(give(fx, c), OUT_OK);
    }
    assert_code(give(fx, c), OUT_LIMITED);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "recovery"), 0);
    assert_code(give(fx, command_recover(1, 9)), OUT_LIMITED); /* the same counter */
    assert_int_equal(fsm_fixture_rows(fx, "recovery"), 0);
    assert_code(give(fx, command_recover(2, 9)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 1);
}

/* A bound that is everybody's is not for a stranger to use up. */
static void who_has_no_account_takes_nothing_from_everybody(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_recover(1, 9);

    c.recovery_ask.message.caps.at[1] = (struct cap){key_of(1), 2, HOUR_MS, true, false};
    c.recovery_ask.message.caps.count = 2;
    c.recovery_ask.known = false;
    c.recovery_ask.generation = 0;
    for (int i = 0; i < 5; i++) {
        assert_code(give(fx, c), OUT_OK);
    }
    c.recovery_ask = command_recover(2, 9).recovery_ask;
    c.recovery_ask.message.caps.at[1] = (struct cap){key_of(1), 2, HOUR_MS, true, false};
    c.recovery_ask.message.caps.count = 2;
    for (uint64_t i = 0; i < 2; i++) {
        c.recovery_ask.message.id = id_of(800 + i);
        assert_code(give(fx, c), OUT_OK);
    }
    assert_code(give(fx, c), OUT_LIMITED);
}

/* R4. */
static void strangers_do_not_use_up_the_holders_way_in(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_recover(1, 9);
    struct caps *caps = &c.recovery_ask.message.caps;
    uint64_t n = 800;

    c.recovery_ask.ttl_ms = 30 * MINUTE_MS;
    *caps = (struct caps){.count = 2,
                          .at = {{key_of(1), 3, 24 * HOUR_MS, false, true},
                                 {key_of(2), 6, 24 * HOUR_MS, false, false}}};
    for (int i = 0; i < 3; i++) {
        c.recovery_ask.message.id = id_of(n++);
        c.recovery_ask.secret = key_of(n);
        assert_code(give(fx, c), OUT_OK);
    }
    /* The day's mails are gone; the last one's link is good. */
    c.recovery_ask.message.id = id_of(n++);
    assert_code(give(fx, c), OUT_LIMITED);
    fx->now_ms += 30 * MINUTE_MS - 1;
    assert_code(give(fx, c), OUT_LIMITED);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 3);
    fx->now_ms += 1;
    c.recovery_ask.secret = key_of(9);
    assert_code(give(fx, c), OUT_OK); /* whoever asks, it is the holder's mailbox */
    assert_int_equal(fx->outcome.detail.len, 0);
    c.recovery_ask.message.id = id_of(n++);
    c.recovery_ask.secret = key_of(10);
    assert_code(give(fx, c), OUT_LIMITED); /* one in a link's life */
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 4);
    /* Bounds of who asks, and of everybody, do not give way. */
    fx->now_ms += 30 * MINUTE_MS;
    caps->at[1].max = 4;
    assert_code(give(fx, c), OUT_LIMITED);
    caps->at[1].max = 6;
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_set(1, 1, 9)), OUT_EXPIRED);
    assert_code(give(fx, command_set(1, 1, 10)), OUT_OK);
    /* A link of the account as it was is none. */
    c.recovery_ask.generation = 2;
    c.recovery_ask.message.id = id_of(n++);
    assert_code(give(fx, c), OUT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_link_is_used_once_and_ends_everything),
        T(a_newer_link_makes_the_older_void),
        T(a_link_is_of_one_account_and_its_time),
        T(a_change_of_the_account_ends_links),
        T(who_has_no_account_is_counted_and_sent_nothing),
        T(who_has_no_account_takes_nothing_from_everybody),
        T(strangers_do_not_use_up_the_holders_way_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
