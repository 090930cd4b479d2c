/* svc_par: POST /oauth/par (RFC 9126). The request is checked as the authorization
 * endpoint checks it, and kept as it travels through the pages afterwards
 * (login_state), under a key that the request_uri carries as a stamp: any node waits
 * for it, and knows it after a change of leader. */
#include "server/crypto/digest.h"
#include "server/oidc/authorize_check.h"
#include "server/oidc/login_state.h"
#include "server/svc_caller.h"
#include "server/svc_flow.h"
#include "server/svc_pushed.h"
#include "server/svc_request_object.h"
#include "store/base/secret.h"

struct par_op {
    struct svc_state base; /* first */
    struct svc_par *par;
    struct svc_caller caller;
    struct login_state state;
    uint8_t secret[SVC_PUSHED_SECRET];
};

static void finish(struct svc_state *state) {
    struct par_op *op = (struct par_op *)state;

    op->par->done(op->par);
}

static void refuse(struct par_op *op, enum oidc_error error, const char *description) {
    op->par->refusal.error = error;
    op->par->refusal.description = description;
    finish(&op->base);
}

static enum err write_body(struct par_op *op) {
    struct svc *svc = op->base.svc;
    struct span stamp, uri;
    struct buf *out = &svc->scratch;
    enum err err;

    err = svc_stamp_make(svc, SEAL_REQUEST_URI, op->base.request.outcome.index,
                         span_of(op->secret, sizeof op->secret), &op->base.op->arena,
                         &stamp);
    if (err)
        return err;
    buf_reset(out);
    buf_str(out, SVC_PUSHED_PREFIX);
    buf_put(out, stamp.data, stamp.len);
    err = svc_take(&op->base.op->arena, out, &uri);
    if (err)
        return err;
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "request_uri", uri);
    buf_json_u64(out, "expires_in", SVC_PUSHED_TTL_S);
    buf_str(out, "}");
    return svc_take(&op->base.op->arena, out, &op->par->body);
}

static void pushed(struct svc_state *state) {
    struct par_op *op = (struct par_op *)state;
    struct svc_refusal replayed;
    enum err err;

    switch (state->request.outcome.code) {
    case OUT_OK:
        err = write_body(op);
        if (err)
            svc_fail(state, err);
        else
            finish(state);
        return;
    case OUT_PROOF_REPLAYED:
        replayed = svc_caller_replayed(&op->caller);
        refuse(op, replayed.error, replayed.description);
        return;
    case OUT_CLIENT_STATE:
        refuse(op, OIDC_INVALID_CLIENT, "client authentication failed");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void push(struct par_op *op) {
    struct svc *svc = op->base.svc;
    struct command command = {.type = CMD_REQUEST_PUSH};
    struct buf form;
    enum err err;

    buf_init(&form, LOGIN_STATE_MAX);
    err = login_state_encode(&op->state, &form);
    if (err) {
        buf_free(&form);
        refuse(op, OIDC_INVALID_REQUEST, "the request is too long");
        return;
    }
    svc_random(svc, op->secret, sizeof op->secret);
    command.request_push = (struct cmd_request_push){
        .key = svc_hash(svc, HASH_REQUEST, span_of(op->secret, sizeof op->secret)),
        .client_id = span_str(op->caller.client.client_id),
        .form = buf_span(&form),
        .ttl_ms = SVC_PUSHED_TTL_S * 1000,
        .keep_ms = SVC_PUSHED_TTL_S * 1000 + SVC_LOGIN_STATE_AGE_MS,
        .proofs = op->caller.proofs,
    };
    svc_submit(&op->base, &command, pushed);
    buf_free(&form); /* svc_submit has encoded it */
}

/* RFC 9449 §10.1: the proof at this endpoint binds the code, as dpop_jkt does. */
static struct oidc_verdict bind_code(struct par_op *op) {
    struct authorize_request *request = &op->state.request;
    const struct binding *binding = &op->caller.binding;

    if (binding->kind != BINDING_DPOP)
        return (struct oidc_verdict){OIDC_OK, NULL};
    if (request->has_dpop_key &&
        memcmp(request->dpop_key, binding->thumbprint, sizeof request->dpop_key) != 0)
        return (struct oidc_verdict){OIDC_INVALID_DPOP_PROOF,
                                     "dpop_jkt is not the key of the DPoP proof"};
    request->has_dpop_key = true;
    memcpy(request->dpop_key, binding->thumbprint, sizeof request->dpop_key);
    return (struct oidc_verdict){OIDC_OK, NULL};
}

/* An id_token_hint is looked at now: it does not travel on. */
static enum err take_hint(struct par_op *op, struct oidc_verdict *ret_verdict) {
    struct authorize_request *request = &op->state.request;
    struct svc_hint hint;
    enum err err;

    if (request->id_token_hint.len == 0)
        return OK;
    err = svc_hint_verify(op->base.svc, &op->base.op->arena, request->id_token_hint,
                          &hint);
    if (err == ERR_FORGED ||
        (!err && !span_equal(hint.client_id, request->client_id))) {
        *ret_verdict = (struct oidc_verdict){
            OIDC_INVALID_REQUEST,
            "id_token_hint is not an ID token of this server for this client"};
        return OK;
    }
    op->state.subject = hint.sub;
    op->state.flags = FLOW_STATE_HINTED;
    request->id_token_hint = span_of(NULL, 0);
    return err;
}

static void know_hint(struct svc_state *state) {
    struct par_op *op = (struct par_op *)state;
    struct oidc_verdict verdict = bind_code(op);
    enum err err = verdict.error ? OK : take_hint(op, &verdict);

    if (op->state.request.claims_sub.len > 0) { /* it must be; a hint only may */
        op->state.subject = op->state.request.claims_sub;
        op->state.flags = FLOW_STATE_HINTED;
    }
    if (err)
        svc_fail(state, err);
    else if (verdict.error)
        refuse(op, verdict.error, verdict.description);
    else
        push(op);
}

static void start(struct par_op *op) {
    struct svc_par *par = op->par;
    struct authorize_verdict checked;
    enum err err;

    if (!svc_caller_read(&op->base, &par->in, &op->caller, &par->refusal))
        return;
    if (par->refusal.error) {
        finish(&op->base);
        return;
    }
    /* RFC 9126 §2.1 */
    if (params_get(par->in.params, "request_uri", NULL).data != NULL) {
        refuse(op, OIDC_INVALID_REQUEST, "request_uri is not taken here");
        return;
    }
    err = svc_request_check(&op->base, &op->caller.client, &op->caller.view,
                            par->in.params, &op->state.request, &checked);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    if (checked.error) {
        refuse(op, checked.error, checked.description);
        return;
    }
    svc_keys_await(&op->base, op->state.request.id_token_hint, "JWT", know_hint);
}

void svc_par(struct svc *svc, struct svc_par *par) {
    struct par_op *op = svc_op_begin(svc, &par->op, sizeof *op, finish);

    if (!op) {
        par->done(par);
        return;
    }
    op->par = par;
    par->refusal = (struct svc_refusal){0};
    par->body = span_of(NULL, 0);
    start(op);
}
