/* client_cert: certificates that are registered, and those that an authority issued. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "server/crypto/client_cert.h"
#include "tests/unit/server/unit.h"

#define NOW 1750000000

static const struct span none = {NULL, 0};

struct made {
    X509 *cert;
    EVP_PKEY *key;
    uint8_t der[2048];
    size_t der_len;
};

static void extend(X509 *cert, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* By itself when there is no issuer. Good for an hour around NOW. */
static struct made make_as(const char *name, const char *san, const struct made *issuer,
                           bool authority) {
    struct made made = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};
    X509_NAME *subject = X509_NAME_new();
    uint8_t *at = made.der;
    static long serial = 1;

    assert_true(made.cert && made.key && subject);
    X509_set_version(made.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial++);
    ASN1_TIME_set(X509_getm_notBefore(made.cert), NOW - 1800);
    ASN1_TIME_set(X509_getm_notAfter(made.cert), NOW + 1800);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const uint8_t *)"例", -1,
                               -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1,
                               -1, 0);
    X509_set_subject_name(made.cert, subject);
    X509_set_issuer_name(made.cert,
                         issuer ? X509_get_subject_name(issuer->cert) : subject);
    X509_set_pubkey(made.cert, made.key);
    extend(made.cert, NID_basic_constraints,
           authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (san)
        extend(made.cert, NID_subject_alt_name, san);
    assert_true(X509_sign(made.cert, issuer ? issuer->key : made.key, EVP_sha256()) >
                0);
    made.der_len = (size_t)i2d_X509(made.cert, &at);
    assert_true(made.der_len > 0 && made.der_len <= sizeof made.der);
    X509_NAME_free(subject);
    return made;
}

static struct made make(const char *name, const char *san, const struct made *issuer) {
    return make_as(name, san, issuer, issuer == NULL);
}

static void made_free(struct made *made) {
    X509_free(made->cert);
    EVP_PKEY_free(made->key);
}

static struct span der_of(const struct made *made) {
    return span_of(made->der, made->der_len);
}

static struct client_ca *authority(const struct made *ca) {
    char path[] = "/tmp/tasuki-ca-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct client_ca *opened;

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, ca->cert), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(client_ca_open(path, &opened), OK);
    unlink(path);
    return opened;
}

static void issued_certificates(void **state) {
    struct made root = make("root", NULL, NULL), other = make("other", NULL, NULL);
    struct made leaf = make("rp",
                            "DNS:rp.example,URI:https://rp.example/x,IP:192.0.2.7,"
                            "email:a@rp.example",
                            &root);
    struct client_ca *ca = authority(&root), *stranger = authority(&other);
    static const char *const good[] = {"dns:rp.example", "uri:https://rp.example/x",
                                       "ip:192.0.2.7", "email:a@rp.example",
                                       "dn:CN=rp,O=例"};
    static const char *const bad[] = {"dns:rp.exampl",
                                      "dns:*.example",
                                      "uri:rp.example",
                                      "ip:192.0.2.8",
                                      "dn:CN=rp",
                                      "rp.example",
                                      ""};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(client_cert_issued(ca, der_of(&leaf), none, good[i], NOW));
        assert_false(client_cert_issued(stranger, der_of(&leaf), none, good[i], NOW));
        assert_false(client_cert_issued(NULL, der_of(&leaf), none, good[i], NOW));
        assert_false(client_cert_issued(ca, der_of(&leaf), none, good[i], NOW + 3600));
        assert_false(client_cert_issued(ca, der_of(&leaf), none, good[i], NOW - 3600));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(client_cert_issued(ca, der_of(&leaf), none, bad[i], NOW));
    for (size_t len = 0; len < leaf.der_len; len++)
        assert_false(
            client_cert_issued(ca, span_of(leaf.der, len), none, "dns:rp.example", NOW));
    client_ca_free(ca);
    client_ca_free(stranger);
    made_free(&leaf);
    made_free(&root);
    made_free(&other);
}

/* A certificate whose issuer is no authority of ours, but was issued by one. */
static void intermediates(void **state) {
    struct made root = make("root", NULL, NULL), other = make("other", NULL, NULL);
    struct made first = make_as("first", NULL, &root, true);
    struct made second = make_as("second", NULL, &first, true);
    struct made plain = make_as("plain", NULL, &root, false);
    struct made leaf = make("rp", "DNS:rp.example", &second);
    struct made false_leaf = make("rp", "DNS:rp.example", &plain);
    struct made stranger = make("rp", "DNS:rp.example", &other);
    struct client_ca *ca = authority(&root);
    uint8_t chain[4096];
    size_t len = second.der_len + first.der_len;

    (void)state;
    memcpy(chain, second.der, second.der_len);
    memcpy(chain + second.der_len, first.der, first.der_len);
    assert_true(client_cert_issued(ca, der_of(&leaf), span_of(chain, len),
                                   "dns:rp.example", NOW));
    assert_false(client_cert_issued(ca, der_of(&leaf), none, "dns:rp.example", NOW));
    assert_false(
        client_cert_issued(ca, der_of(&leaf), der_of(&second), "dns:rp.example", NOW));
    for (size_t cut = 0; cut < len; cut++) /* never taken with a part of it */
        assert_false(client_cert_issued(ca, der_of(&leaf), span_of(chain, cut),
                                        "dns:rp.example", NOW));
    /* What a client sends is no authority, and one that may not issue cannot. */
    assert_false(client_cert_issued(ca, der_of(&stranger), der_of(&other),
                                    "dns:rp.example", NOW));
    assert_false(client_cert_issued(ca, der_of(&false_leaf), der_of(&plain),
                                    "dns:rp.example", NOW));
    client_ca_free(ca);
    struct made *all[] = {&root,  &other,      &first,   &second,
                          &plain, &leaf, &false_leaf, &stranger};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
}

static void registered_certificates(void **state) {
    struct made one = make("one", NULL, NULL), two = make("two", NULL, NULL);
    char text[4096], jwks[8192];

    (void)state;
    EVP_EncodeBlock((uint8_t *)text, one.der, (int)one.der_len);
    snprintf(jwks, sizeof jwks, "{\"keys\":[{\"kty\":\"EC\"},{\"x5c\":[\"%s\"]}]}",
             text);
    assert_true(client_cert_registered(der_of(&one), span_str(jwks)));
    assert_false(client_cert_registered(der_of(&two), span_str(jwks)));
    assert_false(client_cert_registered(span_of(NULL, 0), span_str(jwks)));
    assert_false(client_cert_registered(der_of(&one), span_str("")));
    assert_false(client_cert_registered(
        der_of(&one), span_str("{\"keys\":[{\"x5c\":[\"!!!!\"]},{\"x5c\":\"A\"}]}")));
    made_free(&one);
    made_free(&two);
}

static void subjects(void **state) {
    (void)state;
    assert_true(client_cert_subject_valid(span_str("dn:CN=x")));
    assert_true(client_cert_subject_valid(span_str("ip:::1")));
    assert_false(client_cert_subject_valid(span_str("dns:")));
    assert_false(client_cert_subject_valid(span_str("CN=x")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issued_certificates),
        cmocka_unit_test(intermediates),
        cmocka_unit_test(registered_certificates),
        cmocka_unit_test(subjects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
