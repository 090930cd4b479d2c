/* outbound_internal: what the files outbound*.c share. Included by them alone.
 * Thread: outbound's own. */
#ifndef SERVER_OUTBOUND_INTERNAL_H
#define SERVER_OUTBOUND_INTERNAL_H

#include "server/message_text.h"
#include "server/outbound.h"
#include "server/outbound_breaker.h"
#include "server/outbound_call.h"
#include "server/svc_keys.h"
#include "server/svc_metrics.h"
#include "store/base/secret.h"
#include "store/store_client.h"
#include "store/store_outbox.h"

/* ---- outbound_token.c: what is sent. */

struct outbound_maker {
    struct svc_shared *shared;
    struct store_read *read;
    struct sealer *sealer;
    struct svc_keys keys;
};

enum err outbound_maker_open(struct svc_shared *shared, struct outbound_maker *maker);
void outbound_maker_close(struct outbound_maker *maker);

/* The address and the form of the message `id`, as its client is registered now.
 * *ret_url lives in `arena`; the form is appended to `form`. ERR_NOT_FOUND: there is
 * nothing to send any more. Others: not now. */
enum err outbound_make(struct outbound_maker *maker, struct id128 id,
                       struct arena *arena, const char **ret_url, struct buf *form);

/* ---- outbound_provider.c: who delivers to people. */

struct provider {
    enum svc_provider which;
    enum outbox_kind kind;
    bool there; /* it is configured */
    char url[768];
    long timeout_ms;
    bool starttls;
    struct secret user, password; /* empty: none */
    struct breaker breaker;
    size_t busy; /* slots that are with it */
};
struct providers {
    struct provider at[SVC_PROVIDERS]; /* of a kind: the preferred one first */
};

/* Reads the secrets. ERR_CONFIG with a sentence in `why`; ERR_NOMEM. */
enum err outbound_providers_open(struct providers *providers,
                                 const struct config *config, char why[256]);
void outbound_providers_close(struct providers *providers);
bool outbound_provider_there(const struct providers *providers, enum outbox_kind kind);
/* One that takes a call now; NULL: none does. `except` may be NULL. */
struct provider *outbound_provider_choose(struct providers *providers,
                                          enum outbox_kind kind,
                                          const struct provider *except,
                                          uint64_t now_mono_ms);
/* Every one that is taken is given back, by one of the two others. */
void outbound_provider_take(struct provider *provider, uint64_t now_mono_ms);
void outbound_provider_cancel(struct provider *provider);
void outbound_provider_end(struct provider *provider, bool good, uint64_t now_mono_ms);
/* Whose turn the attempt is: `taken`, or the other one, which is taken instead. */
struct provider *outbound_provider_turn(struct providers *providers,
                                        struct provider *taken, uint32_t attempt,
                                        uint64_t now_mono_ms);

/* ---- outbound_letter.c: what people are told. */

struct letter {
    enum outbox_kind kind;
    struct id128 id;
    struct span to;
};
/* The message `id` as its provider wants it, appended to `out`; `to` lives in `arena`.
 * ERR_NOT_FOUND: it is gone. Others: not now. */
enum err outbound_letter_make(struct outbound_maker *maker, struct id128 id,
                              struct arena *arena, struct letter *ret_letter,
                              struct buf *out);
enum err outbound_letter_send(struct outbound_calls *calls, size_t tag,
                              const struct config *config,
                              const struct provider *provider,
                              const struct letter *letter, struct span body);
/* OUTBOX_NO_REASON: the provider has it. */
enum outbox_reason outbound_letter_reason(enum outbox_kind kind,
                                          const struct outbound_result *result);
/* For an end that is no answer. */
enum outbox_reason outbound_end_reason(enum outbound_end end);

/* ---- outbound_fair.c: whose turn it is. */

/* Clients whose last call failed. Forgetting one is harmless: it fails again. */
#define OUTBOUND_FAILING_MAX 256
struct outbound_fair {
    char failing[OUTBOUND_FAILING_MAX][LIMIT_CLIENT_ID + 1];
    size_t next; /* the place to give up when all are taken */
};

/* How many messages of the client may be under way now (O2). */
size_t outbound_fair_slots(const struct outbound_fair *fair, const char *client_id);
void outbound_fair_note(struct outbound_fair *fair, const char *client_id, bool failed);

#endif
