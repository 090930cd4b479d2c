/* repl_submit: this node's own requests (see raft/repl_internal.h).
 *
 * Invariants:
 *   Q1  `list` is ordered by sequence number, and ring[seq] finds each of them;
 *   Q2  until the boot is registered, only its registration (sequence 1) is sent;
 *   Q3  a request that may have been applied under an earlier boot is never sent
 *       under a later one: it completes with ERR_TIMEOUT, that is, unknown;
 *   Q4  all that a frame decides for one loop is handed to it as one task: its thread
 *       would wake up for the first, and again for most of the others. */
#include <stdlib.h>

#include "raft/repl_exit.h"
#include "raft/repl_internal.h"

#define NEVER UINT64_MAX

/* --- any thread --- */

/* Count one more request in, or refuse (R3). */
static enum err reserve(struct repl_shared *shared, size_t payload_len) {
    uint32_t pending = atomic_fetch_add(&shared->pending, 1);
    uint64_t bytes = atomic_fetch_add(&shared->pending_bytes, payload_len);
    if (pending >= LIMIT_SUBMIT_QUEUE || bytes + payload_len > REPL_QUEUE_BYTES) {
        atomic_fetch_sub(&shared->pending, 1);
        atomic_fetch_sub(&shared->pending_bytes, payload_len);
        return ERR_BUSY;
    }
    return OK;
}

static void unreserve(struct repl_shared *shared, size_t payload_len) {
    atomic_fetch_sub(&shared->pending, 1);
    atomic_fetch_sub(&shared->pending_bytes, payload_len);
}

enum err repl_submit(struct repl *repl, struct repl_request *request) {
    if (request->payload.len > LIMIT_COMMAND) {
        return ERR_TOO_BIG;
    }
    if (atomic_load(&repl->shared.no_space)) {
        return ERR_NO_SPACE;
    }
    enum err err = reserve(&repl->shared, request->payload.len);
    if (err != OK) {
        return err;
    }
    request->err = OK;
    request->outcome = (struct outcome){0};
    request->detail = NULL;
    request->next = NULL;
    request->prev = NULL;
    request->seq = 0;
    request->sent_mono_ms = 0;
    bool wake = false;
    pthread_mutex_lock(&repl->inbox.mutex);
    if (repl->inbox.closed) {
        err = ERR_CLOSED;
    } else {
        wake = repl->inbox.requests == NULL;
        *repl->inbox.requests_end = request;
        repl->inbox.requests_end = &request->next;
    }
    pthread_mutex_unlock(&repl->inbox.mutex);
    if (err != OK) {
        unreserve(&repl->shared, request->payload.len);
    } else if (wake) {
        repl->host.wake(repl->host.impl);
    }
    return err;
}

void repl_request_close(struct repl_request *request) {
    free(request->detail);
    request->detail = NULL;
    request->outcome.detail = (struct span){0};
}

/* --- raft thread --- */

/* The requests from the task's own on (Q4). */
static void run_done(struct port_task *task) {
    struct repl_request *request =
        (struct repl_request *)((char *)task - offsetof(struct repl_request, task));
    while (request != NULL) {
        struct repl_request *next = request->next;
        request->next = NULL;
        request->done(request); /* it may be gone, or submitted again */
        request = next;
    }
}

/* The raft thread's own requests complete on it. */
static void post_here(struct port_loop *loop, struct port_task *task) {
    (void)loop;
    task->run(task);
}

static struct port_loop here = {post_here};

static bool is_internal(const struct repl_request *request) {
    return request->loop == &here;
}

static void unlink_request(struct repl_mine *mine, struct repl_request *request) {
    if (mine->unsent == request) {
        mine->unsent = request->next;
    }
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        mine->list.head = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    } else {
        mine->list.tail = request->prev;
    }
    if (mine->ring[request->seq % REPL_RING] == request) {
        mine->ring[request->seq % REPL_RING] = NULL;
    }
    request->next = NULL;
    request->prev = NULL;
}

/* Hand back requests of one loop that stand in no list but this one. */
static void post(struct repl *repl, struct repl_request *first) {
    for (struct repl_request *request = first; request != NULL;
         request = request->next) {
        if (!is_internal(request)) {
            unreserve(&repl->shared, request->payload.len);
        }
    }
    first->task.run = run_done;
    first->loop->post(first->loop, &first->task);
}

