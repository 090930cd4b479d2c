/* fsm_factor: the second step, whatever its method (raft/fsm_factor.h), and the factors
 * that an account has. */
#include "raft/fsm_factor.h"

#include "raft/fsm_audit.h"
#include "store/base/secret.h"

/* By enum factor_kind. `guessable`: wrong answers are counted. */
static const struct method {
    fsm_factor_prove *prove;
    bool guessable;
    bool bothers; /* being asked reaches a person, who has answered enough today */
    fsm_factor_asked *asked; /* NULL: it writes nothing of its own */
    bool any; /* asked for without an id: whichever of the account's is there */
} methods[FACTOR_KIND_LAST + 1] = {
    [FACTOR_SMS] = {fsm_factor_sms, true, true, NULL, false},
    [FACTOR_TOTP] = {fsm_factor_totp, true, false, NULL, false},
    [FACTOR_PASSKEY] = {fsm_factor_passkey, false, false, NULL, true},
    [FACTOR_APP] = {fsm_factor_app, false, true, fsm_factor_app_asked, true},
};

static const char *const kind_names[FACTOR_KIND_LAST + 1] = {
    [FACTOR_SMS] = "sms",
    [FACTOR_TOTP] = "totp",
    [FACTOR_PASSKEY] = "passkey",
    [FACTOR_APP] = "app",
};

enum err fsm_factor_tell(struct fsm_tx *tx, enum audit_event kind_of_event,
                         struct id128 sub, enum factor_kind kind,
                         enum outcome_code outcome, enum fsm_audit_by by) {
    struct fsm_audit_event event = {.event = kind_of_event,
                                    .by = by,
                                    .outcome = outcome,
                                    .has_sub = true,
                                    .sub = sub,
                                    .note = span_str(kind_names[kind])};

    return fsm_audit_add(tx, &event);
}

static bool is_none(struct id128 id) {
    static const struct id128 none;
    return memcmp(id.b, none.b, sizeof id.b) == 0;
}

/* The account's first factor of the kind. ERR_NOT_FOUND. */
static enum err first_of(struct fsm_tx *tx, struct id128 sub, enum factor_kind kind,
                         struct factor *ret_factor) {
    struct id128 after;
    enum err err = store_factor_next(tx->read, tx->arena, sub, NULL, ret_factor);

    while (err == OK && ret_factor->kind != kind) {
        after = ret_factor->id;
        err = store_factor_next(tx->read, tx->arena, sub, &after, ret_factor);
    }
    return err;
}

