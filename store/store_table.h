/* store_table: rows of bytes by table, below the families store_*.c.
 *
 * Internal to the store. Invariants:
 *   T1  every put and del of a table other than TABLE_META moves the digest (S5);
 *   T2  a span got inside a write transaction ends with the next put or del, so
 *       families copy what they give (by value, or into the caller's arena).
 * Keys are at most 511 bytes (LMDB). Thread: the transaction's. */
#ifndef STORE_STORE_TABLE_H
#define STORE_STORE_TABLE_H

#include "store/base/buf.h"
#include "store/base/codec.h"
#include "store/store.h"
#include "store/store_write.h"

/* Numbers enter the digest; never reuse one. */
enum store_table {
    TABLE_META = 0,
    TABLE_ACCOUNT = 1,        /* sub -> AccountRecord */
    TABLE_LOGIN = 2,          /* login_index -> sub */
    TABLE_ATTEMPTS = 3,       /* login_index -> counters */
    TABLE_CLIENT = 4,         /* client_id -> ClientRecord */
    TABLE_SESSION = 5,        /* key hash -> session */
    TABLE_CONSENT = 6,        /* sub, client_id -> scopes */
    TABLE_GRANT = 7,          /* code hash -> GrantRecord */
    TABLE_SESSION_GRANT = 8,  /* session, code hash -> nothing */
    TABLE_ACCESS = 9,         /* token hash -> access token */
    TABLE_REFRESH = 10,       /* token hash -> refresh token */
    TABLE_KEY = 11,           /* kid -> KeyRecord */
    TABLE_BOOT = 12,          /* node -> boot */
    TABLE_OUTCOME = 13,       /* node, seq -> outcome */
    TABLE_EXPIRY = 14,        /* table, time, key hash -> nothing */
    TABLE_MEMBER = 15,        /* node -> member */
    TABLE_CLUSTER = 16,       /* name of a setting -> its value */
    TABLE_PROOF = 17,         /* hash of what may be used once -> when it ends */
    TABLE_REQUEST = 18,       /* request_uri's hash -> pushed request */
    TABLE_OUTBOX = 19,        /* message id -> message */
    TABLE_OUTBOX_INDEX = 20,  /* see store_outbox.c */
    TABLE_STAFF = 21,         /* staff id -> staff account */
    TABLE_STAFF_LOGIN = 22,   /* login_index -> staff id */
    TABLE_STAFF_SESSION = 23, /* key hash -> staff session */
    TABLE_USAGE = 24,         /* month, client_id -> counters */
    TABLE_COUNTER = 25,       /* key hash -> count in its window */
    TABLE_AUDIT = 26,         /* seq -> security event and its hash */
    TABLE_AUDIT_INDEX = 27,   /* see store_audit.c */
    TABLE_FACTOR = 28,        /* sub, factor id -> second factor of an account */
    TABLE_SIGNIN = 29,        /* key hash -> sign-in whose second step is to come */
    TABLE_FACTOR_GUARD = 30,  /* counter -> wrong codes of the day */
    TABLE_FACTOR_INDEX = 31,  /* kind, index -> sub, factor id */
    TABLE_APP_ENROLMENT = 32, /* code's hash -> who may register a device with it */
    TABLE_APP_CHALLENGE = 33, /* id -> question to the account's devices */
    TABLE_APPLICATION = 34, /* id -> application */
    TABLE_APPLICATION_INDEX = 35, /* see store_application.c */
    TABLE_REVIEW = 36, /* application -> review */
    TABLE_IMPORT = 37, /* id -> import of decisions */
    TABLE_BATCH = 38, /* id -> batch of scans */
    TABLE_BUNDLE = 39, /* id -> bundle of scans */
    TABLE_INTAKE_INDEX = 40, /* see store_intake.c */
    TABLE_JOB = 41, /* kind, subject -> job */
    TABLE_JOB_INDEX = 42, /* see store_job.c */
    TABLE_BLOB = 43, /* SHA-256 -> who holds it */
    TABLE_BLOB_SHORT = 44, /* SHA-256 -> nothing */
    TABLE_ACCOUNT_SESSION = 45, /* sub, session -> sealed origin */
    TABLE_ID_CHANGE = 46,       /* sub -> account ID that is to be */
    TABLE_RECOVERY = 47,        /* sub -> who may set a new password */
    TABLE_BLOB_NODE = 48,       /* node -> its word; 0 -> the walk over the blobs */
    TABLE_IMPORT_TIME = 49,     /* see store_review.c */
    TABLE_CORRECTION = 50,      /* application -> telephone number that is to be */
    TABLE_COUNT
};

/* Borrows (T2). ERR_NOT_FOUND. */
enum err store_table_get(struct store_read *read, enum store_table table,
                         struct span key, struct span *ret_value);
/* Insert or replace. `value` must not borrow from the transaction. */
enum err store_table_put(struct store_write *write, enum store_table table,
                         struct span key, struct span value);
/* The same with a row that was written into `row` (its sticky error is given). */
enum err store_table_put_row(struct store_write *write, enum store_table table,
                             struct span key, const struct buf *row);
/* The same where keys only rise, which fills pages to the end. ERR_EXISTS: it is not
 * above all others. */
enum err store_table_append_row(struct store_write *write, enum store_table table,
                                struct span key, const struct buf *row);
/* ERR_NOT_FOUND. `key` must not borrow from the transaction. */
enum err store_table_del(struct store_write *write, enum store_table table,
                         struct span key);
/* Delete all rows with from <= key < end. `end` is not empty. */
enum err store_table_trim(struct store_write *write, enum store_table table,
                          struct span from, struct span end);
uint64_t store_table_rows(struct store_read *read, enum store_table table);

/* A walk upward or downward. No put or del while one is open. */
struct store_cursor {
    struct MDB_cursor *lmdb;
};
/* At the first row with a key not below `from`. ERR_NOT_FOUND: none, and the
 * cursor is closed already. */
enum err store_cursor_open(struct store_read *read, enum store_table table,
                           struct span from, struct store_cursor *ret_cursor,
                           struct span *ret_key, struct span *ret_value);
/* ERR_NOT_FOUND: at the end. */
enum err store_cursor_next(struct store_cursor *cursor, struct span *ret_key,
                           struct span *ret_value);
/* At the last row with a key not above `to`, to walk downward; likewise. */
enum err store_cursor_open_last(struct store_read *read, enum store_table table,
                                struct span to, struct store_cursor *ret_cursor,
                                struct span *ret_key, struct span *ret_value);
/* ERR_NOT_FOUND: at the beginning. */
enum err store_cursor_prev(struct store_cursor *cursor, struct span *ret_key,
                           struct span *ret_value);
void store_cursor_close(struct store_cursor *cursor);

/* An emptied buffer for the row about to be put; it is reused by the next one. */
struct buf *store_table_row(struct store_write *write);

/* Emptied memory for decoding what a put replaces; reused by the next call. */
struct arena *store_table_scratch(struct store_write *write);

/* The next `len` bytes of a row into `out`. */
static inline void store_row_read(struct reader *in, uint8_t *out, size_t len) {
    struct span bytes = read_bytes(in, len);
    if (bytes.len == len) {
        memcpy(out, bytes.data, len);
    }
}

/* Big-endian, so that keys sort by number. */
static inline void store_key_u64(uint8_t *out, uint64_t v) {
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(v >> (56 - 8 * i));
    }
}

static inline uint64_t store_key_u64_of(const uint8_t *in) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | in[i];
    }
    return v;
}

#endif
