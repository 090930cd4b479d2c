/* svc_assertion: client authentication by a signed assertion (private_key_jwt), for
 * svc_caller. Form and signature by server/crypto/client_keys, rules by
 * server/oidc/assertion_check. Thread: the svc's own. */
#ifndef SERVER_SVC_ASSERTION_H
#define SERVER_SVC_ASSERTION_H

#include "server/svc_caller.h"

/* The client that the assertion speaks of: nothing is verified. Empty: it names none.
 * Lives in `arena`. */
struct span svc_assertion_subject(struct arena *arena, struct span assertion);

/* Verify it for caller->client. On OIDC_OK its jti is among caller->proofs.
 * `endpoint`: as in svc_caller_in. */
struct oidc_verdict svc_assertion_judge(struct svc_state *state,
                                        struct svc_caller *caller, const char *endpoint,
                                        struct span assertion);

#endif
