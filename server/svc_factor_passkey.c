/* svc_factor_passkey: a passkey as the second step, and its enrolment. The page's script
 * (http/pages/passkey.js) has the browser ask for it, and sends what it brings as fields
 * of the form; the challenge is the sign-in's, sealed in its row. */
#include "server/svc_credential.h"
#include "server/svc_factor.h"
#include "store/base/secret.h"

static void ask(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    uint8_t challenge[WEBAUTHN_CHALLENGE];
    enum err err;

    svc_random(svc, challenge, sizeof challenge);
    err = svc_factor_keep(flow, span_of(challenge, sizeof challenge));
    factor->challenge.has_code = true;
    factor->challenge.code = svc_credential_code(svc, challenge);
    factor->challenge.code_ttl_ms = SVC_PASSKEY_TTL_MS;
    if (!factor->chosen)
        factor->challenge.factor = svc_random_id(svc);
    if (err)
        svc_fail(&flow->base, err);
    else
        svc_factor_challenge(flow);
}

/* The challenge that the row has. ERR_NOT_FOUND: another method is asked for. */
static enum err kept(struct svc_flow *flow, uint8_t challenge[WEBAUTHN_CHALLENGE]) {
    struct span plain;
    enum err err;

    if (flow->factor->signin.kind != FACTOR_PASSKEY)
        return ERR_NOT_FOUND;
    err = svc_factor_kept(flow, &plain);
    if (!err && plain.len != WEBAUTHN_CHALLENGE)
        err = ERR_CORRUPT;
    if (!err)
        memcpy(challenge, plain.data, WEBAUTHN_CHALLENGE);
    return err == ERR_FORGED ? ERR_CORRUPT : err;
}

/* The stored credential of the chosen factor. */
static enum err chosen_credential(struct svc_flow *flow,
                                  struct svc_credential *ret_credential) {
    struct span plain;
    enum err err = svc_factor_open(flow->base.svc, flow->factor->chosen,
                                   &flow->base.op->arena, &plain);

    if (!err)
        err = svc_credential_unpack(plain, ret_credential);
    return err == ERR_FORGED ? ERR_CORRUPT : err;
}

static void value(struct svc_flow *flow, const char *name, struct span bytes) {
    svc_factor_value(flow, name,
                     svc_credential_text(&flow->base.op->arena, bytes));
}

static enum err show(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    uint8_t challenge[WEBAUTHN_CHALLENGE];
    struct svc_credential credential;
    struct key_hash user;
    struct span account;
    enum err err = kept(flow, challenge);

    if (err)
        return err == ERR_NOT_FOUND ? OK : err;
    value(flow, "challenge", span_of(challenge, sizeof challenge));
    svc_factor_value(flow, "rp_id", svc_credential_expect(svc, challenge).rp_id);
    if (factor->chosen) {
        err = chosen_credential(flow, &credential);
        if (!err)
            value(flow, "credential", credential.id);
        return err;
    }
    user = svc_credential_user(svc, factor->signin.sub);
    value(flow, "user", span_of(user.b, sizeof user.b));
    err = svc_factor_account(flow, &account);
    svc_factor_value(flow, "user_name", account);
    return err;
}

/* What is stored of the new one. */
static enum err enrol(struct svc_flow *flow, const struct webauthn_credential *made) {
    struct svc_factor_state *factor = flow->factor;
    struct svc_credential credential = {made->flags, made->id, made->key};
    struct svc *svc = flow->base.svc;
    struct buf plain;
    enum err err;

    buf_init(&plain, LIMIT_FACTOR_SEALED);
    err = svc_credential_pack(&credential, &plain);
    if (!err)
        err = svc_factor_seal(svc, factor->signin.sub, factor->signin.factor,
                              buf_span(&plain), &flow->base.op->arena,
                              &factor->pass.enrolled.sealed);
    buf_free(&plain);
    factor->pass.enrolled.index = svc_credential_index(svc, made->id);
    factor->pass.methods = svc_credential_methods(made->flags);
    factor->pass.step = made->sign_count;
    factor->pass.right = true;
    return err;
}

static void verify_new(struct svc_flow *flow,
                       const uint8_t challenge[WEBAUTHN_CHALLENGE]) {
    struct svc_factor_state *factor = flow->factor;
    struct webauthn_expect expect = svc_credential_expect(flow->base.svc, challenge);
    struct webauthn_credential made;
    enum err err;

    if (svc_credential_create(&flow->base.op->arena, factor->params, &expect, &made)) {
        svc_factor_show(flow, NOTICE_PASSKEY);
        return;
    }
    err = enrol(flow, &made);
    if (err)
        svc_fail(&flow->base, err);
    else
        svc_factor_pass(flow);
}

static void verify(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    uint8_t challenge[WEBAUTHN_CHALLENGE];
    struct svc_credential credential;
    struct webauthn_expect expect;
    uint32_t sign_count = 0;
    uint8_t flags = 0;
    enum err err = kept(flow, challenge);

    if (err == ERR_NOT_FOUND || (!err && factor->signin.enrols != !factor->chosen)) {
        ask(flow);
        return;
    }
    factor->pass.code = svc_credential_code(svc, challenge);
    if (!err && !factor->chosen) {
        verify_new(flow, challenge);
        return;
    }
    if (!err)
        err = chosen_credential(flow, &credential);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    expect = svc_credential_expect(svc, challenge);
    factor->pass.right =
        svc_credential_assert(&flow->base.op->arena, factor->params, &expect,
                              &credential, &sign_count, &flags) == WEBAUTHN_FINE;
    factor->pass.step = sign_count;
    factor->pass.methods = svc_credential_methods(credential.flags);
    svc_factor_pass(flow);
}

const struct factor_method factor_method_passkey = {
    .kind = FACTOR_PASSKEY,
    .name = "passkey",
    .auth = ACR_BY_PASSKEY,
    .enrols_at_signin = true,
    .ask = ask,
    .show = show,
    .verify = verify,
};
