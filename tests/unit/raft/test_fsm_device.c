/* The state machine: passkeys, and the smartphone app. */
#include "tests/unit/store/unit.h"

#include "raft/fsm_limits.h"
#include "store/store_usage.h"
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
    for (uint64_t n = 1; n <= 2; n++) { /* in which devices are registered */
        struct command login = command_login(n, 80000 + n);
        login.login.methods = 3;
        assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    }
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

static struct store_read *reading(struct fsm_fixture *fx) {
    struct store_read *read;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    return read;
}

static void read_done(struct store_read *read) {
    store_read_end(read);
    store_read_free(read);
}

/* --- passkeys --- */

/* Asked for any passkey of the account, with challenge `n`. */
static struct command ask_passkey(uint64_t account, uint64_t signin, uint64_t n) {
    return (struct command){.type = CMD_FACTOR_CHALLENGE,
                            .factor_challenge = {.signin = key_of(signin),
                                                 .browser = {(uint8_t)account},
                                                 .kind = FACTOR_PASSKEY,
                                                 .has_code = true,
                                                 .code = key_of(n),
                                                 .code_ttl_ms = 5 * MINUTE_MS}};
}

static struct command by_passkey(uint64_t account, uint64_t signin, uint64_t n,
                                 uint64_t index, uint64_t step, uint64_t session) {
    struct command c = command_pass(account, signin, FACTOR_PASSKEY, n, session);

    c.factor_pass.factor = id_of(900 + index);
    c.factor_pass.step = step;
    return c;
}

static void begin_passkey(struct fsm_fixture *fx, uint64_t signin, uint64_t n) {
    assert_code(give(fx, command_second(1, signin)), OUT_SECOND_STEP);
    assert_code(give(fx, ask_passkey(1, signin, n)), OUT_OK);
}

static void a_passkey_has_one_account(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_passkey(1, 50);

    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_passkey(2, 50)), OUT_EXISTS);
    c.factor_put.factor.id = id_of(999); /* the same one twice */
    assert_code(give(fx, c), OUT_EXISTS);
    assert_code(give(fx, command_passkey(1, 51)), OUT_OK);
    /* Removed, it may be registered again, by anybody. */
    assert_code(give(fx, (struct command){
                             .type = CMD_FACTOR_DEL,
                             .factor_del = {.sub = id_of(1), .id = id_of(950)}}),
                OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "factor_index"), 1);
    assert_code(give(fx, command_passkey(2, 50)), OUT_OK);
}

static void any_passkey_of_the_account_passes(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    assert_code(give(fx, ask_passkey(1, 1, 5)), OUT_NOT_FOUND); /* it has none */
    assert_code(give(fx, command_passkey(1, 50)), OUT_OK);
    assert_code(give(fx, command_passkey(1, 51)), OUT_OK);
    assert_code(give(fx, command_passkey(2, 52)), OUT_OK);
    assert_code(give(fx, ask_passkey(1, 1, 5)), OUT_OK);
    assert_code(give(fx, by_passkey(1, 1, 5, 52, 1, 9)), OUT_NOT_FOUND);
    assert_code(give(fx, by_passkey(1, 1, 5, 51, 1, 9)), OUT_OK);
    assert_code(give(fx, by_passkey(1, 1, 5, 51, 2, 10)), OUT_NOT_FOUND);
}

static void a_challenge_is_the_last_one_and_for_five_minutes(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_passkey(1, 50)), OUT_OK);
    begin_passkey(fx, 1, 5);
    assert_code(give(fx, ask_passkey(1, 1, 6)), OUT_OK);
    assert_code(give(fx, by_passkey(1, 1, 5, 50, 1, 9)), OUT_BAD_CREDENTIALS);
    fx->now_ms += 5 * MINUTE_MS;
    assert_code(give(fx, by_passkey(1, 1, 6, 50, 1, 9)), OUT_EXPIRED);
}

