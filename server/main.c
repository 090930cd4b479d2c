/* main: wiring of a node, and its life from the command line to the last signal.
 *
 * Exit codes are sysexits.h's, so that systemd and ops tell a wrong configuration
 * (78: do not restart) from a passing trouble (75) and a fault of ours (70). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "http/http_server.h"
#include "server/svc_bootstrap.h"
#include "server/svc_metrics.h"
#include "server/svc_shared.h"
#include "store/base/log.h"

#ifndef TASUKI_VERSION
#define TASUKI_VERSION "0.1.0"
#endif

#define LOGIN_LIMIT_SLOTS 65536
/* LMDB readers: HTTP threads, bootstrap, raft, and room for an image reader. */
#define STORE_READERS_EXTRA 16
#define BOOTSTRAP_MARKER "bootstrapped"

struct options {
    const char *config_path;
    bool bootstrap, check;
};

struct node {
    struct config config;
    char store_dir[1100], raft_dir[1100], marker[1100];
    struct svc_counters counters;
    struct svc_shared shared;
    struct svc_bootstrap *bootstrap;
    struct http_server *http;
};

static const char usage_text[] =
    "usage: tasukid --config FILE [--bootstrap] [--check]\n"
    "       tasukid --help | --version\n"
    "\n"
    "  --config FILE  the node's configuration\n"
    "  --check        read the configuration and the files it names, then end\n"
    "  --bootstrap    first start of a new cluster: give it to every first node once.\n"
    "                 Without effect on a node that has a log. Refused on a node that\n"
    "                 was bootstrapped before and lost its log (the marker file\n"
    "                 \"" BOOTSTRAP_MARKER "\" in data_dir tells): an empty log must\n"
    "                 not vote for a new history.\n"
    "\n"
    "SIGTERM and SIGINT end the node in order; a second one ends it at once.\n"
    "Exit codes: 0 ended in order, 64 usage, 70 internal error, 75 try again later\n"
    "(a port is in use, the disk is full), 78 configuration.\n";

static int usage_error(const char *message, const char *what) {
    fprintf(stderr, "tasukid: %s%s\n%s", message, what, usage_text);
    return EX_USAGE;
}

/* Returns -1 to go on, else the exit code. */
static int parse_options(int argc, char **argv, struct options *options) {
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'}, {"bootstrap", no_argument, NULL, 'b'},
        {"check", no_argument, NULL, 'k'},        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            if (options->config_path)
                return usage_error("--config stands there twice", "");
            options->config_path = optarg;
            break;
        case 'b':
            options->bootstrap = true;
            break;
        case 'k':
            options->check = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return EX_OK;
        case 'v':
            puts("tasukid " TASUKI_VERSION);
            return EX_OK;
        default:
            return usage_error("unknown or incomplete option ", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return usage_error("unexpected argument ", argv[optind]);
    if (!options->config_path)
        return usage_error("--config FILE is missing", "");
    return -1;
}

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

/* Exists afterwards, is a directory, ours alone (mode 0700). */
static enum err make_dir(const char *path, char why[512]) {
    struct stat st;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        snprintf(why, 512, "%.400s: %s", path, strerror(errno));
        return errno == ENOSPC ? ERR_NO_SPACE : ERR_CONFIG;
    }
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        snprintf(why, 512, "%.400s: is not a directory", path);
        return ERR_CONFIG;
    }
    if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        snprintf(why, 512, "%.400s: must belong to this process's user with mode 0700",
                 path);
        return ERR_CONFIG;
    }
    return OK;
}

static enum err make_dirs(struct node *node, char why[512]) {
    const char *data_dir = node->config.data_dir;
    enum err err;

    snprintf(node->store_dir, sizeof node->store_dir, "%s/store", data_dir);
    snprintf(node->raft_dir, sizeof node->raft_dir, "%s/raft", data_dir);
    snprintf(node->marker, sizeof node->marker, "%s/" BOOTSTRAP_MARKER, data_dir);
    err = make_dir(data_dir, why);
    if (!err)
        err = make_dir(node->store_dir, why);
    if (!err)
        err = make_dir(node->raft_dir, why);
    return err;
}

static enum err dir_empty(const char *path, bool *ret_empty) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool empty = true;

    if (!dir)
        return ERR_IO;
    while ((entry = readdir(dir)))
        empty = empty &&
                (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    closedir(dir);
    *ret_empty = empty;
    return OK;
}

/* The rule of --help. */
static enum err decide_bootstrap(const struct node *node, bool asked, bool *ret_do,
                                 char why[512]) {
    bool empty;
    enum err err = dir_empty(node->raft_dir, &empty);

    if (err) {
        snprintf(why, 512, "%.400s: cannot be read", node->raft_dir);
        return err;
    }
    if (asked && empty && access(node->marker, F_OK) == 0) {
        snprintf(why, 512,
                 "--bootstrap: this node was bootstrapped before (%.200s), but its log "
                 "in %.200s is gone",
                 node->marker, node->raft_dir);
        return ERR_CONFIG;
    }
    if (asked && !empty)
        log_event(LOG_INFO, "node.bootstrap_ignored",
                  log_str("why", "this node has a log"), log_end());
    *ret_do = asked && empty;
    return OK;
}

