/* linear: is a history linearizable?
 *
 * Objects are judged one by one (a history is linearizable if it is for each object:
 * Herlihy and Wing 1990, §3.1). The search is Wing and Gong's, with Lowe's memory of
 * configurations (operations done, state) that led nowhere. What keeps it small,
 * without changing a verdict:
 *   - an operation that explains its answer and changes nothing is done at once;
 *   - of several that do the same, the one that must be done first is tried alone;
 *   - one without answer is not done where it would change nothing, and not at all if
 *     nothing depends on the value that it writes.
 * Invariants:
 *   L1  HISTORY_LINEAR only with a witness found, HISTORY_BROKEN only after all orders
 *       were excluded; a search that is given up is HISTORY_UNDECIDED, never "good";
 *   L2  the same history gives the same verdict and text. */
#ifndef CHAOS_CHECKER_LINEAR_H
#define CHAOS_CHECKER_LINEAR_H

#include "chaos/checker/history.h"

/* Steps of one search: a step looks at one operation. */
#define LINEAR_STEPS_MAX 20000000u
#define LINEAR_OPS_MAX 65536u /* of one object */

enum history_verdict { HISTORY_LINEAR, HISTORY_UNDECIDED, HISTORY_BROKEN };

struct linear_report {
    size_t objects, operations, unknown;
    size_t broken, undecided;
    uint64_t steps;
    /* Called for each object that is not HISTORY_LINEAR, in the order of (model, key):
     * the shortest beginning of its history that already is none, as text. */
    void (*object)(void *arg, enum history_verdict verdict, enum history_model model,
                   uint64_t key, const char *text);
    void *arg;
};

/* The worst verdict of all objects. `report` (its `object` may be NULL) is filled in.
 * Out of memory is HISTORY_UNDECIDED. */
enum history_verdict linear_check(const struct history *history,
                                  struct linear_report *report);

#endif
