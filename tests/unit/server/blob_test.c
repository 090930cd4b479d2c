/* Blobs as files: whole or not at all, sealed, and what is rotten is known. */
#include "tests/unit/server/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/blob.h"
#include "server/crypto/digest.h"
#include "store/base/codec.h"

#define SIZE (2 * BLOB_CHUNK_MAX + 777)

struct fixture {
    char dir[64];
    struct keyring *keyring;
    struct sealer *sealer;
    struct blob_dir *blobs;
    uint8_t bytes[SIZE];
    struct blob_id id;
};

static int setup(void **state) {
    static const uint8_t key[32] = {7};
    struct fixture *fx = calloc(1, sizeof *fx);
    char why[256] = "";

    assert_non_null(fx);
    snprintf(fx->dir, sizeof fx->dir, "/tmp/tasuki-blob-XXXXXX");
    assert_non_null(mkdtemp(fx->dir));
    assert_int_equal(keyring_from_bytes(key, &fx->keyring), OK);
    assert_int_equal(sealer_new(fx->keyring, &port_system_random, &fx->sealer), OK);
    assert_int_equal(blob_open(fx->dir, 0, &fx->blobs, why), OK);
    for (size_t i = 0; i < SIZE; i++)
        fx->bytes[i] = (uint8_t)(i * 31 + i / 256);
    digest_sha256(span_of(fx->bytes, SIZE), fx->id.b);
    *state = fx;
    return 0;
}

static int drop(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static int teardown(void **state) {
    struct fixture *fx = *state;

    blob_close(fx->blobs);
    sealer_free(fx->sealer);
    keyring_free(fx->keyring);
    assert_int_equal(nftw(fx->dir, drop, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(fx);
    return 0;
}

static enum err put(struct fixture *fx, uint32_t index) {
    size_t at = (size_t)index * BLOB_CHUNK_MAX;
    size_t len = SIZE - at < BLOB_CHUNK_MAX ? SIZE - at : BLOB_CHUNK_MAX;

    return blob_part_put(fx->blobs, fx->sealer, &fx->id, SIZE, 7, index,
                         span_of(fx->bytes + at, len));
}

static void put_all(struct fixture *fx) {
    assert_int_equal(put(fx, 2), OK);
    assert_int_equal(put(fx, 0), OK);
    assert_int_equal(put(fx, 0), OK); /* again */
    assert_int_equal(put(fx, 1), OK);
    assert_int_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 7), OK);
}

static void path_of(struct fixture *fx, char out[PATH_MAX]) {
    char name[65];

    hex_encode(span_of(fx->id.b, sizeof fx->id.b), name);
    snprintf(out, PATH_MAX, "%s/blobs/%.2s/%s", fx->dir, name, name);
}

static enum err copied(struct fixture *fx) {
    return blob_copy_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 3);
}

static size_t parts_in(const char *dir) {
    char path[PATH_MAX];
    struct dirent *entry;
    size_t count = 0;
    DIR *stream;

    snprintf(path, sizeof path, "%s/blobs/tmp", dir);
    stream = opendir(path);
    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL)
        count += entry->d_name[0] != '.' ? 1 : 0;
    closedir(stream);
    return count;
}

static void whole_or_not_at_all(void **state) {
    struct fixture *fx = *state;

    assert_int_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 7), ERR_NOT_FOUND);
    assert_int_equal(put(fx, 0), OK);
    assert_int_equal(put(fx, 2), OK);
    assert_int_not_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 7), OK);
    assert_false(blob_has(fx->blobs, &fx->id));
    put_all(fx);
    assert_true(blob_has(fx->blobs, &fx->id));
    assert_int_equal(blob_verify(fx->blobs, fx->sealer, &fx->id, SIZE), OK);
    assert_int_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 7), OK);
}

static void what_was_put_in_comes_out(void **state) {
    struct fixture *fx = *state;
    struct buf out;

    put_all(fx);
    buf_init(&out, SIZE);
    for (uint32_t i = 0; i < blob_chunks(SIZE); i++)
        assert_int_equal(
            blob_chunk_get(fx->blobs, fx->sealer, &fx->id, SIZE, i, &out), OK);
    assert_int_equal(out.len, SIZE);
    assert_memory_equal(out.data, fx->bytes, SIZE);
    buf_free(&out);
    assert_int_equal(blob_chunk_get(fx->blobs, fx->sealer, &fx->id, SIZE,
                                    blob_chunks(SIZE), &out),
                     ERR_NOT_FOUND);
    assert_int_equal(blob_delete(fx->blobs, &fx->id), OK);
    assert_false(blob_has(fx->blobs, &fx->id));
}

