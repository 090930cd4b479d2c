/* An image there and back; every way in which one can be bad; a new epoch. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_image.h"
#include "store/store_key.h"
#include "store/store_lmdb.h"
#include "store/store_member.h"
#include "tests/unit/raft/fsm_fixture.h"
#include "tests/unit/store/test_dir.h"
#include "tests/unit/store/unit.h"

#define EPOCH_CHANCE 0x89abcdefu

static const struct id128 cluster = {{7, 7, 7}};

struct bytes {
    uint8_t *data;
    size_t len;
};

/* A state with a row in every table. */
static void fill(struct fsm_fixture *fx) {
    struct command init = {.type = CMD_CLUSTER_INIT, .cluster_init = {cluster}};
    fsm_fixture_open(fx);
    assert_code(fsm_fixture_do(fx, &init), OUT_OK);
    fsm_fixture_sign_in(fx);
    fsm_fixture_redeemed(fx, 1, 1);
    struct command commands[] = {command_seed(3), command_regions("osaka", NULL),
                                 command_login(77, 5)};
    commands[2].login.password_ok = false;
    for (size_t i = 0; i < 3; i++) {
        (void)fsm_fixture_do(fx, &commands[i]);
    }
    struct command key = {.type = CMD_KEY_ADD,
                          .key_add = {.key = {.kid = "k1",
                                              .alg = KEY_ES256,
                                              .public_jwk = span_str("{}"),
                                              .sealed_private = span_str("sealed")}}};
    assert_code(fsm_fixture_do(fx, &key), OUT_OK);
    struct command staff = command_staff(1, 0);
    struct command staff_login = command_staff_login(1, 1, fx->now_ms / 30000);
    assert_code(fsm_fixture_do(fx, &staff), OUT_OK);
    assert_code(fsm_fixture_do(fx, &staff_login), OUT_OK);
    struct command told = command_client("rp");
    struct command login = command_login(1, 2);
    struct command issue = command_issue(2, 3);
    struct command redeem = command_redeem(3, 3);
    struct command end = command_end(2);
    told.client_put.replace = true;
    told.client_put.client.backchannel_logout_uri = "https://rp.example/bc";
    assert_code(fsm_fixture_do(fx, &told), OUT_OK);
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    assert_code(fsm_fixture_do(fx, &issue), OUT_OK);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_OK);
    assert_code(fsm_fixture_do(fx, &end), OUT_OK);
    for (uint64_t n = 100; n < 1200; n++) {
        struct command account = command_account(n);
        assert_code(fsm_fixture_do(fx, &account), OUT_OK);
    }
}

static struct image_head head_of(void) {
    return (struct image_head){
        .created_ms = 1,
        .node = 2,
        .configuration_index = 3,
        .members = {{.id = 1, .address = "127.0.0.1:7001", .role = 1},
                    {.id = 2, .address = "127.0.0.1:7002"}},
        .members_count = 2};
}

static enum err dump(struct store *store, struct bytes *ret_bytes) {
    struct store_read *read;
    struct image_source *source;
    struct image_head head = head_of();
    struct span piece;
    enum err err;
    *ret_bytes = (struct bytes){0};
    assert_ok(store_read_new(store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_image_source_new(read, &head, &source));
    while ((err = store_image_source_next(source, &piece)) == OK && piece.len > 0) {
        ret_bytes->data = realloc(ret_bytes->data, ret_bytes->len + piece.len);
        assert_non_null(ret_bytes->data);
        memcpy(ret_bytes->data + ret_bytes->len, piece.data, piece.len);
        ret_bytes->len += piece.len;
    }
    store_image_source_free(source);
    return err;
}

static void remove_store(const char *dir) {
    char path[128];
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", dir);
    unlink(path);
    rmdir(dir);
}

/* Feed in pieces of `step`; on success the new store stands open in *ret_store. */
static enum err load(const struct bytes *image, size_t step, enum image_use use,
                     struct id128 id, const char *dir, struct image_head *ret_head,
                     char why[256]) {
    struct image_sink_config config = {.dir = dir,
                                       .map_bytes = 64u << 20,
                                       .cluster_id = id,
                                       .use = use,
                                       .epoch_chance = EPOCH_CHANCE,
                                       .only_member = 9,
                                       .only_address = "127.0.0.1:7009",
                                       .only_region = "tokyo"};
    struct image_sink *sink;
    assert_int_equal(mkdir(dir, 0700), 0);
    enum err err = store_image_sink_new(&config, &sink, why);
    for (size_t at = 0; err == OK && at < image->len; at += step) {
        size_t len = image->len - at < step ? image->len - at : step;
        err = store_image_sink_feed(sink, span_of(image->data + at, len), why);
    }
    if (err == OK) {
        err = store_image_sink_finish(sink, ret_head, why);
    }
    if (err == OK) {
        struct image_progress progress = store_image_sink_progress(sink);
        assert_int_equal(progress.rows, progress.rows_total);
        assert_int_equal(progress.bytes, image->len);
    }
    store_image_sink_free(sink);
    return err;
}

/* In memory where that is possible: a sink syncs what it makes. */
static void make_dir(char dir[64], const char *name) {
    snprintf(dir, 64, "%s/tasuki-image-%d-%s", test_dir_base(), (int)getpid(), name);
}

static struct store *open_dir(const char *dir) {
    struct store_config config = {.dir = dir, .map_bytes = 64u << 20, .readers_max = 8};
    struct store *store;
    assert_ok(store_open(&config, &store));
    return store;
}

static uint64_t rows_of(struct store *store, const char *table) {
    struct store_read *read;
    const char *names[STORE_TABLES_MAX];
    uint64_t counts[STORE_TABLES_MAX], found = UINT64_MAX;
    assert_ok(store_read_new(store, &read));
    assert_ok(store_read_begin(read));
    size_t count = store_table_counts(read, names, counts, STORE_TABLES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], table) == 0) {
            found = counts[i];
        }
    }
    store_read_end(read);
    store_read_free(read);
    assert_true(found != UINT64_MAX);
    return found;
}

