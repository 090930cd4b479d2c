/* repl_member: the cluster's members, as the state wants them and as libraft has
 * them (store/store_member.h).
 *
 * On every node: places and links follow the stored members. On the leader: an
 * unsettled change is carried out in libraft's configuration, step by step; what
 * has been done is read from the configuration each time, so a new leader goes on
 * where the old one was cut.
 *
 *   added:    (not in it) -> spare -> standby;   promoted: standby -> voter
 *   removed:  any -> (not in it), after handing leadership over if need be
 *   then, once every member in reach has that configuration: CMD_MEMBER_SETTLE
 *
 * Invariants (RAFT.md, rules, 9):
 *   M1  one step at a time, each only while a majority of the voters before and of
 *       those after it is live, and after a frame of this term was applied;
 *   M2  a node votes only after it was seen close to the end of the log, with the
 *       configuration in which it is a standby;
 *   M3  a node that was removed ends itself, but not on the mere wish to remove it:
 *       until libraft's configuration has let it go its vote may be needed;
 *   M4  while this node knows no leader, it takes any node of its cluster for a peer
 *       that its rows do not say to be gone: it may have been away while that one
 *       became a member, and each may need the other's vote (Raft thesis 4.2.2: a
 *       vote is given without looking at one's own configuration). Once it has read
 *       all there is, who is no member after all is dropped;
 *   M5  a leader sends no voter away to be seeded whose vote the majority needs: an
 *       image is given by a majority only. It hands over, to each live voter in turn,
 *       until one leads whose log goes back far enough.
 * Thread: raft. */
#ifndef RAFT_REPL_MEMBER_H
#define RAFT_REPL_MEMBER_H

#include <raft.h>

#include "raft/repl.h"

struct repl_member {
    struct store_read *read;
    uint64_t seen_index;         /* fsm_members_index of what is loaded */
    uint64_t seen_configuration; /* index of libraft's, likewise */
    bool stored;                 /* there are rows */
    bool self_gone; /* this node's own row says so; `self_settled` with it */
    bool self_settled;
    struct member list[LIMIT_NODES];
    size_t count;
    struct leader_regions regions;

    /* Leader. */
    struct raft_change change;   /* lent to libraft, which may call back late */
    struct repl_request request; /* SEED or SETTLE */
    struct buf payload;
    bool submitted;
    uint64_t short_log_ms; /* M5: a voter lacked what this leader's log has no more */
    uint64_t last_short_ms;
    bool met_stranger; /* M4, and the rows have not been read to the end since */
    uint64_t next_ms;      /* look again */
    uint64_t change_index; /* the change that `change_since_ms` is of */
    uint64_t change_since_ms;
    uint64_t configured_ms; /* the configuration has had it since; 0: not yet */
    uint64_t last_prefer_ms;
    bool warned;
    char waits_for[160]; /* repl_status.member_change */
};

/* Before libraft starts, after the configured peers were placed. A member that is
 * gone ends here (REPL_EXIT_REMOVED). ERR_CORRUPT, ERR_IO, ERR_NOMEM. */
enum err repl_member_open(struct repl *repl, char why[256]);
void repl_member_free(struct repl *repl);
/* Places and links after frames that changed members. Not within a callback of
 * libraft or of a link. */
void repl_member_pump(struct repl *repl);
void repl_member_tick(struct repl *repl);
/* On the leader: may `id`, which is beyond its log, be told so (M5)? */
bool repl_member_may_spare(struct repl *repl, uint64_t id);
/* M4. True: `id` is a peer now. Not within a callback of libraft. */
bool repl_member_meets(struct repl *repl, uint64_t id, const char *address);
/* `wanted` and `settled` of the nodes, the change under way, preferred regions. */
void repl_member_status(const struct repl *repl, struct repl_status *status);

#endif
