#include "chaos/sim/sim_scenario.h"

#include <string.h>

#include "chaos/sim/sim_world.h"
#include "raft/repl_exit.h"
#include "raft/repl_internal.h"

struct scenario {
    const char *name;
    unsigned nodes;
    void (*run)(struct sim *sim);
};

/* --- what scenarios ask --- */

static bool has_leader(struct sim *sim, void *arg) {
    (void)arg;
    return sim_leader(sim) != 0;
}

static struct sim_node *leader_node(struct sim *sim) {
    if (!sim_until(sim, 10000, has_leader, NULL)) {
        sim_violation(sim, "no node leads");
        return sim->node[1];
    }
    return sim->node[sim_leader(sim)];
}

static struct sim_node *follower_node(struct sim *sim) {
    unsigned leader = leader_node(sim)->id;
    return sim->node[leader % sim->nodes_count + 1];
}

struct progress {
    uint64_t from, more;
};

static bool has_progress(struct sim *sim, void *arg) {
    const struct progress *progress = arg;
    return sim_work_acked(sim->work) >= progress->from + progress->more;
}

/* Clients get answers again within so long. */
static void must_serve(struct sim *sim, uint64_t most_ms, const char *when) {
    struct progress progress = {sim_work_acked(sim->work), 20};
    if (!sim_until(sim, most_ms, has_progress, &progress)) {
        sim_violation(sim, "clients get no answers within %llu ms %s",
                      (unsigned long long)most_ms, when);
    }
}

static void must_have_ended(struct sim *sim, const struct sim_node *node, int code) {
    if (node->exit_code != code) {
        sim_violation(sim, "node %u was to end with %d: it has %d (%s)", node->id, code,
                      node->exit_code, node->why);
    }
}

static void isolate(struct sim *sim, unsigned node, unsigned but) {
    for (unsigned other = 1; other <= sim->nodes_count; other++) {
        if (other != node && other != but) {
            sim_net_cut(&sim->net, node, other, true);
            sim_net_cut(&sim->net, other, node, true);
        }
    }
}

static void kill_node(struct sim *sim, struct sim_node *node) {
    if (node->repl != NULL) {
        sim_node_crash(node, false);
        sim->result->crashes++;
    }
}

/* --- the hazards --- */

/* Nothing fails: what the others are compared with. */
static void quiet(struct sim *sim) {
    must_serve(sim, 5000, "although nothing fails");
    sim_pass(sim, 5000);
}

/* Raft paper, figure 8: entries of an old term that a majority has stored, whose
 * leader is lost before it committed one of its own term. A leader and one follower
 * are cut off with fresh entries; the rest elects; the new leader dies; the old one
 * may win again. */
static void figure_8(struct sim *sim) {
    for (unsigned round = 0; round < 6; round++) {
        struct sim_node *old = leader_node(sim), *with = follower_node(sim);
        isolate(sim, old->id, with->id);
        isolate(sim, with->id, old->id);
        sim_pass(sim, 1200);
        struct sim_node *fresh = leader_node(sim);
        kill_node(sim, fresh);
        sim_net_mend_all(&sim->net);
        sim_pass(sim, 1200);
        if (fresh->repl == NULL) {
            (void)sim_node_start(fresh);
        }
        must_serve(sim, 10000, "after an old leader came back");
    }
}

/* A follower keeps entries that were never committed, and comes back under a leader
 * whose empty AppendEntries must not count them. */
static void stale_ack(struct sim *sim) {
    for (unsigned round = 0; round < 6; round++) {
        struct sim_node *old = leader_node(sim);
        isolate(sim, old->id, 0);
        sim_pass(sim, 1500);
        kill_node(sim, old);
        sim_net_mend_all(&sim->net);
        (void)sim_node_start(old);
        must_serve(sim, 10000, "after a leader came back with what nobody else has");
    }
}

/* Load without a pause must not keep entries from being committed. */
static void starvation(struct sim *sim) {
    uint64_t before = sim_work_acked(sim->work);
    sim_work_pace(sim->work, 500);
    sim_pass(sim, 3000);
    sim_work_pace(sim->work, 100 * SIM_US_PER_MS);
    if (sim_work_acked(sim->work) < before + 500) {
        sim_violation(sim, "only %llu frames were committed in 3 s of load",
                      (unsigned long long)(sim_work_acked(sim->work) - before));
    }
}

