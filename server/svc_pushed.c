#include "server/svc_pushed.h"

#include "server/oidc/redirect_uri.h"

static const char gone[] = "request_uri is unknown, expired, used, or another client's";

bool svc_pushed_named(const struct params *params) {
    struct span uri = params_get(params, "request_uri", NULL);
    size_t len = sizeof SVC_PUSHED_PREFIX - 1;

    return uri.len > len && memcmp(uri.data, SVC_PUSHED_PREFIX, len) == 0;
}

/* ERR_NOT_FOUND: not (any more) one of this client. In the open snapshot. */
static enum err read_request(struct svc_flow *flow,
                             struct pushed_request *ret_request) {
    struct svc *svc = flow->base.svc;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    enum err err;

    err = svc_stamp_current(svc, &flow->stamp);
    if (!err)
        err = store_request_get(svc->read, flow->pushed, ret_request);
    if (err)
        return err;
    if (now_ms >= ret_request->expires_ms ||
        !span_equal(ret_request->client_id, flow->request.client_id))
        return ERR_NOT_FOUND;
    return svc_client_read(svc, &flow->base.op->arena, ret_request->client_id,
                           &flow->client, &flow->view);
}

/* What was checked when it was pushed may not hold now. */
static enum err decode(struct svc_flow *flow, struct span form) {
    struct span copy = arena_dup(&flow->base.op->arena, form);
    struct login_state state;

    if (!copy.data)
        return ERR_NOMEM;
    if (login_state_decode(copy, &state) != OK)
        return ERR_CORRUPT;
    flow->request = state.request;
    flow->subject = state.subject;
    flow->hinted = (state.flags & FLOW_STATE_HINTED) != 0;
    flow->request.scopes &= flow->client.scopes;
    return redirect_uri_registered(&flow->view, flow->request.redirect_uri)
               ? OK
               : ERR_NOT_FOUND;
}

static void load(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;
    struct svc *svc = state->svc;
    struct pushed_request request;
    enum err err;

    err = svc_read_begin(svc);
    if (err) {
        svc_fail(state, err);
        return;
    }
    err = read_request(flow, &request);
    if (!err)
        err = decode(flow, request.form);
    svc_read_end(svc);
    if (err == ERR_NOT_FOUND)
        svc_flow_refuse(flow, OIDC_INVALID_REQUEST_URI, gone);
    else if (err)
        svc_fail(state, err);
    else
        flow->next(flow);
}

void svc_pushed_take(struct svc_flow *flow, const struct params *params,
                     void (*next)(struct svc_flow *flow)) {
    struct svc_state *state = &flow->base;
    size_t prefix = sizeof SVC_PUSHED_PREFIX - 1;
    bool uri_twice, client_twice;
    struct span uri = params_get(params, "request_uri", &uri_twice);
    struct span client_id = params_get(params, "client_id", &client_twice);
    enum err err;

    if (uri_twice || client_twice || client_id.len == 0) {
        svc_flow_refuse(flow, OIDC_INVALID_REQUEST,
                        "client_id and request_uri are needed, each once");
        return;
    }
    flow->request.client_id = client_id;
    flow->next = next;
    err = svc_stamp_open(state->svc, SEAL_REQUEST_URI,
                         span_of(uri.data + prefix, uri.len - prefix), &flow->stamp);
    if (err == ERR_FORGED) {
        svc_flow_refuse(flow, OIDC_INVALID_REQUEST_URI, gone);
        return;
    }
    if (err) {
        svc_fail(state, err);
        return;
    }
    flow->is_pushed = true;
    flow->pushed =
        svc_hash(state->svc, HASH_REQUEST, token_format_secret(&flow->stamp));
    svc_stamp_await(state, &flow->stamp, load);
}
