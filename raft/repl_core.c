/* repl_core: roles, messages, members' places, the order of the work in one turn
 * (raft/repl_core.h). What each step does stands in the other repl_*.c. */
#include "raft/repl_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "raft/repl_exit.h"
#include "raft/repl_internal.h"
#include "store/store_outcome.h"

/* libraft's check of prepared log space, once this node leads. */
#define CAPACITY_MIN_KIB 4096

static void end_process(int exit_code, const char *event, const char *why) {
    log_event(LOG_FATAL, event, log_str("why", why), log_i64("exit", exit_code),
              log_end());
    _exit(exit_code);
}

void (*repl_on_fatal)(int exit_code, const char *event, const char *why) = end_process;

_Noreturn void repl_fatal(int exit_code, const char *event, const char *why) {
    repl_on_fatal(exit_code, event, why);
    abort(); /* the hook must not return */
}

struct repl_peer *repl_peer_find(struct repl *repl, uint64_t id) {
    for (size_t i = 0; i < repl->peers_count && id != 0; i++) {
        if (repl->peer[i].config.id == id) {
            return &repl->peer[i];
        }
    }
    return NULL;
}

bool repl_send(struct repl *repl, uint64_t to, const struct peer_message *message) {
    buf_reset(&repl->out);
    peer_message_encode(message, &repl->out);
    return buf_err(&repl->out) == OK &&
           repl->host.send(repl->host.impl, to, buf_span(&repl->out)) == OK;
}

void repl_kick(struct repl *repl) {
    if (!repl->closing) {
        repl->host.kick(repl->host.impl);
    }
}

/* --- members' places --- */

struct repl_peer *repl_peer_set(struct repl *repl,
                                const struct repl_peer_config *config) {
    struct repl_peer *peer = repl_peer_find(repl, config->id);
    if (peer == NULL) {
        size_t i = 0;
        while (i < repl->peers_count && repl->peer[i].config.id != 0) {
            i++;
        }
        if (i == LIMIT_NODES) {
            return NULL;
        }
        peer = &repl->peer[i];
        *peer = (struct repl_peer){0};
        repl_digests_forget(&repl->digests, i);
        if (i == repl->peers_count) {
            repl->peers_count++;
            repl->digests.peers_count++;
        }
    } else if (memcmp(&peer->config, config, sizeof(*config)) == 0) {
        return peer;
    }
    peer->config = *config;
    if (config->id != repl->config.node_id) {
        repl->host.peer_set(repl->host.impl, config);
    }
    return peer;
}

void repl_peer_drop(struct repl *repl, uint64_t id) {
    struct repl_peer *peer = repl_peer_find(repl, id);
    if (peer == NULL || id == repl->config.node_id) {
        return;
    }
    repl->host.peer_drop(repl->host.impl, id);
    repl_frame_forget(peer);
    repl_digests_forget(&repl->digests, (size_t)(peer - repl->peer));
    *peer = (struct repl_peer){0}; /* the place may be taken by another */
}

const struct raft_server *repl_server(const struct repl *repl, uint64_t id) {
    const struct raft_configuration *configuration = &repl->raft.configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        if (configuration->servers[i].id == id) {
            return &configuration->servers[i];
        }
    }
    return NULL;
}

bool repl_is_voter(const struct repl *repl, uint64_t id) {
    const struct raft_server *server = repl_server(repl, id);
    return server != NULL && server->role == RAFT_VOTER;
}

size_t repl_voters(const struct repl *repl) {
    size_t voters = 0;
    for (unsigned i = 0; i < repl->raft.configuration.n; i++) {
        voters += repl->raft.configuration.servers[i].role == RAFT_VOTER ? 1 : 0;
    }
    return voters;
}

/* Nodes of two epochs must not talk: links say theirs. */
static void note_epoch(struct repl *repl) {
    uint64_t epoch = fsm_meta(repl->fsm)->epoch;
    if (epoch != repl->told_epoch) {
        repl->told_epoch = epoch;
        repl->host.epoch(repl->host.impl, epoch);
    }
}

/* --- roles --- */

static void complete_transfers(struct repl *repl, enum err err) {
    while (repl->transfers.head != NULL) {
        struct repl_wait *wait = repl->transfers.head;
        repl->transfers.head = wait->next;
        repl_wait_complete(repl, wait, err);
    }
    repl->transfers.count = 0;
}

