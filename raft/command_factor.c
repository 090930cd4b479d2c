/* command_factor: what raft/command.c does for every command, for those of the second
 * step. */
#include "raft/command_factor.h"

#include "store/record.h"

#define FIXED(array) record_bytes(span_of((array), sizeof(array)))
#define FIXED_IF(cond, array)                                                          \
    record_bytes(span_of((array), (cond) ? sizeof(array) : 0))
#define TAKE(field, array) record_fixed((field), (array), sizeof(array))
#define TAKE_IF(field, array) ((field).len == 0 || TAKE(field, array))

static bool kind_ok(enum factor_kind kind) {
    return kind >= FACTOR_SMS && kind <= FACTOR_KIND_LAST;
}

static bool challenge_ok(const struct cmd_factor_challenge *c) {
    return kind_ok(c->kind) && c->has_code == (c->code_ttl_ms > 0) &&
           c->data.len <= LIMIT_SIGNIN_DATA;
}

static bool texts_ok(const struct factor *c) {
    return c->label.len <= LIMIT_FACTOR_LABEL && utf8_valid(c->label) &&
           c->sealed.len <= LIMIT_FACTOR_SEALED;
}

static bool pass_ok(const struct cmd_factor_pass *c) {
    return kind_ok(c->kind) && c->idle_ms > 0 && c->lifetime_ms > 0 &&
           texts_ok(&c->enrolled);
}

bool command_gate_ok(const struct gate *c) {
    return !c->present || c->fresh_ms > 0;
}

Tasuki__Command__Gate *command_gate_build(const struct gate *c,
                                          Tasuki__Command__Gate *m) {
    tasuki__command__gate__init(m);
    m->session = FIXED(c->session.b);
    m->fresh_ms = c->fresh_ms;
    m->second = c->second;
    return c->present ? m : NULL;
}

bool command_gate_take(const Tasuki__Command__Gate *m, struct gate *c) {
    if (m == NULL) {
        return true;
    }
    c->present = true;
    c->fresh_ms = m->fresh_ms;
    c->second = m->second;
    return TAKE(m->session, c->session.b);
}

static bool begin_ok(const struct cmd_factor_begin *c) {
    return c->ttl_ms > 0 && command_gate_ok(&c->gate) &&
           (c->gate.present || !c->has_replaces);
}

bool command_factor_ok(const struct command *command) {
    switch (command->type) {
    case CMD_FACTOR_BEGIN:
        return begin_ok(&command->factor_begin);
    case CMD_FACTOR_CHALLENGE:
        return challenge_ok(&command->factor_challenge);
    case CMD_FACTOR_PASS:
        return pass_ok(&command->factor_pass);
    case CMD_FACTOR_PUT:
        return kind_ok(command->factor_put.factor.kind) &&
               texts_ok(&command->factor_put.factor) &&
               command_gate_ok(&command->factor_put.gate);
    case CMD_FACTOR_DEL:
        return true;
    case CMD_RECOVERY_ASK:
        return command->recovery_ask.ttl_ms > 0 &&
               (command->recovery_ask.known || command->recovery_ask.generation == 0);
    case CMD_PASSWORD_SET:
        return command->password_set.password_hash.len > 0 &&
               command->password_set.password_hash.len <= LIMIT_PASSWORD_HASH;
    default:
        return false;
    }
}

static void build_challenge(const struct cmd_factor_challenge *c,
                            Tasuki__Command__FactorChallenge *m) {
    tasuki__command__factor_challenge__init(m);
    m->signin = FIXED(c->signin.b);
    m->browser = FIXED(c->browser);
    m->kind = c->kind;
    m->enrols = c->enrols;
    m->factor = FIXED(c->factor.b);
    m->code = FIXED_IF(c->has_code, c->code.b);
    m->code_ttl_ms = c->code_ttl_ms;
    m->data = record_bytes(c->data);
    m->device = FIXED_IF(c->has_device, c->device.b);
}

