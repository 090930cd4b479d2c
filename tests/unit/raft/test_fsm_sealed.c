/* The state machine: sealed codes, which are issued and redeemed in one step. They are
 * refused what stored ones are (test_fsm_grant), and change as little. */
#include "tests/unit/store/unit.h"

#include "store/store_usage.h"
#include "tests/unit/raft/fsm_fixture.h"

static void put_client(struct fsm_fixture *fx, bool government, const char *logout_uri) {
    struct command put = command_client("rp");

    put.client_put.replace = true;
    put.client_put.client.government = government;
    put.client_put.client.backchannel_logout_uri = logout_uri;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
}

static void put_account(struct fsm_fixture *fx, enum account_state account_state,
                        uint64_t generation) {
    struct command put = command_account(1);

    put.account_put.replace = true;
    put.account_put.account.state = account_state;
    put.account_put.account.generation = generation;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
}

/* What another command or another node did meanwhile. */
static void set_consent(struct fsm_fixture *fx, uint64_t scopes) {
    struct command issue = command_issue(1, 9000);

    issue.grant_issue.consent_scopes = scopes;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
}

/* Session 1 has lasted for a minute, and its holder consents to what is asked. */
static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);

    assert_non_null(fx);
    fsm_fixture_open(fx);
    fsm_fixture_sign_in(fx);
    set_consent(fx, SCOPE_A);
    fx->now_ms += MINUTE_MS;
    assert_code(fsm_fixture_tick(fx), OUT_OK); /* that code is swept */
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fsm_fixture *fx = *state;

    fsm_fixture_close(fx);
    free(fx);
    return 0;
}

static uint64_t logins(struct fsm_fixture *fx) {
    struct usage_row row = {0};
    struct store_read *read;
    enum err err;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    err = store_usage_get(read, store_usage_month(fx->now_ms), span_str("rp"), &row);
    store_read_end(read);
    store_read_free(read);
    assert_true(err == OK || err == ERR_NOT_FOUND);
    return row.counts[USAGE_LOGIN];
}

/* Refused, and nothing is different after it. */
static void refuse(struct fsm_fixture *fx, const struct command *command,
                   enum outcome_code code) {
    uint64_t grants = fsm_fixture_rows(fx, "grant");
    uint64_t counted = logins(fx);
    struct session session, then;
    bool has = fsm_fixture_session(fx, 1, &session);

    assert_code(fsm_fixture_do(fx, command), code);
    assert_int_equal(fsm_fixture_rows(fx, "grant"), grants);
    assert_int_equal(fsm_fixture_rows(fx, "access"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "refresh"), 0);
    assert_int_equal(logins(fx), counted);
    assert_int_equal(fsm_fixture_session(fx, 1, &then), has);
    if (has) {
        assert_int_equal(then.idle_at_ms, session.idle_at_ms);
    }
}

static void a_sealed_code_gives_what_a_stored_one_gives(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command stored = command_redeem(10, 1);
    struct command sealed = command_opened(1, 11, 2, fx->now_ms);
    struct outcome_tokens first, second;
    struct grant by_issue, by_redeem;
    struct session session;

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &stored), OUT_OK);
    assert_ok(outcome_tokens_decode(fx->outcome.detail, &first));
    assert_true(fsm_fixture_grant(fx, 10, &by_issue));
    assert_int_equal(logins(fx), 2); /* one more by setup */
    assert_code(fsm_fixture_do(fx, &sealed), OUT_OK);
    assert_int_equal(logins(fx), 3);
    assert_ok(outcome_tokens_decode(fx->outcome.detail, &second));
    assert_true(fsm_fixture_grant(fx, 11, &by_redeem));
    assert_int_equal(by_redeem.state, GRANT_REDEEMED);
    assert_memory_equal(by_redeem.sub.b, by_issue.sub.b, 16);
    assert_memory_equal(by_redeem.sid.b, by_issue.sid.b, 16);
    assert_memory_equal(by_redeem.session.b, by_issue.session.b, 16);
    assert_int_equal(by_redeem.generation, by_issue.generation);
    assert_int_equal(by_redeem.auth_time_ms, by_issue.auth_time_ms);
    assert_int_equal(by_redeem.methods, by_issue.methods);
    assert_int_equal(by_redeem.scopes, by_issue.scopes);
    assert_int_equal(by_redeem.code_expires_ms, by_issue.code_expires_ms);
    assert_int_equal(by_redeem.expires_ms, by_issue.expires_ms);
    assert_int_equal(second.access_expires_ms, first.access_expires_ms);
    assert_int_equal(second.auth_time_ms, first.auth_time_ms);
    assert_int_equal(second.scopes, first.scopes);
    assert_true(second.has_refresh);
    assert_memory_equal(second.grant.b, key_of(11).b, 16);
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_int_equal(session.idle_at_ms, fx->now_ms + HOUR_MS);
}

