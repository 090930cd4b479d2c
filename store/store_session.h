/* store_session: single sign-on sessions, and consents.
 *
 * Written by raft/fsm_session.c; read by server/svc_*.c.
 * Invariants:
 *   N1  the key is a keyed hash of the cookie's secret; the secret is not stored;
 *   N3  each session stands in its account's list (TABLE_ACCOUNT_SESSION), and nothing
 *       else does;
 *   N2  a session is live while clock_ms < expires_ms, clock_ms < idle_at_ms and
 *       its generation equals its account's; an ended one has no row. */
#ifndef STORE_STORE_SESSION_H
#define STORE_STORE_SESSION_H

#include "store/store.h"

struct session {
    struct key_hash key;
    struct id128 sid; /* public: claim `sid` */
    struct id128 sub;
    uint64_t generation;
    uint64_t auth_time_ms;
    uint32_t methods; /* how: bits of server/oidc/acr.h. They only grow */
    uint64_t idle_at_ms; /* moved forward when a grant is issued */
    uint64_t expires_ms;
};

enum err store_session_get(struct store_read *read, struct key_hash key,
                           struct session *ret_session);
enum err store_session_put(struct store_write *write, const struct session *session);
/* The idle end of a session that is used moves in steps of this part of the idle time: in
 * steady use it is not written each time, and ends so much early at most. */
#define STORE_SESSION_IDLE_PARTS 256u
/* Is it to be moved, for who uses the session now? The one rule of it: the state machine's
 * when it issues a grant, a service's that might have no command to issue one by. */
static inline bool store_session_idle_due(const struct session *session, uint64_t now_ms,
                                          uint32_t idle_ms)
{
    uint64_t idle_at_ms = now_ms + idle_ms;

    return idle_at_ms < session->idle_at_ms ||
           idle_at_ms - session->idle_at_ms >= idle_ms / STORE_SESSION_IDLE_PARTS;
}
/* When it may be swept: the earlier of both ends (N2). */
static inline uint64_t store_session_end_ms(const struct session *session)
{
    return session->idle_at_ms < session->expires_ms ? session->idle_at_ms
                                                     : session->expires_ms;
}
/* ERR_NOT_FOUND when there is none. Grants of the session are raft/fsm's work. */
enum err store_session_del(struct store_write *write, struct key_hash key);

/* Where a session that stands was begun (server/svc_origin.h); empty: not known. */
enum err store_session_origin_put(struct store_write *write, const struct session *session,
                                  struct span sealed);
/* The account's first session whose key is above `after` (NULL: its first), and where it
 * was begun (borrows). ERR_NOT_FOUND. */
enum err store_session_next(struct store_read *read, struct id128 sub,
                            const struct key_hash *after, struct session *ret_session,
                            struct span *ret_origin);

/* Scopes that the account's holder has granted to the client; 0 when none. */
enum err store_consent_get(struct store_read *read, struct id128 sub,
                           struct span client_id, uint64_t *ret_scopes);
enum err store_consent_put(struct store_write *write, struct id128 sub,
                           struct span client_id, uint64_t scopes);

#endif
