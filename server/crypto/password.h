/* password: argon2id by libsodium (RFC 9106; 19 MiB, t = 2, p = 1).
 *
 * Slow on purpose (about 20 ms): call on the hash pool's threads only.
 * All bytes count: nothing is cut, folded or ended at a NUL. */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include <stdbool.h>

#include "store/base/err.h"
#include "store/base/secret.h"

#define PASSWORD_HASH_MAX 128 /* crypto_pwhash_STRBYTES */

/* `out` gets a terminated PHC string. ERR_NOMEM. */
enum err password_hash(struct span password, char out[PASSWORD_HASH_MAX]);

/* Compare with a PHC string. An empty `stored` means "unknown account": the same
 * work is done against a fixed hash of the same cost, and false is returned. */
bool password_verify(struct span password, struct span stored);

#endif
