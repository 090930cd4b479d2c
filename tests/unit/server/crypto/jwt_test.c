#include "tests/unit/server/unit.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>

#include "server/crypto/digest.h"
#include "server/crypto/jwt.h"
#include "store/base/codec.h"

#define CLAIMS "{\"iss\":\"https://op.example/oauth/\",\"sub\":\"abc\",\"exp\":1}"

struct fixture {
    struct keyring *keyring;
    struct sealer *sealer;
    struct arena arena;
    struct signing_key rows[2]; /* RS256, ES256 */
    struct jwt_keys *keys;
};

static int setup(void **state) {
    static struct fixture fixture;
    uint8_t key[32] = {42};

    arena_init(&fixture.arena, 1 << 20);
    assert_int_equal(keyring_from_bytes(key, &fixture.keyring), OK);
    assert_int_equal(sealer_new(fixture.keyring, &port_system_random, &fixture.sealer),
                     OK);
    assert_int_equal(
        jwt_key_generate(KEY_RS256, fixture.sealer, &fixture.arena, &fixture.rows[0]),
        OK);
    assert_int_equal(
        jwt_key_generate(KEY_ES256, fixture.sealer, &fixture.arena, &fixture.rows[1]),
        OK);
    assert_int_equal(jwt_keys_from_rows(fixture.rows, 2, fixture.sealer, &fixture.keys),
                     OK);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;

    jwt_keys_unref(fixture->keys);
    sealer_free(fixture->sealer);
    keyring_free(fixture->keyring);
    arena_close(&fixture->arena);
    return 0;
}

static void put_part(struct buf *out, struct span bytes) {
    char *text = malloc(base64url_len(bytes.len) + 1);

    assert_non_null(text);
    buf_put(out, text, base64url_encode(bytes, text));
    free(text);
}

static enum err verify(struct fixture *fixture, struct span token) {
    struct arena arena;
    struct span claims;
    enum err err;

    arena_init(&arena, 1 << 20);
    err = jwt_verify(fixture->keys, token, "JWT", &arena, &claims);
    arena_close(&arena);
    return err;
}

/* A token of these parts with no honest signature. */
static enum err verify_parts(struct fixture *fixture, const char *header,
                             const char *claims, struct span signature) {
    struct buf token;
    enum err err;

    buf_init(&token, 1 << 20);
    put_part(&token, span_str(header));
    buf_str(&token, ".");
    put_part(&token, span_str(claims));
    buf_str(&token, ".");
    put_part(&token, signature);
    assert_int_equal(buf_err(&token), OK);
    err = verify(fixture, buf_span(&token));
    buf_free(&token);
    return err;
}

static void signs_and_verifies(void **state) {
    struct fixture *fixture = *state;
    static const enum key_alg algs[] = {KEY_RS256, KEY_ES256};

    for (size_t i = 0; i < 2; i++) {
        struct buf token;
        struct arena arena;
        struct span claims;

        buf_init(&token, LIMIT_JWT);
        arena_init(&arena, 1 << 20);
        assert_int_equal(
            jwt_sign(fixture->keys, algs[i], 0, "JWT", span_str(CLAIMS), &token), OK);
        assert_int_equal(
            jwt_verify(fixture->keys, buf_span(&token), "JWT", &arena, &claims), OK);
        assert_span(claims, CLAIMS);
        buf_free(&token);
        arena_close(&arena);
    }
}

/* Every other byte string than the one that was signed is refused. */
static void refuses_changed_tokens(void **state) {
    struct fixture *fixture = *state;
    struct buf token;

    buf_init(&token, LIMIT_JWT);
    assert_int_equal(
        jwt_sign(fixture->keys, KEY_ES256, 0, "JWT", span_str(CLAIMS), &token), OK);
    for (size_t i = 0; i < token.len; i++) {
        uint8_t old = token.data[i];

        token.data[i] = old == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(fixture, buf_span(&token)), OK);
        token.data[i] = old;
    }
    for (size_t len = 0; len < token.len; len++)
        assert_int_not_equal(verify(fixture, span_of(token.data, len)), OK);
    buf_str(&token, ".");
    assert_int_equal(verify(fixture, buf_span(&token)), ERR_INVALID);
    token.data[token.len - 1] = '=';
    assert_int_equal(verify(fixture, buf_span(&token)), ERR_INVALID);
    token.data[token.len - 1] = 'A';
    assert_int_not_equal(verify(fixture, buf_span(&token)), OK);
    buf_free(&token);
}

