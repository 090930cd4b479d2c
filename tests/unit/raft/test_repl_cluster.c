/* Replicas as processes: load, leadership, kill -9, what must refuse to start or
 * to serve. Timings are printed, never judged. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "raft/repl_exit.h"
#include "store/base/err.h"
#include "tests/unit/raft/repl_cluster.h"

#define KILLS 6

static struct cluster c;

static int setup_3(void **state) {
    (void)state;
    cluster_init(&c, 3);
    return 0;
}

static int setup_1(void **state) {
    (void)state;
    cluster_init(&c, 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cluster_close(&c);
    return 0;
}

static void start_all(void) {
    for (uint64_t id = 1; id <= c.count; id++) {
        char why[256] = "";
        if (!cluster_start(&c, id, why)) {
            fail_msg("node %d: %s", (int)id, why);
        }
    }
    assert_int_not_equal(cluster_wait_leader(&c, 15000), 0);
}

static void ask(uint64_t id, const char *command, char answer[256]) {
    if (!cluster_ask(&c, id, command, answer)) {
        fail_msg("node %d did not answer '%s'", (int)id, command);
    }
}

/* Ends the load on every node that runs; no write may have been applied twice. */
static void pause_all(unsigned long long *ret_fails) {
    for (uint64_t id = 1; id <= c.count; id++) {
        char answer[256];
        unsigned long long acks, fails, twice;
        if (c.node[id].pid == 0) {
            continue;
        }
        ask(id, "pause", answer);
        assert_int_equal(sscanf(answer, "paused %llu %llu %llu", &acks, &fails, &twice),
                         3);
        assert_int_equal(twice, 0);
        *ret_fails += fails;
    }
}

static void check_states(void) {
    assert_true(cluster_wait_equal(&c, 20000));
    for (uint64_t id = 1; id <= c.count; id++) {
        assert_int_equal(cluster_missing(&c, id), 0);
    }
}

static void quit_all(void) {
    for (uint64_t id = 1; id <= c.count; id++) {
        assert_int_equal(cluster_quit(&c, id), 0);
    }
}

static void load_all(const char *command) {
    for (uint64_t id = 1; id <= c.count; id++) {
        char answer[256];
        ask(id, command, answer);
    }
}

static void test_concurrent_writes_and_restart(void **state) {
    (void)state;
    unsigned long long fails = 0;
    char answer[256];
    start_all();
    uint64_t leader = cluster_wait_leader(&c, 5000);
    load_all("load 16");
    cluster_collect(&c, 500);
    /* A follower leaves in good order and comes back under load. */
    uint64_t follower = leader % 3 + 1;
    ask(follower, "pause", answer);
    assert_int_equal(cluster_quit(&c, follower), 0);
    cluster_collect(&c, 300);
    assert_true(cluster_start(&c, follower, NULL));
    cluster_collect(&c, 300);
    pause_all(&fails);
    assert_int_equal(fails, 0);
    assert_true(c.acked_count > 100);
    check_states();
    quit_all();
}

static void test_transfer(void **state) {
    (void)state;
    char answer[256];
    int err;
    start_all();
    uint64_t leader = cluster_wait_leader(&c, 5000);
    uint64_t to = leader % 3 + 1;
    char command[32];
    snprintf(command, sizeof(command), "transfer %d", (int)to);
    ask(to, command, answer);
    assert_int_equal(sscanf(answer, "transfer %d", &err), 1);
    assert_int_equal(err, ERR_NOT_LEADER);
    ask(leader, command, answer);
    assert_int_equal(sscanf(answer, "transfer %d", &err), 1);
    assert_int_equal(err, OK);
    assert_int_equal(cluster_wait_leader(&c, 5000), to);
    ask(leader, "one", answer); /* now forwarded */
    assert_int_equal(sscanf(answer, "one %d", &err), 1);
    assert_int_equal(err, OK);
    quit_all();
}