static void other_bytes_are_refused(void **state) {
    struct fixture *fx = *state;

    fx->bytes[BLOB_CHUNK_MAX] ^= 1;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(put(fx, i), OK);
    assert_int_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 7), ERR_FORGED);
    assert_false(blob_has(fx->blobs, &fx->id));
    assert_int_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 7), ERR_NOT_FOUND);
    assert_int_equal(blob_part_put(fx->blobs, fx->sealer, &fx->id, SIZE, 7, 3,
                                   span_of(fx->bytes, 1)),
                     ERR_INVALID);
    assert_int_equal(blob_part_put(fx->blobs, fx->sealer, &fx->id,
                                   (uint64_t)LIMIT_BLOB + 1, 7, 0,
                                   span_of(fx->bytes, BLOB_CHUNK_MAX)),
                     ERR_INVALID);
    assert_int_equal(blob_part_put(fx->blobs, fx->sealer, &fx->id, SIZE, 7, 1,
                                   span_of(fx->bytes, BLOB_CHUNK_MAX - 1)),
                     ERR_INVALID);
}

static void rot_is_found_wherever_it_is(void **state) {
    struct fixture *fx = *state;
    char path[PATH_MAX];
    struct stat info;
    int fd;

    put_all(fx);
    path_of(fx, path);
    assert_int_equal(stat(path, &info), 0);
    for (off_t at = 16; at < info.st_size; at += 9973) {
        uint8_t byte;
        fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_int_equal(blob_verify(fx->blobs, fx->sealer, &fx->id, SIZE), ERR_FORGED);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }
    assert_int_equal(truncate(path, info.st_size - 1), 0);
    assert_int_equal(blob_verify(fx->blobs, fx->sealer, &fx->id, SIZE), ERR_FORGED);
}

static void nothing_stands_in_the_clear(void **state) {
    struct fixture *fx = *state;
    static uint8_t file[2 * SIZE];
    char path[PATH_MAX];
    ssize_t len;
    int fd;

    put_all(fx);
    path_of(fx, path);
    fd = open(path, O_RDONLY);
    len = read(fd, file, sizeof file);
    close(fd);
    assert_true(len > SIZE);
    assert_null(memmem(file, (size_t)len, fx->bytes, 32));
}

static void a_copy_is_read_back(void **state) {
    struct fixture *fx = *state;
    static uint8_t file[2 * SIZE];
    char path[PATH_MAX];
    size_t len;
    int fd;

    put_all(fx);
    path_of(fx, path);
    fd = open(path, O_RDONLY);
    len = (size_t)read(fd, file, sizeof file);
    close(fd);
    assert_int_equal(blob_delete(fx->blobs, &fx->id), OK);
    assert_int_equal(blob_copy_put(fx->blobs, &fx->id, 3, 0, span_of(file, 1000)), OK);
    assert_int_not_equal(copied(fx), OK); /* cut short: and gone */
    assert_int_equal(copied(fx), ERR_NOT_FOUND);
    assert_int_equal(blob_copy_put(fx->blobs, &fx->id, 3, 0, span_of(file, 1000)), OK);
    assert_int_equal(
        blob_copy_put(fx->blobs, &fx->id, 3, 1000, span_of(file + 1000, len - 1000)), OK);
    assert_int_equal(copied(fx), OK);
    assert_true(blob_has(fx->blobs, &fx->id));
}