/* libraft takes an entry that could not be written for stored (V1). */
static void write_error(struct sim *sim) {
    struct sim_node *leader = leader_node(sim);
    leader->disk.fail_percent = 100;
    leader->disk.hurt_us = sim->loop.now_us;
    sim_pass(sim, 400);
    must_have_ended(sim, leader, REPL_EXIT_LOG);
    must_serve(sim, 5000, "after the leader's disk failed");
    leader->disk.fail_percent = 0;
}

static void disk_full(struct sim *sim) {
    struct sim_node *leader = leader_node(sim);
    leader->disk.full = true;
    leader->disk.hurt_us = sim->loop.now_us;
    sim_pass(sim, 400);
    must_have_ended(sim, leader, REPL_EXIT_LOG);
    must_serve(sim, 5000, "after the leader's disk was full");
    leader->disk.full = false;
}

/* The disk takes writes and never says so: libraft would lead for ever. */
static void disk_stall(struct sim *sim) {
    struct sim_node *leader = leader_node(sim);
    leader->disk.stalled_until_us = sim->loop.now_us + 30 * SIM_US_PER_S;
    leader->disk.hurt_us = sim->loop.now_us;
    sim_pass(sim, 6000);
    must_have_ended(sim, leader, REPL_EXIT_STALLED);
    must_serve(sim, 5000, "after the leader's disk stood still");
    leader->disk.stalled_until_us = 0;
}

static void must_say_ready(struct sim *sim, const struct sim_node *node, bool ready,
                           const char *why, const char *when) {
    struct repl_status status = {.why_not_ready = "it has ended"};
    if (node->repl != NULL) {
        repl_status(node->repl, &status);
    }
    if (status.ready != ready || strcmp(status.why_not_ready, why) != 0) {
        sim_violation(sim, "node %u %s: it says that it is %sready: '%.100s'", node->id,
                      when, status.ready ? "" : "not ", status.why_not_ready);
    }
}

/* The store's device hangs, the log's does not: nothing that is answered is lost, but what
 * a start would have to apply again grows. The node does not call itself ready, and hands
 * leadership over; once the device answers it is as good as before. */
static void store_hang(struct sim *sim) {
    struct sim_node *leader = leader_node(sim);
    /* A store whose point waits uses no page again, and these are small. */
    sim_work_pace(sim->work, 300 * SIM_US_PER_MS);
    leader->store_stalled_until_us = sim->loop.now_us + 12 * SIM_US_PER_S;
    sim_pass(sim, 6000);
    must_say_ready(sim, leader, true, "", "with a short wait");
    if (sim_leader(sim) != leader->id) {
        sim_violation(sim, "a leader went for a short wait of its store's device");
    }
    sim_pass(sim, 4000);
    must_say_ready(sim, leader, false, "the store's device does not answer",
                   "with a store that hangs");
    if (sim_leader(sim) == leader->id) {
        sim_violation(sim, "a node leads whose store's device hangs");
    }
    must_serve(sim, 3000, "while a node's store hangs");
    sim_pass(sim, 3000);
    must_say_ready(sim, leader, true, "", "with a device that answers again");
}

/* It sends and does not hear: it must not hold the others back. */
static void deaf_leader(struct sim *sim) {
    struct sim_node *leader = leader_node(sim);
    for (unsigned other = 1; other <= sim->nodes_count; other++) {
        if (other != leader->id) {
            sim_net_cut(&sim->net, other, leader->id, true);
        }
    }
    sim_pass(sim, 2000);
    must_serve(sim, 10000, "while the former leader is deaf");
    if (sim_leader(sim) == leader->id) {
        sim_violation(sim, "a deaf node still leads");
    }
    sim_net_mend_all(&sim->net);
}

/* One follower and the leader do not hear each other: no election may come of it. */
static void pair_cut(struct sim *sim) {
    struct sim_node *leader = leader_node(sim), *follower = follower_node(sim);
    uint64_t elections = sim->check.elections;
    sim_net_cut(&sim->net, leader->id, follower->id, true);
    sim_net_cut(&sim->net, follower->id, leader->id, true);
    sim_pass(sim, 10000);
    must_serve(sim, 8000, "while one follower is cut from the leader alone");
    if (sim->check.elections > elections + 1) {
        sim_violation(sim, "%llu elections because of one cut pair",
                      (unsigned long long)(sim->check.elections - elections));
    }
    sim_net_mend_all(&sim->net);
}

/* Power fails everywhere at once; what was acknowledged is there afterwards. */
static void all_dark(struct sim *sim) {
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned id = 1; id <= sim->nodes_count; id++) {
            if (sim->node[id]->repl != NULL) {
                sim_node_crash(sim->node[id], true);
            }
        }
        sim_pass(sim, 100);
        sim_fault_revive(sim);
        must_serve(sim, 10000, "after power came back");
    }
}

