/* The background check, with this program as its own child: whole, rotten, a child that
 * dies, one that cannot be run, and an end in the middle. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server/scrub.h"
#include "store/store_account.h"
#include "tests/unit/store/store_fixture.h"
#include "tests/unit/store/unit.h"

static char said[1400];
static _Atomic int told;

static void on_rotten(void *arg, const char *why) {
    (void)arg;
    snprintf(said, sizeof(said), "%s", why);
    told++;
}

static void fill(struct store_fixture *fx) {
    struct store_write *write;
    store_fixture_open(fx);
    assert_ok(store_write_begin(fx->store, &write));
    for (uint64_t n = 0; n < 2000; n++) {
        struct account account = {.sub = id_of(n),
                                  .login_index = key_of(n),
                                  .type = ACCOUNT_PRIME,
                                  .state = ACCOUNT_ACTIVE,
                                  .generation = 1,
                                  .password_hash = span_str("$argon2id$ scrub me"),
                                  .sealed_profile = span_str("sealed")};
        assert_ok(store_account_put(write, &account));
    }
    struct store_meta meta = {.applied_index = 7, .applied_term = 1};
    assert_ok(store_write_commit(write, &meta));
}

/* Runs until one check has ended. */
static struct scrub_status run(const char *dir, const char *program) {
    struct scrub_config config = {.program = program,
                                  .dir = dir,
                                  .interval_s = 3600,
                                  .clock = port_system_clock,
                                  .rotten = on_rotten};
    struct scrub_status status = {0};
    struct scrub *scrub;
    assert_ok(scrub_start(&config, &scrub));
    for (int i = 0; i < 3000 && status.ended_wall_ms == 0; i++) {
        struct timespec pause = {0, 10000000};
        nanosleep(&pause, NULL);
        scrub_status(scrub, &status);
    }
    scrub_stop(scrub);
    assert_true(status.ended_wall_ms != 0);
    assert_false(status.running);
    return status;
}

/* Changes bytes of the file behind LMDB's back; returns how often `text` was there. */
static size_t rot(const char *dir, const char *text) {
    char path[128];
    size_t found = 0, len;
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    char *bytes = malloc(8 << 20);
    assert_non_null(bytes);
    len = fread(bytes, 1, 8 << 20, file);
    for (size_t i = 0; i + strlen(text) <= len; i++) {
        if (memcmp(bytes + i, text, strlen(text)) == 0) {
            found++;
            assert_int_equal(fseek(file, (long)i, SEEK_SET), 0);
            assert_int_equal(fputc(text[0] ^ 1, file), text[0] ^ 1);
        }
    }
    free(bytes);
    assert_int_equal(fclose(file), 0);
    return found;
}

static void test_whole_then_rotten(void **state) {
    (void)state;
    struct store_fixture fx;
    fill(&fx);
    told = 0;
    struct scrub_status status = run(fx.dir, "/proc/self/exe");
    assert_true(status.done && status.whole && !status.failed);
    assert_int_equal(status.index, 7);
    assert_int_equal(status.rows_total, 4000); /* accounts and their log-in names */
    assert_int_equal(status.rows, 4000);
    assert_int_equal(told, 0);
    assert_true(rot(fx.dir, "scrub me") >= 2000);
    status = run(fx.dir, "/proc/self/exe");
    assert_true(status.done && !status.whole && !status.failed);
    assert_int_equal(told, 1);
    assert_non_null(strstr(said, "data.mdb is damaged"));
    store_fixture_close(&fx);
}

/* Its death is an answer; that it could not be run is none. */
static void test_the_childs_end(void **state) {
    (void)state;
    struct store_fixture fx;
    char script[80];
    fill(&fx);
    told = 0;
    snprintf(script, sizeof(script), "%s.sh", fx.dir);
    FILE *file = fopen(script, "w");
    assert_non_null(file);
    fputs("#!/bin/sh\nkill -SEGV $$\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(script, 0700), 0);
    struct scrub_status status = run(fx.dir, script);
    assert_true(status.done && !status.whole);
    assert_int_equal(told, 1);
    assert_non_null(strstr(said, "signal 11"));
    unlink(script);
    /* Somebody ended it: that says nothing about the store. */
    file = fopen(script, "w");
    assert_non_null(file);
    fputs("#!/bin/sh\nkill -KILL $$\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(script, 0700), 0);
    status = run(fx.dir, script);
    assert_true(status.failed && !status.done);
    assert_int_equal(told, 1);
    unlink(script);
    /* What is damaged is told apart. */
    file = fopen(script, "w");
    assert_non_null(file);
    fputs("#!/bin/sh\nexit 3\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(script, 0700), 0);
    status = run(fx.dir, script);
    assert_true(status.done && !status.whole);
    assert_int_equal(told, 2);
    assert_null(strstr(said, "add up"));
    assert_non_null(strstr(said, "a page"));
    told = 1;
    unlink(script);
    status = run(fx.dir, "/nonexistent");
    assert_true(status.failed && !status.done);
    status = run("/nonexistent", "/proc/self/exe");
    assert_true(status.failed);
    assert_int_equal(told, 1);
    store_fixture_close(&fx);
}

static int child_of(long parent, const char *dir) {
    char of[160];
    int status;
    snprintf(of, sizeof(of), "%ld:%s", parent, dir);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(scrub_child(of));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A child whose node ended while it started would walk for nobody. */
static void test_an_orphan_ends(void **state) {
    (void)state;
    struct store_fixture fx;
    fill(&fx);
    assert_int_equal(child_of((long)getpid(), fx.dir), 0);
    assert_int_equal(child_of((long)getpid() + 1, fx.dir), 2);
    store_fixture_close(&fx);
}

static void test_stops_in_the_middle(void **state) {
    (void)state;
    struct scrub_config config = {.program = "/bin/sleep", /* of an unknown option */
                                  .dir = "/tmp",
                                  .interval_s = 3600,
                                  .clock = port_system_clock,
                                  .rotten = on_rotten};
    struct scrub *scrub;
    told = 0;
    for (int i = 0; i < 20; i++) {
        assert_ok(scrub_start(&config, &scrub));
        scrub_stop(scrub);
    }
    config.first_s = 3600;
    assert_ok(scrub_start(&config, &scrub));
    scrub_stop(scrub);
    scrub_stop(NULL);
    assert_int_equal(told, 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_then_rotten),
        cmocka_unit_test(test_the_childs_end),
        cmocka_unit_test(test_an_orphan_ends),
        cmocka_unit_test(test_stops_in_the_middle),
    };
    if (argc == 2 && strncmp(argv[1], "--scrub=", 8) == 0) {
        return scrub_child(argv[1] + 8);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
