#include "chaos/sim/sim_fault.h"

#include <stdio.h>
#include <stdlib.h>

#include "chaos/sim/sim_world.h"
#include "raft/repl_exit.h"
#include "raft/repl_internal.h"
#include "store/base/check.h"

#define SUPERVISE_US (500 * SIM_US_PER_MS)

struct sim_fault {
    struct sim *sim;
    struct sim_rng rng;
    bool active;
    unsigned nodes;
    uint64_t length_s, mean_us;
    unsigned weight[FAULT_KINDS];
    unsigned wrong_clocks;
    uint64_t made[FAULT_KINDS];
};

static const char *const names[FAULT_KINDS] = {
    [FAULT_KILL] = "kill",         [FAULT_POWER] = "power",
    [FAULT_QUIT] = "quit",         [FAULT_KILL_ALL] = "kill-all",
    [FAULT_POWER_ALL] = "dark",    [FAULT_PAUSE] = "stop",
    [FAULT_WRITE_ERROR] = "eio",   [FAULT_FULL] = "full",
    [FAULT_SLOW_DISK] = "slow",    [FAULT_STALL] = "stall",
    [FAULT_ISOLATE] = "isolate",   [FAULT_HALVES] = "halves",
    [FAULT_ONE_WAY] = "one-way",   [FAULT_PAIR] = "pair",
    [FAULT_DEAF_LEADER] = "deaf",  [FAULT_BREAK] = "break",
    [FAULT_SLOW_LINK] = "far",     [FAULT_CLOCK] = "clock",
    [FAULT_TRANSFER] = "transfer", [FAULT_REPLACE] = "replace",
    [FAULT_ROT] = "rot",
};

/* Each seed has about half of the kinds, some of them often. */
struct sim_fault *sim_fault_new(struct sim *sim, uint64_t seed) {
    struct sim_fault *fault = calloc(1, sizeof(*fault));
    CHECK(fault != NULL);
    fault->sim = sim;
    sim_rng_seed(&fault->rng, seed, 3);
    unsigned dice = (unsigned)sim_below(&fault->rng, 10);
    fault->nodes = dice < 6 ? 3 : dice < 9 ? 5 : 1;
    fault->length_s = sim_between(&fault->rng, 5, 20);
    fault->mean_us = sim_between(&fault->rng, 200, 2000) * SIM_US_PER_MS;
    for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
        fault->weight[kind] =
            sim_percent(&fault->rng, 50) ? 1 + (unsigned)sim_below(&fault->rng, 8) : 0;
    }
    fault->weight[FAULT_KILL]++;
    fault->weight[FAULT_REPLACE] = fault->weight[FAULT_REPLACE] > 0 ? 1 : 0;
    fault->weight[FAULT_ROT] = fault->weight[FAULT_ROT] > 0 ? 1 : 0;
    return fault;
}

void sim_fault_free(struct sim_fault *fault) {
    free(fault);
}

unsigned sim_fault_nodes(const struct sim_fault *fault) {
    return fault->nodes;
}

uint64_t sim_fault_length_s(const struct sim_fault *fault) {
    return fault->length_s;
}

void sim_fault_describe(const struct sim_fault *fault, char out[160]) {
    int at = snprintf(out, 160, "%u nodes, %llu s, a fault each %llu ms:", fault->nodes,
                      (unsigned long long)fault->length_s,
                      (unsigned long long)(fault->mean_us / SIM_US_PER_MS));
    for (size_t kind = 0; kind < FAULT_KINDS && at < 150; kind++) {
        if (fault->weight[kind] > 0) {
            at += snprintf(out + at, 160 - (size_t)at, " %s", names[kind]);
        }
    }
}

/* --- coming back --- */

struct target {
    unsigned node;
};

static void later(struct sim_fault *fault, uint64_t us, const char *what, sim_fn run,
                  unsigned node) {
    struct target *target = malloc(sizeof(*target));
    CHECK(target != NULL);
    target->node = node;
    sim_after(&fault->sim->loop, us, 0, what, run, target);
}

/* A supervisor starts what has ended, but for what a restart cannot mend. */
static bool startable(const struct sim_node *node) {
    return node->repl == NULL && node->seeding == NULL &&
           node->down != SIM_NEVER_STARTED &&
           !(node->down == SIM_ENDED && (node->exit_code == REPL_EXIT_BEYOND_LOG ||
                                         node->exit_code == REPL_EXIT_REMOVED));
}

