/* main: wiring of a node, and its life from the command line to the last signal.
 *
 * Exit codes are sysexits.h's, so that systemd and ops tell a wrong configuration
 * (78: do not restart) from a passing trouble (75) and a fault of ours (70). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "http/http_server.h"
#include "raft/repl_check.h"
#include "raft/repl_exit.h"
#include "server/crypto/client_cert.h"
#include "server/main_backup.h"
#include "server/main_blob_fetch.h"
#include "server/main_blobs.h"
#include "server/main_check.h"
#include "server/main_dirs.h"
#include "server/main_notify.h"
#include "server/main_offline.h"
#include "server/main_options.h"
#include "server/main_seed.h"
#include "server/outbound.h"
#include "server/svc_bootstrap.h"
#include "server/usage.h"
#include "server/svc_metrics.h"
#include "server/svc_shared.h"
#include "store/base/log.h"

#ifndef TASUKI_VERSION
#define TASUKI_VERSION "0.1.0"
#endif

#define LOGIN_LIMIT_SLOTS 65536
/* They wait for the network and for children more than they compute. */
#define VIEW_THREADS 2
#define DISK_THREADS 2 /* for blobs */
/* LMDB readers: HTTP threads, bootstrap, raft, and room for an image reader. */
#define STORE_READERS_EXTRA 16

struct node {
    struct config config;
    struct dirs dirs;
    struct seeding seeding;
    struct svc_counters counters;
    struct svc_shared shared;
    struct svc_bootstrap *bootstrap;
    struct outbound *outbound;
    struct http_server *http;
    struct main_notify *notify;
    struct main_blobs *blobs;
};

static int exit_code(enum err err) {
    switch (err) {
    case OK:
        return EX_OK;
    case ERR_CONFIG:
    case ERR_DENIED:
        return EX_CONFIG;
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_NOMEM:
    case ERR_BUSY:
    case ERR_TIMEOUT:
        return EX_TEMPFAIL;
    default:
        return EX_SOFTWARE;
    }
}

static int failed(const char *what, enum err err, const char *why) {
    log_event(LOG_FATAL, "node.failed", log_str("what", what),
              log_str("why", why && why[0] ? why : err_str(err)), log_end());
    return exit_code(err);
}

/* Data are damaged or lost (`what`): nothing starts before somebody mends it. */
static int rotten(const char *what, const char *why, const char *advice) {
    log_event(LOG_FATAL, "node.rotten", log_str("what", what), log_str("why", why),
              log_str("advice", advice), log_u64("exit", REPL_EXIT_ROTTEN), log_end());
    return REPL_EXIT_ROTTEN;
}

/* The store or the log. */
static int damaged(const struct node *node, const char *what, const char *why) {
    char advice[512];

    seeding_advise(&node->seeding, advice);
    return rotten(what, why, advice);
}

