/* keyring, password and digest. */
#include "tests/unit/server/crypto/sealer_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/crypto/digest.h"
#include "server/crypto/password.h"
#include "store/base/codec.h"

static void assert_hex(const void *bytes, size_t len, const char *hex) {
    char text[256];

    assert_true(len * 2 < sizeof(text));
    hex_encode(span_of(bytes, len), text);
    assert_string_equal(text, hex);
}

/* Values made by another implementation (Python's hmac and cryptography): they pin
 * HKDF's labels, on which every stored hash and sealed row depends. */
static void hashes_have_known_values(void **state) {
    struct fixture *fixture = *state;
    uint8_t out[32];

    for (int i = 0; i < 3; i++) { /* the reused context starts anew every time */
        sealer_hash(fixture->sealer, HASH_ACCOUNT_ID, span_str("alice@example.com"),
                    out);
        assert_hex(out, 32,
                   "83328d176f32f9268a0d34345953266d84735566b9dff9c21120ecb6c6554d6a");
        sealer_hash(fixture->sealer, HASH_CODE, span_str(""), out);
        assert_hex(out, 32,
                   "a016b3116db7b301b4d9ce7481db1c2487495bdda33f508454a26c3522ba32fb");
    }
}

static void seals_have_known_values(void **state) {
    struct fixture *fixture = *state;
    struct buf out;

    buf_init(&out, 256);
    assert_int_equal(sealer_seal(fixture->sealer, SEAL_SESSION_COOKIE, span_str("aad"),
                                 span_str("hello"), &out),
                     OK);
    assert_hex(out.data, out.len,
               "070707070707070707070707fcb8c13a58d866bd30495d246e846cc9170fa327e9");
    buf_free(&out);
}

static void purposes_differ(void **state) {
    struct fixture *fixture = *state;
    uint8_t out[HASH_PURPOSES][32];

    for (int i = 0; i < HASH_PURPOSES; i++) {
        sealer_hash(fixture->sealer, (enum hash_purpose)i, span_str("x"), out[i]);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(out[i], out[j], 32);
    }
}

static void opens_what_it_sealed(void **state) {
    static const size_t sizes[] = {0, 1, 15, 16, 17, 60, 4096};
    struct fixture *fixture = *state;
    static uint8_t plain[4096];
    struct buf sealed, out;

    memset(plain, 0x5a, sizeof(plain));
    buf_init(&sealed, 8192);
    buf_init(&out, 8192);
    for (int purpose = 0; purpose < SEAL_PURPOSES; purpose++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            buf_reset(&sealed);
            buf_reset(&out);
            buf_str(&out, "head");
            assert_int_equal(sealer_seal(fixture->sealer, (enum seal_purpose)purpose,
                                         span_str("aad"), span_of(plain, sizes[i]),
                                         &sealed),
                             OK);
            assert_int_equal(sealed.len, sizes[i] + SEAL_OVERHEAD);
            assert_int_equal(sealer_open(fixture->sealer, (enum seal_purpose)purpose,
                                         span_str("aad"), buf_span(&sealed), &out),
                             OK);
            assert_int_equal(out.len, 4 + sizes[i]);
            assert_memory_equal(out.data + 4, plain, sizes[i]);
        }
    }
    buf_free(&sealed);
    buf_free(&out);
}

static void refuses_forgeries(void **state) {
    struct fixture *fixture = *state;
    struct buf sealed, out;

    buf_init(&sealed, 256);
    buf_init(&out, 256);
    buf_str(&out, "head");
    assert_int_equal(sealer_seal(fixture->sealer, SEAL_ACCESS_TOKEN, span_str("aad"),
                                 span_str("secret"), &sealed),
                     OK);
    for (size_t bit = 0; bit < sealed.len * 8; bit++) {
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sealer_open(fixture->sealer, SEAL_ACCESS_TOKEN,
                                     span_str("aad"), buf_span(&sealed), &out),
                         ERR_FORGED);
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < sealed.len; len++)
        assert_int_equal(sealer_open(fixture->sealer, SEAL_ACCESS_TOKEN,
                                     span_str("aad"), span_of(sealed.data, len), &out),
                         ERR_FORGED);
    assert_int_equal(sealer_open(fixture->sealer, SEAL_ACCESS_TOKEN, span_str("aae"),
                                 buf_span(&sealed), &out),
                     ERR_FORGED);
    assert_int_equal(sealer_open(fixture->sealer, SEAL_SESSION_COOKIE, span_str("aad"),
                                 buf_span(&sealed), &out),
                     ERR_FORGED);
    assert_span(buf_span(&out), "head");
    /* The contexts are fit for use after all that. */
    assert_int_equal(sealer_open(fixture->sealer, SEAL_ACCESS_TOKEN, span_str("aad"),
                                 buf_span(&sealed), &out),
                     OK);
    buf_free(&sealed);
    buf_free(&out);
}

static void another_cluster_opens_nothing(void **state) {
    struct fixture *fixture = *state;
    uint8_t key[32] = {0};
    struct keyring *keyring;
    struct sealer *sealer;
    struct buf sealed, out;

    buf_init(&sealed, 256);
    buf_init(&out, 256);
    assert_int_equal(keyring_from_bytes(key, &keyring), OK);
    assert_int_equal(sealer_new(keyring, &port_system_random, &sealer), OK);
    assert_int_equal(sealer_seal(fixture->sealer, SEAL_PROFILE, span_str(""),
                                 span_str("x"), &sealed),
                     OK);
    assert_int_equal(
        sealer_open(sealer, SEAL_PROFILE, span_str(""), buf_span(&sealed), &out),
        ERR_FORGED);
    sealer_free(sealer);
    keyring_free(keyring);
    buf_free(&sealed);
    buf_free(&out);
}

