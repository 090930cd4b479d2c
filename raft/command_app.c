/* command_app: what raft/command.c does for every command, for those of the smartphone
 * app and of a sign-in by a passkey alone. */
#include "raft/command_app.h"

#include "store/record.h"

#define FIXED(array) record_bytes(span_of((array), sizeof(array)))
#define FIXED_IF(cond, array)                                                          \
    record_bytes(span_of((array), (cond) ? sizeof(array) : 0))
#define TAKE(field, array) record_fixed((field), (array), sizeof(array))
#define TAKE_IF(field, array) ((field).len == 0 || TAKE(field, array))

/* One at least: none of these may be said twice. */
static bool proofs_ok(const struct proofs *c) {
    for (size_t i = 0; i < c->count && i < COMMAND_PROOFS_MAX; i++) {
        if (c->at[i].ttl_ms == 0) {
            return false;
        }
    }
    return c->count > 0 && c->count <= COMMAND_PROOFS_MAX;
}

static bool register_ok(const struct cmd_app_register *c) {
    return (c->platform == APP_ANDROID || c->platform == APP_IOS) &&
           c->device.label.len <= LIMIT_FACTOR_LABEL && utf8_valid(c->device.label) &&
           c->device.sealed.len <= LIMIT_FACTOR_SEALED && proofs_ok(&c->proofs);
}

static bool answer_ok(const struct cmd_app_answer *c) {
    return c->answer >= APP_APPROVE && c->answer <= APP_NOT_ME &&
           (c->answer == APP_APPROVE || !c->right) && proofs_ok(&c->proofs);
}

bool command_app_ok(const struct command *command) {
    switch (command->type) {
    case CMD_APP_ENROL:
        return command->app_enrol.ttl_ms > 0 && command->app_enrol.gate.present &&
               command_gate_ok(&command->app_enrol.gate);
    case CMD_APP_REGISTER:
        return register_ok(&command->app_register);
    case CMD_APP_ANSWER:
        return answer_ok(&command->app_answer);
    case CMD_APP_ADDRESS:
        return command->app_address.sealed.len <= LIMIT_FACTOR_SEALED &&
               proofs_ok(&command->app_address.proofs);
    case CMD_PASSKEY_LOGIN:
        return proofs_ok(&command->passkey_login.proofs) &&
               command->passkey_login.idle_ms > 0 &&
               command->passkey_login.lifetime_ms > 0;
    default:
        return false;
    }
}

static size_t build_proofs(const struct proofs *c, struct command_app_message *m) {
    for (size_t i = 0; i < c->count; i++) {
        tasuki__command__proof__init(&m->proofs[i]);
        m->proofs[i].key = FIXED(c->at[i].key.b);
        m->proofs[i].ttl_ms = c->at[i].ttl_ms;
        m->proofs_at[i] = &m->proofs[i];
    }
    return c->count;
}

static void build_register(const struct cmd_app_register *c,
                           struct command_app_message *m) {
    tasuki__command__app_register__init(&m->registers);
    m->registers.code = FIXED(c->code.b);
    m->registers.id = FIXED(c->device.id.b);
    m->registers.index = FIXED(c->device.index.b);
    m->registers.label = record_bytes(c->device.label);
    m->registers.sealed = record_bytes(c->device.sealed);
    m->registers.platform = c->platform;
    m->registers.n_proofs = build_proofs(&c->proofs, m);
    m->registers.proofs = m->proofs_at;
}

static void build_answer(const struct cmd_app_answer *c,
                         struct command_app_message *m) {
    tasuki__command__app_answer__init(&m->answer);
    m->answer.device = FIXED(c->device.b);
    m->answer.challenge = FIXED(c->challenge.b);
    m->answer.answer = c->answer;
    m->answer.right = c->right;
    m->answer.n_proofs = build_proofs(&c->proofs, m);
    m->answer.proofs = m->proofs_at;
}

static void build_address(const struct cmd_app_address *c,
                          struct command_app_message *m) {
    tasuki__command__app_address__init(&m->address);
    m->address.device = FIXED(c->device.b);
    m->address.sealed = record_bytes(c->sealed);
    m->address.n_proofs = build_proofs(&c->proofs, m);
    m->address.proofs = m->proofs_at;
}

