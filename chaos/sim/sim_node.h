/* sim_node: a node of the simulated cluster: the host (struct repl_host) of the real
 * replication core, over the real store, with simulated disk, links and clocks.
 *
 * A node has lives. One begins with sim_node_start and ends with a crash (from
 * outside), a fatal error (the core ends its process; the hook jumps out to
 * sim_node_enter) or a quit in good order. What outlives it is on its disks: the
 * log (sim_disk) and the LMDB store in a directory of its own.
 * Invariants:
 *   P1  the core runs only inside sim_node_enter, on behalf of one node;
 *   P2  after each event the node's promises are checked (sim_check). */
#ifndef CHAOS_SIM_NODE_H
#define CHAOS_SIM_NODE_H

#include "chaos/sim/sim_disk.h"
#include "chaos/sim/sim_net.h"
#include "raft/repl.h"

#define SIM_MAP_BYTES (64u * 1024 * 1024)

/* Why a node is down. */
enum sim_down {
    SIM_NEVER_STARTED,
    SIM_CRASHED,    /* from outside */
    SIM_ENDED,      /* by itself: exit_code says why */
    SIM_QUIT,       /* in good order */
    SIM_NOT_OPENED, /* it refused to start: `why` */
};

struct sim_node {
    struct sim *sim;
    unsigned id; /* 1 to SIM_OWNERS - 1 */
    char dir[128], region[32];
    struct repl_peer_config peers[LIMIT_NODES]; /* as its configuration file has them */
    size_t peers_count;
    bool bootstrap;
    struct sim_disk disk;
    struct sim_rng rng;

    /* This life. */
    struct repl *repl; /* NULL: down */
    struct store *store;
    struct store_read *read;
    bool kicked, woken, quitting;
    uint64_t later_us; /* when a pump is due; 0: none was asked for */
    uint64_t started_us;
    uint64_t syncing_us; /* since when the store waits for its device; 0: it does not */
    bool sync_failed;
    uint64_t store_stalled_until_us; /* its store's device alone hangs */

    enum sim_down down;
    int exit_code;
    char why[256];
    bool asks_reseed;
    struct sim_seeding *seeding; /* NULL: none runs */
    bool wall_is_wrong;
    int64_t wall_offset_ms;
    uint64_t mono_origin_ms;
    bool rotten;  /* its log is damaged: it must refuse to start until it is re-seeded */
    bool skewed;  /* its data were damaged on purpose: it may refuse to go on */
    bool removed; /* by a change of members */
    bool old;     /* of an epoch that was ended (sim_epoch): it is not counted on */

    /* What it has shown (sim_check). */
    uint64_t synced_index; /* the image that it was seeded with */
    uint64_t taken_index, point_index; /* restart points: being made, on the device */
    uint64_t point_number;
    uint8_t *device; /* the store's file as it was when the last one was made */
    size_t device_len;
    uint8_t *view; /* that file mapped; NULL: not yet */
    uint64_t view_inode;
    uint64_t seen_index, seen_clock_ms, seen_epoch;
    uint64_t seen_commit; /* of this life's store; 0: none yet */
};

/* Once, before anything else: the hook for ends by the core. */
void sim_node_setup(void);
void sim_node_init(struct sim_node *node, struct sim *sim, unsigned id, uint64_t seed,
                   const char *base_dir);
void sim_node_free(struct sim_node *node);

/* False: it refused to start, `down` and `why` say so. */
bool sim_node_start(struct sim_node *node);
/* Its process is killed; with `power`, its machine loses power: of the pages that
 * the store has written since its restart point, some are lost (S2). */
void sim_node_crash(struct sim_node *node, bool power);
/* Nothing is left of its store. It is down. */
void sim_node_wipe(struct sim_node *node);
/* Begin to stop in good order: leadership is handed over first. */
void sim_node_quit(struct sim_node *node);
/* Run `call` as the node's process would; false: it ended. */
bool sim_node_enter(struct sim_node *node, void (*call)(struct sim_node *, void *),
                    void *arg);

/* For sim_loop: an event of a node. */
void sim_node_run_event(struct sim *sim, const struct sim_event *event);

/* sim_net's: events of links, within sim_node_enter already. */
void sim_node_link_up(struct sim *sim, unsigned node, unsigned peer);
void sim_node_link_lost(struct sim *sim, unsigned node, unsigned peer);
void sim_node_link_refused(struct sim *sim, unsigned node, unsigned peer);
void sim_node_stranger(struct sim *sim, unsigned node, unsigned from);
void sim_node_message(struct sim *sim, unsigned node, unsigned from, struct span bytes);

/* The world's (sim_world.c). */
struct sim_net *sim_net_of(struct sim *sim);
struct sim_loop *sim_loop_of(struct sim *sim);
/* The one that runs: for callbacks that are given nothing else. */
struct sim *sim_now(void);
struct sim_node *sim_node_of(struct sim *sim, unsigned id);
struct sim_disk *sim_disk_of(struct sim *sim, unsigned id);
/* True time of the simulated world, since 1970. */
uint64_t sim_wall_ms(struct sim *sim);
uint64_t sim_trailing_bytes(struct sim *sim); /* of retained log */
/* A promise was broken. The run goes on to its end, and fails. */
void sim_violation(struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
