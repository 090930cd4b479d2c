#include "tests/unit/raft/fsm_fixture.h"

#include <stdio.h>

#include "store/base/limits.h"
#include "store/store_audit.h"
#include "tests/unit/store/unit.h"

#define START_MS 1750000000000

static void register_boot(struct fsm_fixture *fx) {
    struct command command = {.type = CMD_BOOT_REGISTER,
                              .boot_register = {FIXTURE_NODE, FIXTURE_BOOT}};
    struct envelope envelope = {.node = FIXTURE_NODE,
                                .boot = FIXTURE_BOOT,
                                .type = CMD_BOOT_REGISTER,
                                .payload = fsm_fixture_payload(fx, &command)};
    assert_code(fsm_fixture_send(fx, &envelope), OUT_OK);
}

void fsm_fixture_open(struct fsm_fixture *fx) {
    memset(fx, 0, sizeof *fx);
    store_fixture_open(&fx->store);
    arena_init(&fx->arena, 64u * 1024 * 1024);
    assert_ok(fsm_new(fx->store.store, &fx->fsm));
    fx->now_ms = START_MS;
    fx->seq = 1;
    register_boot(fx);
}

void fsm_fixture_reopen(struct fsm_fixture *fx) {
    fsm_free(fx->fsm);
    store_fixture_reopen(&fx->store);
    assert_ok(fsm_new(fx->store.store, &fx->fsm));
}

void fsm_fixture_close(struct fsm_fixture *fx) {
    assert_digest_sound(fx->store.store);
    fsm_free(fx->fsm);
    store_fixture_close(&fx->store);
    arena_close(&fx->arena);
    for (size_t i = 0; i < fx->frames_count; i++) {
        buf_free(&fx->frames[i]);
    }
    free(fx->frames);
}

static void keep(void *arg, const struct envelope *envelope,
                 const struct outcome *outcome) {
    struct fsm_fixture *fx = arg;
    (void)envelope;
    fx->told++;
    fx->outcome = *outcome;
    assert_true(outcome->detail.len <= sizeof fx->detail);
    if (outcome->detail.len > 0) {
        memcpy(fx->detail, outcome->detail.data, outcome->detail.len);
        fx->outcome.detail.data = fx->detail;
    }
}

enum err fsm_fixture_apply(struct fsm_fixture *fx, struct span frame) {
    fx->told = 0;
    return fsm_apply(fx->fsm, ++fx->index, frame, keep, fx);
}

enum outcome_code fsm_fixture_send(struct fsm_fixture *fx,
                                   const struct envelope *envelope) {
    struct buf envelopes;
    struct buf *frame;

    fx->frames = realloc(fx->frames, (fx->frames_count + 1) * sizeof *fx->frames);
    assert_non_null(fx->frames);
    frame = &fx->frames[fx->frames_count++];
    buf_init(frame, LIMIT_FRAME);
    buf_init(&envelopes, LIMIT_FRAME);
    envelope_encode(envelope, &envelopes);
    assert_ok(frame_encode(1, fx->now_ms, 1, buf_span(&envelopes), frame));
    buf_free(&envelopes);
    assert_ok(fsm_fixture_apply(fx, buf_span(frame)));
    assert_int_equal(fx->told, 1);
    return fx->outcome.code;
}

struct span fsm_fixture_payload(struct fsm_fixture *fx, const struct command *command) {
    struct buf out;
    struct span payload;

    buf_init(&out, LIMIT_COMMAND);
    assert_ok(command_encode(command, &out));
    payload = arena_dup(&fx->arena, buf_span(&out));
    assert_non_null(payload.data);
    buf_free(&out);
    return payload;
}

enum outcome_code fsm_fixture_do(struct fsm_fixture *fx,
                                 const struct command *command) {
    struct envelope envelope = {.node = FIXTURE_NODE,
                                .boot = FIXTURE_BOOT,
                                .seq = fx->seq++,
                                .low = fx->low,
                                .type = command->type,
                                .payload = fsm_fixture_payload(fx, command)};
    return fsm_fixture_send(fx, &envelope);
}

