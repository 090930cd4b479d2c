/* command: payloads of commands to and from protobuf.
 *
 * Both directions pass command_check, so that nothing can be encoded that the
 * state machine would refuse to decode. Canonical form (C2) is proven by encoding
 * again what was decoded and comparing: that refuses unknown fields, default
 * values written out, fields out of order and long varints alike. */
#include "raft/command.h"

#include "raft/command.pb-c.h"
#include "raft/command_app.h"
#include "raft/command_self.h"
#include "raft/command_factor.h"
#include "store/base/check.h"
#include "store/base/limits.h"
#include "store/record.h"

/* Messages to people that one command may carry. */
#define MESSAGES_MAX 2

/* Memory behind a message that is being built. */
struct message_parts {
    union {
        ProtobufCMessage base;
        Tasuki__Command__BootRegister boot_register;
        Tasuki__Command__ClusterInit cluster_init;
        Tasuki__Command__FsmVersion fsm_version;
        Tasuki__Command__KeyAdd key_add;
        Tasuki__Command__KeyRevoke key_revoke;
        Tasuki__Command__AccountPut account_put;
        Tasuki__Command__ClientPut client_put;
        Tasuki__Command__ClientChange client_change;
        Tasuki__Command__Login login;
        Tasuki__Command__SessionEnd session_end;
        Tasuki__Command__GrantIssue grant_issue;
        Tasuki__Command__GrantRedeem grant_redeem;
        Tasuki__Command__TokenRefresh token_refresh;
        Tasuki__Command__MemberSeed member_seed;
        Tasuki__Command__MemberAdd member_add;
        Tasuki__Command__MemberRole member_role;
        Tasuki__Command__MemberSettle member_settle;
        Tasuki__Command__LeaderRegions leader_regions;
        Tasuki__Command__BackupNote backup_note;
        Tasuki__Command__ProofUse proof_use;
        Tasuki__Command__RequestPush request_push;
        Tasuki__Command__TokenRevoke token_revoke;
        Tasuki__Command__OutboxClaim outbox_claim;
        Tasuki__Command__OutboxSettle outbox_settle;
        Tasuki__Command__OutboxRetry outbox_retry;
        Tasuki__Command__StaffPut staff_put;
        Tasuki__Command__StaffLogin staff_login;
        Tasuki__Command__StaffSessionEnd staff_session_end;
        Tasuki__Command__StaffTouch staff_touch;
        Tasuki__Command__UsageAdd usage_add;
        Tasuki__Command__MessageSend message_send;
        Tasuki__Command__AuditNote audit_note;
        Tasuki__Command__Self self;
        struct command_factor_message factor;
        struct command_app_message app;
    };
    Tasuki__Command__Actor actor;
    Tasuki__Command__KeyAdd replacement;
    struct message_place {
        Tasuki__Command__MessageOut message;
        Tasuki__Command__Cap caps[LIMIT_MESSAGE_CAPS];
        Tasuki__Command__Cap *caps_at[LIMIT_MESSAGE_CAPS];
    } messages[MESSAGES_MAX];
    struct buf record; /* of a client */
    Tasuki__Command__Proof proofs[COMMAND_PROOFS_MAX];
    Tasuki__Command__Proof *proofs_at[COMMAND_PROOFS_MAX];
    Tasuki__Command__Binding binding;
    Tasuki__Command__GrantOpened grant_opened;
    Tasuki__Command__MemberAt members[LIMIT_NODES];
    Tasuki__Command__MemberAt *members_at[LIMIT_NODES];
    char *regions[STORE_REGIONS_MAX];
    ProtobufCBinaryData ids[LIMIT_OUTBOX_BATCH];
    Tasuki__Command__OutboxSettled settled[LIMIT_OUTBOX_BATCH];
    Tasuki__Command__OutboxSettled *settled_at[LIMIT_OUTBOX_BATCH];
    Tasuki__Command__UsageItem usage[LIMIT_USAGE_BATCH];
    Tasuki__Command__UsageItem *usage_at[LIMIT_USAGE_BATCH];
};

static ProtobufCBinaryData bytes_of(const uint8_t *data, size_t len) {
    return record_bytes(span_of(data, len));
}

/* A fixed array, or nothing. */
#define FIXED(array) bytes_of((array), sizeof(array))
#define FIXED_IF(cond, array) bytes_of((array), (cond) ? sizeof(array) : 0)

/* protobuf-c has no const strings; packing does not write through them. */
static char *text(const char *s) {
    return (char *)(uintptr_t)(s == NULL ? "" : s);
}

static bool all_zero(const uint8_t *data, size_t len) {
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= data[i];
    }
    return any == 0;
}

/* --- checks -------------------------------------------------------------- */

static bool text_ok(const char *s, size_t min, size_t max) {
    struct span in = span_str(text(s));
    return in.len >= min && in.len <= max && utf8_valid(in);
}

/* Identifiers that go into URLs and key names unescaped. */
static bool name_ok(const char *s, size_t max) {
    size_t len = strlen(text(s));

    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-')) {
            return false;
        }
    }
    return len > 0 && len <= max;
}

static bool client_id_ok(struct span client_id) {
    return client_id.len > 0 && client_id.len <= LIMIT_CLIENT_ID;
}

static bool key_add_ok(const struct cmd_key_add *c) {
    return name_ok(c->key.kid, LIMIT_KID) && c->key.alg >= KEY_RS256 &&
           c->key.alg <= KEY_ALG_LAST && c->key.public_jwk.len <= LIMIT_PUBLIC_JWK &&
           c->key.sealed_private.len <= LIMIT_SEALED_KEY &&
           (text(c->replaces)[0] == '\0' || name_ok(c->replaces, LIMIT_KID));
}

static bool key_revoke_ok(const struct cmd_key_revoke *c) {
    return name_ok(c->revoked, LIMIT_KID) && key_add_ok(&c->replacement) &&
           text(c->replacement.replaces)[0] == '\0';
}

static bool uris_ok(const char *const *uris, size_t count) {
    if (count > CLIENT_REDIRECTS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!text_ok(uris[i], 1, LIMIT_REDIRECT_URI)) {
            return false;
        }
    }
    return true;
}

static bool client_texts_ok(const struct client *c) {
    return text_ok(c->name, 0, LIMIT_CLIENT_NAME) &&
           text_ok(c->ministry, 0, LIMIT_CLIENT_NAME) &&
           text_ok(c->start_month, 0, 7) && text_ok(c->jwks, 0, LIMIT_CLIENT_JWKS) &&
           text_ok(c->tls_subject, 0, LIMIT_CLIENT_SUBJECT) &&
           text_ok(c->sector, 0, LIMIT_REDIRECT_URI) &&
           text_ok(c->audience, 0, LIMIT_REDIRECT_URI) &&
           text_ok(c->backchannel_logout_uri, 0, LIMIT_REDIRECT_URI) &&
           text_ok(c->initiate_login_uri, 0, LIMIT_REDIRECT_URI) &&
           text_ok(c->logo_uri, 0, LIMIT_REDIRECT_URI) &&
           text_ok(c->policy_uri, 0, LIMIT_REDIRECT_URI) &&
           text_ok(c->tos_uri, 0, LIMIT_REDIRECT_URI) &&
           text_ok(c->contacts, 0, LIMIT_CLIENT_NAME);
}

static bool client_change_ok(const struct cmd_client_change *c) {
    return name_ok(c->client_id, LIMIT_CLIENT_ID) &&
           (unsigned)c->stage <= CLIENT_RETIRED && (c->stage != 0 || c->has_secret) &&
           (c->has_secret || c->overlap_ms == 0);
}

static bool proofs_ok(const struct proofs *c) {
    if (c->count > COMMAND_PROOFS_MAX) {
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (c->at[i].ttl_ms == 0) {
            return false;
        }
    }
    return true;
}

static bool account_put_ok(const struct cmd_account_put *c) {
    const struct account *a = &c->account;
    return a->type >= ACCOUNT_ENTRY && a->type <= ACCOUNT_MEMBER &&
           a->state >= ACCOUNT_ACTIVE && a->state <= ACCOUNT_DELETED &&
           a->password_hash.len <= LIMIT_PASSWORD_HASH &&
           a->sealed_profile.len <= LIMIT_SEALED_PROFILE && proofs_ok(&c->proofs);
}

static bool caps_ok(const struct caps *c) {
    if (c->count > LIMIT_MESSAGE_CAPS) {
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (c->at[i].window_ms == 0) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (memcmp(c->at[i].key.b, c->at[j].key.b, sizeof c->at[i].key.b) == 0) {
                return false;
            }
        }
    }
    return true;
}

/* Absent, or sound. */
static bool message_ok(const struct message_out *c) {
    return !c->present ||
           (store_outbox_to_person(c->kind) && c->sealed.len > 0 &&
            c->sealed.len <= LIMIT_SEALED_MESSAGE &&
            c->client_id.len <= LIMIT_CLIENT_ID && caps_ok(&c->caps));
}

static bool usage_add_ok(const struct cmd_usage_add *c) {
    if (c->count == 0 || c->count > LIMIT_USAGE_BATCH || c->once.ttl_ms == 0) {
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i].client_id.len > 0 && !client_id_ok(c->items[i].client_id)) {
            return false;
        }
    }
    return true;
}

static bool client_put_ok(const struct cmd_client_put *put) {
    const struct client *c = &put->client;
    return name_ok(c->client_id, LIMIT_CLIENT_ID) && client_texts_ok(c) &&
           c->environment >= ENV_DEMO && c->environment <= ENV_PRODUCTION &&
           c->profile >= CLIENT_GBIZID && c->profile <= CLIENT_FAPI2 &&
           c->auth >= CLIENT_AUTH_NONE && c->auth <= CLIENT_AUTH_SELF_SIGNED_TLS &&
           c->id_token_alg >= CLIENT_RS256 && c->id_token_alg <= CLIENT_PS256 &&
           c->stage >= CLIENT_APPLIED && c->stage <= CLIENT_RETIRED &&
           (c->features & ~CLIENT_FEATURES_ALL) == 0 &&
           uris_ok(c->redirect_uris, c->redirect_uris_count) &&
           uris_ok(c->post_logout_uris, c->post_logout_uris_count) &&
           proofs_ok(&put->proofs);
}

