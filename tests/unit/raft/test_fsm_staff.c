/* The state machine: the staff's realm. */
#include "tests/unit/store/unit.h"

#include "tests/unit/raft/fsm_fixture.h"

#define STEP_MS 30000u

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    struct command staff = command_staff(1, 0);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    assert_code(fsm_fixture_do(fx, &staff), OUT_OK);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fsm_fixture *fx = *state;
    fsm_fixture_close(fx);
    free(fx);
    return 0;
}

static struct staff staff_now(struct fsm_fixture *fx, uint64_t n) {
    struct staff staff;
    assert_true(fsm_fixture_staff(fx, n, &staff));
    return staff;
}

static uint64_t step_now(const struct fsm_fixture *fx) {
    return fx->now_ms / STEP_MS;
}

static enum outcome_code sign_in(struct fsm_fixture *fx, uint64_t session,
                                 uint64_t step) {
    struct command login = command_staff_login(1, session, step);
    login.staff_login.generation = staff_now(fx, 1).generation;
    return fsm_fixture_do(fx, &login);
}

/* --- accounts --- */

static void an_account_is_made_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command again = command_staff(1, 0);
    struct command other = command_staff(2, 0);
    struct command unknown = command_staff(3, 1);
    struct staff staff = staff_now(fx, 1);

    assert_true(span_is(staff.name, "監査 花子"));
    assert_true(span_is(staff.password_hash, "$argon2id$"));
    assert_true(span_is(staff.sealed_seed, "seed"));
    assert_int_equal(staff.roles, STAFF_ROLES_ALL);
    assert_int_equal(staff.generation, 1);
    assert_int_equal(staff.created_ms, fx->now_ms);
    assert_code(fsm_fixture_do(fx, &again), OUT_EXISTS);
    other.staff_put.staff.login_index = key_of(6001); /* W1 */
    assert_code(fsm_fixture_do(fx, &other), OUT_EXISTS);
    assert_code(fsm_fixture_do(fx, &unknown), OUT_NOT_FOUND);
    assert_int_equal(fsm_fixture_rows(fx, "staff"), 1);
    assert_int_equal(fsm_fixture_rows(fx, "staff_login"), 1);
}

static void of_two_changes_of_one_generation_one_is_made(void **state) {
    struct fsm_fixture *fx = *state;
    struct command change = command_staff(1, 1);
    uint64_t made = fx->now_ms;

    fx->now_ms += HOUR_MS;
    change.staff_put.staff.login_index = key_of(6009); /* the name, too */
    assert_code(fsm_fixture_do(fx, &change), OUT_OK);
    assert_int_equal(staff_now(fx, 1).generation, 2);
    assert_int_equal(staff_now(fx, 1).created_ms, made);
    assert_int_equal(fsm_fixture_rows(fx, "staff_login"), 1);
    assert_code(fsm_fixture_do(fx, &change), OUT_ACCOUNT_STATE);
    assert_int_equal(staff_now(fx, 1).generation, 2);
}

