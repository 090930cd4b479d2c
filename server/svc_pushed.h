/* svc_pushed: the request_uri of a pushed request, at the authorization endpoint.
 * Written by svc_par; taken up here; answered once, by CMD_GRANT_ISSUE (RFC 9126 §4).
 * Thread: the svc's own. */
#ifndef SERVER_SVC_PUSHED_H
#define SERVER_SVC_PUSHED_H

#include "server/svc_flow.h"

#define SVC_PUSHED_PREFIX "urn:ietf:params:oauth:request_uri:"
#define SVC_PUSHED_SECRET 32
/* FAPI 2.0 §5.3.2.2 asks for less than 600. */
#define SVC_PUSHED_TTL_S 60u

/* Does the request name a pushed one? */
bool svc_pushed_named(const struct params *params);

/* Wait for it, and fill flow->request with it; then `next`. A request_uri that is not
 * ours, expired, answered or another client's ends the operation with our own page. */
void svc_pushed_take(struct svc_flow *flow, const struct params *params,
                     void (*next)(struct svc_flow *flow));

#endif
