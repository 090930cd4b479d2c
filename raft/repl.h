/* repl: the replicated log as the rest of the server sees it.
 *
 * One instance a process. It owns the raft thread: a libuv loop with libraft,
 * the peer links and the only LMDB writer. Everything here may be called from
 * any thread unless it says otherwise; completions run on the loop that the
 * request names, never on the raft thread.
 *
 * Invariants:
 *   R1  a request completes exactly once: with an outcome that is committed and
 *       applied on this node, or with an error. ERR_TIMEOUT means "unknown";
 *   R2  a request is applied at most once, however often it is resubmitted;
 *   R3  every queue is bounded: beyond it ERR_BUSY, before any work is done;
 *   R4  nothing here ever answers from a guess: repl_fresh is proven by a probe
 *       that committed after it was sent (DESIGN §3, read 3).
 *
 * What leaves the log or the store in doubt ends the process, with a code of
 * raft/repl_exit.h. */
#ifndef RAFT_REPL_H
#define RAFT_REPL_H

#include <stdbool.h>

#include "raft/command.h"
#include "store/base/limits.h"
#include "store/base/port.h"
#include "store/store.h"
#include "store/store_image.h"
#include "store/store_member.h"

struct repl;

struct repl_peer_config {
    uint64_t id;
    char address[64]; /* "IPv4:port" of its peer listener */
    char region[32];
};

struct repl_config {
    uint64_t node_id;
    struct id128 cluster_id;
    const char *data_dir; /* where a mark for re-seeding is left; NULL: nowhere */
    const char *raft_dir; /* exists, mode 0700 */
    /* This node and those it begins with. Once the state has members (store_member)
     * they take the place of these. */
    struct repl_peer_config peers[LIMIT_NODES];
    size_t peers_count;
    bool bootstrap; /* first start of a new cluster: all `peers` are voters */
    const char *ca_file, *cert_file, *key_file; /* PEM; the node's peer identity */
    uint32_t election_timeout_ms;               /* default 300 */
    uint32_t heartbeat_ms;                      /* default 20 */
    uint32_t staleness_bound_ms;                /* default 3000 */
    uint32_t clock_skew_max_ms; /* default 2000: larger steps need a majority */
    uint32_t stall_limit_ms;    /* default 4000: watchdog (RAFT.md §2.6) */
    uint64_t trailing_bytes;    /* default 64 MiB of retained log */
    uint32_t marker_entries;    /* between two markers (raft/repl_point.c); default 8192 */
    uint64_t image_bytes_per_s; /* default 64 MiB/s for each image given */
    uint64_t free_bytes_min;    /* default 256 MiB: refuse writes below */
    struct store *store;        /* outlives repl */
    struct port_clock clock;
    struct port_random random;
};

/* Open the log, start the raft thread, begin to serve peers. `why` (may be NULL)
 * gets one English sentence for the operator on failure. */
enum err repl_start(const struct repl_config *config, struct repl **ret_repl,
                    char why[256]);
/* Hand leadership over if held, stop the thread, complete what waits with
 * ERR_CLOSED, free. Not from a completion. */
void repl_stop(struct repl *repl);

/* One command on its way. The caller owns the struct and keeps it, and what
 * `payload` points to, until `done`. */
struct repl_request {
    enum command_type type;
    struct span payload; /* command_encode's bytes */
    uint64_t deadline_mono_ms;
    struct port_loop *loop;
    void (*done)(struct repl_request *request); /* on `loop` */

    enum err err;           /* OK: `outcome` is the state machine's word */
    struct outcome outcome; /* its detail is valid until repl_request_close */

    /* private */
    struct port_task task;
    struct repl_request *next, *prev;
    uint64_t seq, sent_mono_ms;
    uint8_t *detail;
};

/* ERR_BUSY (R3), ERR_CLOSED, ERR_TOO_BIG, ERR_NO_SPACE: `done` will not run. */
enum err repl_submit(struct repl *repl, struct repl_request *request);
/* Free what the outcome holds; the struct may be used again. */
void repl_request_close(struct repl_request *request);

/* Waiting until this node has applied an index, or has proof of freshness. */
struct repl_wait {
    uint64_t index; /* repl_wait_index: set by the caller */
    uint64_t deadline_mono_ms;
    struct port_loop *loop;
    void (*done)(struct repl_wait *wait);

    enum err err; /* OK, ERR_TIMEOUT, ERR_CLOSED */

