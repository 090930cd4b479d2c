/* svc_app: a request of a device: body, signature, then one command.
 *
 *   register   ─ is there such a code? ─ CMD_APP_REGISTER
 *   challenges ─ is the device known? ─ CMD_PROOF_USE ─ the list, from a snapshot that
 *                                       has that command, so as new as the request
 *   answer     ─ is the question what the person saw? ─ CMD_APP_ANSWER
 *   push       ─ is the device known? ─ CMD_APP_ADDRESS
 *
 * This node may be behind the one that registered the device or asked the question: what
 * it does not find it looks for once more when a probe has gone round. */
#include "server/svc_app.h"

#include "server/svc_app_body.h"
#include "server/svc_app_device.h"
#include "server/svc_dpop.h"
#include "server/svc_factor.h"
#include "server/svc_notice.h"
#include "server/svc_profile.h"
#include "store/base/codec.h"
#include "store/base/secret.h"
#include "store/store_app.h"

#define CHALLENGES_MAX 8 /* told at once */

struct app_op {
    struct svc_state base; /* first */
    struct svc_app *app;
    struct key_hash index; /* of the device */
    struct proof proof;
    bool settled; /* a probe has gone round for this request */
    struct svc_app_body body;
};

unsigned svc_app_number(struct svc *svc, struct id128 challenge) {
    struct key_hash hash =
        svc_hash(svc, HASH_APP_NUMBER, span_of(challenge.b, sizeof challenge.b));
    struct reader reader = reader_of(span_of(hash.b, sizeof hash.b));

    return 10 + (unsigned)(read_u64(&reader) % 90);
}

struct id128 svc_app_challenge_id(struct svc *svc, struct id128 sub) {
    struct id128 id = svc_random_id(svc);

    memcpy(id.b, sub.b, APP_CHALLENGE_PREFIX);
    return id;
}

struct key_hash svc_app_code_hash(struct svc *svc, const uint8_t code[APP_CODE_BYTES]) {
    return svc_hash(svc, HASH_APP_CODE, span_of(code, APP_CODE_BYTES));
}

struct key_hash svc_app_index(struct svc *svc, const uint8_t thumbprint[32]) {
    return svc_hash(svc, HASH_APP_DEVICE, span_of(thumbprint, 32));
}

bool svc_app_address_ok(struct span address) {
    for (size_t i = 0; i < address.len; i++)
        if (address.data[i] <= 0x20 || address.data[i] >= 0x7f)
            return false;
    return address.len > 0 && address.len <= SVC_APP_ADDRESS_MAX;
}

static void finish(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;

    secret_wipe(op->body.code, sizeof op->body.code);
    op->app->done(op->app);
}

static void refuse(struct app_op *op, enum svc_app_refusal refusal,
                   const char *description) {
    op->app->refusal = refusal;
    op->app->description = description;
    finish(&op->base);
}

/* `next` again with newer data, once; else the refusal. */
static void look_again(struct app_op *op, void (*next)(struct svc_state *state),
                       enum svc_app_refusal refusal, const char *description) {
    if (op->settled) {
        refuse(op, refusal, description);
        return;
    }
    op->settled = true;
    svc_settle(&op->base, next);
}

/* What svc->scratch holds is the answer. */
static void serve(struct app_op *op) {
    struct svc *svc = op->base.svc;
    enum err err = svc_take(&op->base.op->arena, &svc->scratch, &op->app->body);

    if (err)
        svc_fail(&op->base, err);
    else
        finish(&op->base);
}

/* ---- register */

