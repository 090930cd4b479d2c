/* blob: files of sealed chunks. */
#include "server/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "server/crypto/digest.h"
#include "store/base/check.h"
#include "store/base/codec.h"

#define SEALED_CHUNK (BLOB_CHUNK_MAX + SEAL_OVERHEAD)
#define HEADER_LEN 16u
#define SWEEP_AGE_S 3600
#define MAGIC "TSKBLOB1"
#define NAME_MAX_LEN (2 * sizeof(((struct blob_id *)0)->b) + 1)

/* Writers of one blob take turns: whoever still writes into an upload's file must not do
 * so once it stands under its hash (K1). Blobs share locks by their first byte. */
#define LOCKS 64

struct blob_dir {
    char path[PATH_MAX - 128];
    uint64_t reserve;
    pthread_mutex_t locks[LOCKS];
};

static void lock(struct blob_dir *dir, const struct blob_id *id) {
    CHECK(pthread_mutex_lock(&dir->locks[id->b[0] % LOCKS]) == 0);
}

static void unlock(struct blob_dir *dir, const struct blob_id *id) {
    CHECK(pthread_mutex_unlock(&dir->locks[id->b[0] % LOCKS]) == 0);
}

uint32_t blob_chunks(uint64_t size) {
    return (uint32_t)((size + BLOB_CHUNK_MAX - 1) / BLOB_CHUNK_MAX);
}

static size_t chunk_len(uint64_t size, uint32_t index) {
    uint64_t left = size - (uint64_t)index * BLOB_CHUNK_MAX;

    return left < BLOB_CHUNK_MAX ? (size_t)left : BLOB_CHUNK_MAX;
}

static off_t chunk_at(uint32_t index) {
    return (off_t)(HEADER_LEN + (uint64_t)index * SEALED_CHUNK);
}

static enum err of_errno(int number) {
    return number == ENOENT                         ? ERR_NOT_FOUND
           : number == ENOSPC || number == EDQUOT   ? ERR_NO_SPACE
           : number == ENOMEM                       ? ERR_NOMEM
                                                    : ERR_IO;
}

/* --- paths --- */

static void path_of(const struct blob_dir *dir, const struct blob_id *id,
                    char out[PATH_MAX]) {
    char name[NAME_MAX_LEN];

    hex_encode(span_of(id->b, sizeof id->b), name);
    snprintf(out, PATH_MAX, "%s/%.2s/%s", dir->path, name, name);
}

static void part_of(const struct blob_dir *dir, const struct blob_id *id,
                    uint64_t writer, char out[PATH_MAX]) {
    char name[NAME_MAX_LEN];

    hex_encode(span_of(id->b, sizeof id->b), name);
    snprintf(out, PATH_MAX, "%s/tmp/%s-%016" PRIx64 ".part", dir->path, name, writer);
}

static void copy_of(const struct blob_dir *dir, const struct blob_id *id,
                    uint64_t number, char out[PATH_MAX]) {
    char name[NAME_MAX_LEN];

    hex_encode(span_of(id->b, sizeof id->b), name);
    snprintf(out, PATH_MAX, "%s/tmp/%s-%" PRIu64 ".copy", dir->path, name, number);
}

static void folder_of(const struct blob_dir *dir, const struct blob_id *id,
                      char out[PATH_MAX]) {
    snprintf(out, PATH_MAX, "%s/%02x", dir->path, id->b[0]);
}

static enum err make_folder(const char *path) {
    return mkdir(path, 0700) == 0 || errno == EEXIST ? OK : of_errno(errno);
}

static enum err sync_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err;

    if (fd < 0) {
        return of_errno(errno);
    }
    err = fsync(fd) == 0 ? OK : ERR_IO;
    close(fd);
    return err;
}

