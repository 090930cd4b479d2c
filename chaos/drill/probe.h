/* probe: questions to a cluster, by name, for the steady state before and after.
 * Thread: the main one. */
#ifndef CHAOS_DRILL_PROBE_H
#define CHAOS_DRILL_PROBE_H

#include "chaos/drill/lab.h"

bool probe_known(const char *func);
/* One line a probe, for people. NULL: no more. */
const char *probe_help(size_t i, const char **ret_text);
/* What it says now: 1 true, 0 false, or a number. `why` (may be empty) says more. */
uint64_t probe_ask(struct lab *lab, const char *func, char why[256]);

#endif
