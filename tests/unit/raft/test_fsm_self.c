/* What a holder does with the own account, and what ends by it. */
#include "tests/unit/store/unit.h"

#include <stdlib.h>

#include "raft/fsm_limits.h"
#include "store/store_factor.h"
#include "store/store_id_change.h"
#include "tests/unit/raft/fsm_fixture.h"

/* Account 1 with sessions 1 and 2, and a code of session 2. */
static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    struct command login = command_login(1, 2);

    assert_non_null(fx);
    fsm_fixture_open(fx);
    fsm_fixture_sign_in(fx);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    assert_chain_sound(*state);
    fsm_fixture_close(*state);
    free(*state);
    return 0;
}

static enum outcome_code act(struct fsm_fixture *fx, enum self_act what, uint64_t n,
                             uint64_t session) {
    struct command c = command_self(what, n, session);

    return fsm_fixture_do(fx, &c);
}

static struct store_read *look(struct fsm_fixture *fx) {
    struct store_read *read;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    return read;
}

static struct account account_of(struct fsm_fixture *fx, uint64_t n) {
    struct store_read *read = look(fx);
    struct account account;

    assert_ok(store_account_get(read, &fx->arena, id_of(n), &account));
    account.password_hash = arena_dup(&fx->arena, account.password_hash);
    account.sealed_profile = arena_dup(&fx->arena, account.sealed_profile);
    store_read_end(read);
    store_read_free(read);
    return account;
}

static bool change_waits(struct fsm_fixture *fx, uint64_t n) {
    struct store_read *read = look(fx);
    struct id_change change;
    enum err err = store_id_change_get(read, id_of(n), &change);

    store_read_end(read);
    store_read_free(read);
    return err == OK;
}

static bool lives(struct fsm_fixture *fx, uint64_t session) {
    struct command issue = command_issue(session, 500 + session + fx->seq);

    return fsm_fixture_do(fx, &issue) == OUT_OK;
}

static void a_password_ends_the_other_sessions_and_what_they_gave(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(2, 20), redeem = command_redeem(20, 5);
    struct command refresh = command_refresh(5, 6), old = command_login(1, 3);
    struct session session;

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    assert_code(act(fx, SELF_PASSWORD, 1, 1), OUT_OK);
    assert_true(span_is(account_of(fx, 1).password_hash, "$argon2id$new"));
    assert_int_equal(account_of(fx, 1).generation, 2);
    assert_true(lives(fx, 1));
    assert_false(fsm_fixture_session(fx, 2, &session));
    assert_code(fsm_fixture_do(fx, &refresh), OUT_REVOKED);
    /* A sign-in whose password was compared before. */
    assert_code(fsm_fixture_do(fx, &old), OUT_BAD_CREDENTIALS);
}

static void a_password_that_raced_another_is_refused(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_self(SELF_PASSWORD, 1, 2);

    c.self.generation = 1;
    assert_code(act(fx, SELF_PASSWORD, 1, 1), OUT_OK);
    assert_code(fsm_fixture_do(fx, &c), OUT_ACCOUNT_STATE);
    c.self.generation = 0;
    assert_code(fsm_fixture_do(fx, &c), OUT_SESSION_ENDED);
}

/* D14, in the state machine too: no clock of a service stands for it. */
static void what_is_not_fresh_is_asked_again(void **state) {
    struct fsm_fixture *fx = *state;

    fx->now_ms += 5 * MINUTE_MS;
    assert_code(act(fx, SELF_END_SESSION, 1, 1), OUT_OK);
    fx->now_ms += 1;
    for (int what = SELF_PASSWORD; what <= SELF_CLOSE; what++) {
        if (what != SELF_ID_CONFIRM) {
            assert_code(act(fx, (enum self_act)what, 1, 1), OUT_REAUTH);
        }
    }
    assert_int_equal(account_of(fx, 1).generation, 1);
}

static void another_ones_session_is_of_no_use(void **state) {
    struct fsm_fixture *fx = *state;
    struct command other = command_account(2), login = command_login(2, 9);

    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    for (int what = SELF_PASSWORD; what <= SELF_CLOSE; what++) {
        if (what != SELF_ID_CONFIRM) {
            assert_code(act(fx, (enum self_act)what, 1, 9), OUT_SESSION_ENDED);
        }
    }
    /* Nor can it end a session of the other one. */
    struct command end = command_self(SELF_END_SESSION, 2, 9);
    end.self.target = id_of(7001);
    assert_code(fsm_fixture_do(fx, &end), OUT_NOT_FOUND);
    assert_true(lives(fx, 1));
}

