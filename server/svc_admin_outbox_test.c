/* svc_admin_outbox_test: an operator's message to one address, number or app, through the
 * outbox and the providers, as people's go: does it arrive, and how does it read?
 *
 * In production it says that it is a test, and no more: whoever may look after the
 * cluster may not write to people in its name. Elsewhere it may be any of the texts. */
#include "server/svc_admin_internal.h"
#include "server/domain/account_id.h"
#include "server/domain/phone.h"
#include "server/svc_app_device.h"
#include "server/svc_message.h"
#include "store/base/codec.h"

#define SOURCE_MAX 45 /* of a textual IP address */
#define VALUE_MAX 4096
#define TEMPLATE_NAME_MAX 64
#define VALID_S_MAX (7 * 24 * 3600)

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

static void read_mail(struct admin_op *op, struct span mail,
                      struct message_draft *draft) {
    const char *why = "";
    struct account_id id;

    draft->template = MESSAGE_TEST_MAIL;
    if (account_id_parse(mail, &id, &why))
        draft->to = arena_dup(&op->admin->op.arena, account_id_span(&id));
    else
        svc_json_fail(&op->json, "mail: %s", why);
}

static void read_sms(struct admin_op *op, struct span sms, struct message_draft *draft) {
    struct phone phone;
    enum phone_refusal refusal =
        phone_parse(sms, &op->base.svc->shared->config->sms_country, &phone);

    draft->template = MESSAGE_TEST_SMS;
    if (refusal)
        svc_json_fail(&op->json, "sms: %s", phone_refusal_str(refusal));
    else
        draft->to = arena_dup(&op->admin->op.arena, phone_span(&phone));
}

static void read_push(struct admin_op *op, struct span push,
                      struct message_draft *draft) {
    draft->template = MESSAGE_TEST_PUSH;
    if (svc_app_address_ok(push))
        draft->to = arena_dup(&op->admin->op.arena, push);
    else
        svc_json_fail(&op->json, "push: not the address of an app, as fcm:TOKEN");
}

/* One of the three, and one recipient, which lives in the op's arena. */
static void read_to(struct admin_op *op, struct message_draft *draft) {
    struct svc_json *json = &op->json;
    struct span mail = svc_json_text(json, "mail", false, 1, LIMIT_ACCOUNT_ID);
    struct span sms = svc_json_text(json, "sms", false, 1, PHONE_INPUT_MAX);
    struct span push = svc_json_text(json, "push", false, 1, SVC_APP_ADDRESS_MAX);

    if (!json->failed && (mail.len > 0) + (sms.len > 0) + (push.len > 0) != 1)
        svc_json_fail(json, "one of mail, sms and push is expected");
    if (json->failed)
        return;
    if (mail.len > 0)
        read_mail(op, mail, draft);
    else if (sms.len > 0)
        read_sms(op, sms, draft);
    else
        read_push(op, push, draft);
}

static const char *sample(enum message_value_kind kind) {
    static const char *const samples[] = {
        [VALUE_PLAIN] = "012345",
        [VALUE_TEXT] = "見本 / sample",
        [VALUE_LINES] = "1) 見本 / sample\n2) 見本 / sample",
        [VALUE_LINK] = "/sample?t=0123456789",
    };
    return samples[kind];
}

/* Those of `values`, and samples for the others. */
static void read_values(struct admin_op *op, struct message_draft *draft) {
    const struct message_spec *spec = message_spec(draft->template);
    json_t *values = json_object_get(op->json.root, "values");

    if (values && !json_is_object(values))
        svc_json_fail(&op->json, "values: an object is expected");
    for (size_t i = 0; spec->values[i].name; i++) {
        json_t *value = json_object_get(values, spec->values[i].name);
        const char *text = value ? json_string_value(value) : NULL;

        if (value && (!text || json_string_length(value) > VALUE_MAX))
            svc_json_fail(&op->json, "values.%s: a string of at most %d bytes is expected",
                          spec->values[i].name, VALUE_MAX);
        message_draft_put(draft, spec->values[i].name,
                          text ? span_of(text, json_string_length(value))
                               : span_str(sample(spec->values[i].kind)));
    }
}

