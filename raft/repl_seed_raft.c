#include "raft/repl_seed_raft.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raft/repl_check.h"
#include "raft/repl_marker.h"
#include "raft/repl_uv.h"
#include "store/base/check.h"

/* libraft's metadata file: five words. */
#define METADATA_MAX 4096

struct opened { /* a directory that is open */
    uv_loop_t loop;
    struct repl_uv uv;
    raft_term term;
    raft_id vote;
    struct raft_snapshot *snapshot;
    raft_index start;
    struct raft_entry *entries;
    size_t count;
};

static enum err refuse(enum err err, char why[256], const char *dir,
                       const struct raft_io *io) {
    snprintf(why, 256, "the raft directory %.90s: %.130s", dir,
             io->errmsg[0] != '\0' ? io->errmsg : err_str(err));
    return err;
}

static void on_closed(struct raft_io *io) {
    (void)io;
}

static void entries_free(struct raft_entry *entries, size_t count) {
    void *batch = NULL;
    for (size_t i = 0; i < count; i++) { /* entries of one batch stand together */
        if (entries[i].batch != batch) {
            batch = entries[i].batch;
            raft_free(batch);
        }
    }
    raft_free(entries);
}

static void snapshot_free(struct raft_snapshot *snapshot) {
    if (snapshot == NULL) {
        return;
    }
    for (unsigned i = 0; i < snapshot->n_bufs; i++) {
        raft_free(snapshot->bufs[i].base);
    }
    raft_free(snapshot->bufs);
    raft_configuration_close(&snapshot->configuration);
    raft_free(snapshot);
}

static void close_log(struct opened *session) {
    entries_free(session->entries, session->count);
    snapshot_free(session->snapshot);
    if (session->uv.io.impl != NULL) {
        session->uv.io.close(&session->uv.io, on_closed);
        (void)uv_run(&session->loop, UV_RUN_DEFAULT);
    }
    repl_uv_close(&session->uv);
    (void)uv_run(&session->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&session->loop) == 0);
}

/* What was opened is closed on failure. */
static enum err open_log(struct opened *session, const char *raft_dir, uint64_t node_id,
                         char why[256]) {
    struct raft_io *io = &session->uv.io;
    memset(session, 0, sizeof(*session));
    CHECK(uv_loop_init(&session->loop) == 0);
    enum err err = repl_uv_init(&session->uv, &session->loop, raft_dir, why);
    if (err != OK) {
        CHECK(uv_loop_close(&session->loop) == 0);
        return err;
    }
    int rv = io->init(io, node_id, "127.0.0.1:1");
    if (rv == 0) {
        rv = io->load(io, &session->term, &session->vote, &session->snapshot,
                      &session->start, &session->entries, &session->count);
    }
    if (rv != 0) {
        err = refuse(rv == RAFT_NOMEM   ? ERR_NOMEM
                     : rv == RAFT_IOERR ? ERR_IO
                                        : ERR_CORRUPT,
                     why, raft_dir, io);
        session->entries = NULL;
        session->count = 0;
        session->snapshot = NULL;
        close_log(session);
    }
    return err;
}

/* --- reading --- */

static uint64_t voters_in(const struct raft_configuration *configuration) {
    uint64_t voters = 0;
    for (unsigned i = 0; i < configuration->n; i++) {
        voters += configuration->servers[i].role == RAFT_VOTER ? 1 : 0;
    }
    return voters;
}

static uint64_t newest_voters(const struct opened *session) {
    uint64_t voters =
        session->snapshot == NULL ? 0 : voters_in(&session->snapshot->configuration);
    for (size_t i = session->count; i > 0; i--) {
        struct raft_configuration configuration;
        const struct raft_entry *entry = &session->entries[i - 1];
        if (entry->type != RAFT_CHANGE) {
            continue;
        }
        raft_configuration_init(&configuration);
        if (raft_configuration_decode(&entry->buf, &configuration) == 0) {
            voters = voters_in(&configuration);
            raft_configuration_close(&configuration);
        }
        break;
    }
    return voters;
}

