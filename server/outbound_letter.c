/* outbound_letter: what a person is told, opened, written out, and handed to a provider.
 *
 * A gateway gets {"id","to","text"} by POST with the id as Idempotency-Key (and a bearer
 * secret, if there is one); any 2xx is its word that it has the message. 400 and 422 say
 * that it never will; everything else, that it may another time. */
#include <stdio.h>

#include "server/message_mail.h"
#include "server/outbound_internal.h"
#include "server/svc_message.h"
#include "store/base/codec.h"

#define SUBJECT_MAX 1024
#define BODY_MAX (64u * 1024)

static enum err load(struct outbound_maker *maker, struct id128 id, struct arena *arena,
                     struct outbox_message *ret_message) {
    enum err err = store_read_begin(maker->read);

    if (err)
        return err;
    err = store_outbox_get(maker->read, arena, id, ret_message);
    store_read_end(maker->read);
    return err;
}

static enum err write_mail(struct outbound_maker *maker, struct id128 id,
                           const struct message_draft *draft, struct span subject,
                           struct span text, struct buf *out) {
    const struct config *config = maker->shared->config;
    struct message_place place = message_place(config->issuer, config->environment);
    struct mail mail = {
        .from = span_str(config->smtp_from),
        .to = draft->to,
        .from_name = span_str(message_product(config->environment, draft->english)),
        .subject = subject,
        .body = text,
        .host = place.host,
        .id = id,
        .english = draft->english,
        .now_ms = repl_now_ms(maker->shared->repl),
    };

    return message_mail(&mail, out);
}

static enum err write_json(struct id128 id, const struct message_draft *draft,
                           struct span text, struct buf *out) {
    char id_text[33];

    hex_encode(span_of(id.b, sizeof id.b), id_text);
    buf_str(out, "{");
    buf_json_member(out, "id", span_str(id_text));
    buf_json_member(out, "to", draft->to);
    buf_json_member(out, "text", text);
    buf_str(out, "}");
    return buf_err(out);
}

enum err outbound_letter_make(struct outbound_maker *maker, struct id128 id,
                              struct arena *arena, struct letter *ret_letter,
                              struct buf *out) {
    const struct config *config = maker->shared->config;
    struct message_place place = message_place(config->issuer, config->environment);
    struct message_draft draft;
    struct outbox_message row;
    struct buf subject, text;
    enum err err = load(maker, id, arena, &row);

    if (err)
        return err;
    buf_init(&subject, SUBJECT_MAX);
    buf_init(&text, BODY_MAX);
    err = svc_message_open(maker->sealer, id, row.sealed, arena, &draft);
    if (!err)
        err = message_text(draft.template, draft.english, &place, draft.ttl_ms,
                           draft.values, draft.values_count, &subject, &text);
    if (!err)
        err = row.kind == OUTBOX_MAIL
                  ? write_mail(maker, id, &draft, buf_span(&subject), buf_span(&text),
                               out)
                  : write_json(id, &draft, buf_span(&text), out);
    if (!err)
        *ret_letter = (struct letter){row.kind, id, draft.to};
    buf_free(&subject);
    buf_free(&text);
    return err;
}

static const char *secret_text(const struct secret *secret) {
    return secret->len > 0 ? (const char *)secret->data : NULL;
}

enum err outbound_letter_send(struct outbound_calls *calls, size_t tag,
                              const struct config *config,
                              const struct provider *provider,
                              const struct letter *letter, struct span body) {
    char id[33], from[sizeof config->smtp_from + 2], to[MESSAGE_TO_MAX + 3];
    struct outbound_request request = {
        .url = provider->url,
        .timeout_ms = provider->timeout_ms,
        .body = body,
    };

    hex_encode(span_of(letter->id.b, sizeof letter->id.b), id);
    if (letter->kind != OUTBOX_MAIL) {
        request.idempotency_key = id;
        request.bearer = secret_text(&provider->password);
        return outbound_calls_json(calls, tag, &request);
    }
    if (letter->to.len > MESSAGE_TO_MAX)
        return ERR_INVALID;
    snprintf(from, sizeof from, "<%s>", config->smtp_from);
    snprintf(to, sizeof to, "<%.*s>", (int)letter->to.len,
             (const char *)letter->to.data);
    request.mail_from = from;
    request.mail_to = to;
    request.user = secret_text(&provider->user);
    request.password = secret_text(&provider->password);
    request.starttls = provider->starttls;
    return outbound_calls_mail(calls, tag, &request);
}

/* RFC 5321 §4.2.3: of replies that are for ever, those about the mail box alone. */
static bool mail_box_refused(int status) {
    return status == 550 || status == 551 || status == 553;
}

enum outbox_reason outbound_letter_reason(enum outbox_kind kind,
                                          const struct outbound_result *result) {
    bool refused = kind == OUTBOX_MAIL
                       ? mail_box_refused(result->status)
                       : result->status == 400 || result->status == 422;

    if (result->end != OUTBOUND_ANSWERED)
        return outbound_end_reason(result->end);
    if (result->status >= 200 && result->status < 300)
        return OUTBOX_NO_REASON;
    return refused ? OUTBOX_REFUSED : OUTBOX_STATUS;
}
