#include "server/svc_answer.h"

#include "server/oidc/redirect_uri.h"
#include "server/svc_factor.h"
#include "server/svc_passkey.h"
#include "server/svc_subject.h"
#include "store/base/secret.h"

#define BROWSER_SECRET 32

bool svc_browser_hash(struct svc *svc, struct span cookie, uint8_t out[32]) {
    struct span plain;

    if (svc_open_text(svc, SEAL_BROWSER_COOKIE, cookie, BROWSER_SECRET, &plain))
        return false;
    if (plain.len != BROWSER_SECRET)
        return false;
    /* Session keys, the other input under this purpose, are 16 bytes long. */
    sealer_hash(svc->sealer, HASH_CSRF, plain, out);
    return true;
}

static enum err browser_make(struct svc_flow *flow, uint8_t out[32]) {
    struct svc *svc = flow->base.svc;
    uint8_t secret[BROWSER_SECRET];
    enum err err;

    svc_random(svc, secret, sizeof secret);
    sealer_hash(svc->sealer, HASH_CSRF, span_of(secret, sizeof secret), out);
    err = svc_seal_text(svc, SEAL_BROWSER_COOKIE, span_of(secret, sizeof secret),
                        &flow->base.op->arena, &flow->out->set_browser_cookie);
    secret_wipe(secret, sizeof secret);
    return err;
}

enum err svc_flow_browser(struct svc_flow *flow, uint8_t out[32]) {
    enum err err = OK;

    if (!flow->has_browser &&
        !svc_browser_hash(flow->base.svc, flow->browser_cookie, flow->browser))
        err = browser_make(flow, flow->browser);
    flow->has_browser = err == OK;
    memcpy(out, flow->browser, sizeof flow->browser);
    return err;
}

/* The request as a sealed form field, bound to the browser (W2). */
static enum err seal_request(struct svc_flow *flow, uint32_t flags) {
    struct svc *svc = flow->base.svc;
    struct login_state state = {
        .issued_ms = repl_now_ms(svc->shared->repl),
        .auth_after_ms = flow->auth_after_ms,
        .flags = flags | (flow->hinted ? FLOW_STATE_HINTED : 0),
        .subject = flow->subject,
        .has_pushed = flow->is_pushed,
        .has_signin = (flags & FLOW_STATE_FACTOR) != 0,
        .request = flow->request,
    };
    struct buf plain;
    enum err err;

    state.request.id_token_hint = span_of(NULL, 0);
    memcpy(state.pushed, flow->pushed.b, sizeof state.pushed);
    if (state.has_signin) {
        const struct stamped_token *stamp = &flow->factor->stamp;

        state.signin_epoch = stamp->epoch;
        state.signin_index = stamp->index;
        memcpy(state.signin, stamp->secret, sizeof state.signin);
    }
    err = svc_flow_browser(flow, state.browser);
    if (err)
        return err;
    buf_init(&plain, LOGIN_STATE_MAX);
    err = login_state_encode(&state, &plain);
    if (!err)
        err = svc_seal_text(svc, SEAL_LOGIN_STATE, buf_span(&plain),
                            &flow->base.op->arena, &flow->out->login_state);
    buf_free(&plain);
    return err;
}

static enum err dup_into(struct arena *arena, struct span from, struct span *ret_to) {
    struct span copy = arena_dup(arena, from);

    if (from.len > 0 && !copy.data)
        return ERR_NOMEM;
    *ret_to = copy;
    return OK;
}

enum err svc_flow_describe(struct svc_flow *flow) {
    struct arena *arena = &flow->base.op->arena;
    struct svc_authorize *out = flow->out;
    struct span origin, host;
    enum err err;

    redirect_uri_origin(flow->request.redirect_uri, &origin, &host);
    err = dup_into(arena, origin, &out->redirect_origin);
    if (!err)
        err = dup_into(arena, host, &out->redirect_host);
    if (!err)
        err = dup_into(arena, flow->request.login_hint, &out->login_hint);
    if (err)
        return err;
    out->client_name = span_str(flow->client.name);
    out->logo_uri = span_str(flow->client.logo_uri);
    out->policy_uri = span_str(flow->client.policy_uri);
    out->tos_uri = span_str(flow->client.tos_uri);
    return OK;
}

enum err svc_answer_passkey(struct svc *svc, struct arena *arena,
                            struct svc_authorize *out) {
    out->passkey_rp_id = svc_passkey_rp_id(svc);
    return svc_passkey_challenge(svc, arena, out->login_state, &out->passkey_challenge);
}

static void answer_page(struct svc_flow *flow, enum svc_authorize_kind kind,
                        uint32_t flags) {
    enum err err = svc_flow_describe(flow);

    if (!err)
        err = seal_request(flow, flags);
    if (!err && kind == AUTHORIZE_LOGIN)
        err = svc_answer_passkey(flow->base.svc, &flow->base.op->arena, flow->out);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    flow->out->kind = kind;
    flow->base.finish(&flow->base);
}

