/* svc_userinfo: GET or POST /oauth/userinfo (OpenID Connect Core §5.3, RFC 6750).
 *
 * The hot path: one snapshot, no command, and no wait where the token's index is
 * applied already. A token is good while its grant is REDEEMED and its account is
 * active in the same generation; sign-out, reuse of a code and suspension all show
 * there (store_grant.h, G4). */
#include "server/crypto/digest.h"
#include "server/oidc/bearer.h"
#include "server/svc_access.h"
#include "server/svc_account_claims.h"
#include "server/svc_dpop.h"
#include "server/svc_secret.h"
#include "server/usage.h"
#include "store/base/codec.h"

struct userinfo_op {
    struct svc_state base; /* first */
    struct svc_userinfo *userinfo;
    struct stamped_token stamp;
    struct span token; /* as it was sent */
    bool by_dpop;      /* its scheme */
    struct span client_id; /* that it was given to; in the arena */
};

static void finish(struct svc_state *state) {
    struct userinfo_op *op = (struct userinfo_op *)state;

    op->userinfo->done(op->userinfo);
}

static void refuse(struct userinfo_op *op, enum oidc_error error,
                   const char *description) {
    svc_count(op->base.svc->shared->counters, COUNT_USERINFO_REFUSED);
    op->userinfo->error = error;
    op->userinfo->description = description;
    op->userinfo->body = span_of(NULL, 0);
    finish(&op->base);
}

/* What a good token stands for. */
struct told {
    uint64_t scopes, asked;
    struct binding binding;
    struct account account;
    struct client client;
};

/* ERR_NOT_FOUND: not good (any more). */
static enum err read_token(struct userinfo_op *op, struct told *ret_told) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct account *account = &ret_told->account;
    struct access_token token;
    struct grant grant;
    enum err err;

    err = svc_stamp_current(svc, &op->stamp);
    if (!err)
        err = store_access_get(
            svc->read, svc_access_key(svc, token_format_secret(&op->stamp)),
            &token);
    if (err)
        return err;
    if (now_ms >= token.expires_ms)
        return ERR_NOT_FOUND;
    err = store_grant_get(svc->read, arena, token.grant, &grant);
    if (err)
        return err;
    if (grant.state != GRANT_REDEEMED)
        return ERR_NOT_FOUND;
    err = store_account_get(svc->read, arena, token.sub, account);
    if (err)
        return err;
    if (account->state != ACCOUNT_ACTIVE || account->generation != grant.generation)
        return ERR_NOT_FOUND;
    ret_told->scopes = token.scopes;
    ret_told->asked = grant.userinfo_claims;
    ret_told->binding = token.binding;
    err = store_client_get(svc->read, arena, grant.client_id, &ret_told->client);
    if (!err && !store_client_usable(&ret_told->client))
        return ERR_NOT_FOUND;
    return err;
}

/* The claims into svc->scratch. */
static enum err write_claims(struct userinfo_op *op, const struct told *told) {
    struct svc *svc = op->base.svc;
    uint64_t wanted = svc_account_wanted(&told->client, told->scopes, told->asked);
    struct account_claims claims;
    enum err err = svc_account_claims(svc, &op->base.op->arena, &told->client,
                                      &told->account, wanted, &claims);

    if (err)
        return err;
    buf_reset(&svc->scratch);
    claims_userinfo(&claims, wanted, &svc->scratch);
    return buf_err(&svc->scratch);
}

/* The claims as a JWT for the client (OpenID Connect Core §5.3.2): from svc->scratch
 * into svc->scratch. */
static enum err sign_claims(struct svc *svc, const struct client *client) {
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct buf *out = &svc->plain;
    enum err err = svc_keys_needed(svc);

    if (err)
        return err;
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "iss", span_str(svc->shared->config->issuer));
    buf_json_member(out, "aud", span_str(client->client_id));
    buf_json_u64(out, "iat", now_ms / 1000);
    buf_str(out, ",");
    buf_put(out, svc->scratch.data + 1, svc->scratch.len - 1);
    if (buf_err(out))
        return buf_err(out);
    buf_reset(&svc->scratch);
    return jwt_sign(svc->keys.keys, svc_keys_alg(client), now_ms, "JWT", buf_span(out),
                    &svc->scratch);
}

/* Is the sender the one that the token is bound to (RFC 9449 §7.1, RFC 8705 §3)? Fills
 * *ret_proof for a token that is bound by DPoP. */
static struct oidc_verdict judge_binding(struct userinfo_op *op,
                                         const struct binding *binding,
                                         struct proof *ret_proof) {
    const struct svc_userinfo *userinfo = op->userinfo;
    struct svc_dpop_in dpop = {.proof = userinfo->dpop,
                               .twice = userinfo->dpop_twice,
                               .method = userinfo->method,
                               .base = userinfo->base,
                               .endpoint = "userinfo"};
    struct oidc_verdict verdict = {OIDC_OK, NULL};
    struct binding shown = {.kind = BINDING_NONE};

    if ((binding->kind == BINDING_DPOP) != op->by_dpop)
        return (struct oidc_verdict){OIDC_INVALID_TOKEN,
                                     "the access token is of the other scheme"};
    if (binding->kind == BINDING_TLS && userinfo->certificate.len > 0)
        digest_sha256(userinfo->certificate, shown.thumbprint);
    if (binding->kind == BINDING_DPOP)
        verdict = svc_dpop_judge(&op->base, &dpop, op->token, &shown, ret_proof);
    if (verdict.error == OIDC_OK &&
        memcmp(shown.thumbprint, binding->thumbprint, sizeof shown.thumbprint) != 0)
        return (struct oidc_verdict){
            OIDC_INVALID_TOKEN,
            "the access token is bound to another key or certificate"};
    return verdict;
}

