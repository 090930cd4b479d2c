/* repl_fsm: libraft's callbacks over raft/fsm.
 *
 * libraft's snapshot is a marker (RAFT.md "snapshots are markers"): the state
 * stands in LMDB, which `snapshot` syncs first; `restore` checks that the store
 * is not older than the marker. In between the store's restart points follow the log,
 * synced where it may block (repl_host.sync).
 * Errors here leave the state in doubt: the process ends (F5). */
#include "raft/repl_exit.h"
#include "raft/repl_internal.h"
#include "raft/repl_marker.h"

/* At least so much log between two markers, unless their number asks for one. */
#define MARKER_BYTES_MIN (4u * 1024 * 1024)

static void on_outcome(void *arg, const struct envelope *envelope,
                       const struct outcome *outcome) {
    struct repl *repl = arg;
    repl->commands_applied++;
    repl_submit_outcome(repl, envelope, outcome);
}

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

/* The log between two markers is bounded in bytes too. */
static void pace_markers(struct repl *repl) {
    uint64_t most = repl->config.trailing_bytes / 4;
    if (most < MARKER_BYTES_MIN) {
        most = MARKER_BYTES_MIN; /* each marker syncs the store */
    }
    bool due = repl->trail.bytes - repl->marker_bytes > most;
    raft_set_snapshot_threshold(&repl->raft, due ? 1 : REPL_SNAPSHOT_THRESHOLD);
}

/* A failed commit, or a frame that cannot be applied, leaves the state in doubt. */
static void state_failed(uint64_t index, enum err err) {
    log_event(LOG_FATAL, "repl.state_failed", log_u64("index", index),
              log_str("why", err_str(err)), log_end());
    repl_fatal(REPL_EXIT_STATE, "repl.fatal", "a frame could not be applied");
}

/* Readers see all that is applied. */
static void publish(struct repl *repl) {
    uint64_t index = fsm_meta(repl->fsm)->applied_index;

    repl->open_commands = repl->commands_applied;
    atomic_store(&repl->shared.applied_index, index);
    repl_prove_applied(repl, index);
}

void repl_fsm_commit(struct repl *repl) {
    enum err err;

    if (!fsm_uncommitted(repl->fsm)) {
        return;
    }
    err = fsm_commit(repl->fsm);
    if (err != OK) {
        state_failed(fsm_meta(repl->fsm)->applied_index, err);
    }
    publish(repl);
}

/* --- restart points --- */

static void point_failed(enum err err) {
    log_event(LOG_FATAL, "repl.store_sync", log_str("why", err_str(err)), log_end());
    repl_fatal(REPL_EXIT_STATE, "repl.fatal", "the store could not be synced");
}

static struct repl_point_mark point_mark(const struct repl *repl) {
    return (struct repl_point_mark){.commands = repl->commands_applied,
                                    .log_bytes = repl->trail.bytes,
                                    .file_bytes = store_used_bytes(repl->config.store)};
}

bool repl_store_hangs(const struct repl *repl) {
    return repl->point.busy &&
           repl->now_ms >= repl->point.begun_ms + REPL_STORE_HANGS *
                                                       repl->config.stall_limit_ms;
}

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
    repl->point.begun_ms = repl->now_ms;
    repl->point.taken = point_mark(repl);
    repl->point.done = repl->point.taken;
}

