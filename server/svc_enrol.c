#include "server/svc_device.h"
#include "server/svc_enrol.h"

#include "server/oidc/acr.h"
#include "server/svc_app_device.h"
#include "server/svc_enrol_internal.h"
#include "server/svc_notice.h"
#include "server/svc_origin.h"
#include "server/svc_profile.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define STATE_VERSION 1
#define STATE_LEN (1 + 16 + 16 + 8 + 8 + WEBAUTHN_CHALLENGE + WAITING_LEN)
#define WAITING_LEN (1 + 16 + 16 + SVC_ENROL_SECRET + 1 + PHONE_DIGITS_MAX + 1)

static void finish(struct svc_state *state) {
    struct enrol_op *op = (struct enrol_op *)state;

    secret_wipe(op->code, sizeof op->code);
    secret_wipe(&op->waiting, sizeof op->waiting);
    op->enrol->done(op->enrol);
}

void svc_enrol_end(struct enrol_op *op, enum enrol_kind kind) {
    op->enrol->kind = kind;
    finish(&op->base);
}

struct span svc_enrol_field(const struct enrol_op *op, const char *name) {
    bool twice = false;
    struct span value = params_get(op->enrol->params, name, &twice);

    return twice || !value.data ? span_of("", 0) : value;
}

/* ---- the page */

static void put_waiting(struct buf *out, const struct enrol_waiting *waiting) {
    put_u8(out, waiting->kind);
    buf_put(out, waiting->id.b, sizeof waiting->id.b);
    buf_put(out, waiting->replaces.b, sizeof waiting->replaces.b);
    buf_put(out, waiting->secret, sizeof waiting->secret);
    put_u8(out, (uint8_t)waiting->phone.len);
    buf_put(out, waiting->phone.text, PHONE_DIGITS_MAX + 1);
}

static void take_bytes(struct reader *in, void *out, size_t len) {
    struct span bytes = read_bytes(in, len);

    if (bytes.len == len)
        memcpy(out, bytes.data, len);
}

/* Of a state that was opened: the bytes are ours. */
static void read_waiting(struct reader *in, struct enrol_waiting *waiting) {
    waiting->kind = read_u8(in);
    take_bytes(in, waiting->id.b, sizeof waiting->id.b);
    take_bytes(in, waiting->replaces.b, sizeof waiting->replaces.b);
    take_bytes(in, waiting->secret, sizeof waiting->secret);
    waiting->phone.len = read_u8(in);
    take_bytes(in, waiting->phone.text, PHONE_DIGITS_MAX + 1);
}

static enum err seal_state(struct enrol_op *op,
                           const uint8_t challenge[WEBAUTHN_CHALLENGE]) {
    struct svc *svc = op->base.svc;
    struct buf plain;
    enum err err;

    buf_init(&plain, STATE_LEN);
    put_u8(&plain, STATE_VERSION);
    buf_put(&plain, op->session.key.b, sizeof op->session.key.b);
    buf_put(&plain, op->account.sub.b, sizeof op->account.sub.b);
    put_u64(&plain, op->account.generation);
    put_u64(&plain, repl_now_ms(svc->shared->repl));
    buf_put(&plain, challenge, WEBAUTHN_CHALLENGE);
    put_waiting(&plain, &op->waiting);
    err = buf_err(&plain);
    if (!err)
        err = svc_seal_text(svc, SEAL_ENROL, buf_span(&plain), &op->base.op->arena,
                            &op->enrol->state);
    buf_free(&plain);
    return err;
}

