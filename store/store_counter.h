/* store_counter: how often something was done since its window began.
 *
 * Written by raft/fsm_counter.c. Invariants:
 *   K1  the key is a keyed hash of what is counted and of whom (a number, an address, a
 *       network), made by the service that asks; the store learns neither;
 *   K2  every row has an expiry entry at the end of its window, so a row is one that
 *       counts, or one that is about to be swept. */
#ifndef STORE_STORE_COUNTER_H
#define STORE_STORE_COUNTER_H

#include "store/store.h"

struct counter {
    uint32_t count;
    uint64_t until_ms; /* the window's end; from then on it counts nothing */
};

/* ERR_NOT_FOUND. */
enum err store_counter_get(struct store_read *read, struct key_hash key,
                           struct counter *ret_counter);
enum err store_counter_put(struct store_write *write, struct key_hash key,
                           const struct counter *counter);
/* ERR_NOT_FOUND. */
enum err store_counter_del(struct store_write *write, struct key_hash key);

#endif
