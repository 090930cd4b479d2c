#include "chaos/sim/sim_blob.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_errand.h"
#include "chaos/sim/sim_world.h"
#include "store/base/check.h"
#include "store/store_blob_node.h"

#define BLOBS_MAX 150
#define LEASE_MS 20000
#define SEND_EVERY_US (400 * SIM_US_PER_MS)
#define KEEP_EVERY_US (100 * SIM_US_PER_MS)
#define WORD_EVERY_US (4000 * SIM_US_PER_MS)
#define ROT_EVERY_US (900 * SIM_US_PER_MS)
#define FETCH_US (20 * SIM_US_PER_MS)
/* As server/main_blobs has them. */
#define SHORT_A_TURN 8
#define SHORT_LOOKS 256
#define TURN_LOOKS 20
#define SCRUB_ROWS 6
/* Numbers of registers from here on. */
#define COPIES UINT64_C(1000000)

struct errand {
    struct sim_errand base; /* first */
    enum { ERRAND_ADD, ERRAND_HOLD, ERRAND_WORD } kind;
    size_t n;
    size_t operation; /* in the history; SIM_NO_HISTORY: none */
};

enum file { FILE_NONE, FILE_WHOLE, FILE_ROTTEN };

struct thing {
    bool added;    /* its row was acknowledged, at `node` */
    bool received; /* and its sender has heard that it is safe */
    bool excused;  /* whoever had it was removed */
    unsigned node;
};

struct sim_blob {
    struct sim *sim;
    struct sim_rng rng;
    struct sim_errands errands;
    struct sim_history *history;
    struct thing thing[BLOBS_MAX];
    size_t things;
    uint8_t file[SIM_OWNERS][BLOBS_MAX]; /* enum file; outlives a crash: it was synced */
    bool gone[SIM_OWNERS];               /* its files went with it */
    struct blob_id scrubbed[SIM_OWNERS]; /* where each node reads on */
    struct blob_id short_from[SIM_OWNERS];
    uint64_t looks[SIM_OWNERS];          /* at the end of the list of short ones */
    uint64_t acked_index; /* highest of an answer */
    bool active, stopped;
};

static struct blob_id id_of(size_t n) {
    struct blob_id id = {{0}};
    uint64_t spread = (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(id.b, &spread, sizeof(spread));
    memcpy(id.b + 8, &n, sizeof(n));
    id.b[31] = 2; /* none of sim_intake's */
    return id;
}

/* SIZE_MAX: another one's. */
static size_t number_of(const struct sim_blob *blob, const struct blob_id *id) {
    size_t n;
    memcpy(&n, id->b + 8, sizeof(n));
    struct blob_id own = id_of(n);
    return n < blob->things && memcmp(&own, id, sizeof(own)) == 0 ? n : SIZE_MAX;
}

static bool is_up(const struct sim_blob *blob, unsigned id) {
    const struct sim_node *node = blob->sim->node[id];
    return node->repl != NULL && !node->quitting && !node->removed;
}

static struct errand *errand_new(struct sim_blob *blob, int kind, size_t n) {
    struct errand *errand = sim_errand_new(&blob->errands, sizeof(*errand));
    errand->kind = kind;
    errand->n = n;
    errand->operation = SIM_NO_HISTORY;
    return errand;
}

/* The register of what the state says about this copy; none of an account's. */
static size_t record(struct sim_blob *blob, size_t n, unsigned node,
                     enum history_kind kind, bool holds) {
    return sim_history_call(blob->history, HISTORY_REGISTER,
                            COPIES + n * SIM_OWNERS + node, kind, holds ? 1 : 0, node,
                            blob->sim->loop.now_us);
}

/* Nodes that were removed, with all that they had. */
static void bury(struct sim_blob *blob) {
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        if (!blob->sim->node[id]->removed || blob->gone[id]) {
            continue;
        }
        blob->gone[id] = true;
        memset(blob->file[id], FILE_NONE, sizeof(blob->file[id]));
        for (size_t n = 0; n < blob->things; n++) {
            bool left = false;
            for (unsigned other = 1; other <= blob->sim->nodes_count; other++) {
                left = left || blob->file[other][n] == FILE_WHOLE;
            }
            blob->thing[n].excused = blob->thing[n].excused || !left;
        }
    }
}

/* --- senders --- */

static void send_one(struct sim_blob *blob, unsigned unused) {
    unsigned node = sim_errands_any_node(&blob->errands);
    size_t n = blob->things;
    (void)unused;
    if (node == 0 || n == BLOBS_MAX || !is_up(blob, node)) {
        return;
    }
    struct command command = {.type = CMD_BLOB_ADD,
                              .blob_add = {.id = id_of(n),
                                           .kind = BLOB_SCAN,
                                           .size = 1 + n,
                                           .nodes_count = 1,
                                           .nodes = {node}}};
    blob->things++;
    blob->thing[n].node = node;
    blob->file[node][n] = FILE_WHOLE;
    struct errand *errand = errand_new(blob, ERRAND_ADD, n);
    errand->operation = record(blob, n, node, HISTORY_WRITE, true);
    sim_errand_submit(&errand->base, &command, node);
}

