/* The state machine: codes and refresh tokens. */
#include "tests/unit/store/unit.h"

#include "tests/unit/raft/fsm_fixture.h"

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    fsm_fixture_sign_in(fx);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fsm_fixture *fx = *state;
    fsm_fixture_close(fx);
    free(fx);
    return 0;
}

static enum grant_state grant_state(struct fsm_fixture *fx, uint64_t code) {
    struct grant grant;
    assert_true(fsm_fixture_grant(fx, code, &grant));
    return grant.state;
}

static void put_account(struct fsm_fixture *fx, enum account_state account_state,
                        uint64_t generation) {
    struct command put = command_account(1);
    put.account_put.replace = true;
    put.account_put.account.state = account_state;
    put.account_put.account.generation = generation;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
}

static struct outcome_tokens tokens_told(struct fsm_fixture *fx) {
    struct outcome_tokens tokens;
    assert_ok(outcome_tokens_decode(fx->outcome.detail, &tokens));
    return tokens;
}

/* --- issue ---------------------------------------------------------------- */

static void a_grant_is_issued_from_a_live_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct session session;
    struct grant grant;
    uint64_t signed_in = fx->now_ms;

    fx->now_ms += HOUR_MS - 1;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.state, GRANT_ISSUED);
    assert_int_equal(grant.auth_time_ms, signed_in);
    assert_int_equal(grant.code_expires_ms, fx->now_ms + MINUTE_MS);
    assert_int_equal(grant.generation, 1);
    assert_true(span_is(grant.client_id, "rp"));
    assert_true(span_is(grant.nonce, "nonce"));
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_int_equal(session.idle_at_ms, fx->now_ms + HOUR_MS); /* begins anew */
    assert_code(fsm_fixture_do(fx, &issue), OUT_EXISTS);
}

/* STORE_SESSION_IDLE_PARTS: a session in steady use is not written at each code, and its
 * idle end follows all the same; a shorter limit holds at once. */
static void the_idle_end_moves_in_steps(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    uint64_t step_ms = HOUR_MS / STORE_SESSION_IDLE_PARTS;
    struct session session;
    uint64_t end_ms;

    assert_true(fsm_fixture_session(fx, 1, &session));
    end_ms = session.idle_at_ms;
    assert_int_equal(end_ms, fx->now_ms + HOUR_MS);
    fx->now_ms += step_ms - 1;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_int_equal(session.idle_at_ms, end_ms);
    fx->now_ms += 1;
    issue = command_issue(1, 11);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_int_equal(session.idle_at_ms, end_ms + step_ms);
    issue = command_issue(1, 12);
    issue.grant_issue.idle_ms = MINUTE_MS;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_int_equal(session.idle_at_ms, fx->now_ms + MINUTE_MS);
}

static void issue_is_refused_without_a_live_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct command unknown = command_issue(9, 10);
    struct command issue = command_issue(1, 10);
    struct command login = command_login(1, 2);
    uint64_t start = fx->now_ms;
    struct grant grant;

    assert_code(fsm_fixture_do(fx, &unknown), OUT_SESSION_ENDED);
    fx->now_ms = start + HOUR_MS; /* idle, and not yet swept */
    assert_code(fsm_fixture_do(fx, &issue), OUT_SESSION_ENDED);
    login.login.idle_ms = 20 * HOUR_MS;
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    fx->now_ms += 8 * HOUR_MS; /* its absolute end */
    issue = command_issue(2, 10);
    assert_code(fsm_fixture_do(fx, &issue), OUT_SESSION_ENDED);
    assert_false(fsm_fixture_grant(fx, 10, &grant));
}

static void issue_is_refused_for_an_account_that_changed(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);

    put_account(fx, ACCOUNT_SUSPENDED, 1);
    assert_code(fsm_fixture_do(fx, &issue), OUT_ACCOUNT_STATE);
    put_account(fx, ACCOUNT_ACTIVE, 2);
    assert_code(fsm_fixture_do(fx, &issue), OUT_SESSION_ENDED);
}

static void issue_is_refused_for_an_old_sign_in(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);

    issue.grant_issue.auth_after_ms = fx->now_ms + 1;
    assert_code(fsm_fixture_do(fx, &issue), OUT_REAUTH);
    issue.grant_issue.auth_after_ms = fx->now_ms;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
}

