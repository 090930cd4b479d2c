/* svc_enrol_code: a telephone and an authenticator app, added in place: what is shown or
 * sent first, and stored when a code of it has come back.
 *
 *   totp ─ seed, in the page's sealed state ─ totp_code ─ CMD_FACTOR_PUT
 *   sms  ─ CMD_FACTOR_BEGIN, CMD_FACTOR_CHALLENGE ─ sms_code ─ CMD_FACTOR_PASS
 *
 * How often a telephone's code may be guessed and sent is the state machine's, as in a
 * sign-in; its row is `adds` of store_signin.h. */
#include <stdio.h>

#include "server/crypto/digest.h"
#include "server/domain/totp.h"
#include "server/qr_code.h"
#include "server/svc_enrol_internal.h"
#include "server/svc_notice.h"
#include "server/svc_sms_code.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define QR_PATH_MAX (64u * 1024)

static const struct totp_mac mac = {digest_hmac_sha1};

static const struct id128 none;

static bool is_none(struct id128 id) {
    return memcmp(id.b, none.b, sizeof id.b) == 0;
}

/* ---- an authenticator app */

static void begin_totp(struct enrol_op *op) {
    struct svc *svc = op->base.svc;

    op->waiting = (struct enrol_waiting){.kind = FACTOR_TOTP, .id = svc_random_id(svc)};
    svc_random(svc, op->waiting.secret, TOTP_SEED_LEN);
    svc_enrol_show(op, ENROL_NO_NOTICE);
}

static void take_totp(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct span seed = span_of(op->waiting.secret, TOTP_SEED_LEN);
    struct factor factor = {
        .sub = op->account.sub, .id = op->waiting.id, .kind = FACTOR_TOTP};
    char code[SVC_FACTOR_CODE];
    enum err err;

    if (op->waiting.kind != FACTOR_TOTP) {
        svc_enrol_end(op, ENROL_FORGED);
        return;
    }
    if (!svc_factor_digits(svc_enrol_field(op, "code"), code) ||
        !totp_check(&mac, seed, repl_now_ms(svc->shared->repl),
                    span_of(code, sizeof code), &factor.step)) {
        svc_enrol_show(op, ENROL_CODE_WRONG);
        return;
    }
    err = svc_factor_seal(svc, factor.sub, factor.id, seed, &op->base.op->arena,
                          &factor.sealed);
    svc_enrol_put(op, &factor, err);
}

static enum err draw_seed(struct enrol_op *op, struct buf *uri) {
    struct svc_enrol *enrol = op->enrol;
    struct arena *arena = &op->base.op->arena;
    struct qr_code code = {0};
    struct buf path, size;
    enum err err = totp_uri(span_str(SVC_TOTP_ISSUER), op->user_name, op->waiting.secret,
                            uri);

    buf_init(&path, QR_PATH_MAX);
    buf_init(&size, 16);
    if (!err)
        err = qr_code_path(buf_span(uri), &path, &code);
    buf_printf(&size, "%u", code.size);
    if (!err)
        err = svc_take(arena, &path, &enrol->totp_path);
    if (!err)
        err = svc_take(arena, &size, &enrol->totp_size);
    buf_free(&path);
    buf_free(&size);
    return err;
}

static enum err show_seed(struct enrol_op *op) {
    char text[40]; /* base32 of TOTP_SEED_LEN bytes and its end */
    struct buf uri;
    enum err err;

    buf_init(&uri, QR_CODE_TEXT_MAX);
    err = draw_seed(op, &uri);
    buf_free(&uri);
    base32_encode(span_of(op->waiting.secret, TOTP_SEED_LEN), text);
    op->enrol->seed = arena_dup(&op->base.op->arena, span_str(text));
    secret_wipe(text, sizeof text);
    return !err && !op->enrol->seed.data ? ERR_NOMEM : err;
}

/* ---- a telephone */

static struct key_hash signin_key(struct enrol_op *op) {
    return svc_hash(op->base.svc, HASH_SIGNIN,
                    span_of(op->waiting.secret, sizeof op->waiting.secret));
}

