#include "chaos/sim/sim_world.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/sim/sim_command.h"
#include "chaos/sim/sim_epoch.h"
#include "chaos/sim/sim_scenario.h"
#include "store/base/check.h"

/* 2026-01-01T00:00:00Z */
#define EPOCH_MS UINT64_C(1767225600000)
/* Within so long after the last fault the cluster must serve again. */
#define RECOVERY_MS 60000
/* Of a new epoch. */
#define EPOCH_FAULTY_MS 4000

struct sim_net *sim_net_of(struct sim *sim) {
    return &sim->net;
}
struct sim_loop *sim_loop_of(struct sim *sim) {
    return &sim->loop;
}
struct sim_node *sim_node_of(struct sim *sim, unsigned id) {
    CHECK(id > 0 && id < SIM_OWNERS && sim->node[id] != NULL);
    return sim->node[id];
}
struct sim_disk *sim_disk_of(struct sim *sim, unsigned id) {
    return &sim_node_of(sim, id)->disk;
}
uint64_t sim_wall_ms(struct sim *sim) {
    return EPOCH_MS + sim_ms(&sim->loop);
}
uint64_t sim_trailing_bytes(struct sim *sim) {
    return sim->trailing_bytes;
}

void sim_violation(struct sim *sim, const char *format, ...) {
    struct sim_result *result = sim->result;
    char text[3000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (result->violations < SIM_VIOLATIONS_KEPT) {
        snprintf(result->violation[result->violations], sizeof(result->violation[0]),
                 "at %.3f s: %s", (double)sim->loop.now_us / 1e6, text);
    }
    if (sim->loop.print) {
        fprintf(stderr, "            VIOLATION: %s\n", text);
    }
    result->violations++;
}

/* --- for faults, scenarios and clients --- */

unsigned sim_up_count(const struct sim *sim) {
    unsigned count = 0;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        count += sim->node[id]->repl != NULL ? 1 : 0;
    }
    return count;
}

unsigned sim_leader(struct sim *sim) {
    unsigned leader = 0;
    uint64_t term = 0;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct repl_status status;
        if (sim->node[id]->repl == NULL || sim->node[id]->old) {
            continue;
        }
        repl_status(sim->node[id]->repl, &status);
        if (status.leader_id == id && status.term > term) {
            leader = id;
            term = status.term;
        }
    }
    return leader;
}

void sim_pass(struct sim *sim, uint64_t ms) {
    uint64_t until_us = sim->loop.now_us + ms * SIM_US_PER_MS;
    while (sim_loop_step(&sim->loop, sim, until_us)) {
    }
}

bool sim_until(struct sim *sim, uint64_t most_ms, bool (*done)(struct sim *, void *),
               void *arg) {
    for (uint64_t ms = 0; ms < most_ms; ms += 10) {
        if (done(sim, arg)) {
            return true;
        }
        sim_pass(sim, 10);
    }
    return done(sim, arg);
}

uint64_t sim_first_kept(const struct sim *sim) {
    uint64_t first = UINT64_MAX;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        const struct sim_node *node = sim->node[id];
        if (node->repl != NULL && node->disk.log.first < first) {
            first = node->disk.log.first;
        }
    }
    return first;
}

bool sim_all_ready(struct sim *sim, void *arg) {
    (void)arg;
    if (sim_seed_replacing(sim)) {
        return false;
    }
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct repl_status status;
        if (sim->node[id]->removed || sim->node[id]->old) {
            continue;
        }
        if (sim->node[id]->repl == NULL) {
            return false;
        }
        repl_status(sim->node[id]->repl, &status);
        if (!status.ready || status.leader_id == 0) {
            return false;
        }
    }
    return true;
}

static bool same_index(struct sim *sim, void *arg) {
    (void)arg;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        if (!sim->node[id]->removed && !sim->node[id]->old &&
            sim->node[id]->seen_index < sim_work_acked(sim->work)) {
            return false;
        }
    }
    return true;
}

static bool clients_idle(struct sim *sim, void *arg) {
    (void)arg;
    return sim_work_idle(sim->work);
}

static bool readers_see(struct sim *sim, void *arg) {
    (void)arg;
    return sim_work_visible(sim->work);
}

/* --- a run --- */

static struct sim *running;

struct sim *sim_now(void) {
    return running;
}

static struct sim_node *new_node(struct sim *sim, unsigned id) {
    struct sim_node *node = calloc(1, sizeof(*node));
    CHECK(node != NULL && sim->node[id] == NULL);
    sim->node[id] = node;
    sim_node_init(node, sim, id, sim->config.seed, sim->dir);
    return node;
}

/* Its configuration file names the nodes 1 to `count`. */
static void fill_peers(struct sim_node *node, unsigned count) {
    static const char *const regions[] = {"osaka", "tokyo", "nagoya"};
    node->peers_count = 0;
    for (unsigned peer = 1; peer <= count; peer++) {
        struct repl_peer_config *to = &node->peers[node->peers_count++];
        to->id = peer;
        snprintf(to->address, sizeof(to->address), "10.0.0.%u:7000", peer);
        snprintf(to->region, sizeof(to->region), "%s", regions[(peer - 1) % 3]);
    }
}

static void make_nodes(struct sim *sim, unsigned count) {
    sim->nodes_count = count;
    for (unsigned id = 1; id <= count; id++) {
        struct sim_node *node = new_node(sim, id);
        node->bootstrap = true;
        fill_peers(node, count);
    }
}

unsigned sim_add_node(struct sim *sim) {
    unsigned id = sim->nodes_count + 1;
    fill_peers(new_node(sim, id), id);
    sim->nodes_count = id;
    return id;
}