static void point_pump(struct repl *repl) {
    struct repl_point *point = &repl->point;
    uint64_t index = atomic_load(&repl->shared.applied_index);

    if (index != point->index && point_is_behind(repl)) {
        point_force(repl);
    }
    if (point->busy || index == point->index ||
        (repl->now_ms < point->begun_ms + REPL_POINT_MS &&
         repl->commands_applied - point->taken.commands < REPL_POINT_COMMANDS)) {
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
    if (err != OK) {
        point_failed(err);
    }
    store_point_done(repl->config.store);
    repl->point.busy = false;
    atomic_store(&repl->pulse.syncing, 0);
    atomic_fetch_add(&repl->pulse.synced, 1);
    if (repl->point.taken.commands > repl->point.done.commands) {
        repl->point.done = repl->point.taken;
    }
}

/* --- shared commits --- */

/* As far as this node knows, another frame comes soon: it would share the commit. */
static bool more_comes(struct repl *repl) {
    return repl->mine.list.head != NULL || repl->in_flight > 0 ||
           raft_last_index(&repl->raft) > fsm_meta(repl->fsm)->applied_index;
}

static uint64_t commit_ms(const struct repl *repl) {
    uint64_t part = repl->config.staleness_bound_ms / REPL_COMMIT_STALENESS;
    return part < REPL_COMMIT_MS ? part : REPL_COMMIT_MS;
}

/* Somebody waits for what is not committed, or it is enough, or there is no more. */
static bool commit_is_due(struct repl *repl) {
    const struct repl_prove *prove = &repl->prove;
    uint64_t index = fsm_meta(repl->fsm)->applied_index;

    if (repl->commands_applied - repl->open_commands >= REPL_COMMIT_COMMANDS ||
        repl->now_ms >= repl->open_since_ms + commit_ms(repl) ||
        (prove->indexes.head != NULL && prove->index_min <= index)) {
        return true;
    }
    return repl->now_ms >= repl->open_frame_ms + REPL_QUIET_MS && !more_comes(repl);
}

void repl_fsm_pump(struct repl *repl) {
    if (fsm_uncommitted(repl->fsm)) {
        if (commit_is_due(repl)) {
            repl_fsm_commit(repl);
        } else {
            repl->host.later(repl->host.impl, REPL_QUIET_MS);
        }
    }
    point_pump(repl);
}

static int fsm_apply_cb(struct raft_fsm *raft_fsm, const struct raft_buffer *buf,
                        void **result) {
    struct repl *repl = raft_fsm->data;
    uint64_t index = raft_last_applied(&repl->raft) + 1; /* RAFT.md: right in apply */
    bool was_open = fsm_uncommitted(repl->fsm);
    *result = NULL;
    enum err err = fsm_apply_early(repl->fsm, index, span_of(buf->base, buf->len),
                                   on_outcome, repl);
    if (err != OK) {
        state_failed(index, err);
    }
    const struct store_meta *meta = fsm_meta(repl->fsm);
    if (index > repl->trail.index) {
        repl_trail_note(&repl->trail, index, buf->len, meta->clock_ms);
    }
    if (meta->applied_index != index) {
        return 0; /* replayed: was applied before the restart */
    }
    pace_markers(repl);
    repl->frames_applied++;
    repl_clock_applied(&repl->clock, meta->clock_ms, repl_mono(repl), repl_leads(repl));
    repl_publish_clock(repl);
    repl_digests_applied(&repl->digests, index, meta->digest);
    if (!fsm_uncommitted(repl->fsm)) {
        publish(repl);
        return 0;
    }
    if (repl->commands_applied - repl->open_commands >= REPL_COMMIT_COMMANDS) {
        repl_fsm_commit(repl); /* a replay applies many frames before the next pump */
        return 0;
    }
    if (!was_open) {
        repl->open_since_ms = repl->now_ms;
    }
    repl->open_frame_ms = repl->now_ms;
    repl_kick(repl);
    return 0;
}

static int fsm_snapshot_cb(struct raft_fsm *raft_fsm, struct raft_buffer *bufs[],
                           unsigned *n_bufs) {
    struct repl *repl = raft_fsm->data;
    repl_fsm_commit(repl);
    const struct store_meta *meta = fsm_meta(repl->fsm);
    struct repl_marker marker = {meta->applied_index, meta->applied_term,
                                 meta->cluster_id};
    point_force(repl);
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
    unsigned trailing = trailing_entries(repl);
    raft_set_snapshot_trailing(&repl->raft, trailing);
    uint64_t at = raft_last_applied(&repl->raft); /* libraft's snapshot index */
    repl->marker_bytes = repl->trail.bytes;
    if (at > trailing && repl->log_first < at - trailing + 1) {
        repl->log_first = at - trailing + 1;
    }
    return 0;
}

static int fsm_restore_cb(struct raft_fsm *raft_fsm, struct raft_buffer *buf) {
    struct repl *repl = raft_fsm->data;
    const struct store_meta *meta = fsm_meta(repl->fsm);
    struct repl_marker marker;
    if (repl_marker_decode(span_of(buf->base, buf->len), &marker) != OK) {
        log_event(LOG_ERROR, "repl.marker",
                  log_str("why", "not a marker of this server"), log_end());
        return RAFT_CORRUPT;
    }
    static const struct id128 none; /* a marker from before the first command */
    struct span ours = span_of(meta->cluster_id.b, sizeof(meta->cluster_id.b));
    struct span cluster = span_of(marker.cluster_id.b, sizeof(marker.cluster_id.b));
    if (marker.index > meta->applied_index ||
        !(span_equal(cluster, ours) ||
          span_equal(cluster, span_of(none.b, sizeof(none.b))))) {
        log_event(LOG_ERROR, "repl.marker", log_u64("marker_index", marker.index),
                  log_u64("applied_index", meta->applied_index),
                  log_str("why",
                          "the store is older than the log's snapshot marker, or "
                          "of another cluster: this node needs re-seeding"),
                  log_end());
        return RAFT_CORRUPT;
    }
    raft_free(buf->base); /* ours once restored */
    return 0;
}

void repl_fsm_init(struct repl *repl) {
    repl->point.done = point_mark(repl);
    repl->raft_fsm = (struct raft_fsm){.version = 1,
                                       .data = repl,
                                       .apply = fsm_apply_cb,
                                       .snapshot = fsm_snapshot_cb,
                                       .restore = fsm_restore_cb};
}
