/* repl_seed: the staging directory, and the swap (raft/repl_seed.h has the steps). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raft/repl_seed_internal.h"
#include "raft/repl_seed_raft.h"

void (*repl_seed_step)(const char *step);

enum err seed_paths_of(const char *data_dir, struct seed_paths *p, char why[256]) {
    struct {
        char *to;
        size_t max;
        const char *name;
    } parts[] = {
        {p->store, sizeof(p->store), "store"},
        {p->raft, sizeof(p->raft), "raft"},
        {p->mark, sizeof(p->mark), "reseed"},
        {p->staging, sizeof(p->staging), "staging"},
        {p->complete, sizeof(p->complete), "staging/complete"},
        {p->staging_store, sizeof(p->staging_store), "staging/store"},
        {p->staging_raft, sizeof(p->staging_raft), "staging/raft"},
        {p->copy, sizeof(p->copy), "staging/copy"},
        {p->discarded, sizeof(p->discarded), "discarded"},
        {p->discarded_store, sizeof(p->discarded_store), "discarded/store"},
        {p->discarded_raft, sizeof(p->discarded_raft), "discarded/raft"},
    };
    if (snprintf(p->data, sizeof(p->data), "%s", data_dir) >= (int)sizeof(p->data)) {
        snprintf(why, 256, "the data directory's path is too long");
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        (void)snprintf(parts[i].to, parts[i].max, "%s/%s", p->data, parts[i].name);
    }
    return OK;
}

static void step(const char *name) {
    if (repl_seed_step != NULL) {
        repl_seed_step(name);
    }
}

static enum err io_error(char why[256], const char *what, const char *path) {
    int code = errno;
    snprintf(why, 256, "%s %.150s: %s", what, path, strerror(code));
    return code == ENOSPC ? ERR_NO_SPACE : ERR_IO;
}

/* --- directories --- */

static bool exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

static enum err sync_path(const char *path, char why[256]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        enum err err = io_error(why, "cannot sync", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return err;
    }
    (void)close(fd);
    return OK;
}

/* Files of a directory of ours, then itself: at most two levels deep. */
static enum err remove_tree(const char *path, char why[256]) {
    DIR *dir = opendir(path);
    char name[1400];
    enum err err = OK;
    if (dir == NULL) {
        return errno == ENOENT ? OK : io_error(why, "cannot open", path);
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL && err == OK;
         entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (unlink(name) != 0) {
            err = errno == EISDIR || errno == EPERM
                      ? remove_tree(name, why)
                      : io_error(why, "cannot delete", name);
        }
    }
    (void)closedir(dir);
    if (err == OK && rmdir(path) != 0) {
        err = io_error(why, "cannot delete", path);
    }
    return err;
}

enum err seed_make_dir(const char *path, char why[256]) {
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? OK
               : io_error(why, "cannot make", path);
}

static enum err move(const char *from, const char *to, char why[256]) {
    return rename(from, to) == 0 ? OK : io_error(why, "cannot move", from);
}

bool seed_is_empty(const char *path) {
    DIR *dir = opendir(path);
    bool empty = true;
    if (dir == NULL) {
        return errno == ENOENT;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        empty = empty && entry->d_name[0] == '.';
    }
    (void)closedir(dir);
    return empty;
}

void seed_tell(const struct repl_seed *seed, const char *what,
               const struct image_sink *sink) {
    struct image_progress progress = {0};
    if (sink != NULL) {
        progress = store_image_sink_progress(sink);
    }
    if (seed->progress != NULL) {
        seed->progress(seed->arg, what, &progress);
    }
}

/* --- the swap --- */

/* One pair: ours goes to `discarded`, the staged one takes its place. Done twice it
 * does nothing: each move happens only if its result is not there yet. */
