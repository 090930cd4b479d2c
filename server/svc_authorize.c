/* svc_authorize: GET or POST /oauth/authorize (RFC 6749 §4.1, OpenID Connect Core
 * §3.1.2). Unauthenticated requests never write: without a session the request goes
 * into the login page's form (svc_flow.h). */
#include "server/svc_flow.h"
#include "server/svc_pushed.h"
#include "server/svc_request_object.h"

static void finish(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;

    flow->out->done(flow->out);
}

/* ERR_FORGED: not a hint of ours for this client. */
static enum err verify_hint(struct svc_flow *flow) {
    struct svc_hint hint;
    enum err err = svc_hint_verify(flow->base.svc, &flow->base.op->arena,
                                   flow->request.id_token_hint, &hint);

    if (err)
        return err;
    if (!span_equal(hint.client_id, flow->request.client_id))
        return ERR_FORGED;
    flow->subject = hint.sub;
    return OK;
}

static void know_hint(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;
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
    if (flow->request.claims_sub.len > 0) {
        flow->subject = flow->request.claims_sub; /* it must be; a hint only may */
        flow->hinted = true;
    }
    svc_flow_session(flow, svc_flow_decide);
}

static void begin(struct svc_flow *flow) {
    svc_keys_await(&flow->base, flow->request.id_token_hint, "JWT", know_hint);
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
    out->logo_uri = out->policy_uri = out->tos_uri = none;
    out->redirect_host = out->redirect_origin = none;
    out->consent_scopes = 0;
    out->fields_count = 0;
    out->factor = NULL;
    out->notice = NOTICE_NONE;
    out->set_session_cookie = out->set_device_cookie = none;
}

/* RFC 9126 §6, FAPI 2.0 §5.3.2.2. */
static bool must_push(const struct client *client) {
    return client->profile == CLIENT_FAPI2 || (client->features & CLIENT_REQUIRE_PAR);
}

static void take_known(struct svc_flow *flow, const struct params *params, bool newest);

static void look_again(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;

    take_known(flow, flow->out->params, true);
}

/* The request that stands in the parameters themselves, signed or not. `newest`: this
 * node has caught up for it; a client may have been registered at another one a moment
 * ago. */
static void take_known(struct svc_flow *flow, const struct params *params, bool newest) {
    struct authorize_verdict verdict;
    struct span client_id;
    enum err err;

    verdict = authorize_client(params, &client_id);
    if (verdict.error) {
        svc_flow_verdict(flow, &verdict);
        return;
    }
    if (!svc_fresh(&flow->base))
        return;
    err = read_client(flow, client_id);
    if (err == ERR_NOT_FOUND && !newest && svc_await_ask(flow->base.svc)) {
        svc_settle(&flow->base, look_again);
        return;
    }
    if (err == ERR_NOT_FOUND) {
        verdict = authorize_unknown_client();
        err = OK;
    } else if (!err) {
        err = svc_request_check(&flow->base, &flow->client, &flow->view, params,
                                &flow->request, &verdict);
    }
    if (err)
        svc_fail(&flow->base, err);
    else if (verdict.error)
        svc_flow_verdict(flow, &verdict);
    else if (must_push(&flow->client))
        svc_flow_redirect_error(flow, OIDC_INVALID_REQUEST,
                                "this client must push its requests (RFC 9126)");
    else
        begin(flow);
}

void svc_authorize(struct svc *svc, struct svc_authorize *authorize) {
    struct svc_flow *flow;

    flow = svc_op_begin(svc, &authorize->op, sizeof *flow, finish);
    if (!flow) {
        authorize->done(authorize);
        return;
    }
    clear_result(authorize);
    flow->out = authorize;
    flow->session_cookie = authorize->session_cookie;
    flow->browser_cookie = authorize->browser_cookie;
    if (svc_pushed_named(authorize->params))
        svc_pushed_take(flow, authorize->params, begin);
    else
        take_known(flow, authorize->params, false);
}
