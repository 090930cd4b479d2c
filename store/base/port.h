/* port: the doors through which time, chance and other threads are reached.
 *
 * The state machine includes nothing of this file. Everything else takes these
 * as arguments, so that tests and the simulator can put their own behind. */
#ifndef BASE_PORT_H
#define BASE_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/err.h"

/* Milliseconds. `mono_ms` never falls; `wall_ms` is since 1970, and may jump. */
struct port_clock {
    uint64_t (*mono_ms)(void *impl);
    uint64_t (*wall_ms)(void *impl);
    void *impl;
};

/* Cryptographic randomness. Never fails: the system's source ends the process
 * when it cannot deliver. */
struct port_random {
    void (*fill)(void *impl, void *out, size_t len);
    void *impl;
};

extern const struct port_clock port_system_clock;
extern const struct port_random port_system_random;

/* A piece of work handed to another thread's loop. Embed it in the request that
 * it belongs to; `run` is called once, on the target's thread. */
struct port_task {
    void (*run)(struct port_task *task);
    struct port_task *next; /* the target's, while queued */
};

/* A loop that takes work from any thread. `post` never blocks and never fails;
 * tasks posted by one thread run in their order. */
struct port_loop {
    void (*post)(struct port_loop *loop, struct port_task *task);
};

#endif