/* One node after the other is stopped in good order, as in an upgrade. */
static void rolling(struct sim *sim) {
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        sim_node_quit(sim->node[id]);
        sim_pass(sim, 3000); /* the supervisor starts it again */
        must_serve(sim, 2000, "while nodes are restarted one by one");
    }
}

static void set_clock(struct sim_node *node, int64_t offset_ms) {
    node->wall_is_wrong = offset_ms != 0;
    node->wall_offset_ms = offset_ms;
}

/* The leader's clock jumps while what it knows of the others' is a moment old. */
static void clock_jump(struct sim *sim) {
    static const int64_t hours[] = {1, -1, 10, -10};
    for (size_t i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
        struct sim_node *leader = leader_node(sim);
        set_clock(leader, hours[i] * 60 * 60 * 1000);
        must_serve(sim, 5000, "after the leader's clock jumped");
        sim_pass(sim, 3000);
        set_clock(leader, 0);
        sim_pass(sim, 3000);
    }
}

/* The log goes on without a node until the others have cut it. */
static void leave_behind(struct sim *sim, struct sim_node *node) {
    kill_node(sim, node);
    sim_work_pace(sim->work, 300);
    for (unsigned s = 0; s < 60 && sim_first_kept(sim) <= node->seen_index; s++) {
        sim_pass(sim, 1000);
    }
    sim_work_pace(sim->work, 100 * SIM_US_PER_MS);
    if (sim_first_kept(sim) <= node->seen_index) {
        sim_violation(sim, "the log was not cut in time: this shows nothing");
    }
}

static bool is_ready(struct sim *sim, void *arg) {
    const struct sim_node *node = arg;
    struct repl_status status;
    (void)sim;
    if (node->repl == NULL) {
        return false;
    }
    repl_status(node->repl, &status);
    return status.ready;
}

static void must_be_ready(struct sim *sim, struct sim_node *node) {
    if (!sim_until(sim, 20000, is_ready, node)) {
        sim_violation(sim, "node %u does not serve again", node->id);
    }
}

/* InstallSnapshot crashes libraft's receiver: it is never sent. The node is told that
 * it is beyond the log, ends, and is filled with an image. */
static void beyond_log(struct sim *sim) {
    struct sim_node *node = follower_node(sim);
    uint64_t reseeds = sim->result->reseeds;
    leave_behind(sim, node);
    (void)sim_node_start(node);
    sim_pass(sim, 1000);
    must_have_ended(sim, node, REPL_EXIT_BEYOND_LOG);
    must_be_ready(sim, node);
    if (sim->result->reseeds != reseeds + 1) {
        sim_violation(sim, "%llu images instead of one",
                      (unsigned long long)(sim->result->reseeds - reseeds));
    }
}

/* Snapshot newer than log: a node that was filled starts on a marker without entries,
 * is killed before it got any, and starts on it again. */
static void newer_marker(struct sim *sim) {
    struct sim_node *node = follower_node(sim);
    leave_behind(sim, node);
    uint64_t reseeds = sim->result->reseeds;
    (void)sim_node_start(node);
    for (unsigned ms = 0; ms < 5000 && sim->result->reseeds == reseeds; ms++) {
        sim_pass(sim, 1);
    }
    for (unsigned round = 0; round < 5; round++) {
        kill_node(sim, node);
        sim_pass(sim, 50);
        (void)sim_node_start(node);
        sim_pass(sim, round);
    }
    must_be_ready(sim, node);
}

/* A byte of each node's log flips in turn: none starts on what is left of it, and each
 * is filled under its own number, though nobody can say what it had acknowledged. */
static void rotten_log(struct sim *sim) {
    for (unsigned round = 0; round < 6; round++) {
        struct sim_node *node =
            round % 2 == 0 ? leader_node(sim) : sim->node[round / 2 % 3 + 1];
        uint64_t reseeds = sim->result->reseeds;
        if (!sim_until(sim, 10000, sim_all_ready, NULL)) {
            sim_violation(sim, "not all nodes serve before round %u", round);
        }
        sim_fault_make(sim->fault, FAULT_ROT, node->id);
        must_serve(sim, 10000, "while a node has lost its log");
        must_be_ready(sim, node);
        if (sim->result->reseeds != reseeds + 1) {
            sim_violation(sim, "node %u serves again without an image", node->id);
        }
    }
}

/* A cut that lasts longer than TCP waits, and is mended just as both ends give up: what
 * was lost must not be followed by what came behind it. */
