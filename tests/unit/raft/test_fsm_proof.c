/* The state machine: what may be used once, pushed requests, and bound tokens. */
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

static struct proofs proofs(uint64_t n, size_t count) {
    return command_proofs(n, count).proof_use.proofs;
}

static struct binding bound_to(enum binding_kind kind, uint8_t n) {
    return (struct binding){kind, {n}};
}

static struct outcome_tokens tokens_told(struct fsm_fixture *fx) {
    struct outcome_tokens tokens;
    assert_ok(outcome_tokens_decode(fx->outcome.detail, &tokens));
    return tokens;
}

/* --- proofs --------------------------------------------------------------- */

static void a_proof_is_used_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command use = command_proofs(1, 1);

    assert_code(fsm_fixture_do(fx, &use), OUT_OK);
    assert_code(fsm_fixture_do(fx, &use), OUT_PROOF_REPLAYED);
    fx->now_ms += MINUTE_MS - 1;
    assert_code(fsm_fixture_do(fx, &use), OUT_PROOF_REPLAYED);
    fsm_fixture_reopen(fx);
    assert_code(fsm_fixture_do(fx, &use), OUT_PROOF_REPLAYED);
}

static void a_replay_among_others_uses_none(void **state) {
    struct fsm_fixture *fx = *state;
    struct command use = command_proofs(2, 1);

    assert_code(fsm_fixture_do(fx, &use), OUT_OK);
    use = command_proofs(1, 2); /* 1 is new, 2 is not */
    assert_code(fsm_fixture_do(fx, &use), OUT_PROOF_REPLAYED);
    use = command_proofs(1, 1);
    assert_code(fsm_fixture_do(fx, &use), OUT_OK);
}

static void one_proof_does_not_count_for_two(void **state) {
    struct fsm_fixture *fx = *state;
    struct command use = command_proofs(1, 2);

    use.proof_use.proofs.at[1] = use.proof_use.proofs.at[0];
    assert_code(fsm_fixture_do(fx, &use), OUT_PROOF_REPLAYED);
    assert_int_equal(fsm_fixture_rows(fx, "proof"), 0);
}

static void proofs_are_swept(void **state) {
    struct fsm_fixture *fx = *state;
    struct command use = command_proofs(1, COMMAND_PROOFS_MAX);

    assert_code(fsm_fixture_do(fx, &use), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "proof"), COMMAND_PROOFS_MAX);
    fx->now_ms += MINUTE_MS;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_rows(fx, "proof"), 0);
}

static void a_replayed_proof_leaves_the_code_alone(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 20);
    struct command use = command_proofs(1, 1);

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &use), OUT_OK);
    redeem.grant_redeem.proofs = proofs(1, 1);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_PROOF_REPLAYED);
    redeem.grant_redeem.proofs = proofs(2, 1);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
}

/* An assertion that was seen beside a bad code is spent. */
static void a_refused_code_spends_its_proof(void **state) {
    struct fsm_fixture *fx = *state;
    struct command redeem = command_redeem(99, 20);
    struct command refresh = command_refresh(98, 21);

    redeem.grant_redeem.proofs = proofs(1, 1);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_NOT_FOUND);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_PROOF_REPLAYED);
    refresh.token_refresh.proofs = proofs(1, 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_PROOF_REPLAYED);
}

/* --- pushed requests ------------------------------------------------------ */

static void a_pushed_request_is_answered_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command push = command_push(1);
    struct command issue = command_issue(1, 10);

    assert_code(fsm_fixture_do(fx, &push), OUT_OK);
    assert_code(fsm_fixture_do(fx, &push), OUT_EXISTS);
    issue.grant_issue.has_pushed = true;
    issue.grant_issue.pushed = push.request_push.key;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    issue.grant_issue.code = key_of(11);
    assert_code(fsm_fixture_do(fx, &issue), OUT_REPLAYED);
    assert_int_equal(fsm_fixture_rows(fx, "grant"), 1);
}

static void a_pushed_request_is_its_clients_alone(void **state) {
    struct fsm_fixture *fx = *state;
    struct command other = command_client("rp-2");
    struct command push = command_push(1);
    struct command issue = command_issue(1, 10);

    push.request_push.client_id = span_str("rp-2");
    assert_code(fsm_fixture_do(fx, &push), OUT_CLIENT_STATE);
    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    assert_code(fsm_fixture_do(fx, &push), OUT_OK);
    issue.grant_issue.has_pushed = true;
    issue.grant_issue.pushed = push.request_push.key;
    assert_code(fsm_fixture_do(fx, &issue), OUT_REPLAYED);
}

static void a_pushed_request_ends(void **state) {
    struct fsm_fixture *fx = *state;
    struct command push = command_push(1);
    struct command issue = command_issue(1, 10);

    push.request_push.keep_ms = 2 * MINUTE_MS;
    assert_code(fsm_fixture_do(fx, &push), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "request"), 1);
    fx->now_ms += 2 * MINUTE_MS - 1;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_rows(fx, "request"), 1);
    fx->now_ms += 1;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(fsm_fixture_rows(fx, "request"), 0);
    issue.grant_issue.has_pushed = true;
    issue.grant_issue.pushed = push.request_push.key;
    assert_code(fsm_fixture_do(fx, &issue), OUT_REPLAYED);
}

