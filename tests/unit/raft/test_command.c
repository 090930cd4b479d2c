/* Commands, outcomes, envelopes and frames: round trips, bounds, damage. */
#include "tests/unit/store/unit.h"

#include <stdio.h>

#include "store/base/limits.h"
#include "tests/unit/raft/fsm_fixture.h"
#include "tests/unit/raft/intake_fixture.h"

struct fixture {
    struct buf out;
    struct arena arena;
};

static int setup(void **state) {
    struct fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    buf_init(&fx->out, 1 << 20);
    arena_init(&fx->arena, 16u << 20);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fx = *state;
    buf_free(&fx->out);
    arena_close(&fx->arena);
    free(fx);
    return 0;
}

static struct command command_key(void) {
    return (struct command){
        .type = CMD_KEY_ADD,
        .key_add = {.key = {.kid = "k-1",
                            .alg = KEY_ES256,
                            .public_jwk = span_str("{\"kty\":\"EC\"}"),
                            .sealed_private = span_of("\0\1", 2)}}};
}

#define EVERY_MAX 192

/* What the protocol's later parts carry. */
static size_t proof_commands(struct command *out) {
    size_t n = 0;

    out[n++] = command_proofs(1, 1);
    out[n++] = command_proofs(1, COMMAND_PROOFS_MAX);
    out[n++] = command_revoke(true, 1);
    out[n++] = command_revoke(false, 1);
    out[n - 1].token_revoke.proofs = command_proofs(1, 3).proof_use.proofs;
    out[n++] = command_push(1);
    out[n++] = command_push(1);
    out[n - 1].request_push.form = span_of(NULL, 0);
    out[n - 1].request_push.proofs = command_proofs(1, 2).proof_use.proofs;
    out[n++] = command_issue(1, 2);
    out[n - 1].grant_issue.id_token_claims = UINT64_MAX;
    out[n - 1].grant_issue.userinfo_claims = 1;
    out[n - 1].grant_issue.has_dpop_key = true;
    out[n - 1].grant_issue.dpop_key[0] = 9;
    out[n - 1].grant_issue.has_pushed = true;
    out[n - 1].grant_issue.pushed = key_of(7);
    out[n++] = command_redeem(1, 2);
    out[n - 1].grant_redeem.proofs = command_proofs(1, 2).proof_use.proofs;
    out[n - 1].grant_redeem.binding = (struct binding){BINDING_DPOP, {1, 2}};
    out[n - 1].grant_redeem.bind_refresh = true;
    out[n++] = command_opened(1, 2, 3, 4);
    out[n++] = command_opened(1, 2, 3, UINT64_MAX - MINUTE_MS);
    out[n - 1].grant_redeem.opened.epoch = UINT64_MAX;
    out[n - 1].grant_redeem.opened.auth_after_ms = 5;
    out[n - 1].grant_redeem.opened.challenge_method = CHALLENGE_NONE;
    memset(out[n - 1].grant_redeem.opened.challenge, 0, 32);
    out[n - 1].grant_redeem.opened.nonce = span_of(NULL, 0);
    out[n - 1].grant_redeem.opened.id_token_claims = UINT64_MAX;
    out[n - 1].grant_redeem.opened.userinfo_claims = 1;
    out[n - 1].grant_redeem.opened.has_dpop_key = true;
    out[n - 1].grant_redeem.opened.dpop_key[31] = 9;
    out[n++] = command_refresh(1, 2);
    out[n - 1].token_refresh.proofs = command_proofs(1, 1).proof_use.proofs;
    out[n - 1].token_refresh.binding = (struct binding){BINDING_TLS, {0}};
    return n;
}

/* The smartphone app, passkeys. */
static size_t device_commands(struct command *out) {
    size_t n = 0;

    out[n++] = command_ask(1, 2, 3);
    out[n++] = command_app_enrol(1, 2);
    out[n++] = command_app_register(1, 2, 3);
    out[n - 1].app_register.device.sealed = span_str("sealed");
    out[n - 1].app_register.message =
        command_message(1, OUTBOX_MAIL, 0).message_send.message;
    out[n++] = command_app_address(1, "sealed", 7);
    out[n++] = command_app_address(1, "", 8);
    out[n++] = command_app_register(1, 3, 4);
    out[n++] = command_app_answer(1, challenge_of(2, 3), APP_APPROVE, 4);
    out[n++] = command_app_answer(1, challenge_of(2, 3), APP_NOT_ME, 5);
    out[n++] = command_passkey_login(1, UINT64_MAX, 3, 4);
    out[n - 1].passkey_login.has_replaced = true;
    out[n - 1].passkey_login.replaced = key_of(6);
    return n;
}

/* Whose record is what they are about. */
static size_t told_commands(struct command *out) {
    size_t n = 0;

    for (int act = SELF_PASSWORD; act <= SELF_CLOSE; act++) {
        out[n++] = command_self((enum self_act)act, 1, 2);
    }
    out[n++] = command_self(SELF_ID_ASK, 1, 2);
    out[n - 1].self.second = 62;
    out[n - 1].self.message = command_message(1, OUTBOX_MAIL, 5).message_send.message;
    out[n - 1].self.message.caps.at[0].shared = true;
    out[n - 1].self.notice = command_message(2, OUTBOX_MAIL, 0).message_send.message;
    out[n++] = command_note(AUDIT_SEARCHED, 0);
    out[n++] = command_note(AUDIT_STAFF_READ, 1);
    out[n - 1].audit_note.has_staff = true;
    out[n - 1].audit_note.client_id = span_str("rp");
    return n;
}

