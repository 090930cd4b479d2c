/* Random commands against the state machine: determinism, replay, and what must
 * hold of every state. A failure prints the seed; TASUKI_SEED=n runs one again. */
#include "tests/unit/store/unit.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/raft/fsm_fixture.h"
#include "tests/unit/raft/intake_fixture.h"

#define ACCOUNTS 4
#define SESSIONS 12
#define CODES 40
#define TOKENS 80
#define MEMBERS 12
#define FRAMES 500
#define FRAME_COMMANDS 8

struct random {
    uint64_t state;
};

/* splitmix64 */
static uint64_t draw(struct random *r, uint64_t below) {
    uint64_t z = (r->state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % below;
}

static struct command draw_account(struct random *r) {
    struct command c = command_account(1 + draw(r, ACCOUNTS));
    c.account_put.replace = draw(r, 4) != 0;
    c.account_put.account.generation = 1 + draw(r, 20) / 19;
    c.account_put.account.state = draw(r, 10) == 0 ? ACCOUNT_SUSPENDED : ACCOUNT_ACTIVE;
    if (draw(r, 10) == 0) {
        c.account_put.account.login_index = key_of(5001 + draw(r, ACCOUNTS));
    }
    return c;
}

static struct command draw_login(struct random *r) {
    struct command c = command_login(1 + draw(r, ACCOUNTS), 1 + draw(r, SESSIONS));
    c.login.password_ok = draw(r, 4) != 0;
    c.login.generation = 1 + draw(r, 8) / 7;
    c.login.has_replaced = draw(r, 3) == 0;
    if (c.login.has_replaced) {
        c.login.replaced = key_of(1 + draw(r, SESSIONS));
    }
    return c;
}

/* What the state asks for often enough, and what it refuses. */
static struct command draw_member(struct fsm_fixture *fx, struct random *r) {
    struct member members[LIMIT_NODES];
    struct store_read *read;
    size_t count;
    uint64_t id = 1 + draw(r, MEMBERS);

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_member_list(read, members, &count));
    store_read_end(read);
    store_read_free(read);
    for (size_t i = 0; i < count; i++) {
        if (!members[i].settled && draw(r, 2) == 0) {
            return command_member_settle(members[i].id,
                                         members[i].changed_index - draw(r, 8) / 7);
        }
    }
    if (draw(r, 6) == 0) {
        return command_backup(1 + draw(r, 500), 1 + draw(r, 3));
    }
    switch (count == 0 ? 0 : draw(r, 5)) {
    case 0:
        return command_seed(3);
    case 1:
        return command_regions("tokyo", draw(r, 2) == 0 ? "osaka" : NULL);
    case 2:
        return command_member_add(id);
    case 3:
        return command_member_role(id, MEMBER_VOTER);
    default:
        return command_member_role(id, MEMBER_GONE);
    }
}

/* One that there is, if there is one from a drawn number on. */
static uint64_t some_staff_session(struct fsm_fixture *fx, struct random *r) {
    uint64_t first = 1 + draw(r, SESSIONS);
    struct staff_session session;

    for (uint64_t n = first; n <= SESSIONS; n++) {
        if (fsm_fixture_staff_session(fx, n, &session)) {
            return n;
        }
    }
    return first;
}

static struct command draw_staff(struct fsm_fixture *fx, struct random *r) {
    uint64_t n = 1 + draw(r, 3);
    struct staff staff = {.generation = 0};
    struct command c;

    fsm_fixture_staff(fx, n, &staff);
    switch (draw(r, 4)) {
    case 0:
        c = command_staff(n, staff.generation);
        c.staff_put.staff.state = draw(r, 3) == 0 ? STAFF_DISABLED : STAFF_ACTIVE;
        return c;
    case 1:
        c = command_staff_login(n, 1 + draw(r, SESSIONS),
                                fx->now_ms / 30000 + 2 - draw(r, 4));
        c.staff_login.generation = staff.generation;
        return c;
    case 2:
        return command_staff_touch(some_staff_session(fx, r));
    default:
        return command_staff_end(1 + draw(r, SESSIONS));
    }
}

static struct command draw_outbox(struct fsm_fixture *fx, struct random *r) {
    struct id128 ids[8] = {{{0}}};
    struct outbox_message message = {.attempts = 1};
    size_t count = fsm_fixture_messages(fx, draw(r, 4) == 0, ids, 8);
    struct id128 id = ids[count > 0 ? draw(r, count) : 0];

