#include "tests/unit/server/authenticator.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "server/crypto/digest.h"
#include "store/base/check.h"
#include "store/base/codec.h"

static void put(struct buf *out, const char *hex) {
    uint8_t bytes[64];
    size_t len = strlen(hex) / 2;

    CHECK(len <= sizeof bytes && hex_decode(span_str(hex), bytes, len) == OK);
    buf_put(out, bytes, len);
}

/* A CBOR byte string. */
static void put_bytes(struct buf *out, struct span bytes) {
    CHECK(bytes.len <= UINT16_MAX);
    put_u8(out, 0x59);
    put_u8(out, (uint8_t)(bytes.len >> 8));
    put_u8(out, (uint8_t)bytes.len);
    buf_put(out, bytes.data, bytes.len);
}

static void put_text(struct buf *out, const char *text) {
    CHECK(strlen(text) < 24);
    put_u8(out, (uint8_t)(0x60 + strlen(text)));
    buf_str(out, text);
}

void authenticator_init(struct authenticator *a, enum cose_alg alg) {
    *a = (struct authenticator){
        .alg = alg,
        .origin = "https://id.example",
        .rp_id = "id.example",
        .flags = WEBAUTHN_PRESENT | WEBAUTHN_VERIFIED,
    };
    for (size_t i = 0; i < sizeof a->id; i++)
        a->id[i] = (uint8_t)(i * 7 + 1);
    switch (alg) {
    case COSE_ES256:
        a->key = EVP_EC_gen("P-256");
        break;
    case COSE_RS256:
        a->key = EVP_RSA_gen(2048);
        break;
    case COSE_EDDSA:
        a->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    }
    CHECK(a->key != NULL);
}

void authenticator_close(struct authenticator *a) {
    EVP_PKEY_free(a->key);
    a->key = NULL;
}

void authenticator_answer_init(struct authenticator_answer *answer) {
    buf_init(&answer->client_data, 8192);
    buf_init(&answer->object, 16384);
    buf_init(&answer->auth_data, 8192);
    buf_init(&answer->signature, 1024);
}

void authenticator_answer_free(struct authenticator_answer *answer) {
    buf_free(&answer->client_data);
    buf_free(&answer->object);
    buf_free(&answer->auth_data);
    buf_free(&answer->signature);
}

static void put_number(struct buf *out, const EVP_PKEY *key, const char *name,
                       size_t len) {
    uint8_t bytes[512];
    BIGNUM *number = NULL;

    CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1 && len <= sizeof bytes);
    CHECK(BN_bn2binpad(number, bytes, (int)len) == (int)len);
    put_bytes(out, span_of(bytes, len));
    BN_free(number);
}

void authenticator_cose(const struct authenticator *a, struct buf *out) {
    uint8_t raw[32];
    size_t len = sizeof raw;

    switch (a->alg) {
    case COSE_ES256:
        put(out, "a501020326200121");
        put_number(out, a->key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
        put(out, "22");
        put_number(out, a->key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
        break;
    case COSE_RS256:
        put(out, "a401030339010020");
        put_number(out, a->key, OSSL_PKEY_PARAM_RSA_N, 256);
        put(out, "21");
        put_number(out, a->key, OSSL_PKEY_PARAM_RSA_E, 3);
        break;
    case COSE_EDDSA:
        CHECK(EVP_PKEY_get_raw_public_key(a->key, raw, &len) == 1 && len == 32);
        put(out, "a401010327200621");
        put_bytes(out, span_of(raw, len));
        break;
    }
}

static void put_head(const struct authenticator *a, uint8_t flags, struct buf *out) {
    uint8_t hash[32];

    digest_sha256(span_str(a->rp_id), hash);
    buf_put(out, hash, sizeof hash);
    put_u8(out, flags);
    for (int shift = 24; shift >= 0; shift -= 8)
        put_u8(out, (uint8_t)(a->sign_count >> shift));
}

void authenticator_attested(const struct authenticator *a, struct span cose,
                            struct buf *out) {
    static const uint8_t aaguid[WEBAUTHN_AAGUID] = {1, 2, 3};

    put_head(a, a->flags | WEBAUTHN_ATTESTED, out);
    buf_put(out, aaguid, sizeof aaguid);
    put_u8(out, 0);
    put_u8(out, sizeof a->id);
    buf_put(out, a->id, sizeof a->id);
    buf_put(out, cose.data, cose.len);
}

void authenticator_object(const struct authenticator *a, struct span auth_data,
                          struct buf *out) {
    put_u8(out, 0xa3);
    put_text(out, "fmt");
    put_text(out, a->format ? a->format : "none");
    put_text(out, "attStmt");
    if (a->format) { /* a statement that nobody looks at */
        put(out, "a1");
        put_text(out, "alg");
        put(out, "26");
    } else {
        put(out, "a0");
    }
    put_text(out, "authData");
    put_bytes(out, auth_data);
}

static void put_client_data(const struct authenticator *a, const char *type,
                            const uint8_t challenge[WEBAUTHN_CHALLENGE],
                            struct buf *out) {
    char text[64];

    base64url_encode(span_of(challenge, WEBAUTHN_CHALLENGE), text);
    buf_reset(out);
    buf_printf(out, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}",
               a->type ? a->type : type, text, a->origin, a->extra ? a->extra : "");
}

void authenticator_create(const struct authenticator *a,
                          const uint8_t challenge[WEBAUTHN_CHALLENGE],
                          struct authenticator_answer *answer) {
    struct buf cose;

    buf_init(&cose, 4096);
    put_client_data(a, "webauthn.create", challenge, &answer->client_data);
    authenticator_cose(a, &cose);
    buf_reset(&answer->auth_data);
    authenticator_attested(a, buf_span(&cose), &answer->auth_data);
    buf_reset(&answer->object);
    authenticator_object(a, buf_span(&answer->auth_data), &answer->object);
    CHECK(!buf_err(&cose) && !buf_err(&answer->object));
    buf_free(&cose);
}

void authenticator_sign(const struct authenticator *a,
                        struct authenticator_answer *answer) {
    uint8_t hash[32], signature[512];
    size_t len = sizeof signature;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    struct buf message;

    buf_init(&message, 8192);
    digest_sha256(buf_span(&answer->client_data), hash);
    buf_put(&message, answer->auth_data.data, answer->auth_data.len);
    buf_put(&message, hash, sizeof hash);
    CHECK(EVP_DigestSignInit(md, NULL, a->alg == COSE_EDDSA ? NULL : EVP_sha256(), NULL,
                             a->key) == 1);
    CHECK(EVP_DigestSign(md, signature, &len, message.data, message.len) == 1);
    EVP_MD_CTX_free(md);
    buf_free(&message);
    buf_reset(&answer->signature);
    buf_put(&answer->signature, signature, len);
}

void authenticator_get(const struct authenticator *a,
                       const uint8_t challenge[WEBAUTHN_CHALLENGE],
                       struct authenticator_answer *answer) {
    put_client_data(a, "webauthn.get", challenge, &answer->client_data);
    buf_reset(&answer->auth_data);
    put_head(a, a->flags, &answer->auth_data);
    authenticator_sign(a, answer);
}
