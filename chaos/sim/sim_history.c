#include "chaos/sim/sim_history.h"

#include <stdlib.h>

#include "store/base/check.h"

struct sim_history {
    size_t count;
};

struct sim_history *sim_history_new(void) {
    struct sim_history *history = calloc(1, sizeof(*history));
    CHECK(history != NULL);
    return history;
}

void sim_history_free(struct sim_history *history) {
    free(history);
}

size_t sim_history_call(struct sim_history *history, enum sim_model model, uint64_t key,
                        enum sim_call call, uint64_t argument, uint64_t now_us) {
    (void)model;
    (void)key;
    (void)call;
    (void)argument;
    (void)now_us;
    return history->count++;
}

void sim_history_return(struct sim_history *history, size_t operation, uint64_t result,
                        uint64_t now_us) {
    (void)history;
    (void)operation;
    (void)result;
    (void)now_us;
}

void sim_history_drop(struct sim_history *history, size_t operation) {
    (void)history;
    (void)operation;
}

void sim_history_judge(struct sim_history *history, struct sim *sim) {
    (void)history;
    (void)sim;
}
