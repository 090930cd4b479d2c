/* fsm_factor: the second step of a sign-in, for the files fsm_factor*.c.
 *
 *   fsm_session_login, fsm_factor_begin ── a row of store_signin.h
 *        └─> fsm_factor_challenge*  the person is asked, by one method at a time
 *              └─> fsm_factor_pass  wrong: it counts; right: the session
 *
 * A method is one file fsm_factor_<method>.c, one line in fsm_factor.c's table, one
 * service server/svc_factor_<method>.c.
 *
 * How often may one guess? Codes have six digits, and up to three of them are right at
 * one time (a step of TOTP before and after), so a guess hits with 3e-6. Wrong codes
 * are counted by account, whatever the method, the session, the node or the code that
 * was sent: FSM_FACTOR_FAILURES_MAX within FSM_FACTOR_DAY_MS of the first one, which no
 * success forgives. In any 24 hours two such days meet at most: 20 guesses, 6e-5, below
 * the 1e-4 that is allowed (SECURITY_CHECKS E01). Who guesses has the password.
 *
 * A device on which the account has signed in before has a counter of its own, which a
 * success there does forgive: so strangers who use up the account's cannot lock its
 * holder out of a known device, and the holder's own slips do not add up. */
#ifndef RAFT_FSM_FACTOR_H
#define RAFT_FSM_FACTOR_H

#include "raft/fsm_internal.h"

/* Is the factor proven? OUT_OK, OUT_EXPIRED, or OUT_BAD_CREDENTIALS and OUT_REPLAYED,
 * which count. May raise factor->step (Y2). */
typedef enum outcome_code fsm_factor_prove(const struct fsm_tx *tx,
                                           const struct signin *signin,
                                           const struct cmd_factor_pass *cmd,
                                           struct factor *factor);
fsm_factor_prove fsm_factor_sms, fsm_factor_totp;

#endif
