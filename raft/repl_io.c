/* repl_io: between libraft and its raft_io.
 *
 * The host's raft_io keeps the log. Its network part is not used: `raft_io.send`
 * is replaced by ours, received messages go to libraft's receive callback
 * directly. So no byte from the network meets libraft's decoder, which trusts
 * every length.
 *
 * Invariants (RAFT.md "rules for using it"):
 *   V1  a log, term or vote that cannot be written ends the process;
 *   V2  InstallSnapshot is never sent: the follower is told PEER_BEYOND, and ends;
 *   V3  nothing is applied that is not in this node's own log on disk. libraft
 *       would commit what others have stored; so a follower passes on a commit
 *       index only up to what it has stored, and a leader holds acknowledgements
 *       that are ahead of its own disk. After a crash the store is then never
 *       ahead of the log, and one that is has lost a part of its log;
 *   V4  followers are told a new commit index by an empty AppendEntries of our own, as
 *       soon as they hold it: at once if one of the frames has a command or a probe of
 *       theirs, else after REPL_TELL_MS if the next frame has not told them by then;
 *   V5  a vote is not refused because this node's own configuration, which may be
 *       an old one, does not let it vote: the candidate's decides whose votes count
 *       (Raft thesis §4.2.2), and a new voter that has not read of its promotion
 *       may be needed for a majority;
 *   V6  no byte that libraft left unset leaves this node: it answers an AppendEntries
 *       of an older term without setting last_log_index, and the old leader's decoder
 *       would refuse that, instead of hearing that there is a newer term;
 *   V7  a vote's result reaches libraft only while it is a candidate. It reads of the
 *       candidate's part of a union before it looks at its state, so that a late answer
 *       to a pre-vote, which says a term that nobody is in, would raise the term of a
 *       follower or leader, or not, as the bits of a pointer fall;
 *   V8  a node whose log begins at a marker takes what the marker covers for stored.
 *       A leader that knew it before it was seeded sends from further back; libraft
 *       has no term for that, refuses until the leader comes to index 1, and takes
 *       what follows for new entries;
 *   V9  the only voter leads in a term of its own. libraft lets it lead in the term
 *       that it finds: after a crash, or as heir of a leader that was removed, it could
 *       give an index and term that a standby has got already to another entry;
 *   V10 whoever refuses a pre-vote says its own term. libraft says the candidate's: of
 *       two nodes, one with the longer log and one that has voted in a newer term
 *       since, none would ever be elected while the third is away;
 *   V11 a configuration that a marker covers is committed. libraft takes a marker before
 *       it has applied the configurations of the entries up to there, and a restart from
 *       it would take the newest for uncommitted for good, and lose it with the log. */
#include <stdio.h>
#include <stdlib.h>

#include "raft/repl_exit.h"
#include "raft/repl_internal.h"

/* After the leader's process has gone: others need to notice it too, then one
 * after the other stands for election. */
#define GONE_FIRST_MS 30
#define GONE_STEP_MS 80

struct repl *repl_of_io(struct raft_io *io) {
    struct raft *raft = io->data; /* raft_init sets it */
    return (struct repl *)((char *)raft - offsetof(struct repl, raft));
}

/* --- sending --- */

static void tell_beyond(struct repl *repl, const struct raft_message *message) {
    struct peer_message beyond = {
        .type = PEER_BEYOND,
        .beyond = {.term = message->install_snapshot.term,
                   .first_index = message->install_snapshot.last_index}};
    if (!repl_member_may_spare(repl, message->server_id)) {
        return; /* libraft asks again */
    }
    log_event(LOG_ERROR, "repl.peer_beyond_log", log_u64("peer", message->server_id),
              log_str("why", "it lacks entries that are no longer in the log: it needs "
                             "re-seeding"),
              log_end());
    (void)repl_send(repl, message->server_id, &beyond); /* libraft asks again */
}

static int send_parts(struct repl *repl, const struct raft_message *message) {
    unsigned total =
        message->type == RAFT_APPEND_ENTRIES ? message->append_entries.n_entries : 1;
    unsigned next = 0;
    do {
        buf_reset(&repl->out);
        enum err err = peer_raft_encode(message, next, &repl->out, &next);
        if (err == ERR_NOMEM) {
            repl_fatal(REPL_EXIT_RAFT, "repl.fatal", "out of memory");
        }
        if (err != OK || repl->host.send(repl->host.impl, message->server_id,
                                         buf_span(&repl->out)) != OK) {
            return RAFT_NOCONNECTION; /* libraft sends again by itself */
        }
    } while (next < total);
    return 0;
}

