/* The state machine: messages to other systems, and the sessions' ends that cause
 * them. */
#include "tests/unit/store/unit.h"

#include <stdio.h>

#include "tests/unit/raft/fsm_fixture.h"

#define DAY_MS (24u * HOUR_MS)
#define URI "https://rp.example/backchannel"

static void add_client(struct fsm_fixture *fx, const char *client_id, const char *uri) {
    struct command client = command_client(client_id);

    client.client_put.replace = true;
    client.client_put.client.backchannel_logout_uri = uri;
    assert_code(fsm_fixture_do(fx, &client), OUT_OK);
}

/* A grant of session `session` at the client; `tokens` 0: its code is not redeemed. */
static void sign_in_at(struct fsm_fixture *fx, uint64_t session, const char *client_id,
                       uint64_t code, uint64_t tokens) {
    struct command issue = command_issue(session, code);
    struct command redeem = command_redeem(code, tokens);

    issue.grant_issue.client_id = redeem.grant_redeem.client_id = span_str(client_id);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    if (tokens > 0) {
        assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    }
}

static void end_session(struct fsm_fixture *fx, uint64_t session) {
    struct command end = command_end(session);
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
}

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    fsm_fixture_sign_in(fx);
    add_client(fx, "rp", URI);
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

/* The only one that waits. */
static struct id128 one_waiting(struct fsm_fixture *fx) {
    struct id128 ids[2];
    assert_int_equal(fsm_fixture_messages(fx, false, ids, 2), 1);
    return ids[0];
}

static struct outbox_message message_now(struct fsm_fixture *fx, struct id128 id) {
    struct outbox_message message;
    assert_true(fsm_fixture_message(fx, id, &message));
    return message;
}

/* A message of session 1 for "rp". */
static struct id128 made(struct fsm_fixture *fx) {
    sign_in_at(fx, 1, "rp", 10, 1);
    end_session(fx, 1);
    return one_waiting(fx);
}

/* How many of the messages the claim has leased; the attempt of the first. */
static size_t claim(struct fsm_fixture *fx, struct id128 id, uint32_t *ret_attempt) {
    struct command command = command_claim(id);
    struct outcome_claim told;

    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_ok(outcome_claim_decode(fx->outcome.detail, &told));
    if (told.count > 0) {
        assert_memory_equal(told.messages[0].id.b, id.b, sizeof id.b);
        *ret_attempt = told.messages[0].attempt;
    }
    return told.count;
}

static void settle(struct fsm_fixture *fx, struct id128 id, uint32_t attempt,
                   enum outbox_reason reason) {
    struct command command = command_settle(id, attempt, reason);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
}

/* Claim and fail until the message is dead; how long that took. */
static uint64_t fail_to_death(struct fsm_fixture *fx, struct id128 id,
                              uint32_t *ret_attempts) {
    uint64_t begun = fx->now_ms;
    uint32_t attempt = 0;

    for (;;) {
        struct outbox_message message = message_now(fx, id);
        if (message.state == OUTBOX_DEAD) {
            break;
        }
        fx->now_ms = message.at_ms;
        assert_int_equal(claim(fx, id, &attempt), 1);
        settle(fx, id, attempt, OUTBOX_STATUS);
    }
    *ret_attempts = attempt;
    return fx->now_ms - begun;
}

/* --- the causes --- */

