#include "raft/repl_clock.h"

#include "store/base/check.h"

/* Slewing changes the rate of time by 1/16. */
#define SLEW_DIVISOR 16
/* A status that was longer under way says nothing about clocks. */
#define ROUND_TRIP_MAX_MS 2000

void repl_clock_init(struct repl_clock *clock, uint32_t skew_max_ms, uint64_t mono_ms) {
    *clock = (struct repl_clock){
        .base_mono_ms = mono_ms, .slew_mono_ms = mono_ms, .skew_max_ms = skew_max_ms};
}

uint64_t repl_clock_now(const struct repl_clock *clock, uint64_t mono_ms) {
    uint64_t elapsed =
        mono_ms > clock->base_mono_ms ? mono_ms - clock->base_mono_ms : 0;
    return clock->base_ms + elapsed;
}

void repl_clock_applied(struct repl_clock *clock, uint64_t clock_ms, uint64_t mono_ms,
                        bool leading) {
    if (!leading || clock_ms > repl_clock_now(clock, mono_ms)) {
        clock->base_ms = clock_ms;
        clock->base_mono_ms = mono_ms;
    }
}

static uint64_t distance(int64_t a, int64_t b) {
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* How many voters are within skew_max of `from`, the first one (us) at 0. */
static size_t count_near(const struct repl_offsets *offsets, int64_t from,
                         uint32_t skew_max_ms) {
    size_t near = distance(0, from) <= skew_max_ms ? 1 : 0;
    for (size_t i = 0; i < offsets->count; i++) {
        near += distance(offsets->offset_ms[i], from) <= skew_max_ms ? 1 : 0;
    }
    return near;
}

bool repl_clock_agrees(const struct repl_offsets *offsets, uint32_t skew_max_ms) {
    return count_near(offsets, 0, skew_max_ms) > offsets->voters / 2;
}

bool repl_clock_is_outlier(const struct repl_offsets *offsets, uint32_t skew_max_ms) {
    if (repl_clock_agrees(offsets, skew_max_ms)) {
        return false;
    }
    for (size_t i = 0; i < offsets->count; i++) {
        int64_t from = offsets->offset_ms[i];
        if (distance(0, from) > skew_max_ms &&
            count_near(offsets, from, skew_max_ms) > offsets->voters / 2) {
            return true;
        }
    }
    return false;
}

bool repl_clock_must_wait(const struct repl_clock *clock, uint64_t wall_ms,
                          uint64_t mono_ms, const struct repl_offsets *offsets) {
    uint64_t now = repl_clock_now(clock, mono_ms);
    return wall_ms > now && wall_ms - now > clock->skew_max_ms &&
           !repl_clock_agrees(offsets, clock->skew_max_ms);
}

/* Move `now` towards the wall clock by what the time since the last slew allows. */
static uint64_t slew(struct repl_clock *clock, uint64_t now, uint64_t wall_ms,
                     uint64_t mono_ms) {
    uint64_t since = mono_ms > clock->slew_mono_ms ? mono_ms - clock->slew_mono_ms : 0;
    uint64_t most = since / SLEW_DIVISOR;
    if (most == 0) {
        return now;
    }
    clock->slew_mono_ms = mono_ms;
    if (wall_ms > now) {
        return now + (wall_ms - now < most ? wall_ms - now : most);
    }
    return now - (now - wall_ms < most ? now - wall_ms : most);
}

uint64_t repl_clock_stamp(struct repl_clock *clock, uint64_t wall_ms, uint64_t mono_ms,
                          const struct repl_offsets *offsets) {
    uint64_t now = repl_clock_now(clock, mono_ms);
    uint64_t apart = wall_ms > now ? wall_ms - now : now - wall_ms;
    bool agreed = repl_clock_agrees(offsets, clock->skew_max_ms);
    uint64_t stamp = now;
    if (apart <= clock->skew_max_ms || (agreed && wall_ms < now)) {
        stamp = slew(clock, now, wall_ms, mono_ms);
    } else if (agreed) {
        stamp = wall_ms;
        clock->slew_mono_ms = mono_ms;
    }
    if (stamp < clock->base_ms) {
        stamp = clock->base_ms;
    }
    clock->base_ms = stamp;
    clock->base_mono_ms = mono_ms;
    return stamp;
}

bool repl_clock_ahead(uint64_t peer_wall_ms, uint64_t mono_ms, uint64_t echo_mono_ms,
                      uint64_t held_ms, int64_t *ret_ahead_ms) {
    if (echo_mono_ms == 0 || echo_mono_ms > mono_ms ||
        held_ms > mono_ms - echo_mono_ms) {
        return false;
    }
    uint64_t round_trip = mono_ms - echo_mono_ms - held_ms;
    if (round_trip > ROUND_TRIP_MAX_MS || peer_wall_ms > INT64_MAX / 2 ||
        mono_ms > INT64_MAX / 2) {
        return false;
    }
    *ret_ahead_ms =
        (int64_t)peer_wall_ms + (int64_t)(round_trip / 2) - (int64_t)mono_ms;
    return true;
}
