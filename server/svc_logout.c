/* svc_logout: the end of a session, asked for by a relying party or by the person.
 *
 * The person is asked unless a hint proves that the request comes from a client that
 * this very session has signed in to (server/oidc/logout_check). The answer proves by
 * `csrf`, a keyed hash of the session's key, that it comes from our page (SECURITY
 * F06). CMD_SESSION_END ends session and tokens on every node, and puts the messages to
 * the session's clients on their way. */
#include "server/oidc/logout_check.h"
#include "server/oidc/redirect_uri.h"
#include "server/svc_internal.h"
#include "server/svc_subject.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define CSRF_LEN 43

struct logout_op {
    struct svc_state base; /* first */
    struct svc_logout *logout;
    struct logout_request request;
    struct logout_hint hint;
    bool has_client; /* whose request it is */
    struct client client;
    struct span location; /* where to, afterwards; empty: nowhere */
    struct stamped_token stamp;
    struct session session;
};

static void finish(struct svc_state *state) {
    struct logout_op *op = (struct logout_op *)state;

    op->logout->done(op->logout);
}

static void refuse(struct logout_op *op, struct oidc_verdict verdict) {
    op->logout->refusal = verdict.error;
    op->logout->description = verdict.description;
    finish(&op->base);
}

/* ---- the session */

static void ended(struct svc_state *state) {
    struct logout_op *op = (struct logout_op *)state;
    enum outcome_code code = state->request.outcome.code;

    /* Ended by another request meanwhile: what was asked for is so. */
    if (code != OUT_OK && code != OUT_NOT_FOUND && code != OUT_SESSION_ENDED) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    svc_count(state->svc->shared->counters, COUNT_LOGOUT);
    op->logout->ended = true;
    op->logout->location = op->location;
    finish(state);
}

static void end_session(struct logout_op *op) {
    struct command command = {.type = CMD_SESSION_END};

    command.session_end.session = op->session.key;
    svc_submit(&op->base, &command, ended);
}

static bool must_ask(const struct logout_op *op) {
    struct sealer *sealer = op->base.svc->sealer;
    char sub[SVC_SUBJECT_LEN + 1] = "", sid[SVC_SUBJECT_LEN + 1] = "";

    if (op->has_client) {
        (void)svc_subject(sealer, &op->client, op->session.sub, sub);
        (void)svc_subject(sealer, &op->client, op->session.sid, sid);
    }
    return logout_asks(&op->hint, span_str(sub), span_str(sid));
}

static void answer(struct logout_op *op) {
    struct svc *svc = op->base.svc;
    struct svc_logout *logout = op->logout;
    uint8_t hash[32];
    char *text = arena_alloc(&logout->op.arena, CSRF_LEN + 1);

    if (!text) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    sealer_hash(svc->sealer, HASH_CSRF,
                span_of(op->session.key.b, sizeof op->session.key.b), hash);
    logout->set_csrf = span_of(text, base64url_encode(span_of(hash, 32), text));
    logout->signed_in = true;
    if (logout->confirm && !secret_equal(logout->csrf, logout->set_csrf)) {
        logout->csrf_refused = true;
        finish(&op->base);
    } else if (logout->confirm || !must_ask(op)) {
        end_session(op);
    } else {
        finish(&op->base);
    }
}

/* Only a hint proves that a client, and no stranger's link, sends the person on. */
static void nobody(struct logout_op *op) {
    if (op->hint.sub.len > 0)
        op->logout->location = op->location;
    else
        op->logout->back = op->request.post_logout_redirect_uri;
    finish(&op->base);
}

static void judge(struct svc_state *state) {
    struct logout_op *op = (struct logout_op *)state;
    struct svc *svc = state->svc;
    struct account account;
    enum err err;

    err = svc_read_begin(svc);
    if (!err) {
        err = svc_session_read(svc, &state->op->arena, &op->stamp, &op->session,
                               &account);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND)
        nobody(op);
    else if (err)
        svc_fail(state, err);
    else
        answer(op);
}

/* ---- the request */