static void complete(struct repl *repl, struct repl_request *request, enum err err) {
    unlink_request(&repl->mine, request);
    request->err = err;
    post(repl, request);
}

/* Append in the order of sequence numbers. */
static void link_request(struct repl_mine *mine, struct repl_request *request) {
    request->prev = mine->list.tail;
    request->next = NULL;
    if (mine->list.tail != NULL) {
        mine->list.tail->next = request;
    } else {
        mine->list.head = request;
    }
    mine->list.tail = request;
    if (mine->unsent == NULL) {
        mine->unsent = request;
    }
    mine->ring[request->seq % REPL_RING] = request;
    if (request->deadline_mono_ms < mine->next_deadline_ms) {
        mine->next_deadline_ms = request->deadline_mono_ms;
    }
}

void repl_submit_take(struct repl *repl, struct repl_request *request) {
    struct repl_mine *mine = &repl->mine;
    uint64_t seq = mine->next_seq;
    if (mine->ring[seq % REPL_RING] != NULL) {
        request->err = ERR_BUSY; /* an ancient one still holds the place (R3) */
        post(repl, request);
        return;
    }
    mine->next_seq++;
    request->seq = seq;
    link_request(mine, request);
}

/* --- boots --- */

void repl_submit_internal(struct repl *repl, struct repl_request *request,
                          const struct command *command, struct buf *payload,
                          void (*done)(struct repl_request *)) {
    buf_reset(payload);
    if (command_encode(command, payload) != OK) {
        repl_fatal(REPL_EXIT_RAFT, "repl.fatal", "a command could not be encoded");
    }
    *request = (struct repl_request){.type = command->type,
                                     .payload = buf_span(payload),
                                     .deadline_mono_ms = NEVER,
                                     .loop = &here,
                                     .done = done};
    repl_submit_take(repl, request);
}

static void new_boot(struct repl *repl, uint64_t above);

static void on_init_done(struct repl_request *request) {
    struct repl *repl =
        (struct repl *)((char *)request - offsetof(struct repl, mine.init_request));
    repl->mine.init_submitted = false; /* asked again while the store has none */
    repl_request_close(request);
}

/* The first boots of a cluster give it its identity; one of them succeeds. */
static void init_cluster(struct repl *repl) {
    static const struct id128 none;
    const struct store_meta *meta = fsm_meta(repl->fsm);
    if (repl->mine.init_submitted ||
        memcmp(&meta->cluster_id, &none, sizeof(none)) != 0) {
        return;
    }
    struct command command = {.type = CMD_CLUSTER_INIT,
                              .cluster_init = {.cluster_id = repl->config.cluster_id}};
    repl->mine.init_submitted = true;
    repl_submit_internal(repl, &repl->mine.init_request, &command,
                         &repl->mine.init_payload, on_init_done);
}

static void on_registered(struct repl_request *request) {
    struct repl *repl =
        (struct repl *)((char *)request - offsetof(struct repl, mine.register_request));
    struct outcome_boot boot = {.registered = repl->mine.boot};
    enum outcome_code code = request->outcome.code;
    enum err err = request->err;
    if (err == OK && code == OUT_UNKNOWN_BOOT) {
        (void)outcome_boot_decode(request->outcome.detail, &boot);
    }
    repl_request_close(request);
    if (err != OK) {
        return; /* shutting down */
    }
    if (code != OUT_OK) {
        new_boot(repl, boot.registered);
        return;
    }
    repl->mine.registered = true;
    log_event(LOG_INFO, "repl.boot", log_u64("boot", repl->mine.boot), log_end());
    init_cluster(repl);
}

/* Above `above`, and another one than any life of this node has had. The registered
 * boot that a node knows may be older than the cluster's (it was away, or power
 * failed), and its wall clock may stand behind: then time tells two lives apart no
 * better, and the second would be given the first one's outcomes. So the lower half is
 * chance. */
static uint64_t boot_above(const struct repl *repl, uint64_t above) {
    uint32_t chance;
    repl->config.random.fill(repl->config.random.impl, &chance, sizeof(chance));
    chance >>= 1;
    uint64_t boot = (repl_wall(repl) / 1000) << 31 | chance;
    return boot > above ? boot : above + 1 + chance;
}

/* Begin to register a boot above `above`. What was sent under the old one is
 * unknown (Q3); what was not gets a new number. */
