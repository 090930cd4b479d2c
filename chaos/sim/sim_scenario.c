#include "chaos/sim/sim_scenario.h"

#include <string.h>

#include "chaos/sim/sim_world.h"
#include "store/base/check.h"

struct scenario {
    const char *name;
    void (*run)(struct sim *sim);
};

/* Nothing fails: what the others are compared with. */
static void quiet(struct sim *sim) {
    sim_pass(sim, 5000);
}

static const struct scenario scenarios[] = {
    {"quiet", quiet},
};

#define COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

static const struct scenario *find(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    return NULL;
}

void sim_scenario_list(FILE *to, const char *indent) {
    for (size_t i = 0; i < COUNT; i++) {
        fprintf(to, "%s%s\n", indent, scenarios[i].name);
    }
}

bool sim_scenario_known(const char *name) {
    return find(name) != NULL;
}

void sim_scenario_run(struct sim *sim, const char *name) {
    const struct scenario *scenario = find(name);
    CHECK(scenario != NULL);
    scenario->run(sim);
}
