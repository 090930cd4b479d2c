/* What a browser's cookie says: who is known there, since when, and proven by what. */
#include "tests/unit/server/svc_fixture.h"

#include <string.h>

#include "server/svc_device.h"

struct cookie {
    struct fixture *f;
    struct arena arena;
    struct span text;
};

static struct cookie empty(void **state) {
    struct cookie cookie = {.f = *state, .text = {NULL, 0}};

    arena_init(&cookie.arena, 1u << 20);
    return cookie;
}

static struct id128 account(uint8_t n) {
    struct id128 sub = {{n}};

    return sub;
}

static void add(struct cookie *cookie, uint8_t n, uint64_t generation, bool second,
                uint64_t trusted_until_ms) {
    assert_int_equal(svc_device_add(cookie->f->svc, cookie->text, account(n), generation,
                                    second, trusted_until_ms, &cookie->arena,
                                    &cookie->text),
                     OK);
}

static bool find(struct cookie *cookie, uint8_t n, uint64_t generation,
                 struct svc_device_entry *ret_entry) {
    return svc_device_find(cookie->f->svc, cookie->text, account(n), generation,
                           ret_entry);
}

static bool same_counter(struct cookie *cookie, const struct svc_device_entry *a,
                         const struct svc_device_entry *b) {
    struct key_hash one = svc_device_counter(cookie->f->svc, a);
    struct key_hash two = svc_device_counter(cookie->f->svc, b);

    return memcmp(one.b, two.b, sizeof one.b) == 0;
}

/* E01: however often a password signs in, it gets no counter of guesses. */
static void a_password_alone_proves_no_device(void **state) {
    for (int i = 0; i < 64; i++) { /* whatever the nonce that was drawn */
        struct cookie cookie = empty(state);
        struct svc_device_entry entry, again;

        add(&cookie, 1, 7, false, 0);
        assert_true(find(&cookie, 1, 7, &entry));
        assert_false(svc_device_proven(&entry));
        add(&cookie, 1, 7, false, 0);
        assert_true(find(&cookie, 1, 7, &again));
        assert_true(same_counter(&cookie, &entry, &again));
        arena_close(&cookie.arena);
    }
}

static void a_second_step_proves_it_under_another_number(void **state) {
    struct cookie cookie = empty(state);
    struct svc_device_entry first, proven, later;

    add(&cookie, 1, 7, false, 0);
    assert_true(find(&cookie, 1, 7, &first));
    add(&cookie, 1, 7, true, 5000);
    assert_true(find(&cookie, 1, 7, &proven));
    assert_true(svc_device_proven(&proven));
    assert_false(same_counter(&cookie, &first, &proven));
    assert_true(svc_device_trusted(&proven, 4999));
    assert_false(svc_device_trusted(&proven, 5000));
    /* Neither a remembered browser's password nor another code changes that. */
    add(&cookie, 1, 7, false, 0);
    add(&cookie, 1, 7, true, 0);
    assert_true(find(&cookie, 1, 7, &later));
    assert_true(svc_device_proven(&later));
    assert_true(same_counter(&cookie, &proven, &later));
    assert_true(svc_device_trusted(&later, 4999));
    arena_close(&cookie.arena);
}

/* D03: devices that were known with another password are strangers'. */
static void another_generation_knows_no_device(void **state) {
    struct cookie cookie = empty(state);
    struct svc_device_entry before, after;

    add(&cookie, 1, 7, true, 5000);
    assert_true(find(&cookie, 1, 7, &before));
    assert_false(find(&cookie, 1, 8, &after));
    add(&cookie, 1, 8, false, 0);
    assert_true(find(&cookie, 1, 8, &after));
    assert_false(find(&cookie, 1, 7, &before));
    assert_false(svc_device_proven(&after));
    assert_false(svc_device_trusted(&after, 0));
    assert_false(same_counter(&cookie, &before, &after));
    arena_close(&cookie.arena);
}

static void the_last_accounts_are_kept(void **state) {
    struct cookie cookie = empty(state);
    struct svc_device_entry entry;

    for (uint8_t n = 1; n <= SVC_DEVICE_ACCOUNTS; n++)
        add(&cookie, n, 1, n % 2 == 0, 0);
    add(&cookie, 1, 1, false, 0); /* seen again: now the second is the oldest */
    add(&cookie, 9, 1, true, 0);
    assert_true(find(&cookie, 1, 1, &entry));
    assert_false(find(&cookie, 2, 1, &entry));
    assert_true(find(&cookie, 3, 1, &entry));
    assert_false(svc_device_proven(&entry));
    assert_true(find(&cookie, 9, 1, &entry));
    assert_true(svc_device_proven(&entry));
    cookie.text.len--;
    assert_false(find(&cookie, 9, 1, &entry)); /* none of ours */
    arena_close(&cookie.arena);
}

#define DEVICE_TEST(name)                                                                \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(a_password_alone_proves_no_device),
        DEVICE_TEST(a_second_step_proves_it_under_another_number),
        DEVICE_TEST(another_generation_knows_no_device),
        DEVICE_TEST(the_last_accounts_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
