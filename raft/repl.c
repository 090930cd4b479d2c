/* repl: the core's host on a real machine: a thread with a libuv loop, mutual TLS
 * between nodes, libraft's files, and the watchdog (raft/repl_core.h has the rest). */
#include "raft/repl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "raft/peer_image.h"
#include "raft/peer_link.h"
#include "raft/repl_check.h"
#include "raft/repl_internal.h"
#include "raft/repl_seed.h"
#include "raft/repl_uv.h"

#define TIMER_MS 20
#define HOUSEKEEPING_MS 2000

/* What may block, on a worker thread. */
struct housekeeping {
    uv_work_t work;
    bool busy;
    uint64_t tls_stamp_known; /* in */
    bool space_known;         /* out */
    uint64_t free_bytes;
    uint64_t tls_stamp;
    struct peer_tls *tls; /* new one, or NULL */
    char why[256];
};

/* The store's restart point, on a worker thread. */
struct syncing {
    uv_work_t work;
    struct store *store;
    enum err err;
};

struct node {
    struct repl *repl;
    struct repl_config config; /* its strings are below */
    char data_dir[1024], raft_dir[1024], ca_file[1024], cert_file[1024], key_file[1024];
    uv_loop_t loop;
    uv_async_t async;
    uv_timer_t timer, later;
    uv_idle_t idle;
    uv_prepare_t prepare;
    pthread_t thread;
    _Atomic bool stop;
    bool closing;
    struct repl_uv uv;
    struct peer_links *links;
    struct peer_tls_files tls_files;
    uint64_t tls_stamp, last_housekeeping_ms;
    struct housekeeping housekeeping;
    struct syncing syncing;
    struct repl_watchdog *watchdog;
    struct peer_image_donor *donor;
};

/* --- what the core asks of its host --- */

static void host_wake(void *impl) {
    struct node *node = impl;
    (void)uv_async_send(&node->async);
}

static void on_idle(uv_idle_t *idle) {
    struct node *node = idle->data;
    (void)uv_idle_stop(idle);
    repl_core_pump(node->repl);
}

/* libraft completes requests in its prepare and check phases, after which the
 * loop would sleep: an idle handle makes it go round at once. */
static void host_kick(void *impl) {
    struct node *node = impl;
    if (!node->closing) {
        (void)uv_idle_start(&node->idle, on_idle);
    }
}

static void on_later(uv_timer_t *later) {
    struct node *node = later->data;
    repl_core_pump(node->repl);
}

static void host_later(void *impl, unsigned ms) {
    struct node *node = impl;
    if (!node->closing && (!uv_is_active((uv_handle_t *)&node->later) ||
                           uv_timer_get_due_in(&node->later) > ms)) {
        (void)uv_timer_start(&node->later, on_later, ms, 0);
    }
}

static enum err host_send(void *impl, uint64_t to, struct span messages) {
    struct node *node = impl;
    return peer_links_send(node->links, to, messages);
}

static void host_flush(void *impl) {
    struct node *node = impl;
    peer_links_flush(node->links);
}

static bool host_is_up(void *impl, uint64_t peer) {
    const struct node *node = impl;
    return peer_links_is_up(node->links, peer);
}

static void host_redial(void *impl, uint64_t peer) {
    struct node *node = impl;
    peer_links_redial(node->links, peer);
}

static void host_peer_set(void *impl, const struct repl_peer_config *peer) {
    struct node *node = impl;
    if (peer_links_set(node->links, peer) != OK) {
        log_event(LOG_ERROR, "peer.address", log_u64("peer", peer->id),
                  log_str("address", peer->address),
                  log_str("why", "not IPv4:port, or too many nodes"), log_end());
    }
}

static void host_peer_drop(void *impl, uint64_t peer) {
    struct node *node = impl;
    peer_links_drop(node->links, peer);
}

static void host_epoch(void *impl, uint64_t epoch) {
    struct node *node = impl;
    peer_links_epoch(node->links, epoch);
}

static void host_reseed(void *impl, const char *why) {
    struct node *node = impl;
    if (node->config.data_dir != NULL &&
        repl_seed_ask(node->config.data_dir, why) != OK) {
        log_event(LOG_ERROR, "repl.reseed",
                  log_str("why", "the mark for re-seeding could not be written: start "
                                 "this node with --reseed"),
                  log_end());
    }
}

