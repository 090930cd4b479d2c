/* store_id_change: another account ID that a holder has asked for, until it is confirmed.
 *
 * Written by raft/fsm_self.c; read by server/svc_account_id.c.
 * Invariants:
 *   H1  an account has one at most: who asks again voids the one before;
 *   H2  `token` is a keyed hash of what was mailed to the new address alone;
 *   H3  of the account's generation at that time: whatever raises it (another password,
 *       a takeover, the end of the account) voids it (SECURITY E10). */
#ifndef STORE_STORE_ID_CHANGE_H
#define STORE_STORE_ID_CHANGE_H

#include "store/store.h"

struct id_change {
    struct id128 sub; /* key */
    struct key_hash token;
    struct key_hash login_index; /* that is asked for */
    uint64_t generation;
    uint64_t expires_ms;
    struct span sealed; /* the account ID; LIMIT_SEALED_ACCOUNT_ID */
};

/* `sealed` borrows (S3). ERR_NOT_FOUND, ERR_CORRUPT. */
enum err store_id_change_get(struct store_read *read, struct id128 sub,
                             struct id_change *ret_change);
enum err store_id_change_put(struct store_write *write, const struct id_change *change);
/* ERR_NOT_FOUND. */
enum err store_id_change_del(struct store_write *write, struct id128 sub);

#endif
