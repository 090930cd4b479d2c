#include <stdbool.h>

#include "tests/unit/http/certs.h"
#include "tests/unit/http/unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static EVP_PKEY *ca_key;
static X509 *ca;

static void set_name(X509_NAME *name, const char *text) {
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)text, -1, -1, 0),
                     1);
}

static void add_extension(X509 *cert, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* `issuer` NULL: signs itself. `san` NULL: a CA. */
static X509 *make(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *san,
                  long serial) {
    X509 *cert = X509_new();
    assert_non_null(cert);
    assert_int_equal(X509_set_version(cert, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    set_name(X509_get_subject_name(cert), san == NULL ? "test CA" : "test");
    const X509 *signer = issuer != NULL ? issuer : cert;
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(signer)), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    if (san == NULL) {
        add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    } else {
        add_extension(cert, NID_subject_alt_name, san);
    }
    assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
}

static FILE *create(const char *folder, const char *name) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void write_cert(const char *folder, const char *name, X509 *cert) {
    FILE *file = create(folder, name);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    assert_int_equal(fclose(file), 0);
}

void certs_write_server(const char *folder, long serial) {
    if (ca == NULL) {
        ca_key = EVP_EC_gen("P-256");
        ca = make(ca_key, NULL, ca_key, NULL, 1);
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make(key, ca, ca_key, "DNS:id.test", serial);
    write_cert(folder, "ca.pem", ca);
    write_cert(folder, "server.pem", cert);
    FILE *file = create(folder, "server.key");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

SSL_CTX *certs_client(const char *uri, bool foreign) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    if (uri == NULL) {
        return ctx;
    }
    char san[256];
    snprintf(san, sizeof(san), "URI:%s", uri);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509 *cert = make(key, ca, foreign ? other : ca_key, san, 3);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return ctx;
}

void certs_forget(void) {
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    ca = NULL;
    ca_key = NULL;
}