static void a_counter_that_counts_only_rises(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_passkey(1, 50)), OUT_OK);
    begin_passkey(fx, 1, 5);
    assert_code(give(fx, by_passkey(1, 1, 5, 50, 7, 9)), OUT_OK);
    begin_passkey(fx, 2, 6);
    assert_code(give(fx, by_passkey(1, 2, 6, 50, 7, 10)), OUT_REPLAYED);
    assert_code(give(fx, by_passkey(1, 2, 6, 50, 6, 10)), OUT_REPLAYED);
    assert_code(give(fx, by_passkey(1, 2, 6, 50, 0, 10)), OUT_REPLAYED);
    assert_code(give(fx, by_passkey(1, 2, 6, 50, 8, 10)), OUT_OK);
}

static void a_counter_that_does_not_count_stays_at_zero(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_passkey(1, 50)), OUT_OK);
    for (uint64_t n = 1; n <= 3; n++) {
        begin_passkey(fx, n, 5);
        assert_code(give(fx, by_passkey(1, n, 5, 50, 0, 20 + n)), OUT_OK);
    }
}

static void a_passkey_is_enrolled_in_the_first_sign_in(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = ask_passkey(1, 1, 5), pass = by_passkey(1, 1, 5, 50, 3, 9);

    assert_code(give(fx, command_passkey(2, 50)), OUT_OK);
    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    c.factor_challenge.enrols = true;
    c.factor_challenge.factor = id_of(950);
    assert_code(give(fx, c), OUT_OK);
    pass.factor_pass.enrolled.index = key_of(50); /* another account's */
    assert_code(give(fx, pass), OUT_EXISTS);
    pass.factor_pass.enrolled.index = key_of(51);
    assert_code(give(fx, pass), OUT_OK);
    begin_passkey(fx, 2, 6);
    c = by_passkey(1, 2, 6, 50, 3, 10); /* the counter of the enrolment is kept */
    assert_code(give(fx, c), OUT_REPLAYED);
    c.factor_pass.step = 4;
    assert_code(give(fx, c), OUT_OK);
}

static void a_passkey_alone_signs_in_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_passkey_login(50, 1, 9, 1);
    struct store_read *read;
    struct session session;

    assert_code(give(fx, c), OUT_NOT_FOUND);
    assert_code(give(fx, command_passkey(1, 50)), OUT_OK);
    c = command_passkey_login(50, 1, 9, 2);
    assert_code(give(fx, c), OUT_OK);
    read = reading(fx);
    assert_ok(store_session_get(read, key_of(9), &session));
    read_done(read);
    assert_memory_equal(session.sub.b, id_of(1).b, sizeof session.sub.b);
    assert_int_equal(session.methods, 8);
    c.passkey_login.step = 2;
    c.passkey_login.session = key_of(10);
    assert_code(give(fx, c), OUT_PROOF_REPLAYED); /* the challenge */
    assert_code(give(fx, command_passkey_login(50, 1, 10, 3)), OUT_REPLAYED);
    c = command_passkey_login(50, 2, 10, 4);
    c.passkey_login.generation = 2;
    assert_code(give(fx, c), OUT_ACCOUNT_STATE);
    assert_code(give(fx, command_passkey_login(50, 2, 9, 5)), OUT_EXISTS);
    c = command_passkey_login(50, 2, 10, 6);
    c.passkey_login.has_replaced = true;
    c.passkey_login.replaced = key_of(9);
    assert_code(give(fx, c), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "session"), 3);
}

/* --- the app --- */

static void register_device(struct fsm_fixture *fx, uint64_t account, uint64_t device) {
    assert_code(give(fx, command_app_enrol(account, 600 + device)), OUT_OK);
    assert_code(give(fx, command_app_register(600 + device, device, 600 + device)),
                OUT_OK);
}

/* Device 40 is account 1's, 41 is account 2's; sign-in 1 asks question 5. */
static void begin_app(struct fsm_fixture *fx) {
    register_device(fx, 1, 40);
    register_device(fx, 2, 41);
    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    assert_code(give(fx, command_ask(1, 1, 5)), OUT_OK);
}

