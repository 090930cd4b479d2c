/* store_staff: accounts of the staff's realm, their log-in index, their sessions.
 *
 * A realm of its own: nothing here is an account of store_account.h, and no session
 * here signs anybody in to a relying party. Written by raft/fsm_staff.c.
 * Invariants:
 *   W1  one staff account per login_index;
 *   W2  `last_step` never falls: a one-time code is used once (RFC 6238 §5.2);
 *   W3  the seed stands only inside sealed_seed, opened by services alone;
 *   W4  a session is live while clock_ms < expires_ms, clock_ms < idle_at_ms and its
 *       generation equals its account's; an ended one has no row;
 *   W5  a session's key is a keyed hash of the cookie's secret.
 * Thread: the transaction's. */
#ifndef STORE_STORE_STAFF_H
#define STORE_STORE_STAFF_H

#include "store/base/limits.h"
#include "store/store.h"

/* Bits are stored; never reuse one. */
enum staff_role {
    STAFF_RP_ADMIN = 1 << 0,
    STAFF_OPERATOR = 1 << 1,
    STAFF_AUDITOR = 1 << 2,
    STAFF_ADMIN = 1 << 3, /* makes and disables staff accounts */
    /* Of the operation center (DOMAIN §3). */
    STAFF_INTAKE = 1 << 4,     /* 受付: what comes by mail, scans, returns */
    STAFF_REVIEWER = 1 << 5,   /* 審査: the first decision */
    STAFF_APPROVER = 1 << 6,   /* 承認: the second person's */
    STAFF_SUPERVISOR = 1 << 7, /* 責任者: takes items from others, imports verdicts */
    STAFF_HELP_DESK = 1 << 8,  /* ヘルプデスク */
};
#define STAFF_ROLES_ALL 511u

enum staff_state { STAFF_ACTIVE = 1, STAFF_DISABLED = 2 };

struct staff {
    struct id128 id;             /* key; never changes */
    struct key_hash login_index; /* blind index of the name */
    struct span name;            /* at most LIMIT_STAFF_NAME, UTF-8 */
    uint32_t roles;              /* bits of enum staff_role */
    enum staff_state state;
    uint64_t generation;       /* raised by each change; sessions and half-done
                                * sign-ins of an older one end */
    struct span password_hash; /* argon2id, PHC string */
    struct span sealed_seed;   /* of the one-time codes */
    uint64_t last_step;        /* the latest step of a code that was used; 0: none */
    uint32_t failures;         /* consecutive */
    uint64_t locked_until_ms;  /* 0: not locked */
    uint64_t created_ms;
};

/* Spans are copied into `arena`. ERR_NOT_FOUND, ERR_CORRUPT (stop the node),
 * ERR_NOMEM. */
enum err store_staff_get(struct store_read *read, struct arena *arena, struct id128 id,
                         struct staff *ret_staff);
enum err store_staff_find(struct store_read *read, struct arena *arena,
                          struct key_hash login_index, struct staff *ret_staff);
/* Insert or replace, and keep the log-in index. ERR_EXISTS: W1 (nothing is changed). */
enum err store_staff_put(struct store_write *write, const struct staff *staff);
/* The first account whose id is not below `from`, for lists. ERR_NOT_FOUND: none. */
enum err store_staff_next(struct store_read *read, struct arena *arena,
                          struct id128 from, struct staff *ret_staff);
uint64_t store_staff_count(struct store_read *read);

struct staff_session {
    struct key_hash key;
    struct id128 staff;
    uint64_t generation;
    uint64_t auth_time_ms;
    uint64_t idle_at_ms;
    uint64_t expires_ms;
};

/* When it may be swept: the earlier of both ends (W4). */
static inline uint64_t store_staff_session_end_ms(const struct staff_session *session) {
    return session->idle_at_ms < session->expires_ms ? session->idle_at_ms
                                                     : session->expires_ms;
}
/* ERR_NOT_FOUND, ERR_CORRUPT. */
enum err store_staff_session_get(struct store_read *read, struct key_hash key,
                                 struct staff_session *ret_session);
enum err store_staff_session_put(struct store_write *write,
                                 const struct staff_session *session);
/* The first session whose key is not below `from`, live or not. ERR_NOT_FOUND: none. */
enum err store_staff_session_next(struct store_read *read, struct key_hash from,
                                  struct staff_session *ret_session);
/* ERR_NOT_FOUND when there is none. */
enum err store_staff_session_del(struct store_write *write, struct key_hash key);

#endif
