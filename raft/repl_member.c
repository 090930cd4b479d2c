/* repl_member: members' places and links, and the leader's work on libraft's
 * configuration (see raft/repl_member.h). */
#include "raft/repl_member.h"

#include <stdio.h>

#include "raft/repl_exit.h"
#include "raft/repl_internal.h"

#define STEP_MS 100
#define LIVE_MS 1000
/* A voter-to-be, and one that leadership may go to, is this close to the end. */
#define NEAR_ENTRIES 1000
/* A node that leaves is given so long to read that it does. */
#define LEAVE_MS 5000
/* Between the configuration without a node and the word that it is settled: the
 * others' status tells the node, as long as its link is there. */
#define FAREWELL_MS 1000
#define MAKE_WAY_MS 2000
#define PREFER_CALM_MS 5000
#define PREFER_MS 10000
#define REMOVED_STALE_MS 3000

/* --- the stored members ---------------------------------------------------- */

static enum err read_rows(struct repl *repl) {
    struct repl_member *member = &repl->member;
    struct member self;
    enum err err = store_member_list(member->read, member->list, &member->count);

    if (err == OK) {
        err = store_leader_regions_get(member->read, &member->regions);
    }
    if (err != OK) {
        return err;
    }
    member->stored = store_member_rows(member->read) > 0;
    err = store_member_get(member->read, repl->config.node_id, &self);
    if (err == OK) {
        member->self_gone = self.role == MEMBER_GONE;
        member->self_settled = self.settled;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err load(struct repl *repl) {
    struct repl_member *member = &repl->member;
    enum err err = store_read_begin(member->read);

    if (err == OK) {
        err = read_rows(repl);
        store_read_end(member->read);
    }
    if (err == OK) {
        member->seen_index = fsm_members_index(repl->fsm);
    }
    return err;
}

static bool is_listed(const struct repl_member *member, uint64_t id) {
    for (size_t i = 0; i < member->count; i++) {
        if (member->list[i].id == id) {
            return true;
        }
    }
    return false;
}

static void set_peer(struct repl *repl, uint64_t id, const char *address,
                     const char *region) {
    struct repl_peer_config config = {.id = id};
    (void)snprintf(config.address, sizeof(config.address), "%s", address);
    (void)snprintf(config.region, sizeof(config.region), "%s", region);
    if (repl_peer_set(repl, &config) == NULL) {
        log_event(LOG_ERROR, "member.no_place", log_u64("node", id), log_end());
    }
}

/* Drop first: the places may be needed. Who is in libraft's configuration, which comes
 * from the log, is a peer before the state says so: the commit index by which this node
 * would read it may have to come from that very one. */
static void place(struct repl *repl) {
    const struct repl_member *member = &repl->member;

    for (size_t i = 0; i < repl->peers_count; i++) {
        uint64_t id = repl->peer[i].config.id;
        if (id != 0 && id != repl->config.node_id && id != repl->leader_id &&
            !is_listed(member, id) && repl_server(repl, id) == NULL &&
            !(member->met_stranger && repl->leader_id == 0)) {
            log_event(LOG_INFO, "member.dropped", log_u64("node", id), log_end());
            repl_peer_drop(repl, id);
        }
    }
    for (size_t i = 0; i < member->count; i++) {
        const struct member *m = &member->list[i];
        set_peer(repl, m->id, m->address, m->region);
    }
    const struct raft_configuration *configuration = &repl->raft.configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        if (repl_peer_find(repl, server->id) == NULL) {
            set_peer(repl, server->id, server->address, "");
        }
    }
}

static _Noreturn void removed(void) {
    repl_fatal(REPL_EXIT_REMOVED, "repl.removed",
               "this node is no member any more: delete its data; a new node needs a "
               "new id");
}

static void take_rows(struct repl *repl) {
    if (repl->member.self_gone && repl->member.self_settled) {
        removed();
    }
    if (repl->member.stored) {
        place(repl);
    }
}

enum err repl_member_open(struct repl *repl, char why[256]) {
    enum err err = store_read_new(repl->config.store, &repl->member.read);