static enum err swap_one(const char *ours, const char *staged, const char *discarded,
                         char why[256]) {
    enum err err = OK;
    if (!exists(staged)) {
        return OK; /* moved already */
    }
    if (exists(ours)) {
        if (exists(discarded)) { /* left by an earlier seeding */
            err = remove_tree(discarded, why);
        }
        if (err == OK) {
            err = move(ours, discarded, why);
            step("discard");
        }
    }
    if (err == OK) {
        err = move(staged, ours, why);
        step("replace");
    }
    return err;
}

/* Steps 5 and 6. Repeatable from any point (Z1). */
static enum err swap(const struct seed_paths *p, char why[256]) {
    enum err err = seed_make_dir(p->discarded, why);
    if (err == OK) {
        err = swap_one(p->store, p->staging_store, p->discarded_store, why);
    }
    if (err == OK) {
        err = swap_one(p->raft, p->staging_raft, p->discarded_raft, why);
    }
    /* A move between two directories is on the disk when both are. */
    if (err == OK) {
        err = sync_path(p->discarded, why);
    }
    if (err == OK) {
        err = sync_path(p->staging, why);
    }
    if (err == OK) {
        err = sync_path(p->data, why);
        step("swapped");
    }
    if (err == OK && unlink(p->mark) != 0 && errno != ENOENT) {
        err = io_error(why, "cannot delete", p->mark);
    }
    step("unmarked");
    if (err == OK) {
        err = remove_tree(p->staging, why); /* `complete` goes only now */
    }
    step("cleared");
    if (err == OK) {
        err = remove_tree(p->discarded, why);
    }
    return err == OK ? sync_path(p->data, why) : err;
}

static void read_reason(const struct seed_paths *p, char why[256]) {
    char text[200] = "";
    int fd = open(p->mark, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    for (ssize_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            text[i] = '\0';
        }
    }
    snprintf(why, 256, "%s", text[0] == '\0' ? "re-seeding was asked for" : text);
}

enum err repl_seed_resume(const struct repl_seed *seed, enum repl_seed_need *ret_need,
                          char why[256]) {
    struct seed_paths p;
    enum err err = seed_paths_of(seed->data_dir, &p, why);
    if (err != OK) {
        return err;
    }
    if (exists(p.complete)) {
        seed_tell(seed, "finishing an interrupted seeding", NULL);
        err = swap(&p, why);
    } else {
        err = remove_tree(p.staging, why);
        if (err == OK) {
            err = remove_tree(p.discarded, why); /* nothing of it is needed */
        }
    }
    if (err != OK) {
        return err;
    }
    *ret_need = SEED_NOT_NEEDED;
    if (exists(p.mark)) {
        *ret_need = SEED_ASKED;
        read_reason(&p, why);
    } else if (seed_is_empty(p.store) && seed_is_empty(p.raft)) {
        *ret_need = SEED_BLANK;
    }
    return OK;
}

/* --- what may be seeded --- */

/* Closed segments say in their names how far they reach. */
static uint64_t reach_of(const char *raft_dir) {
    DIR *dir = opendir(raft_dir);
    uint64_t reach = 0;
    if (dir == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        unsigned long long first, last;
        char tail;
        if (sscanf(entry->d_name, "%16llu-%16llu%c", &first, &last, &tail) == 2 &&
            last > reach) {
            reach = last;
        }
    }
    (void)closedir(dir);
    return reach;
}

/* Segments are damaged, term and vote are whole: the latter alone decide whether it may
 * be seeded (Z2). What it acknowledged in the part that cannot be read is in the image
 * all the same, or will never be committed: the image was captured behind an entry
 * that a majority stored after this node had asked, and a leader that counts an older
 * acknowledgement of this node has that entry behind the acknowledged ones. */
static enum err damaged_log(const struct seed_paths *p, struct seed_log *ret_log,
                            char why[256]) {
    enum err err = seed_make_dir(p->staging, why);
    if (err == OK) {
        err = remove_tree(p->copy, why);
    }
    if (err == OK) {
        err = seed_make_dir(p->copy, why);
    }
    if (err == OK) {
        err = seed_vote_read(p->raft, p->copy, ret_log, why);
    }
    if (err == OK && ret_log->term == 0) {
        snprintf(why, 256, "there is no term and vote");
        err = ERR_CORRUPT;
    }
    ret_log->last_index = reach_of(p->raft);
    char scratch[256];
    enum err removed = remove_tree(p->copy, scratch);
    if (err == OK && removed != OK) {
        snprintf(why, 256, "%s", scratch);
        err = removed;
    }
    return err;
}

