/* history: what concurrent clients asked of a system, and what it answered.
 *
 * Recorded as it happens, by a simulation (chaos/sim) or a drill on a live cluster,
 * and judged afterwards (chaos/checker/linear.h). Each operation has an object (model
 * and key), a time at which it was called, and, if it ever answered, a time of return
 * and a result. One without an answer may have happened at any time after its call,
 * or never.
 *
 *   model     state               operations
 *   register  a value, 0 at first write v -> 1, read -> v, cas old new -> 1 or 0
 *   once      taken or not        take -> 1 for exactly one, 0 for all others
 *   set       one name: in or not add -> 1 or 0, remove -> 1 or 0, contains -> 1 or 0
 *   family    refresh tokens of   rotate g -> its successor g + 1; the same again for
 *             one grant: the      the member before the live one (its answer was
 *             live member, 1 at   lost), unless `second` is 1: asked when the time of
 *             first               grace was over; that or any older one ends the
 *                                 family: 0 for it and for everything after it. Who
 *                                 cannot tell whether it was over must not ask
 *   counter   0 at first          increment bound -> 1, or 0 at the bound; read -> n;
 *                                 reset -> 1
 *   job       work that is given  lease n -> 1: attempt n is somebody's, later than all
 *             out, and done once  before it; verdict n -> 1 while n is the last one given
 *                                 out, and again when it was n's that counted; late n ->
 *                                 1: n's verdict does not count, and never will. Nothing
 *                                 is given out once one counts. Leases whose answer was
 *                                 lost need not be told
 *
 * Numbers are the recorder's names for values. Thread: one at a time. */
#ifndef CHAOS_CHECKER_HISTORY_H
#define CHAOS_CHECKER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Operations in one history. */
#define HISTORY_MAX (4u * 1024 * 1024)
#define HISTORY_UNKNOWN UINT64_MAX /* as return_us */

enum history_model {
    HISTORY_REGISTER,
    HISTORY_ONCE,
    HISTORY_SET,
    HISTORY_FAMILY,
    HISTORY_COUNTER,
    HISTORY_JOB,
    HISTORY_MODELS
};

enum history_kind {
    HISTORY_READ,
    HISTORY_WRITE,
    HISTORY_CAS,
    HISTORY_TAKE,
    HISTORY_ADD,
    HISTORY_REMOVE,
    HISTORY_CONTAINS,
    HISTORY_ROTATE,
    HISTORY_INCREMENT,
    HISTORY_RESET,
    HISTORY_LEASE,
    HISTORY_VERDICT,
    HISTORY_LATE,
    HISTORY_KINDS
};

struct history_op {
    enum history_model model;
    enum history_kind kind;
    uint64_t key;
    uint64_t argument, second; /* second: of cas, the new value; of rotate, late */
    uint64_t result;
    uint64_t call_us, return_us;
    uint32_t process; /* who asked; for people */
};

struct history {
    struct history_op *op;
    size_t count, cap;
};

void history_init(struct history *history);
void history_free(struct history *history);
/* `op` without return_us and result. Its number, or SIZE_MAX when the history is full
 * or out of memory. */
size_t history_call(struct history *history, const struct history_op *op);
/* SIZE_MAX is ignored. */
void history_return(struct history *history, size_t number, uint64_t result,
                    uint64_t now_us);
/* It is known not to have happened. */
void history_forget(struct history *history, size_t number);
/* The answer tells that it was another operation on the same object. Before its return. */
void history_turned_out(struct history *history, size_t number, enum history_kind kind);

const char *history_model_name(enum history_model model);
const char *history_kind_name(enum history_kind kind);
/* False: the model has no such operation. */
bool history_kind_of(enum history_model model, enum history_kind kind);

/* One object's state; what each operation does to it. Of a job: `value` is 2n + 1 while
 * attempt n is given out, 2n + 2 when it is known that n's verdict is late; `ended` is the
 * attempt whose verdict counted. */
struct history_state {
    uint64_t value, ended;
};
struct history_state history_initial(enum history_model model);
/* Returns the result. */
uint64_t history_apply(const struct history_op *op, struct history_state *state);

#endif
