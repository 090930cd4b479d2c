/* repl_internal: what the repl_*.c files share. Included by them alone.
 *
 *   repl_core.c    roles, messages, the order of the work (raft/repl_core.h)
 *   repl_submit.c  requests of this node: their way to the leader and back
 *   repl_frame.c   leader: commands of all nodes -> frames -> raft_apply
 *   repl_prove.c   waits for an index, probes, freshness
 *   repl_status.c  status between nodes, digests, clocks, free space
 *   repl_io.c      what passes between libraft and its raft_io
 *   repl_member.c  members' places, steps of libraft's configuration
 *   repl_fsm.c     libraft's callbacks over raft/fsm
 *   repl_capture.c copies for images, and the log that is kept for their takers
 *
 * Everything is the raft thread's, but for what stands in `inbox` (under its
 * mutex), `published` (under its mutex) and `shared` (atomics).
 *
 * A request's way: repl_submit -> inbox -> `mine` (numbered, in order)
 *   -> leader here:      repl_frame_gather
 *   -> leader elsewhere: PEER_FORWARD -> its `theirs` queue -> repl_frame_gather
 *   -> raft_apply -> fsm_apply on every node -> repl_submit_outcome -> done.
 * After a change of leader or term, a new link, or silence, all of `mine` is
 * sent again from the start: the state machine applies each once (F4). */
#ifndef RAFT_REPL_INTERNAL_H
#define RAFT_REPL_INTERNAL_H

#include <pthread.h>
#include <raft.h>
#include <stdatomic.h>

#include "raft/fsm.h"
#include "raft/peer_raft.h"
#include "raft/peer_wire.h"
#include "raft/repl_clock.h"
#include "raft/repl_core.h"
#include "raft/repl_digest.h"
#include "raft/repl_member.h"
#include "raft/repl_trail.h"
#include "raft/repl_watchdog.h"
#include "store/base/check.h"
#include "store/base/log.h"

#define REPL_TICK_MS 250 /* a frame at least so often */
#define REPL_STATUS_MS 250
#define REPL_PUBLISH_MS 50
#define REPL_PROBE_MS 500
#define REPL_RESEND_MS 1000     /* silence after which requests are sent again */
#define REPL_STATUS_OLD_MS 2000 /* a peer not heard for so long is not counted */
#define REPL_CLOCK_WAIT_MS 2000 /* a new leader waits so long for others' clocks */
#define REPL_FRAMES_MAX 2       /* in flight */
#define REPL_TELL_MS 1          /* V4: a commit that nobody there asked for waits so long */
/* Frames of codes and tokens share a commit (F6) until nothing more is on its way and
 * nothing was applied for REPL_QUIET_MS. Under load that does not happen: then for
 * REPL_COMMIT_MS, as long as a restart point, since each commit writes anew what the one
 * before wrote; for a small part of how old the data may be; or so many commands that
 * the commit, for which the raft thread stands still, lasts about REPL_COMMIT_STALL_MS:
 * in a large store more pages change with as many commands. */
#define REPL_QUIET_MS 3
#define REPL_COMMIT_MS 750
#define REPL_COMMIT_STALENESS 4
#define REPL_COMMIT_STALL_MS 12
#define REPL_COMMIT_COMMANDS_MIN 2048
#define REPL_COMMIT_COMMANDS_MAX 8192
/* Commits share a restart point of the store: so long, or so many commands. If the
 * device is behind by so many commands, bytes of log, or bytes that the store's file
 * has grown by, the raft thread waits for it. */
