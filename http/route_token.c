/* route_token: the token endpoint (RFC 6749 §3.2), pushed requests (RFC 9126) and
 * userinfo (OIDC Core §5.3). */
#include "http/http_respond.h"
#include "http/http_router.h"
#include "http/http_thread.h"
#include "http/route_caller.h"

static void on_token(struct svc_token *token) {
    struct http_request *request = token->arg;
    if (token->op.err != OK) {
        http_respond_failure(request, token->op.err, true);
    } else if (token->refusal.error == OIDC_OK) {
        http_respond_dpop_nonce(request, token->refusal.dpop_nonce);
        http_respond_json(request, 200, token->body);
    } else {
        route_caller_refuse(request, &token->refusal);
    }
    svc_op_close(&token->op);
    http_request_end(request);
}

void route_token(struct http_request *request) {
    if (!http_request_form(request, true)) {
        return;
    }
    struct svc_token *token = &request->op.token;
    *token = (struct svc_token){
        .done = on_token,
        .arg = request,
        .in = route_caller_in(request, "token"),
    };
    svc_token(request->thread->svc, token);
}

static void on_par(struct svc_par *par) {
    struct http_request *request = par->arg;
    if (par->op.err != OK) {
        http_respond_failure(request, par->op.err, true);
    } else if (par->refusal.error == OIDC_OK) {
        http_respond_dpop_nonce(request, par->refusal.dpop_nonce);
        http_respond_json(request, 201, par->body);
    } else {
        route_caller_refuse(request, &par->refusal);
    }
    svc_op_close(&par->op);
    http_request_end(request);
}

void route_par(struct http_request *request) {
    if (!http_request_form(request, true)) {
        return;
    }
    struct svc_par *par = &request->op.par;
    *par = (struct svc_par){
        .done = on_par,
        .arg = request,
        .in = route_caller_in(request, "par"),
    };
    svc_par(request->thread->svc, par);
}

/* RFC 6750 §3, RFC 9449 §7.1: no error code when no token was presented. */
static void challenge_token(struct http_request *request,
                            const struct svc_userinfo *userinfo) {
    struct buf value;
    buf_init(&value, 1024);
    buf_str(&value, userinfo->by_dpop
                        ? "DPoP realm=\"tasuki\", algs=\"ES256 PS256 RS256\""
                        : "Bearer realm=\"tasuki\"");
    if (!userinfo->token_missing) {
        buf_printf(&value, ", error=\"%s\"", oidc_error_str(userinfo->error));
        if (userinfo->description != NULL) {
            buf_printf(&value, ", error_description=\"%s\"", userinfo->description);
        }
        if (userinfo->error == OIDC_INSUFFICIENT_SCOPE) {
            buf_str(&value, ", scope=\"openid\"");
        }
    }
    buf_put(&value, "", 1);
    if (buf_err(&value) == OK) {
        http_respond_challenge(request, (const char *)value.data);
    }
    buf_free(&value);
}

/* RFC 9449 §7.1: at a resource a bad proof is 401, at the token endpoint it is 400. */
static int userinfo_status(enum oidc_error error) {
    return error == OIDC_INVALID_DPOP_PROOF || error == OIDC_USE_DPOP_NONCE
               ? 401
               : http_respond_status(error);
}

static void on_userinfo(struct svc_userinfo *userinfo) {
    struct http_request *request = userinfo->arg;
    if (userinfo->op.err != OK) {
        http_respond_failure(request, userinfo->op.err, true);
    } else if (userinfo->error == OIDC_OK) {
        http_respond_dpop_nonce(request, userinfo->dpop_nonce);
        if (userinfo->as_jwt) {
            http_respond_jwt(request, "application/jwt", userinfo->body);
        } else {
            http_respond_json(request, 200, userinfo->body);
        }
    } else {
        challenge_token(request, userinfo);
        http_respond_dpop_nonce(request, userinfo->dpop_nonce);
        http_respond_oauth_error(request, userinfo_status(userinfo->error),
                                 userinfo->error, userinfo->description);
    }
    svc_op_close(&userinfo->op);
    http_request_end(request);
}

static void start_userinfo(struct http_request *request, const struct params *params,
                           const char *method) {
    struct svc_userinfo *userinfo = &request->op.userinfo;
    bool twice;
    struct span dpop = http_request_header_named(request, "dpop", &twice);
    struct span chain; /* the thumbprint alone counts here */
    *userinfo = (struct svc_userinfo){
        .dpop = dpop,
        .dpop_twice = twice,
        .method = method,
        .base = route_caller_base(request),
        .certificate = http_thread_certificate(request->h2o, &chain),
        .done = on_userinfo,
        .arg = request,
        .authorization = http_request_header(request, H2O_TOKEN_AUTHORIZATION),
        .params = params,
    };
    svc_userinfo(request->thread->svc, userinfo);
}

/* A token in the query is refused without being looked at (RFC 9700 §4.3.2). */
static bool query_has_token(struct http_request *request) {
    return params_get(&request->params, "access_token", NULL).data != NULL;
}

static void refuse_query(struct http_request *request) {
    http_respond_challenge(request,
                           "Bearer realm=\"tasuki\", error=\"invalid_request\"");
    http_respond_oauth_error(request, 400, OIDC_INVALID_REQUEST,
                             "an access token in the query string is not taken");
    http_request_end(request);
}

void route_userinfo_get(struct http_request *request) {
    if (!http_request_query(request, true)) {
        return;
    }
    if (query_has_token(request)) {
        refuse_query(request);
    } else {
        start_userinfo(request, NULL, "GET");
    }
}

void route_userinfo_post(struct http_request *request) {
    if (!http_request_query(request, true)) {
        return;
    }
    if (query_has_token(request)) {
        refuse_query(request);
        return;
    }
    request->params.count = 0;
    /* A POST with the token in its header may have no body (OIDC Core §5.3.1). */
    if (request->h2o->entity.len == 0) {
        start_userinfo(request, NULL, "POST");
    } else if (http_request_form(request, true)) {
        start_userinfo(request, &request->params, "POST");
    }
}