/* What the follower knows to be committed once it has this message. */
static void note_commit(struct repl *repl, const struct raft_message *message) {
    struct repl_peer *peer = repl_peer_find(repl, message->server_id);
    const struct raft_append_entries *args = &message->append_entries;
    if (peer == NULL || message->type != RAFT_APPEND_ENTRIES) {
        return;
    }
    /* It passes on no more than it has stored: see clamp_commit. */
    raft_index told = args->leader_commit < args->prev_log_index ? args->leader_commit
                                                                 : args->prev_log_index;
    raft_index match;
    if (raft_match_index(&repl->raft, peer->config.id, &match) == 0 && match >= told &&
        told > peer->told_commit) {
        peer->told_commit = told;
    }
}

static int io_send(struct raft_io *io, struct raft_io_send *req,
                   const struct raft_message *message, raft_io_send_cb cb) {
    struct repl *repl = repl_of_io(io);
    struct raft_message sent = *message;
    int status = RAFT_NOCONNECTION;
    if (message->type == RAFT_APPEND_ENTRIES_RESULT && repl->answers_older_term) {
        sent.append_entries_result.last_log_index = 0; /* V6 */
    }
    if (message->type == RAFT_REQUEST_VOTE_RESULT &&
        message->request_vote_result.pre_vote &&
        !message->request_vote_result.vote_granted) {
        sent.request_vote_result.term = raft_current_term(&repl->raft); /* V10 */
    }
    if (message->type == RAFT_INSTALL_SNAPSHOT) {
        tell_beyond(repl, message); /* V2 */
    } else {
        status = send_parts(repl, &sent);
        if (status == 0) {
            note_commit(repl, &sent);
        }
    }
    /* Everything was copied: the entries are free again. */
    req->cb = cb;
    if (cb != NULL) {
        cb(req, status);
    }
    return 0;
}

/* --- writing --- */

struct append {
    struct raft_io_append req; /* given to the back end */
    struct raft_io_append *of; /* libraft's */
    raft_io_append_cb cb;
    struct repl *repl;
    const struct raft_entry *entries; /* libraft's, until `cb` */
    unsigned n;
    uint64_t begun_ms;
};

static void on_appended(struct raft_io_append *req, int status) {
    struct append *append =
        (struct append *)((char *)req - offsetof(struct append, req));
    struct repl *repl = append->repl;
    if (status != 0 && !repl->closing) {
        repl_fatal(REPL_EXIT_LOG, "repl.append_failed", repl->host.io->errmsg); /* V1 */
    }
    atomic_fetch_sub(&repl->pulse.appending, 1);
    atomic_fetch_add(&repl->pulse.append_ms, repl_mono(repl) - append->begun_ms);
    atomic_fetch_add(&repl->pulse.appended, 1);
    append->cb(append->of, status);
    free(append);
    if (!repl->closing) {
        repl_kick(repl);
    }
}

/* The one that waits, if there is one. */
static void begin_append(struct repl *repl) {
    struct append *append = repl->append;
    if (append == NULL) {
        return;
    }
    repl->append = NULL;
    int rv = repl->io_inner.append(repl->host.io, &append->req, append->entries,
                                   append->n, on_appended);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.append_failed", repl->host.io->errmsg); /* V1 */
    }
}

static int io_append(struct raft_io *io, struct raft_io_append *req,
                     const struct raft_entry entries[], unsigned n,
                     raft_io_append_cb cb) {
    struct repl *repl = repl_of_io(io);
    struct append *append = malloc(sizeof(*append));
    if (append == NULL) {
        repl_fatal(REPL_EXIT_RAFT, "repl.fatal", "out of memory");
    }
    *append = (struct append){.of = req,
                              .cb = cb,
                              .repl = repl,
                              .entries = entries,
                              .n = n,
                              .begun_ms = repl_mono(repl)};
    req->cb = cb;
    atomic_fetch_add(&repl->pulse.appending, 1);
    begin_append(repl); /* one after the other */
    repl->append = append;
    if (!repl->sends_first) {
        begin_append(repl);
    }
    return 0;
}

int repl_io_apply(struct repl *repl, struct raft_apply *req, struct raft_buffer *buffer,
                  raft_apply_cb cb) {
    repl->sends_first = true;
    int rv = raft_apply(&repl->raft, req, buffer, 1, cb);
    repl->sends_first = false;
    if (repl->append != NULL) {
        repl->host.flush(repl->host.impl);
        begin_append(repl);
    }
    return rv;
}

