/* sim_errand: commands that somebody sends to the simulated cluster beside the clients of
 * sim_work: to a node that is up, with a deadline, answered or not.
 *
 * Whoever has errands embeds `struct sim_errand` as the first member of its own. An
 * errand ends when its answer was heard, or with the life of its node. */
#ifndef CHAOS_SIM_ERRAND_H
#define CHAOS_SIM_ERRAND_H

#include "chaos/sim/sim_rng.h"
#include "raft/repl.h"
#include "store/base/buf.h"

struct sim;
struct sim_node;
struct sim_errand;

struct sim_errands {
    struct sim *sim;
    struct port_loop *loop; /* where answers arrive */
    struct sim_rng *rng;
    /* What the state machine said; the errand is freed behind it. */
    void (*answer)(struct sim_errand *errand);
    struct sim_errand *first;
    size_t count;
};

struct sim_errand {
    struct repl_request request; /* first */
    struct sim_errand *next;
    struct sim_errands *all;
    struct buf payload;
    unsigned node;
    uint64_t life, begun_us;
    uint64_t clock_ms; /* replicated time that the node knew when it was sent */
};

void *sim_errand_new(struct sim_errands *all, size_t size);
/* At `node`, or at any that is up (0). Without one, or beyond a bound, it is dropped. */
void sim_errand_submit(struct sim_errand *errand, const struct command *command,
                       unsigned node);
/* A node that is up; 0: none. */
unsigned sim_errands_any_node(struct sim_errands *all);
/* That life of the node is over: answers that it owed will not come. */
void sim_errands_lost(struct sim_errands *all, unsigned node, uint64_t life);
void sim_errands_close(struct sim_errands *all);
/* Replicated time as the node has it. */
uint64_t sim_clock_of(const struct sim_node *node);

#endif