    fsm_fixture_message(fx, id, &message);
    switch (draw(r, 4)) {
    case 0:
        return command_retry(id);
    case 1:
        return command_settle(id, message.attempts - (uint32_t)draw(r, 8) / 7,
                              draw(r, 3) == 0 ? OUTBOX_NO_REASON : OUTBOX_TIMEOUT);
    default:
        return command_claim(id);
    }
}

/* Keys by their number, of one algorithm: added behind the last, or revoked. */
static struct command draw_key(struct random *r) {
    static const char *const kids[] = {"", "k1", "k2", "k3", "k4", "k5", "k6"};
    struct cmd_key_add add = {.key = {.kid = kids[1 + draw(r, 6)],
                                      .alg = KEY_ES256,
                                      .public_jwk = span_str("{}"),
                                      .sealed_private = span_str("x")},
                              .replaces = kids[draw(r, 7)],
                              .delay_ms = (uint32_t)draw(r, HOUR_MS / 4),
                              .keep_ms = HOUR_MS / 2};

    if (draw(r, 2) == 0) {
        return (struct command){.type = CMD_KEY_ADD, .key_add = add};
    }
    add.replaces = "";
    return (struct command){
        .type = CMD_KEY_REVOKE,
        .key_revoke = {.revoked = kids[1 + draw(r, 6)], .replacement = add}};
}

/* Never retired: that would be for ever. */
static struct command draw_change(struct random *r) {
    struct command c =
        command_stage("rp", draw(r, 4) == 0 ? CLIENT_SUSPENDED : CLIENT_LIVE);

    c.client_change.has_secret = draw(r, 2) == 0;
    c.client_change.overlap_ms = c.client_change.has_secret ? MINUTE_MS : 0;
    return c;
}

static struct command draw_message(struct random *r) {
    struct command c =
        command_message(draw(r, CODES), draw(r, 2) == 0 ? OUTBOX_SMS : OUTBOX_MAIL,
                        (uint32_t)draw(r, 4));

    c.message_send.message.id = id_of(6000 + draw(r, 100000));
    return c;
}

static struct command draw_recovery(struct random *r) {
    uint64_t account = 1 + draw(r, ACCOUNTS);

    struct command c = command_set(account, 1 + draw(r, 3), draw(r, 2));

    if (draw(r, 3) != 0) { /* by the holder */
        c.password_set.has_secret = false;
        c.password_set.secret = (struct key_hash){{0}};
    }
    return draw(r, 3) == 0 ? command_recover(account, draw(r, 2)) : c;
}

/* Sign-ins with a second step; half of the codes are right. */
static struct command draw_factor(struct fsm_fixture *fx, struct random *r) {
    uint64_t account = 1 + draw(r, ACCOUNTS), signin = 300 + draw(r, 6);
    enum factor_kind kind = draw(r, 2) == 0 ? FACTOR_SMS : FACTOR_TOTP;
    uint64_t code = kind == FACTOR_SMS ? draw(r, 2) : fx->now_ms / 30000 - draw(r, 2);
    struct command c;

    switch (draw(r, 9)) {
    case 0:
        return (struct command){
            .type = CMD_FACTOR_DEL,
            .factor_del = {.sub = id_of(account), .id = id_of(500 + account)}};
    case 1:
        return command_factor(account, kind);
    case 2:
        c = command_second(account, signin);
        c.login.browser[0] = 1;
        return c;
    case 3:
        c = command_add(1 + draw(r, SESSIONS), signin, 1,
                        draw(r, 2) == 0 ? 500 + account : 0);
        if (draw(r, 2) == 0) {
            c.factor_begin.gate = (struct gate){.present = false};
            c.factor_begin.has_replaces = false;
            c.factor_begin.replaces = (struct id128){{0}};
        }
        return c;
    case 4:
    case 5:
        c = command_challenge(account, signin, kind, code);
        c.factor_challenge.browser[0] = 1;
        c.factor_challenge.enrols = draw(r, 2) == 0;
        return c;
    default:
        c = command_pass(account, signin, kind, code, 1 + draw(r, SESSIONS));
        c.factor_pass.browser[0] = 1;
        return c;
    }
}

/* Passkeys and devices, asked and answered in any order; a few proofs come twice. */
static struct command draw_device(struct random *r) {
    uint64_t account = 1 + draw(r, ACCOUNTS), signin = 300 + draw(r, 6);
    uint64_t device = 400 + draw(r, 6), n = draw(r, 8), proof = draw(r, 5000);
    struct command c;