static void test_stopped_node_sees_itself_stale(void **state) {
    (void)state;
    bool was_stale = false;
    setenv("REPL_STALENESS_MS", "1000", 1);
    start_all();
    unsetenv("REPL_STALENESS_MS");
    uint64_t follower = cluster_wait_leader(&c, 5000) % 3 + 1;
    for (int round = 0; round < 3 && !was_stale; round++) {
        char answer[256];
        int ready, fresh;
        assert_int_equal(kill(c.node[follower].pid, SIGSTOP), 0);
        usleep(1500000);
        /* The question is there before it wakes; no new proof can be. */
        assert_true(write(c.node[follower].in, "status\n", 7) == 7);
        assert_int_equal(kill(c.node[follower].pid, SIGCONT), 0);
        assert_true(cluster_answer(&c, follower, answer));
        assert_int_equal(
            sscanf(answer, "status %d %*s %*s %*s %*s %*s %d", &ready, &fresh), 2);
        was_stale = fresh == 0 && ready == 0;
        assert_int_not_equal(cluster_wait_leader(&c, 5000), 0); /* and recovers */
    }
    assert_true(was_stale);
    quit_all();
}

static void test_single_node(void **state) {
    (void)state;
    unsigned long long fails = 0;
    start_all();
    load_all("load 8");
    cluster_collect(&c, 300);
    cluster_kill(&c, 1);
    start_all();
    load_all("load 8");
    cluster_collect(&c, 200);
    pause_all(&fails);
    assert_int_equal(fails, 0);
    assert_true(c.acked_count > 20);
    assert_int_equal(cluster_missing(&c, 1), 0);
    quit_all();
}