#define REPL_POINT_MS 750
#define REPL_POINT_COMMANDS 8192
#define REPL_POINT_BEHIND 32768
#define REPL_POINT_BEHIND_BYTES (UINT64_C(64) << 20)
#define REPL_POINT_BEHIND_FILE (UINT64_C(256) << 20)
/* See repl_store_hangs. */
#define REPL_STORE_HANGS 2
#define REPL_FRAME_BYTES (256 * 1024)
#define REPL_INFLIGHT_ENTRIES 64
/* Payload bytes that wait on one node; beyond it ERR_BUSY. */
#define REPL_QUEUE_BYTES (32u * 1024 * 1024)
/* Sequence numbers between the oldest and the newest outstanding request. */
#define REPL_RING (2 * LIMIT_SUBMIT_QUEUE)
#define REPL_PROBES 16
#define REPL_HOLDS 4
/* Entries between two markers, if their bytes do not ask for one earlier. */
#define REPL_MARKER_ENTRIES 8192u
/* Retained entries, whatever their size. */
#define REPL_TRAILING_MIN 1024u
#define REPL_TRAILING_MAX 262144u
/* The log that is kept for takers of images, in retained logs. */
#define REPL_HOLD_FACTOR 4

/* A raft_apply on its way. */
struct repl_frame {
    struct raft_apply req;
    struct repl *repl;
    bool busy;
    uint64_t sent_mono_ms;
    uint64_t probe[LIMIT_NODES]; /* by peer number; 0: none */
};

/* One FORWARD, kept until all of it is in frames. */
struct repl_batch {
    struct repl_batch *next;
    size_t len, at;
    uint8_t data[];
};

struct repl_peer {
    struct repl_peer_config config;
    /* Leader: commands that this peer forwarded (checked when they came). */
    struct repl_batch *first, *last;
    size_t queued, queued_bytes;
    uint64_t taken_boot, taken_seq; /* the newest taken in this term */
    /* Leader: its latest probe that no frame carries yet. */
    uint64_t probe;
    bool probe_urgent;
    /* Leader: the highest commit index that it was told, and the newest frame that has a
     * command or a probe of it (`asks`: the one being made has). */
    raft_index told_commit, asks_index;
    bool asks;
    /* Leader: an acknowledgement of what our own disk has not got yet. */
    bool has_held;
    struct raft_message held;
    /* Its latest status. */
    struct peer_status status;
    uint64_t heard_mono_ms; /* 0: never */
    bool ahead_known;
    int64_t ahead_ms; /* its wall clock minus our monotonic one */
    bool clock_warned;
};

struct repl_inbox {
    pthread_mutex_t mutex;
    struct repl_request *requests, **requests_end;
    struct repl_wait *indexes, **indexes_end;
    struct repl_wait *reads, **reads_end;
    struct repl_wait *transfers, **transfers_end;
    struct repl_capture *captures, **captures_end;
    bool closed;
};

struct repl_list { /* of requests, in the order of their sequence numbers */
    struct repl_request *head, *tail;
};

struct repl_waits {
    struct repl_wait *head;
    size_t count;
};

struct repl_shared {
    _Atomic uint64_t applied_index; /* committed to LMDB: what readers see */
    _Atomic uint64_t fresh_mono_ms; /* 0: never */
    _Atomic bool in_doubt;          /* digest */
    _Atomic bool no_space;
    _Atomic uint32_t pending; /* requests submitted and not completed */
    _Atomic uint64_t pending_bytes;
    _Atomic uint32_t waiting; /* index waits and reads */
    /* Replicated time: seqlock, written by the raft thread. */
    _Atomic uint32_t clock_seq;
    _Atomic uint64_t clock_ms, clock_mono_ms;
};

/* This node's requests, and how far they are sent. */
struct repl_mine {
    struct repl_list list;
    struct repl_request *unsent; /* first one not sent on this stream */
    struct repl_request *ring[REPL_RING];
    struct repl_request *decided, **decided_end; /* by the frame being applied (Q4) */
    uint64_t boot, next_seq;
    bool registered;
    struct repl_request register_request, init_request; /* our own */
    bool init_submitted;
    struct buf register_payload, init_payload;
    uint64_t after;          /* sequence sent before on this stream; 0: its start */
    uint64_t pause_until_ms; /* leader asked for patience */
    uint64_t next_deadline_ms;
};

struct repl_probe {
    uint64_t id, sent_mono_ms, index; /* index 0: not answered yet */
};

