/* repl_fsm: libraft's callbacks over raft/fsm.
 *
 * libraft's snapshot is a marker (raft/repl_point.c): the state stands in LMDB, and
 * `restore` checks that the store is not older than the marker.
 * Errors here leave the state in doubt: the process ends (F5). */
#include "raft/repl_exit.h"
#include "raft/repl_internal.h"
#include "raft/repl_marker.h"

static void on_outcome(void *arg, const struct envelope *envelope,
                       const struct outcome *outcome) {
    struct repl *repl = arg;
    repl->commands_applied++;
    repl_submit_outcome(repl, envelope, outcome);
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

uint64_t repl_fsm_commit_most(uint64_t most, uint64_t commands, uint64_t took_ms) {
    if (commands < most / 2) {
        return most; /* too few to learn from */
    }
    if (took_ms > REPL_COMMIT_STALL_MS) {
        most = commands * REPL_COMMIT_STALL_MS / took_ms;
        return most > REPL_COMMIT_COMMANDS_MIN ? most : REPL_COMMIT_COMMANDS_MIN;
    }
    most = took_ms < REPL_COMMIT_STALL_MS / 2 ? 2 * most : most;
    return most < REPL_COMMIT_COMMANDS_MAX ? most : REPL_COMMIT_COMMANDS_MAX;
}

void repl_fsm_commit(struct repl *repl) {
    uint64_t commands = repl->commands_applied - repl->open_commands;
    uint64_t begun_ms = repl_mono(repl);
    enum err err;

    if (!fsm_uncommitted(repl->fsm)) {
        return;
    }
    err = fsm_commit(repl->fsm);
    if (err != OK) {
        state_failed(fsm_meta(repl->fsm)->applied_index, err);
    }
    repl->commit_most =
        repl_fsm_commit_most(repl->commit_most, commands, repl_mono(repl) - begun_ms);
    publish(repl);
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

    if (repl->commands_applied - repl->open_commands >= repl->commit_most ||
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
    repl_point_pump(repl);
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
    repl_submit_decided(repl);
    const struct store_meta *meta = fsm_meta(repl->fsm);
    if (index > repl->trail.index) {
        repl_trail_note(&repl->trail, index, buf->len, meta->clock_ms);
    }
    if (meta->applied_index != index) {
        return 0; /* replayed: was applied before the restart */
    }
    repl_point_pace_markers(repl);
    repl->frames_applied++;
    repl_clock_applied(&repl->clock, meta->clock_ms, repl_mono(repl), repl_leads(repl));
    repl_publish_clock(repl);
    repl_digests_applied(&repl->digests, index, meta->digest);
    if (!fsm_uncommitted(repl->fsm)) {
        publish(repl);
        return 0;
    }
    if (repl->commands_applied - repl->open_commands >= repl->commit_most) {
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
    repl->commit_most = REPL_COMMIT_COMMANDS_MAX / 2;
    repl->raft_fsm = (struct raft_fsm){.version = 1,
                                       .data = repl,
                                       .apply = fsm_apply_cb,
                                       .snapshot = repl_point_snapshot,
                                       .restore = fsm_restore_cb};
}
