#include "chaos/drill/probe.h"

#include <stdio.h>
#include <string.h>

#include "chaos/drill/http.h"

typedef uint64_t probe_fn(struct lab *lab, char why[256]);

static uint64_t nodes_ready(struct lab *lab, char why[256]) {
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        struct lab_status status;
        if (machine->spare || machine->gone) {
            continue;
        }
        if (!lab_status(lab, machine->id, &status)) {
            snprintf(why, 256, "node %u does not answer", machine->id);
            return 0;
        }
        if (!status.ready) {
            snprintf(why, 256, "node %u: %s", machine->id, status.why);
            return 0;
        }
    }
    return 1;
}

static uint64_t leader(struct lab *lab, char why[256]) {
    unsigned id = lab_leader(lab);
    if (id == 0) {
        snprintf(why, 256, "no node knows a leader");
    }
    return id != 0;
}

/* Statuses are some ms old: those that stand at the same index are compared. */
static uint64_t digests_equal(struct lab *lab, char why[256]) {
    struct lab_status first = {0};
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        struct lab_status status;
        if (machine->spare || machine->gone ||
            !lab_status(lab, machine->id, &status)) {
            continue;
        }
        if (status.differs) {
            snprintf(why, 256, "node %u says that a digest differs", machine->id);
            return 0;
        }
        if (first.digest[0] == '\0') {
            first = status;
        } else if (status.digest_index != first.digest_index ||
                   strcmp(status.digest, first.digest) != 0) {
            snprintf(why, 256, "node %u stands at %llu, another at %llu", machine->id,
                     (unsigned long long)status.digest_index,
                     (unsigned long long)first.digest_index);
            return 0;
        }
    }
    return first.digest[0] != '\0';
}

static uint64_t pages(struct lab *lab, char why[256]) {
    struct http http;
    int status = 0;
    for (size_t i = 0; i < lab->plan.regions_count; i++) {
        if (!http_open(&http, lab)) {
            return 0;
        }
        http_prefer(&http, (unsigned)i);
        status = http_get(&http,
                          "https://" LAB_HOST "/oauth/.well-known/openid-configuration",
                          3000);
        http_close(&http);
        if (status != 200) {
            snprintf(why, 256, "the balancer of %s answers %d", lab->plan.regions[i],
                     status);
            return 0;
        }
    }
    return 1;
}

static uint64_t outbox_waiting(struct lab *lab, char why[256]) {
    struct lab_status status;
    unsigned id = lab_leader(lab);
    if (!lab_status(lab, id, &status)) {
        snprintf(why, 256, "no leader answers");
        return UINT64_MAX;
    }
    return status.waiting;
}

static const struct {
    const char *name, *text;
    probe_fn *ask;
} table[] = {
    {"nodes_ready", "every node of the cluster answers and is ready", nodes_ready},
    {"leader", "the cluster has a leader", leader},
    {"digests_equal", "the nodes' data are the same, by digest at the same index",
     digests_equal},
    {"pages", "each region's balancer gets an answer from a node", pages},
    {"outbox_waiting", "so many messages wait for other systems", outbox_waiting},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

bool probe_known(const char *func) {
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(table[i].name, func) == 0) {
            return true;
        }
    }
    return false;
}

const char *probe_help(size_t i, const char **ret_text) {
    if (i >= ROWS) {
        return NULL;
    }
    *ret_text = table[i].text;
    return table[i].name;
}

uint64_t probe_ask(struct lab *lab, const char *func, char why[256]) {
    why[0] = '\0';
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(table[i].name, func) == 0) {
            return table[i].ask(lab, why);
        }
    }
    return 0;
}
