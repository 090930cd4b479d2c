/* place: what keys and marks have in common, and what not. */
#include "server/crypto/place.h"

#include "store/base/codec.h"
#include "tests/unit/server/crypto/sealer_fixture.h"

#define MOMENT_MS UINT64_C(1753315200000)
#define MANY 1000

struct key {
    uint8_t b[PLACE_KEY];
};

/* The hash is the one that keyring_test pins: rows that are stored depend on this. */
static void keys_have_known_values(void **state) {
    struct fixture *fixture = *state;
    struct key key;
    char text[33];

    place_key(fixture->sealer, HASH_ACCOUNT_ID, span_str("alice@example.com"),
              0x4d6a ^ 0x0102, key.b);
    hex_encode(span_of(key.b, sizeof key.b), text);
    assert_string_equal(text, "010283328d176f32f9268a0d34345953");
}

static struct key drawn(struct fixture *fixture, uint32_t n, uint64_t now_ms,
                             uint16_t *ret_mark) {
    struct span rest = span_of(&n, sizeof n);
    struct key key;

    *ret_mark = place_mark(fixture->sealer, HASH_CODE, rest, now_ms);
    place_key(fixture->sealer, HASH_CODE, rest, *ret_mark, key.b);
    return key;
}

static void rows_of_a_moment_stand_together(void **state) {
    struct fixture *fixture = *state;
    struct key before, key;
    uint16_t mark;

    before = drawn(fixture, 0, MOMENT_MS, &mark);
    for (uint32_t n = 1; n < MANY; n++) {
        key = drawn(fixture, n, MOMENT_MS + n % PLACE_MS, &mark);
        assert_memory_equal(key.b, before.b, 2);
        assert_memory_not_equal(key.b + 2, before.b + 2, sizeof key.b - 2);
    }
    for (uint32_t n = 1; n < MANY; n++) { /* and later ones behind them */
        key = drawn(fixture, n, MOMENT_MS + n * PLACE_MS, &mark);
        assert_true(memcmp(key.b, before.b, 2) > 0);
        before = key;
    }
}

/* L1: 1,000 marks of one moment differ as 1,000 draws of 16 bits do. */
static void marks_of_a_moment_look_like_chance(void **state) {
    struct fixture *fixture = *state;
    static uint8_t seen[65536];
    unsigned distinct = 0, ones[16] = {0};
    uint16_t mark;

    for (uint32_t n = 0; n < MANY; n++) {
        (void)drawn(fixture, n, MOMENT_MS, &mark);
        distinct += seen[mark]++ == 0;
        for (unsigned bit = 0; bit < 16; bit++)
            ones[bit] += mark >> bit & 1;
    }
    assert_true(distinct > MANY - 30);
    for (unsigned bit = 0; bit < 16; bit++)
        assert_in_range(ones[bit], MANY / 2 - 80, MANY / 2 + 80);
}

static void another_mark_or_purpose_finds_nothing(void **state) {
    struct fixture *fixture = *state;
    struct span rest = span_str("a secret");
    struct key key, other;

    place_key(fixture->sealer, HASH_CODE, rest, 7, key.b);
    place_key(fixture->sealer, HASH_CODE, rest, 8, other.b);
    assert_memory_not_equal(key.b, other.b, sizeof key.b);
    for (uint32_t way = 1; way <= UINT8_MAX; way++) { /* the same mark, otherwise written */
        place_key(fixture->sealer, HASH_CODE, rest, 7 | way << 16, other.b);
        assert_memory_equal(key.b, other.b, 2);
        assert_memory_not_equal(key.b, other.b, sizeof key.b);
    }
    place_key(fixture->sealer, HASH_ACCESS, rest, 7, other.b);
    assert_memory_not_equal(key.b + 2, other.b + 2, sizeof key.b - 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_known_values),
        cmocka_unit_test(rows_of_a_moment_stand_together),
        cmocka_unit_test(marks_of_a_moment_look_like_chance),
        cmocka_unit_test(another_mark_or_purpose_finds_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