/* cjose's decoder has an assertion on padding where none can be. */
static void refuses_padding_anywhere(void **state) {
    struct fixture *fixture = *state;
    struct buf token;

    buf_init(&token, LIMIT_JWT);
    assert_int_equal(
        jwt_sign(fixture->keys, KEY_ES256, 0, "JWT", span_str(CLAIMS), &token), OK);
    for (size_t i = 0; i < token.len; i++) {
        uint8_t old = token.data[i];

        token.data[i] = '=';
        assert_int_not_equal(verify(fixture, buf_span(&token)), OK);
        token.data[i] = old;
    }
    buf_free(&token);
}

static char *header_of(const char *format, const char *kid) {
    static char header[512];

    snprintf(header, sizeof(header), format, kid);
    return header;
}

/* SECURITY C02: what headers must not be able to do. */
static void refuses_headers(void **state) {
    struct fixture *fixture = *state;
    const char *rsa = fixture->rows[0].kid;
    static const struct {
        const char *format; /* %s: the kid of the RSA key */
        enum err err;
    } rows[] = {
        {"{\"alg\":\"none\",\"kid\":\"%s\"}", ERR_FORGED},
        {"{\"alg\":\"nOnE\",\"kid\":\"%s\"}", ERR_FORGED},
        {"{\"alg\":\"\",\"kid\":\"%s\"}", ERR_FORGED},
        {"{\"alg\":\"HS256\",\"kid\":\"%s\"}", ERR_FORGED},
        {"{\"alg\":\"ES256\",\"kid\":\"%s\"}", ERR_FORGED},
        {"{\"alg\":\"PS256\",\"kid\":\"%s\"}", ERR_FORGED},
        {"{\"alg\":\"RS512\",\"kid\":\"%s\"}", ERR_FORGED},
        {"{\"alg\":\"RS256\\u0000\",\"kid\":\"%s\"}", ERR_INVALID},
        {"{\"alg\":[\"RS256\"],\"kid\":\"%s\"}", ERR_INVALID},
        {"{\"alg\":null,\"kid\":\"%s\"}", ERR_INVALID},
        {"{\"kid\":\"%s\"}", ERR_INVALID},
        {"{\"alg\":\"RS256\"}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}", ERR_FORGED},
        {"{\"alg\":\"RS256\",\"kid\":\"' OR 1=1 --\"}", ERR_FORGED},
        {"{\"alg\":\"RS256\",\"kid\":\"\"}", ERR_FORGED},
        {"{\"alg\":\"RS256\",\"kid\":7}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"jwk\":{\"kty\":\"RSA\"}}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"jku\":\"http://canary/\"}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"x5u\":\"http://canary/\"}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"x5c\":[]}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"crit\":[\"exp\"]}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"b64\":false}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"alg\":\"none\",\"kid\":\"%s\"}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"x\",\"kid\":\"%s\"}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"logout+jwt\"}", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":1}", ERR_INVALID},
        {"[{\"alg\":\"RS256\",\"kid\":\"%s\"}]", ERR_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\"} ", ERR_FORGED},
        {"{\"alg\":\"RS256\",\"kid\":\"%s\"}x", ERR_INVALID},
        {"not json", ERR_INVALID},
        {"", ERR_INVALID},
    };
    static const uint8_t signature[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *header = header_of(rows[i].format, rsa);
        enum err err = verify_parts(fixture, header, CLAIMS,
                                    span_of(signature, sizeof(signature)));

        if (err != rows[i].err)
            fail_msg("%s: %s", header, err_str(err));
    }
}

/* CVE-2022-21449's class: r = s = 0, and other signatures of wrong shape. */
static void refuses_signatures(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    char *header =
        header_of("{\"alg\":\"ES256\",\"kid\":\"%s\"}", fixture->rows[1].kid);
    uint8_t bytes[256] = {0};
    static const size_t sizes[] = {1, 8, 63, 64, 65, 70, 72, 128, 256};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_int_equal(
            verify_parts(fixture, header, CLAIMS, span_of(bytes, sizes[i])),
            ERR_FORGED);
    memcpy(bytes, order, 32);
    memcpy(bytes + 32, order, 32);
    assert_int_equal(verify_parts(fixture, header, CLAIMS, span_of(bytes, 64)),
                     ERR_FORGED);
    memset(bytes, 0xff, 64);
    assert_int_equal(verify_parts(fixture, header, CLAIMS, span_of(bytes, 64)),
                     ERR_FORGED);
    assert_int_equal(verify_parts(fixture, header, CLAIMS, span_of(bytes, 0)),
                     ERR_INVALID);
}

