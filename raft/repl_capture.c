/* repl_capture: a copy of the state for an image, and the log kept for its taker.
 *
 *   repl_capture -> inbox -> a probe (repl_prove) -> on_probed: snapshot and head
 *   taken together on the raft thread -> the caller's `done` -> ... -> release
 *
 * Invariants:
 *   H1  the snapshot is begun on the raft thread, between two frames, so index,
 *       term and configuration in the head belong to it;
 *   H2  while a hold stands, and HOLD_AFTER_MS after its release, no node that
 *       hears of it trims its log above the held index, within REPL_HOLD_FACTOR
 *       times the usual bytes (RAFT.md, rules, 8). */
#include <stdio.h>

#include "raft/repl_internal.h"

#define HOLD_MAX_MS (30u * 60 * 1000) /* a taker that is slower has to begin again */
#define HOLD_AFTER_MS 60000u          /* for the taker to start and catch up */

enum err repl_capture(struct repl *repl, struct repl_capture *capture) {
    if (repl_fresh(repl) != OK) {
        return ERR_STALE;
    }
    enum err err = repl_wait_reserve(repl);
    if (err != OK) {
        return err;
    }
    capture->repl = repl;
    capture->read = NULL;
    capture->hold = REPL_HOLDS;
    capture->next = NULL;
    pthread_mutex_lock(&repl->inbox.mutex);
    if (repl->inbox.closed) {
        err = ERR_CLOSED;
    } else {
        *repl->inbox.captures_end = capture;
        repl->inbox.captures_end = &capture->next;
    }
    pthread_mutex_unlock(&repl->inbox.mutex);
    if (err != OK) {
        atomic_fetch_sub(&repl->shared.waiting, 1);
        return err;
    }
    repl->host.wake(repl->host.impl);
    return OK;
}

void repl_capture_release(struct repl_capture *capture) {
    struct repl *repl = capture->repl;
    if (capture->hold < REPL_HOLDS) {
        pthread_mutex_lock(&repl->inbox.mutex);
        repl->hold[capture->hold].until_mono_ms = repl_mono(repl) + HOLD_AFTER_MS;
        pthread_mutex_unlock(&repl->inbox.mutex);
        capture->hold = REPL_HOLDS;
    }
}

/* --- raft thread --- */

static bool hold_begin(struct repl *repl, struct repl_capture *capture,
                       uint64_t index) {
    bool found = false;
    pthread_mutex_lock(&repl->inbox.mutex);
    for (size_t i = 0; i < REPL_HOLDS && !found; i++) {
        if (repl->hold[i].until_mono_ms <= repl->now_ms) {
            repl->hold[i] = (struct repl_hold){index, repl->now_ms + HOLD_MAX_MS};
            capture->hold = i;
            found = true;
        }
    }
    pthread_mutex_unlock(&repl->inbox.mutex);
    return found;
}

uint64_t repl_hold_own(struct repl *repl) {
    uint64_t lowest = 0;
    pthread_mutex_lock(&repl->inbox.mutex);
    for (size_t i = 0; i < REPL_HOLDS; i++) {
        const struct repl_hold *hold = &repl->hold[i];
        if (hold->until_mono_ms > repl->now_ms &&
            (lowest == 0 || hold->index < lowest)) {
            lowest = hold->index;
        }
    }
    pthread_mutex_unlock(&repl->inbox.mutex);
    return lowest;
}

uint64_t repl_hold_index(struct repl *repl) {
    uint64_t lowest = repl_hold_own(repl);
    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        uint64_t index = peer->status.hold_index;
        if (i != repl->self && index != 0 && repl_peer_heard(repl, peer) &&
            (lowest == 0 || index < lowest)) {
            lowest = index;
        }
    }
    return lowest;
}

static void fill_configuration(const struct repl *repl, struct image_head *head) {
    const struct raft_configuration *c = &repl->raft.configuration;
    head->configuration_index = repl->raft.configuration_committed_index;
    head->members_count = c->n;
    CHECK(c->n <= LIMIT_NODES);
    for (unsigned i = 0; i < c->n; i++) {
        struct image_member *member = &head->members[i];
        member->id = c->servers[i].id;
        member->role = (uint8_t)c->servers[i].role;
        snprintf(member->address, sizeof(member->address), "%s", c->servers[i].address);
    }
}

static enum err take(struct repl *repl, struct repl_capture *capture) {
    repl_fsm_commit(repl); /* the snapshot and its head are of one index */
    const struct store_meta *meta = fsm_meta(repl->fsm);
    const struct raft *raft = &repl->raft;
    if (meta->applied_index < capture->floor_index ||
        raft->configuration_uncommitted_index != 0 ||
        raft->configuration_committed_index == 0 ||
        raft->configuration_committed_index > meta->applied_index) {
        return ERR_BUSY; /* a frame or a change later it is possible */
    }
    enum err err = store_read_new(repl->config.store, &capture->read);
    if (err == OK) {
        err = store_read_begin(capture->read); /* H1 */
        if (err == OK && !hold_begin(repl, capture, meta->applied_index)) {
            store_read_end(capture->read);
            err = ERR_BUSY;
        }
        if (err != OK) {
            store_read_free(capture->read);
            capture->read = NULL;
        }
    }
    if (err == OK) {
        capture->head = (struct image_head){
            .meta = *meta, .created_ms = repl_wall(repl), .node = repl->config.node_id};
        fill_configuration(repl, &capture->head);
    }
    return err;
}

static void on_probed(struct repl_wait *probe) {
    struct repl_capture *capture =
        (struct repl_capture *)((char *)probe - offsetof(struct repl_capture, probe));
    struct repl *repl = capture->repl;
    enum err err = probe->err;
    atomic_fetch_add(&repl->shared.waiting, 1); /* the probe's place is the caller's */
    if (err == OK) {
        err = take(repl, capture);
    }
    repl_wait_complete(repl, &capture->wait, err);
}

static void post_here(struct port_loop *loop, struct port_task *task) {
    (void)loop;
    task->run(task);
}

static struct port_loop here = {post_here};

void repl_capture_take(struct repl *repl, struct repl_capture *capture) {
    capture->probe =
        (struct repl_wait){.deadline_mono_ms = capture->wait.deadline_mono_ms,
                           .loop = &here,
                           .done = on_probed};
    repl_prove_take_read(repl, &capture->probe);
}