static bool is_old(DIR *stream, const char *name, time_t age) {
    struct stat info;

    return fstatat(dirfd(stream), name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           info.st_mtime + age <= time(NULL);
}

/* Those of an `age` at least. */
static void forget_uploads(const struct blob_dir *dir, time_t age) {
    char tmp[PATH_MAX];
    struct dirent *entry;
    DIR *stream;

    snprintf(tmp, sizeof tmp, "%s/tmp", dir->path);
    stream = opendir(tmp);
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.' && (age == 0 || is_old(stream, entry->d_name, age))) {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}

void blob_sweep_parts(struct blob_dir *dir) {
    forget_uploads(dir, SWEEP_AGE_S);
}

/* K4, with `more` bytes written. */
static enum err room_for(const struct blob_dir *dir, size_t more) {
    struct statvfs vfs;

    if (statvfs(dir->path, &vfs) != 0) {
        return of_errno(errno);
    }
    return (uint64_t)vfs.f_bavail * vfs.f_frsize < dir->reserve + more ? ERR_NO_SPACE
                                                                       : OK;
}

static enum err dir_new(const char *data_dir, uint64_t reserve,
                        struct blob_dir **ret_dir, char why[256]) {
    struct blob_dir *dir = calloc(1, sizeof *dir);

    if (dir == NULL) {
        snprintf(why, 256, "out of memory");
        return ERR_NOMEM;
    }
    if ((size_t)snprintf(dir->path, sizeof dir->path, "%s/blobs", data_dir) >=
        sizeof dir->path) {
        free(dir);
        snprintf(why, 256, "%.100s...: the path is too long", data_dir);
        return ERR_CONFIG;
    }
    dir->reserve = reserve;
    for (size_t i = 0; i < LOCKS; i++) {
        CHECK(pthread_mutex_init(&dir->locks[i], NULL) == 0);
    }
    *ret_dir = dir;
    return OK;
}

enum err blob_open(const char *data_dir, uint64_t reserve, struct blob_dir **ret_dir,
                   char why[256]) {
    struct blob_dir *dir;
    char tmp[PATH_MAX];
    enum err err = dir_new(data_dir, reserve, &dir, why);

    if (err != OK) {
        return err;
    }
    snprintf(tmp, sizeof tmp, "%s/tmp", dir->path);
    err = make_folder(dir->path);
    if (err == OK) {
        err = make_folder(tmp);
    }
    if (err == OK) {
        err = sync_folder(data_dir);
    }
    if (err != OK) {
        snprintf(why, 256, "cannot make %.200s: %s", tmp, err_str(err));
        blob_close(dir);
        return err;
    }
    forget_uploads(dir, 0);
    *ret_dir = dir;
    return OK;
}

enum err blob_open_reading(const char *data_dir, struct blob_dir **ret_dir,
                           char why[256]) {
    struct blob_dir *dir;
    enum err err = dir_new(data_dir, UINT64_MAX / 2, &dir, why);

    if (err == OK && access(dir->path, R_OK | X_OK) != 0) {
        err = of_errno(errno);
        snprintf(why, 256, "%.200s: %s", dir->path, strerror(errno));
        blob_close(dir);
    }
    if (err == OK) {
        *ret_dir = dir;
    }
    return err;
}

void blob_close(struct blob_dir *dir) {
    for (size_t i = 0; dir != NULL && i < LOCKS; i++) {
        CHECK(pthread_mutex_destroy(&dir->locks[i]) == 0);
    }
    free(dir);
}

/* --- chunks --- */

/* K2: blob, size and place. */
struct bound {
    uint8_t b[32 + 8 + 4];
};

static struct bound bound_of(const struct blob_id *id, uint64_t size, uint32_t index) {
    struct bound bound;

    memcpy(bound.b, id->b, sizeof id->b);
    for (int i = 0; i < 8; i++) {
        bound.b[32 + i] = (uint8_t)(size >> (8 * i));
    }
    for (int i = 0; i < 4; i++) {
        bound.b[40 + i] = (uint8_t)(index >> (8 * i));
    }
    return bound;
}

static enum err write_at(int fd, const uint8_t *data, size_t len, off_t at) {
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? of_errno(errno) : ERR_IO;
        }
        data += n;
        len -= (size_t)n;
        at += n;
    }
    return OK;
}

/* ERR_NOT_FOUND: the file ends before. */
static enum err read_at(int fd, uint8_t *data, size_t len, off_t at) {
    while (len > 0) {
        ssize_t n = pread(fd, data, len, at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? of_errno(errno) : ERR_NOT_FOUND;
        }
        data += n;
        len -= (size_t)n;
        at += n;
    }
    return OK;
}

static void header_of(uint64_t size, uint8_t out[HEADER_LEN]) {
    memcpy(out, MAGIC, 8);
    for (int i = 0; i < 8; i++) {
        out[8 + i] = (uint8_t)(size >> (8 * i));
    }
}

/* Header and one chunk, at its place. */
static enum err part_write(const char *path, uint64_t size, uint32_t index,
                           struct span sealed) {
    uint8_t header[HEADER_LEN];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    enum err err;

    if (fd < 0) {
        return of_errno(errno);
    }
    header_of(size, header);
    err = write_at(fd, header, sizeof header, 0);
    if (err == OK) {
        err = write_at(fd, sealed.data, sealed.len, chunk_at(index));
    }
    close(fd);
    return err;
}

