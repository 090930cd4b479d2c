/* svc_token: POST /oauth/token (RFC 6749 §4.1.3 and §6, OpenID Connect Core §3.1.3,
 * §12). Who may have tokens is the state machine's decision; this node draws the
 * secrets before and signs after. */
#include "server/crypto/digest.h"
#include "server/oidc/claims.h"
#include "server/oidc/client_auth.h"
#include "server/oidc/token_check.h"
#include "server/svc_access.h"
#include "server/svc_account_claims.h"
#include "server/svc_caller.h"
#include "server/svc_code.h"
#include "server/svc_secret.h"
#include "server/svc_subject.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define REFRESH_TEXT_LEN 43 /* base64url of 32 bytes */

struct token_op {
    struct svc_state base; /* first */
    struct svc_token *token;
    struct svc_caller caller;
    struct token_request request;
    uint8_t access_secret[TOKEN_SECRET_MAX];
    char refresh[REFRESH_TEXT_LEN + 1];
};

static void finish(struct svc_state *state) {
    struct token_op *op = (struct token_op *)state;

    op->token->done(op->token);
}

static void refuse(struct token_op *op, enum oidc_error error,
                   const char *description) {
    svc_count(op->base.svc->shared->counters, COUNT_TOKEN_REFUSED);
    op->token->refusal.error = error;
    op->token->refusal.description = description;
    finish(&op->base);
}

/* What `claims` asked the ID token to tell (OpenID Connect Core §5.5). */
static enum err read_asked(struct token_op *op, const struct outcome_tokens *tokens,
                           struct account_claims *account,
                           struct id_token_claims *claims) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct account row;
    enum err err;

    claims->wanted = svc_account_wanted(&op->caller.client, 0, tokens->id_token_claims);
    if (claims->wanted == 0)
        return OK;
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_account_get(svc->read, arena, tokens->sub, &row);
    if (!err)
        err = svc_account_claims(svc, arena, &op->caller.client, &row, claims->wanted,
                                 account);
    svc_read_end(svc);
    claims->account = account;
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* The ID token (OpenID Connect Core §2); appended to `out`. */
static enum err sign_id_token(struct token_op *op, const struct outcome_tokens *tokens,
                              struct span access, struct buf *out) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    const struct client *client = &op->caller.client;
    uint64_t now_s = op->base.request.outcome.clock_ms / 1000;
    uint8_t jti[16];
    char jti_text[23], at_hash[DIGEST_AT_HASH_SIZE];
    struct account_claims account;
    struct id_token_claims claims = {
        .issuer = span_str(svc->shared->config->issuer),
        .sub = svc_subject_text(svc->sealer, client, tokens->sub, arena),
        .client_id = span_str(client->client_id),
        .issued_s = now_s,
        .expires_s = now_s + SVC_ACCESS_TTL_MS / 1000,
        .auth_time_s = tokens->auth_time_ms / 1000,
        .sid = svc_subject_text(svc->sealer, client, tokens->sid, arena),
        /* The platform's own profile has no such claims. */
        .methods = client->profile != CLIENT_GBIZID ? tokens->methods : 0,
    };
    enum err err;

    if (!claims.sub.data || !claims.sid.data)
        return ERR_NOMEM;
    err = read_asked(op, tokens, &account, &claims);
    if (err)
        return err;
    /* A refreshed ID token has no nonce (OpenID Connect Core §12.2). */
    if (op->request.grant == TOKEN_GRANT_CODE)
        claims.nonce = tokens->nonce;
    svc_random(svc, jti, sizeof jti);
    claims.jti =
        span_of(jti_text, base64url_encode(span_of(jti, sizeof jti), jti_text));
    digest_at_hash(access, at_hash);
    claims.at_hash = span_str(at_hash);
    buf_reset(&svc->plain);
    claims_id_token(&claims, &svc->plain);
    if (buf_err(&svc->plain))
        return buf_err(&svc->plain);
    return jwt_sign(svc->keys.keys, svc_keys_alg(client),
                    repl_now_ms(svc->shared->repl), "JWT", buf_span(&svc->plain), out);
}

static const char *token_type(const struct binding *binding) {
    return binding->kind == BINDING_DPOP ? "DPoP" : "Bearer";
}

/* RFC 6749 §5.1. The scope always stands there: what was asked for first is not
 * known any more, and it must be said where it differs. */
