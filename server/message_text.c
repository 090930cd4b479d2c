#include "server/message_text.h"

#include <message_texts.h>
#include <stdio.h>
#include <string.h>

#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/japan.h"

#define MINUTE_MS (60u * 1000)
#define HOUR_MS (60u * MINUTE_MS)

#define TEXT_CHARS 60       /* of a person's words in one line */
#define LINE_CHARS 200      /* of each of several lines */
#define LINES_MAX 30
#define PLAIN_BYTES 300
#define LINK_BYTES 1024

/* ---- templates */

static const struct message_spec specs[] = {
    [MESSAGE_SMS_CODE] = {"sms_code", OUTBOX_SMS, true, 5 * MINUTE_MS,
                          {{"code", VALUE_PLAIN}}},
    [MESSAGE_MAIL_CODE] = {"mail_code", OUTBOX_MAIL, true, 30 * MINUTE_MS,
                           {{"code", VALUE_PLAIN}}},
    [MESSAGE_PASSWORD_RESET] = {"password_reset", OUTBOX_MAIL, true, 30 * MINUTE_MS,
                                {{"link", VALUE_LINK}}},
    [MESSAGE_PASSWORD_CHANGED] = {"password_changed", OUTBOX_MAIL, false, 0,
                                  {{"when", VALUE_PLAIN}}},
    [MESSAGE_FACTOR_ADDED] = {"factor_added", OUTBOX_MAIL, false, 0,
                              {{"factor", VALUE_TEXT}, {"when", VALUE_PLAIN}}},
    [MESSAGE_FACTOR_REMOVED] = {"factor_removed", OUTBOX_MAIL, false, 0,
                                {{"factor", VALUE_TEXT}, {"when", VALUE_PLAIN}}},
    [MESSAGE_SMS_NUMBER_CHANGED] = {"sms_number_changed", OUTBOX_MAIL, false, 0,
                                    {{"number", VALUE_PLAIN}, {"when", VALUE_PLAIN}}},
    [MESSAGE_ACCOUNT_ID_CHANGE_CONFIRM] = {"account_id_change_confirm", OUTBOX_MAIL,
                                           true, 24 * HOUR_MS, {{"link", VALUE_LINK}}},
    [MESSAGE_ACCOUNT_ID_CHANGED] = {"account_id_changed", OUTBOX_MAIL, false, 0,
                                    {{"new_id", VALUE_PLAIN}, {"when", VALUE_PLAIN}}},
    [MESSAGE_ACCOUNT_CLOSED] = {"account_closed", OUTBOX_MAIL, false, 0,
                                {{"when", VALUE_PLAIN}}},
    [MESSAGE_MEMBER_INVITED] = {"member_invited", OUTBOX_MAIL, true, 72 * HOUR_MS,
                                {{"company", VALUE_TEXT},
                                 {"inviter", VALUE_TEXT},
                                 {"link", VALUE_LINK}}},
    [MESSAGE_ENTRY_CONFIRM] = {"entry_confirm", OUTBOX_MAIL, true, 24 * HOUR_MS,
                               {{"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_RECEIVED] = {"application_received", OUTBOX_MAIL, true, 0,
                                      {{"company", VALUE_TEXT},
                                       {"application_id", VALUE_PLAIN},
                                       {"when", VALUE_PLAIN},
                                       {"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_APPROVED] = {"application_approved", OUTBOX_MAIL, false,
                                      168 * HOUR_MS,
                                      {{"company", VALUE_TEXT},
                                       {"application_id", VALUE_PLAIN},
                                       {"deadline", VALUE_PLAIN},
                                       {"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_DENIED] = {"application_denied", OUTBOX_MAIL, false, 0,
                                    {{"company", VALUE_TEXT},
                                     {"application_id", VALUE_PLAIN},
                                     {"reasons", VALUE_LINES}}},
    [MESSAGE_APPLICATION_REMINDER] = {"application_reminder", OUTBOX_MAIL, false, 0,
                                      {{"company", VALUE_TEXT},
                                       {"application_id", VALUE_PLAIN},
                                       {"applied", VALUE_PLAIN},
                                       {"deadline", VALUE_PLAIN}}},
    [MESSAGE_TEST_MAIL] = {"test_mail", OUTBOX_MAIL, true, 24 * HOUR_MS,
                           {{"when", VALUE_PLAIN}}},
    [MESSAGE_TEST_SMS] = {"test_sms", OUTBOX_SMS, true, 24 * HOUR_MS,
                          {{"when", VALUE_PLAIN}}},
    [MESSAGE_ENTRY_KNOWN] = {"entry_known", OUTBOX_MAIL, true, 24 * HOUR_MS,
                             {{"link", VALUE_LINK}}},
    [MESSAGE_ACCOUNT_ID_CHANGE_ASKED] = {"account_id_change_asked", OUTBOX_MAIL, false, 0,
                                         {{"new_id", VALUE_PLAIN},
                                          {"when", VALUE_PLAIN}}},
    [MESSAGE_PUSH_QUESTION] = {"push_question", OUTBOX_PUSH, false, 2 * MINUTE_MS,
                               {{NULL, VALUE_PLAIN}}},
    [MESSAGE_APPLICATION_CONFIRM] = {"application_confirm", OUTBOX_MAIL, true,
                                     24 * HOUR_MS,
                                     {{"company", VALUE_TEXT}, {"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_KNOWN] = {"application_known", OUTBOX_MAIL, true, 24 * HOUR_MS,
                                   {{"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_INCOMPLETE] = {"application_incomplete", OUTBOX_MAIL, false, 0,
                                        {{"company", VALUE_TEXT},
                                         {"application_id", VALUE_PLAIN},
                                         {"reasons", VALUE_LINES}}},
    [MESSAGE_APPLICATION_ARRIVED] = {"application_arrived", OUTBOX_MAIL, false, 0,
                                     {{"company", VALUE_TEXT},
                                      {"application_id", VALUE_PLAIN},
                                      {"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_ACTIVATE] = {"application_activate", OUTBOX_MAIL, false,
                                      168 * HOUR_MS,
                                      {{"company", VALUE_TEXT},
                                       {"application_id", VALUE_PLAIN},
                                       {"deadline", VALUE_PLAIN},
                                       {"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_ACTIVATED] = {"application_activated", OUTBOX_MAIL, false, 0,
                                       {{"company", VALUE_TEXT},
                                        {"application_id", VALUE_PLAIN},
                                        {"when", VALUE_PLAIN}}},
    [MESSAGE_APPLICATION_PHONE] = {"application_phone", OUTBOX_MAIL, false, 0,
                                   {{"company", VALUE_TEXT},
                                    {"application_id", VALUE_PLAIN},
                                    {"number", VALUE_PLAIN},
                                    {"when", VALUE_PLAIN}}},
    [MESSAGE_APPLICATION_EXPIRED] = {"application_expired", OUTBOX_MAIL, false, 0,
                                     {{"company", VALUE_TEXT},
                                      {"application_id", VALUE_PLAIN}}},
    [MESSAGE_APPLICATION_WITHDRAW] = {"application_withdraw", OUTBOX_MAIL, true,
                                      24 * HOUR_MS,
                                      {{"company", VALUE_TEXT},
                                       {"application_id", VALUE_PLAIN},
                                       {"link", VALUE_LINK}}},
    [MESSAGE_APPLICATION_WITHDRAWN] = {"application_withdrawn", OUTBOX_MAIL, false, 0,
                                       {{"company", VALUE_TEXT},
                                        {"application_id", VALUE_PLAIN},
                                        {"when", VALUE_PLAIN}}},
    [MESSAGE_CODES_WRONG] = {"codes_wrong", OUTBOX_MAIL, false, 0,
                             {{"when", VALUE_PLAIN}}},
    [MESSAGE_SESSIONS_ENDED] = {"sessions_ended", OUTBOX_MAIL, false, 0,
                                {{"when", VALUE_PLAIN}}},
    [MESSAGE_TEST_PUSH] = {"test_push", OUTBOX_PUSH, false, 24 * HOUR_MS,
                           {{"when", VALUE_PLAIN}}},
};
#define SPECS (sizeof specs / sizeof specs[0])

_Static_assert(SPECS == MESSAGE_TEMPLATE_LAST + 1, "a row for each template");

const struct message_spec *message_spec(enum message_template template) {
    return (size_t)template < SPECS && specs[template].name ? &specs[template] : NULL;
}

#define FILES(id)                                                                      \
    {                                                                                  \
        {messages_##id##_ja, messages_##id##_ja_len},                                  \
        {messages_##id##_en, messages_##id##_en_len},                                  \
    }
static struct span file_of(enum message_template template, bool english) {
    static const struct {
        const unsigned char *text;
        size_t len;
    } files[][2] = {
        [0] = FILES(frame), /* what mail is put into */
        [MESSAGE_SMS_CODE] = FILES(sms_code),
        [MESSAGE_MAIL_CODE] = FILES(mail_code),
        [MESSAGE_PASSWORD_RESET] = FILES(password_reset),
        [MESSAGE_PASSWORD_CHANGED] = FILES(password_changed),
        [MESSAGE_FACTOR_ADDED] = FILES(factor_added),
        [MESSAGE_FACTOR_REMOVED] = FILES(factor_removed),
        [MESSAGE_SMS_NUMBER_CHANGED] = FILES(sms_number_changed),
        [MESSAGE_ACCOUNT_ID_CHANGE_CONFIRM] = FILES(account_id_change_confirm),
        [MESSAGE_ACCOUNT_ID_CHANGED] = FILES(account_id_changed),
        [MESSAGE_ACCOUNT_CLOSED] = FILES(account_closed),
        [MESSAGE_MEMBER_INVITED] = FILES(member_invited),
        [MESSAGE_ENTRY_CONFIRM] = FILES(entry_confirm),
        [MESSAGE_APPLICATION_RECEIVED] = FILES(application_received),
        [MESSAGE_APPLICATION_APPROVED] = FILES(application_approved),
        [MESSAGE_APPLICATION_DENIED] = FILES(application_denied),
        [MESSAGE_APPLICATION_REMINDER] = FILES(application_reminder),
        [MESSAGE_TEST_MAIL] = FILES(test_mail),
        [MESSAGE_TEST_SMS] = FILES(test_sms),
        [MESSAGE_ENTRY_KNOWN] = FILES(entry_known),
        [MESSAGE_ACCOUNT_ID_CHANGE_ASKED] = FILES(account_id_change_asked),
        [MESSAGE_PUSH_QUESTION] = FILES(push_question),
        [MESSAGE_APPLICATION_CONFIRM] = FILES(application_confirm),
        [MESSAGE_APPLICATION_KNOWN] = FILES(application_known),
        [MESSAGE_APPLICATION_INCOMPLETE] = FILES(application_incomplete),
        [MESSAGE_APPLICATION_ARRIVED] = FILES(application_arrived),
        [MESSAGE_APPLICATION_ACTIVATE] = FILES(application_activate),
        [MESSAGE_APPLICATION_ACTIVATED] = FILES(application_activated),
        [MESSAGE_CODES_WRONG] = FILES(codes_wrong),
        [MESSAGE_TEST_PUSH] = FILES(test_push),
        [MESSAGE_SESSIONS_ENDED] = FILES(sessions_ended),
        [MESSAGE_APPLICATION_EXPIRED] = FILES(application_expired),
        [MESSAGE_APPLICATION_WITHDRAW] = FILES(application_withdraw),
        [MESSAGE_APPLICATION_WITHDRAWN] = FILES(application_withdrawn),
        [MESSAGE_APPLICATION_PHONE] = FILES(application_phone),
    };
    _Static_assert(sizeof files / sizeof files[0] == SPECS, "files for each template");
    return span_of(files[template][english].text, files[template][english].len);
}

/* ---- the place */

struct message_place message_place(const char *issuer,
                                   enum client_environment environment) {
    static const char scheme[] = "https://";
    struct message_place place = {.environment = environment};
    struct span text = span_str(issuer);
    size_t head = sizeof scheme - 1;
    const uint8_t *slash;

    CHECK(text.len > head && memcmp(text.data, scheme, head) == 0);
    slash = memchr(text.data + head, '/', text.len - head);
    CHECK(slash);
    place.origin = span_of(text.data, (size_t)(slash - text.data));
    place.host = span_of(text.data + head, place.origin.len - head);
    for (size_t i = 0; i < place.host.len; i++)
        if (place.host.data[i] == ':')
            place.host.len = i; /* what a code is bound to has no port */
    return place;
}

const char *message_product(enum client_environment environment, bool english) {
    static const char *const names[][2] = {
        [ENV_DEMO] = {"Tasuki デモ環境", "Tasuki (demo)"},
        [ENV_VERIFICATION] = {"Tasuki 検証環境", "Tasuki (verification)"},
        [ENV_PRODUCTION] = {"Tasuki", "Tasuki"},
    };

    CHECK(environment >= ENV_DEMO && environment <= ENV_PRODUCTION);
    return names[environment][english];
}

/* ---- values */

static uint32_t code_point(struct span sequence) {
    static const uint8_t head[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = sequence.data[0] & head[sequence.len];

    for (size_t i = 1; i < sequence.len; i++)
        c = c << 6 | (sequence.data[i] & 0x3f);
    return c;
}

/* Controls, what reorders text, and what is not seen (X1). */
static bool is_hidden(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f ||
           c == 0x61c || c == 0x115f || c == 0x1160 || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xfeff ||
           c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

static bool ends_a_word(struct span rest) {
    return rest.len == 0 || rest.data[0] <= 0x20 ||
           strchr(",;)\"'", rest.data[0]) != NULL;
}

/* Signs that make an address of a word (X2), and their wide forms, which people read
 * alike and programs do not. At a word's end they make none. */
static const char *wide_form(uint32_t c, struct span rest) {
    switch (c) {
    case '.':
        return ends_a_word(rest) ? NULL : "．";
    case ':':
        return ends_a_word(rest) ? NULL : "：";
    case '@':
        return "＠";
    default:
        return NULL;
    }
}

struct value_rule {
    size_t chars_max;
    size_t lines_max;
    bool words; /* a person's */
};

static enum err put_words(struct span text, const struct value_rule *rule,
                          struct buf *out) {
    size_t chars = 0;
    size_t lines = 1;

    while (text.len > 0) {
        size_t len = utf8_sequence(text);
        const char *wide;
        uint32_t c;

        if (len == 0)
            return ERR_INVALID;
        c = code_point(span_of(text.data, len));
        wide = rule->words
                   ? wide_form(c, span_of(text.data + len, text.len - len))
                   : NULL;
        if (c == '\n' && lines < rule->lines_max) {
            lines++;
            chars = 0;
            buf_str(out, "\n");
        } else if (++chars == rule->chars_max + 1) {
            buf_str(out, "…");
        } else if (chars <= rule->chars_max && wide) {
            buf_str(out, wide);
        } else if (chars <= rule->chars_max) {
            buf_put(out, is_hidden(c) ? " " : (const char *)text.data,
                    is_hidden(c) ? 1 : len);
        }
        text = span_of(text.data + len, text.len - len);
    }
    return OK;
}

/* RFC 3986's characters, from "/" on; no "//", which would be another host's. */
static bool path_ok(struct span path) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._~/?=&%";

    if (path.len == 0 || path.len > LINK_BYTES || path.data[0] != '/' ||
        (path.len > 1 && path.data[1] == '/'))
        return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] == 0 || !strchr(allowed, path.data[i]))
            return false;
    return true;
}

static enum err put_value(enum message_value_kind kind, struct span text,
                          const struct message_place *place, struct buf *out) {
    static const struct value_rule rules[] = {
        [VALUE_PLAIN] = {PLAIN_BYTES, 1, false},
        [VALUE_TEXT] = {TEXT_CHARS, 1, true},
        [VALUE_LINES] = {LINE_CHARS, LINES_MAX, true},
    };

    if (kind != VALUE_LINK)
        return text.len == 0 ? ERR_INVALID : put_words(text, &rules[kind], out);
    if (!path_ok(text))
        return ERR_INVALID;
    buf_put(out, place->origin.data, place->origin.len);
    buf_put(out, text.data, text.len);
    return OK;
}

/* ---- rendering */

struct rendering {
    const struct message_spec *spec;
    bool english;
    const struct message_place *place;
    uint32_t ttl_ms;
    const struct message_value *values;
    size_t count;
    struct span inner; /* of the frame */
};

static const struct message_value *find_value(const struct rendering *r,
                                              struct span name) {
    for (size_t i = 0; i < r->count; i++)
        if (span_is(name, r->values[i].name))
            return &r->values[i];
    return NULL;
}

static enum message_value_kind kind_of(const struct message_spec *spec,
                                       struct span name) {
    for (size_t i = 0; spec->values[i].name; i++)
        if (span_is(name, spec->values[i].name))
            return spec->values[i].kind;
    return (enum message_value_kind)0;
}

/* Days and hours where they are whole, and more than one. */
static void put_validity(uint32_t ttl_ms, bool english, struct buf *out) {
    static const struct {
        uint32_t ms;
        const char *names[2];
    } units[] = {
        {24 * HOUR_MS, {"日", " days"}},
        {HOUR_MS, {"時間", " hours"}},
        {MINUTE_MS, {"分", " minutes"}},
    };
    size_t i = 0;

    while (i < 2 && (ttl_ms < 2 * units[i].ms || ttl_ms % units[i].ms != 0))
        i++;
    buf_printf(out, "%u%s", (unsigned)(ttl_ms / units[i].ms), units[i].names[english]);
}

/* What every template knows. False: it is the caller's. */
static bool put_known(const struct rendering *r, struct span name, struct buf *out) {
    if (span_is(name, "product"))
        buf_str(out, message_product(r->place->environment, r->english));
    else if (span_is(name, "origin"))
        buf_put(out, r->place->origin.data, r->place->origin.len);
    else if (span_is(name, "host"))
        buf_put(out, r->place->host.data, r->place->host.len);
    else if (span_is(name, "validity"))
        put_validity(r->ttl_ms, r->english, out);
    else if (span_is(name, "body") && r->inner.data)
        buf_put(out, r->inner.data, r->inner.len);
    else
        return false;
    return true;
}

static enum err put_name(const struct rendering *r, struct span name, struct buf *out) {
    const struct message_value *value;
    enum message_value_kind kind;

    if (put_known(r, name, out))
        return OK;
    value = find_value(r, name);
    kind = kind_of(r->spec, name);
    return value && kind ? put_value(kind, value->text, r->place, out) : ERR_INVALID;
}

/* {{name}} is replaced, everything else stays. */
static enum err render(const struct rendering *r, struct span text, struct buf *out) {
    while (text.len > 0) {
        const uint8_t *open = memmem(text.data, text.len, "{{", 2);
        const uint8_t *close;
        size_t before = open ? (size_t)(open - text.data) : text.len;
        enum err err;

        buf_put(out, text.data, before);
        if (!open)
            break;
        close = memmem(open, text.len - before, "}}", 2);
        CHECK(close); /* templates are ours */
        err = put_name(r, span_of(open + 2, (size_t)(close - open - 2)), out);
        if (err)
            return err;
        before = (size_t)(close + 2 - text.data);
        text = span_of(text.data + before, text.len - before);
    }
    return buf_err(out);
}

/* "Subject: ...", an empty line, the rest. */
static void split(struct span file, struct span *ret_subject, struct span *ret_body) {
    static const char head[] = "Subject: ";
    size_t start = sizeof head - 1;
    const uint8_t *end = memmem(file.data, file.len, "\n\n", 2);

    CHECK(end && file.len > start && memcmp(file.data, head, start) == 0);
    *ret_subject = span_of(file.data + start, (size_t)(end - file.data) - start);
    *ret_body = span_of(end + 2, file.len - (size_t)(end + 2 - file.data));
}

static enum err render_mail(struct rendering *r, struct span file, struct buf *subject,
                            struct buf *body) {
    struct span subject_text, body_text;
    struct buf inner;
    enum err err;

    split(file, &subject_text, &body_text);
    buf_init(&inner, body->max);
    err = render(r, subject_text, subject);
    if (!err)
        err = render(r, body_text, &inner);
    r->inner = buf_span(&inner);
    if (!err)
        err = render(r, file_of((enum message_template)0, r->english), body);
    buf_free(&inner);
    return err;
}

enum err message_text(enum message_template template, bool english,
                      const struct message_place *place, uint32_t ttl_ms,
                      const struct message_value *values, size_t count,
                      struct buf *subject, struct buf *body) {
    struct rendering r = {.spec = message_spec(template),
                          .english = english,
                          .place = place,
                          .ttl_ms = ttl_ms,
                          .values = values,
                          .count = count};

    if (!r.spec)
        return ERR_INVALID;
    for (size_t i = 0; i < count; i++)
        if (!kind_of(r.spec, span_str(values[i].name)))
            return ERR_INVALID;
    if (r.spec->kind != OUTBOX_MAIL)
        return render(&r, file_of(template, english), body);
    return render_mail(&r, file_of(template, english), subject, body);
}

/* ---- time */

void message_time(uint64_t ms, bool english, char out[MESSAGE_TIME_MAX]) {
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct japan_time at = japan_time(ms);

    if (english)
        snprintf(out, MESSAGE_TIME_MAX, "%d %s %d %02d:%02d (JST)", at.day,
                 months[at.month - 1], at.year, at.hour, at.minute);
    else
        snprintf(out, MESSAGE_TIME_MAX, "%d年%d月%d日 %02d:%02d", at.year, at.month,
                 at.day, at.hour, at.minute);
}
