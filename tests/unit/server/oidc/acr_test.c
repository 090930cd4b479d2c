/* acr: classes and lists of methods. */
#include "tests/unit/server/unit.h"

#include "server/oidc/acr.h"

static void levels_are_what_the_methods_make(void **state) {
    (void)state;
    assert_int_equal(acr_level(0), ACR_LEVEL_NONE);
    assert_int_equal(acr_level(ACR_BY_PASSWORD), ACR_LEVEL_PASSWORD);
    assert_int_equal(acr_level(ACR_BY_SMS | ACR_BY_TOTP), ACR_LEVEL_PASSWORD);
    assert_int_equal(acr_level(ACR_BY_PASSWORD | ACR_BY_SMS), ACR_LEVEL_TWO_FACTORS);
    assert_int_equal(acr_level(ACR_BY_PASSWORD | ACR_BY_TOTP), ACR_LEVEL_TWO_FACTORS);
    assert_int_equal(acr_level(ACR_BY_PASSKEY), ACR_LEVEL_TWO_FACTORS);
}

static void the_first_known_value_is_wanted(void **state) {
    (void)state;
    assert_int_equal(acr_wanted(span_str("")), ACR_LEVEL_NONE);
    assert_int_equal(acr_wanted(span_str("1 2")), ACR_LEVEL_NONE);
    assert_int_equal(acr_wanted(span_str("1 " ACR_TWO_FACTORS " " ACR_PASSWORD)),
                     ACR_LEVEL_TWO_FACTORS);
    assert_int_equal(acr_wanted(span_str(ACR_PASSWORD " " ACR_TWO_FACTORS)),
                     ACR_LEVEL_PASSWORD);
    assert_int_equal(acr_wanted(span_str(ACR_PASSWORD "x")), ACR_LEVEL_NONE);
    assert_int_equal(acr_wanted(span_str("  " ACR_PASSWORD)), ACR_LEVEL_PASSWORD);
}

static void claims_say(uint32_t methods, const char *want) {
    struct buf out;

    buf_init(&out, 512);
    buf_str(&out, "{");
    acr_claims(methods, &out);
    buf_str(&out, "}");
    assert_true(span_is(buf_span(&out), want));
    buf_free(&out);
}

static void claims_name_class_and_methods(void **state) {
    (void)state;
    claims_say(0, "{}");
    claims_say(ACR_BY_PASSWORD, "{\"acr\":\"" ACR_PASSWORD "\",\"amr\":[\"pwd\"]}");
    claims_say(ACR_BY_PASSWORD | ACR_BY_SMS,
               "{\"acr\":\"" ACR_TWO_FACTORS
               "\",\"amr\":[\"pwd\",\"otp\",\"sms\",\"mfa\"]}");
    claims_say(ACR_BY_PASSWORD | ACR_BY_TOTP,
               "{\"acr\":\"" ACR_TWO_FACTORS "\",\"amr\":[\"pwd\",\"otp\",\"mfa\"]}");
    claims_say(ACR_BY_PASSKEY,
               "{\"acr\":\"" ACR_TWO_FACTORS "\",\"amr\":[\"hwk\",\"user\",\"mfa\"]}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_what_the_methods_make),
        cmocka_unit_test(the_first_known_value_is_wanted),
        cmocka_unit_test(claims_name_class_and_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