static void registered(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        buf_reset(&state->svc->scratch);
        buf_str(&state->svc->scratch, "{");
        buf_json_bool(&state->svc->scratch, "registered", true);
        buf_str(&state->svc->scratch, "}");
        serve(op);
        return;
    case OUT_NOT_FOUND:
    case OUT_ACCOUNT_STATE:
    case OUT_SESSION_ENDED:
        refuse(op, APP_BAD_CODE,
               "the code is unknown or used, or its time is over: show a new one");
        return;
    case OUT_EXISTS:
        refuse(op, APP_REGISTERED,
               "this key is registered, or the account has another method by now");
        return;
    case OUT_FULL:
        refuse(op, APP_FULL, "the account has as many methods as it may have");
        return;
    case OUT_PROOF_REPLAYED:
        refuse(op, APP_BAD_PROOF, "the DPoP proof was used before");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* The holder hears of the device, whoever has shown the code. */
static enum err tell_registered(struct app_op *op, struct id128 sub,
                                struct message_out *ret_message) {
    struct arena *arena = &op->base.op->arena;
    struct svc_notice notice = {.what = MESSAGE_FACTOR_ADDED,
                                .english = op->app->english,
                                .sub = sub,
                                .source = op->base.op->from.address,
                                .more = {.name = "factor"}};
    enum err err = svc_profile_address(op->base.svc, arena, sub, &notice.to);

    if (!err)
        err = svc_notice_factor(arena, FACTOR_APP, op->body.name, notice.english,
                                &notice.more.text);
    return err ? err : svc_notice_make(op->base.svc, arena, &notice, ret_message);
}

/* What the device's row has of its address; empty: none. */
static enum err seal_address(struct app_op *op, struct id128 sub, struct id128 id,
                             struct span *ret_sealed) {
    *ret_sealed = span_of("", 0);
    return op->body.push.len == 0
               ? OK
               : svc_factor_seal(op->base.svc, sub, id, op->body.push,
                                 &op->base.op->arena, ret_sealed);
}

static void submit_register(struct app_op *op, struct id128 sub) {
    struct svc *svc = op->base.svc;
    struct command command = {.type = CMD_APP_REGISTER};
    struct cmd_app_register *cmd = &command.app_register;
    enum err err;

    cmd->code = svc_app_code_hash(svc, op->body.code);
    cmd->device.id = svc_random_id(svc);
    cmd->device.index = op->index;
    cmd->device.label = op->body.name;
    cmd->platform = op->body.platform;
    cmd->proofs.count = 1;
    cmd->proofs.at[0] = op->proof;
    err = seal_address(op, sub, cmd->device.id, &cmd->device.sealed);
    if (!err)
        err = tell_registered(op, sub, &cmd->message);
    if (err)
        svc_fail(&op->base, err == ERR_NOT_FOUND ? ERR_CORRUPT : err);
    else
        svc_submit(&op->base, &command, registered);
}

/* Anybody can make a key and a proof: a code that there is not costs no command. */
static void begin_register(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;
    struct app_enrolment enrolment;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = store_app_enrolment_get(state->svc->read,
                                      svc_app_code_hash(state->svc, op->body.code),
                                      &enrolment);
        svc_read_end(state->svc);
    }
    if (err == ERR_NOT_FOUND)
        look_again(op, begin_register, APP_BAD_CODE,
                   "the code is unknown or used, or its time is over: show a new one");
    else if (err)
        svc_fail(state, err);
    else
        submit_register(op, enrolment.sub);
}

/* ---- what both of the others need */

/* In the open snapshot. ERR_NOT_FOUND: no device of an account that may be used. */
static enum err find_device(struct app_op *op, struct factor *ret_device) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    struct account account;
    enum err err =
        store_factor_find(svc->read, arena, FACTOR_APP, op->index, ret_device);

    if (!err)
        err = store_account_get(svc->read, arena, ret_device->sub, &account);
    return !err && account.state != ACCOUNT_ACTIVE ? ERR_NOT_FOUND : err;
}

/* As people know it; empty: our own pages. */
static enum err service_name(struct app_op *op, struct span client_id,
                             struct span *ret_name) {
    struct client client;
    enum err err;

    *ret_name = span_of("", 0);
    if (client_id.len == 0)
        return OK;
    err = store_client_get(op->base.svc->read, &op->base.op->arena, client_id, &client);
    if (!err)
        *ret_name = span_str(client.name);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- challenges */

static enum err write_one(struct app_op *op, const struct app_challenge *challenge) {
    struct buf *out = &op->base.svc->scratch;
    char id[2 * sizeof challenge->id.b + 1];
    struct span name;
    enum err err = service_name(op, challenge->client_id, &name);

    if (err)
        return err;
    hex_encode(span_of(challenge->id.b, sizeof challenge->id.b), id);
    if (out->data[out->len - 1] == '}')
        buf_str(out, ",");
    buf_str(out, "{");
    buf_json_member(out, "challenge", span_str(id));
    buf_json_member(out, "service", name);
    buf_json_u64(out, "created_at", challenge->created_ms / 1000);
    buf_json_u64(out, "expires_at", challenge->expires_ms / 1000);
    buf_str(out, "}");
    return OK;
}

static enum err write_challenges(struct app_op *op, struct id128 sub) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->base.op->arena;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct app_challenge challenge;
    struct id128 after;
    enum err err;

    buf_reset(&svc->scratch);
    buf_str(&svc->scratch, "{\"challenges\":[");
    err = store_app_challenge_next(svc->read, arena, sub, NULL, &challenge);
    for (int i = 0; i < CHALLENGES_MAX && !err; i++) {
        if (challenge.state == APP_WAITING && now_ms < challenge.expires_ms)
            err = write_one(op, &challenge);
        after = challenge.id;
        if (!err)
            err = store_app_challenge_next(svc->read, arena, sub, &after, &challenge);
    }
    buf_str(&svc->scratch, "]}");
    return err == ERR_NOT_FOUND ? OK : err;
}

