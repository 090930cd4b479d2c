/* The state machine: the second step of a sign-in. */
#include "tests/unit/store/unit.h"

#include "raft/fsm_limits.h"
#include "tests/unit/raft/fsm_fixture.h"

#define DAY_MS (24 * HOUR_MS)

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    struct command account = command_account(1), other = command_account(2);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    assert_code(fsm_fixture_do(fx, &account), OUT_OK);
    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
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

/* From a right password to a code that was sent. */
static void begin(struct fsm_fixture *fx, uint64_t account, uint64_t signin,
                  uint64_t code) {
    assert_code(give(fx, command_second(account, signin)), OUT_SECOND_STEP);
    assert_code(give(fx, command_challenge(account, signin, FACTOR_SMS, code)), OUT_OK);
}

/* The same where the account is known, which is asked whatever strangers did. */
static void begin_known(struct fsm_fixture *fx, uint64_t account, uint64_t signin,
                        uint64_t code) {
    struct command c = command_challenge(account, signin, FACTOR_SMS, code);

    c.factor_challenge.has_device = true;
    c.factor_challenge.device = key_of(777);
    assert_code(give(fx, command_second(account, signin)), OUT_SECOND_STEP);
    assert_code(give(fx, c), OUT_OK);
}

static void enrol(struct fsm_fixture *fx, uint64_t account, enum factor_kind kind) {
    assert_code(give(fx, command_factor(account, kind)), OUT_OK);
}

static bool session_of(struct fsm_fixture *fx, uint64_t n, struct session *ret_session) {
    struct store_read *read;
    enum err err;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    err = store_session_get(read, key_of(n), ret_session);
    store_read_end(read);
    store_read_free(read);
    return err == OK;
}

/* --- which sign-ins have a second step --- */

static void a_password_alone_is_a_session_only_where_it_does(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_login(1, 1);
    struct session session;

    c.login.methods = 1;
    assert_code(give(fx, c), OUT_OK);
    assert_true(session_of(fx, 1, &session));
    assert_int_equal(session.methods, 1);

    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    assert_false(session_of(fx, 90001, &session)); /* there is none yet */

    enrol(fx, 1, FACTOR_SMS); /* whoever has a factor is asked for it */
    c = command_second(1, 2);
    c.login.second = SECOND_ENROLLED;
    assert_code(give(fx, c), OUT_SECOND_STEP);
    c = command_second(1, 3);
    c.login.second = SECOND_TRUSTED;
    assert_code(give(fx, c), OUT_OK);
}

static void a_wrong_password_reveals_no_second_step(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_second(1, 1);

    c.login.password_ok = false;
    assert_code(give(fx, c), OUT_BAD_CREDENTIALS);
    assert_int_equal(fsm_fixture_rows(fx, "signin"), 0);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_NOT_FOUND);
}

/* --- the code --- */

static void a_right_code_makes_the_session_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct session session;

    enrol(fx, 1, FACTOR_SMS);
    begin(fx, 1, 1, 5);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_OK);
    assert_true(session_of(fx, 9, &session));
    assert_int_equal(session.methods, 3); /* both steps */
    assert_int_equal(session.auth_time_ms, fx->now_ms);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 10)), OUT_NOT_FOUND);
    assert_int_equal(fsm_fixture_rows(fx, "signin"), 0);
}

static void a_code_is_of_one_signin_browser_method_and_factor(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    enrol(fx, 1, FACTOR_SMS);
    enrol(fx, 2, FACTOR_SMS);
    begin(fx, 1, 1, 5);
    assert_code(give(fx, command_second(1, 2)), OUT_SECOND_STEP);
    assert_code(give(fx, command_pass(1, 2, FACTOR_SMS, 5, 9)), OUT_NOT_FOUND);
    c = command_pass(1, 1, FACTOR_SMS, 5, 9);
    c.factor_pass.browser[0] = 7;
    assert_code(give(fx, c), OUT_NOT_FOUND);
    c = command_pass(1, 1, FACTOR_SMS, 5, 9);
    c.factor_pass.factor = id_of(502);
    assert_code(give(fx, c), OUT_NOT_FOUND);
    assert_code(give(fx, command_pass(1, 1, FACTOR_TOTP, 5, 9)), OUT_NOT_FOUND);
    /* Another account's factor cannot be asked for, nor one of another kind. */
    c = command_challenge(1, 1, FACTOR_SMS, 6);
    c.factor_challenge.factor = id_of(502);
    assert_code(give(fx, c), OUT_NOT_FOUND);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_TOTP, 0)), OUT_NOT_FOUND);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_OK);
}

