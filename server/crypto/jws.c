#include "server/crypto/jws.h"

#include "store/base/codec.h"

#define SIGNATURE_MAX 1024

bool jws_split(struct span token, struct jws_parts *ret_parts) {
    const uint8_t *end = token.data + token.len;
    const uint8_t *first, *second;

    if (token.len == 0)
        return false;
    first = memchr(token.data, '.', token.len);
    if (!first)
        return false;
    second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    ret_parts->header = span_of(token.data, (size_t)(first - token.data));
    ret_parts->payload = span_of(first + 1, (size_t)(second - first - 1));
    ret_parts->signature = span_of(second + 1, (size_t)(end - second - 1));
    return ret_parts->header.len > 0 && ret_parts->payload.len > 0 &&
           ret_parts->signature.len > 0;
}

json_t *jws_object(struct span part, struct arena *arena, struct span *ret_text) {
    size_t max = part.len / 4 * 3 + 3;
    uint8_t *bytes = arena_alloc(arena, max);
    json_t *object;
    size_t len;

    if (!bytes || base64url_decode(part, bytes, max, &len) != OK)
        return NULL;
    object = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    *ret_text = span_of(bytes, len);
    return object;
}

static bool signature_good(struct span token, cjose_jwk_t *jwk) {
    cjose_jws_t *jws = cjose_jws_import((const char *)token.data, token.len, NULL);
    bool good = jws && cjose_jws_verify(jws, jwk, NULL);

    cjose_jws_release(jws);
    return good;
}

enum err jws_verify(struct span token, const struct jws_parts *parts, cjose_jwk_t *jwk,
                    size_t signature_len, struct arena *arena, json_t **ret_claims,
                    struct span *ret_text) {
    uint8_t signature[SIGNATURE_MAX];
    struct span text;
    json_t *claims;
    size_t len;

    if (base64url_decode(parts->signature, signature, sizeof(signature), &len) != OK)
        return ERR_INVALID;
    claims = jws_object(parts->payload, arena, &text);
    if (!claims)
        return ERR_INVALID;
    if (len != signature_len || !signature_good(token, jwk)) {
        json_decref(claims);
        return ERR_FORGED;
    }
    *ret_claims = claims;
    *ret_text = text;
    return OK;
}