/* The node's own log, or as much of it as says what it has promised. */
static enum err own_log(const struct repl_seed *seed, const struct seed_paths *p,
                        struct seed_log *ret_log, char why[256]) {
    char reason[256];
    *ret_log = (struct seed_log){0};
    if (seed_is_empty(p->raft)) {
        return OK;
    }
    enum err err = seed_log_read(p->raft, ret_log, NULL, NULL, reason);
    if (err == ERR_CORRUPT) {
        err = damaged_log(p, ret_log, reason);
    }
    if (err == ERR_CORRUPT) {
        snprintf(why, 256,
                 "node %llu's term and vote cannot be read (%.100s): it must not vote "
                 "again under this number; replace it: tasuki node replace",
                 (unsigned long long)seed->node_id, reason);
        return ERR_DENIED;
    }
    if (err != OK) {
        snprintf(why, 256, "%s", reason);
    }
    return err;
}

enum err repl_seed_floor(const struct repl_seed *seed, uint64_t *ret_index,
                         char why[256]) {
    struct seed_paths p;
    struct seed_log log;
    enum err err = seed_paths_of(seed->data_dir, &p, why);
    if (err == OK) {
        err = own_log(seed, &p, &log, why);
    }
    if (err == OK && log.term == 0 && !seed_is_empty(p.store)) {
        snprintf(
            why, 256,
            "node %llu has a store and no log: what it voted for is lost, so it must "
            "not vote again under this number; replace it: tasuki node replace",
            (unsigned long long)seed->node_id);
        err = ERR_DENIED;
    }
    if (err == OK) {
        *ret_index = log.last_index;
    }
    return err;
}

/* --- staging --- */

enum err repl_seed_begin(const struct repl_seed *seed, enum image_use use,
                         struct image_sink **ret_sink, char why[256]) {
    struct seed_paths p;
    struct image_sink_config config = {.map_bytes = seed->map_bytes,
                                       .cluster_id = seed->cluster_id,
                                       .use = use,
                                       .epoch_chance = seed->epoch_chance,
                                       .only_member = seed->node_id};
    enum err err = seed_paths_of(seed->data_dir, &p, why);
    if (err == OK) {
        err = remove_tree(p.staging, why);
    }
    if (err == OK) {
        err = seed_make_dir(p.staging, why);
    }
    if (err == OK) {
        err = seed_make_dir(p.staging_store, why);
    }
    step("staging");
    if (err != OK) {
        return err;
    }
    config.dir = p.staging_store;
    snprintf(config.only_address, sizeof(config.only_address), "%s", seed->address);
    snprintf(config.only_region, sizeof(config.only_region), "%s", seed->region);
    return store_image_sink_new(&config, ret_sink, why);
}

/* The marker's configuration, term and vote (Z2). */
static void fill_marker(const struct repl_seed *seed, enum image_use use,
                        const struct seed_log *own, const struct image_head *head,
                        struct image_member *alone, struct seed_marker *marker) {
    uint64_t term =
        own->term > head->meta.applied_term ? own->term : head->meta.applied_term;
    *marker = (struct seed_marker){.node_id = seed->node_id,
                                   .term = term,
                                   .vote = term == own->term ? own->vote : 0,
                                   .index = head->meta.applied_index,
                                   .index_term = head->meta.applied_term,
                                   .cluster_id = head->meta.cluster_id,
                                   .members = head->members,
                                   .members_count = head->members_count,
                                   .configuration_index = head->configuration_index};
    if (use != IMAGE_COPY) {
        *alone = (struct image_member){.id = seed->node_id, .role = 1};
        snprintf(alone->address, sizeof(alone->address), "%s", seed->address);
        marker->members = alone;
        marker->members_count = 1;
        marker->configuration_index = head->meta.applied_index;
        marker->term = term + 1;
        marker->vote = 0;
    }
}