static void the_end_of_a_session_tells_each_client_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 ids[8];
    struct outbox_message message;

    add_client(fx, "second", "https://second.example/bc");
    add_client(fx, "silent", NULL);
    sign_in_at(fx, 1, "rp", 10, 1);
    sign_in_at(fx, 1, "rp", 11, 2);
    sign_in_at(fx, 1, "second", 12, 3);
    sign_in_at(fx, 1, "silent", 13, 4);
    assert_int_equal(fsm_fixture_messages(fx, false, ids, 8), 0);
    end_session(fx, 1);
    assert_int_equal(fsm_fixture_messages(fx, false, ids, 8), 2);
    message = message_now(fx, ids[0]);
    assert_true(span_is(message.client_id, "rp"));
    assert_int_equal(message.kind, OUTBOX_BACKCHANNEL_LOGOUT);
    assert_int_equal(message.state, OUTBOX_PENDING);
    assert_memory_equal(message.sub.b, id_of(1).b, 16);
    assert_memory_equal(message.sid.b, id_of(7001).b, 16);
    assert_int_equal(message.created_ms, fx->now_ms);
    assert_int_equal(message.at_ms, fx->now_ms);
    assert_true(span_is(message_now(fx, ids[1]).client_id, "second"));
}

static void a_session_that_is_replaced_ends_so_too(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 2);

    sign_in_at(fx, 1, "rp", 10, 1);
    login.login.has_replaced = true;
    login.login.replaced = key_of(1);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_memory_equal(message_now(fx, one_waiting(fx)).sid.b, id_of(7001).b, 16);
}

static void a_code_that_was_not_redeemed_tells_nobody(void **state) {
    struct fsm_fixture *fx = *state;

    sign_in_at(fx, 1, "rp", 10, 0);
    end_session(fx, 1);
    assert_int_equal(fsm_fixture_messages(fx, false, NULL, 0), 0);
}

static void a_family_that_was_revoked_is_told_still(void **state) {
    struct fsm_fixture *fx = *state;
    struct command replay = command_redeem(10, 2);

    sign_in_at(fx, 1, "rp", 10, 1);
    assert_code(fsm_fixture_do(fx, &replay), OUT_REPLAYED);
    end_session(fx, 1);
    (void)one_waiting(fx);
}

static void a_retired_client_is_not_told(void **state) {
    struct fsm_fixture *fx = *state;
    struct command retire = command_stage("rp", CLIENT_RETIRED);

    sign_in_at(fx, 1, "rp", 10, 1);
    assert_code(fsm_fixture_do(fx, &retire), OUT_OK);
    end_session(fx, 1);
    assert_int_equal(fsm_fixture_messages(fx, false, NULL, 0), 0);
}

/* Its tokens are long gone, its own session may not be. */
static void who_signed_in_early_is_told_late(void **state) {
    struct fsm_fixture *fx = *state;
    struct command long_login = command_login(1, 2);

    long_login.login.idle_ms = 8 * HOUR_MS;
    assert_code(fsm_fixture_do(fx, &long_login), OUT_OK);
    add_client(fx, "silent", NULL);
    for (uint64_t code = 10; code <= 11; code++) {
        struct command issue = command_issue(2, code);
        struct command redeem = command_redeem(code, code);
        issue.grant_issue.client_id = redeem.grant_redeem.client_id =
            span_str(code == 10 ? "rp" : "silent");
        issue.grant_issue.idle_ms = 8 * HOUR_MS;
        redeem.grant_redeem.refresh_scope_mask = 0;
        assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
        assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    }
    fx->now_ms += 7 * HOUR_MS;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_rows(fx, "access"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "grant"), 1); /* the other's is swept */
    end_session(fx, 2);
    (void)one_waiting(fx);
    fx->now_ms += 2 * HOUR_MS;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_rows(fx, "grant"), 0);
}

/* --- leases --- */

static void one_node_at_a_time_sends(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 id = made(fx);
    uint32_t attempt = 0;

    assert_int_equal(claim(fx, id, &attempt), 1);
    assert_int_equal(attempt, 1);
    assert_int_equal(message_now(fx, id).state, OUTBOX_LEASED);
    assert_int_equal(message_now(fx, id).node, FIXTURE_NODE);
    assert_int_equal(claim(fx, id, &attempt), 0);
    fx->now_ms += 14999;
    assert_int_equal(claim(fx, id, &attempt), 0);
    fx->now_ms += 1; /* the sender has not told: it ended, or is cut off */
    assert_int_equal(claim(fx, id, &attempt), 1);
    assert_int_equal(attempt, 2);
    settle(fx, id, 2, OUTBOX_NO_REASON);
    assert_int_equal(fsm_fixture_messages(fx, false, NULL, 0), 0);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 0);
    settle(fx, id, 2, OUTBOX_NO_REASON); /* once more is nothing */
    assert_int_equal(claim(fx, id, &attempt), 0);
}

