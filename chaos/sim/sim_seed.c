#include "chaos/sim/sim_seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/sim/sim_world.h"
#include "raft/repl_marker.h"
#include "store/base/check.h"
#include "store/store_image.h"

#define AGAIN_US (300 * SIM_US_PER_MS)
#define PIECE_US (2 * SIM_US_PER_MS)
#define CAPTURE_MS 3000

struct sim_seeding {
    unsigned taker, donor; /* donor 0: none now */
    uint64_t attempt;
    struct repl_capture capture;
    bool captured, waiting;
    struct image_source *source;
    struct image_sink *sink;
};

struct attempt {
    unsigned taker;
    uint64_t attempt;
};

static struct sim_seeding *seeding_of(struct sim *sim, unsigned taker) {
    return sim->node[taker]->seeding;
}

bool sim_seed_runs(const struct sim_node *node) {
    return node->seeding != NULL;
}

/* --- files of the taker --- */

static void staging_of(const struct sim_node *node, char out[160]) {
    CHECK(snprintf(out, 160, "%s/staging", node->dir) < 160);
}

static void clear_staging(const struct sim_node *node) {
    char dir[160], file[200];
    staging_of(node, dir);
    snprintf(file, sizeof(file), "%s/data.mdb", dir);
    (void)unlink(file);
    snprintf(file, sizeof(file), "%s/lock.mdb", dir);
    (void)unlink(file);
    (void)rmdir(dir);
}

static void put_in_place(struct sim_node *node) {
    char from[200], to[200];
    snprintf(from, sizeof(from), "%s/staging/data.mdb", node->dir);
    snprintf(to, sizeof(to), "%s/data.mdb", node->dir);
    CHECK(rename(from, to) == 0);
    snprintf(to, sizeof(to), "%s/data.point", node->dir); /* of the file before */
    (void)unlink(to);
    clear_staging(node);
}

/* --- one attempt --- */

static void give_up_attempt(struct sim_seeding *s, struct sim *sim) {
    struct sim_node *donor = s->donor == 0 ? NULL : sim->node[s->donor];
    if (s->source != NULL) {
        store_image_source_free(s->source);
        s->source = NULL;
    }
    if (s->captured && donor != NULL && donor->repl != NULL) {
        repl_capture_release(&s->capture);
    }
    s->captured = false;
    store_image_sink_free(s->sink);
    s->sink = NULL;
    s->donor = 0;
    s->attempt++;
    clear_staging(sim->node[s->taker]);
}

static void on_attempt(struct sim *sim, unsigned owner, void *arg);
static void on_piece(struct sim *sim, unsigned owner, void *arg);

static void later(struct sim *sim, const struct sim_seeding *s, uint64_t us,
                  const char *what, sim_fn run) {
    struct attempt *attempt = malloc(sizeof(*attempt));
    CHECK(attempt != NULL);
    *attempt = (struct attempt){s->taker, s->attempt};
    sim_after(&sim->loop, us, 0, what, run, attempt);
}

static void again(struct sim *sim, struct sim_seeding *s) {
    give_up_attempt(s, sim);
    later(sim, s, AGAIN_US, "seed.again", on_attempt);
}

static bool is_current(struct sim *sim, const struct attempt *attempt) {
    const struct sim_seeding *s = seeding_of(sim, attempt->taker);
    return s != NULL && s->attempt == attempt->attempt;
}

static void add_member(struct raft_configuration *configuration,
                       const struct image_member *member) {
    CHECK(raft_configuration_add(configuration, member->id, member->address,
                                 member->role) == 0);
}

