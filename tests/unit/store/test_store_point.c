/* What a deferred store comes back with after its process, or its machine, has ended. */
#include "tests/unit/store/unit.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_account.h"
#include "store/store_lmdb.h"
#include "store/store_write.h"
#include "tests/unit/store/store_fixture.h"

#define PAGE 4096u
/* Of data.point: a header, two heads, a check sum, in whole blocks. */
#define PLACE (3 * PAGE)

struct fixture {
    struct store_fixture store;
    uint64_t rows;
};

static void open_deferred(struct fixture *fx) {
    struct store_config config = {.dir = fx->store.dir,
                                  .map_bytes = 256u * 1024 * 1024,
                                  .readers_max = 16,
                                  .deferred = true};
    assert_ok(store_open(&config, &fx->store.store));
}

static int setup(void **state) {
    struct fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    store_fixture_open(&fx->store);
    store_close(fx->store.store);
    open_deferred(fx);
    *state = fx;
    return 0;
}

static void path_of(const struct fixture *fx, const char *name, char out[200]) {
    assert_true(snprintf(out, 200, "%s/%s", fx->store.dir, name) < 200);
}

static int teardown(void **state) {
    struct fixture *fx = *state;
    char path[200];
    store_close(fx->store.store);
    fx->store.store = NULL;
    path_of(fx, "data.point", path);
    (void)unlink(path);
    path_of(fx, "data.applied", path);
    (void)unlink(path);
    store_fixture_close(&fx->store);
    free(fx);
    return 0;
}

/* A commit with rows all over the tables, as `index`. */
static void commit(struct fixture *fx, uint64_t index) {
    struct store_meta meta = {.applied_index = index, .applied_term = 1};
    struct store_write *write;
    assert_ok(store_write_begin(fx->store.store, &write));
    for (int i = 0; i < 40; i++, fx->rows++) {
        struct login_attempts attempts = {.failures = 1, .forget_at_ms = 10 + fx->rows};
        struct key_hash key = key_of(fx->rows * UINT64_C(0x9e3779b97f4a7c15));
        assert_ok(store_attempts_put(write, key, &attempts));
    }
    assert_ok(store_write_commit(write, &meta));
}

static void make_point(struct fixture *fx) {
    assert_ok(store_point_take(fx->store.store));
    assert_ok(store_point_sync(fx->store.store));
    store_point_done(fx->store.store);
}

static void assert_stands_at(struct fixture *fx, uint64_t index) {
    assert_int_equal(meta_of(fx->store.store).applied_index, index);
    assert_digest_sound(fx->store.store);
}

static void reopen(struct fixture *fx) {
    store_abandon(fx->store.store);
    open_deferred(fx);
}

static uint8_t *read_all(const struct fixture *fx, const char *name, size_t *ret_len) {
    char path[200];
    struct stat st;
    path_of(fx, name, path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *data = malloc((size_t)st.st_size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
    (void)close(fd);
    *ret_len = (size_t)st.st_size;
    return data;
}

static void scribble(const struct fixture *fx, const char *name, size_t at, size_t len) {
    char path[200];
    uint8_t junk[PAGE];
    memset(junk, 0xa5, sizeof junk);
    path_of(fx, name, path);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, len, (off_t)at), (ssize_t)len);
    (void)close(fd);
}

static bool has_point(const struct fixture *fx) {
    static const char magic[] = "TSPOINT1";
    size_t len;
    uint8_t *bytes = read_all(fx, "data.point", &len);
    assert_int_equal(len, 2 * PLACE);
    bool found = memcmp(bytes, magic, 8) == 0 || memcmp(bytes + PLACE, magic, 8) == 0;
    free(bytes);
    return found;
}

static void it_goes_back_to_the_last_point(void **state) {
    struct fixture *fx = *state;
    commit(fx, 1);
    commit(fx, 2);
    make_point(fx);
    commit(fx, 3);
    assert_stands_at(fx, 3);
    reopen(fx);
    assert_stands_at(fx, 2);
    commit(fx, 3); /* the log has it again */
    assert_ok(store_sync(fx->store.store));
    reopen(fx);
    assert_stands_at(fx, 3);
}