static void issue_is_refused_to_a_client_that_is_gone(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command retire = command_stage("rp", CLIENT_RETIRED);

    issue.grant_issue.client_id = span_str("nobody");
    assert_code(fsm_fixture_do(fx, &issue), OUT_CLIENT_STATE);
    assert_code(fsm_fixture_do(fx, &retire), OUT_OK);
    issue = command_issue(1, 10);
    issue.grant_issue.consent_scopes = SCOPE_A;
    assert_code(fsm_fixture_do(fx, &issue), OUT_CLIENT_STATE);
    assert_int_equal(fsm_fixture_rows(fx, "consent"), 0);
}

static uint64_t consent(struct fsm_fixture *fx) {
    struct store_read *read;
    uint64_t scopes;
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_consent_get(read, id_of(1), span_str("rp"), &scopes));
    store_read_end(read);
    store_read_free(read);
    return scopes;
}

static void consent_grows(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_int_equal(consent(fx), 0);
    issue = command_issue(1, 11);
    issue.grant_issue.consent_scopes = SCOPE_A;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    issue = command_issue(1, 12);
    issue.grant_issue.consent_scopes = SCOPE_B;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_int_equal(consent(fx), SCOPE_A | SCOPE_B);
}

/* --- redeem --------------------------------------------------------------- */

static void a_code_gives_tokens_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command again = command_redeem(10, 2);
    struct outcome_tokens told;
    struct access_token access;
    struct refresh_token refresh;
    struct grant grant;

    fsm_fixture_redeemed(fx, 10, 1);
    told = tokens_told(fx);
    assert_memory_equal(told.sub.b, id_of(1).b, 16);
    assert_memory_equal(told.sid.b, id_of(7001).b, 16);
    assert_memory_equal(told.grant.b, key_of(10).b, 16);
    assert_int_equal(told.scopes, SCOPE_A | SCOPE_B | SCOPE_OFFLINE);
    assert_int_equal(told.access_expires_ms, fx->now_ms + HOUR_MS);
    assert_true(told.has_refresh);
    assert_true(span_is(told.nonce, "nonce"));
    assert_true(fsm_fixture_access(fx, 1, &access));
    assert_memory_equal(access.grant.b, key_of(10).b, 16);
    assert_true(fsm_fixture_refresh(fx, 1, &refresh));
    assert_int_equal(refresh.state, REFRESH_LIVE);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.state, GRANT_REDEEMED);
    assert_int_equal(grant.expires_ms, fx->now_ms + 24 * HOUR_MS);

    /* RFC 6749 §4.1.2: the second time ends what the first gave. */
    assert_code(fsm_fixture_do(fx, &again), OUT_REPLAYED);
    assert_int_equal(fx->outcome.detail.len, 0);
    assert_int_equal(grant_state(fx, 10), GRANT_REVOKED);
    assert_false(fsm_fixture_access(fx, 2, &access));
    struct command rotate = command_refresh(1, 3);
    assert_code(fsm_fixture_do(fx, &rotate), OUT_REVOKED);
    assert_code(fsm_fixture_do(fx, &again), OUT_REPLAYED);
}

/* Both in one frame, as two nodes may send them. */
static void a_race_in_one_frame_has_one_winner(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct buf envelopes, frame;
    struct access_token access;

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    for (uint64_t i = 1; i <= 50; i++) {
        struct command redeem = command_redeem(10, i);
        struct envelope envelope = {.node = FIXTURE_NODE,
                                    .boot = FIXTURE_BOOT,
                                    .seq = fx->seq++,
                                    .type = CMD_GRANT_REDEEM,
                                    .payload = fsm_fixture_payload(fx, &redeem)};
        envelope_encode(&envelope, &envelopes);
    }
    assert_ok(frame_encode(1, fx->now_ms, 50, buf_span(&envelopes), &frame));
    assert_ok(fsm_fixture_apply(fx, buf_span(&frame)));
    assert_int_equal(fx->told, 50);
    assert_code(fx->outcome.code, OUT_REPLAYED); /* the last one's */
    assert_int_equal(fsm_fixture_rows(fx, "access"), 1);
    assert_true(fsm_fixture_access(fx, 1, &access));
    buf_free(&envelopes);
    buf_free(&frame);
}

