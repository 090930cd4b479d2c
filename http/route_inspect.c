/* route_inspect: revocation (RFC 7009) and introspection (RFC 7662, RFC 9701). */
#include "http/http_respond.h"
#include "http/http_router.h"
#include "http/route_caller.h"

static void on_revoke(struct svc_revoke *revoke) {
    struct http_request *request = revoke->arg;
    if (revoke->op.err != OK) {
        http_respond_failure(request, revoke->op.err, true);
    } else if (revoke->refusal.error == OIDC_OK) {
        http_respond_json(request, 200, span_str("{}"));
    } else {
        route_caller_refuse(request, &revoke->refusal);
    }
    svc_op_close(&revoke->op);
    http_request_end(request);
}

void route_revoke(struct http_request *request) {
    if (!http_request_form(request, true)) {
        return;
    }
    struct svc_revoke *revoke = &request->op.revoke;
    *revoke = (struct svc_revoke){
        .done = on_revoke, .arg = request, .in = route_caller_in(request, "revoke")};
    svc_revoke(request->thread->svc, revoke);
}

#define INTROSPECTION_JWT "application/token-introspection+jwt"

static void on_introspect(struct svc_introspect *introspect) {
    struct http_request *request = introspect->arg;
    if (introspect->op.err != OK) {
        http_respond_failure(request, introspect->op.err, true);
    } else if (introspect->refusal.error != OIDC_OK) {
        route_caller_refuse(request, &introspect->refusal);
    } else if (introspect->as_jwt) {
        http_respond_jwt(request, INTROSPECTION_JWT, introspect->body);
    } else {
        http_respond_json(request, 200, introspect->body);
    }
    svc_op_close(&introspect->op);
    http_request_end(request);
}

/* RFC 9701 §4: asked for by name. */
static bool wants_jwt(struct http_request *request) {
    struct span accept = http_request_header(request, H2O_TOKEN_ACCEPT);
    return accept.len >= sizeof(INTROSPECTION_JWT) - 1 &&
           memcmp(accept.data, INTROSPECTION_JWT, sizeof(INTROSPECTION_JWT) - 1) == 0;
}

void route_introspect(struct http_request *request) {
    if (!http_request_form(request, true)) {
        return;
    }
    struct svc_introspect *introspect = &request->op.introspect;
    *introspect = (struct svc_introspect){
        .done = on_introspect,
        .arg = request,
        .in = route_caller_in(request, "introspect"),
        .as_jwt = wants_jwt(request),
    };
    svc_introspect(request->thread->svc, introspect);
}
