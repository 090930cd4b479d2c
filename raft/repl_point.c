/* repl_point: how the store follows the log onto the device, and how the log is cut
 * behind it.
 *
 *   restart point   store_point_take here -> repl_host.sync, where it may block
 *                   -> repl_core_synced
 *   marker          libraft's snapshot: index, term, cluster (RAFT.md "snapshots are
 *                   markers"). libraft asks for one (repl_point_snapshot), and hands it
 *                   to io->snapshot_put, which keeps it until a restart point that has
 *                   its entry is on the device; then the log behind it may go.
 *
 * Invariants:
 *   N1  no marker is on the device before the store is as new as it: libraft starts
 *       behind its marker, and the entries up to it are never applied again;
 *   N2  the raft thread waits for the store's device only when that is behind by
 *       more than it may ever be (REPL_POINT_BEHIND).
 * A failed sync leaves the state in doubt: the process ends (F5). Thread: raft. */
#include "raft/repl_exit.h"
#include "raft/repl_internal.h"
#include "raft/repl_marker.h"

/* At least so much log between two markers, unless their number asks for one. */
#define MARKER_BYTES_MIN (4u * 1024 * 1024)

static void point_failed(enum err err) {
    log_event(LOG_FATAL, "repl.store_sync", log_str("why", err_str(err)), log_end());
    repl_fatal(REPL_EXIT_STATE, "repl.fatal", "the store could not be synced");
}

static struct repl_point_mark point_mark(const struct repl *repl) {
    return (struct repl_point_mark){.commands = repl->commands_applied,
                                    .log_bytes = repl->trail.bytes,
                                    .file_bytes = store_used_bytes(repl->config.store)};
}

void repl_point_init(struct repl *repl) {
    repl->point.done = point_mark(repl);
}

bool repl_store_hangs(const struct repl *repl) {
    return repl->point.busy &&
           repl->now_ms >= repl->point.begun_ms + REPL_STORE_HANGS *
                                                       repl->config.stall_limit_ms;
}

/* --- markers --- */

/* How many entries to keep: as many as fit `trailing_bytes`, and what is held for
 * takers of images, within its own bound. */
static unsigned trailing_entries(struct repl *repl) {
    const struct repl_trail *trail = &repl->trail;
    uint64_t count = repl_trail_entries(trail, repl->config.trailing_bytes);
    uint64_t held = repl_hold_index(repl);
    if (held != 0 && held < trail->index && trail->index - held > count) {
        uint64_t most =
            repl_trail_entries(trail, REPL_HOLD_FACTOR * repl->config.trailing_bytes);
        count = trail->index - held < most ? trail->index - held : most;
    }
    if (count < REPL_TRAILING_MIN) {
        return REPL_TRAILING_MIN;
    }
    return count > REPL_TRAILING_MAX ? REPL_TRAILING_MAX : (unsigned)count;
}

void repl_point_pace_markers(struct repl *repl) {
    uint64_t most = repl->config.trailing_bytes / 4;
    if (most < MARKER_BYTES_MIN) {
        most = MARKER_BYTES_MIN; /* each marker asks for a restart point */
    }
    bool due = repl->trail.bytes - repl->marker_bytes > most;
    raft_set_snapshot_threshold(&repl->raft, due ? 1 : repl->config.marker_entries);
}

int repl_point_snapshot(struct raft_fsm *raft_fsm, struct raft_buffer *bufs[],
                        unsigned *n_bufs) {
    struct repl *repl = raft_fsm->data;
    repl_fsm_commit(repl); /* a restart point is of what is committed */
    const struct store_meta *meta = fsm_meta(repl->fsm);
    struct repl_marker marker = {meta->applied_index, meta->applied_term,
                                 meta->cluster_id};
    *bufs = raft_malloc(sizeof(**bufs));
    void *base = raft_malloc(REPL_MARKER_LEN);
    if (*bufs == NULL || base == NULL) {
        raft_free(*bufs);
        raft_free(base);
        return RAFT_NOMEM;
    }
    repl_marker_encode(&marker, base);
    (*bufs)[0] = (struct raft_buffer){.base = base, .len = REPL_MARKER_LEN};
    *n_bufs = 1;
    repl->marker_bytes = repl->trail.bytes;
    return 0;
}

