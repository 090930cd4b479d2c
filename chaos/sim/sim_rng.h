/* sim_rng: the only source of chance in a simulation (xoshiro256**, seeded by
 * splitmix64). Parts of the simulation have a stream each, so that one more fault
 * drawn does not change what the clients do. Pure. */
#ifndef CHAOS_SIM_RNG_H
#define CHAOS_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_rng {
    uint64_t s[4];
};

void sim_rng_seed(struct sim_rng *rng, uint64_t seed, uint64_t stream);
uint64_t sim_rng_next(struct sim_rng *rng);
/* 0 to n-1; n is at least 1. */
uint64_t sim_below(struct sim_rng *rng, uint64_t n);
/* from to to, both included. */
uint64_t sim_between(struct sim_rng *rng, uint64_t from, uint64_t to);
bool sim_percent(struct sim_rng *rng, unsigned percent);
void sim_fill(struct sim_rng *rng, void *out, size_t len);

#endif