static bool is_short(struct sim_node *node, size_t n) {
    struct blob_id id = id_of(n);
    bool found = true;
    CHECK(store_read_begin(node->read) == OK);
    CHECK(store_blob_short(node->read, &id, &found) == OK);
    store_read_end(node->read);
    return found;
}

/* The sender waits at the node that it sent to. */
static void hear(struct sim_blob *blob) {
    for (size_t n = 0; n < blob->things; n++) {
        struct thing *thing = &blob->thing[n];
        if (thing->added && !thing->received && is_up(blob, thing->node)) {
            thing->received = !is_short(blob->sim->node[thing->node], n);
        }
    }
}

/* --- keepers --- */

static void tell(struct sim_blob *blob, unsigned node, size_t n, bool holds) {
    struct command command = {
        .type = CMD_BLOB_HOLD,
        .blob_hold = {.node = node, .count = 1, .blobs = {{id_of(n), holds}}}};
    struct errand *errand = errand_new(blob, ERRAND_HOLD, n);
    errand->operation = record(blob, n, node, HISTORY_WRITE, holds);
    sim_errand_submit(&errand->base, &command, node);
}

struct fetch {
    struct sim_blob *blob;
    unsigned from, to;
    size_t n;
};

static void on_fetched(struct sim *sim, unsigned owner, void *arg) {
    struct fetch *fetch = arg;
    struct sim_blob *blob = fetch->blob;
    (void)sim;
    (void)owner;
    if (is_up(blob, fetch->from) && is_up(blob, fetch->to) &&
        blob->file[fetch->from][fetch->n] == FILE_WHOLE) {
        blob->file[fetch->to][fetch->n] = FILE_WHOLE;
        tell(blob, fetch->to, fetch->n, true);
    }
}

static void fetch(struct sim_blob *blob, unsigned to, const struct blob_row *row,
                  size_t n) {
    for (size_t i = 0; i < row->holders_count; i++) {
        unsigned from = (unsigned)row->holders[i];
        if (from != to && is_up(blob, from)) {
            struct fetch *fetch = malloc(sizeof(*fetch));
            CHECK(fetch != NULL);
            *fetch = (struct fetch){blob, from, to, n};
            sim_after(&blob->sim->loop, sim_between(&blob->rng, 1, 2 * FETCH_US), 0,
                      "blob.fetched", on_fetched, fetch);
            return;
        }
    }
}

static bool seen_up(void *arg, uint64_t node) {
    return is_up(arg, (unsigned)node);
}

/* Its turn, or that of one that has let some time pass (server/main_blobs). */
static bool is_mine(struct sim_blob *blob, const struct blob_places *places,
                    const struct blob_row *row, unsigned id) {
    size_t turn = 0;
    uint64_t looks = blob->looks[id];
    if (places->any) {
        return !store_blob_held_by(row, id);
    }
    return store_blob_turn(places, row, id, seen_up, blob, &turn) &&
           (turn == 0 || looks % (turn * TURN_LOOKS) == TURN_LOOKS - 1);
}

/* The short ones, from where the look before ended: those that nobody has any more, and
 * another one's, stay in the list and must not keep it from getting on. */
static void fetch_short(struct sim_blob *blob, unsigned id) {
    struct sim_node *node = blob->sim->node[id];
    struct blob_row mine[SHORT_A_TURN], row;
    struct blob_places places;
    struct blob_id *from = &blob->short_from[id];
    size_t count = 0;
    enum err err = OK;
    CHECK(store_read_begin(node->read) == OK);
    CHECK(store_blob_places(node->read, &places) == OK);
    for (int i = 0; i < SHORT_LOOKS && count < SHORT_A_TURN && err == OK; i++) {
        err = store_blob_next(node->read, from, true, &row);
        if (err == OK) {
            *from = row.id;
            if (is_mine(blob, &places, &row, id)) {
                mine[count++] = row;
            }
            err = store_blob_after(from) ? OK : ERR_NOT_FOUND;
        }
        if (err == ERR_NOT_FOUND) {
            *from = (struct blob_id){{0}};
            blob->looks[id]++;
        }
    }
    store_read_end(node->read);
    CHECK(err == OK || err == ERR_NOT_FOUND);
    for (size_t i = 0; i < count; i++) {
        size_t n = number_of(blob, &mine[i].id);
        if (n != SIZE_MAX) {
            fetch(blob, id, &mine[i], n);
        }
    }
}

