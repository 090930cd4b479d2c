#include "chaos/sim/sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_node.h"
#include "raft/repl_marker.h"
#include "store/base/check.h"

/* What a write of a few pages and its fdatasync take. */
#define WRITE_MIN_US 300
#define WRITE_MAX_US 2500

enum write_kind { WRITE_APPEND, WRITE_TRUNCATE, WRITE_SNAPSHOT };

struct sim_write {
    struct sim_write *next;
    enum write_kind kind;
    /* WRITE_APPEND */
    struct raft_io_append *append;
    raft_io_append_cb append_cb;
    struct sim_entry *entry;
    size_t count;
    bool acked; /* by a planted fault, before it was written */
    uint64_t begun_us;
    /* WRITE_TRUNCATE */
    uint64_t index;
    /* WRITE_SNAPSHOT */
    struct raft_io_snapshot_put *put;
    raft_io_snapshot_put_cb put_cb;
    uint64_t snapshot_index, snapshot_term, configuration_index;
    unsigned trailing;
    struct raft_buffer configuration, snapshot;
};

static struct sim_disk *of_io(const struct raft_io *io) {
    return io->impl;
}

static void *copy(const void *data, size_t len) {
    void *to = malloc(len == 0 ? 1 : len);
    CHECK(to != NULL);
    if (len > 0) {
        memcpy(to, data, len);
    }
    return to;
}

static void write_free(struct sim_write *write) {
    for (size_t i = 0; i < write->count; i++) {
        free(write->entry[i].data);
    }
    free(write->entry);
    free(write->configuration.base);
    free(write->snapshot.base);
    free(write);
}

/* --- the log on the disk --- */

static void log_cut(struct sim_log *log, uint64_t index) { /* from `index` on */
    while (log->count > 0 && log->first + log->count > index) {
        free(log->entry[--log->count].data);
    }
}

static void log_trim(struct sim_log *log, uint64_t first) { /* below `first` */
    size_t gone = 0;
    while (gone < log->count && log->first + gone < first) {
        free(log->entry[gone++].data);
    }
    if (gone > 0) {
        memmove(log->entry, log->entry + gone,
                (log->count - gone) * sizeof(*log->entry));
    }
    log->count -= gone;
    log->first += gone;
}

static void log_append(struct sim_log *log, struct sim_entry entry) {
    if (log->count == log->cap) {
        log->cap = log->cap == 0 ? 256 : 2 * log->cap;
        log->entry = realloc(log->entry, log->cap * sizeof(*log->entry));
        CHECK(log->entry != NULL);
    }
    log->entry[log->count++] = entry;
}

uint64_t sim_disk_last(const struct sim_disk *disk) {
    const struct sim_log *log = &disk->log;
    uint64_t last = log->first + log->count - 1;
    return log->has_snapshot && log->snapshot_index > last ? log->snapshot_index : last;
}

uint64_t sim_disk_floor(const struct sim_disk *disk) {
    return disk->rotten ? 0 : sim_disk_last(disk);
}

bool sim_disk_cut_last(struct sim_disk *disk) {
    struct sim_log *log = &disk->log;
    if (log->count == 0) {
        return false;
    }
    log_cut(log, log->first + log->count - 1);
    return true;
}

bool sim_disk_blank(const struct sim_disk *disk) {
    return disk->log.term == 0;
}

/* The effect of a write that has reached the disk. */
static void take_effect(struct sim_disk *disk, struct sim_write *write) {
    struct sim_log *log = &disk->log;
    switch (write->kind) {
    case WRITE_APPEND:
        for (size_t i = 0; i < write->count; i++) {
            log_append(log, write->entry[i]);
        }
        write->count = 0; /* the log's now */
        return;
    case WRITE_TRUNCATE:
        log_cut(log, write->index);
        return;
    case WRITE_SNAPSHOT:
        free(log->configuration.base);
        free(log->snapshot.base);
        log->has_snapshot = true;
        log->snapshot_index = write->snapshot_index;
        log->snapshot_term = write->snapshot_term;
        log->configuration_index = write->configuration_index;
        log->configuration = write->configuration;
        log->snapshot = write->snapshot;
        write->configuration.base = NULL;
        write->snapshot.base = NULL;
        if (log->snapshot_index > write->trailing) {
            log_trim(log, log->snapshot_index - write->trailing + 1);
        }
        return;
    }
}

/* --- writes on their way --- */

static void pop_first(struct sim_disk *disk) {
    struct sim_write *write = disk->first;
    disk->first = write->next;
    if (disk->first == NULL) {
        disk->last = &disk->first;
    }
}