static void a_newer_code_takes_the_place_of_the_older(void **state) {
    struct fsm_fixture *fx = *state;

    enrol(fx, 1, FACTOR_SMS);
    begin(fx, 1, 1, 5);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 6)), OUT_OK);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_BAD_CREDENTIALS);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 6, 9)), OUT_OK);
}

static void codes_and_signins_expire(void **state) {
    struct fsm_fixture *fx = *state;

    enrol(fx, 1, FACTOR_SMS);
    begin(fx, 1, 1, 5);
    fx->now_ms += 5 * MINUTE_MS;
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_EXPIRED);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 6)), OUT_OK);
    fx->now_ms += 5 * MINUTE_MS;
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 6, 9)), OUT_NOT_FOUND);
    assert_code(give(fx, (struct command){.type = CMD_TICK}), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "signin"), 0);
}

static void a_change_of_the_account_ends_its_signins(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_account(1);

    enrol(fx, 1, FACTOR_SMS);
    begin(fx, 1, 1, 5);
    c.account_put.replace = true;
    c.account_put.account.generation = 2;
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_ACCOUNT_STATE);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 6)), OUT_ACCOUNT_STATE);
}

static void codes_of_one_signin_are_few(void **state) {
    struct fsm_fixture *fx = *state;

    enrol(fx, 1, FACTOR_SMS);
    begin(fx, 1, 1, 5);
    for (uint32_t i = 1; i < FSM_SIGNIN_CODES_MAX; i++) {
        assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 5 + i)), OUT_OK);
    }
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 99)), OUT_FULL);
}

static void a_message_that_may_not_be_sent_leaves_no_code(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_challenge(1, 1, FACTOR_SMS, 5);

    enrol(fx, 1, FACTOR_SMS);
    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    c.factor_challenge.message = command_message(1, OUTBOX_SMS, 1).message_send.message;
    c.factor_challenge.message.caps.at[0].max = 0;
    assert_code(give(fx, c), OUT_LIMITED);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_NOT_FOUND);
}

/* --- guesses (E01) --- */

/* Of the wrong one before which there were so many: the last one locks, and says so. */
static enum outcome_code wrong_after(uint32_t before) {
    return before + 1 < FSM_FACTOR_FAILURES_MAX ? OUT_BAD_CREDENTIALS : OUT_LOCKED;
}

static void guesses_are_counted_by_account(void **state) {
    struct fsm_fixture *fx = *state;
    uint32_t wrong = 0;

    enrol(fx, 1, FACTOR_SMS);
    for (uint64_t signin = 1; wrong < FSM_FACTOR_FAILURES_MAX; signin++) {
        begin(fx, 1, signin, 5); /* a new session and a new code help nothing */
        for (int i = 0; i < 3 && wrong < FSM_FACTOR_FAILURES_MAX; i++, wrong++) {
            assert_code(give(fx, command_pass(1, signin, FACTOR_SMS, 6, 9)),
                        wrong_after(wrong));
        }
    }
    begin_known(fx, 1, 50, 5);
    assert_code(give(fx, command_pass(1, 50, FACTOR_SMS, 5, 9)), OUT_LOCKED);
    fx->now_ms += DAY_MS - 2 * MINUTE_MS;
    begin_known(fx, 1, 51, 5);
    assert_code(give(fx, command_pass(1, 51, FACTOR_SMS, 5, 9)), OUT_LOCKED);
    fx->now_ms += 2 * MINUTE_MS; /* a day after the first one it is over */
    assert_code(give(fx, command_pass(1, 51, FACTOR_SMS, 5, 9)), OUT_OK);
}