void sim_seed_put(struct sim_node *node, const struct image_head *head, bool alone) {
    struct raft_configuration configuration;
    uint8_t bytes[REPL_MARKER_LEN];
    struct repl_marker marker = {head->meta.applied_index, head->meta.applied_term,
                                 head->meta.cluster_id};
    struct raft_buffer buf = {.base = bytes, .len = sizeof(bytes)};
    struct image_member self = {.id = node->id, .role = RAFT_VOTER};
    repl_marker_encode(&marker, bytes);
    raft_configuration_init(&configuration);
    snprintf(self.address, sizeof(self.address), "%s",
             node->peers[node->id - 1].address);
    if (alone) {
        add_member(&configuration, &self);
    }
    for (size_t i = 0; i < head->members_count && !alone; i++) {
        add_member(&configuration, &head->members[i]);
    }
    sim_disk_reseed(&node->disk, head->meta.applied_index, head->meta.applied_term,
                    &configuration,
                    alone ? head->meta.applied_index : head->configuration_index, &buf);
    if (alone) { /* a term that nobody has voted in */
        node->disk.log.term++;
        node->disk.log.vote = 0;
    }
    raft_configuration_close(&configuration);
    node->synced_index = head->meta.applied_index;
    node->point_index = 0;
    node->rotten = false;
    node->asks_reseed = false;
    node->seen_index = 0; /* its own past is gone: the image's may be all it has */
    node->seen_clock_ms = 0;
}

/* The image is whole: the disk's log begins at its marker, then the node starts. */
static void finish(struct sim *sim, struct sim_seeding *s) {
    struct sim_node *node = sim->node[s->taker];
    struct image_head head;
    char why[256];
    enum err err = store_image_sink_finish(s->sink, &head, why);
    if (err != OK) {
        sim_violation(sim, "an image for node %u is refused: %s", node->id, why);
        again(sim, s);
        return;
    }
    CHECK(head.meta.applied_index >= sim_disk_floor(&node->disk)); /* E1 */
    store_image_sink_free(s->sink);
    s->sink = NULL;
    put_in_place(node);
    give_up_attempt(s, sim);
    free(s);
    node->seeding = NULL;
    sim_seed_put(node, &head, false);
    sim->result->reseeds++;
    (void)sim_node_start(node);
}

static void on_piece(struct sim *sim, unsigned owner, void *arg) {
    const struct attempt *attempt = arg;
    struct span piece;
    char why[256] = "";
    (void)owner;
    if (!is_current(sim, attempt)) {
        return;
    }
    struct sim_seeding *s = seeding_of(sim, attempt->taker);
    if (sim_percent(&sim->rng, 3)) { /* the taker is killed, and begins again */
        again(sim, s);
        return;
    }
    enum err err = store_image_source_next(s->source, &piece);
    if (err == OK && piece.len > 0) {
        err = store_image_sink_feed(s->sink, piece, why);
    }
    if (err != OK) {
        sim_violation(sim, "an image of node %u fails: %s %s", s->donor, err_str(err),
                      why);
        again(sim, s);
    } else if (piece.len == 0) {
        finish(sim, s);
    } else {
        later(sim, s, PIECE_US, "seed.piece", on_piece);
    }
}

static void on_captured(struct repl_wait *wait) {
    struct repl_capture *capture =
        (struct repl_capture *)((char *)wait - offsetof(struct repl_capture, wait));
    struct sim_seeding *s =
        (struct sim_seeding *)((char *)capture - offsetof(struct sim_seeding, capture));
    struct sim *sim = sim_now();
    s->waiting = false;
    if (s->donor == 0) {
        return; /* the donor went while its answer was on the way */
    }
    if (wait->err != OK) {
        again(sim, s);
        return;
    }
    s->captured = true;
    struct sim_node *node = sim->node[s->taker];
    struct image_sink_config config = {.map_bytes = SIM_MAP_BYTES,
                                       .cluster_id = s->capture.head.meta.cluster_id,
                                       .use = IMAGE_COPY};
    char dir[160], why[256];
    staging_of(node, dir);
    CHECK(mkdir(dir, 0700) == 0);
    config.dir = dir;
    CHECK(store_image_source_new(s->capture.read, &s->capture.head, &s->source) == OK);
    CHECK(store_image_sink_new(&config, &s->sink, why) == OK);
    later(sim, s, PIECE_US, "seed.piece", on_piece);
}