static bool binding_ok(const struct binding *c) {
    return c->kind <= BINDING_TLS &&
           (c->kind != BINDING_NONE || all_zero(c->thumbprint, sizeof c->thumbprint));
}

static bool grant_issue_ok(const struct cmd_grant_issue *c) {
    return client_id_ok(c->client_id) && c->redirect_uri.len <= LIMIT_REDIRECT_URI &&
           c->nonce.len <= LIMIT_NONCE && c->challenge_method >= CHALLENGE_NONE &&
           c->challenge_method <= CHALLENGE_S256 && c->code_ttl_ms > 0 &&
           c->idle_ms > 0;
}

static bool grant_opened_ok(const struct grant_opened *c) {
    return c->redirect_uri.len <= LIMIT_REDIRECT_URI && c->nonce.len <= LIMIT_NONCE &&
           c->challenge_method >= CHALLENGE_NONE &&
           c->challenge_method <= CHALLENGE_S256 && c->code_ttl_ms > 0 &&
           c->idle_ms > 0;
}

static bool grant_redeem_ok(const struct cmd_grant_redeem *c) {
    return client_id_ok(c->client_id) && c->redirect_uri.len <= LIMIT_REDIRECT_URI &&
           (c->has_redirect_uri || c->redirect_uri.len == 0) && c->access_ttl_ms > 0 &&
           (c->refresh_scope_mask == 0 || c->refresh_ttl_ms > 0) &&
           proofs_ok(&c->proofs) && binding_ok(&c->binding) &&
           (!c->bind_refresh || c->binding.kind == BINDING_DPOP) &&
           (!c->opens || grant_opened_ok(&c->opened));
}

static bool token_refresh_ok(const struct cmd_token_refresh *c) {
    return client_id_ok(c->client_id) && c->access_ttl_ms > 0 &&
           c->refresh_ttl_ms > 0 && proofs_ok(&c->proofs) && binding_ok(&c->binding);
}

static bool request_push_ok(const struct cmd_request_push *c) {
    return client_id_ok(c->client_id) && c->form.len <= LIMIT_PUSHED_REQUEST &&
           c->ttl_ms > 0 && c->keep_ms >= c->ttl_ms && proofs_ok(&c->proofs);
}

static bool id_ok(uint64_t id) {
    return id > 0 && id <= STORE_MEMBER_ID_MAX;
}

static bool member_at_ok(const struct member_at *m) {
    return id_ok(m->id) && memchr(m->address, '\0', sizeof m->address) != NULL &&
           memchr(m->region, '\0', sizeof m->region) != NULL &&
           store_member_address_ok(m->address) && store_member_region_ok(m->region);
}

static bool member_seed_ok(const struct cmd_member_seed *c) {
    if (c->count == 0 || c->count > LIMIT_NODES) {
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (!member_at_ok(&c->members[i]) ||
            (i > 0 && c->members[i].id <= c->members[i - 1].id)) {
            return false;
        }
    }
    return true;
}

static bool backup_ok(const struct store_backup *c) {
    return c->index > 0 && id_ok(c->donor) && id_ok(c->taker);
}

