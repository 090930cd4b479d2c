/* sim_net: one-way links between nodes, as raft/peer_link keeps them over TCP.
 *
 * Every node dials every peer that its core named and sends on what it dialled. A
 * link is ordered and loses nothing while it stands; what is in flight when it
 * breaks is lost. A direction can be cut: TCP then delivers late, or, when the cut
 * lasts, both ends give the connection up: from the first message that was lost on
 * nothing of it arrives, also when the cut is mended before they know. Dialling a node whose process is gone is
 * refused; dialling through a cut takes its time and fails.
 *
 * Invariants:
 *   N1  a message is delivered at most once, in the order of its link, to the life
 *       of the node that accepted the link;
 *   N2  nodes of two epochs do not talk (raft/peer_link K3), nor does one that is
 *       not the other's peer and is not met as a stranger (raft/repl_member M4). */
#ifndef CHAOS_SIM_NET_H
#define CHAOS_SIM_NET_H

#include "chaos/sim/sim_loop.h"
#include "chaos/sim/sim_rng.h"
#include "store/base/err.h"
#include "store/base/span.h"

enum sim_link_state { SIM_LINK_DOWN, SIM_LINK_DIALLING, SIM_LINK_UP };

struct sim_link { /* from one node to another */
    enum sim_link_state state;
    uint64_t number; /* of this connection: what belongs to an older one is lost */
    uint64_t pause_ms;
    uint64_t busy_until_us; /* the newest message arrives then: order */
    uint64_t in_flight;
    bool wanted; /* the core named this peer */
    /* Faults. */
    bool cut;
    uint64_t cut_at_us;
    uint64_t resend_at_us; /* what waits behind a cut is tried again then, in order */
    uint64_t given_up;     /* the connection of which a message was lost: N1 */
    uint64_t extra_us;     /* latency on top */
};

struct sim_net {
    struct sim *sim;
    struct sim_loop *loop;
    struct sim_rng rng;
    uint64_t latency_us, jitter_us;
    struct sim_link link[SIM_OWNERS][SIM_OWNERS]; /* [from][to] */
    uint64_t epoch[SIM_OWNERS];
    uint64_t messages, lost;
};

void sim_net_init(struct sim_net *net, struct sim *sim, struct sim_loop *loop,
                  uint64_t seed);

/* The node's core asks (struct repl_host). */
void sim_net_want(struct sim_net *net, unsigned from, unsigned to, bool wanted);
enum err sim_net_send(struct sim_net *net, unsigned from, unsigned to,
                      struct span bytes);
bool sim_net_is_up(const struct sim_net *net, unsigned from, unsigned to);
void sim_net_redial(struct sim_net *net, unsigned from, unsigned to);
void sim_net_epoch(struct sim_net *net, unsigned node, uint64_t epoch);
/* The node's process has ended: its connections break. */
void sim_net_gone(struct sim_net *net, unsigned node);

/* Cut or mend one direction. */
void sim_net_cut(struct sim_net *net, unsigned from, unsigned to, bool cut);
void sim_net_mend_all(struct sim_net *net);
/* Break a connection that stands; it is dialled again. */
void sim_net_break(struct sim_net *net, unsigned from, unsigned to);

#endif