static void test_copy(void **state) {
    (void)state;
    struct fsm_fixture fx;
    struct bytes image, again;
    struct image_head head;
    char dir[64], why[256];
    fill(&fx);
    assert_ok(dump(fx.store.store, &image));
    static const size_t steps[] = {1 << 20, 4096, 977, 13};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        make_dir(dir, "copy");
        assert_ok(load(&image, steps[i], IMAGE_COPY, cluster, dir, &head, why));
        struct store *copy = open_dir(dir);
        struct store_meta was = meta_of(fx.store.store), is = meta_of(copy);
        assert_memory_equal(&was, &is, sizeof(was));
        assert_digest_sound(copy);
        assert_int_equal(head.members_count, 2);
        assert_string_equal(head.members[1].address, "127.0.0.1:7002");
        assert_ok(dump(copy, &again)); /* the same bytes come out again */
        assert_int_equal(image.len, again.len);
        assert_memory_equal(image.data, again.data, image.len);
        free(again.data);
        store_close(copy);
        remove_store(dir);
    }
    free(image.data);
    fsm_fixture_close(&fx);
}

static void assert_made_anew(struct store *store) {
    struct store_read *read;
    struct member member;
    assert_ok(store_read_new(store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_member_get(read, 9, &member));
    assert_string_equal(member.address, "127.0.0.1:7009");
    assert_string_equal(member.region, "tokyo");
    assert_int_equal(member.role, MEMBER_VOTER);
    assert_true(member.settled && member.changed_index == 0);
    store_read_end(read);
    store_read_free(read);
}

static uint64_t all_rows_of(struct store *store) {
    const char *names[STORE_TABLES_MAX];
    uint64_t counts[STORE_TABLES_MAX], total = 0;
    struct store_read *read;
    assert_ok(store_read_new(store, &read));
    assert_ok(store_read_begin(read));
    size_t tables = store_table_counts(read, names, counts, STORE_TABLES_MAX);
    for (size_t i = 0; i < tables; i++) {
        total += counts[i];
    }
    store_read_end(read);
    store_read_free(read);
    return total;
}

/* Every session, code, token and key of the old epoch is gone. */
static void test_new_epoch(void **state) {
    (void)state;
    static const char *const gone[] = {
        "session", "session_grant", "grant",         "access", "refresh",     "boot",
        "outcome", "key",           "staff_session", "outbox", "outbox_index"};
    static const char *const kept[] = {"account", "login", "client",     "attempts",
                                       "cluster", "staff", "staff_login"};
    struct fsm_fixture fx;
    struct bytes image;
    struct image_head head;
    char dir[64], why[256];
    fill(&fx);
    assert_ok(dump(fx.store.store, &image));
    make_dir(dir, "epoch");
    assert_ok(load(&image, 65536, IMAGE_NEW_EPOCH, cluster, dir, &head, why));
    struct store *made = open_dir(dir);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        assert_true(rows_of(fx.store.store, gone[i]) > 0);
        assert_int_equal(rows_of(made, gone[i]), 0);
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        assert_true(rows_of(made, kept[i]) > 0);
        assert_int_equal(rows_of(made, kept[i]), rows_of(fx.store.store, kept[i]));
    }
    assert_int_equal(rows_of(made, "audit"), rows_of(fx.store.store, "audit") + 1);
    assert_int_equal(rows_of(made, "member"), 1);
    assert_int_equal(rows_of(made, "expiry"), rows_of(made, "attempts"));
    assert_int_equal(meta_of(made).epoch,
                     store_epoch_next(meta_of(fx.store.store).epoch, EPOCH_CHANCE));
    assert_int_equal(head.meta.epoch, meta_of(made).epoch);
    assert_int_equal(head.rows, all_rows_of(made));
    assert_made_anew(made);
    assert_digest_sound(made);
    store_close(made);
    remove_store(dir);
    free(image.data);
    fsm_fixture_close(&fx);
}

