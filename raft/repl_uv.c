/* repl_uv: libraft on libuv.
 *
 * libraft's libuv back end keeps the log's files. Its network part is not used:
 * `raft_io.send` is replaced by ours, received messages go to libraft's receive
 * callback directly, and the transport that libraft insists on does nothing. So
 * no byte from the network meets libraft's decoder, which trusts every length.
 *
 * Invariants (RAFT.md "rules for using it"):
 *   V1  a log, term or vote that cannot be written ends the process;
 *   V2  InstallSnapshot is never sent: the follower is told PEER_BEYOND, and ends;
 *   V3  nothing is applied that is not in this node's own log on disk. libraft
 *       would commit what others have stored; so a follower passes on a commit
 *       index only up to what it has stored, and a leader holds acknowledgements
 *       that are ahead of its own disk. After a crash the store is then never
 *       ahead of the log, and one that is has lost a part of its log;
 *   V4  followers are told a new commit index at once, by an empty AppendEntries
 *       of our own, as soon as they hold it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "raft/repl_exit.h"
#include "raft/repl_internal.h"

/* Entries between two markers. */
#define SNAPSHOT_THRESHOLD 2048
/* After the leader's process has gone: others need to notice it too, then one
 * after the other stands for election. */
#define GONE_FIRST_MS 30
#define GONE_STEP_MS 80

static struct repl *of_io(struct raft_io *io) {
    return (struct repl *)((char *)io - offsetof(struct repl, io));
}

/* --- the transport that libraft insists on --- */

static int transport_init(struct raft_uv_transport *t, raft_id id,
                          const char *address) {
    (void)t;
    (void)id;
    (void)address;
    return 0;
}

static int transport_listen(struct raft_uv_transport *t, raft_uv_accept_cb cb) {
    (void)t;
    (void)cb;
    return 0;
}

static int transport_connect(struct raft_uv_transport *t, struct raft_uv_connect *req,
                             raft_id id, const char *address, raft_uv_connect_cb cb) {
    (void)t;
    (void)req;
    (void)id;
    (void)address;
    (void)cb;
    return RAFT_NOCONNECTION; /* never called: our send does not use it */
}

static void transport_close(struct raft_uv_transport *t,
                            raft_uv_transport_close_cb cb) {
    cb(t);
}

/* --- sending --- */

