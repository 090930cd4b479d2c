#include "server/svc_code.h"

#include "server/crypto/place.h"
#include "server/oidc/claims.h"
#include "server/oidc/sealed_code.h"
#include "server/oidc/token_check.h"
#include "server/svc_secret.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

_Static_assert((SEALED_CODE_MAX + SEAL_OVERHEAD) * 4 / 3 <= TOKEN_CODE_MAX,
               "a sealed code is looked at when it is presented");
_Static_assert(sizeof(struct key_hash) == SEALED_CODE_SESSION, "keys of rows");

static uint32_t idle_ms(const struct svc *svc) {
    return svc->shared->config->session_idle_s * 1000;
}

bool svc_code_plain(const struct svc_flow *flow) {
    return flow->client.profile == CLIENT_STANDARD && !flow->is_pushed &&
           flow->consent_scopes == 0 &&
           !store_session_idle_due(&flow->session, flow->clock_ms, idle_ms(flow->base.svc));
}

static void fill(struct svc_flow *flow, struct sealed_code *code) {
    const struct authorize_request *request = &flow->request;
    struct svc *svc = flow->base.svc;

    *code = (struct sealed_code){
        .epoch = flow->epoch,
        .expires_ms = flow->clock_ms + SVC_CODE_TTL_STANDARD_MS,
        .generation = flow->session.generation,
        .scopes = request->scopes,
        .redirect_uri = request->redirect_uri,
        .nonce = request->nonce,
        .has_challenge = request->has_challenge,
        .has_dpop_key = request->has_dpop_key,
        .auth_after_ms = flow->auth_after_ms,
        .id_token_claims = request->id_token_claims,
        .userinfo_claims = request->userinfo_claims,
    };
    svc_random(svc, code->chance, sizeof code->chance);
    code->mark = place_mark(svc->sealer, HASH_CODE,
                            span_of(code->chance, sizeof code->chance),
                            repl_now_ms(svc->shared->repl));
    memcpy(code->session, flow->session.key.b, sizeof code->session);
    if (request->has_challenge)
        memcpy(code->challenge, request->challenge, sizeof code->challenge);
    if (request->has_dpop_key)
        memcpy(code->dpop_key, request->dpop_key, sizeof code->dpop_key);
}

enum err svc_code_seal(struct svc_flow *flow, struct span *ret_code) {
    struct svc *svc = flow->base.svc;
    struct sealed_code code;
    struct buf plain;
    enum err err;

    fill(flow, &code);
    buf_init(&plain, SEALED_CODE_MAX);
    err = sealed_code_encode(&code, &plain);
    if (!err)
        err = svc_seal_text_for(svc, SEAL_CODE, flow->request.client_id,
                                buf_span(&plain), &flow->base.op->arena, ret_code);
    secret_wipe(plain.data, plain.len);
    buf_free(&plain);
    secret_wipe(&code, sizeof code);
    return err;
}

static void open_grant(struct svc *svc, const struct sealed_code *code,
                       struct cmd_grant_redeem *cmd) {
    struct grant_opened *opened = &cmd->opened;

    place_key(svc->sealer, HASH_CODE, span_of(code->chance, sizeof code->chance),
              code->mark, cmd->code.b);
    cmd->opens = true;
    *opened = (struct grant_opened){
        .epoch = code->epoch,
        .generation = code->generation,
        .code_expires_ms = code->expires_ms,
        .code_ttl_ms = SVC_CODE_TTL_STANDARD_MS,
        .idle_ms = idle_ms(svc),
        .auth_after_ms = code->auth_after_ms,
        .redirect_uri = code->redirect_uri,
        .scopes = code->scopes,
        /* As svc_flow_scopes. */
        .consented = code->scopes |
                     claims_scopes(code->id_token_claims | code->userinfo_claims),
        .nonce = code->nonce,
        .challenge_method = code->has_challenge ? CHALLENGE_S256 : CHALLENGE_NONE,
        .id_token_claims = code->id_token_claims,
        .userinfo_claims = code->userinfo_claims,
        .has_dpop_key = code->has_dpop_key,
    };
    memcpy(opened->session.b, code->session, sizeof opened->session.b);
    memcpy(opened->challenge, code->challenge, sizeof opened->challenge);
    memcpy(opened->dpop_key, code->dpop_key, sizeof opened->dpop_key);
}

enum err svc_code_open(struct svc *svc, struct span code, struct cmd_grant_redeem *cmd) {
    struct sealed_code sealed;
    struct span plain;
    enum err err = ERR_FORGED;

    if (code.len > FLOW_CODE_LEN)
        err = svc_open_text_for(svc, SEAL_CODE, cmd->client_id, code, SEALED_CODE_MAX,
                                &plain);
    if (!err && sealed_code_decode(plain, &sealed))
        err = ERR_FORGED; /* of a release that this node does not know */
    if (!err)
        open_grant(svc, &sealed, cmd);
    else if (err == ERR_FORGED)
        cmd->code = svc_code_key(svc, code);
    secret_wipe(&sealed, sizeof sealed);
    return err == ERR_FORGED ? OK : err;
}