static struct command by_app(uint64_t signin, uint64_t device, uint64_t session) {
    struct command c = command_pass(1, signin, FACTOR_APP, 0, session);

    c.factor_pass.factor = id_of(800 + device);
    return c;
}

static struct command answer(uint64_t n, enum app_answer answer, uint64_t proof) {
    return command_app_answer(40, challenge_of(1, n), answer, proof);
}

static void a_code_registers_one_device(void **state) {
    struct fsm_fixture *fx = *state;
    uint32_t month;
    struct usage_row usage;
    struct store_read *read;

    assert_code(give(fx, command_app_register(1, 40, 1)), OUT_NOT_FOUND);
    assert_code(give(fx, command_app_enrol(1, 1)), OUT_OK);
    assert_code(give(fx, command_app_enrol(2, 1)), OUT_EXISTS);
    assert_code(give(fx, command_app_register(1, 40, 2)), OUT_OK);
    assert_code(give(fx, command_app_register(1, 41, 3)), OUT_NOT_FOUND);
    assert_int_equal(fsm_fixture_rows(fx, "app_enrolment"), 0);
    /* One key is one device. */
    assert_code(give(fx, command_app_enrol(2, 2)), OUT_OK);
    assert_code(give(fx, command_app_register(2, 40, 4)), OUT_EXISTS);
    assert_code(give(fx, command_app_register(2, 41, 4)), OUT_PROOF_REPLAYED);
    assert_code(give(fx, command_app_register(2, 41, 5)), OUT_OK);
    month = store_usage_month(fx->now_ms);
    read = reading(fx);
    assert_ok(store_usage_get(read, month, span_str(""), &usage));
    assert_int_equal(usage.counts[USAGE_APP_ANDROID], 1);
    assert_int_equal(usage.counts[USAGE_APP_IOS], 1);
    read_done(read);
}

static void codes_expire_and_end_with_the_accounts_generation(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_app_enrol(1, 1);

    c.app_enrol.generation = 2;
    assert_code(give(fx, c), OUT_ACCOUNT_STATE);
    assert_code(give(fx, command_app_enrol(1, 1)), OUT_OK);
    fx->now_ms += 10 * MINUTE_MS;
    assert_code(give(fx, command_app_register(1, 40, 1)), OUT_NOT_FOUND);
    assert_code(give(fx, command_app_enrol(1, 2)), OUT_OK);
    c = command_account(1);
    c.account_put.replace = true;
    c.account_put.account.generation = 2;
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_app_register(2, 40, 2)), OUT_ACCOUNT_STATE);
    fx->now_ms += HOUR_MS;
    fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_rows(fx, "app_enrolment"), 0); /* swept */
}

static void an_approval_is_what_the_browser_waits_for(void **state) {
    struct fsm_fixture *fx = *state;

    begin_app(fx);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_WAITING);
    assert_code(give(fx, answer(5, APP_APPROVE, 1)), OUT_OK);
    assert_code(give(fx, answer(5, APP_APPROVE, 2)), OUT_REPLAYED);
    assert_code(give(fx, answer(5, APP_DENY, 3)), OUT_REPLAYED);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_OK);
    assert_code(give(fx, by_app(1, 40, 10)), OUT_NOT_FOUND); /* once */
    assert_int_equal(fsm_fixture_rows(fx, "session"), 3);
}

static void only_a_device_of_the_account_answers(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    begin_app(fx);
    c = command_app_answer(41, challenge_of(1, 5), APP_APPROVE, 1);
    assert_code(give(fx, c), OUT_NOT_FOUND);
    c = command_app_answer(42, challenge_of(1, 5), APP_APPROVE, 2);
    assert_code(give(fx, c), OUT_NOT_FOUND);
    assert_code(give(fx, answer(6, APP_APPROVE, 3)), OUT_NOT_FOUND);
    /* A device that was removed meanwhile. */
    assert_code(give(fx, (struct command){
                             .type = CMD_FACTOR_DEL,
                             .factor_del = {.sub = id_of(1), .id = id_of(840)}}),
                OUT_OK);
    assert_code(give(fx, answer(5, APP_APPROVE, 4)), OUT_NOT_FOUND);
}