    buf_init(&repl->member.payload, LIMIT_COMMAND);
    if (err == OK) {
        err = load(repl);
    }
    if (err != OK) {
        snprintf(why, 256, "the members cannot be read: %s", err_str(err));
        return err;
    }
    take_rows(repl);
    return OK;
}

void repl_member_free(struct repl *repl) {
    store_read_free(repl->member.read);
    buf_free(&repl->member.payload);
}

/* Of the newest configuration in this node's log. After a restart libraft takes it for
 * uncommitted until a leader says more. */
static raft_index newest_configuration(const struct repl *repl) {
    return repl->raft.configuration_uncommitted_index != 0
               ? repl->raft.configuration_uncommitted_index
               : repl->raft.configuration_committed_index;
}

void repl_member_pump(struct repl *repl) {
    raft_index configured = newest_configuration(repl);
    if (repl->member.seen_configuration != configured) {
        repl->member.seen_configuration = configured;
        if (repl->member.stored) {
            place(repl);
        }
    }
    if (repl->member.seen_index == fsm_members_index(repl->fsm)) {
        return;
    }
    enum err err = load(repl);
    if (err != OK) {
        log_event(LOG_FATAL, "member.read", log_str("why", err_str(err)), log_end());
        repl_fatal(REPL_EXIT_STATE, "repl.fatal", "the members cannot be read");
    }
    take_rows(repl);
    repl->member.next_ms = 0;
}

/* --- who was met while nobody led -------------------------------------------- */

static bool is_gone(const struct repl *repl, uint64_t id) {
    struct member row;
    enum err err = store_read_begin(repl->member.read);

    if (err == OK) {
        err = store_member_get(repl->member.read, id, &row);
        store_read_end(repl->member.read);
    }
    return err != ERR_NOT_FOUND && (err != OK || row.role == MEMBER_GONE);
}

bool repl_member_meets(struct repl *repl, uint64_t id, const char *address) {
    struct repl_peer_config config = {.id = id};

    if (repl->leader_id != 0 || id == 0 || id == repl->config.node_id ||
        !store_member_address_ok(address) || is_gone(repl, id)) {
        return false;
    }
    (void)snprintf(config.address, sizeof(config.address), "%s", address);
    if (repl_peer_set(repl, &config) == NULL) {
        return false; /* no place */
    }
    repl->member.met_stranger = true;
    log_event(LOG_INFO, "member.met", log_u64("node", id), log_str("address", address),
              log_end());
    return true;
}

static void forget_strangers(struct repl *repl) {
    if (repl->member.met_stranger && repl->leader_id != 0 &&
        repl_staleness(repl) < LIVE_MS) {
        repl->member.met_stranger = false;
        place(repl);
    }
}

/* --- who is live ------------------------------------------------------------ */

static bool is_live(const struct repl *repl, uint64_t id) {
    if (id == repl->config.node_id) {
        return !atomic_load(&repl->shared.in_doubt);
    }
    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        if (peer->config.id == id) {
            return peer->heard_mono_ms != 0 &&
                   repl->now_ms < peer->heard_mono_ms + LIVE_MS &&
                   repl->host.is_up(repl->host.impl, id) &&
                   !peer->status.digest_differs &&
                   repl->digests.peer[i].view != DIGEST_DIFFERS;
        }
    }
    return false;
}

/* Of the voters together with `with` and without `without` (0: nobody). */
static bool majority_is_live(const struct repl *repl, uint64_t with, uint64_t without) {
    const struct raft_configuration *configuration = &repl->raft.configuration;
    size_t voters = 0, live = 0;

    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        if ((server->role == RAFT_VOTER && server->id != without) ||
            server->id == with) {
            voters++;
            live += is_live(repl, server->id) ? 1 : 0;
        }
    }
    return live > voters / 2;
}

static bool is_near(const struct repl *repl, const struct repl_peer *peer) {
    return peer->status.applied_index + NEAR_ENTRIES >=
           fsm_meta(repl->fsm)->applied_index;
}

/* --- saying what is waited for ---------------------------------------------- */

