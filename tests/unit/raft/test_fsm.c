/* The state machine: sequences and boots, cluster, keys, accounts, signing in. */
#include "tests/unit/store/unit.h"

#include "raft/fsm_limits.h"
#include "tests/unit/raft/fsm_fixture.h"

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fsm_fixture *fx = *state;
    fsm_fixture_close(fx);
    free(fx);
    return 0;
}

static enum outcome_code send(struct fsm_fixture *fx, const struct command *command,
                              uint64_t node, uint64_t boot, uint64_t seq,
                              uint64_t low) {
    struct envelope envelope = {.node = node,
                                .boot = boot,
                                .seq = seq,
                                .low = low,
                                .type = command->type,
                                .payload = fsm_fixture_payload(fx, command)};
    return fsm_fixture_send(fx, &envelope);
}

static enum outcome_code register_boot(struct fsm_fixture *fx, uint64_t node,
                                       uint64_t boot) {
    struct command command = {.type = CMD_BOOT_REGISTER, .boot_register = {node, boot}};
    return send(fx, &command, node, boot, 0, 0);
}

static uint64_t told_boot(struct fsm_fixture *fx) {
    struct outcome_boot boot;
    assert_ok(outcome_boot_decode(fx->outcome.detail, &boot));
    return boot.registered;
}

/* --- sequences and boots -------------------------------------------------- */

static void a_resubmission_gets_the_stored_outcome(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);
    uint64_t first;

    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 5, 5), OUT_OK);
    first = fx->outcome.index;
    assert_int_equal(first, fx->index);
    fx->now_ms += 1000;
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 5, 5), OUT_OK);
    assert_int_equal(fx->outcome.index, first);
    assert_int_equal(fx->outcome.clock_ms + 1000, fx->now_ms);
    /* The same under another sequence is another command. */
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 6, 5), OUT_EXISTS);
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 2);
    fsm_fixture_reopen(fx);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 5, 5), OUT_OK);
    assert_int_equal(fx->outcome.index, first);
}

static void details_are_kept_for_resubmissions(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 2);
    struct outcome_login told, again;

    fsm_fixture_sign_in(fx);
    assert_code(send(fx, &login, FIXTURE_NODE, FIXTURE_BOOT, 50, 0), OUT_OK);
    assert_ok(outcome_login_decode(fx->outcome.detail, &told));
    fx->now_ms += 5000;
    assert_code(send(fx, &login, FIXTURE_NODE, FIXTURE_BOOT, 50, 0), OUT_OK);
    assert_ok(outcome_login_decode(fx->outcome.detail, &again));
    assert_memory_equal(&told, &again, sizeof told);
}

static void below_the_low_mark_is_refused_and_forgotten(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);

    for (uint64_t seq = 1; seq <= 4; seq++) {
        (void)send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, seq, 1);
    }
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 4);
    (void)send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 5, 4);
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 2);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 3, 1), OUT_OLD_SEQUENCE);
    /* The mark never falls. */
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 4, 1), OUT_EXISTS);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 2, 0), OUT_OLD_SEQUENCE);
}

static void the_window_is_bounded(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);

    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 1, 0), OUT_OK);
    assert_code(
        send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, FSM_OUTCOMES_PER_NODE, 0),
        OUT_EXISTS);
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 2);
    assert_code(
        send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, FSM_OUTCOMES_PER_NODE + 1, 0),
        OUT_EXISTS);
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 2);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 1, 0), OUT_OLD_SEQUENCE);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, UINT64_MAX, 0),
                OUT_OLD_SEQUENCE);
}

static void an_unknown_boot_is_refused(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);

    assert_code(send(fx, &account, 9, 1, 1, 0), OUT_UNKNOWN_BOOT);
    assert_int_equal(told_boot(fx), 0);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT - 1, 1, 0),
                OUT_UNKNOWN_BOOT);
    assert_int_equal(told_boot(fx), FIXTURE_BOOT);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT + 1, 1, 0),
                OUT_UNKNOWN_BOOT);
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "account"), 0);
}

