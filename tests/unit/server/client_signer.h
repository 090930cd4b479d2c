/* client_signer: a relying party's keys, and what it signs with them, also wrongly. */
#ifndef TESTS_UNIT_SERVER_CLIENT_SIGNER_H
#define TESTS_UNIT_SERVER_CLIENT_SIGNER_H

#include <cjose/cjose.h>
#include <stddef.h>

struct signer {
    cjose_jwk_t *jwk;
    const char *kid; /* NULL: none */
};

struct signer signer_ec(const char *kid);
struct signer signer_rsa(const char *kid, size_t bits);
/* HS256 with the text of the public key as the secret (RFC 8725 §2.1). */
struct signer signer_confused(const struct signer *of);
void signer_close(struct signer *signer);

/* Members of a public JWK without the closing brace; the caller frees. */
char *signer_jwk(const struct signer *signer);
/* {"keys":[...]} of `count` signers; the caller frees. */
char *signer_jwks(const struct signer *signers, size_t count);

/* A compact JWS; `name` and `value`: one more member of the header, or NULL. The caller
 * frees. */
char *signer_sign(const struct signer *signer, const char *alg, const char *name,
                  const char *value, const char *claims);
/* A DPoP proof: `jwk` is the JSON of the key in its header. The caller frees. */
char *signer_proof(const struct signer *signer, const char *alg, const char *typ,
                   const char *jwk, const char *claims);
/* Its header is `header`, with `signature`, whatever these are. The caller frees. */
char *signer_forge(const char *header, const char *claims, const char *signature);

#endif