static void an_answer_is_used_up_with_its_proof(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    begin_app(fx);
    c = answer(5, APP_APPROVE, 1);
    c.app_answer.right = false;
    assert_code(give(fx, c), OUT_BAD_CREDENTIALS);
    assert_code(give(fx, answer(5, APP_APPROVE, 1)), OUT_PROOF_REPLAYED);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_WAITING);
    assert_code(give(fx, answer(5, APP_APPROVE, 2)), OUT_OK);
}

static void wrong_numbers_are_a_no_and_count(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = answer(5, APP_APPROVE, 1);
    struct factor_guard guard;
    struct store_read *read;
    struct id128 sub = id_of(1);
    struct key_hash counter;

    memcpy(counter.b, sub.b, sizeof counter.b);
    begin_app(fx);
    c.app_answer.right = false;
    for (unsigned i = 0; i < FSM_APP_WRONG_MAX; i++) {
        c.app_answer.proofs.at[0].key = key_of(71000 + i);
        assert_code(give(fx, c), OUT_BAD_CREDENTIALS);
    }
    assert_code(give(fx, answer(5, APP_APPROVE, 2)), OUT_REPLAYED);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_DENIED);
    read = reading(fx);
    assert_ok(store_factor_guard_get(read, counter, &guard));
    read_done(read);
    assert_int_equal(guard.failures, FSM_APP_WRONG_MAX);
}

static void a_no_ends_the_sign_in_for_every_method(void **state) {
    struct fsm_fixture *fx = *state;

    begin_app(fx);
    assert_code(give(fx, command_factor(1, FACTOR_SMS)), OUT_OK);
    assert_code(give(fx, answer(5, APP_DENY, 1)), OUT_OK);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_DENIED);
    assert_code(give(fx, command_challenge(1, 1, FACTOR_SMS, 7)), OUT_DENIED);
    assert_code(give(fx, command_ask(1, 1, 6)), OUT_DENIED);
    /* A new one may be begun: it may have been a slip. */
    assert_code(give(fx, command_second(1, 2)), OUT_SECOND_STEP);
    assert_code(give(fx, command_challenge(1, 2, FACTOR_SMS, 7)), OUT_OK);
    assert_code(give(fx, command_pass(1, 2, FACTOR_SMS, 7, 9)), OUT_OK);
}

static void not_me_locks_out_all_but_known_devices(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    begin_app(fx);
    assert_code(give(fx, command_factor(1, FACTOR_SMS)), OUT_OK);
    assert_code(give(fx, answer(5, APP_NOT_ME, 1)), OUT_OK);
    assert_code(give(fx, command_second(1, 2)), OUT_SECOND_STEP);
    assert_code(give(fx, command_challenge(1, 2, FACTOR_SMS, 7)), OUT_LOCKED);
    assert_code(give(fx, command_ask(1, 2, 6)), OUT_LOCKED);
    c = command_ask(1, 2, 6);
    c.factor_challenge.has_device = true;
    c.factor_challenge.device = key_of(777);
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, answer(6, APP_APPROVE, 2)), OUT_OK);
    assert_code(give(fx, by_app(2, 40, 9)), OUT_OK);
}

static void questions_end_after_two_minutes(void **state) {
    struct fsm_fixture *fx = *state;

    begin_app(fx);
    assert_code(give(fx, answer(5, APP_APPROVE, 1)), OUT_OK);
    fx->now_ms += FSM_APP_CHALLENGE_MS;
    assert_code(give(fx, by_app(1, 40, 9)), OUT_EXPIRED);
    assert_code(give(fx, command_ask(1, 1, 6)), OUT_OK);
    fx->now_ms += FSM_APP_CHALLENGE_MS;
    assert_code(give(fx, answer(6, APP_APPROVE, 2)), OUT_EXPIRED);
    fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_rows(fx, "app_challenge"), 0); /* swept */
}