static void sync_store(uv_work_t *work) {
    struct syncing *job = &((struct node *)work->data)->syncing;
    job->err = store_point_sync(job->store);
}

/* The loop does not end before it has run: nothing cancels it. */
static void store_synced(uv_work_t *work, int status) {
    struct node *node = work->data;
    CHECK(status == 0);
    repl_core_synced(node->repl, node->syncing.err);
}

static void host_sync(void *impl) {
    struct node *node = impl;
    node->syncing.work.data = node;
    node->syncing.store = node->config.store;
    CHECK(uv_queue_work(&node->loop, &node->syncing.work, sync_store, store_synced) ==
          0);
}

static void close_handles(struct node *node) {
    node->closing = true;
    if (node->links != NULL) {
        peer_links_close(node->links);
    }
    uv_close((uv_handle_t *)&node->async, NULL);
    uv_close((uv_handle_t *)&node->timer, NULL);
    uv_close((uv_handle_t *)&node->later, NULL);
    uv_close((uv_handle_t *)&node->idle, NULL);
    uv_close((uv_handle_t *)&node->prepare, NULL);
}

static void host_closed(void *impl) {
    (void)impl; /* the loop runs out of handles by itself */
}

/* --- links --- */

static bool on_message(void *arg, uint64_t from, const struct peer_message *message) {
    return repl_core_message(((struct node *)arg)->repl, from, message);
}

static void on_link_up(void *arg, uint64_t peer) {
    repl_core_link_up(((struct node *)arg)->repl, peer);
}

static void on_link_lost(void *arg, uint64_t peer) {
    repl_core_link_lost(((struct node *)arg)->repl, peer);
}

static void on_link_refused(void *arg, uint64_t peer) {
    repl_core_link_refused(((struct node *)arg)->repl, peer);
}

static bool on_stranger(void *arg, uint64_t id, const char *address) {
    return repl_core_stranger(((struct node *)arg)->repl, id, address);
}

static void on_fetch(void *arg, const struct peer_image_call *call) {
    peer_image_donor_serve(((struct node *)arg)->donor, call);
}

/* --- housekeeping --- */

static void housekeep(uv_work_t *work) {
    struct node *node = work->data;
    struct housekeeping *job = &node->housekeeping;
    struct statvfs vfs;
    job->space_known = statvfs(node->raft_dir, &vfs) == 0;
    if (job->space_known) {
        job->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    }
    job->tls = NULL;
    job->why[0] = '\0';
    job->tls_stamp = peer_tls_stamp(&node->tls_files);
    if (job->tls_stamp != 0 && job->tls_stamp != job->tls_stamp_known &&
        peer_tls_load(&node->tls_files, node->config.cluster_id, node->config.node_id,
                      &job->tls, job->why) != OK) {
        job->tls = NULL;
    }
}

static void housekept(uv_work_t *work, int status) {
    struct node *node = work->data;
    struct housekeeping *job = &node->housekeeping;
    job->busy = false;
    if (status != 0 || node->closing) {
        peer_tls_free(status == 0 ? job->tls : NULL);
        return;
    }
    if (job->space_known) {
        repl_core_space(node->repl, job->free_bytes);
    }
    if (job->tls != NULL) {
        peer_links_renew(node->links, job->tls);
        log_event(LOG_INFO, "peer.certificate_renewed", log_end());
    } else if (job->why[0] != '\0') {
        log_event(LOG_ERROR, "peer.certificate", log_str("why", job->why), log_end());
    }
    if (job->tls_stamp != 0) {
        node->tls_stamp = job->tls_stamp; /* complain once per change */
    }
}

static void tick_housekeeping(struct node *node, uint64_t now_ms) {
    struct housekeeping *job = &node->housekeeping;
    if (job->busy || (node->last_housekeeping_ms != 0 &&
                      now_ms < node->last_housekeeping_ms + HOUSEKEEPING_MS)) {
        return;
    }
    node->last_housekeeping_ms = now_ms;
    job->work.data = node;
    job->tls_stamp_known = node->tls_stamp;
    job->busy = uv_queue_work(&node->loop, &job->work, housekeep, housekept) == 0;
}