    switch (draw(r, 10)) {
    case 0:
    case 8:
        c = command_app_enrol(account, draw(r, 3));
        c.app_enrol.gate = gate_of(1 + draw(r, SESSIONS));
        return c;
    case 1:
    case 9:
        return command_app_register(draw(r, 3), device, proof);
    case 2:
        c = command_ask(account, signin, n);
        c.factor_challenge.browser[0] = 1;
        c.factor_challenge.enrols = draw(r, 2) == 0;
        return c;
    case 3:
    case 4:
        c = command_app_answer(device, challenge_of(account, n), APP_APPROVE, proof);
        c.app_answer.right = draw(r, 2) == 0;
        c.app_answer.answer = draw(r, 8) == 0 ? APP_DENY : APP_APPROVE;
        c.app_answer.right = c.app_answer.right && c.app_answer.answer == APP_APPROVE;
        return c;
    case 5:
        c = command_passkey(account, 450 + draw(r, 4));
        if (draw(r, 2) == 0) {
            c.factor_put.gate = gate_of(1 + draw(r, SESSIONS));
        }
        return c;
    case 7:
        return command_app_address(device, "sealed", proof);
    case 6:
        return command_passkey_login(450 + draw(r, 4), draw(r, 9),
                                     1 + draw(r, SESSIONS), proof);
    default:
        c = command_pass(account, signin, FACTOR_APP, 0, 1 + draw(r, SESSIONS));
        c.factor_pass.browser[0] = 1;
        c.factor_pass.factor = id_of(800 + device);
        return c;
    }
}

static struct command draw_once(struct random *r) {
    if (draw(r, 2) == 0) {
        return command_revoke(draw(r, 2) == 0, 1 + draw(r, TOKENS));
    }
    return draw(r, 2) == 0 ? command_proofs(draw(r, CODES), 1 + draw(r, 3))
                           : command_push(draw(r, CODES));
}

/* Closing is rare, or soon nobody would be left. */
static struct command draw_self(struct fsm_fixture *fx, struct random *r) {
    uint64_t n = 1 + draw(r, SESSIONS);
    struct command c =
        command_self((enum self_act)(1 + draw(r, SELF_CLOSE - (draw(r, 9) > 0))),
                     1 + draw(r, ACCOUNTS), n);
    struct session session;

    if (c.self.has_session) {
        c.self.fresh_ms = HOUR_MS;
        for (uint64_t tries = 0; tries < SESSIONS; tries++, n = n % SESSIONS + 1) {
            if (fsm_fixture_session(fx, n, &session)) {
                c.self.session = session.key;
                c.self.sub = session.sub;
                break;
            }
        }
    }
    return c;
}

static struct command draw_note(struct random *r) {
    struct command c = command_note(AUDIT_SEARCHED, draw(r, ACCOUNTS));

    command_by(&c, draw(r, 2) == 0 ? AUDIT_STAFF : AUDIT_SOMEBODY);
    return c;
}

#define APPLICATIONS 16
#define BLOBS 24

/* What a worker does next about the job, if it is due at all. */
static struct command draw_work(struct fsm_fixture *fx, struct random *r, uint64_t n,
                                enum job_kind kind) {
    struct command c =
        kind == JOB_READ
            ? command_read(n, 1, "w", (enum farm_verdict)(1 + draw(r, 3)))
            : command_sorted(bundle_id_of(n, 1), 1, "w", 3);
    struct ocr_job job = {.state = JOB_WAITING};

    fixture_job(fx, c.job_result.key, &job);
    if (job.state != JOB_LEASED) {
        return command_lease("w", LIMIT_JOB_LEASES);
    }
    c.job_result.attempt = job.attempt;
    if (kind == JOB_SORT) {
        c.job_result.pages[1].how = PAGE_BY_QR;
        c.job_result.pages[1].id = application_id_of(n);
    }
    return c;
}

/* Another link, with a reminder whose link may be somebody's by then. */
static struct command draw_renewal(struct random *r, uint64_t n) {
    struct command c = command_renew(n, 50100 + draw(r, 5000));
    struct application_mails *later = &c.activation_renew.later;

    later->at[0] = mail_expired((uint32_t)(1 + draw(r, 40)) * 86400, 90000 + draw(r, 5000));
    later->at[0].kind = APPLICATION_MAIL_ACTIVATE;
    later->at[0].token = key_of(50100 + draw(r, 5000));
    later->at[0].token_ttl_ms = 24 * HOUR_MS;
    c.activation_renew.token_ttl_ms = draw(r, 2) == 0 ? HOUR_MS : 24 * HOUR_MS;
    later->count = draw(r, 2);
    return c;
}