/* Of the second step, and of a forgotten password. */
static size_t signin_commands(struct command *out) {
    size_t n = 0;

    out[n++] = command_second(1, 2);
    out[n - 1].login.has_device = true;
    out[n - 1].login.device = key_of(3);
    out[n - 1].login.caps = command_message(1, OUTBOX_SMS, 5).message_send.message.caps;
    out[n++] = (struct command){
        .type = CMD_FACTOR_BEGIN,
        .factor_begin = {.session = key_of(1), .signin = key_of(2), .ttl_ms = 1}};
    out[n++] = command_add(1, 2, 3, 0);
    out[n++] = command_add(1, 2, 3, 4);
    out[n++] = command_challenge(1, 2, FACTOR_SMS, 3);
    out[n - 1].factor_challenge.message =
        command_message(1, OUTBOX_SMS, 5).message_send.message;
    out[n - 1].factor_challenge.enrols = true;
    out[n - 1].factor_challenge.has_device = true;
    out[n - 1].factor_challenge.device = key_of(5);
    out[n++] = command_challenge(1, 2, FACTOR_TOTP, 0);
    out[n - 1].factor_challenge.data = span_str("data");
    out[n++] = command_pass(1, 2, FACTOR_TOTP, 3, 4);
    out[n++] = command_pass(1, 2, FACTOR_SMS, 3, 4);
    out[n - 1].factor_pass.right = false;
    out[n - 1].factor_pass.has_device = true;
    out[n - 1].factor_pass.device = key_of(5);
    out[n - 1].factor_pass.has_replaced = true;
    out[n - 1].factor_pass.replaced = key_of(6);
    out[n - 1].factor_pass.message =
        command_message(1, OUTBOX_MAIL, 0).message_send.message;
    out[n++] = command_recover(1, 2);
    out[n - 1].recovery_ask.message.caps.at[0].yields = true;
    out[n++] = command_recover(1, 2);
    out[n - 1].recovery_ask.known = false;
    out[n - 1].recovery_ask.sub = (struct id128){{0}};
    out[n - 1].recovery_ask.generation = 0;
    out[n++] = command_set(1, 2, 3);
    out[n++] = command_set(1, 2, 3);
    out[n - 1].password_set.has_secret = false;
    out[n - 1].password_set.secret = (struct key_hash){{0}};
    out[n - 1].password_set.message =
        command_message(1, OUTBOX_MAIL, 0).message_send.message;
    out[n++] = command_factor(1, FACTOR_TOTP);
    out[n - 1].factor_put.factor.step = UINT64_MAX;
    out[n - 1].factor_put.generation = 7;
    out[n - 1].factor_put.gate = gate_of(3);
    out[n - 1].factor_put.message =
        command_message(1, OUTBOX_MAIL, 0).message_send.message;
    out[n++] = (struct command){
        .type = CMD_FACTOR_DEL,
        .factor_del = {.sub = id_of(1),
                       .id = id_of(2),
                       .message = command_message(1, OUTBOX_MAIL, 0).message_send.message}};
    return n;
}

/* Of the staff's realm, of the outbox, and a backup. */
static size_t later_commands(struct command *out) {
    size_t n = 0;

    out[n++] = command_backup(70, 2);
    out[n++] = command_staff(1, 0);
    out[n++] = command_staff(1, 7);
    out[n - 1].staff_put.staff.roles = 0;
    out[n - 1].staff_put.staff.state = STAFF_DISABLED;
    out[n++] = command_staff_login(1, 2, 3);
    out[n - 1].staff_login.has_replaced = true;
    out[n - 1].staff_login.replaced = key_of(9);
    out[n++] = command_staff_login(1, 2, 0);
    out[n++] = command_staff_login(1, 2, 0);
    out[n - 1].staff_login.known = false;
    out[n - 1].staff_login.password_ok = false;
    out[n - 1].staff_login.has_step = false;
    out[n - 1].staff_login.id = (struct id128){{0}};
    out[n - 1].staff_login.generation = 0;
    out[n++] = command_staff_end(1);
    out[n++] = command_staff_touch(1);
    out[n++] = command_client("told");
    out[n - 1].client_put.client.backchannel_logout_uri = "https://rp.example/bc";
    out[n - 1].client_put.client.features = CLIENT_LOGOUT_SESSION;
    out[n++] = command_claim(id_of(1));
    out[n++] = command_claim(id_of(1));
    out[n - 1].outbox_claim.count = LIMIT_OUTBOX_BATCH;
    out[n++] = command_settle(id_of(1), 1, OUTBOX_NO_REASON);
    out[n++] = command_settle(id_of(1), 20, OUTBOX_FULL);
    out[n - 1].outbox_settle.count = LIMIT_OUTBOX_BATCH;
    out[n++] = command_retry(id_of(1));
    out[n++] = command_message(1, OUTBOX_SMS, 5);
    out[n++] = command_message(1, OUTBOX_MAIL, 0);
    out[n - 1].message_send.message.has_sub = false;
    out[n - 1].message_send.message.sub = (struct id128){{0}};
    out[n - 1].message_send.message.ttl_ms = 0;
    out[n - 1].message_send.message.client_id = span_str("");
    n += told_commands(out + n);
    n += signin_commands(out + n);
    n += intake_commands(out + n);
    return n;
}

/* A client that registered itself. */
static struct command registered(void) {
    struct command command = command_client("rp-3");
    command.client_put.client.registration_hash[31] = 1;
    command.client_put.replace = true;
    command.client_put.revision = UINT64_MAX;
    command.client_put.proofs.count = 1;
    command.client_put.proofs.at[0] = (struct proof){.key = key_of(3), .ttl_ms = 1};
    return command;
}

/* An account with all that one may have. */
static struct command full_account(void) {
    struct command command = command_account(2);
    command.account_put.account.has_parent = true;
    command.account_put.account.parent_sub = id_of(1);
    command.account_put.replace = true;
    command.account_put.proofs.count = 1;
    command.account_put.proofs.at[0] = (struct proof){.key = key_of(4), .ttl_ms = 1};
    return command;
}

