#include "ops/bench.d/load_hist.h"

#define SUB (UINT64_C(1) << LOAD_HIST_SUB_BITS)
#define US_MAX ((UINT64_C(1) << 30) - 1)

/* Values below SUB stand alone; above, each power of two has SUB / 2 ... SUB. */
static unsigned bucket_of(uint64_t us) {
    if (us < SUB) {
        return (unsigned)us;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(us) - LOAD_HIST_SUB_BITS;
    return (unsigned)(((shift + 1) << LOAD_HIST_SUB_BITS) + (us >> shift) - SUB);
}

/* Upper end of a bucket. */
static uint64_t bucket_end(unsigned bucket) {
    if (bucket < SUB) {
        return bucket;
    }
    unsigned shift = (bucket >> LOAD_HIST_SUB_BITS) - 1;
    return (((bucket & (SUB - 1)) + SUB + 1) << shift) - 1;
}

void load_hist_add(struct load_hist *hist, uint64_t us) {
    if (us > US_MAX) {
        us = US_MAX;
    }
    hist->counts[bucket_of(us)]++;
    hist->total++;
    if (us > hist->max_us) {
        hist->max_us = us;
    }
}

uint64_t load_hist_at(const struct load_hist *hist, unsigned permille) {
    uint64_t wanted = (hist->total * permille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < LOAD_HIST_BUCKETS && hist->total > 0; i++) {
        seen += hist->counts[i];
        if (seen >= wanted && seen > 0) {
            uint64_t end = bucket_end(i);
            return end < hist->max_us ? end : hist->max_us;
        }
    }
    return 0;
}