/* After the log exists: a crash in between leaves a log, so nothing is lost. */
static enum err write_marker(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int synced;

    if (fd < 0)
        return ERR_IO;
    synced = fsync(fd);
    close(fd);
    return synced == 0 ? OK : ERR_IO;
}

static enum err open_store(struct node *node, char why[512]) {
    struct store_config store_config = {
        .dir = node->store_dir,
        .map_bytes = node->config.map_bytes,
        .readers_max = node->config.http_threads + STORE_READERS_EXTRA,
    };
    struct id128 none = {{0}};
    struct store_read *read;
    struct store_meta meta;
    enum err err;

    err = store_open(&store_config, &node->shared.store);
    if (!err)
        err = store_read_new(node->shared.store, &read);
    if (err) {
        snprintf(why, 512, "%.400s: %s", node->store_dir, err_str(err));
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
                 node->store_dir);
        err = ERR_CONFIG;
    }
    return err;
}

static enum err start_repl(struct node *node, bool bootstrap, char why[512]) {
    const struct config *config = &node->config;
    struct repl_config repl_config = {
        .node_id = config->node_id,
        .cluster_id = config->cluster_id,
        .raft_dir = node->raft_dir,
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
        .free_bytes_min = 256ull * 1024 * 1024,
        .store = node->shared.store,
        .clock = port_system_clock,
        .random = port_system_random,
    };
    enum err err;

    memcpy(repl_config.peers, config->peers, sizeof repl_config.peers);
    err = decide_bootstrap(node, bootstrap, &repl_config.bootstrap, why);
    if (!err)
        err = repl_start(&repl_config, &node->shared.repl, why);
    if (!err && bootstrap) {
        err = write_marker(node->marker);
        if (err)
            snprintf(why, 512, "%.400s: cannot be written", node->marker);
    }
    return err;
}

static enum err start_pools(struct node *node) {
    const struct config *config = &node->config;
    struct svc_shared *shared = &node->shared;
    enum err err;

    err = hash_pool_new(config->hash_threads, &shared->hash_pool);
    if (!err && config->login_limit_per_minute > 0)
        err = rate_limit_new(config->login_limit_per_minute,
                             config->login_limit_per_minute, LOGIN_LIMIT_SLOTS,
                             port_system_clock, &shared->login_limit);
    return err;
}

/* In order; what was started is in `node` for stop_node, whatever happens. */
static int start_node(struct node *node, const struct options *options) {
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
    err = make_dirs(node, why);
    if (err)
        return failed("data_dir", err, why);
    err = open_store(node, why);
    if (err)
        return failed("store", err, why);
    err = start_pools(node);
    if (err)
        return failed("hash_threads", err, why);
    err = start_repl(node, options->bootstrap, why);
    if (err)
        return failed("replication", err, why);
    err = svc_bootstrap_start(shared, &node->bootstrap);
    if (err)
        return failed("bootstrap", err, why);
    err = http_server_start(&node->config, shared, &node->http, why);
    if (err)
        return failed("http", err, why);
    return EX_OK;
}

/* Requests first, then what they stand on. */
static void stop_node(struct node *node) {
    struct svc_shared *shared = &node->shared;

    if (node->http)
        http_server_stop(node->http);
    svc_bootstrap_stop(node->bootstrap);
    if (shared->hash_pool)
        hash_pool_free(shared->hash_pool);
    if (shared->repl)
        repl_stop(shared->repl);
    if (shared->login_limit)
        rate_limit_free(shared->login_limit);
    store_close(shared->store);
    if (shared->keyring)
        keyring_free(shared->keyring);
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

int main(int argc, char **argv) {
    static struct node node;
    struct options options = {0};
    sigset_t signals;
    int code;

    code = parse_options(argc, argv, &options);
    if (code >= 0)
        return code;
    harden();
    code = load_config(&node, &options);
    if (code != EX_OK)
        return code;
    if (options.check)
        return check_only(&node);
    log_init(LOG_INFO, node.config.node_id);
    block_signals(&signals);
    code = start_node(&node, &options);
    if (code == EX_OK) {
        log_event(LOG_INFO, "node.ready", log_str("version", TASUKI_VERSION),
                  log_u64("pid", (uint64_t)getpid()),
                  log_str("issuer", node.config.issuer),
                  log_str("region", node.config.region), log_end());
        wait_for_end(&signals);
    }
    stop_node(&node);
    if (code == EX_OK)
        log_event(LOG_INFO, "node.stopped", log_end());
    return code;
}