static void the_idle_end_moves_by_the_redemption(void **state) {
    struct fsm_fixture *fx = *state;
    struct command sealed = command_opened(1, 10, 1, fx->now_ms + MINUTE_MS / 2);
    struct session session;

    fx->now_ms += MINUTE_MS / 2;
    assert_code(fsm_fixture_do(fx, &sealed), OUT_OK);
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_int_equal(session.idle_at_ms, fx->now_ms + HOUR_MS);
}

static void it_is_redeemed_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command sealed = command_opened(1, 10, 1, fx->now_ms);
    struct command again = command_opened(1, 10, 2, fx->now_ms);
    struct command refresh = command_refresh(1, 5);
    struct grant grant;
    uint64_t events;

    assert_code(fsm_fixture_do(fx, &sealed), OUT_OK);
    events = fsm_fixture_rows(fx, "audit");
    /* A replay, whatever else it says: the family ends, and that is recorded once. */
    again.grant_redeem.redirect_uri = span_str("https://evil.example/cb");
    assert_code(fsm_fixture_do(fx, &again), OUT_REPLAYED);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.state, GRANT_REVOKED);
    assert_int_equal(fsm_fixture_rows(fx, "audit"), events + 1);
    assert_code(fsm_fixture_do(fx, &sealed), OUT_REPLAYED);
    assert_int_equal(fsm_fixture_rows(fx, "audit"), events + 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_REVOKED);
    assert_int_equal(fsm_fixture_rows(fx, "access"), 1);
}

static void a_race_in_one_frame_has_one_winner(void **state) {
    struct fsm_fixture *fx = *state;
    struct buf envelopes, frame;

    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    for (uint64_t i = 1; i <= 50; i++) {
        struct command sealed = command_opened(1, 10, i, fx->now_ms);
        struct envelope envelope = {.node = FIXTURE_NODE,
                                    .boot = FIXTURE_BOOT,
                                    .seq = fx->seq++,
                                    .type = CMD_GRANT_REDEEM,
                                    .payload = fsm_fixture_payload(fx, &sealed)};
        envelope_encode(&envelope, &envelopes);
    }
    assert_ok(frame_encode(1, fx->now_ms, 50, buf_span(&envelopes), &frame));
    assert_ok(fsm_fixture_apply(fx, buf_span(&frame)));
    assert_int_equal(fx->told, 50);
    assert_code(fx->outcome.code, OUT_REPLAYED); /* the last one's */
    assert_int_equal(fsm_fixture_rows(fx, "access"), 1);
    buf_free(&envelopes);
    buf_free(&frame);
}

/* G5: the row that a redemption leaves is there as long as the code would be good, also
 * when all that it gave ends sooner. */
static void a_swept_row_lets_no_code_in_again(void **state) {
    struct fsm_fixture *fx = *state;
    struct command sealed = command_opened(1, 10, 1, fx->now_ms);
    struct command again = command_opened(1, 10, 2, fx->now_ms);
    struct grant grant;

    sealed.grant_redeem.access_ttl_ms = 1;
    sealed.grant_redeem.refresh_scope_mask = 0;
    assert_code(fsm_fixture_do(fx, &sealed), OUT_OK);
    fx->now_ms += MINUTE_MS - 1;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_code(fsm_fixture_do(fx, &again), OUT_REPLAYED);
    fx->now_ms += 1;
    for (int i = 0; i < 3; i++) {
        assert_code(fsm_fixture_tick(fx), OUT_OK);
    }
    assert_false(fsm_fixture_grant(fx, 10, &grant));
    assert_code(fsm_fixture_do(fx, &again), OUT_EXPIRED);
    assert_false(fsm_fixture_grant(fx, 10, &grant));
}

