/* sim_loop: virtual time, and what happens when.
 *
 * One thread, one clock, one queue. Events of equal time run in the order in which
 * they were made, so a run is a function of its seed. Every event that runs is
 * hashed into the trace: two runs of one seed have equal traces, or the simulator
 * itself is broken.
 *
 * An event belongs to a life of a node, or to the world (owner 0). Those of a life
 * that has ended are dropped; those of a paused node wait (its process is stopped,
 * not its surroundings). */
#ifndef CHAOS_SIM_LOOP_H
#define CHAOS_SIM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/limits.h"

#define SIM_OWNERS (LIMIT_NODES + 1)
#define SIM_US_PER_MS UINT64_C(1000)
#define SIM_US_PER_S UINT64_C(1000000)

struct sim;

/* `arg` was given with the event; the loop frees it afterwards. */
typedef void (*sim_fn)(struct sim *sim, unsigned owner, void *arg);

struct sim_event {
    uint64_t at_us, order;
    unsigned owner; /* a node's number, 0: the world's */
    uint64_t life;
    const char *what; /* for traces; a literal */
    sim_fn run;
    void *arg; /* malloc'ed or NULL */
};

struct sim_loop {
    uint64_t now_us, next_order;
    struct sim_event *heap;
    size_t count, cap;
    uint64_t life[SIM_OWNERS];            /* of each node, counted from 1; 0: down */
    uint64_t lives[SIM_OWNERS];           /* how many it has had */
    uint64_t paused_until_us[SIM_OWNERS]; /* 0: runs */
    uint64_t trace;                       /* hash of all that ran */
    uint64_t events;
    bool print; /* each event on standard error */
    /* Runs a node's event: as its process would, with what may end it. */
    void (*enter)(struct sim *sim, const struct sim_event *event);
};

void sim_loop_init(struct sim_loop *loop);
void sim_loop_close(struct sim_loop *loop);
/* Something of `owner`'s present life, `delay_us` from now. Takes `arg`. A node
 * that is down has no events: `arg` is freed. */
void sim_after(struct sim_loop *loop, uint64_t delay_us, unsigned owner,
               const char *what, sim_fn run, void *arg);
/* The next event, moving the clock; false: none up to `until_us`. */
bool sim_loop_step(struct sim_loop *loop, struct sim *sim, uint64_t until_us);
/* Mix a number into the trace. */
void sim_trace(struct sim_loop *loop, uint64_t value);
void sim_trace_bytes(struct sim_loop *loop, const void *data, size_t len);

/* A node's process begins; its events begin with it. */
void sim_life_begin(struct sim_loop *loop, unsigned owner);
void sim_life_end(struct sim_loop *loop, unsigned owner);
bool sim_lives(const struct sim_loop *loop, unsigned owner);
/* SIGSTOP for so long. */
void sim_life_pause(struct sim_loop *loop, unsigned owner, uint64_t us);

static inline uint64_t sim_ms(const struct sim_loop *loop) {
    return loop->now_us / SIM_US_PER_MS;
}

#endif
