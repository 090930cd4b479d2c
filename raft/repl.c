/* repl: starting, stopping, the raft thread's loop, and who leads. */
#include "raft/repl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "raft/repl_exit.h"
#include "raft/repl_internal.h"
#include "store/store_outcome.h"

/* libraft's check of prepared log space, once this node leads. */
#define CAPACITY_MIN_KIB 4096

_Noreturn void repl_fatal(int exit_code, const char *event, const char *why) {
    log_event(LOG_FATAL, event, log_str("why", why), log_i64("exit", exit_code),
              log_end());
    _exit(exit_code);
}

struct repl_peer *repl_peer_find(struct repl *repl, uint64_t id) {
    for (size_t i = 0; i < repl->peers_count; i++) {
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
           peer_links_send(repl->links, to, buf_span(&repl->out)) == OK;
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
    repl_uv_receive(repl, peer, &message);
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
    repl_fatal(REPL_EXIT_BEYOND_LOG, "repl.fatal",
               "this node is beyond the leader's log (needs re-seeding): it was away "
               "longer than the retained log covers");
}

static bool on_message(void *arg, uint64_t from, const struct peer_message *message) {
    struct repl *repl = arg;
    struct repl_peer *peer = repl_peer_find(repl, from);
    CHECK(peer != NULL);
    if (repl->closing) {
        return true;
    }
    repl->now_ms = repl_mono(repl);
    switch (message->type) {
    case PEER_HELLO:
    case PEER_FETCH:
    case PEER_IMAGE_WAIT:
    case PEER_IMAGE_DATA:
    case PEER_IMAGE_END:
    case PEER_IMAGE_REFUSED:
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

static void on_link_up(void *arg, uint64_t id) {
    struct repl *repl = arg;
    if (repl->closing) {
        return;
    }
    repl->now_ms = repl_mono(repl);
    repl_status_send(repl, id);
    if (id == repl->leader_id) {
        repl_submit_restart_stream(repl);
        repl_prove_restart(repl);
    }
}

static void on_link_lost(void *arg, uint64_t id) {
    struct repl *repl = arg;
    /* If its process is gone, dialling tells. */
    if (!repl->closing) {
        peer_links_redial(repl->links, id);
    }
}

static void on_link_refused(void *arg, uint64_t id) {
    struct repl *repl = arg;
    if (!repl->closing) {
        repl->now_ms = repl_mono(repl);
        repl_uv_leader_gone(repl, id);
    }
}

/* --- the loop --- */

/* All that follows from what came in since the last iteration. */
static void pump(struct repl *repl) {
    repl->now_ms = repl_mono(repl);
    repl_uv_release_held(repl);
    repl_role_check(repl);
    repl_prove_pump(repl);
    repl_submit_forward(repl);
    repl_frame_build(repl);
    repl_uv_tell_commit(repl);
}

static void on_idle(uv_idle_t *idle) {
    struct repl *repl = idle->data;
    (void)uv_idle_stop(idle);
    if (!repl->closing) {
        pump(repl);
    }
}

/* libraft completes requests in its prepare and check phases, after which the
 * loop would sleep: an idle handle makes it go round at once. */
void repl_kick(struct repl *repl) {
    if (!repl->closing) {
        (void)uv_idle_start(&repl->idle, on_idle);
    }
}

static void on_prepare(uv_prepare_t *prepare) {
    struct repl *repl = prepare->data;
    peer_links_flush(repl->links);
}

static void take_inbox(struct repl *repl) {
    struct repl_inbox *inbox = &repl->inbox;
    pthread_mutex_lock(&inbox->mutex);
    struct repl_request *requests = inbox->requests;
    struct repl_wait *indexes = inbox->indexes;
    struct repl_wait *reads = inbox->reads;
    struct repl_wait *transfers = inbox->transfers;
    inbox->requests = NULL;
    inbox->requests_end = &inbox->requests;
    inbox->indexes = NULL;
    inbox->indexes_end = &inbox->indexes;
    inbox->reads = NULL;
    inbox->reads_end = &inbox->reads;
    inbox->transfers = NULL;
    inbox->transfers_end = &inbox->transfers;
    if (inbox->stop && !repl->stopping) {
        repl->stopping = true;
        repl->stop_at_ms = repl_mono(repl) + 2 * repl->config.election_timeout_ms;
        (void)repl_transfer_begin(repl, 0);
    }
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
}

static void on_async(uv_async_t *async) {
    struct repl *repl = async->data;
    if (!repl->closing) {
        repl->now_ms = repl_mono(repl);
        take_inbox(repl);
        repl_kick(repl);
    }
}

/* --- housekeeping: what may block, on a worker thread --- */

static void housekeep(uv_work_t *work) {
    struct repl *repl = work->data;
    struct repl_housekeeping *job = &repl->housekeeping;
    struct statvfs vfs;
    job->space_known = statvfs(job->raft_dir, &vfs) == 0;
    if (job->space_known) {
        job->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    }
    job->tls = NULL;
    job->why[0] = '\0';
    job->tls_stamp = peer_tls_stamp(&repl->tls_files);
    if (job->tls_stamp != 0 && job->tls_stamp != job->tls_stamp_known &&
        peer_tls_load(&repl->tls_files, repl->config.cluster_id, repl->config.node_id,
                      &job->tls, job->why) != OK) {
        job->tls = NULL;
    }
}

static void note_space(struct repl *repl, uint64_t free_bytes) {
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

static void housekept(uv_work_t *work, int status) {
    struct repl *repl = work->data;
    struct repl_housekeeping *job = &repl->housekeeping;
    job->busy = false;
    if (status != 0 || repl->closing) {
        peer_tls_free(status == 0 ? job->tls : NULL);
        return;
    }
    if (job->space_known) {
        note_space(repl, job->free_bytes);
    }
    if (job->tls != NULL) {
        peer_links_renew(repl->links, job->tls);
        log_event(LOG_INFO, "peer.certificate_renewed", log_end());
    } else if (job->why[0] != '\0') {
        log_event(LOG_ERROR, "peer.certificate", log_str("why", job->why), log_end());
    }
    if (job->tls_stamp != 0) {
        repl->tls_stamp = job->tls_stamp; /* complain once per change */
    }
}

static void tick_housekeeping(struct repl *repl) {
    struct repl_housekeeping *job = &repl->housekeeping;
    if (job->busy ||
        (repl->last_housekeeping_ms != 0 &&
         repl->now_ms < repl->last_housekeeping_ms + REPL_HOUSEKEEPING_MS)) {
        return;
    }
    repl->last_housekeeping_ms = repl->now_ms;
    job->work.data = repl;
    job->tls_stamp_known = repl->tls_stamp;
    job->busy = uv_queue_work(&repl->loop, &job->work, housekeep, housekept) == 0;
}

/* --- closing --- */

static void on_raft_closed(struct raft *raft) {
    struct repl *repl = (struct repl *)((char *)raft - offsetof(struct repl, raft));
    repl->raft_closed = true;
}

static void close_all(struct repl *repl) {
    repl_submit_close(repl);
    repl_prove_close(repl);
    repl->closing = true;
    if (repl->links != NULL) {
        peer_links_close(repl->links);
    }
    if (repl->raft_open) {
        raft_close(&repl->raft, on_raft_closed);
    }
    uv_close((uv_handle_t *)&repl->async, NULL);
    uv_close((uv_handle_t *)&repl->timer, NULL);
    uv_close((uv_handle_t *)&repl->idle, NULL);
    uv_close((uv_handle_t *)&repl->prepare, NULL);
}

static void on_timer(uv_timer_t *timer) {
    struct repl *repl = timer->data;
    atomic_fetch_add(&repl->pulse.loop, 1);
    repl->now_ms = repl_mono(repl);
    repl_role_check(repl);
    peer_links_tick(repl->links, repl->now_ms);
    repl_submit_tick(repl);
    repl_prove_tick(repl);
    tick_transfers(repl);
    repl_status_tick(repl);
    tick_housekeeping(repl);
    if (repl_leads(repl)) {
        repl_kick(repl); /* a frame may be due */
    }
    if (repl->stopping && (!repl_leads(repl) || repl->peers_count == 1 ||
                           repl->now_ms >= repl->stop_at_ms)) {
        close_all(repl);
    }
}

static void *run(void *arg) {
    struct repl *repl = arg;
    (void)uv_run(&repl->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* --- starting --- */

static enum err copy_config(struct repl *repl, const struct repl_config *config,
                            char why[256]) {
    struct {
        char *to;
        const char *from;
    } strings[] = {{repl->raft_dir, config->raft_dir},
                   {repl->ca_file, config->ca_file},
                   {repl->cert_file, config->cert_file},
                   {repl->key_file, config->key_file}};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (snprintf(strings[i].to, 1024, "%s", strings[i].from) >= 1024) {
            snprintf(why, 256, "a path is longer than 1023 bytes");
            return ERR_CONFIG;
        }
    }
    repl->config = *config;
    repl->config.raft_dir = repl->raft_dir;
    repl->config.ca_file = repl->ca_file;
    repl->config.cert_file = repl->cert_file;
    repl->config.key_file = repl->key_file;
    repl->tls_files =
        (struct peer_tls_files){repl->ca_file, repl->cert_file, repl->key_file};
    memcpy(repl->housekeeping.raft_dir, repl->raft_dir, sizeof(repl->raft_dir));
    return OK;
}

static enum err copy_peers(struct repl *repl, char why[256]) {
    bool found = false;
    const struct repl_config *config = &repl->config;
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
        repl->peer[i].config = config->peers[i];
        if (config->peers[i].id == config->node_id) {
            repl->self = i;
            found = true;
        }
    }
    if (!found || config->node_id == 0) {
        snprintf(why, 256, "node %llu is not among the peers",
                 (unsigned long long)config->node_id);
        return ERR_CONFIG;
    }
    repl->peers_count = config->peers_count;
    repl->digests.peers_count = config->peers_count;
    return OK;
}

static void default_numbers(struct repl_config *config) {
    struct {
        uint32_t *value;
        uint32_t fallback;
    } numbers[] = {{&config->election_timeout_ms, 300},
                   {&config->heartbeat_ms, 20},
                   {&config->staleness_bound_ms, 3000},
                   {&config->clock_skew_max_ms, 2000},
                   {&config->stall_limit_ms, 4000}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (*numbers[i].value == 0) {
            *numbers[i].value = numbers[i].fallback;
        }
    }
    if (config->trailing_bytes == 0) {
        config->trailing_bytes = UINT64_C(64) << 20;
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
    buf_init(&repl->out, LIMIT_PEER_MESSAGE + PEER_HEADER_LEN);
    buf_init(&repl->gather, LIMIT_FRAME);
    buf_init(&repl->encoded, LIMIT_FRAME);
    repl->state = RAFT_FOLLOWER;
    repl->prove.next_id = 1;
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

static enum err open_links(struct repl *repl, char why[256]) {
    struct peer_tls *tls = NULL;
    struct peer_link_handlers handlers = {.message = on_message,
                                          .up = on_link_up,
                                          .lost = on_link_lost,
                                          .refused = on_link_refused,
                                          .arg = repl};
    repl->tls_stamp = peer_tls_stamp(&repl->tls_files);
    enum err err = peer_tls_load(&repl->tls_files, repl->config.cluster_id,
                                 repl->config.node_id, &tls, why);
    if (err != OK) {
        return err;
    }
    err = peer_links_new(&repl->loop, &repl->config, tls, &handlers, &repl->links, why);
    if (err != OK) {
        peer_tls_free(tls);
    }
    return err;
}

static void init_handles(struct repl *repl) {
    CHECK(uv_timer_init(&repl->loop, &repl->timer) == 0);
    CHECK(uv_idle_init(&repl->loop, &repl->idle) == 0);
    CHECK(uv_prepare_init(&repl->loop, &repl->prepare) == 0);
    repl->async.data = repl;
    repl->timer.data = repl;
    repl->idle.data = repl;
    repl->prepare.data = repl;
}

/* Not before everything is open: a failing open runs the loop to get rid of its
 * handles, and on_timer would take a log that was never opened for a broken one. */
static void start_handles(struct repl *repl) {
    CHECK(uv_timer_start(&repl->timer, on_timer, 0, REPL_TIMER_MS) == 0);
    CHECK(uv_prepare_start(&repl->prepare, on_prepare) == 0);
}

static enum err start_threads(struct repl *repl, char why[256]) {
    /* Signals are for the main thread; libuv's workers inherit the mask. */
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    enum err err =
        repl_watchdog_start(&repl->pulse, repl->config.stall_limit_ms, &repl->watchdog);
    int rv = err == OK ? pthread_create(&repl->thread, NULL, run, repl) : -1;
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (rv != 0) {
        repl_watchdog_stop(repl->watchdog);
        snprintf(why, 256, "a thread could not be started");
        return ERR_NOMEM;
    }
    return OK;
}

static void free_memory(struct repl *repl) {
    repl_frame_reset(repl);
    repl_submit_free(repl);
    peer_links_free(repl->links);
    fsm_free(repl->fsm);
    buf_free(&repl->out);
    buf_free(&repl->gather);
    buf_free(&repl->encoded);
    pthread_mutex_destroy(&repl->inbox.mutex);
    pthread_mutex_destroy(&repl->published_mutex);
    free(repl);
}

/* After the loop has run out of handles. */
static void finish(struct repl *repl) {
    CHECK(repl->raft_closed == repl->raft_open);
    if (repl->io.impl != NULL) {
        raft_uv_close(&repl->io);
    }
    CHECK(uv_loop_close(&repl->loop) == 0);
    free_memory(repl);
}

/* Before the raft thread runs: the loop holds what has been opened so far. */
static enum err open_all(struct repl *repl, char why[256]) {
    uint64_t boot = 0;
    enum err err = fsm_new(repl->config.store, &repl->fsm);
    if (err != OK) {
        snprintf(why, 256, "the state machine cannot start: %s", err_str(err));
        return err;
    }
    err = read_store(repl, &boot, why);
    if (err == OK) {
        err = open_links(repl, why);
    }
    if (err != OK) {
        return err;
    }
    repl_fsm_init(repl);
    repl_submit_init(repl, boot);
    err = repl_uv_open(repl, why);
    if (err != OK) {
        return err;
    }
    repl->now_ms = repl_mono(repl);
    repl_role_check(repl);
    repl_status_publish(repl);
    start_handles(repl);
    return OK;
}

enum err repl_start(const struct repl_config *config, struct repl **ret_repl,
                    char why[256]) {
    char scratch[256];
    char *reason = why != NULL ? why : scratch;
    snprintf(reason, 256, "out of memory");
    struct repl *repl = calloc(1, sizeof(*repl));
    if (repl == NULL) {
        return ERR_NOMEM;
    }
    init_memory(repl);
    CHECK(uv_loop_init(&repl->loop) == 0);
    CHECK(uv_async_init(&repl->loop, &repl->async, on_async) == 0);
    init_handles(repl);
    enum err err = copy_config(repl, config, reason);
    default_numbers(&repl->config);
    if (err == OK) {
        err = copy_peers(repl, reason);
    }
    if (err == OK) {
        err = open_all(repl, reason);
    }
    if (err == OK) {
        err = start_threads(repl, reason);
    }
    if (err != OK) {
        close_all(repl);
        (void)uv_run(&repl->loop, UV_RUN_DEFAULT);
        finish(repl);
        return err;
    }
    *ret_repl = repl;
    return OK;
}

void repl_stop(struct repl *repl) {
    pthread_mutex_lock(&repl->inbox.mutex);
    repl->inbox.closed = true;
    repl->inbox.stop = true;
    pthread_mutex_unlock(&repl->inbox.mutex);
    (void)uv_async_send(&repl->async);
    CHECK(pthread_join(repl->thread, NULL) == 0);
    repl_watchdog_stop(repl->watchdog);
    finish(repl);
}
