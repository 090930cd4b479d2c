/* digest: SHA-256 and what the protocols make of it. Thread: any.
 *
 * An OpenSSL that cannot hash ends the process (CHECK): nothing else could be
 * trusted after it. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stdint.h>

#include "store/base/span.h"

void digest_sha256(struct span in, uint8_t out[32]);
/* The same of what comes piece by piece; ended by digest_stream_end. */
struct digest_stream;
struct digest_stream *digest_stream_new(void);
void digest_stream_add(struct digest_stream *stream, struct span in);
void digest_stream_end(struct digest_stream *stream, uint8_t out[32]);

/* Left half of SHA-256, base64url: claim at_hash for RS256 and ES256 (OpenID
 * Connect Core §3.1.3.6). Terminated. */
#define DIGEST_AT_HASH_SIZE 23
void digest_at_hash(struct span access_token, char out[DIGEST_AT_HASH_SIZE]);

/* HMAC-SHA-1 (RFC 2104), for one-time codes alone (RFC 6238): server/domain/totp.h. */
void digest_hmac_sha1(struct span key, struct span in, uint8_t out[20]);

#endif
