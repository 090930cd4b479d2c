/* registration_token: what stands inside an initial access token (RFC 7591 §1.2): what
 * its holder may register, once. Sealed by the service (SEAL_INITIAL_ACCESS), then
 * base64url text. Layout: u8 version, u64 epoch, u64 expires_ms, 16 bytes id, u8
 * profile, u8 stage, u64 scopes, u32 account types. Pure. */
#ifndef OIDC_REGISTRATION_TOKEN_H
#define OIDC_REGISTRATION_TOKEN_H

#include <stdint.h>

#include "store/base/err.h"
#include "store/base/span.h"

#define REGISTRATION_TOKEN_LEN 47

struct registration_token {
    uint64_t epoch;      /* it ends with it (DESIGN §3) */
    uint64_t expires_ms; /* replicated time */
    uint8_t id[16];      /* what makes it one of its own */
    uint8_t profile, stage; /* numbers of store/store_client.h; checked by who reads */
    uint64_t scopes;
    uint32_t account_types;
};

void registration_token_encode(const struct registration_token *token,
                               uint8_t out[REGISTRATION_TOKEN_LEN]);
/* ERR_VERSION, ERR_INVALID. */
enum err registration_token_decode(struct span in, struct registration_token *ret);

#endif