static void revive(struct sim_node *node) {
    if (startable(node)) {
        (void)sim_node_start(node);
    }
}

static void on_revive(struct sim *sim, unsigned owner, void *arg) {
    (void)owner;
    revive(sim->node[((struct target *)arg)->node]);
}

void sim_fault_revive(struct sim *sim) {
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        revive(sim->node[id]);
    }
}

static void revive_soon(struct sim_fault *fault, unsigned node) {
    later(fault, sim_between(&fault->rng, 20, 3000) * SIM_US_PER_MS, "fault.revive",
          on_revive, node);
}

/* --- nodes --- */

static unsigned any_up(struct sim_fault *fault) {
    unsigned up[SIM_OWNERS], count = 0;
    for (unsigned id = 1; id <= fault->sim->nodes_count; id++) {
        if (fault->sim->node[id]->repl != NULL) {
            up[count++] = id;
        }
    }
    return count == 0 ? 0 : up[sim_below(&fault->rng, count)];
}

static void crash(struct sim_fault *fault, unsigned node, bool power) {
    if (fault->sim->node[node]->repl != NULL) {
        sim_node_crash(fault->sim->node[node], power);
        fault->sim->result->crashes++;
        revive_soon(fault, node);
    }
}

static void crash_all(struct sim_fault *fault, bool power) {
    for (unsigned id = 1; id <= fault->sim->nodes_count; id++) {
        crash(fault, id, power);
    }
}

static void pause_node(struct sim_fault *fault, unsigned node) {
    if (fault->sim->loop.paused_until_us[node] > fault->sim->loop.now_us) {
        return; /* a longer one is for the watchdog, which stands still as well */
    }
    sim_life_pause(&fault->sim->loop, node,
                   sim_between(&fault->rng, 10, 3500) * SIM_US_PER_MS);
}

static void move_clock(struct sim_fault *fault, unsigned node) {
    struct sim_node *to = fault->sim->node[node];
    if (!to->wall_is_wrong && (fault->wrong_clocks + 1) * 2 >= fault->nodes) {
        return; /* a majority keeps true time */
    }
    if (!to->wall_is_wrong) {
        to->wall_is_wrong = true;
        fault->wrong_clocks++;
    }
    int64_t most_ms = 2 * 60 * 60 * 1000;
    to->wall_offset_ms =
        (int64_t)sim_below(&fault->rng, 2 * (uint64_t)most_ms) - most_ms;
}

/* --- disks --- */

static void on_disk_mended(struct sim *sim, unsigned owner, void *arg) {
    struct sim_disk *disk = &sim->node[((struct target *)arg)->node]->disk;
    (void)owner;
    disk->fail_percent = 0;
    disk->full = false;
    disk->slow_us = 0;
    disk->stalled_until_us = 0;
}

static void hurt_disk(struct sim_fault *fault, enum sim_fault_kind kind,
                      unsigned node) {
    struct sim_disk *disk = &fault->sim->node[node]->disk;
    uint64_t ms = sim_between(&fault->rng, 50, 6000);
    disk->hurt_us = fault->sim->loop.now_us;
    if (kind == FAULT_WRITE_ERROR) {
        disk->fail_percent = (unsigned)sim_between(&fault->rng, 5, 100);
    } else if (kind == FAULT_FULL) {
        disk->full = true;
    } else if (kind == FAULT_SLOW_DISK) {
        disk->slow_us = sim_between(&fault->rng, 5, 400) * SIM_US_PER_MS;
    } else {
        disk->stalled_until_us = fault->sim->loop.now_us + ms * SIM_US_PER_MS;
    }
    later(fault, ms * SIM_US_PER_MS, "fault.disk_mended", on_disk_mended, node);
    revive_soon(fault, node);
}

/* Is any node without data of its own that are whole? */
static bool any_hollow(const struct sim *sim) {
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        const struct sim_node *node = sim->node[id];
        if (node->rotten || node->seeding != NULL || node->asks_reseed) {
            return true;
        }
    }
    return false;
}

/* Does a voter lack what no other voter's log has but that of `at`? It could only be
 * seeded behind the word of a leader, that may need this very voter's vote for it (Z2 of
 * raft/repl_seed.h): a second loss, which three voters do not bear. */
