/* repl_digest: do the nodes hold the same state?
 *
 * Each node remembers the digest of its state at its latest indexes; peers say
 * theirs in every status message. Equal index must mean equal digest
 * (STYLE §4). Pure. Thread: raft. */
#ifndef RAFT_REPL_DIGEST_H
#define RAFT_REPL_DIGEST_H

#include <stdbool.h>

#include "store/base/limits.h"
#include "store/store.h"

#define REPL_DIGEST_RING 4096

struct repl_digest_at {
    uint64_t index; /* 0: empty */
    struct store_digest digest;
};

enum repl_digest_view { DIGEST_UNKNOWN, DIGEST_AGREES, DIGEST_DIFFERS };

struct repl_digest_peer {
    bool votes;
    enum repl_digest_view view; /* of the last comparison */
    uint64_t compared_index;
    struct repl_digest_at ahead; /* said by the peer, not reached here yet */
};

struct repl_digests {
    struct repl_digest_at ring[REPL_DIGEST_RING];
    struct repl_digest_peer peer[LIMIT_NODES];
    size_t peers_count;
    bool votes; /* this node */
};

/* This node applied `index`. Compares with what peers had said about it. */
void repl_digests_applied(struct repl_digests *digests, uint64_t index,
                          struct store_digest digest);
/* Peer number `peer` says that its state at `index` has this digest. */
void repl_digests_heard(struct repl_digests *digests, size_t peer, uint64_t index,
                        struct store_digest digest);
/* Another node has this number now. */
void repl_digests_forget(struct repl_digests *digests, size_t peer);
/* The voters that agree with this node, itself included if it votes, are no majority
 * of `voters`, and a voter disagrees: this node's state is in doubt. Who does not vote
 * is no evidence: it may be a copy of the rotten one. `votes` is the caller's. */
bool repl_digests_in_doubt(const struct repl_digests *digests, size_t voters);
/* So many voters disagree that those which have not been compared yet cannot make a
 * majority with this node either. */
bool repl_digests_lost(const struct repl_digests *digests, size_t voters);

#endif
