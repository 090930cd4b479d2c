/* store_blob_node: which nodes are counted on to hold blobs, and where the copies of one
 * shall stand.
 *
 * A node says now and then that it is there (CMD_BLOB_NODE) and for how long that is
 * good. Who lets it lapse is doubted first, then lost: what it holds counts no more,
 * until it comes back. What a copy is worth follows from these rows and the members'
 * (store_member.h) alone, so all nodes agree. Written by raft/fsm_blob.c.
 * Invariants:
 *   P1  a copy counts when its holder is a member that is not leaving and not lost;
 *       before the cluster has members every holder's does;
 *   P2  a blob is short with fewer than BLOB_COPIES copies that count, or with all of
 *       them in one region while nodes of another one could hold one;
 *   P3  members and lost nodes change: then a walk goes over all blobs (its place is a
 *       row), forgets holders that are gone, and sorts the short ones anew. Until it
 *       has passed a blob, the index of short ones may be late about it.
 * Thread: the transaction's. */
#ifndef STORE_STORE_BLOB_NODE_H
#define STORE_STORE_BLOB_NODE_H

#include "store/store_blob.h"

/* Numbers are stored; never reuse one. */
enum blob_node_state {
    BLOB_NODE_KEEPS = 1,
    BLOB_NODE_DOUBTED = 2, /* its word has lapsed, perhaps with the whole cluster down */
    BLOB_NODE_LOST = 3,
};

struct blob_node {
    uint64_t node;
    enum blob_node_state state;
    uint32_t lease_ms;
    uint64_t until_ms; /* with an expiry entry; 0: BLOB_NODE_LOST */
};

/* ERR_NOT_FOUND: no member since this table is there; it counts. */
enum err store_blob_node_get(struct store_read *read, uint64_t node,
                             struct blob_node *ret_node);
enum err store_blob_node_put(struct store_write *write, const struct blob_node *node);
/* OK likewise when there is none. */
enum err store_blob_node_del(struct store_write *write, uint64_t node);

/* The key of a node's expiry entry, and of the walk's: node 0. */
struct key_hash store_blob_node_mark(uint64_t node);
uint64_t store_blob_node_of(struct key_hash mark);

/* P3. ERR_NOT_FOUND: none is under way. */
struct blob_walk {
    struct blob_id next;
    uint64_t at_ms; /* of its expiry entry */
};
enum err store_blob_walk_get(struct store_read *read, struct blob_walk *ret_walk);
enum err store_blob_walk_put(struct store_write *write, const struct blob_walk *walk);
enum err store_blob_walk_del(struct store_write *write);

/* The nodes that count, as one snapshot has them. */
struct blob_places {
    bool any;     /* no members yet: every holder counts */
    bool doubted; /* a member's word has lapsed: what it holds may be lost soon */
    size_t count;
    struct blob_place {
        uint64_t node;
        uint64_t region; /* the same number: the same region */
        bool lost;       /* a member, but one that does not count */
    } at[LIMIT_NODES];
};
enum err store_blob_places(struct store_read *read, struct blob_places *ret_places);
/* A member that is not leaving, or anybody while there are no members. */
bool store_blob_may_hold(const struct blob_places *places, uint64_t node);
/* Members that count; 0 before there are members. */
size_t store_blob_places_up(const struct blob_places *places);
/* Copies that count (P1), and in how many regions. */
size_t store_blob_copies(const struct blob_places *places, const struct blob_row *blob,
                         size_t *ret_regions);
bool store_blob_is_short(const struct blob_places *places, const struct blob_row *blob);
/* More copies than there shall be, and enough without this node's, while nobody is
 * doubted or sorted anew: it may give its copy back. */
bool store_blob_spare(const struct blob_places *places, const struct blob_row *blob,
                      uint64_t node);
/* Whose turn it is to take a copy of a short blob: nodes in a region without one before
 * others, in an order of the blob's own. 0: this node's. Nodes whom `up` denies are
 * passed over (NULL: none). false: this node is not asked. */
bool store_blob_turn(const struct blob_places *places, const struct blob_row *blob,
                     uint64_t node, bool (*up)(void *arg, uint64_t node), void *arg,
                     size_t *ret_turn);

#endif
