/* repl_bench: commands a second and latencies of three nodes on this machine.
 *   repl_bench [SECONDS [OUTSTANDING_PER_NODE]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/base/check.h"
#include "tests/unit/raft/repl_cluster.h"

static int by_value(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return x < y ? -1 : x > y;
}

static void print_latency(struct cluster *c, uint64_t id, const char *command,
                          const char *what) {
    long us[200];
    char answer[256], name[16];
    size_t count = sizeof(us) / sizeof(us[0]);
    for (size_t i = 0; i < count; i++) {
        int err;
        CHECK(cluster_ask(c, id, command, answer));
        CHECK(sscanf(answer, "%15s %d %ld", name, &err, &us[i]) == 3 && err == 0);
        usleep(3000);
    }
    qsort(us, count, sizeof(us[0]), by_value);
    printf("%-28s p50 %6.2f ms   p99 %6.2f ms\n", what, (double)us[count / 2] / 1000,
           (double)us[count * 99 / 100] / 1000);
}

static void print_rate(struct cluster *c, uint64_t only, unsigned seconds, unsigned n,
                       const char *what) {
    char command[64], answer[256];
    unsigned long long total = 0;
    snprintf(command, sizeof(command), "bench %u %u\n", seconds, n);
    for (uint64_t id = 1; id <= c->count; id++) {
        if (only == 0 || only == id) {
            CHECK(write(c->node[id].in, command, strlen(command)) > 0);
        }
    }
    printf("%s:\n", what);
    for (uint64_t id = 1; id <= c->count; id++) {
        unsigned long long acks;
        unsigned p50, p99;
        if (only != 0 && only != id) {
            continue;
        }
        /* An empty question: the answer is already on its way. */
        CHECK(cluster_answer(c, id, answer));
        CHECK(sscanf(answer, "bench %llu %u %u", &acks, &p50, &p99) == 3);
        printf("  node %d: %8.0f/s   p50 %6.2f ms   p99 %6.2f ms\n", (int)id,
               (double)acks / seconds, p50 / 1000.0, p99 / 1000.0);
        total += acks;
    }
    printf("  together %.0f commands/s, %u outstanding a node\n",
           (double)total / seconds, n);
}

int main(int argc, char **argv) {
    struct cluster c;
    unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5;
    unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 256;
    cluster_init(&c, 3);
    for (uint64_t id = 1; id <= 3; id++) {
        CHECK(cluster_start(&c, id, NULL));
    }
    uint64_t leader = cluster_wait_leader(&c, 10000);
    CHECK(leader != 0);
    uint64_t follower = leader == 1 ? 2 : 1;
    print_latency(&c, leader, "one", "write on the leader, idle");
    print_latency(&c, follower, "one", "write on a follower, idle");
    print_latency(&c, leader, "read", "read on the leader, idle");
    print_latency(&c, follower, "read", "read on a follower, idle");
    print_rate(&c, 0, seconds, n, "load on all three");
    print_rate(&c, leader, seconds, n, "load on the leader");
    print_rate(&c, follower, seconds, n, "load on a follower");
    CHECK(cluster_wait_equal(&c, 10000));
    for (uint64_t id = 1; id <= 3; id++) {
        CHECK(cluster_quit(&c, id) == 0);
    }
    cluster_close(&c);
    return 0;
}
