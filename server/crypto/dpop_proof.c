#include "server/crypto/dpop_proof.h"

#include <strings.h>

#include "server/crypto/digest.h"
#include "server/crypto/jwk.h"
#include "server/crypto/jws.h"
#include "store/base/buf.h"
#include "store/base/limits.h"

#define THUMBPRINT_TEXT_MAX 2048

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static bool is(const json_t *object, const char *name, const char *value) {
    const char *text = text_of(object, name);

    return text && strcmp(text, value) == 0;
}

static bool alg_fits(const json_t *header, enum jwk_type type) {
    return type == JWK_P256 ? is(header, "alg", "ES256")
                            : is(header, "alg", "RS256") || is(header, "alg", "PS256");
}

/* RFC 7638 §3. The members are strict base64url (jwk_load_public), so one key has one
 * text. */
static enum err thumbprint(const json_t *jwk, enum jwk_type type, uint8_t out[32]) {
    static const char *const ec[] = {"crv", "kty", "x", "y", NULL};
    static const char *const rsa[] = {"e", "kty", "n", NULL};
    const char *const *names = type == JWK_P256 ? ec : rsa;
    struct buf text;
    enum err err;

    buf_init(&text, THUMBPRINT_TEXT_MAX);
    buf_str(&text, "{");
    for (size_t i = 0; names[i]; i++)
        buf_json_member(&text, names[i], span_str(text_of(jwk, names[i])));
    buf_str(&text, "}");
    err = buf_err(&text);
    if (err == OK)
        digest_sha256(buf_span(&text), out);
    buf_free(&text);
    return err;
}

static bool header_sound(const json_t *header) {
    const char *typ = text_of(header, "typ");

    return typ && strcasecmp(typ, "dpop+jwt") == 0 &&
           !json_object_get(header, "crit") && !json_object_get(header, "b64");
}

/* ERR_NOMEM. */
static enum err take(struct arena *arena, const json_t *claims, const char *name,
                     struct span *ret) {
    const json_t *value = json_object_get(claims, name);

    *ret = span_of(NULL, 0);
    if (!json_is_string(value) || json_string_length(value) == 0)
        return OK;
    *ret =
        arena_dup(arena, span_of(json_string_value(value), json_string_length(value)));
    return ret->data ? OK : ERR_NOMEM;
}

static enum err take_claims(struct arena *arena, const json_t *claims,
                            struct dpop_proof *proof) {
    const json_t *iat = json_object_get(claims, "iat");
    enum err err = take(arena, claims, "jti", &proof->jti);

    if (err == OK)
        err = take(arena, claims, "htm", &proof->htm);
    if (err == OK)
        err = take(arena, claims, "htu", &proof->htu);
    if (err == OK)
        err = take(arena, claims, "ath", &proof->ath);
    if (err == OK)
        err = take(arena, claims, "nonce", &proof->nonce);
    proof->has_iat = json_is_number(iat) && json_number_value(iat) >= 0 &&
                     json_number_value(iat) < 1e11;
    if (proof->has_iat)
        proof->iat_s = (int64_t)json_number_value(iat);
    return err;
}

static enum err verify(struct span token, const struct jws_parts *parts,
                       const json_t *header, struct arena *arena,
                       struct dpop_proof *proof) {
    const json_t *object = json_object_get(header, "jwk");
    json_t *claims = NULL;
    const char *why;
    struct span text;
    struct jwk jwk;
    enum err err;

    if (!header_sound(header) || !json_is_object(object) ||
        jwk_load_public(object, &jwk, &why) != OK)
        return ERR_INVALID;
    err = alg_fits(header, jwk.type) ? OK : ERR_INVALID;
    if (err == OK)
        err = jws_verify(token, parts, jwk.cjose, jwk.signature_len, arena, &claims,
                         &text);
    if (err == OK)
        err = thumbprint(object, jwk.type, proof->thumbprint);
    jwk_close(&jwk);
    if (err == OK)
        err = take_claims(arena, claims, proof);
    json_decref(claims);
    return err;
}

enum err dpop_proof_open(struct span token, struct arena *arena,
                         struct dpop_proof *ret_proof) {
    struct dpop_proof proof = {.has_iat = false};
    struct jws_parts parts;
    struct span text;
    json_t *header;
    enum err err;

    if (token.len == 0 || token.len > LIMIT_JWT || !jws_split(token, &parts))
        return ERR_INVALID;
    header = jws_object(parts.header, arena, &text);
    if (!header)
        return ERR_INVALID;
    err = verify(token, &parts, header, arena, &proof);
    json_decref(header);
    if (err == OK)
        *ret_proof = proof;
    return err;
}
