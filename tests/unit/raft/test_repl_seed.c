/* Data directories made out of images: a node that is seeded catches up, a restored and
 * a recovered one begin a new epoch, and a process killed after any step leaves a whole
 * old or a whole new state. Real replicas, stopped while their directories are made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raft/repl_seed_internal.h"
#include "raft/repl_seed_raft.h"
#include "tests/unit/raft/power_cut.h"
#include "tests/unit/raft/repl_cluster.h"
#include "tests/unit/store/test_dir.h"

#define MAP_BYTES (UINT64_C(1) << 30)
#define EPOCH_CHANCE 0x89abcdefu

static struct cluster c;

static int setup(void **state) {
    (void)state;
    cluster_init(&c, 3);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cluster_close(&c);
    return 0;
}

#define assert_good(expr)                                                              \
    do {                                                                               \
        enum err got_ = (expr);                                                        \
        if (got_ != OK) {                                                              \
            fail_msg("%s: %s: %s", #expr, err_str(got_), why);                         \
        }                                                                              \
    } while (0)

static void data_dir_of(uint64_t id, char out[128]) {
    snprintf(out, 128, "%s/node%d", c.dir, (int)id);
}

static struct repl_seed seed_of(uint64_t id, const char *data_dir) {
    struct repl_seed seed = {.data_dir = data_dir,
                             .node_id = id,
                             .cluster_id = c.cluster_id,
                             .map_bytes = MAP_BYTES,
                             .epoch_chance = EPOCH_CHANCE,
                             .region = "r1"};
    snprintf(seed.address, sizeof(seed.address), "127.0.0.1:%d", (int)c.port[id]);
    return seed;
}

static void shell(const char *format, ...) {
    char command[600];
    char *argv[] = {"sh", "-c", command, NULL};
    pid_t pid;
    int status;
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_int_equal(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Three nodes with some writes; all stopped again, `last` first. */
static void run_and_stop(uint64_t last) {
    char answer[256];
    for (uint64_t id = 1; id <= 3; id++) {
        assert_true(cluster_start(&c, id, answer));
    }
    assert_int_not_equal(cluster_wait_leader(&c, 15000), 0);
    assert_true(cluster_ask(&c, 1, "load 8", answer));
    for (unsigned i = 0; i < 100 && c.acked_count <= 50; i++) { /* 30 s at the most */
        cluster_collect(&c, 300);
    }
    if (last != 0) { /* it lacks what comes now */
        assert_int_equal(cluster_quit(&c, last), 0);
        cluster_collect(&c, 300);
    }
    assert_true(cluster_ask(&c, 1, "pause", answer));
    assert_true(cluster_wait_equal(&c, 10000));
    for (uint64_t id = 1; id <= 3; id++) {
        if (c.node[id].pid != 0) {
            assert_int_equal(cluster_quit(&c, id), 0);
        }
    }
    assert_true(c.acked_count > 50);
}

/* The state of a stopped node as an image in `file`, as a donor would capture it. */
static void dump_node(uint64_t id, const char *file) {
    char dir[128], path[200], why[256];
    struct store *store;
    struct store_read *read;
    struct image_source *source;
    struct seed_log log;
    struct span piece;
    struct image_head head = {.node = id, .members_count = 3};
    data_dir_of(id, dir);
    snprintf(path, sizeof(path), "%s/raft", dir);
    assert_good(seed_log_read(path, &log, NULL, NULL, why));
    for (size_t i = 0; i < 3; i++) {
        head.members[i].id = i + 1;
        head.members[i].role = 1;
        snprintf(head.members[i].address, 64, "127.0.0.1:%d", (int)c.port[i + 1]);
    }
    head.configuration_index = 1;
    snprintf(path, sizeof(path), "%s/store", dir);
    struct store_config config = {
        .dir = path, .map_bytes = MAP_BYTES, .readers_max = 8};
    assert_int_equal(store_open(&config, &store), OK);
    assert_int_equal(store_read_new(store, &read), OK);
    assert_int_equal(store_read_begin(read), OK);
    assert_int_equal(store_image_source_new(read, &head, &source), OK);
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    while (store_image_source_next(source, &piece) == OK && piece.len > 0) {
        assert_int_equal(fwrite(piece.data, 1, piece.len, out), piece.len);
    }
    assert_int_equal(fclose(out), 0);
    store_image_source_free(source);
    store_close(store);
}

