#include "server/svc_account.h"

#include "server/oidc/acr.h"
#include "server/svc_account_internal.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

static void finish(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;

    secret_wipe(op->hash, sizeof op->hash);
    op->out->done(op->out);
}

void svc_account_show(struct account_op *op, enum account_notice notice) {
    op->out->kind = ACCOUNT_SHOW;
    op->out->notice = notice;
    finish(&op->base);
}

struct span svc_account_field(const struct account_op *op, const char *name) {
    bool twice = false;
    struct span value = params_get(op->out->params, name, &twice);

    return twice || !value.data ? span_of("", 0) : value;
}

/* ---- to the sign-in */

static bool asks_freshness(enum account_page page) {
    return page == ACCOUNT_PAGE_PASSWORD || page == ACCOUNT_PAGE_FACTORS ||
           page == ACCOUNT_PAGE_ID || page == ACCOUNT_PAGE_CLOSE ||
           page == ACCOUNT_PAGE_SESSIONS;
}

/* K4 */
static bool asks_second(const struct account_op *op) {
    return op->has_factor && asks_freshness(op->out->page);
}

static void put_escaped(struct buf *out, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        if (c == ':' || c == '/')
            buf_printf(out, "%%%02X", (unsigned)c);
        else
            buf_put(out, &c, 1);
    }
}

/* The authorization request of our own pages. PKCE's verifier is thrown away: nobody can
 * redeem the code, and nobody needs to. */
static enum err put_location(struct account_op *op, bool again, struct buf *out) {
    struct svc *svc = op->base.svc;
    struct message_place place = message_place(svc->shared->config->issuer,
                                               svc->shared->config->environment);
    uint8_t random[64];
    char text[2][base64url_len(32) + 1];

    svc_random(svc, random, sizeof random);
    for (size_t i = 0; i < 2; i++)
        base64url_encode(span_of(random + 32 * i, 32), text[i]);
    buf_str(out, "/oauth/authorize?response_type=code&client_id=" SELF_CLIENT_ID
                 "&scope=openid&redirect_uri=");
    put_escaped(out, place.origin);
    buf_printf(out,
               "%%2Faccount%%2Fsigned-in&state=%s&nonce=%s&code_challenge=%s"
               "&code_challenge_method=S256%s%s",
               svc_account_path(op->out->page), text[0], text[1], again ? "&prompt=login" : "",
               op->out->english ? "&ui_locales=en" : "");
    if (asks_second(op)) {
        buf_str(out, "&acr_values=");
        put_escaped(out, span_str(ACR_TWO_FACTORS));
    }
    return buf_err(out);
}

void svc_account_sign_in(struct account_op *op, bool again) {
    struct buf out;
    enum err err;

    buf_init(&out, LIMIT_URL);
    err = put_location(op, again, &out);
    if (!err)
        err = svc_take(&op->out->op.arena, &out, &op->out->location);
    buf_free(&out);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    op->out->kind = ACCOUNT_SIGN_IN;
    finish(&op->base);
}

/* ---- the session */

static enum err make_csrf(struct account_op *op) {
    uint8_t hash[32];
    char *text = arena_alloc(&op->out->op.arena, base64url_len(32) + 1);

    if (!text)
        return ERR_NOMEM;
    sealer_hash(op->base.svc->sealer, HASH_CSRF,
                span_of(op->session.key.b, sizeof op->session.key.b), hash);
    op->out->csrf = span_of(text, base64url_encode(span_of(hash, 32), text));
    return OK;
}

static bool is_fresh(const struct account_op *op) {
    uint64_t now_ms = repl_now_ms(op->base.svc->shared->repl);
    uint64_t age_ms =
        now_ms > op->session.auth_time_ms ? now_ms - op->session.auth_time_ms : 0;

    return age_ms <= (op->out->post ? SELF_FORM_MS : SELF_FRESH_MS);
}

static void decide(struct account_op *op) {
    if (asks_freshness(op->out->page) && !is_fresh(op)) {
        svc_account_sign_in(op, true);
        return;
    }
    if (asks_second(op) && acr_level(op->session.methods) < ACR_LEVEL_TWO_FACTORS) {
        svc_account_sign_in(op, false);
        return;
    }
    if (!op->out->post) {
        svc_account_show(op, ACCOUNT_NO_NOTICE);
        return;
    }
    if (!secret_equal(svc_account_field(op, "csrf"), op->out->csrf)) {
        op->out->kind = ACCOUNT_FORGED;
        finish(&op->base);
        return;
    }
    svc_account_act(op);
}

/* In the open snapshot. ERR_NOT_FOUND: nobody is signed in. */
static enum err load(struct account_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->out->op.arena;
    struct factor factor;
    enum err err = svc_session_read(svc, arena, &op->stamp, &op->session, &op->account);

    if (err)
        return err;
    err = store_factor_next(svc->read, arena, op->account.sub, NULL, &factor);
    op->has_factor = err == OK;
    return err && err != ERR_NOT_FOUND ? err : svc_account_load(op);
}

static void judge(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;
    struct svc *svc = state->svc;
    enum err err = svc_read_begin(svc);

    if (!err) {
        err = load(op);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND) {
        op->out->signed_out = true;
        svc_account_sign_in(op, false);
        return;
    }
    if (!err)
        err = make_csrf(op);
    if (!err)
        err = svc_act_as_account(state, op->session.sub);
    if (err)
        svc_fail(state, err);
    else
        decide(op);
}

void svc_account(struct svc *svc, struct svc_account *account) {
    struct account_op *op = svc_op_begin(svc, &account->op, sizeof *op, finish);
    struct span none = {NULL, 0};
    enum err err;

    account->kind = ACCOUNT_SHOW;
    account->notice = ACCOUNT_NO_NOTICE;
    account->location = account->account_id = account->csrf = none;
    account->token = account->new_id = none;
    account->signed_out = false;
    account->account_type = 0;
    account->rows_count = 0;
    if (!op) {
        account->done(account);
        return;
    }
    op->out = account;
    if (account->page == ACCOUNT_PAGE_CONFIRM) {
        svc_account_confirm(op);
        return;
    }
    err = svc_stamp_open(svc, SEAL_SESSION_COOKIE, account->session_cookie, &op->stamp);
    if (err == ERR_FORGED)
        svc_account_sign_in(op, false);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_stamp_await(&op->base, &op->stamp, judge);
}