void repl_role_check(struct repl *repl) {
    int state = raft_state(&repl->raft);
    uint64_t term = raft_current_term(&repl->raft);
    raft_id leader = 0;
    const char *address;
    raft_leader(&repl->raft, &leader, &address);
    if (state == RAFT_UNAVAILABLE) {
        repl_fatal(REPL_EXIT_RAFT, "repl.unavailable", repl->raft.errmsg);
    }
    if (state == repl->state && term == repl->term && leader == repl->leader_id) {
        return;
    }
    bool was_leader = repl_leads(repl);
    bool new_term = term != repl->term;
    bool new_leader = leader != repl->leader_id;
    repl->state = state;
    repl->term = term;
    repl->leader_id = leader;
    if (new_term || was_leader != repl_leads(repl)) {
        repl_frame_reset(repl);
        raft_set_capacity_threshold(&repl->raft,
                                    repl_leads(repl) ? CAPACITY_MIN_KIB : 0);
        repl->lead_since_ms = repl->now_ms;
        repl->last_frame_ms = 0; /* a leader's first frame is due at once */
    }
    repl_status_publish(repl); /* who is told of the change must find it here */
    if (new_leader && leader != 0) {
        log_event(LOG_INFO, "repl.leader", log_u64("leader", leader),
                  log_u64("term", term), log_end());
        if (leader != repl->config.node_id) {
            complete_transfers(repl, OK);
        }
    }
    /* While this leader hands over and fails, its term and queues stay. */
    if (leader != 0 && (new_term || !(was_leader && repl_leads(repl)))) {
        repl_submit_restart_stream(repl);
        repl_prove_restart(repl);
    }
    repl_kick(repl);
}

static void on_transferred(struct raft_transfer *req) {
    struct repl *repl = req->data;
    repl->transfer_busy = false;
    if (!repl->closing) {
        repl_kick(repl);
    }
}

bool repl_transfer_begin(struct repl *repl, uint64_t to) {
    if (repl->transfer_busy || raft_state(&repl->raft) != RAFT_LEADER) {
        return false;
    }
    repl->transfer.data = repl;
    int rv = raft_transfer(&repl->raft, &repl->transfer, to, on_transferred);
    repl->transfer_busy = rv == 0;
    return rv == 0;
}

static void take_transfer(struct repl *repl, struct repl_wait *wait) {
    if (!repl_leads(repl)) {
        repl_wait_complete(repl, wait, ERR_NOT_LEADER);
        return;
    }
    if (!repl_transfer_begin(repl, wait->index) && !repl->transfer_busy) {
        repl_wait_complete(repl, wait, ERR_NOT_FOUND);
        return;
    }
    repl_waits_push(&repl->transfers, wait);
}

static void tick_transfers(struct repl *repl) {
    struct repl_wait **at = &repl->transfers.head;
    while (*at != NULL) {
        struct repl_wait *wait = *at;
        if (wait->deadline_mono_ms <= repl->now_ms) {
            *at = wait->next;
            repl->transfers.count--;
            repl_wait_complete(repl, wait, ERR_TIMEOUT);
        } else {
            at = &wait->next;
        }
    }
    if (repl->transfers.head != NULL && repl_leads(repl)) {
        (void)repl_transfer_begin(repl, repl->transfers.head->index); /* once more */
    }
}

/* --- messages --- */

static bool on_raft_message(struct repl *repl, struct repl_peer *peer,
                            struct span body) {
    struct raft_message message;
    enum err err = peer_raft_decode(body, peer->config.id, &message);
    if (err == ERR_NOMEM) {
        repl_fatal(REPL_EXIT_RAFT, "repl.fatal", "out of memory");
    }
    if (err != OK) {
        log_event(LOG_WARN, "peer.bad_message", log_u64("peer", peer->config.id),
                  log_str("why", err_str(err)), log_end());
        return false;
    }
    repl_io_receive(repl, peer, &message);
    return true;
}

/* V2: entries that this node lacks are gone from the leader's log. */
static void on_beyond(struct repl *repl, const struct repl_peer *peer,
                      const struct peer_beyond *beyond) {
    if (peer->config.id != repl->leader_id || beyond->term != repl->term ||
        raft_last_index(&repl->raft) >= beyond->first_index) {
        return;
    }
    log_event(LOG_FATAL, "repl.beyond_log",
              log_u64("last_index", raft_last_index(&repl->raft)),
              log_u64("leader_snapshot_index", beyond->first_index), log_end());
    repl->host.reseed(repl->host.impl,
                      "it was away longer than the retained log covers");
    repl_fatal(REPL_EXIT_BEYOND_LOG, "repl.fatal",
               "this node is beyond the leader's log (needs re-seeding): it was away "
               "longer than the retained log covers");
}