static void nothing_is_lost_by_an_end_in_good_order(void **state) {
    struct fixture *fx = *state;
    commit(fx, 1);
    assert_true(has_point(fx));
    store_close(fx->store.store);
    assert_false(has_point(fx));
    open_deferred(fx);
    assert_stands_at(fx, 1);
}

/* Any page that was written since the point may be junk: both heads among them. */
static void a_power_cut_may_tear_what_came_later(void **state) {
    struct fixture *fx = *state;
    size_t len, len_after;
    for (uint64_t index = 1; index <= 30; index++) { /* pages are freed and used again */
        commit(fx, index);
        if (index % 7 == 0) {
            make_point(fx);
        }
    }
    make_point(fx);
    uint8_t *before = read_all(fx, "data.mdb", &len);
    for (uint64_t index = 31; index <= 60; index++) {
        commit(fx, index);
    }
    uint8_t *after = read_all(fx, "data.mdb", &len_after);
    store_abandon(fx->store.store);
    size_t torn = 0;
    for (size_t at = 0; at + PAGE <= len_after; at += PAGE) {
        if (at >= len || memcmp(before + at, after + at, PAGE) != 0) {
            scribble(fx, "data.mdb", at, PAGE);
            torn++;
        }
    }
    assert_true(torn > 100);
    free(before);
    free(after);
    open_deferred(fx);
    assert_stands_at(fx, 30);
    for (uint64_t index = 31; index <= 40; index++) {
        commit(fx, index);
    }
    assert_stands_at(fx, 40);
}

/* Until the new point is on the device nothing of the old one is touched, however many
 * commits there are meanwhile. */
static void the_old_point_stands_until_the_new_one_does(void **state) {
    struct fixture *fx = *state;
    commit(fx, 1);
    make_point(fx);
    commit(fx, 2);
    assert_ok(store_point_take(fx->store.store));
    for (uint64_t index = 3; index <= 20; index++) {
        commit(fx, index);
    }
    reopen(fx);
    assert_stands_at(fx, 1);
}

/* A forced one while another is being made: the older of them changes nothing. */
static void a_forced_point_is_not_undone_by_a_slower_one(void **state) {
    struct fixture *fx = *state;
    commit(fx, 1);
    assert_ok(store_point_take(fx->store.store));
    commit(fx, 2);
    assert_ok(store_sync(fx->store.store));
    assert_ok(store_point_sync(fx->store.store));
    store_point_done(fx->store.store);
    for (uint64_t index = 3; index <= 20; index++) {
        commit(fx, index);
    }
    reopen(fx);
    assert_stands_at(fx, 2);
}

static void a_torn_place_leaves_the_other(void **state) {
    struct fixture *fx = *state;
    size_t len;
    commit(fx, 1);
    make_point(fx);
    uint8_t *before = read_all(fx, "data.point", &len);
    commit(fx, 2);
    assert_ok(store_point_take(fx->store.store));
    assert_ok(store_point_sync(fx->store.store));
    uint8_t *after = read_all(fx, "data.point", &len);
    size_t place = memcmp(before, after, PLACE) != 0 ? 0 : PLACE;
    store_abandon(fx->store.store);
    scribble(fx, "data.point", place + 100, 50);
    free(before);
    free(after);
    open_deferred(fx);
    assert_stands_at(fx, 1);
}

static void a_rotten_point_is_refused_and_changes_nothing(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    struct store *store = NULL;
    size_t len, len_after;
    commit(fx, 1);
    make_point(fx);
    store_abandon(fx->store.store);
    fx->store.store = NULL;
    uint8_t *before = read_all(fx, "data.mdb", &len);
    scribble(fx, "data.point", 100, 50);
    scribble(fx, "data.point", PLACE + 100, 50);
    assert_int_equal(store_open(&config, &store), ERR_CORRUPT);
    uint8_t *after = read_all(fx, "data.mdb", &len_after);
    assert_int_equal(len, len_after);
    assert_memory_equal(before, after, len);
    free(before);
    free(after);
}

