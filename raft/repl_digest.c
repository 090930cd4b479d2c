#include "raft/repl_digest.h"

#include "store/base/check.h"

static bool digest_equal(struct store_digest a, struct store_digest b) {
    return a.lo == b.lo && a.hi == b.hi;
}

static void compare(struct repl_digest_peer *peer, uint64_t index,
                    struct store_digest ours, struct store_digest theirs) {
    peer->view = digest_equal(ours, theirs) ? DIGEST_AGREES : DIGEST_DIFFERS;
    peer->compared_index = index;
}

void repl_digests_applied(struct repl_digests *digests, uint64_t index,
                          struct store_digest digest) {
    CHECK(index > 0);
    digests->ring[index % REPL_DIGEST_RING] = (struct repl_digest_at){index, digest};
    for (size_t i = 0; i < digests->peers_count; i++) {
        struct repl_digest_peer *peer = &digests->peer[i];
        if (peer->ahead.index == index) {
            compare(peer, index, digest, peer->ahead.digest);
        }
        if (peer->ahead.index <= index) {
            peer->ahead.index = 0;
        }
    }
}

void repl_digests_heard(struct repl_digests *digests, size_t peer, uint64_t index,
                        struct store_digest digest) {
    CHECK(peer < digests->peers_count);
    struct repl_digest_peer *p = &digests->peer[peer];
    const struct repl_digest_at *ours = &digests->ring[index % REPL_DIGEST_RING];
    if (index == 0) {
        return;
    }
    if (ours->index == index) {
        compare(p, index, ours->digest, digest);
    } else if (ours->index < index && p->ahead.index == 0) {
        /* Keep the first one ahead: later ones would be passed by for ever. */
        p->ahead = (struct repl_digest_at){index, digest};
    }
}

bool repl_digests_lost(const struct repl_digests *digests, size_t voters) {
    size_t differ = 0;
    for (size_t i = 0; i < digests->peers_count; i++) {
        const struct repl_digest_peer *peer = &digests->peer[i];
        differ += peer->votes && peer->view == DIGEST_DIFFERS ? 1 : 0;
    }
    return differ > 0 && voters <= differ + voters / 2;
}

bool repl_digests_in_doubt(const struct repl_digests *digests, size_t voters) {
    size_t agree = digests->votes ? 1 : 0;
    size_t differ = 0;
    for (size_t i = 0; i < digests->peers_count; i++) {
        const struct repl_digest_peer *peer = &digests->peer[i];
        agree += peer->votes && peer->view == DIGEST_AGREES ? 1 : 0;
        differ += peer->votes && peer->view == DIGEST_DIFFERS ? 1 : 0;
    }
    return differ > 0 && agree <= voters / 2;
}

void repl_digests_forget(struct repl_digests *digests, size_t peer) {
    CHECK(peer < LIMIT_NODES);
    digests->peer[peer] = (struct repl_digest_peer){0};
}
