#include "tests/unit/server/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include "server/outbound_address.h"
#include "server/outbound_internal.h"

static bool is_public(const char *text) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return outbound_address_public((const struct sockaddr *)&in, sizeof in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return outbound_address_public((const struct sockaddr *)&in6, sizeof in6);
}

/* The first and the last address of each block, and their neighbours outside. */
static void addresses_of_no_single_host_are_refused(void **state) {
    static const char *const refused[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    };
    static const char *const taken[] = {
        "1.0.0.0",     "9.255.255.255",   "11.0.0.0",          "100.63.255.255",
        "100.128.0.0", "126.255.255.255", "128.0.0.0",         "169.253.255.255",
        "169.255.0.0", "172.15.255.255",  "172.32.0.0",        "192.0.1.0",
        "192.0.3.0",   "192.167.255.255", "192.169.0.0",       "198.17.255.255",
        "198.20.0.0",  "223.255.255.255", "::ffff:8.8.8.8",    "64:ff9b::8.8.8.8",
        "2001:200::1", "2001:db7::1",     "2001:db9::1",       "2001:4860:4860::8888",
        "2003::1",     "2606:4700::1111", "3ffe:ffff:ffff::1", "2400::1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (is_public(refused[i]))
            fail_msg("%s is taken", refused[i]);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (!is_public(taken[i]))
            fail_msg("%s is refused", taken[i]);
}

static void what_is_no_internet_address_is_refused(void **state) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET};

    (void)state;
    assert_false(outbound_address_public((const struct sockaddr *)&un, sizeof un));
    assert_int_equal(inet_pton(AF_INET, "8.8.8.8", &in.sin_addr), 1);
    assert_true(outbound_address_public((const struct sockaddr *)&in, sizeof in));
    assert_false(outbound_address_public((const struct sockaddr *)&in, sizeof in - 1));
}

static void a_client_that_fails_has_one_slot(void **state) {
    static struct outbound_fair fair;

    (void)state;
    assert_int_equal(outbound_fair_slots(&fair, "a"), OUTBOUND_CLIENT_SLOTS);
    outbound_fair_note(&fair, "a", true);
    outbound_fair_note(&fair, "a", true);
    assert_int_equal(outbound_fair_slots(&fair, "a"), 1);
    assert_int_equal(outbound_fair_slots(&fair, "b"), OUTBOUND_CLIENT_SLOTS);
    outbound_fair_note(&fair, "a", false);
    assert_int_equal(outbound_fair_slots(&fair, "a"), OUTBOUND_CLIENT_SLOTS);
    outbound_fair_note(&fair, "a", false);
}

/* More of them than places: the last ones are known, and nothing grows. */
static void places_are_given_up_in_turn(void **state) {
    static struct outbound_fair fair;
    char name[16];

    (void)state;
    for (unsigned i = 0; i < OUTBOUND_FAILING_MAX + 3; i++) {
        snprintf(name, sizeof name, "rp-%u", i);
        outbound_fair_note(&fair, name, true);
    }
    for (unsigned i = 0; i < OUTBOUND_FAILING_MAX + 3; i++) {
        snprintf(name, sizeof name, "rp-%u", i);
        assert_int_equal(outbound_fair_slots(&fair, name),
                         i < 3 ? OUTBOUND_CLIENT_SLOTS : 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_no_single_host_are_refused),
        cmocka_unit_test(what_is_no_internet_address_is_refused),
        cmocka_unit_test(a_client_that_fails_has_one_slot),
        cmocka_unit_test(places_are_given_up_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