/* Two branches of one state are each other's past, never their future. */
static void test_epochs(void **state) {
    (void)state;
    uint64_t one = store_epoch_next(1, 5), other = store_epoch_next(1, 9);
    uint64_t later = store_epoch_next(other, 0);
    assert_true(one > 1 && other > 1 && one != other);
    assert_true(later > one && later > other);
    assert_true(store_epoch_next(1, UINT32_MAX) < store_epoch_next(one, 0));
    assert_true(store_epoch_ahead(1, one) && store_epoch_ahead(one, later));
    assert_false(store_epoch_ahead(one, other) || store_epoch_ahead(other, one));
    assert_false(store_epoch_ahead(one, 1) || store_epoch_ahead(later, one));
    assert_true(one < UINT64_C(1) << 53); /* exact in JSON */
}

static enum err verify_bytes(const struct bytes *image, char why[256]);

/* Sink and verifier agree on what is bad, and say why. */
static enum err refused(const struct bytes *image, const char *dir) {
    struct image_head head;
    char why[256] = "", why_verify[256] = "";
    enum err err = load(image, 65536, IMAGE_COPY, cluster, dir, &head, why);
    remove_store(dir);
    assert_int_not_equal(err, OK);
    assert_true(why[0] != '\0');
    assert_int_equal(verify_bytes(image, why_verify), err);
    assert_string_equal(why, why_verify);
    return err;
}

struct reading {
    const struct bytes *image;
    size_t at;
};

static int64_t read_some(void *arg, uint8_t *out, size_t max, char why[256]) {
    struct reading *reading = arg;
    size_t left = reading->image->len - reading->at;
    size_t take = left < max ? left : max;
    (void)why;
    memcpy(out, reading->image->data + reading->at, take);
    reading->at += take;
    return (int64_t)take;
}

static enum err verify_bytes(const struct bytes *image, char why[256]) {
    struct reading reading = {image, 0};
    struct image_head head;
    return store_image_verify(read_some, &reading, &head, why);
}

static void test_flipped_and_cut(void **state) {
    (void)state;
    struct fsm_fixture fx;
    struct bytes image;
    char dir[64], why[256];
    fill(&fx);
    assert_ok(dump(fx.store.store, &image));
    make_dir(dir, "bad");
    assert_ok(verify_bytes(&image, why));
    for (size_t at = 0; at < image.len; at += 1 + image.len / 211) {
        image.data[at] ^= 0x10;
        enum err err = refused(&image, dir);
        assert_true(err == ERR_INVALID || err == ERR_VERSION);
        image.data[at] ^= 0x10;
    }
    size_t whole = image.len;
    for (size_t len = 0; len < whole; len += 1 + whole / 97) {
        image.len = len;
        assert_int_equal(refused(&image, dir), ERR_INVALID);
    }
    image.len = whole - 1;
    assert_int_equal(refused(&image, dir), ERR_INVALID);
    image.data = realloc(image.data, whole + 1);
    assert_non_null(image.data);
    image.data[whole] = 0;
    image.len = whole + 1; /* one more byte */
    assert_int_equal(refused(&image, dir), ERR_INVALID);
    free(image.data);
    fsm_fixture_close(&fx);
}

static void test_foreign_and_newer(void **state) {
    (void)state;
    static const struct id128 other = {{8}};
    struct fsm_fixture fx;
    struct bytes image;
    struct image_head head;
    char dir[64], why[256];
    fill(&fx);
    assert_ok(dump(fx.store.store, &image));
    make_dir(dir, "foreign");
    assert_int_equal(load(&image, 65536, IMAGE_COPY, other, dir, &head, why),
                     ERR_DENIED);
    assert_non_null(strstr(why, "another cluster"));
    remove_store(dir);
    image.data[8]++; /* its version */
    assert_int_equal(refused(&image, dir), ERR_VERSION);
    free(image.data);
    fsm_fixture_close(&fx);
}

/* A row changed as a rotten page would change it: past the digest. */
static void flip_row(struct store *store) {
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    uint8_t row[4096];
    assert_int_equal(mdb_txn_begin(store->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_cursor_open(txn, store->dbi[TABLE_LOGIN], &cursor), 0);
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    assert_true(value.mv_size <= sizeof(row));
    memcpy(row, value.mv_data, value.mv_size);
    row[0] ^= 1;
    value.mv_data = row;
    assert_int_equal(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), 0);
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

/* I1: rows that do not add up to the digest are not given away as a whole image. */
static void test_rotten_donor(void **state) {
    (void)state;
    struct fsm_fixture fx;
    struct bytes image;
    fill(&fx);
    flip_row(fx.store.store);
    assert_int_equal(dump(fx.store.store, &image), ERR_CORRUPT);
    free(image.data);
    flip_row(fx.store.store);
    assert_ok(dump(fx.store.store, &image));
    free(image.data);
    fsm_fixture_close(&fx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_new_epoch),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_flipped_and_cut),
        cmocka_unit_test(test_foreign_and_newer),
        cmocka_unit_test(test_rotten_donor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