/* False: not of this session, or too old. Fills op->challenge. */
static bool open_state(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    uint64_t now_ms = repl_now_ms(svc->shared->repl), generation, issued_ms;
    bool twice = false;
    struct span text = params_get(op->enrol->params, "enrol_state", &twice);
    struct span plain, session, sub, challenge;
    struct reader in;

    if (twice || !text.data || svc_open_text(svc, SEAL_ENROL, text, STATE_LEN, &plain) ||
        plain.len != STATE_LEN)
        return false;
    in = reader_of(plain);
    if (read_u8(&in) != STATE_VERSION)
        return false;
    session = read_bytes(&in, sizeof op->session.key.b);
    sub = read_bytes(&in, sizeof op->account.sub.b);
    generation = read_u64(&in);
    issued_ms = read_u64(&in);
    challenge = read_bytes(&in, WEBAUTHN_CHALLENGE);
    memcpy(op->challenge, challenge.data, sizeof op->challenge);
    read_waiting(&in, &op->waiting);
    return secret_equal(session, span_of(op->session.key.b, sizeof op->session.key.b)) &&
           secret_equal(sub, span_of(op->account.sub.b, sizeof op->account.sub.b)) &&
           generation == op->account.generation &&
           (issued_ms >= now_ms || now_ms - issued_ms <= SVC_ENROL_FORM_MS);
}

void svc_enrol_show(struct enrol_op *op, enum enrol_notice notice) {
    struct svc_enrol *enrol = op->enrol;
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct key_hash user = svc_credential_user(svc, op->account.sub);
    uint8_t challenge[WEBAUTHN_CHALLENGE];
    enum err err;

    svc_random(svc, challenge, sizeof challenge);
    err = seal_state(op, challenge);
    enrol->challenge = svc_credential_text(arena, span_of(challenge, sizeof challenge));
    enrol->user = svc_credential_text(arena, span_of(user.b, sizeof user.b));
    enrol->rp_id = svc_credential_expect(svc, challenge).rp_id;
    enrol->user_name = op->user_name;
    enrol->notice = notice;
    if (!err && (!enrol->challenge.data || !enrol->user.data))
        err = ERR_NOMEM;
    if (!err)
        err = svc_enrol_code_show(op);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_enrol_end(op, ENROL_SHOW);
}

/* ---- what every command of it says */

struct gate svc_enrol_gate(const struct enrol_op *op) {
    return (struct gate){.present = true,
                         .session = op->session.key,
                         .fresh_ms = SVC_ENROL_FRESH_MS,
                         .second = ACR_SECOND};
}

/* The holder hears of it, whoever has the session. */
enum err svc_enrol_tell(struct enrol_op *op, const struct factor *factor,
                        struct message_out *ret_message) {
    struct arena *arena = &op->base.op->arena;
    struct svc_notice notice = {.what = MESSAGE_FACTOR_ADDED,
                                .english = op->enrol->english,
                                .sub = op->account.sub,
                                .to = op->user_name,
                                .source = op->base.op->from.address,
                                .more = {.name = "factor"}};
    enum err err = svc_notice_factor(arena, factor->kind, factor->label, notice.english,
                                     &notice.more.text);

    return err ? err : svc_notice_make(op->base.svc, arena, &notice, ret_message);
}

/* ---- a passkey */

