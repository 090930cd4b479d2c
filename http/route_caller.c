/* route_caller: client authentication's part in requests and responses. */
#include "http/route_caller.h"

#include "http/http_respond.h"
#include "http/http_thread.h"

const char *route_caller_base(const struct http_request *request) {
    const struct config *config = request->thread->config;
    return request->door == DOOR_MTLS ? config->mtls_url : config->issuer;
}

struct svc_caller_in route_caller_in(struct http_request *request,
                                     const char *endpoint) {
    bool twice;
    struct span dpop = http_request_header_named(request, "dpop", &twice);
    struct span chain;
    struct span certificate = http_thread_certificate(request->h2o, &chain);
    return (struct svc_caller_in){
        .dpop = dpop,
        .dpop_twice = twice,
        .params = &request->params,
        .query_present = request->h2o->query_at != SIZE_MAX,
        .authorization = http_request_header(request, H2O_TOKEN_AUTHORIZATION),
        .endpoint = endpoint,
        .base = route_caller_base(request),
        .certificate = certificate,
        .certificate_chain = chain,
    };
}

void route_caller_refuse(struct http_request *request,
                         const struct svc_refusal *refusal) {
    /* RFC 6749 §5.2: with 401 alone; clients take it for the whole answer. */
    if (refusal->challenge_basic && refusal->error == OIDC_INVALID_CLIENT) {
        http_respond_challenge(request, "Basic realm=\"tasuki\", charset=\"UTF-8\"");
    }
    http_respond_dpop_nonce(request, refusal->dpop_nonce);
    http_respond_oauth_error(request, http_respond_status(refusal->error),
                             refusal->error, refusal->description);
}
