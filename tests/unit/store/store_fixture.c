#include "tests/unit/store/store_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/unit/store/test_dir.h"
#include "tests/unit/store/unit.h"

static void open_store(struct store_fixture *fx) {
    struct store_config config = {
        .dir = fx->dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    assert_ok(store_open(&config, &fx->store));
}

void store_fixture_open(struct store_fixture *fx) {
    (void)snprintf(fx->dir, sizeof fx->dir, "%s/tasuki-store-XXXXXX", test_dir_base());
    assert_non_null(mkdtemp(fx->dir));
    open_store(fx);
}

void store_fixture_reopen(struct store_fixture *fx) {
    store_close(fx->store);
    fx->store = NULL;
    open_store(fx);
}

void store_fixture_close(struct store_fixture *fx) {
    char path[96];

    store_close(fx->store);
    fx->store = NULL;
    (void)snprintf(path, sizeof path, "%s/data.mdb", fx->dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/lock.mdb", fx->dir);
    (void)unlink(path);
    assert_int_equal(rmdir(fx->dir), 0);
}

struct key_hash key_of(uint64_t n) {
    struct key_hash key = {{0}};
    memcpy(key.b, &n, sizeof n);
    key.b[15] = 0x5a;
    return key;
}

struct id128 id_of(uint64_t n) {
    struct id128 id = {{0}};
    memcpy(id.b, &n, sizeof n);
    id.b[15] = 0xa5;
    return id;
}

struct store_meta meta_of(struct store *store) {
    struct store_read *read;
    struct store_meta meta;

    assert_ok(store_read_new(store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_read_meta(read, &meta));
    store_read_end(read);
    store_read_free(read);
    return meta;
}

void assert_digest_sound(struct store *store) {
    struct store_digest again;
    struct store_read *read;
    struct store_meta meta;

    assert_ok(store_read_new(store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_read_meta(read, &meta));
    assert_ok(store_digest_recompute(read, &again));
    assert_int_equal(meta.digest.lo, again.lo);
    assert_int_equal(meta.digest.hi, again.hi);
    store_read_end(read);
    store_read_free(read);
}
