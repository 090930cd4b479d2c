/* token_format: what stands inside session cookies and access tokens.
 *
 * Both are sealed by the service (SEAL_SESSION_COOKIE, SEAL_ACCESS_TOKEN), then
 * base64url text. The stamp (epoch, index) says how far a node must have applied
 * the log before it may judge the secret (DESIGN §3, read 1). Layout: u8 version,
 * u64 epoch, u64 index, then 16 to 32 secret bytes. Pure. */
#ifndef OIDC_TOKEN_FORMAT_H
#define OIDC_TOKEN_FORMAT_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define TOKEN_SECRET_MIN 16
#define TOKEN_SECRET_MAX 32
#define TOKEN_FORMAT_HEAD 17
#define TOKEN_FORMAT_MAX (TOKEN_FORMAT_HEAD + TOKEN_SECRET_MAX)

struct stamped_token {
    uint64_t epoch;
    uint64_t index;
    uint8_t secret[TOKEN_SECRET_MAX];
    size_t secret_len;
};

/* `out` gets at most TOKEN_FORMAT_MAX bytes; returns how many. secret_len within
 * its bounds is CHECKed. */
size_t token_format_encode(const struct stamped_token *token,
                           uint8_t out[TOKEN_FORMAT_MAX]);
/* ERR_VERSION, ERR_INVALID. */
enum err token_format_decode(struct span in, struct stamped_token *ret_token);

/* The secret's bytes, borrowed from `token`. */
static inline struct span token_format_secret(const struct stamped_token *token) {
    return span_of(token->secret, token->secret_len);
}

#endif
