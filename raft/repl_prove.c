/* repl_prove: waiting for an index, and proof of freshness (DESIGN §3, read 3).
 *
 * A probe sent at t0 is answered with the index of a frame that its leader
 * submitted after the probe had come. That frame's commit needs a majority that
 * still followed this leader after t0, so no later leader had committed anything
 * before t0: a node that has applied it has seen all that was committed by t0.
 * The leader's own frames prove the time at which they were submitted.
 *
 * Messages that lay in a buffer while a process was stopped prove nothing new:
 * what counts is t0, by the prober's own monotonic clock. */
#include "raft/repl_internal.h"

/* An urgent probe without answer is sent again after this. */
#define URGENT_AGAIN_MS 100

/* --- any thread --- */

enum err repl_wait_reserve(struct repl *repl) {
    if (atomic_fetch_add(&repl->shared.waiting, 1) >= LIMIT_INDEX_WAITERS) {
        atomic_fetch_sub(&repl->shared.waiting, 1);
        return ERR_BUSY;
    }
    return OK;
}

static enum err submit_wait(struct repl *repl, struct repl_wait *wait,
                            struct repl_wait ***end) {
    enum err err = repl_wait_reserve(repl);
    if (err != OK) {
        return err;
    }
    wait->err = OK;
    wait->next = NULL;
    wait->prev = NULL;
    pthread_mutex_lock(&repl->inbox.mutex);
    if (repl->inbox.closed) {
        err = ERR_CLOSED;
    } else {
        **end = wait;
        *end = &wait->next;
    }
    pthread_mutex_unlock(&repl->inbox.mutex);
    if (err != OK) {
        atomic_fetch_sub(&repl->shared.waiting, 1);
        return err;
    }
    repl->host.wake(repl->host.impl);
    return OK;
}

enum err repl_wait_index(struct repl *repl, struct repl_wait *wait) {
    return submit_wait(repl, wait, &repl->inbox.indexes_end);
}

enum err repl_read(struct repl *repl, struct repl_wait *wait) {
    return submit_wait(repl, wait, &repl->inbox.reads_end);
}

enum err repl_transfer(struct repl *repl, uint64_t to, struct repl_wait *wait) {
    wait->index = to;
    return submit_wait(repl, wait, &repl->inbox.transfers_end);
}

bool repl_applied(const struct repl *repl, uint64_t index) {
    return atomic_load(&repl->shared.applied_index) >= index;
}

uint64_t repl_staleness(const struct repl *repl) {
    uint64_t fresh = atomic_load(&repl->shared.fresh_mono_ms);
    uint64_t now = repl_mono(repl);
    if (fresh == 0) {
        return UINT64_MAX;
    }
    return now > fresh ? now - fresh : 0;
}

enum err repl_fresh(const struct repl *repl) {
    if (atomic_load(&repl->shared.in_doubt) ||
        repl_staleness(repl) >= repl->config.staleness_bound_ms) {
        return ERR_STALE;
    }
    return OK;
}

