/* sim_outbox: people who sign out, and senders that tell their relying party.
 *
 * A visit is a sign-in, a code, its redemption and the session's end, each sent to any
 * node. Senders on all nodes race for what is due, as server/outbound would if several
 * nodes held themselves to be the leader; some end with a lease in their hands.
 *
 * Checked: a lease is given once, and no other beside it until it lapses or its sender
 * has told how it went; what was settled as delivered is leased no more; at the end
 * each message of an acknowledged sign-out was delivered or is still there to be sent.
 */
#ifndef CHAOS_SIM_OUTBOX_H
#define CHAOS_SIM_OUTBOX_H

#include "raft/repl.h"

struct sim;
struct sim_outbox;

/* `loop`: where answers arrive; it and `sim` outlive the outbox. */
struct sim_outbox *sim_outbox_new(struct sim *sim, struct port_loop *loop,
                                  uint64_t seed);
void sim_outbox_free(struct sim_outbox *outbox);
/* The client and the accounts are there. */
void sim_outbox_begin(struct sim_outbox *outbox);
/* No new visits and claims. */
void sim_outbox_pause(struct sim_outbox *outbox);
bool sim_outbox_idle(const struct sim_outbox *outbox);
/* That life of the node is over: answers that it owed will not come. */
void sim_outbox_lost(struct sim_outbox *outbox, unsigned node, uint64_t life);
void sim_outbox_judge(struct sim_outbox *outbox);

#endif