/* The pages that the older place names are used again, once the newer one stands. */
static void the_older_place_is_void(void **state) {
    struct fixture *fx = *state;
    size_t len;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    struct store *store = NULL;
    commit(fx, 1);
    make_point(fx);
    uint8_t *before = read_all(fx, "data.point", &len);
    commit(fx, 2);
    make_point(fx);
    uint8_t *after = read_all(fx, "data.point", &len);
    size_t place = memcmp(before + 8, after + 8, PLACE - 8) != 0 ? 0 : PLACE;
    free(before);
    free(after);
    store_abandon(fx->store.store);
    fx->store.store = NULL;
    scribble(fx, "data.point", place + 100, 50);
    assert_int_equal(store_open(&config, &store), ERR_CORRUPT);
}

/* The system tells a lost page once; a second sync that succeeds proves nothing (P1). */
static void after_a_failed_sync_nothing_is_named(void **state) {
    struct fixture *fx = *state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int *fd = &fx->store.store->point.file_fd;
    int kept = *fd;
    assert_true(full >= 0);
    commit(fx, 1);
    make_point(fx);
    commit(fx, 2);
    assert_ok(store_point_take(fx->store.store));
    *fd = full;
    assert_int_equal(store_point_sync(fx->store.store), ERR_NO_SPACE);
    *fd = kept;
    assert_int_equal(store_sync(fx->store.store), ERR_NO_SPACE);
    (void)close(full);
    reopen(fx);
    assert_stands_at(fx, 1);
}

/* P5. */
static void what_was_committed_is_known_behind_the_point(void **state) {
    struct fixture *fx = *state;
    assert_int_equal(store_witness(fx->store.store).index, 0);
    commit(fx, 1);
    make_point(fx);
    commit(fx, 2);
    commit(fx, 3);
    reopen(fx);
    assert_stands_at(fx, 1);
    assert_int_equal(store_witness(fx->store.store).index, 3);
    assert_int_equal(store_witness(fx->store.store).term, 1);
    commit(fx, 2); /* the log gives it again */
    reopen(fx);
    assert_int_equal(store_witness(fx->store.store).index, 3);
    store_abandon(fx->store.store);
    scribble(fx, "data.applied", 9, 1);
    open_deferred(fx);
    assert_int_equal(store_witness(fx->store.store).index, 0);
}

/* P4: killed while the file was made to name nothing, the older place first. */
static void a_file_that_half_names_nothing_goes_back_once_more(void **state) {
    struct fixture *fx = *state;
    static const char magic[] = "TSPOINT1";
    char path[200];
    size_t len;
    commit(fx, 1);
    make_point(fx);
    commit(fx, 2);
    uint8_t *bytes = read_all(fx, "data.point", &len);
    unsigned older = memcmp(bytes, magic, 8) == 0 ? 1 : 0;
    free(bytes);
    store_abandon(fx->store.store);
    path_of(fx, "data.point", path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "TSPOINT0", 8, older * PLACE), 8);
    (void)close(fd);
    open_deferred(fx);
    assert_stands_at(fx, 1);
    /* A place that rots while the other says nothing is no reason to go on. */
    make_point(fx);
    store_abandon(fx->store.store);
    fx->store.store = NULL;
    scribble(fx, "data.point", 0, 50);
    scribble(fx, "data.point", PLACE, 50);
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    assert_int_equal(store_open(&config, &fx->store.store), ERR_CORRUPT);
    fx->store.store = NULL;
}

/* In a file system of its own, which a mount of this process alone is. */
static void fill_device(const char *path) {
    static const uint8_t zero[65536];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    size_t step = sizeof zero;
    assert_true(fd >= 0);
    while (step > 0) {
        if (write(fd, zero, step) != (ssize_t)step) {
            step /= 2;
        }
    }
    (void)close(fd);
}