static void the_last_administrator_stays(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_staff(1, 1);

    c.staff_put.staff.state = STAFF_DISABLED;
    assert_code(fsm_fixture_do(fx, &c), OUT_ACCOUNT_STATE);
    c = command_staff(1, 1);
    c.staff_put.staff.roles = STAFF_ROLES_ALL & ~(uint32_t)STAFF_ADMIN;
    assert_code(fsm_fixture_do(fx, &c), OUT_ACCOUNT_STATE);
    assert_int_equal(staff_now(fx, 1).roles, STAFF_ROLES_ALL);

    /* One who is no administrator, and one who is disabled, do not count. */
    c = command_staff(2, 0);
    c.staff_put.staff.roles = STAFF_AUDITOR;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    c = command_staff(3, 0);
    c.staff_put.staff.state = STAFF_DISABLED;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    c = command_staff(1, 1);
    c.staff_put.staff.state = STAFF_DISABLED;
    assert_code(fsm_fixture_do(fx, &c), OUT_ACCOUNT_STATE);

    c = command_staff(3, 1);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    c = command_staff(1, 1);
    c.staff_put.staff.state = STAFF_DISABLED;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

static void the_number_of_accounts_is_bounded(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    for (uint64_t n = 2; n <= 1000; n++) {
        c = command_staff(n, 0);
        assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    }
    c = command_staff(1001, 0);
    assert_code(fsm_fixture_do(fx, &c), OUT_FULL);
    c = command_staff(7, 1);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

/* --- signing in --- */

static void both_factors_make_a_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct staff_session session;
    struct outcome_login told;

    assert_code(sign_in(fx, 1, step_now(fx)), OUT_OK);
    assert_ok(outcome_login_decode(fx->outcome.detail, &told));
    assert_int_equal(told.auth_time_ms, fx->now_ms);
    assert_true(fsm_fixture_staff_session(fx, 1, &session));
    assert_memory_equal(session.staff.b, id_of(1).b, 16);
    assert_int_equal(session.generation, 1);
    assert_int_equal(session.idle_at_ms, fx->now_ms + HOUR_MS / 2);
    assert_int_equal(session.expires_ms, fx->now_ms + 10 * HOUR_MS);
    assert_int_equal(staff_now(fx, 1).last_step, step_now(fx));
    fx->now_ms += STEP_MS;
    assert_code(sign_in(fx, 1, step_now(fx)), OUT_EXISTS);
}

/* RFC 6238 §5.2: not even for a second session, nor an earlier step's code. */
static void a_code_is_used_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct staff_session session;
    uint64_t step = step_now(fx);

    assert_code(sign_in(fx, 1, step), OUT_OK);
    assert_code(sign_in(fx, 2, step), OUT_REPLAYED);
    assert_code(sign_in(fx, 2, step - 1), OUT_REPLAYED);
    assert_false(fsm_fixture_staff_session(fx, 2, &session));
    assert_int_equal(staff_now(fx, 1).failures, 2);
    assert_code(sign_in(fx, 2, step + 1), OUT_OK);
    assert_int_equal(staff_now(fx, 1).failures, 0);

    /* W2: a new seed or password does not make it good again. */
    struct command change = command_staff(1, 1);
    assert_code(fsm_fixture_do(fx, &change), OUT_OK);
    assert_code(sign_in(fx, 3, step + 1), OUT_REPLAYED);
}

static void a_code_of_another_time_is_refused(void **state) {
    struct fsm_fixture *fx = *state;
    uint64_t step = step_now(fx);

    assert_code(sign_in(fx, 1, step + 2), OUT_EXPIRED);
    assert_code(sign_in(fx, 1, step - 3), OUT_EXPIRED);
    assert_int_equal(staff_now(fx, 1).failures, 2);
    assert_code(sign_in(fx, 1, step - 2), OUT_OK);
    assert_code(sign_in(fx, 2, step + 1), OUT_OK);
}

static void one_factor_is_not_enough(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_staff_login(1, 1, step_now(fx));

    c.staff_login.password_ok = false;
    assert_code(fsm_fixture_do(fx, &c), OUT_BAD_CREDENTIALS);
    /* The code was not spent by whoever does not know the password. */
    assert_int_equal(staff_now(fx, 1).last_step, 0);
    c = command_staff_login(1, 1, 0);
    c.staff_login.has_step = false;
    assert_code(fsm_fixture_do(fx, &c), OUT_BAD_CREDENTIALS);
    assert_int_equal(staff_now(fx, 1).failures, 2);
    c = command_staff_login(1, 1, step_now(fx));
    c.staff_login.generation = 2; /* the password was another's */
    assert_code(fsm_fixture_do(fx, &c), OUT_BAD_CREDENTIALS);
    c = command_staff_login(9, 1, step_now(fx));
    assert_code(fsm_fixture_do(fx, &c), OUT_BAD_CREDENTIALS);
    c.staff_login.known = c.staff_login.password_ok = c.staff_login.has_step = false;
    c.staff_login.generation = c.staff_login.step = 0;
    c.staff_login.id = (struct id128){{0}};
    assert_code(fsm_fixture_do(fx, &c), OUT_BAD_CREDENTIALS);
    assert_int_equal(fsm_fixture_rows(fx, "staff_session"), 0);
}

static void ten_failures_lock_and_a_change_unlocks(void **state) {
    struct fsm_fixture *fx = *state;
    struct command wrong = command_staff_login(1, 1, step_now(fx));
    struct command change = command_staff(1, 1);

    wrong.staff_login.password_ok = false;
    for (int i = 0; i < 10; i++) {
        assert_code(fsm_fixture_do(fx, &wrong), OUT_BAD_CREDENTIALS);
    }
    assert_code(sign_in(fx, 1, step_now(fx)), OUT_LOCKED);
    fx->now_ms += 15 * MINUTE_MS - 1;
    assert_code(sign_in(fx, 1, step_now(fx)), OUT_LOCKED);
    fx->now_ms += 1;
    wrong.staff_login.step = step_now(fx);
    assert_code(fsm_fixture_do(fx, &wrong), OUT_BAD_CREDENTIALS); /* doubles */
    fx->now_ms += 30 * MINUTE_MS - 1;
    assert_code(sign_in(fx, 1, step_now(fx)), OUT_LOCKED);
    assert_code(fsm_fixture_do(fx, &change), OUT_OK);
    assert_code(sign_in(fx, 1, step_now(fx)), OUT_OK);
}

