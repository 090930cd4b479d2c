/* svc_authorize: GET or POST /oauth/authorize (RFC 6749 §4.1, OpenID Connect Core
 * §3.1.2). Unauthenticated requests never write: without a session the request goes
 * into the login page's form (svc_flow.h). */
#include <jansson.h>

#include "server/svc_flow.h"

static void finish(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;

    flow->out->done(flow->out);
}

/* The claims of an ID token of ours for this client (OpenID Connect Core §3.1.2.1).
 * An expired one is fine: it is a hint. */
static bool hint_subject(const struct svc_flow *flow, struct span claims,
                         struct arena *arena, struct span *ret_sub) {
    json_t *root =
        json_loadb((const char *)claims.data, claims.len, JSON_REJECT_DUPLICATES, NULL);
    const char *issuer = json_string_value(json_object_get(root, "iss"));
    const char *client = json_string_value(json_object_get(root, "aud"));
    json_t *sub = json_object_get(root, "sub");
    struct span copy = {NULL, 0};

    if (issuer && client && json_is_string(sub) &&
        span_is(span_str(flow->base.svc->shared->config->issuer), issuer) &&
        span_is(flow->request.client_id, client))
        copy =
            arena_dup(arena, span_of(json_string_value(sub), json_string_length(sub)));
    json_decref(root);
    if (!copy.data || copy.len == 0)
        return false;
    *ret_sub = copy;
    return true;
}

/* ERR_FORGED: not a hint of ours. */
static enum err verify_hint(struct svc_flow *flow) {
    struct svc *svc = flow->base.svc;
    struct arena *arena = &flow->base.op->arena;
    struct span claims;
    enum err err;

    err = svc_read_begin(svc);
    if (err)
        return err;
    err = svc_keys_needed(svc);
    svc_read_end(svc);
    if (err)
        return err;
    err = jwt_verify(svc->keys, flow->request.id_token_hint, arena, &claims);
    if (err)
        return err == ERR_INVALID ? ERR_FORGED : err;
    return hint_subject(flow, claims, arena, &flow->subject) ? OK : ERR_FORGED;
}

static void begin(struct svc_flow *flow) {
    uint64_t now_ms = repl_now_ms(flow->base.svc->shared->repl);
    uint64_t age_ms = (uint64_t)flow->request.max_age_s * 1000;

    if (flow->request.has_max_age)
        flow->auth_after_ms = now_ms > age_ms ? now_ms - age_ms : 0;
    if (flow->request.id_token_hint.len > 0) {
        enum err err = verify_hint(flow);

        if (err == ERR_FORGED) {
            svc_flow_redirect_error(flow, OIDC_INVALID_REQUEST,
                                    "id_token_hint is not an ID token of this server "
                                    "for this client");
            return;
        }
        if (err) {
            svc_fail(&flow->base, err);
            return;
        }
        flow->hinted = true;
    }
    svc_flow_session(flow, svc_flow_decide);
}

static enum err read_client(struct svc_flow *flow, struct span client_id) {
    struct svc *svc = flow->base.svc;
    enum err err;

    err = svc_read_begin(svc);
    if (err)
        return err;
    err = svc_client_read(svc, &flow->base.op->arena, client_id, &flow->client,
                          &flow->view);
    svc_read_end(svc);
    return err;
}

static void clear_result(struct svc_authorize *out) {
    struct span none = {NULL, 0};

    out->kind = AUTHORIZE_REFUSED;
    out->refusal = OIDC_OK;
    out->description = NULL;
    out->location = out->login_state = out->login_hint = none;
    out->set_browser_cookie = out->client_name = none;
    out->redirect_host = out->redirect_origin = none;
    out->consent_scopes = 0;
}

void svc_authorize(struct svc *svc, struct svc_authorize *authorize) {
    struct span client_id, redirect_uri;
    struct authorize_verdict verdict;
    struct svc_flow *flow;
    enum err err;

    flow = svc_op_begin(svc, &authorize->op, sizeof *flow, finish);
    if (!flow) {
        authorize->done(authorize);
        return;
    }
    clear_result(authorize);
    flow->out = authorize;
    flow->session_cookie = authorize->session_cookie;
    flow->browser_cookie = authorize->browser_cookie;
    verdict = authorize_target(authorize->params, &client_id, &redirect_uri);
    if (verdict.error) {
        svc_flow_verdict(flow, &verdict);
        return;
    }
    if (!svc_fresh(&flow->base))
        return;
    err = read_client(flow, client_id);
    if (err && err != ERR_NOT_FOUND) {
        svc_fail(&flow->base, err);
        return;
    }
    verdict = err ? authorize_unknown_client()
                  : authorize_check(authorize->params, &flow->view, &flow->request);
    if (verdict.error)
        svc_flow_verdict(flow, &verdict);
    else
        begin(flow);
}
