#include "server/oidc/login_state.h"

#include "server/oidc/claims.h"
#include "store/base/codec.h"

#define LOGIN_STATE_VERSION 3
#define SUBJECT_MAX 64
#define PROMPT_ALL (PROMPT_NONE | PROMPT_LOGIN | PROMPT_CONSENT | PROMPT_SELECT_ACCOUNT)

/* Presence bits. */
enum {
    HAS_SCOPE_OMITTED = 1,
    HAS_CHALLENGE = 2,
    HAS_MAX_AGE = 4,
    HAS_DPOP_KEY = 8,
    HAS_PUSHED = 16,
    HAS_FORM_POST = 32,
    HAS_SIGNIN = 64,
    HAS_ALL = 127
};

static bool within_bounds(const struct login_state *state) {
    const struct authorize_request *request = &state->request;

    return state->subject.len <= SUBJECT_MAX &&
           request->client_id.len <= LIMIT_CLIENT_ID &&
           request->redirect_uri.len <= LIMIT_REDIRECT_URI &&
           request->state.len <= LIMIT_STATE && request->nonce.len <= LIMIT_NONCE &&
           request->login_hint.len <= AUTHORIZE_HINT_MAX &&
           request->ui_locales.len <= AUTHORIZE_LOCALES_MAX &&
           request->acr_values.len <= AUTHORIZE_ACR_MAX;
}

enum err login_state_encode(const struct login_state *state, struct buf *out) {
    const struct authorize_request *request = &state->request;
    unsigned has = (request->scope_omitted ? HAS_SCOPE_OMITTED : 0u) |
                   (request->has_challenge ? HAS_CHALLENGE : 0u) |
                   (request->has_max_age ? HAS_MAX_AGE : 0u) |
                   (request->has_dpop_key ? HAS_DPOP_KEY : 0u) |
                   (state->has_pushed ? HAS_PUSHED : 0u) |
                   (request->form_post ? HAS_FORM_POST : 0u) |
                   (state->has_signin ? HAS_SIGNIN : 0u);

    if (!within_bounds(state))
        return ERR_TOO_BIG;
    put_u8(out, LOGIN_STATE_VERSION);
    buf_put(out, state->browser, sizeof(state->browser));
    put_u64(out, state->issued_ms);
    put_u64(out, state->auth_after_ms);
    put_u32(out, state->flags);
    put_span(out, state->subject);
    put_span(out, request->client_id);
    put_span(out, request->redirect_uri);
    put_span(out, request->state);
    put_span(out, request->nonce);
    put_u64(out, request->scopes);
    put_u8(out, (uint8_t)has);
    if (request->has_challenge)
        buf_put(out, request->challenge, sizeof(request->challenge));
    if (request->has_dpop_key)
        buf_put(out, request->dpop_key, sizeof(request->dpop_key));
    if (state->has_pushed)
        buf_put(out, state->pushed, sizeof(state->pushed));
    if (state->has_signin) {
        put_u64(out, state->signin_epoch);
        put_u64(out, state->signin_index);
        buf_put(out, state->signin, sizeof(state->signin));
    }
    put_u8(out, (uint8_t)request->prompt);
    if (request->has_max_age)
        put_u32(out, request->max_age_s);
    put_u8(out, (uint8_t)request->display);
    put_span(out, request->login_hint);
    put_span(out, request->ui_locales);
    put_span(out, request->acr_values);
    put_u8(out, (uint8_t)request->acr);
    put_u64(out, request->id_token_claims);
    put_u64(out, request->userinfo_claims);
    return buf_err(out);
}

static bool read_request(struct reader *in, struct login_state *state) {
    struct authorize_request *request = &state->request;
    uint8_t has, display, acr;

    request->client_id = read_span(in);
    request->redirect_uri = read_span(in);
    request->state = read_span(in);
    request->nonce = read_span(in);
    request->scopes = read_u64(in);
    has = read_u8(in);
    request->scope_omitted = has & HAS_SCOPE_OMITTED;
    request->has_challenge = has & HAS_CHALLENGE;
    request->has_max_age = has & HAS_MAX_AGE;
    request->has_dpop_key = has & HAS_DPOP_KEY;
    state->has_pushed = has & HAS_PUSHED;
    request->form_post = has & HAS_FORM_POST;
    state->has_signin = has & HAS_SIGNIN;
    if (request->has_challenge)
        read_fixed(in, request->challenge, sizeof(request->challenge));
    if (request->has_dpop_key)
        read_fixed(in, request->dpop_key, sizeof(request->dpop_key));
    if (state->has_pushed)
        read_fixed(in, state->pushed, sizeof(state->pushed));
    if (state->has_signin) {
        state->signin_epoch = read_u64(in);
        state->signin_index = read_u64(in);
        read_fixed(in, state->signin, sizeof(state->signin));
    }
    request->prompt = read_u8(in);
    if (request->has_max_age)
        request->max_age_s = read_u32(in);
    display = read_u8(in);
    request->login_hint = read_span(in);
    request->ui_locales = read_span(in);
    request->acr_values = read_span(in);
    acr = read_u8(in);
    request->id_token_claims = read_u64(in);
    request->userinfo_claims = read_u64(in);
    if (in->bad || (has & ~HAS_ALL) || (request->prompt & ~(unsigned)PROMPT_ALL) ||
        display > DISPLAY_WAP || acr > ACR_LEVEL_TWO_FACTORS || (request->scopes & ~SCOPE_ALL) ||
        ((request->id_token_claims | request->userinfo_claims) >> CLAIM_END) != 0)
        return false;
    request->display = (enum authorize_display)display;
    request->acr = (enum acr_level)acr;
    return true;
}

enum err login_state_decode(struct span in, struct login_state *ret_state) {
    struct login_state state = {0};
    struct reader reader = reader_of(in);

    if (in.len == 0 || in.len > LOGIN_STATE_MAX)
        return ERR_INVALID;
    if (read_u8(&reader) != LOGIN_STATE_VERSION)
        return ERR_VERSION;
    read_fixed(&reader, state.browser, sizeof(state.browser));
    state.issued_ms = read_u64(&reader);
    state.auth_after_ms = read_u64(&reader);
    state.flags = read_u32(&reader);
    state.subject = read_span(&reader);
    if (!read_request(&reader, &state) || reader_left(&reader) > 0 ||
        !within_bounds(&state))
        return ERR_INVALID;
    *ret_state = state;
    return OK;
}
