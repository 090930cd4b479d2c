#include "server/crypto/jwt_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "server/crypto/digest.h"
#include "store/base/codec.h"

#define RSA_BITS 2048
#define P256_BYTES 32
#define NUMBER_MAX 512 /* bytes of the largest number of a key */
#define PKCS8_MAX 4096
#define JWK_MAX 2048

const char *jwt_alg_name(enum key_alg alg) {
    static const char *const names[] = {
        [KEY_RS256] = "RS256", [KEY_ES256] = "ES256", [KEY_PS256] = "PS256"};

    return names[alg];
}

/* A number of the key, big-endian. Fixed width when `width` is not 0. */
struct number {
    uint8_t bytes[NUMBER_MAX];
    size_t len;
};

static bool number_get(const EVP_PKEY *pkey, const char *name, size_t width,
                       struct number *ret) {
    BIGNUM *bn = NULL;
    int len = -1;

    if (EVP_PKEY_get_bn_param(pkey, name, &bn) != 1)
        return false;
    if (BN_num_bytes(bn) <= NUMBER_MAX && width <= NUMBER_MAX)
        len = width > 0 ? BN_bn2binpad(bn, ret->bytes, (int)width)
                        : BN_bn2bin(bn, ret->bytes);
    BN_clear_free(bn);
    if (len <= 0)
        return false;
    ret->len = (size_t)len;
    return true;
}

static void json_number(struct buf *out, const char *name,
                        const struct number *number) {
    char text[(NUMBER_MAX * 4 + 2) / 3 + 1];
    size_t len = base64url_encode(span_of(number->bytes, number->len), text);

    buf_json_member(out, name, span_of(text, len));
}

/* The members that RFC 7638 §3.2 asks for, in its order, without the braces. */
static bool public_members(const EVP_PKEY *pkey, enum key_alg alg, struct buf *out) {
    struct number first, second;

    buf_str(out, "{");
    if (alg == KEY_ES256) {
        if (!number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_X, P256_BYTES, &first) ||
            !number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, P256_BYTES, &second))
            return false;
        buf_json_member(out, "crv", span_str("P-256"));
        buf_json_member(out, "kty", span_str("EC"));
        json_number(out, "x", &first);
        json_number(out, "y", &second);
    } else {
        if (!number_get(pkey, OSSL_PKEY_PARAM_RSA_E, 0, &first) ||
            !number_get(pkey, OSSL_PKEY_PARAM_RSA_N, 0, &second))
            return false;
        json_number(out, "e", &first);
        buf_json_member(out, "kty", span_str("RSA"));
        json_number(out, "n", &second);
    }
    return buf_err(out) == OK;
}

/* kid: the RFC 7638 thumbprint. `jwk` gets the public key with kid, alg and use. */
static enum err public_jwk(const EVP_PKEY *pkey, enum key_alg alg, struct buf *jwk,
                           char kid[44]) {
    uint8_t hash[32];

    if (!public_members(pkey, alg, jwk))
        return ERR_CRYPTO;
    buf_str(jwk, "}");
    digest_sha256(buf_span(jwk), hash);
    base64url_encode(span_of(hash, sizeof(hash)), kid);
    buf_reset(jwk);
    if (!public_members(pkey, alg, jwk))
        return ERR_CRYPTO;
    buf_json_member(jwk, "alg", span_str(jwt_alg_name(alg)));
    buf_json_member(jwk, "kid", span_str(kid));
    buf_json_member(jwk, "use", span_str("sig"));
    buf_str(jwk, "}");
    return buf_err(jwk);
}

static enum err seal_private(EVP_PKEY *pkey, const char *kid, struct sealer *sealer,
                             struct buf *out) {
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    unsigned char *der = NULL;
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    enum err err = ERR_CRYPTO;

    if (len > 0)
        err = sealer_seal(sealer, SEAL_SIGNING_KEY, span_str(kid),
                          span_of(der, (size_t)len), out);
    if (der)
        OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    PKCS8_PRIV_KEY_INFO_free(info);
    return err;
}

static EVP_PKEY *generate(enum key_alg alg) {
    if (alg == KEY_ES256)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
}

