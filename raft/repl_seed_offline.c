/* repl_seed_offline: a new epoch, from a backup or from what one node still has. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raft/fsm.h"
#include "raft/repl_check.h"
#include "raft/repl_seed_internal.h"
#include "raft/repl_seed_raft.h"

/* --- restore --- */

struct reading {
    int fd;
    const char *file;
};

static int64_t read_file(void *arg, uint8_t *out, size_t max, char why[256]) {
    const struct reading *reading = arg;
    ssize_t len = read(reading->fd, out, max);
    if (len < 0) {
        snprintf(why, 256, "%.150s: %s", reading->file, strerror(errno));
    }
    return len;
}

static enum err feed_file(const struct repl_seed *seed, struct reading *reading,
                          struct image_sink *sink, char why[256]) {
    uint8_t *piece = malloc(STORE_IMAGE_BLOCK);
    int64_t len = 0;
    enum err err = piece == NULL ? ERR_NOMEM : OK;
    while (err == OK && (len = read_file(reading, piece, STORE_IMAGE_BLOCK, why)) > 0) {
        err = store_image_sink_feed(sink, span_of(piece, (size_t)len), why);
        seed_tell(seed, "copying the state", sink);
    }
    free(piece);
    return err == OK && len < 0 ? ERR_IO : err;
}

static enum err restore_from(const struct repl_seed *seed, struct reading *reading,
                             struct image_head *ret_head, char why[256]) {
    struct image_sink *sink;
    seed_tell(seed, "verifying the backup", NULL);
    enum err err = store_image_verify(read_file, reading, ret_head, why);
    if (err == OK && memcmp(&ret_head->meta.cluster_id, &seed->cluster_id,
                            sizeof(struct id128)) != 0) {
        snprintf(why, 256, "the backup is of another cluster");
        err = ERR_DENIED;
    }
    if (err == OK && lseek(reading->fd, 0, SEEK_SET) != 0) {
        snprintf(why, 256, "it must be a file that can be read twice");
        err = ERR_IO;
    }
    if (err == OK) {
        err = repl_seed_begin(seed, IMAGE_NEW_EPOCH, &sink, why);
    }
    if (err != OK) {
        return err;
    }
    err = feed_file(seed, reading, sink, why);
    if (err != OK) {
        repl_seed_abort(seed, sink);
        return err;
    }
    return seed_finish(seed, IMAGE_NEW_EPOCH, sink, ret_head, why);
}

enum err repl_seed_blank(const struct repl_seed *seed, char why[256]) {
    struct seed_paths p;
    enum err err = seed_paths_of(seed->data_dir, &p, why);
    if (err != OK) {
        return err;
    }
    if (!seed_is_empty(p.store) || !seed_is_empty(p.raft)) {
        snprintf(why, 256,
                 "%.150s is not blank: a restore never replaces a state; move it away "
                 "first",
                 p.data);
        return ERR_EXISTS;
    }
    return OK;
}

