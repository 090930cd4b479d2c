#include "server/svc_message.h"

#include <stdio.h>

#include "server/domain/account_id.h"
#include "server/domain/phone.h"
#include "server/svc_app_device.h"
#include "server/svc_internal.h"
#include "server/svc_origin.h"
#include "store/base/check.h"
#include "store/base/codec.h"

#define DRAFT_VERSION 1
#define DAY_MS (24u * 3600 * 1000)
#define BURST_MS (10u * 60 * 1000)
/* What a caller's number has in common with its neighbours: all but the last digits. */
#define NUMBER_TAIL 4
#define SUBJECT_MAX 1024
#define LINK_MAX 1024 /* as message_text.c prints */
#define BODY_MAX (64u * 1024)

/* ---- what is sealed */

static void put_bytes(struct span text, struct buf *out) {
    put_u16(out, (uint16_t)text.len);
    buf_put(out, text.data, text.len);
}

static enum err encode(const struct message_draft *draft, struct buf *out) {
    put_u8(out, DRAFT_VERSION);
    put_u8(out, (uint8_t)draft->template);
    put_u8(out, draft->english);
    put_u32(out, draft->ttl_ms);
    put_bytes(draft->to, out);
    put_u8(out, (uint8_t)draft->values_count);
    for (size_t i = 0; i < draft->values_count; i++) {
        if (draft->values[i].text.len > UINT16_MAX)
            return ERR_TOO_BIG;
        put_bytes(span_str(draft->values[i].name), out);
        put_bytes(draft->values[i].text, out);
    }
    return buf_err(out);
}

static enum err decode(struct span plain, struct arena *arena,
                       struct message_draft *ret_draft) {
    struct message_draft draft = {.sub = NULL};
    struct reader in = reader_of(plain);
    uint8_t version = read_u8(&in);

    draft.template = (enum message_template)read_u8(&in);
    draft.english = read_u8(&in) != 0;
    draft.ttl_ms = read_u32(&in);
    draft.to = arena_dup(arena, read_bytes(&in, read_u16(&in)));
    draft.values_count = read_u8(&in);
    if (in.bad || version != DRAFT_VERSION || draft.values_count > MESSAGE_VALUES_MAX)
        return ERR_FORGED;
    for (size_t i = 0; i < draft.values_count; i++) {
        struct span name = read_bytes(&in, read_u16(&in));
        draft.values[i].name = arena_strndup(arena, name.data, name.len);
        draft.values[i].text = arena_dup(arena, read_bytes(&in, read_u16(&in)));
        if (!draft.values[i].name || !draft.values[i].text.data)
            return in.bad ? ERR_FORGED : ERR_NOMEM;
    }
    if (in.bad || reader_left(&in) != 0)
        return ERR_FORGED;
    if (!draft.to.data)
        return ERR_NOMEM;
    *ret_draft = draft;
    return OK;
}

enum err svc_message_open(struct sealer *sealer, struct id128 id, struct span sealed,
                          struct arena *arena, struct message_draft *ret_draft) {
    struct buf plain;
    enum err err;

    buf_init(&plain, LIMIT_SEALED_MESSAGE);
    err = sealer_open(sealer, SEAL_MESSAGE, span_of(id.b, sizeof id.b), sealed, &plain);
    if (!err)
        err = decode(buf_span(&plain), arena, ret_draft);
    buf_free(&plain);
    return err;
}

enum err svc_message_link(struct arena *arena, const char *path, struct span token,
                          struct span *ret_link) {
    struct buf link;
    enum err err;

    buf_init(&link, LINK_MAX);
    buf_str(&link, path);
    buf_put(&link, token.data, token.len);
    err = svc_take(arena, &link, ret_link);
    buf_free(&link);
    return err;
}

/* ---- caps */

struct capping {
    struct svc *svc;
    struct caps *caps;
};

/* At most `max` in the window, of what `what` and `whom` name together; of everybody when
 * that is nobody. */
static void cap(struct capping *c, const char *what, struct span whom, uint32_t max,
                uint32_t window_ms) {
    struct buf *scratch = &c->svc->scratch;
    struct cap *at = &c->caps->at[c->caps->count++];

    buf_reset(scratch);
    buf_str(scratch, what);
    buf_put(scratch, " ", 1);
    buf_put(scratch, whom.data, whom.len);
    *at = (struct cap){svc_hash(c->svc, HASH_COUNTER, buf_span(scratch)), max, window_ms,
                       whom.len == 0, false};
}

/* Who asks: the address, and the network beyond it that one customer has. */
static void cap_source(struct capping *c, struct span source, const char *const what[2],
                       uint32_t max, uint32_t max_site) {
    char network[SVC_NETWORK_MAX], site[SVC_NETWORK_MAX];

    if (source.len == 0)
        return;
    cap(c, what[0], svc_network_of(source, network), max, DAY_MS);
    cap(c, what[1], svc_site_of(source, site), max_site, DAY_MS);
}

