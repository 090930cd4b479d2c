/* sim_blob: the nodes' blobs, as server/main_blobs keeps them, under the cluster's faults
 * and under their own: copies rot, and a node that is replaced takes its files along.
 *
 * A sender brings a blob to a node and holds it to be received once it is not short.
 * Each node's keeper says its word, fetches what it is its turn to fetch from a node that
 * is up and has it, and reads what it holds.
 *
 * Checked: a blob that was received is never lost while a node that had it is there; at
 * the end none of them is short, each stands in two regions, and whoever is its holder
 * by the state has it, whole. What a node said of its copy, and what all nodes know of it
 * in the end, is a register in the history: nothing that was acknowledged is forgotten.
 */
#ifndef CHAOS_SIM_BLOB_H
#define CHAOS_SIM_BLOB_H

#include "chaos/sim/sim_history.h"
#include "raft/repl.h"

struct sim;
struct sim_blob;

/* `loop`: where answers arrive. All three outlive the blobs. */
struct sim_blob *sim_blob_new(struct sim *sim, struct port_loop *loop, uint64_t seed,
                              struct sim_history *history);
void sim_blob_free(struct sim_blob *blob);
void sim_blob_begin(struct sim_blob *blob);
/* No new blobs and no rot; what is broken is repaired still. */
void sim_blob_pause(struct sim_blob *blob);
/* Nor any repair. */
void sim_blob_stop(struct sim_blob *blob);
/* Nothing is left to be repaired. */
bool sim_blob_idle(struct sim_blob *blob);
/* That life of the node is over: answers that it owed will not come. */
void sim_blob_lost(struct sim_blob *blob, unsigned node, uint64_t life);
/* All nodes' readers see what was acknowledged: commits of the store are shared
 * (raft/fsm.h, F6), and nobody waits for an index here. */
bool sim_blob_visible(const struct sim_blob *blob);
/* Before the history is judged, once it is visible. */
void sim_blob_judge(struct sim_blob *blob);

#endif