static void a_disabled_account_does_not_sign_in(void **state) {
    struct fsm_fixture *fx = *state;
    struct command other = command_staff(2, 0);
    struct command off = command_staff(1, 1);

    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    off.staff_put.staff.state = STAFF_DISABLED;
    assert_code(fsm_fixture_do(fx, &off), OUT_OK);
    assert_code(sign_in(fx, 1, step_now(fx)), OUT_ACCOUNT_STATE);
    assert_int_equal(fsm_fixture_rows(fx, "staff_session"), 0);
}

/* --- sessions --- */

static void a_session_ends_or_is_replaced_or_swept(void **state) {
    struct fsm_fixture *fx = *state;
    struct command end = command_staff_end(1);
    struct command replaces = command_staff_login(1, 3, 0);
    struct staff_session session;

    assert_code(sign_in(fx, 1, step_now(fx)), OUT_OK);
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    assert_code(fsm_fixture_do(fx, &end), OUT_NOT_FOUND);
    assert_false(fsm_fixture_staff_session(fx, 1, &session));

    fx->now_ms += STEP_MS;
    assert_code(sign_in(fx, 2, step_now(fx)), OUT_OK);
    fx->now_ms += STEP_MS;
    replaces.staff_login.step = step_now(fx);
    replaces.staff_login.has_replaced = true;
    replaces.staff_login.replaced = key_of(2);
    assert_code(fsm_fixture_do(fx, &replaces), OUT_OK);
    assert_false(fsm_fixture_staff_session(fx, 2, &session));
    assert_true(fsm_fixture_staff_session(fx, 3, &session));

    fx->now_ms = session.idle_at_ms - 1;
    fsm_fixture_tick(fx);
    assert_true(fsm_fixture_staff_session(fx, 3, &session));
    fx->now_ms += 1;
    fsm_fixture_tick(fx);
    assert_false(fsm_fixture_staff_session(fx, 3, &session));
}

/* W4: use moves the idle end on, never the lifetime's, and revives nothing. */
static void a_session_in_use_lives_on(void **state) {
    struct fsm_fixture *fx = *state;
    struct command touch = command_staff_touch(1);
    struct command change = command_staff(1, 1);
    struct staff_session session;
    uint64_t begun = fx->now_ms;

    assert_code(fsm_fixture_do(fx, &touch), OUT_SESSION_ENDED);
    assert_code(sign_in(fx, 1, step_now(fx)), OUT_OK);
    fx->now_ms += 20 * MINUTE_MS;
    assert_code(fsm_fixture_do(fx, &touch), OUT_OK);
    assert_true(fsm_fixture_staff_session(fx, 1, &session));
    assert_int_equal(session.idle_at_ms, fx->now_ms + HOUR_MS / 2);
    assert_int_equal(session.expires_ms, begun + 10 * HOUR_MS);
    while (fx->now_ms + HOUR_MS / 3 < session.expires_ms) {
        fx->now_ms += HOUR_MS / 3;
        assert_code(fsm_fixture_do(fx, &touch), OUT_OK);
    }
    fx->now_ms = session.expires_ms;
    assert_code(fsm_fixture_do(fx, &touch), OUT_SESSION_ENDED);

    assert_code(sign_in(fx, 1, step_now(fx)), OUT_OK);
    assert_code(fsm_fixture_do(fx, &change), OUT_OK);
    assert_code(fsm_fixture_do(fx, &touch), OUT_SESSION_ENDED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_account_is_made_once),
        TEST(of_two_changes_of_one_generation_one_is_made),
        TEST(the_last_administrator_stays),
        TEST(the_number_of_accounts_is_bounded),
        TEST(both_factors_make_a_session),
        TEST(a_code_is_used_once),
        TEST(a_code_of_another_time_is_refused),
        TEST(one_factor_is_not_enough),
        TEST(ten_failures_lock_and_a_change_unlocks),
        TEST(a_disabled_account_does_not_sign_in),
        TEST(a_session_ends_or_is_replaced_or_swept),
        TEST(a_session_in_use_lives_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