static void a_newer_boot_takes_over(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);

    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 7, 7), OUT_OK);
    assert_code(register_boot(fx, 2, 3), OUT_OK);
    assert_code(send(fx, &account, 2, 3, 1, 0), OUT_EXISTS);
    assert_code(register_boot(fx, FIXTURE_NODE, FIXTURE_BOOT), OUT_OK); /* again */
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 2);
    assert_code(register_boot(fx, FIXTURE_NODE, FIXTURE_BOOT + 1), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 1); /* the other node's */
    assert_code(register_boot(fx, FIXTURE_NODE, FIXTURE_BOOT), OUT_UNKNOWN_BOOT);
    assert_int_equal(told_boot(fx), FIXTURE_BOOT + 1);
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT, 8, 7), OUT_UNKNOWN_BOOT);
    /* Sequences begin anew. */
    assert_code(send(fx, &account, FIXTURE_NODE, FIXTURE_BOOT + 1, 1, 0), OUT_EXISTS);
}

static void a_boot_speaks_for_itself_only(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = {.type = CMD_BOOT_REGISTER, .boot_register = {3, 5}};

    assert_code(send(fx, &command, 2, 5, 0, 0), OUT_NOT_SUPPORTED);
    assert_code(send(fx, &command, 3, 6, 0, 0), OUT_NOT_SUPPORTED);
    assert_int_equal(fsm_fixture_rows(fx, "boot"), 1);
}

/* More nodes in one frame than are held in memory at a time. */
static void many_nodes_share_a_frame(void **state) {
    struct fsm_fixture *fx = *state;
    struct buf envelopes, frame;
    struct command command = command_account(1);
    struct span account = fsm_fixture_payload(fx, &command);
    uint16_t count = 0;

    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    for (uint64_t node = 10; node < 10 + 2 * LIMIT_NODES; node++) {
        command =
            (struct command){.type = CMD_BOOT_REGISTER, .boot_register = {node, 1}};
        struct envelope boot = {.node = node,
                                .boot = 1,
                                .type = CMD_BOOT_REGISTER,
                                .payload = fsm_fixture_payload(fx, &command)};
        envelope_encode(&boot, &envelopes);
        count++;
    }
    for (uint64_t seq = 1; seq <= 2; seq++) {
        for (uint64_t node = 10; node < 10 + 2 * LIMIT_NODES; node++) {
            struct envelope put = {.node = node,
                                   .boot = 1,
                                   .seq = seq,
                                   .low = seq,
                                   .type = CMD_ACCOUNT_PUT,
                                   .payload = account};
            envelope_encode(&put, &envelopes);
            count++;
        }
    }
    assert_ok(frame_encode(1, fx->now_ms, count, buf_span(&envelopes), &frame));
    assert_ok(fsm_fixture_apply(fx, buf_span(&frame)));
    assert_int_equal(fx->told, count);
    assert_int_equal(fsm_fixture_rows(fx, "boot"), 1 + 2 * LIMIT_NODES);
    assert_int_equal(fsm_fixture_rows(fx, "outcome"), 2 * LIMIT_NODES);
    buf_free(&envelopes);
    buf_free(&frame);
}

/* --- frames --------------------------------------------------------------- */

static struct buf one_frame(struct fsm_fixture *fx, const struct command *command) {
    struct envelope envelope = {.node = FIXTURE_NODE,
                                .boot = FIXTURE_BOOT,
                                .seq = fx->seq++,
                                .type = command->type,
                                .payload = fsm_fixture_payload(fx, command)};
    struct buf envelopes, frame;

    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    envelope_encode(&envelope, &envelopes);
    assert_ok(frame_encode(1, fx->now_ms, 1, buf_span(&envelopes), &frame));
    buf_free(&envelopes);
    return frame;
}

static void tell(void *arg, const struct envelope *envelope,
                 const struct outcome *outcome) {
    (void)envelope;
    assert_code(outcome->code, OUT_OK);
    (*(size_t *)arg)++;
}

/* F6: told, not to be seen, undone by a crash, and the same when it is applied again.
 */