static void it_expires_and_cannot_live_longer(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_opened(1, 10, 1, fx->now_ms);

    fx->now_ms += MINUTE_MS;
    refuse(fx, &c, OUT_EXPIRED);
    c = command_opened(1, 10, 1, fx->now_ms + 1); /* issued later than now */
    refuse(fx, &c, OUT_EXPIRED);
    c = command_opened(1, 10, 1, UINT64_MAX - MINUTE_MS);
    refuse(fx, &c, OUT_EXPIRED);
    c = command_opened(1, 10, 1, fx->now_ms - MINUTE_MS + 1);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

static void a_wrong_request_does_not_burn_it(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_opened(1, 10, 1, fx->now_ms);
    struct command good = c;

    c.grant_redeem.redirect_uri = span_str("https://rp.example/cb/");
    refuse(fx, &c, OUT_REDIRECT_MISMATCH);
    c.grant_redeem.has_redirect_uri = false;
    c.grant_redeem.redirect_uri = span_of(NULL, 0);
    refuse(fx, &c, OUT_REDIRECT_MISMATCH);
    c = good;
    c.grant_redeem.verifier_hash[31] = 9;
    refuse(fx, &c, OUT_PKCE_MISMATCH);
    c.grant_redeem.has_verifier = false;
    memset(c.grant_redeem.verifier_hash, 0, 32);
    refuse(fx, &c, OUT_PKCE_MISMATCH);
    c = good; /* a verifier without a challenge */
    c.grant_redeem.opened.challenge_method = CHALLENGE_NONE;
    memset(c.grant_redeem.opened.challenge, 0, 32);
    refuse(fx, &c, OUT_PKCE_MISMATCH);
    c = good;
    c.grant_redeem.opened.has_dpop_key = true;
    c.grant_redeem.opened.dpop_key[0] = 4;
    refuse(fx, &c, OUT_BINDING_MISMATCH);
    c.grant_redeem.binding = (struct binding){BINDING_DPOP, {5}};
    refuse(fx, &c, OUT_BINDING_MISMATCH);
    c.grant_redeem.binding = (struct binding){BINDING_TLS, {4}};
    refuse(fx, &c, OUT_BINDING_MISMATCH);
    assert_code(fsm_fixture_do(fx, &good), OUT_OK);
    c.grant_redeem.code = key_of(11);
    c.grant_redeem.access = key_of(1002);
    c.grant_redeem.refresh = key_of(2002);
    c.grant_redeem.binding = (struct binding){BINDING_DPOP, {4}};
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

static void another_epochs_code_is_unknown(void **state) {
    struct fsm_fixture *fx = *state;
    struct command init = {.type = CMD_CLUSTER_INIT, .cluster_init = {id_of(1)}};
    struct command c = command_opened(1, 10, 1, fx->now_ms);

    assert_code(fsm_fixture_do(fx, &init), OUT_OK); /* epoch 1 */
    refuse(fx, &c, OUT_NOT_FOUND);
    c.grant_redeem.opened.epoch = 2;
    refuse(fx, &c, OUT_NOT_FOUND);
    c.grant_redeem.opened.epoch = 1;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

static void it_dies_with_the_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct command end = command_end(1);
    struct command login = command_login(1, 2);
    struct command c = command_opened(3, 10, 1, fx->now_ms);

    refuse(fx, &c, OUT_SESSION_ENDED); /* there never was one */
    c = command_opened(1, 10, 1, fx->now_ms);
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    refuse(fx, &c, OUT_SESSION_ENDED);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    fx->now_ms += HOUR_MS; /* idle, and not yet swept */
    c = command_opened(2, 10, 1, fx->now_ms);
    refuse(fx, &c, OUT_SESSION_ENDED);
}

static void it_dies_with_the_account(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_opened(1, 10, 1, fx->now_ms);

    put_account(fx, ACCOUNT_SUSPENDED, 1);
    refuse(fx, &c, OUT_ACCOUNT_STATE);
    put_account(fx, ACCOUNT_ACTIVE, 1);
    c.grant_redeem.opened.generation = 2; /* the session goes on, under another one */
    refuse(fx, &c, OUT_ACCOUNT_STATE);
    c.grant_redeem.opened.generation = 1;
    put_account(fx, ACCOUNT_ACTIVE, 2);
    refuse(fx, &c, OUT_SESSION_ENDED);
}

static void the_sign_in_must_be_new_enough(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_opened(1, 10, 1, fx->now_ms);

    c.grant_redeem.opened.auth_after_ms = fx->now_ms - MINUTE_MS + 1;
    refuse(fx, &c, OUT_REAUTH);
    c.grant_redeem.opened.auth_after_ms = fx->now_ms - MINUTE_MS;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

static void its_client_must_be_there(void **state) {
    struct fsm_fixture *fx = *state;
    struct command retire = command_stage("rp", CLIENT_RETIRED);
    struct command c = command_opened(1, 10, 1, fx->now_ms);

    c.grant_redeem.client_id = span_str("nobody");
    refuse(fx, &c, OUT_CLIENT_STATE);
    c.grant_redeem.client_id = span_str("rp");
    assert_code(fsm_fixture_do(fx, &retire), OUT_OK);
    refuse(fx, &c, OUT_CLIENT_STATE);
}

/* A consent that is gone counts, and one that was never asked for is not missed. */
static void its_consent_must_still_be_there(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_opened(1, 10, 1, fx->now_ms);

    c.grant_redeem.opened.consented = SCOPE_A | SCOPE_B;
    refuse(fx, &c, OUT_REVOKED);
    put_client(fx, true, "");
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    put_client(fx, false, "");
    c = command_opened(1, 11, 2, fx->now_ms);
    c.grant_redeem.opened.consented = SCOPE_A | SCOPE_B;
    assert_code(fsm_fixture_do(fx, &c), OUT_REVOKED);
    set_consent(fx, SCOPE_B);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
}

/* The end of the session is told to the client that it signed in to, and what the code
 * gave is dead. */
static void the_end_of_the_session_is_told(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_opened(1, 10, 1, fx->now_ms);
    struct command refresh = command_refresh(1, 2);
    struct command end = command_end(1);
    struct session session;
    struct grant grant;

    put_client(fx, false, "https://rp.example/logout");
    c.grant_redeem.refresh_scope_mask = 0;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_int_equal(grant.expires_ms, session.expires_ms);
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), 1);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.state, GRANT_REVOKED);
    assert_code(fsm_fixture_do(fx, &c), OUT_REPLAYED);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_NOT_FOUND);
}

