/* request_object: authorization requests that a client has signed (JAR).
 *
 * Source: RFC 9101, OpenID Connect Core §6.1; FAPI 2.0 Message Signing §5.3 for clients
 * of profile fapi2. By value alone: nothing is ever fetched. The signature was verified
 * with the client's keys (svc_request_object). What stands outside of the object beside
 * client_id is ignored (RFC 9101 §6.3). Pure. */
#ifndef OIDC_REQUEST_OBJECT_H
#define OIDC_REQUEST_OBJECT_H

#include "server/oidc/jwt_claims.h"
#include "server/oidc/oidc_client.h"
#include "server/oidc/oidc_error.h"

/* fapi2: `nbf` is at most so old, and `exp` at most so much later. */
#define REQUEST_OBJECT_LIFE_MAX_S 3600

/* The claims that make it a JWT for us, from this client, now. A refusal is
 * invalid_request_object. */
struct oidc_verdict request_object_check(const struct jwt_claims *claims,
                                         const struct oidc_client *client,
                                         struct span issuer, uint64_t now_s);

enum request_object_member {
    REQUEST_OBJECT_PARAM,   /* a parameter of the request */
    REQUEST_OBJECT_CLAIM,   /* of the JWT itself: no parameter */
    REQUEST_OBJECT_REFUSED, /* request and request_uri (RFC 9101 §4) */
};
enum request_object_member request_object_member(struct span name);

#endif
