#include "store/store_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/port.h"
#include "store/store_lmdb.h"

#define FILE_NAME "data.point"
#define FILE_NEW "data.point.new"
#define FILE_LOCK "lock.mdb"
#define MAGIC UINT64_C(0x31544e494f505354) /* "TSPOINT1" */
#define MAGIC_NONE UINT64_C(0x30544e494f505354) /* "TSPOINT0": names nothing (P4) */
#define FILE_APPLIED "data.applied"
#define APPLIED_MAGIC UINT64_C(0x314c505041535354) /* "TSSAPPL1" */
#define APPLIED_LEN 32u
#define HEADS 2u  /* LMDB's, in turn */
#define PLACES 2u /* in data.point */
#define PAGE_MIN 512u
#define PAGE_MAX 65536u
#define HEADER_LEN (8u + 8u + 4u)
#define SUM_LEN 16u
/* Of one place in the file: whole blocks, so that no write touches the other one. */
#define BLOCK 4096u

static size_t place_len(size_t page) {
    size_t len = HEADER_LEN + HEADS * page + SUM_LEN;
    return (len + BLOCK - 1) / BLOCK * BLOCK;
}

static enum err io_err(void) {
    return errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
}

static enum err write_all(int fd, const uint8_t *data, size_t len, off_t at) {
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return io_err();
        }
        data += n;
        len -= (size_t)n;
        at += n;
    }
    return OK;
}

/* As many bytes as there are; fewer at the file's end. */
static enum err read_some(int fd, uint8_t *data, size_t len, off_t at, size_t *ret_n) {
    size_t have = 0;
    while (have < len) {
        ssize_t n = pread(fd, data + have, len - have, at + (off_t)have);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_IO;
        }
        if (n == 0) {
            break;
        }
        have += (size_t)n;
    }
    *ret_n = have;
    return OK;
}

/* A directory, or a file with all that is said of it. */
static enum err sync_fd(int fd) {
    return fsync(fd) == 0 ? OK : io_err();
}

static enum err sync_data(int fd) {
    return fdatasync(fd) == 0 ? OK : io_err();
}

/* --- the bytes --- */

/* Both heads as they stand in the file now, into a place with its check sum. */
static enum err encode(MDB_env *env, uint64_t number, struct buf *out) {
    uint8_t page[PAGE_MAX];
    MDB_stat stat;
    mdb_filehandle_t fd;
    size_t n = 0;
    enum err err = OK;

    CHECK(mdb_env_stat(env, &stat) == MDB_SUCCESS);
    CHECK(mdb_env_get_fd(env, &fd) == MDB_SUCCESS);
    CHECK(stat.ms_psize >= PAGE_MIN && stat.ms_psize <= PAGE_MAX);
    buf_reset(out);
    put_u64(out, MAGIC);
    put_u64(out, number);
    put_u32(out, stat.ms_psize);
    for (size_t i = 0; i < HEADS && err == OK; i++) {
        err = read_some(fd, page, stat.ms_psize, (off_t)(i * stat.ms_psize), &n);
        if (err == OK && n != stat.ms_psize) {
            err = ERR_CORRUPT;
        }
        buf_put(out, page, stat.ms_psize);
    }
    if (err != OK || buf_err(out) != OK) {
        return err != OK ? err : buf_err(out);
    }
    struct store_digest sum = store_row_sum(buf_span(out));
    put_u64(out, sum.lo);
    put_u64(out, sum.hi);
    return buf_err(out);
}

/* One place. False: never written, or torn while it was. */
static bool decode(struct span place, uint64_t *ret_number, struct span *ret_heads,
                   size_t *ret_page) {
    struct reader in = reader_of(place);
    uint64_t magic = read_u64(&in);
    uint64_t number = read_u64(&in);
    size_t page = read_u32(&in);

    if (in.bad || magic != MAGIC || page < PAGE_MIN || page > PAGE_MAX ||
        place.len < HEADER_LEN + HEADS * page + SUM_LEN) {
        return false;
    }
    struct span heads = read_bytes(&in, HEADS * page);
    struct store_digest sum =
        store_row_sum(span_of(place.data, HEADER_LEN + heads.len));
    if (read_u64(&in) != sum.lo || read_u64(&in) != sum.hi) {
        return false;
    }
    *ret_number = number;
    *ret_heads = heads;
    *ret_page = page;
    return true;
}

/* The newer of the two places. ERR_NOT_FOUND: it names nothing, on purpose.
 * ERR_CORRUPT: neither is whole. */
static enum err newest(struct span file, struct span *ret_heads, size_t *ret_page) {
    uint64_t best = 0;
    enum err err = ERR_CORRUPT;

