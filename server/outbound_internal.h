/* outbound_internal: what the files outbound*.c share. Included by them alone.
 * Thread: outbound's own. */
#ifndef SERVER_OUTBOUND_INTERNAL_H
#define SERVER_OUTBOUND_INTERNAL_H

#include "server/outbound.h"
#include "server/outbound_call.h"
#include "server/svc_keys.h"
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