void repl_log_load(const struct repl *repl, struct repl_log_load *ret_load) {
    *ret_load = (struct repl_log_load){.writes = atomic_load(&repl->pulse.appended),
                                       .write_ms = atomic_load(&repl->pulse.append_ms)};
}

static int io_truncate(struct raft_io *io, raft_index index) {
    struct repl *repl = repl_of_io(io);
    int rv = repl->io_inner.truncate(io, index);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.truncate_failed", io->errmsg);
    }
    return rv;
}

static int io_set_term(struct raft_io *io, raft_term term) {
    struct repl *repl = repl_of_io(io);
    int rv = repl->io_inner.set_term(io, term);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.term_failed", io->errmsg);
    }
    return rv;
}

static int io_set_vote(struct raft_io *io, raft_id id) {
    struct repl *repl = repl_of_io(io);
    int rv = repl->io_inner.set_vote(io, id);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.vote_failed", io->errmsg);
    }
    return rv;
}

static void io_close(struct raft_io *io, raft_io_close_cb cb) {
    struct repl *repl = repl_of_io(io);
    repl_point_cancel_marker(repl);
    repl->io_inner.close(io, cb);
}

/* --- loading --- */

/* The last entry that this node has applied, as far as it knows: the store may have gone
 * back behind it (store/store_point.h, P5). */
static struct store_witness last_applied(const struct repl *repl) {
    const struct store_meta *meta = fsm_meta(repl->fsm);
    struct store_witness seen = store_witness(repl->config.store);
    return seen.index > meta->applied_index
               ? seen
               : (struct store_witness){meta->applied_index, meta->applied_term};
}

/* It must be the one in the log. */
static int check_applied(struct repl *repl, raft_index start,
                         const struct raft_entry *entries, size_t count) {
    struct store_witness applied = last_applied(repl);
    if (applied.index >= start && applied.index < start + count &&
        entries[applied.index - start].term != applied.term) {
        snprintf(repl->host.io->errmsg, RAFT_ERRMSG_BUF_SIZE,
                 "this node applied entry %llu of term %llu, the log has it in term "
                 "%llu",
                 (unsigned long long)applied.index, (unsigned long long)applied.term,
                 entries[applied.index - start].term);
        return RAFT_CORRUPT;
    }
    return 0;
}

/* What the retained log weighs, and when its frames were made. */
static void note_loaded(struct repl *repl, raft_index index,
                        const struct raft_entry *entry) {
    struct frame_header header = {0};
    struct reader envelopes;
    if (entry->type == RAFT_COMMAND &&
        frame_decode(span_of(entry->buf.base, entry->buf.len), &header, &envelopes) !=
            OK) {
        header.now_ms = 0; /* a rotten one: applying it says so, if it comes to that */
    }
    repl_trail_note(&repl->trail, index, entry->buf.len, header.now_ms);
}

static bool is_alone(const struct raft_configuration *configuration, raft_id id) {
    bool alone = false;
    for (unsigned i = 0; i < configuration->n; i++) {
        if (configuration->servers[i].role == RAFT_VOTER) {
            if (configuration->servers[i].id != id) {
                return false;
            }
            alone = true;
        }
    }
    return alone;
}

/* By the newest configuration that was loaded. */
static bool loaded_alone(const struct repl *repl, const struct raft_snapshot *snapshot,
                         const struct raft_entry *entries, size_t count) {
    struct raft_configuration configuration;
    bool alone = false;
    for (size_t i = count; i > 0; i--) {
        if (entries[i - 1].type != RAFT_CHANGE) {
            continue;
        }
        raft_configuration_init(&configuration);
        if (raft_configuration_decode(&entries[i - 1].buf, &configuration) == 0) {
            alone = is_alone(&configuration, repl->config.node_id);
            raft_configuration_close(&configuration);
        }
        return alone;
    }
    return snapshot != NULL && is_alone(&snapshot->configuration, repl->config.node_id);
}

/* V9: while it runs. */
void repl_io_alone(struct repl *repl) {
    struct raft *raft = &repl->raft;
    if (raft->state != RAFT_FOLLOWER || repl->alone_term == raft->current_term ||
        !is_alone(&raft->configuration, repl->config.node_id)) {
        return;
    }
    raft_term term = raft->current_term + 1;
    (void)io_set_term(raft->io, term);
    raft->current_term = term;
    raft->voted_for = 0;
    repl->alone_term = term;
}

