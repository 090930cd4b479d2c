#include "tests/unit/raft/repl_pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/base/check.h"
#include "store/base/codec.h"

struct repl_pki {
    EVP_PKEY *key;
    X509 *cert;
};

static long next_serial = 1;

static void write_cert(X509 *cert, const char *path) {
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && PEM_write_X509(file, cert) == 1 && fclose(file) == 0);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CHECK(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *new_cert(EVP_PKEY *key, const char *name, long days) {
    X509 *cert = X509_new();
    CHECK(cert != NULL && X509_set_version(cert, 2) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), next_serial++) == 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -10L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), days * 86400);
    CHECK(X509_set_pubkey(cert, key) == 1);
    X509_NAME *subject = X509_get_subject_name(cert);
    CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                     (const unsigned char *)name, -1, -1, 0) == 1);
    return cert;
}

struct repl_pki *repl_pki_new(void) {
    struct repl_pki *pki = calloc(1, sizeof(*pki));
    CHECK(pki != NULL);
    pki->key = EVP_EC_gen("P-256");
    CHECK(pki->key != NULL);
    pki->cert = new_cert(pki->key, "Test CA", 30);
    CHECK(X509_set_issuer_name(pki->cert, X509_get_subject_name(pki->cert)) == 1);
    add_extension(pki->cert, pki->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(pki->cert, pki->cert, NID_key_usage, "critical,keyCertSign");
    add_extension(pki->cert, pki->cert, NID_subject_key_identifier, "hash");
    CHECK(X509_sign(pki->cert, pki->key, EVP_sha256()) > 0);
    return pki;
}

void repl_pki_free(struct repl_pki *pki) {
    EVP_PKEY_free(pki->key);
    X509_free(pki->cert);
    free(pki);
}

void repl_pki_write_ca(const struct repl_pki *pki, const char *path) {
    write_cert(pki->cert, path);
}

void repl_pki_issue(const struct repl_pki *pki, struct id128 cluster_id,
                    uint64_t node_id, int days, const char *cert_path,
                    const char *key_path) {
    char hex[33];
    char name[128];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(key != NULL);
    X509 *cert = new_cert(key, "Test node", days);
    CHECK(X509_set_issuer_name(cert, X509_get_subject_name(pki->cert)) == 1);
    hex_encode(span_of(cluster_id.b, sizeof(cluster_id.b)), hex);
    snprintf(name, sizeof(name), "URI:tasuki://%s/node/%llu", hex,
             (unsigned long long)node_id);
    add_extension(cert, pki->cert, NID_subject_alt_name, name);
    add_extension(cert, pki->cert, NID_authority_key_identifier, "keyid");
    CHECK(X509_sign(cert, pki->key, EVP_sha256()) > 0);
    write_cert(cert, cert_path);
    FILE *file = fopen(key_path, "w");
    CHECK(file != NULL &&
          PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
          fclose(file) == 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}
