#include "server/main_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "raft/peer_image.h"
#include "server/main_manifest.h"
#include "store/base/buf.h"
#include "store/base/codec.h"

#define RESULT_MAX 4096
#define TELL_MS 1000

struct backup {
    const struct config *config;
    const struct options *options;
    char part[4096];
    int fd;
    uint64_t donor, bytes, begun_ms, told_ms;
    struct image_head head;
    bool noted;
    struct manifest manifest;
    bool own_fault; /* no other donor would make it better */
    char why[256];
};

static uint64_t mono_ms(void) {
    return port_system_clock.mono_ms(port_system_clock.impl);
}

bool backup_asked(const struct options *options) {
    return options->backup || options->verify;
}

static int failed(const struct backup *b, const char *what, int code, enum err err) {
    fprintf(stderr, "tasukid: %s: %s\n", what, b->why[0] ? b->why : err_str(err));
    return code;
}

static enum err io_error(struct backup *b, const char *what, const char *path) {
    int code = errno;
    snprintf(b->why, sizeof b->why, "%s %.150s: %s", what, path, strerror(code));
    return code == ENOSPC ? ERR_NO_SPACE : ERR_IO;
}

/* ---- verifying */

static int64_t read_file(void *arg, uint8_t *out, size_t max, char why[256]) {
    struct backup *b = arg;
    ssize_t len;

    do
        len = read(b->fd, out, max);
    while (len < 0 && errno == EINTR);

    if (len < 0)
        snprintf(why, 256, "it cannot be read: %s", strerror(errno));
    else
        b->bytes += (uint64_t)len;
    return len;
}

static enum err verify_fd(struct backup *b) {
    enum err err;

    b->bytes = 0;
    err = store_image_verify(read_file, b, &b->head, b->why);
    if (!err && memcmp(&b->head.meta.cluster_id, &b->config->cluster_id,
                       sizeof(struct id128)) != 0) {
        snprintf(b->why, sizeof b->why, "it is of another cluster");
        err = ERR_DENIED;
    }
    return err;
}

/* ---- taking */

static enum err write_piece(void *arg, struct span bytes, char why[256]) {
    struct backup *b = arg;

    while (bytes.len > 0) {
        ssize_t len = write(b->fd, bytes.data, bytes.len);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0) {
            snprintf(why, 256, "%.150s: %s", b->part, strerror(errno));
            return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
        }
        b->bytes += (uint64_t)len;
        bytes = span_of(bytes.data + len, bytes.len - (size_t)len);
    }
    return OK;
}

static void on_take(void *arg, uint64_t donor, const char *state) {
    struct backup *b = arg;
    uint64_t now = mono_ms();

    b->donor = donor;
    if (now < b->told_ms + TELL_MS)
        return;
    b->told_ms = now;
    fprintf(stderr, "tasukid: node %" PRIu64 ": %s, %" PRIu64 " MiB\n", donor, state,
            b->bytes >> 20);
}

static enum err keep_it(void *arg, char why[256]);

static enum err take_from(struct backup *b, const struct peer_image_take *take,
                          size_t donor) {
    b->bytes = 0;
    if (lseek(b->fd, 0, SEEK_SET) < 0 || ftruncate(b->fd, 0) != 0)
        return io_error(b, "cannot empty", b->part);
    return peer_image_take_to(take, donor, write_piece, b, b->why);
}

/* Others first: this node may be the busiest. */
static enum err take_any(struct backup *b) {
    const struct config *config = b->config;
    struct peer_image_take take = {
        .cluster_id = config->cluster_id,
        .node_id = config->node_id,
        .tls = {.ca = config->ca, .cert = config->peer_cert, .key = config->peer_key},
        .donors_count = config->peers_count,
        .clock = port_system_clock,
        .progress = on_take,
        .keep = keep_it,
        .ret_noted = &b->noted,
        .arg = b,
    };
    enum err err = ERR_CONFIG;

    memcpy(take.donors, config->peers, sizeof take.donors);
    for (int self = 0; self <= 1; self++) {
        for (size_t i = 0; i < take.donors_count; i++) {
            if ((take.donors[i].id == config->node_id) != (self == 1))
                continue;
            b->why[0] = 0;
            err = take_from(b, &take, i);
            if (!err || b->own_fault || err == ERR_NO_SPACE || err == ERR_CONFIG)
                return err;
            fprintf(stderr, "tasukid: node %" PRIu64 ": %s\n", take.donors[i].id,
                    b->why[0] ? b->why : err_str(err));
        }
    }
    snprintf(b->why, sizeof b->why,
             "no node gave an image (each says why above): is the cluster running?");
    return err;
}

/* ---- the file */

static enum err refuse_part(struct backup *b, const char *because) {
    snprintf(b->why, sizeof b->why, "%.150s %s: delete it first", b->part, because);
    return ERR_DENIED;
}

/* What stands at the name may be anybody's: who could write into it, or read it, would
 * have the state or a say in what a restore believes. */
static enum err check_part(struct backup *b) {
    struct stat file, named;

