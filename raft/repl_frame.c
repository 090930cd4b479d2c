/* repl_frame: the leader packs waiting commands of all nodes into frames.
 *
 * Invariants:
 *   E1  within a term, what was taken from a peer stays in its queue or a frame
 *       until the frame is applied; `taken_seq` lets nothing in twice, and a
 *       batch that would leave a hole is not taken (PEER_AGAIN);
 *   E2  no frame waits for this node's disk behind another, and at most
 *       REPL_FRAMES_MAX are in flight: commands that come in the meantime make the
 *       next frame larger (group commit), and go with the very next write;
 *   E3  a frame carries the probes that came before it was submitted, so its
 *       commit proves that this node led after they came. */
#include <stdlib.h>

#include "raft/repl_exit.h"
#include "raft/repl_internal.h"
#include "store/base/codec.h"

/* Commands of one node in a row before the next node's turn. */
#define TURN 32
#define PEER_QUEUE_MAX (2 * LIMIT_SUBMIT_QUEUE)
#define PEER_QUEUE_BYTES_MAX (2u * REPL_QUEUE_BYTES)
#define AGAIN_PAUSE_MS 50

/* --- what peers forward --- */

static void ask_again(struct repl *repl, const struct repl_peer *peer,
                      const struct peer_forward *forward, uint32_t pause_ms) {
    struct peer_message message = {
        .type = PEER_AGAIN,
        .again = {.term = repl->term, .boot = forward->boot, .pause_ms = pause_ms}};
    (void)repl_send(repl, peer->config.id, &message); /* else it asks by itself */
}

/* Check all envelopes before one is taken. *ret_skip: bytes of those that were
 * taken before. False: the sender is at fault. */
static bool check_envelopes(const struct repl_peer *peer,
                            const struct peer_forward *forward, size_t *ret_skip,
                            size_t *ret_fresh, uint64_t *ret_last_seq) {
    struct reader in = reader_of(forward->envelopes);
    uint64_t previous = 0;
    uint64_t taken = peer->taken_boot == forward->boot ? peer->taken_seq : 0;
    size_t skip = 0;
    for (uint16_t i = 0; i < forward->count; i++) {
        struct envelope envelope;
        if (envelope_decode(&in, &envelope) != OK || envelope.node != peer->config.id ||
            envelope.boot != forward->boot || envelope.seq <= previous ||
            !command_known(envelope.type)) {
            return false; /* a type that nobody knows would stop every node */
        }
        previous = envelope.seq;
        if (envelope.seq <= taken) {
            skip = forward->envelopes.len - reader_left(&in);
        } else {
            (*ret_fresh)++;
        }
    }
    *ret_skip = skip;
    *ret_last_seq = previous;
    return !in.bad && reader_left(&in) == 0;
}

static bool enqueue(struct repl_peer *peer, struct span envelopes, size_t count) {
    struct repl_batch *batch = malloc(sizeof(*batch) + envelopes.len);
    if (batch == NULL) {
        return false;
    }
    batch->next = NULL;
    batch->len = envelopes.len;
    batch->at = 0;
    memcpy(batch->data, envelopes.data, envelopes.len);
    if (peer->last != NULL) {
        peer->last->next = batch;
    } else {
        peer->first = batch;
    }
    peer->last = batch;
    peer->queued += count;
    peer->queued_bytes += envelopes.len;
    return true;
}

bool repl_frame_take(struct repl *repl, struct repl_peer *peer,
                     const struct peer_forward *forward) {
    size_t skip = 0, fresh = 0;
    uint64_t last_seq = 0;
    if (!repl_leads(repl) || forward->term != repl->term) {
        return true; /* it sends again once it knows who leads */
    }
    if (!check_envelopes(peer, forward, &skip, &fresh, &last_seq)) {
        return false;
    }
    bool same_boot = peer->taken_boot == forward->boot;
    if (forward->after != 0 && (!same_boot || forward->after > peer->taken_seq)) {
        ask_again(repl, peer, forward, 0); /* E1 */
        return true;
    }
    if (fresh == 0) {
        return true;
    }
    if (atomic_load(&repl->shared.no_space) || peer->queued + fresh > PEER_QUEUE_MAX ||
        peer->queued_bytes + forward->envelopes.len > PEER_QUEUE_BYTES_MAX ||
        !enqueue(peer,
                 span_of(forward->envelopes.data + skip, forward->envelopes.len - skip),
                 fresh)) {
        ask_again(repl, peer, forward, AGAIN_PAUSE_MS);
        return true;
    }
    peer->taken_boot = forward->boot;
    peer->taken_seq = last_seq;
    repl_kick(repl);
    return true;
}

