/* svc_caller: which client calls, and whether it has proven that.
 *
 * The first step of every endpoint at which clients authenticate:
 *   route -> svc_token, ... -> svc_caller_read -> (rules of the endpoint) -> command
 * What the client proved may be worth it once: `proofs` go into the command that does
 * the endpoint's work, whose OUT_PROOF_REPLAYED svc_caller_replayed tells to the
 * client. An endpoint without a command submits CMD_PROOF_USE when there are any.
 * Invariants:
 *   L1  unknown client, wrong secret and wrong method are one answer, after the same
 *       work (SECURITY_CHECKS B11);
 *   L2  a client that is not usable in its stage is an unknown one.
 * Thread: the svc's own. */
#ifndef SERVER_SVC_CALLER_H
#define SERVER_SVC_CALLER_H

#include "server/svc_internal.h"

struct svc_caller {
    struct client client; /* in the operation's arena, as `view` */
    struct oidc_client view;
    struct proofs proofs;   /* to be used by the command */
    struct binding binding; /* what access tokens of this call are bound to */
};

/* False: the operation is over. Else it was read, and ret_refusal->error tells whether
 * it is served: OIDC_OK, *ret_caller is filled. Also brings the signing keys up to
 * date, before anything is decided that must be signed. Opens a snapshot of its own. */
bool svc_caller_read(struct svc_state *state, const struct svc_caller_in *in,
                     struct svc_caller *ret_caller, struct svc_refusal *ret_refusal);

/* Kinds of what may be used once: never the same key for two of them. */
enum proof_kind {
    PROOF_ASSERTION = 'a',
    PROOF_DPOP = 'd',
    PROOF_INITIAL_ACCESS = 'i', /* svc_register */
    PROOF_PASSKEY = 'p', /* svc_passkey: a login page's challenge */
    PROOF_REVOKED = 'r',        /* svc_access: a JWT that is no more */
};
/* Add to caller->proofs what `text` names of this client, for `ttl_s` seconds.
 * ERR_NOMEM. */
enum err svc_caller_prove(struct svc_state *state, struct svc_caller *caller,
                          enum proof_kind kind, struct span text, uint32_t ttl_s);

/* The refusal of an assertion or a proof that was used before. */
struct svc_refusal svc_caller_replayed(const struct svc_caller *caller);

#endif
