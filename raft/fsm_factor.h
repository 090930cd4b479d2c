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
 * are counted by account, whatever the method, the session, the node, the address or the
 * code that was sent: FSM_FACTOR_FAILURES_MAX within FSM_FACTOR_DAY_MS of the first one,
 * which no success forgives.
 *
 * Who guesses has the password, and could so keep the holder out. Counters by address
 * would not help: who has a few of them either guesses too often or uses them all up. But
 * two things that this stranger has not got are the holder's:
 *
 *   - a device on which the account has passed a second step before. It has a counter of
 *     its own, which a success there does forgive: strangers who use up the account's do
 *     not lock the holder out of it, and the holder's own slips do not add up
 *     (server/svc_device.h);
 *   - the next password. When the counter is used up, the holder is told by mail that
 *     somebody has the present one. What is begun with a later one (a later generation
 *     of the account) has FSM_FACTOR_RESERVE guesses more, in any browser; what was begun
 *     with the old one is over. A day's counter has one reserve, however often the
 *     password changes: a mailbox that is the stranger's too buys no more.
 *
 * In any 24 hours two such days meet at most: 30 guesses, 9e-5, below the 1e-4 that is
 * allowed (SECURITY_CHECKS E01). */
#ifndef RAFT_FSM_FACTOR_H
#define RAFT_FSM_FACTOR_H

#include "raft/fsm_audit.h"

/* Is the factor proven? OUT_OK; OUT_EXPIRED; OUT_BAD_CREDENTIALS and OUT_REPLAYED, which
 * count; OUT_WAITING: not yet; OUT_DENIED: the sign-in is over. May raise factor->step
 * (Y2). */
typedef enum err fsm_factor_prove(struct fsm_tx *tx, const struct signin *signin,
                                  const struct cmd_factor_pass *cmd,
                                  struct factor *factor, enum outcome_code *ret_code);
fsm_factor_prove fsm_factor_sms, fsm_factor_totp, fsm_factor_passkey, fsm_factor_app;

/* May an authenticator's counter be `step` now (fsm_factor_passkey.c)? */
bool fsm_factor_passkey_rises(const struct factor *factor, uint64_t step);

/* The person is about to be asked by this method. Refuses before it writes; *ret_code is
 * OUT_OK at first. */
typedef enum err fsm_factor_asked(struct fsm_tx *tx, const struct signin *signin,
                                  const struct cmd_factor_challenge *cmd,
                                  enum outcome_code *ret_code);
fsm_factor_asked fsm_factor_app_asked;

/* The record of what became of a second step. */
enum err fsm_factor_tell(struct fsm_tx *tx, enum audit_event kind_of_event,
                         struct id128 sub, enum factor_kind kind,
                         enum outcome_code outcome, enum fsm_audit_by by);
/* OUT_SESSION_ENDED: the sign-in raises a session that is over: who has ended it (a
 * stolen one, say) ends what was begun with it. OUT_OK: it goes on. */
enum err fsm_factor_session(struct fsm_tx *tx, const struct signin *signin,
                            enum outcome_code *ret_code);
/* So many more wrong codes of the account, which is of this generation, and no more than
 * lock it. */
enum err fsm_factor_guard_add(struct fsm_tx *tx, struct id128 sub, uint64_t generation,
                              uint32_t failures);

#endif
