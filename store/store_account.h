/* store_account: accounts (アカウント), their log-in index and failure counters.
 *
 * Written by raft/fsm_account.c and raft/fsm_session.c; read by
 * server/svc_login.c, svc_userinfo.c and svc_admin.c.
 * Invariants:
 *   A1  one account per login_index (アカウントID is unique; DOMAIN §1);
 *   A2  `sub` never changes and is never given to another account;
 *   A3  personal data stand only inside sealed_profile (sealed by services;
 *       the state machine moves it, it never opens it);
 *   A4  attempt rows exist for unknown account IDs too, so that both kinds of
 *       failure leave the same trace; their number is capped. */
#ifndef STORE_STORE_ACCOUNT_H
#define STORE_STORE_ACCOUNT_H

#include "store/store.h"

/* Values are those of the claim account_type (DOMAIN §2.1). */
enum account_type { ACCOUNT_ENTRY = 1, ACCOUNT_PRIME = 2, ACCOUNT_MEMBER = 3 };
enum account_state { ACCOUNT_ACTIVE = 1, ACCOUNT_SUSPENDED = 2, ACCOUNT_DELETED = 3 };

struct account {
    struct id128 sub;            /* key */
    struct key_hash login_index; /* blind index of the canonical account ID */
    enum account_type type;
    enum account_state state;
    uint64_t generation;      /* raised when all sessions must end */
    bool has_parent;          /* Member: the Prime that made it */
    struct id128 parent_sub;
    struct span password_hash; /* argon2id, PHC string */
    struct span sealed_profile; /* server/crypto: purpose PROFILE, AAD = sub */
    uint64_t created_ms;
};

struct login_attempts {
    uint32_t failures;        /* consecutive */
    uint64_t locked_until_ms; /* 0: not locked */
    uint64_t forget_at_ms;    /* swept then */
};

/* Borrow (S3). Decoded parts that are not spans of the row live in `arena`.
 * ERR_NOT_FOUND, ERR_CORRUPT (stop the node), ERR_NOMEM. */
enum err store_account_get(struct store_read *read, struct arena *arena,
                           struct id128 sub, struct account *ret_account);
enum err store_account_find(struct store_read *read, struct arena *arena,
                            struct key_hash login_index,
                            struct account *ret_account);
/* Insert or replace, and keep the log-in index. ERR_EXISTS: another account has
 * this login_index (nothing is changed). */
enum err store_account_put(struct store_write *write, const struct account *account);

/* Zeroed attempts when there is no row. */
enum err store_attempts_get(struct store_read *read, struct key_hash login_index,
                            struct login_attempts *ret_attempts);
enum err store_attempts_put(struct store_write *write, struct key_hash login_index,
                            const struct login_attempts *attempts);
enum err store_attempts_del(struct store_write *write, struct key_hash login_index);
enum err store_attempts_count(struct store_read *read, uint64_t *ret_count);

#endif