static void a_code_is_told_before_its_commit(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct store_meta head;
    struct buf frame;
    struct grant grant;
    size_t told = 0;

    fsm_fixture_sign_in(fx);
    frame = one_frame(fx, &issue);
    assert_ok(fsm_apply_early(fx->fsm, ++fx->index, buf_span(&frame), tell, &told));
    assert_int_equal(told, 1);
    assert_true(fsm_uncommitted(fx->fsm));
    assert_false(fsm_fixture_grant(fx, 10, &grant));
    head = *fsm_meta(fx->fsm);
    assert_int_equal(head.applied_index, fx->index);
    fsm_fixture_reopen(fx);
    assert_int_equal(fsm_meta(fx->fsm)->applied_index, fx->index - 1);
    assert_ok(fsm_apply_early(fx->fsm, fx->index, buf_span(&frame), tell, &told));
    assert_memory_equal(&head, fsm_meta(fx->fsm), sizeof head);
    assert_ok(fsm_commit(fx->fsm));
    assert_false(fsm_uncommitted(fx->fsm));
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    buf_free(&frame);
}

/* Whoever signs in reads the session next: that is committed, and all before it. */
static void a_sign_in_is_committed_before_it_is_told(void **state) {
    struct fsm_fixture *fx = *state;
    struct command issue = command_issue(1, 10);
    struct command login = command_login(1, 2);
    struct buf early, late;
    struct session session;
    struct grant grant;

    fsm_fixture_sign_in(fx);
    early = one_frame(fx, &issue);
    late = one_frame(fx, &login);
    assert_ok(fsm_apply_early(fx->fsm, ++fx->index, buf_span(&early), NULL, NULL));
    assert_ok(fsm_apply_early(fx->fsm, ++fx->index, buf_span(&late), NULL, NULL));
    assert_false(fsm_uncommitted(fx->fsm));
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_true(fsm_fixture_session(fx, 2, &session));
    buf_free(&early);
    buf_free(&late);
}

static void old_indexes_are_skipped(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);
    struct store_meta before;

    assert_code(fsm_fixture_do(fx, &account), OUT_OK);
    before = *fsm_meta(fx->fsm);
    for (size_t i = 0; i < fx->frames_count; i++) {
        assert_ok(fsm_apply(fx->fsm, i + 1, buf_span(&fx->frames[i]), NULL, NULL));
    }
    assert_memory_equal(&before, fsm_meta(fx->fsm), sizeof before);
    fx->index--;
    assert_ok(fsm_fixture_apply(fx, buf_span(&fx->frames[fx->frames_count - 1])));
    assert_int_equal(fx->told, 0);
    fx->index += 5; /* barriers and configurations take indexes too */
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_meta(fx->fsm)->applied_index, fx->index);
}

static void time_never_falls(void **state) {
    struct fsm_fixture *fx = *state;
    uint64_t top = fx->now_ms + 1000;

    fx->now_ms = top;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    fx->now_ms -= 5000;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_meta(fx->fsm)->clock_ms, top);
    assert_int_equal(fx->outcome.clock_ms, top);
    fx->now_ms = UINT64_MAX;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_meta(fx->fsm)->clock_ms, FSM_CLOCK_MAX_MS);
}

static void a_damaged_frame_stops_the_node_and_changes_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);
    struct store_meta before;
    struct buf *frame;

    assert_code(fsm_fixture_do(fx, &account), OUT_OK);
    before = *fsm_meta(fx->fsm);
    frame = &fx->frames[fx->frames_count - 1];
    frame->data[40] ^= 1;
    assert_err(fsm_fixture_apply(fx, buf_span(frame)), ERR_CORRUPT);
    assert_err(fsm_fixture_apply(fx, span_of(NULL, 0)), ERR_CORRUPT);
    assert_memory_equal(&before, fsm_meta(fx->fsm), sizeof before);
}