static void remove_files(const char *what) {
    char command[160];
    /* `what` is a name of this test's, below its own directory. */
    snprintf(command, sizeof(command), "%s/%s", c.dir, what);
    char *argv[] = {"/bin/rm", "-rf", command, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    assert_true(pid > 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_refuses_to_start(void **state) {
    (void)state;
    char why[256];
    /* A new directory, and nobody said that this is a new cluster. */
    setenv("REPL_NO_BOOTSTRAP", "1", 1);
    assert_false(cluster_start(&c, 1, why));
    assert_non_null(strstr(why, "is empty"));
    unsetenv("REPL_NO_BOOTSTRAP");
    start_all();
    assert_int_equal(cluster_quit(&c, 1), 0);
    /* The store belongs to another cluster than the one configured. */
    c.cluster_id.b[0] ^= 1;
    assert_false(cluster_start(&c, 1, why));
    assert_non_null(strstr(why, "another cluster"));
    c.cluster_id.b[0] ^= 1;
    /* The certificate is another node's. */
    char cert[96], key[96];
    snprintf(cert, sizeof(cert), "%s/node1.pem", c.dir);
    snprintf(key, sizeof(key), "%s/node1.key", c.dir);
    repl_pki_issue(c.pki, c.cluster_id, 2, 30, cert, key);
    assert_false(cluster_start(&c, 1, why));
    assert_non_null(strstr(why, "does not name this cluster and node 1"));
    repl_pki_issue(c.pki, c.cluster_id, 1, 30, cert, key);
    /* The log is gone, the state is there. */
    remove_files("node1/raft");
    assert_false(cluster_start(&c, 1, why));
    assert_non_null(strstr(why, "holds no log"));
}

static void test_store_ahead_of_log(void **state) {
    (void)state;
    char why[256], path[2][128];
    start_all();
    assert_int_equal(cluster_quit(&c, 1), 0);
    /* Keep the log of now, go on, and put it back: its end is lost. */
    snprintf(path[0], sizeof(path[0]), "%s/node1/raft", c.dir);
    snprintf(path[1], sizeof(path[1]), "%s/kept", c.dir);
    char *copy[] = {"/bin/cp", "-a", path[0], path[1], NULL};
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execv(copy[0], copy);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    start_all();
    assert_int_equal(cluster_quit(&c, 1), 0);
    remove_files("node1/raft");
    assert_int_equal(rename(path[1], path[0]), 0);
    assert_false(cluster_start(&c, 1, why));
    assert_non_null(strstr(why, "the log ends at"));
}

static void test_spoilt_state_stops_serving(void **state) {
    (void)state;
    char answer[256];
    int err;
    start_all();
    uint64_t spoilt = cluster_wait_leader(&c, 5000) % 3 + 1;
    assert_int_equal(cluster_quit(&c, spoilt), 0);
    setenv("REPL_SPOIL", "1", 1);
    assert_true(cluster_start(&c, spoilt, NULL));
    unsetenv("REPL_SPOIL");
    uint64_t healthy = spoilt % 3 + 1;
    bool noticed = false;
    for (int i = 0; i < 100 && !noticed; i++) {
        struct node_view view;
        ask(healthy, "one", answer);
        assert_int_equal(sscanf(answer, "one %d", &err), 1);
        assert_int_equal(err, OK);
        assert_true(cluster_view(&c, spoilt, &view));
        noticed = view.differs && !view.ready && !view.fresh;
        usleep(50000);
    }
    assert_true(noticed);
    /* The majority goes on: a node that has compared itself with the spoilt one first
     * is in doubt until it has with the other. */
    for (uint64_t id = 1; id <= 3; id++) {
        struct node_view view = {0};
        for (int i = 0; i < 100 && view.ready != (id != spoilt); i++) {
            usleep(50000);
            assert_true(cluster_view(&c, id, &view));
        }
        assert_int_equal(view.ready, id != spoilt);
    }
}

static void test_stalled_raft_thread_ends_the_process(void **state) {
    (void)state;
    setenv("REPL_STALL_MS", "800", 1);
    start_all();
    unsetenv("REPL_STALL_MS");
    assert_true(write(c.node[1].in, "stall\n", 6) == 6);
    assert_int_equal(cluster_wait_exit(&c, 1), REPL_EXIT_STALLED);
}

static void test_no_space(void **state) {
    (void)state;
    char answer[256];
    int err;
    start_all();
    uint64_t full = cluster_wait_leader(&c, 5000);
    assert_int_equal(cluster_quit(&c, full), 0);
    setenv("REPL_FREE_MIN", "4611686018427387904", 1); /* more than any disk has */
    assert_true(cluster_start(&c, full, NULL));
    unsetenv("REPL_FREE_MIN");
    err = OK;
    for (int i = 0; i < 100 && err == OK; i++) {
        ask(full, "one", answer);
        assert_int_equal(sscanf(answer, "one %d", &err), 1);
        usleep(50000);
    }
    assert_int_equal(err, ERR_NO_SPACE);
    ask(full % 3 + 1, "one", answer);
    assert_int_equal(sscanf(answer, "one %d", &err), 1);
    assert_int_equal(err, OK);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The longest time without an acknowledgement around `at_us`. */
static uint64_t outage_us(uint64_t at_us) {
    uint64_t *times = malloc((c.acked_count + 1) * sizeof(*times));
    size_t count = 0;
    uint64_t longest = 0;
    assert_non_null(times);
    for (size_t i = 0; i < c.acked_count; i++) {
        if (c.acked_us[i] + 100000 > at_us) {
            times[count++] = c.acked_us[i];
        }
    }
    qsort(times, count, sizeof(*times), by_value);
    for (size_t i = 1; i < count; i++) {
        if (times[i] - times[i - 1] > longest) {
            longest = times[i] - times[i - 1];
        }
    }
    free(times);
    return longest;
}

static void test_leader_killed_under_load(void **state) {
    (void)state;
    uint64_t outage[KILLS];
    unsigned long long fails = 0;
    start_all();
    load_all("load 8");
    for (int i = 0; i < KILLS; i++) {
        char answer[256];
        cluster_collect(&c, 300);
        uint64_t leader = cluster_wait_leader(&c, 15000);
        assert_int_not_equal(leader, 0);
        uint64_t at = cluster_mono_us();
        cluster_kill(&c, leader);
        cluster_collect(&c, 1500);
        outage[i] = outage_us(at);
        assert_true(cluster_start(&c, leader, NULL));
        ask(leader, "load 8", answer);
    }
    cluster_collect(&c, 500);
    pause_all(&fails);
    printf("first write after kill -9 of the leader, ms:");
    for (int i = 0; i < KILLS; i++) {
        printf(" %llu", (unsigned long long)outage[i] / 1000);
    }
    printf("; %zu writes acknowledged, %llu not\n", c.acked_count, fails);
    assert_int_equal(fails, 0); /* requests wait for the new leader */
    check_states();
    quit_all();
}

static void test_node_beyond_the_log(void **state) {
    (void)state;
    char answer[256];
    unsigned long long fails = 0;
    setenv("REPL_TRAILING_BYTES", "1", 1); /* that is, the smallest */
    setenv("REPL_MARKER_ENTRIES", "2048", 1);
    start_all();
    uint64_t leader = cluster_wait_leader(&c, 5000);
    uint64_t away = leader % 3 + 1;
    cluster_kill(&c, away);
    struct node_view before, now;
    assert_true(cluster_view(&c, leader, &before));
    ask(leader, "load 2", answer);
    do {
        cluster_collect(&c, 200);
        assert_true(cluster_view(&c, leader, &now));
    } while (now.applied < before.applied + 6000);
    pause_all(&fails);
    assert_int_equal(fails, 0);
    assert_true(cluster_start(&c, away, NULL));
    assert_int_equal(cluster_wait_exit(&c, away), REPL_EXIT_BEYOND_LOG);
    /* The others restart from their markers. */
    for (uint64_t id = 1; id <= 3; id++) {
        if (id != away) {
            cluster_kill(&c, id);
        }
    }
    for (uint64_t id = 1; id <= 3; id++) {
        if (id != away) {
            assert_true(cluster_start(&c, id, NULL));
        }
    }
    unsetenv("REPL_TRAILING_BYTES");
    unsetenv("REPL_MARKER_ENTRIES");
    leader = cluster_wait_leader(&c, 15000);
    assert_int_not_equal(leader, 0);
    assert_true(cluster_wait_equal(&c, 10000));
    assert_int_equal(cluster_missing(&c, leader), 0);
}

static void test_wrong_clock_does_not_lead(void **state) {
    (void)state;
    start_all();
    uint64_t wrong = cluster_wait_leader(&c, 5000);
    cluster_kill(&c, wrong);
    setenv("REPL_WALL_OFFSET_S", "7200", 1);
    assert_true(cluster_start(&c, wrong, NULL));
    unsetenv("REPL_WALL_OFFSET_S");
    uint64_t leader = cluster_wait_leader(&c, 15000);
    assert_int_not_equal(leader, 0);
    char command[32], answer[256];
    snprintf(command, sizeof(command), "transfer %d", (int)wrong);
    if (leader != wrong) {
        int err;
        ask(leader, command, answer);
        assert_int_equal(sscanf(answer, "transfer %d", &err), 1);
        assert_int_equal(err, OK); /* it did lead */
    }
    /* It hands leadership back, and has not moved the cluster's time. */
    for (int i = 0; i < 200 && (leader == wrong || leader == 0 || i == 0); i++) {
        usleep(50000);
        leader = cluster_wait_leader(&c, 5000);
    }
    assert_int_not_equal(leader, wrong);
    struct node_view view;
    assert_true(cluster_view(&c, leader, &view));
    assert_true(view.clock_ms / 1000 < (uint64_t)time(NULL) + 60);
    assert_true(view.clock_ms / 1000 + 60 > (uint64_t)time(NULL));
}

int main(int argc, char **argv) {
    const struct CMUnitTest quick[] = {
        cmocka_unit_test_setup_teardown(test_concurrent_writes_and_restart, setup_3,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_transfer, setup_3, teardown),
        cmocka_unit_test_setup_teardown(test_single_node, setup_1, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_to_start, setup_1, teardown),
        cmocka_unit_test_setup_teardown(test_store_ahead_of_log, setup_1, teardown),
    };
    const struct CMUnitTest full[] = {
        cmocka_unit_test_setup_teardown(test_leader_killed_under_load, setup_3,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_node_beyond_the_log, setup_3, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_clock_does_not_lead, setup_3,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_stopped_node_sees_itself_stale, setup_3,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_spoilt_state_stops_serving, setup_3,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_stalled_raft_thread_ends_the_process,
                                        setup_1, teardown),
        cmocka_unit_test_setup_teardown(test_no_space, setup_3, teardown),
    };
    if (argc > 2) {
        cmocka_set_test_filter(argv[2]);
    }
    return argc > 1 && strcmp(argv[1], "full") == 0
               ? cmocka_run_group_tests_name("full", full, NULL, NULL)
               : cmocka_run_group_tests_name("quick", quick, NULL, NULL);
}
