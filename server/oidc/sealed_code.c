#include "server/oidc/sealed_code.h"

#include "server/oidc/claims.h"
#include "server/oidc/scope.h"
#include "store/base/codec.h"

#define SEALED_CODE_VERSION 1

/* Presence bits. */
enum {
    HAS_CHALLENGE = 1,
    HAS_DPOP_KEY = 2,
    HAS_AUTH_AFTER = 4,
    HAS_CLAIMS = 8,
    HAS_ALL = 15
};

/* All but spans and what is optional. */
#define FIXED_LEN                                                                      \
    (1 + SEALED_CODE_CHANCE + 2 + 8 + 8 + SEALED_CODE_SESSION + 8 + 8 + 2 + 2 + 1)

static size_t encoded_len(const struct sealed_code *code, unsigned has) {
    return FIXED_LEN + code->redirect_uri.len + code->nonce.len +
           (has & HAS_CHALLENGE ? sizeof code->challenge : 0) +
           (has & HAS_DPOP_KEY ? sizeof code->dpop_key : 0) +
           (has & HAS_AUTH_AFTER ? 8 : 0) + (has & HAS_CLAIMS ? 16 : 0);
}

enum err sealed_code_encode(const struct sealed_code *code, struct buf *out) {
    unsigned has = (code->has_challenge ? HAS_CHALLENGE : 0u) |
                   (code->has_dpop_key ? HAS_DPOP_KEY : 0u) |
                   (code->auth_after_ms != 0 ? HAS_AUTH_AFTER : 0u) |
                   (code->id_token_claims || code->userinfo_claims ? HAS_CLAIMS : 0u);

    if (encoded_len(code, has) > SEALED_CODE_MAX)
        return ERR_TOO_BIG;
    put_u8(out, SEALED_CODE_VERSION);
    buf_put(out, code->chance, sizeof code->chance);
    put_u16(out, code->mark);
    put_u64(out, code->epoch);
    put_u64(out, code->expires_ms);
    buf_put(out, code->session, sizeof code->session);
    put_u64(out, code->generation);
    put_u64(out, code->scopes);
    put_span(out, code->redirect_uri);
    put_span(out, code->nonce);
    put_u8(out, (uint8_t)has);
    if (has & HAS_CHALLENGE)
        buf_put(out, code->challenge, sizeof code->challenge);
    if (has & HAS_DPOP_KEY)
        buf_put(out, code->dpop_key, sizeof code->dpop_key);
    if (has & HAS_AUTH_AFTER)
        put_u64(out, code->auth_after_ms);
    if (has & HAS_CLAIMS) {
        put_u64(out, code->id_token_claims);
        put_u64(out, code->userinfo_claims);
    }
    return buf_err(out);
}

/* False: of no form that encoding gives. */
static bool read_optional(struct reader *in, struct sealed_code *code) {
    uint8_t has = read_u8(in);

    code->has_challenge = has & HAS_CHALLENGE;
    code->has_dpop_key = has & HAS_DPOP_KEY;
    if (has & HAS_CHALLENGE)
        read_fixed(in, code->challenge, sizeof code->challenge);
    if (has & HAS_DPOP_KEY)
        read_fixed(in, code->dpop_key, sizeof code->dpop_key);
    if (has & HAS_AUTH_AFTER)
        code->auth_after_ms = read_u64(in);
    if (has & HAS_CLAIMS) {
        code->id_token_claims = read_u64(in);
        code->userinfo_claims = read_u64(in);
    }
    return (has & ~HAS_ALL) == 0 &&
           ((has & HAS_AUTH_AFTER) != 0) == (code->auth_after_ms != 0) &&
           ((has & HAS_CLAIMS) != 0) ==
               ((code->id_token_claims | code->userinfo_claims) != 0);
}

enum err sealed_code_decode(struct span in, struct sealed_code *ret_code) {
    struct sealed_code code = {0};
    struct reader reader = reader_of(in);

    if (in.len == 0 || in.len > SEALED_CODE_MAX)
        return ERR_INVALID;
    if (read_u8(&reader) != SEALED_CODE_VERSION)
        return ERR_VERSION;
    read_fixed(&reader, code.chance, sizeof code.chance);
    code.mark = read_u16(&reader);
    code.epoch = read_u64(&reader);
    code.expires_ms = read_u64(&reader);
    read_fixed(&reader, code.session, sizeof code.session);
    code.generation = read_u64(&reader);
    code.scopes = read_u64(&reader);
    code.redirect_uri = read_span(&reader);
    code.nonce = read_span(&reader);
    if (!read_optional(&reader, &code) || reader.bad || reader_left(&reader) > 0 ||
        (code.scopes & ~SCOPE_ALL) != 0 ||
        ((code.id_token_claims | code.userinfo_claims) >> CLAIM_END) != 0)
        return ERR_INVALID;
    *ret_code = code;
    return OK;
}