/* Every type, optional parts both there and absent. */
static size_t every_command(struct command out[EVERY_MAX]) {
    size_t n = 0;

    out[n++] = (struct command){.type = CMD_BOOT_REGISTER, .boot_register = {1, 9}};
    out[n++] = (struct command){.type = CMD_CLUSTER_INIT, .cluster_init = {id_of(4)}};
    out[n++] = (struct command){.type = CMD_FSM_VERSION, .fsm_version = {1}};
    out[n++] = (struct command){.type = CMD_FSM_VERSION, .fsm_version = {0}};
    out[n++] = command_key();
    out[n++] = command_key();
    out[n - 1].key_add.replaces = "k-0";
    out[n - 1].key_add.delay_ms = 1;
    out[n - 1].key_add.keep_ms = UINT32_MAX;
    out[n++] = (struct command){
        .type = CMD_KEY_REVOKE,
        .key_revoke = {.revoked = "k-0", .replacement = command_key().key_add}};
    out[n++] = command_account(1);
    out[n++] = full_account();
    out[n++] = command_client("rp-2");
    out[n - 1].client_put.client.name = "補助金";
    out[n - 1].client_put.client.stage = CLIENT_RETIRED;
    out[n - 1].client_put.client.post_logout_uris[0] = "https://rp.example/out";
    out[n - 1].client_put.client.post_logout_uris_count = 1;
    out[n++] = registered();
    out[n++] = command_usage(1);
    out[n++] = command_stage("rp", CLIENT_SUSPENDED);
    out[n - 1].client_change.revision = 9;
    out[n++] = command_stage("rp", (enum client_stage)0);
    out[n - 1].client_change.has_secret = true;
    out[n - 1].client_change.overlap_ms = 7;
    out[n++] = command_login(1, 2);
    out[n++] = command_login(1, 2);
    out[n - 1].login.known = false;
    out[n - 1].login.password_ok = false;
    out[n - 1].login.sub = (struct id128){{0}};
    out[n - 1].login.has_replaced = true;
    out[n - 1].login.replaced = key_of(3);
    out[n++] = command_end(1);
    out[n++] = command_issue(1, 2);
    out[n++] = command_issue(1, 2);
    out[n - 1].grant_issue.challenge_method = CHALLENGE_NONE;
    memset(out[n - 1].grant_issue.challenge, 0, 32);
    out[n - 1].grant_issue.consent_scopes = 3;
    out[n - 1].grant_issue.auth_after_ms = UINT64_MAX;
    out[n++] = command_redeem(1, 2);
    out[n++] = command_redeem(1, 2);
    out[n - 1].grant_redeem.has_verifier = false;
    memset(out[n - 1].grant_redeem.verifier_hash, 0, 32);
    out[n - 1].grant_redeem.has_redirect_uri = false;
    out[n - 1].grant_redeem.redirect_uri = span_of(NULL, 0);
    out[n++] = command_refresh(1, 2);
    out[n++] = (struct command){.type = CMD_TICK};
    out[n++] = command_seed(1);
    out[n++] = command_seed(3);
    out[n++] = command_seed(LIMIT_NODES);
    out[n++] = command_member_add(4);
    out[n++] = command_member_role(4, MEMBER_VOTER);
    out[n++] = command_member_role(4, MEMBER_GONE);
    out[n++] = command_member_settle(4, 7);
    out[n++] = command_member_settle(4, 0);
    out[n++] = command_regions(NULL, NULL);
    out[n++] = command_regions("osaka", "tokyo");
    n += later_commands(out + n);
    n += device_commands(out + n);
    n += proof_commands(out + n);
    assert_true(n <= EVERY_MAX);
    return n;
}

static void every_type_round_trips(void **state) {
    struct fixture *fx = *state;
    struct command all[EVERY_MAX];
    size_t n = every_command(all);

    for (size_t i = 0; i < n; i++) {
        struct command got;
        struct buf again;
        buf_reset(&fx->out);
        assert_ok(command_encode(&all[i], &fx->out));
        assert_ok(command_decode(all[i].type, buf_span(&fx->out), &fx->arena, &got));
        assert_int_equal(got.type, all[i].type);
        buf_init(&again, LIMIT_COMMAND);
        assert_ok(command_encode(&got, &again));
        assert_true(span_equal(buf_span(&fx->out), buf_span(&again)));
        buf_free(&again);
        for (size_t j = 0; j < i; j++) { /* and they are told apart */
            struct buf other;
            buf_init(&other, LIMIT_COMMAND);
            assert_ok(command_encode(&all[j], &other));
            assert_false(all[i].type == all[j].type &&
                         span_equal(buf_span(&fx->out), buf_span(&other)));
            buf_free(&other);
        }
    }
}

/* Commands that people send say who sent them, and from where. */
static void actors_come_back(void **state) {
    struct fixture *fx = *state;
    struct command all[EVERY_MAX];
    size_t n = every_command(all), takers = 0;

    for (size_t i = 0; i < n; i++) {
        for (int kind = AUDIT_ACCOUNT; kind <= AUDIT_ACTOR_LAST; kind++) {
            struct command got;
            command_by(&all[i], (enum audit_actor)kind);
            buf_reset(&fx->out);
            if (!command_takes_actor(all[i].type)) {
                assert_err(command_encode(&all[i], &fx->out), ERR_INVALID);
                continue;
            }
            takers++;
            assert_ok(command_encode(&all[i], &fx->out));
            assert_ok(command_decode(all[i].type, buf_span(&fx->out), &fx->arena, &got));
            assert_int_equal(got.actor.kind, kind);
            assert_true(span_equal(got.actor.id, all[i].actor.id));
            assert_true(got.actor.has_source);
            assert_memory_equal(got.actor.source, all[i].actor.source, AUDIT_ID_LEN);
            assert_true(span_equal(got.actor.sealed, all[i].actor.sealed));
            assert_true(span_equal(got.actor.at, all[i].actor.at));
        }
    }
    assert_true(takers > 50);
}

static void actors_are_bounded(void **state) {
    struct fixture *fx = *state;
    static uint8_t longer[LIMIT_SEALED_ORIGIN + 1];
    struct command c = command_end(1);

    command_by(&c, AUDIT_ACCOUNT);
    c.actor.id.len--;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    command_by(&c, AUDIT_OPERATOR);
    c.actor.id = span_of(longer, LIMIT_AUDIT_ACTOR + 1);
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c.actor.id = span_str("\xff");
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    command_by(&c, AUDIT_SOMEBODY);
    c.actor.sealed = span_of(longer, sizeof longer);
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    command_by(&c, AUDIT_SOMEBODY);
    c.actor.at = span_of(longer, LIMIT_CLIENT_ID + 1);
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c.actor.at = span_str("\xff");
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    command_by(&c, AUDIT_SYSTEM); /* has no address */
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c.actor.has_source = false; /* and was sent by nobody */
    memset(c.actor.source, 0, sizeof c.actor.source);
    c.actor.sealed = span_str("");
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_note(AUDIT_SIGNIN, 1); /* nobody may make one up */
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
}