static void a_success_forgives_strangers_nothing(void **state) {
    struct fsm_fixture *fx = *state;

    enrol(fx, 1, FACTOR_SMS);
    for (uint32_t i = 0; i < FSM_FACTOR_FAILURES_MAX; i++) {
        begin(fx, 1, 1 + i, 5);
        assert_code(give(fx, command_pass(1, 1 + i, FACTOR_SMS, 6, 9)), wrong_after(i));
        if (i < FSM_FACTOR_FAILURES_MAX - 1) {
            assert_code(give(fx, command_pass(1, 1 + i, FACTOR_SMS, 5, 100 + i)),
                        OUT_OK);
        }
    }
    begin_known(fx, 1, 40, 5);
    assert_code(give(fx, command_pass(1, 40, FACTOR_SMS, 5, 9)), OUT_LOCKED);
}

static void a_known_device_is_not_locked_out_by_strangers(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    guesses_are_counted_by_account(state);
    fx->now_ms += DAY_MS;
    for (uint32_t i = 0; i < FSM_FACTOR_FAILURES_MAX; i++) {
        begin(fx, 1, 60 + i, 5);
        assert_code(give(fx, command_pass(1, 60 + i, FACTOR_SMS, 6, 9)), wrong_after(i));
    }
    begin_known(fx, 1, 80, 5);
    c = command_pass(1, 80, FACTOR_SMS, 6, 11);
    c.factor_pass.has_device = true;
    c.factor_pass.device = key_of(777);
    assert_code(give(fx, c), OUT_BAD_CREDENTIALS); /* its own counter */
    c.factor_pass.code = key_of(5);
    assert_code(give(fx, c), OUT_OK);
    /* The success forgave the slip: the day's counter of the device is gone. */
    assert_int_equal(fsm_fixture_rows(fx, "factor_guard"), 1);
}

static void passwords_of_strangers_lock_strangers_out(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_login(1, 1);

    c.login.password_ok = false;
    for (uint32_t i = 0; i < FSM_LOGIN_FAILURES_MAX; i++) {
        assert_code(give(fx, c), OUT_BAD_CREDENTIALS);
    }
    c.login.password_ok = true;
    assert_code(give(fx, c), OUT_LOCKED);
    c.login.has_device = true;
    c.login.device = key_of(777);
    assert_code(give(fx, c), OUT_OK);
}

/* --- TOTP --- */

static void a_step_is_used_once(void **state) {
    struct fsm_fixture *fx = *state;
    uint64_t step = fx->now_ms / 30000;

    enrol(fx, 1, FACTOR_TOTP);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_code(give(fx, command_second(1, i)), OUT_SECOND_STEP);
        assert_code(give(fx, command_challenge(1, i, FACTOR_TOTP, 0)), OUT_OK);
    }
    assert_code(give(fx, command_pass(1, 1, FACTOR_TOTP, step - 3, 9)), OUT_EXPIRED);
    assert_code(give(fx, command_pass(1, 1, FACTOR_TOTP, step + 2, 9)), OUT_EXPIRED);
    assert_code(give(fx, command_pass(1, 1, FACTOR_TOTP, step, 9)), OUT_OK);
    assert_code(give(fx, command_pass(1, 2, FACTOR_TOTP, step, 10)), OUT_REPLAYED);
    assert_code(give(fx, command_pass(1, 2, FACTOR_TOTP, step - 1, 10)), OUT_REPLAYED);
    assert_code(give(fx, command_pass(1, 2, FACTOR_TOTP, step + 1, 10)), OUT_OK);
}

/* --- enrolment --- */

static void who_has_no_factor_enrols_one(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    for (uint64_t i = 1; i <= 2; i++) {
        assert_code(give(fx, command_second(1, i)), OUT_SECOND_STEP);
        c = command_challenge(1, i, FACTOR_SMS, 5);
        c.factor_challenge.enrols = true;
        assert_code(give(fx, c), OUT_OK);
    }
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 6, 9)), OUT_BAD_CREDENTIALS);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 0);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 1);
    /* Of two that enrol at the same time one is the first; the other is asked for it. */
    assert_code(give(fx, command_pass(1, 2, FACTOR_SMS, 5, 10)), OUT_NOT_FOUND);
    assert_code(give(fx, c), OUT_EXISTS);
    assert_code(give(fx, command_challenge(1, 2, FACTOR_SMS, 7)), OUT_OK);
    assert_code(give(fx, command_pass(1, 2, FACTOR_SMS, 7, 10)), OUT_OK);
}