enum err seed_log_read(const char *raft_dir, struct seed_log *ret_log,
                       seed_log_entry each, void *arg, char why[256]) {
    struct opened session;
    enum err err = repl_check_dir(raft_dir, why);
    if (err == OK) {
        err = open_log(&session, raft_dir, 1, why);
    }
    if (err != OK) {
        return err;
    }
    *ret_log = (struct seed_log){
        .term = session.term,
        .vote = session.vote,
        .last_index = session.start + session.count - 1,
        .last_term = session.count == 0 ? 0 : session.entries[session.count - 1].term,
        .voters = newest_voters(&session)};
    if (session.snapshot != NULL) {
        ret_log->snapshot_index = session.snapshot->index;
        if (session.snapshot->index >= ret_log->last_index) {
            ret_log->last_index = session.snapshot->index;
            ret_log->last_term = session.snapshot->term;
        }
    }
    for (size_t i = 0; i < session.count && err == OK && each != NULL; i++) {
        const struct raft_entry *entry = &session.entries[i];
        if (entry->type == RAFT_COMMAND) {
            err =
                each(arg, session.start + i, span_of(entry->buf.base, entry->buf.len));
        }
    }
    close_log(&session);
    return err;
}

static enum err copy_file(const char *from_dir, const char *to_dir, const char *name) {
    char path[1200];
    uint8_t bytes[METADATA_MAX];
    snprintf(path, sizeof(path), "%s/%s", from_dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return ERR_NOT_FOUND;
    }
    ssize_t len = read(fd, bytes, sizeof(bytes));
    (void)close(fd);
    snprintf(path, sizeof(path), "%s/%s", to_dir, name);
    fd = len < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return ERR_IO;
    }
    bool written = write(fd, bytes, (size_t)len) == len;
    (void)close(fd);
    return written ? OK : ERR_IO;
}

enum err seed_vote_read(const char *raft_dir, const char *scratch_dir,
                        struct seed_log *ret_log, char why[256]) {
    size_t found = 0;
    for (int i = 1; i <= 2; i++) {
        char name[24];
        snprintf(name, sizeof(name), "metadata%d", i);
        enum err err = copy_file(raft_dir, scratch_dir, name);
        if (err != OK && err != ERR_NOT_FOUND) {
            snprintf(why, 256, "%.150s/%s cannot be copied", raft_dir, name);
            return err;
        }
        found += err == OK ? 1 : 0;
    }
    if (found == 0) {
        *ret_log = (struct seed_log){0};
        return OK;
    }
    return seed_log_read(scratch_dir, ret_log, NULL, NULL, why);
}

/* --- making --- */

static void on_put(struct raft_io_snapshot_put *req, int status) {
    *(int *)req->data = status;
}

static int fill_configuration(const struct seed_marker *marker,
                              struct raft_configuration *configuration) {
    int rv = 0;
    raft_configuration_init(configuration);
    for (size_t i = 0; i < marker->members_count && rv == 0; i++) {
        const struct image_member *member = &marker->members[i];
        rv = raft_configuration_add(configuration, member->id, member->address,
                                    member->role);
    }
    return rv;
}

static int put_marker(struct opened *session, const struct seed_marker *marker) {
    struct raft_io *io = &session->uv.io;
    uint8_t bytes[REPL_MARKER_LEN];
    struct raft_buffer buf = {.base = bytes, .len = sizeof(bytes)};
    struct raft_snapshot snapshot = {.index = marker->index,
                                     .term = marker->index_term,
                                     .configuration_index = marker->configuration_index,
                                     .bufs = &buf,
                                     .n_bufs = 1};
    int status = RAFT_IOERR;
    struct raft_io_snapshot_put put = {.data = &status};
    struct repl_marker content = {marker->index, marker->index_term,
                                  marker->cluster_id};
    repl_marker_encode(&content, bytes);
    int rv = fill_configuration(marker, &snapshot.configuration);
    if (rv == 0) {
        rv = io->snapshot_put(io, 1, &put, &snapshot, on_put);
    }
    if (rv == 0) {
        (void)uv_run(&session->loop, UV_RUN_DEFAULT);
        rv = status;
    }
    raft_configuration_close(&snapshot.configuration);
    return rv;
}

enum err seed_log_make(const char *raft_dir, const struct seed_marker *marker,
                       char why[256]) {
    struct opened session;
    enum err err = open_log(&session, raft_dir, marker->node_id, why);
    if (err != OK) {
        return err;
    }
    struct raft_io *io = &session.uv.io;
    int rv = io->set_term(io, marker->term);
    if (rv == 0 && marker->vote != 0) {
        rv = io->set_vote(io, marker->vote);
    }
    if (rv == 0) {
        rv = put_marker(&session, marker);
    }
    if (rv != 0) {
        err = refuse(rv == RAFT_NOSPACE ? ERR_NO_SPACE : ERR_IO, why, raft_dir, io);
    }
    close_log(&session);
    return err;
}