static void opened_comes_back(struct fixture *fx) {
    struct command command = command_opened(1, 2, 3, 4), got;
    const struct grant_opened *o = &command.grant_redeem.opened;
    const struct grant_opened *r = &got.grant_redeem.opened;

    command.grant_redeem.opened.epoch = 5;
    command.grant_redeem.opened.generation = 6;
    command.grant_redeem.opened.auth_after_ms = 7;
    command.grant_redeem.opened.id_token_claims = 8;
    command.grant_redeem.opened.userinfo_claims = 9;
    command.grant_redeem.opened.has_dpop_key = true;
    command.grant_redeem.opened.dpop_key[3] = 10;
    buf_reset(&fx->out);
    assert_ok(command_encode(&command, &fx->out));
    assert_ok(command_decode(CMD_GRANT_REDEEM, buf_span(&fx->out), &fx->arena, &got));
    assert_true(got.grant_redeem.opens);
    assert_memory_equal(r->session.b, o->session.b, 16);
    assert_int_equal(r->epoch, 5);
    assert_int_equal(r->generation, 6);
    assert_int_equal(r->auth_after_ms, 7);
    assert_int_equal(r->id_token_claims, 8);
    assert_int_equal(r->userinfo_claims, 9);
    assert_int_equal(r->code_expires_ms, o->code_expires_ms);
    assert_int_equal(r->code_ttl_ms, MINUTE_MS);
    assert_int_equal(r->idle_ms, HOUR_MS);
    assert_int_equal(r->scopes, o->scopes);
    assert_int_equal(r->consented, SCOPE_A);
    assert_true(span_is(r->redirect_uri, "https://rp.example/cb"));
    assert_true(span_is(r->nonce, "nonce"));
    assert_int_equal(r->challenge_method, CHALLENGE_S256);
    assert_memory_equal(r->challenge, o->challenge, 32);
    assert_true(r->has_dpop_key);
    assert_memory_equal(r->dpop_key, o->dpop_key, 32);
}

static void fields_come_back(void **state) {
    struct fixture *fx = *state;
    struct command command = command_redeem(1, 2), got;
    const struct cmd_grant_redeem *r = &got.grant_redeem;

    assert_ok(command_encode(&command, &fx->out));
    assert_ok(command_decode(CMD_GRANT_REDEEM, buf_span(&fx->out), &fx->arena, &got));
    assert_memory_equal(r->code.b, command.grant_redeem.code.b, 16);
    assert_true(span_is(r->client_id, "rp"));
    assert_true(r->has_redirect_uri && r->has_verifier);
    assert_true(span_is(r->redirect_uri, "https://rp.example/cb"));
    assert_memory_equal(r->verifier_hash, command.grant_redeem.verifier_hash, 32);
    assert_memory_equal(r->access.b, command.grant_redeem.access.b, 16);
    assert_int_equal(r->access_ttl_ms, HOUR_MS);
    assert_int_equal(r->refresh_scope_mask, SCOPE_OFFLINE);
    assert_memory_equal(r->refresh.b, command.grant_redeem.refresh.b, 16);
    assert_int_equal(r->refresh_ttl_ms, 24 * HOUR_MS);
    assert_false(r->opens);

    opened_comes_back(fx);
    buf_reset(&fx->out);
    command = command_login(3, 4);
    command.login.has_replaced = true;
    command.login.replaced = key_of(8);
    assert_ok(command_encode(&command, &fx->out));
    assert_ok(command_decode(CMD_LOGIN, buf_span(&fx->out), &fx->arena, &got));
    assert_memory_equal(got.login.login_index.b, command.login.login_index.b, 16);
    assert_memory_equal(got.login.sub.b, command.login.sub.b, 16);
    assert_memory_equal(got.login.session.b, command.login.session.b, 16);
    assert_memory_equal(got.login.sid.b, command.login.sid.b, 16);
    assert_memory_equal(got.login.replaced.b, command.login.replaced.b, 16);
    assert_true(got.login.known && got.login.password_ok && got.login.has_replaced);
    assert_int_equal(got.login.generation, 1);
    assert_int_equal(got.login.idle_ms, HOUR_MS);
    assert_int_equal(got.login.lifetime_ms, 8 * HOUR_MS);
}

static void refuse(struct fixture *fx, const struct command *command) {
    buf_reset(&fx->out);
    assert_err(command_encode(command, &fx->out), ERR_INVALID);
}

static void encoding_keeps_the_bounds(void **state) {
    struct fixture *fx = *state;
    static char longer[LIMIT_COMMAND + 1];
    struct command c;

    memset(longer, 'x', sizeof longer);
    c = command_client("rp/../");
    refuse(fx, &c);
    c = command_client("");
    refuse(fx, &c);
    c = command_client("rp");
    c.client_put.client.name = "\xff";
    refuse(fx, &c);
    c = command_client("rp");
    c.client_put.client.redirect_uris_count = CLIENT_REDIRECTS_MAX + 1;
    refuse(fx, &c);
    c = command_client("rp");
    c.client_put.client.profile = (enum client_profile)4;
    refuse(fx, &c);
    c = command_account(1);
    c.account_put.account.sealed_profile = span_of(longer, LIMIT_SEALED_PROFILE + 1);
    refuse(fx, &c);
    c = command_account(1);
    c.account_put.account.state = (enum account_state)0;
    refuse(fx, &c);
    c = command_issue(1, 2);
    c.grant_issue.nonce = span_of(longer, LIMIT_NONCE + 1);
    refuse(fx, &c);
    c = command_issue(1, 2);
    c.grant_issue.redirect_uri = span_of(longer, LIMIT_REDIRECT_URI + 1);
    refuse(fx, &c);
    c = command_issue(1, 2);
    c.grant_issue.client_id = span_of(longer, LIMIT_CLIENT_ID + 1);
    refuse(fx, &c);
    c = command_login(1, 2);
    c.login.known = false; /* a right password of nobody */
    refuse(fx, &c);
    c = (struct command){.type = CMD_CLUSTER_INIT};
    refuse(fx, &c);
    c = (struct command){.type = CMD_FSM_VERSION, .fsm_version = {FSM_VERSION_MAX + 1}};
    refuse(fx, &c);
    c = (struct command){.type = (enum command_type)99};
    refuse(fx, &c);
}