    /* The first place gives the length; pages are of one size in a file's life. */
    for (size_t at = 0; at < file.len; at += BLOCK) {
        struct reader in = reader_of(span_of(file.data + at, file.len - at));
        struct span heads;
        uint64_t number;
        size_t page;
        if (err == ERR_CORRUPT && read_u64(&in) == MAGIC_NONE && !in.bad) {
            err = ERR_NOT_FOUND;
        }
        if (decode(span_of(file.data + at, file.len - at), &number, &heads, &page) &&
            number > best) {
            best = number;
            *ret_heads = heads;
            *ret_page = page;
            err = OK;
        }
    }
    return err;
}

/* --- going back (P3) --- */

static enum err put_heads(int dir_fd, struct span heads) {
    int fd = openat(dir_fd, "data.mdb", O_WRONLY | O_CLOEXEC);
    enum err err;

    if (fd < 0) {
        return errno == ENOENT ? ERR_CORRUPT : ERR_IO;
    }
    err = write_all(fd, heads.data, heads.len, 0);
    if (err == OK) {
        err = sync_fd(fd);
    }
    return close(fd) == 0 ? err : ERR_IO;
}

/* From here on the store stands as it is. The older place goes first: if it were alone
 * it would name a commit whose pages may have been used again. The file itself stays,
 * with its room on the device: a full one must not keep a node from starting. */
static enum err name_nothing(int fd, unsigned newer, off_t len) {
    struct buf none;
    enum err err;

    buf_init(&none, sizeof(uint64_t));
    put_u64(&none, MAGIC_NONE);
    err = buf_err(&none);
    for (unsigned i = 0; i < PLACES && err == OK; i++) {
        unsigned place = i == 0 ? 1 - newer : newer;
        err = write_all(fd, none.data, none.len, place * len);
        if (err == OK) {
            err = sync_data(fd);
        }
    }
    buf_free(&none);
    return err;
}

/* It speaks of commits that are gone: LMDB makes a new one, in room that is set aside
 * here, since it writes through a map, where a full device ends the process. */
static enum err renew_lock(int dir_fd) {
    struct stat st;

    if (fstatat(dir_fd, FILE_LOCK, &st, 0) != 0) {
        return errno == ENOENT ? OK : ERR_IO;
    }
    if (unlinkat(dir_fd, FILE_LOCK, 0) != 0) {
        return ERR_IO;
    }
    int fd = openat(dir_fd, FILE_LOCK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return io_err();
    }
    errno = st.st_size == 0 ? 0 : posix_fallocate(fd, 0, st.st_size);
    enum err err = errno == 0 ? OK : io_err();
    return close(fd) == 0 ? err : ERR_IO;
}

static enum err go_back(int dir_fd, int fd, struct span file) {
    struct span heads = span_of(NULL, 0);
    size_t page = 0;
    enum err err = newest(file, &heads, &page);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    err = put_heads(dir_fd, heads);
    if (err == OK) {
        err = renew_lock(dir_fd);
    }
    unsigned place = heads.data - file.data < (ptrdiff_t)place_len(page) ? 0 : 1;
    return err == OK ? name_nothing(fd, place, (off_t)place_len(page)) : err;
}

enum err store_point_restore(struct store_point *point, const char *dir) {
    size_t max = PLACES * place_len(PAGE_MAX);
    size_t len = 0;
    enum err err;

    point->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (point->dir_fd < 0) {
        return ERR_IO;
    }
    if (flock(point->dir_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
    }
    int fd = openat(point->dir_fd, FILE_NAME, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? OK : ERR_IO;
    }
    uint8_t *data = malloc(max);
    err = data == NULL ? ERR_NOMEM : read_some(fd, data, max, 0, &len);
    if (err == OK) {
        err = go_back(point->dir_fd, fd, span_of(data, len));
    }
    free(data);
    return close(fd) == 0 ? err : ERR_IO;
}

/* --- making one --- */

void store_point_init(struct store_point *point) {
    *point = (struct store_point){.dir_fd = -1, .file_fd = -1, .applied_fd = -1};
    buf_init(&point->heads, place_len(PAGE_MAX));
    CHECK(pthread_mutex_init(&point->mutex, NULL) == 0);
}

/* Hold the last commit. */
static enum err pin(struct store_point *point, MDB_env *env, struct store_pin *ret_pin) {
    struct store_pin pin = {.number = point->number + 1};
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &pin.txn);

    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    point->number++;
    *ret_pin = pin;
    return OK;
}

