/* sim_scenario: the hazards that were found in libraft and around it, each as a run
 * of its own with a name. What the run shows is said beside each in sim_scenario.c. */
#ifndef CHAOS_SIM_SCENARIO_H
#define CHAOS_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdio.h>

struct sim;

/* Names, one a line. */
void sim_scenario_list(FILE *to, const char *indent);
bool sim_scenario_known(const char *name);
unsigned sim_scenario_nodes(const char *name);
/* With clients at work and all nodes up. */
void sim_scenario_run(struct sim *sim, const char *name);

#endif
