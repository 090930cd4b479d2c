/* fsm_account: accounts. Two registrations may want one account ID; the first
 * that is applied has it (A1). */
#include "raft/fsm_internal.h"

enum err fsm_account_put(struct fsm_tx *tx, const struct cmd_account_put *cmd,
                         enum outcome_code *ret_code) {
    struct account account = cmd->account;
    struct account old;
    enum err err = store_account_get(tx->read, tx->arena, account.sub, &old);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == OK && !cmd->replace) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    account.created_ms = err == OK ? old.created_ms : tx->now_ms;
    /* A generation that fell would revive sessions that were ended by raising it. */
    if (err == OK && account.generation < old.generation) {
        account.generation = old.generation;
    }
    err = store_account_put(tx->write, &account);
    if (err == ERR_EXISTS) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    *ret_code = OUT_OK;
    return err;
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
