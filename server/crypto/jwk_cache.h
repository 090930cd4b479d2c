/* jwk_cache: points of P-256 that this thread has checked lately. Private to
 * server/crypto.
 *
 * That a point is one of the curve, and of its group, costs as much as verifying a
 * signature by it, and clients come back with the same key. Whoever sends many keys
 * throws others out, which costs them that time again and nothing else. Entries belong
 * to their thread, since cjose counts references without care for others; they go with
 * it. */
#ifndef CRYPTO_JWK_CACHE_H
#define CRYPTO_JWK_CACHE_H

#include <cjose/cjose.h>
#include <stdint.h>

#define JWK_POINT 64 /* x and y */

/* One more reference for the caller; NULL: it is not there. */
cjose_jwk_t *jwk_cache_get(const uint8_t point[JWK_POINT]);
/* Takes a reference of its own. Without memory it is not kept. */
void jwk_cache_put(const uint8_t point[JWK_POINT], cjose_jwk_t *key);

#endif
