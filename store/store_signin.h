/* store_signin: sign-ins of which the first step is done and the second is to come.
 *
 *   fsm_session_login, fsm_factor_begin -> fsm_factor_challenge* -> fsm_factor_pass
 *
 * A holder who is signed in and adds a telephone goes the same way (`adds`).
 *
 * Written by raft/fsm_session.c and fsm_factor*.c; read by server/svc_factor*.c.
 * Invariants:
 *   X1  the key is a keyed hash of a secret that stands only in the sealed request
 *       inside the page, which is bound to the browser (server/svc_flow.h, W2);
 *   X2  a row ends with its use, with its time, and with its account's generation. */
#ifndef STORE_STORE_SIGNIN_H
#define STORE_STORE_SIGNIN_H

#include "store/store_factor.h"

struct signin {
    struct key_hash key;
    uint8_t browser[32]; /* keyed hash of the browser's cookie */
    struct id128 sub;
    uint64_t generation;
    uint32_t methods;      /* of the first step: bits of server/oidc/acr.h */
    uint64_t auth_time_ms; /* of the first step */
    uint64_t expires_ms;
    bool raises; /* a session that is there, `session`, instead of making one */
    bool adds;   /* a factor to the account of `session`, which stays as it is */
    struct key_hash session;
    struct id128 replaces; /* with `adds`: the factor that goes; all zero: none */
    bool denied;   /* its holder said no: nothing finishes it any more */
    /* What the person has been asked for last; kind 0: nothing yet. */
    uint8_t kind;              /* enum factor_kind */
    bool enrols;               /* a factor that is to be; else one that is, `factor` */
    struct id128 factor;       /* its id */
    struct key_hash code;      /* keyed hash of the code that was sent; all zero: none */
    uint64_t code_expires_ms;
    uint32_t sent;             /* codes, in this sign-in */
    struct span data;          /* the method's own, sealed where it is secret */
};

/* `data` is copied into `arena`. ERR_NOT_FOUND, ERR_CORRUPT, ERR_NOMEM. */
enum err store_signin_get(struct store_read *read, struct arena *arena,
                          struct key_hash key, struct signin *ret_signin);
enum err store_signin_put(struct store_write *write, const struct signin *signin);
enum err store_signin_del(struct store_write *write, struct key_hash key);

#endif