static void a_token_key_that_is_taken_changes_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_opened(1, 11, 1, fx->now_ms);
    struct grant grant;

    fsm_fixture_redeemed(fx, 10, 1);
    uint64_t counted = logins(fx);
    assert_code(fsm_fixture_do(fx, &c), OUT_EXISTS);
    assert_false(fsm_fixture_grant(fx, 11, &grant));
    assert_int_equal(logins(fx), counted);
}

/* A stored code is what it is, also if a command would open it. */
static void a_code_that_is_stored_is_not_opened(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command c = command_opened(1, 10, 1, fx->now_ms);
    struct grant grant;

    issue.grant_issue.scopes = SCOPE_A;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.scopes, SCOPE_A);
    assert_code(fsm_fixture_do(fx, &c), OUT_REPLAYED);
    assert_code(fsm_fixture_do(fx, &issue), OUT_EXISTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_sealed_code_gives_what_a_stored_one_gives),
        TEST(the_idle_end_moves_by_the_redemption),
        TEST(it_is_redeemed_once),
        TEST(a_race_in_one_frame_has_one_winner),
        TEST(a_swept_row_lets_no_code_in_again),
        TEST(it_expires_and_cannot_live_longer),
        TEST(a_wrong_request_does_not_burn_it),
        TEST(another_epochs_code_is_unknown),
        TEST(it_dies_with_the_session),
        TEST(it_dies_with_the_account),
        TEST(the_sign_in_must_be_new_enough),
        TEST(its_client_must_be_there),
        TEST(its_consent_must_still_be_there),
        TEST(the_end_of_the_session_is_told),
        TEST(a_token_key_that_is_taken_changes_nothing),
        TEST(a_code_that_is_stored_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