enum outcome_code fsm_fixture_tick(struct fsm_fixture *fx) {
    struct envelope envelope = {.type = CMD_TICK};
    return fsm_fixture_send(fx, &envelope);
}

struct command command_account(uint64_t n) {
    return (struct command){
        .type = CMD_ACCOUNT_PUT,
        .account_put = {.account = {.sub = id_of(n),
                                    .login_index = key_of(5000 + n),
                                    .type = ACCOUNT_PRIME,
                                    .state = ACCOUNT_ACTIVE,
                                    .generation = 1,
                                    .password_hash = span_str("$argon2id$"),
                                    .sealed_profile = span_str("sealed")}}};
}

struct command command_client(const char *client_id) {
    return (struct command){
        .type = CMD_CLIENT_PUT,
        .client_put = {.client = {.client_id = client_id,
                                  .name = "RP",
                                  .ministry = "",
                                  .start_month = "",
                                  .environment = ENV_DEMO,
                                  .stage = CLIENT_LIVE,
                                  .profile = CLIENT_GBIZID,
                                  .auth = CLIENT_AUTH_BASIC,
                                  .id_token_alg = CLIENT_RS256,
                                  .secret_hash = {1},
                                  .scopes = 7,
                                  .redirect_uris = {"https://rp.example/cb"},
                                  .redirect_uris_count = 1}}};
}

struct command command_stage(const char *client_id, enum client_stage stage) {
    return (struct command){.type = CMD_CLIENT_CHANGE,
                            .client_change = {.client_id = client_id, .stage = stage}};
}

struct command command_login(uint64_t account, uint64_t session) {
    return (struct command){.type = CMD_LOGIN,
                            .login = {.login_index = key_of(5000 + account),
                                      .known = true,
                                      .password_ok = true,
                                      .sub = id_of(account),
                                      .generation = 1,
                                      .session = key_of(session),
                                      .sid = id_of(7000 + session),
                                      .idle_ms = HOUR_MS,
                                      .lifetime_ms = 8 * HOUR_MS}};
}

struct command command_second(uint64_t account, uint64_t signin) {
    struct command c = command_login(account, 90000 + signin);
    c.login.methods = 1;
    c.login.second = SECOND_REQUIRED;
    c.login.signin = key_of(signin);
    c.login.browser[0] = (uint8_t)account;
    c.login.signin_ttl_ms = 10 * MINUTE_MS;
    return c;
}

struct command command_challenge(uint64_t account, uint64_t signin,
                                 enum factor_kind kind, uint64_t code) {
    struct command c = {.type = CMD_FACTOR_CHALLENGE,
                        .factor_challenge = {.signin = key_of(signin),
                                             .browser = {(uint8_t)account},
                                             .kind = kind,
                                             .factor = id_of(500 + account)}};
    if (kind == FACTOR_SMS) {
        c.factor_challenge.has_code = true;
        c.factor_challenge.code = key_of(code);
        c.factor_challenge.code_ttl_ms = 5 * MINUTE_MS;
    }
    return c;
}

struct command command_pass(uint64_t account, uint64_t signin, enum factor_kind kind,
                            uint64_t code, uint64_t session) {
    return (struct command){.type = CMD_FACTOR_PASS,
                            .factor_pass = {.signin = key_of(signin),
                                            .browser = {(uint8_t)account},
                                            .kind = kind,
                                            .factor = id_of(500 + account),
                                            .right = true,
                                            .code = key_of(code),
                                            .step = code,
                                            .methods = 2,
                                            .enrolled = {.label = span_str("090"),
                                                         .sealed = span_str("sealed")},
                                            .session = key_of(session),
                                            .sid = id_of(7000 + session),
                                            .idle_ms = HOUR_MS,
                                            .lifetime_ms = 8 * HOUR_MS}};
}

