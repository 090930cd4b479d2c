/* svc_factor_sms: a code sent to a telephone. To enrol a number it is typed first; it is
 * stored when the code that was sent there has come back. */
#include "server/domain/phone.h"
#include "server/svc_factor.h"
#include "server/svc_sms_code.h"

/* Send a code to the number; factor->challenge.factor is set. */
static void send(struct svc_flow *flow, struct span number) {
    struct svc_factor_state *factor = flow->factor;
    const struct svc_sms_to to = {
        .english = factor->english,
        .number = number,
        .sub = &factor->signin.sub,
        .source = flow->base.op->from.address,
        .client_id = flow->request.client_id,
    };
    enum err err;

    factor->challenge.signin = svc_factor_key(flow);
    err = svc_sms_code_make(flow->base.svc, &flow->base.op->arena, &to,
                            &factor->challenge);
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
    struct span number;
    enum err err = svc_factor_kept(flow, &number);

    if (err)
        return err == ERR_FORGED ? ERR_CORRUPT : err;
    return svc_sms_factor(flow->base.svc, &flow->base.op->arena, factor->signin.sub,
                          factor->signin.factor, number, &factor->pass.enrolled);
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
    factor->pass.code = svc_sms_code_hash(flow->base.svc, svc_factor_key(flow),
                                          factor->signin.factor, code);
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