static void an_unknown_type_stops_the_node(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1);
    struct envelope known = {.node = FIXTURE_NODE,
                             .boot = FIXTURE_BOOT,
                             .seq = 1,
                             .type = CMD_ACCOUNT_PUT,
                             .payload = fsm_fixture_payload(fx, &account)};
    struct envelope unknown = known;
    struct store_meta before = *fsm_meta(fx->fsm);
    struct buf envelopes, frame;

    unknown.seq = 2;
    unknown.type = (enum command_type)(CMD_LAST + 1);
    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    envelope_encode(&known, &envelopes);
    envelope_encode(&unknown, &envelopes);
    assert_ok(frame_encode(1, fx->now_ms, 2, buf_span(&envelopes), &frame));
    assert_err(fsm_fixture_apply(fx, buf_span(&frame)), ERR_VERSION);
    assert_int_equal(fx->told, 0);
    assert_memory_equal(&before, fsm_meta(fx->fsm), sizeof before);
    assert_int_equal(fsm_fixture_rows(fx, "account"), 0);
    buf_free(&envelopes);
    buf_free(&frame);
}

static void a_payload_that_is_not_sound_is_refused(void **state) {
    struct fsm_fixture *fx = *state;
    struct envelope envelope = {.node = FIXTURE_NODE,
                                .boot = FIXTURE_BOOT,
                                .seq = 1,
                                .type = CMD_LOGIN,
                                .payload = span_str("junk")};

    assert_code(fsm_fixture_send(fx, &envelope), OUT_NOT_SUPPORTED);
    envelope.type = CMD_BOOT_REGISTER;
    assert_code(fsm_fixture_send(fx, &envelope), OUT_NOT_SUPPORTED);
    envelope.type = CMD_TICK;
    assert_code(fsm_fixture_send(fx, &envelope), OUT_NOT_SUPPORTED);
}

/* --- cluster and keys ----------------------------------------------------- */

static void a_cluster_is_initialised_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command init = {.type = CMD_CLUSTER_INIT, .cluster_init = {id_of(1)}};
    struct id128 first = id_of(1);

    assert_int_equal(fsm_meta(fx->fsm)->epoch, 0);
    assert_code(fsm_fixture_do(fx, &init), OUT_OK);
    assert_int_equal(fsm_meta(fx->fsm)->epoch, 1);
    assert_int_equal(fsm_meta(fx->fsm)->fsm_version, 1);
    init.cluster_init.cluster_id = id_of(2);
    assert_code(fsm_fixture_do(fx, &init), OUT_EXISTS);
    fsm_fixture_reopen(fx);
    assert_memory_equal(fsm_meta(fx->fsm)->cluster_id.b, first.b, 16);
}

static void the_version_only_rises(void **state) {
    struct fsm_fixture *fx = *state;
    struct command version = {.type = CMD_FSM_VERSION, .fsm_version = {1}};
    struct envelope newer = {.node = FIXTURE_NODE,
                             .boot = FIXTURE_BOOT,
                             .seq = 90,
                             .type = CMD_FSM_VERSION,
                             .payload = span_of("\x08\x02", 2)};
    struct buf envelopes, frame;

    assert_code(fsm_fixture_do(fx, &version), OUT_OK);
    assert_code(fsm_fixture_do(fx, &version), OUT_OK);
    version.fsm_version.version = 0;
    assert_code(fsm_fixture_do(fx, &version), OUT_EXISTS);
    assert_int_equal(fsm_meta(fx->fsm)->fsm_version, 1);
    /* A version that only newer binaries have: this one must not go on. */
    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    envelope_encode(&newer, &envelopes);
    assert_ok(frame_encode(1, fx->now_ms, 1, buf_span(&envelopes), &frame));
    assert_err(fsm_fixture_apply(fx, buf_span(&frame)), ERR_VERSION);
    assert_int_equal(fsm_meta(fx->fsm)->fsm_version, 1);
    buf_free(&envelopes);
    buf_free(&frame);
}

/* --- accounts and clients ------------------------------------------------- */

static void account_ids_are_unique(void **state) {
    struct fsm_fixture *fx = *state;
    struct command put = command_account(1);

    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_code(fsm_fixture_do(fx, &put), OUT_EXISTS);
    put = command_account(2);
    put.account_put.account.login_index = key_of(5001);
    assert_code(fsm_fixture_do(fx, &put), OUT_EXISTS);
    put.account_put.replace = true;
    assert_code(fsm_fixture_do(fx, &put), OUT_EXISTS);
    assert_int_equal(fsm_fixture_rows(fx, "account"), 1);
    put = command_account(2);
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
}