enum err repl_seed_restore(const struct repl_seed *seed, const char *file,
                           struct image_head *ret_head, char why[256]) {
    struct reading reading = {.file = file};
    char reason[256] = "";
    enum err err = repl_seed_blank(seed, why);
    if (err != OK) {
        return err;
    }
    reading.fd = open(file, O_RDONLY | O_CLOEXEC);
    if (reading.fd < 0) {
        snprintf(why, 256, "%.150s: %s", file, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    err = restore_from(seed, &reading, ret_head, reason);
    (void)close(reading.fd);
    if (err != OK) {
        snprintf(why, 256, "%.80s: %.170s", file, reason);
    }
    return err;
}

/* --- recover --- */

struct tail {
    struct fsm *fsm; /* NULL: count only */
    uint64_t after, count;
};

static void ignore_outcome(void *arg, const struct envelope *envelope,
                           const struct outcome *outcome) {
    (void)arg;
    (void)envelope;
    (void)outcome;
}

static enum err on_entry(void *arg, uint64_t index, struct span frame) {
    struct tail *tail = arg;
    if (index <= tail->after) {
        return OK;
    }
    tail->count++;
    return tail->fsm == NULL ? OK
                             : fsm_apply(tail->fsm, index, frame, ignore_outcome, NULL);
}

static enum err open_store(const char *dir, uint64_t map_bytes,
                           struct store **ret_store, struct store_read **ret_read,
                           struct store_meta *ret_meta, char why[256]) {
    struct store_config config = {.dir = dir, .map_bytes = map_bytes, .readers_max = 8};
    enum err err = store_open(&config, ret_store);
    if (err != OK) {
        snprintf(why, 256, "the store %.150s: %s", dir, err_str(err));
        return err;
    }
    err = store_read_new(*ret_store, ret_read);
    if (err == OK) {
        err = store_read_begin(*ret_read);
        if (err != OK) {
            store_read_free(*ret_read);
        }
    }
    if (err == OK) {
        err = store_read_meta(*ret_read, ret_meta);
        if (err != OK) {
            store_read_end(*ret_read);
            store_read_free(*ret_read);
        }
    }
    if (err != OK) {
        snprintf(why, 256, "the store %.150s: %s", dir, err_str(err));
        store_close(*ret_store);
    }
    return err;
}

static enum err recover_elsewhere(char why[256]) {
    char reason[256];

    snprintf(reason, sizeof(reason), "%s", why);
    snprintf(why, 256, "%.170s: recover from another node, or restore a backup", reason);
    return ERR_CORRUPT;
}

static enum err look(const struct repl_seed *seed, const struct seed_paths *p,
                     struct repl_recovery *ret_recovery, char why[256]) {
    struct store *store;
    struct store_read *read;
    struct store_meta meta;
    struct seed_log log;
    /* Before the store, which goes back to where the log goes on. */
    enum err err = repl_check_dir(p->raft, why);
    if (err == ERR_CORRUPT) {
        return recover_elsewhere(why);
    }
    if (err == OK) {
        err = open_store(p->store, seed->map_bytes, &store, &read, &meta, why);
    }
    if (err != OK) {
        return err;
    }
    store_read_end(read);
    store_read_free(read);
    store_close(store);
    struct tail tail = {.after = meta.applied_index};
    err = seed_log_read(p->raft, &log, on_entry, &tail, why);
    if (err == ERR_CORRUPT) {
        err = recover_elsewhere(why);
    }
    if (err == OK && (meta.applied_index == 0 || log.term == 0)) {
        snprintf(why, 256, "%.150s holds no state of a cluster", p->data);
        err = ERR_NOT_FOUND;
    }
    if (err == OK) {
        *ret_recovery = (struct repl_recovery){.applied_index = meta.applied_index,
                                               .last_index = log.last_index,
                                               .last_term = log.last_term,
                                               .replayed = tail.count,
                                               .voters = log.voters};
    }
    return err;
}

enum err repl_seed_recovery_look(const struct repl_seed *seed,
                                 struct repl_recovery *ret_recovery, char why[256]) {
    struct seed_paths p;
    enum err err = seed_paths_of(seed->data_dir, &p, why);
    return err == OK ? look(seed, &p, ret_recovery, why) : err;
}

/* The whole state of `dir` into `sink`. */
static enum err pour(const struct repl_seed *seed, const char *dir,
                     struct image_sink *sink, char why[256]) {
    struct store *store;
    struct store_read *read;
    struct image_head head = {.node = seed->node_id};
    struct store_meta meta;
    struct image_source *source = NULL;
    struct span piece;
    enum err err = open_store(dir, seed->map_bytes, &store, &read, &meta, why);
    if (err != OK) {
        return err;
    }
    err = store_image_source_new(read, &head, &source);
    while (err == OK && (err = store_image_source_next(source, &piece)) == OK &&
           piece.len > 0) {
        err = store_image_sink_feed(sink, piece, why);
        seed_tell(seed, "copying the state", sink);
    }
    if (err == ERR_CORRUPT) {
        snprintf(why, 256,
                 "the store %.150s does not add up to its digest: it is rotten", dir);
    }
    store_image_source_free(source);
    store_close(store);
    return err;
}

/* staging/copy: this node's state with its log's tail applied. The node's own store is
 * not touched: these entries may never have been committed. */
static enum err make_copy(const struct repl_seed *seed, const struct seed_paths *p,
                          struct tail *tail, char why[256]) {
    struct image_sink_config config = {.dir = p->copy,
                                       .map_bytes = seed->map_bytes,
                                       .cluster_id = seed->cluster_id,
                                       .use = IMAGE_COPY};
    struct store_config store_config = {
        .dir = p->copy, .map_bytes = seed->map_bytes, .readers_max = 8};
    struct image_sink *sink;
    struct image_head head;
    struct store *store;
    struct seed_log log;
    enum err err = seed_make_dir(p->copy, why);
    if (err == OK) {
        err = store_image_sink_new(&config, &sink, why);
    }
    if (err != OK) {
        return err;
    }
    err = pour(seed, p->store, sink, why);
    if (err == OK) {
        err = store_image_sink_finish(sink, &head, why);
    }
    store_image_sink_free(sink);
    if (err == OK) {
        err = store_open(&store_config, &store);
    }
    if (err != OK) {
        return err;
    }
    seed_tell(seed, "applying the log's tail", NULL);
    err = fsm_new(store, &tail->fsm);
    if (err == OK) {
        err = seed_log_read(p->raft, &log, on_entry, tail, why);
        fsm_free(tail->fsm);
    }
    store_close(store);
    return err;
}

enum err repl_seed_recover(const struct repl_seed *seed,
                           struct repl_recovery *ret_recovery, char why[256]) {
    struct seed_paths p;
    struct image_sink *sink;
    struct image_head head;
    enum err err = seed_paths_of(seed->data_dir, &p, why);
    if (err == OK) {
        err = look(seed, &p, ret_recovery, why);
    }
    if (err == OK) {
        err = repl_seed_begin(seed, IMAGE_RECOVERED, &sink, why);
    }
    if (err != OK) {
        return err;
    }
    struct tail tail = {.after = ret_recovery->applied_index};
    err = make_copy(seed, &p, &tail, why);
    if (err == OK) {
        err = pour(seed, p.copy, sink, why);
    }
    if (err != OK) {
        repl_seed_abort(seed, sink);
        return err;
    }
    err = seed_finish(seed, IMAGE_RECOVERED, sink, &head, why);
    if (err == OK) {
        ret_recovery->epoch = head.meta.epoch;
    }
    return err;
}