static void capture_call(struct sim_node *node, void *arg) {
    struct sim_seeding *s = arg;
    s->capture = (struct repl_capture){0};
    s->capture.floor_index = sim_disk_floor(&node->sim->node[s->taker]->disk);
    s->capture.wait.deadline_mono_ms =
        node->mono_origin_ms + sim_ms(&node->sim->loop) + CAPTURE_MS;
    s->capture.wait.loop = sim_work_loop(node->sim->work);
    s->capture.wait.done = on_captured;
    s->waiting = repl_capture(node->repl, &s->capture) == OK;
}

static void on_attempt(struct sim *sim, unsigned owner, void *arg) {
    const struct attempt *attempt = arg;
    (void)owner;
    if (!is_current(sim, attempt)) {
        return;
    }
    struct sim_seeding *s = seeding_of(sim, attempt->taker);
    if (s->waiting) {
        later(sim, s, AGAIN_US, "seed.again", on_attempt);
        return;
    }
    unsigned donor = 1 + (unsigned)sim_below(&sim->rng, sim->nodes_count);
    struct sim_node *node = sim->node[donor];
    s->donor = donor;
    if (donor == s->taker || node->repl == NULL || node->quitting ||
        node->old != sim->node[s->taker]->old || /* of another epoch: refused */
        !sim_node_enter(node, capture_call, s) || !s->waiting) {
        again(sim, s);
    }
}

void sim_seed_begin(struct sim_node *taker) {
    struct sim_seeding *s = calloc(1, sizeof(*s));
    CHECK(s != NULL && taker->seeding == NULL && taker->repl == NULL);
    s->taker = taker->id;
    taker->seeding = s;
    clear_staging(taker);
    later(taker->sim, s, AGAIN_US, "seed.begin", on_attempt);
}

void sim_seed_donor_gone(struct sim_node *node) {
    struct sim *sim = node->sim;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct sim_seeding *s = sim->node[id]->seeding;
        if (s != NULL && s->donor == node->id) {
            bool answered = !s->waiting;
            if (s->captured) {
                s->captured = false; /* its hold goes with the process */
            }
            give_up_attempt(s, sim);
            s->waiting = s->waiting && !answered && node->repl != NULL;
            later(sim, s, AGAIN_US, "seed.again", on_attempt);
        }
    }
}

void sim_seed_drop(struct sim_node *taker) {
    if (taker->seeding != NULL) {
        give_up_attempt(taker->seeding, taker->sim);
        free(taker->seeding);
        taker->seeding = NULL;
    }
}

/* --- members --- */

enum replace_step { ADD, JOIN, PROMOTE, REMOVE, DONE };

struct sim_replace {
    struct sim *sim;
    enum replace_step step;
    unsigned fresh, old;
    bool busy;
    unsigned asked; /* this node, in this life: if it ends nobody answers */
    uint64_t asked_life;
    struct repl_request request;
    struct buf payload;
};

bool sim_seed_replacing(const struct sim *sim) {
    return sim->replace != NULL && sim->replace->step != DONE;
}

static void on_replace(struct sim *sim, unsigned owner, void *arg);

static void replace_later(struct sim *sim) {
    sim_after(&sim->loop, AGAIN_US, 0, "replace", on_replace, NULL);
}

/* An answer that did not come is asked for again: each step is refused as done if it
 * is (OUT_EXISTS, OUT_MEMBER_STATE, OUT_NOT_FOUND). */
static void on_changed(struct repl_request *request) {
    struct sim_replace *replace =
        (struct sim_replace *)((char *)request - offsetof(struct sim_replace, request));
    bool known = request->err == OK;
    enum outcome_code code = request->outcome.code;
    repl_request_close(request);
    replace->busy = false;
    if (known && replace->step == ADD && (code == OUT_OK || code == OUT_EXISTS)) {
        replace->step = JOIN;
        sim_seed_begin(replace->sim->node[replace->fresh]);
    } else if (known && replace->step == PROMOTE &&
               (code == OUT_OK || code == OUT_MEMBER_STATE)) {
        replace->step = REMOVE;
    } else if (known && replace->step == REMOVE &&
               (code == OUT_OK || code == OUT_NOT_FOUND || code == OUT_MEMBER_STATE)) {
        replace->step = DONE;
    }
}

