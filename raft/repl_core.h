/* repl_core: a node's replication without threads, sockets, files and clocks.
 *
 * All that a node does about the log, from a request's arrival to its outcome, is
 * here and in the repl_*.c that repl_internal.h lists. Two hosts drive it: repl.c
 * (libuv, mutual TLS, libraft's files) and chaos/sim (a simulated cluster in one
 * thread, from one seed). So what the simulator proves is what runs.
 *
 *   host -> core: repl_core_pump, _tick, _message, _link_*, _take_inbox, raft's own
 *           callbacks through the host's raft_io
 *   core -> host: struct repl_host
 *
 * Time and chance come from repl_config's ports. Thread: the raft thread (the
 * functions of raft/repl.h: any). */
#ifndef RAFT_REPL_CORE_H
#define RAFT_REPL_CORE_H

#include <raft.h>

#include "raft/peer_wire.h"
#include "raft/repl.h"

struct repl_host {
    void *impl;
    /* The inbox has something: call repl_core_take_inbox soon. Any thread. */
    void (*wake)(void *impl);
    /* Call repl_core_pump soon, but not from within this call. */
    void (*kick)(void *impl);
    /* The same, in so many ms at the latest. */
    void (*later)(void *impl, unsigned ms);
    /* Queue encoded messages (ERR_CLOSED: no open link; ERR_BUSY: too much waits). */
    enum err (*send)(void *impl, uint64_t to, struct span messages);
    /* Let go now what is queued, instead of at the end of the turn. */
    void (*flush)(void *impl);
    bool (*is_up)(void *impl, uint64_t peer);
    /* Dial now instead of when the pause is over. */
    void (*redial)(void *impl, uint64_t peer);
    /* Members as they change: dial and accept this one (its address may be a new
     * one); no longer that one. Never this node itself. */
    void (*peer_set)(void *impl, const struct repl_peer_config *peer);
    void (*peer_drop)(void *impl, uint64_t peer);
    /* The state's epoch, 0 before there is one. */
    void (*epoch)(void *impl, uint64_t epoch);
    /* This node goes on only after it was re-seeded: keep that for its next start.
     * repl_on_fatal follows. */
    void (*reseed)(void *impl, const char *why);
    /* Run store_point_sync where it may block, then call repl_core_synced. One at a
     * time; none is asked for after repl_core_close. */
    void (*sync)(void *impl);
    /* The log's raft_io, initialised by the host; the core wraps some of its calls. */
    struct raft_io *io;
    /* All is closed: the core calls nothing any more. */
    void (*closed)(void *impl);
};

/* Check and copy the configuration, open the state machine over its store. `host` is
 * copied. ERR_CONFIG, ERR_CORRUPT, ERR_VERSION, ERR_NOMEM with `why`. */
enum err repl_core_new(const struct repl_config *config, const struct repl_host *host,
                       struct repl **ret_repl, char why[256]);
/* Start libraft over host->io; write the first configuration if `bootstrap`. */
enum err repl_core_open(struct repl *repl, bool bootstrap, char why[256]);

void repl_core_take_inbox(struct repl *repl);
void repl_core_pump(struct repl *repl);
/* Every REPL_TIMER_MS. */
void repl_core_tick(struct repl *repl);
/* False: the sender is at fault. */
bool repl_core_message(struct repl *repl, uint64_t from,
                       const struct peer_message *message);
void repl_core_link_up(struct repl *repl, uint64_t peer);
/* The peer's own link to us has ended; nobody listens at its address. */
void repl_core_link_lost(struct repl *repl, uint64_t peer);
void repl_core_link_refused(struct repl *repl, uint64_t peer);
/* A node of this cluster and epoch that is no peer dials, and says where it listens.
 * True: it is a peer from now on (raft/repl_member.h, M4). */
bool repl_core_stranger(struct repl *repl, uint64_t id, const char *address);
/* The restart point that host->sync was asked for is on the device, or `err`. Before
 * repl_core_free, whatever has been closed since. */
void repl_core_synced(struct repl *repl, enum err err);
/* What the host measured (disk space of the log's file system). */
void repl_core_space(struct repl *repl, uint64_t free_bytes);

/* Hand leadership over if held; true once there is nothing left to wait for, then
 * repl_core_close is due. */
void repl_core_stop(struct repl *repl);
bool repl_core_may_close(const struct repl *repl);
/* Complete what waits with ERR_CLOSED, close libraft; host->closed follows. */
void repl_core_close(struct repl *repl);
void repl_core_free(struct repl *repl);

/* How a doubt about log or state ends a node: by default _exit. The simulator
 * ends the simulated node instead; it must not return. Process-wide. */
extern void (*repl_on_fatal)(int exit_code, const char *event, const char *why);

#endif