static void build_begin(const struct cmd_factor_begin *c,
                        struct command_factor_message *m) {
    tasuki__command__factor_begin__init(&m->begin);
    m->begin.session = FIXED(c->session.b);
    m->begin.signin = FIXED(c->signin.b);
    m->begin.browser = FIXED(c->browser);
    m->begin.ttl_ms = c->ttl_ms;
    m->begin.gate = command_gate_build(&c->gate, &m->gate);
    m->begin.replaces = FIXED_IF(c->has_replaces, c->replaces.b);
}

static void build_pass(const struct cmd_factor_pass *c, Tasuki__Command__FactorPass *m) {
    tasuki__command__factor_pass__init(m);
    m->signin = FIXED(c->signin.b);
    m->browser = FIXED(c->browser);
    m->kind = c->kind;
    m->factor = FIXED(c->factor.b);
    m->right = c->right;
    m->code = FIXED(c->code.b);
    m->step = c->step;
    m->methods = c->methods;
    m->device = FIXED_IF(c->has_device, c->device.b);
    m->label = record_bytes(c->enrolled.label);
    m->sealed = record_bytes(c->enrolled.sealed);
    m->index = FIXED(c->enrolled.index.b);
    m->session = FIXED(c->session.b);
    m->sid = FIXED(c->sid.b);
    m->replaced = FIXED_IF(c->has_replaced, c->replaced.b);
    m->idle_ms = c->idle_ms;
    m->lifetime_ms = c->lifetime_ms;
}

static void build_ask(const struct cmd_recovery_ask *c, Tasuki__Command__RecoveryAsk *m) {
    tasuki__command__recovery_ask__init(m);
    m->login_index = FIXED(c->login_index.b);
    m->sub = FIXED_IF(c->known, c->sub.b);
    m->generation = c->generation;
    m->secret = FIXED(c->secret.b);
    m->ttl_ms = c->ttl_ms;
}

static void build_set(const struct cmd_password_set *c, Tasuki__Command__PasswordSet *m) {
    tasuki__command__password_set__init(m);
    m->sub = FIXED(c->sub.b);
    m->generation = c->generation;
    m->password_hash = record_bytes(c->password_hash);
    m->secret = FIXED_IF(c->has_secret, c->secret.b);
}

static void build_put(const struct cmd_factor_put *c, Tasuki__Command__FactorPut *m) {
    tasuki__command__factor_put__init(m);
    m->sub = FIXED(c->factor.sub.b);
    m->id = FIXED(c->factor.id.b);
    m->kind = c->factor.kind;
    m->step = c->factor.step;
    m->index = FIXED(c->factor.index.b);
    m->label = record_bytes(c->factor.label);
    m->sealed = record_bytes(c->factor.sealed);
    m->generation = c->generation;
}

void command_factor_build(const struct command *command,
                          struct command_factor_message *m) {
    switch (command->type) {
    case CMD_FACTOR_BEGIN:
        build_begin(&command->factor_begin, m);
        break;
    case CMD_FACTOR_CHALLENGE:
        build_challenge(&command->factor_challenge, &m->challenge);
        break;
    case CMD_FACTOR_PASS:
        build_pass(&command->factor_pass, &m->pass);
        break;
    case CMD_FACTOR_PUT:
        build_put(&command->factor_put, &m->put);
        m->put.gate = command_gate_build(&command->factor_put.gate, &m->gate);
        break;
    case CMD_RECOVERY_ASK:
        build_ask(&command->recovery_ask, &m->ask);
        break;
    case CMD_PASSWORD_SET:
        build_set(&command->password_set, &m->set);
        break;
    default:
        tasuki__command__factor_del__init(&m->del);
        m->del.sub = FIXED(command->factor_del.sub.b);
        m->del.id = FIXED(command->factor_del.id.b);
    }
}

