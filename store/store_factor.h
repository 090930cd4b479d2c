/* store_factor: the second factors that an account has enrolled, and the count of wrong
 * codes that were given for it.
 *
 * Written by raft/fsm_factor*.c; read by server/svc_factor*.c.
 * Invariants:
 *   Y1  a row belongs to one account and never moves to another; its kind never changes;
 *   Y2  `step` never falls: what proved a factor once does not prove it again;
 *   Y3  numbers, seeds and keys stand only inside `sealed` (SEAL_FACTOR, AAD = sub and
 *       id); `index` is a keyed hash, for what must be found or compared;
 *   Y4  an account has at most LIMIT_FACTORS rows;
 *   Y5  no two passkeys have one index, and no two devices of the app: they are found
 *       by it. Written after store_factor_find said ERR_NOT_FOUND. */
#ifndef STORE_STORE_FACTOR_H
#define STORE_STORE_FACTOR_H

#include <stdbool.h>

#include "store/store.h"

/* Numbers are stored; never reuse one. */
enum factor_kind {
    FACTOR_SMS = 1,     /* sealed: the number, E.164; index: its blind index */
    FACTOR_TOTP = 2,    /* sealed: the seed; step: the latest that was used */
    FACTOR_PASSKEY = 3, /* sealed: its key; index: of the credential id; step: counter */
    FACTOR_APP = 4,
};
#define FACTOR_KIND_LAST FACTOR_APP

struct factor {
    struct id128 sub, id; /* key */
    enum factor_kind kind;
    uint64_t created_ms;
    uint64_t used_ms; /* 0: never, but to enrol it */
    uint64_t step;
    struct key_hash index; /* all zero: none */
    struct span label;     /* UTF-8, what its holder calls it; at most
                            * LIMIT_FACTOR_LABEL; nothing secret */
    struct span sealed;    /* at most LIMIT_FACTOR_SEALED */
};

/* Spans are copied into `arena`. ERR_NOT_FOUND, ERR_CORRUPT (stop the node), ERR_NOMEM. */
enum err store_factor_get(struct store_read *read, struct arena *arena, struct id128 sub,
                          struct id128 id, struct factor *ret_factor);
/* The account's first factor whose id is above `after` (NULL: its first). */
enum err store_factor_next(struct store_read *read, struct arena *arena,
                           struct id128 sub, const struct id128 *after,
                           struct factor *ret_factor);
/* By its index, of the kinds that are found so (Y5). ERR_NOT_FOUND. */
bool store_factor_indexed(enum factor_kind kind);
enum err store_factor_find(struct store_read *read, struct arena *arena,
                           enum factor_kind kind, struct key_hash index,
                           struct factor *ret_factor);
enum err store_factor_put(struct store_write *write, const struct factor *factor);
/* ERR_NOT_FOUND. */
enum err store_factor_del(struct store_write *write, struct id128 sub, struct id128 id);

/* Wrong codes within a day, by counter: the account's, or one of a device of its own
 * (raft/fsm_factor.h says which and why). */
struct factor_guard {
    uint32_t failures;
    uint64_t ends_ms;    /* the day is over, and the row swept */
    uint64_t generation; /* of the account, when the counter was used up; 0: it is not */
};
/* All zero when there is no row. */
enum err store_factor_guard_get(struct store_read *read, struct key_hash counter,
                                struct factor_guard *ret_guard);
enum err store_factor_guard_put(struct store_write *write, struct key_hash counter,
                                const struct factor_guard *guard);
/* That there is none is as good. */
enum err store_factor_guard_del(struct store_write *write, struct key_hash counter);

#endif
