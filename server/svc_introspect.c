/* svc_introspect: POST /oauth/introspect (RFC 7662, RFC 9701). A client may ask about
 * its own tokens, one with the feature `introspection` (a resource server) about all.
 * What is not active, or not for the asking client, is {"active":false} and nothing
 * more. */
#include "server/oidc/claims.h"
#include "server/svc_access.h"
#include "server/svc_caller.h"
#include "server/svc_secret.h"
#include "server/svc_subject.h"
#include "store/base/codec.h"

struct introspect_op {
    struct svc_state base; /* first */
    struct svc_introspect *introspect;
    struct svc_caller caller;
    struct span token;
    bool is_access;
    struct svc_access access;
    bool settled; /* it was looked for again */
};

static void finish(struct svc_state *state) {
    struct introspect_op *op = (struct introspect_op *)state;

    op->introspect->done(op->introspect);
}

/* RFC 9701 §5: the answer as a claim of a JWT for the one who asked. */
static enum err sign(struct introspect_op *op) {
    struct svc *svc = op->base.svc;
    struct buf *out = &svc->plain;
    enum err err;

    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "iss", span_str(svc->shared->config->issuer));
    buf_json_member(out, "aud", span_str(op->caller.client.client_id));
    buf_json_u64(out, "iat", repl_now_ms(svc->shared->repl) / 1000);
    buf_str(out, ",\"token_introspection\":");
    buf_put(out, op->introspect->body.data, op->introspect->body.len);
    buf_str(out, "}");
    if (buf_err(out))
        return buf_err(out);
    buf_reset(&svc->scratch);
    err = jwt_sign(svc->keys.keys, svc_keys_alg(&op->caller.client),
                   repl_now_ms(svc->shared->repl), "token-introspection+jwt",
                   buf_span(out), &svc->scratch);
    return err ? err
               : svc_take(&op->base.op->arena, &svc->scratch, &op->introspect->body);
}

static void answer(struct introspect_op *op, struct span body) {
    enum err err = OK;

    op->introspect->body = body;
    if (op->introspect->as_jwt)
        err = sign(op);
    if (err)
        svc_fail(&op->base, err);
    else
        finish(&op->base);
}

static void inactive(struct introspect_op *op) {
    answer(op, span_str("{\"active\":false}"));
}

static bool may_see(const struct introspect_op *op, struct span client_id) {
    return op->caller.client.features & CLIENT_INTROSPECTION ||
           span_is(client_id, op->caller.client.client_id);
}

/* What a row of this node says. ERR_NOT_FOUND: it is not active. */
static enum err describe(struct introspect_op *op, struct introspection *ret,
                         struct binding *ret_binding) {
    struct svc *svc = op->base.svc;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct arena *arena = &op->base.op->arena;
    struct refresh_token refresh;
    struct access_token access;
    struct account account;
    struct client client;
    struct grant grant;
    struct key_hash key;
    uint64_t expires_ms;
    enum err err;

    if (op->is_access) {
        err = svc_stamp_current(svc, &op->access.stamp);
        key = svc_access_key(svc, token_format_secret(&op->access.stamp));
        if (!err)
            err = store_access_get(svc->read, key, &access);
    } else {
        err = store_refresh_get(svc->read, svc_hash(svc, HASH_REFRESH, op->token),
                                &refresh);
    }
    if (err)
        return err;
    expires_ms = op->is_access ? access.expires_ms : refresh.expires_ms;
    err = store_grant_get(svc->read, arena,
                          op->is_access ? access.grant : refresh.grant, &grant);
    if (!err)
        err = store_account_get(svc->read, arena, grant.sub, &account);
    if (!err)
        err = store_client_get(svc->read, arena, grant.client_id, &client);
    if (err)
        return err;
    if (now_ms >= expires_ms || grant.state != GRANT_REDEEMED ||
        (!op->is_access && refresh.state != REFRESH_LIVE) ||
        account.state != ACCOUNT_ACTIVE || account.generation != grant.generation ||
        !store_client_usable(&client) ||
        !may_see(op, grant.client_id))
        return ERR_NOT_FOUND;
    ret->client_id = arena_dup(arena, grant.client_id);
    ret->expires_s = expires_ms / 1000;
    ret->auth_time_s = grant.auth_time_ms / 1000;
    ret->methods = grant.methods;
    ret->scopes = op->is_access ? access.scopes : refresh.scopes;
    *ret_binding = op->is_access ? access.binding : (struct binding){0};
    /* As the client knows the account that the token is for. */
    ret->sub = svc_subject_text(svc->sealer, &client, grant.sub, arena);
    return ret->client_id.data && ret->sub.data ? OK : ERR_NOMEM;
}

