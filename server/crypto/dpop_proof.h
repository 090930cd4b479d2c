/* dpop_proof: a DPoP proof's form and signature, by the key that stands in its header.
 *
 * Source: RFC 9449 §4.2, §4.3 (1 to 7). What it says is server/oidc/dpop_check's.
 * Thread: any. */
#ifndef CRYPTO_DPOP_PROOF_H
#define CRYPTO_DPOP_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* Spans live in the arena; one that is absent, or not a text, is empty. */
struct dpop_proof {
    struct span jti, htm, htu, ath, nonce;
    bool has_iat;
    int64_t iat_s;
    uint8_t thumbprint[32]; /* of the key, RFC 7638 */
};

/* One JWS with typ dpop+jwt, a public RSA or P-256 key and RS256, PS256 or ES256. Of
 * the header nothing else is obeyed; `crit` is refused. ERR_INVALID: not that;
 * ERR_FORGED: not signed with the key; ERR_NOMEM. */
enum err dpop_proof_open(struct span proof, struct arena *arena,
                         struct dpop_proof *ret_proof);

#endif
