/* route_caller: what the endpoints share at which clients authenticate (token, pushed
 * requests, introspection, revocation): from the request to svc_caller_in, and from a
 * refusal to the response (RFC 6749 §5.2). Thread: the HTTP thread's. */
#ifndef HTTP_ROUTE_CALLER_H
#define HTTP_ROUTE_CALLER_H

#include "http/http_request.h"

/* Of a request whose form was taken. `endpoint`: static, its name below the issuer. */
struct svc_caller_in route_caller_in(struct http_request *request,
                                     const char *endpoint);
/* The URL below which the request's door stands for clients. */
const char *route_caller_base(const struct http_request *request);
/* Respond; the caller ends the request. */
void route_caller_refuse(struct http_request *request,
                         const struct svc_refusal *refusal);

#endif