/* A code is sent, and comes back, mostly as it was; or another link is asked for. */
static struct command draw_activation(struct random *r, uint64_t n,
                                      const struct application *application) {
    const struct key_hash none = {{0}};
    bool sent = memcmp(application->code.b, none.b, sizeof none.b) != 0;
    struct key_hash token = application->tokens[draw(r, application->tokens_count)].hash;
    struct command c;

    if (draw(r, 4) == 0) {
        return draw_renewal(r, n);
    }
    if (!sent || draw(r, 4) == 0) {
        c = command_code(0, 700 + draw(r, 3));
        c.activation_code.token = token;
        c.activation_code.corrections = application->corrections;
        c.activation_code.code_ttl_ms = 24 * HOUR_MS;
        return c;
    }
    c = command_activate(0, 900 + n, 700 + draw(r, 3));
    c.activate.token = token;
    c.activate.corrections = application->corrections;
    if (draw(r, 3) > 0) {
        c.activate.code = application->code;
    }
    return c;
}

/* What is to be done next with an application. */
static struct command draw_next(struct fsm_fixture *fx, struct random *r) {
    uint64_t n = 1 + draw(r, APPLICATIONS);
    struct application application = {.state = APPLICATION_AWAITING};
    struct review review;
    struct command c;

    fixture_application(fx, n, &application);
    fixture_review(fx, n, &review);
    switch (application.state) {
    case APPLICATION_WAITING:
    case APPLICATION_OCR:
        return draw_work(fx, r, n, JOB_READ);
    case APPLICATION_STAFF:
    case APPLICATION_HELD:
        c = command_review_claim(n, 4 + draw(r, 3));
        c.review_claim.lease_ms = HOUR_MS;
        if (review.claimed) {
            c = command_decide(n, 1, review.claim,
                               (enum review_decision)(1 + draw(r, 3)));
            c.review_decide.staff = review.holder;
            if (c.review_decide.decision == REVIEW_APPROVE) {
                c.review_decide.token_ttl_ms = 24 * HOUR_MS;
                c.review_decide.later.at[0].after_s = (uint32_t)(1 + draw(r, 48)) * 3600;
            }
        }
        return c;
    case APPLICATION_APPROVED:
        return draw_activation(r, n, &application);
    default:
        return draw(r, 3) == 0 ? command_bundle(n, 1) : draw_work(fx, r, n, JOB_SORT);
    }
}

/* Another number is asked for, or one that was is judged. */
static struct command draw_correction(struct random *r, uint64_t n, uint64_t staff) {
    struct command c = command_correct(n, 1 + draw(r, 2), staff);

    c.correction_propose.corrections = (uint32_t)draw(r, 2);
    return draw(r, 2) == 0
               ? c
               : command_correct_settle(n, 1 + draw(r, 2), staff, draw(r, 3) > 0);
}

/* What the desk may say, right or wrong. */
static struct command draw_desk(struct random *r) {
    uint64_t n = 1 + draw(r, APPLICATIONS), staff = 4 + draw(r, 3);

    switch (draw(r, 10)) {
    case 8:
    case 9:
        return draw_correction(r, n, staff);
    case 0:
    case 1:
        return command_review_release(n, staff, 1 + (uint32_t)draw(r, 4));
    case 2:
        return command_import(1 + draw(r, 40), staff, APPLICATIONS);
    case 3:
        return command_import_approve(1 + draw(r, 40), staff);
    case 4:
        return command_import_line(1 + draw(r, 40), (uint16_t)draw(r, APPLICATIONS));
    case 5:
        return command_review_claim(n, staff);
    default:
        return command_decide(n, staff, (uint32_t)draw(r, 4),
                              (enum review_decision)(1 + draw(r, 3)));
    }
}

/* Of the job's current attempt, mostly. */
static struct command draw_result(struct fsm_fixture *fx, struct random *r) {
    struct ocr_job job = {.attempt = 1};
    struct command c;
    uint64_t n = 1;

