/* svc_revoke: POST /oauth/revoke (RFC 7009). What the token is, its form tells; a
 * token_type_hint is not needed. Whatever it is worth, the answer is the same: 200. */
#include "server/oidc/token_check.h"
#include "server/svc_access.h"
#include "server/svc_caller.h"
#include "server/svc_secret.h"

struct revoke_op {
    struct svc_state base; /* first */
    struct svc_revoke *revoke;
    struct svc_caller caller;
    struct svc_access access;
    struct span token;
};

static void finish(struct svc_state *state) {
    struct revoke_op *op = (struct revoke_op *)state;

    op->revoke->done(op->revoke);
}

static void refuse(struct revoke_op *op, struct svc_refusal refusal) {
    op->revoke->refusal = refusal;
    finish(&op->base);
}

static void revoked(struct svc_state *state) {
    struct revoke_op *op = (struct revoke_op *)state;

    if (state->request.outcome.code == OUT_PROOF_REPLAYED &&
        op->caller.proofs.count > 0)
        refuse(op, svc_caller_replayed(&op->caller));
    else /* also a token of another client, or one that ended before (§2.2) */
        finish(state);
}

/* A client's own JWT: nothing but its jti can be revoked. */
static void revoke_jwt(struct revoke_op *op) {
    struct svc *svc = op->base.svc;
    uint64_t now_s = repl_now_ms(svc->shared->repl) / 1000;
    struct command command = {.type = CMD_PROOF_USE};
    struct proofs *proofs = &command.proof_use.proofs;

    *proofs = op->caller.proofs;
    if (op->access.expires_s > now_s &&
        span_is(op->access.client_id, op->caller.client.client_id))
        proofs->at[proofs->count++] =
            (struct proof){.key = svc_access_revoked_key(svc, &op->access),
                           .ttl_ms = (uint32_t)(op->access.expires_s - now_s) * 1000};
    if (proofs->count == 0)
        finish(&op->base);
    else
        svc_submit(&op->base, &command, revoked);
}

static void revoke_row(struct revoke_op *op, bool refresh, struct key_hash key) {
    struct command command = {.type = CMD_TOKEN_REVOKE};

    command.token_revoke = (struct cmd_token_revoke){
        .refresh = refresh,
        .key = key,
        .client_id = span_str(op->caller.client.client_id),
        .proofs = op->caller.proofs,
    };
    svc_submit(&op->base, &command, revoked);
}

static void open_it(struct svc_state *state) {
    struct revoke_op *op = (struct revoke_op *)state;
    struct svc *svc = state->svc;
    enum err err = svc_access_open(svc, &state->op->arena, op->token, &op->access);

    if (err == ERR_FORGED)
        revoke_row(op, true, svc_hash(svc, HASH_REFRESH, op->token));
    else if (err)
        svc_fail(state, err);
    else if (op->access.has_stamp)
        revoke_row(op, false,
                   svc_access_key(svc, token_format_secret(&op->access.stamp)));
    else
        revoke_jwt(op);
}

static void start(struct revoke_op *op) {
    struct svc_revoke *revoke = op->revoke;
    bool twice;

    if (!svc_caller_read(&op->base, &revoke->in, &op->caller, &revoke->refusal))
        return;
    op->token = params_get(revoke->in.params, "token", &twice);
    if (!revoke->refusal.error && (twice || op->token.len == 0))
        revoke->refusal = (struct svc_refusal){.error = OIDC_INVALID_REQUEST,
                                               .description = "token is needed, once"};
    if (revoke->refusal.error) {
        finish(&op->base);
        return;
    }
    svc_keys_await(&op->base, op->token, SVC_ACCESS_TYP, open_it);
}

void svc_revoke(struct svc *svc, struct svc_revoke *revoke) {
    struct revoke_op *op = svc_op_begin(svc, &revoke->op, sizeof *op, finish);

    if (!op) {
        revoke->done(revoke);
        return;
    }
    op->revoke = revoke;
    revoke->refusal = (struct svc_refusal){0};
    start(op);
}