static void unpin(struct store_pin *pin) {
    if (pin->txn != NULL) {
        mdb_txn_abort(pin->txn);
        pin->txn = NULL;
    }
}

/* P1. The mutex is held. */
static enum err put_place(struct store_point *point, MDB_env *env, uint64_t number,
                          struct span bytes) {
    unsigned place = 1 - point->place; /* the other one stays whole */
    MDB_stat stat;
    enum err err = store_lmdb_err(mdb_env_sync(env, 1));

    CHECK(mdb_env_stat(env, &stat) == MDB_SUCCESS);
    point->place_len = (off_t)place_len(stat.ms_psize);
    if (err == OK) {
        err = write_all(point->file_fd, bytes.data, bytes.len,
                        place * point->place_len);
    }
    if (err == OK) {
        err = sync_data(point->file_fd);
    }
    if (err == OK) {
        point->written = number;
        point->place = place;
    }
    return err;
}

static enum err write_point(struct store_point *point, MDB_env *env, uint64_t number,
                            struct span bytes) {
    pthread_mutex_lock(&point->mutex);
    if (point->failed == OK && number > point->written) { /* else a later was quicker */
        point->failed = put_place(point, env, number, bytes);
    }
    enum err err = point->failed;
    pthread_mutex_unlock(&point->mutex);
    return err;
}

/* Pages that the older place names may be used again from now on. */
static void void_older(struct store_point *point) {
    static const uint8_t none[sizeof(uint64_t)];

    pthread_mutex_lock(&point->mutex);
    if (point->failed == OK) {
        point->failed = write_all(point->file_fd, none, sizeof none,
                                  (1 - point->place) * point->place_len);
    }
    pthread_mutex_unlock(&point->mutex);
}

/* The newer of what data.point may name is kept; P2. */
static void keep(struct store_point *point, struct store_pin *pin) {
    if (pin->number > point->kept.number) {
        void_older(point);
        unpin(&point->kept);
        point->kept = *pin;
        pin->txn = NULL;
    } else {
        unpin(pin);
    }
}

enum err store_point_force(struct store_point *point, MDB_env *env) {
    struct store_pin now;
    struct buf heads;
    enum err err = pin(point, env, &now);

    if (err != OK) {
        return err;
    }
    buf_init(&heads, place_len(PAGE_MAX));
    err = encode(env, now.number, &heads);
    if (err == OK) {
        err = write_point(point, env, now.number, buf_span(&heads));
    }
    buf_free(&heads);
    if (err == OK) {
        keep(point, &now);
    } else {
        unpin(&now);
    }
    return err;
}

/* --- what was committed (P5) --- */

static enum err open_applied(struct store_point *point) {
    uint8_t bytes[APPLIED_LEN];
    size_t n = 0;

    point->applied_fd =
        openat(point->dir_fd, FILE_APPLIED, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (point->applied_fd < 0) {
        return io_err();
    }
    enum err err = read_some(point->applied_fd, bytes, sizeof bytes, 0, &n);
    if (err != OK || n < sizeof bytes) {
        return err;
    }
    struct reader in = reader_of(span_of(bytes, sizeof bytes));
    uint64_t magic = read_u64(&in);
    uint64_t index = read_u64(&in);
    uint64_t term = read_u64(&in);
    if (magic == APPLIED_MAGIC &&
        read_u64(&in) == store_row_sum(span_of(bytes, APPLIED_LEN - 8)).lo) {
        point->witness = (struct store_witness){index, term};
    }
    return OK;
}

enum err store_point_applied(struct store_point *point, uint64_t index, uint64_t term) {
    struct buf out;
    enum err err;

    if (!point->on || index <= point->witness.index) {
        return OK; /* or it is told again, by the log */
    }
    buf_init(&out, APPLIED_LEN);
    put_u64(&out, APPLIED_MAGIC);
    put_u64(&out, index);
    put_u64(&out, term);
    put_u64(&out, store_row_sum(buf_span(&out)).lo);
    err = buf_err(&out);
    if (err == OK) {
        err = write_all(point->applied_fd, out.data, out.len, 0);
    }
    buf_free(&out);
    if (err == OK) {
        point->witness = (struct store_witness){index, term};
    }
    return err;
}

struct store_witness store_witness(const struct store *store) {
    return store->point.witness;
}

/* What an earlier start left, which names nothing now; or a new one. With room for both
 * places, so that no later point wants any. */
static enum err open_file(struct store_point *point, MDB_env *env, bool *ret_new) {
    MDB_stat stat;
    int fd = openat(point->dir_fd, FILE_NAME, O_RDWR | O_CLOEXEC);

