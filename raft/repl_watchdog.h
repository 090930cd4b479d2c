/* repl_watchdog: ends the process when the raft thread, the log's disk or the store's
 * stands still (RAFT.md "fatal means exit").
 *
 * The store's device may be slower than the log's, which everything waits for: it is
 * given several times as long. Until then the node says that it is not ready.
 *
 * A thread of its own that does no disk I/O: it counts its own ticks during
 * which nothing moved, so a process that was stopped and continued is not taken
 * for a stalled one. At the limit it shuts every socket of the process, so that
 * peers and clients turn away even if the kernel cannot end a thread that hangs
 * in a disk call, and then calls _exit(REPL_EXIT_STALLED). */
#ifndef RAFT_REPL_WATCHDOG_H
#define RAFT_REPL_WATCHDOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "store/base/err.h"

struct repl_watchdog;

/* Written by the raft thread, read by the watchdog. */
struct repl_pulse {
    _Atomic uint64_t loop;      /* iterations of the raft thread's timer */
    _Atomic uint64_t appended;  /* log writes finished */
    _Atomic uint64_t append_ms; /* that they took, together */
    _Atomic uint32_t appending; /* log writes outstanding */
    _Atomic uint64_t synced;    /* restart points of the store that are on the device */
    _Atomic uint32_t syncing;   /* one is on its way */
};

/* `pulse` outlives the watchdog. ERR_NOMEM. */
enum err repl_watchdog_start(struct repl_pulse *pulse, uint32_t stall_limit_ms,
                             struct repl_watchdog **ret_watchdog);
void repl_watchdog_stop(struct repl_watchdog *watchdog);

/* How many times as long as a write to the log a sync of the store may take. */
#define REPL_STALL_SYNC 4

/* Pure, for the test: what one tick concludes. */
struct repl_progress { /* a pulse as it was read */
    uint64_t loop, appended, synced;
    uint32_t appending, syncing;
};
struct repl_stall {
    struct repl_progress seen;
    uint32_t loop_ticks, append_ticks, sync_ticks; /* without progress */
};
enum repl_stall_verdict { STALL_NONE, STALL_LOOP, STALL_APPEND, STALL_SYNC };
enum repl_stall_verdict repl_stall_tick(struct repl_stall *stall,
                                        const struct repl_progress *now,
                                        uint32_t ticks_max);

#endif
