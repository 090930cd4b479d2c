#include "server/svc_application_mail.h"

#include "server/domain/defect.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define PATH_MAX_BYTES 256
#define LINES_MAX 4096
#define ACTIVATE_PATH "/apply/activate?token="
#define STATUS_PATH "/apply/status"

enum err svc_application_token(struct svc *svc, struct arena *arena, const char *head,
                               struct key_hash *ret_hash, struct span *ret_path) {
    uint8_t secret[APPLICATION_TOKEN_LEN];
    char text[64];
    struct buf path;
    enum err err;

    _Static_assert(sizeof text > (APPLICATION_TOKEN_LEN * 4 + 2) / 3, "a token fits");
    svc_random(svc, secret, sizeof secret);
    *ret_hash = svc_hash(svc, HASH_APPLICATION_TOKEN, span_of(secret, sizeof secret));
    base64url_encode(span_of(secret, sizeof secret), text);
    buf_init(&path, PATH_MAX_BYTES);
    buf_str(&path, head);
    buf_str(&path, text);
    err = svc_take(arena, &path, ret_path);
    buf_free(&path);
    secret_wipe(secret, sizeof secret);
    secret_wipe(text, sizeof text);
    return err;
}

enum err svc_application_token_read(struct svc *svc, struct span text,
                                    struct key_hash *ret_hash) {
    uint8_t secret[APPLICATION_TOKEN_LEN];
    size_t len = 0;

    if (text.len != base64url_len(sizeof secret) ||
        base64url_decode(text, secret, sizeof secret, &len) != OK ||
        len != sizeof secret)
        return ERR_FORGED;
    *ret_hash = svc_hash(svc, HASH_APPLICATION_TOKEN, span_of(secret, sizeof secret));
    secret_wipe(secret, sizeof secret);
    return OK;
}

/* 屋号 may be missing: then it is the person. NULL data: no memory, which svc_message_make
 * refuses. */
static struct span addressee(struct arena *arena, const struct profile *profile) {
    struct span last = profile->fields[PROFILE_REP_LAST_NAME];
    struct span first = profile->fields[PROFILE_REP_FIRST_NAME];
    uint8_t *text;

    if (profile->fields[PROFILE_NAME].len > 0)
        return profile->fields[PROFILE_NAME];
    text = arena_alloc(arena, last.len + 1 + first.len);
    if (!text || last.len == 0)
        return span_of("", 0);
    memcpy(text, last.data, last.len);
    text[last.len] = ' ';
    memcpy(text + last.len + 1, first.len > 0 ? (const void *)first.data : "", first.len);
    return span_of(text, last.len + 1 + first.len);
}

struct message_draft svc_application_draft(struct arena *arena,
                                           enum message_template template,
                                           const struct application *application,
                                           const struct profile *profile) {
    struct message_draft draft = {
        .template = template,
        .english = application->english,
        .to = profile->fields[PROFILE_EMAIL],
    };

    message_draft_put(&draft, "company", addressee(arena, profile));
    message_draft_put(&draft, "application_id",
                      arena_dup(arena, span_str(application->id.text)));
    return draft;
}

enum err svc_application_later(struct svc *svc, struct arena *arena,
                               enum application_mail_kind kind, uint32_t after_s,
                               const struct message_draft *draft,
                               struct application_mails *later) {
    struct message_out message;
    enum err err = svc_message_make(svc, arena, draft, &message);

    if (err)
        return err;
    if (message.sealed.len > APPLICATION_MAIL_SEALED ||
        later->count == APPLICATION_MAILS_MAX)
        return ERR_TOO_BIG;
    later->at[later->count++] = (struct application_mail){
        .kind = kind,
        .after_s = after_s,
        .id = message.id,
        .recipient = message.recipient,
        .sealed = message.sealed,
    };
    return OK;
}

/* A moment as the mail says it, in the arena. */
static struct span moment(struct arena *arena, uint64_t ms, bool english) {
    char text[MESSAGE_TIME_MAX];

    message_time(ms, english, text);
    return arena_dup(arena, span_str(text));
}

enum err svc_application_awaiting(struct svc *svc, struct arena *arena,
                                  const struct application *application,
                                  const struct profile *profile,
                                  struct application_mails *ret_later) {
    const struct config *config = svc->shared->config;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    uint64_t lapse_ms = now_ms + config->application_lapse_s * 1000ull;
    struct application_mails later = {.count = 0};
    struct message_draft draft = svc_application_draft(
        arena, MESSAGE_APPLICATION_ARRIVED, application, profile);
    struct span lines;
    enum err err;

    message_draft_put(&draft, "link", span_str(STATUS_PATH));
    err = svc_application_later(svc, arena, APPLICATION_MAIL_ARRIVED, 0, &draft, &later);
    if (!err && config->application_remind_s < config->application_lapse_s) {
        draft = svc_application_draft(arena, MESSAGE_APPLICATION_REMINDER, application,
                                      profile);
        message_draft_put(&draft, "applied", moment(arena, now_ms, draft.english));
        message_draft_put(&draft, "deadline", moment(arena, lapse_ms, draft.english));
        err = svc_application_later(svc, arena, APPLICATION_MAIL_DOCUMENTS,
                                    config->application_remind_s, &draft, &later);
    }
    if (!err)
        err = svc_application_defects(arena, DEFECT_NO_DOCUMENTS, application->english,
                                      &lines);
    if (!err) {
        draft = svc_application_draft(arena, MESSAGE_APPLICATION_INCOMPLETE, application,
                                      profile);
        message_draft_put(&draft, "reasons", lines);
        err = svc_application_later(svc, arena, APPLICATION_MAIL_LAPSED,
                                    config->application_lapse_s, &draft, &later);
    }
    if (!err)
        *ret_later = later;
    return err;
}

