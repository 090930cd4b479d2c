/* store_point: where a deferred store begins again after its process, or its machine,
 * has ended.
 *
 * Such a store commits without waiting for the device (MDB_NOSYNC). That alone could
 * leave a file whose newest head names pages that never reached the disk. So now and
 * then a restart point is made: the two pages of LMDB's heads as they stood after some
 * commit, in the file data.point beside data.mdb.
 *
 *   store_point_take (raft thread) -> store_point_sync (any thread; blocks)
 *     -> store_point_done (raft thread)
 *
 * Invariants:
 *   P1  data.point names a commit whose pages had all reached the device before it was
 *       named. It has two places, written in turn, each with a check sum; the older is
 *       void before what it names is let go. After a failed sync nothing is named any more:
 *       the system tells a lost page once, and calls it written from then on;
 *   P2  no page of that commit is written again while data.point names it: a read
 *       transaction holds it, and LMDB reuses no page that a reader may see;
 *   P3  whoever opens the store for writing goes back to it first, whether the machine
 *       failed or the process alone: the log has what came after it;
 *   P4  a store that was closed in good order is synced, and data.point names nothing.
 *       The file stays, with its room on the device: a start, and each point, overwrites
 *       and wants no more, so that a full device ends neither;
 *   P5  data.applied has the newest index that was ever committed here, overwritten by
 *       each commit and never synced, so that it outlives a process though not always a
 *       machine. What is committed was synced in the log before: a log that ends below
 *       it has lost entries, also when the store went back behind them.
 * Included by store_lmdb.h. */
#ifndef STORE_STORE_POINT_H
#define STORE_STORE_POINT_H

#include <lmdb.h>
#include <pthread.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/store.h"

struct store_pin {
    MDB_txn *txn; /* NULL: none */
    uint64_t number;
};

struct store_point {
    bool on;              /* the store is deferred */
    int dir_fd;           /* locked by the one that writes; -1: not open */
    int file_fd;          /* data.point; -1: not open */
    int applied_fd;       /* data.applied; -1: not open */
    struct store_witness witness; /* what it has */
    uint64_t number;      /* of the last that was taken */
    struct store_pin kept;   /* what data.point names, or something newer */
    struct store_pin making; /* between take and done */
    struct buf heads;        /* of `making`, as data.point has them */
    pthread_mutex_t mutex;   /* guards what is below, and the writing of data.point */
    uint64_t written;        /* the newest number in data.point */
    unsigned place;          /* where it stands there: 0 or 1 */
    off_t place_len;         /* bytes between the two */
    enum err failed;         /* of a sync: P1 */
};

void store_point_init(struct store_point *point);
/* Lock the directory for writing, and go back to the restart point if there is one.
 * Before LMDB opens it. ERR_BUSY: another process writes there. ERR_CORRUPT, ERR_IO. */
enum err store_point_restore(struct store_point *point, const char *dir);
/* From here on the store is deferred; what stands in it is synced. */
enum err store_point_begin(struct store_point *point, MDB_env *env);
/* A deferred store has committed this (P5). ERR_IO. Raft thread. */
enum err store_point_applied(struct store_point *point, uint64_t index, uint64_t term);
/* Make the last commit the restart point; blocks. Raft thread. */
enum err store_point_force(struct store_point *point, MDB_env *env);
/* Let go what is held. `in_order`: everything is synced, data.point names nothing (P4). */
void store_point_close(struct store_point *point, MDB_env *env, bool in_order);

#endif
