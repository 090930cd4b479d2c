/* webauthn: §7.1 and §7.2 of WebAuthn Level 3, check by check; the vector of §16.2. */
#include "server/crypto/webauthn.h"

#include "store/base/codec.h"
#include "tests/unit/server/authenticator.h"
#include "tests/unit/server/unit.h"

static const uint8_t CHALLENGE[WEBAUTHN_CHALLENGE] = {9, 8, 7};

static struct webauthn_expect expected(void) {
    struct webauthn_expect expect = {
        .origin = span_str("https://id.example"),
        .rp_id = span_str("id.example"),
        .verified = true,
    };

    memcpy(expect.challenge, CHALLENGE, sizeof CHALLENGE);
    return expect;
}

/* A passkey, registered, and its next answer. */
struct ceremony {
    struct authenticator passkey;
    struct authenticator_answer answer;
    struct webauthn_expect expect;
    struct buf key;
};

static void begin(struct ceremony *c, enum cose_alg alg) {
    authenticator_init(&c->passkey, alg);
    authenticator_answer_init(&c->answer);
    c->expect = expected();
    buf_init(&c->key, 1024);
    authenticator_cose(&c->passkey, &c->key);
}

static void end(struct ceremony *c) {
    authenticator_close(&c->passkey);
    authenticator_answer_free(&c->answer);
    buf_free(&c->key);
}

static enum webauthn_fault judged_new(struct ceremony *c,
                                      struct webauthn_credential *ret) {
    struct webauthn_attestation attestation = {
        .client_data = buf_span(&c->answer.client_data),
        .object = buf_span(&c->answer.object),
    };
    return webauthn_register(&c->expect, &attestation, ret);
}

static enum webauthn_fault create(struct ceremony *c) {
    struct webauthn_credential credential;

    authenticator_create(&c->passkey, CHALLENGE, &c->answer);
    return judged_new(c, &credential);
}

static enum webauthn_fault judged(struct ceremony *c, uint8_t flags) {
    struct webauthn_assertion assertion = {
        .client_data = buf_span(&c->answer.client_data),
        .auth_data = buf_span(&c->answer.auth_data),
        .signature = buf_span(&c->answer.signature),
    };
    uint32_t count;
    uint8_t now;

    return webauthn_assert(&c->expect, buf_span(&c->key), flags, &assertion, &count,
                           &now);
}

static enum webauthn_fault get(struct ceremony *c) {
    authenticator_get(&c->passkey, CHALLENGE, &c->answer);
    return judged(c, 0);
}

static void every_algorithm_registers_and_signs_in(void **state) {
    (void)state;
    for (size_t i = 0; i < COSE_ALGS; i++) {
        struct webauthn_credential credential;
        struct webauthn_assertion assertion;
        struct ceremony c;
        uint32_t count = 0;
        uint8_t flags = 0;

        begin(&c, cose_algs[i]);
        c.passkey.sign_count = 0x01020304;
        authenticator_create(&c.passkey, CHALLENGE, &c.answer);
        assert_int_equal(judged_new(&c, &credential), WEBAUTHN_FINE);
        assert_int_equal(credential.alg, cose_algs[i]);
        assert_int_equal(credential.sign_count, 0x01020304);
        assert_int_equal(credential.aaguid[2], 3);
        assert_memory_equal(credential.id.data, c.passkey.id, sizeof c.passkey.id);
        assert_int_equal(credential.id.len, sizeof c.passkey.id);
        assert_true(span_equal(credential.key, buf_span(&c.key)));

        c.passkey.sign_count++;
        authenticator_get(&c.passkey, CHALLENGE, &c.answer);
        assertion = (struct webauthn_assertion){buf_span(&c.answer.client_data),
                                                buf_span(&c.answer.auth_data),
                                                buf_span(&c.answer.signature)};
        assert_int_equal(webauthn_assert(&c.expect, buf_span(&c.key), credential.flags,
                                         &assertion, &count, &flags),
                         WEBAUTHN_FINE);
        assert_int_equal(count, 0x01020305);
        assert_int_equal(flags, WEBAUTHN_PRESENT | WEBAUTHN_VERIFIED);
        end(&c);
    }
}