static enum err write_body(struct token_op *op, const struct outcome_tokens *tokens,
                           struct span access, struct span id_token) {
    struct svc *svc = op->base.svc;
    uint64_t now_ms = op->base.request.outcome.clock_ms;
    struct buf *out = &svc->scratch;
    struct buf *scope = &svc->plain;

    buf_reset(scope);
    scope_print(tokens->scopes, scope);
    if (buf_err(scope))
        return buf_err(scope);
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "access_token", access);
    buf_json_member(out, "token_type", span_str(token_type(&tokens->binding)));
    buf_json_u64(out, "expires_in",
                 tokens->access_expires_ms > now_ms
                     ? (tokens->access_expires_ms - now_ms) / 1000
                     : 0);
    if (tokens->has_refresh)
        buf_json_member(out, "refresh_token", span_of(op->refresh, REFRESH_TEXT_LEN));
    buf_json_member(out, "scope", buf_span(scope));
    if (id_token.len > 0)
        buf_json_member(out, "id_token", id_token);
    buf_str(out, "}");
    return svc_take(&op->base.op->arena, out, &op->token->body);
}

/* As a JWT, whose jti is the opaque one (svc_access.h). */
static enum err wrap_access(struct token_op *op, const struct outcome_tokens *tokens,
                            struct span *access) {
    struct arena *arena = &op->base.op->arena;
    struct svc_access_new token = {
        .client = &op->caller.client,
        .sub = svc_subject_text(op->base.svc->sealer, &op->caller.client, tokens->sub,
                                arena),
        .jti = *access,
        .issued_s = op->base.request.outcome.clock_ms / 1000,
        .expires_s = tokens->access_expires_ms / 1000,
        .auth_time_s = tokens->auth_time_ms / 1000,
        .scopes = tokens->scopes,
        .binding = &tokens->binding,
    };

    return token.sub.data ? svc_access_sign(op->base.svc, &token, arena, access)
                          : ERR_NOMEM;
}

static enum err answer(struct token_op *op) {
    struct svc *svc = op->base.svc;
    struct span access, id_token = {NULL, 0};
    struct outcome_tokens tokens;
    enum err err;

    err = outcome_tokens_decode(op->base.request.outcome.detail, &tokens);
    if (!err)
        err = svc_stamp_make(svc, SEAL_ACCESS_TOKEN, op->base.request.outcome.index,
                             span_of(op->access_secret, sizeof op->access_secret),
                             &op->base.op->arena, &access);
    if (!err && op->caller.client.features & CLIENT_JWT_ACCESS)
        err = wrap_access(op, &tokens, &access);
    if (!err && tokens.scopes & SCOPE_OPENID) {
        buf_reset(&svc->scratch);
        err = sign_id_token(op, &tokens, access, &svc->scratch);
        if (!err)
            err = svc_take(&op->base.op->arena, &svc->scratch, &id_token);
    }
    return err ? err : write_body(op, &tokens, access, id_token);
}

