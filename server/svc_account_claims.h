/* svc_account_claims: what there is to say of an account to a client, for userinfo and
 * for ID tokens that were asked to tell. */
#ifndef SERVER_SVC_ACCOUNT_CLAIMS_H
#define SERVER_SVC_ACCOUNT_CLAIMS_H

#include "server/oidc/claims.h"
#include "server/svc_internal.h"

/* The set that the client hears: what the scopes open, and what was asked for one by one
 * (`asked`) as far as the client may ask for its scopes. */
uint64_t svc_account_wanted(const struct client *client, uint64_t scopes,
                            uint64_t asked);

/* In the snapshot of `account`. Everything in *ret_claims lives in `arena`. The profile
 * is opened only where `wanted` needs it. */
enum err svc_account_claims(struct svc *svc, struct arena *arena,
                            const struct client *client, const struct account *account,
                            uint64_t wanted, struct account_claims *ret_claims);

#endif