static void new_boot(struct repl *repl, uint64_t above) {
    struct repl_mine *mine = &repl->mine;
    struct repl_request *kept = NULL, **end = &kept;
    while (mine->list.head != NULL) {
        struct repl_request *request = mine->list.head;
        unlink_request(mine, request);
        if (request == &mine->register_request) {
            continue;
        }
        if (request == &mine->init_request) {
            mine->init_submitted = false;
        } else if (request->sent_mono_ms != 0) {
            request->err = ERR_TIMEOUT;
            post(repl, request);
        } else {
            *end = request;
            end = &request->next;
        }
    }
    mine->boot = boot_above(repl, above);
    mine->next_seq = 1;
    mine->registered = false;
    mine->unsent = NULL;
    mine->after = 0;
    struct command command = {
        .type = CMD_BOOT_REGISTER,
        .boot_register = {.node = repl->config.node_id, .boot = mine->boot}};
    repl_submit_internal(repl, &mine->register_request, &command,
                         &mine->register_payload, on_registered);
    while (kept != NULL) {
        struct repl_request *request = kept;
        kept = request->next;
        repl_submit_take(repl, request);
    }
    repl_kick(repl);
}

void repl_submit_init(struct repl *repl, uint64_t registered_boot) {
    buf_init(&repl->mine.register_payload, LIMIT_COMMAND);
    buf_init(&repl->mine.init_payload, LIMIT_COMMAND);
    repl->mine.next_deadline_ms = NEVER;
    repl->mine.decided_end = &repl->mine.decided;
    new_boot(repl, registered_boot);
}

void repl_submit_free(struct repl *repl) {
    buf_free(&repl->mine.register_payload);
    buf_free(&repl->mine.init_payload);
}

/* --- sending --- */

static bool may_send(const struct repl_mine *mine, const struct repl_request *request) {
    return request != NULL &&
           (mine->registered || request == &mine->register_request); /* Q2 */
}

struct repl_request *repl_submit_next(struct repl *repl) {
    struct repl_mine *mine = &repl->mine;
    struct repl_request *request = mine->unsent;
    if (!may_send(mine, request)) {
        return NULL;
    }
    mine->unsent = request->next;
    request->sent_mono_ms = repl->now_ms;
    return request;
}

void repl_submit_envelope(struct repl *repl, const struct repl_request *request,
                          struct envelope *ret_envelope) {
    *ret_envelope = (struct envelope){.node = repl->config.node_id,
                                      .boot = repl->mine.boot,
                                      .seq = request->seq,
                                      .low = repl->mine.list.head->seq,
                                      .type = request->type,
                                      .payload = request->payload};
}

void repl_submit_restart_stream(struct repl *repl) {
    repl->mine.unsent = repl->mine.list.head;
    repl->mine.after = 0;
    repl->mine.pause_until_ms = 0;
    repl_kick(repl);
}

void repl_submit_again(struct repl *repl, const struct peer_again *again) {
    if (again->term == repl->term && again->boot == repl->mine.boot) {
        repl_submit_restart_stream(repl);
        repl->mine.pause_until_ms =
            repl->now_ms + (again->pause_ms < 1000 ? again->pause_ms : 1000);
    }
}

/* Encode requests from the cursor on into one FORWARD. Returns the first one
 * that was not taken. */
static struct repl_request *pack(struct repl *repl, struct peer_forward *forward,
                                 struct buf *envelopes, uint64_t *ret_last_seq) {
    struct repl_request *request = repl->mine.unsent;
    while (may_send(&repl->mine, request) && forward->count < LIMIT_FRAME_COMMANDS &&
           envelopes->len < PEER_FORWARD_BYTES) {
        struct envelope envelope;
        repl_submit_envelope(repl, request, &envelope);
        envelope_encode(&envelope, envelopes);
        forward->count++;
        *ret_last_seq = request->seq;
        request = request->next;
    }
    forward->envelopes = buf_span(envelopes);
    return request;
}

void repl_submit_forward(struct repl *repl) {
    struct repl_mine *mine = &repl->mine;
    if (repl->leader_id == 0 || repl_leads(repl) ||
        repl->leader_id == repl->config.node_id ||
        repl->now_ms < mine->pause_until_ms ||
        !repl->host.is_up(repl->host.impl, repl->leader_id)) {
        return;
    }
    while (may_send(mine, mine->unsent)) {
        struct peer_message message = {
            .type = PEER_FORWARD,
            .forward = {.term = repl->term, .boot = mine->boot, .after = mine->after}};
        uint64_t last_seq = 0;
        buf_reset(&repl->gather);
        struct repl_request *rest =
            pack(repl, &message.forward, &repl->gather, &last_seq);
        if (!repl_send(repl, repl->leader_id, &message)) {
            return; /* the link is full or gone: later */
        }
        while (mine->unsent != rest) {
            mine->unsent->sent_mono_ms = repl->now_ms;
            mine->unsent = mine->unsent->next;
        }
        mine->after = last_seq;
    }
}

