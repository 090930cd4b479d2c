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

/* What nodes said of their digest, at whichever index they stood. */
struct sample {
    unsigned node;
    uint64_t index;
    char digest[80];
};
#define SAMPLES_MAX 256

/* How many nodes stand at that index in the samples; 0: two differ there. */
static unsigned agree_at(const struct sample *samples, size_t count, uint64_t index) {
    unsigned seen = 0, nodes = 0;
    const char *digest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].index != index) {
            continue;
        }
        if (digest != NULL && strcmp(digest, samples[i].digest) != 0) {
            return 0;
        }
        digest = samples[i].digest;
        nodes += (seen >> samples[i].node & 1) == 0;
        seen |= 1u << samples[i].node;
    }
    return nodes;
}

/* Asks every node; how many belong to the cluster. *ret_differs: one says so itself. */
static unsigned sample_all(struct lab *lab, struct sample *samples, size_t *count,
                           bool *ret_differs) {
    unsigned nodes = 0;
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        struct lab_status status;
        if (machine->spare || machine->gone) {
            continue;
        }
        nodes++;
        if (*count < SAMPLES_MAX && lab_status(lab, machine->id, &status)) {
            struct sample *sample = &samples[(*count)++];
            *sample = (struct sample){.node = machine->id, .index = status.digest_index};
            memcpy(sample->digest, status.digest, sizeof(sample->digest));
            *ret_differs |= status.differs;
        }
    }
    return nodes;
}

/* Nodes are asked one after the other while they go on: some index is met by all. */
static uint64_t digests_equal(struct lab *lab, char why[256]) {
    static struct sample samples[SAMPLES_MAX];
    size_t count = 0;
    bool differs = false;

    for (int turn = 0; turn < 30; turn++) {
        unsigned nodes = sample_all(lab, samples, &count, &differs);
        for (size_t i = 0; i < count && !differs; i++) {
            unsigned agree = agree_at(samples, count, samples[i].index);
            if (agree == nodes) {
                return 1;
            }
            differs = agree == 0;
        }
        if (differs) {
            snprintf(why, 256, "two nodes differ at the same index");
            return 0;
        }
    }
    snprintf(why, 256, "no index was met by all nodes");
    return 0;
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
