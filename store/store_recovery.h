/* store_recovery: who has asked for a new password and may set it.
 *
 * Written by raft/fsm_recovery.c; read by server/svc_recover.c.
 * Invariants:
 *   R1  one row an account: a newer request makes the older link void;
 *   R2  the link's secret is not stored, only its keyed hash;
 *   R3  a row holds for the account as it was: of this generation, under this account ID;
 *       any change of either, and its use, end it. */
#ifndef STORE_STORE_RECOVERY_H
#define STORE_STORE_RECOVERY_H

#include "store/store.h"

struct recovery {
    struct id128 sub; /* key */
    struct key_hash secret;
    struct key_hash login_index;
    uint64_t generation;
    uint64_t expires_ms;
};

/* ERR_NOT_FOUND, ERR_CORRUPT. */
enum err store_recovery_get(struct store_read *read, struct id128 sub,
                            struct recovery *ret_recovery);
enum err store_recovery_put(struct store_write *write, const struct recovery *recovery);
/* That there is none is as good. */
enum err store_recovery_del(struct store_write *write, struct id128 sub);

#endif