struct ask {
    struct sim_replace *replace;
    enum err err;
};

static void ask_call(struct sim_node *node, void *arg) {
    struct ask *ask = arg;
    struct repl_request *request = &ask->replace->request;
    request->deadline_mono_ms = node->mono_origin_ms + sim_ms(&node->sim->loop) + 4000;
    request->loop = sim_work_loop(node->sim->work);
    request->done = on_changed;
    ask->err = repl_submit(node->repl, request);
}

static void ask(struct sim *sim, const struct command *command) {
    struct sim_replace *replace = sim->replace;
    unsigned leader = sim_leader(sim);
    struct ask asked = {replace, ERR_CLOSED};
    if (leader == 0) {
        return;
    }
    buf_reset(&replace->payload);
    CHECK(command_encode(command, &replace->payload) == OK);
    memset(&replace->request, 0, sizeof(replace->request));
    replace->request.type = command->type;
    replace->request.payload = buf_span(&replace->payload);
    replace->busy = true;
    replace->asked = leader;
    replace->asked_life = sim->loop.life[leader];
    if (!sim_node_enter(sim->node[leader], ask_call, &asked) || asked.err != OK) {
        replace->busy = false;
    }
}

static void ask_role(struct sim *sim, unsigned node, enum member_role role) {
    struct command command = {.type = CMD_MEMBER_ROLE, .member_role = {node, role}};
    if (role == MEMBER_GONE) {
        sim->node[node]->removed = true; /* perhaps: it may end by itself from now on */
    }
    ask(sim, &command);
}

static void ask_add(struct sim *sim, unsigned node) {
    struct command command = {.type = CMD_MEMBER_ADD, .member_add = {.member = {node}}};
    struct member_at *at = &command.member_add.member;
    const struct repl_peer_config *peer = &sim->node[node]->peers[node - 1];
    snprintf(at->address, sizeof(at->address), "%s", peer->address);
    snprintf(at->region, sizeof(at->region), "%s", peer->region);
    ask(sim, &command);
}

static void on_replace(struct sim *sim, unsigned owner, void *arg) {
    struct sim_replace *replace = sim->replace;
    (void)owner;
    (void)arg;
    if (replace->step == DONE) {
        return;
    }
    if (replace->busy && sim->loop.life[replace->asked] != replace->asked_life) {
        replace->busy = false;
    }
    if (replace->busy) {
        replace_later(sim);
        return;
    }
    if (replace->step == ADD) {
        ask_add(sim, replace->fresh);
    } else if (replace->step == JOIN && sim->node[replace->fresh]->seeding == NULL) {
        replace->step = PROMOTE;
    } else if (replace->step == PROMOTE) {
        ask_role(sim, replace->fresh, MEMBER_VOTER);
    } else if (replace->step == REMOVE && replace->old == 0) {
        replace->step = DONE;
    } else if (replace->step == REMOVE) {
        ask_role(sim, replace->old, MEMBER_GONE);
    }
    replace_later(sim);
}

void sim_seed_replace(struct sim *sim, unsigned old) {
    if (sim_seed_replacing(sim) || sim->nodes_count + 1 >= SIM_OWNERS) {
        return;
    }
    if (sim->replace == NULL) {
        sim->replace = calloc(1, sizeof(*sim->replace));
        CHECK(sim->replace != NULL);
        sim->replace->sim = sim;
        buf_init(&sim->replace->payload, LIMIT_COMMAND);
    }
    sim->replace->fresh = sim_add_node(sim);
    sim->replace->old = old;
    sim->replace->step = ADD;
    replace_later(sim);
}

void sim_seed_free(struct sim *sim) {
    if (sim->replace != NULL) {
        buf_free(&sim->replace->payload);
        free(sim->replace);
    }
}
