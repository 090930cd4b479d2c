/* sim_history: the clients' operations, as chaos/checker judges them. */
#ifndef CHAOS_SIM_HISTORY_H
#define CHAOS_SIM_HISTORY_H

#include "chaos/checker/history.h"

struct sim;
struct sim_history;

#define SIM_NO_HISTORY SIZE_MAX

struct sim_history *sim_history_new(void);
void sim_history_free(struct sim_history *history);
/* An operation begins. What is never returned may have happened or not. */
size_t sim_history_call(struct sim_history *history, enum history_model model,
                        uint64_t key, enum history_kind kind, uint64_t argument,
                        unsigned node, uint64_t now_us);
void sim_history_return(struct sim_history *history, size_t operation, uint64_t result,
                        uint64_t now_us);
/* What was answered tells that it was another kind. Before sim_history_return. */
void sim_history_turned_out(struct sim_history *history, size_t operation,
                            enum history_kind kind);
/* It did not happen: it was refused before anything was done, or was a read. */
void sim_history_drop(struct sim_history *history, size_t operation);
/* Each key that is not linearizable is a violation, with what shows it. */
void sim_history_judge(struct sim_history *history, struct sim *sim);

#endif