static uint64_t write_time(struct sim_disk *disk) {
    uint64_t us = sim_between(&disk->rng, WRITE_MIN_US, WRITE_MAX_US) + disk->slow_us;
    uint64_t now_us = disk->loop->now_us;
    return disk->stalled_until_us > now_us ? disk->stalled_until_us - now_us + us : us;
}

static void on_written(struct sim *sim, unsigned owner, void *arg);

static void schedule(struct sim_disk *disk) {
    sim_after(disk->loop, write_time(disk), disk->owner, "disk.append", on_written,
              NULL);
}

/* Truncations cost nothing of their own: they take effect with what follows. */
static void flush_truncations(struct sim_disk *disk) {
    while (disk->first != NULL && disk->first->kind == WRITE_TRUNCATE) {
        struct sim_write *write = disk->first;
        pop_first(disk);
        take_effect(disk, write);
        write_free(write);
    }
}

static void on_written(struct sim *sim, unsigned owner, void *arg) {
    struct sim_disk *disk = sim_disk_of(sim, owner);
    (void)arg;
    if (disk->stalled_until_us > disk->loop->now_us) {
        schedule(disk);
        return;
    }
    flush_truncations(disk);
    struct sim_write *write = disk->first;
    CHECK(write != NULL);
    pop_first(disk);
    bool failed = disk->fail_percent > 0 && sim_percent(&disk->rng, disk->fail_percent);
    if (!failed) {
        take_effect(disk, write);
        disk->writes++;
    }
    flush_truncations(disk);
    if (disk->first != NULL) {
        schedule(disk);
    }
    struct raft_io_append *append = write->append;
    raft_io_append_cb cb = write->append_cb;
    bool acked = write->acked;
    write_free(write);
    if (failed) {
        disk->torn = true;
        snprintf(disk->io.errmsg, sizeof(disk->io.errmsg), "simulated write error");
    }
    if (!acked) {
        cb(append, failed ? RAFT_IOERR : 0); /* may not return: the node ends */
    }
}

static void on_acked_early(struct sim *sim, unsigned owner, void *arg) {
    struct sim_disk *disk = sim_disk_of(sim, owner);
    (void)arg;
    for (struct sim_write *write = disk->first; write != NULL; write = write->next) {
        if (write->kind == WRITE_APPEND && !write->acked) {
            write->acked = true;
            write->append_cb(write->append, 0);
            return;
        }
    }
}

static void queue(struct sim_disk *disk, struct sim_write *write) {
    bool idle = disk->first == NULL;
    *disk->last = write;
    disk->last = &write->next;
    if (idle) {
        schedule(disk);
    }
}

static void on_put(struct sim *sim, unsigned owner, void *arg) {
    struct sim_disk *disk = sim_disk_of(sim, owner);
    struct sim_write *write = disk->put;
    (void)arg;
    disk->put = NULL;
    bool full = disk->full;
    if (!full) {
        take_effect(disk, write);
    }
    struct raft_io_snapshot_put *put = write->put;
    raft_io_snapshot_put_cb cb = write->put_cb;
    write_free(write);
    cb(put, full ? RAFT_NOSPACE : 0);
}

/* --- raft_io --- */

static int io_init(struct raft_io *io, raft_id id, const char *address) {
    (void)io;
    (void)id;
    (void)address;
    return 0;
}

static void io_close(struct raft_io *io, raft_io_close_cb cb) {
    struct sim_disk *disk = of_io(io);
    disk->tick_due = false;
    while (disk->first != NULL) {
        struct sim_write *write = disk->first;
        pop_first(disk);
        if (write->kind == WRITE_APPEND && !write->acked) {
            write->append_cb(write->append, RAFT_CANCELED);
        }
        write_free(write);
    }
    if (disk->put != NULL) {
        struct sim_write *write = disk->put;
        disk->put = NULL;
        write->put_cb(write->put, RAFT_CANCELED);
        write_free(write);
    }
    cb(io);
}

static void load_entries(const struct sim_log *log, struct raft_entry **ret_entries) {
    size_t bytes = 0;
    for (size_t i = 0; i < log->count; i++) {
        bytes += (log->entry[i].len + 7) / 8 * 8;
    }
    struct raft_entry *entries = raft_malloc(log->count * sizeof(*entries));
    uint8_t *batch = raft_malloc(bytes == 0 ? 8 : bytes);
    uint8_t *at = batch;
    CHECK(entries != NULL && batch != NULL);
    for (size_t i = 0; i < log->count; i++) {
        const struct sim_entry *from = &log->entry[i];
        entries[i] = (struct raft_entry){.term = from->term,
                                         .type = from->type,
                                         .buf = {.base = at, .len = from->len},
                                         .batch = batch};
        if (from->len > 0) {
            memcpy(at, from->data, from->len);
        }
        at += (from->len + 7) / 8 * 8;
    }
    *ret_entries = entries;
}

