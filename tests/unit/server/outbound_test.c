#include "tests/unit/server/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

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

/* Two gateways, and one mail server. */
static void open_providers(struct providers *providers) {
    static struct config config;
    char why[256] = "";

    memset(&config, 0, sizeof config);
    snprintf(config.issuer, sizeof config.issuer, "https://id.example:8443/oauth/");
    config.environment = ENV_DEMO;
    snprintf(config.providers[PROVIDER_SMTP].url, 256, "smtp+plain://127.0.0.1:25");
    snprintf(config.providers[PROVIDER_SMS].url, 256, "https://a.example/x");
    snprintf(config.providers[PROVIDER_SMS_2].url, 256, "https://b.example/x");
    assert_int_equal(outbound_providers_open(providers, &config, why), OK);
}

static enum svc_provider chosen(struct providers *providers, enum outbox_kind kind,
                                uint64_t now) {
    struct provider *provider = outbound_provider_choose(providers, kind, NULL, now);

    return provider ? provider->which : SVC_PROVIDERS;
}

static void the_preferred_provider_has_its_slots_and_then_the_other(void **state) {
    struct providers providers;

    (void)state;
    open_providers(&providers);
    assert_string_equal(providers.at[PROVIDER_SMTP].url,
                        "smtp://127.0.0.1:25/id.example");
    assert_false(providers.at[PROVIDER_SMTP].starttls);
    for (size_t i = 0; i < 2 * OUTBOUND_PROVIDER_SLOTS; i++) {
        enum svc_provider which = chosen(&providers, OUTBOX_SMS, 1);
        assert_int_equal(which, i < OUTBOUND_PROVIDER_SLOTS ? PROVIDER_SMS
                                                            : PROVIDER_SMS_2);
        outbound_provider_take(&providers.at[which], 1);
    }
    assert_int_equal(chosen(&providers, OUTBOX_SMS, 1), SVC_PROVIDERS);
    assert_int_equal(chosen(&providers, OUTBOX_MAIL, 1), PROVIDER_SMTP); /* not its */
    outbound_provider_end(&providers.at[PROVIDER_SMS], true, 1);
    assert_int_equal(chosen(&providers, OUTBOX_SMS, 1), PROVIDER_SMS);
    outbound_providers_close(&providers);
}

static void an_open_breaker_leaves_the_other_provider(void **state) {
    struct providers providers;
    struct provider *first = &providers.at[PROVIDER_SMS];

    (void)state;
    open_providers(&providers);
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        assert_int_equal(chosen(&providers, OUTBOX_SMS, 1), PROVIDER_SMS);
        outbound_provider_take(first, 1);
        outbound_provider_end(first, false, 1);
    }
    assert_int_equal(chosen(&providers, OUTBOX_SMS, 1), PROVIDER_SMS_2);
    /* One tries again, the others go on elsewhere meanwhile. */
    assert_int_equal(chosen(&providers, OUTBOX_SMS, 1 + BREAKER_PAUSE_MS), PROVIDER_SMS);
    outbound_provider_take(first, 1 + BREAKER_PAUSE_MS);
    assert_int_equal(chosen(&providers, OUTBOX_SMS, 1 + BREAKER_PAUSE_MS),
                     PROVIDER_SMS_2);
    outbound_providers_close(&providers);
}

/* The first repetition goes where the key may be known, later ones by turns. */
static void providers_take_turns_from_the_third_attempt(void **state) {
    static const enum svc_provider want[] = {PROVIDER_SMS, PROVIDER_SMS, PROVIDER_SMS_2,
                                             PROVIDER_SMS, PROVIDER_SMS_2};
    struct providers providers;

    (void)state;
    open_providers(&providers);
    for (uint32_t attempt = 1; attempt <= 5; attempt++) {
        for (int from = PROVIDER_SMS; from <= PROVIDER_SMS_2; from++) {
            struct provider *taken = &providers.at[from];
            outbound_provider_take(taken, 1);
            taken = outbound_provider_turn(&providers, taken, attempt, 1);
            assert_int_equal(taken->which, want[attempt - 1]);
            outbound_provider_end(taken, true, 1);
        }
    }
    assert_int_equal(providers.at[PROVIDER_SMS].busy, 0);
    assert_int_equal(providers.at[PROVIDER_SMS_2].busy, 0);
    /* Alone, it is always its turn. */
    outbound_provider_take(&providers.at[PROVIDER_SMTP], 1);
    assert_ptr_equal(
        outbound_provider_turn(&providers, &providers.at[PROVIDER_SMTP], 3, 1),
        &providers.at[PROVIDER_SMTP]);
    outbound_providers_close(&providers);
}