bool repl_core_message(struct repl *repl, uint64_t from,
                       const struct peer_message *message) {
    struct repl_peer *peer = repl_peer_find(repl, from);
    if (repl->closing || peer == NULL) {
        return true; /* dropped while its message was on the way */
    }
    repl->now_ms = repl_mono(repl);
    switch (message->type) {
    case PEER_HELLO:
    case PEER_FETCH:
    case PEER_IMAGE_WAIT:
    case PEER_IMAGE_DATA:
    case PEER_IMAGE_END:
    case PEER_IMAGE_KEPT:
    case PEER_IMAGE_REFUSED:
    case PEER_TURNED_AWAY:
        return false; /* not on a link */
    case PEER_RAFT:
        return on_raft_message(repl, peer, message->raft);
    case PEER_FORWARD:
        repl_role_check(repl);
        return repl_frame_take(repl, peer, &message->forward);
    case PEER_AGAIN:
        repl_submit_again(repl, &message->again);
        return true;
    case PEER_PROBE:
        repl_role_check(repl);
        if (repl_leads(repl) && message->probe.id > peer->probe) {
            peer->probe = message->probe.id;
            peer->probe_urgent = peer->probe_urgent || message->probe.urgent;
            repl_kick(repl);
        }
        return true;
    case PEER_PROVEN:
        repl_prove_proven(repl, &message->proven);
        return true;
    case PEER_STATUS:
        repl_status_heard(repl, peer, &message->status);
        return true;
    case PEER_BEYOND:
        on_beyond(repl, peer, &message->beyond);
        return true;
    }
    return false;
}

void repl_core_link_up(struct repl *repl, uint64_t peer) {
    if (repl->closing) {
        return;
    }
    repl->now_ms = repl_mono(repl);
    repl_status_send(repl, peer);
    if (peer == repl->leader_id) {
        repl_submit_restart_stream(repl);
        repl_prove_restart(repl);
    }
}

void repl_core_link_lost(struct repl *repl, uint64_t peer) {
    /* If its process is gone, dialling tells. */
    if (!repl->closing) {
        repl->host.redial(repl->host.impl, peer);
    }
}

void repl_core_link_refused(struct repl *repl, uint64_t peer) {
    if (!repl->closing) {
        repl->now_ms = repl_mono(repl);
        repl_io_leader_gone(repl, peer);
    }
}

bool repl_core_stranger(struct repl *repl, uint64_t id, const char *address) {
    return !repl->closing && repl_member_meets(repl, id, address);
}

/* --- the work of one turn --- */

/* All that follows from what came in since the last iteration. */
void repl_core_pump(struct repl *repl) {
    if (repl->closing || !repl->raft_open) {
        return; /* the loop also turns while opening fails */
    }
    repl->now_ms = repl_mono(repl);
    repl_io_alone(repl);
    repl_io_release_held(repl);
    repl_role_check(repl);
    note_epoch(repl);
    repl_member_pump(repl);
    repl_fsm_pump(repl);
    repl_prove_pump(repl);
    repl_submit_forward(repl);
    repl_frame_build(repl);
    repl_io_tell_commit(repl);
}

void repl_core_take_inbox(struct repl *repl) {
    struct repl_inbox *inbox = &repl->inbox;
    if (repl->closing) {
        return;
    }
    repl->now_ms = repl_mono(repl);
    pthread_mutex_lock(&inbox->mutex);
    struct repl_request *requests = inbox->requests;
    struct repl_wait *indexes = inbox->indexes;
    struct repl_wait *reads = inbox->reads;
    struct repl_wait *transfers = inbox->transfers;
    struct repl_capture *captures = inbox->captures;
    inbox->requests = NULL;
    inbox->requests_end = &inbox->requests;
    inbox->indexes = NULL;
    inbox->indexes_end = &inbox->indexes;
    inbox->reads = NULL;
    inbox->reads_end = &inbox->reads;
    inbox->transfers = NULL;
    inbox->transfers_end = &inbox->transfers;
    inbox->captures = NULL;
    inbox->captures_end = &inbox->captures;
    pthread_mutex_unlock(&inbox->mutex);
    while (requests != NULL) {
        struct repl_request *request = requests;
        requests = request->next;
        repl_submit_take(repl, request);
    }
    while (indexes != NULL) {
        struct repl_wait *wait = indexes;
        indexes = wait->next;
        repl_prove_take_index(repl, wait);
    }
    while (reads != NULL) {
        struct repl_wait *wait = reads;
        reads = wait->next;
        repl_prove_take_read(repl, wait);
    }
    while (transfers != NULL) {
        struct repl_wait *wait = transfers;
        transfers = wait->next;
        take_transfer(repl, wait);
    }
    while (captures != NULL) {
        struct repl_capture *capture = captures;
        captures = capture->next;
        repl_capture_take(repl, capture);
    }
    repl_kick(repl);
}