struct command command_factor(uint64_t account, enum factor_kind kind) {
    return (struct command){.type = CMD_FACTOR_PUT,
                            .factor_put = {.factor = {.sub = id_of(account),
                                                      .id = id_of(500 + account),
                                                      .kind = kind,
                                                      .label = span_str("090"),
                                                      .sealed = span_str("sealed")}}};
}

struct id128 challenge_of(uint64_t account, uint64_t n) {
    struct id128 id = id_of(account), rest = id_of(n);

    memcpy(id.b + APP_CHALLENGE_PREFIX, rest.b, sizeof id.b - APP_CHALLENGE_PREFIX);
    return id;
}

struct command command_ask(uint64_t account, uint64_t signin, uint64_t n) {
    static uint8_t data[16 + 2];
    struct id128 id = challenge_of(account, n);

    memcpy(data, id.b, sizeof id.b);
    memcpy(data + sizeof id.b, "rp", 2);
    return (struct command){
        .type = CMD_FACTOR_CHALLENGE,
        .factor_challenge = {.signin = key_of(signin),
                             .browser = {(uint8_t)account},
                             .kind = FACTOR_APP,
                             .has_code = true,
                             .code = key_of(n),
                             .code_ttl_ms = 2 * MINUTE_MS,
                             .data = span_of(data, sizeof data)}};
}

static struct proofs one_proof(uint64_t proof) {
    return (struct proofs){
        .count = 1, .at = {{.key = key_of(70000 + proof), .ttl_ms = MINUTE_MS}}};
}

struct gate gate_of(uint64_t session) {
    return (struct gate){.present = true,
                         .session = key_of(session),
                         .fresh_ms = 15 * MINUTE_MS,
                         .second = ~1u};
}

struct command command_app_enrol(uint64_t account, uint64_t code) {
    return (struct command){.type = CMD_APP_ENROL,
                            .app_enrol = {.code = key_of(code),
                                          .sub = id_of(account),
                                          .generation = 1,
                                          .ttl_ms = 10 * MINUTE_MS,
                                          .gate = gate_of(80000 + account)}};
}

struct command command_app_address(uint64_t device, const char *sealed, uint64_t proof) {
    return (struct command){.type = CMD_APP_ADDRESS,
                            .app_address = {.device = key_of(device),
                                            .sealed = span_str(sealed),
                                            .proofs = one_proof(proof)}};
}

struct command command_add(uint64_t session, uint64_t signin, uint64_t account,
                           uint64_t replaces) {
    struct command c = {.type = CMD_FACTOR_BEGIN,
                        .factor_begin = {.session = key_of(session),
                                         .signin = key_of(signin),
                                         .browser = {(uint8_t)account},
                                         .ttl_ms = 10 * MINUTE_MS,
                                         .gate = gate_of(session),
                                         .has_replaces = replaces != 0}};
    if (replaces != 0) {
        c.factor_begin.replaces = id_of(replaces);
    }
    return c;
}

struct command command_app_register(uint64_t code, uint64_t device, uint64_t proof) {
    return (struct command){.type = CMD_APP_REGISTER,
                            .app_register = {.code = key_of(code),
                                             .device = {.id = id_of(800 + device),
                                                        .index = key_of(device),
                                                        .label = span_str("携帯")},
                                             .platform = device % 2 ? APP_IOS
                                                                    : APP_ANDROID,
                                             .proofs = one_proof(proof)}};
}

struct command command_app_answer(uint64_t device, struct id128 challenge,
                                  enum app_answer answer, uint64_t proof) {
    return (struct command){.type = CMD_APP_ANSWER,
                            .app_answer = {.device = key_of(device),
                                           .challenge = challenge,
                                           .answer = answer,
                                           .right = answer == APP_APPROVE,
                                           .proofs = one_proof(proof)}};
}

