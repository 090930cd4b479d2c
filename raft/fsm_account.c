/* fsm_account: accounts. Two registrations may want one account ID; the first
 * that is applied has it (A1). A registration uses up the link that confirmed its
 * address, whatever becomes of it: the same link makes no account after that one was
 * closed or has moved to another address. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"

/* `old` NULL: it is new. */
static enum err tell(struct fsm_tx *tx, const struct account *old,
                     const struct account *account) {
    static const char *const states[] = {[ACCOUNT_ACTIVE] = "active",
                                         [ACCOUNT_SUSPENDED] = "suspended",
                                         [ACCOUNT_DELETED] = "deleted"};
    struct fsm_audit_event event = {
        .event = AUDIT_ACCOUNT_CREATED, .has_sub = true, .sub = account->sub};

    if (old == NULL) {
        return fsm_audit_add(tx, &event);
    }
    event.event = AUDIT_ACCOUNT_CHANGED;
    if (old->state != account->state) {
        event.event = AUDIT_ACCOUNT_STATE;
        event.note = span_str(states[account->state]);
    } else if (memcmp(old->login_index.b, account->login_index.b,
                      sizeof account->login_index.b) != 0) {
        event.event = AUDIT_ID_CHANGED;
    } else if (!span_equal(old->password_hash, account->password_hash)) {
        event.event = AUDIT_PASSWORD_CHANGED;
    }
    return fsm_audit_add(tx, &event);
}

enum err fsm_account_put(struct fsm_tx *tx, const struct cmd_account_put *cmd,
                         enum outcome_code *ret_code) {
    struct account account = cmd->account;
    struct account old;
    bool there;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_account_get(tx->read, tx->arena, account.sub, &old);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    there = err == OK;
    if (there) { /* the put takes the row away */
        old.password_hash = arena_dup(tx->arena, old.password_hash);
        if (old.password_hash.data == NULL) {
            return ERR_NOMEM;
        }
    }
    if (there && !cmd->replace) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    account.created_ms = there ? old.created_ms : tx->now_ms;
    /* A generation that fell would revive sessions that were ended by raising it. */
    if (there && account.generation < old.generation) {
        account.generation = old.generation;
    }
    err = store_account_put(tx->write, &account);
    if (err == ERR_EXISTS) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    *ret_code = OUT_OK;
    return err == OK ? tell(tx, there ? &old : NULL, &account) : err;
}

enum err fsm_account_usable(struct fsm_tx *tx, struct id128 sub, uint64_t generation,
                            enum outcome_code *ret_code) {
    struct account account;
    enum err err = store_account_get(tx->read, tx->arena, sub, &account);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    *ret_code =
        err == OK && account.state == ACCOUNT_ACTIVE && account.generation == generation
            ? OUT_OK
            : OUT_ACCOUNT_STATE;
    return OK;
}
