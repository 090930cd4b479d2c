#include "ops/bench.d/load_sign.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COORDINATE 32
#define TEXT 2048
#define VALID_S 60

struct load_signer {
    EVP_PKEY *key;
    EVP_MD_CTX *digest;
    char x[48], y[48]; /* base64url */
};

/* Without padding. `out` takes 4 / 3 of len, and 4 bytes. */
static size_t base64url(const void *data, size_t len, char *out) {
    size_t n = (size_t)EVP_EncodeBlock((unsigned char *)out, data, (int)len);
    while (n > 0 && out[n - 1] == '=') {
        n--;
    }
    out[n] = '\0';
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
    }
    return n;
}

static bool coordinate(const EVP_PKEY *key, const char *name, char out[48]) {
    BIGNUM *number = NULL;
    unsigned char bytes[COORDINATE];
    bool ok = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
              BN_bn2binpad(number, bytes, COORDINATE) == COORDINATE;
    BN_free(number);
    if (ok) {
        (void)base64url(bytes, COORDINATE, out);
    }
    return ok;
}

struct load_signer *load_signer_new(const char *pem_file) {
    struct load_signer *signer = calloc(1, sizeof(*signer));
    FILE *file = fopen(pem_file, "r");
    if (signer != NULL && file != NULL) {
        signer->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        signer->digest = EVP_MD_CTX_new();
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (signer == NULL || signer->key == NULL || signer->digest == NULL ||
        !coordinate(signer->key, OSSL_PKEY_PARAM_EC_PUB_X, signer->x) ||
        !coordinate(signer->key, OSSL_PKEY_PARAM_EC_PUB_Y, signer->y)) {
        load_signer_free(signer);
        return NULL;
    }
    return signer;
}

void load_signer_free(struct load_signer *signer) {
    if (signer != NULL) {
        EVP_MD_CTX_free(signer->digest);
        EVP_PKEY_free(signer->key);
        free(signer);
    }
}

/* R and S side by side (RFC 7518 §3.4), where OpenSSL has DER. */
static bool sign(struct load_signer *signer, const char *text, size_t len,
                 unsigned char out[2 * COORDINATE]) {
    unsigned char der[160];
    size_t der_len = sizeof(der);
    const unsigned char *at = der;
    if (EVP_MD_CTX_reset(signer->digest) != 1 ||
        EVP_DigestSignInit(signer->digest, NULL, EVP_sha256(), NULL, signer->key) !=
            1 ||
        EVP_DigestSign(signer->digest, der, &der_len, (const unsigned char *)text,
                       len) != 1) {
        return false;
    }
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    bool ok = pair != NULL &&
              BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, COORDINATE) == COORDINATE &&
              BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + COORDINATE, COORDINATE) ==
                  COORDINATE;
    ECDSA_SIG_free(pair);
    return ok;
}

static bool jws(struct load_signer *signer, const char *header, const char *claims,
                char *out, size_t cap) {
    unsigned char signature[2 * COORDINATE];
    size_t room = 4 * (strlen(header) + strlen(claims) + sizeof(signature)) / 3 + 16;
    if (room > cap) {
        return false;
    }
    size_t len = base64url(header, strlen(header), out);
    out[len++] = '.';
    len += base64url(claims, strlen(claims), out + len);
    if (!sign(signer, out, len, signature)) {
        return false;
    }
    out[len++] = '.';
    (void)base64url(signature, sizeof(signature), out + len);
    return true;
}

/* An id that nobody has used. */
static bool unique(char out[32]) {
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return false;
    }
    (void)base64url(bytes, sizeof(bytes), out);
    return true;
}

bool load_sign_assertion(struct load_signer *signer, const char *client_id,
                         const char *audience, char *out, size_t cap) {
    char claims[TEXT], jti[32];
    long long now = (long long)time(NULL);
    if (!unique(jti)) {
        return false;
    }
    int n = snprintf(claims, sizeof(claims),
                     "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\",\"jti\":\"%s\","
                     "\"iat\":%lld,\"exp\":%lld}",
                     client_id, client_id, audience, jti, now, now + VALID_S);
    return n > 0 && (size_t)n < sizeof(claims) &&
           jws(signer, "{\"alg\":\"ES256\",\"kid\":\"" LOAD_KID "\"}", claims, out, cap);
}

bool load_sign_proof(struct load_signer *signer, const char *url, const char *nonce,
                     char *out, size_t cap) {
    char header[TEXT], claims[TEXT], jti[32];
    if (!unique(jti)) {
        return false;
    }
    int h = snprintf(header, sizeof(header),
                     "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\","
                     "\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}}",
                     signer->x, signer->y);
    int n = snprintf(claims, sizeof(claims),
                     "{\"jti\":\"%s\",\"htm\":\"POST\",\"htu\":\"%s\",\"iat\":%lld%s%s%s}",
                     jti, url, (long long)time(NULL),
                     nonce[0] == '\0' ? "" : ",\"nonce\":\"", nonce,
                     nonce[0] == '\0' ? "" : "\"");
    return h > 0 && (size_t)h < sizeof(header) && n > 0 && (size_t)n < sizeof(claims) &&
           jws(signer, header, claims, out, cap);
}