static void build_passkey(const struct cmd_passkey_login *c,
                          struct command_app_message *m) {
    tasuki__command__passkey_login__init(&m->passkey);
    m->passkey.credential = FIXED(c->credential.b);
    m->passkey.generation = c->generation;
    m->passkey.step = c->step;
    m->passkey.methods = c->methods;
    m->passkey.n_proofs = build_proofs(&c->proofs, m);
    m->passkey.proofs = m->proofs_at;
    m->passkey.session = FIXED(c->session.b);
    m->passkey.sid = FIXED(c->sid.b);
    m->passkey.replaced = FIXED_IF(c->has_replaced, c->replaced.b);
    m->passkey.idle_ms = c->idle_ms;
    m->passkey.lifetime_ms = c->lifetime_ms;
}

void command_app_build(const struct command *command, struct command_app_message *m) {
    switch (command->type) {
    case CMD_APP_REGISTER:
        build_register(&command->app_register, m);
        break;
    case CMD_APP_ANSWER:
        build_answer(&command->app_answer, m);
        break;
    case CMD_APP_ADDRESS:
        build_address(&command->app_address, m);
        break;
    case CMD_PASSKEY_LOGIN:
        build_passkey(&command->passkey_login, m);
        break;
    default:
        tasuki__command__app_enrol__init(&m->enrol);
        m->enrol.code = FIXED(command->app_enrol.code.b);
        m->enrol.sub = FIXED(command->app_enrol.sub.b);
        m->enrol.generation = command->app_enrol.generation;
        m->enrol.ttl_ms = command->app_enrol.ttl_ms;
        m->enrol.gate = command_gate_build(&command->app_enrol.gate, &m->gate);
    }
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

static bool take_enrol(const Tasuki__Command__AppEnrol *m, struct cmd_app_enrol *c) {
    c->generation = m->generation;
    c->ttl_ms = m->ttl_ms;
    return TAKE(m->code, c->code.b) && TAKE(m->sub, c->sub.b) &&
           command_gate_take(m->gate, &c->gate);
}

static bool take_register(const Tasuki__Command__AppRegister *m,
                          struct cmd_app_register *c) {
    c->device.label = record_span(m->label);
    c->device.sealed = record_span(m->sealed);
    c->platform = (enum app_platform)m->platform;
    return TAKE(m->code, c->code.b) && TAKE(m->id, c->device.id.b) &&
           TAKE(m->index, c->device.index.b) &&
           take_proofs(m->n_proofs, m->proofs, &c->proofs);
}

static bool take_answer(const Tasuki__Command__AppAnswer *m, struct cmd_app_answer *c) {
    c->answer = (enum app_answer)m->answer;
    c->right = m->right;
    return TAKE(m->device, c->device.b) && TAKE(m->challenge, c->challenge.b) &&
           take_proofs(m->n_proofs, m->proofs, &c->proofs);
}

static bool take_address(const Tasuki__Command__AppAddress *m,
                         struct cmd_app_address *c) {
    c->sealed = record_span(m->sealed);
    return TAKE(m->device, c->device.b) &&
           take_proofs(m->n_proofs, m->proofs, &c->proofs);
}

static bool take_passkey(const Tasuki__Command__PasskeyLogin *m,
                         struct cmd_passkey_login *c) {
    c->generation = m->generation;
    c->step = m->step;
    c->methods = m->methods;
    c->has_replaced = m->replaced.len > 0;
    c->idle_ms = m->idle_ms;
    c->lifetime_ms = m->lifetime_ms;
    return TAKE(m->credential, c->credential.b) &&
           take_proofs(m->n_proofs, m->proofs, &c->proofs) &&
           TAKE(m->session, c->session.b) && TAKE(m->sid, c->sid.b) &&
           TAKE_IF(m->replaced, c->replaced.b);
}

bool command_app_take(const void *message, struct command *command) {
    switch (command->type) {
    case CMD_APP_ENROL:
        return take_enrol(message, &command->app_enrol);
    case CMD_APP_REGISTER:
        return take_register(message, &command->app_register);
    case CMD_APP_ANSWER:
        return take_answer(message, &command->app_answer);
    case CMD_APP_ADDRESS:
        return take_address(message, &command->app_address);
    case CMD_PASSKEY_LOGIN:
        return take_passkey(message, &command->passkey_login);
    default:
        return false;
    }
}