static void served(struct userinfo_op *op) {
    const struct svc_shared *shared = op->base.svc->shared;

    svc_count(shared->counters, COUNT_USERINFO);
    usage_count(shared->usage, op->client_id, USAGE_USERINFO);
    finish(&op->base);
}

static void proof_used(struct svc_state *state) {
    struct userinfo_op *op = (struct userinfo_op *)state;

    if (state->request.outcome.code == OUT_OK)
        served(op);
    else if (state->request.outcome.code == OUT_PROOF_REPLAYED)
        refuse(op, OIDC_INVALID_DPOP_PROOF, "the DPoP proof was used before");
    else
        svc_fail(state, ERR_CORRUPT);
}

/* A bound token: the proof is used up, in the state machine (RFC 9449 §11.1). */
static void use_proof(struct userinfo_op *op, const struct proof *proof) {
    struct command command = {.type = CMD_PROOF_USE};

    command.proof_use.proofs.count = 1;
    command.proof_use.proofs.at[0] = *proof;
    svc_submit(&op->base, &command, proof_used);
}

/* The answer into the arena, from one snapshot. ERR_NOT_FOUND: the token is not good.
 */
static enum err look(struct userinfo_op *op, uint64_t *ret_scopes,
                     struct binding *ret_binding) {
    struct svc *svc = op->base.svc;
    struct told told;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = read_token(op, &told);
    if (!err && told.scopes & SCOPE_OPENID) {
        err = write_claims(op, &told);
        op->userinfo->as_jwt = told.client.features & CLIENT_USERINFO_SIGNED;
        if (!err && op->userinfo->as_jwt)
            err = sign_claims(svc, &told.client);
        /* The row is there, so whatever fails now is not the token's fault. */
        if (err == ERR_NOT_FOUND)
            err = ERR_CORRUPT;
        if (!err)
            err = svc_take(&op->base.op->arena, &svc->scratch, &op->userinfo->body);
    }
    svc_read_end(svc);
    if (!err) {
        op->client_id = span_str(told.client.client_id);
        *ret_scopes = told.scopes;
        *ret_binding = told.binding;
    }
    return err;
}

static void judge(struct svc_state *state) {
    struct userinfo_op *op = (struct userinfo_op *)state;
    struct binding binding = {.kind = BINDING_NONE};
    struct oidc_verdict verdict;
    uint64_t scopes = 0;
    struct proof proof;
    enum err err = look(op, &scopes, &binding);

    if (err == ERR_NOT_FOUND) {
        refuse(op, OIDC_INVALID_TOKEN,
               "the access token is expired, revoked or unknown");
        return;
    }
    if (err) {
        svc_fail(state, err);
        return;
    }
    verdict = judge_binding(op, &binding, &proof);
    if (verdict.error)
        refuse(op, verdict.error, verdict.description);
    else if (!(scopes & SCOPE_OPENID))
        refuse(op, OIDC_INSUFFICIENT_SCOPE, "the scope openid is needed");
    else if (binding.kind == BINDING_DPOP)
        use_proof(op, &proof);
    else
        served(op);
}

/* ERR_FORGED: not ours, or a client's own: there is no person behind it. */
static enum err open_token(struct userinfo_op *op) {
    struct svc_access access;
    enum err err =
        svc_access_open(op->base.svc, &op->base.op->arena, op->token, &access);

    if (err)
        return err;
    op->stamp = access.stamp;
    return access.has_stamp ? OK : ERR_FORGED;
}

static void open_it(struct svc_state *state) {
    struct userinfo_op *op = (struct userinfo_op *)state;
    enum err err = open_token(op);

    if (err == ERR_FORGED)
        refuse(op, OIDC_INVALID_TOKEN,
               "the access token is expired, revoked or unknown");
    else if (err)
        svc_fail(state, err);
    else
        svc_stamp_await(state, &op->stamp, judge);
}

static void begin(struct userinfo_op *op) {
    struct svc_userinfo *userinfo = op->userinfo;
    struct svc *svc = op->base.svc;
    struct oidc_verdict verdict;
    enum err err = OK;

    verdict = bearer_parse(userinfo->authorization, userinfo->params,
                           userinfo->token_in_query, &op->token,
                           &userinfo->token_missing, &op->by_dpop);
    userinfo->by_dpop = op->by_dpop;
    if (op->by_dpop)
        err = svc_dpop_nonce(svc, &op->base.op->arena, &userinfo->dpop_nonce);
    if (!err && verdict.error) {
        refuse(op, verdict.error, verdict.description);
        return;
    }
    if (err)
        svc_fail(&op->base, err);
    else
        svc_keys_await(&op->base, op->token, SVC_ACCESS_TYP, open_it);
}

void svc_userinfo(struct svc *svc, struct svc_userinfo *userinfo) {
    struct userinfo_op *op = svc_op_begin(svc, &userinfo->op, sizeof *op, finish);

    if (!op) {
        userinfo->done(userinfo);
        return;
    }
    op->userinfo = userinfo;
    userinfo->error = OIDC_OK;
    userinfo->description = NULL;
    userinfo->token_missing = userinfo->as_jwt = false;
    userinfo->dpop_nonce = userinfo->body = span_of(NULL, 0);
    begin(op);
}