static void say(struct repl *repl, const struct member *m, const char *what) {
    char text[sizeof(repl->member.waits_for)];

    (void)snprintf(text, sizeof(text), "node %llu is being %s: %s",
                   (unsigned long long)m->id, store_member_change(m->role), what);
    if (strcmp(text, repl->member.waits_for) != 0) {
        memcpy(repl->member.waits_for, text, sizeof(text));
        log_event(LOG_INFO, "member.change", log_str("what", text), log_end());
    }
}

/* --- commands of the leader ------------------------------------------------- */

static void on_submitted(struct repl_request *request) {
    struct repl *repl =
        (struct repl *)((char *)request - offsetof(struct repl, member.request));
    enum err err = request->err;
    enum outcome_code code = request->outcome.code;

    repl_request_close(request);
    repl->member.submitted = false;
    if (err == OK && code == OUT_NOT_SUPPORTED) {
        log_event(LOG_ERROR, "member.command", log_str("why", outcome_str(code)),
                  log_end());
    }
}

static void submit(struct repl *repl, const struct command *command) {
    struct repl_member *member = &repl->member;

    if (member->submitted || !repl->mine.registered) {
        return;
    }
    member->submitted = true;
    repl_submit_internal(repl, &member->request, command, &member->payload,
                         on_submitted);
}

static const struct repl_peer_config *configured(const struct repl *repl, uint64_t id) {
    for (size_t i = 0; i < repl->config.peers_count; i++) {
        if (repl->config.peers[i].id == id) {
            return &repl->config.peers[i];
        }
    }
    return NULL;
}

static const struct raft_server *next_server(const struct repl *repl, uint64_t above) {
    const struct raft_configuration *configuration = &repl->raft.configuration;
    const struct raft_server *next = NULL;

    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        if (server->id > above && (next == NULL || server->id < next->id)) {
            next = server;
        }
    }
    return next;
}

/* The members of a cluster that has none stored: libraft's voters, with what the
 * configuration file says of them. */
static void seed(struct repl *repl) {
    struct command command = {.type = CMD_MEMBER_SEED};
    struct cmd_member_seed *c = &command.member_seed;
    struct buf probe;
    bool whole = true;

    for (const struct raft_server *server = next_server(repl, 0);
         server != NULL && c->count < LIMIT_NODES;
         server = next_server(repl, server->id)) {
        const struct repl_peer_config *peer = configured(repl, server->id);
        if (server->role != RAFT_VOTER || peer == NULL) {
            whole = false;
            continue;
        }
        struct member_at *at = &c->members[c->count++];
        at->id = peer->id;
        memcpy(at->address, peer->address, sizeof(at->address));
        memcpy(at->region, peer->region, sizeof(at->region));
    }
    buf_init(&probe, LIMIT_COMMAND);
    whole = whole && command_encode(&command, &probe) == OK;
    buf_free(&probe);
    if (whole) {
        submit(repl, &command);
    } else if (!repl->member.warned) {
        repl->member.warned = true;
        log_event(LOG_ERROR, "member.seed",
                  log_str("why",
                          "the configured peers are not the cluster's voters, or "
                          "an id, address or region is not of the usual form: "
                          "members cannot be changed"),
                  log_end());
    }
}

static void settle(struct repl *repl, const struct member *m) {
    struct command command = {.type = CMD_MEMBER_SETTLE,
                              .member_settle = {m->id, m->changed_index}};
    submit(repl, &command);
}

/* --- a leader whose log is too short ------------------------------------------ */

bool repl_member_may_spare(struct repl *repl, uint64_t id) {
    const struct raft_configuration *configuration = &repl->raft.configuration;
    size_t live = 0;

    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        live += server->role == RAFT_VOTER && server->id != id &&
                        is_live(repl, server->id)
                    ? 1
                    : 0;
    }
    if (!repl_is_voter(repl, id) || live > repl_voters(repl) / 2) {
        return true;
    }
    repl->member.short_log_ms = repl->now_ms;
    return false;
}