static void decode_refuses(struct fixture *fx, enum command_type type,
                           const void *bytes, size_t len) {
    struct command got = {.type = CMD_TICK};
    assert_err(command_decode(type, span_of(bytes, len), &fx->arena, &got),
               ERR_INVALID);
    assert_int_equal(got.type, CMD_TICK); /* untouched */
}

static void members_keep_their_bounds(void **state) {
    static const char *const addresses[] = {
        "",           "127.0.0.1",      "127.0.0.1:",       "127.0.0.1:0",
        "1.2.3:1",    "127.0.0.1:0100", "127.0.0.1:65536",  "127.0.0.1:+1",
        ":7101",      "127.0.0.01:1",   "256.0.0.1:1",      "node-4.example.jp:7101",
        "[::1]:7101", "127.0.0.1:1 ",   "127.0.0.1:999999", " 127.0.0.1:1",
    };
    static const char *const regions[] = {"",       "Tokyo",  "to kyo",
                                          "to_kyo", "tokyo/", "東京"};
    struct fixture *fx = *state;
    struct command c;

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        c = command_member_add(4);
        (void)snprintf(c.member_add.member.address, 64, "%s", addresses[i]);
        refuse(fx, &c);
    }
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        c = command_member_add(4);
        (void)snprintf(c.member_add.member.region, 32, "%s", regions[i]);
        refuse(fx, &c);
        c = command_regions("osaka", "tokyo");
        (void)snprintf(c.leader_regions.regions.region[1], 32, "%s", regions[i]);
        refuse(fx, &c);
    }
    c = command_member_add(4);
    memset(c.member_add.member.region, 'a', 32); /* not terminated */
    refuse(fx, &c);
    c.member_add.member.region[31] = '\0';
    assert_ok(command_encode(&c, &fx->out));
    c = command_member_add(0);
    refuse(fx, &c);
    c = command_member_add(STORE_MEMBER_ID_MAX + 1);
    refuse(fx, &c);
    c = command_member_role(4, MEMBER_STANDBY); /* no demotion */
    refuse(fx, &c);
    c = command_member_role(0, MEMBER_GONE);
    refuse(fx, &c);
    c = command_member_settle(0, 1);
    refuse(fx, &c);
    c = command_backup(0, 2);
    refuse(fx, &c);
    c = command_backup(1, 0);
    refuse(fx, &c);
    c = command_seed(0);
    refuse(fx, &c);
    c = command_seed(3);
    c.member_seed.members[2].id = c.member_seed.members[1].id;
    refuse(fx, &c);
    c = command_seed(3);
    c.member_seed.count = LIMIT_NODES + 1;
    refuse(fx, &c);
    c = command_regions("osaka", "osaka");
    refuse(fx, &c);
    c.leader_regions.regions.count = STORE_REGIONS_MAX + 1;
    refuse(fx, &c);
}

/* More members, or longer texts, than there is room for. */
static void members_beyond_their_arrays_are_refused(void **state) {
    struct fixture *fx = *state;
    struct command c = command_seed(LIMIT_NODES);
    uint8_t more[5] = {0x0a, 0x02, 0x08, 0x7f, 0};
    char text[2 + 64] = {0x0a, 64};

    assert_ok(command_encode(&c, &fx->out));
    buf_put(&fx->out, more, 4);
    decode_refuses(fx, CMD_MEMBER_SEED, fx->out.data, fx->out.len);
    decode_refuses(fx, CMD_MEMBER_ADD, "", 0); /* no member */
    memset(text + 2, 'a', 64);
    decode_refuses(fx, CMD_LEADER_REGIONS, text, sizeof text);
    text[1] = 32;
    decode_refuses(fx, CMD_LEADER_REGIONS, text, 2 + 32);
}

static void a_command_over_its_limit_is_too_big(void **state) {
    struct fixture *fx = *state;
    static char uri[LIMIT_REDIRECT_URI + 1];
    struct command c = command_client("rp");

    memset(uri, 'x', sizeof uri - 1);
    for (size_t i = 0; i < CLIENT_REDIRECTS_MAX; i++) {
        c.client_put.client.redirect_uris[i] = uri;
        c.client_put.client.post_logout_uris[i] = uri;
    }
    c.client_put.client.redirect_uris_count = CLIENT_REDIRECTS_MAX;
    assert_ok(command_encode(&c, &fx->out));
    c.client_put.client.post_logout_uris_count = CLIENT_REDIRECTS_MAX;
    buf_reset(&fx->out);
    assert_err(command_encode(&c, &fx->out), ERR_TOO_BIG);
}

static void outbox_commands_keep_the_bounds(void **state) {
    struct fixture *fx = *state;
    struct command c = command_claim(id_of(1));

    c.outbox_claim.count = LIMIT_OUTBOX_BATCH + 1;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c.outbox_claim.count = 0;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_claim(id_of(1));
    c.outbox_claim.node = 0;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_settle(id_of(1), 1, (enum outbox_reason)(OUTBOX_REASON_LAST + 1));
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_settle(id_of(1), 1, OUTBOX_TLS);
    c.outbox_settle.count = LIMIT_OUTBOX_BATCH + 1;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c.outbox_settle.count = 0;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_client("rp");
    c.client_put.client.features = CLIENT_FEATURES_ALL + 1;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
}

