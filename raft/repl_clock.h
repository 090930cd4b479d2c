/* repl_clock: replicated time, as the leader stamps it, and what the nodes'
 * clocks say about each other. Pure: no clock is read here.
 *
 * Time runs with the leader's monotonic clock and is slewed towards its wall
 * clock. A larger step forward needs the agreement of a majority's clocks, so one
 * wrong clock ends nobody's session (DESIGN §3, time and chance).
 * Invariants:
 *   L1  stamps never fall;
 *   L2  without a majority that agrees with the stamping node's wall clock, time
 *       neither steps nor slews by more than skew_max away from elapsed time.
 * Milliseconds throughout. Thread: raft. */
#ifndef RAFT_REPL_CLOCK_H
#define RAFT_REPL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct repl_clock {
    uint64_t base_ms; /* replicated time at base_mono_ms */
    uint64_t base_mono_ms;
    uint64_t slew_mono_ms; /* slewed up to here */
    uint32_t skew_max_ms;
};

/* Offsets of the other voters' wall clocks against ours, as far as they are
 * known and recent. */
struct repl_offsets {
    int64_t offset_ms[16];
    size_t count;  /* known ones */
    size_t voters; /* all, this node included */
};

void repl_clock_init(struct repl_clock *clock, uint32_t skew_max_ms, uint64_t mono_ms);
/* A frame was applied whose time made the state's clock `clock_ms`. The leader's
 * own stamps come back late, so they never set its clock back; a follower takes
 * the state's time as it is, or its own clock's drift would add up. */
void repl_clock_applied(struct repl_clock *clock, uint64_t clock_ms, uint64_t mono_ms,
                        bool leading);
/* Replicated time now, without slewing. */
uint64_t repl_clock_now(const struct repl_clock *clock, uint64_t mono_ms);

/* True when this node's wall clock is so far ahead that stepping to it needs a
 * majority which has not agreed (yet). */
bool repl_clock_must_wait(const struct repl_clock *clock, uint64_t wall_ms,
                          uint64_t mono_ms, const struct repl_offsets *offsets);
/* The stamp of the next frame. */
uint64_t repl_clock_stamp(struct repl_clock *clock, uint64_t wall_ms, uint64_t mono_ms,
                          const struct repl_offsets *offsets);

/* A majority of all voters, this node included, is within skew_max of us. */
bool repl_clock_agrees(const struct repl_offsets *offsets, uint32_t skew_max_ms);
/* A majority of all voters agrees with each other, and not with us. */
bool repl_clock_is_outlier(const struct repl_offsets *offsets, uint32_t skew_max_ms);

/* A peer's wall clock minus our monotonic one: ours may jump between its message and
 * the use of it, and a jump must not pass for agreement. It sent `peer_wall_ms`
 * together with the echo of our monotonic time `echo_mono_ms`, which it had held for
 * `held_ms`; half of the round trip is taken for the way back. False: the echo makes no
 * sense, or the round trip was too long to say anything. */
bool repl_clock_ahead(uint64_t peer_wall_ms, uint64_t mono_ms, uint64_t echo_mono_ms,
                      uint64_t held_ms, int64_t *ret_ahead_ms);

#endif