struct repl_prove {
    struct repl_waits indexes;
    uint64_t index_min;      /* lowest that is waited for */
    struct repl_probe own;   /* leader: its newest frame that readers do not see yet */
    struct repl_waits reads; /* not covered by a probe yet */
    struct repl_waits probing;          /* covered by `urgent_id` */
    uint64_t urgent_id, urgent_mono_ms; /* 0: none */
    struct repl_probe sent[REPL_PROBES];
    /* Ids of this life: a proof that an earlier one of this node asked for must not be
     * taken for a later one. */
    uint64_t first_id, next_id, last_probe_mono_ms;
};

/* How much was applied by some restart point. */
struct repl_point_mark {
    uint64_t commands, log_bytes, file_bytes;
};

/* The store's next restart point (store_point_take). */
struct repl_point {
    bool busy;         /* the host is at it */
    uint64_t index;    /* of the last that was taken */
    uint64_t begun_ms; /* when that was */
    uint64_t done_index; /* of the last that is on the device */
    struct repl_point_mark taken, done; /* the same two */
};

/* A marker that waits for a restart point (raft/repl_point.c, N1). */
struct repl_cut {
    struct raft_io_snapshot_put *put; /* NULL: none */
    const struct raft_snapshot *snapshot; /* libraft's, until `cb` */
    raft_io_snapshot_put_cb cb;
    uint64_t applied_index; /* what the point must have */
};

struct repl_hold { /* under the inbox's mutex */
    uint64_t index, until_mono_ms;
};

struct repl {
    struct repl_config config; /* its strings are the host's */
    struct repl_host host;
    size_t self;                        /* number of this node in `peer` */
    struct repl_peer peer[LIMIT_NODES]; /* id 0: a free place */
    size_t peers_count;                 /* places ever used */

    bool stopping, closing;
    bool raft_open, raft_closed; /* raft_init done; raft_close finished */
    uint64_t stop_at_ms;
    uint64_t now_ms; /* monotonic, read once a callback */
    uint64_t told_epoch;

    struct raft raft;
    struct raft_io io_inner; /* host.io as the host filled it */
    struct raft_fsm raft_fsm;
    raft_io_recv_cb receive;
    raft_index load_first_index, load_last_index; /* of the log as it was loaded */
    raft_index marker_index;                      /* of its marker; 0: none */
    raft_term marker_term;
    raft_term alone_term; /* in which this node leads as the only voter; 0: none */
    raft_index log_first; /* the oldest entry that is kept */
    struct fsm *fsm;
    struct buf out; /* message being encoded */

    /* Role, as last seen by repl_role_check. */
    int state;
    uint64_t term, leader_id;
    uint64_t lead_since_ms;
    uint64_t led_mono_ms;    /* when the last AppendEntries came */
    bool sends_first;        /* within repl_io_apply */
    struct append *append;   /* this node's own write, meanwhile */
    bool answers_older_term; /* an AppendEntries of an older term is being answered */
    bool transfer_busy;
    struct raft_transfer transfer;
    struct repl_waits transfers;

    struct repl_mine mine;
    struct repl_frame frame[REPL_FRAMES_MAX];
    size_t in_flight;
    size_t gather_turn; /* whose commands come first in the next frame */
    struct buf gather, encoded;
    bool stuck; /* `encoded` was refused for lack of space: again */
    uint64_t last_frame_ms, last_commit_ms; /* of frames of this leader */

    struct repl_prove prove;
    struct repl_clock clock;
    struct repl_digests digests;
    bool digest_lost; /* for good: this node's state is not what a majority has */
    struct repl_member member;
    uint64_t last_status_ms, last_publish_ms, last_yield_ms;
    uint64_t frames_applied, commands_applied;
    uint64_t open_since_ms; /* first frame of the open transaction */
    uint64_t open_frame_ms; /* its last one */
    uint64_t open_commands; /* commands_applied when the last one was committed */
    uint64_t commit_most;   /* commands of one commit: repl_fsm_commit_most */
    struct repl_point point;
    struct repl_cut cut;
    struct repl_trail trail;
    uint64_t marker_bytes; /* trail.bytes at the last marker */
    struct repl_hold hold[REPL_HOLDS];

