/* japan: moments as Japan's clocks show them, and what people type as moments. */
#include "tests/unit/store/unit.h"

#include <stdio.h>
#include <time.h>

#include "store/base/japan.h"

#define DAY_MS (24 * 3600 * UINT64_C(1000))
#define LAST_MS UINT64_C(253402268399999) /* 9999-12-31T14:59:59.999Z */

static void assert_shown(uint64_t ms, const char *want) {
    char text[JAPAN_TEXT_MAX];

    japan_print(ms, JAPAN_SECOND, text);
    if (strcmp(text, want) != 0)
        fail_msg("%llu is shown as %s, not %s", (unsigned long long)ms, text, want);
}

static void days_change_at_15_of_utc(void **state) {
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01 09:00:00"},
        {999, "1970-01-01 09:00:00"},
        {53999999, "1970-01-01 23:59:59"},
        {54000000, "1970-01-02 00:00:00"},
        {1795964399999, "2026-11-29 23:59:59"}, /* 14:59:59.999Z */
        {1795964400000, "2026-11-30 00:00:00"}, /* 15:00:00.000Z */
        {1798729199999, "2026-12-31 23:59:59"},
        {1798729200000, "2027-01-01 00:00:00"},
        {1582902000000, "2020-02-29 00:00:00"},
        {1582988399999, "2020-02-29 23:59:59"},
        {1582988400000, "2020-03-01 00:00:00"},
        {951750000000, "2000-02-29 00:00:00"}, /* a leap year by 400 */
        {951836400000, "2000-03-01 00:00:00"},
        {4107509999999, "2100-02-28 23:59:59"}, /* and 2100 is none */
        {4107510000000, "2100-03-01 00:00:00"},
        {LAST_MS, "9999-12-31 23:59:59"},
        {LAST_MS + 1, "9999-12-31 23:59:59"},
        {UINT64_MAX, "9999-12-31 23:59:59"},
    };
    char text[JAPAN_TEXT_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_shown(rows[i].ms, rows[i].text);
    japan_print(1795964400000, JAPAN_DAY, text);
    assert_string_equal(text, "2026-11-30");
    japan_print(1795964399999, JAPAN_MINUTE, text);
    assert_string_equal(text, "2026-11-29 23:59");
}

static void days_are_counted_from_1970(void **state) {
    (void)state;
    assert_int_equal(japan_day(0), 0);
    assert_int_equal(japan_day(15 * 3600 * 1000 - 1), 0);
    assert_int_equal(japan_day(15 * 3600 * 1000), 1);
    assert_int_equal(japan_day(1795964399999), 20786);
    assert_int_equal(japan_day(1795964400000), 20787);
    assert_int_equal(japan_day(UINT64_MAX), 2932896);
    assert_int_equal(japan_day_ms(0), 0);
    assert_int_equal(japan_day_ms(1), 15 * 3600 * 1000);
    assert_int_equal(japan_day_ms(20787), 1795964400000);
    assert_shown(japan_day_ms(UINT32_MAX), "9999-12-31 23:59:59");
}

/* Each of the calendar's days, as libc has it. */
static void the_calendar_is_that_of_libc(void **state) {
    (void)state;
    for (uint32_t day = 0; day <= 2932896; day++) {
        time_t seconds = (time_t)day * 24 * 3600;
        uint64_t first_ms = japan_day_ms(day), got_first = 1, got_last = 1;
        struct japan_time time = japan_time(first_ms);
        char text[JAPAN_TEXT_MAX];
        struct tm tm;

        assert_non_null(gmtime_r(&seconds, &tm));
        if (time.year != tm.tm_year + 1900 || time.month != tm.tm_mon + 1 ||
            time.day != tm.tm_mday || time.hour != (day == 0 ? 9 : 0) ||
            japan_day(first_ms) != day)
            fail_msg("day %u is %u-%u-%u", day, time.year, time.month, time.day);
        japan_print(first_ms, JAPAN_DAY, text);
        if (!japan_read_day(span_str(text), &got_first, &got_last) ||
            got_first != first_ms || got_last != japan_day_ms(day + 1) - 1)
            fail_msg("%s is read as %llu to %llu", text, (unsigned long long)got_first,
                     (unsigned long long)got_last);
    }
}