/* The row is bound to the session, as it is to the browser in a sign-in. */
static void put_browser(const struct enrol_op *op, uint8_t browser[32]) {
    memset(browser, 0, 32);
    memcpy(browser, op->session.key.b, sizeof op->session.key.b);
}

/* True: the outcome is that of a session that may do nothing more; the page is over. */
static bool is_over(struct enrol_op *op, enum outcome_code code) {
    if (code != OUT_ACCOUNT_STATE && code != OUT_SESSION_ENDED && code != OUT_REAUTH &&
        code != OUT_SECOND_STEP)
        return false;
    svc_enrol_end(op, ENROL_SIGN_IN);
    return true;
}

static void sent(struct svc_state *state) {
    struct enrol_op *op = (struct enrol_op *)state;
    enum outcome_code code = state->request.outcome.code;

    if (is_over(op, code))
        return;
    if (code != OUT_OK)
        op->waiting.kind = 0;
    switch (code) {
    case OUT_OK:
        svc_enrol_show(op, ENROL_NO_NOTICE);
        return;
    case OUT_FULL:
    case OUT_LIMITED:
        svc_enrol_show(op, ENROL_UNSENT);
        return;
    case OUT_LOCKED:
        svc_enrol_show(op, ENROL_LOCKED);
        return;
    case OUT_NOT_FOUND:
        svc_enrol_show(op, ENROL_EXPIRED);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void send_code(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct command command = {.type = CMD_FACTOR_CHALLENGE};
    struct cmd_factor_challenge *cmd = &command.factor_challenge;
    const struct svc_sms_to to = {.english = op->enrol->english,
                                  .number = phone_span(&op->waiting.phone),
                                  .sub = &op->account.sub,
                                  .source = op->base.op->from.address};
    enum err err;

    cmd->signin = signin_key(op);
    put_browser(op, cmd->browser);
    cmd->kind = FACTOR_SMS;
    cmd->enrols = true;
    cmd->factor = op->waiting.id;
    err = svc_sms_code_make(svc, arena, &to, cmd);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, sent);
}

static void begun(struct svc_state *state) {
    struct enrol_op *op = (struct enrol_op *)state;
    enum outcome_code code = state->request.outcome.code;

    if (is_over(op, code))
        return;
    if (code == OUT_OK) {
        send_code(op);
        return;
    }
    op->waiting.kind = 0;
    if (code == OUT_NOT_FOUND) /* the number that was to be replaced is gone */
        svc_enrol_show(op, ENROL_EXPIRED);
    else
        svc_fail(state, ERR_CORRUPT);
}

static void begin_sms(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct command command = {.type = CMD_FACTOR_BEGIN};
    struct cmd_factor_begin *cmd = &command.factor_begin;
    struct phone phone;

    op->waiting.kind = 0;
    if (phone_parse(svc_enrol_field(op, "phone"), &svc->shared->config->sms_country,
                    &phone) != PHONE_OK) {
        svc_enrol_show(op, ENROL_PHONE);
        return;
    }
    op->waiting = (struct enrol_waiting){.kind = FACTOR_SMS,
                                         .id = svc_random_id(svc),
                                         .replaces = op->replaces,
                                         .phone = phone};
    svc_random(svc, op->waiting.secret, sizeof op->waiting.secret);
    cmd->session = op->session.key;
    cmd->signin = signin_key(op);
    put_browser(op, cmd->browser);
    cmd->ttl_ms = SVC_SIGNIN_TTL_MS;
    cmd->gate = svc_enrol_gate(op);
    cmd->has_replaces = !is_none(op->waiting.replaces);
    cmd->replaces = op->waiting.replaces;
    svc_submit(&op->base, &command, begun);
}

static void passed(struct svc_state *state) {
    struct enrol_op *op = (struct enrol_op *)state;
    enum outcome_code code = state->request.outcome.code;
    bool replaced = !is_none(op->waiting.replaces);

    if (is_over(op, code))
        return;
    switch (code) {
    case OUT_OK:
        op->waiting.kind = 0;
        svc_enrol_reload(op, replaced ? ENROL_CHANGED : ENROL_ADDED);
        return;
    case OUT_BAD_CREDENTIALS:
        svc_enrol_show(op, ENROL_CODE_WRONG);
        return;
    case OUT_LOCKED:
        op->waiting.kind = 0;
        svc_enrol_show(op, ENROL_LOCKED);
        return;
    case OUT_FULL:
        op->waiting.kind = 0;
        svc_enrol_show(op, ENROL_FULL);
        return;
    case OUT_EXPIRED:
    case OUT_NOT_FOUND:
        op->waiting.kind = 0;
        svc_enrol_show(op, ENROL_EXPIRED);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static enum err tell_number(struct enrol_op *op, const struct factor *factor,
                            struct message_out *ret_message) {
    const struct svc_notice notice = {.what = MESSAGE_SMS_NUMBER_CHANGED,
                                      .english = op->enrol->english,
                                      .sub = op->account.sub,
                                      .to = op->user_name,
                                      .source = op->base.op->from.address,
                                      .more = {"number", factor->label}};

    return is_none(op->waiting.replaces)
               ? svc_enrol_tell(op, factor, ret_message)
               : svc_notice_make(op->base.svc, &op->base.op->arena, &notice, ret_message);
}

static void take_sms(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct command command = {.type = CMD_FACTOR_PASS};
    struct cmd_factor_pass *cmd = &command.factor_pass;
    char code[SVC_FACTOR_CODE];
    enum err err;

    if (op->waiting.kind != FACTOR_SMS) {
        svc_enrol_end(op, ENROL_FORGED);
        return;
    }
    if (!svc_factor_digits(svc_enrol_field(op, "code"), code)) {
        svc_enrol_show(op, ENROL_CODE_WRONG);
        return;
    }
    cmd->signin = signin_key(op);
    put_browser(op, cmd->browser);
    cmd->kind = FACTOR_SMS;
    cmd->factor = op->waiting.id;
    cmd->right = true; /* the state machine compares */
    cmd->code = svc_sms_code_hash(svc, cmd->signin, op->waiting.id, code);
    /* No session is made; the command wants to know which it would be. */
    cmd->sid = svc_random_id(svc);
    cmd->session = svc_hash(svc, HASH_SESSION, span_of(cmd->sid.b, sizeof cmd->sid.b));
    cmd->idle_ms = svc->shared->config->session_idle_s * 1000;
    cmd->lifetime_ms = svc->shared->config->session_lifetime_s * 1000;
    err = svc_sms_factor(svc, arena, op->account.sub, op->waiting.id,
                         phone_span(&op->waiting.phone), &cmd->enrolled);
    if (!err)
        err = tell_number(op, &cmd->enrolled, &cmd->message);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, passed);
}

static enum err show_number(struct enrol_op *op) {
    char masked[1 + PHONE_DIGITS_MAX + 1];

    phone_mask(phone_span(&op->waiting.phone), masked);
    op->enrol->number = arena_dup(&op->base.op->arena, span_str(masked));
    return op->enrol->number.data ? OK : ERR_NOMEM;
}

/* ---- both */

enum err svc_enrol_code_show(struct enrol_op *op) {
    if (op->waiting.kind == FACTOR_TOTP)
        return show_seed(op);
    return op->waiting.kind == FACTOR_SMS ? show_number(op) : OK;
}

bool svc_enrol_code(struct enrol_op *op, struct span action) {
    static const struct {
        const char *action;
        void (*act)(struct enrol_op *op);
    } actions[] = {
        {"totp", begin_totp},
        {"totp_code", take_totp},
        {"sms", begin_sms},
        {"sms_code", take_sms},
    };

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (span_is(action, actions[i].action)) {
            actions[i].act(op);
            return true;
        }
    }
    return false;
}