static void a_copy_from_another_folder_is_read_back(void **state) {
    struct fixture *fx = *state;
    struct blob_dir *other;
    char dir[64] = "/tmp/tasuki-blob-XXXXXX", why[256], path[PATH_MAX];
    int fd;

    assert_non_null(mkdtemp(dir));
    assert_int_equal(blob_open(dir, 0, &other, why), OK);
    put_all(fx);
    assert_int_equal(blob_copy_from(other, fx->blobs, fx->sealer, &fx->id, SIZE), OK);
    assert_int_equal(blob_verify(other, fx->sealer, &fx->id, SIZE), OK);
    assert_int_equal(blob_delete(other, &fx->id), OK);
    path_of(fx, path);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "rot", 3, 60000), 3);
    close(fd);
    assert_int_equal(blob_copy_from(other, fx->blobs, fx->sealer, &fx->id, SIZE),
                     ERR_FORGED);
    assert_false(blob_has(other, &fx->id));
    assert_int_equal(parts_in(dir), 0);
    blob_close(other);
    assert_int_equal(nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Two senders, and a copy from another node, of one blob at once. */
static void writers_of_one_blob_do_not_meet(void **state) {
    struct fixture *fx = *state;
    static const uint8_t wrong[BLOB_CHUNK_MAX];

    assert_int_equal(put(fx, 0), OK);
    assert_int_equal(blob_part_put(fx->blobs, fx->sealer, &fx->id, SIZE, 8, 0,
                                   span_of(wrong, sizeof wrong)),
                     OK);
    assert_int_equal(blob_copy_put(fx->blobs, &fx->id, 3, 0, span_str("no blob")), OK);
    assert_int_equal(put(fx, 1), OK);
    assert_int_equal(put(fx, 2), OK);
    assert_int_not_equal(copied(fx), OK);
    assert_int_not_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 8), OK);
    assert_int_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 7), OK);
    /* Known by now, so the other one's is done as well; nothing of it is left. */
    assert_int_equal(blob_commit(fx->blobs, fx->sealer, &fx->id, SIZE, 8), OK);
    assert_int_equal(parts_in(fx->dir), 0);
    assert_int_equal(blob_verify(fx->blobs, fx->sealer, &fx->id, SIZE), OK);
}

static void what_nobody_goes_on_with_is_swept(void **state) {
    struct fixture *fx = *state;
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char why[256], name[65], path[PATH_MAX];

    assert_int_equal(put(fx, 0), OK);
    assert_int_equal(blob_copy_put(fx->blobs, &fx->id, 3, 0, span_str("x")), OK);
    blob_sweep_parts(fx->blobs);
    assert_int_equal(parts_in(fx->dir), 2);
    hex_encode(span_of(fx->id.b, sizeof fx->id.b), name);
    snprintf(path, sizeof path, "%s/blobs/tmp/%s-3.copy", fx->dir, name);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    blob_sweep_parts(fx->blobs);
    assert_int_equal(parts_in(fx->dir), 1);
    blob_close(fx->blobs); /* a power cut, say */
    assert_int_equal(blob_open(fx->dir, 0, &fx->blobs, why), OK);
    assert_int_equal(parts_in(fx->dir), 0);
}

/* The device is never filled: what is there stays readable. */
static void nothing_is_written_into_the_reserve(void **state) {
    struct fixture *fx = *state;
    char why[256];

    put_all(fx);
    assert_int_equal(put(fx, 0), OK);
    blob_close(fx->blobs);
    assert_int_equal(blob_open(fx->dir, UINT64_MAX / 2, &fx->blobs, why), OK);
    assert_int_equal(put(fx, 0), ERR_NO_SPACE);
    assert_int_equal(blob_copy_put(fx->blobs, &fx->id, 3, 0, span_str("x")), ERR_NO_SPACE);
    assert_int_equal(parts_in(fx->dir), 0);
    assert_int_equal(blob_verify(fx->blobs, fx->sealer, &fx->id, SIZE), OK);
}

static bool unknown(void *arg, const struct blob_id *id, bool is_old) {
    size_t *seen = arg;

    (void)id;
    *seen += 1;
    return !is_old;
}

static void a_walk_takes_old_files_that_nobody_knows(void **state) {
    struct fixture *fx = *state;
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char path[PATH_MAX];
    size_t seen = 0;

    put_all(fx);
    blob_walk(fx->blobs, fx->id.b[0], unknown, &seen);
    assert_int_equal(seen, 1);
    assert_true(blob_has(fx->blobs, &fx->id)); /* it just came */
    path_of(fx, path);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    blob_walk(fx->blobs, (uint8_t)(fx->id.b[0] + 1), unknown, &seen);
    assert_int_equal(seen, 1);
    assert_true(blob_has(fx->blobs, &fx->id));
    blob_walk(fx->blobs, fx->id.b[0], unknown, &seen);
    assert_false(blob_has(fx->blobs, &fx->id));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(whole_or_not_at_all),
        TEST(what_was_put_in_comes_out),
        TEST(other_bytes_are_refused),
        TEST(rot_is_found_wherever_it_is),
        TEST(nothing_stands_in_the_clear),
        TEST(a_copy_is_read_back),
        TEST(a_copy_from_another_folder_is_read_back),
        TEST(writers_of_one_blob_do_not_meet),
        TEST(what_nobody_goes_on_with_is_swept),
        TEST(nothing_is_written_into_the_reserve),
        TEST(a_walk_takes_old_files_that_nobody_knows),
    };
    return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
