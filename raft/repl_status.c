/* repl_status: what the nodes tell each other about themselves, and what this
 * one says to whoever asks (see raft/repl_internal.h). */
#include <stdio.h>

#include "raft/repl_internal.h"

/* A leader that should not lead tries to hand over so often. */
#define YIELD_MS 5000

bool repl_peer_heard(const struct repl *repl, const struct repl_peer *peer) {
    return peer->heard_mono_ms != 0 &&
           repl->now_ms < peer->heard_mono_ms + REPL_STATUS_OLD_MS;
}

/* Its wall clock minus ours, as ours is now. */
static int64_t offset_of(const struct repl *repl, const struct repl_peer *peer) {
    return peer->ahead_ms + (int64_t)repl_mono(repl) - (int64_t)repl_wall(repl);
}

static uint64_t apart_from(const struct repl *repl, const struct repl_peer *peer) {
    int64_t offset = offset_of(repl, peer);
    return offset < 0 ? (uint64_t)-offset : (uint64_t)offset;
}

bool repl_clock_differs(const struct repl *repl, const struct repl_peer *peer) {
    return peer->ahead_known && apart_from(repl, peer) > repl->config.clock_skew_max_ms;
}

void repl_offsets(const struct repl *repl, struct repl_offsets *ret_offsets) {
    *ret_offsets = (struct repl_offsets){.voters = repl_voters(repl)};
    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        if (i != repl->self && peer->ahead_known && repl_peer_heard(repl, peer) &&
            repl_is_voter(repl, peer->config.id)) {
            ret_offsets->offset_ms[ret_offsets->count++] = offset_of(repl, peer);
        }
    }
}

void repl_publish_clock(struct repl *repl) {
    struct repl_shared *shared = &repl->shared;
    uint32_t seq = atomic_load_explicit(&shared->clock_seq, memory_order_relaxed);
    atomic_store_explicit(&shared->clock_seq, seq + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&shared->clock_ms, repl->clock.base_ms, memory_order_relaxed);
    atomic_store_explicit(&shared->clock_mono_ms, repl->clock.base_mono_ms,
                          memory_order_relaxed);
    atomic_store_explicit(&shared->clock_seq, seq + 2, memory_order_release);
}

static bool is_ready(const struct repl *repl, const char **ret_why) {
    const struct repl_shared *shared = &repl->shared;
    const char *why = NULL;
    if (atomic_load(&shared->in_doubt)) {
        why = "digest differs from the other nodes'";
    } else if (repl_staleness(repl) >= repl->config.staleness_bound_ms) {
        why = repl->leader_id == 0 ? "no leader is known" : "data is not proven fresh";
    } else if (!repl->mine.registered) {
        why = "starting: not registered with the leader yet";
    } else if (repl_store_hangs(repl)) {
        why = "the store's device does not answer";
    } else if (atomic_load(&shared->no_space)) {
        why = "free space is below its limit";
    }
    *ret_why = why;
    return why == NULL;
}

static void warn_clock(struct repl *repl, struct repl_peer *peer) {
    uint64_t apart = apart_from(repl, peer);
    if (apart > repl->config.clock_skew_max_ms && !peer->clock_warned) {
        log_event(LOG_WARN, "repl.clock_skew", log_u64("peer", peer->config.id),
                  log_i64("offset_ms", offset_of(repl, peer)), log_end());
        peer->clock_warned = true;
    } else if (apart <= repl->config.clock_skew_max_ms / 2) {
        peer->clock_warned = false;
    }
}

static void check_digests(struct repl *repl) {
    repl->digests.votes = repl_is_voter(repl, repl->config.node_id);
    for (size_t i = 0; i < repl->peers_count; i++) {
        repl->digests.peer[i].votes = repl_is_voter(repl, repl->peer[i].config.id);
    }
    if (repl->digest_lost) {
        return;
    }
    /* It may have met the rotten one first: the doubt ends when a majority agrees. */
    atomic_store(&repl->shared.in_doubt,
                 repl_digests_in_doubt(&repl->digests, repl_voters(repl)));
    if (repl_digests_lost(&repl->digests, repl_voters(repl))) {
        /* For good: only an operator can say which copy is right. */
        repl->digest_lost = true;
        atomic_store(&repl->shared.in_doubt, true);
        log_event(LOG_ERROR, "repl.digest_differs",
                  log_u64("applied_index", atomic_load(&repl->shared.applied_index)),
                  log_str("why", "this node's state is not what a majority has; it no "
                                 "longer serves and needs re-seeding"),
                  log_end());
    }
}

/* This node may have been away while the leader became a member: neither would talk to
 * the other, and its log is where this node would read of it. */