static void list(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;
    struct factor device;
    enum err err;

    if (state->request.outcome.code == OUT_PROOF_REPLAYED) {
        refuse(op, APP_BAD_PROOF, "the DPoP proof was used before");
        return;
    }
    err = svc_read_begin(state->svc);
    if (!err) {
        err = find_device(op, &device);
        if (!err)
            err = write_challenges(op, device.sub);
        svc_read_end(state->svc);
    }
    if (err == ERR_NOT_FOUND)
        refuse(op, APP_UNKNOWN_DEVICE, "the device is not registered any more");
    else if (err)
        svc_fail(state, err);
    else
        serve(op);
}

/* A stranger's key costs no command. */
static void begin_challenges(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;
    struct command command = {.type = CMD_PROOF_USE};
    struct factor device;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = find_device(op, &device);
        svc_read_end(state->svc);
    }
    if (err == ERR_NOT_FOUND) {
        look_again(op, begin_challenges, APP_UNKNOWN_DEVICE,
                   "the device is not registered");
    } else if (err) {
        svc_fail(state, err);
    } else {
        command.proof_use.proofs.count = 1;
        command.proof_use.proofs.at[0] = op->proof;
        svc_submit(state, &command, list);
    }
}

/* ---- answer */

static void answered(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;
    struct buf *out = &state->svc->scratch;

    switch (state->request.outcome.code) {
    case OUT_OK:
        buf_reset(out);
        buf_str(out, "{");
        buf_json_member(out, "result",
                        span_str(op->body.answer == APP_APPROVE ? "approved" : "denied"));
        buf_str(out, "}");
        serve(op);
        return;
    case OUT_NOT_FOUND:
    case OUT_EXPIRED:
        refuse(op, APP_NO_CHALLENGE, "there is no such question, or not any more");
        return;
    case OUT_REPLAYED:
        refuse(op, APP_ANSWERED, "the question was answered before");
        return;
    case OUT_BAD_CREDENTIALS:
        refuse(op, APP_WRONG_NUMBER, "the number is not the one that the browser shows");
        return;
    case OUT_PROOF_REPLAYED:
        refuse(op, APP_BAD_PROOF, "the DPoP proof was used before");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* ERR_NOT_FOUND: no such question to the device's account here. */
static enum err find_challenge(struct app_op *op, struct span *ret_name) {
    struct svc *svc = op->base.svc;
    struct app_challenge challenge;
    struct factor device;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = find_device(op, &device);
    if (!err)
        err = store_app_challenge_get(svc->read, &op->base.op->arena, op->body.challenge,
                                      &challenge);
    if (!err && memcmp(challenge.sub.b, device.sub.b, sizeof device.sub.b) != 0)
        err = ERR_NOT_FOUND;
    if (!err)
        err = service_name(op, challenge.client_id, ret_name);
    svc_read_end(svc);
    return err;
}

static void begin_answer(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;
    struct command command = {.type = CMD_APP_ANSWER};
    struct cmd_app_answer *cmd = &command.app_answer;
    struct span name;
    enum err err = find_challenge(op, &name);

    if (err == ERR_NOT_FOUND) {
        look_again(op, begin_answer, APP_NO_CHALLENGE,
                   "there is no such question to this device, or not any more");
        return;
    }
    if (err) {
        svc_fail(state, err);
        return;
    }
    if (op->body.answer == APP_APPROVE && !span_equal(name, op->body.service)) {
        refuse(op, APP_BAD_REQUEST, "`service` is not the one that asks");
        return;
    }
    *cmd = (struct cmd_app_answer){
        .device = op->index,
        .challenge = op->body.challenge,
        .answer = op->body.answer,
        .right = op->body.answer == APP_APPROVE &&
                 op->body.number == svc_app_number(state->svc, op->body.challenge),
        .proofs = {.count = 1},
    };
    cmd->proofs.at[0] = op->proof;
    svc_submit(state, &command, answered);
}

/* ---- push */

static void addressed(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;
    struct buf *out = &state->svc->scratch;

    switch (state->request.outcome.code) {
    case OUT_OK:
        buf_reset(out);
        buf_str(out, "{");
        buf_json_bool(out, "push", op->body.push.len > 0);
        buf_str(out, "}");
        serve(op);
        return;
    case OUT_NOT_FOUND:
        refuse(op, APP_UNKNOWN_DEVICE, "the device is not registered any more");
        return;
    case OUT_PROOF_REPLAYED:
        refuse(op, APP_BAD_PROOF, "the DPoP proof was used before");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void begin_address(struct svc_state *state) {
    struct app_op *op = (struct app_op *)state;
    struct command command = {.type = CMD_APP_ADDRESS};
    struct cmd_app_address *cmd = &command.app_address;
    struct factor device;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = find_device(op, &device);
        svc_read_end(state->svc);
    }
    if (!err)
        err = seal_address(op, device.sub, device.id, &cmd->sealed);
    if (err == ERR_NOT_FOUND) {
        look_again(op, begin_address, APP_UNKNOWN_DEVICE, "the device is not registered");
    } else if (err) {
        svc_fail(state, err);
    } else {
        cmd->device = op->index;
        cmd->proofs.count = 1;
        cmd->proofs.at[0] = op->proof;
        svc_submit(state, &command, addressed);
    }
}

/* ---- all of them */

static void begin(struct app_op *op) {
    static const char *const endpoints[] = {
        [APP_REGISTER] = "app/register",
        [APP_CHALLENGES] = "app/challenges",
        [APP_ANSWER] = "app/answer",
        [APP_PUSH] = "app/push",
    };
    struct svc *svc = op->base.svc;
    struct svc_dpop_in dpop = {
        .proof = op->app->dpop,
        .twice = op->app->dpop_twice,
        .method = "POST",
        .base = svc->shared->config->issuer,
        .endpoint = endpoints[op->app->action],
    };
    struct binding binding = {.kind = BINDING_NONE};
    struct oidc_verdict verdict;
    const char *why;

    verdict = svc_dpop_judge(&op->base, &dpop, op->app->body_in, &binding, &op->proof);
    if (verdict.error) {
        refuse(op,
               verdict.error == OIDC_USE_DPOP_NONCE ? APP_NEEDS_NONCE : APP_BAD_PROOF,
               verdict.description);
        return;
    }
    op->index = svc_app_index(svc, binding.thumbprint);
    why = svc_app_body_parse(op->app->action, op->app->body_in, &op->base.op->arena,
                             &op->body);
    if (why)
        refuse(op, APP_BAD_REQUEST, why);
    else if (op->app->action == APP_REGISTER)
        begin_register(&op->base);
    else if (op->app->action == APP_CHALLENGES)
        begin_challenges(&op->base);
    else if (op->app->action == APP_PUSH)
        begin_address(&op->base);
    else
        begin_answer(&op->base);
}

void svc_app(struct svc *svc, struct svc_app *app) {
    struct app_op *op = svc_op_begin(svc, &app->op, sizeof *op, finish);
    enum err err;

    if (!op) {
        app->done(app);
        return;
    }
    op->app = app;
    app->refusal = APP_SERVED;
    app->description = NULL;
    app->body = span_of(NULL, 0);
    err = svc_dpop_nonce(svc, &app->op.arena, &app->dpop_nonce);
    if (!err && app->action == APP_REGISTER &&
        !svc_within_limit(svc, app->op.from.address))
        err = ERR_BUSY;
    if (err)
        svc_fail(&op->base, err);
    else if (svc_fresh(&op->base))
        begin(op);
}