static struct raft_snapshot *load_snapshot(const struct sim_log *log) {
    struct raft_snapshot *snapshot = raft_malloc(sizeof(*snapshot));
    CHECK(snapshot != NULL);
    *snapshot = (struct raft_snapshot){.index = log->snapshot_index,
                                       .term = log->snapshot_term,
                                       .configuration_index = log->configuration_index,
                                       .n_bufs = 1};
    CHECK(raft_configuration_decode(&log->configuration, &snapshot->configuration) ==
          0);
    snapshot->bufs = raft_malloc(sizeof(*snapshot->bufs));
    void *base = raft_malloc(log->snapshot.len);
    CHECK(snapshot->bufs != NULL && base != NULL);
    memcpy(base, log->snapshot.base, log->snapshot.len);
    snapshot->bufs[0] = (struct raft_buffer){.base = base, .len = log->snapshot.len};
    return snapshot;
}

static int io_load(struct raft_io *io, raft_term *term, raft_id *voted_for,
                   struct raft_snapshot **snapshot, raft_index *start_index,
                   struct raft_entry *entries[], size_t *n_entries) {
    struct sim_log *log = &of_io(io)->log;
    *term = log->term;
    *voted_for = log->vote;
    *snapshot = log->has_snapshot ? load_snapshot(log) : NULL;
    *start_index = log->first;
    *n_entries = log->count;
    *entries = NULL;
    if (log->count > 0) {
        load_entries(log, entries);
    }
    return 0;
}

static void on_tick(struct sim *sim, unsigned owner, void *arg) {
    struct sim_disk *disk = sim_disk_of(sim, owner);
    (void)arg;
    if (disk->tick_due) {
        sim_after(disk->loop, disk->tick_ms * SIM_US_PER_MS, owner, "raft.tick",
                  on_tick, NULL);
        disk->tick(&disk->io);
    }
}

static int io_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                    raft_io_recv_cb receive) {
    struct sim_disk *disk = of_io(io);
    disk->tick_ms = msecs;
    disk->tick = tick;
    disk->receive = receive;
    disk->tick_due = true;
    sim_after(disk->loop, msecs * SIM_US_PER_MS, disk->owner, "raft.tick", on_tick,
              NULL);
    return 0;
}

static int io_bootstrap(struct raft_io *io, const struct raft_configuration *conf) {
    struct sim_disk *disk = of_io(io);
    struct raft_buffer buf;
    if (!sim_disk_blank(disk)) {
        return RAFT_CANTBOOTSTRAP;
    }
    CHECK(raft_configuration_encode(conf, &buf) == 0);
    disk->log.term = 1;
    log_append(&disk->log, (struct sim_entry){.term = 1,
                                              .type = RAFT_CHANGE,
                                              .len = buf.len,
                                              .data = copy(buf.base, buf.len)});
    raft_free(buf.base);
    return 0;
}

static int io_recover(struct raft_io *io, const struct raft_configuration *conf) {
    (void)io;
    (void)conf;
    return RAFT_INVALID; /* the core never asks for it */
}

static int io_set_term(struct raft_io *io, raft_term term) {
    struct sim_disk *disk = of_io(io);
    if (disk->full) {
        snprintf(io->errmsg, sizeof(io->errmsg), "simulated full disk");
        return RAFT_NOSPACE;
    }
    disk->log.term = term;
    disk->log.vote = 0;
    return 0;
}

static int io_set_vote(struct raft_io *io, raft_id id) {
    struct sim_disk *disk = of_io(io);
    if (disk->full) {
        snprintf(io->errmsg, sizeof(io->errmsg), "simulated full disk");
        return RAFT_NOSPACE;
    }
    disk->log.vote = id;
    return 0;
}

static int io_send(struct raft_io *io, struct raft_io_send *req,
                   const struct raft_message *message, raft_io_send_cb cb) {
    (void)io;
    (void)req;
    (void)message;
    (void)cb;
    CHECK(!"the core sends by itself");
    return RAFT_NOCONNECTION;
}

