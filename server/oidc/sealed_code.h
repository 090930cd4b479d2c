/* sealed_code: what a sealed code carries, as bytes (server/svc_code.h).
 *
 * All that CMD_GRANT_ISSUE would have written and that the session's row does not have,
 * and the chance that makes the code one of its own. The client is not within: the seal
 * is bound to it. Layout: u8 version, then fields in the order of the struct, little-endian,
 * spans as u16 length and bytes; a u8 before the optional ones says which are there.
 * Decoding takes exactly what encoding gives. Pure. */
#ifndef OIDC_SEALED_CODE_H
#define OIDC_SEALED_CODE_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* Bytes, encoded: sealed and as base64url text they fit TOKEN_CODE_MAX. */
#define SEALED_CODE_MAX 356
#define SEALED_CODE_CHANCE 16
#define SEALED_CODE_SESSION 16

struct sealed_code {
    uint8_t chance[SEALED_CODE_CHANCE];
    uint16_t mark; /* of its row's place (server/crypto/place.h) */
    uint64_t epoch;
    uint64_t expires_ms; /* replicated time */
    uint8_t session[SEALED_CODE_SESSION]; /* key of its row */
    uint64_t generation;                  /* the account's */
    uint64_t scopes;
    struct span redirect_uri;
    struct span nonce; /* empty: none was sent */
    bool has_challenge;
    uint8_t challenge[32];
    bool has_dpop_key;
    uint8_t dpop_key[32];
    uint64_t auth_after_ms;                    /* 0: any */
    uint64_t id_token_claims, userinfo_claims; /* sets of claims.h */
};

/* ERR_TOO_BIG beyond SEALED_CODE_MAX, before anything is written; ERR_NOMEM. */
enum err sealed_code_encode(const struct sealed_code *code, struct buf *out);
/* Spans borrow from `in`. ERR_VERSION; ERR_INVALID. */
enum err sealed_code_decode(struct span in, struct sealed_code *ret_code);

#endif
