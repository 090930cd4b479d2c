/* blob: files of sealed chunks. */
#include "server/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/crypto/digest.h"
#include "store/base/codec.h"

#define SEALED_CHUNK (BLOB_CHUNK_MAX + SEAL_OVERHEAD)
#define HEADER_LEN 16u
#define SWEEP_AGE_S 3600
#define MAGIC "TSKBLOB1"
#define NAME_MAX_LEN (2 * sizeof(((struct blob_id *)0)->b) + 1)

struct blob_dir {
    char path[PATH_MAX - 128];
};

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

static void path_of(const struct blob_dir *dir, const struct blob_id *id, bool part,
                    char out[PATH_MAX]) {
    char name[NAME_MAX_LEN];

    hex_encode(span_of(id->b, sizeof id->b), name);
    if (part) {
        snprintf(out, PATH_MAX, "%s/tmp/%s.part", dir->path, name);
    } else {
        snprintf(out, PATH_MAX, "%s/%.2s/%s", dir->path, name, name);
    }
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

static void forget_uploads(const char *tmp) {
    DIR *stream = opendir(tmp);
    struct dirent *entry;

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}

enum err blob_open(const char *data_dir, struct blob_dir **ret_dir, char why[256]) {
    struct blob_dir *dir = calloc(1, sizeof *dir);
    char tmp[PATH_MAX];
    enum err err;

    if (dir == NULL) {
        return ERR_NOMEM;
    }
    if ((size_t)snprintf(dir->path, sizeof dir->path, "%s/blobs", data_dir) >=
        sizeof dir->path) {
        free(dir);
        snprintf(why, 256, "data_dir: the path is too long");
        return ERR_CONFIG;
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
        snprintf(why, 256, "cannot make %.200s", tmp);
        free(dir);
        return err;
    }
    forget_uploads(tmp);
    *ret_dir = dir;
    return OK;
}

void blob_close(struct blob_dir *dir) {
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

enum err blob_part_put(struct blob_dir *dir, struct sealer *sealer,
                       const struct blob_id *id, uint64_t size, uint32_t index,
                       struct span chunk) {
    struct bound bound = bound_of(id, size, index);
    uint8_t header[HEADER_LEN];
    char path[PATH_MAX];
    struct buf sealed;
    enum err err;
    int fd;

    if (size == 0 || size > LIMIT_BLOB || index >= blob_chunks(size) ||
        chunk.len != chunk_len(size, index)) {
        return ERR_INVALID;
    }
    path_of(dir, id, true, path);
    buf_init(&sealed, SEALED_CHUNK);
    err = sealer_seal(sealer, SEAL_BLOB, span_of(bound.b, sizeof bound.b), chunk,
                      &sealed);
    fd = err == OK ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (err == OK && fd < 0) {
        err = of_errno(errno);
    }
    if (err == OK) {
        header_of(size, header);
        err = write_at(fd, header, sizeof header, 0);
    }
    if (err == OK) {
        err = write_at(fd, sealed.data, sealed.len, chunk_at(index));
    }
    if (fd >= 0) {
        close(fd);
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

    path_of(dir, id, false, path);
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

enum err blob_commit(struct blob_dir *dir, struct sealer *sealer,
                     const struct blob_id *id, uint64_t size) {
    char part[PATH_MAX];
    enum err err;
    int fd;

    if (size == 0 || size > LIMIT_BLOB) {
        return ERR_INVALID;
    }
    if (blob_verify(dir, sealer, id, size) == OK) {
        return OK; /* it came before */
    }
    path_of(dir, id, true, part);
    fd = open(part, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return of_errno(errno);
    }
    err = hash_all(fd, sealer, id, size);
    if (err == OK) {
        err = settle(dir, id, fd, part);
    } else if (err == ERR_FORGED) {
        unlink(part);
    }
    close(fd);
    return err;
}

bool blob_has(const struct blob_dir *dir, const struct blob_id *id) {
    char path[PATH_MAX];
    struct stat info;

    path_of(dir, id, false, path);
    return stat(path, &info) == 0;
}

static enum err open_blob(const struct blob_dir *dir, const struct blob_id *id,
                          int *ret_fd) {
    char path[PATH_MAX];

    path_of(dir, id, false, path);
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

    path_of(dir, id, false, path);
    return unlink(path) == 0 || errno == ENOENT ? OK : of_errno(errno);
}

/* --- copies --- */

enum err blob_copy_put(struct blob_dir *dir, const struct blob_id *id, uint64_t at,
                       struct span bytes) {
    char path[PATH_MAX];
    enum err err;
    int fd;

    if (at + bytes.len > LIMIT_BLOB + HEADER_LEN +
                             (uint64_t)blob_chunks(LIMIT_BLOB) * SEAL_OVERHEAD) {
        return ERR_TOO_BIG;
    }
    path_of(dir, id, true, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (at == 0 ? O_TRUNC : 0), 0600);
    if (fd < 0) {
        return of_errno(errno);
    }
    err = write_at(fd, bytes.data, bytes.len, (off_t)at);
    close(fd);
    return err;
}

void blob_sweep(struct blob_dir *dir, uint8_t folder,
                bool (*known)(void *arg, const struct blob_id *id), void *arg) {
    struct blob_id id = {{folder}};
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *stream;

    folder_of(dir, &id, path);
    stream = opendir(path);
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        struct stat info;
        if (strlen(entry->d_name) == 2 * sizeof id.b &&
            hex_decode(span_str(entry->d_name), id.b, sizeof id.b) == OK &&
            fstatat(dirfd(stream), entry->d_name, &info, 0) == 0 &&
            info.st_mtime + SWEEP_AGE_S < time(NULL) && !known(arg, &id)) {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}