int repl_point_snapshot_put(struct raft_io *io, unsigned trailing,
                            struct raft_io_snapshot_put *req,
                            const struct raft_snapshot *snapshot,
                            raft_io_snapshot_put_cb cb) {
    struct repl *repl = repl_of_io(io);
    (void)trailing; /* what is held may change until then: put_marker */
    CHECK(repl->cut.put == NULL);
    repl->cut = (struct repl_cut){.put = req,
                                  .snapshot = snapshot,
                                  .cb = cb,
                                  .applied_index = fsm_meta(repl->fsm)->applied_index};
    repl_kick(repl);
    return 0;
}

/* N1 */
static void put_marker(struct repl *repl) {
    struct repl_cut cut = repl->cut;
    if (cut.put == NULL || repl->point.done_index < cut.applied_index) {
        return;
    }
    unsigned trailing = trailing_entries(repl);
    uint64_t at = cut.snapshot->index; /* it is gone once `cb` has been called */
    raft_set_snapshot_trailing(&repl->raft, trailing);
    repl->cut = (struct repl_cut){0};
    int rv = repl->io_inner.snapshot_put(repl->host.io, trailing, cut.put, cut.snapshot,
                                         cut.cb);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.marker_failed", repl->host.io->errmsg);
    }
    if (at > trailing && repl->log_first < at - trailing + 1) {
        repl->log_first = at - trailing + 1;
    }
}

void repl_point_cancel_marker(struct repl *repl) {
    struct repl_cut cut = repl->cut;
    repl->cut = (struct repl_cut){0};
    if (cut.put != NULL) {
        cut.cb(cut.put, RAFT_CANCELED);
    }
}

/* --- restart points --- */

bool repl_point_behind(const struct repl_point_mark *done,
                       const struct repl_point_mark *now) {
    return now->commands - done->commands >= REPL_POINT_BEHIND ||
           now->log_bytes - done->log_bytes >= REPL_POINT_BEHIND_BYTES ||
           now->file_bytes - done->file_bytes >= REPL_POINT_BEHIND_FILE;
}

static bool point_is_behind(const struct repl *repl) {
    struct repl_point_mark now = point_mark(repl);

    return repl_point_behind(&repl->point.done, &now);
}

/* Everything that is committed, now. */
static void point_force(struct repl *repl) {
    enum err err = store_sync(repl->config.store);
    if (err != OK) {
        point_failed(err);
    }
    repl->point.index = atomic_load(&repl->shared.applied_index);
    repl->point.done_index = repl->point.index;
    repl->point.begun_ms = repl->now_ms;
    repl->point.taken = point_mark(repl);
    repl->point.done = repl->point.taken;
}

/* A marker waits, or it is long, or much, since the last one. */
static bool point_is_due(const struct repl *repl) {
    const struct repl_point *point = &repl->point;

    return repl->cut.put != NULL || repl->now_ms >= point->begun_ms + REPL_POINT_MS ||
           repl->commands_applied - point->taken.commands >= REPL_POINT_COMMANDS;
}

void repl_point_pump(struct repl *repl) {
    struct repl_point *point = &repl->point;
    uint64_t index = atomic_load(&repl->shared.applied_index);

    if (index != point->index && point_is_behind(repl)) {
        point_force(repl);
    }
    put_marker(repl);
    if (point->busy || index == point->index || !point_is_due(repl)) {
        return;
    }
    enum err err = store_point_take(repl->config.store);
    if (err != OK) {
        point_failed(err);
    }
    point->index = index;
    point->begun_ms = repl->now_ms;
    point->taken = point_mark(repl);
    point->busy = true;
    atomic_store(&repl->pulse.syncing, 1);
    repl->host.sync(repl->host.impl);
}

void repl_core_synced(struct repl *repl, enum err err) {
    struct repl_point *point = &repl->point;

    if (err != OK) {
        point_failed(err);
    }
    store_point_done(repl->config.store);
    point->busy = false;
    atomic_store(&repl->pulse.syncing, 0);
    atomic_fetch_add(&repl->pulse.synced, 1);
    if (point->taken.commands > point->done.commands) {
        point->done = point->taken;
    }
    point->done_index = point->index;
    if (!repl->closing) {
        repl_kick(repl); /* a marker may have waited for this one */
    }
}
