#include "chaos/sim/sim_history.h"

#include <stdlib.h>

#include "chaos/checker/linear.h"
#include "chaos/sim/sim_world.h"
#include "store/base/check.h"

struct sim_history {
    struct history history;
};

struct sim_history *sim_history_new(void) {
    struct sim_history *history = calloc(1, sizeof(*history));
    CHECK(history != NULL);
    history_init(&history->history);
    return history;
}

void sim_history_free(struct sim_history *history) {
    history_free(&history->history);
    free(history);
}

size_t sim_history_call(struct sim_history *history, enum history_model model,
                        uint64_t key, enum history_kind kind, uint64_t argument,
                        unsigned node, uint64_t now_us) {
    struct history_op op = {.model = model,
                            .kind = kind,
                            .key = key,
                            .argument = argument,
                            .process = node,
                            .call_us = now_us};
    size_t number = history_call(&history->history, &op);
    CHECK(number != SIZE_MAX);
    return number;
}

void sim_history_return(struct sim_history *history, size_t operation, uint64_t result,
                        uint64_t now_us) {
    history_return(&history->history, operation, result, now_us);
}

void sim_history_turned_out(struct sim_history *history, size_t operation,
                            enum history_kind kind) {
    history_turned_out(&history->history, operation, kind);
}

void sim_history_drop(struct sim_history *history, size_t operation) {
    history_forget(&history->history, operation);
}

static void on_object(void *arg, enum history_verdict verdict, enum history_model model,
                      uint64_t key, const char *text) {
    struct sim *sim = arg;
    sim_violation(sim, "%s %llu is %s: %s", history_model_name(model),
                  (unsigned long long)key,
                  verdict == HISTORY_BROKEN ? "not linearizable" : "undecided", text);
}

void sim_history_judge(struct sim_history *history, struct sim *sim) {
    struct linear_report report = {.object = on_object, .arg = sim};
    enum history_verdict verdict = linear_check(&history->history, &report);
    if (verdict != HISTORY_LINEAR && report.broken + report.undecided == 0) {
        sim_violation(sim, "the history could not be judged"); /* no object was told */
    }
}
