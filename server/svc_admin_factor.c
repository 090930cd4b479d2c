/* svc_admin_factor: an account's second factors, by an operator: what it has, one more,
 * one less. Numbers and seeds are sealed here. */
#include "server/domain/account_id.h"
#include "server/domain/phone.h"
#include "server/domain/totp.h"
#include "server/svc_admin_internal.h"
#include "server/svc_factor.h"
#include "server/svc_notice.h"
#include "server/svc_profile.h"
#include "server/svc_sms_code.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define SEED_TEXT_MAX 128

static const char *const kinds[] = {"sms", "totp", "passkey", "app", NULL};

static void put_factor(struct buf *out, const struct factor *factor) {
    char id[33];

    hex_encode(span_of(factor->id.b, sizeof factor->id.b), id);
    buf_str(out, "{");
    buf_json_member(out, "factor", span_str(id));
    buf_json_member(out, "kind", span_str(kinds[factor->kind - 1]));
    buf_json_member(out, "label", factor->label);
    buf_json_u64(out, "created_ms", factor->created_ms);
    buf_json_u64(out, "used_ms", factor->used_ms);
    buf_str(out, "}");
}

/* In the open snapshot. */
static enum err put_factors(struct admin_op *op, struct id128 sub, struct buf *out) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->admin->op.arena;
    struct factor factor;
    struct id128 after;
    bool first = true;
    enum err err;

    buf_reset(out);
    buf_str(out, "{\"factors\":[");
    err = store_factor_next(svc->read, arena, sub, NULL, &factor);
    while (!err) {
        if (!first)
            buf_str(out, ",");
        first = false;
        put_factor(out, &factor);
        after = factor.id;
        err = store_factor_next(svc->read, arena, sub, &after, &factor);
    }
    buf_str(out, "]}");
    return err == ERR_NOT_FOUND ? buf_err(out) : err;
}

static void visible(struct svc_state *state) {
    struct admin_op *op = (struct admin_op *)state;
    struct buf *out = &state->svc->scratch;

    buf_reset(out);
    buf_str(out, "{}");
    svc_admin_answer(op, out);
}