struct command command_passkey(uint64_t account, uint64_t index) {
    struct command c = command_factor(account, FACTOR_PASSKEY);

    c.factor_put.factor.id = id_of(900 + index);
    c.factor_put.factor.index = key_of(index);
    return c;
}

struct command command_passkey_login(uint64_t index, uint64_t step, uint64_t session,
                                     uint64_t proof) {
    return (struct command){.type = CMD_PASSKEY_LOGIN,
                            .passkey_login = {.credential = key_of(index),
                                              .generation = 1,
                                              .step = step,
                                              .methods = 8,
                                              .proofs = one_proof(proof),
                                              .session = key_of(session),
                                              .sid = id_of(7000 + session),
                                              .idle_ms = HOUR_MS,
                                              .lifetime_ms = 8 * HOUR_MS}};
}

struct command command_recover(uint64_t account, uint64_t secret) {
    return (struct command){
        .type = CMD_RECOVERY_ASK,
        .recovery_ask = {
            .known = true,
            .login_index = key_of(5000 + account),
            .sub = id_of(account),
            .generation = 1,
            .secret = key_of(secret),
            .ttl_ms = 30 * MINUTE_MS,
            .message = command_message(account, OUTBOX_MAIL, 9).message_send.message}};
}

struct command command_set(uint64_t account, uint64_t generation, uint64_t secret) {
    return (struct command){.type = CMD_PASSWORD_SET,
                            .password_set = {.sub = id_of(account),
                                             .generation = generation,
                                             .password_hash = span_str("$argon2id$new"),
                                             .has_secret = true,
                                             .secret = key_of(secret)}};
}

struct command command_staff(uint64_t n, uint64_t generation) {
    return (struct command){
        .type = CMD_STAFF_PUT,
        .staff_put = {.staff = {.id = id_of(n),
                                .login_index = key_of(6000 + n),
                                .name = span_str("監査 花子"),
                                .roles = STAFF_ROLES_ALL,
                                .state = STAFF_ACTIVE,
                                .generation = generation,
                                .password_hash = span_str("$argon2id$"),
                                .sealed_seed = span_str("seed")}}};
}

struct command command_staff_login(uint64_t n, uint64_t session, uint64_t step) {
    return (struct command){.type = CMD_STAFF_LOGIN,
                            .staff_login = {.known = true,
                                            .password_ok = true,
                                            .has_step = true,
                                            .id = id_of(n),
                                            .generation = 1,
                                            .step = step,
                                            .session = key_of(session),
                                            .idle_ms = HOUR_MS / 2,
                                            .lifetime_ms = 10 * HOUR_MS}};
}

struct command command_usage(uint64_t n) {
    struct command command = {
        .type = CMD_USAGE_ADD,
        .usage_add = {.once = {.key = key_of(9000 + n), .ttl_ms = HOUR_MS},
                      .count = 2,
                      .items = {{.client_id = span_str("rp")}}}};

    command.usage_add.items[0].counts[USAGE_USERINFO] = 1;
    command.usage_add.items[1].counts[USAGE_TOP] = 1;
    return command;
}

struct chain {
    uint64_t seq;
    struct audit_hash hash;
};

static bool chain_check(void *arg, const struct audit_record *record,
                        const struct audit_hash *hash) {
    struct chain *chain = arg;
    struct audit_hash again;
    struct buf encoded;

    assert_int_equal(record->seq, chain->seq + 1);
    assert_memory_equal(record->previous.b, chain->hash.b, AUDIT_HASH_LEN);
    buf_init(&encoded, AUDIT_RECORD_MAX);
    audit_record_encode(record, &encoded);
    again = audit_record_hash(buf_span(&encoded));
    buf_free(&encoded);
    assert_memory_equal(again.b, hash->b, AUDIT_HASH_LEN);
    *chain = (struct chain){record->seq, *hash};
    return true;
}