/* Move one command of a peer into `out`. False: it has none, or no room. */
static bool gather_theirs(struct repl_peer *peer, struct buf *out) {
    struct repl_batch *batch = peer->first;
    if (batch == NULL) {
        return false;
    }
    struct span left = span_of(batch->data + batch->at, batch->len - batch->at);
    struct reader in = reader_of(left);
    struct envelope envelope;
    CHECK(envelope_decode(&in, &envelope) == OK); /* checked when it came */
    size_t len = left.len - reader_left(&in);
    if (out->len > 0 && out->len + len > REPL_FRAME_BYTES) {
        return false;
    }
    buf_put(out, left.data, len);
    batch->at += len;
    peer->queued--;
    peer->queued_bytes -= len;
    if (batch->at == batch->len) {
        peer->first = batch->next;
        if (peer->first == NULL) {
            peer->last = NULL;
        }
        free(batch);
    }
    return true;
}

static bool gather_mine(struct repl *repl, struct buf *out) {
    const struct repl_request *next = repl->mine.unsent;
    if (next == NULL ||
        (out->len > 0 && out->len + next->payload.len + 64 > REPL_FRAME_BYTES)) {
        return false;
    }
    const struct repl_request *request = repl_submit_next(repl);
    if (request == NULL) {
        return false;
    }
    struct envelope envelope;
    repl_submit_envelope(repl, request, &envelope);
    envelope_encode(&envelope, out);
    return true;
}

/* Take commands in turn from all nodes until the frame is full. */
static uint16_t gather(struct repl *repl, struct buf *out) {
    uint16_t count = 0;
    bool progress = true;
    buf_reset(out);
    for (size_t i = 0; i < repl->peers_count; i++) {
        repl->peer[i].asks = false;
    }
    while (progress && count < LIMIT_FRAME_COMMANDS) {
        progress = false;
        for (size_t i = 0; i < repl->peers_count; i++) {
            size_t node = (repl->gather_turn + i) % repl->peers_count;
            size_t taken = 0;
            while (taken < TURN && count < LIMIT_FRAME_COMMANDS &&
                   (node == repl->self ? gather_mine(repl, out)
                                       : gather_theirs(&repl->peer[node], out))) {
                taken++;
                count++;
            }
            repl->peer[node].asks = repl->peer[node].asks || taken > 0;
            progress = progress || taken > 0;
        }
    }
    repl->gather_turn = (repl->gather_turn + 1) % repl->peers_count;
    return count;
}

/* --- frames --- */

static void on_frame(struct raft_apply *req, int status, void *result) {
    struct repl_frame *frame = req->data;
    struct repl *repl = frame->repl;
    (void)result;
    frame->busy = false;
    repl->in_flight--;
    if (status == 0) {
        repl->last_commit_ms = repl_mono(repl);
        repl_prove_committed(repl, frame, req->index);
    }
    /* Otherwise unknown: its commands are sent again by whoever they are of. */
    repl_kick(repl);
}

static struct repl_frame *free_frame(struct repl *repl) {
    for (size_t i = 0; i < REPL_FRAMES_MAX; i++) {
        if (!repl->frame[i].busy) {
            return &repl->frame[i];
        }
    }
    return NULL;
}