static void factors_are_bounded_and_their_end_ends_sessions(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_factor(1, FACTOR_TOTP);
    struct session session;

    assert_code(give(fx, command_login(1, 3)), OUT_OK);
    for (uint64_t i = 0; i < FSM_FACTORS_MAX; i++) {
        c.factor_put.factor.id = id_of(600 + i);
        assert_code(give(fx, c), OUT_OK);
    }
    assert_code(give(fx, c), OUT_EXISTS);
    c.factor_put.factor.id = id_of(700);
    assert_code(give(fx, c), OUT_FULL);
    c.factor_put.factor.sub = id_of(99);
    assert_code(give(fx, c), OUT_NOT_FOUND);
    c.factor_put.factor.sub = id_of(1);
    c.factor_put.generation = 9;
    assert_code(give(fx, c), OUT_ACCOUNT_STATE);

    c = (struct command){.type = CMD_FACTOR_DEL,
                         .factor_del = {.sub = id_of(1), .id = id_of(600)}};
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, c), OUT_NOT_FOUND);
    assert_true(session_of(fx, 3, &session));
    assert_code(give(fx, command_client("rp")), OUT_OK);
    assert_code(give(fx, command_issue(3, 1)), OUT_SESSION_ENDED);
}

/* --- a session that is raised --- */

static void a_raised_session_keeps_what_it_gave(void **state) {
    struct fsm_fixture *fx = *state;
    struct command begin_it = {.type = CMD_FACTOR_BEGIN,
                               .factor_begin = {.session = key_of(3),
                                                .signin = key_of(1),
                                                .browser = {1},
                                                .ttl_ms = 10 * MINUTE_MS}};
    struct session before, after;
    struct command c = command_login(1, 3);

    c.login.methods = 1;
    assert_code(give(fx, command_client("rp")), OUT_OK);
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_issue(3, 1)), OUT_OK);
    assert_code(give(fx, command_redeem(1, 2)), OUT_OK);
    assert_true(session_of(fx, 3, &before));
    enrol(fx, 1, FACTOR_SMS);
    fx->now_ms += MINUTE_MS;
    assert_code(give(fx, begin_it), OUT_OK);
    assert_code(give(fx, begin_it), OUT_EXISTS);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 5)), OUT_OK);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 4)), OUT_OK);
    assert_false(session_of(fx, 3, &after)); /* D08: the old key is dead */
    assert_true(session_of(fx, 4, &after));
    assert_memory_equal(after.sid.b, before.sid.b, sizeof before.sid.b);
    assert_int_equal(after.auth_time_ms, before.auth_time_ms);
    assert_int_equal(after.methods, 3);
    assert_code(give(fx, command_refresh(2, 3)), OUT_OK); /* still a family */
    /* And it ends with the session under its new key. */
    assert_code(give(fx, command_end(4)), OUT_OK);
    assert_code(give(fx, command_refresh(3, 4)), OUT_REVOKED);
    begin_it.factor_begin.signin = key_of(2);
    assert_code(give(fx, begin_it), OUT_SESSION_ENDED);
}

/* A session without a second step, and the sign-in that raises it. */
static void begin_raise(struct fsm_fixture *fx) {
    struct command c = command_login(1, 3);

    c.login.methods = 1;
    assert_code(give(fx, c), OUT_OK);
    c = (struct command){.type = CMD_FACTOR_BEGIN,
                         .factor_begin = {.session = key_of(3),
                                          .signin = key_of(1),
                                          .browser = {1},
                                          .ttl_ms = 10 * MINUTE_MS}};
    assert_code(give(fx, c), OUT_OK);
}

static void a_session_that_has_ended_enrols_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_challenge(1, 1, FACTOR_SMS, 5);
    struct command pass = command_pass(1, 1, FACTOR_SMS, 5, 4);

    c.factor_challenge.enrols = true;
    begin_raise(fx);
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_end(3)), OUT_OK); /* by its holder, elsewhere */
    assert_code(give(fx, pass), OUT_SESSION_ENDED);
    assert_code(give(fx, c), OUT_SESSION_ENDED);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "session"), 0);
}

static void a_session_that_has_ended_counts_no_guess(void **state) {
    struct fsm_fixture *fx = *state;

    begin_raise(fx);
    enrol(fx, 1, FACTOR_SMS);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 5)), OUT_OK);
    assert_code(give(fx, command_end(3)), OUT_OK);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 6, 4)), OUT_SESSION_ENDED);
    assert_int_equal(fsm_fixture_rows(fx, "factor_guard"), 0);
}

