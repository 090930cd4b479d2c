/* jwt_key: RSA and P-256 key pairs on their way between OpenSSL, the store and
 * cjose. Private to server/crypto: everything else uses jwt.h.
 *
 * Private keys are stored as sealed PKCS#8 (SEAL_SIGNING_KEY, AAD = kid), and stand
 * in plain form only inside OpenSSL and cjose objects, or in memory wiped at once. */
#ifndef CRYPTO_JWT_KEY_H
#define CRYPTO_JWT_KEY_H

#include <cjose/cjose.h>

#include "server/crypto/jwt.h"

/* Unseal a row's private part into a key that can sign and verify. ERR_FORGED: not
 * sealed by this cluster for this kid; ERR_CORRUPT: not a key of the row's alg. */
enum err jwt_key_load(const struct signing_key *row, struct sealer *sealer,
                      cjose_jwk_t **ret_jwk);

#endif
