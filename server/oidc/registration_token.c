#include "server/oidc/registration_token.h"

#include <string.h>

#include "store/base/check.h"
#include "store/base/codec.h"

#define VERSION 1

void registration_token_encode(const struct registration_token *token,
                               uint8_t out[REGISTRATION_TOKEN_LEN]) {
    struct buf bytes;

    buf_init(&bytes, REGISTRATION_TOKEN_LEN);
    put_u8(&bytes, VERSION);
    put_u64(&bytes, token->epoch);
    put_u64(&bytes, token->expires_ms);
    buf_put(&bytes, token->id, sizeof token->id);
    put_u8(&bytes, token->profile);
    put_u8(&bytes, token->stage);
    put_u64(&bytes, token->scopes);
    put_u32(&bytes, token->account_types);
    CHECK(buf_err(&bytes) == OK && bytes.len == REGISTRATION_TOKEN_LEN);
    memcpy(out, bytes.data, bytes.len);
    buf_free(&bytes);
}

enum err registration_token_decode(struct span in, struct registration_token *ret) {
    struct reader reader = reader_of(in);
    struct registration_token token;

    if (in.len == 0)
        return ERR_INVALID;
    if (read_u8(&reader) != VERSION)
        return ERR_VERSION;
    if (in.len != REGISTRATION_TOKEN_LEN)
        return ERR_INVALID;
    token.epoch = read_u64(&reader);
    token.expires_ms = read_u64(&reader);
    memcpy(token.id, read_bytes(&reader, sizeof token.id).data, sizeof token.id);
    token.profile = read_u8(&reader);
    token.stage = read_u8(&reader);
    token.scopes = read_u64(&reader);
    token.account_types = read_u32(&reader);
    *ret = token;
    return OK;
}