static enum err feed(const char *file, struct image_sink *sink, char why[256]) {
    uint8_t bytes[4096];
    size_t len;
    enum err err = OK;
    FILE *in = fopen(file, "rb");
    assert_non_null(in);
    while (err == OK && (len = fread(bytes, 1, sizeof(bytes), in)) > 0) {
        err = store_image_sink_feed(sink, span_of(bytes, len), why);
    }
    fclose(in);
    return err;
}

static enum err seed_from(const struct repl_seed *seed, const char *file,
                          char why[256]) {
    struct image_sink *sink;
    enum err err = repl_seed_begin(seed, IMAGE_COPY, &sink, why);
    if (err != OK) {
        return err;
    }
    err = feed(file, sink, why);
    if (err != OK) {
        repl_seed_abort(seed, sink);
        return err;
    }
    return repl_seed_finish(seed, IMAGE_COPY, sink, why);
}

struct standing {
    struct store_meta meta;
    struct seed_log log;
};

/* A data directory that a node could start on; what it holds. */
static void look(const char *dir, struct standing *ret_standing) {
    char path[200], why[256] = "";
    struct store *store;
    struct store_read *read;
    struct store_digest digest;
    snprintf(path, sizeof(path), "%s/store", dir);
    struct store_config config = {
        .dir = path, .map_bytes = MAP_BYTES, .readers_max = 8};
    assert_int_equal(store_open(&config, &store), OK);
    assert_int_equal(store_read_new(store, &read), OK);
    assert_int_equal(store_read_begin(read), OK);
    assert_int_equal(store_read_meta(read, &ret_standing->meta), OK);
    assert_int_equal(store_digest_recompute(read, &digest), OK);
    assert_memory_equal(&digest, &ret_standing->meta.digest, sizeof(digest));
    store_read_end(read);
    store_read_free(read);
    store_close(store);
    snprintf(path, sizeof(path), "%s/raft", dir);
    assert_good(seed_log_read(path, &ret_standing->log, NULL, NULL, why));
    assert_true(ret_standing->log.last_index >= ret_standing->meta.applied_index);
}

/* "Snapshot newer than log": a node whose log begins at the image's marker catches up
 * with its peers, and so does one that never had a directory. */
static void test_seeded_node_catches_up(void **state) {
    (void)state;
    char dir[128], image[200], why[256] = "", answer[256];
    struct standing before, after;
    uint64_t floor;
    run_and_stop(3);
    snprintf(image, sizeof(image), "%s/image", c.dir);
    dump_node(1, image);
    data_dir_of(3, dir);
    struct repl_seed seed = seed_of(3, dir);
    look(dir, &before);
    assert_good(repl_seed_floor(&seed, &floor, why));
    assert_int_equal(floor, before.log.last_index);
    assert_good(repl_seed_ask(dir, "a test asks"));
    enum repl_seed_need need;
    assert_good(repl_seed_resume(&seed, &need, why));
    assert_int_equal(need, SEED_ASKED);
    assert_string_equal(why, "a test asks");
    assert_good(seed_from(&seed, image, why));
    look(dir, &after);
    assert_true(after.meta.applied_index > before.meta.applied_index);
    assert_int_equal(after.log.snapshot_index, after.meta.applied_index);
    assert_true(after.log.term >= before.log.term);
    assert_int_equal(after.log.voters, 3);
    assert_good(repl_seed_resume(&seed, &need, why));
    assert_int_equal(need, SEED_NOT_NEEDED);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_true(cluster_start(&c, id, why));
    }
    assert_int_not_equal(cluster_wait_leader(&c, 15000), 0);
    assert_true(cluster_ask(&c, 3, "load 8", answer));
    cluster_collect(&c, 300);
    assert_true(cluster_ask(&c, 3, "pause", answer));
    assert_true(cluster_wait_equal(&c, 10000));
    assert_int_equal(cluster_missing(&c, 3), 0);
}

