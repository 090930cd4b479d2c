/* sim_history: the clients' operations, as chaos/checker judges them. */
#ifndef CHAOS_SIM_HISTORY_H
#define CHAOS_SIM_HISTORY_H

#include <stddef.h>
#include <stdint.h>

struct sim;
struct sim_history;

enum sim_model {
    SIM_MODEL_REGISTER,
    SIM_MODEL_SET,
    SIM_MODEL_COUNTER,
    SIM_MODEL_ONCE,
    SIM_MODEL_FAMILY,
};
enum sim_call {
    SIM_CALL_WRITE,
    SIM_CALL_READ,
    SIM_CALL_ADD,
    SIM_CALL_INCREMENT,
    SIM_CALL_TAKE,
    SIM_CALL_ROTATE,
};

#define SIM_NO_HISTORY SIZE_MAX

struct sim_history *sim_history_new(void);
void sim_history_free(struct sim_history *history);
/* An operation begins. What is never returned may have happened or not. */
size_t sim_history_call(struct sim_history *history, enum sim_model model, uint64_t key,
                        enum sim_call call, uint64_t argument, uint64_t now_us);
void sim_history_return(struct sim_history *history, size_t operation, uint64_t result,
                        uint64_t now_us);
/* It did not happen: it was refused before anything was done, or was a read. */
void sim_history_drop(struct sim_history *history, size_t operation);
/* Each key that is not linearizable is a violation, with what shows it. */
void sim_history_judge(struct sim_history *history, struct sim *sim);

#endif
