/* svc_code: codes that are sealed grants, so that an exchange is one replicated command.
 *
 *   svc_flow ── svc_code_seal ──> code (nothing is written)
 *   svc_token ── svc_code_open ──> CMD_GRANT_REDEEM, opens ──> raft/fsm_grant
 *
 * A code of the profile `standard` carries what CMD_GRANT_ISSUE would have stored
 * (server/oidc/sealed_code.h), sealed by the cluster's key and bound to the client; the
 * command that redeems it opens the grant. Codes for which more is to be written are
 * stored as ever (svc_code_plain), and those of the profile `gbizid` are, which keep the
 * platform's form.
 * Invariants:
 *   O1  what decides about a code stands in the state machine: here it is only sealed and
 *       opened, and either kind of code would do for any request;
 *   O2  a code that does not open is an unknown one, whatever is wrong with it: the same
 *       command, without an index or a snapshot to wait for. Another client's is one;
 *   O3  its time is the clock of the snapshot that the session was read in, which every
 *       command after it has reached: it never lives longer than its ttl (I4 of
 *       raft/fsm_grant.c), and ends sooner by what the node was behind.
 * A session that gets another key while the code is on its way (a second step was asked for
 * elsewhere) takes along what it has granted, not this: the code is one of an ended session,
 * and the service asks again.
 * Thread: the svc's. */
#ifndef SERVER_SVC_CODE_H
#define SERVER_SVC_CODE_H

#include "server/svc_flow.h"

/* Is nothing to be written but the grant? */
bool svc_code_plain(const struct svc_flow *flow);
/* The code, in the operation's arena. ERR_TOO_BIG: not to be sealed, but stored. */
enum err svc_code_seal(struct svc_flow *flow, struct span *ret_code);

/* Sets code, opens and opened of *cmd, which has the authenticated client's client_id.
 * A code that was stored gets its key alone. Spans borrow from svc->plain, until the
 * next svc_open_text. ERR_NOMEM. */
enum err svc_code_open(struct svc *svc, struct span code, struct cmd_grant_redeem *cmd);

#endif