void repl_core_space(struct repl *repl, uint64_t free_bytes) {
    uint64_t min = repl->config.free_bytes_min;
    bool was = atomic_load(&repl->shared.no_space);
    /* A little more to come back than to go: no flapping at the limit. */
    bool is = was ? free_bytes < min + min / 8 : free_bytes < min;
    if (is != was) {
        atomic_store(&repl->shared.no_space, is);
        log_event(is ? LOG_ERROR : LOG_INFO, is ? "repl.no_space" : "repl.space",
                  log_u64("free_bytes", free_bytes), log_u64("min_bytes", min),
                  log_end());
    }
}

void repl_core_tick(struct repl *repl) {
    if (repl->closing) {
        return;
    }
    repl->now_ms = repl_mono(repl);
    repl_role_check(repl);
    repl_submit_tick(repl);
    repl_prove_tick(repl);
    repl_fsm_pump(repl);
    tick_transfers(repl);
    repl_member_tick(repl);
    repl_status_tick(repl);
    if (repl_leads(repl)) {
        repl_kick(repl); /* a frame may be due */
    }
}

/* --- closing --- */

void repl_core_stop(struct repl *repl) {
    if (!repl->stopping) {
        repl->stopping = true;
        repl->stop_at_ms = repl_mono(repl) + 2 * repl->config.election_timeout_ms;
        (void)repl_transfer_begin(repl, 0);
    }
}

bool repl_core_may_close(const struct repl *repl) {
    return repl->stopping && (!repl_leads(repl) || repl_voters(repl) == 1 ||
                              repl->now_ms >= repl->stop_at_ms);
}

static void on_raft_closed(struct raft *raft) {
    struct repl *repl = (struct repl *)((char *)raft - offsetof(struct repl, raft));
    repl->raft_closed = true;
    repl->host.closed(repl->host.impl);
}

void repl_core_close(struct repl *repl) {
    repl_submit_close(repl);
    repl_prove_close(repl);
    repl->closing = true;
    repl_fsm_commit(repl);
    if (repl->raft_open) {
        raft_close(&repl->raft, on_raft_closed);
    } else {
        repl->host.closed(repl->host.impl);
    }
}

void repl_core_free(struct repl *repl) {
    CHECK(repl->raft_closed == repl->raft_open);
    for (size_t i = 0; i < repl->peers_count; i++) {
        repl_frame_forget(&repl->peer[i]);
    }
    repl_submit_free(repl);
    repl_member_free(repl);
    fsm_free(repl->fsm);
    buf_free(&repl->out);
    buf_free(&repl->gather);
    buf_free(&repl->encoded);
    pthread_mutex_destroy(&repl->inbox.mutex);
    pthread_mutex_destroy(&repl->published_mutex);
    free(repl);
}

/* --- starting --- */

static enum err check_config(const struct repl_config *config, char why[256]) {
    bool found = false;
    if (config->peers_count > LIMIT_NODES || config->heartbeat_ms == 0 ||
        config->election_timeout_ms <= 2 * config->heartbeat_ms) {
        snprintf(
            why, 256,
            "at most %d nodes, and an election timeout of more than two heartbeats",
            LIMIT_NODES);
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < config->peers_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (config->peers[j].id == config->peers[i].id) {
                snprintf(why, 256, "two peers have the id %llu",
                         (unsigned long long)config->peers[i].id);
                return ERR_CONFIG;
            }
        }
        found = found || config->peers[i].id == config->node_id;
    }
    if (!found || config->node_id == 0) {
        snprintf(why, 256, "node %llu is not among the peers",
                 (unsigned long long)config->node_id);
        return ERR_CONFIG;
    }
    return OK;
}

/* This node has the first place: it is never given to another. */
static void place_peers(struct repl *repl) {
    const struct repl_config *config = &repl->config;
    for (size_t turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < config->peers_count; i++) {
            if ((config->peers[i].id == config->node_id) == (turn == 0)) {
                CHECK(repl_peer_set(repl, &config->peers[i]) != NULL);
            }
        }
    }
}

