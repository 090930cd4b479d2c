/* jwt: signing and verifying compact JWS tokens with the cluster's keys (cjose).
 *
 * Source: RFC 7515, RFC 7519, RFC 8725. A key set is built from the store's rows
 * when their version changes, is immutable, and is shared between threads by
 * reference count.
 *
 * Verification is strict: exactly one signature, `alg` equal to the key's own
 * (never none, never HS*), key chosen by `kid` from our set alone, `typ` the one
 * that is expected (or absent, where JWT is), no other header member (so no `jku`,
 * `jwk`, `x5u`, `x5c`, `crit`, `b64`), no duplicate members anywhere, at most
 * LIMIT_JWT. */
#ifndef CRYPTO_JWT_H
#define CRYPTO_JWT_H

#include "server/crypto/keyring.h"
#include "store/base/arena.h"
#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/limits.h"
#include "store/store_key.h"

struct jwt_keys;

/* "RS256", "ES256", "PS256" (RFC 7518 §3.1). */
const char *jwt_alg_name(enum key_alg alg);

/* Make a fresh key pair: kid (RFC 7638 thumbprint), public JWK, sealed PKCS#8.
 * Result lives in `arena`, its times are 0. RSA keys take up to a second: never on
 * an HTTP thread. */
enum err jwt_key_generate(enum key_alg alg, struct sealer *sealer, struct arena *arena,
                          struct signing_key *ret_key);

/* Unseal all keys of the store; `read` has begun. Reference count starts at 1.
 * ERR_NOT_FOUND: the cluster has no keys yet. */
enum err jwt_keys_load(struct store_read *read, struct sealer *sealer,
                       struct jwt_keys **ret_keys);
/* The same from rows at hand. ERR_NOT_FOUND without any; ERR_TOO_BIG beyond
 * JWT_KEYS_MAX; ERR_FORGED, ERR_CORRUPT: a row is not this cluster's. */
#define JWT_KEYS_MAX LIMIT_SIGNING_KEYS
enum err jwt_keys_from_rows(const struct signing_key *rows, size_t count,
                            struct sealer *sealer, struct jwt_keys **ret_keys);
struct jwt_keys *jwt_keys_ref(struct jwt_keys *keys);
void jwt_keys_unref(struct jwt_keys *keys); /* NULL-safe */

/* The JWK Set document (RFC 7517): all keys, also those that do not sign yet. */
struct span jwt_keys_jwks(const struct jwt_keys *keys); /* borrowed */

/* Does a key of `alg` sign at `now_ms` (replicated time)? */
bool jwt_keys_can_sign(const struct jwt_keys *keys, enum key_alg alg, uint64_t now_ms);

/* Sign `claims` (JSON text) with the key of `alg` that is active at `now_ms`; appends
 * the token. Thread: any, at once.
 * `typ` is the header's ("JWT", "logout+jwt"). ERR_NOT_FOUND: no such key. */
enum err jwt_sign(const struct jwt_keys *keys, enum key_alg alg, uint64_t now_ms,
                  const char *typ, struct span claims, struct buf *out);

/* False when the token's header is sound but names a key that is not in the set: it
 * may be newer than the set (svc_keys_await). NULL `keys`: an empty set. */
bool jwt_keys_know(const struct jwt_keys *keys, struct span token, const char *typ,
                   struct arena *arena);

/* Check form, header and signature, and that the token is of the kind `typ`;
 * *ret_claims is the payload's JSON text in `arena`. Claims are the caller's to check.
 * ERR_INVALID: malformed; ERR_FORGED: unknown kid, other algorithm, bad signature. */
enum err jwt_verify(const struct jwt_keys *keys, struct span token, const char *typ,
                    struct arena *arena, struct span *ret_claims);

#endif
