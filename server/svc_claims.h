/* svc_claims: JSON of a client's JWT, as the rules want it. */
#ifndef SERVER_SVC_CLAIMS_H
#define SERVER_SVC_CLAIMS_H

#include <jansson.h>

#include "server/oidc/jwt_claims.h"
#include "store/base/err.h"

/* ERR_INVALID: a registered claim is of another type, or there are more than
 * JWT_AUDIENCES_MAX audiences. Spans borrow from `object`. */
enum err svc_claims_read(const json_t *object, struct jwt_claims *ret_claims);

#endif
