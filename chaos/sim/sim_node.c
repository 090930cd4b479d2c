#include "chaos/sim/sim_node.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "chaos/sim/sim_world.h"
#include "raft/repl_core.h"
#include "raft/repl_exit.h"
#include "raft/repl_watchdog.h"
#include "store/base/check.h"
#include "store/store_account.h"
#include "store/store_write.h"

#define TIMER_US (20 * SIM_US_PER_MS)
#define STALL_MS 4000

/* What a restart point is made in. */
#define MARKER_ENTRIES 32u
#define MARKER_STEPS 5
#define SYNC_US (4 * SIM_US_PER_MS)

/* --- the store's file, and what the device has of it --- */

#define PAGE 4096u

/* All pages of a store are compared at each of its points. memcmp would do as well, but
 * under AddressSanitizer each range is looked at twice more; wmemcmp is left alone. */
static bool same_page(const uint8_t *a, const uint8_t *b) {
    return wmemcmp((const void *)a, (const void *)b, PAGE / sizeof(wchar_t)) == 0;
}

static void drop_view(struct sim_node *node) {
    CHECK(node->view == NULL || munmap(node->view, SIM_MAP_BYTES) == 0);
    node->view = NULL;
}

/* The file as LMDB has it mapped as well, and an open descriptor of it if `ret_fd` is
 * given; beyond its end nothing may be read. A mapping is good until another file has
 * its name. */
static const uint8_t *view_of(struct sim_node *node, size_t *ret_len, int *ret_fd) {
    char path[160];
    struct stat st;
    CHECK(snprintf(path, sizeof(path), "%s/data.mdb", node->dir) < (int)sizeof(path));
    CHECK(stat(path, &st) == 0);
    if (node->view != NULL && node->view_inode != st.st_ino) {
        drop_view(node);
    }
    if (node->view == NULL || ret_fd != NULL) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0);
        if (node->view == NULL) {
            node->view = mmap(NULL, SIM_MAP_BYTES, PROT_READ, MAP_SHARED, fd, 0);
            CHECK(node->view != MAP_FAILED);
            node->view_inode = st.st_ino;
        }
        if (ret_fd != NULL) {
            *ret_fd = fd;
        } else {
            CHECK(close(fd) == 0);
        }
    }
    *ret_len = (size_t)st.st_size / PAGE * PAGE;
    CHECK(*ret_len <= SIM_MAP_BYTES);
    return node->view;
}

/* Whoever makes a restart point writes all of the file to the device. Of its pages few
 * differ from those of the point before: the rest is there already. */