void assert_chain_sound(struct fsm_fixture *fx) {
    struct store_read *read;
    struct audit_head head;
    struct chain chain;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_audit_head(read, &head));
    chain = (struct chain){head.pruned_seq, head.pruned_hash};
    assert_ok(store_audit_walk(read, AUDIT_BY_SEQ, span_of(NULL, 0), 0, false,
                               chain_check, &chain));
    assert_int_equal(chain.seq, head.seq);
    assert_memory_equal(chain.hash.b, head.hash.b, AUDIT_HASH_LEN);
    store_read_end(read);
    store_read_free(read);
}

struct command command_self(enum self_act act, uint64_t n, uint64_t session) {
    struct command c = {.type = CMD_SELF,
                        .self = {.act = act,
                                 .sub = id_of(n),
                                 .has_session = act != SELF_ID_CONFIRM,
                                 .fresh_ms = act != SELF_ID_CONFIRM ? 5 * MINUTE_MS : 0}};

    if (c.self.has_session) {
        c.self.session = key_of(session);
    }
    if (act == SELF_PASSWORD) {
        c.self.password_hash = span_str("$argon2id$new");
    }
    if (act == SELF_END_SESSION || act == SELF_FACTOR_DEL) {
        c.self.has_target = true;
        c.self.target = id_of(7000 + session + 1);
    }
    if (act == SELF_ID_ASK) {
        c.self.has_login_index = true;
        c.self.login_index = key_of(5900 + n);
        c.self.ttl_ms = HOUR_MS;
    }
    if (act == SELF_ID_ASK || act == SELF_ID_CONFIRM) {
        c.self.has_token = true;
        c.self.token = key_of(9100 + n);
        c.self.sealed = span_str("sealed id");
    }
    return c;
}

struct command command_note(enum audit_event event, uint64_t about) {
    return (struct command){.type = CMD_AUDIT_NOTE,
                            .audit_note = {.event = event,
                                           .has_sub = about != 0,
                                           .sub = about != 0 ? id_of(about)
                                                             : (struct id128){{0}},
                                           .note = span_str("q")}};
}

void command_by(struct command *command, enum audit_actor kind) {
    static const uint8_t id[AUDIT_ID_LEN] = {1};
    static const struct {
        const void *id;
        size_t len;
    } ids[AUDIT_ACTOR_LAST + 1] = {
        [AUDIT_ACCOUNT] = {id, sizeof id},
        [AUDIT_CLIENT] = {"rp", 2},
        [AUDIT_STAFF] = {id, sizeof id},
        [AUDIT_OPERATOR] = {"運用 一郎", strlen("運用 一郎")},
    };

    command->actor = (struct actor){.kind = kind,
                                    .id = span_of(ids[kind].id, ids[kind].len),
                                    .has_source = true,
                                    .source = {7},
                                    .sealed = span_str("sealed origin"),
                                    .at = span_str("rp-of-origin")};
}

struct command command_staff_end(uint64_t session) {
    return (struct command){.type = CMD_STAFF_SESSION_END,
                            .staff_session_end = {key_of(session)}};
}

struct command command_staff_touch(uint64_t session) {
    return (struct command){
        .type = CMD_STAFF_TOUCH,
        .staff_touch = {.session = key_of(session), .idle_ms = HOUR_MS / 2}};
}

struct command command_issue(uint64_t session, uint64_t code) {
    return (struct command){
        .type = CMD_GRANT_ISSUE,
        .grant_issue = {.code = key_of(code),
                        .session = key_of(session),
                        .client_id = span_str("rp"),
                        .redirect_uri = span_str("https://rp.example/cb"),
                        .scopes = SCOPE_A | SCOPE_B | SCOPE_OFFLINE,
                        .nonce = span_str("nonce"),
                        .challenge_method = CHALLENGE_S256,
                        .challenge = {1, 2, 3},
                        .code_ttl_ms = MINUTE_MS,
                        .grant_ttl_ms = MINUTE_MS,
                        .idle_ms = HOUR_MS}};
}

