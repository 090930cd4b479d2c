/* rate_limit: token buckets by key, local to this node, fixed memory.
 *
 * Keeps the cheap flood out before the hash queue; the replicated counters
 * (raft/fsm_session) are what an attacker cannot get around. Thread-safe. */
#ifndef SERVER_RATE_LIMIT_H
#define SERVER_RATE_LIMIT_H

#include <stdbool.h>

#include "store/base/err.h"
#include "store/base/port.h"
#include "store/base/span.h"

struct rate_limit;

/* `per_minute` tokens flow in up to `burst`; 0: no limit at all. `slots` keys are
 * remembered; when they do not do, the key that was quiet for longest is forgotten.
 * ERR_INVALID, ERR_NOMEM. */
enum err rate_limit_new(unsigned per_minute, unsigned burst, unsigned slots,
                        struct port_clock clock, struct rate_limit **ret_limit);
void rate_limit_free(struct rate_limit *limit);
/* Take one; false when `key` has none left. */
bool rate_limit_take(struct rate_limit *limit, struct span key);

#endif
