/* svc_claims_request: the parameter `claims` of an authorization request (OpenID Connect
 * Core §5.5): claims asked for one by one, beside those that scopes open. */
#ifndef SERVER_SVC_CLAIMS_REQUEST_H
#define SERVER_SVC_CLAIMS_REQUEST_H

#include "server/oidc/acr.h"
#include "server/oidc/oidc_error.h"
#include "store/base/arena.h"
#include "store/base/err.h"
#include "store/base/span.h"

struct claims_request {
    uint64_t id_token, userinfo; /* sets of oidc/claims.h; unknown names are ignored */
    enum acr_level acr;          /* that the sign-in must have; NONE: whatever */
    struct span sub;             /* the one account that it is about; in the arena */
};

/* A verdict for a text that is not of §5.5's form, or that insists on a class of
 * authentication that there is not (§5.5.1.1). ERR_NOMEM. */
enum err svc_claims_request(struct span text, struct arena *arena,
                            struct claims_request *ret_request,
                            struct oidc_verdict *ret_verdict);

#endif