static void a_refresh_token_needs_its_scope(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 1);

    issue.grant_issue.scopes = SCOPE_A;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    assert_false(tokens_told(fx).has_refresh);
    assert_int_equal(fsm_fixture_rows(fx, "refresh"), 0);
}

static void a_wrong_request_does_not_burn_the_code(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command c;

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    c = command_redeem(11, 1);
    assert_code(fsm_fixture_do(fx, &c), OUT_NOT_FOUND);
    c = command_redeem(10, 1);
    c.grant_redeem.client_id = span_str("evil");
    assert_code(fsm_fixture_do(fx, &c), OUT_CLIENT_MISMATCH);
    c = command_redeem(10, 1);
    c.grant_redeem.redirect_uri = span_str("https://rp.example/cb/");
    assert_code(fsm_fixture_do(fx, &c), OUT_REDIRECT_MISMATCH);
    c.grant_redeem.redirect_uri = span_of(NULL, 0);
    assert_code(fsm_fixture_do(fx, &c), OUT_REDIRECT_MISMATCH);
    c.grant_redeem.has_redirect_uri = false;
    assert_code(fsm_fixture_do(fx, &c), OUT_REDIRECT_MISMATCH);
    c = command_redeem(10, 1);
    c.grant_redeem.verifier_hash[31] = 9;
    assert_code(fsm_fixture_do(fx, &c), OUT_PKCE_MISMATCH);
    c.grant_redeem.has_verifier = false;
    assert_code(fsm_fixture_do(fx, &c), OUT_PKCE_MISMATCH);
    assert_int_equal(grant_state(fx, 10), GRANT_ISSUED);
    c = command_redeem(10, 1);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    /* A stranger does not end the family either. */
    c.grant_redeem.client_id = span_str("evil");
    assert_code(fsm_fixture_do(fx, &c), OUT_CLIENT_MISMATCH);
    assert_int_equal(grant_state(fx, 10), GRANT_REDEEMED);
}

static void pkce_cannot_be_downgraded(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 1);

    issue.grant_issue.challenge_method = CHALLENGE_NONE;
    memset(issue.grant_issue.challenge, 0, 32);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_PKCE_MISMATCH);
    memset(redeem.grant_redeem.verifier_hash, 0, 32); /* equals the stored zeros */
    assert_code(fsm_fixture_do(fx, &redeem), OUT_PKCE_MISMATCH);
    redeem.grant_redeem.has_verifier = false;
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
}

static void codes_expire(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 1);

    issue.grant_issue.grant_ttl_ms = HOUR_MS; /* the row outlives the code */
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    fx->now_ms += MINUTE_MS;
    assert_code(fsm_fixture_do(fx, &redeem), OUT_EXPIRED);
    issue = command_issue(1, 11);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    fx->now_ms += MINUTE_MS - 1;
    redeem = command_redeem(11, 1);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    /* Used and expired: still a replay that ends the family. */
    fx->now_ms += MINUTE_MS;
    assert_code(fsm_fixture_do(fx, &redeem), OUT_REPLAYED);
    assert_int_equal(grant_state(fx, 11), GRANT_REVOKED);
}

static void a_code_dies_with_account_and_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 2);
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 1);
    struct command end = command_end(1);

    issue.grant_issue.code_ttl_ms = 9 * HOUR_MS;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    put_account(fx, ACCOUNT_SUSPENDED, 1);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_ACCOUNT_STATE);
    put_account(fx, ACCOUNT_ACTIVE, 1);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    issue.grant_issue.session = key_of(2);
    issue.grant_issue.code = key_of(11);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_REPLAYED); /* revoked with it */
    fx->now_ms += HOUR_MS;                                  /* session 2 is idle */
    redeem = command_redeem(11, 2);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_SESSION_ENDED);
    put_account(fx, ACCOUNT_ACTIVE, 2);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_ACCOUNT_STATE);
    assert_int_equal(fsm_fixture_rows(fx, "access"), 0);
}

static void a_token_key_that_is_taken_changes_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 11);
    struct command redeem = command_redeem(11, 1);

    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_EXISTS);
    redeem.grant_redeem.access = key_of(1999);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_EXISTS); /* the refresh token's */
    assert_int_equal(fsm_fixture_rows(fx, "access"), 1);
    assert_int_equal(grant_state(fx, 11), GRANT_ISSUED);
}

