/* login_state: the checked authorization request on its way through the login and
 * consent pages, as bytes.
 *
 * Unauthenticated requests never write (DESIGN §3), so a login in progress travels
 * as a hidden form field: this encoding, sealed by the service (SEAL_LOGIN_STATE),
 * as base64url text. Layout: u8 version, then fields in the order of the struct,
 * little-endian, spans as u16 length and bytes. Decoding takes exactly what
 * encoding gives. Pure. */
#ifndef OIDC_LOGIN_STATE_H
#define OIDC_LOGIN_STATE_H

#include "server/oidc/authorize_check.h"
#include "store/base/buf.h"
#include "store/base/err.h"

/* Bytes, encoded. Sealed and as base64url text it fits LIMIT_FORM_VALUE. */
#define LOGIN_STATE_MAX 6112
#define LOGIN_STATE_SIGNIN 32

struct login_state {
    uint8_t browser[32];    /* keyed hash of the browser cookie it is bound to */
    uint64_t issued_ms;     /* replicated time */
    uint64_t auth_after_ms; /* sign-in must not be earlier (prompt, max_age); 0: any */
    uint32_t flags;         /* the service's */
    struct span subject;    /* `sub` that a verified id_token_hint or `claims` named */
    bool has_pushed;        /* the key of the pushed request that this is */
    uint8_t pushed[16];
    bool has_signin; /* the sign-in whose second step this page is: where it was */
    uint64_t signin_epoch, signin_index;        /* written, and */
    uint8_t signin[LOGIN_STATE_SIGNIN];         /* its secret */
    struct authorize_request request; /* without id_token_hint, claims, claims_sub */
};

/* ERR_TOO_BIG beyond LOGIN_STATE_MAX; ERR_NOMEM. */
enum err login_state_encode(const struct login_state *state, struct buf *out);
/* Spans borrow from `in`. ERR_VERSION; ERR_INVALID. */
enum err login_state_decode(struct span in, struct login_state *ret_state);

#endif