static void messages_keep_the_bounds(void **state) {
    static const uint8_t big[LIMIT_SEALED_MESSAGE + 1] = {0};
    struct fixture *fx = *state;
    struct command c = command_message(1, OUTBOX_BACKCHANNEL_LOGOUT, 1);
    struct message_out *m = &c.message_send.message;

    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_message(1, OUTBOX_SMS, 1);
    m->present = false;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_message(1, OUTBOX_SMS, 1);
    m->sealed = span_of(big, sizeof big);
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    m->sealed = span_str("");
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_message(1, OUTBOX_SMS, 1);
    m->client_id = span_of(big, LIMIT_CLIENT_ID + 1);
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_message(1, OUTBOX_SMS, 1);
    m->caps.at[0].window_ms = 0;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    c = command_message(1, OUTBOX_SMS, 1);
    m->caps.at[1] = m->caps.at[0]; /* one counter, counted twice */
    m->caps.count = 2;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
    m->caps.count = LIMIT_MESSAGE_CAPS + 1;
    assert_err(command_encode(&c, &fx->out), ERR_INVALID);
}

static void proofs_and_bindings_keep_the_bounds(void **state) {
    struct fixture *fx = *state;
    struct command c = command_proofs(1, 1);

    c.proof_use.proofs.count = 0;
    refuse(fx, &c);
    c.proof_use.proofs.count = COMMAND_PROOFS_MAX + 1;
    refuse(fx, &c);
    c = command_proofs(1, 1);
    c.proof_use.proofs.at[0].ttl_ms = 0;
    refuse(fx, &c);
    c = command_push(1);
    c.request_push.keep_ms = c.request_push.ttl_ms - 1;
    refuse(fx, &c);
    c = command_push(1);
    c.request_push.form.len = LIMIT_PUSHED_REQUEST + 1;
    refuse(fx, &c);
    c = command_redeem(1, 2);
    c.grant_redeem.binding.thumbprint[31] = 1; /* of nothing */
    refuse(fx, &c);
    c = command_redeem(1, 2);
    c.grant_redeem.binding.kind = (enum binding_kind)(BINDING_TLS + 1);
    refuse(fx, &c);
    c = command_redeem(1, 2);
    c.grant_redeem.binding.kind = BINDING_TLS;
    c.grant_redeem.bind_refresh = true;
    refuse(fx, &c);
    c = command_opened(1, 2, 3, 4);
    c.grant_redeem.opened.code_ttl_ms = 0;
    refuse(fx, &c);
    c = command_opened(1, 2, 3, 4);
    c.grant_redeem.opened.idle_ms = 0;
    refuse(fx, &c);
    c = command_opened(1, 2, 3, 4);
    c.grant_redeem.opened.challenge_method = (enum challenge_method)2;
    refuse(fx, &c);
    c = command_opened(1, 2, 3, 4);
    c.grant_redeem.opened.nonce.len = LIMIT_NONCE + 1;
    refuse(fx, &c);
    c = command_opened(1, 2, 3, 4);
    c.grant_redeem.opened.redirect_uri.len = LIMIT_REDIRECT_URI + 1;
    refuse(fx, &c);
    c = command_client("rp");
    c.client_put.client.stage = (enum client_stage)(CLIENT_RETIRED + 1);
    refuse(fx, &c);
}

static void staff_commands_keep_the_bounds(void **state) {
    struct fixture *fx = *state;
    static char longer[LIMIT_PASSWORD_HASH + 1];
    struct command c;

    memset(longer, 'x', sizeof longer);
    c = command_staff(1, 0);
    c.staff_put.staff.name = span_of(longer, LIMIT_STAFF_NAME + 1);
    refuse(fx, &c);
    c.staff_put.staff.name = span_str("\xff");
    refuse(fx, &c);
    c.staff_put.staff.name = span_of(NULL, 0);
    refuse(fx, &c);
    c = command_staff(1, 0);
    c.staff_put.staff.roles = STAFF_ROLES_ALL + 1;
    refuse(fx, &c);
    c = command_staff(1, UINT64_MAX); /* could not be raised */
    refuse(fx, &c);
    c = command_staff(1, 0);
    c.staff_put.staff.state = (enum staff_state)0;
    refuse(fx, &c);
    c = command_staff(1, 0);
    c.staff_put.staff.password_hash = span_of(longer, LIMIT_PASSWORD_HASH + 1);
    refuse(fx, &c);
    c = command_staff(1, 0); /* nobody is without a second factor */
    c.staff_put.staff.sealed_seed = span_of(NULL, 0);
    refuse(fx, &c);
    c.staff_put.staff.sealed_seed = span_of(longer, LIMIT_SEALED_SEED + 1);
    refuse(fx, &c);
    c = command_staff_login(1, 2, 3);
    c.staff_login.known = false;
    refuse(fx, &c);
    c = command_staff_login(1, 2, 3);
    c.staff_login.has_step = false;
    refuse(fx, &c);
    c = command_staff_login(1, 2, (uint64_t)UINT32_MAX + 1);
    refuse(fx, &c);
    c = command_staff_touch(1);
    c.staff_touch.idle_ms = 0;
    refuse(fx, &c);
    c = command_staff_login(1, 2, 3);
    c.staff_login.idle_ms = 0;
    refuse(fx, &c);
}

static void only_the_canonical_form_is_decoded(void **state) {
    struct fixture *fx = *state;
    struct command got;

    /* BootRegister {node = 1, boot = 2}, then ways to say the same otherwise. */
    assert_ok(command_decode(CMD_BOOT_REGISTER, span_of("\x08\x01\x10\x02", 4),
                             &fx->arena, &got));
    decode_refuses(fx, CMD_BOOT_REGISTER, "\x10\x02\x08\x01", 4);         /* order */
    decode_refuses(fx, CMD_BOOT_REGISTER, "\x08\x81\x00\x10\x02", 5);     /* varint */
    decode_refuses(fx, CMD_BOOT_REGISTER, "\x08\x01\x10\x02\x18\x00", 6); /* unknown */
    decode_refuses(fx, CMD_BOOT_REGISTER, "\x08\x03\x08\x01\x10\x02", 6); /* twice */
    decode_refuses(fx, CMD_FSM_VERSION, "\x08\x00", 2);                   /* default */
    decode_refuses(fx, CMD_TICK, "\x08\x01", 2);
    assert_err(command_decode((enum command_type)0, span_of("", 0), &fx->arena, &got),
               ERR_VERSION);
    assert_err(command_decode((enum command_type)(CMD_LAST + 1), span_of("", 0),
                              &fx->arena, &got),
               ERR_VERSION);
}