/* Submit `encoded`. */
static void submit(struct repl *repl, struct repl_frame *frame) {
    struct span bytes = buf_span(&repl->encoded);
    CHECK(bytes.len % 8 == 0);
    struct raft_buffer buffer = {.base = raft_malloc(bytes.len), .len = bytes.len};
    if (buffer.base == NULL) {
        repl_fatal(REPL_EXIT_RAFT, "repl.fatal", "out of memory");
    }
    memcpy(buffer.base, bytes.data, bytes.len);
    for (size_t i = 0; i < repl->peers_count; i++) {
        frame->probe[i] = repl->peer[i].probe; /* E3 */
    }
    frame->repl = repl;
    frame->req.data = frame;
    frame->sent_mono_ms = repl_mono(repl);
    frame->busy = true;
    repl->in_flight++;
    int rv = repl_io_apply(repl, &frame->req, &buffer, on_frame);
    if (rv == 0) {
        repl->stuck = false;
        repl->last_frame_ms = repl->now_ms;
        for (size_t i = 0; i < repl->peers_count; i++) {
            struct repl_peer *peer = &repl->peer[i];
            if (peer->asks || peer->probe != 0) {
                peer->asks_index = raft_last_index(&repl->raft);
            }
            peer->probe = 0;
            peer->probe_urgent = false;
        }
        repl_kick(repl);
        return;
    }
    frame->busy = false;
    repl->in_flight--;
    raft_free(buffer.base);
    if (rv == RAFT_NOSPACE) {
        repl->stuck = true; /* offered again at the next timer */
        return;
    }
    if (rv == RAFT_NOTLEADER) {
        repl->stuck = true; /* the change of role, or the term's end, sorts it out */
        return;
    }
    repl_fatal(REPL_EXIT_RAFT, "repl.apply_failed", raft_strerror(rv));
}

static bool probes_are_urgent(const struct repl *repl) {
    for (size_t i = 0; i < repl->peers_count; i++) {
        if (repl->peer[i].probe_urgent) {
            return true;
        }
    }
    return false;
}

/* An envelope that only moves time. */
static void encode_tick(struct repl *repl, struct buf *out) {
    struct envelope envelope = {
        .node = repl->config.node_id, .boot = repl->mine.boot, .type = CMD_TICK};
    envelope_encode(&envelope, out);
}

/* Fill `encoded` with the next frame. False: there is no reason for one. */
static bool make_frame(struct repl *repl) {
    uint16_t count = gather(repl, &repl->gather);
    if (count == 0) {
        bool due = repl->now_ms >= repl->last_frame_ms + REPL_TICK_MS;
        if (!due && !(repl->in_flight == 0 && probes_are_urgent(repl))) {
            return false;
        }
        encode_tick(repl, &repl->gather);
        count = 1;
    }
    struct repl_offsets offsets;
    repl_offsets(repl, &offsets);
    uint64_t stamp =
        repl_clock_stamp(&repl->clock, repl_wall(repl), repl_mono(repl), &offsets);
    buf_reset(&repl->encoded);
    enum err err = buf_err(&repl->gather);
    if (err == OK) {
        err = frame_encode(repl->term, stamp, count, buf_span(&repl->gather),
                           &repl->encoded);
    }
    if (err != OK) {
        repl_fatal(REPL_EXIT_RAFT, "repl.fatal", err_str(err));
    }
    return true;
}

/* A new leader whose state is far behind its wall clock hears the others first. */
static bool clock_must_wait(struct repl *repl) {
    struct repl_offsets offsets;
    if (repl->now_ms >= repl->lead_since_ms + REPL_CLOCK_WAIT_MS) {
        return false;
    }
    repl_offsets(repl, &offsets);
    return repl_clock_must_wait(&repl->clock, repl_wall(repl), repl_mono(repl),
                                &offsets);
}

void repl_frame_build(struct repl *repl) {
    if (!repl_leads(repl) || repl->closing || raft_state(&repl->raft) != RAFT_LEADER ||
        raft_transferee(&repl->raft) != 0 ||
        raft_current_term(&repl->raft) != repl->term || clock_must_wait(repl)) {
        return;
    }
    /* E2. What is being written is not added to; on_appended has this called again. */
    bool writing = raft_last_index(&repl->raft) > repl->raft.last_stored;
    struct repl_frame *frame = free_frame(repl);
    if (!writing && frame != NULL && (repl->stuck || make_frame(repl))) {
        submit(repl, frame);
    }
}

void repl_frame_forget(struct repl_peer *peer) {
    while (peer->first != NULL) {
        struct repl_batch *batch = peer->first;
        peer->first = batch->next;
        free(batch);
    }
    peer->last = NULL;
    peer->queued = 0;
    peer->queued_bytes = 0;
    peer->taken_boot = 0;
    peer->taken_seq = 0;
    peer->probe = 0;
    peer->probe_urgent = false;
    peer->told_commit = 0;
    peer->asks_index = 0;
    peer->has_held = false;
}

void repl_frame_reset(struct repl *repl) {
    repl->stuck = false;
    for (size_t i = 0; i < repl->peers_count; i++) {
        repl_frame_forget(&repl->peer[i]);
    }
}