void svc_flow_login_page(struct svc_flow *flow) {
    /* A sign-in from now on is what prompt=login and select_account ask for: the
     * time stands for them, so that they are not asked for a second time. */
    if (flow->request.prompt & (PROMPT_LOGIN | PROMPT_SELECT_ACCOUNT)) {
        flow->auth_after_ms = repl_now_ms(flow->base.svc->shared->repl);
        flow->request.prompt &= ~(unsigned)(PROMPT_LOGIN | PROMPT_SELECT_ACCOUNT);
    }
    answer_page(flow, AUTHORIZE_LOGIN, 0);
}

void svc_answer_consent_page(struct svc_flow *flow) {
    /* Consent is the account's: another one that signs in meanwhile is asked anew. */
    flow->subject = svc_subject_text(flow->base.svc->sealer, &flow->client,
                                     flow->session.sub, &flow->base.op->arena);
    if (!flow->subject.data) {
        svc_fail(&flow->base, ERR_NOMEM);
        return;
    }
    flow->out->consent_scopes = svc_flow_scopes(flow);
    answer_page(flow, AUTHORIZE_CONSENT, FLOW_STATE_CONSENT);
}

void svc_answer_factor_page(struct svc_flow *flow) {
    answer_page(flow, AUTHORIZE_FACTOR, FLOW_STATE_FACTOR);
}

void svc_flow_refuse(struct svc_flow *flow, enum oidc_error error,
                     const char *description) {
    flow->out->kind = AUTHORIZE_REFUSED;
    flow->out->refusal = error;
    flow->out->description = description;
    flow->base.finish(&flow->base);
}

/* ---- the answer to the service */

static void add_field(struct svc_flow *flow, const char *name, struct span value) {
    struct svc_authorize *out = flow->out;

    if (value.len > 0)
        out->fields[out->fields_count++] = (struct svc_field){name, value};
}

static enum err make_location(struct svc_flow *flow, struct span uri) {
    struct buf *text = &flow->base.svc->scratch;
    struct svc_authorize *out = flow->out;
    char separator;

    buf_reset(text);
    redirect_uri_begin(uri, text, &separator);
    for (size_t i = 0; i < out->fields_count; i++)
        redirect_uri_param(text, &separator, out->fields[i].name, out->fields[i].value);
    return svc_take(&flow->base.op->arena, text, &out->location);
}

/* Values of fields borrow from the request's parameters, or from the flow. */
static enum err make_form(struct svc_flow *flow, struct span uri) {
    struct arena *arena = &flow->base.op->arena;
    struct svc_authorize *out = flow->out;
    struct span host;
    enum err err = dup_into(arena, uri, &out->location);

    for (size_t i = 0; !err && i < out->fields_count; i++)
        err = dup_into(arena, out->fields[i].value, &out->fields[i].value);
    if (!err)
        redirect_uri_origin(out->location, &out->redirect_origin, &host);
    return err;
}

/* With iss (RFC 9207) and state, by the mode that was asked for. */
static void answer_service(struct svc_flow *flow, struct span uri, struct span state,
                           bool form_post) {
    enum err err;

    add_field(flow, "iss", span_str(flow->base.svc->shared->config->issuer));
    add_field(flow, "state", state);
    err = form_post ? make_form(flow, uri) : make_location(flow, uri);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    flow->out->kind = form_post ? AUTHORIZE_POST : AUTHORIZE_REDIRECT;
    flow->base.finish(&flow->base);
}

static void add_error(struct svc_flow *flow, enum oidc_error error,
                      const char *description) {
    add_field(flow, "error", span_str(oidc_error_str(error)));
    if (description)
        add_field(flow, "error_description", span_str(description));
}

void svc_flow_redirect_error(struct svc_flow *flow, enum oidc_error error,
                             const char *description) {
    const struct authorize_request *request = &flow->request;

    add_error(flow, error, description);
    answer_service(flow, request->redirect_uri, request->state, request->form_post);
}

void svc_flow_verdict(struct svc_flow *flow, const struct authorize_verdict *verdict) {
    if (!verdict->may_redirect) {
        svc_flow_refuse(flow, verdict->error, verdict->description);
        return;
    }
    add_error(flow, verdict->error, verdict->description);
    answer_service(flow, verdict->redirect_uri, verdict->state, verdict->form_post);
}

void svc_answer_code(struct svc_flow *flow) {
    const struct authorize_request *request = &flow->request;

    add_field(flow, "code", flow->code);
    answer_service(flow, request->redirect_uri, request->state, request->form_post);
}