static void long_cut(struct sim *sim) {
    for (unsigned round = 0; round < 8; round++) {
        struct sim_node *leader = leader_node(sim), *follower = follower_node(sim);
        unsigned to = follower->id, from = leader->id;
        sim_net_cut(&sim->net, from, to, true);
        if (round % 2 == 1) {
            sim_net_cut(&sim->net, to, from, true);
        }
        sim_pass(sim, 4900 + 50 * round);
        sim_net_mend_all(&sim->net);
        must_serve(sim, 10000, "after a long cut");
        must_be_ready(sim, follower);
    }
}

struct election {
    unsigned not_this, leader;
};

static bool has_other_leader(struct sim *sim, void *arg) {
    struct election *election = arg;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        const struct repl *repl = sim->node[id]->repl;
        /* Its status may be old by then. */
        if (id != election->not_this && repl != NULL && repl_leads(repl)) {
            election->leader = id;
            return true;
        }
    }
    return false;
}

/* So that what sim_until has seen is on its way still. */
static void far_links(struct sim *sim) {
    for (unsigned a = 1; a <= sim->nodes_count; a++) {
        for (unsigned b = 1; b <= sim->nodes_count; b++) {
            sim->net.link[a][b].extra_us = 40 * SIM_US_PER_MS;
        }
    }
}

/* Elected by the one that is not `old`, and cut from it before its first entry is there.
 * 0: nobody was. */
static unsigned elect_in_vain(struct sim *sim, const struct sim_node *old) {
    struct election election = {.not_this = old->id};
    if (!sim_until(sim, 10000, has_other_leader, &election)) {
        sim_violation(sim, "no other node leads");
        return 0;
    }
    isolate(sim, election.leader, 0);
    sim_pass(sim, 50);
    return election.leader;
}

/* A leader is cut off and goes on to fill its log; another one is elected, twice, and is
 * lost before an entry of its arrives anywhere. Left are a longer log of an older term
 * and a shorter one of a node that has voted in newer terms: one has to give way. */
static void newer_term(struct sim *sim) {
    for (unsigned round = 0; round < 5; round++) {
        struct sim_node *old = leader_node(sim);
        must_be_ready(sim, old);
        far_links(sim);
        isolate(sim, old->id, 0);
        unsigned leader = elect_in_vain(sim, old);
        if (leader == 0) {
            return;
        }
        kill_node(sim, sim->node[leader]);
        sim_net_mend_all(&sim->net);
        far_links(sim);
        isolate(sim, old->id, 0);
        (void)sim_node_start(sim->node[leader]);
        unsigned again = elect_in_vain(sim, old);
        if (again == 0) {
            return;
        }
        sim_fault_make(sim->fault, FAULT_ROT, again);
        sim_net_mend_all(&sim->net);
        must_serve(sim, 15000, "after a leader was lost before its first entry");
        must_be_ready(sim, sim->node[again]);
    }
}

static bool is_replaced(struct sim *sim, void *arg) {
    (void)arg;
    return !sim_seed_replacing(sim);
}

static void must_be_replaced(struct sim *sim) {
    if (!sim_until(sim, 30000, is_replaced, NULL)) {
        sim_violation(sim, "the change of members does not come to its end");
    }
}

/* Every node is replaced by a new one, the leader included. */
static void replace_all(struct sim *sim) {
    for (unsigned id = 1; id <= 3; id++) {
        sim_seed_replace(sim, id);
        must_be_replaced(sim);
        must_serve(sim, 10000, "after a node was replaced");
    }
}

/* A voter whose own configuration is old would refuse its vote, and it may be needed:
 * the leader is lost right after it promoted a node. */
static void stale_configuration(struct sim *sim) {
    for (unsigned round = 0; round < 3; round++) {
        sim_seed_replace(sim, 0);
        must_be_replaced(sim);
        struct sim_node *leader = leader_node(sim), *other = follower_node(sim);
        kill_node(sim, leader);
        kill_node(sim, other == leader ? follower_node(sim) : other);
        sim_pass(sim, 500);
        (void)sim_node_start(other);
        sim_pass(sim, 3000);
        sim_fault_revive(sim);
        must_serve(sim, 10000, "after the leader of a promotion was lost");
    }
}

static bool meets(struct sim *sim, void *arg) {
    const struct sim_node *node = arg;
    return repl_peer_find(node->repl, sim->nodes_count) != NULL;
}

/* A voter is away while a node joins. It takes that node for a peer, though it has not
 * read of it (M4); and when another voter is lost the three that are left serve, also if
 * the new one leads first, whose log begins after the end of the other's (M5). */