    for (int i = 0; i < 8 && job.state != JOB_LEASED; i++) {
        n = 1 + draw(r, APPLICATIONS);
        c = draw(r, 2) == 0
                ? command_read(n, 1, "w", (enum farm_verdict)(1 + draw(r, 3)))
                : command_sorted(bundle_id_of(1 + draw(r, BLOBS), 1), 1, "w", 3);
        fixture_job(fx, c.job_result.key, &job);
    }
    c.job_result.attempt = job.attempt - (uint32_t)draw(r, 8) / 7;
    if (draw(r, 6) == 0) {
        c.job_result.failed = true;
        c.job_result.verdict = FARM_NONE;
        c.job_result.pages_count = 0;
        memset(c.job_result.pages, 0, sizeof c.job_result.pages);
    } else if (c.job_result.key.kind == JOB_SORT) {
        c.job_result.pages[draw(r, 3)].how = PAGE_BY_QR;
        for (size_t i = 0; i < 3; i++) {
            if (c.job_result.pages[i].how == PAGE_BY_QR) {
                c.job_result.pages[i].id = application_id_of(n + draw(r, 10) / 9);
            }
        }
    }
    return c;
}

/* A bundle that is sorted, where there is one. */
static struct id128 draw_sorted(struct fsm_fixture *fx, struct random *r) {
    static struct intake_bundle bundle;
    struct id128 id = bundle_id_of(1, 1);

    for (int i = 0; i < 6; i++) {
        id = bundle_id_of(1 + draw(r, BLOBS), 1);
        if (fixture_bundle(fx, id, &bundle) && bundle.state == BUNDLE_SORTED) {
            break;
        }
    }
    return id;
}

static struct command draw_intake(struct fsm_fixture *fx, struct random *r) {
    uint64_t n = 1 + draw(r, APPLICATIONS + 8), blob = 1 + draw(r, BLOBS);
    struct application application = {.state = APPLICATION_AWAITING};
    struct command c = command_apply(n);

    switch (draw(r, 12)) {
    case 0:
        c.application_submit.confirmed = draw(r, 3) == 0;
        if (!c.application_submit.confirmed) {
            c.application_submit.token = key_of(70000 + n);
            c.application_submit.token_ttl_ms = HOUR_MS;
        }
        c.application_submit.kind = (enum application_kind)(1 + draw(r, 2));
        c.application_submit.pair_index = key_of(40000 + draw(r, 3));
        return c;
    case 1:
        return command_confirm(70000 + APPLICATIONS + 1 + draw(r, 8));
    case 2:
        fixture_application(fx, n, &application);
        return command_move(n, application.state,
                            draw(r, 4) != 0 ? APPLICATION_RECEIVED
                                            : (enum application_state)(11 + draw(r, 3)),
                            4 + draw(r, 3));
    case 3:
        return command_blob(blob, draw(r, 2) * 2);
    case 4:
        return draw(r, 3) == 0
                   ? command_blob_node(1 + draw(r, 3), 1000 + (uint32_t)draw(r, 60000))
                   : command_hold(1 + draw(r, 3), blob, draw(r, 2) == 0);
    case 5:
        return draw(r, 2) == 0 ? command_batch(1) : command_bundle(blob, 1);
    case 6:
        return command_place(draw_sorted(fx, r), (uint16_t)draw(r, 3),
                             draw(r, 4) == 0 ? "" : application_id_of(n).text, 0);
    case 7:
    case 8:
        return command_lease("w", (uint8_t)(1 + draw(r, 4)));
    default:
        return draw_result(fx, r);
    }
}

static struct command draw_any_intake(struct fsm_fixture *fx, struct random *r) {
    switch (draw(r, 4)) {
    case 0:
        return draw_desk(r);
    case 1:
        return draw_intake(fx, r);
    default:
        return draw_next(fx, r);
    }
}

static struct command draw_client(struct random *r) {
    struct command c = command_client("rp");

    c.client_put.replace = true;
    if (draw(r, 4) != 0) {
        c.client_put.client.backchannel_logout_uri = "https://rp.example/bc";
    }
    return c;
}

static struct command draw_told(struct fsm_fixture *fx, struct random *r) {
    switch (draw(r, 8)) { /* what ends sessions leaves little to do for others */
    case 0:
    case 1:
    case 2:
        return command_usage(draw(r, CODES));
    case 3:
    case 4:
    case 5:
        return draw_note(r);
    default:
        return draw_self(fx, r);
    }
}

static struct command draw_signin(struct fsm_fixture *fx, struct random *r) {
    if (draw(r, 10) == 0) {
        return draw_recovery(r);
    }
    return draw(r, 2) == 0 ? draw_device(r) : draw_factor(fx, r);
}

/* Of a session that may be there, of an account and a consent that may be as they were. */
static struct command draw_opened(struct fsm_fixture *fx, struct random *r) {
    uint64_t ago_ms = draw(r, 8) == 0 ? HOUR_MS : draw(r, 3000);
    struct command c = command_opened(1 + draw(r, SESSIONS), 1 + draw(r, CODES),
                                      1 + draw(r, TOKENS), fx->now_ms - ago_ms);
    struct grant_opened *opened = &c.grant_redeem.opened;