static void who_lost_the_lease_cannot_fail_it(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 id = made(fx);
    uint32_t attempt = 0;

    assert_int_equal(claim(fx, id, &attempt), 1);
    fx->now_ms += 15000;
    assert_int_equal(claim(fx, id, &attempt), 1);
    settle(fx, id, 1, OUTBOX_TIMEOUT);
    assert_int_equal(message_now(fx, id).state, OUTBOX_LEASED);
    settle(fx, id, 1, OUTBOX_NO_REASON); /* but it has delivered */
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 0);
}

static void claims_name_many(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_claim(made(fx));
    struct outcome_claim told;

    command.outbox_claim.count = LIMIT_OUTBOX_BATCH;
    for (size_t i = 1; i < LIMIT_OUTBOX_BATCH; i++) {
        /* Unknown ones, and the same once more. */
        command.outbox_claim.ids[i] =
            i % 2 == 0 ? id_of(i) : command.outbox_claim.ids[0];
    }
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_ok(outcome_claim_decode(fx->outcome.detail, &told));
    assert_int_equal(told.count, 1);
}

/* --- failures --- */

static void a_failure_is_tried_again_later_and_later(void **state) {
    struct fsm_fixture *fx = *state;
    static const uint64_t pauses_s[] = {1,  2,   4,   8,   16,  32,
                                        64, 128, 256, 512, 600, 600};
    struct id128 id = made(fx);
    uint32_t attempt = 0;

    for (size_t i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
        assert_int_equal(claim(fx, id, &attempt), 1);
        settle(fx, id, attempt, OUTBOX_UNREACHABLE);
        assert_int_equal(message_now(fx, id).state, OUTBOX_PENDING);
        assert_int_equal(message_now(fx, id).reason, OUTBOX_UNREACHABLE);
        assert_int_equal(message_now(fx, id).at_ms, fx->now_ms + pauses_s[i] * 1000);
        fx->now_ms += pauses_s[i] * 1000 - 1;
        assert_int_equal(claim(fx, id, &attempt), 0);
        fx->now_ms += 1;
    }
}

static void after_twenty_attempts_it_is_a_dead_letter(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 id = made(fx);
    uint32_t attempts;

    assert_true(fail_to_death(fx, id, &attempts) < DAY_MS);
    assert_int_equal(attempts, 20);
    assert_int_equal(message_now(fx, id).reason, OUTBOX_STATUS);
    assert_int_equal(claim(fx, id, &attempts), 0);
    assert_int_equal(fsm_fixture_messages(fx, true, &id, 1), 1);
    fx->now_ms += 7 * DAY_MS - 1;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_messages(fx, true, &id, 1), 1);
    fx->now_ms += 1;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_messages(fx, true, &id, 1), 0);
    assert_int_equal(fsm_fixture_rows(fx, "outbox_index"), 0);
}

static void after_a_day_the_first_failure_is_the_last(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 id = made(fx);
    uint32_t attempt = 0;

    fx->now_ms += 3 * DAY_MS; /* no node was there to send: it is sent still */
    assert_int_equal(claim(fx, id, &attempt), 1);
    settle(fx, id, attempt, OUTBOX_TLS);
    assert_int_equal(message_now(fx, id).state, OUTBOX_DEAD);
}

