/* peer_image_pace: how fast an image may go, by what it does to the donor's log.
 *
 * The rate that is configured bounds what an image takes of the network. On a machine that
 * is busy it may still take processor and disk from those that wait for the log. So a job
 * compares the donor's log writes of the last PACE_WINDOW_MS with what is usual, which it
 * knows from before it has sent a byte: where they take half as long again, it is halved,
 * and otherwise it comes back in steps.
 * Invariants:
 *   H1  PACE_FLOOR <= rate <= rate_max (or rate = rate_max, if that is lower);
 *   H2  without log writes nobody waits, and the rate grows;
 *   H3  what is usual follows quicker windows soon and slower ones little by little: a
 *       node that becomes busier of itself still gives its image.
 * Pure: no clock of its own. Thread: the job's. */
#ifndef RAFT_PEER_IMAGE_PACE_H
#define RAFT_PEER_IMAGE_PACE_H

#include "raft/repl.h"

#define PACE_WINDOW_MS 100
#define PACE_LISTEN_MS 300 /* before the first byte, while the log is written to */
#define PACE_FLOOR (UINT64_C(4) << 20)

struct peer_image_pace {
    uint64_t rate; /* bytes a second, now */

    /* private */
    uint64_t rate_max;
    uint64_t usual_us; /* a log write takes; 0: not known */
    struct repl_log_load seen;
    uint64_t window_ms; /* when it began */
};

void peer_image_pace_init(struct peer_image_pace *pace, uint64_t rate_max,
                          const struct repl_log_load *load, uint64_t now_ms);
/* What has been heard before the first byte. */
void peer_image_pace_listened(struct peer_image_pace *pace,
                              const struct repl_log_load *load, uint64_t now_ms);
/* Between two pieces: a new rate, once a window. */
void peer_image_pace_step(struct peer_image_pace *pace,
                          const struct repl_log_load *load, uint64_t now_ms);

#endif