/* What it lets go meanwhile, another takes. */
static void end_on_full_device(struct fixture *fx, bool in_order) {
    char path[200];
    path_of(fx, "ballast", path);
    if (in_order) {
        store_close(fx->store.store);
    } else {
        store_abandon(fx->store.store);
    }
    fill_device(path);
    open_deferred(fx);
}

static int start_on_full_device(void) {
    struct fixture fx = {.rows = 0};
    char path[200];
    snprintf(fx.store.dir, sizeof fx.store.dir, "%s", "/mnt");
    open_deferred(&fx);
    for (uint64_t index = 1; index <= 20; index++) {
        commit(&fx, index);
    }
    make_point(&fx);
    commit(&fx, 21);
    path_of(&fx, "ballast", path);
    fill_device(path);
    end_on_full_device(&fx, false);
    assert_stands_at(&fx, 20);
    end_on_full_device(&fx, true);
    assert_stands_at(&fx, 20);
    make_point(&fx);
    end_on_full_device(&fx, false);
    assert_stands_at(&fx, 20);
    assert_int_equal(unlink(path), 0);
    commit(&fx, 21);
    end_on_full_device(&fx, true);
    assert_stands_at(&fx, 21);
    store_close(fx.store.store);
    return 0;
}

static void a_full_device_keeps_no_store_from_starting(void **state) {
    (void)state;
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool own = unshare(CLONE_NEWNS) == 0 &&
                   mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                   mount("tmpfs", "/mnt", "tmpfs", 0, "size=16m") == 0;
        _exit(own ? start_on_full_device() : 77);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip(); /* not root */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A release that knows no restart points must not open it any more. */
static void a_store_of_the_first_format_becomes_one_of_the_second(void **state) {
    struct fixture *fx = *state;
    static const uint8_t first[4] = {1};
    struct store_meta meta = {.applied_index = 1, .applied_term = 1};
    struct store_write *write;
    struct store_read *read;
    struct span format;
    assert_ok(store_write_begin(fx->store.store, &write));
    assert_ok(store_table_put(write, TABLE_META, span_str("format"),
                              span_of(first, sizeof first)));
    assert_ok(store_write_commit(write, &meta));
    store_close(fx->store.store);
    open_deferred(fx);
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_table_get(read, TABLE_META, span_str("format"), &format));
    assert_int_equal(format.data[0], 2);
    store_read_end(read);
    store_read_free(read);
    assert_int_equal(meta_of(fx->store.store).applied_index, 1);
}

static void only_one_may_write(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    struct store *store = NULL;
    assert_int_equal(store_open(&config, &store), ERR_BUSY);
    commit(fx, 1);
    assert_stands_at(fx, 1);
}

/* Whoever repairs a node's data offline finds the same state, and syncs its commits. */
static void a_store_that_is_not_deferred_goes_back_as_well(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    commit(fx, 1);
    make_point(fx);
    commit(fx, 2);
    store_abandon(fx->store.store);
    assert_ok(store_open(&config, &fx->store.store));
    assert_false(has_point(fx));
    assert_stands_at(fx, 1);
    commit(fx, 5);
    store_abandon(fx->store.store);
    open_deferred(fx);
    assert_stands_at(fx, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_goes_back_to_the_last_point, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_lost_by_an_end_in_good_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_power_cut_may_tear_what_came_later, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_old_point_stands_until_the_new_one_does,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_forced_point_is_not_undone_by_a_slower_one,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_place_leaves_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rotten_point_is_refused_and_changes_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_older_place_is_void, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_failed_sync_nothing_is_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_committed_is_known_behind_the_point,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_file_that_half_names_nothing_goes_back_once_more, setup, teardown),
        cmocka_unit_test(a_full_device_keeps_no_store_from_starting),
        cmocka_unit_test_setup_teardown(
            a_store_of_the_first_format_becomes_one_of_the_second, setup, teardown),
        cmocka_unit_test_setup_teardown(only_one_may_write, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_that_is_not_deferred_goes_back_as_well,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