/* --- refresh -------------------------------------------------------------- */

static void a_refresh_rotates(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(1, 2);
    struct refresh_token token;
    struct outcome_tokens told;
    struct grant grant;

    fsm_fixture_redeemed(fx, 10, 1);
    fx->now_ms += 5 * HOUR_MS;
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    told = tokens_told(fx);
    assert_true(told.has_refresh);
    assert_int_equal(told.scopes, SCOPE_A | SCOPE_B | SCOPE_OFFLINE);
    assert_int_equal(told.access_expires_ms, fx->now_ms + HOUR_MS);
    assert_true(fsm_fixture_refresh(fx, 1, &token));
    assert_int_equal(token.state, REFRESH_ROTATED);
    assert_int_equal(token.rotated_ms, fx->now_ms);
    assert_true(fsm_fixture_refresh(fx, 2, &token));
    assert_int_equal(token.state, REFRESH_LIVE);
    assert_int_equal(token.expires_ms, fx->now_ms + 24 * HOUR_MS);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.expires_ms, fx->now_ms + 24 * HOUR_MS);
}

static void an_honest_retry_gets_the_same_successor(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(1, 2);
    struct outcome_tokens first, second;

    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    first = tokens_told(fx);
    fx->now_ms += 10000;
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    second = tokens_told(fx);
    assert_int_equal(first.access_expires_ms, second.access_expires_ms);
    assert_int_equal(fsm_fixture_rows(fx, "refresh"), 2);
    refresh.token_refresh.scopes = SCOPE_A; /* not what was given */
    assert_code(fsm_fixture_do(fx, &refresh), OUT_SCOPE);
    refresh.token_refresh.scopes = 0;
    put_account(fx, ACCOUNT_SUSPENDED, 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_ACCOUNT_STATE);
    put_account(fx, ACCOUNT_ACTIVE, 1);
    fx->now_ms += 1; /* beyond the grace */
    assert_code(fsm_fixture_do(fx, &refresh), OUT_REPLAYED);
    assert_int_equal(grant_state(fx, 10), GRANT_REVOKED);
}

static void reuse_ends_the_family(void **state) {
    struct fsm_fixture *fx = *state;
    struct command first = command_refresh(1, 2);
    struct command second = command_refresh(2, 3);
    struct command third = command_refresh(3, 4);

    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &first), OUT_OK);
    assert_code(fsm_fixture_do(fx, &second), OUT_OK);
    /* Within the grace, but the successor was used already. */
    assert_code(fsm_fixture_do(fx, &first), OUT_REPLAYED);
    assert_code(fsm_fixture_do(fx, &third), OUT_REVOKED);
    assert_code(fsm_fixture_do(fx, &first), OUT_REVOKED);
}

static void a_retry_that_names_others_is_reuse(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(1, 2);
    struct command other = command_refresh(1, 2);

    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    other.token_refresh.next_access = key_of(1009);
    assert_code(fsm_fixture_do(fx, &other), OUT_REPLAYED);
    assert_int_equal(grant_state(fx, 10), GRANT_REVOKED);
    assert_int_equal(fsm_fixture_rows(fx, "refresh"), 2);
}

static void a_wrong_refresh_changes_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct refresh_token token;
    struct command c;

    fsm_fixture_redeemed(fx, 10, 1);
    c = command_refresh(9, 2);
    assert_code(fsm_fixture_do(fx, &c), OUT_NOT_FOUND);
    c = command_refresh(1, 2);
    c.token_refresh.client_id = span_str("evil");
    assert_code(fsm_fixture_do(fx, &c), OUT_CLIENT_MISMATCH);
    c = command_refresh(1, 2);
    c.token_refresh.scopes = SCOPE_A | 8;
    assert_code(fsm_fixture_do(fx, &c), OUT_SCOPE);
    c = command_refresh(1, 1); /* its own successor */
    assert_code(fsm_fixture_do(fx, &c), OUT_EXISTS);
    put_account(fx, ACCOUNT_SUSPENDED, 1);
    c = command_refresh(1, 2);
    assert_code(fsm_fixture_do(fx, &c), OUT_ACCOUNT_STATE);
    put_account(fx, ACCOUNT_ACTIVE, 1);
    assert_true(fsm_fixture_refresh(fx, 1, &token));
    assert_int_equal(token.state, REFRESH_LIVE);
    fx->now_ms += 24 * HOUR_MS;
    assert_code(fsm_fixture_do(fx, &c), OUT_EXPIRED);
}

