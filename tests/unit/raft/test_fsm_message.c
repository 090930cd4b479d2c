/* The state machine: what people are told, how often, and for how long. */
#include "tests/unit/store/unit.h"

#include "raft/fsm_limits.h"
#include "store/store_counter.h"
#include "store/store_usage.h"
#include "tests/unit/raft/fsm_fixture.h"

#define TTL_MS (5 * MINUTE_MS) /* of command_message */

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
    (void)fsm_fixture_messages(fx, false, NULL, 0); /* B3 */
    fsm_fixture_close(fx);
    free(fx);
    return 0;
}

static enum outcome_code say(struct fsm_fixture *fx, uint64_t n, enum outbox_kind kind,
                             uint32_t max) {
    struct command command = command_message(n, kind, max);
    return fsm_fixture_do(fx, &command);
}

/* Message `n` under a counter of its own choice. */
static struct command counted(uint64_t n, uint64_t counter, uint32_t max) {
    struct command command = command_message(n, OUTBOX_SMS, max);
    command.message_send.message.caps.at[0].key = key_of(counter);
    return command;
}

static struct outbox_message message_now(struct fsm_fixture *fx, uint64_t n) {
    struct outbox_message message;
    assert_true(fsm_fixture_message(fx, id_of(6000 + n), &message));
    return message;
}

/* The attempt; 0: it was not leased. */
static uint32_t claim(struct fsm_fixture *fx, uint64_t n) {
    struct command command = command_claim(id_of(6000 + n));
    struct outcome_claim told;

    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_ok(outcome_claim_decode(fx->outcome.detail, &told));
    return told.count == 0 ? 0 : told.messages[0].attempt;
}

static void settle(struct fsm_fixture *fx, uint64_t n, uint32_t attempt,
                   enum outbox_reason reason) {
    struct command command = command_settle(id_of(6000 + n), attempt, reason);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
}

static enum outcome_code retry(struct fsm_fixture *fx, uint64_t n) {
    struct command command = command_retry(id_of(6000 + n));
    return fsm_fixture_do(fx, &command);
}

static uint64_t counted_sms(struct fsm_fixture *fx, const char *client_id) {
    struct store_read *read;
    struct usage_row row = {0};
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    enum err err = store_usage_get(read, store_usage_month(fx->now_ms),
                                   span_str(client_id), &row);
    store_read_end(read);
    store_read_free(read);
    assert_true(err == OK || err == ERR_NOT_FOUND);
    return row.counts[USAGE_SMS];
}

/* --- what is kept --- */

static void a_message_waits_in_the_queue_of_its_kind(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(say(fx, 1, OUTBOX_SMS, 0), OUT_OK);
    assert_code(say(fx, 2, OUTBOX_MAIL, 0), OUT_OK);
    struct outbox_message sms = message_now(fx, 1);
    assert_int_equal(sms.kind, OUTBOX_SMS);
    assert_int_equal(sms.state, OUTBOX_PENDING);
    assert_true(span_is(sms.client_id, "@sms"));
    assert_true(span_is(sms.sealed, "sealed"));
    assert_memory_equal(sms.recipient.b, key_of(4001).b, sizeof sms.recipient.b);
    assert_memory_equal(sms.sub.b, id_of(1).b, sizeof sms.sub.b);
    assert_int_equal(sms.at_ms, fx->now_ms);
    assert_int_equal(sms.expires_ms, fx->now_ms + TTL_MS);
    assert_int_equal(sms.give_up_ms, fx->now_ms + TTL_MS);
    assert_true(span_is(message_now(fx, 2).client_id, "@mail"));
    assert_int_equal(counted_sms(fx, "rp"), 1); /* and no mail */
}

static void what_stays_true_is_given_up_after_a_day(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_message(1, OUTBOX_MAIL, 0);

    command.message_send.message.ttl_ms = 0;
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_int_equal(message_now(fx, 1).expires_ms, 0);
    assert_int_equal(message_now(fx, 1).give_up_ms, fx->now_ms + FSM_OUTBOX_GIVE_UP_MS);
}

/* --- caps --- */

static void a_cap_holds_for_its_window(void **state) {
    struct fsm_fixture *fx = *state;
    uint64_t n = 1;

    for (; n <= 3; n++) {
        struct command command = counted(n, 1, 3);
        assert_code(fsm_fixture_do(fx, &command), OUT_OK);
        fx->now_ms += MINUTE_MS;
    }
    struct command refused = counted(n, 1, 3);
    assert_code(fsm_fixture_do(fx, &refused), OUT_LIMITED);
    /* The window stands where it began: nothing moved its end. */
    fx->now_ms += HOUR_MS - 3 * MINUTE_MS - 1;
    assert_code(fsm_fixture_do(fx, &refused), OUT_LIMITED);
    fx->now_ms += 1;
    assert_code(fsm_fixture_do(fx, &refused), OUT_OK);
}

static void a_cap_of_none_is_never(void **state) {
    struct command command = counted(1, 1, 1);
    command.message_send.message.caps.at[0].max = 0;
    assert_code(fsm_fixture_do(*state, &command), OUT_LIMITED);
}

static void a_refusal_writes_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = counted(1, 1, 1);

    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    /* Its first counter would let it through, its last does not. */
    command = counted(2, 2, 5);
    command.message_send.message.caps.at[1] = (struct cap){key_of(1), 1, HOUR_MS, false, false};
    command.message_send.message.caps.count = 2;
    uint64_t counters = fsm_fixture_rows(fx, "counter");
    assert_code(fsm_fixture_do(fx, &command), OUT_LIMITED);
    assert_int_equal(fsm_fixture_rows(fx, "counter"), counters);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 1);
    assert_int_equal(counted_sms(fx, "rp"), 1);
}

