/* route_authorize: the answer to whatever ends in a struct svc_authorize. */
#ifndef HTTP_ROUTE_AUTHORIZE_H
#define HTTP_ROUTE_AUTHORIZE_H

#include "http/http_request.h"

/* Respond by authorize->kind. `account_id` pre-fills the sign-in form. */
void http_route_authorized(struct http_request *request,
                           const struct svc_authorize *authorize,
                           struct span account_id);

#endif