/* --- bound tokens --------------------------------------------------------- */

static void a_token_says_what_it_is_bound_to(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 20);
    struct access_token access;

    issue.grant_issue.id_token_claims = 5;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    redeem.grant_redeem.binding = bound_to(BINDING_TLS, 3);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    assert_true(fsm_fixture_access(fx, 20, &access));
    assert_int_equal(access.binding.kind, BINDING_TLS);
    assert_int_equal(access.binding.thumbprint[0], 3);
    assert_int_equal(tokens_told(fx).binding.kind, BINDING_TLS);
    assert_int_equal(tokens_told(fx).id_token_claims, 5);
}

static void a_code_bound_to_a_key_needs_it(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 20);

    issue.grant_issue.has_dpop_key = true;
    issue.grant_issue.dpop_key[0] = 4;
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_BINDING_MISMATCH);
    redeem.grant_redeem.binding = bound_to(BINDING_DPOP, 5);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_BINDING_MISMATCH);
    redeem.grant_redeem.binding = bound_to(BINDING_TLS, 4);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_BINDING_MISMATCH);
    redeem.grant_redeem.binding = bound_to(BINDING_DPOP, 4);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
}

static void a_bound_family_stays_with_its_key(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command redeem = command_redeem(10, 20);
    struct command refresh = command_refresh(20, 21);

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    redeem.grant_redeem.binding = bound_to(BINDING_DPOP, 4);
    redeem.grant_redeem.bind_refresh = true;
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    refresh.token_refresh.binding = bound_to(BINDING_DPOP, 5);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_BINDING_MISMATCH);
    refresh.token_refresh.binding = bound_to(BINDING_DPOP, 4);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
}

/* The answer that was lost cannot be had again for another key. */
static void an_honest_retry_names_the_same_key(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(20, 21);

    fsm_fixture_redeemed(fx, 10, 20);
    refresh.token_refresh.binding = bound_to(BINDING_DPOP, 4);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    refresh.token_refresh.binding = bound_to(BINDING_DPOP, 5);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_BINDING_MISMATCH);
}

/* --- revocation ------------------------------------------------------------ */

static void an_access_token_is_revoked_alone(void **state) {
    struct fsm_fixture *fx = *state;
    struct command revoke = command_revoke(false, 20);
    struct command refresh = command_refresh(20, 21);
    struct access_token access;

    fsm_fixture_redeemed(fx, 10, 20);
    assert_code(fsm_fixture_do(fx, &revoke), OUT_OK);
    assert_false(fsm_fixture_access(fx, 20, &access));
    assert_code(fsm_fixture_do(fx, &revoke), OUT_NOT_FOUND);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
}

static void a_refresh_token_takes_its_family_along(void **state) {
    struct fsm_fixture *fx = *state;
    struct command revoke = command_revoke(true, 20);
    struct command refresh = command_refresh(20, 21);
    struct grant grant;

    fsm_fixture_redeemed(fx, 10, 20);
    assert_code(fsm_fixture_do(fx, &revoke), OUT_OK);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.state, GRANT_REVOKED);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_REVOKED);
    assert_code(fsm_fixture_do(fx, &revoke), OUT_OK);
}

static void nobody_revokes_for_another(void **state) {
    struct fsm_fixture *fx = *state;
    struct command revoke = command_revoke(true, 20);
    struct grant grant;

    fsm_fixture_redeemed(fx, 10, 20);
    revoke.token_revoke.client_id = span_str("other");
    assert_code(fsm_fixture_do(fx, &revoke), OUT_CLIENT_MISMATCH);
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.state, GRANT_REDEEMED);
    revoke = command_revoke(false, 20);
    revoke.token_revoke.client_id = span_str("other");
    assert_code(fsm_fixture_do(fx, &revoke), OUT_CLIENT_MISMATCH);
    revoke.token_revoke.client_id = span_str("rp");
    revoke.token_revoke.proofs = proofs(1, 1);
    assert_code(fsm_fixture_do(fx, &revoke), OUT_OK);
    assert_code(fsm_fixture_do(fx, &revoke), OUT_PROOF_REPLAYED);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_proof_is_used_once),
        TEST(a_replay_among_others_uses_none),
        TEST(one_proof_does_not_count_for_two),
        TEST(proofs_are_swept),
        TEST(a_replayed_proof_leaves_the_code_alone),
        TEST(a_refused_code_spends_its_proof),
        TEST(a_pushed_request_is_answered_once),
        TEST(a_pushed_request_is_its_clients_alone),
        TEST(a_pushed_request_ends),
        TEST(a_token_says_what_it_is_bound_to),
        TEST(a_code_bound_to_a_key_needs_it),
        TEST(a_bound_family_stays_with_its_key),
        TEST(an_honest_retry_names_the_same_key),
        TEST(an_access_token_is_revoked_alone),
        TEST(a_refresh_token_takes_its_family_along),
        TEST(nobody_revokes_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