/* V11: the newest in the log up to the marker is the marker's. */
static int cover_configuration(struct raft_snapshot *snapshot, raft_index start,
                               const struct raft_entry *entries, size_t count) {
    struct raft_configuration configuration;
    size_t covered = snapshot->index < start ? 0 : (size_t)(snapshot->index - start + 1);
    size_t i = covered < count ? covered : count;

    while (i > 0 && entries[i - 1].type != RAFT_CHANGE) {
        i--;
    }
    if (i == 0 || start + i - 1 <= snapshot->configuration_index) {
        return 0;
    }
    raft_configuration_init(&configuration);
    int rv = raft_configuration_decode(&entries[i - 1].buf, &configuration);
    if (rv != 0) {
        raft_configuration_close(&configuration);
        return rv;
    }
    raft_configuration_close(&snapshot->configuration);
    snapshot->configuration = configuration;
    snapshot->configuration_index = start + i - 1;
    return 0;
}

static int io_load(struct raft_io *io, raft_term *term, raft_id *voted_for,
                   struct raft_snapshot **snapshot, raft_index *start_index,
                   struct raft_entry *entries[], size_t *n_entries) {
    struct repl *repl = repl_of_io(io);
    int rv = repl->io_inner.load(io, term, voted_for, snapshot, start_index, entries,
                                 n_entries);
    if (rv == 0 && *snapshot != NULL) {
        rv = cover_configuration(*snapshot, *start_index, *entries, *n_entries);
    }
    if (rv != 0) {
        return rv;
    }
    if (loaded_alone(repl, *snapshot, *entries, *n_entries)) {
        rv = io_set_term(io, *term + 1);
        *term += 1;
        *voted_for = 0;
        repl->alone_term = *term;
    }
    repl->load_last_index = *start_index + *n_entries - 1;
    if (*snapshot != NULL) {
        repl->marker_index = (*snapshot)->index;
        repl->marker_term = (*snapshot)->term;
    }
    repl->load_first_index = *start_index;
    repl->log_first = *start_index;
    for (size_t i = 0; i < *n_entries; i++) {
        note_loaded(repl, *start_index + i, &(*entries)[i]);
    }
    return check_applied(repl, *start_index, *entries, *n_entries);
}

static int io_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                    raft_io_recv_cb receive) {
    struct repl *repl = repl_of_io(io);
    repl->receive = receive;
    return repl->io_inner.start(io, msecs, tick, receive);
}

/* --- receiving --- */

/* V3 for followers: entries in the message are not stored yet, and what precedes
 * them may be on its way to the disk still. */
static void clamp_commit(const struct repl *repl, struct raft_append_entries *args) {
    if (args->leader_commit > args->prev_log_index) {
        args->leader_commit = args->prev_log_index;
    }
    if (args->leader_commit > repl->raft.last_stored) {
        args->leader_commit = repl->raft.last_stored;
    }
}

/* V8: what the marker covers is committed, and so the same everywhere. */
static void skip_covered(const struct repl *repl, struct raft_append_entries *args) {
    raft_index marker = repl->marker_index;
    if (args->prev_log_index >= marker ||
        args->prev_log_index + 1 >= repl->load_first_index) {
        return; /* not that far back, or those entries are here */
    }
    raft_index skip = marker - args->prev_log_index;
    if (skip < args->n_entries) {
        args->n_entries -= (unsigned)skip;
        memmove(args->entries, args->entries + skip,
                args->n_entries * sizeof(*args->entries));
    } else if (args->n_entries > 0) {
        raft_free(args->entries[0].batch);
        raft_free(args->entries);
        args->entries = NULL;
        args->n_entries = 0;
    }
    args->prev_log_index = marker;
    args->prev_log_term = repl->marker_term;
}

/* V3 for leaders: pass on what our own disk has, keep the rest. */
static void hold_result(struct repl *repl, struct repl_peer *peer,
                        struct raft_message *message) {
    struct raft_append_entries_result *result = &message->append_entries_result;
    if (raft_state(&repl->raft) != RAFT_LEADER || result->rejected != 0) {
        return;
    }
    if (peer->has_held &&
        peer->held.append_entries_result.last_log_index <= result->last_log_index) {
        peer->has_held = false;
    }
    if (result->last_log_index > repl->raft.last_stored) {
        peer->held = *message;
        peer->has_held = true;
        result->last_log_index = repl->raft.last_stored;
    }
}

