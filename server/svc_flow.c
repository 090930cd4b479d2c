#include "server/svc_flow.h"

#include "server/oidc/claims.h"
#include "server/oidc/redirect_uri.h"
#include "server/oidc/scope.h"
#include "server/svc_answer.h"
#include "server/svc_code.h"
#include "server/svc_factor.h"
#include "server/svc_origin.h"
#include "server/svc_secret.h"
#include "server/svc_subject.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

/* An operator may have taken a redirect URI or a scope from the client while the page
 * was open; what was proven then does not hold now (W1). */
static bool still_allowed(struct svc_flow *flow) {
    flow->request.scopes &= flow->client.scopes;
    return (flow->request.scopes & SCOPE_OPENID) != 0 &&
           redirect_uri_registered(&flow->view, flow->request.redirect_uri);
}

enum err svc_flow_resume(struct svc_flow *flow, struct span login_state,
                         uint32_t page) {
    struct svc *svc = flow->base.svc;
    struct login_state state;
    uint8_t browser[32];
    struct span plain, copy;
    uint64_t now_ms;
    enum err err;

    err = svc_open_text(svc, SEAL_LOGIN_STATE, login_state, LOGIN_STATE_MAX, &plain);
    if (err)
        return err;
    copy = arena_dup(&flow->base.op->arena, plain);
    if (!copy.data)
        return ERR_NOMEM;
    if (login_state_decode(copy, &state) || (state.flags & FLOW_STATE_PAGES) != page ||
        state.has_signin != (page == FLOW_STATE_FACTOR))
        return ERR_FORGED;
    if (!svc_browser_hash(svc, flow->browser_cookie, browser) ||
        !secret_equal(span_of(browser, sizeof browser),
                      span_of(state.browser, sizeof state.browser)))
        return ERR_FORGED;
    now_ms = repl_now_ms(svc->shared->repl);
    if (now_ms > state.issued_ms && now_ms - state.issued_ms > SVC_LOGIN_STATE_AGE_MS)
        return ERR_FORGED;
    flow->request = state.request;
    svc_act_at(&flow->base, flow->request.client_id);
    flow->auth_after_ms = state.auth_after_ms;
    flow->subject = state.subject;
    flow->hinted = (state.flags & FLOW_STATE_HINTED) != 0;
    flow->is_pushed = state.has_pushed;
    memcpy(flow->pushed.b, state.pushed, sizeof flow->pushed.b);
    if (state.has_signin) {
        flow->signin = (struct stamped_token){.epoch = state.signin_epoch,
                                              .index = state.signin_index,
                                              .secret_len = sizeof state.signin};
        memcpy(flow->signin.secret, state.signin, sizeof state.signin);
    }
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = svc_client_read(svc, &flow->base.op->arena, flow->request.client_id,
                          &flow->client, &flow->view);
    svc_read_end(svc);
    if (!err && !still_allowed(flow))
        return ERR_FORGED;
    return err == ERR_NOT_FOUND ? ERR_FORGED : err;
}

/* The session that the cookie stands for, and when that was seen. ERR_NOT_FOUND. */
static enum err read_session(struct svc_flow *flow) {
    struct svc *svc = flow->base.svc;
    struct account account;
    struct store_meta meta;
    enum err err = svc_session_read(svc, &flow->base.op->arena, &flow->stamp,
                                    &flow->session, &account);

    if (!err)
        err = store_read_meta(svc->read, &meta);
    if (err)
        return err;
    flow->account_type = account.type;
    flow->epoch = meta.epoch;
    flow->clock_ms = meta.clock_ms;
    return OK;
}

static void session_load(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;
    struct svc *svc = state->svc;
    enum err err;

    err = svc_read_begin(svc);
    if (err) {
        svc_fail(state, err);
        return;
    }
    err = read_session(flow);
    flow->has_session = err == OK;
    svc_read_end(svc);
    if (err && err != ERR_NOT_FOUND)
        svc_fail(state, err);
    else
        flow->next(flow);
}