/* A link of a registration is good once, even when its account is gone again. */
static void a_registration_is_confirmed_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command put = command_account(1);
    struct command other = command_account(2);

    put.account_put.proofs.count = 1;
    put.account_put.proofs.at[0] = (struct proof){.key = key_of(77), .ttl_ms = 1000};
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    other.account_put.proofs = put.account_put.proofs;
    assert_code(fsm_fixture_do(fx, &other), OUT_PROOF_REPLAYED);
    assert_int_equal(fsm_fixture_rows(fx, "account"), 1);
    put.account_put.proofs.count = 0;
    put.account_put.replace = true;
    put.account_put.account.login_index = key_of(6001); /* the address is free again */
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    other.account_put.account.login_index = key_of(5001);
    assert_code(fsm_fixture_do(fx, &other), OUT_PROOF_REPLAYED);
    /* Two links of one address: the first that is used has it. */
    other.account_put.account.login_index = key_of(6001);
    other.account_put.proofs.at[0].key = key_of(78);
    assert_code(fsm_fixture_do(fx, &other), OUT_EXISTS);
    assert_int_equal(fsm_fixture_rows(fx, "account"), 1);
}

static void a_generation_never_falls(void **state) {
    struct fsm_fixture *fx = *state;
    struct command put = command_account(1);
    struct command login = command_login(1, 1);

    put.account_put.account.generation = 5;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    put.account_put.replace = true;
    put.account_put.account.generation = 1;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    login.login.generation = 5;
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
}

static void clients_are_replaced_only_when_asked(void **state) {
    struct fsm_fixture *fx = *state;
    struct command put = command_client("rp");

    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_code(fsm_fixture_do(fx, &put), OUT_EXISTS);
    put.client_put.replace = true;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "client"), 1);
}

/* --- signing in ----------------------------------------------------------- */

static void a_login_makes_a_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 1);
    struct outcome_login told;
    struct session session;
    struct id128 sid = id_of(7001);

    fsm_fixture_sign_in(fx);
    assert_ok(outcome_login_decode(fx->outcome.detail, &told));
    assert_int_equal(told.auth_time_ms, fx->now_ms);
    assert_int_equal(told.expires_ms, fx->now_ms + 8 * HOUR_MS);
    assert_true(fsm_fixture_session(fx, 1, &session));
    assert_memory_equal(session.sid.b, sid.b, 16);
    assert_int_equal(session.idle_at_ms, fx->now_ms + HOUR_MS);
    assert_int_equal(session.expires_ms, told.expires_ms);
    assert_code(fsm_fixture_do(fx, &login), OUT_EXISTS); /* session's key is taken */
}

static enum outcome_code fail_login(struct fsm_fixture *fx, uint64_t account,
                                    bool known) {
    struct command login = command_login(account, 900);
    login.login.password_ok = false;
    login.login.known = known;
    return fsm_fixture_do(fx, &login);
}

/* Account 1 is known, 2 is not: both must behave alike. */
static void lock_out(struct fsm_fixture *fx, uint64_t account, bool known) {
    struct command right = command_login(account, 901);
    struct login_attempts attempts;

    if (!known) {
        right.login.known = false;
        right.login.password_ok = false;
    }
    for (uint32_t i = 1; i <= FSM_LOGIN_FAILURES_MAX; i++) {
        assert_code(fail_login(fx, account, known), OUT_BAD_CREDENTIALS);
        assert_int_equal(fsm_fixture_attempts(fx, account, &attempts), i);
        fx->now_ms += 1000;
    }
    assert_int_equal(attempts.locked_until_ms, fx->now_ms - 1000 + FSM_LOCK_FIRST_MS);
    assert_code(fsm_fixture_do(fx, &right), OUT_LOCKED);
    assert_code(fail_login(fx, account, known), OUT_LOCKED);
    assert_int_equal(fsm_fixture_attempts(fx, account, &attempts),
                     FSM_LOGIN_FAILURES_MAX);
    fx->now_ms = attempts.locked_until_ms - 1;
    assert_code(fsm_fixture_do(fx, &right), OUT_LOCKED);
    fx->now_ms++;
    assert_code(fail_login(fx, account, known), OUT_BAD_CREDENTIALS);
    (void)fsm_fixture_attempts(fx, account, &attempts);
    assert_int_equal(attempts.locked_until_ms, fx->now_ms + 2 * FSM_LOCK_FIRST_MS);
}