struct command command_redeem(uint64_t code, uint64_t tokens) {
    return (struct command){
        .type = CMD_GRANT_REDEEM,
        .grant_redeem = {.code = key_of(code),
                         .client_id = span_str("rp"),
                         .has_redirect_uri = true,
                         .redirect_uri = span_str("https://rp.example/cb"),
                         .has_verifier = true,
                         .verifier_hash = {1, 2, 3},
                         .access = key_of(1000 + tokens),
                         .access_ttl_ms = HOUR_MS,
                         .refresh_scope_mask = SCOPE_OFFLINE,
                         .refresh = key_of(2000 + tokens),
                         .refresh_ttl_ms = 24 * HOUR_MS}};
}

struct command command_opened(uint64_t session, uint64_t code, uint64_t tokens,
                              uint64_t now_ms) {
    struct command command = command_redeem(code, tokens);

    command.grant_redeem.opens = true;
    command.grant_redeem.opened =
        (struct grant_opened){.session = key_of(session),
                              .generation = 1,
                              .code_expires_ms = now_ms + MINUTE_MS,
                              .code_ttl_ms = MINUTE_MS,
                              .idle_ms = HOUR_MS,
                              .redirect_uri = span_str("https://rp.example/cb"),
                              .scopes = SCOPE_A | SCOPE_B | SCOPE_OFFLINE,
                              .consented = SCOPE_A,
                              .nonce = span_str("nonce"),
                              .challenge_method = CHALLENGE_S256,
                              .challenge = {1, 2, 3}};
    return command;
}

struct command command_refresh(uint64_t from, uint64_t to) {
    return (struct command){.type = CMD_TOKEN_REFRESH,
                            .token_refresh = {.refresh = key_of(2000 + from),
                                              .client_id = span_str("rp"),
                                              .next_refresh = key_of(2000 + to),
                                              .next_access = key_of(1000 + to),
                                              .access_ttl_ms = HOUR_MS,
                                              .refresh_ttl_ms = 24 * HOUR_MS,
                                              .grace_ms = 10000}};
}

struct command command_end(uint64_t session) {
    return (struct command){.type = CMD_SESSION_END,
                            .session_end = {.session = key_of(session)}};
}

struct command command_proofs(uint64_t n, size_t count) {
    struct command c = {.type = CMD_PROOF_USE};

    c.proof_use.proofs.count = count;
    for (size_t i = 0; i < count; i++) {
        c.proof_use.proofs.at[i] = (struct proof){key_of(7000 + n + i), MINUTE_MS};
    }
    return c;
}

struct command command_push(uint64_t n) {
    return (struct command){.type = CMD_REQUEST_PUSH,
                            .request_push = {.key = key_of(8000 + n),
                                             .client_id = span_str("rp"),
                                             .form = span_str("scope=openid"),
                                             .ttl_ms = MINUTE_MS,
                                             .keep_ms = HOUR_MS}};
}

struct command command_revoke(bool refresh, uint64_t tokens) {
    return (struct command){
        .type = CMD_TOKEN_REVOKE,
        .token_revoke = {.refresh = refresh,
                         .key = key_of((refresh ? 2000 : 1000) + tokens),
                         .client_id = span_str("rp")}};
}

struct command command_claim(struct id128 id) {
    return (struct command){
        .type = CMD_OUTBOX_CLAIM,
        .outbox_claim = {.node = FIXTURE_NODE, .count = 1, .ids = {id}}};
}

struct command command_settle(struct id128 id, uint32_t attempt,
                              enum outbox_reason reason) {
    return (struct command){
        .type = CMD_OUTBOX_SETTLE,
        .outbox_settle = {.count = 1, .messages = {{id, attempt, reason}}}};
}