static void note_point(struct sim_node *node) {
    uint64_t number = node->store == NULL ? 0 : store_point_number(node->store);
    size_t len;
    if (number == 0 || number == node->point_number) {
        return;
    }
    node->point_number = number;
    const uint8_t *view = view_of(node, &len, NULL);
    if (node->device == NULL) {
        node->device = mmap(NULL, SIM_MAP_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(node->device != MAP_FAILED);
    }
    for (size_t at = 0; at < len; at += PAGE) {
        if (at >= node->device_len || !same_page(node->device + at, view + at)) {
            memcpy(node->device + at, view + at, PAGE);
        }
    }
    node->device_len = len;
}

/* Of the pages that were written since, a power cut leaves some. */
static void tear(struct sim_node *node) {
    _Alignas(wchar_t) static const uint8_t zero[PAGE];
    size_t len;
    int fd;
    const uint8_t *view = view_of(node, &len, &fd);
    for (size_t at = 0; at < len; at += PAGE) {
        const uint8_t *old = at < node->device_len ? node->device + at : zero;
        if (!same_page(view + at, old) && sim_percent(&node->disk.rng, 50)) {
            CHECK(pwrite(fd, old, PAGE, (off_t)at) == PAGE);
        }
    }
    CHECK(close(fd) == 0);
}

/* As the process's end leaves it. */
static void abandon_store(struct sim_node *node) {
    note_point(node);
    store_read_free(node->read);
    store_abandon(node->store);
    node->store = NULL;
    node->read = NULL;
    sim_check_undone(node);
}

/* --- the process's end, from within --- */

static struct {
    struct sim_node *node; /* whose code runs */
    jmp_buf jump;
} running;

static void on_fatal(int exit_code, const char *event, const char *why) {
    struct sim_node *node = running.node;
    CHECK(node != NULL);
    node->exit_code = exit_code;
    snprintf(node->why, sizeof(node->why), "%s: %s", event, why);
    longjmp(running.jump, 1);
}

void sim_node_setup(void) {
    repl_on_fatal = on_fatal;
}

/* What the core held stays unfreed: a process that ends does not tidy up either. */
static void ended(struct sim_node *node) {
    struct sim_loop *loop = sim_loop_of(node->sim);
    if (loop->print) {
        fprintf(stderr, "            node %u ends: %s\n", node->id, node->why);
    }
    sim_life_end(loop, node->id);
    sim_net_gone(sim_net_of(node->sim), node->id);
    sim_disk_crash(&node->disk);
    node->repl = NULL;
    sim_seed_donor_gone(node);
    abandon_store(node);
    node->down = SIM_ENDED;
    sim_work_lost(node->sim->work, node->id);
    sim_check_ended(node);
}

bool sim_node_enter(struct sim_node *node, void (*call)(struct sim_node *, void *),
                    void *arg) {
    CHECK(running.node == NULL); /* P1 */
    running.node = node;
    if (setjmp(running.jump) != 0) {
        running.node = NULL;
        ended(node);
        return false;
    }
    call(node, arg);
    if (node->repl != NULL) {
        sim_disk_complete(&node->disk);
    }
    note_point(node);
    running.node = NULL;
    if (node->repl != NULL) {
        sim_check_node(node);
    }
    return true;
}

static void event_call(struct sim_node *node, void *arg) {
    const struct sim_event *event = arg;
    event->run(node->sim, event->owner, event->arg);
}

void sim_node_run_event(struct sim *sim, const struct sim_event *event) {
    (void)sim_node_enter(sim_node_of(sim, event->owner), event_call,
                         (void *)(uintptr_t)event);
}

/* --- clocks and chance --- */

static uint64_t mono_ms(void *impl) {
    const struct sim_node *node = impl;
    return node->mono_origin_ms + sim_ms(sim_loop_of(node->sim));
}

static uint64_t wall_ms(void *impl) {
    const struct sim_node *node = impl;
    return sim_wall_ms(node->sim) + (uint64_t)node->wall_offset_ms;
}

static void fill(void *impl, void *out, size_t len) {
    struct sim_node *node = impl;
    sim_fill(&node->rng, out, len);
}

/* --- what the core asks of its host --- */

static void on_wake(struct sim *sim, unsigned owner, void *arg) {
    struct sim_node *node = sim_node_of(sim, owner);
    (void)arg;
    node->woken = false;
    repl_core_take_inbox(node->repl);
}

static void host_wake(void *impl) {
    struct sim_node *node = impl;
    if (!node->woken) {
        node->woken = true;
        sim_after(sim_loop_of(node->sim), 5, node->id, "node.wake", on_wake, NULL);
    }
}

static void on_kick(struct sim *sim, unsigned owner, void *arg) {
    struct sim_node *node = sim_node_of(sim, owner);
    (void)arg;
    node->kicked = false;
    repl_core_pump(node->repl);
}

static void host_kick(void *impl) {
    struct sim_node *node = impl;
    if (!node->kicked) {
        node->kicked = true;
        sim_after(sim_loop_of(node->sim), 10, node->id, "node.pump", on_kick, NULL);
    }
}

static void on_later(struct sim *sim, unsigned owner, void *arg) {
    struct sim_node *node = sim_node_of(sim, owner);
    (void)arg;
    if (sim_loop_of(sim)->now_us >= node->later_us) {
        node->later_us = 0; /* else it is one that a sooner one went before */
    }
    repl_core_pump(node->repl);
}

static void host_later(void *impl, unsigned ms) {
    struct sim_node *node = impl;
    uint64_t us = ms * SIM_US_PER_MS;
    uint64_t due_us = sim_loop_of(node->sim)->now_us + us;
    if (node->later_us == 0 || due_us < node->later_us) {
        node->later_us = due_us;
        sim_after(sim_loop_of(node->sim), us, node->id, "node.later", on_later, NULL);
    }
}

static enum err host_send(void *impl, uint64_t to, struct span messages) {
    struct sim_node *node = impl;
    return sim_net_send(sim_net_of(node->sim), node->id, (unsigned)to, messages);
}

static void host_flush(void *impl) {
    (void)impl; /* what is sent is on its way */
}

static bool host_is_up(void *impl, uint64_t peer) {
    struct sim_node *node = impl;
    return sim_net_is_up(sim_net_of(node->sim), node->id, (unsigned)peer);
}

static void host_redial(void *impl, uint64_t peer) {
    struct sim_node *node = impl;
    sim_net_redial(sim_net_of(node->sim), node->id, (unsigned)peer);
}

static void host_peer_set(void *impl, const struct repl_peer_config *peer) {
    struct sim_node *node = impl;
    sim_net_want(sim_net_of(node->sim), node->id, (unsigned)peer->id, true);
}

static void host_peer_drop(void *impl, uint64_t peer) {
    struct sim_node *node = impl;
    sim_net_want(sim_net_of(node->sim), node->id, (unsigned)peer, false);
}

static void host_epoch(void *impl, uint64_t epoch) {
    struct sim_node *node = impl;
    sim_net_epoch(sim_net_of(node->sim), node->id, epoch);
}

static void host_reseed(void *impl, const char *why) {
    struct sim_node *node = impl;
    (void)why;
    node->asks_reseed = true;
}

static void sync_later(struct sim_node *node, uint64_t us);

static void on_sync(struct sim *sim, unsigned owner, void *arg) {
    struct sim_node *node = sim_node_of(sim, owner);
    uint64_t now_us = sim_loop_of(sim)->now_us;
    (void)arg;
    uint64_t until_us = node->disk.stalled_until_us > node->store_stalled_until_us
                            ? node->disk.stalled_until_us
                            : node->store_stalled_until_us;
    if (now_us < until_us) {
        sync_later(node, until_us - now_us);
        return;
    }
    node->syncing_us = 0;
    if (node->disk.fail_percent > 0 &&
        sim_percent(&node->disk.rng, node->disk.fail_percent)) {
        node->sync_failed = true;
        repl_core_synced(node->repl, ERR_IO); /* nothing is named after it */
        return;
    }
    enum err err = store_point_sync(node->store);
    node->point_index = node->taken_index;
    repl_core_synced(node->repl, err);
}

static void sync_later(struct sim_node *node, uint64_t us) {
    sim_after(sim_loop_of(node->sim), us, node->id, "node.sync", on_sync, NULL);
}

static uint64_t store_index(const struct sim_node *node) {
    struct store_meta meta;
    CHECK(store_read_begin(node->read) == OK);
    CHECK(store_read_meta(node->read, &meta) == OK);
    store_read_end(node->read);
    return meta.applied_index;
}

static void host_sync(void *impl) {
    struct sim_node *node = impl;
    node->taken_index = store_index(node);
    node->syncing_us = sim_loop_of(node->sim)->now_us;
    sync_later(node, SYNC_US + node->disk.slow_us);
}

static void host_closed(void *impl) {
    (void)impl;
}

/* --- lives --- */

void sim_node_init(struct sim_node *node, struct sim *sim, unsigned id, uint64_t seed,
                   const char *base_dir) {
    *node = (struct sim_node){.sim = sim, .id = id};
    CHECK(snprintf(node->dir, sizeof(node->dir), "%s/node%u", base_dir, id) <
          (int)sizeof(node->dir));
    CHECK(mkdir(node->dir, 0700) == 0);
    sim_rng_seed(&node->rng, seed, 2000 + id);
    node->mono_origin_ms = 100000 + sim_below(&node->rng, 1000000);
    sim_disk_init(&node->disk, sim, sim_loop_of(sim), id, seed);
}

void sim_node_free(struct sim_node *node) {
    if (node->repl != NULL) {
        sim_node_crash(node, false);
    }
    sim_seed_drop(node);
    sim_disk_close(&node->disk);
    drop_view(node);
    CHECK(node->device == NULL || munmap(node->device, SIM_MAP_BYTES) == 0);
}

void sim_node_wipe(struct sim_node *node) {
    static const char *const files[] = {"data.mdb", "lock.mdb", "data.point",
                                        "data.applied"};
    CHECK(node->store == NULL);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[160];
        CHECK(snprintf(path, sizeof(path), "%s/%s", node->dir, files[i]) <
              (int)sizeof(path));
        (void)unlink(path);
    }
    node->device_len = 0;
}