static enum err mark_complete(const struct seed_paths *p, char why[256]) {
    int fd = open(p->complete, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fsync(fd) != 0) {
        enum err err = io_error(why, "cannot write", p->complete);
        if (fd >= 0) {
            (void)close(fd);
        }
        return err;
    }
    (void)close(fd);
    return sync_path(p->staging, why);
}

/* Z2: whoever votes by the image's configuration had a term and a vote once. */
static enum err check_voter(const struct repl_seed *seed, const struct seed_log *own,
                            const struct image_head *head, char why[256]) {
    for (size_t i = 0; i < head->members_count && own->term == 0; i++) {
        if (head->members[i].id == seed->node_id && head->members[i].role == 1) {
            snprintf(why, 256,
                     "node %llu is a voter, and what it voted for is lost: it must not "
                     "vote again under this number; replace it: tasuki node replace",
                     (unsigned long long)seed->node_id);
            return ERR_DENIED;
        }
    }
    return OK;
}

static enum err make_log(const struct repl_seed *seed, const struct seed_paths *p,
                         enum image_use use, const struct image_head *head,
                         char why[256]) {
    struct seed_log own = {0};
    struct seed_marker marker;
    struct image_member alone;
    enum err err = own_log(seed, p, &own, why);
    if (err == OK && use == IMAGE_COPY) {
        err = check_voter(seed, &own, head, why);
    }
    if (err == OK && use == IMAGE_COPY && head->meta.applied_index < own.last_index) {
        snprintf(
            why, 256,
            "the image stands at index %llu, before the end of this node's own log "
            "(%llu)",
            (unsigned long long)head->meta.applied_index,
            (unsigned long long)own.last_index);
        err = ERR_STALE;
    }
    if (err == OK) {
        err = seed_make_dir(p->staging_raft, why);
    }
    if (err == OK) {
        fill_marker(seed, use, &own, head, &alone, &marker);
        err = seed_log_make(p->staging_raft, &marker, why);
        step("log");
    }
    if (err == OK) {
        err = sync_path(p->staging_raft, why);
    }
    return err;
}

enum err seed_finish(const struct repl_seed *seed, enum image_use use,
                     struct image_sink *sink, struct image_head *ret_head,
                     char why[256]) {
    struct seed_paths p;
    enum err err = seed_paths_of(seed->data_dir, &p, why);
    seed_tell(seed, "finishing the copy of the state", sink);
    if (err == OK) {
        err = store_image_sink_finish(sink, ret_head, why);
        step("store");
    }
    store_image_sink_free(sink);
    if (err == OK) {
        seed_tell(seed, "writing the log's beginning", NULL);
        err = make_log(seed, &p, use, ret_head, why);
    }
    if (err == OK) {
        err = sync_path(p.staging, why);
    }
    if (err == OK) {
        err = mark_complete(&p, why);
        step("complete");
    }
    if (err == OK) {
        seed_tell(seed, "putting the copy in place", NULL);
        err = swap(&p, why);
    } else if (!exists(p.complete)) {
        char scratch[256];
        (void)remove_tree(p.staging, scratch); /* Z3 */
    }
    return err;
}

enum err repl_seed_finish(const struct repl_seed *seed, enum image_use use,
                          struct image_sink *sink, char why[256]) {
    struct image_head head;
    return seed_finish(seed, use, sink, &head, why);
}

void repl_seed_abort(const struct repl_seed *seed, struct image_sink *sink) {
    struct seed_paths p;
    char why[256];
    store_image_sink_free(sink);
    if (seed_paths_of(seed->data_dir, &p, why) == OK) {
        (void)remove_tree(p.staging, why); /* else the next seeding does it */
    }
}
