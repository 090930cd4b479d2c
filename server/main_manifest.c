#include "server/main_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/main_blob_fetch.h"
#include "store/base/codec.h"

#define LISTED 20
#define TELL_MS 1000
/* Left free on a device that only holds backups. */
#define FOLDER_RESERVE (16u * 1024 * 1024)

/* ---- the manifest */

static enum err add(void *arg, const struct blob_row *row) {
    struct manifest *m = arg;
    struct manifest_blob *blob;

    if (row->refs == 0)
        return OK;
    if (m->count == m->max) {
        size_t max = m->max == 0 ? 1024 : 2 * m->max;
        void *grown = realloc(m->blobs, max * sizeof *m->blobs);
        if (!grown)
            return ERR_NOMEM;
        m->blobs = grown;
        m->max = max;
    }
    blob = &m->blobs[m->count++];
    *blob = (struct manifest_blob){.id = row->id, .size = row->size};
    for (size_t i = 0; i < row->holders_count && i < MANIFEST_HOLDERS; i++)
        blob->holders[i] = row->holders[i];
    m->bytes += row->size;
    return OK;
}

static int64_t read_file(void *arg, uint8_t *out, size_t max, char why[256]) {
    int *fd = arg;
    ssize_t len;

    do
        len = read(*fd, out, max);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        snprintf(why, 256, "it cannot be read: %s", strerror(errno));
    return len;
}