    struct repl_inbox inbox;
    struct repl_shared shared;
    struct repl_pulse pulse;
    pthread_mutex_t published_mutex;
    struct repl_status published;
};

/* repl_core.c */
static inline uint64_t repl_mono(const struct repl *repl) {
    return repl->config.clock.mono_ms(repl->config.clock.impl);
}
static inline uint64_t repl_wall(const struct repl *repl) {
    return repl->config.clock.wall_ms(repl->config.clock.impl);
}
static inline bool repl_leads(const struct repl *repl) {
    return repl->state == RAFT_LEADER;
}
/* End the node, by repl_on_fatal. */
_Noreturn void repl_fatal(int exit_code, const char *event, const char *why);
/* Run the pump in the next loop iteration. */
void repl_kick(struct repl *repl);
/* NULL: unknown. */
struct repl_peer *repl_peer_find(struct repl *repl, uint64_t id);
/* A new member, or a new address. NULL: LIMIT_NODES are there already. */
struct repl_peer *repl_peer_set(struct repl *repl,
                                const struct repl_peer_config *config);
void repl_peer_drop(struct repl *repl, uint64_t id);
/* By libraft's latest configuration. NULL: not in it. */
const struct raft_server *repl_server(const struct repl *repl, uint64_t id);
bool repl_is_voter(const struct repl *repl, uint64_t id);
size_t repl_voters(const struct repl *repl);
/* Queue a message; false when it could not be taken. */
bool repl_send(struct repl *repl, uint64_t to, const struct peer_message *message);
void repl_role_check(struct repl *repl);
/* Begin to move leadership to `to` (0: any). */
bool repl_transfer_begin(struct repl *repl, uint64_t to);

/* repl_submit.c */
void repl_submit_init(struct repl *repl, uint64_t registered_boot);
void repl_submit_free(struct repl *repl);
void repl_submit_take(struct repl *repl, struct repl_request *request);
void repl_submit_restart_stream(struct repl *repl);
void repl_submit_forward(struct repl *repl);
void repl_submit_again(struct repl *repl, const struct peer_again *again);
/* The next own request for a frame; NULL: none. Moves on. */
struct repl_request *repl_submit_next(struct repl *repl);
void repl_submit_envelope(struct repl *repl, const struct repl_request *request,
                          struct envelope *ret_envelope);
/* What a frame decided; once it is told of all of that, `decided` hands it back. */
void repl_submit_outcome(struct repl *repl, const struct envelope *envelope,
                         const struct outcome *outcome);
void repl_submit_decided(struct repl *repl);
/* Submit a command of the raft thread itself; `done` runs on it. `payload` is
 * overwritten. What is sent under a boot that was superseded gets ERR_TIMEOUT. */
void repl_submit_internal(struct repl *repl, struct repl_request *request,
                          const struct command *command, struct buf *payload,
                          void (*done)(struct repl_request *));
void repl_submit_tick(struct repl *repl);
void repl_submit_close(struct repl *repl);

/* repl_frame.c */
void repl_frame_build(struct repl *repl);
bool repl_frame_take(struct repl *repl, struct repl_peer *peer,
                     const struct peer_forward *forward);
/* Forget everything that belongs to the term that has ended; what a peer forwarded. */
void repl_frame_reset(struct repl *repl);
void repl_frame_forget(struct repl_peer *peer);

/* repl_prove.c */
/* Any thread: a place among those that wait (R3). repl_wait_complete gives it back. */
enum err repl_wait_reserve(struct repl *repl);
void repl_prove_take_index(struct repl *repl, struct repl_wait *wait);
void repl_prove_take_read(struct repl *repl, struct repl_wait *wait);
void repl_prove_applied(struct repl *repl, uint64_t index);
void repl_prove_proven(struct repl *repl, const struct peer_proven *proven);
/* Leader: a frame submitted at `sent_mono_ms` has committed at `index`. */
void repl_prove_committed(struct repl *repl, const struct repl_frame *frame,
                          uint64_t index);
