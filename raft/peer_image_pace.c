#include "raft/peer_image_pace.h"

#include "store/base/check.h"

#define WRITES_MIN 4    /* fewer say nothing */
#define WINDOW_MAX_MS 1000
#define SLACK_US 500    /* the clock tells milliseconds */
#define LOWER 4         /* a part of what a quicker window is below the usual */
#define HIGHER 64       /* a part of the usual, each window */
#define STEPS 16        /* from nothing to rate_max */
#define FIRST_PART 8    /* of rate_max, while others wait for the log */

static uint64_t floor_of(const struct peer_image_pace *pace) {
    return pace->rate_max < PACE_FLOOR ? pace->rate_max : PACE_FLOOR;
}

static uint64_t clamp(const struct peer_image_pace *pace, uint64_t rate) {
    uint64_t least = floor_of(pace);
    return rate < least ? least : rate > pace->rate_max ? pace->rate_max : rate;
}

/* The mean of the writes since the last window; 0: too few to say. The next one begins. */
static uint64_t window_end(struct peer_image_pace *pace,
                           const struct repl_log_load *load, uint64_t now_ms) {
    uint64_t writes = load->writes - pace->seen.writes;
    uint64_t us = (load->write_ms - pace->seen.write_ms) * 1000;

    pace->seen = *load;
    pace->window_ms = now_ms;
    return writes < WRITES_MIN ? 0 : us / writes + 1;
}

void peer_image_pace_init(struct peer_image_pace *pace, uint64_t rate_max,
                          const struct repl_log_load *load, uint64_t now_ms) {
    CHECK(rate_max > 0);
    *pace = (struct peer_image_pace){.rate = rate_max,
                                     .rate_max = rate_max,
                                     .seen = *load,
                                     .window_ms = now_ms};
}

void peer_image_pace_listened(struct peer_image_pace *pace,
                              const struct repl_log_load *load, uint64_t now_ms) {
    pace->usual_us = window_end(pace, load, now_ms);
    if (pace->usual_us != 0) {
        pace->rate = clamp(pace, pace->rate_max / FIRST_PART);
    }
}

/* Few writes are waited for, up to a point: those that take long are few. */
static bool window_is_over(const struct peer_image_pace *pace,
                           const struct repl_log_load *load, uint64_t now_ms) {
    uint64_t writes = load->writes - pace->seen.writes;

    return now_ms >= pace->window_ms + PACE_WINDOW_MS &&
           (writes == 0 || writes >= WRITES_MIN ||
            now_ms >= pace->window_ms + WINDOW_MAX_MS);
}

void peer_image_pace_step(struct peer_image_pace *pace,
                          const struct repl_log_load *load, uint64_t now_ms) {
    if (!window_is_over(pace, load, now_ms)) {
        return;
    }
    uint64_t mean_us = window_end(pace, load, now_ms);
    uint64_t usual_us = pace->usual_us;
    bool slow = mean_us != 0 && usual_us != 0 &&
                mean_us > usual_us + usual_us / 2 + SLACK_US;

    if (mean_us != 0) {
        pace->usual_us = usual_us == 0        ? mean_us
                         : mean_us < usual_us ? usual_us - (usual_us - mean_us) / LOWER
                                              : usual_us + usual_us / HIGHER + 1; /* H3 */
    }
    pace->rate = clamp(pace, slow ? pace->rate / 2
                                  : pace->rate + pace->rate_max / STEPS + 1);
}
