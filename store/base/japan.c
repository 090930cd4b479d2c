#include "store/base/japan.h"

#define AHEAD_MS (9 * 3600 * UINT64_C(1000)) /* of UTC */
#define DAY_MS (24 * 3600 * UINT64_C(1000))
#define LAST_DAY UINT32_C(2932896) /* 9999-12-31 */
/* Days from 1 March of the year 0 to 1970-01-01. */
#define MARCH_DAYS 719468u
#define ERA_DAYS 146097u /* 400 years */

/* Days since 1970 as a date and back; after Howard Hinnant's civil_from_days: years begin
 * in March, so that a leap day is the last of its year. */
static void day_split(uint32_t day, struct japan_time *time) {
    uint32_t z = day + MARCH_DAYS, era = z / ERA_DAYS, doe = z % ERA_DAYS;
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;

    time->year = (uint16_t)(yoe + era * 400 + (month <= 2 ? 1 : 0));
    time->month = (uint8_t)month;
    time->day = (uint8_t)(doy - (153 * mp + 2) / 5 + 1);
}

static uint32_t day_join(const struct japan_time *time) {
    uint32_t year = time->year - (time->month <= 2 ? 1u : 0u), era = year / 400;
    uint32_t yoe = year % 400, month = time->month;
    uint32_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + time->day - 1;

    return era * ERA_DAYS + yoe * 365 + yoe / 4 - yoe / 100 + doy - MARCH_DAYS;
}

/* ms on Japan's clocks, within what is counted. */
static uint64_t shifted(uint64_t ms) {
    const uint64_t last = (LAST_DAY + UINT64_C(1)) * DAY_MS - 1;

    return ms > last - AHEAD_MS ? last : ms + AHEAD_MS;
}

uint32_t japan_day(uint64_t ms) {
    return (uint32_t)(shifted(ms) / DAY_MS);
}

uint64_t japan_day_ms(uint32_t day) {
    return day == 0 ? 0 : (uint64_t)day * DAY_MS - AHEAD_MS;
}

struct japan_time japan_time(uint64_t ms) {
    uint32_t second = (uint32_t)(shifted(ms) % DAY_MS / 1000);
    struct japan_time time = {.hour = (uint8_t)(second / 3600),
                              .minute = (uint8_t)(second / 60 % 60),
                              .second = (uint8_t)(second % 60)};

    day_split(japan_day(ms), &time);
    return time;
}

/* ---- as text */

static char *put(char *at, unsigned value, unsigned digits, char after) {
    for (unsigned i = digits; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
    at[digits] = after;
    return at + digits + 1;
}

void japan_print(uint64_t ms, enum japan_form form, char out[JAPAN_TEXT_MAX]) {
    struct japan_time time = japan_time(ms);
    char *at = put(out, time.year, 4, '-');

    at = put(at, time.month, 2, '-');
    at = put(at, time.day, 2, form == JAPAN_DAY ? '\0' : ' ');
    if (form == JAPAN_DAY)
        return;
    at = put(at, time.hour, 2, ':');
    at = put(at, time.minute, 2, form == JAPAN_MINUTE ? '\0' : ':');
    if (form == JAPAN_SECOND)
        (void)put(at, time.second, 2, '\0');
}

/* Digits and what stands between them, as far as the text goes. */
static bool shape_fits(struct span text) {
    static const char form[] = "0000-00-00 00:00:00";

    for (size_t i = 0; i < text.len; i++) {
        char ch = (char)text.data[i];
        bool good = form[i] == '0' ? ch >= '0' && ch <= '9' : ch == form[i];
        if (!good && !(form[i] == ' ' && ch == 'T'))
            return false;
    }
    return true;
}

static unsigned number(struct span text, size_t at, size_t digits) {
    unsigned value = 0;

    for (size_t i = at; i < at + digits; i++)
        value = value * 10 + (unsigned)(text.data[i] - '0');
    return value;
}

/* false: no such day or time. */
static bool parts_read(struct span text, struct japan_time *time) {
    struct japan_time again;

    *time = (struct japan_time){.year = (uint16_t)number(text, 0, 4),
                                .month = (uint8_t)number(text, 5, 2),
                                .day = (uint8_t)number(text, 8, 2)};
    if (text.len >= 16) {
        time->hour = (uint8_t)number(text, 11, 2);
        time->minute = (uint8_t)number(text, 14, 2);
    }
    if (text.len >= 19)
        time->second = (uint8_t)number(text, 17, 2);
    if (time->year < 1970 || time->month < 1 || time->month > 12 || time->day < 1 ||
        time->day > 31 || time->hour > 23 || time->minute > 59 || time->second > 59)
        return false;
    day_split(day_join(time), &again); /* 30 February comes back as another day */
    return again.month == time->month;
}

/* ms that a text of this length stands for; 0: none does. */
static uint64_t length_ms(size_t len) {
    return len == 10 ? DAY_MS : len == 16 ? 60 * 1000 : len == 19 ? 1000 : 0;
}

bool japan_read(struct span text, uint64_t *ret_first_ms, uint64_t *ret_last_ms) {
    bool utc = text.len > 0 && text.data[text.len - 1] == 'Z';
    uint64_t ahead_ms = utc ? 0 : AHEAD_MS, length, shown_ms;
    struct japan_time time;

    text.len -= utc ? 1 : 0;
    length = length_ms(text.len);
    if (length == 0 || (utc && length == DAY_MS) || !shape_fits(text) ||
        !parts_read(text, &time))
        return false;
    shown_ms = day_join(&time) * DAY_MS +
               ((time.hour * 60u + time.minute) * 60u + time.second) * UINT64_C(1000);
    if (shown_ms + length <= ahead_ms)
        return false;
    *ret_first_ms = shown_ms > ahead_ms ? shown_ms - ahead_ms : 0;
    *ret_last_ms = shown_ms + length - 1 - ahead_ms;
    return true;
}

bool japan_read_day(struct span text, uint64_t *ret_first_ms, uint64_t *ret_last_ms) {
    return text.len == 10 && japan_read(text, ret_first_ms, ret_last_ms);
}