/* Memory holds keys and passwords: it must not reach a disk by a crash. */
static void harden(void) {
    struct rlimit none = {0, 0};
    struct rlimit files;

    umask(077);
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak checker has to look at its own process */
    prctl(PR_SET_DUMPABLE, 0);
#endif
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Image instead of data, where that is due. */
static int seed_node(struct node *node, bool joins, const char *reason) {
    char why[512] = "";
    uint64_t floor_index = 0;
    enum err err;

    log_event(LOG_INFO, "node.seeding", log_str("why", reason), log_end());
    err = repl_seed_floor(&node->seeding.seed, &floor_index, why);
    if (!err)
        err = seeding_pull(&node->seeding, floor_index, joins, why);
    if (!err)
        err = dirs_mark(&node->dirs, why);
    if (err == ERR_DENIED)
        return rotten("data_dir", why, "put a node with a new id in its place");
    if (err == ERR_NOT_FOUND) {
        log_event(LOG_FATAL, "node.removed", log_str("why", why),
                  log_u64("exit", REPL_EXIT_REMOVED), log_end());
        return REPL_EXIT_REMOVED;
    }
    return err ? failed("seeding", err, why) : EX_OK;
}

/* Whose the data are, whether they are whole, and where this node begins. */
static int prepare_data(struct node *node, const struct options *options,
                        bool *ret_bootstrap) {
    enum repl_seed_need need;
    char why[512] = "";
    bool log = false;
    int code = EX_OK;
    enum err err;

    err = dirs_open(&node->config, &node->dirs, why);
    if (!err)
        err = repl_seed_resume(&node->seeding.seed, &need, why);
    if (!err && need != SEED_ASKED)
        err = dirs_look(&node->dirs, &log, why);
    if (err)
        return failed("data_dir", err, why);
    if (need == SEED_ASKED)
        code = seed_node(node, false, why);
    else if (options->join && !log)
        code = seed_node(node, true, "this node joins");
    else if ((options->join || options->bootstrap) && log)
        log_event(LOG_INFO,
                  options->join ? "node.join_ignored" : "node.bootstrap_ignored",
                  log_str("why", "this node has a log"), log_end());
    if (code != EX_OK)
        return code;
    err = dirs_make_inner(&node->dirs, why);
    if (!err && log)
        err = dirs_mark(&node->dirs, why);
    /* The log first: the check of the store takes it back to where the log goes on. */
    if (!err)
        err = repl_check_dir(node->dirs.raft, why);
    if (err == ERR_CORRUPT)
        return damaged(node, "replication", why);
    if (!err)
        err = check_store(&node->dirs, node->config.map_bytes, why);
    if (err == ERR_CORRUPT)
        return damaged(node, "store", why);
    if (err)
        return failed("data_dir", err, why);
    *ret_bootstrap = options->bootstrap && need != SEED_ASKED && !log;
    return EX_OK;
}

static enum err open_store(struct node *node, char why[512]) {
    struct store_config store_config = {
        .dir = node->dirs.store,
        .map_bytes = node->config.map_bytes,
        .readers_max = node->config.http_threads + STORE_READERS_EXTRA,
        .deferred = true,
    };
    struct id128 none = {{0}};
    struct store_read *read;
    struct store_meta meta;
    enum err err;

    err = store_open(&store_config, &node->shared.store);
    if (!err)
        err = store_read_new(node->shared.store, &read);
    if (err) {
        snprintf(why, 512, "%.400s: %s", node->dirs.store, err_str(err));
        return err;
    }
    err = store_read_begin(read);
    if (!err) {
        err = store_read_meta(read, &meta);
        store_read_end(read);
    }
    store_read_free(read);
    if (!err && memcmp(&meta.cluster_id, &none, sizeof none) != 0 &&
        memcmp(&meta.cluster_id, &node->config.cluster_id, sizeof none) != 0) {
        snprintf(why, 512, "%.200s holds the data of another cluster than cluster_id",
                 node->dirs.store);
        err = ERR_CONFIG;
    }
    return err;
}

static enum err start_repl(struct node *node, bool bootstrap, char why[512]) {
    const struct config *config = &node->config;
    struct repl_config repl_config = {
        .node_id = config->node_id,
        .cluster_id = config->cluster_id,
        .raft_dir = node->dirs.raft,
        .peers_count = config->peers_count,
        .ca_file = config->ca,
        .cert_file = config->peer_cert,
        .key_file = config->peer_key,
        .election_timeout_ms = config->election_timeout_ms,
        .heartbeat_ms = config->heartbeat_ms,
        .staleness_bound_ms = config->staleness_bound_ms,
        .clock_skew_max_ms = config->clock_skew_max_ms,
        .stall_limit_ms = config->stall_limit_ms,
        .data_dir = config->data_dir,
        .trailing_bytes = config->log_retained_bytes,
        .image_bytes_per_s = config->image_bytes_per_s,
        .free_bytes_min = config->free_bytes_min,
        .store = node->shared.store,
        .clock = port_system_clock,
        .random = port_system_random,
    };
    enum err err;

    memcpy(repl_config.peers, config->peers, sizeof repl_config.peers);
    repl_config.bootstrap = bootstrap;
    err = repl_start(&repl_config, &node->shared.repl, why);
    if (!err && bootstrap)
        err = dirs_mark(&node->dirs, why);
    return err;
}

/* What shows scans stands beside this program, unless the configuration names it. */
static void find_viewer(struct node *node) {
    struct config *config = &node->config;
    static const char name[] = "tasuki-ocr";
    ssize_t len;

    if (config->scan_viewer[0] == '\0') {
        len = readlink("/proc/self/exe", config->scan_viewer,
                       sizeof config->scan_viewer - sizeof name);
        while (len > 0 && config->scan_viewer[len - 1] != '/')
            len--;
        memcpy(config->scan_viewer + (len > 0 ? len : 0), name, sizeof name);
    }
    node->shared.scan_viewer = config->scan_viewer;
}

static enum err start_pools(struct node *node) {
    const struct config *config = &node->config;
    struct svc_shared *shared = &node->shared;
    enum err err;

    if (config->client_ca[0] &&
        client_ca_open(config->client_ca, &shared->client_ca) != OK) {
        log_event(LOG_FATAL, "node.client_ca", log_str("file", config->client_ca),
                  log_str("why", "not a PEM file with certificates"), log_end());
        return ERR_CONFIG;
    }
    err = hash_pool_new(config->hash_threads, &shared->hash_pool);
    if (!err && config->staff.address[0])
        err = hash_pool_new(VIEW_THREADS, &shared->view_pool);
    shared->blob_fetch = main_blob_fetch;
    find_viewer(node);
    if (!err)
        err = hash_pool_new(DISK_THREADS, &shared->disk_pool);
    if (!err && config->login_limit_per_minute > 0)
        err = rate_limit_new(config->login_limit_per_minute,
                             config->login_limit_per_minute, LOGIN_LIMIT_SLOTS,
                             port_system_clock, &shared->login_limit);
    return err;
}

/* On the scrub's thread: nothing of this store may be served on. */
static void on_rotten(void *arg, const char *why) {
    (void)arg;
    log_event(LOG_FATAL, "node.store_rotten", log_str("why", why),
              log_str("mend", "tasuki reseed"), log_i64("exit", REPL_EXIT_ROTTEN),
              log_end());
    _exit(REPL_EXIT_ROTTEN);
}

/* At its start the store was read already (main_check). */
static enum err start_scrub(struct node *node) {
    struct scrub_config config = {
        .program = "/proc/self/exe",
        .dir = node->dirs.store,
        .interval_s = node->config.scrub_interval_s,
        .first_s = node->config.scrub_interval_s,
        .clock = port_system_clock,
        .rotten = on_rotten,
    };

    return config.interval_s == 0 ? OK : scrub_start(&config, &node->shared.scrub);
}

/* In order; what was started is in `node` for stop_node, whatever happens. */
static int start_node(struct node *node, bool bootstrap) {
    struct svc_shared *shared = &node->shared;
    char why[512] = "";
    enum err err;

    shared->config = &node->config;
    shared->clock = port_system_clock;
    shared->random = port_system_random;
    shared->counters = &node->counters;
    err = keyring_open(node->config.cluster_key, &shared->keyring, why);
    if (err)
        return failed("cluster_key", err, why);
    err = open_store(node, why);
    if (err == ERR_CORRUPT)
        return damaged(node, "store", why);
    if (err)
        return failed("store", err, why);
    err = blob_open(node->config.data_dir, 2 * node->config.free_bytes_min,
                    &shared->blobs, why);
    if (err)
        return failed("data_dir", err, why);
    err = start_pools(node);
    if (err)
        return failed("hash_threads", err, why);
    err = start_repl(node, bootstrap, why);
    if (err == ERR_CORRUPT)
        return damaged(node, "replication", why);
    if (err)
        return failed("replication", err, why);
    err = start_scrub(node);
    if (err)
        return failed("scrub_interval_s", err, why);
    err = svc_bootstrap_start(shared, &node->bootstrap);
    if (err)
        return failed("bootstrap", err, why);
    err = main_blobs_start(shared, &node->blobs);
    if (err)
        return failed("blobs", err, why);
    err = usage_start(shared, &shared->usage);
    if (err)
        return failed("usage", err, why);
    err = outbound_start(shared, &node->outbound, why);
    if (err)
        return failed("outbound", err, why);
    err = http_server_start(&node->config, shared, &node->http, why);
    if (err)
        return failed("http", err, why);
    err = main_notify_start(node->http, &node->notify);
    if (err)
        return failed("NOTIFY_SOCKET", err, "the supervisor cannot be told");
    return EX_OK;
}

/* Requests first, then what they stand on. */
static void stop_node(struct node *node) {
    struct svc_shared *shared = &node->shared;

    main_notify_stop(node->notify);
    if (node->http)
        http_server_stop(node->http);
    main_blobs_stop(node->blobs);
    scrub_stop(shared->scrub);
    outbound_stop(node->outbound);
    usage_stop(shared->usage);
    svc_bootstrap_stop(node->bootstrap);
    hash_pool_free(shared->view_pool);
    if (shared->hash_pool)
        hash_pool_free(shared->hash_pool);
    hash_pool_free(shared->disk_pool);
    blob_close(shared->blobs);
    client_ca_free(shared->client_ca);
    if (shared->repl)
        repl_stop(shared->repl);
    if (shared->login_limit)
        rate_limit_free(shared->login_limit);
    store_close(shared->store);
    if (shared->keyring)
        keyring_free(shared->keyring);
    dirs_close(&node->dirs);
}

/* Blocked in all threads, so that sigwait gets them. */
static void block_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void wait_for_end(const sigset_t *set) {
    int signal_number = 0;

    while (sigwait(set, &signal_number) != 0)
        continue;
    log_event(LOG_INFO, "node.stopping", log_u64("signal", (uint64_t)signal_number),
              log_end());
    /* From now on a second one does what it does by default. */
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

/* Requests are served as before, but the balancer is told to send no more: else those
 * that it sends between the end of the listeners and its next check would fail. Alone,
 * there is nobody to send them to. */
static void drain(struct node *node) {
    uint32_t ms = node->config.peers_count > 1 ? node->config.drain_ms : 0;
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    atomic_store(&node->shared.draining, true);
    while (nanosleep(&rest, &rest) != 0)
        continue;
}

static int load_config(struct node *node, const struct options *options) {
    char why[512] = "";
    enum err err;

    err = config_load(options->config_path, &node->config, why);
    if (!err)
        err = config_check_files(&node->config, why);
    if (err) {
        fprintf(stderr, "tasukid: %s\n", why[0] ? why : err_str(err));
        return err == ERR_NOMEM ? EX_TEMPFAIL : EX_CONFIG;
    }
    return EX_OK;
}

/* What --check adds to config_check_files: the key file's contents. */
static int check_only(const struct node *node) {
    struct keyring *keyring;
    char why[512] = "";

    if (keyring_open(node->config.cluster_key, &keyring, why)) {
        fprintf(stderr, "tasukid: %s\n", why);
        return EX_CONFIG;
    }
    keyring_free(keyring);
    puts("the configuration is good");
    return EX_OK;
}

/* Until the first signal. */
static int run_node(struct node *node, const struct options *options) {
    bool bootstrap = false;
    sigset_t signals;
    int code;

    seeding_init(&node->seeding, &node->config, options->config_path, false);
    /* Before signals are kept back: getting an image takes its time, and may be
     * ended at any moment. */
    code = prepare_data(node, options, &bootstrap);
    block_signals(&signals);
    if (code == EX_OK)
        code = start_node(node, bootstrap);
    if (code == EX_OK) {
        log_event(LOG_INFO, "node.ready", log_str("version", TASUKI_VERSION),
                  log_u64("pid", (uint64_t)getpid()),
                  log_str("issuer", node->config.issuer),
                  log_str("region", node->config.region), log_end());
        wait_for_end(&signals);
        main_notify_stopping(node->notify);
        drain(node);
    }
    stop_node(node);
    if (code == EX_OK)
        log_event(LOG_INFO, "node.stopped", log_end());
    return code;
}

int main(int argc, char **argv) {
    static struct node node;
    struct options options = {0};
    int code;

    code = options_parse(argc, argv, &options);
    if (code >= 0)
        return code;
    harden();
    if (options.scrub)
        return scrub_child(options.scrub);
    code = load_config(&node, &options);
    if (code != EX_OK)
        return code;
    if (options.check)
        return check_only(&node);
    log_init(LOG_INFO, node.config.node_id);
    if (backup_asked(&options))
        return backup_run(&node.config, &options);
    return offline_asked(&options) ? offline_run(&node.config, &options)
                                   : run_node(&node, &options);
}
