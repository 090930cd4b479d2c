#include "raft/repl_trail.h"

#include <stddef.h>

static const struct repl_trail_sample *sample_at(const struct repl_trail *trail,
                                                 uint64_t number) {
    return &trail->sample[number % REPL_TRAIL_SAMPLES];
}

static uint64_t oldest(const struct repl_trail *trail) {
    return trail->samples > REPL_TRAIL_SAMPLES ? trail->samples - REPL_TRAIL_SAMPLES
                                               : 0;
}

void repl_trail_note(struct repl_trail *trail, uint64_t index, uint64_t bytes,
                     uint64_t clock_ms) {
    if (trail->samples > 0 && index <= trail->index) {
        trail->samples = 0;
    }
    if (clock_ms > trail->clock_ms) {
        trail->clock_ms = clock_ms;
    }
    struct repl_trail_sample *last =
        trail->samples > 0 ? &trail->sample[(trail->samples - 1) % REPL_TRAIL_SAMPLES]
                           : NULL;
    if (last != NULL && last->clock_ms == 0) { /* a cluster's first frames have no time */
        last->clock_ms = trail->clock_ms;
    }
    if (last == NULL || index >= last->index + REPL_TRAIL_STEP) {
        trail->sample[trail->samples % REPL_TRAIL_SAMPLES] =
            (struct repl_trail_sample){index, trail->bytes, trail->clock_ms};
        trail->samples++;
    }
    trail->index = index;
    trail->bytes += bytes;
}

uint64_t repl_trail_entries(const struct repl_trail *trail, uint64_t bytes) {
    uint64_t entries = 0;
    for (uint64_t i = trail->samples; i > oldest(trail); i--) {
        const struct repl_trail_sample *sample = sample_at(trail, i - 1);
        if (trail->bytes - sample->bytes > bytes) {
            break;
        }
        entries = trail->index - sample->index + 1;
    }
    return entries;
}

/* The newest sample at or before `first`, or else the oldest. */
void repl_trail_since(const struct repl_trail *trail, uint64_t first,
                      uint64_t *ret_bytes, uint64_t *ret_covers_ms) {
    *ret_bytes = 0;
    *ret_covers_ms = 0;
    for (uint64_t i = trail->samples; i > oldest(trail); i--) {
        const struct repl_trail_sample *sample = sample_at(trail, i - 1);
        *ret_bytes = trail->bytes - sample->bytes;
        if (sample->clock_ms != 0) { /* else as far as the time is known */
            *ret_covers_ms = trail->clock_ms - sample->clock_ms;
        }
        if (sample->index <= first) {
            return;
        }
    }
}