struct command command_message(uint64_t n, enum outbox_kind kind, uint32_t max) {
    struct command command = {
        .type = CMD_MESSAGE_SEND,
        .message_send.message = {.present = true,
                                 .id = id_of(6000 + n),
                                 .kind = kind,
                                 .has_sub = true,
                                 .sub = id_of(n),
                                 .recipient = key_of(4000 + n),
                                 .sealed = span_str("sealed"),
                                 .ttl_ms = 5 * MINUTE_MS,
                                 .client_id = span_str("rp")},
    };
    if (max > 0) {
        command.message_send.message.caps.count = 1;
        command.message_send.message.caps.at[0] =
            (struct cap){key_of(5000 + n), max, HOUR_MS, false, false};
    }
    return command;
}

struct command command_retry(struct id128 id) {
    return (struct command){.type = CMD_OUTBOX_RETRY, .outbox_retry = {id}};
}

static struct member_at member_at(uint64_t id) {
    static const char *const regions[] = {"osaka", "tokyo", "nagoya"};
    struct member_at member = {.id = id};

    (void)snprintf(member.address, sizeof member.address, "127.0.0.1:%u",
                   (unsigned)(7000 + id % 1000));
    (void)snprintf(member.region, sizeof member.region, "%s", regions[id % 3]);
    return member;
}

struct command command_seed(size_t count) {
    struct command command = {.type = CMD_MEMBER_SEED, .member_seed.count = count};
    for (size_t i = 0; i < count; i++) {
        command.member_seed.members[i] = member_at(i + 1);
    }
    return command;
}

struct command command_member_add(uint64_t id) {
    return (struct command){.type = CMD_MEMBER_ADD, .member_add.member = member_at(id)};
}

struct command command_member_role(uint64_t id, enum member_role role) {
    return (struct command){.type = CMD_MEMBER_ROLE, .member_role = {id, role}};
}

struct command command_backup(uint64_t index, uint64_t donor) {
    return (struct command){.type = CMD_BACKUP_NOTE,
                            .backup_note.backup = {.index = index,
                                                   .digest = {index * 3, ~index},
                                                   .rows = 10 * index,
                                                   .bytes = 1000 * index,
                                                   .donor = donor,
                                                   .taker = donor + 1}};
}

struct command command_member_settle(uint64_t id, uint64_t changed_index) {
    return (struct command){.type = CMD_MEMBER_SETTLE,
                            .member_settle = {id, changed_index}};
}

struct command command_regions(const char *first, const char *second) {
    struct command command = {.type = CMD_LEADER_REGIONS};
    struct leader_regions *regions = &command.leader_regions.regions;

    for (const char *const *name = (const char *const[]){first, second, NULL};
         *name != NULL; name++) {
        (void)snprintf(regions->region[regions->count++], 32, "%s", *name);
    }
    return command;
}

void fsm_fixture_sign_in(struct fsm_fixture *fx) {
    struct command account = command_account(1);
    struct command client = command_client("rp");
    struct command login = command_login(1, 1);

    assert_code(fsm_fixture_do(fx, &account), OUT_OK);
    assert_code(fsm_fixture_do(fx, &client), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
}

void fsm_fixture_redeemed(struct fsm_fixture *fx, uint64_t code, uint64_t tokens) {
    struct command issue = command_issue(1, code);
    struct command redeem = command_redeem(code, tokens);

    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
}

static struct store_read *look(struct fsm_fixture *fx) {
    struct store_read *read;
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    return read;
}

static bool done(struct store_read *read, enum err err) {
    store_read_end(read);
    store_read_free(read);
    if (err != ERR_NOT_FOUND) {
        assert_ok(err);
    }
    return err == OK;
}

bool fsm_fixture_grant(struct fsm_fixture *fx, uint64_t code, struct grant *ret_grant) {
    struct store_read *read = look(fx);
    return done(read, store_grant_get(read, &fx->arena, key_of(code), ret_grant));
}

bool fsm_fixture_session(struct fsm_fixture *fx, uint64_t n,
                         struct session *ret_session) {
    struct store_read *read = look(fx);
    return done(read, store_session_get(read, key_of(n), ret_session));
}

bool fsm_fixture_access(struct fsm_fixture *fx, uint64_t n,
                        struct access_token *ret_token) {
    struct store_read *read = look(fx);
    return done(read, store_access_get(read, key_of(1000 + n), ret_token));
}

bool fsm_fixture_refresh(struct fsm_fixture *fx, uint64_t n,
                         struct refresh_token *ret_token) {
    struct store_read *read = look(fx);
    return done(read, store_refresh_get(read, key_of(2000 + n), ret_token));
}

uint64_t fsm_fixture_rows(struct fsm_fixture *fx, const char *table) {
    const char *names[STORE_TABLES_MAX];
    uint64_t counts[STORE_TABLES_MAX];
    struct store_read *read = look(fx);
    size_t n = store_table_counts(read, names, counts, STORE_TABLES_MAX);

    (void)done(read, OK);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], table) == 0) {
            return counts[i];
        }
    }
    fail_msg("no table %s", table);
    return 0;
}

