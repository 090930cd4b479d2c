/* jws: the form of a compact JWS, whoever signed it. Private to server/crypto: others
 * use jwt.h for our own tokens, client_keys.h for what clients sign.
 *
 * Source: RFC 7515 §3.1, §5.2; RFC 8725. Which key and which algorithm may verify is
 * decided before, by whoever owns the keys. Thread: any. */
#ifndef CRYPTO_JWS_H
#define CRYPTO_JWS_H

#include <cjose/cjose.h>
#include <jansson.h>
#include <stdbool.h>

#include "store/base/arena.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* As they stand in the token, which they borrow from; none is empty. */
struct jws_parts {
    struct span header, payload, signature;
};
bool jws_split(struct span token, struct jws_parts *ret_parts);

/* Decode one part strictly into `arena` and parse it as one JSON object without
 * duplicate members. NULL: not that. The caller releases it; *ret_text is its text. */
json_t *jws_object(struct span part, struct arena *arena, struct span *ret_text);

/* Check the signature; *ret_claims is the payload and *ret_text its text, as jws_object
 * has them. `signature_len`: what the key makes, exactly; `jwk` fits the header's `alg`,
 * which the caller has checked. ERR_INVALID: malformed; ERR_FORGED.
 *
 * Every part was decoded strictly before cjose sees the token: its decoder ends the
 * process (an assertion) on padding where none can be. So the header must have
 * been through jws_object too. */
enum err jws_verify(struct span token, const struct jws_parts *parts, cjose_jwk_t *jwk,
                    size_t signature_len, struct arena *arena, json_t **ret_claims,
                    struct span *ret_text);

#endif
