#include "chaos/drill/probe.h"

#include <pthread.h>
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

/* What a node said of its digest, at whichever index it stood. */
struct sample {
    struct lab *lab;
    unsigned node;
    bool answered, differs;
    uint64_t index;
    char digest[80];
};
#define TURNS 40
#define SAMPLES_MAX (TURNS * LAB_NODES_MAX)

static void *sample_one(void *arg) {
    struct sample *sample = arg;
    struct lab_status status;
    sample->answered = lab_status(sample->lab, sample->node, &status);
    if (sample->answered) {
        sample->differs = status.differs;
        sample->index = status.digest_index;
        memcpy(sample->digest, status.digest, sizeof(sample->digest));
    }
    return NULL;
}

/* Asks every node of the cluster, all at once: they go on meanwhile. How many. */
static size_t sample_all(struct lab *lab, struct sample *samples) {
    pthread_t threads[LAB_NODES_MAX];
    bool begun[LAB_NODES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < lab->count; i++) {
        const struct machine *machine = &lab->machines[i];
        if (machine->spare || machine->gone) {
            continue;
        }
        samples[count] = (struct sample){.lab = lab, .node = machine->id};
        begun[count] =
            pthread_create(&threads[count], NULL, sample_one, &samples[count]) == 0;
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        if (begun[i]) {
            pthread_join(threads[i], NULL);
        }
    }
    return count;
}

/* Nodes that were equal at some index, as one group: its lowest number. False: two
 * differ at the same index. */
static bool join_equal(const struct sample *samples, size_t count,
                       unsigned group[LAB_NODES_MAX + 1]) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            const struct sample *x = &samples[i], *y = &samples[k];
            if (!x->answered || !y->answered || x->index != y->index) {
                continue;
            }
            if (strcmp(x->digest, y->digest) != 0) {
                return false;
            }
            unsigned from = group[x->node], to = group[y->node];
            for (unsigned n = 0; n <= LAB_NODES_MAX; n++) {
                group[n] = group[n] == from ? to : group[n];
            }
        }
    }
    return true;
}

/* The same entries give the same state, so nodes that were equal at an index are: it need
 * not be one index for all of them. */
static uint64_t digests_equal(struct lab *lab, char why[256]) {
    static struct sample samples[SAMPLES_MAX];
    unsigned group[LAB_NODES_MAX + 1];
    size_t count = 0;

    for (unsigned n = 0; n <= LAB_NODES_MAX; n++) {
        group[n] = n;
    }
    for (int turn = 0; turn < TURNS; turn++) {
        size_t nodes = sample_all(lab, samples + count), joined = 0;
        bool good = true;
        for (size_t i = count; i < count + nodes; i++) {
            good &= !samples[i].differs;
        }
        count += nodes;
        if (!good || !join_equal(samples, count, group)) {
            snprintf(why, 256, "two nodes differ at the same index");
            return 0;
        }
        for (size_t i = count - nodes; i < count; i++) {
            joined += group[samples[i].node] == group[samples[count - 1].node];
        }
        if (joined == nodes) {
            return 1;
        }
    }
    snprintf(why, 256, "not all nodes were seen at an index that another one was at");
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
                          "/oauth/.well-known/openid-configuration",
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
