/* store: the LMDB environment of one node, its transactions and its state rows.
 *
 * Two transaction types keep the rule "only the state machine writes":
 *   struct store_read   any thread; a snapshot of the node's state;
 *   struct store_write  the raft thread, begun by raft/fsm.c alone
 *                       (store/store_write.h; the lint test checks who includes it).
 *
 * Invariants:
 *   S1  applied_index, term, clock_ms, digest and all rows of a frame (or of
 *       several) are committed in one LMDB transaction;
 *   S2  a power cut may undo the last transactions, which the log replays, and
 *       corrupts nothing: commits are synced (MDB_NOMETASYNC), or the store is
 *       deferred and begins again at a restart point (store/store_point.h);
 *   S3  spans got from a transaction end with it: copy before any callback;
 *   S4  a full map ends the process (ERR_NO_SPACE is fatal to the node), it is
 *       never an outcome;
 *   S5  digest = sum modulo 2^128 over all rows of hash(table, key, value), kept
 *       by every put and del: equal states have equal digests on every node;
 *   S6  the head's row, which the digest leaves out, has a check sum of its own. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/err.h"
#include "store/base/span.h"

struct store;
struct store_read;
struct store_write;

struct store_config {
    const char *dir;    /* exists, mode 0700; holds data.mdb, lock.mdb, data.point */
    uint64_t map_bytes; /* sparse; fixed at start */
    unsigned readers_max;
    bool read_only; /* beside a process that writes; map_bytes is the file's own */
    bool deferred;  /* commits do not wait for the device: see store_point_take */
};

/* Keyed 128-bit hash (HMAC-SHA256, cut) of a code, token, cookie or account ID.
 * Made by server/crypto/keyring; the store sees nothing else of a secret. */
struct key_hash {
    uint8_t b[16];
};

/* Random, 128 bits: account subjects, session ids (`sid`), grant ids. */
struct id128 {
    uint8_t b[16];
};

struct store_digest {
    uint64_t lo, hi;
};

/* The node-independent head of the state. Zeroed in an empty store. */
struct store_meta {
    uint64_t applied_index; /* raft index of the last applied frame */
    uint64_t applied_term;
    uint64_t clock_ms; /* replicated time, since 1970; never falls */
    uint64_t fsm_version;
    uint64_t epoch;          /* raised by a restore or forced recovery, see below */
    struct id128 cluster_id; /* zero until CMD_CLUSTER_INIT */
    struct store_digest digest;
};

/* An epoch is a count (upper 32 bits, at most 2^20 so that JSON's readers keep all
 * bits) and chance (lower 32): two that were made from one state, by a backup restored
 * twice or by two recovered nodes, are of one count and differ all the same. */
uint64_t store_epoch_next(uint64_t epoch, uint32_t chance);
/* May a node that stands in `epoch` come to `other`? Not to one that ended, nor to
 * another branch of its own count. */
bool store_epoch_ahead(uint64_t epoch, uint64_t other);

/* Open or create. ERR_CORRUPT (a file without a byte, too), ERR_VERSION, ERR_IO,
 * ERR_NO_SPACE; ERR_BUSY: somebody else writes there. A damaged page may end the process when it is read, and a sound file
 * may be shorter than LMDB's last page number says: only a walk in a child process
 * tells (server/main_check, server/scrub). */
enum err store_open(const struct store_config *config, struct store **ret_store);
/* Readers must have ended; an open write transaction is dropped, as by a crash.
 * NULL-safe. */
void store_close(struct store *store);
/* The same as the process's end would leave it: a deferred store goes back to its
 * restart point when it is opened next. For simulations and tests. */
void store_abandon(struct store *store);
/* Write everything to the device (mdb_env_sync, forced); a deferred store's restart
 * point is then its last commit. Raft thread. */
enum err store_sync(struct store *store);

/* A deferred store's next restart point: its last commit. `take` (raft thread) holds
 * it, `sync` (any thread; it blocks) writes it to the device, `done` (raft thread,
 * after `sync` has returned) lets the former one go. One at a time; until it is done
 * the pages of later commits take new room. Other than OK: the node must end. */
enum err store_point_take(struct store *store);
enum err store_point_sync(struct store *store);
void store_point_done(struct store *store);
/* The newest index that a deferred store has ever committed, and its term; zero: not
 * known. The log must reach it, though the store itself may have gone back behind it. */
struct store_witness {
    uint64_t index, term;
};
struct store_witness store_witness(const struct store *store);
/* Grows with each one that reached the device. For simulations. */
uint64_t store_point_number(struct store *store);
/* Bytes of the map in use, for metrics and the fullness warning. */
uint64_t store_used_bytes(const struct store *store);

/* A read handle; one per thread, reused. `begin` takes a fresh snapshot (S3:
 * everything got before is invalid), `end` lets it go. A snapshot must not be
 * held across an asynchronous step. */
enum err store_read_new(struct store *store, struct store_read **ret_read);
void store_read_free(struct store_read *read);
enum err store_read_begin(struct store_read *read);
void store_read_end(struct store_read *read);
/* Which commit the snapshot shows: while a store is open the number grows with each, so
 * that of two snapshots with one number the second need not be looked at. */
uint64_t store_read_commit(struct store_read *read);

enum err store_read_meta(struct store_read *read, struct store_meta *ret_meta);

/* Walk every table and recompute the digest from the rows (slow). `told` (may be NULL)
 * hears now and then how many rows are done. */
enum err store_digest_walk(struct store_read *read,
                           void (*told)(void *arg, uint64_t rows), void *arg,
                           struct store_digest *ret_digest);
/* The same without a word. */
enum err store_digest_recompute(struct store_read *read,
                                struct store_digest *ret_digest);

/* More than there are tables. */
#define STORE_TABLES_MAX 96
/* Row counts per table for status and metrics: fills names (static) and counts,
 * at most `max` of them; returns how many. */
size_t store_table_counts(struct store_read *read, const char *names[],
                          uint64_t counts[], size_t max);

#endif