static void plant(struct sim *sim) {
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct sim_disk *disk = &sim->node[id]->disk;
        disk->forget_unsynced_ack = sim->config.planted == PLANTED_UNSYNCED_ACK;
        disk->forget_votes = sim->config.planted == PLANTED_FORGOTTEN_VOTE;
    }
}

static void remove_dir(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    char name[512];
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        CHECK(snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) <
              (int)sizeof(name));
        if (unlink(name) != 0) {
            remove_dir(name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    (void)rmdir(path);
}

/* The cluster's first minute: bootstrap, a leader, what the clients need. */
static bool come_up(struct sim *sim) {
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        (void)sim_node_start(sim->node[id]);
    }
    if (!sim_until(sim, RECOVERY_MS, sim_all_ready, NULL)) {
        sim_violation(sim, "a cluster without faults does not come up");
        return false;
    }
    plant(sim);
    sim_fault_supervise(sim->fault);
    sim_work_begin(sim->work);
    return true;
}

static void come_back(struct sim *sim) {
    sim_fault_end(sim->fault);
    sim_pass(sim, 1000);
    sim_work_pause(sim->work);
    if (!sim_until(sim, RECOVERY_MS, sim_all_ready, NULL)) {
        char who[200] = "";
        for (unsigned id = 1; id <= sim->nodes_count; id++) {
            struct repl_status status = {0};
            size_t at = strlen(who);
            if (sim->node[id]->repl != NULL) {
                repl_status(sim->node[id]->repl, &status);
            }
            snprintf(who + at, sizeof(who) - at, " %u: %.60s;", id,
                     sim->node[id]->repl == NULL ? sim->node[id]->why
                                                 : status.why_not_ready);
        }
        sim_violation(sim, "without faults the cluster does not come back:%s", who);
        return;
    }
    if (!sim_until(sim, RECOVERY_MS, clients_idle, NULL) ||
        !sim_until(sim, RECOVERY_MS, same_index, NULL)) {
        sim_violation(sim, "without faults nodes do not catch up");
        return;
    }
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        if (!sim_until(sim, RECOVERY_MS, sim_all_ready, NULL)) {
            sim_violation(sim, "a cluster without faults does not stay up");
            return;
        }
        if (sim->node[id]->removed || sim->node[id]->old) {
            continue;
        }
        sim_work_read_all(sim->work, id);
        (void)sim_until(sim, RECOVERY_MS, clients_idle, NULL);
    }
    (void)sim_until(sim, RECOVERY_MS, readers_see, NULL); /* the judge looks */
}

static void run(struct sim *sim) {
    make_nodes(sim, sim->config.scenario != NULL
                        ? sim_scenario_nodes(sim->config.scenario)
                        : sim_fault_nodes(sim->fault));
    if (!come_up(sim)) {
        return;
    }
    if (sim->config.scenario != NULL) {
        sim_scenario_run(sim, sim->config.scenario);
    } else {
        uint64_t s = sim->config.faulty_s != 0 ? sim->config.faulty_s
                                               : sim_fault_length_s(sim->fault);
        sim_fault_begin(sim->fault);
        sim_pass(sim, s * 1000);
    }
    come_back(sim);
    sim_work_judge(sim->work, sim->result);
    enum sim_epoch_way way = sim_epoch_wanted(sim);
    if (way != EPOCH_STAYS && sim->result->violations == 0 &&
        sim_epoch_change(sim, way)) {
        sim_fault_begin(sim->fault);
        sim_pass(sim, EPOCH_FAULTY_MS);
        come_back(sim);
        sim_work_judge(sim->work, sim->result);
        sim_epoch_judge(sim);
    }
}

static void report(struct sim *sim) {
    struct sim_result *result = sim->result;
    result->seed = sim->config.seed;
    result->trace = sim->loop.trace;
    result->events = sim->loop.events;
    result->simulated_ms = sim_ms(&sim->loop);
    result->commits = sim->check.index_max;
    result->elections = sim->check.elections;
    result->compared = sim->check.compared;
}

void sim_run(const struct sim_config *config, struct sim_result *ret_result) {
    struct sim *sim = calloc(1, sizeof(*sim));
    CHECK(sim != NULL);
    *ret_result = (struct sim_result){0};
    running = sim;
    sim->config = *config;
    sim->result = ret_result;
    sim->trailing_bytes = UINT64_C(1) << 20;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(sim->dir, sizeof(sim->dir), "%s/tasuki-sim-XXXXXX", base);
    CHECK(mkdtemp(sim->dir) != NULL);
    sim_node_setup();
    sim_names_begin(0);
    sim_loop_init(&sim->loop);
    sim->loop.print = config->print;
    sim->loop.enter = sim_node_run_event;
    sim_rng_seed(&sim->rng, config->seed, 4);
    sim_net_init(&sim->net, sim, &sim->loop, config->seed);
    sim_check_init(&sim->check);
    sim->work = sim_work_new(sim, config->seed, SIM_CLIENTS);
    sim->fault = sim_fault_new(sim, config->seed);
    if (config->scenario == NULL) {
        sim_fault_describe(sim->fault, ret_result->profile);
    }
    run(sim);
    report(sim);
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        sim_node_free(sim->node[id]); /* each may look at the others once more */
    }
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        free(sim->node[id]);
    }
    sim_seed_free(sim);
    sim_fault_free(sim->fault);
    sim_work_free(sim->work);
    if (sim->ended != NULL) {
        sim_work_free(sim->ended);
    }
    sim_check_close(&sim->check);
    sim_loop_close(&sim->loop);
    remove_dir(sim->dir);
    free(sim);
}
