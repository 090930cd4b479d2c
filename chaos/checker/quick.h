/* quick: answers that no order explains, found by counting.
 *
 * Goes before the search (chaos/checker/linear.c) and needs no bound: time and memory
 * grow with the number of operations alone. True is a proof; false says nothing. */
#ifndef CHAOS_CHECKER_QUICK_H
#define CHAOS_CHECKER_QUICK_H

#include "chaos/checker/history.h"

/* One object's operations; what returns after `until_us` has not answered yet. */
bool quick_broken(const struct history_op *const *op, size_t count, uint64_t until_us);

#endif