enum err jwt_key_generate(enum key_alg alg, struct sealer *sealer, struct arena *arena,
                          struct signing_key *ret_key) {
    EVP_PKEY *pkey = generate(alg);
    struct buf jwk, sealed;
    struct signing_key key = {.alg = alg};
    char kid[44];
    enum err err;

    if (!pkey)
        return ERR_CRYPTO;
    buf_init(&jwk, JWK_MAX);
    buf_init(&sealed, PKCS8_MAX);
    err = public_jwk(pkey, alg, &jwk, kid);
    if (err == OK)
        err = seal_private(pkey, kid, sealer, &sealed);
    if (err == OK) {
        key.kid = arena_strndup(arena, kid, strlen(kid));
        key.public_jwk = arena_dup(arena, buf_span(&jwk));
        key.sealed_private = arena_dup(arena, buf_span(&sealed));
        if (key.kid && key.public_jwk.data && key.sealed_private.data)
            *ret_key = key;
        else
            err = ERR_NOMEM;
    }
    buf_free(&jwk);
    buf_free(&sealed);
    EVP_PKEY_free(pkey);
    return err;
}

static cjose_jwk_t *import_ec(const EVP_PKEY *pkey) {
    struct number x, y, d;
    cjose_jwk_ec_keyspec spec = {.crv = CJOSE_JWK_EC_P_256};
    cjose_jwk_t *jwk = NULL;

    if (number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_X, P256_BYTES, &x) &&
        number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, P256_BYTES, &y) &&
        number_get(pkey, OSSL_PKEY_PARAM_PRIV_KEY, P256_BYTES, &d)) {
        spec.x = x.bytes;
        spec.xlen = x.len;
        spec.y = y.bytes;
        spec.ylen = y.len;
        spec.d = d.bytes;
        spec.dlen = d.len;
        jwk = cjose_jwk_create_EC_spec(&spec, NULL);
    }
    secret_wipe(&d, sizeof(d));
    return jwk;
}

static cjose_jwk_t *import_rsa(const EVP_PKEY *pkey) {
    static const char *const names[] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    struct number part[8];
    cjose_jwk_t *jwk = NULL;
    bool good = true;

    for (size_t i = 0; i < 8 && good; i++)
        good = number_get(pkey, names[i], 0, &part[i]);
    if (good) {
        cjose_jwk_rsa_keyspec spec = {
            .n = part[0].bytes,
            .nlen = part[0].len,
            .e = part[1].bytes,
            .elen = part[1].len,
            .d = part[2].bytes,
            .dlen = part[2].len,
            .p = part[3].bytes,
            .plen = part[3].len,
            .q = part[4].bytes,
            .qlen = part[4].len,
            .dp = part[5].bytes,
            .dplen = part[5].len,
            .dq = part[6].bytes,
            .dqlen = part[6].len,
            .qi = part[7].bytes,
            .qilen = part[7].len,
        };

        jwk = cjose_jwk_create_RSA_spec(&spec, NULL);
    }
    secret_wipe(part, sizeof(part));
    return jwk;
}

/* Is this a private key of the row's algorithm and size? */
static bool pkey_fits(const EVP_PKEY *pkey, enum key_alg alg) {
    char group[32] = "";

    if (alg != KEY_ES256)
        return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS;
    return EVP_PKEY_is_a(pkey, "EC") &&
           EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                          sizeof(group), NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

enum err jwt_key_load(const struct signing_key *row, struct sealer *sealer,
                      cjose_jwk_t **ret_jwk) {
    struct buf der;
    const unsigned char *at;
    EVP_PKEY *pkey = NULL;
    cjose_jwk_t *jwk = NULL;
    enum err err;

    buf_init(&der, PKCS8_MAX);
    err = sealer_open(sealer, SEAL_SIGNING_KEY, span_str(row->kid), row->sealed_private,
                      &der);
    if (err != OK)
        goto done;
    err = ERR_CORRUPT;
    at = der.data;
    pkey = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    if (!pkey || !pkey_fits(pkey, row->alg))
        goto done;
    jwk = row->alg == KEY_ES256 ? import_ec(pkey) : import_rsa(pkey);
    if (!jwk || !cjose_jwk_set_kid(jwk, row->kid, strlen(row->kid), NULL)) {
        cjose_jwk_release(jwk);
        goto done;
    }
    *ret_jwk = jwk;
    err = OK;
done:
    EVP_PKEY_free(pkey);
    buf_free(&der);
    return err;
}
