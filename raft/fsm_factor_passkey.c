/* fsm_factor_passkey: the answer of a passkey. A service has judged everything that the
 * signature proves (server/crypto/webauthn.h); here stands what only the rows can tell:
 * that it answers the challenge that was given last, which serves once, and that the
 * authenticator's counter rises where it counts (WebAuthn §6.1.1): a counter that fell
 * back is a copy of the authenticator, or an old answer. */
#include "raft/fsm_factor.h"

bool fsm_factor_passkey_rises(const struct factor *factor, uint64_t step) {
    return step > factor->step || (step == 0 && factor->step == 0);
}

enum err fsm_factor_passkey(struct fsm_tx *tx, const struct signin *signin,
                            const struct cmd_factor_pass *cmd, struct factor *factor,
                            enum outcome_code *ret_code) {
    if (!cmd->right ||
        memcmp(signin->code.b, cmd->code.b, sizeof cmd->code.b) != 0) {
        *ret_code = OUT_BAD_CREDENTIALS;
    } else if (tx->now_ms >= signin->code_expires_ms) {
        *ret_code = OUT_EXPIRED;
    } else if (!fsm_factor_passkey_rises(factor, cmd->step)) {
        *ret_code = OUT_REPLAYED;
    } else {
        *ret_code = OUT_OK;
        factor->step = cmd->step;
    }
    return OK;
}

/* OUT_OK: the passkey is the account's, and its counter rises; *factor has it. */
static enum err passkey_find(struct fsm_tx *tx, const struct cmd_passkey_login *cmd,
                             struct factor *factor, enum outcome_code *ret_code) {
    enum err err = store_factor_find(tx->read, tx->arena, FACTOR_PASSKEY,
                                     cmd->credential, factor);

    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK) {
        err = fsm_account_usable(tx, factor->sub, cmd->generation, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK &&
        !fsm_factor_passkey_rises(factor, cmd->step)) {
        *ret_code = OUT_REPLAYED;
        return fsm_factor_tell(tx, AUDIT_FACTOR_FAILED, factor->sub, FACTOR_PASSKEY,
                               OUT_REPLAYED, FSM_AUDIT_BY_SENDER);
    }
    return err;
}

enum err fsm_factor_passkey_login(struct fsm_tx *tx, const struct cmd_passkey_login *cmd,
                                  enum outcome_code *ret_code) {
    struct session session = {
        .key = cmd->session,
        .sid = cmd->sid,
        .generation = cmd->generation,
        .auth_time_ms = tx->now_ms,
        .methods = cmd->methods,
        .idle_at_ms = tx->now_ms + cmd->idle_ms,
        .expires_ms = tx->now_ms + cmd->lifetime_ms,
    }, taken;
    struct factor factor;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = passkey_find(tx, cmd, &factor, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_session_get(tx->read, cmd->session, &taken);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    factor.step = cmd->step;
    factor.used_ms = tx->now_ms;
    session.sub = factor.sub;
    err = store_factor_put(tx->write, &factor);
    if (err == OK) {
        err = fsm_session_make(tx, &session, cmd->has_replaced ? &cmd->replaced : NULL,
                               ret_code);
    }
    return err == OK ? fsm_factor_tell(tx, AUDIT_SIGNIN, factor.sub, FACTOR_PASSKEY,
                                       OUT_OK, FSM_AUDIT_BY_SUBJECT)
                     : err;
}