enum err blob_part_put(struct blob_dir *dir, struct sealer *sealer,
                       const struct blob_id *id, uint64_t size, uint64_t writer,
                       uint32_t index, struct span chunk) {
    struct bound bound = bound_of(id, size, index);
    char path[PATH_MAX];
    struct buf sealed;
    enum err err;

    if (size == 0 || size > LIMIT_BLOB || index >= blob_chunks(size) ||
        chunk.len != chunk_len(size, index)) {
        return ERR_INVALID;
    }
    part_of(dir, id, writer, path);
    buf_init(&sealed, SEALED_CHUNK);
    err = sealer_seal(sealer, SEAL_BLOB, span_of(bound.b, sizeof bound.b), chunk,
                      &sealed);
    if (err == OK) {
        err = room_for(dir, sealed.len);
    }
    if (err == OK) {
        lock(dir, id);
        err = part_write(path, size, index, buf_span(&sealed));
        unlock(dir, id);
    }
    buf_free(&sealed);
    return err;
}

/* Append what chunk `index` of the open file holds. */
static enum err chunk_read(int fd, struct sealer *sealer, const struct blob_id *id,
                           uint64_t size, uint32_t index, struct buf *out) {
    struct bound bound = bound_of(id, size, index);
    size_t len = chunk_len(size, index) + SEAL_OVERHEAD;
    uint8_t *sealed = malloc(SEALED_CHUNK);
    enum err err = sealed == NULL ? ERR_NOMEM
                                  : read_at(fd, sealed, len, chunk_at(index));

    if (err == OK) {
        err = sealer_open(sealer, SEAL_BLOB, span_of(bound.b, sizeof bound.b),
                          span_of(sealed, len), out);
    }
    free(sealed);
    return err;
}

/* Hash the whole. A chunk that was never written does not open. */
static enum err hash_all(int fd, struct sealer *sealer, const struct blob_id *id,
                         uint64_t size) {
    struct digest_stream *stream = digest_stream_new();
    uint8_t hash[32];
    struct buf plain;
    enum err err = OK;

    buf_init(&plain, BLOB_CHUNK_MAX);
    for (uint32_t i = 0; i < blob_chunks(size) && err == OK; i++) {
        buf_reset(&plain);
        err = chunk_read(fd, sealer, id, size, i, &plain);
        if (err == OK) {
            digest_stream_add(stream, buf_span(&plain));
        }
    }
    digest_stream_end(stream, hash);
    if (err == OK && memcmp(hash, id->b, sizeof id->b) != 0) {
        err = ERR_FORGED;
    }
    buf_free(&plain);
    return err;
}

/* The file is whole: on the device, and then under its name. */
static enum err settle(struct blob_dir *dir, const struct blob_id *id, int fd,
                       const char *part) {
    char path[PATH_MAX], folder[PATH_MAX];
    enum err err;

    path_of(dir, id, path);
    folder_of(dir, id, folder);
    err = fsync(fd) == 0 ? make_folder(folder) : ERR_IO;
    if (err == OK && rename(part, path) != 0) {
        err = of_errno(errno);
    }
    if (err == OK) {
        err = sync_folder(folder);
    }
    return err == OK ? sync_folder(dir->path) : err;
}

/* The file `part` becomes the blob. */
static enum err commit_part(struct blob_dir *dir, struct sealer *sealer,
                            const struct blob_id *id, uint64_t size, const char *part) {
    enum err err;
    int fd;

    if (size == 0 || size > LIMIT_BLOB) {
        return ERR_INVALID;
    }
    if (blob_verify(dir, sealer, id, size) == OK) { /* it came before */
        (void)unlink(part);
        return OK;
    }
    fd = open(part, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return of_errno(errno);
    }
    err = hash_all(fd, sealer, id, size);
    if (err == OK) {
        err = settle(dir, id, fd, part);
    } else if (err == ERR_FORGED) {
        (void)unlink(part);
    }
    close(fd);
    return err;
}

enum err blob_commit(struct blob_dir *dir, struct sealer *sealer,
                     const struct blob_id *id, uint64_t size, uint64_t writer) {
    char part[PATH_MAX];
    enum err err;

    part_of(dir, id, writer, part);
    lock(dir, id);
    err = commit_part(dir, sealer, id, size, part);
    unlock(dir, id);
    return err;
}

bool blob_has(const struct blob_dir *dir, const struct blob_id *id) {
    char path[PATH_MAX];
    struct stat info;

    path_of(dir, id, path);
    return stat(path, &info) == 0;
}