void svc_flow_session(struct svc_flow *flow, void (*next)(struct svc_flow *flow)) {
    struct svc_state *state = &flow->base;
    enum err err;

    flow->next = next;
    flow->has_session = false;
    err = svc_stamp_open(state->svc, SEAL_SESSION_COOKIE, flow->session_cookie,
                         &flow->stamp);
    flow->has_stamp = err == OK;
    if (!err)
        svc_stamp_await(state, &flow->stamp, session_load);
    else if (err != ERR_FORGED)
        svc_fail(state, err);
    else if (svc_fresh(state))
        next(flow);
}

bool svc_flow_session_serves(const struct svc_flow *flow) {
    char text[SVC_SUBJECT_LEN + 1];
    size_t len;

    if (!flow->has_session)
        return false;
    if (flow->session.auth_time_ms < flow->auth_after_ms)
        return false;
    if (flow->request.prompt & (PROMPT_LOGIN | PROMPT_SELECT_ACCOUNT))
        return false;
    if (flow->subject.len == 0)
        return true;
    len = svc_subject(flow->base.svc->sealer, &flow->client, flow->session.sub, text);
    return span_equal(span_of(text, len), flow->subject);
}

uint64_t svc_flow_scopes(const struct svc_flow *flow) {
    const struct authorize_request *request = &flow->request;

    return request->scopes |
           claims_scopes(request->id_token_claims | request->userinfo_claims);
}

static enum err consent_missing(struct svc_flow *flow, bool *ret_missing) {
    struct svc *svc = flow->base.svc;
    uint64_t stored;
    enum err err;

    if (flow->client.government || flow->consent_given) {
        *ret_missing = false;
        return OK;
    }
    if (flow->request.prompt & PROMPT_CONSENT) {
        *ret_missing = true;
        return OK;
    }
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_consent_get(svc->read, flow->session.sub, flow->request.client_id,
                            &stored);
    svc_read_end(svc);
    if (!err)
        *ret_missing = (svc_flow_scopes(flow) & ~stored) != 0;
    return err;
}

void svc_flow_signed_in(struct svc_flow *flow, uint64_t auth_time_ms) {
    /* This sign-in is as fresh as any can be: max_age=0 and prompt=login are
     * satisfied by it, however the clocks of two nodes differ. */
    flow->signed_in_now = true;
    if (flow->auth_after_ms > auth_time_ms)
        flow->auth_after_ms = auth_time_ms;
    flow->request.prompt &= ~(unsigned)(PROMPT_LOGIN | PROMPT_SELECT_ACCOUNT);
    flow->session_cookie = flow->out->set_session_cookie;
    svc_flow_session(flow, svc_flow_decide);
}

/* More is asked for than the sign-in had. Its password need not be typed again when that
 * was a moment ago. */
static void need_more(struct svc_flow *flow) {
    uint64_t now_ms = repl_now_ms(flow->base.svc->shared->repl);

    if (flow->request.prompt & PROMPT_NONE || flow->signed_in_now)
        svc_flow_redirect_error(flow, OIDC_UNMET_AUTHENTICATION,
                                "the sign-in is not of the class that was asked for");
    else if (now_ms - flow->session.auth_time_ms < SVC_RAISE_AGE_MS ||
             now_ms < flow->session.auth_time_ms)
        svc_factor_raise(flow);
    else
        svc_flow_login_page(flow);
}

static void need_login(struct svc_flow *flow) {
    /* Once signed in, another question would only loop: the RP is told. */
    if (flow->request.prompt & PROMPT_NONE || flow->signed_in_now)
        svc_flow_redirect_error(flow, OIDC_LOGIN_REQUIRED,
                                "the sign-in that was asked for is not there");
    else
        svc_flow_login_page(flow);
}

static void answer_code(struct svc_flow *flow) {
    svc_count(flow->base.svc->shared->counters, COUNT_CODE_ISSUED);
    svc_answer_code(flow);
}