enum err manifest_read(const struct config *config, const char *file,
                       struct manifest *ret_manifest, char why[256]) {
    char reason[256] = "";
    enum err err;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    memset(ret_manifest, 0, sizeof *ret_manifest);
    if (fd < 0) {
        snprintf(why, 256, "%.150s: %s", file, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    err = store_image_blobs(read_file, &fd, add, ret_manifest, &ret_manifest->head,
                            reason);
    close(fd);
    if (!err && memcmp(&ret_manifest->head.meta.cluster_id, &config->cluster_id,
                       sizeof(struct id128)) != 0) {
        snprintf(reason, sizeof reason, "the backup is of another cluster");
        err = ERR_DENIED;
    }
    if (err) {
        snprintf(why, 256, "%.80s: %.170s", file, reason[0] ? reason : err_str(err));
        manifest_free(ret_manifest);
    }
    return err;
}

void manifest_free(struct manifest *manifest) {
    free(manifest->blobs);
    memset(manifest, 0, sizeof *manifest);
}

/* ---- the folder */

static enum err io_error(const char *what, const char *path, char why[256]) {
    int code = errno;

    snprintf(why, 256, "%s %.150s: %s", what, path, strerror(code));
    return code == ENOSPC ? ERR_NO_SPACE : code == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

/* Who could write into it would have a say in what a restore brings; sealed as it is,
 * that is only a say in what fails. */
static enum err take_folder(const char *path, int *ret_lock, char why[256]) {
    struct stat info;
    int fd;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return io_error("cannot make", path, why);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum err err = io_error("cannot open", path, why);
        if (fd >= 0)
            close(fd);
        return err;
    }
    if (info.st_uid != geteuid() || (info.st_mode & 022) != 0) {
        snprintf(why, 256, "%.150s belongs to another user, or others may write into it",
                 path);
        close(fd);
        return ERR_DENIED;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, 256, "%.150s is being written by another backup", path);
        close(fd);
        return ERR_BUSY;
    }
    *ret_lock = fd;
    return OK;
}

enum err manifest_folder_open(const struct config *config, const char *path, bool make,
                              struct manifest_folder *ret_folder, char why[256]) {
    struct manifest_folder folder = {.lock = -1};
    char reason[512] = "";
    enum err err = OK;

    if (make)
        err = take_folder(path, &folder.lock, why);
    if (!err)
        err = make ? blob_open(path, FOLDER_RESERVE, &folder.dir, why)
                   : blob_open_reading(path, &folder.dir, why);
    if (!err) {
        err = keyring_open(config->cluster_key, &folder.keyring, reason);
        if (err)
            snprintf(why, 256, "%.250s", reason);
    }
    if (!err)
        err = sealer_new(folder.keyring, &port_system_random, &folder.sealer);
    if (err) {
        manifest_folder_close(&folder);
        return err;
    }
    *ret_folder = folder;
    return OK;
}

void manifest_folder_close(struct manifest_folder *folder) {
    sealer_free(folder->sealer);
    if (folder->keyring)
        keyring_free(folder->keyring);
    blob_close(folder->dir);
    if (folder->lock >= 0)
        close(folder->lock);
}

/* ---- each blob */

static void begin(struct manifest *m) {
    m->there = 0;
    m->brought = 0;
    m->bad = 0;
    m->told_ms = 0;
}

static void tell(struct manifest *m, const char *doing) {
    uint64_t now = port_system_clock.mono_ms(port_system_clock.impl);

    if (now < m->told_ms + TELL_MS)
        return;
    if (m->told_ms != 0)
        fprintf(stderr, "tasukid: %s blobs: %zu of %zu\n", doing,
                m->there + m->brought + m->bad, m->count);
    m->told_ms = now;
}

/* M2. */
static void is_bad(struct manifest *m, const struct manifest_blob *blob,
                   const char *why) {
    char id[65];

    hex_encode(span_of(blob->id.b, sizeof blob->id.b), id);
    if (m->bad < LISTED)
        fprintf(stderr, "tasukid: blob %s (%" PRIu64 " bytes): %s\n", id, blob->size,
                why);
    else if (m->bad == LISTED)
        fputs("tasukid: and further ones\n", stderr);
    m->bad++;
}

static const char *word_of(enum err err) {
    return err == ERR_NOT_FOUND ? "is missing"
           : err == ERR_FORGED  ? "is damaged"
                                : err_str(err);
}

static const char *address_of(const struct config *config, const struct manifest *m,
                              uint64_t node) {
    for (size_t i = 0; i < m->head.members_count; i++)
        if (m->head.members[i].id == node)
            return m->head.members[i].address;
    for (size_t i = 0; i < config->peers_count; i++)
        if (config->peers[i].id == node)
            return config->peers[i].address;
    return NULL;
}

/* Holders first, then whoever may have fetched it since. */
static enum err fetch_one(const struct config *config, struct manifest *m,
                          struct manifest_folder *folder,
                          const struct manifest_blob *blob, char why[256]) {
    enum err err = ERR_NOT_FOUND;

    snprintf(why, 256, "no node holds it");
    for (int others = 0; others <= 1 && err && err != ERR_NO_SPACE; others++) {
        for (size_t i = 0; i < m->head.members_count && err && err != ERR_NO_SPACE; i++) {
            uint64_t node = m->head.members[i].id;
            const char *address = address_of(config, m, node);
            bool holds = false;
            for (size_t j = 0; j < MANIFEST_HOLDERS; j++)
                holds = holds || blob->holders[j] == node;
            if (address && holds == (others == 0))
                err = main_blob_take(config, port_system_clock, folder->dir,
                                     folder->sealer, &blob->id, blob->size, node,
                                     address, why);
        }
    }
    return err;
}

/* M1: its length says nothing of a medium that rots. What is damaged goes, and is brought
 * again. */
static bool is_good(struct manifest_folder *folder, const struct manifest_blob *blob) {
    enum err err = blob_verify(folder->dir, folder->sealer, &blob->id, blob->size);

    if (err == ERR_FORGED)
        (void)blob_delete(folder->dir, &blob->id);
    return err == OK;
}

enum err manifest_fetch(const struct config *config, struct manifest *m,
                        struct manifest_folder *folder, char why[256]) {
    begin(m);
    for (size_t i = 0; i < m->count; i++) {
        const struct manifest_blob *blob = &m->blobs[i];
        char reason[256] = "";
        enum err err = OK;
        if (is_good(folder, blob)) {
            m->there++;
        } else {
            err = fetch_one(config, m, folder, blob, reason);
            if (err)
                is_bad(m, blob, reason);
            else
                m->brought++;
        }
        if (err == ERR_NO_SPACE) {
            snprintf(why, 256, "%s", reason);
            return err;
        }
        tell(m, "bringing");
    }
    return OK;
}

enum err manifest_check(struct manifest *m, struct manifest_folder *folder,
                        char why[256]) {
    begin(m);
    for (size_t i = 0; i < m->count; i++) {
        const struct manifest_blob *blob = &m->blobs[i];
        enum err err = blob_verify(folder->dir, folder->sealer, &blob->id, blob->size);
        if (err)
            is_bad(m, blob, word_of(err));
        else
            m->there++;
        tell(m, "reading");
    }
    if (m->bad > 0) {
        snprintf(why, 256, "%zu of %zu blobs are missing or damaged", m->bad, m->count);
        return ERR_CORRUPT;
    }
    return OK;
}

enum err manifest_copy(struct manifest *m, struct manifest_folder *folder,
                       struct blob_dir *to, char why[256]) {
    begin(m);
    for (size_t i = 0; i < m->count; i++) {
        const struct manifest_blob *blob = &m->blobs[i];
        enum err err = blob_copy_from(to, folder->dir, folder->sealer, &blob->id,
                                      blob->size);
        if (err) {
            is_bad(m, blob, word_of(err));
            snprintf(why, 256, "the blobs cannot be copied: %s", err_str(err));
            manifest_uncopy(m, to);
            return err == ERR_NOT_FOUND || err == ERR_FORGED ? ERR_CORRUPT : err;
        }
        m->brought++;
        tell(m, "copying");
    }
    return OK;
}

void manifest_uncopy(const struct manifest *m, struct blob_dir *to) {
    for (size_t i = 0; i < m->brought && i < m->count; i++)
        (void)blob_delete(to, &m->blobs[i].id);
}