    opened->epoch = draw(r, 20) == 0 ? 1 : 0;
    opened->generation = 1 + draw(r, 8) / 7;
    opened->consented = draw(r, 4);
    opened->auth_after_ms = draw(r, 8) == 0 ? fx->now_ms : 0;
    opened->code_expires_ms += draw(r, 20) == 0 ? HOUR_MS : 0;
    return c;
}

static struct command draw_command(struct fsm_fixture *fx, struct random *r) {
    struct command c;

    if (draw(r, 4) == 0) {
        return draw_signin(fx, r);
    }
    if (draw(r, 3) == 0) {
        return draw_any_intake(fx, r);
    }
    switch (draw(r, 29)) {
    case 0:
        return draw_account(r);
    case 26:
        return draw_change(r);
    case 1:
        return draw_client(r);
    case 2:
    case 3:
        return draw_login(r);
    case 4:
        return command_end(1 + draw(r, SESSIONS));
    case 5:
    case 6:
    case 7:
        c = command_issue(1 + draw(r, SESSIONS), 1 + draw(r, CODES));
        c.grant_issue.consent_scopes = draw(r, 4);
        c.grant_issue.has_pushed = draw(r, 4) == 0;
        c.grant_issue.pushed = c.grant_issue.has_pushed ? key_of(8000 + draw(r, CODES))
                                                        : (struct key_hash){{0}};
        c.grant_issue.grant_ttl_ms = (uint32_t)(draw(r, 3) * HOUR_MS);
        return c;
    case 8:
    case 9:
        c = draw(r, 2) == 0 ? command_redeem(1 + draw(r, CODES), 1 + draw(r, TOKENS))
                            : draw_opened(fx, r);
        c.grant_redeem.verifier_hash[0] = draw(r, 10) == 0 ? 9 : 1;
        if (draw(r, 3) == 0) {
            c.grant_redeem.proofs = command_proofs(draw(r, CODES), 1).proof_use.proofs;
        }
        return c;
    case 10:
    case 21:
        return command_refresh(1 + draw(r, TOKENS), 1 + draw(r, TOKENS));
    case 11:
    case 12:
        return draw_member(fx, r);
    case 13:
    case 14:
        return draw_staff(fx, r);
    case 16:
    case 17:
    case 18:
    case 19:
    case 20:
        return draw_outbox(fx, r);
    case 23:
    case 24:
        return draw_key(r);
    case 28:
        return draw_message(r);
    case 27:
        return draw_told(fx, r);
    case 15:
    case 22:
        return draw_once(r);
    default:
        return (struct command){.type = CMD_TICK};
    }
}

/* Successes by type; of redemptions, those of sealed codes. */
struct seen {
    uint64_t ok[CMD_LAST + 1];
    uint64_t opened;
};

static bool opens(const struct envelope *envelope) {
    struct command command;
    struct arena arena;
    bool opens;

    if (envelope->type != CMD_GRANT_REDEEM) {
        return false;
    }
    arena_init(&arena, 1 << 16);
    assert_ok(command_decode(envelope->type, envelope->payload, &arena, &command));
    opens = command.grant_redeem.opens;
    arena_close(&arena);
    return opens;
}

static void count_ok(void *arg, const struct envelope *envelope,
                     const struct outcome *outcome) {
    struct seen *seen = arg;
    seen->ok[envelope->type] += outcome->code == OUT_OK ? 1 : 0;
    seen->opened += outcome->code == OUT_OK && opens(envelope) ? 1 : 0;
}

#define BEGUN_WITH (4 + APPLICATIONS + BLOBS)

/* What the intake needs to get anywhere: people, a batch, applications, scans. */
static struct command begin_with(uint16_t i) {
    if (i < 3) {
        return command_staff(4 + i, 0);
    }
    if (i == 3) {
        return command_batch(1);
    }
    return i < 4 + APPLICATIONS ? command_apply(i - 3u)
                                : command_blob(i - 3u - APPLICATIONS, 2);
}