/* The next live voter by id, after the last comes the first; 0: none but this node. */
static uint64_t next_in_turn(const struct repl *repl) {
    uint64_t above = 0, least = 0;

    for (size_t i = 0; i < repl->peers_count; i++) {
        uint64_t id = repl->peer[i].config.id;
        if (i == repl->self || !repl_is_voter(repl, id) || !is_live(repl, id)) {
            continue;
        }
        if (id > repl->config.node_id && (above == 0 || id < above)) {
            above = id;
        }
        least = least == 0 || id < least ? id : least;
    }
    return above != 0 ? above : least;
}

static void make_way(struct repl *repl) {
    struct repl_member *member = &repl->member;
    uint64_t to = next_in_turn(repl);

    if (member->short_log_ms == 0 || repl->now_ms > member->short_log_ms + LIVE_MS ||
        repl->now_ms < member->last_short_ms + MAKE_WAY_MS || to == 0 ||
        raft_transferee(&repl->raft) != 0 || repl->transfer_busy) {
        return;
    }
    member->last_short_ms = repl->now_ms;
    log_event(LOG_WARN, "member.short_log", log_u64("to", to),
              log_str("why", "a voter that is needed lacks what is no longer in this "
                             "leader's log; another's may go back further"),
              log_end());
    (void)repl_transfer_begin(repl, to);
}

/* --- steps ------------------------------------------------------------------- */

/* A live node in the configuration that has not got it committed; 0: none. A spare is
 * not sent the log. */
static uint64_t lagging(const struct repl *repl) {
    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        const struct raft_server *server = repl_server(repl, peer->config.id);
        if (i != repl->self && server != NULL && server->role != RAFT_SPARE &&
            is_live(repl, peer->config.id) &&
            peer->status.configuration_index <
                repl->raft.configuration_committed_index) {
            return peer->config.id;
        }
    }
    return 0;
}

/* Why no step may be made now; NULL: it may. */
static const char *must_wait(const struct repl *repl) {
    const struct raft *raft = &repl->raft;

    if (raft_transferee(raft) != 0 || repl->transfer_busy) {
        return "leadership is being handed over";
    }
    if (fsm_meta(repl->fsm)->applied_term != repl->term) {
        return "the leader is new and has committed nothing yet";
    }
    if (raft->leader_state.promotee_id != 0) {
        return "it is catching up with the log";
    }
    if (raft->configuration_uncommitted_index != 0) {
        return "the new configuration is not committed yet";
    }
    if (lagging(repl) != 0) {
        return "not every node has the present configuration yet";
    }
    return NULL;
}

static void on_changed(struct raft_change *req, int status) {
    (void)req;
    if (status != 0) {
        log_event(LOG_WARN, "member.step", log_str("why", raft_strerror(status)),
                  log_end());
    }
}

/* libraft keeps a request that it refused; it must not meet the next one. */
static struct raft_change *new_change(struct repl *repl) {
    repl->raft.legacy.change = NULL;
    repl->member.change = (struct raft_change){0};
    return &repl->member.change;
}

static void stepped(struct repl *repl, const struct member *m, int rv) {
    if (rv != 0) {
        say(repl, m, raft_strerror(rv));
        repl->member.next_ms = repl->now_ms + LIVE_MS;
    } else {
        say(repl, m, "the new configuration is not committed yet");
        repl_kick(repl);
    }
}

/* What a spare must have come to before it is sent the log; NULL: it has. */
static const char *not_joined(const struct repl *repl, const struct repl_peer *peer) {
    if (peer == NULL || !is_live(repl, peer->config.id)) {
        return "it is not connected";
    }
    if (repl->log_first > 1 && peer->status.last_index < repl->log_first) {
        return peer->status.last_index == 0
                   ? "it has no copy of the state yet"
                   : "its copy of the state is older than the retained log";
    }
    return NULL;
}

/* M2. */
static const char *not_electable(const struct repl *repl,
                                 const struct repl_peer *peer) {
    if (peer == NULL || !is_live(repl, peer->config.id)) {
        return "it is not connected";
    }
    if (!is_near(repl, peer)) {
        return "it is behind the log";
    }
    return NULL;
}