static bool only_source(const struct sim_fault *fault, const struct repl *leader,
                        unsigned at) {
    const struct sim *sim = fault->sim;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        bool reached = id == at || !repl_is_voter(leader, id);
        for (unsigned other = 1; other <= sim->nodes_count && !reached; other++) {
            reached = other != at && other != id && repl_is_voter(leader, other) &&
                      sim->node[other]->disk.log.first <=
                          sim_disk_last(&sim->node[id]->disk) + 1;
        }
        if (!reached) {
            return true;
        }
    }
    return false;
}

/* In the midst of the log it is seen as damage. The last batch is taken for a torn write
 * and cut: then the store is ahead of the log, if it had the entry. (If it had not, what
 * this node has acknowledged is gone and nobody can tell; raft/repl_check.h.) */
static void rot_log(struct sim_fault *fault, unsigned at) {
    struct sim_node *node = fault->sim->node[at];
    unsigned leader = sim_leader(fault->sim);
    /* Of two voters none can be spared: an image is captured behind a leader's word. */
    if (leader == 0 || repl_voters(fault->sim->node[leader]->repl) < 3 ||
        node->repl == NULL || any_hollow(fault->sim) ||
        only_source(fault, fault->sim->node[leader]->repl, at)) {
        return;
    }
    crash(fault, at, false);
    bool last = sim_percent(&fault->rng, 30) &&
                node->seen_index >= sim_disk_last(&node->disk) &&
                sim_disk_cut_last(&node->disk);
    node->disk.rotten = !last;
    node->rotten = true;
}

/* --- links --- */

static void on_mended(struct sim *sim, unsigned owner, void *arg) {
    (void)owner;
    (void)arg;
    sim_net_mend_all(&sim->net);
}

static void cut_both(struct sim_fault *fault, unsigned a, unsigned b) {
    sim_net_cut(&fault->sim->net, a, b, true);
    sim_net_cut(&fault->sim->net, b, a, true);
}

static void cut_from_others(struct sim_fault *fault, unsigned node, bool in, bool out) {
    for (unsigned other = 1; other <= fault->sim->nodes_count; other++) {
        if (other != node) {
            sim_net_cut(&fault->sim->net, other, node,
                        in || fault->sim->net.link[other][node].cut);
            sim_net_cut(&fault->sim->net, node, other,
                        out || fault->sim->net.link[node][other].cut);
        }
    }
}

static void halve(struct sim_fault *fault) {
    uint64_t side = sim_rng_next(&fault->rng);
    for (unsigned a = 1; a <= fault->sim->nodes_count; a++) {
        for (unsigned b = 1; b < a; b++) {
            if (((side >> a) & 1) != ((side >> b) & 1)) {
                cut_both(fault, a, b);
            }
        }
    }
}

static void far(struct sim_fault *fault, unsigned node) {
    for (unsigned other = 1; other <= fault->sim->nodes_count; other++) {
        uint64_t us = sim_between(&fault->rng, 1, 150) * SIM_US_PER_MS;
        fault->sim->net.link[node][other].extra_us = us;
        fault->sim->net.link[other][node].extra_us = us;
    }
}

static void hurt_links(struct sim_fault *fault, enum sim_fault_kind kind,
                       unsigned node) {
    unsigned leader = sim_leader(fault->sim);
    unsigned other = 1 + (unsigned)sim_below(&fault->rng, fault->sim->nodes_count);
    if (kind == FAULT_ISOLATE) {
        cut_from_others(fault, node, true, true);
    } else if (kind == FAULT_HALVES) {
        halve(fault);
    } else if (kind == FAULT_ONE_WAY) {
        bool in = sim_percent(&fault->rng, 50);
        cut_from_others(fault, node, in, !in);
    } else if (kind == FAULT_DEAF_LEADER) {
        cut_from_others(fault, leader == 0 ? node : leader, true, false);
    } else if (kind == FAULT_SLOW_LINK) {
        far(fault, node);
    } else if (other != node && kind == FAULT_PAIR) {
        cut_both(fault, node, other);
    } else if (other != node) {
        sim_net_break(&fault->sim->net, node, other);
        return; /* it mends itself */
    }
    later(fault, sim_between(&fault->rng, 50, 8000) * SIM_US_PER_MS, "fault.mended",
          on_mended, 0);
}

/* --- choosing --- */