static void a_stranger_cannot_end_a_family_by_reuse(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(1, 2);

    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    fx->now_ms += HOUR_MS;
    refresh.token_refresh.client_id = span_str("evil");
    assert_code(fsm_fixture_do(fx, &refresh), OUT_CLIENT_MISMATCH);
    assert_int_equal(grant_state(fx, 10), GRANT_REDEEMED);
}

static void a_narrower_scope_narrows_one_access_token(void **state) {
    struct fsm_fixture *fx = *state;
    struct command narrow = command_refresh(1, 2);
    struct command wide = command_refresh(2, 3);
    struct access_token access;

    fsm_fixture_redeemed(fx, 10, 1);
    narrow.token_refresh.scopes = SCOPE_A;
    assert_code(fsm_fixture_do(fx, &narrow), OUT_OK);
    assert_int_equal(tokens_told(fx).scopes, SCOPE_A);
    assert_true(fsm_fixture_access(fx, 2, &access));
    assert_int_equal(access.scopes, SCOPE_A);
    assert_code(fsm_fixture_do(fx, &wide), OUT_OK);
    assert_int_equal(tokens_told(fx).scopes, SCOPE_A | SCOPE_B | SCOPE_OFFLINE);
}

static void refresh_outlives_the_session_but_not_its_end(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 2);
    struct command issue = command_issue(2, 11);
    struct command redeem = command_redeem(11, 50);
    struct command end = command_end(2);
    struct command refresh = command_refresh(1, 2);
    struct session session;

    fsm_fixture_redeemed(fx, 10, 1);
    fx->now_ms += 12 * HOUR_MS;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_false(fsm_fixture_session(fx, 1, &session)); /* swept */
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);

    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    refresh = command_refresh(50, 51);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_REVOKED);
}

static void a_changed_password_ends_refreshing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(1, 2);

    fsm_fixture_redeemed(fx, 10, 1);
    put_account(fx, ACCOUNT_ACTIVE, 2);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_ACCOUNT_STATE);
}

static void a_long_chain_keeps_its_grant(void **state) {
    struct fsm_fixture *fx = *state;

    fsm_fixture_redeemed(fx, 10, 1);
    for (uint64_t i = 1; i < 20; i++) {
        struct command refresh = command_refresh(i, i + 1);
        fx->now_ms += 23 * HOUR_MS;
        assert_code(fsm_fixture_tick(fx), OUT_OK);
        assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    }
    assert_int_equal(grant_state(fx, 10), GRANT_REDEEMED);
    assert_true(fsm_fixture_rows(fx, "refresh") <= 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_grant_is_issued_from_a_live_session),
        TEST(the_idle_end_moves_in_steps),
        TEST(issue_is_refused_without_a_live_session),
        TEST(issue_is_refused_for_an_account_that_changed),
        TEST(issue_is_refused_for_an_old_sign_in),
        TEST(issue_is_refused_to_a_client_that_is_gone),
        TEST(consent_grows),
        TEST(a_code_gives_tokens_once),
        TEST(a_race_in_one_frame_has_one_winner),
        TEST(a_refresh_token_needs_its_scope),
        TEST(a_wrong_request_does_not_burn_the_code),
        TEST(pkce_cannot_be_downgraded),
        TEST(codes_expire),
        TEST(a_code_dies_with_account_and_session),
        TEST(a_token_key_that_is_taken_changes_nothing),
        TEST(a_refresh_rotates),
        TEST(an_honest_retry_gets_the_same_successor),
        TEST(reuse_ends_the_family),
        TEST(a_retry_that_names_others_is_reuse),
        TEST(a_wrong_refresh_changes_nothing),
        TEST(a_stranger_cannot_end_a_family_by_reuse),
        TEST(a_narrower_scope_narrows_one_access_token),
        TEST(refresh_outlives_the_session_but_not_its_end),
        TEST(a_changed_password_ends_refreshing),
        TEST(a_long_chain_keeps_its_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