/* --- the loop --- */

static void on_async(uv_async_t *async) {
    struct node *node = async->data;
    repl_core_take_inbox(node->repl);
    if (atomic_load(&node->stop) && !node->closing) {
        repl_core_stop(node->repl);
    }
}

static void on_prepare(uv_prepare_t *prepare) {
    struct node *node = prepare->data;
    peer_links_flush(node->links);
}

static void on_timer(uv_timer_t *timer) {
    struct node *node = timer->data;
    uint64_t now_ms = repl_mono(node->repl);
    atomic_fetch_add(&node->repl->pulse.loop, 1);
    peer_links_tick(node->links, now_ms);
    repl_core_tick(node->repl);
    tick_housekeeping(node, now_ms);
    if (repl_core_may_close(node->repl)) {
        repl_core_close(node->repl);
        close_handles(node);
    }
}

static void *run(void *arg) {
    struct node *node = arg;
    (void)uv_run(&node->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* --- starting --- */

static enum err copy_config(struct node *node, const struct repl_config *config,
                            char why[256]) {
    struct {
        char *to;
        const char *from;
    } strings[] = {{node->data_dir, config->data_dir == NULL ? "" : config->data_dir},
                   {node->raft_dir, config->raft_dir},
                   {node->ca_file, config->ca_file},
                   {node->cert_file, config->cert_file},
                   {node->key_file, config->key_file}};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (snprintf(strings[i].to, 1024, "%s", strings[i].from) >= 1024) {
            snprintf(why, 256, "a path is longer than 1023 bytes");
            return ERR_CONFIG;
        }
    }
    node->config = *config;
    node->config.data_dir = config->data_dir == NULL ? NULL : node->data_dir;
    node->config.raft_dir = node->raft_dir;
    node->config.ca_file = node->ca_file;
    node->config.cert_file = node->cert_file;
    node->config.key_file = node->key_file;
    node->tls_files =
        (struct peer_tls_files){node->ca_file, node->cert_file, node->key_file};
    return OK;
}

static enum err new_core(struct node *node, char why[256]) {
    struct repl_host host = {.impl = node,
                             .wake = host_wake,
                             .kick = host_kick,
                             .later = host_later,
                             .send = host_send,
                             .flush = host_flush,
                             .is_up = host_is_up,
                             .redial = host_redial,
                             .peer_set = host_peer_set,
                             .peer_drop = host_peer_drop,
                             .epoch = host_epoch,
                             .reseed = host_reseed,
                             .sync = host_sync,
                             .io = &node->uv.io,
                             .closed = host_closed};
    return repl_core_new(&node->config, &host, &node->repl, why);
}

static enum err open_links(struct node *node, char why[256]) {
    struct peer_tls *tls = NULL;
    struct peer_link_handlers handlers = {.message = on_message,
                                          .up = on_link_up,
                                          .lost = on_link_lost,
                                          .refused = on_link_refused,
                                          .stranger = on_stranger,
                                          .fetch = on_fetch,
                                          .arg = node};
    node->tls_stamp = peer_tls_stamp(&node->tls_files);
    enum err err = peer_tls_load(&node->tls_files, node->config.cluster_id,
                                 node->config.node_id, &tls, why);
    if (err != OK) {
        return err;
    }
    err = peer_image_donor_new(node->repl, node->repl->config.image_bytes_per_s,
                               node->config.clock, &node->donor);
    if (err != OK) {
        snprintf(why, 256, "%s", err_str(err));
        peer_tls_free(tls);
        return err;
    }
    if (node->repl->config.data_dir != NULL) {
        peer_image_donor_blobs(node->donor, node->repl->config.data_dir);
    }
    err = peer_links_new(&node->loop, &node->config, tls, &handlers, &node->links, why);
    if (err != OK) {
        peer_tls_free(tls);
    }
    return err;
}

static enum err open_log(struct node *node, char why[256]) {
    bool bootstrap = false;
    enum err err =
        repl_uv_check_dir(node->raft_dir, fsm_meta(node->repl->fsm)->applied_index,
                          node->config.bootstrap, &bootstrap, why);
    if (err == OK) {
        err = repl_check_dir(node->raft_dir, why);
    }
    if (err == OK) {
        err = repl_uv_init(&node->uv, &node->loop, node->raft_dir, why);
    }
    if (err == OK) {
        err = repl_core_open(node->repl, bootstrap, why);
    }
    return err;
}

static void init_handles(struct node *node) {
    CHECK(uv_loop_init(&node->loop) == 0);
    CHECK(uv_async_init(&node->loop, &node->async, on_async) == 0);
    CHECK(uv_timer_init(&node->loop, &node->timer) == 0);
    CHECK(uv_timer_init(&node->loop, &node->later) == 0);
    CHECK(uv_idle_init(&node->loop, &node->idle) == 0);
    CHECK(uv_prepare_init(&node->loop, &node->prepare) == 0);
    node->async.data = node;
    node->timer.data = node;
    node->later.data = node;
    node->idle.data = node;
    node->prepare.data = node;
}

/* Not before everything is open: a failing open runs the loop to get rid of its
 * handles, and on_timer would take a log that was never opened for a broken one. */
static void start_handles(struct node *node) {
    CHECK(uv_timer_start(&node->timer, on_timer, 0, TIMER_MS) == 0);
    CHECK(uv_prepare_start(&node->prepare, on_prepare) == 0);
}

static enum err start_threads(struct node *node, char why[256]) {
    /* Signals are for the main thread; libuv's workers inherit the mask. */
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    enum err err = repl_watchdog_start(
        &node->repl->pulse, node->repl->config.stall_limit_ms, &node->watchdog);
    int rv = err == OK ? pthread_create(&node->thread, NULL, run, node) : -1;
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (rv != 0) {
        repl_watchdog_stop(node->watchdog);
        snprintf(why, 256, "a thread could not be started");
        return ERR_NOMEM;
    }
    return OK;
}

/* After the loop has run out of handles. */
static void finish(struct node *node) {
    repl_uv_close(&node->uv);
    CHECK(uv_loop_close(&node->loop) == 0);
    peer_links_free(node->links);
    peer_image_donor_free(node->donor);
    if (node->repl != NULL) {
        repl_core_free(node->repl);
    }
    free(node);
}

/* Before the raft thread runs: the loop holds what has been opened so far. */
static enum err open_all(struct node *node, const struct repl_config *config,
                         char why[256]) {
    enum err err = copy_config(node, config, why);
    if (err == OK) {
        err = new_core(node, why);
    }
    if (err == OK) {
        err = open_links(node, why);
    }
    if (err == OK) {
        err = open_log(node, why);
    }
    if (err == OK) {
        start_handles(node);
        err = start_threads(node, why);
    }
    return err;
}

enum err repl_start(const struct repl_config *config, struct repl **ret_repl,
                    char why[256]) {
    char scratch[256];
    char *reason = why != NULL ? why : scratch;
    snprintf(reason, 256, "out of memory");
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return ERR_NOMEM;
    }
    init_handles(node);
    enum err err = open_all(node, config, reason);
    if (err != OK) {
        if (node->donor != NULL) {
            peer_image_donor_close(node->donor);
        }
        if (node->repl != NULL) {
            repl_core_close(node->repl);
        }
        close_handles(node);
        (void)uv_run(&node->loop, UV_RUN_DEFAULT);
        finish(node);
        return err;
    }
    *ret_repl = node->repl;
    return OK;
}

size_t repl_images(struct repl *repl,
                   struct repl_image_status ret_images[REPL_IMAGES]) {
    const struct node *node = repl->host.impl;
    return peer_image_donor_status(node->donor, ret_images);
}

void repl_stop(struct repl *repl) {
    struct node *node = repl->host.impl;
    peer_image_donor_close(node->donor); /* its jobs wait for the raft thread */
    pthread_mutex_lock(&repl->inbox.mutex);
    repl->inbox.closed = true;
    pthread_mutex_unlock(&repl->inbox.mutex);
    atomic_store(&node->stop, true);
    (void)uv_async_send(&node->async);
    CHECK(pthread_join(node->thread, NULL) == 0);
    repl_watchdog_stop(node->watchdog);
    finish(node);
}
