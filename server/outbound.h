/* outbound: sends what the outbox holds (store/store_outbox).
 *
 *   due row -> CMD_OUTBOX_CLAIM -> call -> CMD_OUTBOX_SETTLE -> gone, or again later
 *
 * The leader's node alone claims; a call that is under way when leadership moves is
 * finished and settled all the same. A node that ends keeps its leases until they run
 * out, then another one sends: so each message arrives at least once, under one id.
 * Invariants:
 *   O1  a slot is held from before the claim until the settling is done, so no message
 *       is under way twice on a node, and all that waits here is bounded;
 *   O2  a client has at most OUTBOUND_CLIENT_SLOTS, one while it fails, and all of them
 *       OUTBOUND_CLIENTS_SLOTS; each provider of mail and text messages has
 *       OUTBOUND_PROVIDER_SLOTS of its own: what one receiver costs, no other has to
 *       pay;
 *   O3  what goes to a provider is claimed only if one takes it now: attempts are not
 *       used up while all are known to be down (outbound_breaker).
 * Thread: one of its own. */
#ifndef SERVER_OUTBOUND_H
#define SERVER_OUTBOUND_H

#include "server/svc_shared.h"

#define OUTBOUND_CLIENTS_SLOTS 256
#define OUTBOUND_PROVIDER_SLOTS 16
#define OUTBOUND_SLOTS (OUTBOUND_CLIENTS_SLOTS + 4 * OUTBOUND_PROVIDER_SLOTS)
#define OUTBOUND_CLIENT_SLOTS 4

struct outbound;

/* `shared` outlives it. ERR_CONFIG with a sentence in `why`; ERR_NOMEM, ERR_IO. */
enum err outbound_start(struct svc_shared *shared, struct outbound **ret_outbound,
                        char why[256]);
/* NULL-safe. Before repl_stop; waits for a command that is under way, not for calls. */
void outbound_stop(struct outbound *outbound);

#endif
