/* store_app: the smartphone app: devices about to be registered, and questions that a
 * device is to answer.
 *
 *   fsm_app_enrol, fsm_factor_app_asked ─> enrolment ── fsm_app_register ─> FACTOR_APP
 *   fsm_factor_app_asked ─> WAITING ── fsm_app_answer ─> APPROVED ── fsm_factor_pass
 *                                                   └─> DENIED
 *
 * A registered device is a row of store_factor.h. Written by raft/fsm_app.c and
 * fsm_factor_app.c; read by server/svc_app*.c.
 * Invariants:
 *   A1  a challenge leaves WAITING once, and is swept at its end whatever became of it;
 *   A2  an enrolment registers one device, and ends with it;
 *   A3  no number stands in a row: it is derived from the challenge's id under a key
 *       that the store does not have (server/svc_app_number.h). */
#ifndef STORE_STORE_APP_H
#define STORE_STORE_APP_H

#include "store/store.h"

struct app_enrolment {
    struct key_hash code; /* keyed hash of the one-time code */
    struct id128 sub;
    uint64_t generation;
    /* What it is a part of, and ends with: a sign-in, or a session. */
    enum { APP_OF_NONE = 0, APP_OF_SIGNIN = 1, APP_OF_SESSION = 2 } of;
    struct key_hash of_key;
    uint64_t expires_ms;
};

/* Numbers are stored; never reuse one. */
enum app_state { APP_WAITING = 1, APP_APPROVED = 2, APP_DENIED = 3 };

/* The id, which is the key, begins as the account's does, so that its questions stand
 * together; the rest is random. It is no secret. */
#define APP_CHALLENGE_PREFIX 8

struct app_challenge {
    struct id128 id;
    struct id128 sub;
    enum app_state state;
    struct key_hash signin; /* that it is a part of */
    uint64_t created_ms, expires_ms;
    uint32_t wrong;        /* numbers that were not the browser's */
    struct id128 device;   /* that answered; all zero: none yet */
    struct span client_id; /* whose page asks; empty: our own */
};

/* ERR_NOT_FOUND, ERR_CORRUPT (stop the node). */
enum err store_app_enrolment_get(struct store_read *read, struct key_hash code,
                                 struct app_enrolment *ret_enrolment);
enum err store_app_enrolment_put(struct store_write *write,
                                 const struct app_enrolment *enrolment);
enum err store_app_enrolment_del(struct store_write *write, struct key_hash code);

/* client_id is copied into `arena`. ERR_NOT_FOUND, ERR_CORRUPT, ERR_NOMEM. */
enum err store_app_challenge_get(struct store_read *read, struct arena *arena,
                                 struct id128 id,
                                 struct app_challenge *ret_challenge);
/* The account's first challenge whose id is above `after` (NULL: its first). */
enum err store_app_challenge_next(struct store_read *read, struct arena *arena,
                                  struct id128 sub, const struct id128 *after,
                                  struct app_challenge *ret_challenge);
/* client_id does not borrow from the transaction. */
enum err store_app_challenge_put(struct store_write *write,
                                 const struct app_challenge *challenge);
enum err store_app_challenge_del(struct store_write *write, struct id128 id);

#endif
