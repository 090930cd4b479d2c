#include "chaos/sim/sim_epoch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_command.h"
#include "chaos/sim/sim_errand.h"
#include "chaos/sim/sim_world.h"
#include "raft/fsm.h"
#include "store/base/check.h"
#include "store/store_account.h"
#include "store/store_image.h"

#define PERCENT 10      /* of the seeds */
#define SETTLE_MS 3100  /* whoever was to be started again has been */
#define READY_MS 60000
#define ALONE_MS 3000
#define GROUP 9u        /* of names: none of the other clients' */
#define ACCOUNT (1u << 24)
#define CODES (1u << 22)

/* Things that are good in the old epoch: those that the image has, and later ones. */
enum { BEFORE, AFTER, SETS };

struct epoch {
    struct sim *sim;
    enum sim_epoch_way way;
    struct sim_rng rng;
    struct sim_errands errands;
    struct id128 cluster_id;
    bool heard;
    enum outcome_code code; /* the last answer that was heard */
    struct buf image;
    struct image_head head;
    struct sim_node *first; /* the new epoch's */
    uint64_t old_epoch;
    bool has_after; /* what was acknowledged last is on the node that is recovered */
    uint64_t last_index;
};

enum sim_epoch_way sim_epoch_wanted(const struct sim *sim) {
    struct sim_rng rng;
    const char *scenario = sim->config.scenario;
    if (scenario != NULL) {
        return strcmp(scenario, "restored") == 0    ? EPOCH_RESTORED
               : strcmp(scenario, "recovered") == 0 ? EPOCH_RECOVERED
                                                    : EPOCH_STAYS;
    }
    sim_rng_seed(&rng, sim->config.seed, 10);
    bool likely = sim_percent(&rng, PERCENT);
    if (sim->config.planted == PLANTED_MIXED_EPOCHS) {
        likely = true;
    } else if (sim->config.planted != PLANTED_NOTHING) {
        likely = false; /* it is found before */
    }
    if (!likely) {
        return EPOCH_STAYS;
    }
    return sim_percent(&rng, 50) ? EPOCH_RESTORED : EPOCH_RECOVERED;
}

/* --- asking --- */

static void answer(struct sim_errand *errand) {
    struct epoch *epoch =
        (struct epoch *)((char *)errand->all - offsetof(struct epoch, errands));
    epoch->heard = true;
    epoch->code = errand->request.outcome.code;
    if (epoch->code == OUT_OK && errand->request.outcome.index > epoch->last_index) {
        epoch->last_index = errand->request.outcome.index;
    }
}

static bool answered(struct sim *sim, void *arg) {
    (void)sim;
    return ((struct epoch *)arg)->errands.count == 0;
}

/* At this node. False: no answer. */
static bool ask_at(struct epoch *epoch, unsigned node, const struct command *command,
                   enum outcome_code *ret_code) {
    epoch->heard = false;
    sim_errand_submit(sim_errand_new(&epoch->errands, sizeof(struct sim_errand)),
                      command, node);
    (void)sim_until(epoch->sim, READY_MS, answered, epoch);
    *ret_code = epoch->code;
    return epoch->heard;
}

/* In a cluster without faults there is an answer, though not always the first time. */
static enum outcome_code ask(struct epoch *epoch, const struct command *command) {
    enum outcome_code code = OUT_NOT_FOUND;
    for (int i = 0; i < 5; i++) {
        unsigned leader = sim_leader(epoch->sim);
        if (leader != 0 && ask_at(epoch, leader, command, &code)) {
            return code;
        }
        sim_pass(epoch->sim, 500);
    }
    sim_violation(epoch->sim, "a cluster without faults gives no answer to a command of "
                              "type %d",
                  (int)command->type);
    return code;
}

static void must(struct epoch *epoch, const struct command *command, const char *what) {
    enum outcome_code code = ask(epoch, command);
    if (code != OUT_OK) {
        sim_violation(epoch->sim, "%s: '%s'", what, outcome_str(code));
    }
}