static void on_timer(struct sim *sim, unsigned owner, void *arg) {
    struct sim_node *node = sim_node_of(sim, owner);
    (void)arg;
    sim_after(sim_loop_of(sim), TIMER_US, owner, "node.timer", on_timer, NULL);
    if (sim_disk_waiting_us(&node->disk) > STALL_MS * SIM_US_PER_MS) {
        on_fatal(REPL_EXIT_STALLED, "repl.stalled", "the disk stood still");
    }
    if (node->syncing_us != 0 && sim_loop_of(sim)->now_us - node->syncing_us >
                                     REPL_STALL_SYNC * STALL_MS * SIM_US_PER_MS) {
        on_fatal(REPL_EXIT_STALLED, "repl.stalled", "the store's disk stood still");
    }
    repl_core_tick(node->repl);
}

static const uint8_t sim_cluster[16] = "simulated";

static enum err open_core(struct sim_node *node) {
    if (node->disk.rotten) { /* raft/repl_check, as raft/repl.c has it made first */
        snprintf(node->why, sizeof(node->why), "the log is damaged");
        return ERR_CORRUPT;
    }
    struct repl_config config = {.node_id = node->id,
                                 .raft_dir = node->dir,
                                 .peers_count = node->peers_count,
                                 .bootstrap = node->bootstrap,
                                 .stall_limit_ms = STALL_MS,
                                 .store = node->store,
                                 .clock = {mono_ms, wall_ms, node},
                                 .random = {fill, node}};
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
                             .io = sim_disk_open(&node->disk),
                             .closed = host_closed};
    memcpy(config.cluster_id.b, sim_cluster, sizeof(sim_cluster));
    memcpy(config.peers, node->peers, sizeof(config.peers));
    config.trailing_bytes = sim_trailing_bytes(node->sim);
    /* A world has about a thousand commits: some markers in each, many in some. */
    config.marker_entries = MARKER_ENTRIES << node->sim->config.seed % MARKER_STEPS;
    enum err err = repl_core_new(&config, &host, &node->repl, node->why);
    return err != OK ? err
                     : repl_core_open(node->repl,
                                      node->bootstrap && sim_disk_blank(&node->disk),
                                      node->why);
}