static void draw_frame(struct fsm_fixture *fx, struct random *r, struct buf *frame) {
    struct buf envelopes;
    bool first = fx->seq <= 1;
    uint16_t count =
        (uint16_t)(first ? BEGUN_WITH : 1 + draw(r, FRAME_COMMANDS));

    buf_init(&envelopes, LIMIT_FRAME);
    for (uint16_t i = 0; i < count; i++) {
        struct command command = first ? begin_with(i) : draw_command(fx, r);
        uint64_t seq = fx->seq - (fx->seq > 3 && draw(r, 8) == 0 ? draw(r, 3) : 0);
        struct envelope envelope = {.node = FIXTURE_NODE,
                                    .boot = FIXTURE_BOOT + (draw(r, 50) == 0 ? 1 : 0),
                                    .seq = seq,
                                    .low = fx->seq > 20 ? fx->seq - draw(r, 20) : 0,
                                    .type = command.type,
                                    .payload = fsm_fixture_payload(fx, &command)};
        envelope_encode(&envelope, &envelopes);
        fx->seq += seq == fx->seq ? 1 : 0;
    }
    fx->now_ms += draw(r, 4) == 0 ? draw(r, HOUR_MS / 2) : draw(r, 2000);
    assert_ok(frame_encode(1, fx->now_ms, count, buf_span(&envelopes), frame));
    buf_free(&envelopes);
}

/* Every token's family exists for as long as the token, and no family has two
 * LIVE refresh tokens (G3). */
static void check_tokens(struct fsm_fixture *fx) {
    uint64_t live[CODES + 1] = {0};
    struct refresh_token token;
    struct access_token access;
    struct grant grant;

    for (uint64_t n = 1; n <= TOKENS; n++) {
        uint64_t code;
        arena_reset(&fx->arena);
        if (fsm_fixture_refresh(fx, n, &token) && token.state == REFRESH_LIVE) {
            memcpy(&code, token.grant.b, sizeof code);
            assert_true(code <= CODES);
            assert_int_equal(live[code], 0);
            live[code] = 1;
        }
        if (fsm_fixture_access(fx, n, &access)) {
            memcpy(&code, access.grant.b, sizeof code);
            assert_true(fsm_fixture_grant(fx, code, &grant));
            assert_int_not_equal(grant.state, GRANT_ISSUED);
            assert_true(grant.expires_ms >= access.expires_ms);
            assert_true(grant.expires_ms >= grant.code_expires_ms); /* G5 */
        }
    }
}

/* One unsettled row at most (B1), and always a voter once there are members. */
static void check_members(struct fsm_fixture *fx) {
    struct member members[LIMIT_NODES];
    struct store_read *read;
    size_t count, unsettled = 0, voters = 0;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_member_list(read, members, &count));
    store_read_end(read);
    store_read_free(read);
    for (size_t i = 0; i < count; i++) {
        unsettled += members[i].settled ? 0 : 1;
        voters += members[i].role == MEMBER_VOTER ? 1 : 0;
    }
    assert_true(unsettled <= 1);
    assert_true(count == 0 || voters > 0);
}

/* The stocks are the rows (P2), and nobody was approved by a machine: whoever is past
 * the desk was decided by somebody. */
static void check_applications(struct fsm_fixture *fx) {
    uint64_t all = 0;

    for (int state = APPLICATION_SUBMITTED; state <= APPLICATION_STATE_LAST; state++) {
        all += fixture_stock(fx, (enum application_state)state);
    }
    assert_int_equal(all, fsm_fixture_rows(fx, "application"));
    for (uint64_t n = 1; n <= APPLICATIONS + 1; n++) {
        struct application application;
        arena_reset(&fx->arena);
        if (fixture_application(fx, n, &application) &&
            (application.state == APPLICATION_APPROVED ||
             application.state == APPLICATION_ACTIVATED ||
             application.state == APPLICATION_DENIED)) {
            assert_true(application.decided_ms > 0);
        }
        struct correction correction;
        if (fixture_correction(fx, n, &correction)) { /* O1 */
            assert_true(store_correction_fits(application.state));
        }
    }
}

static void assert_same_head(struct fsm_fixture *a, struct fsm_fixture *b) {
    assert_memory_equal(fsm_meta(a->fsm), fsm_meta(b->fsm), sizeof(struct store_meta));
}

/* Frames that a crash may undo: the log gives them again (F6). */
struct tail {
    struct buf frame[FRAMES];
    uint64_t index[FRAMES];
    size_t count;
};

static void tail_drop(struct tail *tail) {
    for (size_t i = 0; i < tail->count; i++) {
        buf_free(&tail->frame[i]);
    }
    tail->count = 0;
}

