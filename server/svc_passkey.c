#include "server/svc_passkey.h"

#include "server/svc_answer.h"
#include "server/svc_caller.h"
#include "server/svc_credential.h"
#include "server/svc_device.h"
#include "server/svc_factor.h"
#include "store/base/secret.h"

struct passkey_op {
    struct svc_flow flow; /* first */
    struct svc_passkey *passkey;
    uint8_t challenge[WEBAUTHN_CHALLENGE];
    struct span id; /* of the credential */
    struct key_hash index;
    struct factor factor;
    uint64_t generation;
    uint8_t secret[SVC_SESSION_SECRET];
    bool settled; /* a probe has gone round for this request */
};

static void finish(struct svc_state *state) {
    struct passkey_op *op = (struct passkey_op *)state;

    secret_wipe(op->secret, sizeof op->secret);
    op->passkey->kind =
        op->flow.out->notice != NOTICE_NONE ? LOGIN_AGAIN : LOGIN_CONTINUE;
    op->passkey->done(op->passkey);
}

static void derive(struct svc *svc, struct span login_state,
                   uint8_t challenge[WEBAUTHN_CHALLENGE]) {
    sealer_hash(svc->sealer, HASH_PASSKEY_PAGE, login_state, challenge);
}

enum err svc_passkey_challenge(struct svc *svc, struct arena *arena,
                               struct span login_state, struct span *ret_challenge) {
    uint8_t challenge[WEBAUTHN_CHALLENGE];

    derive(svc, login_state, challenge);
    *ret_challenge = svc_credential_text(arena, span_of(challenge, sizeof challenge));
    return ret_challenge->data ? OK : ERR_NOMEM;
}

struct span svc_passkey_rp_id(const struct svc *svc) {
    static const uint8_t none[WEBAUTHN_CHALLENGE];

    return svc_credential_expect(svc, none).rp_id;
}

/* The login page, with a new request: this challenge may be used up. */
static void again(struct passkey_op *op, enum svc_login_notice notice) {
    svc_count(op->flow.base.svc->shared->counters, COUNT_LOGIN_FAILED);
    op->flow.out->notice = notice;
    svc_flow_login_page(&op->flow);
}

static void signed_in(struct passkey_op *op) {
    struct svc_flow *flow = &op->flow;
    struct svc *svc = flow->base.svc;
    struct arena *arena = &flow->base.op->arena;
    struct outcome_login result;
    enum err err = outcome_login_decode(flow->base.request.outcome.detail, &result);

    if (!err)
        err = svc_stamp_make(svc, SEAL_SESSION_COOKIE, flow->base.request.outcome.index,
                             span_of(op->secret, sizeof op->secret), arena,
                             &flow->out->set_session_cookie);
    if (!err)
        err = svc_device_add(svc, op->passkey->device_cookie, op->factor.sub,
                             op->generation, true, 0, arena,
                             &flow->out->set_device_cookie);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    svc_count(svc->shared->counters, COUNT_LOGIN_OK);
    svc_flow_signed_in(flow, result.auth_time_ms);
}

