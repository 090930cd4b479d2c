#include "server/svc_sms_code.h"

#include <stdio.h>

#include "server/domain/phone.h"
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

struct key_hash svc_sms_code_hash(struct svc *svc, struct key_hash signin,
                                  struct id128 factor,
                                  const char code[SVC_FACTOR_CODE]) {
    uint8_t bytes[sizeof signin.b + sizeof factor.b + SVC_FACTOR_CODE];
    struct key_hash hash;

    memcpy(bytes, signin.b, sizeof signin.b);
    memcpy(bytes + sizeof signin.b, factor.b, sizeof factor.b);
    memcpy(bytes + sizeof signin.b + sizeof factor.b, code, SVC_FACTOR_CODE);
    hash = svc_hash(svc, HASH_OTP, span_of(bytes, sizeof bytes));
    secret_wipe(bytes, sizeof bytes);
    return hash;
}

enum err svc_sms_code_make(struct svc *svc, struct arena *arena,
                           const struct svc_sms_to *to,
                           struct cmd_factor_challenge *cmd) {
    struct message_draft draft = {
        .template = MESSAGE_SMS_CODE,
        .english = to->english,
        .to = to->number,
        .ttl_ms = CODE_TTL_MS,
        .sub = to->sub,
        .source = to->source,
        .client_id = to->client_id,
    };
    char code[SVC_FACTOR_CODE + 1];
    enum err err;

    snprintf(code, sizeof code, "%06u", (unsigned)draw_code(svc));
    message_draft_put(&draft, "code", span_str(code));
    err = svc_message_make(svc, arena, &draft, &cmd->message);
    cmd->has_code = true;
    cmd->code = svc_sms_code_hash(svc, cmd->signin, cmd->factor, code);
    cmd->code_ttl_ms = CODE_TTL_MS;
    secret_wipe(code, sizeof code);
    return err;
}

enum err svc_sms_factor(struct svc *svc, struct arena *arena, struct id128 sub,
                        struct id128 id, struct span number, struct factor *ret_factor) {
    char masked[1 + PHONE_DIGITS_MAX + 1];

    phone_mask(number, masked);
    ret_factor->kind = FACTOR_SMS;
    ret_factor->label = arena_dup(arena, span_str(masked));
    ret_factor->index = svc_hash(svc, HASH_FACTOR, number);
    return !ret_factor->label.data
               ? ERR_NOMEM
               : svc_factor_seal(svc, sub, id, number, arena, &ret_factor->sealed);
}
