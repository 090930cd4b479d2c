/* client_keys: what a client signs (assertions, request objects), verified with the
 * JWK Set that it is registered with.
 *
 * Source: RFC 7515, RFC 7517, RFC 8725 §3. A token's header may choose among the
 * client's own keys, and nothing else: `jku`, `jwk`, `x5u`, `x5c`, `crit` and `b64` are
 * refused, `alg` must be one that the caller allows, of the kind of the key, and the
 * one that the key names if it names one.
 *
 * Parsed per call: what costs of that, whether a point is one of the curve, is
 * remembered (server/crypto/jwk_cache).
 * Thread: its owner's. */
#ifndef CRYPTO_CLIENT_KEYS_H
#define CRYPTO_CLIENT_KEYS_H

#include <jansson.h>
#include <stdbool.h>

#include "store/base/arena.h"
#include "store/base/err.h"
#include "store/base/limits.h"
#include "store/base/span.h"

#define CLIENT_KEYS_MAX 16

/* Bits. */
enum client_jws_alg { JWS_RS256 = 1 << 0, JWS_PS256 = 1 << 1, JWS_ES256 = 1 << 2 };
#define JWS_ALGS_STANDARD (unsigned)(JWS_RS256 | JWS_PS256 | JWS_ES256)
#define JWS_ALGS_FAPI2 (unsigned)(JWS_PS256 | JWS_ES256) /* FAPI 2.0 §5.4.1 */

struct client_keys;

/* At most LIMIT_CLIENT_JWKS and CLIENT_KEYS_MAX keys; kids are unique; keys of other
 * kinds, and those for encryption, are passed over. ERR_INVALID with a static sentence
 * in *ret_why (may be NULL); ERR_NOMEM. */
enum err client_keys_parse(struct span jwks, struct client_keys **ret_keys,
                           const char **ret_why);
void client_keys_free(struct client_keys *keys); /* NULL-safe */
/* Keys that can verify something with one of `algs`. */
size_t client_keys_count(const struct client_keys *keys, unsigned algs);

struct client_jws_rules {
    unsigned algs;            /* enum client_jws_alg */
    const char *const *types; /* of `typ` besides none, in lower case; ended by NULL */
};
/* Header and signature; *ret_claims is the payload (one object, no duplicate members),
 * which the caller releases, and whose members are the caller's to check. `arena`: for
 * what is decoded. ERR_INVALID: malformed, or beyond LIMIT_JWT; ERR_FORGED: no such key,
 * other algorithm, bad signature. */
enum err client_keys_verify(const struct client_keys *keys, struct span token,
                            const struct client_jws_rules *rules, struct arena *arena,
                            json_t **ret_claims);

/* The claims of a token that nobody has verified: good to learn whose keys to try. The
 * caller releases them. ERR_INVALID. */
enum err client_keys_peek(struct span token, struct arena *arena, json_t **ret_claims);

#endif