    if (fstat(b->fd, &file) != 0)
        return io_error(b, "cannot look at", b->part);
    if (!S_ISREG(file.st_mode))
        return refuse_part(b, "is no plain file");
    if (file.st_uid != geteuid())
        return refuse_part(b, "belongs to another user");
    if (file.st_nlink > 1)
        return refuse_part(b, "has a second name");
    if (fchmod(b->fd, 0600) != 0)
        return io_error(b, "cannot set the mode of", b->part);
    if (flock(b->fd, LOCK_EX | LOCK_NB) != 0 || lstat(b->part, &named) != 0 ||
        named.st_dev != file.st_dev || named.st_ino != file.st_ino) {
        /* Locked by another one, or the one that had it has moved or deleted it. */
        snprintf(b->why, sizeof b->why, "%.150s is being written by another backup",
                 b->part);
        return ERR_BUSY;
    }
    return OK;
}

static enum err open_part(struct backup *b) {
    enum err err;

    /* Without O_NONBLOCK a pipe of that name would hold it up. */
    b->fd = open(b->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (b->fd < 0)
        return io_error(b, "cannot make", b->part);
    err = check_part(b);
    if (err)
        close(b->fd);
    return err;
}

static enum err sync_parent(struct backup *b) {
    char path[4096];
    int fd, rv;