static void ten_failures_lock(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 901);
    struct login_attempts attempts;

    fsm_fixture_sign_in(fx);
    lock_out(fx, 1, true);
    (void)fsm_fixture_attempts(fx, 1, &attempts);
    fx->now_ms = attempts.locked_until_ms;
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_int_equal(fsm_fixture_attempts(fx, 1, &attempts), 0);
    assert_int_equal(fsm_fixture_rows(fx, "attempts"), 0);
}

static void unknown_accounts_lock_alike(void **state) {
    struct fsm_fixture *fx = *state;
    fsm_fixture_sign_in(fx);
    lock_out(fx, 2, false);
}

static void locks_grow_to_a_day_and_are_forgotten(void **state) {
    struct fsm_fixture *fx = *state;
    struct login_attempts attempts = {0};

    for (int i = 0; i < 40; i++) {
        assert_code(fail_login(fx, 2, false), OUT_BAD_CREDENTIALS);
        (void)fsm_fixture_attempts(fx, 2, &attempts);
        assert_true(attempts.locked_until_ms <= fx->now_ms + FSM_LOCK_MAX_MS);
        if (attempts.locked_until_ms > fx->now_ms) {
            fx->now_ms = attempts.locked_until_ms;
        }
    }
    assert_int_equal(attempts.failures, 40);
    assert_int_equal(attempts.forget_at_ms,
                     attempts.locked_until_ms + FSM_ATTEMPTS_FORGET_MS);
    fx->now_ms = attempts.forget_at_ms - 1;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_fixture_attempts(fx, 2, &attempts), 40);
    fx->now_ms++;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_fixture_attempts(fx, 2, &attempts), 0);
}

static void success_ends_the_count(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 5);
    struct login_attempts attempts;

    fsm_fixture_sign_in(fx);
    for (uint32_t i = 1; i < FSM_LOGIN_FAILURES_MAX; i++) {
        assert_code(fail_login(fx, 1, true), OUT_BAD_CREDENTIALS);
    }
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_int_equal(fsm_fixture_attempts(fx, 1, &attempts), 0);
    assert_code(fail_login(fx, 1, true), OUT_BAD_CREDENTIALS);
    assert_int_equal(fsm_fixture_attempts(fx, 1, &attempts), 1);
}

static void the_account_may_have_changed_meanwhile(void **state) {
    struct fsm_fixture *fx = *state;
    struct command put = command_account(1);
    struct command login = command_login(1, 5);

    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS); /* gone */
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    put.account_put.replace = true;
    put.account_put.account.generation = 2; /* password changed */
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    login.login.generation = 2;
    put.account_put.account.state = ACCOUNT_SUSPENDED;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_ACCOUNT_STATE);
    put.account_put.account.state = ACCOUNT_DELETED;
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_ACCOUNT_STATE);
    put.account_put.account.state = ACCOUNT_ACTIVE;
    put.account_put.account.login_index = key_of(6000); /* renamed */
    assert_code(fsm_fixture_do(fx, &put), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    login.login.login_index = key_of(6000);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "session"), 1);
}

static void a_login_ends_the_replaced_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 2);
    struct session session;
    struct grant grant;

    fsm_fixture_sign_in(fx);
    fsm_fixture_redeemed(fx, 10, 1);
    login.login.has_replaced = true;
    login.login.replaced = key_of(1);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_false(fsm_fixture_session(fx, 1, &session));
    assert_true(fsm_fixture_session(fx, 2, &session));
    assert_true(fsm_fixture_grant(fx, 10, &grant));
    assert_int_equal(grant.state, GRANT_REVOKED);
    login = command_login(1, 3);
    login.login.has_replaced = true;
    login.login.replaced = key_of(77); /* never was */
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
}