uint64_t fsm_fixture_attempts(struct fsm_fixture *fx, uint64_t account,
                              struct login_attempts *ret_attempts) {
    struct store_read *read = look(fx);
    assert_true(
        done(read, store_attempts_get(read, key_of(5000 + account), ret_attempts)));
    return ret_attempts->failures;
}

bool fsm_fixture_staff(struct fsm_fixture *fx, uint64_t n, struct staff *ret_staff) {
    struct store_read *read = look(fx);
    return done(read, store_staff_get(read, &fx->arena, id_of(n), ret_staff));
}

bool fsm_fixture_staff_session(struct fsm_fixture *fx, uint64_t n,
                               struct staff_session *ret_session) {
    struct store_read *read = look(fx);
    return done(read, store_staff_session_get(read, key_of(n), ret_session));
}

bool fsm_fixture_message(struct fsm_fixture *fx, struct id128 id,
                         struct outbox_message *ret_message) {
    struct store_read *read = look(fx);
    return done(read, store_outbox_get(read, &fx->arena, id, ret_message));
}

struct gathered {
    struct id128 *ids;
    size_t count, max;
    uint64_t seen;
};

static enum outbox_walk gather(void *arg, struct span client_id, struct id128 id) {
    struct gathered *to = arg;

    (void)client_id;
    if (to->count < to->max) {
        to->ids[to->count++] = id;
    }
    to->seen++;
    return OUTBOX_NEXT;
}

static bool add_counts(void *arg, struct span client_id,
                       const struct outbox_counts *counts) {
    struct outbox_counts *sum = arg;

    assert_true(client_id.len > 0);
    sum->waiting += counts->waiting;
    sum->dead += counts->dead;
    sum->dropped += counts->dropped;
    return true;
}

size_t fsm_fixture_messages(struct fsm_fixture *fx, bool dead, struct id128 *ret_ids,
                            size_t max) {
    struct gathered waiting = {.ids = ret_ids, .max = dead ? 0 : max};
    struct gathered graves = {.ids = ret_ids, .max = dead ? max : 0};
    struct outbox_counts all, sum = {0};
    struct store_read *read = look(fx);

    assert_ok(store_outbox_walk_due(read, UINT64_MAX, gather, &waiting));
    assert_ok(store_outbox_walk_dead(read, gather, &graves));
    assert_ok(store_outbox_counts(read, span_of(NULL, 0), &all));
    assert_ok(store_outbox_walk_counts(read, add_counts, &sum));
    (void)done(read, OK);
    assert_int_equal(all.waiting, waiting.seen);
    assert_int_equal(all.dead, graves.seen);
    assert_memory_equal(&all, &sum, sizeof all);
    assert_int_equal(fsm_fixture_rows(fx, "outbox"), waiting.seen + graves.seen);
    return dead ? graves.count : waiting.count;
}