/* A node that voted in its term must not do so again: the vote goes with the term. */
static void test_the_vote_is_kept(void **state) {
    (void)state;
    char dir[128], image[200], raft[200], why[256] = "";
    struct standing is;
    run_and_stop(0);
    snprintf(image, sizeof(image), "%s/image", c.dir);
    dump_node(3, image); /* stopped last: no other is newer */
    data_dir_of(3, dir);
    snprintf(raft, sizeof(raft), "%s/raft", dir);
    look(dir, &is);
    struct image_member members[3];
    memset(members, 0, sizeof(members));
    for (size_t i = 0; i < 3; i++) {
        members[i].id = i + 1;
        members[i].role = 1;
        snprintf(members[i].address, 64, "127.0.0.1:%d", (int)c.port[i + 1]);
    }
    struct seed_marker marker = {.node_id = 3,
                                 .term = is.meta.applied_term + 5,
                                 .vote = 2,
                                 .index = is.meta.applied_index,
                                 .index_term = is.meta.applied_term,
                                 .cluster_id = c.cluster_id,
                                 .members = members,
                                 .members_count = 3,
                                 .configuration_index = 1};
    shell("rm -r %s && mkdir -m 700 %s", raft, raft);
    assert_good(seed_log_make(raft, &marker, why));
    struct repl_seed seed = seed_of(3, dir);
    assert_good(seed_from(&seed, image, why));
    look(dir, &is);
    assert_int_equal(is.log.term, marker.term);
    assert_int_equal(is.log.vote, 2);
    /* An image of a higher term: there it has not voted. */
    marker.term = 1;
    shell("rm -r %s && mkdir -m 700 %s", raft, raft);
    assert_good(seed_log_make(raft, &marker, why));
    assert_good(seed_from(&seed, image, why));
    look(dir, &is);
    assert_true(is.log.term > 1);
    assert_int_equal(is.log.vote, 0);
}

/* Z2 */
static void test_what_must_not_be_seeded(void **state) {
    (void)state;
    char dir[128], image[200], why[256] = "";
    uint64_t floor;
    run_and_stop(3);
    snprintf(image, sizeof(image), "%s/image", c.dir);
    dump_node(3, image); /* the one that is behind */
    data_dir_of(1, dir);
    struct repl_seed seed = seed_of(1, dir);
    struct standing before, after;
    look(dir, &before);
    assert_int_equal(seed_from(&seed, image, why), ERR_STALE);
    look(dir, &after); /* nothing was touched */
    assert_memory_equal(&before, &after, sizeof(before));
    /* The log is lost, the store is not: it must not vote under this id again. */
    shell("rm -r %s/raft && mkdir -m 700 %s/raft", dir, dir);
    assert_int_equal(repl_seed_floor(&seed, &floor, why), ERR_DENIED);
    assert_non_null(strstr(why, "replace"));
    /* A closed segment is damaged: term and vote are whole, its name says its reach. */
    data_dir_of(2, dir);
    seed = seed_of(2, dir);
    look(dir, &before); /* closes its segments */
    shell("f=$(ls %s/raft/0* | head -1); s=$(stat -c %%s $f); "
          "printf '\\377' | dd of=$f bs=1 seek=$((s / 2)) conv=notrunc 2>/dev/null",
          dir);
    assert_good(repl_seed_floor(&seed, &floor, why));
    assert_in_range(floor, 1, before.log.last_index);
    /* So are they. */
    shell("for i in 1 2; do head -c 40 /dev/zero > %s/raft/metadata$i; done", dir);
    assert_int_equal(repl_seed_floor(&seed, &floor, why), ERR_DENIED);
    assert_non_null(strstr(why, "node 2"));
}

