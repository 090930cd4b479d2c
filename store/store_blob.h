/* store_blob: what the cluster knows of its blobs (scans, evidence): never their bytes.
 *
 * The bytes stand in files of the nodes (server/blob), by SHA-256. Written by
 * raft/fsm_blob.c.
 * Invariants:
 *   L1  a holder is a node that said it has synced the bytes, and has not said since
 *       that they are gone or rotten;
 *   L2  a blob that is short of copies (store_blob_node.h says when) is in the index of
 *       short ones;
 *   L3  `refs` counts the rows that name it; a blob without any has an expiry entry,
 *       and goes with it. Only then may nodes drop the bytes.
 * Thread: the transaction's. */
#ifndef STORE_STORE_BLOB_H
#define STORE_STORE_BLOB_H

#include "store/base/buf.h"
#include "store/base/limits.h"
#include "store/store.h"

#define BLOB_COPIES 2

/* Numbers are stored; never reuse one. */
enum blob_kind { BLOB_SCAN = 1, BLOB_EVIDENCE = 2, BLOB_CROP = 3 };
#define BLOB_KIND_LAST BLOB_CROP

struct blob_id {
    uint8_t b[32]; /* SHA-256 of the bytes */
};

struct blob_row {
    struct blob_id id;
    enum blob_kind kind;
    uint64_t size;
    uint64_t created_ms;
    uint32_t refs;
    uint64_t drop_ms; /* L3; 0 while there are refs */
    size_t holders_count;
    uint64_t holders[LIMIT_NODES]; /* node ids, ascending */
};

bool store_blob_held_by(const struct blob_row *blob, uint64_t node);
enum err store_blob_get(struct store_read *read, const struct blob_id *id,
                        struct blob_row *ret_blob);
/* `is_short`: L2, as raft/fsm_blob.c finds it. */
enum err store_blob_put(struct store_write *write, const struct blob_row *blob,
                        bool is_short);
enum err store_blob_short(struct store_read *read, const struct blob_id *id,
                          bool *ret_short);
enum err store_blob_del(struct store_write *write, const struct blob_id *id);
/* By the key of its expiry entry: the first half of its id. */
enum err store_blob_by_mark(struct store_read *read, struct key_hash mark,
                            struct blob_row *ret_blob);
uint64_t store_blob_count(struct store_read *read);
enum err store_blob_short_count(struct store_read *read, uint64_t *ret_count);
/* The first blob whose id is not below `from`, of all or of the short ones (L2).
 * ERR_NOT_FOUND. */
enum err store_blob_next(struct store_read *read, const struct blob_id *from,
                         bool of_short, struct blob_row *ret_blob);
/* From a row of TABLE_BLOB as it stands in an image. ERR_CORRUPT. */
enum err store_blob_of_row(struct span key, struct span value,
                           struct blob_row *ret_blob);
/* What a restore makes of a blob's row: nobody has said yet, in the new epoch, that it
 * holds it. ERR_CORRUPT. */
enum err store_blob_forget_holders(struct span key, struct span value, struct buf *out);
/* The next id in order; false: there is none. */
bool store_blob_after(struct blob_id *id);

#endif