static void what_an_answer_means(void **state) {
    static const struct {
        enum outbox_kind kind;
        int status;
        enum outbox_reason reason;
    } rows[] = {
        {OUTBOX_SMS, 200, OUTBOX_NO_REASON}, {OUTBOX_SMS, 202, OUTBOX_NO_REASON},
        {OUTBOX_SMS, 302, OUTBOX_STATUS},    {OUTBOX_SMS, 400, OUTBOX_REFUSED},
        {OUTBOX_SMS, 401, OUTBOX_STATUS},    {OUTBOX_SMS, 404, OUTBOX_STATUS},
        {OUTBOX_SMS, 422, OUTBOX_REFUSED},   {OUTBOX_SMS, 429, OUTBOX_STATUS},
        {OUTBOX_SMS, 500, OUTBOX_STATUS},    {OUTBOX_SMS, 550, OUTBOX_STATUS},
        {OUTBOX_MAIL, 250, OUTBOX_NO_REASON}, {OUTBOX_MAIL, 354, OUTBOX_STATUS},
        {OUTBOX_MAIL, 400, OUTBOX_STATUS},   {OUTBOX_MAIL, 451, OUTBOX_STATUS},
        {OUTBOX_MAIL, 535, OUTBOX_STATUS},   {OUTBOX_MAIL, 550, OUTBOX_REFUSED},
        {OUTBOX_MAIL, 553, OUTBOX_REFUSED},  {OUTBOX_MAIL, 554, OUTBOX_STATUS},
    };
    struct outbound_result lost = {.end = OUTBOUND_END_TIMEOUT, .status = 250};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct outbound_result result = {OUTBOUND_ANSWERED, rows[i].status};
        if (outbound_letter_reason(rows[i].kind, &result) != rows[i].reason)
            fail_msg("%d of kind %d", rows[i].status, (int)rows[i].kind);
    }
    assert_int_equal(outbound_letter_reason(OUTBOX_MAIL, &lost), OUTBOX_TIMEOUT);
}

static void secrets_are_one_line(void **state) {
    static const struct {
        const char *text;
        enum svc_provider which;
        enum err err;
    } rows[] = {
        {"user:pass:word\n", PROVIDER_SMTP, OK}, {"nobody\n", PROVIDER_SMTP, ERR_CONFIG},
        {"secret", PROVIDER_SMS, OK},            {"", PROVIDER_SMS, ERR_CONFIG},
        {"a\nb\n", PROVIDER_SMS, ERR_CONFIG},    {"a b", PROVIDER_SMS, ERR_CONFIG},
        {"a\r\nX: y", PROVIDER_SMS, ERR_CONFIG}, {"\xe3\x81\x82", PROVIDER_SMS, ERR_CONFIG},
    };
    static struct config config;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[] = "/tmp/tasuki-provider-XXXXXX";
        int fd = mkstemp(path);
        struct providers providers;
        char why[256] = "";

        assert_true(fd >= 0);
        assert_true(write(fd, rows[i].text, strlen(rows[i].text)) >= 0);
        close(fd);
        memset(&config, 0, sizeof config);
        snprintf(config.issuer, sizeof config.issuer, "https://id.example/oauth/");
        config.environment = ENV_PRODUCTION;
        snprintf(config.providers[rows[i].which].url, 256, "%s",
                 rows[i].which == PROVIDER_SMS ? "https://a.example/" : "smtp://a.example");
        snprintf(config.providers[rows[i].which].credentials, 1024, "%s", path);
        assert_int_equal(outbound_providers_open(&providers, &config, why), rows[i].err);
        assert_int_equal(why[0] != '\0', rows[i].err != OK);
        if (rows[i].which == PROVIDER_SMTP && rows[i].err == OK) {
            assert_string_equal((char *)providers.at[0].user.data, "user");
            assert_string_equal((char *)providers.at[0].password.data, "pass:word");
            assert_true(providers.at[0].starttls);
        }
        if (rows[i].err == OK)
            outbound_providers_close(&providers);
        assert_int_equal(unlink(path), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_no_single_host_are_refused),
        cmocka_unit_test(what_is_no_internet_address_is_refused),
        cmocka_unit_test(a_client_that_fails_has_one_slot),
        cmocka_unit_test(places_are_given_up_in_turn),
        cmocka_unit_test(the_preferred_provider_has_its_slots_and_then_the_other),
        cmocka_unit_test(an_open_breaker_leaves_the_other_provider),
        cmocka_unit_test(providers_take_turns_from_the_third_attempt),
        cmocka_unit_test(what_an_answer_means),
        cmocka_unit_test(secrets_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
