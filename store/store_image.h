/* store_image: the whole state as a stream of bytes, and back.
 *
 * One format serves a blank node, a node that was away too long, a corrupt node
 * and a backup (DESIGN §3, snapshots and re-seeding). It holds rows, not pages:
 * what is rotten in the donor's pages does not travel unseen, and the copy is
 * compact. The stream, little-endian:
 *
 *   "TASUKIIM" | u32 version = 2 | u32 length of head | head | u8[16] hash
 *   then blocks:  u32 length (1 to STORE_IMAGE_BLOCK) | u32 number from 1 |
 *                 rows: u8 table, u16 key length, u32 value length, key, value |
 *                 u8[16] hash of this block's bytes, number included
 *   then the end: u32 0 | u32 number | u64 rows | u64 digest lo | u64 digest hi |
 *                 u8[32] hash of the head's hash, every block's hash and the end
 *
 * Hashes are SHA-256, cut to 16 bytes but for the last. Every byte is hashed once
 * only, as hashing is most of what an image costs. Rows come in the order of (table,
 * key).
 * Invariants:
 *   I1  a source reads one LMDB snapshot, and says ERR_CORRUPT instead of ending
 *       the stream when its rows do not add up to the snapshot's own digest;
 *   I2  a sink writes into a directory of its own and nowhere else; until `finish`
 *       said OK that directory is worth nothing and may be deleted;
 *   I3  whatever a sink accepted has the head's rows, order and digest;
 *   I4  lengths are compared with their bounds before anything is allocated.
 * Errors name what was wrong in `why`. Thread: one at a time, any. */
#ifndef STORE_STORE_IMAGE_H
#define STORE_STORE_IMAGE_H

#include "store/base/limits.h"
#include "store/store.h"

#define STORE_IMAGE_VERSION 2
#define STORE_IMAGE_BLOCK (256u * 1024)
#define STORE_IMAGE_HEAD_MAX 4096u

/* A member of the raft configuration, as libraft has it. */
struct image_member {
    uint64_t id;
    char address[64];
    uint8_t role; /* libraft's: 0 standby, 1 voter, 2 spare */
};

/* What the raft thread captures together with the snapshot (RAFT.md, rules, 8). */
struct image_head {
    struct store_meta meta; /* index, term, clock, version, epoch, cluster, digest */
    uint64_t created_ms;    /* wall clock of the donor */
    uint64_t node;          /* the donor */
    uint64_t configuration_index; /* at most meta.applied_index */
    struct image_member members[LIMIT_NODES];
    size_t members_count;
    uint64_t rows; /* of all tables but the meta table */
};

struct image_source;

/* `read` is begun, and belongs to the source from now on (it is ended and freed
 * by store_image_source_free, or at once on failure). meta and rows of the head
 * are filled in from the snapshot, the rest is the caller's. ERR_NOMEM, ERR_IO,
 * ERR_CORRUPT. */
enum err store_image_source_new(struct store_read *read, const struct image_head *head,
                                struct image_source **ret_source);
void store_image_source_free(struct image_source *source);
const struct image_head *store_image_source_head(const struct image_source *source);
/* The next bytes, valid until the next call: at most one block and a little.
 * An empty span: the stream has ended. ERR_CORRUPT (I1), ERR_NOMEM. */
enum err store_image_source_next(struct image_source *source, struct span *ret_bytes);
uint64_t store_image_source_rows(const struct image_source *source); /* so far */

/* What a sink makes of the image. */
enum image_use {
    /* The same state: a node that joins or is re-seeded. */
    IMAGE_COPY,
    /* A restore: the state of a new epoch. Sessions, grants, codes, tokens, boots,
     * outcomes and their expiry entries are left out, so are signing keys (the first
     * leader makes new ones); members are replaced by `only_member`, the epoch by
     * store_epoch_next; the audit says that it happened. */
    IMAGE_NEW_EPOCH,
    /* The same of a forced recovery. */
    IMAGE_RECOVERED,
};

struct image_sink_config {
    const char *dir; /* exists, empty, mode 0700: a store is made in it */
    uint64_t map_bytes;
    struct id128 cluster_id; /* another one's image is refused */
    enum image_use use;
    /* Of a new epoch: random bits, and the one node of the new cluster. */
    uint32_t epoch_chance;
    uint64_t only_member;
    char only_address[64], only_region[32];
};

struct image_sink;

struct image_progress {
    uint64_t bytes, rows, rows_total; /* rows_total 0: the head is not here yet */
};

enum err store_image_sink_new(const struct image_sink_config *config,
                              struct image_sink **ret_sink, char why[256]);
/* Take bytes in pieces of any size. ERR_INVALID: not an image, or a flipped or
 * doubled byte (says which block and row). ERR_VERSION: of a newer release.
 * ERR_DENIED: of another cluster. ERR_NO_SPACE, ERR_IO, ERR_NOMEM. After an error
 * the sink only wants to be freed. */
enum err store_image_sink_feed(struct image_sink *sink, struct span in, char why[256]);
/* After the last byte: check rows and digest, sync the store and its directory,
 * close it. ERR_INVALID: the stream was cut short. *ret_head: as it was sent, but
 * `meta` and `rows` are those of the store which was made. */
enum err store_image_sink_finish(struct image_sink *sink, struct image_head *ret_head,
                                 char why[256]);
struct image_progress store_image_sink_progress(const struct image_sink *sink);
/* The directory's contents stay: the caller deletes them. NULL-safe. */
void store_image_sink_free(struct image_sink *sink);

/* Check a whole image without keeping anything of it: `read` gives its bytes, 0 at
 * its end, -1 on an error that it has explained in `why`. Decodes rows' framing,
 * order, hashes and the digest. */
enum err store_image_verify(int64_t (*read)(void *arg, uint8_t *out, size_t max,
                                            char why[256]),
                            void *arg, struct image_head *ret_head, char why[256]);

/* The same, and each row of a blob is given (store_blob.h) before it is known whether the
 * image is whole. ERR_INVALID: also a blob's row that is none. */
struct blob_row;
enum err store_image_blobs(int64_t (*read)(void *arg, uint8_t *out, size_t max,
                                           char why[256]),
                           void *read_arg,
                           enum err (*each)(void *arg, const struct blob_row *blob),
                           void *arg, struct image_head *ret_head, char why[256]);

#endif