static int io_append(struct raft_io *io, struct raft_io_append *req,
                     const struct raft_entry entries[], unsigned n,
                     raft_io_append_cb cb) {
    struct sim_disk *disk = of_io(io);
    if (disk->full) {
        snprintf(io->errmsg, sizeof(io->errmsg), "simulated full disk");
        return RAFT_NOSPACE;
    }
    struct sim_write *write = calloc(1, sizeof(*write));
    CHECK(write != NULL);
    write->kind = WRITE_APPEND;
    write->append = req;
    write->append_cb = cb;
    write->begun_us = disk->loop->now_us;
    write->count = n;
    write->entry = calloc(n, sizeof(*write->entry));
    CHECK(write->entry != NULL);
    for (unsigned i = 0; i < n; i++) {
        if (entries[i].type == RAFT_COMMAND && entries[i].buf.len % 8 != 0) {
            sim_violation(disk->sim, "an entry of %zu bytes: libraft wants whole words",
                          entries[i].buf.len);
        }
        write->entry[i] =
            (struct sim_entry){.term = entries[i].term,
                               .type = entries[i].type,
                               .len = entries[i].buf.len,
                               .data = copy(entries[i].buf.base, entries[i].buf.len)};
    }
    queue(disk, write);
    if (disk->forget_unsynced_ack) {
        sim_after(disk->loop, 1, disk->owner, "disk.lies", on_acked_early, NULL);
    }
    return 0;
}

static int io_truncate(struct raft_io *io, raft_index index) {
    struct sim_disk *disk = of_io(io);
    struct sim_write *write = calloc(1, sizeof(*write));
    CHECK(write != NULL);
    write->kind = WRITE_TRUNCATE;
    write->index = index;
    if (disk->first == NULL) {
        take_effect(disk, write);
        write_free(write);
    } else {
        *disk->last = write;
        disk->last = &write->next;
    }
    return 0;
}

/* N1 of raft/repl_point.c. The marker's own index: what comes after it up to the
 * snapshot's is no frame. */
static void check_marker(struct sim_disk *disk, const struct sim_write *write) {
    const struct sim_node *node = sim_node_of(disk->sim, disk->owner);
    struct repl_marker marker;
    CHECK(repl_marker_decode(span_of(write->snapshot.base, write->snapshot.len),
                             &marker) == OK);
    if (node->point_index < marker.index && node->synced_index < marker.index) {
        sim_violation(disk->sim,
                      "node %u cuts its log at %llu, and its store is on the device up "
                      "to %llu",
                      disk->owner, (unsigned long long)marker.index,
                      (unsigned long long)node->point_index);
    }
}

static int io_snapshot_put(struct raft_io *io, unsigned trailing,
                           struct raft_io_snapshot_put *req,
                           const struct raft_snapshot *snapshot,
                           raft_io_snapshot_put_cb cb) {
    struct sim_disk *disk = of_io(io);
    struct raft_buffer encoded;
    CHECK(disk->put == NULL && snapshot->n_bufs == 1);
    CHECK(raft_configuration_encode(&snapshot->configuration, &encoded) == 0);
    struct sim_write *write = calloc(1, sizeof(*write));
    CHECK(write != NULL);
    write->kind = WRITE_SNAPSHOT;
    write->put = req;
    write->put_cb = cb;
    write->trailing = trailing;
    write->snapshot_index = snapshot->index;
    write->snapshot_term = snapshot->term;
    write->configuration_index = snapshot->configuration_index;
    write->configuration =
        (struct raft_buffer){copy(encoded.base, encoded.len), encoded.len};
    write->snapshot = (struct raft_buffer){
        copy(snapshot->bufs[0].base, snapshot->bufs[0].len), snapshot->bufs[0].len};
    raft_free(encoded.base);
    disk->put = write;
    check_marker(disk, write);
    sim_after(disk->loop, 4 * write_time(disk), disk->owner, "disk.snapshot", on_put,
              NULL);
    return 0;
}

struct get {
    struct raft_io_snapshot_get *req;
    raft_io_snapshot_get_cb cb;
};

static void on_get(struct sim *sim, unsigned owner, void *arg) {
    const struct get *get = arg;
    get->cb(get->req, load_snapshot(&sim_disk_of(sim, owner)->log), 0);
}

static int io_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *req,
                           raft_io_snapshot_get_cb cb) {
    struct sim_disk *disk = of_io(io);
    struct get *get = malloc(sizeof(*get));
    CHECK(get != NULL && disk->log.has_snapshot);
    *get = (struct get){req, cb};
    sim_after(disk->loop, write_time(disk), disk->owner, "disk.snapshot_get", on_get,
              get);
    return 0;
}

static raft_time io_time(struct raft_io *io) {
    return sim_ms(of_io(io)->loop);
}