uint64_t repl_now_ms(const struct repl *repl) {
    const struct repl_shared *shared = &repl->shared;
    uint64_t clock_ms, mono_ms;
    uint32_t seq;
    do {
        seq = atomic_load_explicit(&shared->clock_seq, memory_order_acquire);
        clock_ms = atomic_load_explicit(&shared->clock_ms, memory_order_relaxed);
        mono_ms = atomic_load_explicit(&shared->clock_mono_ms, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
    } while ((seq & 1) != 0 ||
             seq != atomic_load_explicit(&shared->clock_seq, memory_order_relaxed));
    uint64_t now = repl_mono(repl);
    return clock_ms + (now > mono_ms ? now - mono_ms : 0);
}

/* --- raft thread --- */

static void run_wait_done(struct port_task *task) {
    struct repl_wait *wait =
        (struct repl_wait *)((char *)task - offsetof(struct repl_wait, task));
    wait->done(wait);
}

void repl_wait_complete(struct repl *repl, struct repl_wait *wait, enum err err) {
    atomic_fetch_sub(&repl->shared.waiting, 1);
    wait->err = err;
    wait->next = NULL;
    wait->task.run = run_wait_done;
    wait->loop->post(wait->loop, &wait->task);
}

void repl_waits_push(struct repl_waits *waits, struct repl_wait *wait) {
    wait->next = waits->head;
    waits->head = wait;
    waits->count++;
}

static void move_all(struct repl_waits *from, struct repl_waits *to) {
    while (from->head != NULL) {
        struct repl_wait *wait = from->head;
        from->head = wait->next;
        repl_waits_push(to, wait);
    }
    from->count = 0;
}

static void complete_all(struct repl *repl, struct repl_waits *waits, enum err err) {
    while (waits->head != NULL) {
        struct repl_wait *wait = waits->head;
        waits->head = wait->next;
        repl_wait_complete(repl, wait, err);
    }
    waits->count = 0;
}

/* Complete those whose deadline has passed. */
static void expire(struct repl *repl, struct repl_waits *waits) {
    struct repl_wait **at = &waits->head;
    while (*at != NULL) {
        struct repl_wait *wait = *at;
        if (wait->deadline_mono_ms <= repl->now_ms) {
            *at = wait->next;
            waits->count--;
            repl_wait_complete(repl, wait, ERR_TIMEOUT);
        } else {
            at = &wait->next;
        }
    }
}

void repl_prove_take_index(struct repl *repl, struct repl_wait *wait) {
    struct repl_prove *prove = &repl->prove;
    if (repl_applied(repl, wait->index)) {
        repl_wait_complete(repl, wait, OK);
        return;
    }
    if (prove->indexes.head == NULL || wait->index < prove->index_min) {
        prove->index_min = wait->index;
    }
    repl_waits_push(&prove->indexes, wait);
    repl_kick(repl); /* it may be applied, and wait for its commit alone */
}

void repl_prove_take_read(struct repl *repl, struct repl_wait *wait) {
    repl_waits_push(&repl->prove.reads, wait);
    repl_kick(repl);
}

static void freshen(struct repl *repl, uint64_t mono_ms) {
    if (mono_ms > atomic_load(&repl->shared.fresh_mono_ms)) {
        atomic_store(&repl->shared.fresh_mono_ms, mono_ms);
    }
}

void repl_prove_applied(struct repl *repl, uint64_t index) {
    struct repl_prove *prove = &repl->prove;
    for (size_t i = 0; i < REPL_PROBES; i++) {
        struct repl_probe *probe = &prove->sent[i];
        if (probe->index != 0 && probe->index <= index) {
            freshen(repl, probe->sent_mono_ms);
            *probe = (struct repl_probe){0};
        }
    }
    if (prove->own.index != 0 && prove->own.index <= index) {
        freshen(repl, prove->own.sent_mono_ms);
        prove->own = (struct repl_probe){0};
    }
    if (prove->indexes.head == NULL || prove->index_min > index) {
        return;
    }
    uint64_t min = UINT64_MAX;
    struct repl_wait **at = &prove->indexes.head;
    while (*at != NULL) {
        struct repl_wait *wait = *at;
        if (wait->index <= index) {
            *at = wait->next;
            prove->indexes.count--;
            repl_wait_complete(repl, wait, OK);
        } else {
            min = wait->index < min ? wait->index : min;
            at = &wait->next;
        }
    }
    prove->index_min = min;
}

/* The urgent probe is answered: its reads wait for the index now. */
static void answer_urgent(struct repl *repl, uint64_t id, uint64_t index) {
    struct repl_prove *prove = &repl->prove;
    if (prove->urgent_id == 0 || id < prove->urgent_id) {
        return;
    }
    prove->urgent_id = 0;
    while (prove->probing.head != NULL) {
        struct repl_wait *wait = prove->probing.head;
        prove->probing.head = wait->next;
        wait->index = index;
        repl_prove_take_index(repl, wait);
    }
    prove->probing.count = 0;
}

static void answered(struct repl *repl, uint64_t id, uint64_t index) {
    for (size_t i = 0; i < REPL_PROBES; i++) {
        struct repl_probe *probe = &repl->prove.sent[i];
        if (probe->id != 0 && probe->id <= id) {
            /* What proves a later moment proves the earlier ones too. */
            if (probe->id == id) {
                probe->index = index;
            } else if (probe->index == 0) {
                *probe = (struct repl_probe){0};
            }
        }
    }
    answer_urgent(repl, id, index);
    repl_prove_applied(repl, atomic_load(&repl->shared.applied_index));
}

void repl_prove_proven(struct repl *repl, const struct peer_proven *proven) {
    bool ours = proven->id >= repl->prove.first_id && proven->id < repl->prove.next_id;
    if (proven->index > 0 && ours) {
        answered(repl, proven->id, proven->index);
    }
}

void repl_prove_committed(struct repl *repl, const struct repl_frame *frame,
                          uint64_t index) {
    if (repl_applied(repl, index)) {
        freshen(repl, frame->sent_mono_ms);
    } else {
        repl->prove.own =
            (struct repl_probe){.sent_mono_ms = frame->sent_mono_ms, .index = index};
    }
    for (size_t i = 0; i < repl->peers_count; i++) {
        if (frame->probe[i] == 0) {
            continue;
        }
        if (i == repl->self) {
            answered(repl, frame->probe[i], index);
            continue;
        }
        struct peer_message message = {
            .type = PEER_PROVEN,
            .proven = {.term = repl->term, .id = frame->probe[i], .index = index}};
        (void)repl_send(repl, repl->peer[i].config.id, &message); /* it asks again */
    }
}

/* Send a probe to the leader, which may be this node. False: not possible now. */
static bool send_probe(struct repl *repl, bool urgent) {
    struct repl_prove *prove = &repl->prove;
    uint64_t id = prove->next_id;
    if (repl->leader_id == 0) {
        return false;
    }
    prove->sent[id % REPL_PROBES] =
        (struct repl_probe){.id = id, .sent_mono_ms = repl_mono(repl)};
    if (repl_leads(repl)) {
        repl->peer[repl->self].probe = id;
        repl->peer[repl->self].probe_urgent |= urgent;
        repl_kick(repl);
    } else {
        struct peer_message message = {
            .type = PEER_PROBE,
            .probe = {.term = repl->term, .id = id, .urgent = urgent}};
        if (!repl_send(repl, repl->leader_id, &message)) {
            prove->sent[id % REPL_PROBES] = (struct repl_probe){0};
            return false;
        }
    }
    prove->next_id++;
    prove->last_probe_mono_ms = repl->now_ms;
    if (urgent) {
        prove->urgent_id = id;
        prove->urgent_mono_ms = repl->now_ms;
        move_all(&prove->reads, &prove->probing);
    }
    return true;
}

void repl_prove_pump(struct repl *repl) {
    if (repl->prove.reads.head != NULL && repl->prove.urgent_id == 0) {
        (void)send_probe(repl, true); /* else at the next tick */
    }
}

void repl_prove_restart(struct repl *repl) {
    struct repl_prove *prove = &repl->prove;
    prove->urgent_id = 0;
    move_all(&prove->probing, &prove->reads);
    prove->last_probe_mono_ms = 0;
    repl_kick(repl);
}

void repl_prove_tick(struct repl *repl) {
    struct repl_prove *prove = &repl->prove;
    expire(repl, &prove->indexes);
    expire(repl, &prove->reads);
    expire(repl, &prove->probing);
    if (prove->urgent_id != 0 &&
        repl->now_ms >= prove->urgent_mono_ms + URGENT_AGAIN_MS) {
        prove->urgent_id = 0;
        move_all(&prove->probing, &prove->reads);
    }
    repl_prove_pump(repl);
    if (!repl_leads(repl) &&
        repl->now_ms >= prove->last_probe_mono_ms + REPL_PROBE_MS) {
        (void)send_probe(repl, false);
    }
}

void repl_prove_close(struct repl *repl) {
    complete_all(repl, &repl->prove.indexes, ERR_CLOSED);
    complete_all(repl, &repl->prove.reads, ERR_CLOSED);
    complete_all(repl, &repl->prove.probing, ERR_CLOSED);
    complete_all(repl, &repl->transfers, ERR_CLOSED);
}