static void what_ends_its_senders_is_not_tried_for_ever(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 id = made(fx);
    uint32_t attempt = 0;

    for (int i = 0; i < 20; i++) {
        assert_int_equal(claim(fx, id, &attempt), 1);
        fx->now_ms += 15000;
    }
    assert_int_equal(claim(fx, id, &attempt), 0);
    assert_int_equal(message_now(fx, id).state, OUTBOX_DEAD);
    assert_int_equal(message_now(fx, id).reason, OUTBOX_LAPSED);
}

static void an_operator_tries_again(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 id = made(fx);
    struct command retry = command_retry(id);
    struct command unknown = command_retry(id_of(99));
    uint32_t attempts;

    (void)fail_to_death(fx, id, &attempts);
    fx->now_ms += DAY_MS;
    assert_code(fsm_fixture_do(fx, &retry), OUT_OK);
    assert_int_equal(message_now(fx, id).state, OUTBOX_PENDING);
    assert_int_equal(message_now(fx, id).attempts, 0);
    fx->now_ms += 8 * DAY_MS; /* its sweeping is off */
    (void)fsm_fixture_tick(fx);
    assert_int_equal(claim(fx, id, &attempts), 1);
    assert_code(fsm_fixture_do(fx, &retry), OUT_OK); /* under way: stays so */
    assert_int_equal(message_now(fx, id).state, OUTBOX_LEASED);
    settle(fx, id, attempts, OUTBOX_STATUS);
    assert_code(fsm_fixture_do(fx, &unknown), OUT_NOT_FOUND);
}

static void an_operator_need_not_wait(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 id = made(fx);
    struct command retry = command_retry(id);
    uint32_t attempt = 0;

    for (int i = 0; i < 9; i++) {
        fx->now_ms = message_now(fx, id).at_ms;
        assert_int_equal(claim(fx, id, &attempt), 1);
        settle(fx, id, attempt, OUTBOX_STATUS);
    }
    assert_int_equal(claim(fx, id, &attempt), 0);
    assert_code(fsm_fixture_do(fx, &retry), OUT_OK);
    assert_int_equal(claim(fx, id, &attempt), 1);
}

/* --- bounds --- */

static struct outbox_counts counts_now(struct fsm_fixture *fx, const char *client_id) {
    struct outbox_counts counts;
    struct store_read *read;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_outbox_counts(read, span_str(client_id), &counts));
    store_read_end(read);
    store_read_free(read);
    return counts;
}

/* Sign in and out `count` times, many commands a frame. */
static void sign_in_and_out(struct fsm_fixture *fx, uint64_t from, uint64_t count) {
    struct buf envelopes, frame;

    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    for (uint64_t n = from; n < from + count;) {
        uint16_t commands = 0;
        buf_reset(&envelopes);
        buf_reset(&frame);
        arena_reset(&fx->arena);
        for (; n < from + count && commands + 4 <= LIMIT_FRAME_COMMANDS; n++) {
            struct command all[] = {command_login(1, n), command_issue(n, n),
                                    command_redeem(n, n), command_end(n)};
            all[2].grant_redeem.access = key_of((1ull << 40) + n);
            all[2].grant_redeem.refresh = key_of((1ull << 41) + n);
            for (size_t i = 0; i < 4; i++) {
                struct envelope envelope = {.node = FIXTURE_NODE,
                                            .boot = FIXTURE_BOOT,
                                            .seq = fx->seq,
                                            .low = fx->seq,
                                            .type = all[i].type,
                                            .payload =
                                                fsm_fixture_payload(fx, &all[i])};
                fx->seq++;
                envelope_encode(&envelope, &envelopes);
                commands++;
            }
        }
        assert_ok(frame_encode(1, fx->now_ms, commands, buf_span(&envelopes), &frame));
        assert_ok(fsm_fixture_apply(fx, buf_span(&frame)));
        assert_code(fx->outcome.code, OUT_OK);
    }
    buf_free(&envelopes);
    buf_free(&frame);
}

/* A client that never answers: 10000 wait, 1000 more are dead letters, the rest is
 * counted. Others are not touched by it. */
