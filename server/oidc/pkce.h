/* pkce: the syntax of RFC 7636. S256 is the only method: hashing and comparing
 * are server/crypto/digest's and the state machine's. Pure. */
#ifndef OIDC_PKCE_H
#define OIDC_PKCE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/span.h"

#define PKCE_VERIFIER_MIN 43
#define PKCE_VERIFIER_MAX 128

/* RFC 7636 §4.1: 43 to 128 unreserved characters. */
bool pkce_verifier_valid(struct span verifier);

/* RFC 7636 §4.2: base64url of a SHA-256, exactly 43 characters, its spare bits
 * zero. `ret_challenge` is untouched on false. */
bool pkce_challenge_parse(struct span challenge, uint8_t ret_challenge[32]);

#endif