static void decided(struct svc_state *state) {
    struct token_op *op = (struct token_op *)state;
    bool code = op->request.grant == TOKEN_GRANT_CODE;
    struct svc_refusal refusal;
    enum err err;

    switch (state->request.outcome.code) {
    case OUT_OK:
        err = answer(op);
        if (err) {
            svc_fail(state, err);
            return;
        }
        svc_count(state->svc->shared->counters,
                  code ? COUNT_TOKEN_CODE : COUNT_TOKEN_REFRESH);
        finish(state);
        return;
    case OUT_CLIENT_STATE:
        refuse(op, OIDC_INVALID_CLIENT, client_auth_failed().description);
        return;
    case OUT_PROOF_REPLAYED:
        refusal = svc_caller_replayed(&op->caller);
        refuse(op, refusal.error, refusal.description);
        return;
    case OUT_SCOPE:
        refuse(op, OIDC_INVALID_SCOPE, "scope is more than was granted");
        return;
    case OUT_NOT_FOUND:
    case OUT_EXPIRED:
    case OUT_CLIENT_MISMATCH:
    case OUT_REDIRECT_MISMATCH:
    case OUT_PKCE_MISMATCH:
    case OUT_REPLAYED:
    case OUT_REVOKED:
    case OUT_BINDING_MISMATCH:
    case OUT_SESSION_ENDED:
    case OUT_ACCOUNT_STATE:
    case OUT_REAUTH:
        /* One answer for all: whoever holds a stolen code learns nothing. */
        refuse(op, OIDC_INVALID_GRANT,
               code ? "code is unknown, expired, used, or not for this request"
                    : "refresh_token is unknown, expired, used, or not this client's");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* A refresh token, in case the code was issued for one. */
static void draw_refresh(struct token_op *op, struct cmd_grant_redeem *cmd) {
    struct svc *svc = op->base.svc;
    uint8_t refresh[32];

    svc_random(svc, refresh, sizeof refresh);
    base64url_encode(span_of(refresh, sizeof refresh), op->refresh);
    secret_wipe(refresh, sizeof refresh);
    cmd->refresh_scope_mask = SCOPE_OFFLINE_ACCESS;
    cmd->refresh = svc_hash(svc, HASH_REFRESH, span_of(op->refresh, REFRESH_TEXT_LEN));
    cmd->refresh_ttl_ms = SVC_REFRESH_TTL_MS;
}

static void redeem(struct token_op *op) {
    struct svc *svc = op->base.svc;
    const struct token_request *request = &op->request;
    struct command command = {.type = CMD_GRANT_REDEEM};
    struct cmd_grant_redeem *cmd = &command.grant_redeem;
    enum err err;

    svc_access_draw(svc, op->access_secret);
    *cmd = (struct cmd_grant_redeem){
        .client_id = span_str(op->caller.client.client_id),
        .has_redirect_uri = request->has_redirect_uri,
        .redirect_uri = request->redirect_uri,
        .has_verifier = request->has_verifier,
        .access = svc_access_key(
            svc, span_of(op->access_secret, sizeof op->access_secret)),
        .access_ttl_ms = SVC_ACCESS_TTL_MS,
        .proofs = op->caller.proofs,
        .binding = op->caller.binding,
        /* RFC 9449 §5: nothing else protects a public client's refresh token. */
        .bind_refresh = op->caller.client.auth == CLIENT_AUTH_NONE &&
                        op->caller.binding.kind == BINDING_DPOP,
    };
    if (request->has_verifier)
        digest_sha256(request->code_verifier, cmd->verifier_hash);
    err = svc_code_open(svc, request->code, cmd);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    /* What a stored code was issued for, the state machine knows. */
    if (!cmd->opens || cmd->opened.scopes & SCOPE_OFFLINE_ACCESS)
        draw_refresh(op, cmd);
    svc_submit(&op->base, &command, decided);
}

/* The body of an answer that holds an access token alone. */
static enum err write_client_body(struct token_op *op) {
    struct svc *svc = op->base.svc;
    struct svc_caller *caller = &op->caller;
    uint64_t now_s = repl_now_ms(svc->shared->repl) / 1000;
    uint8_t jti[16];
    char jti_text[23];
    struct svc_access_new token = {
        .client = &caller->client,
        .sub = span_str(caller->client.client_id), /* RFC 9068 §2.2 */
        .issued_s = now_s,
        .expires_s = now_s + SVC_CLIENT_TOKEN_S,
        .binding = &caller->binding,
    };
    struct buf *out = &svc->scratch;
    struct span access;
    enum err err;

    svc_random(svc, jti, sizeof jti);
    token.jti = span_of(jti_text, base64url_encode(span_of(jti, sizeof jti), jti_text));
    err = svc_access_sign(svc, &token, &op->base.op->arena, &access);
    if (err)
        return err;
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "access_token", access);
    buf_json_member(out, "token_type", span_str(token_type(&caller->binding)));
    buf_json_u64(out, "expires_in", SVC_CLIENT_TOKEN_S);
    buf_str(out, "}");
    return svc_take(&op->base.op->arena, out, &op->token->body);
}

static void give_client_token(struct svc_state *state) {
    struct token_op *op = (struct token_op *)state;
    struct svc_refusal replayed;
    enum err err;

    if (state->request.outcome.code == OUT_PROOF_REPLAYED) {
        replayed = svc_caller_replayed(&op->caller);
        refuse(op, replayed.error, replayed.description);
        return;
    }
    err = write_client_body(op);
    if (err) {
        svc_fail(state, err);
        return;
    }
    svc_count(state->svc->shared->counters, COUNT_TOKEN_CLIENT);
    finish(state);
}

/* RFC 6749 §4.4: no row is written; only what was proven is used up. Our scopes open
 * what belongs to a person, and nobody has signed in. */
static void client_credentials(struct token_op *op) {
    struct command command = {.type = CMD_PROOF_USE};

    if (!(op->caller.client.features & CLIENT_CREDENTIALS) ||
        op->caller.client.auth == CLIENT_AUTH_NONE) {
        refuse(op, OIDC_UNAUTHORIZED_CLIENT,
               "this client may not use client_credentials");
        return;
    }
    if (op->request.scopes != 0) {
        refuse(op, OIDC_INVALID_SCOPE, "these scopes need somebody who has signed in");
        return;
    }
    command.proof_use.proofs = op->caller.proofs;
    if (op->caller.proofs.count > 0) {
        svc_submit(&op->base, &command, give_client_token);
        return;
    }
    op->base.request.outcome.code = OUT_OK;
    give_client_token(&op->base);
}

/* Successors come from the token that was presented: an honest client that never
 * saw the answer gets the same ones again (DESIGN §4). */
static void refresh(struct token_op *op) {
    struct svc *svc = op->base.svc;
    struct span old = op->request.refresh_token;
    struct command command = {.type = CMD_TOKEN_REFRESH};
    uint8_t next[32];

    if (op->request.has_scope && op->request.scopes == 0) {
        refuse(op, OIDC_INVALID_SCOPE, "scope names nothing that was granted");
        return;
    }
    sealer_hash(svc->sealer, HASH_NEXT_REFRESH, old, next);
    base64url_encode(span_of(next, sizeof next), op->refresh);
    secret_wipe(next, sizeof next);
    sealer_hash(svc->sealer, HASH_NEXT_ACCESS, old, op->access_secret);
    command.token_refresh = (struct cmd_token_refresh){
        .refresh = svc_hash(svc, HASH_REFRESH, old),
        .client_id = span_str(op->caller.client.client_id),
        .scopes = op->request.has_scope ? op->request.scopes : 0,
        .next_refresh =
            svc_hash(svc, HASH_REFRESH, span_of(op->refresh, REFRESH_TEXT_LEN)),
        .next_access = svc_access_key(
            svc, span_of(op->access_secret, sizeof op->access_secret)),
        .access_ttl_ms = SVC_ACCESS_TTL_MS,
        .refresh_ttl_ms = SVC_REFRESH_TTL_MS,
        .grace_ms = SVC_REFRESH_GRACE_MS,
        .proofs = op->caller.proofs,
        .binding = op->caller.binding,
    };
    svc_submit(&op->base, &command, decided);
}

/* RFC 9449 §5.2, FAPI 2.0 §5.3.2.1: tokens of the client are bound to their sender. */
static struct oidc_verdict check_binding(const struct svc_caller *caller) {
    if (caller->client.features & CLIENT_DPOP_BOUND &&
        caller->binding.kind != BINDING_DPOP)
        return (struct oidc_verdict){OIDC_INVALID_DPOP_PROOF,
                                     "this client needs a DPoP proof"};
    if (caller->client.features & CLIENT_TLS_BOUND &&
        caller->binding.kind != BINDING_TLS)
        return (struct oidc_verdict){OIDC_INVALID_REQUEST,
                                     "this client needs its TLS certificate"};
    return (struct oidc_verdict){OIDC_OK, NULL};
}

static void start(struct token_op *op) {
    struct svc_token *token = op->token;
    struct oidc_verdict verdict;

    if (!svc_caller_read(&op->base, &token->in, &op->caller, &token->refusal))
        return;
    if (token->refusal.error) {
        refuse(op, token->refusal.error, token->refusal.description);
        return;
    }
    verdict = token_check(token->in.params, &op->request);
    if (!verdict.error)
        verdict = check_binding(&op->caller);
    if (verdict.error)
        refuse(op, verdict.error, verdict.description);
    else if (op->request.grant == TOKEN_GRANT_CODE)
        redeem(op);
    else if (op->request.grant == TOKEN_GRANT_REFRESH)
        refresh(op);
    else
        client_credentials(op);
}

void svc_token(struct svc *svc, struct svc_token *token) {
    struct token_op *op = svc_op_begin(svc, &token->op, sizeof *op, finish);

    if (!op) {
        token->done(token);
        return;
    }
    op->token = token;
    token->refusal = (struct svc_refusal){0};
    token->body = span_of(NULL, 0);
    start(op);
}