static void step_add(struct repl *repl, const struct member *m,
                     const struct raft_server *server) {
    const struct repl_peer *peer = repl_peer_find(repl, m->id);
    const char *why;

    if (!majority_is_live(repl, 0, 0)) {
        say(repl, m, "no majority of the voters is live");
        return;
    }
    if (server == NULL) {
        stepped(repl, m,
                raft_add(&repl->raft, new_change(repl), m->id, m->address, on_changed));
        return;
    }
    why = not_joined(repl, peer);
    if (why != NULL) {
        say(repl, m, why);
        return;
    }
    stepped(
        repl, m,
        raft_assign(&repl->raft, new_change(repl), m->id, RAFT_STANDBY, on_changed));
}

static void step_promote(struct repl *repl, const struct member *m) {
    const char *why = not_electable(repl, repl_peer_find(repl, m->id));

    if (why != NULL) {
        say(repl, m, why);
        return;
    }
    if (!majority_is_live(repl, 0, 0) || !majority_is_live(repl, m->id, 0)) {
        say(repl, m, "no majority of the voters is live");
        return;
    }
    stepped(repl, m,
            raft_assign(&repl->raft, new_change(repl), m->id, RAFT_VOTER, on_changed));
}

/* A live voter other than this node, close to the end; the least `rank`. NULL: none
 * below `rank_max`. */
static const struct repl_peer *
successor(const struct repl *repl,
          size_t (*rank)(const struct repl *, const char *region), size_t rank_max) {
    const struct repl_peer *best = NULL;
    size_t best_rank = rank_max;

    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        if (i == repl->self || peer->config.id == 0 ||
            !repl_is_voter(repl, peer->config.id) || !is_live(repl, peer->config.id) ||
            !is_near(repl, peer) || !peer->status.ready || peer->status.no_space ||
            !peer->ahead_known || repl_clock_differs(repl, peer)) {
            continue;
        }
        size_t its = rank == NULL ? 0 : rank(repl, peer->config.region);
        if (its < best_rank) {
            best = peer;
            best_rank = its;
        }
    }
    return best;
}

static void step_remove(struct repl *repl, const struct member *m) {
    const struct repl_peer *peer = repl_peer_find(repl, m->id);

    if (!majority_is_live(repl, 0, 0) || !majority_is_live(repl, 0, m->id)) {
        say(repl, m, "no majority of the voters that stay is live");
        return;
    }
    if (m->id == repl->config.node_id) {
        const struct repl_peer *to = successor(repl, NULL, 1);
        say(repl, m, "it leads, and hands leadership over first");
        if (to != NULL) {
            (void)repl_transfer_begin(repl, to->config.id);
        }
        return;
    }
    /* Once it is out nothing is sent to it any more: let it read that it leaves. */
    if (peer != NULL && is_live(repl, m->id) &&
        peer->status.applied_index < m->changed_index &&
        repl->now_ms < repl->member.change_since_ms + LEAVE_MS) {
        say(repl, m, "it has not read yet that it leaves");
        return;
    }
    stepped(repl, m, raft_remove(&repl->raft, new_change(repl), m->id, on_changed));
}

/* The configuration has it. */
static void step_settle(struct repl *repl, const struct member *m) {
    struct repl_member *member = &repl->member;

    if (member->configured_ms == 0) {
        member->configured_ms = repl->now_ms;
    }
    if (m->role == MEMBER_GONE && repl->host.is_up(repl->host.impl, m->id) &&
        repl->now_ms < member->configured_ms + FAREWELL_MS) {
        say(repl, m, "it is told that it is out");
        return;
    }
    say(repl, m, "done, not recorded yet");
    settle(repl, m);
}

static void follow(struct repl *repl, const struct member *m) {
    struct repl_member *member = &repl->member;
    const char *wait = must_wait(repl);
    const struct raft_server *server = repl_server(repl, m->id);

    if (member->change_index != m->changed_index) {
        member->change_index = m->changed_index;
        member->change_since_ms = repl->now_ms;
        member->configured_ms = 0;
    }
    if (wait != NULL) {
        say(repl, m, wait);
    } else if (m->role == MEMBER_GONE) {
        if (server == NULL) {
            step_settle(repl, m);
        } else {
            step_remove(repl, m);
        }
    } else if (server == NULL || server->role == RAFT_SPARE) {
        step_add(repl, m, server);
    } else if (m->role == MEMBER_VOTER && server->role == RAFT_STANDBY) {
        step_promote(repl, m);
    } else {
        step_settle(repl, m);
    }
}