/* --- outcomes --- */

static void copy_outcome(struct repl_request *request, const struct outcome *outcome) {
    request->err = OK;
    request->outcome = *outcome;
    request->outcome.detail = (struct span){0};
    if (outcome->detail.len == 0) {
        return;
    }
    request->detail = malloc(outcome->detail.len);
    if (request->detail == NULL) {
        request->err = ERR_NOMEM;
        return;
    }
    memcpy(request->detail, outcome->detail.data, outcome->detail.len);
    request->outcome.detail = span_of(request->detail, outcome->detail.len);
}

void repl_submit_outcome(struct repl *repl, const struct envelope *envelope,
                         const struct outcome *outcome) {
    struct repl_mine *mine = &repl->mine;
    if (envelope->node != repl->config.node_id || envelope->boot != mine->boot ||
        envelope->seq == 0) {
        return;
    }
    struct repl_request *request = mine->ring[envelope->seq % REPL_RING];
    if (request == NULL || request->seq != envelope->seq) {
        return; /* given up, or a second copy */
    }
    if (request != &mine->register_request) {
        if (outcome->code == OUT_UNKNOWN_BOOT) {
            struct outcome_boot boot = {.registered = mine->boot};
            (void)outcome_boot_decode(outcome->detail, &boot);
            log_event(LOG_ERROR, "repl.boot_superseded",
                      log_u64("registered", boot.registered), log_end());
            new_boot(repl, boot.registered);
            return;
        }
        if (outcome->code == OUT_OLD_SEQUENCE) {
            complete(repl, request, ERR_TIMEOUT);
            return;
        }
    }
    unlink_request(mine, request);
    copy_outcome(request, outcome);
    if (is_internal(request)) {
        post(repl, request);
    } else {
        *mine->decided_end = request;
        mine->decided_end = &request->next;
    }
}

/* Take the requests of `loop` out of the list, in their order. */
static struct repl_request *take_of_loop(struct repl_mine *mine,
                                         const struct port_loop *loop) {
    struct repl_request *taken = NULL, **taken_end = &taken;
    struct repl_request **at = &mine->decided;
    while (*at != NULL) {
        struct repl_request *request = *at;
        if (request->loop == loop) {
            *at = request->next;
            *taken_end = request;
            taken_end = &request->next;
        } else {
            at = &request->next;
        }
    }
    *taken_end = NULL;
    mine->decided_end = at;
    return taken;
}

void repl_submit_decided(struct repl *repl) {
    struct repl_mine *mine = &repl->mine;
    while (mine->decided != NULL) {
        post(repl, take_of_loop(mine, mine->decided->loop));
    }
}

/* --- time --- */

static void expire(struct repl *repl) {
    uint64_t next = NEVER;
    struct repl_request *request = repl->mine.list.head;
    while (request != NULL) {
        struct repl_request *following = request->next;
        if (request->deadline_mono_ms <= repl->now_ms) {
            complete(repl, request, ERR_TIMEOUT);
        } else if (request->deadline_mono_ms < next) {
            next = request->deadline_mono_ms;
        }
        request = following;
    }
    repl->mine.next_deadline_ms = next;
}

void repl_submit_tick(struct repl *repl) {
    struct repl_mine *mine = &repl->mine;
    if (mine->next_deadline_ms <= repl->now_ms) {
        expire(repl);
    }
    const struct repl_request *oldest = mine->list.head;
    if (oldest != NULL && mine->unsent != oldest && !repl_leads(repl) &&
        oldest->sent_mono_ms + REPL_RESEND_MS <= repl->now_ms) {
        repl_submit_restart_stream(repl);
    } else if (may_send(mine, mine->unsent)) {
        repl_kick(repl);
    }
    if (mine->registered && repl_leads(repl)) {
        init_cluster(repl);
    }
}

void repl_submit_close(struct repl *repl) {
    while (repl->mine.list.head != NULL) {
        complete(repl, repl->mine.list.head, ERR_CLOSED);
    }
}