static void unread_member(struct sim *sim) {
    struct sim_node *leader = leader_node(sim), *away = follower_node(sim);
    sim_seed_replace(sim, 0);
    isolate(sim, away->id, 0);
    must_be_replaced(sim);
    sim_net_mend_all(&sim->net);
    isolate(sim, away->id, sim->nodes_count);
    if (!sim_until(sim, 10000, meets, away)) {
        sim_violation(sim, "a node that was away does not meet a new one");
    }
    kill_node(sim, leader);
    sim_net_mend_all(&sim->net);
    must_serve(sim, 20000, "with a voter that has not read of another");
}

/* While a cluster grows from one node, its only voter crashes with entries that the
 * standby has got already. */
static void lonely_voter(struct sim *sim) {
    sim_seed_replace(sim, 0);
    for (unsigned round = 0; round < 20; round++) {
        sim_pass(sim, 300);
        kill_node(sim, sim->node[1]);
        sim_pass(sim, 200);
        (void)sim_node_start(sim->node[1]);
    }
    must_be_replaced(sim);
    must_serve(sim, 10000, "after a cluster of one grew");
}

static bool sees_two_voters(struct sim *sim, void *arg) {
    const struct repl *repl = sim->node[1]->repl;
    (void)arg;
    return repl != NULL && repl_voters(repl) == 2;
}

/* The only voter dies with the promotion of a second one on its disk alone. When it comes
 * back it needs the vote of one that never read that it may vote (V5). */
static void unread_promotion(struct sim *sim) {
    sim_seed_replace(sim, 0);
    far_links(sim);
    if (!sim_until(sim, 30000, sees_two_voters, NULL)) {
        sim_violation(sim, "node 2 is not promoted");
        return;
    }
    kill_node(sim, sim->node[1]);
    sim_pass(sim, 100);
    (void)sim_node_start(sim->node[1]);
    must_serve(sim, 10000, "after the only voter died while it promoted another one");
    must_be_replaced(sim);
}

static bool has_ended(struct sim *sim, void *arg) {
    const struct sim_node *node = arg;
    (void)sim;
    return node->down == SIM_ENDED && node->seeding == NULL;
}

/* A node is removed while it fetches an image: the rows that it then has say so, and
 * that the others are done with it. It must end by itself, for good. */
static void seeded_after_removal(struct sim *sim) {
    struct sim_node *gone = follower_node(sim);
    kill_node(sim, gone);
    sim_seed_replace(sim, gone->id);
    must_be_replaced(sim);
    sim_seed_begin(gone);
    (void)sim_until(sim, 20000, has_ended, gone);
    must_have_ended(sim, gone, REPL_EXIT_REMOVED);
}

static const struct scenario scenarios[] = {
    {"quiet", 3, quiet},
    {"figure-8", 5, figure_8},
    {"stale-ack", 3, stale_ack},
    {"starvation", 3, starvation},
    {"write-error", 3, write_error},
    {"disk-full", 3, disk_full},
    {"disk-stall", 3, disk_stall},
    {"store-hang", 3, store_hang},
    {"deaf-leader", 3, deaf_leader},
    {"pair-cut", 3, pair_cut},
    {"all-dark", 3, all_dark},
    {"rolling-restart", 3, rolling},
    {"clock-jump", 3, clock_jump},
    {"beyond-log", 3, beyond_log},
    {"newer-marker", 3, newer_marker},
    {"replace-all", 3, replace_all},
    {"stale-configuration", 3, stale_configuration},
    {"unread-member", 3, unread_member},
    {"lonely-voter", 1, lonely_voter},
    {"rotten-log", 3, rotten_log},
    {"long-cut", 3, long_cut},
    {"newer-term", 3, newer_term},
    {"unread-promotion", 1, unread_promotion},
    {"seeded-after-removal", 3, seeded_after_removal},
    {"restored", 3, quiet}, /* then a new epoch: sim_epoch_wanted */
    {"recovered", 5, quiet},
};

#define COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

static const struct scenario *find(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    return NULL;
}

void sim_scenario_list(FILE *to, const char *indent) {
    for (size_t i = 0; i < COUNT; i++) {
        fprintf(to, "%s%s\n", indent, scenarios[i].name);
    }
}

bool sim_scenario_known(const char *name) {
    return find(name) != NULL;
}

unsigned sim_scenario_nodes(const char *name) {
    return find(name)->nodes;
}

void sim_scenario_run(struct sim *sim, const char *name) {
    find(name)->run(sim);
}