static void meet_leader(struct repl *repl, const struct peer_status *status) {
    if (status->leader_id == 0 || repl->leader_id != 0 || status->term < repl->term ||
        repl_peer_find(repl, status->leader_id) != NULL ||
        !store_member_address_ok(status->leader_address)) {
        return;
    }
    struct repl_peer_config config = {.id = status->leader_id};
    memcpy(config.address, status->leader_address, sizeof(config.address));
    log_event(LOG_INFO, "member.met", log_u64("node", config.id),
              log_str("address", config.address), log_end());
    (void)repl_peer_set(repl, &config); /* no place: it is said in `member` */
}

void repl_status_heard(struct repl *repl, struct repl_peer *peer,
                       const struct peer_status *status) {
    int64_t ahead;
    peer->status = *status;
    peer->heard_mono_ms = repl->now_ms;
    if (repl_clock_ahead(status->wall_ms, repl->now_ms, status->echo_mono_ms,
                         status->echo_held_ms, &ahead)) {
        peer->ahead_known = true;
        peer->ahead_ms = ahead;
        warn_clock(repl, peer);
    }
    repl_digests_heard(&repl->digests, (size_t)(peer - repl->peer),
                       status->digest_index, status->digest);
    meet_leader(repl, status);
    check_digests(repl);
}

void repl_status_send(struct repl *repl, uint64_t to) {
    const struct repl_peer *peer = repl_peer_find(repl, to);
    const struct store_meta *meta = fsm_meta(repl->fsm);
    const char *why;
    struct peer_message message = {.type = PEER_STATUS};
    struct peer_status *s = &message.status;
    s->term = repl->term;
    s->leader_id = repl->leader_id;
    s->applied_index = meta->applied_index;
    s->commit_index = raft_commit_index(&repl->raft);
    s->last_index = raft_last_index(&repl->raft);
    s->clock_ms = meta->clock_ms;
    s->wall_ms = repl_wall(repl);
    s->sent_mono_ms = repl_mono(repl);
    if (peer != NULL && peer->heard_mono_ms != 0) {
        s->echo_mono_ms = peer->status.sent_mono_ms;
        s->echo_held_ms = s->sent_mono_ms - peer->heard_mono_ms;
    }
    s->staleness_ms = repl_staleness(repl);
    s->digest_index = meta->applied_index;
    s->digest = meta->digest;
    s->ready = is_ready(repl, &why);
    s->no_space = atomic_load(&repl->shared.no_space);
    s->digest_differs = atomic_load(&repl->shared.in_doubt);
    s->configuration_index = repl->raft.configuration_committed_index;
    s->hold_index = repl_hold_own(repl);
    const struct repl_peer *leader = repl_peer_find(repl, repl->leader_id);
    if (leader != NULL) {
        memcpy(s->leader_address, leader->config.address, sizeof(s->leader_address));
    }
    (void)repl_send(repl, to, &message); /* the next one is soon */
}

/* --- a leader that should not lead --- */

/* A voter that is heard, has space, whose state is not in doubt and, if this
 * node's clock is the wrong one, whose clock is another; 0: none. */
static uint64_t successor(const struct repl *repl, bool other_clock) {
    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        if (i != repl->self && repl_peer_heard(repl, peer) && !peer->status.no_space &&
            !peer->status.digest_differs && repl_is_voter(repl, peer->config.id) &&
            (!peer->ahead_known || repl_clock_differs(repl, peer) == other_clock)) {
            return peer->config.id;
        }
    }
    return 0;
}

static void maybe_yield(struct repl *repl) {
    struct repl_offsets offsets;
    const char *why = NULL;
    if (!repl_leads(repl) || repl->stopping ||
        repl->now_ms < repl->last_yield_ms + YIELD_MS) {
        return;
    }
    repl_offsets(repl, &offsets);
    bool outlier = repl_clock_is_outlier(&offsets, repl->config.clock_skew_max_ms);
    if (outlier) {
        why = "this node's clock differs from the majority's";
    } else if (atomic_load(&repl->shared.no_space)) {
        why = "free space is below its limit";
    } else if (atomic_load(&repl->shared.in_doubt)) {
        why = "this node's state is in doubt";
    } else if (repl_store_hangs(repl)) {
        why = "the store's device does not answer";
    } else {
        return;
    }
    uint64_t to = successor(repl, outlier);
    repl->last_yield_ms = repl->now_ms;
    log_event(LOG_WARN, "repl.yield", log_u64("to", to), log_str("why", why),
              log_end());
    if (to != 0) {
        (void)repl_transfer_begin(repl, to);
    }
}

/* --- what others may read --- */