/* V5. libraft asks its own configuration, and a standby never forgets its leader:
 * for this one request both are set as a voter would have them. */
static void receive_request_vote(struct repl *repl, struct raft_message *message) {
    struct raft *raft = &repl->raft;
    struct raft_server *self =
        (struct raft_server *)(uintptr_t)repl_server(repl, repl->config.node_id);
    uint64_t silent_ms = repl->now_ms - repl->led_mono_ms;
    if (self == NULL || self->role == RAFT_VOTER || raft->state != RAFT_FOLLOWER) {
        repl->receive(repl->host.io, message);
        return;
    }
    int role = self->role;
    if (silent_ms >= repl->config.election_timeout_ms) {
        raft->follower_state.current_leader.id = 0;
    }
    self->role = RAFT_VOTER;
    repl->receive(repl->host.io, message);
    self->role = role;
}

void repl_io_receive(struct repl *repl, struct repl_peer *peer,
                     struct raft_message *message) {
    message->server_id = peer->config.id;
    message->server_address = peer->config.address;
    if (message->type == RAFT_REQUEST_VOTE) {
        receive_request_vote(repl, message);
        repl_kick(repl);
        return;
    }
    if (message->type == RAFT_REQUEST_VOTE_RESULT &&
        raft_state(&repl->raft) != RAFT_CANDIDATE) {
        return; /* V7 */
    }
    if (message->type == RAFT_APPEND_ENTRIES) {
        skip_covered(repl, &message->append_entries);
        clamp_commit(repl, &message->append_entries);
        repl->answers_older_term =
            message->append_entries.term < raft_current_term(&repl->raft);
        if (!repl->answers_older_term) {
            repl->led_mono_ms = repl->now_ms;
        }
    } else if (message->type == RAFT_APPEND_ENTRIES_RESULT) {
        hold_result(repl, peer, message);
    }
    repl->receive(repl->host.io, message);
    repl->answers_older_term = false;
    repl_kick(repl);
}

void repl_io_release_held(struct repl *repl) {
    for (size_t i = 0; i < repl->peers_count; i++) {
        struct repl_peer *peer = &repl->peer[i];
        if (peer->has_held && raft_state(&repl->raft) == RAFT_LEADER &&
            peer->held.append_entries_result.last_log_index <= repl->raft.last_stored) {
            struct raft_message message = peer->held;
            peer->has_held = false;
            repl->receive(repl->host.io, &message);
        }
    }
}

/* --- commit notices (V4) --- */

static bool tell(struct repl *repl, const struct repl_peer *peer, raft_index commit) {
    struct raft_message message;
    memset(&message, 0, sizeof(message));
    message.type = RAFT_APPEND_ENTRIES;
    message.server_id = peer->config.id;
    message.server_address = peer->config.address;
    message.append_entries.term = repl->term;
    message.append_entries.prev_log_index = commit;
    message.append_entries.prev_log_term = repl->term;
    message.append_entries.leader_commit = commit;
    return send_parts(repl, &message) == 0;
}

void repl_io_tell_commit(struct repl *repl) {
    const struct store_meta *meta = fsm_meta(repl->fsm);
    raft_index commit = raft_commit_index(&repl->raft);
    bool is_old = repl->now_ms >= repl->last_commit_ms + REPL_TELL_MS;
    if (raft_state(&repl->raft) != RAFT_LEADER || meta->applied_index != commit ||
        raft_current_term(&repl->raft) != repl->term ||
        meta->applied_term != repl->term) {
        return; /* the term of that entry is not known here: a heartbeat does it */
    }
    for (size_t i = 0; i < repl->peers_count; i++) {
        struct repl_peer *peer = &repl->peer[i];
        raft_index match;
        if (i == repl->self || peer->told_commit >= commit ||
            raft_match_index(&repl->raft, peer->config.id, &match) != 0 ||
            match < commit) {
            continue;
        }
        if (!is_old && peer->asks_index <= peer->told_commit) {
            repl->host.later(repl->host.impl, REPL_TELL_MS);
        } else if (tell(repl, peer, commit)) {
            peer->told_commit = commit;
        }
    }
}

/* --- a leader whose process has ended --- */

/* libraft would wait for its timeout, and refuse others its pre-vote until then.
 * Nobody listening where the leader did is proof enough to forget it; if it is
 * wrong, the next AppendEntries restores it, and pre-vote protects the term. */