/* The next rows: those that this node holds are read. */
static void scrub(struct sim_blob *blob, unsigned id) {
    struct blob_row row = {.size = 0};
    for (int i = 0; i < SCRUB_ROWS; i++) {
        struct sim_node *node = blob->sim->node[id];
        if (!is_up(blob, id)) { /* it ended when it told */
            return;
        }
        CHECK(store_read_begin(node->read) == OK);
        bool found = store_blob_next(node->read, &blob->scrubbed[id], false, &row) == OK;
        store_read_end(node->read);
        blob->scrubbed[id] = row.id;
        if (!found || !store_blob_after(&blob->scrubbed[id])) {
            blob->scrubbed[id] = (struct blob_id){{0}};
            return;
        }
        size_t n = number_of(blob, &row.id);
        if (n != SIZE_MAX && store_blob_held_by(&row, id) &&
            blob->file[id][n] != FILE_WHOLE) {
            blob->file[id][n] = FILE_NONE;
            tell(blob, id, n, false);
        } else if (n != SIZE_MAX && !store_blob_held_by(&row, id) &&
                   blob->file[id][n] == FILE_WHOLE) {
            tell(blob, id, n, true); /* nobody heard it the first time */
        }
    }
}

static void keep_all(struct sim_blob *blob, unsigned unused) {
    (void)unused;
    bury(blob);
    hear(blob);
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        if (is_up(blob, id)) {
            fetch_short(blob, id);
            scrub(blob, id);
        }
    }
}

static void say_words(struct sim_blob *blob, unsigned unused) {
    (void)unused;
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        if (is_up(blob, id)) {
            struct command command = {.type = CMD_BLOB_NODE,
                                      .blob_node = {id, LEASE_MS}};
            struct errand *errand = errand_new(blob, ERRAND_WORD, 0);
            sim_errand_submit(&errand->base, &command, id);
        }
    }
}

/* Never the last whole one: that would be a loss that nobody could mend. */
static void rot(struct sim_blob *blob, unsigned unused) {
    (void)unused;
    if (blob->things == 0) {
        return;
    }
    size_t n = sim_below(&blob->rng, blob->things);
    unsigned at[SIM_OWNERS], count = 0;
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        if (blob->file[id][n] == FILE_WHOLE) {
            at[count++] = id;
        }
    }
    if (count >= 2) {
        blob->file[at[sim_below(&blob->rng, count)]][n] = FILE_ROTTEN;
    }
}

static void answer(struct sim_errand *base) {
    struct errand *errand = (struct errand *)base;
    struct sim_blob *blob =
        (struct sim_blob *)((char *)base->all - offsetof(struct sim_blob, errands));
    if (base->request.outcome.index > blob->acked_index) {
        blob->acked_index = base->request.outcome.index;
    }
    if (errand->operation != SIM_NO_HISTORY) {
        sim_history_return(blob->history, errand->operation,
                           base->request.outcome.code == OUT_OK,
                           blob->sim->loop.now_us);
    }
    if (errand->kind == ERRAND_ADD && base->request.outcome.code == OUT_OK) {
        blob->thing[errand->n].added = true;
    } else if (errand->kind != ERRAND_WORD && base->request.outcome.code != OUT_OK) {
        sim_violation(blob->sim, "blob %zu: node %u is answered '%s'", errand->n,
                      base->node, outcome_str(base->request.outcome.code));
    }
}

/* --- turns --- */

struct blob_turn {
    struct sim_blob *blob;
    uint64_t mean_us;
    bool always; /* after the pause too */
    void (*run)(struct sim_blob *blob, unsigned unused);
};

static void on_turn(struct sim *sim, unsigned owner, void *arg);

static void later(const struct blob_turn *turn) {
    struct blob_turn *next = malloc(sizeof(*next));
    CHECK(next != NULL);
    *next = *turn;
    sim_after(&turn->blob->sim->loop,
              sim_between(&turn->blob->rng, 1, 2 * turn->mean_us), 0, "blob.turn",
              on_turn, next);
}

static void on_turn(struct sim *sim, unsigned owner, void *arg) {
    const struct blob_turn *turn = arg;
    (void)sim;
    (void)owner;
    if (!turn->blob->stopped && (turn->always || turn->blob->active)) {
        turn->run(turn->blob, 0);
        later(turn);
    }
}

struct sim_blob *sim_blob_new(struct sim *sim, struct port_loop *loop, uint64_t seed,
                              struct sim_history *history) {
    struct sim_blob *blob = calloc(1, sizeof(*blob));
    CHECK(blob != NULL);
    blob->sim = sim;
    blob->history = history;
    sim_rng_seed(&blob->rng, seed, 9);
    blob->errands = (struct sim_errands){
        .sim = sim, .loop = loop, .rng = &blob->rng, .answer = answer};
    return blob;
}

