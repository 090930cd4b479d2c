/* store_outcome: registered boots, and outcomes kept for resubmissions.
 *
 * Written by raft/fsm.c alone. Invariants:
 *   O1  a node has one registered boot: its latest;
 *   O2  an outcome is kept while its sequence may still be resubmitted, that is
 *       from its frame until a command of the same boot carries a higher `low`. */
#ifndef STORE_STORE_OUTCOME_H
#define STORE_STORE_OUTCOME_H

#include "store/store.h"

struct boot {
    uint64_t node;
    uint64_t boot; /* random, drawn at each start */
    uint64_t low;  /* lowest sequence that is still outstanding */
};

enum err store_boot_get(struct store_read *read, uint64_t node, struct boot *ret_boot);
enum err store_boot_put(struct store_write *write, const struct boot *boot);

/* The stored bytes (raft/command's encoding). Borrowed. ERR_NOT_FOUND. */
enum err store_outcome_get(struct store_read *read, uint64_t node, uint64_t seq,
                           struct span *ret_outcome);
enum err store_outcome_put(struct store_write *write, uint64_t node, uint64_t seq,
                           struct span outcome);
/* Delete all of `node` with sequence < low. */
enum err store_outcome_trim(struct store_write *write, uint64_t node, uint64_t low);

#endif
