/* store_expiry: what is to be swept, in the order of its expiry.
 *
 * The table families add and drop their own entries; raft/fsm_sweep.c takes the
 * oldest, at most LIMIT_SWEEP_ROWS a frame. An entry whose row has a later expiry
 * by now is simply dropped. */
#ifndef STORE_STORE_EXPIRY_H
#define STORE_STORE_EXPIRY_H

#include "store/store.h"

/* Numbers are stored; never reuse one. */
enum expiry_table {
    EXPIRY_SESSION = 1,
    EXPIRY_GRANT = 2,
    EXPIRY_ACCESS = 3,
    EXPIRY_REFRESH = 4,
    EXPIRY_ATTEMPTS = 5,
    EXPIRY_PROOF = 6,
    EXPIRY_REQUEST = 7,
    EXPIRY_OUTBOX = 8,
    EXPIRY_STAFF_SESSION = 9,
    EXPIRY_KEY = 10, /* by store_key_mark */
    EXPIRY_COUNTER = 11,
    EXPIRY_SIGNIN = 12,
    EXPIRY_FACTOR_GUARD = 13,
    EXPIRY_APP_ENROLMENT = 14,
    EXPIRY_APP_CHALLENGE = 15,
    EXPIRY_APPLICATION = 16, /* one that is not confirmed */
    EXPIRY_JOB = 17,         /* by store_job_mark */
    EXPIRY_BLOB = 18,        /* by the first half of its id */
    EXPIRY_ID_CHANGE = 19,   /* by sub */
    EXPIRY_RECOVERY = 20,
    EXPIRY_BLOB_NODE = 21, /* by store_blob_node_mark */
    EXPIRY_IMPORT = 22,    /* one that nothing is left to be done with */
    EXPIRY_CORRECTION = 23, /* by the application */
};
#define EXPIRY_LAST EXPIRY_CORRECTION

struct expiry {
    uint64_t at_ms;
    enum expiry_table table;
    struct key_hash key;
};

/* What an entry is about, by its row's key; 0: no entry's key. */
int store_expiry_table_of(struct span key);

enum err store_expiry_add(struct store_write *write, const struct expiry *expiry);
enum err store_expiry_del(struct store_write *write, const struct expiry *expiry);
/* The earliest entry with at_ms <= now_ms. ERR_NOT_FOUND: none. The store remembers when
 * each table's first one is due, and looks at no table before. */
enum err store_expiry_due(struct store_write *write, uint64_t now_ms,
                          struct expiry *ret_expiry);
/* The earliest entry of one table, whenever it is. ERR_NOT_FOUND: none. */
enum err store_expiry_first_of(struct store_read *read, enum expiry_table table,
                               struct expiry *ret_expiry);
/* A row's expiry is now `at_ms` (0: the row is gone); it was `was_ms` (0: it is
 * new). For the table families. */
enum err store_expiry_move(struct store_write *write, enum expiry_table table,
                           struct key_hash key, uint64_t was_ms, uint64_t at_ms);

#endif
