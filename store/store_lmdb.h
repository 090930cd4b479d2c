/* store_lmdb: what the files of the store share of LMDB and of the open store. Included by
 * them alone; families work through store_table.h, but for what store_expiry.c and
 * store_audit.c remember. */
#ifndef STORE_STORE_LMDB_H
#define STORE_STORE_LMDB_H

#include <lmdb.h>
#include <pthread.h>

#include "store/base/buf.h"
#include "store/store.h"
#include "store/store_audit.h"
#include "store/store_expiry.h"
#include "store/store_point.h"
#include "store/store_table.h"

/* The audit chain as the open transaction leaves it: its head is read once, and written
 * once a frame (J5). */
struct audit_chain {
    bool known;   /* head and newest_ms */
    bool changed; /* the head, since its row was written */
    struct audit_head head;
    uint64_t newest_ms;
    bool oldest_known;
    uint64_t oldest_ms;
    uint64_t quiet_minute; /* no bucket is of a minute before it; 0: not known */
};

struct store_read {
    struct store *store;
    MDB_txn *txn; /* NULL before the first begin */
    bool active;
    bool of_write; /* lives in a store_write, which alone ends it */
};

struct store_write {
    struct store_read read;
    struct store_digest digest; /* of the rows as this transaction leaves them */
    pthread_t owner;            /* LMDB's writer lock is this thread's */
    /* Where the last get, put or del of the table was; NULL: none yet. LMDB frees them
     * with the transaction. */
    MDB_cursor *at[TABLE_COUNT];
    struct audit_chain audit;
};

/* Of a reader that is `of_write`. */
static inline struct store_write *store_write_of(struct store_read *read) {
    return (struct store_write *)((char *)read - offsetof(struct store_write, read));
}

struct store {
    MDB_env *env;
    MDB_dbi dbi[TABLE_COUNT];
    struct store_write write; /* the one writer; active while a frame is applied */
    struct buf row;           /* raft thread: encoding of the row being put */
    struct arena scratch;     /* raft thread: the row that a put replaces */
    struct buf hashed;        /* raft thread: what the digest hashes */
    /* Raft thread: no entry of this table is due before; 0: not known. */
    uint64_t expiry_quiet_ms[EXPIRY_LAST + 1];
    struct store_point point;
};

/* Add a row's hash to `sum` (S5). `scratch` takes LIMIT_COMMAND + 1024 bytes. */
enum err store_digest_row(struct buf *scratch, enum store_table table, struct span key,
                          struct span value, struct store_digest *sum);

/* A keyless check sum against chance. */
struct store_digest store_row_sum(struct span bytes);

/* LMDB's and the system's codes as ours. */
enum err store_lmdb_err(int rc);

#endif