static void issued(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        answer_code(flow);
        return;
    case OUT_NOT_FOUND:
    case OUT_EXPIRED:
    case OUT_SESSION_ENDED:
    case OUT_ACCOUNT_STATE:
    case OUT_REAUTH:
        /* Ended between the look and the command. */
        need_login(flow);
        return;
    case OUT_REPLAYED:
        svc_flow_refuse(flow, OIDC_INVALID_REQUEST_URI,
                        "this request was answered already");
        return;
    case OUT_CLIENT_STATE:
        svc_flow_refuse(flow, OIDC_UNAUTHORIZED_CLIENT,
                        "this service is not registered here any more");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static uint32_t code_ttl_ms(const struct client *client) {
    return client->profile == CLIENT_GBIZID ? SVC_CODE_TTL_GBIZID_MS
                                            : SVC_CODE_TTL_STANDARD_MS;
}

/* The code is stored, with all that is to be written beside it. */
static void issue_stored(struct svc_flow *flow) {
    struct svc *svc = flow->base.svc;
    const struct authorize_request *request = &flow->request;
    uint32_t code_ttl = code_ttl_ms(&flow->client);
    struct command command = {.type = CMD_GRANT_ISSUE};
    struct cmd_grant_issue *cmd = &command.grant_issue;

    flow->code =
        span_of(flow->drawn, flow->client.profile == CLIENT_GBIZID ? FLOW_CODE_LEN_GBIZID
                                                                   : FLOW_CODE_LEN);
    svc_code_draw(svc, flow->drawn, flow->code.len);
    *cmd = (struct cmd_grant_issue){
        .code = svc_code_key(svc, flow->code),
        .session = flow->session.key,
        .client_id = request->client_id,
        .redirect_uri = request->redirect_uri,
        .scopes = request->scopes,
        .consent_scopes = flow->consent_scopes,
        .nonce = request->nonce,
        .challenge_method = request->has_challenge ? CHALLENGE_S256 : CHALLENGE_NONE,
        .code_ttl_ms = code_ttl,
        /* Tokens prolong it when the code is redeemed (raft/fsm_token). */
        .grant_ttl_ms = code_ttl + SVC_ACCESS_TTL_MS,
        .idle_ms = svc->shared->config->session_idle_s * 1000,
        .auth_after_ms = flow->auth_after_ms,
        .id_token_claims = request->id_token_claims,
        .userinfo_claims = request->userinfo_claims,
        .has_dpop_key = request->has_dpop_key,
        .has_pushed = flow->is_pushed,
        .pushed = flow->pushed,
    };
    if (request->has_challenge)
        memcpy(cmd->challenge, request->challenge, sizeof cmd->challenge);
    if (request->has_dpop_key)
        memcpy(cmd->dpop_key, request->dpop_key, sizeof cmd->dpop_key);
    svc_submit(&flow->base, &command, issued);
}

static void issue(struct svc_flow *flow) {
    enum err err = svc_code_plain(flow) ? svc_code_seal(flow, &flow->code) : ERR_TOO_BIG;

    if (!err)
        answer_code(flow);
    else if (err == ERR_TOO_BIG)
        issue_stored(flow);
    else
        svc_fail(&flow->base, err);
}

void svc_flow_decide(struct svc_flow *flow) {
    bool missing = true;
    enum err err;

    if (!svc_flow_session_serves(flow)) {
        need_login(flow);
        return;
    }
    if (!(flow->client.account_types & (1u << flow->account_type))) {
        svc_flow_redirect_error(flow, OIDC_ACCESS_DENIED,
                                "this kind of account may not use this service");
        return;
    }
    if (acr_level(flow->session.methods) < flow->request.acr) {
        need_more(flow);
        return;
    }
    err = consent_missing(flow, &missing);
    if (err)
        svc_fail(&flow->base, err);
    else if (missing && flow->request.prompt & PROMPT_NONE)
        svc_flow_redirect_error(flow, OIDC_CONSENT_REQUIRED,
                                "the account's holder has not consented");
    else if (missing)
        svc_answer_consent_page(flow);
    else
        issue(flow);
}