static enum err open_blob(const struct blob_dir *dir, const struct blob_id *id,
                          int *ret_fd) {
    char path[PATH_MAX];

    path_of(dir, id, path);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? of_errno(errno) : OK;
}

enum err blob_chunk_get(const struct blob_dir *dir, struct sealer *sealer,
                        const struct blob_id *id, uint64_t size, uint32_t index,
                        struct buf *out) {
    enum err err;
    int fd;

    if (size == 0 || size > LIMIT_BLOB || index >= blob_chunks(size)) {
        return ERR_NOT_FOUND;
    }
    err = open_blob(dir, id, &fd);
    if (err != OK) {
        return err;
    }
    err = chunk_read(fd, sealer, id, size, index, out);
    close(fd);
    /* The file is there: what is not in it is lost. */
    return err == ERR_NOT_FOUND ? ERR_FORGED : err;
}

enum err blob_verify(const struct blob_dir *dir, struct sealer *sealer,
                     const struct blob_id *id, uint64_t size) {
    int fd;
    enum err err = open_blob(dir, id, &fd);

    if (err != OK) {
        return err;
    }
    err = hash_all(fd, sealer, id, size);
    close(fd);
    return err == ERR_NOT_FOUND ? ERR_FORGED : err;
}

enum err blob_delete(struct blob_dir *dir, const struct blob_id *id) {
    char path[PATH_MAX];

    path_of(dir, id, path);
    return unlink(path) == 0 || errno == ENOENT ? OK : of_errno(errno);
}

/* --- copies --- */

enum err blob_copy_put(struct blob_dir *dir, const struct blob_id *id, uint64_t number,
                       uint64_t at, struct span bytes) {
    char path[PATH_MAX];
    enum err err = room_for(dir, bytes.len);
    int fd;

    if (at + bytes.len > LIMIT_BLOB + HEADER_LEN +
                             (uint64_t)blob_chunks(LIMIT_BLOB) * SEAL_OVERHEAD) {
        return ERR_TOO_BIG;
    }
    if (err != OK) {
        return err;
    }
    copy_of(dir, id, number, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (at == 0 ? O_TRUNC : 0), 0600);
    if (fd < 0) {
        return of_errno(errno);
    }
    err = write_at(fd, bytes.data, bytes.len, (off_t)at);
    close(fd);
    return err;
}

enum err blob_copy_commit(struct blob_dir *dir, struct sealer *sealer,
                          const struct blob_id *id, uint64_t size, uint64_t number) {
    char part[PATH_MAX];
    enum err err;

    copy_of(dir, id, number, part);
    lock(dir, id);
    err = commit_part(dir, sealer, id, size, part);
    unlock(dir, id);
    if (err != OK) {
        (void)unlink(part);
    }
    return err;
}

void blob_copy_drop(struct blob_dir *dir, const struct blob_id *id, uint64_t number) {
    char part[PATH_MAX];

    copy_of(dir, id, number, part);
    (void)unlink(part);
}

enum err blob_copy_from(struct blob_dir *dir, const struct blob_dir *from,
                        struct sealer *sealer, const struct blob_id *id,
                        uint64_t size) {
    uint8_t piece[32 * 1024];
    uint64_t at = 0;
    ssize_t n = 1;
    int fd;
    enum err err = open_blob(from, id, &fd);

    if (err != OK) {
        return err;
    }
    while (err == OK && n > 0) {
        n = pread(fd, piece, sizeof piece, (off_t)at);
        if (n > 0) {
            err = blob_copy_put(dir, id, 0, at, span_of(piece, (size_t)n));
            at += (uint64_t)n;
        } else if (n < 0) {
            err = of_errno(errno);
        }
    }
    close(fd);
    if (err != OK) {
        blob_copy_drop(dir, id, 0);
        return err;
    }
    err = blob_copy_commit(dir, sealer, id, size, 0);
    return err == ERR_NOT_FOUND ? ERR_FORGED : err; /* it ends too soon */
}

/* --- all of them --- */

void blob_walk(struct blob_dir *dir, uint8_t folder,
               bool (*keep)(void *arg, const struct blob_id *id, bool old), void *arg) {
    struct blob_id id = {{folder}};
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *stream;

    folder_of(dir, &id, path);
    stream = opendir(path);
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (strlen(entry->d_name) == 2 * sizeof id.b &&
            hex_decode(span_str(entry->d_name), id.b, sizeof id.b) == OK &&
            id.b[0] == folder &&
            !keep(arg, &id, is_old(stream, entry->d_name, SWEEP_AGE_S))) {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}
