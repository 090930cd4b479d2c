/* svc_claims: JSON of a client's JWT, as the rules want it. */
#ifndef SERVER_SVC_CLAIMS_H
#define SERVER_SVC_CLAIMS_H

#include <jansson.h>

#include "server/oidc/jwt_claims.h"
#include "store/base/err.h"

/* ERR_INVALID: not one object without duplicate members, a registered claim of another
 * type, more than JWT_AUDIENCES_MAX audiences. Spans borrow from *ret_root, which the
 * caller releases. */
enum err svc_claims_parse(struct span text, struct jwt_claims *ret_claims,
                          json_t **ret_root);

#endif