static void a_refusal_says_when_the_last_full_window_ends(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = counted(1, 1, 1);
    struct outcome_wait wait;
    uint64_t began_ms = fx->now_ms;

    command.message_send.message.caps.at[1] =
        (struct cap){key_of(9), 1, 2 * HOUR_MS, false, false};
    command.message_send.message.caps.at[2] =
        (struct cap){key_of(10), 5, 9 * HOUR_MS, false, false}; /* which is not full */
    command.message_send.message.caps.count = 3;
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    fx->now_ms += MINUTE_MS;
    command.message_send.message.id = id_of(6002);
    assert_code(fsm_fixture_do(fx, &command), OUT_LIMITED);
    assert_ok(outcome_wait_decode(fx->outcome.detail, &wait));
    assert_true(wait.until_ms == began_ms + 2 * HOUR_MS);
    fx->now_ms = wait.until_ms;
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
}

static void every_counter_of_a_message_counts(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = counted(1, 1, 5);

    for (size_t i = 1; i < LIMIT_MESSAGE_CAPS; i++) {
        command.message_send.message.caps.at[i] =
            (struct cap){key_of(100 + i), i == 5 ? 2 : 9, HOUR_MS, false, false};
    }
    command.message_send.message.caps.count = LIMIT_MESSAGE_CAPS;
    for (uint64_t n = 1; n <= 3; n++) {
        command.message_send.message.id = id_of(6000 + n);
        assert_code(fsm_fixture_do(fx, &command), n < 3 ? OUT_OK : OUT_LIMITED);
    }
    assert_int_equal(fsm_fixture_rows(fx, "counter"), LIMIT_MESSAGE_CAPS);
}

static void counters_outlive_a_restart_and_are_swept(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = counted(1, 1, 1);

    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    fsm_fixture_reopen(fx);
    command = counted(2, 1, 1);
    assert_code(fsm_fixture_do(fx, &command), OUT_LIMITED);
    fx->now_ms += HOUR_MS;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "counter"), 0);
}

/* --- how long --- */

static void an_old_code_is_not_sent(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(say(fx, 1, OUTBOX_SMS, 0), OUT_OK);
    fx->now_ms += TTL_MS;
    assert_int_equal(claim(fx, 1), 0);
    struct outbox_message dead = message_now(fx, 1);
    assert_int_equal(dead.state, OUTBOX_DEAD);
    assert_int_equal(dead.reason, OUTBOX_EXPIRED);
    assert_int_equal(dead.sealed.len, 0); /* B5 */
    assert_code(retry(fx, 1), OUT_EXPIRED);
    assert_int_equal(claim(fx, 1), 0);
}

static void a_pause_does_not_reach_beyond_the_end(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(say(fx, 1, OUTBOX_SMS, 0), OUT_OK);
    fx->now_ms += TTL_MS - 500;
    assert_int_equal(claim(fx, 1), 1);
    settle(fx, 1, 1, OUTBOX_STATUS);
    assert_int_equal(message_now(fx, 1).state, OUTBOX_PENDING);
    assert_int_equal(message_now(fx, 1).at_ms, message_now(fx, 1).expires_ms);
    fx->now_ms += 500;
    assert_int_equal(claim(fx, 1), 0);
    assert_int_equal(message_now(fx, 1).reason, OUTBOX_EXPIRED);
}

static void what_the_receiver_never_takes_is_dead_at_once(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(say(fx, 1, OUTBOX_MAIL, 0), OUT_OK);
    assert_int_equal(claim(fx, 1), 1);
    settle(fx, 1, 1, OUTBOX_REFUSED);
    assert_int_equal(message_now(fx, 1).state, OUTBOX_DEAD);
    assert_true(span_is(message_now(fx, 1).sealed, "sealed"));
    assert_code(retry(fx, 1), OUT_OK);
    assert_int_equal(message_now(fx, 1).give_up_ms, message_now(fx, 1).expires_ms);
    assert_int_equal(claim(fx, 1), 1);
    settle(fx, 1, 1, OUTBOX_NO_REASON);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 0);
}

static void one_that_is_sent_again_is_the_same(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(say(fx, 1, OUTBOX_SMS, 5), OUT_OK);
    assert_int_equal(claim(fx, 1), 1);
    fx->now_ms += FSM_OUTBOX_LEASE_MS; /* its sender has ended */
    assert_int_equal(claim(fx, 1), 2);
    assert_true(span_is(message_now(fx, 1).sealed, "sealed"));
    settle(fx, 1, 2, OUTBOX_NO_REASON);
    assert_int_equal(counted_sms(fx, "rp"), 1);
}

/* Text messages on behalf of a client that there is not are counted for nobody. */
static void usage_is_of_clients_that_there_are(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_message(1, OUTBOX_SMS, 0);

    command.message_send.message.client_id = span_str("unknown");
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_int_equal(counted_sms(fx, "unknown"), 0);
    command = command_message(2, OUTBOX_SMS, 0);
    command.message_send.message.client_id = span_str("");
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_int_equal(counted_sms(fx, ""), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_message_waits_in_the_queue_of_its_kind),
        TEST(what_stays_true_is_given_up_after_a_day),
        TEST(a_cap_holds_for_its_window),
        TEST(a_cap_of_none_is_never),
        TEST(a_refusal_writes_nothing),
        TEST(a_refusal_says_when_the_last_full_window_ends),
        TEST(every_counter_of_a_message_counts),
        TEST(counters_outlive_a_restart_and_are_swept),
        TEST(an_old_code_is_not_sent),
        TEST(a_pause_does_not_reach_beyond_the_end),
        TEST(what_the_receiver_never_takes_is_dead_at_once),
        TEST(one_that_is_sent_again_is_the_same),
        TEST(usage_is_of_clients_that_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
