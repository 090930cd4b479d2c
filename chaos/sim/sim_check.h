/* sim_check: what must hold at every moment, whatever has failed.
 *
 *   I1  equal applied index (in one epoch): equal digest and equal replicated time;
 *   I2  one leader a term;
 *   I3  a node's applied index falls at a restart only, and then to no less than
 *       its store's restart point (S2); the log replays the rest;
 *   I4  replicated time never falls, nor runs ahead of true time by more than the
 *       skew that a node may have: one wrong clock leads nobody;
 *   I5  what a node says of itself when it ends or refuses to start has a cause
 *       among the faults that were made.
 * What clients see is checked elsewhere: sim_work, and the history by chaos/checker. */
#ifndef CHAOS_SIM_CHECK_H
#define CHAOS_SIM_CHECK_H

#include "chaos/sim/sim_node.h"

struct sim_state { /* at an applied index */
    struct store_digest digest;
    uint64_t clock_ms;
    unsigned node; /* that showed it first; 0: nobody did */
};

struct sim_check {
    struct sim_state *state; /* by applied index, of `epoch` */
    size_t cap;
    uint64_t epoch, index_max;
    unsigned *leader; /* by term */
    size_t leader_cap;
    uint64_t compared; /* states that two nodes had in common */
    uint64_t elections;
};

void sim_check_init(struct sim_check *check);
void sim_check_close(struct sim_check *check);
/* After each event of a node that is up. */
void sim_check_node(struct sim_node *node);
/* Its process ended by itself; it refused to start. */
void sim_check_ended(struct sim_node *node);
void sim_check_refused(struct sim_node *node);
void sim_check_started(struct sim_node *node);
/* It will begin again at its restart point. */
void sim_check_undone(struct sim_node *node);
/* A restore or recovery: indexes are compared anew. */
void sim_check_epoch(struct sim_check *check, uint64_t epoch);
/* A copy of some node's state, made offline: as any node has it at that index. */
void sim_check_copy(struct sim *sim, const struct store_meta *meta);

#endif