void repl_prove_pump(struct repl *repl);
void repl_prove_tick(struct repl *repl);
void repl_prove_restart(struct repl *repl);
void repl_prove_close(struct repl *repl);
void repl_wait_complete(struct repl *repl, struct repl_wait *wait, enum err err);
void repl_waits_push(struct repl_waits *waits, struct repl_wait *wait);

/* repl_status.c */
void repl_status_heard(struct repl *repl, struct repl_peer *peer,
                       const struct peer_status *status);
void repl_status_send(struct repl *repl, uint64_t to);
void repl_status_tick(struct repl *repl);
void repl_status_publish(struct repl *repl);
/* Its status is younger than REPL_STATUS_OLD_MS. */
bool repl_peer_heard(const struct repl *repl, const struct repl_peer *peer);
void repl_offsets(const struct repl *repl, struct repl_offsets *ret_offsets);
/* Its wall clock is known, and further from ours than nodes may be apart. */
bool repl_clock_differs(const struct repl *repl, const struct repl_peer *peer);
void repl_publish_clock(struct repl *repl);
uint64_t repl_staleness(const struct repl *repl);

/* repl_io.c */
struct repl *repl_of_io(struct raft_io *io);
/* raft_apply, but the frame leaves for the followers before this node writes it: they
 * have the longer way. */
int repl_io_apply(struct repl *repl, struct raft_apply *req, struct raft_buffer *buffer,
                  raft_apply_cb cb);
enum err repl_io_open(struct repl *repl, bool bootstrap, char why[256]);
/* A message of libraft from a peer; takes what it owns. */
void repl_io_receive(struct repl *repl, struct repl_peer *peer,
                     struct raft_message *message);
/* Leader: acknowledgements that waited for our own disk. */
void repl_io_release_held(struct repl *repl);
/* Leader: tell followers a commit index that no other message will carry. */
void repl_io_tell_commit(struct repl *repl);
/* The only voter leads in a term of its own. Before its election can be due. */
void repl_io_alone(struct repl *repl);
/* Follower: the leader's process is gone; do not sit out the timeout. */
void repl_io_leader_gone(struct repl *repl, uint64_t id);

/* repl_capture.c */
void repl_capture_take(struct repl *repl, struct repl_capture *capture);
/* The lowest index held: by this node's own captures; by anybody heard. 0: none. */
uint64_t repl_hold_own(struct repl *repl);
uint64_t repl_hold_index(struct repl *repl);

/* repl_fsm.c */
void repl_fsm_init(struct repl *repl);
/* How many commands the next commit may have, when one of so many took so long. */
uint64_t repl_fsm_commit_most(uint64_t most, uint64_t commands, uint64_t took_ms);
/* Commit what is applied, and let readers see it. */
void repl_fsm_commit(struct repl *repl);
/* The same if it is time; then the store's next restart point (repl_point_pump). */
void repl_fsm_pump(struct repl *repl);

/* repl_point.c */
void repl_point_init(struct repl *repl);
/* The store's device has not answered for REPL_STORE_HANGS times as long as a write to
 * the log may take. */
bool repl_store_hangs(const struct repl *repl);
/* The device does not keep up: between the last point on it and now there is as much as
 * one of the three bounds allows. */
bool repl_point_behind(const struct repl_point_mark *done,
                       const struct repl_point_mark *now);
/* Begin the next restart point, and let a marker go, if it is time. */
void repl_point_pump(struct repl *repl);
/* The log between two markers is bounded in bytes too. */
void repl_point_pace_markers(struct repl *repl);
/* raft_fsm's `snapshot`; raft_io's `snapshot_put`, and what `close` does first. */
int repl_point_snapshot(struct raft_fsm *raft_fsm, struct raft_buffer *bufs[],
                        unsigned *n_bufs);
int repl_point_snapshot_put(struct raft_io *io, unsigned trailing,
                            struct raft_io_snapshot_put *req,
                            const struct raft_snapshot *snapshot,
                            raft_io_snapshot_put_cb cb);
void repl_point_cancel_marker(struct repl *repl);

#endif