static bool leader_regions_ok(const struct leader_regions *c) {
    if (c->count > STORE_REGIONS_MAX) {
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (memchr(c->region[i], '\0', sizeof c->region[i]) == NULL ||
            !store_member_region_ok(c->region[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(c->region[i], c->region[j]) == 0) {
                return false;
            }
        }
    }
    return true;
}

static bool outbox_settle_ok(const struct cmd_outbox_settle *c) {
    if (c->count == 0 || c->count > LIMIT_OUTBOX_BATCH) {
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (c->messages[i].reason > OUTBOX_REASON_LAST) {
            return false;
        }
    }
    return true;
}

static bool staff_put_ok(const struct staff *c) {
    return c->name.len > 0 && c->name.len <= LIMIT_STAFF_NAME && utf8_valid(c->name) &&
           (c->roles & ~STAFF_ROLES_ALL) == 0 &&
           (c->state == STAFF_ACTIVE || c->state == STAFF_DISABLED) &&
           c->generation < UINT64_MAX && c->password_hash.len > 0 &&
           c->password_hash.len <= LIMIT_PASSWORD_HASH && c->sealed_seed.len > 0 &&
           c->sealed_seed.len <= LIMIT_SEALED_SEED;
}

static bool staff_login_ok(const struct cmd_staff_login *c) {
    return (c->known || (!c->password_ok && !c->has_step && c->generation == 0)) &&
           (c->has_step || c->step == 0) && c->step <= UINT32_MAX && c->idle_ms > 0 &&
           c->lifetime_ms > 0;
}

static bool actor_ok(const struct actor *c) {
    static const struct {
        size_t min, max;
    } ids[AUDIT_ACTOR_LAST + 1] = {
        [AUDIT_ACCOUNT] = {AUDIT_ID_LEN, AUDIT_ID_LEN},
        [AUDIT_CLIENT] = {1, LIMIT_CLIENT_ID},
        [AUDIT_STAFF] = {AUDIT_ID_LEN, AUDIT_ID_LEN},
        [AUDIT_OPERATOR] = {1, LIMIT_AUDIT_ACTOR},
    };

    return (unsigned)c->kind <= AUDIT_ACTOR_LAST && c->id.len >= ids[c->kind].min &&
           c->id.len <= ids[c->kind].max && c->sealed.len <= LIMIT_SEALED_ORIGIN &&
           (c->has_source || all_zero(c->source, sizeof c->source)) &&
           c->at.len <= LIMIT_CLIENT_ID && utf8_valid(c->at) &&
           (c->kind != AUDIT_OPERATOR || utf8_valid(c->id)) &&
           (c->kind != AUDIT_SYSTEM ||
            (!c->has_source && c->sealed.len == 0 && c->at.len == 0));
}

/* Events that are told by nobody but who saw them. */
static bool audit_note_ok(const struct cmd_audit_note *c) {
    switch (c->event) {
    case AUDIT_REGISTRATION_TOKEN:
    case AUDIT_STAFF_READ:
    case AUDIT_RESTORED:
    case AUDIT_RECOVERED:
    case AUDIT_SEARCHED:
    case AUDIT_EXPORTED:
    case AUDIT_STAFF_REFUSED:
        return c->client_id.len <= LIMIT_CLIENT_ID && utf8_valid(c->client_id) &&
               c->note.len <= LIMIT_AUDIT_NOTE && utf8_valid(c->note);
    default:
        return false;
    }
}

static bool login_ok(const struct cmd_login *c) {
    return (c->known || !c->password_ok) && c->idle_ms > 0 && c->lifetime_ms > 0 &&
           (unsigned)c->second <= SECOND_LAST && caps_ok(&c->caps);
}

static bool message_send_ok(const struct cmd_message_send *c) {
    return c->message.present && message_ok(&c->message);
}

/* Commands about the second step. False: no command at all. */
static bool is_app(enum command_type type) {
    return type == CMD_APP_ADDRESS || (type >= CMD_APP_ENROL && type <= CMD_PASSKEY_LOGIN);
}

/* Commands about the second step that tell a person something, and where in each. */
static const struct told_place {
    enum command_type type;
    size_t plain, wire;
} told_places[] = {
#define TOLD(type, member, Message)                                                    \
    {type, offsetof(struct command, member.message),                                   \
     offsetof(Tasuki__Command__##Message, message)}
    TOLD(CMD_FACTOR_CHALLENGE, factor_challenge, FactorChallenge),
    TOLD(CMD_FACTOR_PASS, factor_pass, FactorPass),
    TOLD(CMD_FACTOR_PUT, factor_put, FactorPut),
    TOLD(CMD_FACTOR_DEL, factor_del, FactorDel),
    TOLD(CMD_RECOVERY_ASK, recovery_ask, RecoveryAsk),
    TOLD(CMD_PASSWORD_SET, password_set, PasswordSet),
    TOLD(CMD_APP_REGISTER, app_register, AppRegister),
#undef TOLD
};

/* NULL: the command tells nobody. */
static const struct told_place *told_place(enum command_type type) {
    for (size_t i = 0; i < sizeof told_places / sizeof told_places[0]; i++) {
        if (told_places[i].type == type) {
            return &told_places[i];
        }
    }
    return NULL;
}

static const struct message_out *factor_message(const struct command *command) {
    const struct told_place *place = told_place(command->type);

    return place == NULL
               ? NULL
               : (const struct message_out *)(const void *)((const char *)command +
                                                            place->plain);
}

static bool factor_ok(const struct command *command) {
    const struct message_out *message = factor_message(command);

    return (is_app(command->type) ? command_app_ok(command)
                                  : command_factor_ok(command)) &&
           (message == NULL || message_ok(message)) &&
           (command->type != CMD_RECOVERY_ASK || message->present);
}

static bool staff_ok(const struct command *command) {
    if (command->type == CMD_STAFF_PUT) {
        return staff_put_ok(&command->staff_put.staff);
    }
    if (command->type == CMD_STAFF_LOGIN) {
        return staff_login_ok(&command->staff_login);
    }
    return command->staff_touch.idle_ms > 0;
}

static bool cluster_ok(const struct command *command) {
    switch (command->type) {
    case CMD_MEMBER_SEED:
        return member_seed_ok(&command->member_seed);
    case CMD_MEMBER_ADD:
        return member_at_ok(&command->member_add.member);
    case CMD_MEMBER_ROLE:
        return id_ok(command->member_role.id) &&
               (command->member_role.role == MEMBER_VOTER ||
                command->member_role.role == MEMBER_GONE);
    case CMD_MEMBER_SETTLE:
        return id_ok(command->member_settle.id);
    case CMD_LEADER_REGIONS:
        return leader_regions_ok(&command->leader_regions.regions);
    default:
        return backup_ok(&command->backup_note.backup);
    }
}

/* Commands whose record in the audit is what they are about. */
static bool told_ok(const struct command *command) {
    return command->type == CMD_AUDIT_NOTE ? audit_note_ok(&command->audit_note)
                                           : command_self_ok(&command->self) &&
                                                 message_ok(&command->self.message) &&
                                                 message_ok(&command->self.notice);
}

static bool command_ok(const struct command *command) {
    switch (command->type) {
    case CMD_BOOT_REGISTER:
        return command->boot_register.node != 0 && command->boot_register.boot != 0;
    case CMD_CLUSTER_INIT:
        return !all_zero(command->cluster_init.cluster_id.b, 16);
    case CMD_FSM_VERSION:
    case CMD_SESSION_END:
    case CMD_OUTBOX_RETRY:
    case CMD_STAFF_SESSION_END:
    case CMD_TICK:
    CMD_INTAKE_CASES: /* command_intake_encode, _decode check their own */
        return true;
    case CMD_KEY_ADD:
        return key_add_ok(&command->key_add);
    case CMD_KEY_REVOKE:
        return key_revoke_ok(&command->key_revoke);
    case CMD_ACCOUNT_PUT:
        return account_put_ok(&command->account_put);
    case CMD_CLIENT_PUT:
        return client_put_ok(&command->client_put);
    case CMD_CLIENT_CHANGE:
        return client_change_ok(&command->client_change);
    case CMD_LOGIN:
        return login_ok(&command->login);
    case CMD_GRANT_ISSUE:
        return grant_issue_ok(&command->grant_issue);
    case CMD_GRANT_REDEEM:
        return grant_redeem_ok(&command->grant_redeem);
    case CMD_TOKEN_REFRESH:
        return token_refresh_ok(&command->token_refresh);
    case CMD_PROOF_USE:
        return command->proof_use.proofs.count > 0 &&
               proofs_ok(&command->proof_use.proofs);
    case CMD_REQUEST_PUSH:
        return request_push_ok(&command->request_push);
    case CMD_TOKEN_REVOKE:
        return client_id_ok(command->token_revoke.client_id) &&
               proofs_ok(&command->token_revoke.proofs);
    case CMD_MEMBER_SEED:
    case CMD_MEMBER_ADD:
    case CMD_MEMBER_ROLE:
    case CMD_MEMBER_SETTLE:
    case CMD_LEADER_REGIONS:
    case CMD_BACKUP_NOTE:
        return cluster_ok(command);
    case CMD_OUTBOX_CLAIM:
        return id_ok(command->outbox_claim.node) && command->outbox_claim.count > 0 &&
               command->outbox_claim.count <= LIMIT_OUTBOX_BATCH;
    case CMD_OUTBOX_SETTLE:
        return outbox_settle_ok(&command->outbox_settle);
    case CMD_STAFF_PUT:
    case CMD_STAFF_LOGIN:
    case CMD_STAFF_TOUCH:
        return staff_ok(command);
    case CMD_USAGE_ADD:
        return usage_add_ok(&command->usage_add);
    case CMD_MESSAGE_SEND:
        return message_send_ok(&command->message_send);
    case CMD_AUDIT_NOTE:
    case CMD_SELF:
        return told_ok(command);
    default:
        return factor_ok(command);
    }
}

/* --- plain structs to messages ------------------------------------------- */

static void build_key_add(const struct cmd_key_add *c, Tasuki__Command__KeyAdd *m) {
    tasuki__command__key_add__init(m);
    m->kid = text(c->key.kid);
    m->alg = c->key.alg;
    m->public_jwk = record_bytes(c->key.public_jwk);
    m->sealed_private = record_bytes(c->key.sealed_private);
    m->replaces = text(c->replaces);
    m->delay_ms = c->delay_ms;
    m->keep_ms = c->keep_ms;
}

static void build_key_revoke(const struct cmd_key_revoke *c,
                             struct message_parts *parts) {
    Tasuki__Command__KeyRevoke *m = &parts->key_revoke;

    tasuki__command__key_revoke__init(m);
    build_key_add(&c->replacement, &parts->replacement);
    m->revoked = text(c->revoked);
    m->replacement = &parts->replacement;
}

static void build_client_change(const struct cmd_client_change *c,
                                Tasuki__Command__ClientChange *m) {
    tasuki__command__client_change__init(m);
    m->client_id = text(c->client_id);
    m->stage = c->stage;
    m->secret_hash = FIXED_IF(c->has_secret, c->secret_hash);
    m->overlap_ms = c->overlap_ms;
    m->revision = c->revision;
}

static size_t build_proofs(const struct proofs *c, struct message_parts *parts) {
    for (size_t i = 0; i < c->count; i++) {
        tasuki__command__proof__init(&parts->proofs[i]);
        parts->proofs[i].key = FIXED(c->at[i].key.b);
        parts->proofs[i].ttl_ms = c->at[i].ttl_ms;
        parts->proofs_at[i] = &parts->proofs[i];
    }
    return c->count;
}

static void build_account_put(const struct cmd_account_put *c,
                              struct message_parts *parts) {
    Tasuki__Command__AccountPut *m = &parts->account_put;
    const struct account *a = &c->account;

    tasuki__command__account_put__init(m);
    m->sub = FIXED(a->sub.b);
    m->login_index = FIXED(a->login_index.b);
    m->type = a->type;
    m->state = a->state;
    m->generation = a->generation;
    m->parent_sub = FIXED_IF(a->has_parent, a->parent_sub.b);
    m->password_hash = record_bytes(a->password_hash);
    m->sealed_profile = record_bytes(a->sealed_profile);
    m->replace = c->replace;
    m->n_proofs = build_proofs(&c->proofs, parts);
    m->proofs = parts->proofs_at;
}

/* NULL: none. */
static Tasuki__Command__Binding *build_binding(const struct binding *c,
                                               struct message_parts *parts) {
    if (c->kind == BINDING_NONE) {
        return NULL;
    }
    tasuki__command__binding__init(&parts->binding);
    parts->binding.kind = c->kind;
    parts->binding.thumbprint = FIXED(c->thumbprint);
    return &parts->binding;
}

static size_t build_caps(const struct caps *c, struct message_place *place) {
    for (size_t i = 0; i < c->count; i++) {
        tasuki__command__cap__init(&place->caps[i]);
        place->caps[i].key = FIXED(c->at[i].key.b);
        place->caps[i].max = c->at[i].max;
        place->caps[i].window_ms = c->at[i].window_ms;
        place->caps[i].shared = c->at[i].shared;
        place->caps[i].yields = c->at[i].yields;
        place->caps_at[i] = &place->caps[i];
    }
    return c->count;
}

/* The `n`th message of the command, below MESSAGES_MAX. NULL: absent. */
static Tasuki__Command__MessageOut *build_message(const struct message_out *c,
                                                  struct message_parts *parts,
                                                  size_t n) {
    struct message_place *place = &parts->messages[n];
    Tasuki__Command__MessageOut *m = &place->message;

    if (!c->present) {
        return NULL;
    }
    tasuki__command__message_out__init(m);
    m->id = FIXED(c->id.b);
    m->kind = c->kind;
    m->sub = FIXED_IF(c->has_sub, c->sub.b);
    m->recipient = FIXED(c->recipient.b);
    m->sealed = record_bytes(c->sealed);
    m->ttl_ms = c->ttl_ms;
    m->client_id = record_bytes(c->client_id);
    m->n_caps = build_caps(&c->caps, place);
    m->caps = place->caps_at;
    return m;
}

static void build_message_send(const struct cmd_message_send *c,
                               struct message_parts *parts) {
    tasuki__command__message_send__init(&parts->message_send);
    parts->message_send.message = build_message(&c->message, parts, 0);
}

static void build_client_put(const struct cmd_client_put *put,
                             struct message_parts *parts) {
    struct client client = put->client;
    Tasuki__Command__ClientPut *m = &parts->client_put;

    client.created_ms = client.revision = 0;
    store_client_encode(&client, &parts->record);
    tasuki__command__client_put__init(m);
    m->client_id = text(client.client_id);
    m->record = bytes_of(parts->record.data, parts->record.len);
    m->replace = put->replace;
    m->revision = put->revision;
    m->n_proofs = build_proofs(&put->proofs, parts);
    m->proofs = parts->proofs_at;
}

static void build_client(const struct command *command, struct message_parts *parts) {
    if (command->type == CMD_CLIENT_PUT) {
        build_client_put(&command->client_put, parts);
    } else {
        build_client_change(&command->client_change, &parts->client_change);
    }
}

static void build_usage_add(const struct cmd_usage_add *c,
                            struct message_parts *parts) {
    struct proofs once = {.count = 1};

    tasuki__command__usage_add__init(&parts->usage_add);
    once.at[0] = c->once;
    build_proofs(&once, parts);
    parts->proofs[0].key = FIXED(c->once.key.b); /* `once` ends here */
    parts->usage_add.once = &parts->proofs[0];
    for (size_t i = 0; i < c->count; i++) {
        Tasuki__Command__UsageItem *m = &parts->usage[i];
        tasuki__command__usage_item__init(m);
        m->client_id = record_bytes(c->items[i].client_id);
        m->logins = c->items[i].counts[USAGE_LOGIN];
        m->userinfo = c->items[i].counts[USAGE_USERINFO];
        m->top = c->items[i].counts[USAGE_TOP];
        m->sms = c->items[i].counts[USAGE_SMS];
        m->app_android = c->items[i].counts[USAGE_APP_ANDROID];
        m->app_ios = c->items[i].counts[USAGE_APP_IOS];
        parts->usage_at[i] = m;
    }
    parts->usage_add.items = parts->usage_at;
    parts->usage_add.n_items = c->count;
}

static void build_proof_use(const struct cmd_proof_use *c,
                            struct message_parts *parts) {
    tasuki__command__proof_use__init(&parts->proof_use);
    parts->proof_use.n_proofs = build_proofs(&c->proofs, parts);
    parts->proof_use.proofs = parts->proofs_at;
}

static void build_request_push(const struct cmd_request_push *c,
                               struct message_parts *parts) {
    Tasuki__Command__RequestPush *m = &parts->request_push;

    tasuki__command__request_push__init(m);
    m->key = FIXED(c->key.b);
    m->client_id = record_bytes(c->client_id);
    m->form = record_bytes(c->form);
    m->ttl_ms = c->ttl_ms;
    m->keep_ms = c->keep_ms;
    m->n_proofs = build_proofs(&c->proofs, parts);
    m->proofs = parts->proofs_at;
}

static void build_login(const struct cmd_login *c, struct message_parts *parts) {
    Tasuki__Command__Login *m = &parts->login;

    tasuki__command__login__init(m);
    m->n_caps = build_caps(&c->caps, &parts->messages[0]);
    m->caps = parts->messages[0].caps_at;
    m->login_index = FIXED(c->login_index.b);
    m->sub = FIXED_IF(c->known, c->sub.b);
    m->password_ok = c->password_ok;
    m->generation = c->generation;
    m->session = FIXED(c->session.b);
    m->sid = FIXED(c->sid.b);
    m->replaced = FIXED_IF(c->has_replaced, c->replaced.b);
    m->idle_ms = c->idle_ms;
    m->lifetime_ms = c->lifetime_ms;
    m->methods = c->methods;
    m->second = c->second;
    m->signin = FIXED(c->signin.b);
    m->browser = FIXED(c->browser);
    m->signin_ttl_ms = c->signin_ttl_ms;
    m->device = FIXED_IF(c->has_device, c->device.b);
}

static void build_grant_issue(const struct cmd_grant_issue *c,
                              Tasuki__Command__GrantIssue *m) {
    tasuki__command__grant_issue__init(m);
    m->code = FIXED(c->code.b);
    m->session = FIXED(c->session.b);
    m->client_id = record_bytes(c->client_id);
    m->redirect_uri = record_bytes(c->redirect_uri);
    m->scopes = c->scopes;
    m->consent_scopes = c->consent_scopes;
    m->nonce = record_bytes(c->nonce);
    m->challenge_method = c->challenge_method;
    m->challenge = FIXED_IF(c->challenge_method != CHALLENGE_NONE, c->challenge);
    m->code_ttl_ms = c->code_ttl_ms;
    m->grant_ttl_ms = c->grant_ttl_ms;
    m->idle_ms = c->idle_ms;
    m->auth_after_ms = c->auth_after_ms;
    m->id_token_claims = c->id_token_claims;
    m->userinfo_claims = c->userinfo_claims;
    m->dpop_key = FIXED_IF(c->has_dpop_key, c->dpop_key);
    m->pushed = FIXED_IF(c->has_pushed, c->pushed.b);
}

static void build_grant_opened(const struct grant_opened *c,
                               Tasuki__Command__GrantOpened *m) {
    tasuki__command__grant_opened__init(m);
    m->epoch = c->epoch;
    m->session = FIXED(c->session.b);
    m->generation = c->generation;
    m->code_expires_ms = c->code_expires_ms;
    m->code_ttl_ms = c->code_ttl_ms;
    m->idle_ms = c->idle_ms;
    m->auth_after_ms = c->auth_after_ms;
    m->redirect_uri = record_bytes(c->redirect_uri);
    m->scopes = c->scopes;
    m->consented = c->consented;
    m->nonce = record_bytes(c->nonce);
    m->challenge_method = c->challenge_method;
    m->challenge = FIXED_IF(c->challenge_method != CHALLENGE_NONE, c->challenge);
    m->id_token_claims = c->id_token_claims;
    m->userinfo_claims = c->userinfo_claims;
    m->dpop_key = FIXED_IF(c->has_dpop_key, c->dpop_key);
}

static void build_grant_redeem(const struct cmd_grant_redeem *c,
                               struct message_parts *parts) {
    Tasuki__Command__GrantRedeem *m = &parts->grant_redeem;

    tasuki__command__grant_redeem__init(m);
    m->code = FIXED(c->code.b);
    m->client_id = record_bytes(c->client_id);
    m->has_redirect_uri = c->has_redirect_uri;
    m->redirect_uri = record_bytes(c->redirect_uri);
    m->verifier_hash = FIXED_IF(c->has_verifier, c->verifier_hash);
    m->access = FIXED(c->access.b);
    m->access_ttl_ms = c->access_ttl_ms;
    m->refresh_scope_mask = c->refresh_scope_mask;
    m->refresh = FIXED(c->refresh.b);
    m->refresh_ttl_ms = c->refresh_ttl_ms;
    m->n_proofs = build_proofs(&c->proofs, parts);
    m->proofs = parts->proofs_at;
    m->binding = build_binding(&c->binding, parts);
    m->bind_refresh = c->bind_refresh;
    if (c->opens) {
        build_grant_opened(&c->opened, &parts->grant_opened);
        m->opened = &parts->grant_opened;
    }
}

static void build_token_refresh(const struct cmd_token_refresh *c,
                                struct message_parts *parts) {
    Tasuki__Command__TokenRefresh *m = &parts->token_refresh;

    tasuki__command__token_refresh__init(m);
    m->refresh = FIXED(c->refresh.b);
    m->client_id = record_bytes(c->client_id);
    m->scopes = c->scopes;
    m->next_refresh = FIXED(c->next_refresh.b);
    m->next_access = FIXED(c->next_access.b);
    m->access_ttl_ms = c->access_ttl_ms;
    m->refresh_ttl_ms = c->refresh_ttl_ms;
    m->grace_ms = c->grace_ms;
    m->n_proofs = build_proofs(&c->proofs, parts);
    m->proofs = parts->proofs_at;
    m->binding = build_binding(&c->binding, parts);
}

static void build_token_revoke(const struct cmd_token_revoke *c,
                               struct message_parts *parts) {
    Tasuki__Command__TokenRevoke *m = &parts->token_revoke;

    tasuki__command__token_revoke__init(m);
    m->refresh = c->refresh;
    m->key = FIXED(c->key.b);
    m->client_id = record_bytes(c->client_id);
    m->n_proofs = build_proofs(&c->proofs, parts);
    m->proofs = parts->proofs_at;
}

static Tasuki__Command__MemberAt *build_member_at(const struct member_at *c,
                                                  Tasuki__Command__MemberAt *m) {
    tasuki__command__member_at__init(m);
    m->id = c->id;
    m->address = text(c->address);
    m->region = text(c->region);
    return m;
}

static void build_member_seed(const struct cmd_member_seed *c,
                              struct message_parts *parts) {
    tasuki__command__member_seed__init(&parts->member_seed);
    for (size_t i = 0; i < c->count; i++) {
        parts->members_at[i] = build_member_at(&c->members[i], &parts->members[i]);
    }
    parts->member_seed.members = parts->members_at;
    parts->member_seed.n_members = c->count;
}

static void build_member_add(const struct cmd_member_add *c,
                             struct message_parts *parts) {
    tasuki__command__member_add__init(&parts->member_add);
    parts->member_add.member = build_member_at(&c->member, &parts->members[0]);
}

static void build_member_role(const struct cmd_member_role *c,
                              Tasuki__Command__MemberRole *m) {
    tasuki__command__member_role__init(m);
    m->id = c->id;
    m->role = c->role;
}

static void build_member_settle(const struct cmd_member_settle *c,
                                Tasuki__Command__MemberSettle *m) {
    tasuki__command__member_settle__init(m);
    m->id = c->id;
    m->changed_index = c->changed_index;
}

static void build_backup_note(const struct store_backup *c,
                              Tasuki__Command__BackupNote *m) {
    tasuki__command__backup_note__init(m);
    m->index = c->index;
    m->digest_lo = c->digest.lo;
    m->digest_hi = c->digest.hi;
    m->rows = c->rows;
    m->bytes = c->bytes;
    m->donor = c->donor;
    m->taker = c->taker;
}

static void build_leader_regions(const struct leader_regions *c,
                                 struct message_parts *parts) {
    tasuki__command__leader_regions__init(&parts->leader_regions);
    for (size_t i = 0; i < c->count; i++) {
        parts->regions[i] = text(c->region[i]);
    }
    parts->leader_regions.regions = parts->regions;
    parts->leader_regions.n_regions = c->count;
}

static void build_outbox_claim(const struct cmd_outbox_claim *c,
                               struct message_parts *parts) {
    tasuki__command__outbox_claim__init(&parts->outbox_claim);
    for (size_t i = 0; i < c->count; i++) {
        parts->ids[i] = FIXED(c->ids[i].b);
    }
    parts->outbox_claim.node = c->node;
    parts->outbox_claim.ids = parts->ids;
    parts->outbox_claim.n_ids = c->count;
}

static void build_outbox_settle(const struct cmd_outbox_settle *c,
                                struct message_parts *parts) {
    tasuki__command__outbox_settle__init(&parts->outbox_settle);
    for (size_t i = 0; i < c->count; i++) {
        Tasuki__Command__OutboxSettled *m = &parts->settled[i];
        tasuki__command__outbox_settled__init(m);
        m->id = FIXED(c->messages[i].id.b);
        m->attempt = c->messages[i].attempt;
        m->reason = c->messages[i].reason;
        parts->settled_at[i] = m;
    }
    parts->outbox_settle.messages = parts->settled_at;
    parts->outbox_settle.n_messages = c->count;
}

static void build_outbox_retry(const struct cmd_outbox_retry *c,
                               Tasuki__Command__OutboxRetry *m) {
    tasuki__command__outbox_retry__init(m);
    m->id = FIXED(c->id.b);
}

static void build_staff_put(const struct staff *c, Tasuki__Command__StaffPut *m) {
    tasuki__command__staff_put__init(m);
    m->id = FIXED(c->id.b);
    m->login_index = FIXED(c->login_index.b);
    m->name = record_bytes(c->name);
    m->roles = c->roles;
    m->state = c->state;
    m->generation = c->generation;
    m->password_hash = record_bytes(c->password_hash);
    m->sealed_seed = record_bytes(c->sealed_seed);
}

static void build_staff_login(const struct cmd_staff_login *c,
                              Tasuki__Command__StaffLogin *m) {
    tasuki__command__staff_login__init(m);
    m->id = FIXED_IF(c->known, c->id.b);
    m->password_ok = c->password_ok;
    m->has_step = c->has_step;
    m->generation = c->generation;
    m->step = c->step;
    m->session = FIXED(c->session.b);
    m->replaced = FIXED_IF(c->has_replaced, c->replaced.b);
    m->idle_ms = c->idle_ms;
    m->lifetime_ms = c->lifetime_ms;
}

static void build_staff_session_end(const struct cmd_staff_session_end *c,
                                    Tasuki__Command__StaffSessionEnd *m) {
    tasuki__command__staff_session_end__init(m);
    m->session = FIXED(c->session.b);
}

static void build_audit_note(const struct cmd_audit_note *c,
                             Tasuki__Command__AuditNote *m) {
    tasuki__command__audit_note__init(m);
    m->event = c->event;
    m->sub = FIXED_IF(c->has_sub, c->sub.b);
    m->staff = FIXED_IF(c->has_staff, c->staff.b);
    m->client_id = record_bytes(c->client_id);
    m->note = record_bytes(c->note);
}

/* Commands about the cluster itself. */
static void build_cluster(const struct command *command, struct message_parts *parts) {
    switch (command->type) {
    case CMD_BOOT_REGISTER:
        tasuki__command__boot_register__init(&parts->boot_register);
        parts->boot_register.node = command->boot_register.node;
        parts->boot_register.boot = command->boot_register.boot;
        break;
    case CMD_CLUSTER_INIT:
        tasuki__command__cluster_init__init(&parts->cluster_init);
        parts->cluster_init.cluster_id = FIXED(command->cluster_init.cluster_id.b);
        break;
    case CMD_FSM_VERSION:
        tasuki__command__fsm_version__init(&parts->fsm_version);
        parts->fsm_version.version = command->fsm_version.version;
        break;
    case CMD_MEMBER_SEED:
        build_member_seed(&command->member_seed, parts);
        break;
    case CMD_MEMBER_ADD:
        build_member_add(&command->member_add, parts);
        break;
    case CMD_MEMBER_ROLE:
        build_member_role(&command->member_role, &parts->member_role);
        break;
    case CMD_MEMBER_SETTLE:
        build_member_settle(&command->member_settle, &parts->member_settle);
        break;
    case CMD_LEADER_REGIONS:
        build_leader_regions(&command->leader_regions.regions, parts);
        break;
    case CMD_BACKUP_NOTE:
        build_backup_note(&command->backup_note.backup, &parts->backup_note);
        break;
    default:
        CHECK(!"another command than those of `build`");
    }
}

/* Commands about the outbox. */
static void build_outbox(const struct command *command, struct message_parts *parts) {
    if (command->type == CMD_OUTBOX_CLAIM) {
        build_outbox_claim(&command->outbox_claim, parts);
    } else if (command->type == CMD_OUTBOX_SETTLE) {
        build_outbox_settle(&command->outbox_settle, parts);
    } else if (command->type == CMD_OUTBOX_RETRY) {
        build_outbox_retry(&command->outbox_retry, &parts->outbox_retry);
    } else {
        build_message_send(&command->message_send, parts);
    }
}

/* Commands about staff. */
static void build_staff(const struct command *command, struct message_parts *parts) {
    if (command->type == CMD_STAFF_PUT) {
        build_staff_put(&command->staff_put.staff, &parts->staff_put);
    } else if (command->type == CMD_STAFF_LOGIN) {
        build_staff_login(&command->staff_login, &parts->staff_login);
    } else if (command->type == CMD_STAFF_TOUCH) {
        tasuki__command__staff_touch__init(&parts->staff_touch);
        parts->staff_touch.session = FIXED(command->staff_touch.session.b);
        parts->staff_touch.idle_ms = command->staff_touch.idle_ms;
    } else {
        build_staff_session_end(&command->staff_session_end, &parts->staff_session_end);
    }
}

/* Commands about grants and tokens. */
static void build_grant(const struct command *command, struct message_parts *parts) {
    if (command->type == CMD_GRANT_ISSUE) {
        build_grant_issue(&command->grant_issue, &parts->grant_issue);
    } else if (command->type == CMD_GRANT_REDEEM) {
        build_grant_redeem(&command->grant_redeem, parts);
    } else if (command->type == CMD_TOKEN_REFRESH) {
        build_token_refresh(&command->token_refresh, parts);
    } else {
        build_token_revoke(&command->token_revoke, parts);
    }
}

static void build_session_end(const struct cmd_session_end *c,
                              Tasuki__Command__SessionEnd *m) {
    tasuki__command__session_end__init(m);
    m->session = FIXED(c->session.b);
}

static void build_key(const struct command *command, struct message_parts *parts) {
    if (command->type == CMD_KEY_ADD) {
        build_key_add(&command->key_add, &parts->key_add);
    } else {
        build_key_revoke(&command->key_revoke, parts);
    }
}

/* Commands about the second step. */
static void build_factor(const struct command *command, struct message_parts *parts) {
    const struct told_place *place = told_place(command->type);
    void *wire = &parts->factor;

    if (is_app(command->type)) {
        wire = &parts->app;
        command_app_build(command, &parts->app);
    } else {
        command_factor_build(command, &parts->factor);
    }
    if (place != NULL) {
        *(Tasuki__Command__MessageOut **)(void *)((char *)wire + place->wire) =
            build_message(factor_message(command), parts, 0);
    }
}

/* Commands that bring records and counters. */
static void build_told(const struct command *command, struct message_parts *parts) {
    if (command->type == CMD_USAGE_ADD) {
        build_usage_add(&command->usage_add, parts);
        return;
    }
    if (command->type == CMD_AUDIT_NOTE) {
        build_audit_note(&command->audit_note, &parts->audit_note);
        return;
    }
    command_self_build(&command->self, &parts->self);
    parts->self.message = build_message(&command->self.message, parts, 0);
    parts->self.notice = build_message(&command->self.notice, parts, 1);
}

/* NULL: a command without payload. `command` has passed command_ok. */
static const ProtobufCMessage *build(const struct command *command,
                                     struct message_parts *parts) {
    switch (command->type) {
    case CMD_BOOT_REGISTER:
    case CMD_CLUSTER_INIT:
    case CMD_FSM_VERSION:
    case CMD_MEMBER_SEED:
    case CMD_MEMBER_ADD:
    case CMD_MEMBER_ROLE:
    case CMD_MEMBER_SETTLE:
    case CMD_LEADER_REGIONS:
    case CMD_BACKUP_NOTE:
        build_cluster(command, parts);
        break;
    case CMD_KEY_ADD:
    case CMD_KEY_REVOKE:
        build_key(command, parts);
        break;
    case CMD_ACCOUNT_PUT:
        build_account_put(&command->account_put, parts);
        break;
    case CMD_CLIENT_PUT:
    case CMD_CLIENT_CHANGE:
        build_client(command, parts);
        break;
    case CMD_LOGIN:
        build_login(&command->login, parts);
        break;
    case CMD_SESSION_END:
        build_session_end(&command->session_end, &parts->session_end);
        break;
    case CMD_GRANT_ISSUE:
    case CMD_GRANT_REDEEM:
    case CMD_TOKEN_REFRESH:
    case CMD_TOKEN_REVOKE:
        build_grant(command, parts);
        break;
    case CMD_PROOF_USE:
        build_proof_use(&command->proof_use, parts);
        break;
    case CMD_REQUEST_PUSH:
        build_request_push(&command->request_push, parts);
        break;
    case CMD_OUTBOX_CLAIM:
    case CMD_OUTBOX_SETTLE:
    case CMD_OUTBOX_RETRY:
    case CMD_MESSAGE_SEND:
        build_outbox(command, parts);
        break;
    case CMD_STAFF_PUT:
    case CMD_STAFF_LOGIN:
    case CMD_STAFF_SESSION_END:
    case CMD_STAFF_TOUCH:
        build_staff(command, parts);
        break;
    case CMD_USAGE_ADD:
    case CMD_AUDIT_NOTE:
    case CMD_SELF:
        build_told(command, parts);
        break;
    CMD_INTAKE_CASES:
    case CMD_TICK:
        return NULL;
    default:
        build_factor(command, parts);
        break;
    }
    return &parts->base;
}

/* Where the actor stands in a message of this kind; NULL: it has no place for one. */
#define ACTOR_FIELD 100
static const ProtobufCFieldDescriptor *actor_field(
    const ProtobufCMessageDescriptor *kind) {
    return protobuf_c_message_descriptor_get_field(kind, ACTOR_FIELD);
}

/* The place itself. */
static Tasuki__Command__Actor **actor_at(ProtobufCMessage *message,
                                         const ProtobufCFieldDescriptor *field) {
    return (Tasuki__Command__Actor **)(void *)((char *)message + field->offset);
}

static void build_actor(const struct actor *c, struct message_parts *parts) {
    Tasuki__Command__Actor *m = &parts->actor;

    if (c->kind == AUDIT_SYSTEM) {
        return; /* absent */
    }
    tasuki__command__actor__init(m);
    m->kind = c->kind;
    m->id = record_bytes(c->id);
    m->source = FIXED_IF(c->has_source, c->source);
    m->sealed = record_bytes(c->sealed);
    m->at = record_bytes(c->at);
    *actor_at(&parts->base, actor_field(parts->base.descriptor)) = m;
}

/* `command` has passed command_ok. */
static enum err pack(const struct command *command, struct buf *out) {
    struct message_parts parts;
    const ProtobufCMessage *message;
    size_t start = out->len;
    enum err err;

    buf_init(&parts.record, LIMIT_COMMAND);
    message = build(command, &parts);
    err = buf_err(&parts.record);
    if (err == OK && message != NULL) {
        build_actor(&command->actor, &parts);
        record_pack(message, out);
        err = buf_err(out);
    }
    if (err == OK && out->len - start > LIMIT_COMMAND) {
        err = ERR_TOO_BIG;
    }
    buf_free(&parts.record);
    return err;
}

enum err command_encode(const struct command *command, struct buf *out) {
    if (!command_ok(command) || !actor_ok(&command->actor) ||
        (command->actor.kind != AUDIT_SYSTEM && !command_takes_actor(command->type)) ||
        (command->type == CMD_FSM_VERSION &&
         command->fsm_version.version > FSM_VERSION_MAX)) {
        return ERR_INVALID;
    }
    return command_intake_is(command->type) ? command_intake_encode(command, out)
                                            : pack(command, out);
}

/* --- messages to plain structs ------------------------------------------- */

/* Exactly the array's length, or (optional) nothing at all. */
#define TAKE(field, array) record_fixed((field), (array), sizeof(array))
#define TAKE_IF(field, array) ((field).len == 0 || TAKE(field, array))

static bool take_key_add(const Tasuki__Command__KeyAdd *m, struct cmd_key_add *c) {
    c->key.kid = m->kid;
    c->key.alg = (enum key_alg)m->alg;
    c->key.public_jwk = record_span(m->public_jwk);
    c->key.sealed_private = record_span(m->sealed_private);
    c->replaces = m->replaces;
    c->delay_ms = m->delay_ms;
    c->keep_ms = m->keep_ms;
    return true;
}

static bool take_key_revoke(const Tasuki__Command__KeyRevoke *m,
                            struct cmd_key_revoke *c) {
    c->revoked = m->revoked;
    return m->replacement != NULL && take_key_add(m->replacement, &c->replacement);
}

static bool take_proofs(size_t n, Tasuki__Command__Proof *const *from,
                        struct proofs *c) {
    if (n > COMMAND_PROOFS_MAX) {
        return false;
    }
    c->count = n;
    for (size_t i = 0; i < n; i++) {
        c->at[i].ttl_ms = from[i]->ttl_ms;
        if (!TAKE(from[i]->key, c->at[i].key.b)) {
            return false;
        }
    }
    return true;
}

static bool take_account_put(const Tasuki__Command__AccountPut *m,
                             struct cmd_account_put *c) {
    struct account *a = &c->account;
    a->type = (enum account_type)m->type;
    a->state = (enum account_state)m->state;
    a->generation = m->generation;
    a->has_parent = m->parent_sub.len > 0;
    a->password_hash = record_span(m->password_hash);
    a->sealed_profile = record_span(m->sealed_profile);
    c->replace = m->replace;
    return TAKE(m->sub, a->sub.b) && TAKE(m->login_index, a->login_index.b) &&
           TAKE_IF(m->parent_sub, a->parent_sub.b) &&
           take_proofs(m->n_proofs, m->proofs, &c->proofs);
}

static bool take_caps(size_t n, Tasuki__Command__Cap *const *from, struct caps *c) {
    if (n > LIMIT_MESSAGE_CAPS) {
        return false;
    }
    c->count = n;
    for (size_t i = 0; i < n; i++) {
        c->at[i].max = from[i]->max;
        c->at[i].window_ms = from[i]->window_ms;
        c->at[i].shared = from[i]->shared;
        c->at[i].yields = from[i]->yields;
        if (!TAKE(from[i]->key, c->at[i].key.b)) {
            return false;
        }
    }
    return true;
}

/* `m` is NULL where the field was absent. */
static bool take_message(const Tasuki__Command__MessageOut *m, struct message_out *c) {
    if (m == NULL) {
        return true;
    }
    c->present = true;
    c->kind = (enum outbox_kind)m->kind;
    c->has_sub = m->sub.len > 0;
    c->sealed = record_span(m->sealed);
    c->ttl_ms = m->ttl_ms;
    c->client_id = record_span(m->client_id);
    return TAKE(m->id, c->id.b) && TAKE_IF(m->sub, c->sub.b) &&
           TAKE(m->recipient, c->recipient.b) && take_caps(m->n_caps, m->caps, &c->caps);
}

static bool take_client_put(const Tasuki__Command__ClientPut *m, struct arena *arena,
                            struct cmd_client_put *put) {
    put->replace = m->replace;
    put->revision = m->revision;
    return take_proofs(m->n_proofs, m->proofs, &put->proofs) &&
           store_client_decode(span_str(m->client_id), record_span(m->record), arena,
                               &put->client) == OK;
}

static bool take_client_change(const Tasuki__Command__ClientChange *m,
                               struct cmd_client_change *c) {
    c->client_id = m->client_id;
    c->stage = (enum client_stage)m->stage;
    c->overlap_ms = m->overlap_ms;
    c->revision = m->revision;
    c->has_secret = m->secret_hash.len > 0;
    return !c->has_secret || TAKE(m->secret_hash, c->secret_hash);
}

static bool take_client(const void *m, struct arena *arena, struct command *command) {
    return command->type == CMD_CLIENT_PUT
               ? take_client_put(m, arena, &command->client_put)
               : take_client_change(m, &command->client_change);
}

static bool take_usage_add(const Tasuki__Command__UsageAdd *m,
                           struct cmd_usage_add *c) {
    if (m->once == NULL || m->n_items > LIMIT_USAGE_BATCH ||
        !TAKE(m->once->key, c->once.key.b)) {
        return false;
    }
    c->once.ttl_ms = m->once->ttl_ms;
    c->count = m->n_items;
    for (size_t i = 0; i < m->n_items; i++) {
        const Tasuki__Command__UsageItem *from = m->items[i];
        c->items[i].client_id = record_span(from->client_id);
        c->items[i].counts[USAGE_LOGIN] = from->logins;
        c->items[i].counts[USAGE_USERINFO] = from->userinfo;
        c->items[i].counts[USAGE_TOP] = from->top;
        c->items[i].counts[USAGE_SMS] = from->sms;
        c->items[i].counts[USAGE_APP_ANDROID] = from->app_android;
        c->items[i].counts[USAGE_APP_IOS] = from->app_ios;
    }
    return true;
}

/* `m` is NULL where the field was absent. */
static bool take_binding(const Tasuki__Command__Binding *m, struct binding *c) {
    if (m == NULL) {
        return true;
    }
    c->kind = (enum binding_kind)m->kind;
    return c->kind != BINDING_NONE && TAKE(m->thumbprint, c->thumbprint);
}

static bool take_proof_use(const Tasuki__Command__ProofUse *m,
                           struct cmd_proof_use *c) {
    return take_proofs(m->n_proofs, m->proofs, &c->proofs);
}

static bool take_request_push(const Tasuki__Command__RequestPush *m,
                              struct cmd_request_push *c) {
    c->client_id = record_span(m->client_id);
    c->form = record_span(m->form);
    c->ttl_ms = m->ttl_ms;
    c->keep_ms = m->keep_ms;
    return TAKE(m->key, c->key.b) && take_proofs(m->n_proofs, m->proofs, &c->proofs);
}

static bool take_login(const Tasuki__Command__Login *m, struct cmd_login *c) {
    c->known = m->sub.len > 0;
    c->password_ok = m->password_ok;
    c->generation = m->generation;
    c->has_replaced = m->replaced.len > 0;
    c->idle_ms = m->idle_ms;
    c->lifetime_ms = m->lifetime_ms;
    c->methods = m->methods;
    c->second = (enum second_step)m->second;
    c->signin_ttl_ms = m->signin_ttl_ms;
    c->has_device = m->device.len > 0;
    return TAKE(m->login_index, c->login_index.b) && TAKE_IF(m->sub, c->sub.b) &&
           TAKE(m->session, c->session.b) && TAKE(m->sid, c->sid.b) &&
           TAKE_IF(m->replaced, c->replaced.b) && TAKE(m->signin, c->signin.b) &&
           TAKE(m->browser, c->browser) && TAKE_IF(m->device, c->device.b) &&
           take_caps(m->n_caps, m->caps, &c->caps);
}

static bool take_grant_issue(const Tasuki__Command__GrantIssue *m,
                             struct cmd_grant_issue *c) {
    c->client_id = record_span(m->client_id);
    c->redirect_uri = record_span(m->redirect_uri);
    c->scopes = m->scopes;
    c->consent_scopes = m->consent_scopes;
    c->nonce = record_span(m->nonce);
    c->challenge_method = (enum challenge_method)m->challenge_method;
    c->code_ttl_ms = m->code_ttl_ms;
    c->grant_ttl_ms = m->grant_ttl_ms;
    c->idle_ms = m->idle_ms;
    c->auth_after_ms = m->auth_after_ms;
    c->id_token_claims = m->id_token_claims;
    c->userinfo_claims = m->userinfo_claims;
    c->has_dpop_key = m->dpop_key.len > 0;
    c->has_pushed = m->pushed.len > 0;
    return TAKE(m->code, c->code.b) && TAKE(m->session, c->session.b) &&
           TAKE_IF(m->challenge, c->challenge) && TAKE_IF(m->dpop_key, c->dpop_key) &&
           TAKE_IF(m->pushed, c->pushed.b);
}

/* `m` is NULL where the field was absent. */
static bool take_grant_opened(const Tasuki__Command__GrantOpened *m,
                              struct cmd_grant_redeem *redeem) {
    struct grant_opened *c = &redeem->opened;

    redeem->opens = m != NULL;
    if (m == NULL) {
        return true;
    }
    c->epoch = m->epoch;
    c->generation = m->generation;
    c->code_expires_ms = m->code_expires_ms;
    c->code_ttl_ms = m->code_ttl_ms;
    c->idle_ms = m->idle_ms;
    c->auth_after_ms = m->auth_after_ms;
    c->redirect_uri = record_span(m->redirect_uri);
    c->scopes = m->scopes;
    c->consented = m->consented;
    c->nonce = record_span(m->nonce);
    c->challenge_method = (enum challenge_method)m->challenge_method;
    c->id_token_claims = m->id_token_claims;
    c->userinfo_claims = m->userinfo_claims;
    c->has_dpop_key = m->dpop_key.len > 0;
    return TAKE(m->session, c->session.b) && TAKE_IF(m->challenge, c->challenge) &&
           TAKE_IF(m->dpop_key, c->dpop_key);
}

static bool take_grant_redeem(const Tasuki__Command__GrantRedeem *m,
                              struct cmd_grant_redeem *c) {
    c->client_id = record_span(m->client_id);
    c->has_redirect_uri = m->has_redirect_uri;
    c->redirect_uri = record_span(m->redirect_uri);
    c->has_verifier = m->verifier_hash.len > 0;
    c->access_ttl_ms = m->access_ttl_ms;
    c->refresh_scope_mask = m->refresh_scope_mask;
    c->refresh_ttl_ms = m->refresh_ttl_ms;
    c->bind_refresh = m->bind_refresh;
    return TAKE(m->code, c->code.b) && TAKE_IF(m->verifier_hash, c->verifier_hash) &&
           TAKE(m->access, c->access.b) && TAKE(m->refresh, c->refresh.b) &&
           take_proofs(m->n_proofs, m->proofs, &c->proofs) &&
           take_binding(m->binding, &c->binding) && take_grant_opened(m->opened, c);
}

static bool take_token_refresh(const Tasuki__Command__TokenRefresh *m,
                               struct cmd_token_refresh *c) {
    c->client_id = record_span(m->client_id);
    c->scopes = m->scopes;
    c->access_ttl_ms = m->access_ttl_ms;
    c->refresh_ttl_ms = m->refresh_ttl_ms;
    c->grace_ms = m->grace_ms;
    return TAKE(m->refresh, c->refresh.b) && TAKE(m->next_refresh, c->next_refresh.b) &&
           TAKE(m->next_access, c->next_access.b) &&
           take_proofs(m->n_proofs, m->proofs, &c->proofs) &&
           take_binding(m->binding, &c->binding);
}

static bool take_token_revoke(const Tasuki__Command__TokenRevoke *m,
                              struct cmd_token_revoke *c) {
    c->refresh = m->refresh;
    c->client_id = record_span(m->client_id);
    return TAKE(m->key, c->key.b) && take_proofs(m->n_proofs, m->proofs, &c->proofs);
}

/* A text that fits into `out`, which is all zero. */
static bool take_text(const char *in, char *out, size_t size) {
    size_t len = strlen(in);

    if (len >= size) {
        return false;
    }
    memcpy(out, in, len);
    return true;
}

/* `m` is NULL where the field was absent. */
static bool take_member_at(const Tasuki__Command__MemberAt *m, struct member_at *c) {
    if (m == NULL) {
        return false;
    }
    c->id = m->id;
    return take_text(m->address, c->address, sizeof c->address) &&
           take_text(m->region, c->region, sizeof c->region);
}

static bool take_member_seed(const Tasuki__Command__MemberSeed *m,
                             struct cmd_member_seed *c) {
    if (m->n_members > LIMIT_NODES) {
        return false;
    }
    c->count = m->n_members;
    for (size_t i = 0; i < m->n_members; i++) {
        if (!take_member_at(m->members[i], &c->members[i])) {
            return false;
        }
    }
    return true;
}

static bool take_member_role(const Tasuki__Command__MemberRole *m,
                             struct cmd_member_role *c) {
    c->id = m->id;
    c->role = (enum member_role)m->role;
    return true;
}

static bool take_member_settle(const Tasuki__Command__MemberSettle *m,
                               struct cmd_member_settle *c) {
    *c = (struct cmd_member_settle){m->id, m->changed_index};
    return true;
}

static bool take_backup_note(const Tasuki__Command__BackupNote *m,
                             struct store_backup *c) {
    *c = (struct store_backup){.index = m->index,
                               .digest = {.lo = m->digest_lo, .hi = m->digest_hi},
                               .rows = m->rows,
                               .bytes = m->bytes,
                               .donor = m->donor,
                               .taker = m->taker};
    return true;
}

static bool take_leader_regions(const Tasuki__Command__LeaderRegions *m,
                                struct leader_regions *c) {
    if (m->n_regions > STORE_REGIONS_MAX) {
        return false;
    }
    c->count = m->n_regions;
    for (size_t i = 0; i < m->n_regions; i++) {
        if (!take_text(m->regions[i], c->region[i], sizeof c->region[i])) {
            return false;
        }
    }
    return true;
}

static bool take_outbox_claim(const Tasuki__Command__OutboxClaim *m,
                              struct cmd_outbox_claim *c) {
    if (m->n_ids > LIMIT_OUTBOX_BATCH) {
        return false;
    }
    c->node = m->node;
    c->count = m->n_ids;
    for (size_t i = 0; i < m->n_ids; i++) {
        if (!TAKE(m->ids[i], c->ids[i].b)) {
            return false;
        }
    }
    return true;
}

static bool take_outbox_settle(const Tasuki__Command__OutboxSettle *m,
                               struct cmd_outbox_settle *c) {
    if (m->n_messages > LIMIT_OUTBOX_BATCH) {
        return false;
    }
    c->count = m->n_messages;
    for (size_t i = 0; i < m->n_messages; i++) {
        const Tasuki__Command__OutboxSettled *from = m->messages[i];
        c->messages[i].attempt = from->attempt;
        c->messages[i].reason = (enum outbox_reason)from->reason;
        if (!TAKE(from->id, c->messages[i].id.b)) {
            return false;
        }
    }
    return true;
}

/* Commands about the outbox. */
static bool take_outbox(const void *m, struct command *command) {
    switch (command->type) {
    case CMD_OUTBOX_CLAIM:
        return take_outbox_claim(m, &command->outbox_claim);
    case CMD_OUTBOX_SETTLE:
        return take_outbox_settle(m, &command->outbox_settle);
    case CMD_OUTBOX_RETRY:
        return TAKE(((const Tasuki__Command__OutboxRetry *)m)->id,
                    command->outbox_retry.id.b);
    case CMD_MESSAGE_SEND:
        return take_message(((const Tasuki__Command__MessageSend *)m)->message,
                            &command->message_send.message);
    default:
        CHECK(!"another command than those of `take`");
        return false;
    }
}

static bool take_staff_put(const Tasuki__Command__StaffPut *m, struct staff *c) {
    c->name = record_span(m->name);
    c->roles = m->roles;
    c->state = (enum staff_state)m->state;
    c->generation = m->generation;
    c->password_hash = record_span(m->password_hash);
    c->sealed_seed = record_span(m->sealed_seed);
    return TAKE(m->id, c->id.b) && TAKE(m->login_index, c->login_index.b);
}

static bool take_staff_login(const Tasuki__Command__StaffLogin *m,
                             struct cmd_staff_login *c) {
    c->known = m->id.len > 0;
    c->password_ok = m->password_ok;
    c->has_step = m->has_step;
    c->generation = m->generation;
    c->step = m->step;
    c->has_replaced = m->replaced.len > 0;
    c->idle_ms = m->idle_ms;
    c->lifetime_ms = m->lifetime_ms;
    return TAKE_IF(m->id, c->id.b) && TAKE(m->session, c->session.b) &&
           TAKE_IF(m->replaced, c->replaced.b);
}

static bool take_staff(const void *m, struct command *command) {
    if (command->type == CMD_STAFF_PUT) {
        return take_staff_put(m, &command->staff_put.staff);
    }
    if (command->type == CMD_STAFF_LOGIN) {
        return take_staff_login(m, &command->staff_login);
    }
    if (command->type == CMD_STAFF_TOUCH) {
        const Tasuki__Command__StaffTouch *touch = m;
        command->staff_touch.idle_ms = touch->idle_ms;
        return TAKE(touch->session, command->staff_touch.session.b);
    }
    return TAKE(((const Tasuki__Command__StaffSessionEnd *)m)->session,
                command->staff_session_end.session.b);
}

static bool take_audit_note(const Tasuki__Command__AuditNote *m,
                            struct cmd_audit_note *c) {
    c->event = (enum audit_event)m->event;
    c->has_sub = m->sub.len > 0;
    c->has_staff = m->staff.len > 0;
    c->client_id = record_span(m->client_id);
    c->note = record_span(m->note);
    return TAKE_IF(m->sub, c->sub.b) && TAKE_IF(m->staff, c->staff.b);
}

/* Refuses one that says no more than that there is none. */
static bool take_actor(ProtobufCMessage *message, struct actor *c) {
    const ProtobufCFieldDescriptor *field = actor_field(message->descriptor);
    const Tasuki__Command__Actor *m = field == NULL ? NULL : *actor_at(message, field);

    if (m == NULL) {
        return true;
    }
    c->kind = (enum audit_actor)m->kind;
    c->id = record_span(m->id);
    c->has_source = m->source.len > 0;
    c->sealed = record_span(m->sealed);
    c->at = record_span(m->at);
    return TAKE_IF(m->source, c->source) && c->kind != AUDIT_SYSTEM && actor_ok(c);
}

/* Commands about the cluster itself. */
static bool take_cluster(const void *m, struct command *command) {
    const Tasuki__Command__BootRegister *boot = m;

    switch (command->type) {
    case CMD_BOOT_REGISTER:
        command->boot_register = (struct cmd_boot_register){boot->node, boot->boot};
        return true;
    case CMD_CLUSTER_INIT:
        return TAKE(((const Tasuki__Command__ClusterInit *)m)->cluster_id,
                    command->cluster_init.cluster_id.b);
    case CMD_FSM_VERSION:
        command->fsm_version.version =
            ((const Tasuki__Command__FsmVersion *)m)->version;
        return true;
    case CMD_MEMBER_SEED:
        return take_member_seed(m, &command->member_seed);
    case CMD_MEMBER_ADD:
        return take_member_at(((const Tasuki__Command__MemberAdd *)m)->member,
                              &command->member_add.member);
    case CMD_MEMBER_ROLE:
        return take_member_role(m, &command->member_role);
    case CMD_MEMBER_SETTLE:
        return take_member_settle(m, &command->member_settle);
    case CMD_LEADER_REGIONS:
        return take_leader_regions(m, &command->leader_regions.regions);
    case CMD_BACKUP_NOTE:
        return take_backup_note(m, &command->backup_note.backup);
    default:
        CHECK(!"another command than those of `take`");
        return false;
    }
}

static bool take_factor(const void *m, struct command *command) {
    const struct told_place *place = told_place(command->type);

    if (is_app(command->type) ? !command_app_take(m, command)
                              : !command_factor_take(m, command)) {
        return false;
    }
    return place == NULL ||
           take_message(*(Tasuki__Command__MessageOut *const *)(const void *)
                            ((const char *)m + place->wire),
                        (struct message_out *)(void *)((char *)command + place->plain));
}

static bool take(const void *m, struct arena *arena, struct command *command) {
    switch (command->type) {
    case CMD_BOOT_REGISTER:
    case CMD_CLUSTER_INIT:
    case CMD_FSM_VERSION:
    case CMD_MEMBER_SEED:
    case CMD_MEMBER_ADD:
    case CMD_MEMBER_ROLE:
    case CMD_MEMBER_SETTLE:
    case CMD_LEADER_REGIONS:
    case CMD_BACKUP_NOTE:
        return take_cluster(m, command);
    case CMD_KEY_ADD:
        return take_key_add(m, &command->key_add);
    case CMD_KEY_REVOKE:
        return take_key_revoke(m, &command->key_revoke);
    case CMD_ACCOUNT_PUT:
        return take_account_put(m, &command->account_put);
    case CMD_CLIENT_PUT:
    case CMD_CLIENT_CHANGE:
        return take_client(m, arena, command);
    case CMD_LOGIN:
        return take_login(m, &command->login);
    case CMD_SESSION_END:
        return TAKE(((const Tasuki__Command__SessionEnd *)m)->session,
                    command->session_end.session.b);
    case CMD_GRANT_ISSUE:
        return take_grant_issue(m, &command->grant_issue);
    case CMD_GRANT_REDEEM:
        return take_grant_redeem(m, &command->grant_redeem);
    case CMD_TOKEN_REFRESH:
        return take_token_refresh(m, &command->token_refresh);
    case CMD_PROOF_USE:
        return take_proof_use(m, &command->proof_use);
    case CMD_REQUEST_PUSH:
        return take_request_push(m, &command->request_push);
    case CMD_TOKEN_REVOKE:
        return take_token_revoke(m, &command->token_revoke);
    case CMD_OUTBOX_CLAIM:
    case CMD_OUTBOX_SETTLE:
    case CMD_OUTBOX_RETRY:
    case CMD_MESSAGE_SEND:
        return take_outbox(m, command);
    case CMD_STAFF_PUT:
    case CMD_STAFF_LOGIN:
    case CMD_STAFF_SESSION_END:
    case CMD_STAFF_TOUCH:
        return take_staff(m, command);
    case CMD_USAGE_ADD:
        return take_usage_add(m, &command->usage_add);
    case CMD_AUDIT_NOTE:
        return take_audit_note(m, &command->audit_note);
    case CMD_SELF:
        return command_self_take(m, &command->self) &&
               take_message(((const Tasuki__Command__Self *)m)->message,
                            &command->self.message) &&
               take_message(((const Tasuki__Command__Self *)m)->notice,
                            &command->self.notice);
    CMD_INTAKE_CASES:
    case CMD_TICK:
        break;
    default:
        return take_factor(m, command);
    }
    return false;
}

/* NULL: a type without payload, or none at all. */
static const ProtobufCMessageDescriptor *descriptor(enum command_type type) {
    static const ProtobufCMessageDescriptor *const all[] = {
        [CMD_BOOT_REGISTER] = &tasuki__command__boot_register__descriptor,
        [CMD_CLUSTER_INIT] = &tasuki__command__cluster_init__descriptor,
        [CMD_FSM_VERSION] = &tasuki__command__fsm_version__descriptor,
        [CMD_KEY_ADD] = &tasuki__command__key_add__descriptor,
        [CMD_ACCOUNT_PUT] = &tasuki__command__account_put__descriptor,
        [CMD_CLIENT_PUT] = &tasuki__command__client_put__descriptor,
        [CMD_CLIENT_CHANGE] = &tasuki__command__client_change__descriptor,
        [CMD_LOGIN] = &tasuki__command__login__descriptor,
        [CMD_SESSION_END] = &tasuki__command__session_end__descriptor,
        [CMD_GRANT_ISSUE] = &tasuki__command__grant_issue__descriptor,
        [CMD_GRANT_REDEEM] = &tasuki__command__grant_redeem__descriptor,
        [CMD_TOKEN_REFRESH] = &tasuki__command__token_refresh__descriptor,
        [CMD_TICK] = NULL,
        [CMD_MEMBER_SEED] = &tasuki__command__member_seed__descriptor,
        [CMD_MEMBER_ADD] = &tasuki__command__member_add__descriptor,
        [CMD_MEMBER_ROLE] = &tasuki__command__member_role__descriptor,
        [CMD_MEMBER_SETTLE] = &tasuki__command__member_settle__descriptor,
        [CMD_LEADER_REGIONS] = &tasuki__command__leader_regions__descriptor,
        [CMD_BACKUP_NOTE] = &tasuki__command__backup_note__descriptor,
        [CMD_PROOF_USE] = &tasuki__command__proof_use__descriptor,
        [CMD_REQUEST_PUSH] = &tasuki__command__request_push__descriptor,
        [CMD_TOKEN_REVOKE] = &tasuki__command__token_revoke__descriptor,
        [CMD_OUTBOX_CLAIM] = &tasuki__command__outbox_claim__descriptor,
        [CMD_OUTBOX_SETTLE] = &tasuki__command__outbox_settle__descriptor,
        [CMD_OUTBOX_RETRY] = &tasuki__command__outbox_retry__descriptor,
        [CMD_KEY_REVOKE] = &tasuki__command__key_revoke__descriptor,
        [CMD_STAFF_PUT] = &tasuki__command__staff_put__descriptor,
        [CMD_STAFF_LOGIN] = &tasuki__command__staff_login__descriptor,
        [CMD_STAFF_SESSION_END] = &tasuki__command__staff_session_end__descriptor,
        [CMD_STAFF_TOUCH] = &tasuki__command__staff_touch__descriptor,
        [CMD_USAGE_ADD] = &tasuki__command__usage_add__descriptor,
        [CMD_MESSAGE_SEND] = &tasuki__command__message_send__descriptor,
        [CMD_SELF] = &tasuki__command__self__descriptor,
        [CMD_AUDIT_NOTE] = &tasuki__command__audit_note__descriptor,
        [CMD_FACTOR_BEGIN] = &tasuki__command__factor_begin__descriptor,
        [CMD_FACTOR_CHALLENGE] = &tasuki__command__factor_challenge__descriptor,
        [CMD_FACTOR_PASS] = &tasuki__command__factor_pass__descriptor,
        [CMD_APP_ADDRESS] = &tasuki__command__app_address__descriptor,
        [CMD_FACTOR_PUT] = &tasuki__command__factor_put__descriptor,
        [CMD_FACTOR_DEL] = &tasuki__command__factor_del__descriptor,
        [CMD_RECOVERY_ASK] = &tasuki__command__recovery_ask__descriptor,
        [CMD_PASSWORD_SET] = &tasuki__command__password_set__descriptor,
        [CMD_APP_ENROL] = &tasuki__command__app_enrol__descriptor,
        [CMD_APP_REGISTER] = &tasuki__command__app_register__descriptor,
        [CMD_APP_ANSWER] = &tasuki__command__app_answer__descriptor,
        [CMD_PASSKEY_LOGIN] = &tasuki__command__passkey_login__descriptor,
    };
    return (size_t)type < sizeof all / sizeof all[0] ? all[type] : NULL;
}

bool command_known(enum command_type type) {
    return type == CMD_TICK || command_intake_is(type) || descriptor(type) != NULL;
}

bool command_takes_actor(enum command_type type) {
    const ProtobufCMessageDescriptor *known = descriptor(type);

    return command_intake_is(type) || (known != NULL && actor_field(known) != NULL);
}

/* C2, shown by encoding again. */
static enum err canonical(const struct command *command, struct span payload) {
    struct buf again;
    enum err err;

    buf_init(&again, LIMIT_COMMAND);
    err = pack(command, &again);
    if (err == OK && !span_equal(span_of(again.data, again.len), payload)) {
        err = ERR_INVALID;
    }
    buf_free(&again);
    return err;
}

enum err command_decode(enum command_type type, struct span payload,
                        struct arena *arena, struct command *ret_command) {
    const ProtobufCMessageDescriptor *known = descriptor(type);
    struct command command;
    ProtobufCMessage *message;
    enum err err;

    memset(&command, 0, sizeof command);
    command.type = type;
    if (payload.len > LIMIT_COMMAND) {
        return ERR_INVALID;
    }
    if (type == CMD_TICK) {
        if (payload.len > 0) {
            return ERR_INVALID;
        }
        *ret_command = command;
        return OK;
    }
    if (command_intake_is(type)) {
        err = command_intake_decode(payload, &command);
        if (err == OK && !actor_ok(&command.actor)) {
            err = ERR_INVALID;
        }
        if (err == OK) {
            *ret_command = command;
        }
        return err;
    }
    if (known == NULL) {
        return ERR_VERSION;
    }
    err = record_unpack(known, payload, arena, &message);
    if (err != OK) {
        return err;
    }
    if (!take(message, arena, &command) || !take_actor(message, &command.actor) ||
        !command_ok(&command)) {
        return ERR_INVALID;
    }
    err = canonical(&command, payload);
    if (err == OK) {
        *ret_command = command;
    }
    return err;
}