static void must_not(struct epoch *epoch, const struct command *command,
                     const char *what) {
    if (ask(epoch, command) == OUT_OK) {
        sim_violation(epoch->sim, "%s of the old epoch is good in the new one", what);
    }
}

/* --- what is good before --- */

static struct key_hash session_of(unsigned set) {
    return sim_key(NAME_SESSION, GROUP, set);
}

static struct key_hash code_of(unsigned set, bool used) {
    return sim_key(NAME_CODE, GROUP, 2 * set + (used ? 1 : 0));
}

static struct command put_account(const char *value) {
    return sim_put_command(ACCOUNT, sim_key(NAME_LOGIN, GROUP, 0), true,
                           span_str(value));
}

/* Of the set's session; each `n` is another code. */
static struct command sealed(struct epoch *epoch, unsigned set, uint64_t n) {
    uint64_t number = CODES + 300 + 2 * set + n;
    struct command command =
        sim_redeem_command(sim_key(NAME_CODE, GROUP, number), number, 1, 1);

    sim_seal_command(&command, 1, session_of(set), sim_wall_ms(epoch->sim));
    return command;
}

/* A session, a code that nobody has redeemed, and a family of refresh tokens. */
static void make_set(struct epoch *epoch, unsigned set, const char *value) {
    struct command command = put_account(value);
    must(epoch, &command, "an account is put");
    command = sim_login_command(ACCOUNT, sim_key(NAME_LOGIN, GROUP, 0), session_of(set),
                                sim_id(ACCOUNT + 1 + set), true);
    must(epoch, &command, "a sign-in");
    for (int used = 0; used < 2; used++) {
        command = sim_issue_command(session_of(set), code_of(set, used == 1));
        must(epoch, &command, "a code is issued");
    }
    command = sim_redeem_command(code_of(set, true), CODES + set, 1, 1);
    must(epoch, &command, "a code is redeemed");
    command = sealed(epoch, set, 0);
    must(epoch, &command, "a sealed code is redeemed");
    command = sim_refresh_command(CODES + set, 1);
    must(epoch, &command, "a token is refreshed");
}

/* E2. */
static void check_dead(struct epoch *epoch) {
    for (unsigned set = 0; set < SETS; set++) {
        struct command command = sim_issue_command(
            session_of(set), sim_key(NAME_CODE, GROUP, 100 + set));
        must_not(epoch, &command, "a session");
        command = sim_redeem_command(code_of(set, false), CODES + 100 + set, 1, 1);
        must_not(epoch, &command, "a code");
        command = sim_redeem_command(code_of(set, true), CODES + 200 + set, 1, 1);
        must_not(epoch, &command, "a redeemed code");
        command = sealed(epoch, set, 1);
        must_not(epoch, &command, "a sealed code");
        for (uint64_t member = 1; member <= 2; member++) {
            command = sim_refresh_command(CODES + set, member);
            must_not(epoch, &command, "a refresh token");
        }
    }
}

/* E1: '1' was put before the image was made, '2' after it, '3' in the old epoch when
 * the new one had begun. '\0': there is none. */
static char value_at(const struct sim_node *node) {
    struct account account;
    struct arena arena;
    char value = '\0';
    arena_init(&arena, 1u << 16);
    CHECK(store_read_begin(node->read) == OK);
    if (store_account_get(node->read, &arena, sim_id(ACCOUNT), &account) == OK &&
        account.password_hash.len == 1) {
        value = (char)account.password_hash.data[0];
    }
    store_read_end(node->read);
    arena_close(&arena);
    return value;
}

static void check_value(struct epoch *epoch) {
    char expected = epoch->way == EPOCH_RECOVERED && epoch->has_after ? '2' : '1';
    char found = value_at(epoch->first);
    if (found != expected) {
        sim_violation(epoch->sim, "the new epoch has value '%c' of an account, not '%c'",
                      found, expected);
    }
}

/* --- images --- */

