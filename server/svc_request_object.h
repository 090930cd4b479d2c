/* svc_request_object: the parameters that an authorization request really has, where it
 * may be signed (RFC 9101): the authorization endpoint and that of pushed requests.
 * Form and signature by server/crypto/client_keys, rules by server/oidc/request_object.
 * Thread: the svc's own. */
#ifndef SERVER_SVC_REQUEST_OBJECT_H
#define SERVER_SVC_REQUEST_OBJECT_H

#include <jansson.h>

#include "server/oidc/authorize_check.h"
#include "server/oidc/oidc_error.h"
#include "server/oidc/params.h"
#include "server/svc_internal.h"

/* *ret_params is `given`, or what stands in its `request`, which lives in the
 * operation's arena. Its signature is good then, and it is the client's, for us, and of
 * now; everything else is for authorize_check, which also refuses a `request` that is
 * left, since the client has no keys. A client that must sign is held to it.
 *
 * On OK *ret_verdict tells: OIDC_OK, *ret_params is set. ERR_NOMEM. */
enum err svc_request_params(struct svc_state *state, const struct client *client,
                            const struct oidc_client *view, const struct params *given,
                            const struct params **ret_params,
                            struct oidc_verdict *ret_verdict);

/* The same and authorize_check, and what `claims` asks for. *ret_verdict tells; with
 * OIDC_OK *ret_request is set. ERR_NOMEM. */
enum err svc_request_check(struct svc_state *state, const struct client *client,
                           const struct oidc_client *view, const struct params *given,
                           struct authorize_request *ret_request,
                           struct authorize_verdict *ret_verdict);

/* The members of a request object's text as parameters, in `arena`, from where they may
 * borrow. ERR_INVALID: one that no parameter can be, too many, too long. ERR_NOMEM. */
enum err svc_request_object_params(json_t *object, struct arena *arena,
                                   struct params *ret_params);

#endif
