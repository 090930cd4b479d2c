#include "server/crypto/client_cert.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/codec.h"

#define SUBJECT_TEXT_MAX 1024

/* ---- self-signed */

/* The first certificate of a JWK (RFC 7517 §4.7: base64 with padding). */
static bool same_certificate(const json_t *jwk, struct span der) {
    const json_t *text = json_array_get(json_object_get(jwk, "x5c"), 0);
    size_t len = json_string_length(text);
    uint8_t bytes[LIMIT_CLIENT_CERT + 3];
    int decoded;

    if (!json_is_string(text) || len % 4 != 0 || len == 0 || len / 4 * 3 > sizeof bytes)
        return false;
    decoded =
        EVP_DecodeBlock(bytes, (const uint8_t *)json_string_value(text), (int)len);
    for (size_t i = 1; i <= 2 && decoded > 0; i++)
        decoded -= json_string_value(text)[len - i] == '=' ? 1 : 0;
    return decoded > 0 && (size_t)decoded == der.len &&
           memcmp(bytes, der.data, der.len) == 0;
}

bool client_cert_registered(struct span der, struct span jwks) {
    json_t *set =
        json_loadb((const char *)jwks.data, jwks.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(set, "keys");
    bool found = false;

    for (size_t i = 0; i < json_array_size(keys) && der.len > 0; i++)
        found = found || same_certificate(json_array_get(keys, i), der);
    json_decref(set);
    return found;
}

/* ---- issued by an authority */

struct client_ca {
    X509_STORE *store;
};

enum err client_ca_open(const char *path, struct client_ca **ret_ca) {
    struct client_ca *ca = calloc(1, sizeof *ca);

    if (!ca)
        return ERR_NOMEM;
    ca->store = X509_STORE_new();
    if (!ca->store || X509_STORE_load_file(ca->store, path) != 1) {
        ERR_clear_error();
        client_ca_free(ca);
        return ERR_CONFIG;
    }
    *ret_ca = ca;
    return OK;
}

void client_ca_free(struct client_ca *ca) {
    if (ca)
        X509_STORE_free(ca->store);
    free(ca);
}

/* As many as are whole; NULL: none, or no memory. */
static STACK_OF(X509) *read_chain(struct span chain) {
    STACK_OF(X509) *certs = sk_X509_new_null();
    const uint8_t *at = chain.data, *end = at + chain.len;

    while (certs && at < end && sk_X509_num(certs) < CLIENT_CHAIN_MAX) {
        X509 *cert = d2i_X509(NULL, &at, (long)(end - at));

        if (!cert || sk_X509_push(certs, cert) == 0) {
            X509_free(cert);
            break;
        }
    }
    return certs;
}

static bool chain_good(const struct client_ca *ca, X509 *cert,
                       STACK_OF(X509) * between, int64_t now_s) {
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good = false;

    if (ctx && X509_STORE_CTX_init(ctx, ca->store, cert, between) == 1) {
        X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
        X509_STORE_CTX_set_time(ctx, 0, (time_t)now_s);
        good = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

static bool has_name(const X509 *cert, const char *wanted) {
    char text[SUBJECT_TEXT_MAX];
    BIO *out = BIO_new(BIO_s_mem());
    int len = -1;

    if (out && X509_NAME_print_ex(out, X509_get_subject_name(cert), 0,
                                  XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        len = BIO_read(out, text, sizeof text);
    BIO_free(out);
    return len > 0 && (size_t)len == strlen(wanted) &&
           memcmp(text, wanted, (size_t)len) == 0;
}

static bool same_string(const ASN1_STRING *string, const char *wanted) {
    return (size_t)ASN1_STRING_length(string) == strlen(wanted) &&
           memcmp(ASN1_STRING_get0_data(string), wanted, strlen(wanted)) == 0;
}

static bool same_ip(const ASN1_STRING *string, const char *wanted) {
    uint8_t bytes[16];
    int len = inet_pton(AF_INET, wanted, bytes) == 1    ? 4
              : inet_pton(AF_INET6, wanted, bytes) == 1 ? 16
                                                        : 0;

    return len > 0 && ASN1_STRING_length(string) == len &&
           memcmp(ASN1_STRING_get0_data(string), bytes, (size_t)len) == 0;
}

static const struct {
    const char *prefix;
    int type; /* of GENERAL_NAME; -1: the subject itself */
} forms[] = {{"dn:", -1},
             {"dns:", GEN_DNS},
             {"uri:", GEN_URI},
             {"ip:", GEN_IPADD},
             {"email:", GEN_EMAIL}};
#define FORMS (sizeof forms / sizeof forms[0])

/* FORMS: none of them. */
static size_t form_of(struct span subject) {
    for (size_t i = 0; i < FORMS; i++) {
        size_t len = strlen(forms[i].prefix);

        if (subject.len > len && memcmp(subject.data, forms[i].prefix, len) == 0)
            return i;
    }
    return FORMS;
}

bool client_cert_subject_valid(struct span subject) {
    return form_of(subject) < FORMS;
}

static bool has_alternative(const X509 *cert, int type, const char *wanted) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == type && type == GEN_IPADD)
            found = found || same_ip(name->d.iPAddress, wanted);
        else if (name->type == type)
            found = found || same_string(name->d.ia5, wanted);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool has_subject(const X509 *cert, const char *subject) {
    size_t form = form_of(span_str(subject));
    const char *wanted;

    if (form == FORMS)
        return false;
    wanted = subject + strlen(forms[form].prefix);
    return forms[form].type < 0 ? has_name(cert, wanted)
                                : has_alternative(cert, forms[form].type, wanted);
}

bool client_cert_issued(const struct client_ca *ca, struct span der, struct span chain,
                        const char *subject, int64_t now_s) {
    STACK_OF(X509) * between;
    const uint8_t *at = der.data;
    X509 *cert;
    bool good;

    if (!ca || der.len == 0 || der.len > LIMIT_CLIENT_CERT ||
        chain.len > LIMIT_CLIENT_CHAIN)
        return false;
    cert = d2i_X509(NULL, &at, (long)der.len);
    between = read_chain(chain);
    good = cert && at == der.data + der.len && has_subject(cert, subject) &&
           chain_good(ca, cert, between, now_s);
    sk_X509_pop_free(between, X509_free);
    X509_free(cert);
    ERR_clear_error();
    return good;
}

/* The common name's text, whole, in UTF-8. */
static bool common_name(const X509 *cert, char out[CLIENT_CERT_NAME + 1]) {
    X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const ASN1_STRING *value =
        at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    unsigned char *text = NULL;
    int len = value ? ASN1_STRING_to_UTF8(&text, value) : -1;
    bool ok = len > 0 && len <= CLIENT_CERT_NAME && utf8_valid(span_of(text, (size_t)len));

    for (int i = 0; ok && i < len; i++)
        ok = text[i] >= ' ' && text[i] != 127;
    if (ok) {
        memcpy(out, text, (size_t)len);
        out[len] = '\0';
    }
    OPENSSL_free(text);
    return ok;
}

void client_cert_name(struct span der, char out[CLIENT_CERT_NAME + 1]) {
    const unsigned char *at = der.data;
    X509 *cert = der.len <= LIMIT_CLIENT_CERT ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    BIGNUM *serial = NULL;
    char *digits = NULL;

    snprintf(out, CLIENT_CERT_NAME + 1, "unreadable");
    if (cert && !common_name(cert, out)) {
        serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
        digits = serial ? BN_bn2hex(serial) : NULL;
        if (digits && strlen(digits) + sizeof "serial:" <= CLIENT_CERT_NAME + 1)
            snprintf(out, CLIENT_CERT_NAME + 1, "serial:%s", digits);
    }
    OPENSSL_free(digits);
    BN_free(serial);
    X509_free(cert);
    ERR_clear_error();
}