void sim_blob_free(struct sim_blob *blob) {
    sim_errands_close(&blob->errands);
    free(blob);
}

void sim_blob_begin(struct sim_blob *blob) {
    blob->active = true;
    later(&(struct blob_turn){blob, SEND_EVERY_US, false, send_one});
    later(&(struct blob_turn){blob, ROT_EVERY_US, false, rot});
    later(&(struct blob_turn){blob, KEEP_EVERY_US, true, keep_all});
    later(&(struct blob_turn){blob, WORD_EVERY_US, true, say_words});
}

void sim_blob_pause(struct sim_blob *blob) {
    blob->active = false;
}

void sim_blob_stop(struct sim_blob *blob) {
    blob->active = false;
    blob->stopped = true;
}

void sim_blob_lost(struct sim_blob *blob, unsigned node, uint64_t life) {
    sim_errands_lost(&blob->errands, node, life);
}

/* --- the end --- */

/* Could anybody take one more copy? A cluster of one node has no place for a second. */
static bool has_place(const struct blob_places *places, const struct blob_row *row) {
    size_t turn;
    for (size_t i = 0; i < places->count; i++) {
        if (store_blob_turn(places, row, places->at[i].node, NULL, NULL, &turn)) {
            return true;
        }
    }
    return false;
}

/* What is wrong with blob `n` as node `id` knows it; NULL: nothing. */
static const char *fault_of(struct sim_blob *blob, unsigned id, size_t n) {
    struct sim_node *node = blob->sim->node[id];
    struct blob_id key = id_of(n);
    struct blob_places places;
    struct blob_row row = {.size = 0};
    bool is_listed = false;
    CHECK(store_read_begin(node->read) == OK);
    enum err err = store_blob_get(node->read, &key, &row);
    CHECK(store_blob_places(node->read, &places) == OK);
    CHECK(store_blob_short(node->read, &key, &is_listed) == OK);
    store_read_end(node->read);
    if (err != OK) {
        return "its row is lost";
    }
    for (size_t i = 0; i < row.holders_count; i++) {
        if (blob->file[row.holders[i]][n] != FILE_WHOLE) {
            return "a holder by the state does not have it";
        }
    }
    bool is_short = store_blob_is_short(&places, &row);
    if (is_short != is_listed) {
        return is_short ? "it is short, and is not listed"
                        : "it is listed as short, and is not";
    }
    return is_short && has_place(&places, &row) ? "it is short" : NULL;
}

static unsigned judge_at(const struct sim_blob *blob) {
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        if (is_up(blob, id)) {
            return id;
        }
    }
    return 0;
}

bool sim_blob_idle(struct sim_blob *blob) {
    unsigned id = judge_at(blob);
    bury(blob);
    for (size_t n = 0; n < blob->things && id != 0; n++) {
        if (blob->thing[n].received && !blob->thing[n].excused &&
            fault_of(blob, id, n) != NULL) {
            return false;
        }
    }
    return blob->errands.count == 0;
}

/* All nodes know all that was acknowledged. Of nodes that were removed the copies are
 * forgotten, and those that were lost before anybody else had one. */
static void read_copies(struct sim_blob *blob, unsigned id) {
    struct sim_node *node = blob->sim->node[id];
    CHECK(store_read_begin(node->read) == OK);
    for (size_t n = 0; n < blob->things; n++) {
        struct blob_id key = id_of(n);
        struct blob_row row = {.size = 0};
        enum err err = store_blob_get(node->read, &key, &row);
        CHECK(err == OK || err == ERR_NOT_FOUND);
        for (unsigned of = 1; of <= blob->sim->nodes_count; of++) {
            if (!blob->sim->node[of]->removed) {
                size_t read = record(blob, n, of, HISTORY_READ, false);
                sim_history_return(blob->history, read, store_blob_held_by(&row, of),
                                   blob->sim->loop.now_us);
            }
        }
    }
    store_read_end(node->read);
}

bool sim_blob_visible(const struct sim_blob *blob) {
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        const struct sim_node *node = blob->sim->node[id];
        if (is_up(blob, id) && !node->old &&
            !repl_applied(node->repl, blob->acked_index)) {
            return false;
        }
    }
    return true;
}

void sim_blob_judge(struct sim_blob *blob) {
    bury(blob);
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        if (is_up(blob, id) && blob->sim->result->violations == 0) {
            read_copies(blob, id);
        }
    }
    for (unsigned id = 1; id <= blob->sim->nodes_count; id++) {
        for (size_t n = 0; n < blob->things && is_up(blob, id); n++) {
            const char *fault = blob->thing[n].received && !blob->thing[n].excused
                                    ? fault_of(blob, id, n)
                                    : NULL;
            if (fault != NULL) {
                sim_violation(blob->sim, "blob %zu, as node %u knows it: %s", n, id,
                              fault);
            }
        }
    }
}
