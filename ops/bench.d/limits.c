/* limits: what one core can do of the costly cryptography that sign-ins need.
 *
 *   bench_limits SECONDS
 *
 * Prints one JSON object: per second and core, ES256 and RS256 (2048 bit)
 * signatures and verifications by OpenSSL, argon2id of the server's cost (19 MiB,
 * t = 2, p = 1) by libsodium. Pin it with taskset. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_LEN 600 /* about an ID token's header and payload */
#define ARGON_MEMORY ((size_t)19 * 1024 * 1024)
#define ARGON_PASSES 2

struct signer {
    EVP_PKEY *key;
    unsigned char message[MESSAGE_LEN];
    unsigned char signature[512];
    size_t signature_len;
};

static double now_s(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "bench_limits: %s failed\n", what);
    exit(1);
}

static void sign(void *arg) {
    struct signer *signer = arg;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    signer->signature_len = sizeof(signer->signature);
    if (md == NULL ||
        EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, signer->key) != 1 ||
        EVP_DigestSign(md, signer->signature, &signer->signature_len, signer->message,
                       MESSAGE_LEN) != 1) {
        fail("signing");
    }
    EVP_MD_CTX_free(md);
}

static void verify(void *arg) {
    struct signer *signer = arg;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md == NULL ||
        EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, signer->key) != 1 ||
        EVP_DigestVerify(md, signer->signature, signer->signature_len, signer->message,
                         MESSAGE_LEN) != 1) {
        fail("verifying");
    }
    EVP_MD_CTX_free(md);
}

static void hash(void *arg) {
    char out[crypto_pwhash_STRBYTES];
    const char *password = arg;
    if (crypto_pwhash_str(out, password, strlen(password), ARGON_PASSES,
                          ARGON_MEMORY) != 0) {
        fail("argon2id");
    }
}

static double rate(void (*work)(void *arg), void *arg, double seconds) {
    double start = now_s();
    double now = start;
    unsigned long count = 0;
    while (now - start < seconds) {
        work(arg);
        count++;
        now = now_s();
    }
    return (double)count / (now - start);
}

static void rates_of(const char *name, EVP_PKEY *key, double seconds) {
    struct signer signer = {.key = key};
    if (key == NULL) {
        fail("making a key");
    }
    double signs = rate(sign, &signer, seconds);
    printf("\"%s_sign\":%.0f,\"%s_verify\":%.0f,", name, signs, name,
           rate(verify, &signer, seconds));
    EVP_PKEY_free(key);
}

int main(int argc, char **argv) {
    char *end = argc == 2 ? argv[1] : NULL;
    double seconds = argc == 2 ? strtod(argv[1], &end) : 0;
    if (argc != 2 || *end != '\0' || seconds <= 0 || seconds > 60 ||
        sodium_init() < 0) {
        fprintf(stderr, "bench_limits SECONDS (up to 60, for each of five)\n");
        return 2;
    }
    printf("{");
    rates_of("es256", EVP_EC_gen("P-256"), seconds);
    rates_of("rs256", EVP_RSA_gen(2048), seconds);
    char password[] = "correct horse battery staple";
    printf("\"argon2id\":%.1f}\n", rate(hash, password, seconds));
    return 0;
}