/* Feed a frame to the one that commits late and crashes now and then. */
static void feed_late(struct fsm_fixture *fx, struct random *r, struct tail *tail,
                      uint64_t index, const struct buf *frame) {
    struct buf *kept = &tail->frame[tail->count];

    buf_init(kept, LIMIT_FRAME);
    buf_put(kept, frame->data, frame->len);
    tail->index[tail->count++] = index;
    assert_ok(fsm_apply_early(fx->fsm, index, buf_span(kept), NULL, NULL));
    assert_ok(fsm_apply_early(fx->fsm, index, buf_span(kept), NULL, NULL)); /* again */
    if (draw(r, 20) == 0) {
        fsm_fixture_reopen(fx);
        for (size_t i = 0; i < tail->count; i++) {
            assert_ok(fsm_apply_early(fx->fsm, tail->index[i],
                                      buf_span(&tail->frame[i]), NULL, NULL));
        }
    }
    if (draw(r, 6) == 0) {
        assert_ok(fsm_commit(fx->fsm));
    }
    if (!fsm_uncommitted(fx->fsm)) {
        tail_drop(tail);
    }
}

/* The same frames give the same digest, whatever is restarted in between. */
static void run_seed(uint64_t seed, struct seen *seen) {
    struct fsm_fixture *a = calloc(1, sizeof *a);
    struct fsm_fixture *b = calloc(1, sizeof *b);
    struct tail *tail = calloc(1, sizeof *tail);
    struct random r = {seed};
    uint64_t index;

    print_message("seed %" PRIu64 "\n", seed);
    assert_non_null(tail);
    assert_non_null(a);
    assert_non_null(b);
    fsm_fixture_open(a);
    fsm_fixture_open(b);
    index = a->index;
    for (int i = 0; i < FRAMES; i++) {
        struct buf frame;
        uint64_t clock_ms = fsm_meta(a->fsm)->clock_ms;
        buf_init(&frame, LIMIT_FRAME);
        draw_frame(a, &r, &frame);
        index += 1 + draw(&r, 2);
        assert_ok(fsm_apply(a->fsm, index, buf_span(&frame), count_ok, seen));
        assert_true(fsm_meta(a->fsm)->clock_ms >= clock_ms);
        feed_late(b, &r, tail, index, &frame);
        assert_same_head(a, b);
        check_members(a);
        buf_free(&frame);
    }
    assert_digest_sound(a->store.store);
    check_tokens(a);
    assert_chain_sound(a);
    check_applications(a);
    assert_ok(fsm_commit(b->fsm));
    tail_drop(tail);
    free(tail);
    fsm_fixture_close(a);
    fsm_fixture_close(b);
    free(a);
    free(b);
}

static void random_commands_keep_every_invariant(void **state) {
    const char *one = getenv("TASUKI_SEED");
    struct seen seen = {0};
    (void)state;

    if (one != NULL) {
        run_seed(strtoull(one, NULL, 10), &seen);
        return;
    }
    for (uint64_t seed = 1; seed <= 22; seed++) {
        run_seed(seed, &seen);
    }
    for (int type = CMD_ACCOUNT_PUT; type <= CMD_LAST; type++) {
        /* The commands do reach states. */
        if (command_known((enum command_type)type) && seen.ok[type] <= 2) {
            fail_msg("type %d: %" PRIu64 " times", type, seen.ok[type]);
        }
    }
    assert_true(seen.opened > 2);
}

static void replay_of_the_whole_log_gives_the_same_digest(void **state) {
    struct fsm_fixture *a = calloc(1, sizeof *a);
    struct fsm_fixture *b = calloc(1, sizeof *b);
    struct command refresh = command_refresh(1, 2);
    struct command end = command_end(1);
    (void)state;

    assert_non_null(a);
    assert_non_null(b);
    fsm_fixture_open(a);
    fsm_fixture_sign_in(a);
    fsm_fixture_redeemed(a, 10, 1);
    assert_code(fsm_fixture_do(a, &refresh), OUT_OK);
    assert_code(fsm_fixture_do(a, &end), OUT_OK);
    store_fixture_open(&b->store);
    arena_init(&b->arena, 1 << 20);
    assert_ok(fsm_new(b->store.store, &b->fsm));
    for (size_t half = 0; half < 2; half++) { /* the second time all are skipped */
        for (size_t i = 0; i < a->frames_count; i++) {
            assert_ok(fsm_apply(b->fsm, i + 1, buf_span(&a->frames[i]), NULL, NULL));
        }
        assert_same_head(a, b);
        fsm_fixture_reopen(b);
        assert_same_head(a, b);
    }
    fsm_fixture_close(a);
    fsm_fixture_close(b);
    free(a);
    free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_commands_keep_every_invariant),
        cmocka_unit_test(replay_of_the_whole_log_gives_the_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