static void publish_node(const struct repl *repl, size_t i,
                         struct repl_status *status) {
    const struct repl_peer *peer = &repl->peer[i];
    const struct raft_server *server = repl_server(repl, peer->config.id);
    struct repl_node_status *node = &status->nodes[status->nodes_count++];
    *node = (struct repl_node_status){
        .id = peer->config.id,
        .leader = peer->config.id == repl->leader_id,
        .voter = server != NULL && server->role == RAFT_VOTER,
        .standby = server != NULL && server->role == RAFT_STANDBY};
    memcpy(node->address, peer->config.address, sizeof(node->address));
    memcpy(node->region, peer->config.region, sizeof(node->region));
    if (i == repl->self) {
        const struct store_meta *meta = fsm_meta(repl->fsm);
        node->self = true;
        node->connected = true;
        node->term = repl->term;
        node->applied_index = meta->applied_index;
        node->staleness_ms = status->staleness_ms;
        node->digest = meta->digest;
        node->digest_index = meta->applied_index;
        node->digest_differs = atomic_load(&repl->shared.in_doubt);
        return;
    }
    node->connected = repl_peer_heard(repl, peer) &&
                      repl->host.is_up(repl->host.impl, peer->config.id);
    node->seen_age_ms =
        peer->heard_mono_ms == 0 ? UINT64_MAX : repl->now_ms - peer->heard_mono_ms;
    node->term = peer->status.term;
    node->applied_index = peer->status.applied_index;
    node->staleness_ms =
        peer->heard_mono_ms == 0 ? UINT64_MAX : peer->status.staleness_ms;
    node->clock_offset_ms = peer->ahead_known ? offset_of(repl, peer) : 0;
    node->digest = peer->status.digest;
    node->digest_index = peer->status.digest_index;
    node->digest_differs = repl->digests.peer[i].view == DIGEST_DIFFERS;
}

void repl_status_publish(struct repl *repl) {
    const struct store_meta *meta = fsm_meta(repl->fsm);
    const char *why;
    uint64_t last = raft_last_index(&repl->raft);
    struct repl_status status = {
        .node_id = repl->config.node_id,
        .leader_id = repl->leader_id,
        .term = repl->term,
        .applied_index = meta->applied_index,
        .commit_index = raft_commit_index(&repl->raft),
        .last_index = last,
        .staleness_ms = repl_staleness(repl),
        .clock_ms = meta->clock_ms,
        .fsm_version = meta->fsm_version,
        .epoch = meta->epoch,
        .queue_len = atomic_load(&repl->shared.pending),
        .frames_applied = repl->frames_applied,
        .commands_applied = repl->commands_applied,
        .trailing_frames = last - repl->log_first + 1,
        .trailing_bytes_max = repl->config.trailing_bytes,
        .configuration_index = repl->raft.configuration_committed_index,
    };
    status.ready = is_ready(repl, &why);
    snprintf(status.why_not_ready, sizeof(status.why_not_ready), "%s",
             why == NULL ? "" : why);
    repl_trail_since(&repl->trail, repl->log_first, &status.trailing_bytes,
                     &status.trailing_covers_ms);
    for (size_t i = 0; i < repl->peers_count; i++) {
        if (repl->peer[i].config.id != 0) {
            publish_node(repl, i, &status);
        }
    }
    repl_member_status(repl, &status);
    pthread_mutex_lock(&repl->published_mutex);
    repl->published = status;
    pthread_mutex_unlock(&repl->published_mutex);
}

void repl_status(struct repl *repl, struct repl_status *ret_status) {
    const char *stale = "data is not proven fresh";
    pthread_mutex_lock(&repl->published_mutex);
    *ret_status = repl->published;
    pthread_mutex_unlock(&repl->published_mutex);
    /* The copy may be older than it should if the raft thread stands still. */
    ret_status->staleness_ms = repl_staleness(repl);
    if (ret_status->ready && repl_fresh(repl) != OK) {
        ret_status->ready = false;
        snprintf(ret_status->why_not_ready, sizeof(ret_status->why_not_ready), "%s",
                 stale);
    }
}

void repl_status_tick(struct repl *repl) {
    if (repl->now_ms >= repl->last_status_ms + REPL_STATUS_MS) {
        repl->last_status_ms = repl->now_ms;
        for (size_t i = 0; i < repl->peers_count; i++) {
            if (i != repl->self && repl->peer[i].config.id != 0) {
                repl_status_send(repl, repl->peer[i].config.id);
            }
        }
        check_digests(repl);
        maybe_yield(repl);
    }
    if (repl->now_ms >= repl->last_publish_ms + REPL_PUBLISH_MS) {
        repl->last_publish_ms = repl->now_ms;
        repl_status_publish(repl);
    }
}
