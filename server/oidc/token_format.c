#include "server/oidc/token_format.h"

#include "store/base/check.h"
#include "store/base/codec.h"

#define TOKEN_VERSION 1

static void store_u64(uint8_t *out, uint64_t value) {
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

size_t token_format_encode(const struct stamped_token *token,
                           uint8_t out[TOKEN_FORMAT_MAX]) {
    CHECK(token->secret_len >= TOKEN_SECRET_MIN &&
          token->secret_len <= TOKEN_SECRET_MAX);
    out[0] = TOKEN_VERSION;
    store_u64(out + 1, token->epoch);
    store_u64(out + 9, token->index);
    memcpy(out + TOKEN_FORMAT_HEAD, token->secret, token->secret_len);
    return TOKEN_FORMAT_HEAD + token->secret_len;
}

enum err token_format_decode(struct span in, struct stamped_token *ret_token) {
    struct stamped_token token = {0};
    struct reader reader = reader_of(in);
    struct span secret;

    if (in.len == 0)
        return ERR_INVALID;
    if (read_u8(&reader) != TOKEN_VERSION)
        return ERR_VERSION;
    if (in.len < TOKEN_FORMAT_HEAD + TOKEN_SECRET_MIN || in.len > TOKEN_FORMAT_MAX)
        return ERR_INVALID;
    token.epoch = read_u64(&reader);
    token.index = read_u64(&reader);
    token.secret_len = reader_left(&reader);
    secret = read_bytes(&reader, token.secret_len);
    memcpy(token.secret, secret.data, secret.len);
    *ret_token = token;
    return OK;
}