static void default_numbers(struct repl_config *config) {
    struct {
        uint32_t *value;
        uint32_t fallback;
    } numbers[] = {{&config->election_timeout_ms, 300},
                   {&config->heartbeat_ms, 20},
                   {&config->staleness_bound_ms, 3000},
                   {&config->clock_skew_max_ms, 2000},
                   {&config->stall_limit_ms, 4000},
                   {&config->marker_entries, REPL_MARKER_ENTRIES}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (*numbers[i].value == 0) {
            *numbers[i].value = numbers[i].fallback;
        }
    }
    if (config->trailing_bytes == 0) {
        config->trailing_bytes = UINT64_C(64) << 20;
    }
    if (config->image_bytes_per_s == 0) {
        config->image_bytes_per_s = UINT64_C(64) << 20;
    }
}

static void init_memory(struct repl *repl) {
    struct repl_inbox *inbox = &repl->inbox;
    CHECK(pthread_mutex_init(&inbox->mutex, NULL) == 0);
    CHECK(pthread_mutex_init(&repl->published_mutex, NULL) == 0);
    inbox->requests_end = &inbox->requests;
    inbox->indexes_end = &inbox->indexes;
    inbox->reads_end = &inbox->reads;
    inbox->transfers_end = &inbox->transfers;
    inbox->captures_end = &inbox->captures;
    buf_init(&repl->out, LIMIT_PEER_MESSAGE + PEER_HEADER_LEN);
    buf_init(&repl->gather, LIMIT_FRAME);
    buf_init(&repl->encoded, LIMIT_FRAME);
    repl->state = RAFT_FOLLOWER;
    repl->config.random.fill(repl->config.random.impl, &repl->prove.first_id,
                             sizeof(repl->prove.first_id));
    repl->prove.first_id = repl->prove.first_id / 2 + 1; /* never 0, room above */
    repl->prove.next_id = repl->prove.first_id;
}

/* What the store knows of earlier lives. */
static enum err read_store(struct repl *repl, uint64_t *ret_boot, char why[256]) {
    static const struct id128 none;
    const struct store_meta *meta = fsm_meta(repl->fsm);
    struct store_read *read = NULL;
    struct boot boot = {0};
    if (memcmp(&meta->cluster_id, &none, sizeof(none)) != 0 &&
        memcmp(&meta->cluster_id, &repl->config.cluster_id, sizeof(none)) != 0) {
        snprintf(why, 256, "the store belongs to another cluster");
        return ERR_CONFIG;
    }
    enum err err = store_read_new(repl->config.store, &read);
    if (err == OK) {
        err = store_read_begin(read);
    }
    if (err == OK) {
        err = store_boot_get(read, repl->config.node_id, &boot);
        store_read_end(read);
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    store_read_free(read);
    if (err != OK) {
        snprintf(why, 256, "the store cannot be read: %s", err_str(err));
        return err;
    }
    repl_clock_init(&repl->clock, repl->config.clock_skew_max_ms, repl_mono(repl));
    repl_clock_applied(&repl->clock, meta->clock_ms, repl_mono(repl), false);
    repl_publish_clock(repl);
    atomic_store(&repl->shared.applied_index, meta->applied_index);
    if (meta->applied_index > 0) {
        repl_digests_applied(&repl->digests, meta->applied_index, meta->digest);
    }
    *ret_boot = boot.boot;
    return OK;
}

enum err repl_core_new(const struct repl_config *config, const struct repl_host *host,
                       struct repl **ret_repl, char why[256]) {
    struct repl *repl = calloc(1, sizeof(*repl));
    uint64_t boot = 0;
    if (repl == NULL) {
        snprintf(why, 256, "out of memory");
        return ERR_NOMEM;
    }
    repl->config = *config;
    repl->host = *host;
    default_numbers(&repl->config);
    init_memory(repl);
    enum err err = check_config(&repl->config, why);
    if (err == OK) {
        err = fsm_new(config->store, &repl->fsm);
        if (err != OK) {
            snprintf(why, 256, "the state machine cannot start: %s", err_str(err));
        }
    }
    if (err == OK) {
        err = read_store(repl, &boot, why);
    }
    if (err != OK) {
        repl_core_free(repl);
        return err;
    }
    repl_fsm_init(repl);
    repl_point_init(repl);
    repl_submit_init(repl, boot);
    *ret_repl = repl;
    return OK;
}

enum err repl_core_open(struct repl *repl, bool bootstrap, char why[256]) {
    repl->now_ms = repl_mono(repl);
    place_peers(repl);
    note_epoch(repl);
    enum err err = repl_member_open(repl, why);
    if (err == OK) {
        err = repl_io_open(repl, bootstrap, why);
    }
    if (err == OK) {
        repl_role_check(repl);
        repl_status_publish(repl);
        repl_kick(repl);
    }
    return err;
}