static int io_random(struct raft_io *io, int min, int max) {
    return min + (int)sim_below(&of_io(io)->rng, (uint64_t)(max - min) + 1);
}

/* libraft's, in no header of it (see CMakeLists.txt). */
void LegacyFireCompletedRequests(struct raft *raft);

void sim_disk_complete(struct sim_disk *disk) {
    if (disk->io.data != NULL && disk->tick_due) {
        LegacyFireCompletedRequests(disk->io.data);
    }
}

/* --- lives --- */

void sim_disk_init(struct sim_disk *disk, struct sim *sim, struct sim_loop *loop,
                   unsigned owner, uint64_t seed) {
    *disk = (struct sim_disk){.sim = sim, .loop = loop, .owner = owner};
    disk->log.first = 1;
    disk->last = &disk->first;
    sim_rng_seed(&disk->rng, seed, 1000 + owner);
}

static void drop_writes(struct sim_disk *disk) {
    while (disk->first != NULL) {
        struct sim_write *write = disk->first;
        pop_first(disk);
        write_free(write);
    }
    if (disk->put != NULL) {
        write_free(disk->put);
        disk->put = NULL;
    }
}

void sim_disk_close(struct sim_disk *disk) {
    drop_writes(disk);
    log_cut(&disk->log, 0);
    free(disk->log.entry);
    free(disk->log.configuration.base);
    free(disk->log.snapshot.base);
}

struct raft_io *sim_disk_open(struct sim_disk *disk) {
    drop_writes(disk); /* of a life that could not close */
    disk->torn = false;
    disk->io = (struct raft_io){.version = 2,
                                .capacity = UINT16_MAX,
                                .impl = disk,
                                .init = io_init,
                                .close = io_close,
                                .load = io_load,
                                .start = io_start,
                                .bootstrap = io_bootstrap,
                                .recover = io_recover,
                                .set_term = io_set_term,
                                .set_vote = io_set_vote,
                                .send = io_send,
                                .append = io_append,
                                .truncate = io_truncate,
                                .snapshot_put = io_snapshot_put,
                                .snapshot_get = io_snapshot_get,
                                .time = io_time,
                                .random = io_random};
    return &disk->io;
}

void sim_disk_crash(struct sim_disk *disk) {
    struct sim_write *write = disk->first;
    disk->crashes++;
    disk->tick_due = false;
    /* Requests stay in the queue: io_close cancels them, if it comes to that. */
    while (write != NULL && !disk->torn && !disk->forget_unsynced_ack &&
           sim_percent(&disk->rng, 50)) {
        take_effect(disk, write);
        write = write->next;
    }
    disk->lost_writes += write != NULL ? 1 : 0;
    if (disk->put != NULL && sim_percent(&disk->rng, 50)) {
        take_effect(disk, disk->put);
    }
    if (disk->forget_votes) {
        disk->log.vote = 0;
    }
}

uint64_t sim_disk_waiting_us(const struct sim_disk *disk) {
    for (const struct sim_write *write = disk->first; write != NULL;
         write = write->next) {
        if (write->kind == WRITE_APPEND) {
            return disk->loop->now_us - write->begun_us;
        }
    }
    return 0;
}

void sim_disk_blank_out(struct sim_disk *disk) {
    struct sim_log *log = &disk->log;
    drop_writes(disk);
    log_cut(log, 0);
    free(log->configuration.base);
    free(log->snapshot.base);
    *log = (struct sim_log){.first = 1, .entry = log->entry, .cap = log->cap};
    disk->rotten = false;
    disk->torn = false;
}

void sim_disk_reseed(struct sim_disk *disk, uint64_t index, uint64_t term,
                     const struct raft_configuration *configuration,
                     uint64_t configuration_index, const struct raft_buffer *marker) {
    struct raft_buffer encoded;
    struct sim_write put = {.kind = WRITE_SNAPSHOT,
                            .snapshot_index = index,
                            .snapshot_term = term,
                            .configuration_index = configuration_index};
    drop_writes(disk);
    disk->rotten = false;
    CHECK(raft_configuration_encode(configuration, &encoded) == 0);
    put.configuration =
        (struct raft_buffer){copy(encoded.base, encoded.len), encoded.len};
    put.snapshot = (struct raft_buffer){copy(marker->base, marker->len), marker->len};
    raft_free(encoded.base);
    log_cut(&disk->log, 0);
    take_effect(disk, &put);
    disk->log.first = index + 1;
    if (disk->log.term < term) {
        disk->log.term = term;
        disk->log.vote = 0;
    }
}