static void a_failed_login_leaves_the_replaced_session(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 2);
    struct session session;

    fsm_fixture_sign_in(fx);
    login.login.has_replaced = true;
    login.login.replaced = key_of(1);
    login.login.password_ok = false;
    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    assert_true(fsm_fixture_session(fx, 1, &session));
}

static void ending_a_session_revokes_its_grants(void **state) {
    struct fsm_fixture *fx = *state;
    struct command end = command_end(1);
    struct command second = command_login(1, 2);
    struct command other = command_issue(2, 90);
    struct grant grant;

    fsm_fixture_sign_in(fx);
    assert_code(fsm_fixture_do(fx, &second), OUT_OK);
    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    for (uint64_t code = 10; code < 14; code++) {
        fsm_fixture_redeemed(fx, code, code);
    }
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    for (uint64_t code = 10; code < 14; code++) {
        assert_true(fsm_fixture_grant(fx, code, &grant));
        assert_int_equal(grant.state, GRANT_REVOKED);
    }
    assert_true(fsm_fixture_grant(fx, 90, &grant));
    assert_int_equal(grant.state, GRANT_ISSUED);
    assert_code(fsm_fixture_do(fx, &end), OUT_NOT_FOUND);
}

/* --- sweeping ------------------------------------------------------------- */

static void expired_rows_are_swept_in_order_and_bounded(void **state) {
    struct fsm_fixture *fx = *state;
    struct session session;
    uint64_t n = LIMIT_SWEEP_ROWS + 10;

    fsm_fixture_sign_in(fx);
    for (uint64_t i = 0; i < n; i++) {
        struct command login = command_login(1, 100 + i);
        fx->now_ms++;
        assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    }
    assert_int_equal(fsm_fixture_rows(fx, "expiry"), n + 1);
    fx->now_ms += HOUR_MS;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "session"), 11);
    assert_false(fsm_fixture_session(fx, 1, &session)); /* the oldest went first */
    assert_true(fsm_fixture_session(fx, 100 + n - 1, &session));
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "session"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "expiry"), 0);
}

/* A cluster under load has no ticks of their own. */
static void frames_without_a_tick_sweep_too(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 900);

    fsm_fixture_sign_in(fx);
    for (uint64_t i = 0; i < 9; i++) {
        struct command one = command_login(1, 100 + i);
        assert_code(fsm_fixture_do(fx, &one), OUT_OK);
    }
    fx->now_ms += HOUR_MS;
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "session"), 11 - FSM_SWEEP_PER_COMMAND);
}

/* A counter is over at its time, swept or not. */
static void a_counter_is_forgotten_on_time(void **state) {
    struct fsm_fixture *fx = *state;
    struct login_attempts attempts;

    assert_code(fail_login(fx, 2, false), OUT_BAD_CREDENTIALS);
    fx->now_ms += FSM_ATTEMPTS_FORGET_MS;
    assert_code(fail_login(fx, 2, false), OUT_BAD_CREDENTIALS);
    assert_int_equal(fsm_fixture_attempts(fx, 2, &attempts), 1);
}

static void ticks_of_one_frame_share_the_bound(void **state) {
    struct fsm_fixture *fx = *state;
    struct envelope tick = {.type = CMD_TICK};
    struct buf envelopes, frame;

    fsm_fixture_sign_in(fx);
    for (uint64_t i = 0; i < LIMIT_SWEEP_ROWS + 9; i++) {
        struct command login = command_login(1, 100 + i);
        assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    }
    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    envelope_encode(&tick, &envelopes);
    envelope_encode(&tick, &envelopes);
    assert_ok(frame_encode(1, fx->now_ms + HOUR_MS, 2, buf_span(&envelopes), &frame));
    assert_ok(fsm_fixture_apply(fx, buf_span(&frame)));
    assert_int_equal(fsm_fixture_rows(fx, "session"), 10);
    buf_free(&envelopes);
    buf_free(&frame);
}

