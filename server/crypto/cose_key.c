#include "server/crypto/cose_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "server/crypto/cbor_read.h"

#define P256_BYTES 32
#define ED25519_BYTES 32
#define RSA_BYTES_MIN 256
#define RSA_BYTES_MAX 512
#define RSA_EXPONENT_BYTES 4
#define MEMBERS_MAX 5

/* Values of the labels kty and crv. */
enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3 };
enum { CRV_P256 = 1, CRV_ED25519 = 6 };

const enum cose_alg cose_algs[COSE_ALGS] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

/* The members that a key has, whatever they mean for its kind. */
struct members {
    bool has_kty, has_alg, has_crv, has_first, has_second, has_third;
    int64_t kty, alg, crv;
    struct span first, second, third; /* labels -1, -2 and -3 */
};

static bool take_number(const struct cbor_item *item, bool *has, int64_t *ret) {
    if (*has || item->kind != CBOR_READ_INT)
        return false;
    *has = true;
    *ret = item->number;
    return true;
}

static bool take_bytes(const struct cbor_item *item, bool *has, struct span *ret) {
    if (*has || item->kind != CBOR_READ_BYTES || item->text.len == 0)
        return false;
    *has = true;
    *ret = item->text;
    return true;
}

static bool take(int64_t label, const struct cbor_item *item, struct members *m) {
    switch (label) {
    case 1:
        return take_number(item, &m->has_kty, &m->kty);
    case 3:
        return take_number(item, &m->has_alg, &m->alg);
    case -1: /* crv, or an RSA key's n */
        if (item->kind == CBOR_READ_INT)
            return !m->has_first && take_number(item, &m->has_crv, &m->crv);
        return !m->has_crv && take_bytes(item, &m->has_first, &m->first);
    case -2:
        return take_bytes(item, &m->has_second, &m->second);
    case -3:
        return take_bytes(item, &m->has_third, &m->third);
    default:
        return false;
    }
}

static bool is_ec(const struct members *m) {
    return m->kty == KTY_EC2 && m->alg == COSE_ES256 && m->has_crv &&
           m->crv == CRV_P256 && m->second.len == P256_BYTES &&
           m->third.len == P256_BYTES;
}

static bool is_okp(const struct members *m) {
    return m->kty == KTY_OKP && m->alg == COSE_EDDSA && m->has_crv &&
           m->crv == CRV_ED25519 && m->second.len == ED25519_BYTES && !m->has_third;
}

static bool is_rsa(const struct members *m) {
    struct span n = m->first, e = m->second;

    return m->kty == KTY_RSA && m->alg == COSE_RS256 && !m->has_third &&
           n.len >= RSA_BYTES_MIN && n.len <= RSA_BYTES_MAX && (n.data[0] & 0x80) &&
           (n.data[n.len - 1] & 1) && e.len > 0 && e.len <= RSA_EXPONENT_BYTES &&
           e.data[0] != 0 && (e.data[e.len - 1] & 1) && !(e.len == 1 && e.data[0] == 1);
}

bool cose_key_read(struct span *in, struct cose_key *ret_key) {
    struct members m = {.has_kty = false};
    struct cbor_item map, label, value;

    if (!cbor_read(in, &map) || map.kind != CBOR_READ_MAP || map.count > MEMBERS_MAX)
        return false;
    for (size_t i = 0; i < map.count; i++) {
        if (!cbor_read(in, &label) || label.kind != CBOR_READ_INT ||
            !cbor_read(in, &value) || !take(label.number, &value, &m))
            return false;
    }
    if (!m.has_kty || !m.has_alg)
        return false;
    if (is_ec(&m))
        *ret_key = (struct cose_key){.alg = COSE_ES256, .x = m.second, .y = m.third};
    else if (is_okp(&m))
        *ret_key = (struct cose_key){.alg = COSE_EDDSA, .x = m.second};
    else if (is_rsa(&m))
        *ret_key = (struct cose_key){.alg = COSE_RS256, .n = m.first, .e = m.second};
    else
        return false;
    return true;
}

/* ---- OpenSSL */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build) {
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *load_ec(const struct cose_key *key) {
    uint8_t point[1 + 2 * P256_BYTES] = {4};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    memcpy(point + 1, key->x.data, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, key->y.data, P256_BYTES);
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256",
                                        0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         sizeof point))
        pkey = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *load_rsa(const struct cose_key *key) {
    BIGNUM *n = BN_bin2bn(key->n.data, (int)key->n.len, NULL);
    BIGNUM *e = BN_bin2bn(key->e.data, (int)key->e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (n && e && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        pkey = from_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return pkey;
}

/* NULL: no such point, or no memory; OpenSSL's queue is left empty. */
static EVP_PKEY *load(const struct cose_key *key) {
    EVP_PKEY *pkey = NULL;

    switch (key->alg) {
    case COSE_ES256:
        pkey = load_ec(key);
        break;
    case COSE_RS256:
        pkey = load_rsa(key);
        break;
    case COSE_EDDSA:
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->x.data,
                                           key->x.len);
        break;
    }
    ERR_clear_error();
    return pkey;
}

/* EVP_PKEY_fromdata takes points off the curve in some releases: checked apart. */
bool cose_key_sound(const struct cose_key *key) {
    EVP_PKEY *pkey = load(key);
    EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
    bool sound = ctx && (key->alg == COSE_EDDSA || EVP_PKEY_public_check(ctx) == 1);

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return sound;
}

enum err cose_key_verify(struct span key, struct span message, struct span signature) {
    struct cose_key parsed;
    EVP_PKEY *pkey;
    EVP_MD_CTX *md;
    enum err err = ERR_CRYPTO;

    if (!cose_key_read(&key, &parsed) || key.len != 0)
        return ERR_INVALID;
    pkey = load(&parsed);
    if (!pkey)
        return ERR_INVALID;
    md = EVP_MD_CTX_new();
    /* RSA's default padding here is PKCS #1 v1.5, which RS256 is. */
    if (md && EVP_DigestVerifyInit(md, NULL,
                                   parsed.alg == COSE_EDDSA ? NULL : EVP_sha256(), NULL,
                                   pkey) == 1)
        err = EVP_DigestVerify(md, signature.data, signature.len, message.data,
                               message.len) == 1
                  ? OK
                  : ERR_FORGED;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return err;
}