static void full_buffers_are_errors(void **state) {
    struct fixture *fixture = *state;
    struct buf small;

    buf_init(&small, SEAL_OVERHEAD + 4);
    assert_int_equal(sealer_seal(fixture->sealer, SEAL_PROFILE, span_str(""),
                                 span_str("hello"), &small),
                     ERR_TOO_BIG);
    assert_int_equal(small.len, 0);
    buf_free(&small);
}

static void write_key(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void key_files(void **state) {
    static const struct {
        const char *text;
        mode_t mode;
        const char *why; /* NULL: good */
    } rows[] = {
        {HEX64, 0600, NULL},
        {HEX64 "\n", 0400, NULL},
        {HEX64 "\r\n", 0600, NULL},
        {HEX64, 0640, "0640"},
        {HEX64, 0604, "0600 or stricter"},
        {"", 0600, "64 hex digits"},
        {HEX64 "\n\n", 0600, "64 hex digits"},
        {HEX64 "00", 0600, "64 hex digits"},
        {"x" HEX64, 0600, "64 hex digits"},
    };
    char path[] = "/tmp/tasuki-key-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keyring *keyring = NULL;
        char why[256] = "";
        enum err err;

        assert_int_equal(unlink(path), 0);
        write_key(path, rows[i].text, rows[i].mode);
        err = keyring_open(path, &keyring, why);
        assert_int_equal(err, rows[i].why ? ERR_CONFIG : OK);
        if (rows[i].why) {
            assert_non_null(strstr(why, path));
            if (!strstr(why, rows[i].why))
                fail_msg("row %zu: %s", i, why);
            assert_null(strstr(why, "0001020304"));
        }
        keyring_free(keyring);
    }
    assert_int_equal(unlink(path), 0);
}

static void missing_key_files(void **state) {
    struct keyring *keyring = NULL;
    char why[256] = "";

    (void)state;
    assert_int_equal(keyring_open("/nonexistent/key", &keyring, why), ERR_CONFIG);
    assert_non_null(strstr(why, "No such file"));
    assert_int_equal(keyring_open("/dev", &keyring, why), ERR_CONFIG);
    assert_non_null(strstr(why, "regular file"));
}

static void passwords(void **state) {
    char hash[PASSWORD_HASH_MAX], other[PASSWORD_HASH_MAX];
    char text[80];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(password_hash(span_of(text, 80), hash), OK);
    assert_int_equal(password_hash(span_of(text, 80), other), OK);
    assert_string_not_equal(hash, other);
    assert_non_null(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_true(password_verify(span_of(text, 80), span_str(hash)));
    text[79] = 'b'; /* beyond byte 72 */
    assert_false(password_verify(span_of(text, 80), span_str(hash)));
    assert_false(password_verify(span_of(text, 79), span_str(hash)));
    assert_false(password_verify(span_str(""), span_str(hash)));
}

static void every_byte_of_a_password_counts(void **state) {
    char hash[PASSWORD_HASH_MAX];

    (void)state;
    assert_int_equal(password_hash(span_of("pass\0word", 9), hash), OK);
    assert_true(password_verify(span_of("pass\0word", 9), span_str(hash)));
    assert_false(password_verify(span_of("pass\0Word", 9), span_str(hash)));
    assert_false(password_verify(span_of("pass", 4), span_str(hash)));
}

static void unknown_accounts_verify_nothing(void **state) {
    char text[PASSWORD_HASH_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_false(password_verify(span_str(""), span_of(NULL, 0)));
    assert_false(password_verify(span_str("password"), span_of(NULL, 0)));
    assert_false(password_verify(span_str("password"), span_str("$argon2id$broken")));
    assert_false(password_verify(span_str("password"), span_of(text, sizeof(text))));
}

static void digests(void **state) {
    char at_hash[DIGEST_AT_HASH_SIZE];
    uint8_t out[32];

    (void)state;
    digest_sha256(span_str("abc"), out); /* FIPS 180-2, B.1 */
    assert_hex(out, 32,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256(span_of(NULL, 0), out);
    assert_hex(out, 32,
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    /* OpenID Connect Core, appendix A.3's access token and at_hash. */
    digest_at_hash(span_str("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), at_hash);
    assert_string_equal(at_hash, "77QmUPtjPfzWtF2AnpK9RQ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_have_known_values),
        cmocka_unit_test(seals_have_known_values),
        cmocka_unit_test(purposes_differ),
        cmocka_unit_test(opens_what_it_sealed),
        cmocka_unit_test(refuses_forgeries),
        cmocka_unit_test(another_cluster_opens_nothing),
        cmocka_unit_test(full_buffers_are_errors),
        cmocka_unit_test(key_files),
        cmocka_unit_test(missing_key_files),
        cmocka_unit_test(passwords),
        cmocka_unit_test(every_byte_of_a_password_counts),
        cmocka_unit_test(unknown_accounts_verify_nothing),
        cmocka_unit_test(digests),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
