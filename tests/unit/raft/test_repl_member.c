/* Members change while replicas run as processes: added, promoted, removed, moved
 * to a preferred region; the leader killed in between. Nothing is judged by a time
 * but that it happens within a generous one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raft/repl_exit.h"
#include "store/base/check.h"
#include "tests/unit/raft/repl_cluster.h"

#define LONG_MS 30000

static struct cluster c;

/* Nodes 1 to 3 are the cluster; 4 and 5 have certificates and ports. */
static int setup(void **state) {
    (void)state;
    cluster_init(&c, 5);
    c.count = 3;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    c.count = 5;
    cluster_close(&c);
    return 0;
}

static void ask(uint64_t id, const char *command, char answer[256]) {
    if (!cluster_ask(&c, id, command, answer)) {
        fail_msg("node %d did not answer '%s'", (int)id, command);
    }
}

static void start(uint64_t id) {
    char why[256] = "";
    if (!cluster_start(&c, id, why)) {
        fail_msg("node %d: %s", (int)id, why);
    }
}

static uint64_t start_all(void) {
    for (uint64_t id = 1; id <= 3; id++) {
        start(id);
    }
    uint64_t leader = cluster_wait_leader(&c, LONG_MS);
    assert_int_not_equal(leader, 0);
    return leader;
}

/* Ask until the node's answer to `members` has `text` in it. */
static void wait_members(uint64_t id, const char *text) {
    uint64_t until = cluster_mono_us() + LONG_MS * 1000;
    char answer[256] = "";
    while (cluster_mono_us() < until) {
        ask(id, "members", answer);
        if (strstr(answer, text) != NULL) {
            return;
        }
        usleep(20000);
    }
    fail_msg("node %d, waiting for '%s': %s", (int)id, text, answer);
}

static void change(uint64_t id, int code, const char *format, unsigned node) {
    char line[128], answer[256], want[32];
    snprintf(line, sizeof(line), format, node, c.port[node]);
    snprintf(want, sizeof(want), "changed 0 %d", code);
    ask(id, line, answer);
    if (strcmp(answer, want) != 0) {
        fail_msg("%s: %s, not %s", line, answer, want);
    }
}

#define ADD "add %u 127.0.0.1:%u r9"
#define PROMOTE "promote %u"
#define REMOVE "remove %u"
#define OK_CODE 0
#define CHANGING_CODE 19
#define LAST_VOTER_CODE 20

/* A directory as seeding leaves it: a copy of a node that has stopped in good
 * order. (How an image is made and taken is tested elsewhere.) */
static void seed_from(uint64_t from, uint64_t to) {
    char command[256];
    assert_int_equal(cluster_quit(&c, from), 0);
    CHECK(snprintf(command, sizeof(command), "cp -r %s/node%d %s/node%d", c.dir,
                   (int)from, c.dir, (int)to) < (int)sizeof(command));
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    start(from);
    assert_int_not_equal(cluster_wait_leader(&c, LONG_MS), 0);
}

static void remove_dir(const char *dir) {
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        execl("/bin/rm", "rm", "-r", dir, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void load(const char *command) {
    for (uint64_t id = 1; id <= c.count; id++) {
        char answer[256];
        if (c.node[id].pid != 0) {
            ask(id, command, answer);
        }
    }
}

static void check_states(void) {
    load("pause");
    assert_true(cluster_wait_equal(&c, LONG_MS));
    for (uint64_t id = 1; id <= c.count; id++) {
        if (c.node[id].pid != 0) {
            assert_int_equal(cluster_missing(&c, id), 0);
        }
    }
}

static void test_a_node_is_added_promoted_and_one_removed(void **state) {
    (void)state;
    uint64_t leader = start_all();
    uint64_t follower = leader % 3 + 1;
    wait_members(leader, "3:2:1:voter");
    seed_from(follower, 4);
    load("load 4");
    change(leader, OK_CODE, ADD, 4);
    wait_members(leader, "node 4 is being added: it is not connected");
    change(leader, CHANGING_CODE, REMOVE, (unsigned)follower);
    c.count = 4;
    start(4);
    wait_members(leader, " 4:1:1:standby");
    wait_members(4, " 4:1:1:standby");
    change(leader, OK_CODE, PROMOTE, 4);
    wait_members(leader, " 4:2:1:voter");
    wait_members(4, " 4:2:1:voter");
    /* The leader leaves: it hands over first, and ends once it is out. */
    char answer[256];
    ask(leader, "pause", answer);
    change(follower, OK_CODE, REMOVE, (unsigned)leader);
    assert_int_equal(cluster_wait_exit(&c, leader), REPL_EXIT_REMOVED);
    char gone[16];
    snprintf(gone, sizeof(gone), " %d:", (int)leader);
    wait_members(4, "|"); /* no change is under way */
    ask(4, "members", answer);
    assert_null(strstr(answer, gone));
    check_states();
    /* Its number on a state that says that it is out: it ends before it says a word. */
    char dir[160];
    snprintf(dir, sizeof(dir), "%s/node%d", c.dir, (int)leader);
    remove_dir(dir);
    seed_from(follower, leader);
    assert_false(cluster_start(&c, leader, answer));
    int status = c.node[leader].status;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), REPL_EXIT_REMOVED);
}