/* --- what a holder adds who is signed in --- */

static struct command put_by(uint64_t session, uint64_t id) {
    struct command c = command_factor(1, FACTOR_TOTP);

    c.factor_put.factor.id = id_of(id);
    c.factor_put.gate = gate_of(session);
    return c;
}

static void login_as(struct fsm_fixture *fx, uint64_t session, uint32_t methods) {
    struct command c = command_login(1, session);

    c.login.methods = methods;
    c.login.second = SECOND_TRUSTED;
    assert_code(give(fx, c), OUT_OK);
}

static void a_factor_is_added_by_a_session_that_still_may(void **state) {
    struct fsm_fixture *fx = *state;
    struct command end = command_end(3);

    login_as(fx, 3, 1);
    login_as(fx, 4, 1);
    assert_code(give(fx, put_by(5, 601)), OUT_SESSION_ENDED); /* nobody's */
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    assert_code(give(fx, put_by(3, 601)), OUT_SESSION_ENDED);
    /* The password alone adds the first one, and none beside it. */
    assert_code(give(fx, put_by(4, 601)), OUT_OK);
    assert_code(give(fx, put_by(4, 602)), OUT_SECOND_STEP);
    login_as(fx, 6, 3);
    assert_code(give(fx, put_by(6, 602)), OUT_OK);
    fx->now_ms += 15 * MINUTE_MS + 1;
    assert_code(give(fx, put_by(6, 603)), OUT_REAUTH);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 2);
}

static void a_password_that_changed_ends_what_adds_a_factor(void **state) {
    struct fsm_fixture *fx = *state;

    login_as(fx, 3, 1);
    login_as(fx, 4, 1);
    assert_code(give(fx, command_add(4, 1, 1, 0)), OUT_OK);
    assert_code(give(fx, command_self(SELF_PASSWORD, 1, 3)), OUT_OK);
    assert_code(give(fx, put_by(4, 601)), OUT_SESSION_ENDED);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 5)), OUT_ACCOUNT_STATE);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 0);
}

/* A number is added when its code has come back, and the session stays as it is. */
static void a_number_is_added_beside_another(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_challenge(1, 1, FACTOR_SMS, 5);
    struct session session;

    enrol(fx, 1, FACTOR_TOTP); /* 501 */
    login_as(fx, 3, 5);
    assert_code(give(fx, command_add(3, 1, 1, 0)), OUT_OK);
    assert_code(give(fx, c), OUT_NOT_FOUND); /* it proves nothing that is there */
    c.factor_challenge.enrols = true;
    c.factor_challenge.factor = id_of(700);
    assert_code(give(fx, c), OUT_OK);
    c = command_pass(1, 1, FACTOR_SMS, 6, 9);
    c.factor_pass.factor = id_of(700);
    assert_code(give(fx, c), OUT_BAD_CREDENTIALS);
    c.factor_pass.code = key_of(5);
    c.factor_pass.message = command_message(1, OUTBOX_MAIL, 0).message_send.message;
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, c), OUT_NOT_FOUND); /* once */
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 2);
    assert_true(fsm_fixture_message(fx, id_of(6001), &(struct outbox_message){0}));
    assert_true(session_of(fx, 3, &session));
    assert_int_equal(session.methods, 5);
    assert_false(session_of(fx, 9, &session));
}

static void a_number_takes_the_place_of_another(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_challenge(1, 1, FACTOR_SMS, 5);
    struct session session;

    enrol(fx, 1, FACTOR_SMS); /* 501 */
    login_as(fx, 3, 3);
    login_as(fx, 4, 3);
    assert_code(give(fx, command_add(3, 1, 1, 502)), OUT_NOT_FOUND); /* none of its own */
    assert_code(give(fx, command_add(3, 1, 1, 501)), OUT_OK);
    c.factor_challenge.enrols = true;
    c.factor_challenge.factor = id_of(700);
    assert_code(give(fx, c), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 1); /* until it is proven */
    c = command_pass(1, 1, FACTOR_SMS, 5, 9);
    c.factor_pass.factor = id_of(700);
    assert_code(give(fx, c), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 1);
    /* Every other session ended with the old number; this one is of the new generation. */
    assert_false(session_of(fx, 4, &session));
    assert_true(session_of(fx, 3, &session));
    assert_int_equal(session.generation, 3);
    c = command_self(SELF_END_OTHERS, 1, 3);
    c.self.second = ~1u;
    assert_code(give(fx, c), OUT_OK);
}