void repl_io_leader_gone(struct repl *repl, uint64_t id) {
    struct raft *raft = &repl->raft;
    raft_time now = repl->host.io->time(repl->host.io);
    raft_time wait = GONE_FIRST_MS;
    if (raft->state != RAFT_FOLLOWER || raft->follower_state.current_leader.id != id) {
        return;
    }
    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        wait += i != repl->self && peer->config.id != id &&
                        peer->config.id < repl->config.node_id
                    ? GONE_STEP_MS
                    : 0;
    }
    raft_time timeout = raft->follower_state.randomized_election_timeout;
    raft->follower_state.current_leader.id = 0;
    if (timeout > wait && now > timeout) {
        raft->election_timer_start = now + wait - timeout;
    }
    log_event(LOG_WARN, "repl.leader_gone", log_u64("leader", id), log_end());
    repl_role_check(repl);
}

/* --- opening --- */

static int bootstrap(struct repl *repl) {
    struct raft_configuration configuration;
    int rv = 0;
    raft_configuration_init(&configuration);
    for (size_t i = 0; i < repl->config.peers_count && rv == 0; i++) {
        rv = raft_configuration_add(&configuration, repl->config.peers[i].id,
                                    repl->config.peers[i].address, RAFT_VOTER);
    }
    if (rv == 0) {
        rv = raft_bootstrap(&repl->raft, &configuration);
    }
    raft_configuration_close(&configuration);
    return rv;
}

static void wrap_io(struct repl *repl) {
    struct raft_io *io = repl->host.io;
    repl->io_inner = *io;
    io->send = io_send;
    io->append = io_append;
    io->truncate = io_truncate;
    io->set_term = io_set_term;
    io->set_vote = io_set_vote;
    io->load = io_load;
    io->start = io_start;
    io->snapshot_put = repl_point_snapshot_put;
    io->close = io_close;
}

static int start_raft(struct repl *repl, bool with_bootstrap) {
    struct raft *raft = &repl->raft;
    int rv = raft_init(raft, repl->host.io, &repl->raft_fsm, repl->config.node_id,
                       repl->peer[repl->self].config.address);
    if (rv != 0) {
        return rv;
    }
    repl->raft_open = true;
    raft->tracer = NULL; /* libraft formats each message, then finds its own switched off */
    uint32_t seed;
    repl->config.random.fill(repl->config.random.impl, &seed, sizeof(seed));
    raft_seed(raft, seed);
    raft_set_election_timeout(raft, repl->config.election_timeout_ms);
    raft_set_heartbeat_timeout(raft, repl->config.heartbeat_ms);
    raft_set_pre_vote(raft, true);
    raft_set_max_inflight_entries(raft, REPL_INFLIGHT_ENTRIES);
    raft_set_snapshot_threshold(raft, repl->config.marker_entries);
    raft_set_snapshot_trailing(raft, REPL_TRAILING_MIN);
    /* A leader's first entry must not fail for capacity that nobody has reported
     * yet; repl_role_check sets the limit for what follows. */
    raft_set_capacity_threshold(raft, 0);
    if (with_bootstrap) {
        rv = bootstrap(repl);
    }
    rv = rv == 0 ? raft_start(raft) : rv;
    if (rv == 0) {
        /* An only voter leads, and applies its log, at once. What is open is this
         * thread's, which need not be the one that goes on (store.h). */
        repl_fsm_commit(repl);
    }
    return rv;
}

enum err repl_io_open(struct repl *repl, bool with_bootstrap, char why[256]) {
    wrap_io(repl);
    uint64_t applied = last_applied(repl).index; /* an only voter applies at once */
    int rv = start_raft(repl, with_bootstrap);
    if (rv != 0) {
        const struct raft_io *io = repl->host.io;
        snprintf(why, 256, "the log cannot be opened (%.40s): %.180s",
                 raft_strerror(rv),
                 io->errmsg[0] != '\0' ? io->errmsg : repl->raft.errmsg);
        return rv == RAFT_CORRUPT ? ERR_CORRUPT : ERR_IO;
    }
    if (applied > repl->load_last_index) {
        snprintf(why, 256,
                 "this node has applied entry %llu, but the log ends at %llu: entries "
                 "that this node had acknowledged are lost",
                 (unsigned long long)applied,
                 (unsigned long long)repl->load_last_index);
        return ERR_CORRUPT;
    }
    return OK;
}
