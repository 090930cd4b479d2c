#include "chaos/sim/sim_rng.h"

#include <string.h>

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

void sim_rng_seed(struct sim_rng *rng, uint64_t seed, uint64_t stream) {
    uint64_t state = seed;
    uint64_t mixed = splitmix(&state) ^ (stream * UINT64_C(0xd1342543de82ef95));
    for (size_t i = 0; i < 4; i++) {
        rng->s[i] = splitmix(&mixed);
    }
}

uint64_t sim_rng_next(struct sim_rng *rng) {
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t sim_below(struct sim_rng *rng, uint64_t n) {
    /* A bias of n / 2^64 is of no interest here. */
    return sim_rng_next(rng) % n;
}

uint64_t sim_between(struct sim_rng *rng, uint64_t from, uint64_t to) {
    return from + sim_below(rng, to - from + 1);
}

bool sim_percent(struct sim_rng *rng, unsigned percent) {
    return sim_below(rng, 100) < percent;
}

void sim_fill(struct sim_rng *rng, void *out, size_t len) {
    uint8_t *to = out;
    while (len > 0) {
        uint64_t word = sim_rng_next(rng);
        size_t take = len < sizeof(word) ? len : sizeof(word);
        memcpy(to, &word, take);
        to += take;
        len -= take;
    }
}