/* One thing wrong each, in both ceremonies. */
static void what_differs_is_told(void **state) {
    static const struct {
        const char *type, *origin, *rp_id, *extra;
        uint8_t flags;
        enum webauthn_fault fault;
    } cases[] = {
        {"webauthn.other", 0, 0, 0, 5, WEBAUTHN_BAD_TYPE},
        {"payment.get", 0, 0, 0, 5, WEBAUTHN_BAD_TYPE},
        {0, "https://id.example:444", 0, 0, 5, WEBAUTHN_BAD_ORIGIN},
        {0, "http://id.example", 0, 0, 5, WEBAUTHN_BAD_ORIGIN},
        {0, "https://id.example.evil.test", 0, 0, 5, WEBAUTHN_BAD_ORIGIN},
        {0, "https://evil.test", 0, 0, 5, WEBAUTHN_BAD_ORIGIN},
        {0, 0, "evil.test", 0, 5, WEBAUTHN_BAD_RP},
        {0, 0, 0, ",\"crossOrigin\":true", 5, WEBAUTHN_CROSS_ORIGIN},
        {0, 0, 0, ",\"topOrigin\":\"https://evil.test\"", 5, WEBAUTHN_CROSS_ORIGIN},
        {0, 0, 0, ",\"crossOrigin\":\"no\"", 5, WEBAUTHN_BAD_CLIENT_DATA},
        {0, 0, 0, ",\"origin\":\"https://id.example\"", 5, WEBAUTHN_BAD_CLIENT_DATA},
        {0, 0, 0, 0, 4, WEBAUTHN_NOT_PRESENT},
        {0, 0, 0, 0, 1, WEBAUTHN_NOT_VERIFIED},
        {0, 0, 0, 0, 5 | WEBAUTHN_BACKED_UP, WEBAUTHN_BAD_BACKUP},
        {0, 0, 0, ",\"crossOrigin\":false,\"other_keys\":[1,{}]", 5, WEBAUTHN_FINE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ceremony c;

        begin(&c, COSE_ES256);
        c.passkey.type = cases[i].type;
        if (cases[i].origin)
            c.passkey.origin = cases[i].origin;
        if (cases[i].rp_id)
            c.passkey.rp_id = cases[i].rp_id;
        c.passkey.extra = cases[i].extra;
        c.passkey.flags = cases[i].flags;
        assert_int_equal(create(&c), cases[i].fault);
        assert_int_equal(get(&c), cases[i].fault);
        end(&c);
    }
}

static void one_ceremony_is_not_the_other(void **state) {
    struct ceremony c;

    (void)state;
    begin(&c, COSE_ES256);
    c.passkey.type = "webauthn.get";
    assert_int_equal(create(&c), WEBAUTHN_BAD_TYPE);
    c.passkey.type = "webauthn.create";
    assert_int_equal(get(&c), WEBAUTHN_BAD_TYPE);
    end(&c);
}

static void a_challenge_is_answered_exactly(void **state) {
    struct ceremony c;

    (void)state;
    begin(&c, COSE_ES256);
    c.expect.challenge[31] ^= 1;
    assert_int_equal(create(&c), WEBAUTHN_BAD_CHALLENGE);
    assert_int_equal(get(&c), WEBAUTHN_BAD_CHALLENGE);
    end(&c);
}

static void without_demand_nobody_need_be_verified(void **state) {
    struct ceremony c;

    (void)state;
    begin(&c, COSE_ES256);
    c.expect.verified = false;
    c.passkey.flags = WEBAUTHN_PRESENT;
    assert_int_equal(create(&c), WEBAUTHN_FINE);
    assert_int_equal(get(&c), WEBAUTHN_FINE);
    end(&c);
}

static void a_signature_covers_everything(void **state) {
    (void)state;
    for (size_t i = 0; i < COSE_ALGS; i++) {
        struct ceremony c, other;

        begin(&c, cose_algs[i]);
        begin(&other, cose_algs[i]);
        assert_int_equal(get(&c), WEBAUTHN_FINE);
        c.answer.auth_data.data[36]++; /* the counter */
        assert_int_equal(judged(&c, 0), WEBAUTHN_BAD_SIGNATURE);
        c.answer.auth_data.data[36]--;
        buf_str(&c.answer.client_data, " ");
        assert_int_equal(judged(&c, 0), WEBAUTHN_BAD_SIGNATURE);
        assert_int_equal(get(&c), WEBAUTHN_FINE);
        c.answer.signature.data[c.answer.signature.len - 1] ^= 1;
        assert_int_equal(judged(&c, 0), WEBAUTHN_BAD_SIGNATURE);
        buf_reset(&c.answer.signature);
        assert_int_equal(judged(&c, 0), WEBAUTHN_BAD_SIGNATURE);
        /* Another passkey's signature over the same. */
        assert_int_equal(get(&c), WEBAUTHN_FINE);
        authenticator_sign(&other.passkey, &c.answer);
        assert_int_equal(judged(&c, 0), WEBAUTHN_BAD_SIGNATURE);
        end(&c);
        end(&other);
    }
}

static void backup_eligibility_never_changes(void **state) {
    struct ceremony c;

    (void)state;
    begin(&c, COSE_ES256);
    c.passkey.flags |= WEBAUTHN_BACKUP_ELIGIBLE;
    authenticator_get(&c.passkey, CHALLENGE, &c.answer);
    assert_int_equal(judged(&c, 0), WEBAUTHN_BAD_BACKUP);
    assert_int_equal(judged(&c, WEBAUTHN_BACKUP_ELIGIBLE), WEBAUTHN_FINE);
    c.passkey.flags |= WEBAUTHN_BACKED_UP;
    authenticator_get(&c.passkey, CHALLENGE, &c.answer);
    assert_int_equal(judged(&c, WEBAUTHN_BACKUP_ELIGIBLE), WEBAUTHN_FINE);
    end(&c);
}

/* Around the good key: cut short, longer, of other kinds. */
static void attested(struct ceremony *c, struct span cose, struct span behind,
                     enum webauthn_fault fault) {
    struct webauthn_credential credential;

    authenticator_create(&c->passkey, CHALLENGE, &c->answer);
    buf_reset(&c->answer.auth_data);
    authenticator_attested(&c->passkey, cose, &c->answer.auth_data);
    buf_put(&c->answer.auth_data, behind.data, behind.len);
    buf_reset(&c->answer.object);
    authenticator_object(&c->passkey, buf_span(&c->answer.auth_data),
                         &c->answer.object);
    assert_int_equal(judged_new(c, &credential), fault);
}

static void authenticator_data_are_whole(void **state) {
    struct span none = span_of("", 0);
    struct ceremony c;

    (void)state;
    begin(&c, COSE_ES256);
    attested(&c, buf_span(&c.key), none, WEBAUTHN_FINE);
    for (size_t len = 0; len < c.key.len; len++)
        attested(&c, span_of(c.key.data, len), none, WEBAUTHN_BAD_AUTH_DATA);
    attested(&c, buf_span(&c.key), span_str("x"), WEBAUTHN_BAD_AUTH_DATA);
    /* Extensions: a map where the flag is set, and nothing else. */
    c.passkey.flags |= WEBAUTHN_EXTENDED;
    attested(&c, buf_span(&c.key), none, WEBAUTHN_BAD_AUTH_DATA);
    attested(&c, buf_span(&c.key), span_str("\xa1\x61\x61\xf5"), WEBAUTHN_FINE);
    attested(&c, buf_span(&c.key), span_str("\x81\xf5"), WEBAUTHN_BAD_AUTH_DATA);
    attested(&c, buf_span(&c.key), span_str("\xa1\x61\x61"), WEBAUTHN_BAD_AUTH_DATA);
    attested(&c, buf_span(&c.key), span_str("\xa1\x61\x61\xf5x"),
             WEBAUTHN_BAD_AUTH_DATA);
    end(&c);
}

static void a_point_off_the_curve_is_no_key(void **state) {
    struct ceremony c;

    (void)state;
    begin(&c, COSE_ES256);
    c.key.data[c.key.len - 1] ^= 1;
    attested(&c, buf_span(&c.key), span_of("", 0), WEBAUTHN_BAD_AUTH_DATA);
    end(&c);
}

/* kty, alg and crv belong together; nothing else stands in a key. */
static void keys_of_other_kinds_are_refused(void **state) {
    struct ceremony c;
    struct buf key;

    (void)state;
    begin(&c, COSE_ES256);
    buf_init(&key, 1024);
    for (size_t at = 2; at <= 6; at++) { /* kty, label 3, alg, label -1, crv */
        buf_reset(&key);
        buf_put(&key, c.key.data, c.key.len);
        key.data[at] ^= 1;
        attested(&c, buf_span(&key), span_of("", 0), WEBAUTHN_BAD_AUTH_DATA);
    }
    /* One more member: key_ops, and x twice. */
    for (size_t i = 0; i < 2; i++) {
        buf_reset(&key);
        buf_put(&key, c.key.data, c.key.len);
        key.data[0]++;
        buf_put(&key, i == 0 ? "\x04\x80" : "\x21\x41\x01", i == 0 ? 2 : 3);
        attested(&c, buf_span(&key), span_of("", 0), WEBAUTHN_BAD_AUTH_DATA);
    }
    buf_free(&key);
    end(&c);
}

static void weak_rsa_keys_are_refused(void **state) {
    struct ceremony c;

    (void)state;
    begin(&c, COSE_RS256);
    attested(&c, buf_span(&c.key), span_of("", 0), WEBAUTHN_FINE);
    c.key.data[11] &= 0x7f; /* n: fewer than 2048 bits */
    attested(&c, buf_span(&c.key), span_of("", 0), WEBAUTHN_BAD_AUTH_DATA);
    c.key.data[11] |= 0x80;
    c.key.data[c.key.len - 1] = 2; /* e is even */
    attested(&c, buf_span(&c.key), span_of("", 0), WEBAUTHN_BAD_AUTH_DATA);
    end(&c);
}

static void statements_are_passed_over_but_sound(void **state) {
    static const char *const bad[] = {
        "",
        "\xa0",
        "\xa3\x63" "fmt\x64" "none",                       /* cut short */
        "\xbf\x63" "fmt\x64" "none\xff",                   /* no definite length */
        "\xa3\x63" "fmt\x64" "none\x63" "fmt\x64" "none\x68" "authData\x41x", /* twice */
        "\x9b\xff\xff\xff\xff\xff\xff\xff\xff",            /* an immense array */
        "\xa3\x67" "attStmt\xbb\xff\xff\xff\xff\xff\xff\xff\xff", /* an immense map */
        "\xa3\x67" "attStmt\x81\x81\x81\x81\x81\x01",      /* too deep, not a map */
    };
    struct webauthn_credential credential;
    struct span auth_data;
    struct ceremony c;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(webauthn_attestation_object(span_str(bad[i]), &auth_data));
    begin(&c, COSE_ES256);
    c.passkey.format = "packed";
    assert_int_equal(create(&c), WEBAUTHN_FINE);
    buf_str(&c.answer.object, "x");
    assert_int_equal(judged_new(&c, &credential), WEBAUTHN_BAD_ATTESTATION);
    c.passkey.format = "none"; /* with a statement */
    assert_int_equal(create(&c), WEBAUTHN_BAD_ATTESTATION);
    end(&c);
}

static void client_data_are_bounded_json(void **state) {
    static const char *const bad[] = {"", "[]", "{}", "null", "{\"type\":1}", "{"};
    struct webauthn_expect expect = expected();
    static char big[WEBAUTHN_CLIENT_DATA_MAX + 1];

    (void)state;
    memset(big, ' ', sizeof big);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            webauthn_client_data(span_str(bad[i]), WEBAUTHN_GET, &expect),
            WEBAUTHN_BAD_CLIENT_DATA);
    assert_int_equal(
        webauthn_client_data(span_of(big, sizeof big), WEBAUTHN_GET, &expect),
        WEBAUTHN_BAD_CLIENT_DATA);
}

