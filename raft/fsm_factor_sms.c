/* fsm_factor_sms: the code that was sent to a telephone, once, until its time is over.
 * Its hash covers the sign-in and the number, so that it is good for nothing else. */
#include "raft/fsm_factor.h"
#include "store/base/secret.h"

static enum outcome_code sms_proven(const struct fsm_tx *tx, const struct signin *signin,
                                 const struct cmd_factor_pass *cmd,
                                 struct factor *factor) {
    static const struct key_hash none;

    (void)factor;
    if (memcmp(signin->code.b, none.b, sizeof none.b) == 0 ||
        tx->now_ms >= signin->code_expires_ms) {
        return OUT_EXPIRED;
    }
    return cmd->right && secret_equal(span_of(signin->code.b, sizeof signin->code.b),
                                      span_of(cmd->code.b, sizeof cmd->code.b))
               ? OUT_OK
               : OUT_BAD_CREDENTIALS;
}

enum err fsm_factor_sms(struct fsm_tx *tx, const struct signin *signin,
                   const struct cmd_factor_pass *cmd, struct factor *factor,
                   enum outcome_code *ret_code) {
    *ret_code = sms_proven(tx, signin, cmd, factor);
    return OK;
}