static void an_account_is_not_flooded_with_questions(void **state) {
    struct fsm_fixture *fx = *state;

    begin_app(fx);
    for (uint64_t n = 1; n < FSM_APP_CHALLENGES_MAX; n++)
        assert_code(give(fx, command_ask(1, 1, 5 + n)), OUT_OK);
    assert_code(give(fx, command_second(1, 2)), OUT_SECOND_STEP);
    assert_code(give(fx, command_ask(1, 2, 20)), OUT_FULL);
    fx->now_ms += FSM_APP_CHALLENGE_MS + 1000;
    fsm_fixture_tick(fx);
    assert_code(give(fx, command_ask(1, 2, 20)), OUT_OK);
}

/* An approval of one sign-in is worth nothing for another one of the same account. */
static void an_approval_is_of_one_sign_in(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c;

    begin_app(fx);
    assert_code(give(fx, command_second(1, 2)), OUT_SECOND_STEP);
    assert_code(give(fx, command_ask(1, 2, 6)), OUT_OK);
    assert_code(give(fx, answer(6, APP_APPROVE, 1)), OUT_OK);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_WAITING);
    c = command_ask(1, 1, 6); /* the other one's question, once more */
    assert_code(give(fx, c), OUT_EXISTS);
    c = command_ask(1, 1, 7);
    c.factor_challenge.data = span_of(challenge_of(2, 7).b, 16); /* of another account */
    assert_code(give(fx, c), OUT_NOT_FOUND);
    assert_code(give(fx, by_app(2, 40, 9)), OUT_OK);
}

static struct command offer(uint64_t signin, uint64_t code) {
    struct command c = command_ask(1, signin, code);

    c.factor_challenge.enrols = true;
    c.factor_challenge.code_ttl_ms = 10 * MINUTE_MS;
    return c;
}

static void a_first_device_is_registered_in_the_sign_in(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    assert_code(give(fx, offer(1, 30)), OUT_OK);
    assert_code(give(fx, command_pass(1, 1, FACTOR_APP, 0, 9)), OUT_NOT_FOUND);
    assert_code(give(fx, command_app_register(30, 40, 1)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "session"), 2); /* it has proven nothing yet */
    assert_code(give(fx, command_ask(1, 1, 5)), OUT_OK);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_WAITING);
    assert_code(give(fx, answer(5, APP_APPROVE, 2)), OUT_OK);
    assert_code(give(fx, by_app(1, 40, 9)), OUT_OK);
}

static void a_password_alone_adds_no_device_to_other_factors(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    assert_code(give(fx, offer(1, 30)), OUT_OK);
    assert_code(give(fx, command_factor(1, FACTOR_SMS)), OUT_OK); /* meanwhile */
    assert_code(give(fx, command_app_register(30, 40, 1)), OUT_EXISTS);
    assert_code(give(fx, offer(1, 31)), OUT_EXISTS);
}

static void a_session_that_has_ended_registers_no_device(void **state) {
    struct fsm_fixture *fx = *state;
    struct command begin = {.type = CMD_FACTOR_BEGIN,
                            .factor_begin = {.session = key_of(3),
                                             .signin = key_of(1),
                                             .browser = {1},
                                             .ttl_ms = 10 * MINUTE_MS}};

    assert_code(give(fx, command_login(1, 3)), OUT_OK);
    assert_code(give(fx, begin), OUT_OK);
    assert_code(give(fx, offer(1, 30)), OUT_OK);
    assert_code(give(fx, command_end(3)), OUT_OK);
    assert_code(give(fx, command_app_register(30, 40, 1)), OUT_SESSION_ENDED);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 0);
}

static void an_offer_ends_with_what_is_asked_next(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_second(1, 1)), OUT_SECOND_STEP);
    assert_code(give(fx, offer(1, 30)), OUT_OK);
    assert_code(give(fx, offer(1, 31)), OUT_OK);
    assert_code(give(fx, command_app_register(30, 40, 1)), OUT_NOT_FOUND);
    assert_code(give(fx, command_app_register(31, 40, 2)), OUT_OK);
}

