/* fsm_gate: what a session must be like for an account to be changed by it.
 *
 * A service looks at the same before it shows a page; here because in between the session
 * may have ended, and a factor may have been added that it was not begun with
 * (SECURITY D14). */
#include "raft/fsm_internal.h"
#include "store/store_factor.h"

/* OUT_OK: the account has no factor, or the session was begun or raised with one. */
static enum err second_given(struct fsm_tx *tx, const struct gate *gate,
                             const struct session *session,
                             enum outcome_code *ret_code) {
    size_t count;
    enum err err;

    if ((session->methods & gate->second) != 0) {
        return OK;
    }
    err = fsm_factor_count(tx, session->sub, &count);
    if (err == OK && count > 0) {
        *ret_code = OUT_SECOND_STEP;
    }
    return err;
}

enum err fsm_gate_pass(struct fsm_tx *tx, const struct gate *gate,
                       const struct account *account, struct session *ret_session,
                       enum outcome_code *ret_code) {
    struct session session;
    enum err err = store_session_get(tx->read, gate->session, &session);

    *ret_code = OUT_OK;
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == ERR_NOT_FOUND || !fsm_session_timely(tx, &session) ||
        session.generation != account->generation ||
        memcmp(session.sub.b, account->sub.b, sizeof account->sub.b) != 0) {
        *ret_code = OUT_SESSION_ENDED;
        return OK;
    }
    if (tx->now_ms > session.auth_time_ms &&
        tx->now_ms - session.auth_time_ms > gate->fresh_ms) {
        *ret_code = OUT_REAUTH;
        return OK;
    }
    *ret_session = session;
    return second_given(tx, gate, &session, ret_code);
}