/* How long it is true; 0: as the template says. */
static uint32_t read_valid_s(struct svc_json *json) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, "valid_s");
    json_int_t seconds = json_is_integer(value) ? json_integer_value(value) : 0;

    if (value && (seconds < 1 || seconds > VALID_S_MAX))
        svc_json_fail(json, "valid_s: 1 to %d are expected", VALID_S_MAX);
    return json->failed ? 0 : (uint32_t)seconds;
}

/* What an operator of a demo or of the verification environment may ask for more. */
static void read_more(struct admin_op *op, struct message_draft *draft) {
    struct svc_json *json = &op->json;
    const struct message_spec *spec = message_spec(draft->template);
    enum outbox_kind kind = spec->kind;
    struct span name = svc_json_text(json, "template", false, 1, TEMPLATE_NAME_MAX);
    struct span source = svc_json_text(json, "source", false, 1, SOURCE_MAX);
    uint32_t valid_s = read_valid_s(json);

    if ((name.len > 0 || source.len > 0 || valid_s > 0) &&
        op->base.svc->shared->config->environment == ENV_PRODUCTION) {
        svc_json_fail(json, "template, source, valid_s: not in the environment production");
        return;
    }
    draft->source = source;
    draft->ttl_ms = 1000 * valid_s;
    for (int i = 1; i <= MESSAGE_TEMPLATE_LAST && name.len > 0; i++)
        if (span_is(name, message_spec((enum message_template)i)->name))
            draft->template = (enum message_template)i;
    spec = message_spec(draft->template);
    if (name.len > 0 && (!span_is(name, spec->name) || spec->kind != kind))
        svc_json_fail(json, "template: there is none of this name for %s",
                      kind == OUTBOX_MAIL  ? "mail"
                      : kind == OUTBOX_SMS ? "sms"
                                           : "push");
}

/* The answer names the message; the document keeps the name until then. */
static void keep_id(struct svc_json *json, struct id128 id) {
    char text[33];

    hex_encode(span_of(id.b, sizeof id.b), text);
    if (json_object_set_new(json->root, "id", json_string(text)) != 0)
        svc_json_fail(json, "out of memory");
}

void svc_admin_outbox_test(struct admin_op *op) {
    static const char *const members[] = {"mail",     "sms",    "push",   "english",
                                          "template", "values", "source", "valid_s",
                                          NULL};
    struct command command = {.type = CMD_MESSAGE_SEND};
    struct message_out *message = &command.message_send.message;
    struct message_draft draft = {.sub = NULL};
    struct svc *svc = op->base.svc;
    struct svc_json *json = &op->json;
    char when[MESSAGE_TIME_MAX];
    enum err err = OK;

    svc_json_parse(json, op->admin->body_in, members);
    draft.english = svc_json_bool(json, "english", false);
    read_to(op, &draft);
    if (!json->failed)
        read_more(op, &draft);
    if (!json->failed)
        read_values(op, &draft);
    if (json->failed) {
        svc_admin_invalid(op);
        return;
    }
    message_time(repl_now_ms(svc->shared->repl), draft.english, when);
    for (size_t i = 0; i < draft.values_count; i++)
        if (strcmp(draft.values[i].name, "when") == 0)
            draft.values[i].text = span_str(when);
    err = draft.to.data ? svc_message_make(svc, &op->admin->op.arena, &draft, message)
                        : ERR_NOMEM;
    if (err == ERR_INVALID)
        svc_json_fail(json, "values: one is not what the template takes");
    else if (!err)
        keep_id(json, message->id);
    if (json->failed)
        svc_admin_invalid(op);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, sent);
}