static void texts_with_nul_are_refused(void **state) {
    struct fixture *fx = *state;
    struct command command = command_client("abcd");
    uint8_t *at;

    assert_ok(command_encode(&command, &fx->out));
    at = memmem(fx->out.data, fx->out.len, "abcd", 4);
    assert_non_null(at);
    at[2] = '\0';
    decode_refuses(fx, CMD_CLIENT_PUT, fx->out.data, fx->out.len);
}

/* Whatever is decoded from damage is canonical again. */
static void probe(struct fixture *fx, enum command_type type, struct span in) {
    uint8_t *exact = malloc(in.len > 0 ? in.len : 1);
    struct command got;
    struct buf again;

    assert_non_null(exact);
    memcpy(exact, in.data, in.len);
    arena_reset(&fx->arena);
    if (command_decode(type, span_of(exact, in.len), &fx->arena, &got) == OK) {
        buf_init(&again, LIMIT_COMMAND);
        if (type != CMD_FSM_VERSION) {
            assert_ok(command_encode(&got, &again));
            assert_true(span_equal(buf_span(&again), in));
        }
        buf_free(&again);
    }
    free(exact);
}

static void damage_never_crashes(void **state) {
    struct fixture *fx = *state;
    struct command all[EVERY_MAX];
    size_t n = every_command(all);

    for (size_t i = 0; i < n; i++) {
        buf_reset(&fx->out);
        assert_ok(command_encode(&all[i], &fx->out));
        for (size_t len = 0; len < fx->out.len; len++) {
            probe(fx, all[i].type, span_of(fx->out.data, len));
        }
        for (size_t bit = 0; bit < fx->out.len * 8; bit++) {
            fx->out.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            probe(fx, all[i].type, buf_span(&fx->out));
            fx->out.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        for (int other = 0; other <= CMD_LAST + 1; other++) {
            probe(fx, (enum command_type)other, buf_span(&fx->out));
        }
    }
}

static void a_payload_of_short_fields_stays_within_the_arena(void **state) {
    struct fixture *fx = *state;
    static uint8_t many[LIMIT_COMMAND];
    struct command got;

    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 0x7a; /* redirect_uris, empty */
        many[i + 1] = 0;
    }
    assert_err(
        command_decode(CMD_CLIENT_PUT, span_of(many, sizeof many), &fx->arena, &got),
        ERR_INVALID);
    arena_reset(&fx->arena);
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 0x78; /* unknown field 15 */
        many[i + 1] = 1;
    }
    assert_err(command_decode(CMD_LOGIN, span_of(many, sizeof many), &fx->arena, &got),
               ERR_INVALID);
}

static void a_wait_round_trips(void **state) {
    struct fixture *fx = *state;
    struct outcome_wait wait = {4}, got;
    struct outcome_login login;

    assert_ok(outcome_wait_encode(&wait, &fx->out));
    assert_ok(outcome_wait_decode(buf_span(&fx->out), &got));
    assert_int_equal(got.until_ms, 4);
    for (size_t len = 0; len < fx->out.len; len++) {
        assert_err(outcome_wait_decode(span_of(fx->out.data, len), &got), ERR_INVALID);
    }
    assert_err(outcome_login_decode(buf_span(&fx->out), &login), ERR_INVALID);
}

static void outcomes_round_trip(void **state) {
    struct fixture *fx = *state;
    struct outcome outcome = {
        .code = OUT_FULL, .index = 7, .clock_ms = 8, .detail = span_str("detail")};
    struct outcome got;
    struct outcome_login login = {1, 2}, login_got;
    struct outcome_boot boot = {3}, boot_got;
    struct outcome_tokens tokens = {.sub = id_of(1),
                                    .sid = id_of(2),
                                    .grant = key_of(3),
                                    .scopes = 4,
                                    .auth_time_ms = 5,
                                    .access_expires_ms = 6,
                                    .id_token_claims = 7,
                                    .binding = {BINDING_DPOP, {8}},
                                    .has_refresh = true,
                                    .nonce = span_str("nonce")};
    struct outcome_tokens tokens_got;

    assert_ok(outcome_encode(&outcome, &fx->out));
    assert_ok(outcome_decode(buf_span(&fx->out), &got));
    assert_int_equal(got.code, OUT_FULL);
    assert_int_equal(got.index, 7);
    assert_int_equal(got.clock_ms, 8);
    assert_true(span_is(got.detail, "detail"));
    for (size_t len = 0; len < fx->out.len; len++) {
        assert_err(outcome_decode(span_of(fx->out.data, len), &got), ERR_INVALID);
    }
    fx->out.data[0] = OUT_LAST + 1;
    assert_err(outcome_decode(buf_span(&fx->out), &got), ERR_INVALID);

    buf_reset(&fx->out);
    assert_ok(outcome_login_encode(&login, &fx->out));
    assert_ok(outcome_login_decode(buf_span(&fx->out), &login_got));
    assert_memory_equal(&login_got, &login, sizeof login);
    buf_put(&fx->out, "x", 1);
    assert_err(outcome_login_decode(buf_span(&fx->out), &login_got), ERR_INVALID);

    buf_reset(&fx->out);
    assert_ok(outcome_boot_encode(&boot, &fx->out));
    assert_ok(outcome_boot_decode(buf_span(&fx->out), &boot_got));
    assert_int_equal(boot_got.registered, 3);
    assert_err(outcome_login_decode(buf_span(&fx->out), &login_got), ERR_INVALID);

    buf_reset(&fx->out);
    assert_ok(outcome_tokens_encode(&tokens, &fx->out));
    assert_ok(outcome_tokens_decode(buf_span(&fx->out), &tokens_got));
    assert_memory_equal(tokens_got.sub.b, tokens.sub.b, 16);
    assert_memory_equal(tokens_got.sid.b, tokens.sid.b, 16);
    assert_memory_equal(tokens_got.grant.b, tokens.grant.b, 16);
    assert_int_equal(tokens_got.scopes, 4);
    assert_int_equal(tokens_got.auth_time_ms, 5);
    assert_int_equal(tokens_got.access_expires_ms, 6);
    assert_true(tokens_got.has_refresh);
    assert_true(span_is(tokens_got.nonce, "nonce"));
    for (size_t len = 0; len < fx->out.len; len++) {
        assert_err(outcome_tokens_decode(span_of(fx->out.data, len), &tokens_got),
                   ERR_INVALID);
    }
}

