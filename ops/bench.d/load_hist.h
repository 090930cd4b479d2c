/* load_hist: latencies in buckets of at most 1.6 % width, from 1 us to 17 minutes.
 *
 * Recording is a few instructions and never allocates. Not thread-safe. */
#ifndef BENCH_LOAD_HIST_H
#define BENCH_LOAD_HIST_H

#include <stdint.h>

#define LOAD_HIST_SUB_BITS 6
#define LOAD_HIST_BUCKETS ((30 - LOAD_HIST_SUB_BITS + 1) << LOAD_HIST_SUB_BITS)

struct load_hist {
    uint64_t counts[LOAD_HIST_BUCKETS];
    uint64_t total;
    uint64_t max_us;
};

void load_hist_add(struct load_hist *hist, uint64_t us);
/* The latency that `permille` of 1000 did not exceed, in us; 0 when empty. */
uint64_t load_hist_at(const struct load_hist *hist, unsigned permille);

#endif