/* Algorithm confusion: HS256 keyed with what everybody knows. */
static void refuses_hmac_with_the_public_key(void **state) {
    struct fixture *fixture = *state;
    struct span keys[] = {fixture->rows[0].public_jwk, jwt_keys_jwks(fixture->keys),
                          span_str(fixture->rows[0].kid)};

    for (size_t i = 0; i < 3; i++) {
        struct buf token;
        uint8_t mac[32];
        unsigned len = 0;

        buf_init(&token, LIMIT_JWT);
        put_part(&token, span_str(header_of("{\"alg\":\"HS256\",\"kid\":\"%s\"}",
                                            fixture->rows[0].kid)));
        buf_str(&token, ".");
        put_part(&token, span_str(CLAIMS));
        assert_non_null(HMAC(EVP_sha256(), keys[i].data, (int)keys[i].len, token.data,
                             token.len, mac, &len));
        buf_str(&token, ".");
        put_part(&token, span_of(mac, sizeof(mac)));
        assert_int_equal(verify(fixture, buf_span(&token)), ERR_FORGED);
        buf_free(&token);
    }
}

/* Well signed, but not claims that every reader understands alike. */
static void refuses_ambiguous_claims(void **state) {
    struct fixture *fixture = *state;
    static const char *const bad[] = {"{\"sub\":\"a\",\"sub\":\"b\"}",
                                      "{\"a\":{\"x\":1,\"x\":2}}",
                                      "[]",
                                      "\"x\"",
                                      "7",
                                      "{\"sub\":\"\xff\"}",
                                      "{\"sub\":\"a\\u0000b\"}",
                                      "{",
                                      "{}x"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf token;

        buf_init(&token, LIMIT_JWT);
        assert_int_equal(
            jwt_sign(fixture->keys, KEY_ES256, 0, "JWT", span_str(bad[i]), &token), OK);
        if (verify(fixture, buf_span(&token)) != ERR_INVALID)
            fail_msg("accepted: %s", bad[i]);
        buf_free(&token);
    }
}

static void refuses_long_tokens(void **state) {
    struct fixture *fixture = *state;
    static char text[1 << 20];

    memset(text, 'A', sizeof(text));
    text[100] = text[sizeof(text) - 100] = '.';
    assert_int_equal(verify(fixture, span_of(text, sizeof(text))), ERR_INVALID);
    text[LIMIT_JWT - 100] = '.';
    text[sizeof(text) - 100] = 'A';
    assert_int_equal(verify(fixture, span_of(text, LIMIT_JWT + 1)), ERR_INVALID);
    assert_int_equal(verify(fixture, span_of(NULL, 0)), ERR_INVALID);
}

static void other_types_are_not_id_tokens(void **state) {
    struct fixture *fixture = *state;
    struct buf token;

    buf_init(&token, LIMIT_JWT);
    assert_int_equal(
        jwt_sign(fixture->keys, KEY_ES256, 0, "logout+jwt", span_str(CLAIMS), &token),
        OK);
    assert_int_equal(verify(fixture, buf_span(&token)), ERR_INVALID);
    buf_free(&token);
}

static void publishes_public_parts_only(void **state) {
    struct fixture *fixture = *state;
    static const char *const secret[] = {"d", "p", "q", "dp", "dq", "qi"};
    struct span text = jwt_keys_jwks(fixture->keys);
    json_t *document =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_object_get(document, "keys");

    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *key = json_array_get(list, i);

        assert_string_equal(json_string_value(json_object_get(key, "kid")),
                            fixture->rows[i].kid);
        assert_string_equal(json_string_value(json_object_get(key, "use")), "sig");
        assert_string_equal(json_string_value(json_object_get(key, "alg")),
                            i == 0 ? "RS256" : "ES256");
        for (size_t j = 0; j < 6; j++)
            assert_null(json_object_get(key, secret[j]));
    }
    json_decref(document);
}

/* RFC 7638 §3.1: the kid is the thumbprint of the published key. */
static void kid_is_the_thumbprint(void **state) {
    struct fixture *fixture = *state;

    for (size_t i = 0; i < 2; i++) {
        struct span text = fixture->rows[i].public_jwk;
        json_t *key = json_loadb((const char *)text.data, text.len, 0, NULL);
        char input[1024], kid[44];
        uint8_t hash[32];

        if (i == 0)
            snprintf(input, sizeof(input),
                     "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
                     json_string_value(json_object_get(key, "e")),
                     json_string_value(json_object_get(key, "n")));
        else
            snprintf(input, sizeof(input),
                     "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                     json_string_value(json_object_get(key, "x")),
                     json_string_value(json_object_get(key, "y")));
        digest_sha256(span_str(input), hash);
        base64url_encode(span_of(hash, sizeof(hash)), kid);
        assert_string_equal(kid, fixture->rows[i].kid);
        json_decref(key);
    }
}