static void tell_beyond(struct repl *repl, const struct raft_message *message) {
    struct peer_message beyond = {
        .type = PEER_BEYOND,
        .beyond = {.term = message->install_snapshot.term,
                   .first_index = message->install_snapshot.last_index}};
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
        if (err != OK || peer_links_send(repl->links, message->server_id,
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
    struct repl *repl = of_io(io);
    int status = RAFT_NOCONNECTION;
    if (message->type == RAFT_INSTALL_SNAPSHOT) {
        tell_beyond(repl, message); /* V2 */
    } else {
        status = send_parts(repl, message);
        if (status == 0) {
            note_commit(repl, message);
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
};

static void on_appended(struct raft_io_append *req, int status) {
    struct append *append =
        (struct append *)((char *)req - offsetof(struct append, req));
    struct repl *repl = append->repl;
    if (status != 0 && !repl->closing) {
        repl_fatal(REPL_EXIT_LOG, "repl.append_failed", repl->io.errmsg); /* V1 */
    }
    atomic_fetch_sub(&repl->pulse.appending, 1);
    atomic_fetch_add(&repl->pulse.appended, 1);
    append->cb(append->of, status);
    free(append);
    if (!repl->closing) {
        repl_kick(repl);
    }
}

static int io_append(struct raft_io *io, struct raft_io_append *req,
                     const struct raft_entry entries[], unsigned n,
                     raft_io_append_cb cb) {
    struct repl *repl = of_io(io);
    struct append *append = malloc(sizeof(*append));
    if (append == NULL) {
        repl_fatal(REPL_EXIT_RAFT, "repl.fatal", "out of memory");
    }
    *append = (struct append){.of = req, .cb = cb, .repl = repl};
    req->cb = cb;
    atomic_fetch_add(&repl->pulse.appending, 1);
    int rv = repl->io_uv.append(io, &append->req, entries, n, on_appended);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.append_failed", io->errmsg); /* V1 */
    }
    return 0;
}

static int io_truncate(struct raft_io *io, raft_index index) {
    struct repl *repl = of_io(io);
    int rv = repl->io_uv.truncate(io, index);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.truncate_failed", io->errmsg);
    }
    return rv;
}

static int io_set_term(struct raft_io *io, raft_term term) {
    struct repl *repl = of_io(io);
    int rv = repl->io_uv.set_term(io, term);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.term_failed", io->errmsg);
    }
    return rv;
}

static int io_set_vote(struct raft_io *io, raft_id id) {
    struct repl *repl = of_io(io);
    int rv = repl->io_uv.set_vote(io, id);
    if (rv != 0) {
        repl_fatal(REPL_EXIT_LOG, "repl.vote_failed", io->errmsg);
    }
    return rv;
}

/* --- loading --- */

/* The entry that the store applied last must be the one in the log. */
static int check_applied(struct repl *repl, raft_index start,
                         const struct raft_entry *entries, size_t count) {
    const struct store_meta *meta = fsm_meta(repl->fsm);
    uint64_t applied = meta->applied_index;
    if (applied >= start && applied < start + count &&
        entries[applied - start].term != meta->applied_term) {
        snprintf(repl->io.errmsg, sizeof(repl->io.errmsg),
                 "the store applied entry %llu of term %llu, the log has it in term "
                 "%llu",
                 (unsigned long long)applied, (unsigned long long)meta->applied_term,
                 entries[applied - start].term);
        return RAFT_CORRUPT;
    }
    return 0;
}

static int io_load(struct raft_io *io, raft_term *term, raft_id *voted_for,
                   struct raft_snapshot **snapshot, raft_index *start_index,
                   struct raft_entry *entries[], size_t *n_entries) {
    struct repl *repl = of_io(io);
    int rv = repl->io_uv.load(io, term, voted_for, snapshot, start_index, entries,
                              n_entries);
    if (rv != 0) {
        return rv;
    }
    repl->load_last_index = *start_index + *n_entries - 1;
    for (size_t i = 0; i < *n_entries; i++) {
        repl->frames_bytes += (*entries)[i].buf.len;
        repl->frames_count++;
    }
    return check_applied(repl, *start_index, *entries, *n_entries);
}

static int io_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                    raft_io_recv_cb receive) {
    struct repl *repl = of_io(io);
    repl->receive = receive;
    return repl->io_uv.start(io, msecs, tick, receive);
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

void repl_uv_receive(struct repl *repl, struct repl_peer *peer,
                     struct raft_message *message) {
    message->server_id = peer->config.id;
    message->server_address = peer->config.address;
    if (message->type == RAFT_APPEND_ENTRIES) {
        clamp_commit(repl, &message->append_entries);
    } else if (message->type == RAFT_APPEND_ENTRIES_RESULT) {
        hold_result(repl, peer, message);
    }
    repl->receive(&repl->io, message);
    repl_kick(repl);
}

void repl_uv_release_held(struct repl *repl) {
    for (size_t i = 0; i < repl->peers_count; i++) {
        struct repl_peer *peer = &repl->peer[i];
        if (peer->has_held && raft_state(&repl->raft) == RAFT_LEADER &&
            peer->held.append_entries_result.last_log_index <= repl->raft.last_stored) {
            struct raft_message message = peer->held;
            peer->has_held = false;
            repl->receive(&repl->io, &message);
        }
    }
}

/* --- commit notices (V4) --- */

void repl_uv_tell_commit(struct repl *repl) {
    const struct store_meta *meta = fsm_meta(repl->fsm);
    raft_index commit = raft_commit_index(&repl->raft);
    raft_term term = raft_current_term(&repl->raft);
    if (raft_state(&repl->raft) != RAFT_LEADER || meta->applied_index != commit ||
        meta->applied_term != term) {
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
        struct raft_message message;
        memset(&message, 0, sizeof(message));
        message.type = RAFT_APPEND_ENTRIES;
        message.server_id = peer->config.id;
        message.server_address = peer->config.address;
        message.append_entries.term = term;
        message.append_entries.prev_log_index = commit;
        message.append_entries.prev_log_term = term;
        message.append_entries.leader_commit = commit;
        if (send_parts(repl, &message) == 0) {
            peer->told_commit = commit;
        }
    }
}

/* --- a leader whose process has ended --- */

/* libraft would wait for its timeout, and refuse others its pre-vote until then.
 * Nobody listening where the leader did is proof enough to forget it; if it is
 * wrong, the next AppendEntries restores it, and pre-vote protects the term. */
void repl_uv_leader_gone(struct repl *repl, uint64_t id) {
    struct raft *raft = &repl->raft;
    raft_time now = repl->io.time(&repl->io);
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

enum dir_state { DIR_PRISTINE, DIR_HALF_BOOTSTRAPPED, DIR_USED, DIR_UNREADABLE };

static enum dir_state dir_look(const char *path) {
    DIR *dir = opendir(path);
    bool metadata = false;
    bool log = false;
    if (dir == NULL) {
        return DIR_UNREADABLE;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        const char *name = entry->d_name;
        metadata = metadata || strncmp(name, "metadata", 8) == 0;
        log = log || strncmp(name, "open-", 5) == 0 ||
              strncmp(name, "snapshot-", 9) == 0 || (name[0] >= '0' && name[0] <= '9');
    }
    (void)closedir(dir);
    if (log) {
        return DIR_USED;
    }
    return metadata ? DIR_HALF_BOOTSTRAPPED : DIR_PRISTINE;
}

/* A crash between the two files that bootstrapping writes leaves term 1 without
 * a vote or an entry: such a node has promised nothing, so it may begin again. */
static void dir_forget_half(const char *path) {
    for (int i = 1; i <= 2; i++) {
        char file[1100];
        snprintf(file, sizeof(file), "%s/metadata%d", path, i);
        (void)unlink(file);
    }
}

static enum err check_dir(struct repl *repl, bool *ret_bootstrap, char why[256]) {
    const struct store_meta *meta = fsm_meta(repl->fsm);
    enum dir_state state = dir_look(repl->raft_dir);
    if (state == DIR_UNREADABLE) {
        snprintf(why, 256, "the raft directory %.150s cannot be read", repl->raft_dir);
        return ERR_IO;
    }
    *ret_bootstrap = false;
    if (state == DIR_USED) {
        return OK;
    }
    if (meta->applied_index > 0) {
        snprintf(
            why, 256,
            "the raft directory %.80s holds no log, but the store has applied entry "
            "%llu: the log was lost, so this node must not vote again under its id",
            repl->raft_dir, (unsigned long long)meta->applied_index);
        return ERR_CORRUPT;
    }
    if (!repl->config.bootstrap) {
        snprintf(why, 256,
                 "the raft directory %.100s is empty: start a new cluster's nodes with "
                 "bootstrap once, or restore this node's directory",
                 repl->raft_dir);
        return ERR_CONFIG;
    }
    if (state == DIR_HALF_BOOTSTRAPPED) {
        dir_forget_half(repl->raft_dir);
    }
    *ret_bootstrap = true;
    return OK;
}

static int bootstrap(struct repl *repl) {
    struct raft_configuration configuration;
    int rv = 0;
    raft_configuration_init(&configuration);
    for (size_t i = 0; i < repl->peers_count && rv == 0; i++) {
        rv = raft_configuration_add(&configuration, repl->peer[i].config.id,
                                    repl->peer[i].config.address, RAFT_VOTER);
    }
    if (rv == 0) {
        rv = raft_bootstrap(&repl->raft, &configuration);
    }
    raft_configuration_close(&configuration);
    return rv;
}

static void wrap_io(struct repl *repl) {
    repl->io_uv = repl->io;
    repl->io.send = io_send;
    repl->io.append = io_append;
    repl->io.truncate = io_truncate;
    repl->io.set_term = io_set_term;
    repl->io.set_vote = io_set_vote;
    repl->io.load = io_load;
    repl->io.start = io_start;
}

static int init_raft(struct repl *repl, bool with_bootstrap) {
    struct raft *raft = &repl->raft;
    int rv = raft_init(raft, &repl->io, &repl->raft_fsm, repl->config.node_id,
                       repl->peer[repl->self].config.address);
    if (rv != 0) {
        return rv;
    }
    repl->raft_open = true;
    uint32_t seed;
    repl->config.random.fill(repl->config.random.impl, &seed, sizeof(seed));
    raft_seed(raft, seed);
    raft_set_election_timeout(raft, repl->config.election_timeout_ms);
    raft_set_heartbeat_timeout(raft, repl->config.heartbeat_ms);
    raft_set_pre_vote(raft, true);
    raft_set_max_inflight_entries(raft, REPL_INFLIGHT_ENTRIES);
    raft_set_snapshot_threshold(raft, SNAPSHOT_THRESHOLD);
    raft_set_snapshot_trailing(raft, repl->trailing);
    /* A leader's first entry must not fail for capacity that nobody has reported
     * yet; repl_role_check sets the limit for what follows. */
    raft_set_capacity_threshold(raft, 0);
    if (with_bootstrap) {
        rv = bootstrap(repl);
    }
    return rv == 0 ? raft_start(raft) : rv;
}

enum err repl_uv_open(struct repl *repl, char why[256]) {
    bool with_bootstrap;
    enum err err = check_dir(repl, &with_bootstrap, why);
    if (err != OK) {
        return err;
    }
    repl->transport = (struct raft_uv_transport){.version = 1,
                                                 .init = transport_init,
                                                 .listen = transport_listen,
                                                 .connect = transport_connect,
                                                 .close = transport_close};
    int rv = raft_uv_init(&repl->io, &repl->loop, repl->raft_dir, &repl->transport);
    if (rv != 0) {
        snprintf(why, 256, "the raft directory %.100s cannot be used: %.100s",
                 repl->raft_dir, repl->io.errmsg);
        return ERR_IO;
    }
    raft_uv_set_auto_recovery(&repl->io, false);
    wrap_io(repl);
    rv = init_raft(repl, with_bootstrap);
    if (rv != 0) {
        snprintf(why, 256, "the log in %.60s cannot be opened (%.40s): %.120s",
                 repl->raft_dir, raft_strerror(rv),
                 repl->io.errmsg[0] != '\0' ? repl->io.errmsg : repl->raft.errmsg);
        return rv == RAFT_CORRUPT ? ERR_CORRUPT : ERR_IO;
    }
    uint64_t applied = fsm_meta(repl->fsm)->applied_index;
    if (applied > repl->load_last_index) {
        snprintf(why, 256,
                 "the store has applied entry %llu, but the log ends at %llu: entries "
                 "that this node had acknowledged are lost",
                 (unsigned long long)applied,
                 (unsigned long long)repl->load_last_index);
        return ERR_CORRUPT;
    }
    return OK;
}