/* PLANTED_ROTTEN_ROW: this node's state is another one from its second life on. */
static void rot(struct sim_node *node) {
    struct store_write *write;
    struct store_meta meta;
    struct login_attempts attempts = {.failures = 7, .forget_at_ms = UINT64_C(1) << 62};
    CHECK(store_read_begin(node->read) == OK);
    CHECK(store_read_meta(node->read, &meta) == OK);
    store_read_end(node->read);
    CHECK(store_write_begin(node->store, &write) == OK);
    CHECK(store_attempts_put(write, (struct key_hash){{99}}, &attempts) == OK);
    CHECK(store_write_commit(write, &meta) == OK);
}

static enum err open_node(struct sim_node *node) {
    struct store_config config = {
        .dir = node->dir, .map_bytes = SIM_MAP_BYTES, .readers_max = 16, .deferred = true};
    enum err err = store_open(&config, &node->store);
    if (err != OK) {
        snprintf(node->why, sizeof(node->why), "the store: %s", err_str(err));
        return err;
    }
    err = store_read_new(node->store, &node->read);
    if (err == OK) {
        node->point_index = store_index(node);
    }
    if (node->sim->config.planted == PLANTED_ROTTEN_ROW && node->id == 2 &&
        sim_loop_of(node->sim)->lives[2] == 2) {
        rot(node);
    }
    return err == OK ? open_core(node) : err;
}

static void start(struct sim_node *node, void *arg) {
    enum err *err = arg;
    *err = open_node(node);
    if (*err == OK) {
        sim_after(sim_loop_of(node->sim), 0, node->id, "node.timer", on_timer, NULL);
    }
}

static void close_life(struct sim_node *node, enum sim_down down) {
    sim_life_end(sim_loop_of(node->sim), node->id);
    sim_net_gone(sim_net_of(node->sim), node->id);
    if (node->repl != NULL) {
        if (down != SIM_NOT_OPENED) {
            repl_core_take_inbox(node->repl); /* or nobody would answer it */
        }
        repl_core_close(node->repl);
        repl_core_free(node->repl);
        node->repl = NULL;
    }
    sim_seed_donor_gone(node);
    if (down == SIM_CRASHED) {
        abandon_store(node);
    }
    store_read_free(node->read);
    store_close(node->store);
    node->read = NULL;
    node->store = NULL;
    node->down = down;
}