    /* private */
    struct port_task task;
    struct repl_wait *next, *prev;
};

/* True when `index` is applied here already: no wait is needed. */
bool repl_applied(const struct repl *repl, uint64_t index);
enum err repl_wait_index(struct repl *repl, struct repl_wait *wait);
/* Linearizable read: completes once this node has applied an index that
 * committed after the call. Those that wait share one probe. */
enum err repl_read(struct repl *repl, struct repl_wait *wait);

/* OK while this node's data is proven to be younger than the staleness bound;
 * ERR_STALE otherwise. Lock-free. */
enum err repl_fresh(const struct repl *repl);
/* Replicated time now: clock_ms plus the monotonic time since its frame. */
uint64_t repl_now_ms(const struct repl *repl);

struct repl_node_status {
    uint64_t id;
    char address[64], region[32];
    bool self, leader, connected;
    bool voter, standby;     /* by libraft's configuration; neither: not in it (yet) */
    enum member_role wanted; /* by the state; MEMBER_GONE: leaving */
    bool settled;
    uint64_t seen_age_ms; /* since its last status message; self: 0 */
    uint64_t term, applied_index;
    uint64_t staleness_ms;   /* as it proved last; UINT64_MAX: never */
    int64_t clock_offset_ms; /* its wall clock minus ours */
    struct store_digest digest;
    uint64_t digest_index; /* index at which `digest` was taken */
    bool digest_differs;   /* another digest than ours at an equal index */
};

struct repl_status {
    uint64_t node_id, leader_id /* 0: none known */, term;
    uint64_t applied_index, commit_index, last_index;
    uint64_t staleness_ms, clock_ms, fsm_version, epoch;
    uint64_t queue_len; /* requests waiting here */
    uint64_t frames_applied, commands_applied;
    /* The retained log: a node that was away for less needs no image. */
    uint64_t trailing_frames, trailing_bytes;
    uint64_t trailing_covers_ms; /* of replicated time, oldest kept entry to newest */
    uint64_t trailing_bytes_max;
    uint64_t configuration_index; /* of libraft's configuration, as committed here */
    char member_change[160]; /* what the leader waits for in the unsettled change */
    struct leader_regions leader_regions;
    bool ready; /* fresh, digest not in doubt, writes possible */
    char why_not_ready[96];
    struct repl_node_status nodes[LIMIT_NODES];
    size_t nodes_count;
};

/* Log writes of this node since it started, and the time that each took, added up: from
 * when it was asked for until the raft thread knew that it was synced. Lock-free. */
struct repl_log_load {
    uint64_t writes, write_ms;
};
void repl_log_load(const struct repl *repl, struct repl_log_load *ret_load);

/* Images that this node gives now (raft/peer_image.h). */
#define REPL_IMAGES 2
struct repl_image_status {
    uint64_t peer, index, rows, rows_total, bytes;
};
size_t repl_images(struct repl *repl, struct repl_image_status ret_images[REPL_IMAGES]);

/* A consistent copy, at most 100 ms old. */
void repl_status(struct repl *repl, struct repl_status *ret_status);

/* Ask for leadership to move to `to` (0: any voter). Completes `wait` with OK
 * once another node leads; ERR_NOT_LEADER when this node does not; ERR_NOT_FOUND
 * when `to` is no other voter; ERR_TIMEOUT. */
enum err repl_transfer(struct repl *repl, uint64_t to, struct repl_wait *wait);

/* A consistent copy of the state together with what the raft thread knows of it,
 * for an image (store_image). */
struct repl_capture {
    uint64_t floor_index;  /* set by the caller: at least so new */
    struct repl_wait wait; /* set by the caller: deadline, loop, done */

    /* after OK */
    struct image_head head;
    struct store_read *read; /* begun; the caller ends it (store_image_source_new) */

    /* private */
    struct repl *repl;
    struct repl_wait probe;
    size_t hold;
    struct repl_capture *next;
};

/* Capture behind a probe: the copy has everything that was committed before the
 * call. From then on no node trims its log above head.meta.applied_index, until
 * some time after repl_capture_release. ERR_BUSY while the configuration changes
 * (try again); else as repl_read. Only while this node is fresh. */
enum err repl_capture(struct repl *repl, struct repl_capture *capture);
/* The image is delivered or given up. Any thread. */
void repl_capture_release(struct repl_capture *capture);

#endif