    *ret_new = fd < 0 && errno == ENOENT;
    if (*ret_new) {
        fd = openat(point->dir_fd, FILE_NEW, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                    0600);
    }
    if (fd < 0) {
        return io_err();
    }
    point->file_fd = fd;
    CHECK(mdb_env_stat(env, &stat) == MDB_SUCCESS);
    errno = posix_fallocate(fd, 0, (off_t)(PLACES * place_len(stat.ms_psize)));
    return errno == 0 ? OK : io_err();
}

enum err store_point_begin(struct store_point *point, MDB_env *env) {
    bool is_new = false;
    enum err err = open_file(point, env, &is_new);

    if (err == OK) {
        err = open_applied(point);
    }
    /* Under its name it has a whole place from the start, or names nothing. */
    if (err == OK) {
        err = store_point_force(point, env);
    }
    if (err == OK && is_new &&
        renameat(point->dir_fd, FILE_NEW, point->dir_fd, FILE_NAME) != 0) {
        err = io_err();
    }
    if (err == OK && is_new) {
        err = sync_fd(point->dir_fd);
    }
    if (err == OK) { /* the other place does not say "nothing" any more: void_older */
        err = sync_data(point->file_fd);
    }
    if (err == OK) {
        err = store_lmdb_err(mdb_env_set_flags(env, MDB_NOSYNC, 1));
    }
    point->on = err == OK;
    return err;
}

void store_point_close(struct store_point *point, MDB_env *env, bool in_order) {
    unpin(&point->making);
    unpin(&point->kept);
    if (point->on && in_order && point->failed == OK &&
        mdb_env_sync(env, 1) == MDB_SUCCESS) {
        /* Else the next start goes back, no more. */
        (void)name_nothing(point->file_fd, point->place, point->place_len);
    }
    if (point->file_fd >= 0) {
        (void)close(point->file_fd);
    }
    if (point->applied_fd >= 0) {
        (void)close(point->applied_fd);
    }
    if (point->dir_fd >= 0) {
        (void)close(point->dir_fd);
    }
    buf_free(&point->heads);
    pthread_mutex_destroy(&point->mutex);
}

/* --- in steps --- */

enum err store_point_take(struct store *store) {
    struct store_point *point = &store->point;
    enum err err;

    CHECK(point->on && point->making.txn == NULL);
    err = pin(point, store->env, &point->making);
    if (err == OK) {
        err = encode(store->env, point->making.number, &point->heads);
    }
    return err;
}

/* So long the pages of one stretch of the file may take: what else is written to the
 * device meanwhile, the log above all, waits behind no more than that. */
#define STRETCH_MS 2
#define STRETCH_MIN (1 << 18)
#define STRETCH_MAX (1 << 26)

static uint64_t now_ms(void) {
    return port_system_clock.mono_ms(port_system_clock.impl);
}

/* Write the file out, stretch by stretch; it is put_place that makes sure of it. */
static enum err write_out(MDB_env *env) {
    const unsigned how = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                         SYNC_FILE_RANGE_WAIT_AFTER;
    off_t stretch = STRETCH_MIN;
    mdb_filehandle_t fd;
    struct stat st;

    CHECK(mdb_env_get_fd(env, &fd) == MDB_SUCCESS);
    if (fstat(fd, &st) != 0) {
        return ERR_IO;
    }
    for (off_t at = 0, next; at < st.st_size; at = next) {
        uint64_t begun_ms = now_ms();
        if (sync_file_range(fd, at, stretch, how) != 0) {
            return io_err();
        }
        next = at + stretch;
        uint64_t took_ms = now_ms() - begun_ms;
        if (took_ms < STRETCH_MS && stretch < STRETCH_MAX) {
            stretch *= 2;
        } else if (took_ms > STRETCH_MS && stretch > STRETCH_MIN) {
            stretch /= 2;
        }
    }
    return OK;
}

enum err store_point_sync(struct store *store) {
    struct store_point *point = &store->point;
    enum err err = write_out(store->env);

    if (err != OK) {
        pthread_mutex_lock(&point->mutex);
        point->failed = err; /* P1 */
        pthread_mutex_unlock(&point->mutex);
        return err;
    }
    return write_point(point, store->env, point->making.number,
                       buf_span(&point->heads));
}

void store_point_done(struct store *store) {
    keep(&store->point, &store->point.making);
}

uint64_t store_point_number(struct store *store) {
    struct store_point *point = &store->point;
    pthread_mutex_lock(&point->mutex);
    uint64_t written = point->written;
    pthread_mutex_unlock(&point->mutex);
    return written;
}
