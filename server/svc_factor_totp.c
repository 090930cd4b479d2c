/* svc_factor_totp: codes of an authenticator app (RFC 6238). To enrol one the page shows
 * the seed as a QR code and as text; it is stored when a code of it has come back. */
#include <stdio.h>

#include "server/crypto/digest.h"
#include "server/domain/totp.h"
#include "server/qr_code.h"
#include "server/svc_factor.h"
#include "store/base/secret.h"

#define QR_PATH_MAX (64u * 1024)

static const struct totp_mac mac = {digest_hmac_sha1};

static void ask(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    uint8_t seed[TOTP_SEED_LEN];
    enum err err = OK;

    if (!factor->chosen) {
        svc_random(flow->base.svc, seed, sizeof seed);
        factor->challenge.factor = svc_random_id(flow->base.svc);
        err = svc_factor_keep(flow, span_of(seed, sizeof seed));
        secret_wipe(seed, sizeof seed);
    }
    if (err)
        svc_fail(&flow->base, err);
    else
        svc_factor_challenge(flow);
}

static enum err put_value(struct svc_flow *flow, const char *name, struct span text) {
    struct span copy = arena_dup(&flow->base.op->arena, text);

    svc_factor_value(flow, name, copy);
    return copy.data ? OK : ERR_NOMEM;
}

static enum err put_picture(struct svc_flow *flow, struct span uri) {
    struct qr_code code;
    struct buf path;
    char size[16];
    enum err err;

    buf_init(&path, QR_PATH_MAX);
    err = qr_code_path(uri, &path, &code);
    if (!err)
        err = put_value(flow, "qr_path", buf_span(&path));
    buf_free(&path);
    if (err)
        return err;
    snprintf(size, sizeof size, "%u", code.size);
    return put_value(flow, "qr_size", span_str(size));
}

/* The seed for an app: to be scanned, and to be typed. */
static enum err show_seed(struct svc_flow *flow) {
    struct span seed, account;
    char text[40]; /* base32 of TOTP_SEED_LEN bytes and its end */
    struct buf uri;
    enum err err = svc_factor_kept(flow, &seed);

    if (!err && seed.len != TOTP_SEED_LEN)
        err = ERR_FORGED;
    if (!err)
        err = svc_factor_account(flow, &account);
    if (err)
        return err;
    buf_init(&uri, QR_CODE_TEXT_MAX);
    err = totp_uri(span_str(SVC_TOTP_ISSUER), account, seed.data, &uri);
    if (!err)
        err = put_picture(flow, buf_span(&uri));
    buf_free(&uri);
    base32_encode(seed, text);
    if (!err)
        err = put_value(flow, "seed", span_str(text));
    secret_wipe(text, sizeof text);
    return err;
}

static enum err show(struct svc_flow *flow) {
    svc_factor_value(flow, "has_code", span_of("", 0));
    return flow->factor->chosen ? OK : show_seed(flow);
}

static void verify(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    struct arena *arena = &flow->base.op->arena;
    char code[SVC_FACTOR_CODE];
    struct span seed;
    enum err err;

    if (!factor->chosen &&
        (factor->signin.kind != FACTOR_TOTP || !factor->signin.enrols)) {
        ask(flow);
        return;
    }
    if (!svc_factor_code(flow, code)) {
        svc_factor_show(flow, NOTICE_CODE_WRONG);
        return;
    }
    err = factor->chosen ? svc_factor_open(svc, factor->chosen, arena, &seed)
                         : svc_factor_kept(flow, &seed);
    if (!err && seed.len != TOTP_SEED_LEN)
        err = ERR_FORGED;
    if (!err && !factor->chosen)
        err = svc_factor_seal(svc, factor->signin.sub, factor->signin.factor, seed,
                              arena, &factor->pass.enrolled.sealed);
    if (err) {
        svc_fail(&flow->base, err == ERR_FORGED ? ERR_CORRUPT : err);
        return;
    }
    factor->pass.right =
        totp_check(&mac, seed, repl_now_ms(svc->shared->repl),
                   span_of(code, sizeof code), &factor->pass.step);
    svc_factor_pass(flow);
}

const struct factor_method factor_method_totp = {
    .kind = FACTOR_TOTP,
    .name = "totp",
    .auth = ACR_BY_TOTP,
    .enrols_at_signin = true,
    .ask = ask,
    .show = show,
    .verify = verify,
};