/* OUT_OK: no other factor is found by this one's index (Y5). */
static enum err index_free(struct fsm_tx *tx, const struct factor *factor,
                           enum outcome_code *ret_code) {
    struct factor other;
    enum err err = ERR_NOT_FOUND;

    if (store_factor_indexed(factor->kind)) {
        err = store_factor_find(tx->read, tx->arena, factor->kind, factor->index, &other);
    }
    *ret_code = err == OK ? OUT_EXISTS : OUT_OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err fsm_factor_count(struct fsm_tx *tx, struct id128 sub, size_t *ret_count) {
    struct factor factor;
    struct id128 after;
    size_t count = 0;
    enum err err;

    arena_reset(tx->scratch);
    err = store_factor_next(tx->read, tx->scratch, sub, NULL, &factor);
    while (err == OK && ++count < FSM_FACTORS_MAX) {
        after = factor.id;
        arena_reset(tx->scratch);
        err = store_factor_next(tx->read, tx->scratch, sub, &after, &factor);
    }
    *ret_count = count;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err fsm_factor_session(struct fsm_tx *tx, const struct signin *signin,
                            enum outcome_code *ret_code) {
    struct session session;
    enum err err;

    *ret_code = OUT_OK;
    if (!signin->raises && !signin->adds) {
        return OK;
    }
    err = store_session_get(tx->read, signin->session, &session);
    if (err == ERR_NOT_FOUND || (err == OK && !fsm_session_timely(tx, &session))) {
        *ret_code = OUT_SESSION_ENDED;
        return OK;
    }
    return err;
}

/* OUT_OK: the sign-in of this browser, still going on. */
static enum err find_signin(struct fsm_tx *tx, struct key_hash key,
                            const uint8_t browser[32], struct signin *ret_signin,
                            enum outcome_code *ret_code) {
    enum err err = store_signin_get(tx->read, tx->arena, key, ret_signin);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == OK && ret_signin->denied) {
        *ret_code = OUT_DENIED;
        return OK;
    }
    if (err == ERR_NOT_FOUND || tx->now_ms >= ret_signin->expires_ms ||
        !secret_equal(span_of(browser, sizeof ret_signin->browser),
                      span_of(ret_signin->browser, sizeof ret_signin->browser))) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    err = fsm_account_usable(tx, ret_signin->sub, ret_signin->generation, ret_code);
    return err == OK && *ret_code == OUT_OK
               ? fsm_factor_session(tx, ret_signin, ret_code)
               : err;
}

/* OUT_OK: the session's holder may add a factor, in the place of the one that is named. */
static enum err may_add(struct fsm_tx *tx, const struct cmd_factor_begin *cmd,
                        struct session *session, enum outcome_code *ret_code) {
    struct account account;
    struct factor replaced;
    enum err err = store_account_get(tx->read, tx->arena, session->sub, &account);

    if (err == OK) {
        err = fsm_gate_pass(tx, &cmd->gate, &account, session, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK || !cmd->has_replaces) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    err = store_factor_get(tx->read, tx->arena, session->sub, cmd->replaces, &replaced);
    *ret_code = err == ERR_NOT_FOUND ? OUT_NOT_FOUND : OUT_OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err fsm_factor_begin(struct fsm_tx *tx, const struct cmd_factor_begin *cmd,
                          enum outcome_code *ret_code) {
    struct signin signin;
    struct session session;
    enum err err = store_session_get(tx->read, cmd->session, &session);

    if (err == ERR_NOT_FOUND || (err == OK && !fsm_session_timely(tx, &session))) {
        *ret_code = OUT_SESSION_ENDED;
        return OK;
    }
    if (err == OK) {
        err = fsm_account_usable(tx, session.sub, session.generation, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK && cmd->gate.present) {
        err = may_add(tx, cmd, &session, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_signin_get(tx->read, tx->arena, cmd->signin, &signin);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    signin = (struct signin){
        .key = cmd->signin,
        .sub = session.sub,
        .generation = session.generation,
        .methods = session.methods,
        .auth_time_ms = session.auth_time_ms,
        .expires_ms = tx->now_ms + cmd->ttl_ms,
        .raises = !cmd->gate.present,
        .adds = cmd->gate.present,
        .session = session.key,
        .replaces = cmd->replaces,
    };
    memcpy(signin.browser, cmd->browser, sizeof signin.browser);
    return store_signin_put(tx->write, &signin);
}

/* OUT_OK: the account may have a factor that is enrolled by this sign-in. Who has the
 * password alone adds none to others. */
static enum err may_enrol(struct fsm_tx *tx, const struct signin *signin,
                          enum outcome_code *ret_code) {
    struct factor replaced;
    size_t count;
    enum err err = fsm_factor_count(tx, signin->sub, &count);

    *ret_code = OUT_OK;
    if (err == OK && !signin->adds && count > 0) {
        *ret_code = OUT_EXISTS;
    } else if (err == OK && signin->adds && count >= FSM_FACTORS_MAX) {
        err = store_factor_get(tx->read, tx->arena, signin->sub, signin->replaces,
                               &replaced);
        *ret_code = err == OK ? OUT_OK : OUT_FULL;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* OUT_OK: the account may be asked for it, or may enrol it here. */
static enum err may_be_asked(struct fsm_tx *tx, const struct cmd_factor_challenge *cmd,
                             const struct signin *signin, enum outcome_code *ret_code) {
    struct id128 sub = signin->sub;
    struct factor factor;
    enum err err;

    *ret_code = OUT_OK;
    if (cmd->enrols) {
        return may_enrol(tx, signin, ret_code);
    }
    if (signin->adds) { /* nothing is proven by it */
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    err = methods[cmd->kind].any && is_none(cmd->factor)
              ? first_of(tx, sub, cmd->kind, &factor)
              : store_factor_get(tx->read, tx->arena, sub, cmd->factor, &factor);
    if (err == ERR_NOT_FOUND || (err == OK && factor.kind != cmd->kind)) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    return err;
}

static struct key_hash account_counter(struct id128 sub) {
    struct key_hash counter;

    memcpy(counter.b, sub.b, sizeof counter.b);
    return counter;
}

/* The counter of wrong answers that is this one's. Who adds a factor is signed in: what
 * strangers have used up is not theirs. */
static struct key_hash counter_of(const struct signin *signin,
                                  const struct key_hash *device) {
    struct key_hash counter = account_counter(signin->sub);

    if (signin->adds) {
        for (size_t i = 0; i < sizeof counter.b; i++) {
            counter.b[i] = (uint8_t)~counter.b[i]; /* which is nobody's sub */
        }
        return counter;
    }
    return device != NULL ? *device : counter;
}

static enum err guard_read(struct fsm_tx *tx, struct key_hash counter,
                           struct factor_guard *ret_guard) {
    enum err err = store_factor_guard_get(tx->read, counter, ret_guard);

    if (err == OK && ret_guard->ends_ms <= tx->now_ms) {
        *ret_guard = (struct factor_guard){0}; /* not swept yet */
    }
    return err;
}

/* What is left to guess with is for who signs in with a later password, once a day. */
static uint32_t guard_max(const struct factor_guard *guard, uint64_t generation) {
    return guard->generation != 0 && generation > guard->generation
               ? FSM_FACTOR_FAILURES_MAX + FSM_FACTOR_RESERVE
               : FSM_FACTOR_FAILURES_MAX;
}

/* OUT_OK: an answer would still be taken, so a person may be bothered for one. */
static enum err still_open(struct fsm_tx *tx, const struct signin *signin,
                           const struct cmd_factor_challenge *cmd,
                           enum outcome_code *ret_code) {
    struct factor_guard guard;
    enum err err = guard_read(
        tx, counter_of(signin, cmd->has_device ? &cmd->device : NULL), &guard);

    *ret_code = err == OK && guard.failures >= guard_max(&guard, signin->generation)
                    ? OUT_LOCKED
                    : OUT_OK;
    return err;
}

enum err fsm_factor_challenge(struct fsm_tx *tx, const struct cmd_factor_challenge *cmd,
                              enum outcome_code *ret_code) {
    struct signin signin;
    enum err err = find_signin(tx, cmd->signin, cmd->browser, &signin, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = may_be_asked(tx, cmd, &signin, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK && methods[cmd->kind].bothers) {
        err = still_open(tx, &signin, cmd, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (cmd->has_code && signin.sent >= FSM_SIGNIN_CODES_MAX) {
        *ret_code = OUT_FULL;
        return OK;
    }
    if (methods[cmd->kind].asked == NULL) {
        err = fsm_message_add(tx, &cmd->message, ret_code);
    } else {
        /* Bounded by its own rows; the message is but a hint to look. */
        err = methods[cmd->kind].asked(tx, &signin, cmd, ret_code);
        if (err == OK && *ret_code == OUT_OK) {
            err = fsm_message_tell(tx, &cmd->message);
        }
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    signin.kind = (uint8_t)cmd->kind;
    signin.enrols = cmd->enrols;
    signin.factor = cmd->factor;
    signin.code = cmd->code;
    signin.code_expires_ms = cmd->has_code ? tx->now_ms + cmd->code_ttl_ms : 0;
    signin.sent += cmd->has_code ? 1 : 0;
    signin.data = cmd->data;
    err = store_signin_put(tx->write, &signin);
    return err == OK && cmd->has_code ? fsm_factor_tell(tx, AUDIT_FACTOR_SENT, signin.sub, cmd->kind,
                                             OUT_OK, FSM_AUDIT_BY_SENDER)
                                      : err;
}

static enum err guard_count(struct fsm_tx *tx, struct key_hash counter,
                            uint64_t generation, struct factor_guard *guard) {
    if (guard->failures == 0) {
        guard->ends_ms = tx->now_ms + FSM_FACTOR_DAY_MS;
    }
    guard->failures++;
    if (guard->failures == FSM_FACTOR_FAILURES_MAX) {
        guard->generation = generation;
    }
    return store_factor_guard_put(tx->write, counter, guard);
}

enum err fsm_factor_guard_add(struct fsm_tx *tx, struct id128 sub, uint64_t generation,
                              uint32_t failures) {
    struct key_hash counter = account_counter(sub);
    struct factor_guard guard;
    enum err err = guard_read(tx, counter, &guard);

    for (uint32_t i = 0;
         i < failures && guard.failures < guard_max(&guard, generation) && err == OK;
         i++) {
        err = guard_count(tx, counter, generation, &guard);
    }
    return err;
}

/* It was wrong: count it where it is one of few, and tell. The last one that is allowed is
 * OUT_LOCKED already: nothing more is taken of who gave it. */
static enum err wrong(struct fsm_tx *tx, const struct signin *signin,
                      const struct cmd_factor_pass *cmd, struct key_hash counter,
                      struct factor_guard *guard, enum outcome_code *ret_code) {
    bool locks = false;
    enum err err = OK;

    if (methods[cmd->kind].guessable) {
        err = guard_count(tx, counter, signin->generation, guard);
        locks = guard->failures >= guard_max(guard, signin->generation);
    }
    *ret_code = locks ? OUT_LOCKED : *ret_code;
    if (err == OK && locks && !signin->enrols) {
        err = fsm_message_tell(tx, &cmd->message); /* somebody has the password */
    }
    return err == OK ? fsm_factor_tell(tx, locks ? AUDIT_FACTOR_LOCKED : AUDIT_FACTOR_FAILED,
                            signin->sub, cmd->kind, *ret_code, FSM_AUDIT_BY_SENDER)
                     : err;
}

/* The factor that was asked for: the account's, or the one that is enrolled now. */
static enum err asked_factor(struct fsm_tx *tx, const struct signin *signin,
                             const struct cmd_factor_pass *cmd,
                             struct factor *ret_factor, enum outcome_code *ret_code) {
    enum err err;

    *ret_code = OUT_NOT_FOUND;
    if (signin->kind != (uint8_t)cmd->kind ||
        (memcmp(signin->factor.b, cmd->factor.b, sizeof cmd->factor.b) != 0 &&
         !(methods[cmd->kind].any && !signin->enrols && is_none(signin->factor)))) {
        return OK;
    }
    if (signin->enrols) {
        *ret_factor = cmd->enrolled;
        ret_factor->sub = signin->sub;
        ret_factor->id = signin->factor;
        ret_factor->kind = cmd->kind;
        ret_factor->step = 0;
        ret_factor->created_ms = tx->now_ms;
        ret_factor->used_ms = 0;
        /* Another sign-in may have been the first: then this one is too late. */
        err = may_enrol(tx, signin, ret_code);
        *ret_code = *ret_code == OUT_EXISTS ? OUT_NOT_FOUND : *ret_code;
        if (err == OK && *ret_code == OUT_OK) {
            err = index_free(tx, ret_factor, ret_code);
        }
        return err;
    }
    err = is_none(cmd->factor)
              ? first_of(tx, signin->sub, cmd->kind, ret_factor)
              : store_factor_get(tx->read, tx->arena, signin->sub, cmd->factor,
                                 ret_factor);
    if (err == OK && ret_factor->kind == cmd->kind) {
        *ret_code = OUT_OK;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* Judge the answer, and count it when it is wrong. */
static enum err judge(struct fsm_tx *tx, const struct signin *signin,
                      const struct cmd_factor_pass *cmd, struct factor *factor,
                      enum outcome_code *ret_code) {
    const struct method *method = &methods[cmd->kind];
    struct key_hash counter = counter_of(signin, cmd->has_device ? &cmd->device : NULL);
    struct factor_guard guard = {0};
    enum err err = OK;

    if (method->prove == NULL) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (method->guessable) {
        err = guard_read(tx, counter, &guard);
        if (err == OK && guard.failures >= guard_max(&guard, signin->generation)) {
            *ret_code = OUT_LOCKED;
            return OK;
        }
    }
    if (err != OK) {
        return err;
    }
    err = method->prove(tx, signin, cmd, factor, ret_code);
    if (err != OK) {
        return err;
    }
    if (*ret_code == OUT_BAD_CREDENTIALS || *ret_code == OUT_REPLAYED) {
        return wrong(tx, signin, cmd, counter, &guard, ret_code);
    }
    if (*ret_code == OUT_OK && cmd->has_device) {
        return store_factor_guard_del(tx->write, counter);
    }
    return OK;
}

static enum err session_made(struct fsm_tx *tx, const struct signin *signin,
                             const struct cmd_factor_pass *cmd,
                             enum outcome_code *ret_code) {
    struct session session = {
        .key = cmd->session,
        .sid = cmd->sid,
        .sub = signin->sub,
        .generation = signin->generation,
        .auth_time_ms = tx->now_ms,
        .methods = signin->methods | cmd->methods,
        .idle_at_ms = tx->now_ms + cmd->idle_ms,
        .expires_ms = tx->now_ms + cmd->lifetime_ms,
    };

    return fsm_session_make(tx, &session, cmd->has_replaced ? &cmd->replaced : NULL,
                            ret_code);
}

/* The session, which find_signin has seen, stays what it is, with what it has granted,
 * under a new key: the old one is dead (D08). The password's moment stays that of the
 * sign-in. */
static enum err session_raised(struct fsm_tx *tx, const struct signin *signin,
                               const struct cmd_factor_pass *cmd,
                               enum outcome_code *ret_code) {
    struct session session;
    struct outcome_login login;
    enum err err = store_session_get(tx->read, signin->session, &session);

    if (err == OK) {
        err = fsm_session_rename(tx, &session, cmd->session);
    }
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    session.methods |= cmd->methods;
    session.idle_at_ms = tx->now_ms + cmd->idle_ms;
    err = fsm_session_begin(tx, &session);
    login = (struct outcome_login){session.auth_time_ms, session.expires_ms};
    *ret_code = OUT_OK;
    return err == OK ? outcome_login_encode(&login, tx->detail) : err;
}

/* The factor that was added stands in the place of another one, if it does. */
static enum err replace(struct fsm_tx *tx, const struct signin *signin) {
    const struct cmd_factor_del del = {.sub = signin->sub, .id = signin->replaces};
    enum outcome_code gone;
    struct account account;
    struct session session;
    enum err err;

    if (is_none(signin->replaces)) {
        return OK;
    }
    err = fsm_factor_del(tx, &del, &gone); /* it may be gone by now */
    if (err == OK) {
        err = store_account_get(tx->read, tx->arena, signin->sub, &account);
    }
    if (err == OK) {
        err = store_session_get(tx->read, signin->session, &session);
    }
    if (err == OK) {
        err = fsm_self_renew(tx, &account, &session);
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* The answer was right. */
static enum err passed(struct fsm_tx *tx, const struct signin *signin,
                       const struct cmd_factor_pass *cmd, struct factor *factor,
                       enum outcome_code *ret_code) {
    enum err err = store_signin_del(tx->write, signin->key);

    if (err == OK) {
        factor->used_ms = tx->now_ms;
        err = store_factor_put(tx->write, factor);
    }
    if (err == OK) {
        err = fsm_factor_tell(tx, signin->enrols ? AUDIT_FACTOR_ADDED : AUDIT_FACTOR_OK,
                   signin->sub, cmd->kind, OUT_OK, FSM_AUDIT_BY_SUBJECT);
    }
    if (err == OK && signin->enrols) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    if (err == OK && signin->adds) {
        return replace(tx, signin);
    }
    if (err == OK) {
        err = signin->raises ? session_raised(tx, signin, cmd, ret_code)
                             : session_made(tx, signin, cmd, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = fsm_factor_tell(tx, signin->raises ? AUDIT_STEP_UP : AUDIT_SIGNIN, signin->sub,
                   cmd->kind, OUT_OK, FSM_AUDIT_BY_SUBJECT);
    }
    return err;
}

enum err fsm_factor_pass(struct fsm_tx *tx, const struct cmd_factor_pass *cmd,
                         enum outcome_code *ret_code) {
    struct signin signin;
    struct session taken;
    struct factor factor;
    enum err err = find_signin(tx, cmd->signin, cmd->browser, &signin, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = asked_factor(tx, &signin, cmd, &factor, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_session_get(tx->read, cmd->session, &taken);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    err = judge(tx, &signin, cmd, &factor, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    return passed(tx, &signin, cmd, &factor, ret_code);
}

enum err fsm_factor_put(struct fsm_tx *tx, const struct cmd_factor_put *cmd,
                        enum outcome_code *ret_code) {
    struct factor factor = cmd->factor;
    struct account account;
    struct session session;
    struct factor old;
    size_t count = 0;
    enum err err = store_account_get(tx->read, tx->arena, factor.sub, &account);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == ERR_NOT_FOUND || account.state == ACCOUNT_DELETED) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (cmd->generation != 0 && cmd->generation != account.generation) {
        *ret_code = OUT_ACCOUNT_STATE;
        return OK;
    }
    if (cmd->gate.present) {
        err = fsm_gate_pass(tx, &cmd->gate, &account, &session, ret_code);
        if (err != OK || *ret_code != OUT_OK) {
            return err;
        }
    }
    err = store_factor_get(tx->read, tx->arena, factor.sub, factor.id, &old);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    err = index_free(tx, &factor, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = fsm_factor_count(tx, factor.sub, &count);
    *ret_code = count < FSM_FACTORS_MAX ? OUT_OK : OUT_FULL;
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    factor.created_ms = tx->now_ms;
    factor.used_ms = 0;
    err = store_factor_put(tx->write, &factor);
    if (err == OK) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    return err == OK ? fsm_factor_tell(tx, AUDIT_FACTOR_ADDED, factor.sub, factor.kind, OUT_OK,
                            FSM_AUDIT_BY_SENDER)
                     : err;
}

enum err fsm_factor_del(struct fsm_tx *tx, const struct cmd_factor_del *cmd,
                        enum outcome_code *ret_code) {
    struct account account;
    struct factor factor;
    enum err err =
        store_factor_get(tx->read, tx->arena, cmd->sub, cmd->id, &factor);

    *ret_code = err == ERR_NOT_FOUND ? OUT_NOT_FOUND : OUT_OK;
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    err = store_account_get(tx->read, tx->arena, cmd->sub, &account);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    err = store_factor_del(tx->write, cmd->sub, cmd->id);
    account.generation++;
    if (err == OK) {
        err = store_account_put(tx->write, &account);
    }
    if (err == OK) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    return err == OK ? fsm_factor_tell(tx, AUDIT_FACTOR_REMOVED, cmd->sub, factor.kind, OUT_OK,
                            FSM_AUDIT_BY_SENDER)
                     : err;
}
