/* fuzz_experiment: drills' files over arbitrary bytes. A refusal names its line; what is
 * taken has what the drill counts on. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chaos/drill/experiment.h"
#include "chaos/drill/fault.h"
#include "chaos/drill/probe.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct experiment e;
    char why[256];

    memset(why, 'x', sizeof(why));
    if (experiment_parse(span_of(data, size), &e, why) != OK) {
        CHECK(memchr(why, 0, sizeof(why)) != NULL && why[0] != '\0');
        return 0;
    }
    CHECK(e.title[0] != '\0' && e.method_count > 0 && e.probes_count > 0);
    CHECK(e.lab.nodes_count >= 1 && e.lab.nodes_count <= LAB_NODES_MAX);
    CHECK(e.lab.regions_count >= 1 && e.lab.regions_count <= LAB_REGIONS_MAX);
    CHECK(!e.lab.nodes[0].standby && !e.lab.nodes[0].spare);
    for (size_t i = 0; i < e.method_count; i++) {
        CHECK(fault_check(&e.method[i]) == NULL);
        CHECK(e.method[i].ttl_s <= EXPERIMENT_TTL_MAX_S);
    }
    for (size_t i = 0; i < e.probes_count; i++) {
        CHECK(probe_known(e.probes[i].func));
    }
    return 0;
}