/* --- where leadership is preferred ------------------------------------------- */

static size_t region_rank(const struct repl *repl, const char *region) {
    const struct leader_regions *regions = &repl->member.regions;
    size_t i = 0;

    while (i < regions->count && strcmp(regions->region[i], region) != 0) {
        i++;
    }
    return i;
}

static void prefer(struct repl *repl) {
    struct repl_member *member = &repl->member;
    const struct repl_peer *to;

    if (member->regions.count == 0 || must_wait(repl) != NULL || repl->stopping ||
        repl->now_ms < repl->lead_since_ms + PREFER_CALM_MS ||
        (member->last_prefer_ms != 0 &&
         repl->now_ms < member->last_prefer_ms + PREFER_MS)) {
        return;
    }
    to = successor(repl, region_rank,
                   region_rank(repl, repl->peer[repl->self].config.region));
    if (to == NULL) {
        return;
    }
    member->last_prefer_ms = repl->now_ms;
    log_event(LOG_INFO, "member.prefer", log_u64("to", to->config.id),
              log_str("region", to->config.region), log_end());
    (void)repl_transfer_begin(repl, to->config.id);
}

/* --- ticks -------------------------------------------------------------------- */

/* M3: others are at a configuration that this node was not sent. Its own row was
 * applied after every earlier change was settled, so that one is its removal. */
static void check_removed(const struct repl *repl) {
    uint64_t ours = newest_configuration(repl);

    if (!repl->member.self_gone || repl_leads(repl) ||
        repl_staleness(repl) < REMOVED_STALE_MS) {
        return;
    }
    for (size_t i = 0; i < repl->peers_count; i++) {
        const struct repl_peer *peer = &repl->peer[i];
        if (i != repl->self && peer->config.id != 0 && peer->heard_mono_ms != 0 &&
            peer->status.configuration_index > ours) {
            removed();
        }
    }
}

static void lead(struct repl *repl) {
    static const struct id128 none;
    struct repl_member *member = &repl->member;

    if (!member->stored) {
        if (memcmp(&fsm_meta(repl->fsm)->cluster_id, &none, sizeof(none)) != 0 &&
            repl->raft.configuration_uncommitted_index == 0) {
            seed(repl);
        }
        return;
    }
    for (size_t i = 0; i < member->count; i++) {
        if (!member->list[i].settled) {
            follow(repl, &member->list[i]);
            return;
        }
    }
    member->waits_for[0] = '\0';
    prefer(repl);
}

void repl_member_tick(struct repl *repl) {
    repl_member_pump(repl);
    check_removed(repl);
    forget_strangers(repl);
    if (repl->now_ms < repl->member.next_ms) {
        return;
    }
    repl->member.next_ms = repl->now_ms + STEP_MS;
    if (repl_leads(repl) && raft_state(&repl->raft) == RAFT_LEADER) {
        make_way(repl);
        lead(repl);
    } else {
        repl->member.waits_for[0] = '\0';
        repl->member.configured_ms = 0;
    }
}

/* --- status ------------------------------------------------------------------- */

void repl_member_status(const struct repl *repl, struct repl_status *status) {
    const struct repl_member *member = &repl->member;

    status->leader_regions = member->regions;
    memcpy(status->member_change, member->waits_for, sizeof(status->member_change));
    for (size_t i = 0; i < status->nodes_count; i++) {
        struct repl_node_status *node = &status->nodes[i];
        node->wanted = node->voter ? MEMBER_VOTER : MEMBER_STANDBY;
        node->settled = true;
        for (size_t j = 0; j < member->count; j++) {
            const struct member *m = &member->list[j];
            if (m->id != node->id) {
                continue;
            }
            node->wanted = m->role;
            node->settled = m->settled;
            if (!m->settled && status->member_change[0] == '\0') {
                (void)snprintf(
                    status->member_change, sizeof(status->member_change),
                    "node %llu is being %s: ask the leader what it waits for",
                    (unsigned long long)m->id, store_member_change(m->role));
            }
        }
    }
}