static void changed(struct svc_state *state) {
    struct admin_op *op = (struct admin_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        svc_wait_index(state, state->request.outcome.index, visible);
        return;
    case OUT_NOT_FOUND:
        svc_admin_refuse(op, ADMIN_NOT_FOUND, "factor: the account has no such factor");
        return;
    case OUT_FULL:
        svc_admin_refuse(op, ADMIN_CONFLICT,
                         "account_id: it has as many factors as an account may have; "
                         "remove one first");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void add_phone(struct admin_op *op, struct span text, struct factor *factor) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->admin->op.arena;
    enum phone_refusal refusal;
    struct phone phone;

    refusal = phone_parse(text, &svc->shared->config->sms_country, &phone);
    if (refusal != PHONE_OK) {
        svc_json_fail(&op->json, "phone: %s", phone_refusal_str(refusal));
        return;
    }
    if (svc_sms_factor(svc, arena, factor->sub, factor->id, phone_span(&phone), factor))
        svc_json_fail(&op->json, "phone: no memory");
}

static void add_seed(struct admin_op *op, struct span text, struct factor *factor) {
    uint8_t seed[TOTP_SEED_LEN];
    size_t len = 0;

    if (base32_decode(text, seed, sizeof seed, &len) || len != sizeof seed)
        svc_json_fail(&op->json, "totp_seed: %d bytes as base32 are expected",
                      TOTP_SEED_LEN);
    factor->kind = FACTOR_TOTP;
    if (!op->json.failed &&
        svc_factor_seal(op->base.svc, factor->sub, factor->id,
                        span_of(seed, sizeof seed), &op->admin->op.arena,
                        &factor->sealed))
        svc_json_fail(&op->json, "totp_seed: no memory");
    secret_wipe(seed, sizeof seed);
}

/* The holder hears of what an operator does, in the language of the service. */
static enum err tell(struct admin_op *op, enum message_template what,
                     const struct factor *factor, struct message_out *ret_message) {
    struct arena *arena = &op->admin->op.arena;
    struct svc_notice notice = {
        .what = what, .sub = factor->sub, .more = {.name = "factor"}};
    enum err err = svc_profile_address(op->base.svc, arena, factor->sub, &notice.to);

    if (!err)
        err = svc_notice_factor(arena, factor->kind, factor->label, false,
                                &notice.more.text);
    return err ? err : svc_notice_make(op->base.svc, arena, &notice, ret_message);
}

static void submit(struct admin_op *op, const struct command *command, enum err err) {
    if (err)
        svc_fail(&op->base, err == ERR_NOT_FOUND ? ERR_CORRUPT : err);
    else
        svc_submit(&op->base, command, changed);
}

static void add(struct admin_op *op, struct id128 sub) {
    struct command command = {.type = CMD_FACTOR_PUT};
    struct factor *factor = &command.factor_put.factor;
    struct span phone = svc_json_text(&op->json, "phone", false, 1, PHONE_INPUT_MAX);
    struct span seed = svc_json_text(&op->json, "totp_seed", false, 1, SEED_TEXT_MAX);

    factor->sub = sub;
    factor->id = svc_random_id(op->base.svc);
    if ((phone.len > 0) == (seed.len > 0))
        svc_json_fail(&op->json, "phone: either it or totp_seed is expected");
    else if (phone.len > 0)
        add_phone(op, phone, factor);
    else
        add_seed(op, seed, factor);
    if (op->json.failed)
        svc_admin_invalid(op);
    else
        submit(op, &command,
               tell(op, MESSAGE_FACTOR_ADDED, factor, &command.factor_put.message));
}

static void del(struct admin_op *op, struct id128 sub) {
    struct command command = {.type = CMD_FACTOR_DEL, .factor_del = {.sub = sub}};
    struct span id = svc_json_text(&op->json, "factor", true, 32, 32);
    struct svc *svc = op->base.svc;
    struct factor factor;
    enum err err;

    if (!op->json.failed && hex_decode(id, command.factor_del.id.b, 16))
        svc_json_fail(&op->json, "factor: 32 hex digits are expected");
    if (op->json.failed) {
        svc_admin_invalid(op);
        return;
    }
    err = svc_read_begin(svc);
    if (!err) {
        err = store_factor_get(svc->read, &op->admin->op.arena, sub,
                               command.factor_del.id, &factor);
        svc_read_end(svc);
    }
    if (!err)
        err = tell(op, MESSAGE_FACTOR_REMOVED, &factor, &command.factor_del.message);
    submit(op, &command, err == ERR_NOT_FOUND ? OK : err); /* which says so itself */
}

void svc_admin_factor(struct admin_op *op) {
    static const char *const members[] = {"account_id", "action", "phone",
                                          "totp_seed",  "factor", NULL};
    static const char *const actions[] = {"list", "add", "remove", NULL};
    struct svc *svc = op->base.svc;
    struct account account;
    struct account_id id;
    const char *why;
    struct span text;
    int action;
    enum err err;

    svc_json_parse(&op->json, op->admin->body_in, members);
    text = svc_json_text(&op->json, "account_id", true, 1, LIMIT_ACCOUNT_ID);
    action = svc_json_choice(&op->json, "action", actions, 0);
    if (!op->json.failed && !account_id_parse(text, &id, &why))
        svc_json_fail(&op->json, "account_id: %s", why);
    if (op->json.failed) {
        svc_admin_invalid(op);
        return;
    }
    err = svc_read_begin(svc);
    if (!err) {
        err = store_account_find(svc->read, &op->admin->op.arena,
                                 svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&id)),
                                 &account);
        if (!err && action == 1)
            err = put_factors(op, account.sub, &svc->scratch);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND)
        svc_admin_refuse(op, ADMIN_NOT_FOUND, "account_id: there is no such account");
    else if (err)
        svc_fail(&op->base, err);
    else if (action == 1)
        svc_admin_answer(op, &svc->scratch);
    else if (action == 2)
        add(op, account.sub);
    else
        del(op, account.sub);
}