static void what_waits_for_a_client_is_bounded(void **state) {
    struct fsm_fixture *fx = *state;
    struct outbox_counts counts;
    struct id128 ids[1];
    struct command retry;

    sign_in_and_out(fx, 100, 10000);
    counts = counts_now(fx, "rp");
    assert_int_equal(counts.waiting, 10000);
    assert_int_equal(counts.dead, 0);
    sign_in_and_out(fx, 10100, 1010);
    counts = counts_now(fx, "rp");
    assert_int_equal(counts.waiting, 10000);
    assert_int_equal(counts.dead, 1000);
    assert_int_equal(counts.dropped, 10);
    assert_int_equal(fsm_fixture_messages(fx, true, ids, 1), 1);
    assert_int_equal(message_now(fx, ids[0]).reason, OUTBOX_FULL);
    retry = command_retry(ids[0]);
    assert_code(fsm_fixture_do(fx, &retry), OUT_FULL);
    add_client(fx, "second", URI);
    sign_in_at(fx, 1, "second", 10, 1);
    end_session(fx, 1);
    assert_int_equal(counts_now(fx, "second").waiting, 1);
}

/* The sender passes a long queue over in one step. */
struct first {
    size_t count;
    char clients[8][8];
};

static enum outbox_walk first_of_each(void *arg, struct span client_id,
                                      struct id128 id) {
    struct first *first = arg;

    (void)id;
    assert_true(first->count < 8 && client_id.len < 8);
    memcpy(first->clients[first->count++], client_id.data, client_id.len);
    return OUTBOX_NEXT_CLIENT;
}

static void due_messages_are_walked_client_by_client(void **state) {
    struct fsm_fixture *fx = *state;
    struct first first = {0};
    struct store_read *read;
    uint32_t attempt = 0;
    struct id128 ids[4];

    add_client(fx, "a", URI);
    add_client(fx, "z", URI);
    sign_in_and_out(fx, 100, 500); /* of "rp" */
    sign_in_at(fx, 1, "z", 10, 1);
    sign_in_at(fx, 1, "a", 11, 2);
    end_session(fx, 1);
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_outbox_walk_due(read, fx->now_ms, first_of_each, &first));
    store_read_end(read);
    assert_int_equal(first.count, 3);
    assert_string_equal(first.clients[0], "a"); /* shorter names first */
    assert_string_equal(first.clients[1], "z");
    assert_string_equal(first.clients[2], "rp");

    /* What is leased is not due. */
    assert_true(fsm_fixture_messages(fx, false, ids, 4) == 4);
    assert_int_equal(claim(fx, ids[0], &attempt), 1);
    first = (struct first){0};
    assert_ok(store_read_begin(read));
    assert_ok(store_outbox_walk_due(read, fx->now_ms, first_of_each, &first));
    store_read_end(read);
    store_read_free(read);
    assert_int_equal(first.count, 2);
    assert_string_equal(first.clients[0], "z");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_end_of_a_session_tells_each_client_once),
        TEST(a_session_that_is_replaced_ends_so_too),
        TEST(a_code_that_was_not_redeemed_tells_nobody),
        TEST(a_family_that_was_revoked_is_told_still),
        TEST(a_retired_client_is_not_told),
        TEST(who_signed_in_early_is_told_late),
        TEST(one_node_at_a_time_sends),
        TEST(who_lost_the_lease_cannot_fail_it),
        TEST(claims_name_many),
        TEST(a_failure_is_tried_again_later_and_later),
        TEST(after_twenty_attempts_it_is_a_dead_letter),
        TEST(after_a_day_the_first_failure_is_the_last),
        TEST(what_ends_its_senders_is_not_tried_for_ever),
        TEST(an_operator_tries_again),
        TEST(an_operator_need_not_wait),
        TEST(what_waits_for_a_client_is_bounded),
        TEST(due_messages_are_walked_client_by_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