static void sessions_end_one_by_one_or_all_others(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 3);
    struct session session;

    assert_code(act(fx, SELF_END_SESSION, 1, 1), OUT_OK); /* number 2 */
    assert_false(fsm_fixture_session(fx, 2, &session));
    assert_code(act(fx, SELF_END_SESSION, 1, 1), OUT_NOT_FOUND);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK); /* by whom the holder throws out */
    assert_true(change_waits(fx, 1));
    assert_code(act(fx, SELF_END_OTHERS, 1, 3), OUT_OK);
    assert_false(fsm_fixture_session(fx, 1, &session));
    assert_true(fsm_fixture_session(fx, 3, &session));
    assert_false(change_waits(fx, 1));
    assert_int_equal(account_of(fx, 1).generation, 2);
    assert_int_equal(fsm_fixture_rows(fx, "account_session"), 1);
}

static void an_account_id_changes_when_it_is_confirmed(void **state) {
    struct fsm_fixture *fx = *state;
    struct command confirm = command_self(SELF_ID_CONFIRM, 1, 0);
    struct command other = confirm;
    struct session session;

    assert_code(fsm_fixture_do(fx, &confirm), OUT_NOT_FOUND);
    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK);
    other.self.token = key_of(1);
    assert_code(fsm_fixture_do(fx, &other), OUT_NOT_FOUND);
    assert_memory_equal(account_of(fx, 1).login_index.b, key_of(5001).b, 16);
    assert_code(fsm_fixture_do(fx, &confirm), OUT_OK);
    assert_memory_equal(account_of(fx, 1).login_index.b, key_of(5901).b, 16);
    assert_true(span_is(account_of(fx, 1).sealed_profile, "sealed id"));
    assert_false(fsm_fixture_session(fx, 1, &session));
    assert_code(fsm_fixture_do(fx, &confirm), OUT_NOT_FOUND);
}

static void a_change_ends_with_its_time_and_by_its_holders_wish(void **state) {
    struct fsm_fixture *fx = *state;
    struct command confirm = command_self(SELF_ID_CONFIRM, 1, 0);

    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK);
    assert_code(act(fx, SELF_ID_CANCEL, 1, 1), OUT_OK);
    assert_code(act(fx, SELF_ID_CANCEL, 1, 1), OUT_NOT_FOUND);
    assert_code(fsm_fixture_do(fx, &confirm), OUT_NOT_FOUND);
    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK);
    assert_true(change_waits(fx, 1));
    fx->now_ms += HOUR_MS;
    assert_code(fsm_fixture_do(fx, &confirm), OUT_EXPIRED);
    fsm_fixture_tick(fx);
    assert_false(change_waits(fx, 1));
}

/* E10: who has the account now did not ask for it. */
static void a_takeover_voids_what_waits(void **state) {
    struct fsm_fixture *fx = *state;
    struct command confirm = command_self(SELF_ID_CONFIRM, 1, 0);
    struct command reset = command_account(1);

    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK);
    assert_code(act(fx, SELF_PASSWORD, 1, 2), OUT_OK);
    assert_code(fsm_fixture_do(fx, &confirm), OUT_NOT_FOUND);

    struct command login = command_login(1, 5);
    login.login.generation = 2;
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_code(act(fx, SELF_ID_ASK, 1, 5), OUT_OK);
    reset.account_put.replace = true; /* as an operator or a reset does it */
    reset.account_put.account.generation = 3;
    assert_code(fsm_fixture_do(fx, &reset), OUT_OK);
    assert_code(fsm_fixture_do(fx, &confirm), OUT_ACCOUNT_STATE);
    assert_memory_equal(account_of(fx, 1).login_index.b, key_of(5001).b, 16);
}

