/* store_audit: the chain of security events (store/audit_record.h), and the ways to
 * find one.
 *
 * Written by raft/fsm_audit.c, in the command that is the event's cause; read by
 * server/svc_audit.c.
 * Invariants:
 *   J1  records are added at the end alone, and go from the beginning alone: those that
 *       stand have the numbers from pruned_seq + 1 to seq without a gap;
 *   J2  each names the hash of the one before it; the first one that stands that of the
 *       last one that was pruned, so that the chain is proven after pruning too;
 *   J3  time never falls from record to record, so times are found by halving;
 *   J4  a bucket counts one kind of event about one subject in one minute; their number
 *       is in the head;
 *   J5  the head's row is written once for all that a frame does to the chain: a write
 *       transaction keeps it in memory until store_audit_settle.
 * Thread: the transaction's. */
#ifndef STORE_STORE_AUDIT_H
#define STORE_STORE_AUDIT_H

#include "store/audit_record.h"
#include "store/store.h"

/* What buckets are told apart by; meant by raft/fsm_audit.c. */
#define AUDIT_CLASSES 3

/* Zeroed in a store without a record. */
struct audit_head {
    uint64_t seq; /* of the newest */
    struct audit_hash hash;
    uint64_t pruned_seq; /* of the newest that is gone; 0: none is */
    struct audit_hash pruned_hash;
    uint64_t pruned_ms;
    uint32_t buckets[AUDIT_CLASSES]; /* that stand, by class */
};

enum err store_audit_head(struct store_read *read, struct audit_head *ret_head);
/* Borrows (S3). ERR_NOT_FOUND, ERR_CORRUPT. */
enum err store_audit_get(struct store_read *read, uint64_t seq,
                         struct audit_record *ret_record, struct audit_hash *ret_hash);
/* The same, as it was hashed. */
enum err store_audit_get_bytes(struct store_read *read, uint64_t seq,
                               struct span *ret_encoded, struct audit_hash *ret_hash);
/* At the chain's end: sets seq and previous, and time_ms to the one before when it
 * would fall. Spans must not borrow from the transaction. */
enum err store_audit_add(struct store_write *write, struct audit_record *record);
/* The oldest one goes. ERR_NOT_FOUND: there is none. */
enum err store_audit_prune(struct store_write *write);
/* When that one was. ERR_NOT_FOUND: there is none. */
enum err store_audit_oldest_ms(struct store_write *write, uint64_t *ret_ms);
/* J5: before the digest is asked for, and before the commit. */
enum err store_audit_settle(struct store_write *write);
/* The first record that is not older than `ms`: its seq; head.seq + 1: none. */
enum err store_audit_since(struct store_read *read, uint64_t ms, uint64_t *ret_seq);

/* By what records are found. */
enum audit_by {
    AUDIT_BY_SEQ = 0,    /* all of them */
    AUDIT_BY_ACCOUNT = 1, /* that it is about, or who did it; key: sub */
    AUDIT_BY_LOGIN = 2,   /* keyed hash of an account ID; of unknown ones too */
    AUDIT_BY_CLIENT = 3,
    AUDIT_BY_STAFF = 4,
    AUDIT_BY_OPERATOR = 5, /* name in the certificate */
    AUDIT_BY_EVENT = 6,    /* key: two bytes, big-endian */
    AUDIT_BY_APPLICATION = 7, /* key: its id, as the note has it */
};
/* Until it returns false. */
typedef bool (*audit_each)(void *arg, const struct audit_record *record,
                           const struct audit_hash *hash);
/* Records from `from` (itself included) upward, or downward. */
enum err store_audit_walk(struct store_read *read, enum audit_by by, struct span key,
                          uint64_t from, bool downward, audit_each each, void *arg);

/* Whom a bucket is about. */
enum audit_subject {
    AUDIT_ABOUT_ALL = 0, /* what found no bucket of its own */
    AUDIT_ABOUT_LOGIN = 1,
    AUDIT_ABOUT_ACCOUNT = 2,
    AUDIT_ABOUT_STAFF = 3,
};
struct audit_bucket {
    uint64_t minute; /* since 1970 */
    enum audit_event event;
    enum audit_subject about;
    uint8_t subject[AUDIT_ID_LEN];
    uint8_t class; /* below AUDIT_CLASSES */
    uint32_t written; /* records */
    uint32_t held;    /* events without one */
};
/* minute, class, event, about and subject are the key. Zeroed counts and
 * ERR_NOT_FOUND: none. */
enum err store_audit_bucket_get(struct store_read *read, struct audit_bucket *bucket);
enum err store_audit_bucket_put(struct store_write *write,
                                const struct audit_bucket *bucket);
/* The first of the oldest minute, if that is before `minute`. ERR_NOT_FOUND. */
enum err store_audit_bucket_before(struct store_write *write, uint64_t minute,
                                   struct audit_bucket *ret_bucket);
enum err store_audit_bucket_del(struct store_write *write,
                                const struct audit_bucket *bucket);

#endif
