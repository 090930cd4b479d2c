/* fsm_factor_totp: the code of an authenticator app. A service has found its step; the
 * frame's time decides whether it is now, and the row whether it was used. */
#include "raft/fsm_factor.h"

static enum outcome_code totp_proven(const struct fsm_tx *tx, const struct signin *signin,
                                  const struct cmd_factor_pass *cmd,
                                  struct factor *factor) {
    uint64_t now = tx->now_ms / FSM_TOTP_STEP_MS;

    (void)signin;
    if (!cmd->right) {
        return OUT_BAD_CREDENTIALS;
    }
    if (cmd->step > now + 1 || now > cmd->step + FSM_TOTP_LATE_STEPS) {
        return OUT_EXPIRED;
    }
    if (cmd->step <= factor->step) {
        return OUT_REPLAYED;
    }
    factor->step = cmd->step;
    return OUT_OK;
}

enum err fsm_factor_totp(struct fsm_tx *tx, const struct signin *signin,
                   const struct cmd_factor_pass *cmd, struct factor *factor,
                   enum outcome_code *ret_code) {
    *ret_code = totp_proven(tx, signin, cmd, factor);
    return OK;
}