/* E11: of two that want it, the first that is confirmed has it. */
static void an_account_id_is_had_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command other = command_account(2), login = command_login(2, 9);
    struct command ask = command_self(SELF_ID_ASK, 2, 9);
    struct command mine = command_self(SELF_ID_CONFIRM, 1, 0);
    struct command theirs = command_self(SELF_ID_CONFIRM, 2, 0);

    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    ask.self.login_index = key_of(5901);
    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK);
    assert_code(fsm_fixture_do(fx, &ask), OUT_OK);
    assert_code(fsm_fixture_do(fx, &theirs), OUT_OK);
    assert_code(fsm_fixture_do(fx, &mine), OUT_EXISTS);
    assert_false(change_waits(fx, 1));
    assert_true(lives(fx, 1));
    /* Who asks for one that somebody has sees no difference, and gets nothing. */
    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK);
    assert_true(change_waits(fx, 1));
    assert_code(fsm_fixture_do(fx, &mine), OUT_EXISTS);
}

/* C06: the ID is free again, the sub is not. */
static void a_closed_account_leaves_its_id_and_keeps_its_sub(void **state) {
    struct fsm_fixture *fx = *state;
    struct command again = command_account(1), fresh = command_account(3);
    struct command login = command_login(1, 4);
    struct session session;

    assert_code(act(fx, SELF_ID_ASK, 1, 1), OUT_OK);
    assert_code(act(fx, SELF_CLOSE, 1, 1), OUT_OK);
    assert_int_equal(account_of(fx, 1).state, ACCOUNT_DELETED);
    assert_int_equal(account_of(fx, 1).password_hash.len, 0);
    assert_int_equal(account_of(fx, 1).sealed_profile.len, 0);
    assert_false(fsm_fixture_session(fx, 1, &session));
    assert_false(fsm_fixture_session(fx, 2, &session));
    assert_false(change_waits(fx, 1));
    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    assert_code(fsm_fixture_do(fx, &again), OUT_EXISTS);
    fresh.account_put.account.login_index = key_of(5001);
    assert_code(fsm_fixture_do(fx, &fresh), OUT_OK);
    for (int what = SELF_PASSWORD; what <= SELF_CLOSE; what++) {
        assert_code(act(fx, (enum self_act)what, 1, 1), OUT_ACCOUNT_STATE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* K4, in the state machine too. */
static void a_session_without_the_second_step_changes_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command factor = command_factor(1, FACTOR_TOTP), strong = command_login(1, 3);
    struct command c;

    assert_code(fsm_fixture_do(fx, &factor), OUT_OK);
    for (int what = SELF_PASSWORD; what <= SELF_CLOSE; what++) {
        c = command_self((enum self_act)what, 1, 1);
        c.self.second = what == SELF_ID_CONFIRM ? 0 : ~1u;
        if (what != SELF_ID_CONFIRM) {
            assert_code(fsm_fixture_do(fx, &c), OUT_SECOND_STEP);
        }
    }
    assert_int_equal(account_of(fx, 1).generation, 1);
    strong.login.methods = 5;
    strong.login.second = SECOND_TRUSTED;
    assert_code(fsm_fixture_do(fx, &strong), OUT_OK);
    c = command_self(SELF_PASSWORD, 1, 3);
    c.self.second = ~1u;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

/* The address that the account has hears of it at once, whoever has the new ID. */
static void asking_for_another_id_tells_the_old_address(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_self(SELF_ID_ASK, 1, 1), other = command_account(2);
    struct outbox_message row;

    c.self.message = command_message(1, OUTBOX_MAIL, 0).message_send.message;
    c.self.notice = command_message(2, OUTBOX_MAIL, 0).message_send.message;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    assert_true(fsm_fixture_message(fx, id_of(6001), &row));
    assert_true(fsm_fixture_message(fx, id_of(6002), &row));
    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    c.self.login_index = key_of(5002); /* account 2's */
    c.self.message.id = id_of(6003);
    c.self.notice.id = id_of(6004);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    assert_false(fsm_fixture_message(fx, id_of(6003), &row));
    assert_true(fsm_fixture_message(fx, id_of(6004), &row));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_password_ends_the_other_sessions_and_what_they_gave),
        TEST(a_password_that_raced_another_is_refused),
        TEST(what_is_not_fresh_is_asked_again),
        TEST(another_ones_session_is_of_no_use),
        TEST(sessions_end_one_by_one_or_all_others),
        TEST(a_session_without_the_second_step_changes_nothing),
        TEST(asking_for_another_id_tells_the_old_address),
        TEST(an_account_id_changes_when_it_is_confirmed),
        TEST(a_change_ends_with_its_time_and_by_its_holders_wish),
        TEST(a_takeover_voids_what_waits),
        TEST(an_account_id_is_had_once),
        TEST(a_closed_account_leaves_its_id_and_keeps_its_sub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