static void everything_is_swept_in_the_end(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(1, 2);

    fsm_fixture_sign_in(fx);
    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    (void)fail_login(fx, 3, false);
    assert_int_equal(fsm_fixture_rows(fx, "expiry"), 7);
    fx->now_ms += 48 * HOUR_MS;
    assert_code(fsm_fixture_tick(fx), OUT_OK);
    static const char *const empty[] = {
        "session", "grant", "session_grant", "access", "refresh", "attempts", "expiry"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        assert_int_equal(fsm_fixture_rows(fx, empty[i]), 0);
    }
    assert_int_equal(fsm_fixture_rows(fx, "account"), 1);
}

/* The last of the cap makes room by what would be forgotten first. */
static void the_table_of_counters_is_capped(void **state) {
    struct fsm_fixture *fx = *state;
    struct store_write *write;
    struct store_meta meta = *fsm_meta(fx->fsm);
    struct login_attempts attempts = {.failures = 1};

    assert_ok(store_write_begin(fx->store.store, &write));
    for (uint64_t i = 0; i < FSM_ATTEMPTS_ROWS_MAX; i++) {
        attempts.forget_at_ms = fx->now_ms + 5000 + i;
        assert_ok(store_attempts_put(write, key_of(1000000 + i), &attempts));
    }
    assert_ok(store_write_commit(write, &meta));
    assert_code(fail_login(fx, 1, true), OUT_BAD_CREDENTIALS);
    assert_int_equal(fsm_fixture_rows(fx, "attempts"), FSM_ATTEMPTS_ROWS_MAX);
    assert_int_equal(fsm_fixture_attempts(fx, 1, &attempts), 1);
    assert_int_equal(fsm_fixture_attempts(fx, 1000000 - 5000, &attempts), 0);
    assert_int_equal(fsm_fixture_attempts(fx, 1000001 - 5000, &attempts), 1);
    assert_code(fail_login(fx, 1, true), OUT_BAD_CREDENTIALS); /* its row is there */
    assert_int_equal(fsm_fixture_attempts(fx, 1000001 - 5000, &attempts), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_resubmission_gets_the_stored_outcome),
        TEST(details_are_kept_for_resubmissions),
        TEST(below_the_low_mark_is_refused_and_forgotten),
        TEST(the_window_is_bounded),
        TEST(an_unknown_boot_is_refused),
        TEST(a_newer_boot_takes_over),
        TEST(a_boot_speaks_for_itself_only),
        TEST(many_nodes_share_a_frame),
        TEST(old_indexes_are_skipped),
        TEST(time_never_falls),
        TEST(a_damaged_frame_stops_the_node_and_changes_nothing),
        TEST(an_unknown_type_stops_the_node),
        TEST(a_payload_that_is_not_sound_is_refused),
        TEST(a_cluster_is_initialised_once),
        TEST(the_version_only_rises),
        TEST(account_ids_are_unique),
        TEST(a_registration_is_confirmed_once),
        TEST(a_generation_never_falls),
        TEST(clients_are_replaced_only_when_asked),
        TEST(a_login_makes_a_session),
        TEST(ten_failures_lock),
        TEST(unknown_accounts_lock_alike),
        TEST(locks_grow_to_a_day_and_are_forgotten),
        TEST(success_ends_the_count),
        TEST(the_account_may_have_changed_meanwhile),
        TEST(a_login_ends_the_replaced_session),
        TEST(a_failed_login_leaves_the_replaced_session),
        TEST(ending_a_session_revokes_its_grants),
        TEST(expired_rows_are_swept_in_order_and_bounded),
        TEST(a_code_is_told_before_its_commit),
        TEST(a_sign_in_is_committed_before_it_is_told),
        TEST(frames_without_a_tick_sweep_too),
        TEST(a_counter_is_forgotten_on_time),
        TEST(ticks_of_one_frame_share_the_bound),
        TEST(everything_is_swept_in_the_end),
        TEST(the_table_of_counters_is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
