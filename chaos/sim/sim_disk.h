/* sim_disk: a node's raft_io in memory, over a disk that can lose what was not
 * synced, be slow, stand still, fail and be full.
 *
 * Behaves as libraft's own files do where the core can tell: appends and truncations
 * reach the disk in their order, each append whole or not at all (a segment's batch
 * has a checksum), term and vote before the call returns, snapshots beside the
 * appends. `send` is never called: the core has its own.
 * Invariants:
 *   D1  a callback runs only for what is on the disk;
 *   D2  sim_disk_crash keeps what is on the disk, and of what was on its way any
 *       prefix, drawn from the disk's chance;
 *   D3  what raft loads after a crash is exactly that.
 * The struct outlives its node's lives; the raft_io belongs to one life. */
#ifndef CHAOS_SIM_DISK_H
#define CHAOS_SIM_DISK_H

#include <raft.h>

#include "chaos/sim/sim_loop.h"
#include "chaos/sim/sim_rng.h"

struct sim_entry {
    uint64_t term;
    enum raft_entry_type type;
    size_t len;
    uint8_t *data;
};

/* On the disk. */
struct sim_log {
    uint64_t term, vote;
    uint64_t first; /* index of entry[0], whether there is one or not */
    struct sim_entry *entry;
    size_t count, cap;
    bool has_snapshot;
    uint64_t snapshot_index, snapshot_term, configuration_index;
    struct raft_buffer configuration; /* encoded */
    struct raft_buffer snapshot;
};

struct sim_write; /* on its way */

struct sim_disk {
    struct sim *sim;
    struct sim_loop *loop;
    struct sim_rng rng;
    unsigned owner;
    struct sim_log log;
    struct sim_write *first, **last; /* appends and truncations, in order */
    struct sim_write *put;           /* a snapshot, at most one */
    struct raft_io io;
    bool tick_due;
    unsigned tick_ms;
    raft_io_tick_cb tick;
    raft_io_recv_cb receive;
    /* Faults, set from outside. */
    uint64_t slow_us;          /* added to each write */
    uint64_t stalled_until_us; /* nothing completes before */
    unsigned fail_percent;     /* of appends */
    bool full;
    bool rotten; /* a batch in the midst of the log does not add up */
    bool torn; /* a write failed: what follows it would be behind a hole */
    bool forget_unsynced_ack; /* planted: acknowledges before it is on the disk */
    bool forget_votes;        /* planted: a crash forgets the vote of the term */
    uint64_t hurt_us;         /* when the latest of these began; 0: never */
    /* Counters. */
    uint64_t writes, crashes, lost_writes;
};

void sim_disk_init(struct sim_disk *disk, struct sim *sim, struct sim_loop *loop,
                   unsigned owner, uint64_t seed);
void sim_disk_close(struct sim_disk *disk);
/* A fresh raft_io for the next life. */
struct raft_io *sim_disk_open(struct sim_disk *disk);
/* The life has ended, in whatever way: nothing on its way is called back any more.
 * A write that the kernel had taken may still have reached the disk (D2). */
void sim_disk_crash(struct sim_disk *disk);
/* After each event of the node: libraft completes its clients' requests when its
 * raft_io says so. */
void sim_disk_complete(struct sim_disk *disk);
bool sim_disk_blank(const struct sim_disk *disk);
uint64_t sim_disk_last(const struct sim_disk *disk);
/* What an image has to have at least for a log of which so much can be read: of a rotten
 * one nothing (raft/repl_seed.h, Z2, and why that is enough). */
uint64_t sim_disk_floor(const struct sim_disk *disk);
/* Its last entry goes, as libraft cuts a damaged last batch. False: there is none. */
bool sim_disk_cut_last(struct sim_disk *disk);
/* A new, empty disk. Its node is down. */
void sim_disk_blank_out(struct sim_disk *disk);
/* How long the oldest append has been on its way. */
uint64_t sim_disk_waiting_us(const struct sim_disk *disk);
/* Make it a disk whose snapshot marker stands at `index`, without entries: what
 * re-seeding leaves. Term and vote stay, unless the new term is higher. */
void sim_disk_reseed(struct sim_disk *disk, uint64_t index, uint64_t term,
                     const struct raft_configuration *configuration,
                     uint64_t configuration_index, const struct raft_buffer *marker);

#endif
