/* svc_logout: sign-out at the provider. A GET only shows who is signed in; the POST
 * proves by `csrf`, a keyed hash of the session's key, that it comes from that page
 * (SECURITY F06), and ends session and tokens on every node by CMD_SESSION_END. */
#include "server/svc_internal.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define CSRF_LEN 43

struct logout_op {
    struct svc_state base; /* first */
    struct svc_logout *logout;
    struct stamped_token stamp;
    struct session session;
};

static void finish(struct svc_state *state) {
    struct logout_op *op = (struct logout_op *)state;

    op->logout->done(op->logout);
}

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
    finish(state);
}

static void answer(struct logout_op *op) {
    struct svc *svc = op->base.svc;
    struct svc_logout *logout = op->logout;
    struct command command = {.type = CMD_SESSION_END};
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
    if (!logout->confirm) {
        finish(&op->base);
    } else if (!secret_equal(logout->csrf, logout->set_csrf)) {
        logout->csrf_refused = true;
        finish(&op->base);
    } else {
        command.session_end.session = op->session.key;
        svc_submit(&op->base, &command, ended);
    }
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
        finish(state); /* not signed in */
    else if (err)
        svc_fail(state, err);
    else
        answer(op);
}

void svc_logout(struct svc *svc, struct svc_logout *logout) {
    struct logout_op *op;
    enum err err;

    op = svc_op_begin(svc, &logout->op, sizeof *op, finish);
    if (!op) {
        logout->done(logout);
        return;
    }
    op->logout = logout;
    logout->signed_in = logout->ended = logout->csrf_refused = false;
    logout->set_csrf = span_of(NULL, 0);
    err = svc_stamp_open(svc, SEAL_SESSION_COOKIE, logout->session_cookie, &op->stamp);
    if (err == ERR_FORGED)
        finish(&op->base);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_stamp_await(&op->base, &op->stamp, judge);
}
