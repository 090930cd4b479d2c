#include "server/crypto/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "store/base/check.h"
#include "store/base/codec.h"

/* Fetched once: an implicit fetch on every call costs more than the hash. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(sha256 != NULL);
}

void digest_sha256(struct span in, uint8_t out[32]) {
    unsigned len = 0;

    CHECK(pthread_once(&sha256_once, fetch_sha256) == 0);
    CHECK(EVP_Digest(in.len > 0 ? (const void *)in.data : "", in.len, out, &len, sha256,
                     NULL) == 1);
    CHECK(len == 32);
}

struct digest_stream {
    EVP_MD_CTX *ctx;
};

struct digest_stream *digest_stream_new(void) {
    struct digest_stream *stream = calloc(1, sizeof *stream);

    CHECK(stream != NULL);
    CHECK(pthread_once(&sha256_once, fetch_sha256) == 0);
    stream->ctx = EVP_MD_CTX_new();
    CHECK(stream->ctx != NULL && EVP_DigestInit_ex(stream->ctx, sha256, NULL) == 1);
    return stream;
}

void digest_stream_add(struct digest_stream *stream, struct span in) {
    CHECK(EVP_DigestUpdate(stream->ctx, in.data, in.len) == 1);
}

void digest_stream_end(struct digest_stream *stream, uint8_t out[32]) {
    unsigned len = 0;

    CHECK(EVP_DigestFinal_ex(stream->ctx, out, &len) == 1 && len == 32);
    EVP_MD_CTX_free(stream->ctx);
    free(stream);
}

void digest_at_hash(struct span access_token, char out[DIGEST_AT_HASH_SIZE]) {
    uint8_t hash[32];

    digest_sha256(access_token, hash);
    base64url_encode(span_of(hash, 16), out);
}

void digest_hmac_sha1(struct span key, struct span in, uint8_t out[20]) {
    size_t len = 0;

    CHECK(EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, key.data, key.len, in.data,
                    in.len, out, 20, &len) != NULL);
    CHECK(len == 20);
}