static void drain(struct epoch *epoch, struct store *store, uint64_t node) {
    struct store_read *read;
    struct image_source *source;
    struct image_head head = {.node = node};
    struct span piece;
    buf_reset(&epoch->image);
    CHECK(store_read_new(store, &read) == OK && store_read_begin(read) == OK);
    CHECK(store_image_source_new(read, &head, &source) == OK);
    do {
        CHECK(store_image_source_next(source, &piece) == OK);
        buf_put(&epoch->image, piece.data, piece.len);
    } while (piece.len > 0);
    CHECK(buf_err(&epoch->image) == OK);
    store_image_source_free(source);
}

/* The image as a store of `node`, in `use`. */
static void pour(struct epoch *epoch, struct sim_node *node, enum image_use use) {
    struct image_sink_config config = {.dir = node->dir,
                                       .map_bytes = SIM_MAP_BYTES,
                                       .cluster_id = epoch->cluster_id,
                                       .use = use,
                                       .epoch_chance = (uint32_t)sim_rng_next(&epoch->rng),
                                       .only_member = node->id};
    const struct repl_peer_config *self = &node->peers[node->id - 1];
    struct image_sink *sink;
    char why[256] = "";
    sim_node_wipe(node);
    snprintf(config.only_address, sizeof(config.only_address), "%s", self->address);
    snprintf(config.only_region, sizeof(config.only_region), "%s", self->region);
    CHECK(store_image_sink_new(&config, &sink, why) == OK);
    enum err err = store_image_sink_feed(sink, buf_span(&epoch->image), why);
    if (err == OK) {
        err = store_image_sink_finish(sink, &epoch->head, why);
    }
    store_image_sink_free(sink);
    if (err != OK) {
        sim_violation(epoch->sim, "an image of the old epoch is refused: %s", why);
    }
}

static void ignore_outcome(void *arg, const struct envelope *envelope,
                           const struct outcome *outcome) {
    (void)arg;
    (void)envelope;
    (void)outcome;
}

/* repl_seed_recover: the node's own state, then the tail of its log. */
static void apply_tail(struct epoch *epoch, struct store *store,
                       const struct sim_log *log) {
    struct fsm *fsm;
    CHECK(fsm_new(store, &fsm) == OK);
    for (size_t i = 0; i < log->count; i++) {
        const struct sim_entry *entry = &log->entry[i];
        uint64_t index = log->first + i;
        if (entry->type == RAFT_COMMAND && index > fsm_meta(fsm)->applied_index &&
            fsm_apply(fsm, index, span_of(entry->data, entry->len), ignore_outcome,
                      NULL) != OK) {
            sim_violation(epoch->sim, "entry %llu of a log cannot be applied to a copy",
                          (unsigned long long)index);
            break;
        }
    }
    sim_check_copy(epoch->sim, fsm_meta(fsm));
    fsm_free(fsm);
}

static void copy_with_tail(struct epoch *epoch, struct sim_node *node) {
    struct store_config config = {
        .dir = node->dir, .map_bytes = SIM_MAP_BYTES, .readers_max = 8};
    struct store *store;
    CHECK(store_open(&config, &store) == OK); /* it goes back to its restart point */
    drain(epoch, store, node->id);
    store_close(store);
    pour(epoch, node, IMAGE_COPY);
    CHECK(store_open(&config, &store) == OK);
    apply_tail(epoch, store, &node->disk.log);
    drain(epoch, store, node->id);
    store_close(store);
}

/* --- the end of the old epoch --- */

static void end_all(struct epoch *epoch) {
    struct sim *sim = epoch->sim;
    bool power = sim_percent(&epoch->rng, 50);
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct sim_node *node = sim->node[id];
        sim_seed_drop(node);
        if (node->repl != NULL) {
            sim_node_crash(node, power);
        }
        node->old = true;
    }
}

static bool has_state(const struct sim_node *node) {
    return !node->removed && !node->rotten && !node->asks_reseed &&
           node->down == SIM_CRASHED && !sim_disk_blank(&node->disk);
}

static uint64_t last_term(const struct sim_node *node) {
    const struct sim_log *log = &node->disk.log;
    return log->count > 0 ? log->entry[log->count - 1].term : log->snapshot_term;
}

