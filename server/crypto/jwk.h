/* jwk: one public key that somebody else made (RFC 7517, RFC 7518 §6). Private to
 * server/crypto.
 *
 * RSA of 2048 to 4096 bits, and P-256. Whatever holds a secret is refused: whoever
 * sends us a private key has lost it. */
#ifndef CRYPTO_JWK_H
#define CRYPTO_JWK_H

#include <cjose/cjose.h>
#include <jansson.h>

#include "store/base/err.h"

/* Of its thread alone: the key may be one that others of the thread have too
 * (server/crypto/jwk_cache). */
enum jwk_type { JWK_RSA = 1, JWK_P256 = 2 };
struct jwk {
    enum jwk_type type;
    size_t signature_len; /* of every signature that it makes */
    cjose_jwk_t *cjose;
};

/* ERR_NOT_FOUND: a kind of key that is not used here (RFC 7517 §5 has it ignored).
 * ERR_INVALID: `*ret_why` is a static sentence; both leave *ret_jwk alone. */
enum err jwk_load_public(const json_t *object, struct jwk *ret_jwk,
                         const char **ret_why);
void jwk_close(struct jwk *jwk);

#endif
