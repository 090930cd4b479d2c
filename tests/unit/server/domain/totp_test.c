/* totp: the RFCs' own vectors, the window, base32 and the URI. */
#include "tests/unit/server/unit.h"

#include "server/crypto/digest.h"
#include "server/domain/totp.h"

static const struct totp_mac mac = {digest_hmac_sha1};

static struct span rfc_seed(void) {
    return span_str("12345678901234567890");
}

/* RFC 6238, appendix B (SHA-1): the last six of its eight digits. */
static void codes_are_those_of_the_rfc(void **state) {
    static const struct {
        uint64_t seconds;
        uint32_t code;
    } rows[] = {
        {59, 287082},       {1111111109, 81804},  {1111111111, 50471},
        {1234567890, 5924}, {2000000000, 279037}, {20000000000, 353130},
    };
    /* RFC 4226, appendix D. */
    static const uint32_t counted[] = {755224, 287082, 359152, 969429, 338314,
                                       254676, 287922, 162583, 399871, 520489};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(totp_code(&mac, rfc_seed(), rows[i].seconds / 30),
                         rows[i].code);
    }
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        assert_int_equal(totp_code(&mac, rfc_seed(), i), counted[i]);
    }
}

static bool check_at(uint64_t step, const char *typed, uint64_t *ret_step) {
    return totp_check(&mac, rfc_seed(), step * TOTP_STEP_MS, span_str(typed), ret_step);
}

static void one_step_before_and_after_is_taken(void **state) {
    uint64_t step = 77;

    (void)state;
    assert_false(check_at(3, "969428", &step));
    assert_false(check_at(1, "969429", &step)); /* the code of step 3 */
    assert_false(check_at(5, "969429", &step));
    assert_int_equal(step, 77);
    for (uint64_t at = 2; at <= 4; at++) {
        step = 0;
        assert_true(check_at(at, "969429", &step));
        assert_int_equal(step, 3);
    }
    assert_true(check_at(0, "755224", &step)); /* nothing is before the first */
    assert_int_equal(step, 0);
    assert_true(totp_check(&mac, rfc_seed(), 4 * TOTP_STEP_MS + TOTP_STEP_MS - 1,
                           span_str("969429"), &step));
    assert_false(
        totp_check(&mac, rfc_seed(), 5 * TOTP_STEP_MS, span_str("969429"), &step));
}

static void same_mac(struct span key, struct span in, uint8_t out[TOTP_MAC_LEN]) {
    (void)key;
    (void)in;
    memset(out, 0, TOTP_MAC_LEN);
}

static void a_code_that_fits_more_than_one_step_spends_the_latest(void **state) {
    static const struct totp_mac same = {same_mac};
    uint64_t step;

    (void)state;
    assert_true(
        totp_check(&same, rfc_seed(), 9 * TOTP_STEP_MS, span_str("000000"), &step));
    assert_int_equal(step, 10);
}

static void what_is_no_code_is_refused(void **state) {
    static const char *const texts[] = {"",        "96942",   "9694290", " 969429",
                                        "969 29",  "96942\n", "+69429",  "9694２9",
                                        "-969429", "0x9694",  "969429 "};
    uint64_t step;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (check_at(3, texts[i], &step)) {
            fail_msg("'%s' was taken", texts[i]);
        }
    }
}

/* RFC 4648 §10, without padding. */
static void base32_round_trips(void **state) {
    static const struct {
        const char *text, *coded;
    } rows[] = {{"", ""},
                {"f", "MY"},
                {"fo", "MZXQ"},
                {"foo", "MZXW6"},
                {"foob", "MZXW6YQ"},
                {"fooba", "MZXW6YTB"},
                {"foobar", "MZXW6YTBOI"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char coded[16];
        uint8_t text[8];
        size_t len;
        base32_encode(span_str(rows[i].text), coded);
        assert_string_equal(coded, rows[i].coded);
        assert_int_equal(base32_len(strlen(rows[i].text)), strlen(coded));
        assert_int_equal(base32_decode(span_str(coded), text, sizeof text, &len), OK);
        assert_true(span_is(span_of(text, len), rows[i].text));
    }
}

static void base32_is_strict(void **state) {
    static const char *const texts[] = {"M",    "MZX",    "MZXW6Y", "mzxw6", "MZ=XQ",
                                        "MY==", "MZXW60", "MZ",     "M1",    "MZXR"};
    uint8_t out[8];
    size_t len = 99;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (base32_decode(span_str(texts[i]), out, sizeof out, &len) != ERR_INVALID) {
            fail_msg("'%s' was taken", texts[i]);
        }
    }
    assert_int_equal(base32_decode(span_str("MZXW6YTBOI"), out, 5, &len), ERR_TOO_BIG);
    assert_int_equal(len, 99);
}

static void the_uri_is_escaped(void **state) {
    struct buf out;

    (void)state;
    buf_init(&out, 512);
    assert_int_equal(totp_uri(span_str("襷 x"), span_str("a&b"), rfc_seed().data, &out),
                     OK);
    assert_span(buf_span(&out), "otpauth://totp/%E8%A5%B7%20x:a%26b?secret="
                                "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=%E8%A5%B7%20x"
                                "&algorithm=SHA1&digits=6&period=30");
    buf_free(&out);
    buf_init(&out, 16);
    assert_int_not_equal(totp_uri(span_str("x"), span_str("y"), rfc_seed().data, &out),
                         OK);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_the_rfc),
        cmocka_unit_test(one_step_before_and_after_is_taken),
        cmocka_unit_test(a_code_that_fits_more_than_one_step_spends_the_latest),
        cmocka_unit_test(what_is_no_code_is_refused),
        cmocka_unit_test(base32_round_trips),
        cmocka_unit_test(base32_is_strict),
        cmocka_unit_test(the_uri_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
