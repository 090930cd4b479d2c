#include "raft/command_self.h"

#include "store/record.h"

#define FIXED_IF(cond, array)                                                          \
    record_bytes(span_of((array), (cond) ? sizeof(array) : 0))
#define TAKE(field, array) record_fixed((field), (array), sizeof(array))
#define TAKE_IF(field, array) ((field).len == 0 || TAKE(field, array))

/* What each act carries. */
enum { SESSION = 1, PASSWORD = 2, TARGET = 4, INDEX = 8, TOKEN = 16, SEALED = 32 };

static unsigned parts_of(const struct cmd_self *c) {
    return (c->has_session ? SESSION : 0u) | (c->password_hash.len > 0 ? PASSWORD : 0u) |
           (c->has_target ? TARGET : 0u) | (c->has_login_index ? INDEX : 0u) |
           (c->has_token ? TOKEN : 0u) | (c->sealed.len > 0 ? SEALED : 0u);
}

bool command_self_ok(const struct cmd_self *c) {
    static const unsigned needs[SELF_CLOSE + 1] = {
        [SELF_PASSWORD] = SESSION | PASSWORD,
        [SELF_END_SESSION] = SESSION | TARGET,
        [SELF_END_OTHERS] = SESSION,
        [SELF_FACTOR_DEL] = SESSION | TARGET,
        [SELF_ID_ASK] = SESSION | INDEX | TOKEN | SEALED,
        [SELF_ID_CONFIRM] = TOKEN | SEALED,
        [SELF_ID_CANCEL] = SESSION,
        [SELF_CLOSE] = SESSION,
    };
    size_t sealed_max =
        c->act == SELF_ID_ASK ? LIMIT_SEALED_ACCOUNT_ID : LIMIT_SEALED_PROFILE;

    return c->act >= SELF_PASSWORD && c->act <= SELF_CLOSE &&
           parts_of(c) == needs[c->act] && c->has_session == (c->fresh_ms > 0) &&
           (c->has_session || c->second == 0) &&
           (c->act == SELF_ID_ASK || !c->notice.present) &&
           (c->act == SELF_ID_ASK) == (c->ttl_ms > 0) &&
           c->password_hash.len <= LIMIT_PASSWORD_HASH && c->sealed.len <= sealed_max;
}

void command_self_build(const struct cmd_self *c, Tasuki__Command__Self *m) {
    tasuki__command__self__init(m);
    m->act = c->act;
    m->sub = FIXED_IF(true, c->sub.b);
    m->session = FIXED_IF(c->has_session, c->session.b);
    m->fresh_ms = c->fresh_ms;
    m->second = c->second;
    m->generation = c->generation;
    m->password_hash = record_bytes(c->password_hash);
    m->target = FIXED_IF(c->has_target, c->target.b);
    m->login_index = FIXED_IF(c->has_login_index, c->login_index.b);
    m->token = FIXED_IF(c->has_token, c->token.b);
    m->ttl_ms = c->ttl_ms;
    m->sealed = record_bytes(c->sealed);
}

bool command_self_take(const Tasuki__Command__Self *m, struct cmd_self *c) {
    c->act = (enum self_act)m->act;
    c->has_session = m->session.len > 0;
    c->fresh_ms = m->fresh_ms;
    c->second = m->second;
    c->generation = m->generation;
    c->password_hash = record_span(m->password_hash);
    c->has_target = m->target.len > 0;
    c->has_login_index = m->login_index.len > 0;
    c->has_token = m->token.len > 0;
    c->ttl_ms = m->ttl_ms;
    c->sealed = record_span(m->sealed);
    return TAKE(m->sub, c->sub.b) && TAKE_IF(m->session, c->session.b) &&
           TAKE_IF(m->target, c->target.b) && TAKE_IF(m->login_index, c->login_index.b) &&
           TAKE_IF(m->token, c->token.b);
}