/* By Raft 5.4.1, as the operator is told to choose, of a minority that is left. */
static struct sim_node *best_survivor(struct epoch *epoch) {
    struct sim *sim = epoch->sim;
    struct sim_node *left[SIM_OWNERS], *best = NULL;
    size_t count = 0;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        if (has_state(sim->node[id])) {
            left[count++] = sim->node[id];
        }
    }
    size_t survivors = count < 3 ? count : 1 + sim_below(&epoch->rng, (count - 1) / 2);
    for (size_t i = 0; i < survivors; i++) {
        size_t at = i + sim_below(&epoch->rng, count - i);
        struct sim_node *node = left[at];
        left[at] = left[i];
        if (best == NULL || last_term(node) > last_term(best) ||
            (last_term(node) == last_term(best) &&
             sim_disk_last(&node->disk) > sim_disk_last(&best->disk))) {
            best = node;
        }
    }
    return best;
}

/* --- the new one --- */

static bool first_ready(struct sim *sim, void *arg) {
    const struct epoch *epoch = arg;
    struct repl_status status;
    (void)sim;
    if (epoch->first->repl == NULL) {
        return false;
    }
    repl_status(epoch->first->repl, &status);
    return status.ready && status.leader_id == epoch->first->id;
}

/* Its log begins behind the image, with a configuration of itself alone. */
static bool begin(struct epoch *epoch) {
    struct sim *sim = epoch->sim;
    struct sim_node *node = epoch->first;
    pour(epoch, node, epoch->way == EPOCH_RESTORED ? IMAGE_NEW_EPOCH : IMAGE_RECOVERED);
    if (!store_epoch_ahead(epoch->old_epoch, epoch->head.meta.epoch)) {
        sim_violation(sim, "the new epoch is not ahead of the old one");
    }
    sim_seed_put(node, &epoch->head, true);
    node->old = false;
    sim_check_epoch(&sim->check, epoch->head.meta.epoch);
    if (!sim_node_start(node) || !sim_until(sim, READY_MS, first_ready, epoch)) {
        sim_violation(sim, "node %u does not lead a new epoch: %s", node->id, node->why);
        return false;
    }
    return true;
}

/* E3. The old nodes come back, all that have a state; a majority of them may serve. */
static void old_ones_return(struct epoch *epoch) {
    struct sim *sim = epoch->sim;
    struct command command = put_account("3");
    enum outcome_code code;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        if (sim->node[id]->old && has_state(sim->node[id])) {
            (void)sim_node_start(sim->node[id]);
        }
    }
    sim_pass(sim, 4000);
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        if (sim->node[id]->old && sim->node[id]->repl != NULL) {
            (void)ask_at(epoch, id, &command, &code);
            break;
        }
    }
    sim_pass(sim, 500);
}

static bool replaced(struct sim *sim, void *arg) {
    (void)arg;
    return !sim_seed_replacing(sim);
}

static void others_join(struct epoch *epoch) {
    for (int i = 0; i < 2; i++) {
        sim_seed_replace(epoch->sim, 0);
        if (!sim_until(epoch->sim, READY_MS, replaced, NULL)) {
            sim_violation(epoch->sim, "a new node does not join the new epoch");
            return;
        }
    }
}

/* A node that knows no leader lets in whom it does not know (raft/repl_member.h, M4):
 * of its own epoch. */
static void one_is_alone(struct epoch *epoch) {
    struct sim *sim = epoch->sim;
    unsigned leader = sim_leader(sim);
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct sim_node *node = sim->node[id];
        if (!node->old && node->repl != NULL && (id == leader || id == epoch->first->id)) {
            sim_node_crash(node, false);
        }
    }
    sim_pass(sim, ALONE_MS);
    sim_fault_revive(sim);
    if (!sim_until(sim, READY_MS, sim_all_ready, NULL)) {
        sim_violation(sim, "the new epoch does not come back");
    }
}

static struct store_meta meta_of(const struct sim_node *node) {
    struct store_meta meta;
    CHECK(store_read_begin(node->read) == OK);
    CHECK(store_read_meta(node->read, &meta) == OK);
    store_read_end(node->read);
    return meta;
}

