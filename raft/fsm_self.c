/* fsm_self: what a holder changes of the own account.
 *
 * Here because two requests could disagree: who has an account ID, whether a change that
 * is waiting still stands when somebody else has taken the account over, and which
 * sessions live on.
 *
 * What ends sessions raises the account's generation, so that nothing of the old one is
 * good on any node, however many rows there are; the session that did it goes on, as one
 * of the new generation. Its rows are taken away here too, so that relying parties are
 * told, FSM_SELF_SESSIONS at a time; the rest ends by the generation and is swept. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/store_factor.h"
#include "store/store_id_change.h"
#include "store/store_recovery.h"

struct self {
    struct fsm_tx *tx;
    const struct cmd_self *cmd;
    struct account account;
    struct session session; /* the acting one; not with SELF_ID_CONFIRM */
};

static enum err tell(struct self *self, enum audit_event what) {
    const struct fsm_audit_event event = {.event = what,
                                          .by = FSM_AUDIT_BY_SUBJECT,
                                          .has_sub = true,
                                          .sub = self->account.sub};

    return fsm_audit_add(self->tx, &event);
}

/* --- sessions --- */

/* All of the account but `kept`, which may be NULL. */
static enum err end_sessions(struct fsm_tx *tx, struct id128 sub,
                             const struct key_hash *kept) {
    struct key_hash at = {{0}};
    bool begun = false;
    enum err err = OK;

    for (unsigned n = 0; n < FSM_SELF_SESSIONS && err == OK; n++) {
        enum outcome_code ignored;
        struct session session;
        struct span origin;

        err = store_session_next(tx->read, sub, begun ? &at : NULL, &session, &origin);
        if (err != OK) {
            break;
        }
        begun = true;
        at = session.key;
        if (kept == NULL || memcmp(at.b, kept->b, sizeof at.b) != 0) {
            err = fsm_session_end(tx, session.key, &ignored);
        }
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err fsm_self_renew(struct fsm_tx *tx, struct account *account,
                        struct session *session) {
    enum err err = end_sessions(tx, account->sub, &session->key);

    account->generation++;
    session->generation = account->generation;
    if (err == OK) {
        err = store_account_put(tx->write, account);
    }
    return err == OK ? store_session_put(tx->write, session) : err;
}

static enum err next_generation(struct self *self) {
    return fsm_self_renew(self->tx, &self->account, &self->session);
}

static enum err end_session(struct self *self, enum outcome_code *ret_code) {
    struct key_hash at;
    bool begun = false;

    for (;;) {
        struct session session;
        struct span origin;
        enum err err = store_session_next(self->tx->read, self->account.sub,
                                          begun ? &at : NULL, &session, &origin);
        if (err != OK) {
            *ret_code = OUT_NOT_FOUND;
            return err == ERR_NOT_FOUND ? OK : err;
        }
        if (memcmp(session.sid.b, self->cmd->target.b, sizeof session.sid.b) == 0) {
            err = fsm_session_end(self->tx, session.key, ret_code);
            return err == OK ? tell(self, AUDIT_SESSION_ENDED) : err;
        }
        begun = true;
        at = session.key;
    }
}

/* --- factors --- */

static enum err drop_factors(struct fsm_tx *tx, struct id128 sub) {
    for (;;) {
        struct factor factor;
        arena_reset(tx->scratch);
        enum err err = store_factor_next(tx->read, tx->scratch, sub, NULL, &factor);
        if (err != OK) {
            return err == ERR_NOT_FOUND ? OK : err;
        }
        err = store_factor_del(tx->write, sub, factor.id);
        if (err != OK) {
            return err;
        }
    }
}

enum err fsm_self_forget(struct fsm_tx *tx, struct id128 sub) {
    enum err err = end_sessions(tx, sub, NULL);

    if (err == OK) {
        err = drop_factors(tx, sub);
    }
    if (err == OK) {
        err = store_id_change_del(tx->write, sub);
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    return err == OK ? store_recovery_del(tx->write, sub) : err;
}

static enum err factor_del(struct self *self, enum outcome_code *ret_code) {
    const struct cmd_factor_del del = {.sub = self->account.sub,
                                       .id = self->cmd->target};
    enum err err = fsm_factor_del(self->tx, &del, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_account_get(self->tx->read, self->tx->arena, del.sub, &self->account);
    return err == OK ? next_generation(self) : err;
}

/* --- the account ID --- */

static enum err forget_change(struct self *self, bool *ret_was) {
    enum err err = store_id_change_del(self->tx->write, self->account.sub);

    *ret_was = err == OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err void_change(struct self *self) {
    bool was;
    enum err err = forget_change(self, &was);

    return err == OK && was ? tell(self, AUDIT_ID_CHANGE_VOID) : err;
}

static enum err id_ask(struct self *self, enum outcome_code *ret_code) {
    const struct cmd_self *cmd = self->cmd;
    struct fsm_tx *tx = self->tx;
    struct id_change change = {.sub = cmd->sub,
                               .token = cmd->token,
                               .login_index = cmd->login_index,
                               .generation = self->account.generation,
                               .expires_ms = tx->now_ms + cmd->ttl_ms,
                               .sealed = cmd->sealed};
    struct account taken;
    enum err err =
        store_account_find(tx->read, tx->arena, cmd->login_index, &taken);

    if (err == OK) { /* somebody's: as if it were not, but for the mail */
        err = fsm_counter_take_own(tx, &cmd->message.caps, ret_code);
    } else if (err == ERR_NOT_FOUND) {
        err = fsm_message_add(tx, &cmd->message, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = void_change(self);
    if (err == OK) {
        err = store_id_change_put(tx->write, &change);
    }
    /* Whoever has the session, the address hears of it while it still can act. */
    if (err == OK) {
        err = fsm_message_tell(tx, &cmd->notice);
    }
    return err == OK ? tell(self, AUDIT_ID_CHANGE_ASKED) : err;
}

/* OUT_OK: the change that waits is this one, and still stands. */
static enum outcome_code change_stands(const struct self *self,
                                       const struct id_change *change) {
    if (memcmp(change->token.b, self->cmd->token.b, sizeof change->token.b) != 0) {
        return OUT_NOT_FOUND;
    }
    if (change->generation != self->account.generation) {
        return OUT_ACCOUNT_STATE; /* H3 */
    }
    return self->tx->now_ms < change->expires_ms ? OUT_OK : OUT_EXPIRED;
}

static enum err id_confirm(struct self *self, enum outcome_code *ret_code) {
    struct fsm_tx *tx = self->tx;
    struct id_change change;
    enum err err = store_id_change_get(tx->read, self->cmd->sub, &change);

    *ret_code = err == OK ? change_stands(self, &change) : OUT_NOT_FOUND;
    if (err != OK || *ret_code != OUT_OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    self->account.login_index = change.login_index;
    self->account.sealed_profile = self->cmd->sealed;
    self->account.generation++;
    err = store_account_put(tx->write, &self->account);
    if (err == ERR_EXISTS) { /* nothing was changed */
        *ret_code = OUT_EXISTS;
        return void_change(self);
    }
    if (err == OK) {
        err = store_id_change_del(tx->write, self->cmd->sub);
    }
    if (err == OK) {
        err = end_sessions(tx, self->account.sub, NULL);
    }
    if (err == OK) {
        err = fsm_message_tell(tx, &self->cmd->message);
    }
    return err == OK ? tell(self, AUDIT_ID_CHANGED) : err;
}

/* --- the end --- */

/* The row stays, so that its sub is nobody else's; its account ID is free. */
static enum err close_account(struct self *self) {
    struct fsm_tx *tx = self->tx;
    enum err err = fsm_self_forget(tx, self->account.sub);

    _Static_assert(sizeof self->account.login_index.b == sizeof self->account.sub.b,
                   "a sub may stand for an index: nobody types it");
    memcpy(self->account.login_index.b, self->account.sub.b,
           sizeof self->account.sub.b);
    self->account.state = ACCOUNT_DELETED;
    self->account.generation++;
    self->account.password_hash = span_str("");
    self->account.sealed_profile = span_str("");
    if (err == OK) {
        err = store_account_put(tx->write, &self->account);
    }
    return err == OK ? tell(self, AUDIT_ACCOUNT_CLOSED) : err;
}

/* --- all of them --- */

static enum err act(struct self *self, enum outcome_code *ret_code) {
    enum err err;
    bool was;

    switch (self->cmd->act) {
    case SELF_PASSWORD:
        self->account.password_hash = self->cmd->password_hash;
        err = next_generation(self);
        if (err == OK) {
            err = void_change(self);
        }
        return err == OK ? tell(self, AUDIT_PASSWORD_CHANGED) : err;
    case SELF_END_SESSION:
        return end_session(self, ret_code);
    case SELF_END_OTHERS:
        /* What the others began ends with them: browsers that are trusted, steps
         * half-way, a change of the ID that waits for its confirmation. */
        err = next_generation(self);
        if (err == OK) {
            err = void_change(self);
        }
        return err == OK ? tell(self, AUDIT_SESSIONS_ENDED) : err;
    case SELF_FACTOR_DEL:
        return factor_del(self, ret_code);
    case SELF_ID_ASK:
        return id_ask(self, ret_code);
    case SELF_ID_CONFIRM:
        return id_confirm(self, ret_code);
    case SELF_ID_CANCEL:
        err = forget_change(self, &was);
        *ret_code = was ? OUT_OK : OUT_NOT_FOUND;
        return err == OK && was ? tell(self, AUDIT_ID_CHANGE_VOID) : err;
    case SELF_CLOSE:
        return close_account(self);
    }
    return ERR_CORRUPT;
}

static enum err check_session(struct self *self, enum outcome_code *ret_code) {
    const struct gate gate = {.present = true,
                              .session = self->cmd->session,
                              .fresh_ms = self->cmd->fresh_ms,
                              .second = self->cmd->second};

    return fsm_gate_pass(self->tx, &gate, &self->account, &self->session, ret_code);
}

enum err fsm_self(struct fsm_tx *tx, const struct cmd_self *cmd,
                  enum outcome_code *ret_code) {
    struct self self = {.tx = tx, .cmd = cmd};
    enum err err = store_account_get(tx->read, tx->arena, cmd->sub, &self.account);

    *ret_code = OUT_OK;
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == ERR_NOT_FOUND || self.account.state != ACCOUNT_ACTIVE ||
        (cmd->generation != 0 && cmd->generation != self.account.generation)) {
        *ret_code = OUT_ACCOUNT_STATE;
        return OK;
    }
    if (cmd->has_session) {
        err = check_session(&self, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = act(&self, ret_code);
    /* SELF_ID_ASK and _CONFIRM have said theirs. */
    if (err == OK && *ret_code == OUT_OK && cmd->act != SELF_ID_ASK &&
        cmd->act != SELF_ID_CONFIRM) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    return err;
}