/* ---- activation */

#define DAY_S 86400u
#define LAST_REMINDER_S (7u * DAY_S) /* before the end */

/* Each has a link of its own: the first one's would have ended by then. */
static enum err add_reminder(struct svc *svc, struct arena *arena, uint32_t after_s,
                             const struct application *application,
                             const struct profile *profile, struct span deadline,
                             struct application_mails *later) {
    struct message_draft draft = svc_application_draft(
        arena, MESSAGE_APPLICATION_ACTIVATE, application, profile);
    struct key_hash token;
    struct span path;
    enum err err = svc_application_token(svc, arena, ACTIVATE_PATH, &token, &path);

    if (err)
        return err;
    draft.ttl_ms = SVC_ACTIVATION_TTL_MS;
    message_draft_put(&draft, "deadline", deadline);
    message_draft_put(&draft, "link", path);
    err = svc_application_later(svc, arena, APPLICATION_MAIL_ACTIVATE, after_s, &draft,
                                later);
    if (!err) {
        later->at[later->count - 1].token = token;
        later->at[later->count - 1].token_ttl_ms = SVC_ACTIVATION_TTL_MS;
    }
    return err;
}

/* What comes after the mail of approval, which lapses in so long; `lapses`: with the word
 * of that, which a renewal leaves as it is. */
static enum err add_later(struct svc *svc, struct arena *arena, uint32_t lapse_s,
                          bool lapses, const struct application *application,
                          const struct profile *profile, struct span deadline,
                          struct application_mails *later) {
    uint32_t remind_s = svc->shared->config->activation_remind_s;
    uint32_t at_s[] = {remind_s, remind_s < lapse_s / 4 ? 4 * remind_s : lapse_s,
                       lapse_s > LAST_REMINDER_S ? lapse_s - LAST_REMINDER_S : lapse_s};
    struct message_draft draft;
    enum err err = OK;

    if (at_s[2] < at_s[1] + DAY_S) /* one of the two will do */
        at_s[2] = lapse_s;
    for (size_t i = 0; i < sizeof at_s / sizeof at_s[0] && !err; i++)
        if (at_s[i] < lapse_s)
            err = add_reminder(svc, arena, at_s[i], application, profile, deadline,
                               later);
    if (err || !lapses)
        return err;
    draft = svc_application_draft(arena, MESSAGE_APPLICATION_EXPIRED, application,
                                  profile);
    return svc_application_later(svc, arena, APPLICATION_MAIL_EXPIRED, lapse_s, &draft,
                                 later);
}

enum err svc_activation_out(struct svc *svc, struct arena *arena,
                            const struct application *application,
                            const struct span *asked_from,
                            struct svc_activation_out *ret_out) {
    struct svc_activation_out out = {.token_ttl_ms = SVC_ACTIVATION_TTL_MS};
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    uint64_t ends_ms = store_application_lapses_ms(application);
    bool first = ends_ms == 0;
    struct message_draft draft;
    struct profile profile;
    struct span path, deadline;
    enum err err = svc_application_open(svc, arena, application, &profile);

    if (!err)
        err = svc_application_token(svc, arena, ACTIVATE_PATH, &out.token, &path);
    if (err)
        return err;
    if (first)
        ends_ms = now_ms + svc->shared->config->activation_lapse_s * 1000ull;
    deadline = moment(arena, ends_ms, application->english);
    draft = svc_application_draft(arena, MESSAGE_APPLICATION_APPROVED, application,
                                  &profile);
    draft.ttl_ms = SVC_ACTIVATION_TTL_MS;
    message_draft_put(&draft, "deadline", deadline);
    message_draft_put(&draft, "link", path);
    draft.asked = asked_from != NULL;
    draft.source = asked_from ? *asked_from : span_of("", 0);
    err = svc_message_make(svc, arena, &draft, &out.message);
    if (!err)
        err = add_later(svc, arena,
                        ends_ms > now_ms ? (uint32_t)((ends_ms - now_ms) / 1000) : 0,
                        first, application, &profile, deadline, &out.later);
    if (!err)
        *ret_out = out;
    return err;
}

/* ---- refusals */

enum err svc_application_defects(struct arena *arena, uint32_t defects, bool english,
                                 struct span *ret_lines) {
    struct buf out;
    enum err err;

    buf_init(&out, LINES_MAX);
    for (size_t i = 0; i < DEFECTS; i++)
        if (defects & (1u << i))
            buf_printf(&out, "%s%s%s", out.len > 0 ? "\n" : "", english ? "- " : "・",
                       defect_sentence(i, english));
    err = svc_take(arena, &out, ret_lines);
    buf_free(&out);
    return err;
}

enum err svc_application_refusal(struct svc *svc, struct arena *arena,
                                 enum message_template template,
                                 const struct application *application,
                                 uint32_t defects, struct span words,
                                 struct message_out *ret_message) {
    struct message_draft draft;
    struct profile profile;
    struct span lines;
    struct buf text;
    enum err err = svc_application_open(svc, arena, application, &profile);

    if (!err)
        err = svc_application_defects(arena, defects, application->english, &lines);
    if (err)
        return err;
    buf_init(&text, LINES_MAX);
    buf_put(&text, lines.data, lines.len);
    if (words.len > 0) {
        buf_str(&text, lines.len > 0 ? "\n\n" : "");
        buf_put(&text, words.data, words.len);
    }
    err = svc_take(arena, &text, &lines);
    buf_free(&text);
    if (err)
        return err;
    draft = svc_application_draft(arena, template, application, &profile);
    message_draft_put(&draft, "reasons", lines);
    return svc_message_make(svc, arena, &draft, ret_message);
}
