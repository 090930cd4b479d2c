/* store_proof: what was used and may not be used again, until when.
 *
 * Written by raft/fsm_proof.c. Invariant:
 *   P1  the key is a keyed hash of who used it and its `jti`. */
#ifndef STORE_STORE_PROOF_H
#define STORE_STORE_PROOF_H

#include "store/store.h"

enum err store_proof_get(struct store_read *read, struct key_hash key,
                         uint64_t *ret_until_ms);
enum err store_proof_put(struct store_write *write, struct key_hash key,
                         uint64_t until_ms);
enum err store_proof_del(struct store_write *write, struct key_hash key);

#endif
