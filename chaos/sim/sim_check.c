#include "chaos/sim/sim_check.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_world.h"
#include "raft/repl_exit.h"
#include "store/base/check.h"

/* I4: the core's own bound, and the time that a majority may be off by itself. */
#define AHEAD_MAX_MS (2000 + 500)

/* A disk that was hurt has caught up with its queue so long after. */
#define HURT_US (30 * SIM_US_PER_S)

void sim_check_init(struct sim_check *check) {
    *check = (struct sim_check){.epoch = 0};
}

void sim_check_close(struct sim_check *check) {
    free(check->state);
    free(check->leader);
}

void sim_check_epoch(struct sim_check *check, uint64_t epoch) {
    memset(check->state, 0, check->cap * sizeof(*check->state));
    memset(check->leader, 0, check->leader_cap * sizeof(*check->leader));
    check->epoch = epoch;
    check->index_max = 0;
}

static struct sim_state *state_at(struct sim_check *check, uint64_t index) {
    if (index >= check->cap) {
        size_t cap = check->cap == 0 ? 4096 : check->cap;
        while (cap <= index) {
            cap *= 2;
        }
        check->state = realloc(check->state, cap * sizeof(*check->state));
        CHECK(check->state != NULL);
        memset(check->state + check->cap, 0,
               (cap - check->cap) * sizeof(*check->state));
        check->cap = cap;
    }
    return &check->state[index];
}

static unsigned *leader_of(struct sim_check *check, uint64_t term) {
    if (term >= check->leader_cap) {
        size_t cap = check->leader_cap == 0 ? 256 : check->leader_cap;
        while (cap <= term) {
            cap *= 2;
        }
        check->leader = realloc(check->leader, cap * sizeof(*check->leader));
        CHECK(check->leader != NULL);
        memset(check->leader + check->leader_cap, 0,
               (cap - check->leader_cap) * sizeof(*check->leader));
        check->leader_cap = cap;
    }
    return &check->leader[term];
}

static void check_state(struct sim_node *node, const struct store_meta *meta) {
    struct sim_check *check = &node->sim->check;
    struct sim_state *state = state_at(check, meta->applied_index);
    if (state->node == 0) {
        uint64_t wall_ms = sim_wall_ms(node->sim);
        *state = (struct sim_state){meta->digest, meta->clock_ms, node->id};
        if (meta->clock_ms > wall_ms + AHEAD_MAX_MS) {
            sim_violation(node->sim,
                          "replicated time is %llu ms ahead of true time at index %llu",
                          (unsigned long long)(meta->clock_ms - wall_ms),
                          (unsigned long long)meta->applied_index);
        }
    } else if (state->node != node->id) {
        check->compared++;
    }
    if (memcmp(&state->digest, &meta->digest, sizeof(state->digest)) != 0) {
        sim_violation(node->sim, "nodes %u and %u have different states at index %llu",
                      state->node, node->id, (unsigned long long)meta->applied_index);
    }
    if (state->clock_ms != meta->clock_ms) {
        sim_violation(node->sim, "nodes %u and %u have different times at index %llu",
                      state->node, node->id, (unsigned long long)meta->applied_index);
    }
    if (meta->applied_index > check->index_max) {
        check->index_max = meta->applied_index;
    }
}

void sim_check_copy(struct sim *sim, const struct store_meta *meta) {
    const struct sim_state *state = state_at(&sim->check, meta->applied_index);
    if (state->node != 0 &&
        memcmp(&state->digest, &meta->digest, sizeof(state->digest)) != 0) {
        sim_violation(sim, "a copy and node %u have different states at index %llu",
                      state->node, (unsigned long long)meta->applied_index);
    }
}

static void check_progress(struct sim_node *node, const struct store_meta *meta) {
    if (meta->applied_index < node->seen_index) {
        sim_violation(node->sim, "node %u went back from index %llu to %llu", node->id,
                      (unsigned long long)node->seen_index,
                      (unsigned long long)meta->applied_index);
    }
    if (meta->clock_ms < node->seen_clock_ms) {
        sim_violation(node->sim, "replicated time fell by %llu ms on node %u",
                      (unsigned long long)(node->seen_clock_ms - meta->clock_ms),
                      node->id);
    }
    node->seen_index = meta->applied_index;
    node->seen_clock_ms = meta->clock_ms;
}

static void check_leader(struct sim_node *node) {
    struct repl_status status;
    repl_status(node->repl, &status);
    if (status.leader_id != node->id || status.term == 0) {
        return;
    }
    unsigned *leader = leader_of(&node->sim->check, status.term);
    if (*leader == 0) {
        *leader = node->id;
        node->sim->check.elections++;
    } else if (*leader != node->id) {
        sim_violation(node->sim, "nodes %u and %u both led in term %llu", *leader,
                      node->id, (unsigned long long)status.term);
    }
}

void sim_check_node(struct sim_node *node) {
    struct store_meta meta = {0};
    CHECK(store_read_begin(node->read) == OK);
    uint64_t commit = store_read_commit(node->read);
    if (commit != node->seen_commit) {
        node->seen_commit = commit;
        CHECK(store_read_meta(node->read, &meta) == OK);
    }
    store_read_end(node->read);
    if (meta.applied_index > 0 &&
        (meta.applied_index != node->seen_index || meta.epoch != node->seen_epoch)) {
        node->seen_epoch = meta.epoch;
        if (!node->old) {
            check_state(node, &meta);
        }
        check_progress(node, &meta);
        sim_trace(sim_loop_of(node->sim), meta.digest.lo);
    }
    if (!node->old) {
        check_leader(node);
    }
}

void sim_check_undone(struct sim_node *node) {
    node->seen_index = node->point_index > node->synced_index ? node->point_index
                                                              : node->synced_index;
    node->seen_clock_ms = 0;
}

void sim_check_ended(struct sim_node *node) {
    const struct sim_disk *disk = &node->disk;
    bool explained = false;
    switch (node->exit_code) {
    case REPL_EXIT_STALLED:
    case REPL_EXIT_LOG:
        explained = disk->hurt_us > 0 &&
                    sim_loop_of(node->sim)->now_us < disk->hurt_us + HURT_US;
        break;
    case REPL_EXIT_STATE:
        explained = node->sync_failed;
        break;
    case REPL_EXIT_BEYOND_LOG:
        explained = node->asks_reseed;
        break;
    case REPL_EXIT_REMOVED:
        explained = node->removed;
        break;
    default:
        break;
    }
    if (!explained && !node->skewed) {
        sim_violation(node->sim, "node %u ended with %d for no fault of its own: %s",
                      node->id, node->exit_code, node->why);
    }
}

void sim_check_refused(struct sim_node *node) {
    if (!node->skewed && !node->rotten) {
        sim_violation(node->sim, "node %u refused to start: %s", node->id, node->why);
    }
}

void sim_check_started(struct sim_node *node) {
    if (node->rotten) {
        sim_violation(node->sim, "node %u started on a damaged log", node->id);
    }
}