static void cap_sms(struct capping *c, const struct message_draft *draft) {
    const struct config *config = c->svc->shared->config;
    static const char *const sources[] = {"sms source", "sms site"};
    struct span number = draft->to;

    cap(c, "sms number", number, config->sms_cap_number, DAY_MS);
    cap(c, "sms burst", number, config->sms_cap_burst, BURST_MS);
    cap(c, "sms prefix", span_of(number.data, number.len - NUMBER_TAIL),
        config->sms_cap_prefix, DAY_MS);
    cap(c, "sms all", span_str(""), config->sms_cap_all, DAY_MS);
    if (memcmp(number.data, "+81", 3) != 0)
        cap(c, "sms foreign", span_str(""), config->sms_cap_foreign, DAY_MS);
    cap_source(c, draft->source, sources, config->sms_cap_source, config->sms_cap_site);
    if (draft->client_id.len > 0)
        cap(c, "sms client", draft->client_id, config->sms_cap_client, DAY_MS);
}

/* Of one address, asked for by one network: half of what the address may be sent, so that
 * a stranger in another one does not use it up. */
static void cap_share(struct capping *c, const struct message_draft *draft) {
    uint32_t max = c->svc->shared->config->mail_cap_address;
    char site[SVC_NETWORK_MAX], whom[SVC_NETWORK_MAX + 1 + LIMIT_ACCOUNT_ID];
    struct span from = svc_site_of(draft->source, site);
    int len = snprintf(whom, sizeof whom, "%.*s %.*s", (int)from.len,
                       (const char *)from.data, (int)draft->to.len,
                       (const char *)draft->to.data);

    CHECK(len > 0 && (size_t)len < sizeof whom);
    cap(c, "mail share", span_of(whom, (size_t)len), max - max / 2, DAY_MS);
    c->caps->at[c->caps->count - 1].yields = true;
}

/* Who has no account yet has a share of their own: strangers cannot use up what holders
 * need to get in again. */
static void cap_mail(struct capping *c, const struct message_draft *draft) {
    static const char *const sources[] = {"mail source", "mail site"};
    const struct config *config = c->svc->shared->config;

    cap(c, "mail address", draft->to, config->mail_cap_address, DAY_MS);
    c->caps->at[c->caps->count - 1].yields = true;
    if (draft->source.len > 0)
        cap_share(c, draft);
    cap(c, draft->sub ? "mail all" : "mail strangers", span_str(""),
        config->mail_cap_all, DAY_MS);
    cap_source(c, draft->source, sources, config->mail_cap_source,
               config->mail_cap_site);
}

/* ---- making */

static bool recipient_ok(const struct message_spec *spec, struct span to) {
    struct account_id id;

    if (spec->kind == OUTBOX_SMS)
        return phone_is_e164(to);
    if (spec->kind == OUTBOX_PUSH)
        return svc_app_address_ok(to);
    return account_id_parse(to, &id, NULL) && span_equal(account_id_span(&id), to);
}

/* Does it make a text? So that the sender never finds out that it does not. */
static enum err try_text(struct svc *svc, const struct message_draft *draft) {
    const struct config *config = svc->shared->config;
    struct message_place place = message_place(config->issuer, config->environment);
    struct buf subject, body;
    enum err err;

    buf_init(&subject, SUBJECT_MAX);
    buf_init(&body, BODY_MAX);
    err = message_text(draft->template, draft->english, &place, draft->ttl_ms,
                       draft->values, draft->values_count, &subject, &body);
    buf_free(&subject);
    buf_free(&body);
    return err;
}

static enum err seal(struct svc *svc, struct arena *arena,
                     const struct message_draft *draft, struct message_out *message) {
    struct buf plain, sealed;
    enum err err;

    buf_init(&plain, LIMIT_SEALED_MESSAGE - SEAL_OVERHEAD);
    buf_init(&sealed, LIMIT_SEALED_MESSAGE);
    err = encode(draft, &plain);
    if (!err)
        err = sealer_seal(svc->sealer, SEAL_MESSAGE,
                          span_of(message->id.b, sizeof message->id.b),
                          buf_span(&plain), &sealed);
    if (!err)
        err = svc_take(arena, &sealed, &message->sealed);
    buf_free(&plain);
    buf_free(&sealed);
    return err;
}

enum err svc_message_make(struct svc *svc, struct arena *arena,
                          const struct message_draft *draft,
                          struct message_out *ret_message) {
    const struct message_spec *spec = message_spec(draft->template);
    struct message_out message = {.present = true};
    struct message_draft filled = *draft;
    struct capping capping = {svc, &message.caps};
    enum err err;

    if (!spec || draft->values_count > MESSAGE_VALUES_MAX ||
        draft->client_id.len > LIMIT_CLIENT_ID || !recipient_ok(spec, draft->to))
        return ERR_INVALID;
    if (filled.ttl_ms == 0)
        filled.ttl_ms = spec->ttl_ms;
    err = try_text(svc, &filled);
    if (err)
        return err;
    message.id = svc_random_id(svc);
    message.kind = spec->kind;
    message.has_sub = draft->sub != NULL;
    if (draft->sub)
        message.sub = *draft->sub;
    message.recipient = svc_hash(svc, HASH_RECIPIENT, draft->to);
    message.ttl_ms = filled.ttl_ms;
    message.client_id = draft->client_id;
    if (spec->kind == OUTBOX_SMS)
        cap_sms(&capping, draft);
    else if (spec->asked || draft->asked)
        cap_mail(&capping, draft);
    err = seal(svc, arena, &filled, &message);
    if (!err)
        *ret_message = message;
    return err;
}