/* ---- WebAuthn Level 3 §16.2: "none" attestation with an ES256 credential */

#define COSE_HEX                                                                       \
    "a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26" \
    "df61225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220"
#define OBJECT_HEX                                                                     \
    "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360" \
    "d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff" \
    "6f3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4"       \
    COSE_HEX
#define CLIENT_DATA_HEX                                                                \
    "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e" \
    "55685158756c5455506f334a5558543049393770767a7a59425039745a63685879617630314167"   \
    "222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f" \
    "726967696e223a66616c73657d"
#define CHALLENGE_HEX "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408"
#define AUTH_DATA_HEX                                                                  \
    "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000"
#define SIGNATURE_HEX                                                                  \
    "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd38022100" \
    "8480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87"

static struct span unhex(const char *hex, uint8_t out[512]) {
    size_t len = strlen(hex) / 2;

    assert_true(len <= 512);
    assert_int_equal(hex_decode(span_str(hex), out, len), OK);
    return span_of(out, len);
}

static void the_vector_of_the_standard_is_taken(void **state) {
    uint8_t object[512], client[512], data[512], signature[512], key[512], bytes[512];
    struct webauthn_expect expect = {.origin = span_str("https://example.org"),
                                     .rp_id = span_str("example.org")};
    struct webauthn_auth_data made;
    struct span auth_data;
    struct webauthn_assertion assertion = {
        .client_data = unhex(CLIENT_DATA_HEX, client),
        .auth_data = unhex(AUTH_DATA_HEX, data),
        .signature = unhex(SIGNATURE_HEX, signature),
    };
    uint32_t count;
    uint8_t flags;

    (void)state;
    memcpy(expect.challenge, unhex(CHALLENGE_HEX, bytes).data, WEBAUTHN_CHALLENGE);
    assert_true(webauthn_attestation_object(unhex(OBJECT_HEX, object), &auth_data));
    assert_true(webauthn_auth_data(auth_data, &made));
    assert_true(span_equal(made.credential.key, unhex(COSE_HEX, key)));
    assert_int_equal(made.flags, WEBAUTHN_PRESENT | WEBAUTHN_BACKUP_ELIGIBLE |
                                     WEBAUTHN_BACKED_UP | WEBAUTHN_ATTESTED);
    assert_int_equal(webauthn_assert(&expect, made.credential.key, made.flags,
                                     &assertion, &count, &flags),
                     WEBAUTHN_FINE);
    signature[20] ^= 1;
    assert_int_equal(webauthn_assert(&expect, made.credential.key, made.flags,
                                     &assertion, &count, &flags),
                     WEBAUTHN_BAD_SIGNATURE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_registers_and_signs_in),
        cmocka_unit_test(what_differs_is_told),
        cmocka_unit_test(one_ceremony_is_not_the_other),
        cmocka_unit_test(a_challenge_is_answered_exactly),
        cmocka_unit_test(without_demand_nobody_need_be_verified),
        cmocka_unit_test(a_signature_covers_everything),
        cmocka_unit_test(backup_eligibility_never_changes),
        cmocka_unit_test(authenticator_data_are_whole),
        cmocka_unit_test(a_point_off_the_curve_is_no_key),
        cmocka_unit_test(keys_of_other_kinds_are_refused),
        cmocka_unit_test(weak_rsa_keys_are_refused),
        cmocka_unit_test(statements_are_passed_over_but_sound),
        cmocka_unit_test(client_data_are_bounded_json),
        cmocka_unit_test(the_vector_of_the_standard_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
