/* outbound_provider: who delivers mail, text messages and word to apps, and which of them
 * is asked.
 *
 * Of each kind there may be two. The first is preferred; the other one takes over while
 * the first one's breaker is open or its slots are taken, and from a message's third
 * attempt on they take turns. So a repetition after an answer that was lost goes to the
 * provider that may have the message already, which tells it by its key. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/outbound_internal.h"
#include "store/base/check.h"

#define CREDENTIALS_MAX 2048
/* From this attempt on the providers take turns. */
#define TURNS_FROM 3

/* One line of printable ASCII. */
static bool credentials_ok(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f)
            return false;
    return text.len > 0;
}

static enum err read_line(const char *path, struct secret *ret_line, char why[256]) {
    char text[CREDENTIALS_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    enum err err = ERR_CONFIG;

    if (len < 0)
        snprintf(why, 256, "%.150s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (len < 0)
        return ERR_CONFIG;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (!credentials_ok(span_of(text, (size_t)len)) || len > CREDENTIALS_MAX)
        snprintf(why, 256, "%.150s: one line of at most %d printable ASCII characters "
                           "is expected",
                 path, CREDENTIALS_MAX);
    else
        err = secret_new(span_of(text, (size_t)len), CREDENTIALS_MAX, ret_line);
    secret_wipe(text, sizeof text);
    return err;
}

/* "user:password" of a mail server, the bearer secret of a gateway. */
static enum err read_credentials(const char *path, struct provider *provider,
                                 char why[256]) {
    struct secret line = {0};
    enum err err = read_line(path, &line, why);
    const uint8_t *colon;

    if (!err && provider->kind != OUTBOX_MAIL) {
        provider->password = line;
        return OK;
    }
    if (err)
        return err;
    colon = memchr(line.data, ':', line.len);
    if (!colon) {
        snprintf(why, 256, "%.150s: user:password is expected", path);
        err = ERR_CONFIG;
    } else {
        size_t user_len = (size_t)(colon - line.data);
        err = secret_new(span_of(line.data, user_len), CREDENTIALS_MAX, &provider->user);
        if (!err)
            err = secret_new(span_of(colon + 1, line.len - user_len - 1),
                             CREDENTIALS_MAX, &provider->password);
    }
    secret_free(&line);
    return err;
}

/* A mail server is greeted with our own name (RFC 5321 §4.1.1.1), which libcurl takes
 * from the path. */
static void set_mail_url(const struct config *config, const char *url,
                         struct provider *provider) {
    static const char plain[] = "smtp+plain://";
    struct message_place place = message_place(config->issuer, config->environment);
    bool is_plain = strncmp(url, plain, sizeof plain - 1) == 0;

    provider->starttls = !is_plain && strncmp(url, "smtp://", 7) == 0;
    CHECK(snprintf(provider->url, sizeof provider->url, "%s%s/%.*s",
                   is_plain ? "smtp://" : "", is_plain ? url + sizeof plain - 1 : url,
                   (int)place.host.len, (const char *)place.host.data) <
          (int)sizeof provider->url);
}

static enum err add(struct providers *providers, const struct config *config,
                    enum svc_provider which, char why[256]) {
    static const enum outbox_kind kinds[] = {
        [PROVIDER_SMTP] = OUTBOX_MAIL,
        [PROVIDER_SMTP_2] = OUTBOX_MAIL,
        [PROVIDER_SMS] = OUTBOX_SMS,
        [PROVIDER_SMS_2] = OUTBOX_SMS,
        [PROVIDER_PUSH] = OUTBOX_PUSH,
        [PROVIDER_PUSH_2] = OUTBOX_PUSH,
    };
    const struct config_provider *from = &config->providers[which];
    struct provider *provider = &providers->at[which];

    *provider = (struct provider){.which = which, .kind = kinds[which]};
    if (from->url[0] == '\0')
        return OK;
    provider->there = true;
    if (provider->kind == OUTBOX_MAIL) {
        provider->timeout_ms = (long)config->smtp_timeout_ms;
        set_mail_url(config, from->url, provider);
    } else {
        provider->timeout_ms = (long)(provider->kind == OUTBOX_SMS
                                          ? config->sms_timeout_ms
                                          : config->push_timeout_ms);
        CHECK(snprintf(provider->url, sizeof provider->url, "%s", from->url) <
              (int)sizeof provider->url);
    }
    return from->credentials[0] ? read_credentials(from->credentials, provider, why)
                                : OK;
}

enum err outbound_providers_open(struct providers *providers,
                                 const struct config *config, char why[256]) {
    enum err err = OK;

    *providers = (struct providers){0};
    for (int i = 0; i < SVC_PROVIDERS && !err; i++)
        err = add(providers, config, (enum svc_provider)i, why);
    if (err)
        outbound_providers_close(providers);
    return err;
}

void outbound_providers_close(struct providers *providers) {
    for (int i = 0; i < SVC_PROVIDERS; i++) {
        secret_free(&providers->at[i].user);
        secret_free(&providers->at[i].password);
    }
}

bool outbound_provider_there(const struct providers *providers, enum outbox_kind kind) {
    for (int i = 0; i < SVC_PROVIDERS; i++)
        if (providers->at[i].there && providers->at[i].kind == kind)
            return true;
    return false;
}

static bool is_free(const struct provider *provider, uint64_t now_mono_ms) {
    return provider->there && provider->busy < OUTBOUND_PROVIDER_SLOTS &&
           breaker_admits(&provider->breaker, now_mono_ms);
}

struct provider *outbound_provider_choose(struct providers *providers,
                                          enum outbox_kind kind,
                                          const struct provider *except,
                                          uint64_t now_mono_ms) {
    for (int i = 0; i < SVC_PROVIDERS; i++) {
        struct provider *provider = &providers->at[i];
        if (provider->kind == kind && provider != except &&
            is_free(provider, now_mono_ms))
            return provider;
    }
    return NULL;
}

struct provider *outbound_provider_turn(struct providers *providers,
                                        struct provider *taken, uint32_t attempt,
                                        uint64_t now_mono_ms) {
    struct provider *other =
        outbound_provider_choose(providers, taken->kind, taken, now_mono_ms);
    bool first = !other || taken->which < other->which;
    bool wants_first = attempt < TURNS_FROM || attempt % 2 == 0;

    if (!other || first == wants_first)
        return taken;
    outbound_provider_cancel(taken);
    outbound_provider_take(other, now_mono_ms);
    return other;
}

void outbound_provider_take(struct provider *provider, uint64_t now_mono_ms) {
    CHECK(provider->busy < OUTBOUND_PROVIDER_SLOTS);
    provider->busy++;
    breaker_begin(&provider->breaker, now_mono_ms);
}

void outbound_provider_cancel(struct provider *provider) {
    CHECK(provider->busy > 0);
    provider->busy--;
    breaker_cancel(&provider->breaker);
}

void outbound_provider_end(struct provider *provider, bool good, uint64_t now_mono_ms) {
    CHECK(provider->busy > 0);
    provider->busy--;
    breaker_end(&provider->breaker, good, now_mono_ms);
}
