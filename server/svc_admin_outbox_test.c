/* svc_admin_outbox_test: an operator's message to one address or number, through the
 * outbox and the providers, as people's go: does it arrive? */
#include "server/svc_admin_internal.h"
#include "server/domain/account_id.h"
#include "server/domain/phone.h"
#include "server/svc_message.h"
#include "store/base/codec.h"

static void sent(struct svc_state *state) {
    struct admin_op *op = (struct admin_op *)state;
    struct buf *out = &state->svc->scratch;

    switch (state->request.outcome.code) {
    case OUT_OK:
        buf_reset(out);
        buf_str(out, "{");
        buf_json_member(out, "id", svc_json_text(&op->json, "id", true, 32, 32));
        buf_str(out, "}");
        svc_admin_answer(op, out);
        return;
    case OUT_LIMITED:
        svc_admin_refuse(op, ADMIN_CONFLICT,
                         "as many messages were sent as may be: to it, to its "
                         "neighbours, or to all (sms_cap_*, mail_cap_*)");
        return;
    case OUT_FULL:
        svc_admin_refuse(op, ADMIN_CONFLICT, "too many messages wait; see outbox list");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* One of the two, and one recipient. *ret_to lives in the op's arena. */
static enum message_template read_to(struct admin_op *op, struct span *ret_to) {
    struct svc_json *json = &op->json;
    struct span mail = svc_json_text(json, "mail", false, 1, LIMIT_ACCOUNT_ID);
    struct span sms = svc_json_text(json, "sms", false, 1, PHONE_INPUT_MAX);
    struct arena *arena = &op->admin->op.arena;
    const char *why = "";
    struct account_id id;
    struct phone phone;
    enum phone_refusal refusal;

    if (!json->failed && (mail.len > 0) == (sms.len > 0)) {
        svc_json_fail(json, "one of mail and sms is expected");
    } else if (!json->failed && mail.len > 0) {
        if (!account_id_parse(mail, &id, &why))
            svc_json_fail(json, "mail: %s", why);
        else
            *ret_to = arena_dup(arena, account_id_span(&id));
        return MESSAGE_TEST_MAIL;
    } else if (!json->failed) {
        refusal = phone_parse(sms, &op->base.svc->shared->config->sms_country, &phone);
        if (refusal)
            svc_json_fail(json, "sms: %s", phone_refusal_str(refusal));
        else
            *ret_to = arena_dup(arena, phone_span(&phone));
    }
    return MESSAGE_TEST_SMS;
}

/* The answer names the message; the document keeps the name until then. */
static void keep_id(struct svc_json *json, struct id128 id) {
    char text[33];

    hex_encode(span_of(id.b, sizeof id.b), text);
    if (json_object_set_new(json->root, "id", json_string(text)) != 0)
        svc_json_fail(json, "out of memory");
}

void svc_admin_outbox_test(struct admin_op *op) {
    static const char *const members[] = {"mail", "sms", "english", NULL};
    struct command command = {.type = CMD_MESSAGE_SEND};
    struct message_out *message = &command.message_send.message;
    struct message_draft draft = {.sub = NULL};
    struct svc *svc = op->base.svc;
    struct svc_json *json = &op->json;
    char when[MESSAGE_TIME_MAX];
    enum err err;

    svc_json_parse(json, op->admin->body_in, members);
    draft.english = svc_json_bool(json, "english", false);
    draft.template = read_to(op, &draft.to);
    if (json->failed) {
        svc_admin_invalid(op);
        return;
    }
    message_time(repl_now_ms(svc->shared->repl), draft.english, when);
    message_draft_put(&draft, "when", span_str(when));
    err = draft.to.data ? svc_message_make(svc, &op->admin->op.arena, &draft, message)
                        : ERR_NOMEM;
    if (!err)
        keep_id(json, message->id);
    if (err)
        svc_fail(&op->base, err);
    else if (json->failed)
        svc_admin_invalid(op);
    else
        svc_submit(&op->base, &command, sent);
}
