/* route_register: dynamic registration (RFC 7591) and what a client may do with its
 * registration afterwards (RFC 7592). */
#include "http/http_respond.h"
#include "http/http_router.h"

static void challenge(struct http_request *request, bool token_missing) {
    http_respond_challenge(request, token_missing
                                        ? "Bearer realm=\"tasuki\""
                                        : "Bearer realm=\"tasuki\", "
                                          "error=\"invalid_token\"");
}

static void on_registered(struct svc_register *registration) {
    struct http_request *request = registration->arg;
    if (registration->op.err != OK) {
        http_respond_failure(request, registration->op.err, true);
    } else if (registration->error == OIDC_INVALID_TOKEN) {
        challenge(request, registration->token_missing);
        http_respond_oauth_error(request, 401, registration->error,
                                 registration->description);
    } else if (registration->error != OIDC_OK) {
        http_respond_oauth_error(request, 400, registration->error,
                                 registration->description);
    } else if (registration->action == REGISTER_DELETE) {
        http_respond_done(request);
    } else {
        http_respond_json(request, registration->action == REGISTER_CREATE ? 201 : 200,
                          registration->body);
    }
    svc_op_close(&registration->op);
    http_request_end(request);
}

static void start(struct http_request *request, enum svc_register_action action) {
    bool has_body = action == REGISTER_CREATE || action == REGISTER_UPDATE;
    struct svc_register *registration = &request->op.registration;
    struct span client_id = {NULL, 0};
    bool twice = false;
    if (!http_request_query(request, true)) {
        return;
    }
    if (has_body && !http_request_json(request)) {
        return;
    }
    client_id = params_get(&request->params, "client_id", &twice);
    *registration = (struct svc_register){
        .op.from = http_request_origin(request),
        .done = on_registered,
        .arg = request,
        .action = action,
        .authorization = http_request_header(request, H2O_TOKEN_AUTHORIZATION),
        .client_id = twice || action == REGISTER_CREATE ? span_of(NULL, 0) : client_id,
        .body_in = has_body ? arena_dup(&request->arena, http_request_body(request))
                            : span_of(NULL, 0),
    };
    svc_register(request->thread->svc, registration);
}

void route_register_read(struct http_request *request) {
    start(request, REGISTER_READ);
}

/* POST, PUT or DELETE. */
void route_register_write(struct http_request *request) {
    struct span method = span_of(request->h2o->method.base, request->h2o->method.len);
    start(request, span_is(method, "PUT")      ? REGISTER_UPDATE
                   : span_is(method, "DELETE") ? REGISTER_DELETE
                                               : REGISTER_CREATE);
}