static void sealed_rows_are_bound(void **state) {
    struct fixture *fixture = *state;
    struct signing_key swapped = fixture->rows[0];
    struct jwt_keys *keys = NULL;

    swapped.sealed_private =
        fixture->rows[1].sealed_private; /* sealed for another kid */
    assert_int_equal(jwt_keys_from_rows(&swapped, 1, fixture->sealer, &keys),
                     ERR_FORGED);
    swapped = fixture->rows[0];
    swapped.alg = KEY_ES256;
    assert_int_equal(jwt_keys_from_rows(&swapped, 1, fixture->sealer, &keys),
                     ERR_CORRUPT);
    assert_int_equal(jwt_keys_from_rows(&swapped, 0, fixture->sealer, &keys),
                     ERR_NOT_FOUND);
    assert_null(keys);
}

struct signer {
    struct fixture *fixture;
    pthread_t thread;
    unsigned good;
};

static void *sign_much(void *arg) {
    struct signer *signer = arg;
    struct jwt_keys *keys = jwt_keys_ref(signer->fixture->keys);
    struct buf token;

    buf_init(&token, LIMIT_JWT);
    for (unsigned i = 0; i < 200; i++) {
        buf_reset(&token);
        if (jwt_sign(keys, i % 10 ? KEY_ES256 : KEY_RS256, 0, "JWT", span_str(CLAIMS),
                     &token) == OK &&
            verify(signer->fixture, buf_span(&token)) == OK)
            signer->good++;
    }
    buf_free(&token);
    jwt_keys_unref(keys);
    return NULL;
}

/* One key set serves all HTTP threads. */
static void signs_on_many_threads(void **state) {
    struct signer signers[4];

    for (size_t i = 0; i < 4; i++) {
        signers[i] = (struct signer){.fixture = *state};
        assert_int_equal(
            pthread_create(&signers[i].thread, NULL, sign_much, &signers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(signers[i].thread, NULL), 0);
        assert_int_equal(signers[i].good, 200);
    }
}

/* C03: retired keys verify and are published, and sign nothing. */
static void rotation(void **state) {
    struct fixture *fixture = *state;
    struct signing_key rows[2] = {fixture->rows[1]};
    struct jwt_keys *old_keys, *keys;
    struct buf token, fresh;

    buf_init(&token, LIMIT_JWT);
    buf_init(&fresh, LIMIT_JWT);
    assert_int_equal(jwt_keys_from_rows(rows, 1, fixture->sealer, &old_keys), OK);
    assert_int_equal(jwt_sign(old_keys, KEY_ES256, 0, "JWT", span_str(CLAIMS), &token),
                     OK);
    assert_int_equal(jwt_sign(old_keys, KEY_RS256, 0, "JWT", span_str(CLAIMS), &token),
                     ERR_NOT_FOUND);
    rows[0].retires_ms = 100;
    rows[0].ends_ms = 200;
    assert_int_equal(
        jwt_key_generate(KEY_ES256, fixture->sealer, &fixture->arena, &rows[1]), OK);
    rows[1].activates_ms = 100;
    assert_int_equal(jwt_keys_from_rows(rows, 2, fixture->sealer, &keys), OK);
    /* Before its time the new one is published, and the old one signs. */
    buf_reset(&fresh);
    assert_int_equal(jwt_sign(keys, KEY_ES256, 99, "JWT", span_str(CLAIMS), &fresh),
                     OK);
    jwt_keys_unref(fixture->keys);
    fixture->keys = jwt_keys_ref(old_keys);
    assert_int_equal(verify(fixture, buf_span(&fresh)), OK);
    buf_reset(&fresh);
    jwt_keys_unref(fixture->keys);
    fixture->keys = jwt_keys_ref(keys);
    assert_int_equal(verify(fixture, buf_span(&token)), OK);
    assert_int_equal(jwt_sign(keys, KEY_ES256, 100, "JWT", span_str(CLAIMS), &fresh),
                     OK);
    assert_int_equal(verify(fixture, buf_span(&fresh)), OK);
    jwt_keys_unref(fixture->keys);
    fixture->keys = old_keys; /* a node that has not seen the new key yet */
    assert_int_equal(verify(fixture, buf_span(&fresh)), ERR_FORGED);
    jwt_keys_unref(keys);
    buf_free(&token);
    buf_free(&fresh);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_verifies),
        cmocka_unit_test(refuses_changed_tokens),
        cmocka_unit_test(refuses_padding_anywhere),
        cmocka_unit_test(refuses_headers),
        cmocka_unit_test(refuses_signatures),
        cmocka_unit_test(refuses_hmac_with_the_public_key),
        cmocka_unit_test(refuses_ambiguous_claims),
        cmocka_unit_test(refuses_long_tokens),
        cmocka_unit_test(other_types_are_not_id_tokens),
        cmocka_unit_test(publishes_public_parts_only),
        cmocka_unit_test(kid_is_the_thumbprint),
        cmocka_unit_test(sealed_rows_are_bound),
        cmocka_unit_test(signs_on_many_threads),
        cmocka_unit_test(rotation), /* last: it replaces the fixture's keys */
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