    snprintf(path, sizeof path, "%s", b->options->backup);
    fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_error(b, "cannot open the folder of", b->options->backup);
    rv = fsync(fd);
    close(fd);
    return rv == 0 ? OK : io_error(b, "cannot sync the folder of", b->options->backup);
}

/* Without `force` also a file that came meanwhile is not replaced. */
static int name_it(const char *part, const char *file, bool force) {
    if (force)
        return rename(part, file);
    if (renameat2(AT_FDCWD, part, AT_FDCWD, file, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS) /* not every file system knows the flag */
        return -1;
    return link(part, file) == 0 ? unlink(part) : -1;
}

static enum err put_in_place(struct backup *b) {
    if (fsync(b->fd) != 0)
        return io_error(b, "cannot sync", b->part);
    if (name_it(b->part, b->options->backup, b->options->force) != 0)
        return io_error(b, "cannot make", b->options->backup);
    return sync_parent(b);
}

/* The donor waits: what is in place and verified is noted in the cluster's state. */
static enum err keep_it(void *arg, char why[256]) {
    struct backup *b = arg;
    enum err err = OK;

    if (lseek(b->fd, 0, SEEK_SET) < 0)
        err = io_error(b, "cannot read", b->part);
    if (!err) {
        fputs("tasukid: verifying the file\n", stderr);
        err = verify_fd(b);
    }
    if (!err) {
        err = put_in_place(b);
        b->own_fault = err != OK;
    }
    if (err && why != b->why)
        snprintf(why, 256, "%s", b->why);
    return err;
}

/* ---- results */

static void put_blobs(const struct backup *b, struct buf *result) {
    const struct manifest *m = &b->manifest;

    buf_json_u64(result, "blobs", m->count);
    buf_json_u64(result, "blobs_bytes", m->bytes);
    if (!b->options->blobs)
        return;
    buf_json_u64(result, "blobs_there", m->there);
    buf_json_u64(result, "blobs_brought", m->brought);
    buf_json_u64(result, "blobs_bad", m->bad);
}

static void print_blobs(const struct backup *b, struct buf *result) {
    const struct manifest *m = &b->manifest;

    buf_printf(result, "\nblobs: %zu are named, %" PRIu64 " bytes", m->count, m->bytes);
    if (b->options->blobs)
        buf_printf(result, "; in %.1024s: %zu were there, %zu brought, %zu are missing "
                           "or damaged",
                   b->options->blobs, m->there, m->brought, m->bad);
    else if (m->count > 0)
        buf_str(result, "; they are not in the file: --blobs FOLDER brings them");
}

static int print(const struct backup *b, const char *done, const char *file) {
    const struct store_meta *meta = &b->head.meta;
    struct buf result;
    char digest[33], cluster[33];
    int code = EX_OK;

    snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, meta->digest.hi,
             meta->digest.lo);
    hex_encode(span_of(meta->cluster_id.b, sizeof meta->cluster_id.b), cluster);
    buf_init(&result, RESULT_MAX);
    if (b->options->json) {
        buf_printf(&result, "{\"%s\":true", done);
        buf_json_member(&result, "file", span_str(file));
        buf_json_member(&result, "cluster_id", span_str(cluster));
        buf_json_u64(&result, "index", meta->applied_index);
        buf_json_u64(&result, "term", meta->applied_term);
        buf_json_u64(&result, "epoch", meta->epoch);
        buf_json_u64(&result, "configuration_index", b->head.configuration_index);
        buf_json_u64(&result, "members", b->head.members_count);
        buf_json_u64(&result, "rows", b->head.rows);
        buf_json_u64(&result, "bytes", b->bytes);
        buf_json_u64(&result, "created_ms", b->head.created_ms);
        buf_json_u64(&result, "from_node", b->head.node);
        buf_json_u64(&result, "ms", mono_ms() - b->begun_ms);
        buf_json_member(&result, "digest", span_str(digest));
        put_blobs(b, &result);
        buf_str(&result, "}");
    } else {
        buf_printf(&result,
                   "%s: cluster %s, epoch %" PRIu64 ", index %" PRIu64 ", %" PRIu64
                   " rows, %" PRIu64 " bytes, digest %s, from node %" PRIu64
                   "; whole and verified",
                   file, cluster, meta->epoch, meta->applied_index, b->head.rows,
                   b->bytes, digest, b->head.node);
        print_blobs(b, &result);
    }
    if (buf_err(&result) ||
        printf("%.*s\n", (int)result.len, (const char *)result.data) < 0 ||
        fflush(stdout) != 0) {
        fputs("tasukid: the result cannot be written to standard output\n", stderr);
        code = EX_IOERR;
    }
    buf_free(&result);
    return code;
}

/* The blobs that the backup names, into their folder. What is missing is brought by the
 * same command again. */
static int bring_blobs(struct backup *b, const char *file) {
    struct manifest_folder folder;
    enum err err = manifest_read(b->config, file, &b->manifest, b->why);

    if (err)
        return failed(b, "backup", EX_IOERR, err);
    if (!b->options->blobs)
        return EX_OK;
    err = manifest_folder_open(b->config, b->options->blobs, true, &folder, b->why);
    if (err)
        return failed(b, "blobs", err == ERR_BUSY ? EX_TEMPFAIL : EX_CANTCREAT, err);
    err = manifest_fetch(b->config, &b->manifest, &folder, b->why);
    manifest_folder_close(&folder);
    if (!err && b->manifest.bad > 0) {
        snprintf(b->why, sizeof b->why,
                 "%zu of %zu could not be brought (each says why above); the backup "
                 "itself is kept. The same command with --force goes on",
                 b->manifest.bad, b->manifest.count);
        err = ERR_IO;
    }
    return err ? failed(b, "blobs", EX_TEMPFAIL, err) : EX_OK;
}

static int run_backup(struct backup *b) {
    const char *file = b->options->backup;
    enum err err;
    int code, printed;

    if (snprintf(b->part, sizeof b->part, "%s.part", file) >= (int)sizeof b->part) {
        snprintf(b->why, sizeof b->why, "the file's name is too long");
        return failed(b, "backup", EX_USAGE, ERR_TOO_BIG);
    }
    if (!b->options->force && access(file, F_OK) == 0) {
        snprintf(b->why, sizeof b->why, "%.150s is there already: --force replaces it",
                 file);
        return failed(b, "backup", EX_CANTCREAT, ERR_EXISTS);
    }
    err = open_part(b);
    if (err)
        return failed(b, "backup", err == ERR_BUSY ? EX_TEMPFAIL : EX_CANTCREAT, err);
    err = take_any(b);
    if (err)
        (void)unlink(b->part); /* while it is locked: it is still ours */
    close(b->fd);
    if (err)
        return failed(b, "backup", err == ERR_CONFIG ? EX_CONFIG : EX_TEMPFAIL, err);
    if (!b->noted)
        fputs("tasukid: the backup is whole and kept, but the cluster did not note it: "
              "tasuki status shows an older one\n",
              stderr);
    code = bring_blobs(b, file);
    printed = print(b, "backup", file);
    manifest_free(&b->manifest);
    return code != EX_OK ? code : printed;
}

/* Of a backup that is whole: are its blobs? */
static int verify_blobs(struct backup *b) {
    struct manifest_folder folder;
    enum err err = manifest_read(b->config, b->options->verify, &b->manifest, b->why);

    if (err)
        return failed(b, "verify", EX_DATAERR, err);
    if (!b->options->blobs)
        return EX_OK;
    err = manifest_folder_open(b->config, b->options->blobs, false, &folder, b->why);
    if (err)
        return failed(b, "blobs", EX_NOINPUT, err);
    err = manifest_check(&b->manifest, &folder, b->why);
    manifest_folder_close(&folder);
    return err ? failed(b, "blobs", EX_DATAERR, err) : EX_OK;
}

static int run_verify(struct backup *b) {
    enum err err;
    char reason[256];
    int code;

    b->fd = open(b->options->verify, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0)
        return failed(b, "verify", EX_NOINPUT,
                      io_error(b, "cannot open", b->options->verify));
    err = verify_fd(b);
    close(b->fd);
    if (err) {
        memcpy(reason, b->why, sizeof reason);
        snprintf(b->why, sizeof b->why, "%.100s cannot be used: %.130s",
                 b->options->verify, reason[0] ? reason : err_str(err));
        return failed(b, "verify", EX_DATAERR, err);
    }
    code = verify_blobs(b);
    if (code == EX_OK)
        code = print(b, "verified", b->options->verify);
    manifest_free(&b->manifest);
    return code;
}

int backup_run(const struct config *config, const struct options *options) {
    static struct backup b; /* large */

    b = (struct backup){.config = config, .options = options, .begun_ms = mono_ms()};
    return options->verify ? run_verify(&b) : run_backup(&b);
}
