/* totp: one-time codes of an authenticator app (RFC 6238: HMAC-SHA-1, 6 digits, steps
 * of 30 s), the base32 that such apps read (RFC 4648 §6), and the URI that a QR code
 * holds (Key URI Format). Pure: the caller brings the MAC (server/crypto/digest.h) and
 * the time, which is the replicated clock. Thread: any.
 *
 * That a step is used once is decided by raft/fsm_staff.c; here a code is only read. */
#ifndef DOMAIN_TOTP_H
#define DOMAIN_TOTP_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define TOTP_SEED_LEN 20 /* RFC 4226 §4, R6: 160 bits are recommended */
#define TOTP_DIGITS 6
#define TOTP_STEP_MS 30000u
#define TOTP_MAC_LEN 20

/* HMAC-SHA-1 (RFC 2104) of `in` under `key`. */
struct totp_mac {
    void (*hmac_sha1)(struct span key, struct span in, uint8_t out[TOTP_MAC_LEN]);
};

/* The code of a step (RFC 4226 §5.3), below 10^6. */
uint32_t totp_code(const struct totp_mac *mac, struct span seed, uint64_t step);

/* Does the typed text hold the code of the step of `now_ms`, of the one before or of
 * the one after (RFC 6238 §5.2)? *ret_step is the latest that it fits, so that a code
 * which happens to fit two is spent for both; untouched on false. Exactly 6 ASCII
 * digits. The time that it takes does not depend on which step fits. */
bool totp_check(const struct totp_mac *mac, struct span seed, uint64_t now_ms,
                struct span typed, uint64_t *ret_step);

/* Upper case, no padding, terminated; `out` holds base32_len(in.len) + 1 bytes. */
static inline size_t base32_len(size_t len) {
    return (len * 8 + 4) / 5;
}
void base32_encode(struct span in, char *out);
/* Strict: no padding, no foreign or lower-case character, unused bits zero.
 * ERR_INVALID; ERR_TOO_BIG beyond out_max bytes. */
enum err base32_decode(struct span in, uint8_t *out, size_t out_max, size_t *ret_len);

/* Append otpauth://totp/ISSUER:NAME?... It holds the seed: treat `out` as a secret.
 * The error is the buffer's. */
enum err totp_uri(struct span issuer, struct span name,
                  const uint8_t seed[TOTP_SEED_LEN], struct buf *out);

#endif
