/* svc_dpop: DPoP proofs (RFC 9449) at the endpoints where clients authenticate, and at
 * userinfo. Form and signature by server/crypto/dpop_proof, rules by
 * server/oidc/dpop_check, replays by the state machine (the proof goes into the command
 * of the request, or into CMD_PROOF_USE).
 *
 * Nonces (§8) hold no state: the replicated time, sealed. All nodes have the same
 * keyring, so each takes the nonces of the others, after a change of leader too. A
 * nonce is asked for at every endpoint: a proof that was made ahead of time is worth
 * nothing. Thread: the svc's own. */
#ifndef SERVER_SVC_DPOP_H
#define SERVER_SVC_DPOP_H

#include "server/svc_caller.h"

#define SVC_DPOP_NONCE_S 300u

struct svc_dpop_in {
    struct span proof; /* the header's value */
    bool twice;        /* there is more than one */
    const char *method;
    const char *base, *endpoint; /* as in svc_caller_in */
};

/* On OIDC_OK the key that it proves, and what the command must use. Else
 * invalid_dpop_proof, or use_dpop_nonce: the answer must bring a nonce.
 * `token`: the access token that came with it; empty: none. */
struct oidc_verdict svc_dpop_judge(struct svc_state *state,
                                   const struct svc_dpop_in *in, struct span token,
                                   struct binding *ret_binding,
                                   struct proof *ret_proof);

/* A new nonce for the response, in `arena`. */
enum err svc_dpop_nonce(struct svc *svc, struct arena *arena, struct span *ret_nonce);

#endif
