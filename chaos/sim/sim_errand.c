#include "chaos/sim/sim_errand.h"

#include <stdlib.h>

#include "chaos/sim/sim_world.h"
#include "store/base/check.h"

#define DEADLINE_MS 5000
#define SUBMITTED_MAX 64

void *sim_errand_new(struct sim_errands *all, size_t size) {
    struct sim_errand *errand = calloc(1, size);
    CHECK(errand != NULL);
    errand->all = all;
    errand->next = all->first;
    all->first = errand;
    all->count++;
    buf_init(&errand->payload, LIMIT_COMMAND);
    return errand;
}

static void errand_free(struct sim_errand *errand) {
    struct sim_errand **at = &errand->all->first;
    while (*at != errand) {
        at = &(*at)->next;
    }
    *at = errand->next;
    errand->all->count--;
    buf_free(&errand->payload);
    free(errand);
}

unsigned sim_errands_any_node(struct sim_errands *all) {
    struct sim *sim = all->sim;
    unsigned up[SIM_OWNERS], count = 0;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        if (sim->node[id]->repl != NULL && !sim->node[id]->quitting &&
            !sim->node[id]->old) {
            up[count++] = id;
        }
    }
    return count == 0 ? 0 : up[sim_below(all->rng, count)];
}

uint64_t sim_clock_of(const struct sim_node *node) {
    struct store_meta meta;
    CHECK(store_read_begin(node->read) == OK);
    CHECK(store_read_meta(node->read, &meta) == OK);
    store_read_end(node->read);
    return meta.clock_ms;
}

static void on_done(struct repl_request *request) {
    struct sim_errand *errand = (struct sim_errand *)(void *)request;
    if (request->err == OK) {
        errand->all->answer(errand);
    }
    repl_request_close(request);
    errand_free(errand);
}

struct submission {
    struct sim_errand *errand;
    enum err err;
};

static void submit_call(struct sim_node *node, void *arg) {
    struct submission *submission = arg;
    struct repl_request *request = &submission->errand->request;
    request->deadline_mono_ms =
        node->mono_origin_ms + sim_ms(&node->sim->loop) + DEADLINE_MS;
    request->loop = submission->errand->all->loop;
    request->done = on_done;
    submission->err = repl_submit(node->repl, request);
}

void sim_errand_submit(struct sim_errand *errand, const struct command *command,
                       unsigned node) {
    struct sim *sim = errand->all->sim;
    errand->node = node != 0 ? node : sim_errands_any_node(errand->all);
    if (errand->node == 0 || errand->all->count > SUBMITTED_MAX) {
        errand_free(errand);
        return;
    }
    CHECK(command_encode(command, &errand->payload) == OK);
    errand->request.type = command->type;
    errand->request.payload = buf_span(&errand->payload);
    errand->life = sim->loop.life[errand->node];
    errand->begun_us = sim->loop.now_us;
    errand->clock_ms = sim_clock_of(sim->node[errand->node]);
    struct submission submission = {errand, ERR_CLOSED};
    if (sim_node_enter(sim->node[errand->node], submit_call, &submission) &&
        submission.err != OK) {
        errand_free(errand);
    } /* else if it ended: sim_errands_lost has the errand */
}

void sim_errands_lost(struct sim_errands *all, unsigned node, uint64_t life) {
    struct sim_errand *next;
    for (struct sim_errand *errand = all->first; errand != NULL; errand = next) {
        next = errand->next;
        if (errand->node == node && errand->life == life) {
            errand_free(errand);
        }
    }
}

void sim_errands_close(struct sim_errands *all) {
    while (all->first != NULL) {
        errand_free(all->first);
    }
}