static bool take_begin(const Tasuki__Command__FactorBegin *m,
                       struct cmd_factor_begin *c) {
    c->ttl_ms = m->ttl_ms;
    c->has_replaces = m->replaces.len > 0;
    return TAKE(m->session, c->session.b) && TAKE(m->signin, c->signin.b) &&
           TAKE(m->browser, c->browser) && TAKE_IF(m->replaces, c->replaces.b) &&
           command_gate_take(m->gate, &c->gate);
}

static bool take_challenge(const Tasuki__Command__FactorChallenge *m,
                           struct cmd_factor_challenge *c) {
    c->kind = (enum factor_kind)m->kind;
    c->enrols = m->enrols;
    c->has_code = m->code.len > 0;
    c->code_ttl_ms = m->code_ttl_ms;
    c->data = record_span(m->data);
    c->has_device = m->device.len > 0;
    return TAKE_IF(m->device, c->device.b) && TAKE(m->signin, c->signin.b) && TAKE(m->browser, c->browser) &&
           TAKE(m->factor, c->factor.b) && TAKE_IF(m->code, c->code.b);
}

static bool take_pass(const Tasuki__Command__FactorPass *m, struct cmd_factor_pass *c) {
    c->kind = (enum factor_kind)m->kind;
    c->right = m->right;
    c->step = m->step;
    c->methods = m->methods;
    c->has_device = m->device.len > 0;
    c->enrolled.label = record_span(m->label);
    c->enrolled.sealed = record_span(m->sealed);
    c->has_replaced = m->replaced.len > 0;
    c->idle_ms = m->idle_ms;
    c->lifetime_ms = m->lifetime_ms;
    return TAKE(m->signin, c->signin.b) && TAKE(m->browser, c->browser) &&
           TAKE(m->factor, c->factor.b) && TAKE(m->code, c->code.b) &&
           TAKE_IF(m->device, c->device.b) && TAKE(m->index, c->enrolled.index.b) &&
           TAKE(m->session, c->session.b) && TAKE(m->sid, c->sid.b) &&
           TAKE_IF(m->replaced, c->replaced.b);
}

static bool take_put(const Tasuki__Command__FactorPut *m, struct cmd_factor_put *c) {
    c->factor.kind = (enum factor_kind)m->kind;
    c->factor.step = m->step;
    c->factor.label = record_span(m->label);
    c->factor.sealed = record_span(m->sealed);
    c->generation = m->generation;
    return TAKE(m->sub, c->factor.sub.b) && TAKE(m->id, c->factor.id.b) &&
           TAKE(m->index, c->factor.index.b) && command_gate_take(m->gate, &c->gate);
}

static bool take_ask(const Tasuki__Command__RecoveryAsk *m, struct cmd_recovery_ask *c) {
    c->known = m->sub.len > 0;
    c->generation = m->generation;
    c->ttl_ms = m->ttl_ms;
    return TAKE(m->login_index, c->login_index.b) && TAKE_IF(m->sub, c->sub.b) &&
           TAKE(m->secret, c->secret.b);
}

static bool take_set(const Tasuki__Command__PasswordSet *m, struct cmd_password_set *c) {
    c->generation = m->generation;
    c->password_hash = record_span(m->password_hash);
    c->has_secret = m->secret.len > 0;
    return TAKE(m->sub, c->sub.b) && TAKE_IF(m->secret, c->secret.b);
}

bool command_factor_take(const void *message, struct command *command) {
    const Tasuki__Command__FactorDel *del = message;

    switch (command->type) {
    case CMD_FACTOR_BEGIN:
        return take_begin(message, &command->factor_begin);
    case CMD_FACTOR_CHALLENGE:
        return take_challenge(message, &command->factor_challenge);
    case CMD_FACTOR_PASS:
        return take_pass(message, &command->factor_pass);
    case CMD_FACTOR_PUT:
        return take_put(message, &command->factor_put);
    case CMD_RECOVERY_ASK:
        return take_ask(message, &command->recovery_ask);
    case CMD_PASSWORD_SET:
        return take_set(message, &command->password_set);
    default:
        return TAKE(del->sub, command->factor_del.sub.b) &&
               TAKE(del->id, command->factor_del.id.b);
    }
}