static void who_is_locked_out_is_not_bothered(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_challenge(1, 2, FACTOR_SMS, 6);

    enrol(fx, 1, FACTOR_SMS);
    begin(fx, 1, 1, 5);
    for (unsigned i = 0; i < FSM_FACTOR_FAILURES_MAX; i++) {
        assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 6, 9)), wrong_after(i));
    }
    c.factor_challenge.message = command_message(1, OUTBOX_SMS, 0).message_send.message;
    assert_code(give(fx, command_second(1, 2)), OUT_SECOND_STEP);
    assert_code(give(fx, c), OUT_LOCKED);
    assert_false(fsm_fixture_message(fx, id_of(6001), &(struct outbox_message){0}));
    c.factor_challenge.has_device = true; /* where the holder is known */
    c.factor_challenge.device = key_of(77);
    assert_code(give(fx, c), OUT_OK);
    assert_true(fsm_fixture_message(fx, id_of(6001), &(struct outbox_message){0}));
    fx->now_ms += DAY_MS;
    begin(fx, 1, 3, 7);
}

/* `n` wrong answers of strangers, in sign-ins from `signin` on; the last one `locks`. */
static void guess(struct fsm_fixture *fx, uint64_t generation, uint64_t signin,
                  unsigned n, bool locks) {
    struct command c = command_second(1, signin);

    c.login.generation = generation;
    assert_code(give(fx, c), OUT_SECOND_STEP);
    assert_code(give(fx, command_challenge(1, signin, FACTOR_SMS, 5)), OUT_OK);
    for (unsigned i = 0; i < n; i++) {
        assert_code(give(fx, command_pass(1, signin, FACTOR_SMS, 6, 9)),
                    locks && i + 1 == n ? OUT_LOCKED : OUT_BAD_CREDENTIALS);
    }
}

static void change_password(struct fsm_fixture *fx, uint64_t generation) {
    struct command c = command_recover(1, 70 + generation);

    c.recovery_ask.generation = generation;
    c.recovery_ask.message.id = id_of(8000 + generation);
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_set(1, generation, 70 + generation)), OUT_OK);
}

static void the_next_password_has_guesses_of_its_own_once_a_day(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    enrol(fx, 1, FACTOR_SMS);
    guess(fx, 1, 1, FSM_FACTOR_FAILURES_MAX, true);
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_LOCKED);
    change_password(fx, 1);
    /* What the stranger has begun is over; the holder goes on, slips included. */
    assert_code(give(fx, command_pass(1, 1, FACTOR_SMS, 5, 9)), OUT_ACCOUNT_STATE);
    guess(fx, 2, 2, FSM_FACTOR_RESERVE - 1, false);
    assert_code(give(fx, command_pass(1, 2, FACTOR_SMS, 5, 20)), OUT_OK);
    guess(fx, 2, 3, 1, true);
    assert_code(give(fx, command_pass(1, 3, FACTOR_SMS, 5, 10)), OUT_LOCKED);
    /* Who has the mailbox too gets no more by one more password. */
    change_password(fx, 2);
    c = command_second(1, 4);
    c.login.generation = 3;
    assert_code(give(fx, c), OUT_SECOND_STEP);
    assert_code(give(fx, command_challenge(1, 4, FACTOR_SMS, 5)), OUT_LOCKED);
    fx->now_ms += DAY_MS;
    guess(fx, 3, 5, FSM_FACTOR_FAILURES_MAX, true);
    assert_code(give(fx, command_pass(1, 5, FACTOR_SMS, 5, 10)), OUT_LOCKED);
}

static void a_password_that_changes_before_buys_nothing(void **state) {
    struct fsm_fixture *fx = *state;

    enrol(fx, 1, FACTOR_SMS);
    guess(fx, 1, 1, FSM_FACTOR_FAILURES_MAX - 1, false);
    change_password(fx, 1);
    guess(fx, 2, 2, 1, true);
    assert_code(give(fx, command_pass(1, 2, FACTOR_SMS, 5, 9)), OUT_LOCKED);
    change_password(fx, 2); /* but somebody has that one as well */
    guess(fx, 3, 3, 0, false);
    assert_code(give(fx, command_pass(1, 3, FACTOR_SMS, 5, 9)), OUT_OK);
}

