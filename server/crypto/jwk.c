#include "server/crypto/jwk.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <string.h>

#include "server/crypto/jwk_cache.h"
#include "store/base/codec.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
#define RSA_EXPONENT_BYTES 4
#define P256_BYTES 32

struct number {
    uint8_t bytes[RSA_BITS_MAX / 8];
    size_t len;
};

static enum err invalid(const char **ret_why, const char *why) {
    *ret_why = why;
    return ERR_INVALID;
}

/* Base64urlUInt or a coordinate (RFC 7518 §2, §6.2.1.2), not longer than `max`. */
static bool number_of(const json_t *object, const char *name, size_t max,
                      struct number *ret) {
    const json_t *text = json_object_get(object, name);

    return json_is_string(text) && max <= sizeof(ret->bytes) &&
           base64url_decode(span_of(json_string_value(text), json_string_length(text)),
                            ret->bytes, max, &ret->len) == OK &&
           ret->len > 0;
}

/* Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
static bool has_secret(const json_t *object) {
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_object_get(object, names[i]))
            return true;
    return false;
}

static size_t bits_of(const struct number *number) {
    size_t bits = number->len * 8;

    for (uint8_t top = number->bytes[0]; bits > 0 && !(top & 0x80);
         top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

static enum err load_rsa(const json_t *object, struct jwk *ret, const char **ret_why) {
    struct number n, e;
    cjose_jwk_rsa_keyspec spec = {.n = n.bytes, .e = e.bytes};
    cjose_jwk_t *cjose;

    if (!number_of(object, "n", RSA_BITS_MAX / 8, &n) || n.bytes[0] == 0 ||
        bits_of(&n) < RSA_BITS_MIN || !(n.bytes[n.len - 1] & 1))
        return invalid(ret_why, "n of an RSA key must be of 2048 to 4096 bits");
    if (!number_of(object, "e", RSA_EXPONENT_BYTES, &e) || e.bytes[0] == 0 ||
        !(e.bytes[e.len - 1] & 1) || (e.len == 1 && e.bytes[0] == 1))
        return invalid(ret_why, "e of an RSA key must be odd, from 3 to 2^32");
    spec.nlen = n.len;
    spec.elen = e.len;
    cjose = cjose_jwk_create_RSA_spec(&spec, NULL);
    if (!cjose)
        return invalid(ret_why, "the RSA key cannot be used");
    *ret = (struct jwk){.type = JWK_RSA, .signature_len = n.len, .cjose = cjose};
    return OK;
}

/* cjose takes any two numbers; a point off the curve would be another group's. */
static bool on_curve(const struct number *x, const struct number *y) {
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    BIGNUM *bn_x = BN_bin2bn(x->bytes, (int)x->len, NULL);
    BIGNUM *bn_y = BN_bin2bn(y->bytes, (int)y->len, NULL);
    bool good = point && bn_x && bn_y &&
                EC_POINT_set_affine_coordinates(group, point, bn_x, bn_y, NULL) == 1;

    BN_free(bn_x);
    BN_free(bn_y);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return good;
}

static enum err load_p256(const json_t *object, struct jwk *ret, const char **ret_why) {
    struct number x, y;
    cjose_jwk_ec_keyspec spec = {
        .crv = CJOSE_JWK_EC_P_256,
        .x = x.bytes,
        .y = y.bytes,
        .xlen = P256_BYTES,
        .ylen = P256_BYTES,
    };
    static const char why[] = "x and y of an EC key must be a point of P-256";
    uint8_t point[JWK_POINT];
    cjose_jwk_t *cjose;

    if (!number_of(object, "x", P256_BYTES, &x) || x.len != P256_BYTES ||
        !number_of(object, "y", P256_BYTES, &y) || y.len != P256_BYTES)
        return invalid(ret_why, why);
    memcpy(point, x.bytes, P256_BYTES);
    memcpy(point + P256_BYTES, y.bytes, P256_BYTES);
    cjose = jwk_cache_get(point);
    if (!cjose) {
        if (!on_curve(&x, &y))
            return invalid(ret_why, why);
        cjose = cjose_jwk_create_EC_spec(&spec, NULL);
        if (!cjose)
            return invalid(ret_why, "the EC key cannot be used");
        jwk_cache_put(point, cjose);
    }
    *ret = (struct jwk){
        .type = JWK_P256, .signature_len = (size_t)2 * P256_BYTES, .cjose = cjose};
    return OK;
}

enum err jwk_load_public(const json_t *object, struct jwk *ret_jwk,
                         const char **ret_why) {
    const char *kty = json_string_value(json_object_get(object, "kty"));
    const char *crv = json_string_value(json_object_get(object, "crv"));

    if (!kty)
        return invalid(ret_why, "a key has no kty");
    if (strcmp(kty, "oct") == 0 || has_secret(object))
        return invalid(ret_why, "a key is symmetric or private");
    if (strcmp(kty, "RSA") == 0)
        return load_rsa(object, ret_jwk, ret_why);
    if (strcmp(kty, "EC") == 0 && crv && strcmp(crv, "P-256") == 0)
        return load_p256(object, ret_jwk, ret_why);
    return ERR_NOT_FOUND;
}

void jwk_close(struct jwk *jwk) {
    cjose_jwk_release(jwk->cjose);
    jwk->cjose = NULL;
}