static void attempted(struct svc_state *state) {
    struct passkey_op *op = (struct passkey_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        signed_in(op);
        return;
    case OUT_NOT_FOUND:
    case OUT_REPLAYED:
    case OUT_PROOF_REPLAYED:
        again(op, NOTICE_PASSKEY);
        return;
    case OUT_ACCOUNT_STATE:
        again(op, NOTICE_ACCOUNT_STATE);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static struct proof once(struct passkey_op *op) {
    struct svc *svc = op->flow.base.svc;

    buf_reset(&svc->scratch);
    put_u8(&svc->scratch, PROOF_PASSKEY);
    buf_put(&svc->scratch, op->challenge, sizeof op->challenge);
    return (struct proof){.key = svc_hash(svc, HASH_PROOF, buf_span(&svc->scratch)),
                          .ttl_ms = SVC_LOGIN_STATE_AGE_MS + 60000};
}

static void attempt(struct passkey_op *op, uint32_t sign_count, uint32_t methods) {
    struct svc_flow *flow = &op->flow;
    struct svc *svc = flow->base.svc;
    const struct config *config = svc->shared->config;
    struct command command = {.type = CMD_PASSKEY_LOGIN};
    struct cmd_passkey_login *cmd = &command.passkey_login;
    struct stamped_token earlier;

    svc_random(svc, op->secret, sizeof op->secret);
    *cmd = (struct cmd_passkey_login){
        .credential = op->index,
        .generation = op->generation,
        .step = sign_count,
        .methods = methods,
        .proofs = {.count = 1},
        .session = svc_hash(svc, HASH_SESSION, span_of(op->secret, sizeof op->secret)),
        .sid = svc_random_id(svc),
        .idle_ms = config->session_idle_s * 1000,
        .lifetime_ms = config->session_lifetime_s * 1000,
    };
    cmd->proofs.at[0] = once(op);
    /* The session that the browser had ends with the new sign-in (D08, A14). */
    if (!svc_stamp_open(svc, SEAL_SESSION_COOKIE, flow->session_cookie, &earlier)) {
        cmd->has_replaced = true;
        cmd->replaced = svc_hash(svc, HASH_SESSION, token_format_secret(&earlier));
    }
    svc_submit(&flow->base, &command, attempted);
}

/* The authenticator says whose it is: WebAuthn §7.2 step 6. */
static bool user_fits(struct passkey_op *op) {
    struct svc *svc = op->flow.base.svc;
    struct key_hash user = svc_credential_user(svc, op->factor.sub);
    struct span handle;

    return svc_credential_field(op->passkey->params, "user_handle", 64,
                                &op->flow.base.op->arena, &handle) &&
           span_equal(handle, span_of(user.b, sizeof user.b));
}

static void judge(struct passkey_op *op) {
    struct svc *svc = op->flow.base.svc;
    struct arena *arena = &op->flow.base.op->arena;
    struct webauthn_expect expect = svc_credential_expect(svc, op->challenge);
    struct svc_credential credential;
    struct span plain;
    uint32_t sign_count;
    uint8_t flags;
    enum err err = svc_factor_open(svc, &op->factor, arena, &plain);

    if (!err)
        err = svc_credential_unpack(plain, &credential);
    if (err) {
        svc_fail(&op->flow.base, err == ERR_FORGED ? ERR_CORRUPT : err);
        return;
    }
    if (!user_fits(op) ||
        svc_credential_assert(arena, op->passkey->params, &expect, &credential,
                              &sign_count, &flags) != WEBAUTHN_FINE)
        again(op, NOTICE_PASSKEY);
    else
        attempt(op, sign_count, svc_credential_methods(credential.flags));
}

/* ERR_NOT_FOUND: there is no such passkey here. */
static enum err find(struct passkey_op *op) {
    struct svc *svc = op->flow.base.svc;
    struct arena *arena = &op->flow.base.op->arena;
    struct account account;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_factor_find(svc->read, arena, FACTOR_PASSKEY, op->index, &op->factor);
    if (!err)
        err = store_account_get(svc->read, arena, op->factor.sub, &account);
    if (!err)
        op->generation = account.generation;
    svc_read_end(svc);
    return err;
}

/* It may have been registered on another node a moment ago. */
static void look(struct svc_state *state) {
    struct passkey_op *op = (struct passkey_op *)state;
    enum err err = find(op);

    if (err == ERR_NOT_FOUND && !op->settled) {
        op->settled = true;
        svc_settle(state, look);
    } else if (err == ERR_NOT_FOUND) {
        again(op, NOTICE_PASSKEY);
    } else if (err) {
        svc_fail(state, err);
    } else {
        judge(op);
    }
}

static void begin(struct passkey_op *op) {
    struct svc *svc = op->flow.base.svc;

    if (!svc_within_limit(svc, op->passkey->op.from.address)) {
        svc_count(svc->shared->counters, COUNT_LOGIN_LIMITED);
        again(op, NOTICE_LIMITED);
        return;
    }
    derive(svc, op->passkey->login_state, op->challenge);
    if (!svc_credential_field(op->passkey->params, "credential",
                              WEBAUTHN_CREDENTIAL_ID_MAX, &op->flow.base.op->arena,
                              &op->id)) {
        again(op, NOTICE_PASSKEY);
        return;
    }
    op->index = svc_credential_index(svc, op->id);
    if (svc_fresh(&op->flow.base))
        look(&op->flow.base);
}

void svc_passkey(struct svc *svc, struct svc_passkey *passkey) {
    struct passkey_op *op = svc_op_begin(svc, &passkey->op, sizeof *op, finish);
    enum err err;

    if (!op) {
        passkey->done(passkey);
        return;
    }
    op->passkey = passkey;
    passkey->next = (struct svc_authorize){.kind = AUTHORIZE_REFUSED};
    op->flow.out = &passkey->next;
    op->flow.session_cookie = passkey->session_cookie;
    op->flow.browser_cookie = passkey->browser_cookie;
    err = svc_flow_resume(&op->flow, passkey->login_state, 0);
    if (err == ERR_FORGED) {
        passkey->kind = LOGIN_REFUSED;
        passkey->done(passkey);
    } else if (err) {
        svc_fail(&op->flow.base, err);
    } else {
        begin(op);
    }
}