bool sim_node_start(struct sim_node *node) {
    struct sim_loop *loop = sim_loop_of(node->sim);
    enum err err = OK;
    CHECK(node->repl == NULL);
    sim_life_begin(loop, node->id);
    node->kicked = false;
    node->later_us = 0;
    node->woken = false;
    node->quitting = false;
    node->asks_reseed = false;
    node->syncing_us = 0;
    node->sync_failed = false;
    node->seen_commit = 0;
    node->started_us = loop->now_us;
    node->point_number = 0; /* a store that is opened counts from one again */
    node->why[0] = '\0';
    if (!sim_node_enter(node, start, &err)) {
        return false; /* it ended while it started */
    }
    if (err != OK) {
        close_life(node, SIM_NOT_OPENED);
        sim_disk_crash(&node->disk);
        sim_check_refused(node);
        node->asks_reseed = node->rotten; /* its operator reads why */
        return false;
    }
    sim_check_started(node);
    return true;
}

/* The core is closed in good order so that nothing leaks; nobody is left to notice:
 * the life, its links and the disk's callbacks have ended before. */
void sim_node_crash(struct sim_node *node, bool power) {
    CHECK(node->repl != NULL && running.node == NULL);
    sim_disk_crash(&node->disk);
    close_life(node, SIM_CRASHED);
    if (power) {
        tear(node);
    }
}

static void on_may_close(struct sim *sim, unsigned owner, void *arg);

static void quit_later(struct sim_node *node) {
    sim_after(sim_loop_of(node->sim), TIMER_US, node->id, "node.quitting", on_may_close,
              NULL);
}

static void on_quit_closed(struct sim *sim, unsigned owner, void *arg) {
    struct sim_node *node = sim_node_of(sim, (unsigned)(uintptr_t) * (unsigned *)arg);
    (void)owner;
    if (node->repl != NULL && node->quitting) {
        sim_disk_crash(&node->disk);
        close_life(node, SIM_QUIT);
    }
}

static void on_may_close(struct sim *sim, unsigned owner, void *arg) {
    struct sim_node *node = sim_node_of(sim, owner);
    (void)arg;
    if (!repl_core_may_close(node->repl)) {
        quit_later(node);
        return;
    }
    unsigned *id = malloc(sizeof(*id));
    CHECK(id != NULL);
    *id = owner;
    sim_after(sim_loop_of(sim), 0, 0, "node.quit", on_quit_closed, id);
}

static void stop(struct sim_node *node, void *arg) {
    (void)arg;
    repl_core_stop(node->repl);
    quit_later(node);
}

void sim_node_quit(struct sim_node *node) {
    if (node->repl != NULL && !node->quitting) {
        node->quitting = true;
        (void)sim_node_enter(node, stop, NULL);
    }
}

/* --- links --- */

void sim_node_link_up(struct sim *sim, unsigned node, unsigned peer) {
    const struct sim_net *net = sim_net_of(sim);
    if (net->epoch[node] != 0 && net->epoch[peer] != 0 &&
        net->epoch[node] != net->epoch[peer]) {
        sim_violation(sim, "nodes %u and %u of two epochs have a link", node, peer);
    }
    repl_core_link_up(sim_node_of(sim, node)->repl, peer);
}

void sim_node_link_lost(struct sim *sim, unsigned node, unsigned peer) {
    repl_core_link_lost(sim_node_of(sim, node)->repl, peer);
}

void sim_node_link_refused(struct sim *sim, unsigned node, unsigned peer) {
    repl_core_link_refused(sim_node_of(sim, node)->repl, peer);
}

void sim_node_stranger(struct sim *sim, unsigned node, unsigned from) {
    const struct sim_node *caller = sim_node_of(sim, from);
    (void)repl_core_stranger(sim_node_of(sim, node)->repl, from,
                             caller->peers[from - 1].address);
}

void sim_node_message(struct sim *sim, unsigned id, unsigned from, struct span bytes) {
    struct sim_node *node = sim_node_of(sim, id);
    struct peer_framer framer;
    peer_framer_init(&framer, LIMIT_PEER_MESSAGE);
    sim_trace_bytes(sim_loop_of(sim), bytes.data, bytes.len);
    while (bytes.len > 0) {
        enum peer_type type;
        struct span body;
        struct peer_message message;
        bool whole = false;
        CHECK(peer_framer_next(&framer, &bytes, &type, &body, &whole) == OK && whole);
        CHECK(peer_message_decode(type, body, &message) == OK);
        if (!repl_core_message(node->repl, from, &message)) {
            sim_violation(sim, "node %u refused a message of type %d from node %u", id,
                          (int)type, from);
        }
    }
    peer_framer_close(&framer);
}
