/* repl_trail: how long the retained log is: in entries, bytes and time.
 *
 * libraft retains a number of entries; operators think in bytes and in the outage
 * that they cover. Samples of (index, bytes, replicated time) tell one from the
 * other. Pure. Thread: raft. */
#ifndef RAFT_REPL_TRAIL_H
#define RAFT_REPL_TRAIL_H

#include <stdint.h>

#define REPL_TRAIL_SAMPLES 4096
/* Entries between two samples; samples reach REPL_TRAIL_SAMPLES times as far. */
#define REPL_TRAIL_STEP 64

struct repl_trail {
    struct repl_trail_sample {
        uint64_t index, bytes, clock_ms; /* bytes: of all entries before this one */
    } sample[REPL_TRAIL_SAMPLES];
    uint64_t samples; /* ever taken */
    uint64_t index;   /* newest entry; 0: none */
    uint64_t bytes;   /* of all entries noted */
    uint64_t clock_ms;
};

/* Entries come in the order of their indexes; one that comes again begins anew. What
 * is left out weighs nothing: barriers and configurations, which are not applied as
 * frames. `clock_ms` 0: not known. */
void repl_trail_note(struct repl_trail *trail, uint64_t index, uint64_t bytes,
                     uint64_t clock_ms);
/* How many of the newest entries take up at most `bytes` (rounded down to a sample). */
uint64_t repl_trail_entries(const struct repl_trail *trail, uint64_t bytes);
/* Bytes and time from entry `first` to the newest. */
void repl_trail_since(const struct repl_trail *trail, uint64_t first,
                      uint64_t *ret_bytes, uint64_t *ret_covers_ms);

#endif
