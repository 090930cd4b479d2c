/* store_backup: the newest backup that somebody keeps (a row of TABLE_CLUSTER).
 *
 * Written by raft/fsm_cluster.c when a donor has heard that its taker verified and kept
 * what it was given; read for the operator. Thread: the transaction's. */
#ifndef STORE_STORE_BACKUP_H
#define STORE_STORE_BACKUP_H

#include "store/store.h"

struct store_backup {
    uint64_t index; /* of the state that it holds */
    struct store_digest digest;
    uint64_t rows, bytes;
    uint64_t donor, taker; /* nodes */
    uint64_t kept_ms;      /* replicated time of the word */
};

/* ERR_NOT_FOUND: none was made. */
enum err store_backup_get(struct store_read *read, struct store_backup *ret_backup);
enum err store_backup_put(struct store_write *write, const struct store_backup *backup);

#endif