static void check_apart(struct sim *sim) {
    for (unsigned a = 1; a <= sim->nodes_count; a++) {
        const struct sim_node *node = sim->node[a];
        if (node->repl == NULL || node->removed) {
            continue;
        }
        if (node->old == (meta_of(node).epoch == sim->check.epoch)) {
            sim_violation(sim, "node %u is of another epoch than before", a);
        }
        if (!node->old && value_at(node) == '3') {
            sim_violation(sim, "node %u knows what the old epoch acknowledged", a);
        }
        for (unsigned b = 1; b <= sim->nodes_count; b++) {
            if (node->old != sim->node[b]->old &&
                sim->net.link[a][b].state == SIM_LINK_UP) {
                sim_violation(sim, "nodes %u and %u of two epochs have a link", a, b);
            }
        }
    }
}

void sim_epoch_judge(struct sim *sim) {
    check_apart(sim);
}

/* --- all of it --- */

static void prepare(struct epoch *epoch) {
    struct sim *sim = epoch->sim;
    struct sim_node *leader = sim->node[sim_leader(sim)];
    epoch->old_epoch = meta_of(leader).epoch;
    epoch->cluster_id = meta_of(leader).cluster_id;
    make_set(epoch, BEFORE, "1");
    if (epoch->way == EPOCH_RESTORED) {
        leader = sim->node[sim_leader(sim)];
        drain(epoch, leader->store, leader->id);
    } else if (sim_percent(&epoch->rng, 30) && sim_up_count(sim) > 2) {
        unsigned away = sim_leader(sim) % sim->nodes_count + 1; /* it knows no more */
        if (sim->node[away]->repl != NULL && !sim->node[away]->removed) {
            sim_node_crash(sim->node[away], false);
        }
    }
    make_set(epoch, AFTER, "2");
}

static bool change(struct epoch *epoch) {
    struct sim *sim = epoch->sim;
    prepare(epoch);
    end_all(epoch);
    if (epoch->way == EPOCH_RECOVERED) {
        epoch->first = best_survivor(epoch);
        if (epoch->first == NULL) {
            sim_violation(sim, "no node has a state to recover from");
            return false;
        }
        epoch->has_after = sim_disk_last(&epoch->first->disk) >= epoch->last_index;
        copy_with_tail(epoch, epoch->first);
    } else {
        epoch->first = sim->node[1 + sim_below(&epoch->rng, sim->nodes_count)];
        epoch->first->removed = false; /* a blank host under that name */
        epoch->first->rotten = false;
        sim_disk_blank_out(&epoch->first->disk);
    }
    if (!begin(epoch)) {
        return false;
    }
    check_value(epoch);
    check_dead(epoch);
    old_ones_return(epoch);
    check_apart(sim);
    others_join(epoch);
    one_is_alone(epoch);
    check_apart(sim);
    return true;
}

bool sim_epoch_change(struct sim *sim, enum sim_epoch_way way) {
    struct epoch *epoch = calloc(1, sizeof(*epoch));
    CHECK(epoch != NULL);
    epoch->sim = sim;
    epoch->way = way;
    sim_rng_seed(&epoch->rng, sim->config.seed, 11);
    buf_init(&epoch->image, 64u << 20);
    epoch->errands = (struct sim_errands){.sim = sim,
                                          .loop = sim_work_loop(sim->work),
                                          .rng = &epoch->rng,
                                          .answer = answer};
    sim_work_stop(sim->work);
    sim_pass(sim, SETTLE_MS);
    bool done = sim_until(sim, READY_MS, sim_all_ready, NULL) && change(epoch);
    sim_errands_close(&epoch->errands);
    buf_free(&epoch->image);
    free(epoch);
    if (done) {
        sim_names_begin(1);
        sim->ended = sim->work;
        sim->work = sim_work_new(sim, sim->config.seed + 1, SIM_CLIENTS);
        sim_work_begin_plain(sim->work);
    }
    return done;
}