static void on_transferred(struct repl_wait *wait) {
    free(wait);
}

static void transfer_call(struct sim_node *node, void *arg) {
    struct sim_fault *fault = arg;
    struct repl_wait *wait = calloc(1, sizeof(*wait));
    CHECK(wait != NULL);
    wait->deadline_mono_ms = node->mono_origin_ms + sim_ms(&node->sim->loop) + 2000;
    wait->loop = sim_work_loop(node->sim->work);
    wait->done = on_transferred;
    uint64_t to = sim_below(&fault->rng, fault->nodes + 1); /* 0: any */
    if (repl_transfer(node->repl, to, wait) != OK) {
        free(wait);
    }
}

void sim_fault_make(struct sim_fault *fault, enum sim_fault_kind kind, unsigned at) {
    unsigned node = at != 0 ? at : any_up(fault);
    if (node == 0) {
        return;
    }
    fault->made[kind]++;
    if (fault->sim->loop.print) {
        fprintf(stderr, "            fault: %s, node %u\n", names[kind], node);
    }
    switch (kind) {
    case FAULT_KILL:
    case FAULT_POWER:
        crash(fault, node, kind == FAULT_POWER);
        return;
    case FAULT_QUIT:
        sim_node_quit(fault->sim->node[node]);
        revive_soon(fault, node);
        return;
    case FAULT_KILL_ALL:
    case FAULT_POWER_ALL:
        crash_all(fault, kind == FAULT_POWER_ALL);
        return;
    case FAULT_PAUSE:
        pause_node(fault, node);
        return;
    case FAULT_CLOCK:
        move_clock(fault, node);
        return;
    case FAULT_WRITE_ERROR:
    case FAULT_FULL:
    case FAULT_SLOW_DISK:
    case FAULT_STALL:
        hurt_disk(fault, kind, node);
        return;
    case FAULT_REPLACE:
        sim_seed_replace(fault->sim, node);
        return;
    case FAULT_ROT:
        rot_log(fault, node);
        return;
    case FAULT_TRANSFER:
        if (fault->sim->node[node]->repl != NULL) {
            (void)sim_node_enter(fault->sim->node[node], transfer_call, fault);
        }
        return;
    default:
        hurt_links(fault, kind, node);
        return;
    }
}

static void on_fault(struct sim *sim, unsigned owner, void *arg) {
    struct sim_fault *fault = sim->fault;
    unsigned total = 0;
    (void)owner;
    (void)arg;
    if (!fault->active) {
        return;
    }
    for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
        total += fault->weight[kind];
    }
    uint64_t dice = sim_below(&fault->rng, total);
    for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
        if (dice < fault->weight[kind]) {
            sim_fault_make(fault, (enum sim_fault_kind)kind, 0);
            break;
        }
        dice -= fault->weight[kind];
    }
    later(fault, sim_between(&fault->rng, 1, 2 * fault->mean_us), "fault", on_fault, 0);
}

/* As an init system does: what has ended is started again. */
static void on_supervise(struct sim *sim, unsigned owner, void *arg) {
    (void)owner;
    (void)arg;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct sim_node *node = sim->node[id];
        if (node->repl == NULL && node->asks_reseed && node->seeding == NULL) {
            sim_seed_begin(node); /* tasukid does so at its next start */
        } else if (sim->node[id]->down == SIM_ENDED ||
                   sim->node[id]->down == SIM_QUIT) {
            revive(sim->node[id]);
        }
    }
    later(sim->fault, SUPERVISE_US, "supervise", on_supervise, 0);
}

void sim_fault_supervise(struct sim_fault *fault) {
    later(fault, SUPERVISE_US, "supervise", on_supervise, 0);
}

void sim_fault_begin(struct sim_fault *fault) {
    fault->active = true;
    later(fault, fault->mean_us, "fault", on_fault, 0);
}

void sim_fault_end(struct sim_fault *fault) {
    fault->active = false;
    sim_net_mend_all(&fault->sim->net);
    for (unsigned id = 1; id <= fault->sim->nodes_count; id++) {
        struct sim_node *node = fault->sim->node[id];
        node->disk.fail_percent = 0;
        node->disk.full = false;
        node->disk.slow_us = 0;
        node->disk.stalled_until_us = 0;
        node->wall_offset_ms = 0;
        node->wall_is_wrong = false;
    }
    sim_fault_revive(fault->sim);
}