static void put_done(struct svc_state *state) {
    struct enrol_op *op = (struct enrol_op *)state;
    bool totp = op->waiting.kind == FACTOR_TOTP;

    op->waiting.kind = 0; /* a code of it has served */
    switch (state->request.outcome.code) {
    case OUT_OK:
        svc_enrol_show(op, totp ? ENROL_ADDED : ENROL_DONE);
        return;
    case OUT_EXISTS:
        svc_enrol_show(op, ENROL_PASSKEY);
        return;
    case OUT_FULL:
        svc_enrol_show(op, ENROL_FULL);
        return;
    case OUT_NOT_FOUND:
    case OUT_ACCOUNT_STATE:
    case OUT_SESSION_ENDED:
    case OUT_REAUTH:
    case OUT_SECOND_STEP:
        svc_enrol_end(op, ENROL_SIGN_IN);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

void svc_enrol_put(struct enrol_op *op, const struct factor *factor, enum err err) {
    struct command command = {.type = CMD_FACTOR_PUT};
    struct cmd_factor_put *cmd = &command.factor_put;

    cmd->factor = *factor;
    cmd->generation = op->account.generation;
    cmd->gate = svc_enrol_gate(op);
    if (!err)
        err = svc_enrol_tell(op, factor, &cmd->message);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, put_done);
}

/* What its holder calls it, cut between two characters. */
static struct span label_of(const struct enrol_op *op) {
    struct span label = svc_enrol_field(op, "label");
    size_t len = 0;

    if (!utf8_valid(label))
        return span_of("", 0);
    while (len < label.len) {
        size_t step = utf8_sequence(span_of(label.data + len, label.len - len));

        if (step == 0 || len + step > LIMIT_FACTOR_LABEL)
            break;
        len += step;
    }
    return span_of(label.data, len);
}

static void add_passkey(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct webauthn_expect expect = svc_credential_expect(svc, op->challenge);
    struct factor factor = {.sub = op->account.sub, .kind = FACTOR_PASSKEY};
    struct webauthn_credential made;
    struct svc_credential credential;
    struct buf plain;
    enum err err;

    if (svc_credential_create(arena, op->enrol->params, &expect, &made)) {
        svc_enrol_show(op, ENROL_PASSKEY);
        return;
    }
    credential = (struct svc_credential){made.flags, made.id, made.key};
    factor.id = svc_random_id(svc);
    factor.step = made.sign_count;
    factor.index = svc_credential_index(svc, made.id);
    factor.label = label_of(op);
    buf_init(&plain, LIMIT_FACTOR_SEALED);
    err = svc_credential_pack(&credential, &plain);
    if (!err)
        err = svc_factor_seal(svc, factor.sub, factor.id, buf_span(&plain), arena,
                              &factor.sealed);
    buf_free(&plain);
    svc_enrol_put(op, &factor, err);
}

/* ---- a device */

static void offered(struct svc_state *state) {
    struct enrol_op *op = (struct enrol_op *)state;
    struct svc_app_picture picture = {.code = {NULL, 0}};
    enum err err = ERR_CORRUPT;

    switch (state->request.outcome.code) {
    case OUT_OK:
        err = svc_app_picture(state->svc, &state->op->arena, op->code, &picture);
        break;
    case OUT_ACCOUNT_STATE:
    case OUT_SESSION_ENDED:
    case OUT_REAUTH:
    case OUT_SECOND_STEP:
        svc_enrol_end(op, ENROL_SIGN_IN);
        return;
    default:
        break;
    }
    op->enrol->app_code = picture.code;
    op->enrol->qr_path = picture.path;
    op->enrol->qr_size = picture.size;
    if (err)
        svc_fail(state, err);
    else
        svc_enrol_show(op, ENROL_NO_NOTICE);
}

static void offer_code(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct command command = {.type = CMD_APP_ENROL};

    svc_random(svc, op->code, sizeof op->code);
    command.app_enrol.code = svc_app_code_hash(svc, op->code);
    command.app_enrol.sub = op->account.sub;
    command.app_enrol.generation = op->account.generation;
    command.app_enrol.ttl_ms = SVC_APP_CODE_TTL_MS;
    command.app_enrol.gate = svc_enrol_gate(op);
    svc_submit(&op->base, &command, offered);
}

/* ---- who asks */

static bool is_fresh(const struct enrol_op *op) {
    uint64_t now_ms = repl_now_ms(op->base.svc->shared->repl);

    return (now_ms < op->session.auth_time_ms ||
            now_ms - op->session.auth_time_ms <= SVC_ENROL_FRESH_MS) &&
           (!op->has_factor || acr_level(op->session.methods) >= ACR_LEVEL_TWO_FACTORS);
}

static void decide(struct enrol_op *op) {
    struct span action;

    if (!is_fresh(op)) {
        svc_enrol_end(op, ENROL_SIGN_IN);
        return;
    }
    if (!op->enrol->post) {
        svc_enrol_show(op, ENROL_NO_NOTICE);
        return;
    }
    if (!open_state(op)) {
        svc_enrol_end(op, ENROL_FORGED);
        return;
    }
    action = svc_enrol_field(op, "action");
    if (svc_enrol_code(op, action))
        return;
    op->waiting.kind = 0;
    if (span_is(action, "passkey"))
        add_passkey(op);
    else if (span_is(action, "app"))
        offer_code(op);
    else
        svc_enrol_end(op, ENROL_FORGED);
}

/* Is there one, and which telephone is to be replaced: what `replaces` names, if it is one
 * of the account's. */
static enum err load_factors(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct span wanted = svc_enrol_field(op, "replaces");
    struct factor factor;
    struct id128 at;
    enum err err;

    op->has_factor = false;
    err = store_factor_next(svc->read, arena, op->account.sub, NULL, &factor);
    while (!err) {
        struct span id = svc_id_text(arena, factor.id);

        op->has_factor = true;
        if (factor.kind == FACTOR_SMS && span_equal(id, wanted)) {
            op->enrol->replaces = id;
            op->replaces = factor.id;
            op->enrol->replaced_label = factor.label;
        }
        at = factor.id;
        err = store_factor_next(svc->read, arena, op->account.sub, &at, &factor);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* In the open snapshot. ERR_NOT_FOUND: nobody is signed in. */
static enum err load(struct enrol_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct profile profile;
    enum err err =
        svc_session_read(svc, arena, &op->stamp, &op->session, &op->account);

    if (!err)
        err = load_factors(op);
    if (err)
        return err;
    err = svc_profile_open(svc, arena, &op->account, &profile);
    op->user_name = err ? span_of("", 0) : profile.fields[PROFILE_EMAIL];
    return err;
}

void svc_enrol_reload(struct enrol_op *op, enum enrol_notice notice) {
    struct svc *svc = op->base.svc;
    struct session was = op->session;
    enum err err = svc_read_begin(svc);

    op->enrol->replaces = op->enrol->replaced_label = span_of(NULL, 0);
    memset(&op->replaces, 0, sizeof op->replaces);
    if (!err) {
        err = load(op);
        if (!err)
            err = svc_device_renew(svc, op->enrol->device_cookie, &was,
                                   &op->base.op->arena, &op->enrol->set_device_cookie);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND)
        svc_enrol_end(op, ENROL_SIGN_IN);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_enrol_show(op, notice);
}

static void judge(struct svc_state *state) {
    struct enrol_op *op = (struct enrol_op *)state;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = load(op);
        svc_read_end(state->svc);
    }
    if (!err)
        err = svc_act_as_account(state, op->session.sub);
    if (err == ERR_NOT_FOUND)
        svc_enrol_end(op, ENROL_SIGN_IN);
    else if (err)
        svc_fail(state, err == ERR_FORGED ? ERR_CORRUPT : err);
    else
        decide(op);
}

void svc_enrol(struct svc *svc, struct svc_enrol *enrol) {
    struct enrol_op *op = svc_op_begin(svc, &enrol->op, sizeof *op, finish);
    enum err err;

    if (!op) {
        enrol->done(enrol);
        return;
    }
    op->enrol = enrol;
    enrol->kind = ENROL_SHOW;
    enrol->notice = ENROL_NO_NOTICE;
    enrol->app_code = enrol->qr_path = enrol->qr_size = span_of(NULL, 0);
    enrol->seed = enrol->totp_path = enrol->totp_size = span_of(NULL, 0);
    enrol->number = enrol->replaces = enrol->replaced_label = span_of(NULL, 0);

    err = svc_stamp_open(svc, SEAL_SESSION_COOKIE, enrol->session_cookie, &op->stamp);
    if (err == ERR_FORGED)
        svc_enrol_end(op, ENROL_SIGN_IN);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_stamp_await(&op->base, &op->stamp, judge);
}