/* The open segment of a killed node, a byte of an early batch flipped: libraft would cut
 * what follows without a word, and the mark of the damage would be gone. */
static void test_a_damaged_open_segment_is_named(void **state) {
    (void)state;
    char dir[128], why[256] = "", answer[256], before[200];
    struct repl_recovery looked;
    uint64_t floor;
    run_and_stop(0);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_true(cluster_start(&c, id, answer));
    }
    assert_int_not_equal(cluster_wait_leader(&c, 15000), 0);
    assert_true(cluster_ask(&c, 1, "load 4", answer));
    cluster_collect(&c, 300);
    for (uint64_t id = 1; id <= 3; id++) {
        cluster_kill(&c, id);
    }
    data_dir_of(2, dir);
    struct repl_seed seed = seed_of(2, dir);
    shell("f=$(ls %s/raft/open-* | sort -V | head -1); "
          "printf '\\377' | dd of=$f bs=1 seek=45 conv=notrunc 2>/dev/null",
          dir);
    snprintf(before, sizeof(before), "%s/listing", c.dir);
    shell("ls -l %s/raft > %s", dir, before);
    assert_int_equal(repl_seed_recovery_look(&seed, &looked, why), ERR_CORRUPT);
    assert_non_null(strstr(why, "/open-"));
    assert_non_null(strstr(why, "restore a backup"));
    assert_int_equal(repl_seed_recover(&seed, &looked, why), ERR_CORRUPT);
    assert_good(repl_seed_floor(&seed, &floor, why)); /* term and vote are whole */
    shell("ls -l %s/raft | cmp - %s", dir, before);   /* it will be seen again */
    assert_int_equal(repl_seed_recovery_look(&seed, &looked, why), ERR_CORRUPT);
}

/* --- Z1 --- */

static int steps_left;

static void count_down(const char *step) {
    (void)step;
    if (steps_left-- == 0) {
        _exit(77); /* as a power cut would, but for what the kernel holds */
    }
}

