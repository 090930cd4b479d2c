/* sim_fault: what goes wrong, and when, drawn from the seed.
 *
 * A seed draws a profile first: how many nodes, which kinds of faults, how often.
 * At least one majority of the voters can always come back; how many are hurt at one
 * time is not bounded. Faults:
 *
 *   kill, power cut, quit, of one node or of all      SIGSTOP
 *   write error, full disk, slow disk, disk that stands still
 *   a log that rots (of one node at a time, which its operator has re-seeded)
 *   partitions: of one node, in halves, one way, of one pair, a deaf leader
 *   broken connections, slow links
 *   a clock that jumps (of a minority), members that come and go, re-seeding */
#ifndef CHAOS_SIM_FAULT_H
#define CHAOS_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct sim;
struct sim_fault;

enum sim_fault_kind {
    FAULT_KILL,
    FAULT_POWER,
    FAULT_QUIT,
    FAULT_KILL_ALL,
    FAULT_POWER_ALL,
    FAULT_PAUSE,
    FAULT_WRITE_ERROR,
    FAULT_FULL,
    FAULT_SLOW_DISK,
    FAULT_STALL,
    FAULT_ISOLATE,
    FAULT_HALVES,
    FAULT_ONE_WAY,
    FAULT_PAIR,
    FAULT_DEAF_LEADER,
    FAULT_BREAK,
    FAULT_SLOW_LINK,
    FAULT_CLOCK,
    FAULT_TRANSFER,
    FAULT_REPLACE, /* a new node comes, this one goes */
    FAULT_ROT,     /* killed; a byte of its log flips while it is down */
    FAULT_KINDS
};

struct sim_fault *sim_fault_new(struct sim *sim, uint64_t seed);
void sim_fault_free(struct sim_fault *fault);
/* How many nodes the profile asks for. */
unsigned sim_fault_nodes(const struct sim_fault *fault);
uint64_t sim_fault_length_s(const struct sim_fault *fault);
/* One line for a person. */
void sim_fault_describe(const struct sim_fault *fault, char out[160]);
/* From now on nodes that end by themselves are started again. */
void sim_fault_supervise(struct sim_fault *fault);
void sim_fault_begin(struct sim_fault *fault);
/* No more; what was broken is mended, and who is down is started. */
void sim_fault_end(struct sim_fault *fault);
/* Make this one now, at this node (0: drawn). */
void sim_fault_make(struct sim_fault *fault, enum sim_fault_kind kind, unsigned node);
/* Start whoever is down and can be started. */
void sim_fault_revive(struct sim *sim);

#endif