/* The leader dies while the change is half done: the next one goes on with it. */
static void test_a_change_survives_its_leader(void **state) {
    (void)state;
    uint64_t leader = start_all();
    uint64_t follower = leader % 3 + 1;
    wait_members(leader, "3:2:1:voter");
    seed_from(follower, 4);
    leader = cluster_wait_leader(&c, LONG_MS);
    follower = leader % 3 + 1;
    change(follower, OK_CODE, ADD, 4);
    wait_members(leader, "it is not connected");
    cluster_kill(&c, leader);
    c.count = 4;
    start(4);
    wait_members(follower, " 4:1:1:standby");
    change(follower, OK_CODE, PROMOTE, 4);
    wait_members(follower, " 4:2:1:voter");
    /* The dead one goes, and three voters are left. */
    change(follower, OK_CODE, REMOVE, (unsigned)leader);
    char gone[16], answer[256];
    snprintf(gone, sizeof(gone), " %d:3:", (int)leader);
    for (int i = 0; i < 1000; i++) {
        ask(follower, "members", answer);
        if (strstr(answer, gone) == NULL) {
            break;
        }
        usleep(20000);
    }
    assert_null(strstr(answer, gone));
    assert_int_not_equal(cluster_wait_leader(&c, LONG_MS), 0);
    check_states();
}

/* A voter that never answers: the change that would leave no live majority waits. */
static void test_no_step_without_a_live_majority(void **state) {
    (void)state;
    char answer[256];
    uint64_t leader = start_all();
    uint64_t other = leader % 3 + 1, dead = other % 3 + 1;
    wait_members(leader, "3:2:1:voter");
    cluster_kill(&c, dead);
    sleep(2);
    change(leader, OK_CODE, REMOVE, (unsigned)other);
    wait_members(leader, "no majority of the voters that stay is live");
    sleep(1);
    ask(leader, "members", answer);
    assert_non_null(strstr(answer, "no majority of the voters that stay is live"));
    start(dead);
    assert_int_equal(cluster_wait_exit(&c, other), REPL_EXIT_REMOVED);
    assert_int_not_equal(cluster_wait_leader(&c, LONG_MS), 0);
    check_states();
}

static void test_leadership_goes_to_the_preferred_region(void **state) {
    (void)state;
    char line[32], answer[256];
    uint64_t leader = start_all();
    uint64_t wanted = leader % 3 + 1;
    struct node_view view = {0};
    wait_members(leader, "3:2:1:voter");
    snprintf(line, sizeof(line), "prefer r%d", (int)wanted);
    ask(leader, line, answer);
    assert_string_equal(answer, "changed 0 0");
    for (int i = 0; i < 1500 && view.leader != wanted; i++) {
        usleep(20000);
        assert_true(cluster_view(&c, leader, &view));
    }
    assert_int_equal(view.leader, wanted);
    check_states();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_node_is_added_promoted_and_one_removed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_change_survives_its_leader, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_no_step_without_a_live_majority, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_leadership_goes_to_the_preferred_region,
                                        setup, teardown),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
