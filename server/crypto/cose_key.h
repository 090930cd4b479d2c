/* cose_key: the public key of an authenticator, as it gives it (RFC 9052 §7, RFC 9053,
 * WebAuthn §6.5.1.1).
 *
 * Three kinds, each with the one algorithm that it is used with: P-256 with ES256, RSA
 * of 2048 to 4096 bits with RS256, Ed25519 with EdDSA. A member that the kind has no
 * use for is refused (WebAuthn: "MUST NOT contain any other OPTIONAL parameters"), and
 * so is a point off the curve. Thread: any. */
#ifndef CRYPTO_COSE_KEY_H
#define CRYPTO_COSE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/err.h"
#include "store/base/span.h"

/* An RSA key of 4096 bits with a three-byte exponent takes 526. */
#define COSE_KEY_MAX 600

/* Numbers of the IANA registry "COSE Algorithms". */
enum cose_alg { COSE_ES256 = -7, COSE_EDDSA = -8, COSE_RS256 = -257 };
#define COSE_ALGS 3
extern const enum cose_alg cose_algs[COSE_ALGS]; /* in the order of preference */

struct cose_key {
    enum cose_alg alg;
    struct span x, y; /* EC2: both; OKP: x */
    struct span n, e; /* RSA */
};

/* One key off the front of `in`; it borrows. false: not one of ours. */
bool cose_key_read(struct span *in, struct cose_key *ret_key);

/* Does `signature` fit `message`? `key` is exactly one key, as it was registered.
 * ERR_INVALID: not a key; ERR_FORGED; ERR_CRYPTO. */
enum err cose_key_verify(struct span key, struct span message, struct span signature);

/* The key as OpenSSL has it can be made: a point of the curve, a modulus of good
 * length. */
bool cose_key_sound(const struct cose_key *key);

#endif
