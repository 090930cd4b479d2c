/* svc_factor_sms: a code sent to a telephone. To enrol a number it is typed first; it is
 * stored when the code that was sent there has come back. */
#include <stdio.h>

#include "server/domain/phone.h"
#include "server/svc_factor.h"
#include "server/svc_message.h"
#include "store/base/secret.h"

#define CODES 1000000u
#define CODE_TTL_MS (5u * 60 * 1000)

/* Each with the same probability: what is over the last multiple is drawn again. */
static uint32_t draw_code(struct svc *svc) {
    uint32_t drawn;

    do {
        svc_random(svc, &drawn, sizeof drawn);
    } while (drawn >= UINT32_MAX - UINT32_MAX % CODES);
    return drawn % CODES;
}

/* Of a code in this sign-in, sent for this factor: good for nothing else (E02). */
static struct key_hash hash_code(struct svc_flow *flow, struct id128 factor,
                                 const char code[SVC_FACTOR_CODE]) {
    struct key_hash signin = svc_factor_key(flow), hash;
    uint8_t bytes[sizeof signin.b + sizeof factor.b + SVC_FACTOR_CODE];

    memcpy(bytes, signin.b, sizeof signin.b);
    memcpy(bytes + sizeof signin.b, factor.b, sizeof factor.b);
    memcpy(bytes + sizeof signin.b + sizeof factor.b, code, SVC_FACTOR_CODE);
    hash = svc_hash(flow->base.svc, HASH_OTP, span_of(bytes, sizeof bytes));
    secret_wipe(bytes, sizeof bytes);
    return hash;
}

/* Send a code to the number; factor->challenge.factor is set. */
static void send(struct svc_flow *flow, struct span number) {
    struct svc_factor_state *factor = flow->factor;
    struct cmd_factor_challenge *cmd = &factor->challenge;
    struct svc *svc = flow->base.svc;
    struct message_draft draft = {
        .template = MESSAGE_SMS_CODE,
        .english = factor->english,
        .to = number,
        .ttl_ms = CODE_TTL_MS,
        .sub = &factor->signin.sub,
        .source = flow->base.op->from.address,
        .client_id = flow->request.client_id,
    };
    char code[SVC_FACTOR_CODE + 1];
    enum err err;

    snprintf(code, sizeof code, "%06u", (unsigned)draw_code(svc));
    message_draft_put(&draft, "code", span_str(code));
    err = svc_message_make(svc, &flow->base.op->arena, &draft, &cmd->message);
    cmd->has_code = true;
    cmd->code = hash_code(flow, cmd->factor, code);
    cmd->code_ttl_ms = CODE_TTL_MS;
    secret_wipe(code, sizeof code);
    if (err)
        svc_fail(&flow->base, err);
    else
        svc_factor_challenge(flow);
}

static void ask(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct span number;
    enum err err;

    if (!factor->chosen) { /* the number first */
        factor->signin.kind = 0;
        svc_factor_show(flow, NOTICE_NONE);
        return;
    }
    err = svc_factor_open(flow->base.svc, factor->chosen, &flow->base.op->arena, &number);
    factor->challenge.factor = factor->chosen->id;
    if (err)
        svc_fail(&flow->base, err == ERR_FORGED ? ERR_CORRUPT : err);
    else
        send(flow, number);
}

/* The number that is to be enrolled was typed. */
static void take_number(struct svc_flow *flow, struct span typed) {
    struct svc_factor_state *factor = flow->factor;
    const struct config *config = flow->base.svc->shared->config;
    struct phone phone;
    struct span number;
    enum err err;

    if (phone_parse(typed, &config->sms_country, &phone) != PHONE_OK) {
        factor->signin.kind = 0;
        svc_factor_show(flow, NOTICE_PHONE);
        return;
    }
    number = arena_dup(&flow->base.op->arena, phone_span(&phone));
    err = number.data ? svc_factor_keep(flow, number) : ERR_NOMEM;
    factor->challenge.factor = svc_random_id(flow->base.svc);
    if (err)
        svc_fail(&flow->base, err);
    else
        send(flow, number);
}

/* A code was sent, to an enrolled number or to the one that is to be. */
static bool code_was_sent(const struct svc_factor_state *factor) {
    return factor->signin.kind == FACTOR_SMS &&
           (factor->chosen != NULL) != factor->signin.enrols;
}

static enum err show_number(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct arena *arena = &flow->base.op->arena;
    char masked[1 + PHONE_DIGITS_MAX + 1];
    struct span number, copy;
    enum err err = factor->chosen
                       ? svc_factor_open(flow->base.svc, factor->chosen, arena, &number)
                       : svc_factor_kept(flow, &number);

    if (err)
        return err == ERR_FORGED ? ERR_CORRUPT : err;
    phone_mask(number, masked);
    copy = arena_dup(arena, span_str(masked));
    svc_factor_value(flow, "number", copy);
    return copy.data ? OK : ERR_NOMEM;
}

static enum err show(struct svc_flow *flow) {
    if (!code_was_sent(flow->factor) && !flow->factor->chosen) {
        svc_factor_value(flow, "asks_number", span_of("", 0));
        return OK;
    }
    svc_factor_value(flow, "asks_code", span_of("", 0));
    svc_factor_value(flow, "has_code", span_of("", 0));
    return show_number(flow);
}

static enum err fill_enrolled(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    struct arena *arena = &flow->base.op->arena;
    char masked[1 + PHONE_DIGITS_MAX + 1];
    struct span number;
    enum err err = svc_factor_kept(flow, &number);

    if (err)
        return err == ERR_FORGED ? ERR_CORRUPT : err;
    phone_mask(number, masked);
    factor->pass.enrolled.label = arena_dup(arena, span_str(masked));
    factor->pass.enrolled.index = svc_hash(svc, HASH_FACTOR, number);
    err = svc_factor_seal(svc, factor->signin.sub, factor->signin.factor, number, arena,
                          &factor->pass.enrolled.sealed);
    return err ? err : factor->pass.enrolled.label.data ? OK : ERR_NOMEM;
}

static void verify(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct span typed = svc_factor_field(flow, "phone");
    char code[SVC_FACTOR_CODE];
    enum err err = OK;

    if (!factor->chosen && (typed.len > 0 || !code_was_sent(factor))) {
        take_number(flow, typed);
        return;
    }
    if (!svc_factor_code(flow, code)) {
        svc_factor_show(flow, NOTICE_CODE_WRONG);
        return;
    }
    factor->pass.right = true; /* the state machine compares */
    factor->pass.code = hash_code(flow, factor->signin.factor, code);
    if (!factor->chosen)
        err = fill_enrolled(flow);
    if (err)
        svc_fail(&flow->base, err);
    else
        svc_factor_pass(flow);
}

const struct factor_method factor_method_sms = {
    .kind = FACTOR_SMS,
    .name = "sms",
    .auth = ACR_BY_SMS,
    .enrols_at_signin = true,
    .reaches = true,
    .ask = ask,
    .show = show,
    .verify = verify,
};
