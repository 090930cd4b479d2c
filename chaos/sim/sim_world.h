/* sim_world: a simulated cluster, its clients and its faults, from one seed.
 *
 *   main -> sim_run(config) -> nodes (sim_node) on one loop (sim_loop)
 *                           -> clients (sim_work), faults (sim_fault)
 *                           -> promises (sim_check), history (chaos/checker)
 *
 * A run has three parts: the cluster comes up; clients work while faults are made;
 * faults end and the cluster must come back to its full strength, then everything is
 * read once more and the history is judged. The result is a function of the
 * configuration alone. */
#ifndef CHAOS_SIM_WORLD_H
#define CHAOS_SIM_WORLD_H

#include "chaos/sim/sim_check.h"
#include "chaos/sim/sim_fault.h"
#include "chaos/sim/sim_loop.h"
#include "chaos/sim/sim_net.h"
#include "chaos/sim/sim_node.h"
#include "chaos/sim/sim_seed.h"
#include "chaos/sim/sim_work.h"

#define SIM_VIOLATIONS_KEPT 8
#define SIM_CLIENTS 8

/* Faults of the host, planted to show that the simulator finds them. */
enum sim_planted {
    PLANTED_NOTHING,
    PLANTED_UNSYNCED_ACK,   /* the log says "stored" before it is */
    PLANTED_FORGOTTEN_VOTE, /* a crash forgets the vote of the term */
    PLANTED_DOUBLE_SUBMIT,  /* a client's request is submitted twice */
    PLANTED_STALE_READ,     /* reads do not ask for proof of freshness */
    PLANTED_ROTTEN_ROW,     /* one node's state is changed behind its back */
    PLANTED_MIXED_EPOCHS,   /* links do not ask for the epoch */
};

struct sim_config {
    uint64_t seed;
    const char *scenario; /* NULL: faults are drawn from the seed */
    enum sim_planted planted;
    bool print;
    uint64_t faulty_s; /* length of the faulty part; 0: drawn */
};

struct sim_result {
    uint64_t seed, trace, events;
    uint64_t simulated_ms;
    uint64_t operations, unknown, commits, elections, crashes, reseeds, compared;
    unsigned violations;
    char violation[SIM_VIOLATIONS_KEPT][3072];
    char profile[160];
};

struct sim {
    struct sim_config config;
    struct sim_result *result;
    char dir[64];
    struct sim_loop loop;
    struct sim_net net;
    struct sim_rng rng;
    struct sim_node *node[SIM_OWNERS]; /* 1 to nodes_count */
    unsigned nodes_count;
    uint64_t trailing_bytes;
    struct sim_check check;
    struct sim_work *work;
    struct sim_fault *fault;
    struct sim_work *ended; /* of the epoch before; NULL: this is the first one */
    struct sim_replace *replace; /* the operator's work on members; NULL: none yet */
};

/* Run one simulation. Several may not run in one process at a time. */
void sim_run(const struct sim_config *config, struct sim_result *ret_result);

/* For faults, scenarios and clients. */
unsigned sim_up_count(const struct sim *sim);
/* A new, blank node that knows the others: its number. */
unsigned sim_add_node(struct sim *sim);
/* The node that leads as its own core says, 0: none. */
unsigned sim_leader(struct sim *sim);
/* Run until `done` says so; false: not within so long. */
bool sim_until(struct sim *sim, uint64_t most_ms, bool (*done)(struct sim *, void *),
               void *arg);
void sim_pass(struct sim *sim, uint64_t ms);
/* The oldest entry that every node which is up still has. */
uint64_t sim_first_kept(const struct sim *sim);
bool sim_all_ready(struct sim *sim, void *arg);

#endif