static void test_killed_at_every_step(void **state) {
    (void)state;
    char dir[128], image[200], why[256] = "";
    struct standing old, fresh, is;
    size_t olds = 0, news = 0;
    run_and_stop(3);
    snprintf(image, sizeof(image), "%s/image", c.dir);
    dump_node(1, image);
    data_dir_of(3, dir);
    look(dir, &old);
    data_dir_of(1, why);
    look(why, &fresh);
    shell("cp -r %s %s.kept", dir, dir);
    for (int step = 0;; step++) {
        struct repl_seed seed = seed_of(3, dir);
        enum repl_seed_need need;
        int status;
        shell("rm -r %s && cp -r %s.kept %s", dir, dir, dir);
        assert_good(repl_seed_ask(dir, "a test asks"));
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            steps_left = step;
            repl_seed_step = count_down;
            _exit(seed_from(&seed, image, why) == OK ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_good(repl_seed_resume(&seed, &need, why));
        look(dir, &is);
        bool is_old = is.meta.applied_index == old.meta.applied_index;
        assert_true(is_old || is.meta.applied_index == fresh.meta.applied_index);
        assert_int_equal(is.log.snapshot_index == is.meta.applied_index, !is_old);
        assert_int_equal(need, is_old ? SEED_ASKED : SEED_NOT_NEEDED);
        olds += is_old ? 1 : 0;
        news += is_old ? 0 : 1;
        if (WEXITSTATUS(status) == 0) {
            break;
        }
        assert_int_equal(WEXITSTATUS(status), 77);
        assert_good(seed_from(&seed, image, why)); /* it can be done again */
        look(dir, &is);
        assert_int_equal(is.meta.applied_index, fresh.meta.applied_index);
    }
    assert_true(olds >= 3 && news >= 4);
}

/* A cut of power after each call, in each way: a whole old or a whole new state, and what
 * asked for the seeding goes with the old one alone. */
struct cut {
    char dir[160];  /* what is left, for a look */
    char image[200];
    struct standing old, fresh;
    size_t looks, olds, news;
};

static void judge_cut(struct cut *cut, const char *what, enum power_cut_way way) {
    char why[256] = "";
    struct repl_seed seed = seed_of(3, cut->dir);
    enum repl_seed_need need;
    struct standing is;
    assert_good(repl_seed_resume(&seed, &need, why));
    look(cut->dir, &is);
    bool is_old = is.meta.applied_index == cut->old.meta.applied_index;
    bool is_new = is.meta.applied_index == cut->fresh.meta.applied_index;
    if (is_old ? need != SEED_ASKED || is.log.last_index != cut->old.log.last_index
               : !is_new || need == SEED_BLANK ||
                     is.log.snapshot_index != is.meta.applied_index) {
        fail_msg("cut %zu, after %s, way %d: index %llu, log to %llu, need %d", cut->looks,
                 what, (int)way, (unsigned long long)is.meta.applied_index,
                 (unsigned long long)is.log.last_index, (int)need);
    }
    assert_true(is.log.term >= cut->old.log.term);
    cut->olds += is_old ? 1 : 0;
    cut->news += is_old ? 0 : 1;
    if (cut->looks++ % 8 == 0) { /* it can be done again */
        assert_good(seed_from(&seed, cut->image, why));
        look(cut->dir, &is);
        assert_int_equal(is.meta.applied_index, cut->fresh.meta.applied_index);
    }
    shell("rm -r %s", cut->dir);
}

static void at_cut(void *arg, const char *what) {
    for (enum power_cut_way way = CUT_STRICT; way < CUT_WAYS; way++) {
        power_cut_leave(way, ((struct cut *)arg)->dir);
        judge_cut(arg, what, way);
    }
}

static void test_power_cut_after_every_call(void **state) {
    (void)state;
    static struct cut cut;
    char dir[128], why[256] = "";
    enum repl_seed_need need;
    run_and_stop(3);
    snprintf(cut.dir, sizeof(cut.dir), "%s/tasuki-cut-%d", test_dir_base(), (int)getpid());
    snprintf(cut.image, sizeof(cut.image), "%s/image", c.dir);
    dump_node(1, cut.image);
    data_dir_of(1, dir);
    look(dir, &cut.fresh);
    data_dir_of(3, dir);
    look(dir, &cut.old);
    struct repl_seed seed = seed_of(3, dir);
    assert_good(repl_seed_ask(dir, "a test asks"));
    power_cut_watch(dir, at_cut, &cut);
    assert_good(seed_from(&seed, cut.image, why));
    size_t news = cut.news;
    print_message("%zu cuts left the old state, %zu the new one\n", cut.olds, news);
    assert_true(cut.olds >= 20 && news >= 20);
    char returned[170];
    snprintf(returned, sizeof(returned), "%s.returned", cut.dir);
    power_cut_leave(CUT_STRICT, returned);
    assert_good(repl_seed_ask(dir, "it asks again")); /* the mark, once given, stays */
    power_cut_leave(CUT_STRICT, cut.dir);
    power_cut_end();
    news = cut.news;
    seed.data_dir = cut.dir;
    assert_good(repl_seed_resume(&seed, &need, why));
    assert_int_equal(need, SEED_ASKED);
    assert_string_equal(why, "it asks again");
    shell("rm -r %s && mv %s %s", cut.dir, returned, cut.dir);
    judge_cut(&cut, "its return", CUT_STRICT);
    assert_int_equal(cut.news, news + 1); /* the node that starts now relies on it */
}

/* --- new epochs --- */

static void test_restore(void **state) {
    (void)state;
    char dir[128], image[200], bad[200], why[256] = "", answer[256];
    struct image_head head;
    struct standing was, is;
    run_and_stop(0);
    snprintf(image, sizeof(image), "%s/image", c.dir);
    snprintf(bad, sizeof(bad), "%s/bad", c.dir);
    dump_node(1, image);
    data_dir_of(1, dir);
    struct repl_seed seed = seed_of(1, dir);
    look(dir, &was);
    assert_int_equal(repl_seed_restore(&seed, image, &head, why), ERR_EXISTS);
    shell("rm -r %s/node*/store %s/node*/raft; mkdir -m 700 -p %s", c.dir, c.dir, dir);
    /* Bad backups touch nothing. */
    shell("head -c -1 %s > %s", image, bad);
    assert_int_equal(repl_seed_restore(&seed, bad, &head, why), ERR_INVALID);
    assert_non_null(strstr(why, "cut short"));
    seed.cluster_id.b[0] ^= 1;
    assert_int_equal(repl_seed_restore(&seed, image, &head, why), ERR_DENIED);
    seed.cluster_id.b[0] ^= 1;
    assert_int_equal(repl_seed_restore(&seed, "/nonexistent", &head, why),
                     ERR_NOT_FOUND);
    shell("test -z \"$(ls -A %s)\"", dir);
    assert_good(repl_seed_restore(&seed, image, &head, why));
    look(dir, &is);
    assert_int_equal(is.meta.epoch, store_epoch_next(was.meta.epoch, EPOCH_CHANCE));
    assert_int_equal(is.meta.applied_index, was.meta.applied_index);
    assert_int_equal(is.log.voters, 1);
    assert_true(is.log.term > was.meta.applied_term);
    /* It serves, alone, with every acknowledged account. */
    setenv("REPL_NO_BOOTSTRAP", "1", 1);
    assert_true(cluster_start(&c, 1, why));
    unsetenv("REPL_NO_BOOTSTRAP");
    assert_int_equal(cluster_wait_leader(&c, 15000), 1);
    assert_int_equal(cluster_missing(&c, 1), 0);
    assert_true(cluster_ask(&c, 1, "one", answer));
    assert_non_null(strstr(answer, "one 0"));
}

static void test_recover(void **state) {
    (void)state;
    char dir[128], why[256] = "", answer[256];
    struct repl_recovery looked, done;
    struct standing was, is;
    run_and_stop(0);
    /* Nodes 1 and 3 are lost for good. */
    shell("rm -r %s/node1 %s/node3", c.dir, c.dir);
    data_dir_of(2, dir);
    struct repl_seed seed = seed_of(2, dir);
    look(dir, &was);
    assert_good(repl_seed_recovery_look(&seed, &looked, why));
    assert_int_equal(looked.voters, 3);
    assert_int_equal(looked.applied_index, was.meta.applied_index);
    assert_int_equal(looked.last_index, was.log.last_index);
    assert_int_equal(looked.last_term, was.log.last_term);
    assert_true(looked.last_term > 0 && looked.last_term <= was.log.term);
    assert_int_equal(looked.epoch, 0);
    assert_good(repl_seed_recover(&seed, &done, why));
    look(dir, &is);
    assert_int_equal(done.epoch, is.meta.epoch);
    looked.epoch = done.epoch;
    assert_memory_equal(&looked, &done, sizeof(done));
    assert_int_equal(is.log.last_term, looked.last_term);
    assert_int_equal(is.meta.epoch, store_epoch_next(was.meta.epoch, EPOCH_CHANCE));
    assert_true(is.meta.applied_index >= was.meta.applied_index);
    assert_int_equal(is.log.voters, 1);
    assert_true(is.log.term > was.log.term);
    setenv("REPL_NO_BOOTSTRAP", "1", 1);
    assert_true(cluster_start(&c, 2, why));
    unsetenv("REPL_NO_BOOTSTRAP");
    assert_int_equal(cluster_wait_leader(&c, 15000), 2);
    assert_int_equal(cluster_missing(&c, 2), 0);
    assert_true(cluster_ask(&c, 2, "one", answer));
    assert_non_null(strstr(answer, "one 0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_seeded_node_catches_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_vote_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_must_not_be_seeded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_open_segment_is_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_killed_at_every_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power_cut_after_every_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recover, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