static void a_code_ends_with_the_session_that_showed_it(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_app_enrol(1, 1);

    c.app_enrol.gate.session = key_of(80002); /* another account's */
    assert_code(give(fx, c), OUT_SESSION_ENDED);
    assert_code(give(fx, command_app_enrol(1, 1)), OUT_OK);
    assert_code(give(fx, command_end(80001)), OUT_OK);
    assert_code(give(fx, command_app_register(1, 40, 1)), OUT_SESSION_ENDED);
    assert_code(give(fx, command_app_enrol(1, 2)), OUT_SESSION_ENDED);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 0);
}

static void a_device_has_one_address_at_a_time(void **state) {
    struct fsm_fixture *fx = *state;
    struct store_read *read;
    struct factor device;

    assert_code(give(fx, command_app_address(40, "sealed", 1)), OUT_NOT_FOUND);
    register_device(fx, 1, 40);
    assert_code(give(fx, command_app_address(40, "sealed", 2)), OUT_OK);
    assert_code(give(fx, command_app_address(40, "another", 2)), OUT_PROOF_REPLAYED);
    read = reading(fx);
    assert_ok(store_factor_find(read, &fx->arena, FACTOR_APP, key_of(40), &device));
    assert_true(span_is(device.sealed, "sealed"));
    read_done(read);
}

/* Who has the password goes on asking; the holder has said what that is. */
static void not_me_ends_all_questions_of_the_day(void **state) {
    struct fsm_fixture *fx = *state;

    begin_app(fx);
    assert_code(give(fx, command_second(1, 2)), OUT_SECOND_STEP);
    assert_code(give(fx, command_ask(1, 2, 6)), OUT_OK);
    assert_code(give(fx, answer(5, APP_NOT_ME, 1)), OUT_OK);
    /* One that waited beside it is over, though a device says yes. */
    assert_code(give(fx, answer(6, APP_APPROVE, 2)), OUT_REPLAYED);
    assert_code(give(fx, by_app(2, 40, 9)), OUT_DENIED);
    fx->now_ms += FSM_APP_CHALLENGE_MS;
    assert_code(give(fx, command_second(1, 3)), OUT_SECOND_STEP);
    assert_code(give(fx, command_ask(1, 3, 7)), OUT_LOCKED);
    fx->now_ms += FSM_FACTOR_DAY_MS;
    assert_code(give(fx, command_second(1, 4)), OUT_SECOND_STEP);
    assert_code(give(fx, command_ask(1, 4, 1)), OUT_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_passkey_has_one_account),
        TEST(any_passkey_of_the_account_passes),
        TEST(a_challenge_is_the_last_one_and_for_five_minutes),
        TEST(a_counter_that_counts_only_rises),
        TEST(a_counter_that_does_not_count_stays_at_zero),
        TEST(a_passkey_is_enrolled_in_the_first_sign_in),
        TEST(a_passkey_alone_signs_in_once),
        TEST(a_code_registers_one_device),
        TEST(codes_expire_and_end_with_the_accounts_generation),
        TEST(an_approval_is_what_the_browser_waits_for),
        TEST(only_a_device_of_the_account_answers),
        TEST(an_answer_is_used_up_with_its_proof),
        TEST(wrong_numbers_are_a_no_and_count),
        TEST(a_no_ends_the_sign_in_for_every_method),
        TEST(not_me_locks_out_all_but_known_devices),
        TEST(questions_end_after_two_minutes),
        TEST(an_account_is_not_flooded_with_questions),
        TEST(an_approval_is_of_one_sign_in),
        TEST(a_first_device_is_registered_in_the_sign_in),
        TEST(a_password_alone_adds_no_device_to_other_factors),
        TEST(a_session_that_has_ended_registers_no_device),
        TEST(an_offer_ends_with_what_is_asked_next),
        TEST(a_code_ends_with_the_session_that_showed_it),
        TEST(a_device_has_one_address_at_a_time),
        TEST(not_me_ends_all_questions_of_the_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
