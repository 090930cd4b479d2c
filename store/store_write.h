/* store_write: beginning and ending the one write transaction.
 *
 * Included by raft/fsm.c, by the store itself and by tests; by nobody else
 * (tests/lint). Table families take `struct store_write *`, so a caller that
 * was not handed one cannot write. Thread: raft. */
#ifndef STORE_STORE_WRITE_H
#define STORE_STORE_WRITE_H

#include "store/store.h"

enum err store_write_begin(struct store *store, struct store_write **ret_write);
/* Write meta (its digest is filled in by the store) and commit. After an error
 * the transaction is gone, and the node must end (S4). */
enum err store_write_commit(struct store_write *write, const struct store_meta *meta);
/* Of the rows as the transaction leaves them, once the audit chain is settled
 * (store_audit_settle); commit stores it in meta. */
struct store_digest store_write_digest(const struct store_write *write);
/* Drop everything. NULL-safe. */
void store_write_abort(struct store_write *write);

/* The same snapshot as a reader, for the lookups of the state machine. It sees
 * this transaction's own writes and must not be ended. */
struct store_read *store_write_reader(struct store_write *write);

#endif