static void outcome_names_are_distinct(void **state) {
    (void)state;
    for (int a = OUT_OK; a <= OUT_REAUTH; a++) {
        for (int b = OUT_OK; b < a; b++) {
            assert_string_not_equal(outcome_str((enum outcome_code)a),
                                    outcome_str((enum outcome_code)b));
        }
    }
    assert_string_equal(outcome_str((enum outcome_code)999), "unknown");
}

static void build_frame(struct fixture *fx, uint16_t count, size_t payload_len) {
    static const uint8_t payload[LIMIT_COMMAND + 1];
    struct buf envelopes;

    buf_init(&envelopes, LIMIT_FRAME);
    for (uint16_t i = 0; i < count; i++) {
        struct envelope envelope = {.node = 1,
                                    .boot = 2,
                                    .seq = i,
                                    .low = 4,
                                    .type = CMD_LOGIN,
                                    .payload = span_of(payload, payload_len)};
        envelope_encode(&envelope, &envelopes);
    }
    assert_ok(buf_err(&envelopes));
    buf_reset(&fx->out);
    assert_ok(frame_encode(5, 6, count, buf_span(&envelopes), &fx->out));
    buf_free(&envelopes);
}

static void frames_round_trip_in_multiples_of_8(void **state) {
    struct fixture *fx = *state;

    for (size_t len = 0; len < 20; len++) {
        struct frame_header header;
        struct reader envelopes;
        struct envelope envelope;
        build_frame(fx, 3, len);
        assert_int_equal(fx->out.len % 8, 0); /* RAFT: shorter ones are lost */
        assert_ok(frame_decode(buf_span(&fx->out), &header, &envelopes));
        assert_int_equal(header.term, 5);
        assert_int_equal(header.now_ms, 6);
        assert_int_equal(header.count, 3);
        for (uint64_t i = 0; i < 3; i++) {
            assert_ok(envelope_decode(&envelopes, &envelope));
            assert_int_equal(envelope.node, 1);
            assert_int_equal(envelope.boot, 2);
            assert_int_equal(envelope.seq, i);
            assert_int_equal(envelope.low, 4);
            assert_int_equal(envelope.type, CMD_LOGIN);
            assert_int_equal(envelope.payload.len, len);
        }
        assert_int_equal(reader_left(&envelopes), 0);
    }
}

static void every_flipped_bit_of_a_frame_is_noticed(void **state) {
    struct fixture *fx = *state;
    struct frame_header header;
    struct reader envelopes;

    build_frame(fx, 2, 5);
    for (size_t bit = 0; bit < fx->out.len * 8; bit++) {
        enum err err;
        fx->out.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        err = frame_decode(buf_span(&fx->out), &header, &envelopes);
        assert_true(err == ERR_INVALID || err == ERR_VERSION);
        fx->out.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t len = 0; len < fx->out.len; len++) {
        assert_err(frame_decode(span_of(fx->out.data, len), &header, &envelopes),
                   ERR_INVALID);
    }
    assert_ok(frame_decode(buf_span(&fx->out), &header, &envelopes));
}

static void frames_keep_their_bounds(void **state) {
    struct fixture *fx = *state;
    static uint8_t big[LIMIT_FRAME];
    static const uint8_t payload[LIMIT_COMMAND + 1];
    struct envelope envelope = {.type = CMD_LOGIN,
                                .payload = span_of(payload, sizeof payload)};
    struct frame_header header;
    struct reader envelopes;

    assert_err(frame_encode(1, 1, 0, span_of(big, 0), &fx->out), ERR_INVALID);
    assert_err(
        frame_encode(1, 1, LIMIT_FRAME_COMMANDS + 1, span_of(big, 100), &fx->out),
        ERR_INVALID);
    assert_err(frame_encode(1, 1, 1, span_of(big, sizeof big), &fx->out), ERR_TOO_BIG);
    buf_reset(&fx->out);
    envelope_encode(&envelope, &fx->out);
    assert_err(buf_err(&fx->out), ERR_TOO_BIG);
    /* A count that does not fit what follows, under a good checksum. */
    buf_reset(&fx->out);
    assert_ok(frame_encode(1, 1, 1, span_of(big, 81), &fx->out));
    assert_err(frame_decode(buf_span(&fx->out), &header, &envelopes), ERR_INVALID);
    assert_err(frame_decode(span_of(big, sizeof big), &header, &envelopes),
               ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_type_round_trips),
        TEST(fields_come_back),
        TEST(actors_come_back),
        TEST(actors_are_bounded),
        TEST(encoding_keeps_the_bounds),
        TEST(members_keep_their_bounds),
        TEST(members_beyond_their_arrays_are_refused),
        TEST(a_command_over_its_limit_is_too_big),
        TEST(outbox_commands_keep_the_bounds),
        TEST(messages_keep_the_bounds),
        TEST(proofs_and_bindings_keep_the_bounds),
        TEST(staff_commands_keep_the_bounds),
        TEST(only_the_canonical_form_is_decoded),
        TEST(texts_with_nul_are_refused),
        TEST(damage_never_crashes),
        TEST(a_payload_of_short_fields_stays_within_the_arena),
        TEST(a_wait_round_trips),
        TEST(outcomes_round_trip),
        TEST(outcome_names_are_distinct),
        TEST(frames_round_trip_in_multiples_of_8),
        TEST(every_flipped_bit_of_a_frame_is_noticed),
        TEST(frames_keep_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
