/* sim_seed: images between simulated nodes, and members that come and go.
 *
 * A node beyond the log, and a blank one, is filled as on a machine: a donor captures
 * its state behind a probe (repl_capture), the real image source and sink move it in
 * pieces that take time, and the taker's disk gets a log whose marker stands at the
 * image's index. Either end may die at any piece; then it is begun again.
 * Invariants (raft/repl_seed.h):
 *   E1  a node keeps its term and vote, and takes no image that is older than its log;
 *   E2  a lost disk means a new id. */
#ifndef CHAOS_SIM_SEED_H
#define CHAOS_SIM_SEED_H

#include "chaos/sim/sim_node.h"
#include "store/store_image.h"

struct sim_seeding;

/* Fill this node's disks from its peers, however often it takes, then start it. */
void sim_seed_begin(struct sim_node *taker);
bool sim_seed_runs(const struct sim_node *node);
/* Its disks are what `head`'s image leaves: a log that begins behind it. `alone`: with a
 * configuration of this node alone, in a term of its own (a new epoch). It is down. */
void sim_seed_put(struct sim_node *node, const struct image_head *head, bool alone);
/* The node's process is about to end: transfers from it are broken. */
void sim_seed_donor_gone(struct sim_node *node);
/* At the end of a run. */
void sim_seed_drop(struct sim_node *taker);

/* The operator adds a new node and, once it votes, removes `old` (0: nobody). */
void sim_seed_replace(struct sim *sim, unsigned old);
/* A replacement is under way. */
bool sim_seed_replacing(const struct sim *sim);
void sim_seed_free(struct sim *sim);

#endif