static void the_holder_is_told_when_codes_were_wrong_too_often(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_pass(1, 1, FACTOR_SMS, 6, 9);

    c.factor_pass.message = command_message(1, OUTBOX_MAIL, 0).message_send.message;
    enrol(fx, 1, FACTOR_SMS);
    guess(fx, 1, 1, FSM_FACTOR_FAILURES_MAX - 2, false);
    assert_code(give(fx, c), OUT_BAD_CREDENTIALS);
    assert_false(fsm_fixture_message(fx, id_of(6001), &(struct outbox_message){0}));
    assert_code(give(fx, c), OUT_LOCKED); /* the last one, and it is said */
    assert_true(fsm_fixture_message(fx, id_of(6001), &(struct outbox_message){0}));
    c.factor_pass.message.id = id_of(6002);
    assert_code(give(fx, c), OUT_LOCKED);
    assert_false(fsm_fixture_message(fx, id_of(6002), &(struct outbox_message){0}));
}

static void who_is_signed_in_adds_a_number_whatever_strangers_did(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_challenge(1, 2, FACTOR_SMS, 5);

    enrol(fx, 1, FACTOR_SMS);
    login_as(fx, 3, 5);
    guess(fx, 1, 1, FSM_FACTOR_FAILURES_MAX, true);
    assert_code(give(fx, command_add(3, 2, 1, 0)), OUT_OK);
    c.factor_challenge.enrols = true;
    c.factor_challenge.factor = id_of(700);
    assert_code(give(fx, c), OUT_OK);
    c = command_pass(1, 2, FACTOR_SMS, 6, 9);
    c.factor_pass.factor = id_of(700);
    for (unsigned i = 0; i < FSM_FACTOR_FAILURES_MAX - 1; i++) {
        assert_code(give(fx, c), OUT_BAD_CREDENTIALS);
    }
    c.factor_pass.code = key_of(5);
    assert_code(give(fx, c), OUT_OK);
    /* That counter is the account's as well, whichever session adds. */
    assert_code(give(fx, command_add(3, 4, 1, 0)), OUT_OK);
    c = command_challenge(1, 4, FACTOR_SMS, 5);
    c.factor_challenge.enrols = true;
    c.factor_challenge.factor = id_of(701);
    assert_code(give(fx, c), OUT_OK);
    c = command_pass(1, 4, FACTOR_SMS, 6, 9);
    c.factor_pass.factor = id_of(701);
    assert_code(give(fx, c), OUT_LOCKED);
    c.factor_pass.code = key_of(5);
    assert_code(give(fx, c), OUT_LOCKED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_password_alone_is_a_session_only_where_it_does),
        T(a_wrong_password_reveals_no_second_step),
        T(a_right_code_makes_the_session_once),
        T(a_code_is_of_one_signin_browser_method_and_factor),
        T(a_newer_code_takes_the_place_of_the_older),
        T(codes_and_signins_expire),
        T(a_change_of_the_account_ends_its_signins),
        T(codes_of_one_signin_are_few),
        T(a_message_that_may_not_be_sent_leaves_no_code),
        T(guesses_are_counted_by_account),
        T(a_success_forgives_strangers_nothing),
        T(a_known_device_is_not_locked_out_by_strangers),
        T(passwords_of_strangers_lock_strangers_out),
        T(a_step_is_used_once),
        T(who_has_no_factor_enrols_one),
        T(factors_are_bounded_and_their_end_ends_sessions),
        T(a_raised_session_keeps_what_it_gave),
        T(a_session_that_has_ended_enrols_nothing),
        T(a_session_that_has_ended_counts_no_guess),
        T(a_factor_is_added_by_a_session_that_still_may),
        T(a_password_that_changed_ends_what_adds_a_factor),
        T(a_number_is_added_beside_another),
        T(a_number_takes_the_place_of_another),
        T(who_is_locked_out_is_not_bothered),
        T(the_next_password_has_guesses_of_its_own_once_a_day),
        T(a_password_that_changes_before_buys_nothing),
        T(the_holder_is_told_when_codes_were_wrong_too_often),
        T(who_is_signed_in_adds_a_number_whatever_strangers_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