static void what_is_typed_is_japans(void **state) {
    static const struct {
        const char *text;
        uint64_t first_ms, last_ms;
    } rows[] = {
        {"2026-11-30", 1795964400000, 1796050799999},
        {"2026-11-30 00:00", 1795964400000, 1795964459999},
        {"2026-11-30T00:00:00", 1795964400000, 1795964400999},
        {"2026-11-30 09:30:59", 1795998659000, 1795998659999},
        {"2026-11-29T15:00:00Z", 1795964400000, 1795964400999},
        {"2026-11-29 14:59Z", 1795964340000, 1795964399999},
        {"2024-02-29", 1709132400000, 1709218799999},
        {"1970-01-01", 0, 53999999},
        {"1970-01-01 09:00", 0, 59999},
        {"1970-01-01T00:00:00Z", 0, 999},
        {"9999-12-31 23:59:59", LAST_MS - 999, LAST_MS},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t first_ms = 7, last_ms = 7;
        bool is_day = strlen(rows[i].text) == 10;

        if (!japan_read(span_str(rows[i].text), &first_ms, &last_ms) ||
            first_ms != rows[i].first_ms || last_ms != rows[i].last_ms)
            fail_msg("%s: %llu to %llu", rows[i].text, (unsigned long long)first_ms,
                     (unsigned long long)last_ms);
        assert_int_equal(japan_read_day(span_str(rows[i].text), &first_ms, &last_ms),
                         is_day);
    }
}

static void what_is_no_moment_is_refused(void **state) {
    static const char *const texts[] = {
        "", "Z", "2027", "2027-04", "2027-4-1", "2027/04/01", "2027-04-01 ", " 2027-04-01",
        "2027-04-01Z", "2027-00-01", "2027-13-01", "2027-04-00", "2027-04-31",
        "2027-02-29", "2027-02-30", "2024-02-30", "2100-02-29", "2027-01-32", "2027-99-99",
        "1969-12-31", "0000-01-01", "1970-01-01 08:59", "1970-01-01 08:59:59", "20270401",
        "-027-04-01", "+027-04-01", "2027-0x-01", "2027-04-01 24:00", "2027-04-01 09:60",
        "2027-04-01 09:30:60", "2027-04-01 9:30", "2027-04-01 09.30", "2027-04-01t09:30",
        "2027-04-01 09:30z", "2027-04-01T09:30:00ZZ", "2027-04-01T09:30:00+09:00",
        "2027-04-01 09:30:00.000", "2027-04-01  9:30", "10000-01-01", "today",
        "99999999999999999999",
    };
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t first_ms = 7, last_ms = 7;

        if (japan_read(span_str(texts[i]), &first_ms, &last_ms) ||
            japan_read_day(span_str(texts[i]), &first_ms, &last_ms))
            fail_msg("'%s' is taken", texts[i]);
        assert_int_equal(first_ms, 7);
        assert_int_equal(last_ms, 7);
    }
}

/* Wherever the machine stands. */
static void the_zone_of_the_machine_is_nothing(void **state) {
    static const char *const zones[] = {"UTC", "America/New_York", "Asia/Tokyo", "X24",
                                        "X-24"};
    (void)state;

    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        assert_int_equal(setenv("TZ", zones[i], 1), 0);
        tzset();
        days_change_at_15_of_utc(NULL);
        what_is_typed_is_japans(NULL);
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_change_at_15_of_utc),
        cmocka_unit_test(days_are_counted_from_1970),
        cmocka_unit_test(the_calendar_is_that_of_libc),
        cmocka_unit_test(what_is_typed_is_japans),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(the_zone_of_the_machine_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