/* The redirect URI with `state` (RP-Initiated Logout 1.0 §3). */
static enum err make_location(struct logout_op *op) {
    struct span uri = op->request.post_logout_redirect_uri;
    struct buf *out = &op->base.svc->scratch;
    struct span host;
    char separator;

    if (uri.len == 0)
        return OK;
    buf_reset(out);
    if (op->request.state.len > 0) {
        redirect_uri_begin(uri, out, &separator);
        redirect_uri_param(out, &separator, "state", op->request.state);
    } else {
        buf_put(out, uri.data, uri.len);
    }
    redirect_uri_origin(uri, &op->logout->redirect_origin, &host);
    return svc_take(&op->base.op->arena, out, &op->location);
}

/* OIDC_OK in *ret_verdict: go on. Without a client there is nothing to read. */
static enum err check_client(struct logout_op *op, struct oidc_verdict *ret_verdict) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct oidc_client view;
    struct client *client = &op->client;
    struct span client_id;
    enum err err;

    *ret_verdict = logout_client(&op->request, &op->hint, &client_id);
    if (ret_verdict->error || client_id.len == 0)
        return OK;
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = svc_client_read(svc, arena, client_id, client, &view);
    svc_read_end(svc);
    if (err) {
        *ret_verdict = logout_unknown_client();
        return err == ERR_NOT_FOUND ? OK : err;
    }
    *ret_verdict = logout_target(&op->request, client->post_logout_uris,
                                 client->post_logout_uris_count);
    if (ret_verdict->error)
        return OK;
    op->has_client = true;
    op->logout->client_name = span_str(client->name);
    return make_location(op);
}

static enum err check_hint(struct logout_op *op, struct oidc_verdict *ret_verdict) {
    struct svc_hint hint;
    enum err err;

    *ret_verdict = (struct oidc_verdict){OIDC_OK, NULL};
    if (op->request.id_token_hint.len == 0)
        return OK;
    err = svc_hint_verify(op->base.svc, &op->base.op->arena, op->request.id_token_hint,
                          &hint);
    if (err == ERR_FORGED) {
        *ret_verdict = (struct oidc_verdict){
            OIDC_INVALID_REQUEST, "id_token_hint is not an ID token of this server"};
        return OK;
    }
    if (!err)
        op->hint = (struct logout_hint){hint.client_id, hint.sub, hint.sid};
    return err;
}

/* What was registered, or revoked, elsewhere a moment ago counts here. */
static bool needs_rows(const struct logout_request *request) {
    return request->id_token_hint.len > 0 || request->client_id.len > 0;
}

static void know_hint(struct svc_state *state) {
    struct logout_op *op = (struct logout_op *)state;
    struct svc_logout *logout = op->logout;
    struct oidc_verdict verdict;
    enum err err = check_hint(op, &verdict);

    if (!err && !verdict.error)
        err = check_client(op, &verdict);
    if (!err && verdict.error) {
        refuse(op, verdict);
        return;
    }
    if (!err)
        err = svc_stamp_open(op->base.svc, SEAL_SESSION_COOKIE, logout->session_cookie,
                             &op->stamp);
    if (err == ERR_FORGED)
        nobody(op);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_stamp_await(&op->base, &op->stamp, judge);
}

static void begin(struct logout_op *op) {
    struct oidc_verdict verdict = logout_check(op->logout->params, &op->request);

    if (!verdict.error && needs_rows(&op->request) && !svc_fresh(&op->base))
        return;
    if (verdict.error)
        refuse(op, verdict);
    else
        svc_keys_await(&op->base, op->request.id_token_hint, "JWT", know_hint);
}

void svc_logout(struct svc *svc, struct svc_logout *logout) {
    struct span none = {NULL, 0};
    struct logout_op *op;

    logout->refusal = OIDC_OK;
    logout->description = NULL;
    logout->signed_in = logout->ended = logout->csrf_refused = false;
    logout->location = logout->back = logout->set_csrf = none;
    logout->client_name = logout->redirect_origin = none;
    op = svc_op_begin(svc, &logout->op, sizeof *op, finish);
    if (!op) {
        logout->done(logout);
        return;
    }
    op->logout = logout;
    begin(op);
}