static enum err write_row(struct introspect_op *op, struct introspection *out,
                          const struct binding *binding) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct span body;
    char print[44];
    enum err err;

    out->issuer = span_str(svc->shared->config->issuer);
    out->token_type = binding->kind == BINDING_DPOP ? "DPoP" : "Bearer";
    if (binding->kind != BINDING_NONE) {
        out->confirmation = binding->kind == BINDING_DPOP ? "jkt" : "x5t#S256";
        out->thumbprint =
            span_of(print, base64url_encode(span_of(binding->thumbprint, 32), print));
    }
    buf_reset(&svc->scratch);
    claims_introspection(out, &svc->scratch);
    err = svc_take(arena, &svc->scratch, &body);
    if (!err)
        answer(op, body);
    return err;
}

static void look(struct svc_state *state) {
    struct introspect_op *op = (struct introspect_op *)state;
    struct introspection out = {.expires_s = 0};
    struct binding binding;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = describe(op, &out, &binding);
        svc_read_end(state->svc);
    }
    if (err == ERR_NOT_FOUND && !op->is_access && !op->settled) {
        op->settled = true; /* no index stands in it: it may be new (F6 of raft/fsm.h) */
        svc_settle(state, look);
        return;
    }
    if (err == ERR_NOT_FOUND) {
        inactive(op);
        return;
    }
    if (!err)
        err = write_row(op, &out, &binding);
    if (err)
        svc_fail(state, err);
}

/* A client's own JWT: its claims are what there is to say, unless it was revoked. */
static void look_jwt(struct introspect_op *op) {
    struct svc *svc = op->base.svc;
    uint64_t now_ms = repl_now_ms(svc->shared->repl), until_ms;
    struct key_hash key = svc_access_revoked_key(svc, &op->access);
    struct span body;
    enum err err;

    err = svc_read_begin(svc);
    if (!err) {
        err = store_proof_get(svc->read, key, &until_ms);
        svc_read_end(svc);
    }
    if (err && err != ERR_NOT_FOUND) {
        svc_fail(&op->base, err);
        return;
    }
    if (err == OK || now_ms / 1000 >= op->access.expires_s ||
        !may_see(op, op->access.client_id)) {
        inactive(op);
        return;
    }
    buf_reset(&svc->scratch);
    buf_str(&svc->scratch, "{\"active\":true,\"token_type\":\"Bearer\",");
    buf_put(&svc->scratch, op->access.text.data + 1, op->access.text.len - 1);
    err = svc_take(&op->base.op->arena, &svc->scratch, &body);
    if (err)
        svc_fail(&op->base, err);
    else
        answer(op, body);
}

static void open_it(struct svc_state *state) {
    struct introspect_op *op = (struct introspect_op *)state;
    struct svc *svc = state->svc;
    enum err err;

    err = svc_access_open(svc, &state->op->arena, op->token, &op->access);
    op->is_access = err == OK;
    if (err && err != ERR_FORGED)
        svc_fail(state, err);
    else if (op->is_access && !op->access.has_stamp)
        look_jwt(op);
    else if (op->is_access)
        svc_stamp_await(state, &op->access.stamp, look);
    else
        look(state);
}

static void judge(struct svc_state *state) {
    struct introspect_op *op = (struct introspect_op *)state;

    if (state->request.outcome.code == OUT_PROOF_REPLAYED) {
        op->introspect->refusal = svc_caller_replayed(&op->caller);
        finish(state);
        return;
    }
    svc_keys_await(state, op->token, SVC_ACCESS_TYP, open_it);
}

static void start(struct introspect_op *op) {
    struct svc_introspect *introspect = op->introspect;
    struct command command = {.type = CMD_PROOF_USE};
    bool twice;

    if (!svc_caller_read(&op->base, &introspect->in, &op->caller, &introspect->refusal))
        return;
    op->token = params_get(introspect->in.params, "token", &twice);
    if (!introspect->refusal.error && op->caller.client.auth == CLIENT_AUTH_NONE)
        introspect->refusal = (struct svc_refusal){
            .error = OIDC_INVALID_CLIENT, .description = "a public client may not ask"};
    else if (!introspect->refusal.error && (twice || op->token.len == 0))
        introspect->refusal = (struct svc_refusal){
            .error = OIDC_INVALID_REQUEST, .description = "token is needed, once"};
    if (introspect->refusal.error) {
        finish(&op->base);
        return;
    }
    if (op->caller.proofs.count == 0) {
        op->base.request.outcome.code = OUT_OK;
        judge(&op->base);
        return;
    }
    command.proof_use.proofs = op->caller.proofs;
    svc_submit(&op->base, &command, judge);
}

void svc_introspect(struct svc *svc, struct svc_introspect *introspect) {
    struct introspect_op *op = svc_op_begin(svc, &introspect->op, sizeof *op, finish);

    if (!op) {
        introspect->done(introspect);
        return;
    }
    op->introspect = introspect;
    introspect->refusal = (struct svc_refusal){0};
    introspect->body = span_of(NULL, 0);
    start(op);
}
