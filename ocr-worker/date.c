#include "ocr-worker/date.h"

bool date_valid(struct date d) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;

    return d.year >= 1868 && d.year <= 2200 && d.month >= 1 && d.month <= 12 &&
           d.day >= 1 && d.day <= days[d.month - 1] + (leap && d.month == 2);
}

int32_t date_days(struct date d) {
    int y = d.month <= 2 ? d.year - 1 : d.year;
    int era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    int of_day = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

    return era * 146097 + of_day - 719468;
}

static bool digits(const char *text, size_t len, int *ret) {
    int value = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret = value;
    return true;
}

bool date_parse_iso(const char *text, size_t len, struct date *ret) {
    struct date d;

    if (len != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 4, &d.year) ||
        !digits(text + 5, 2, &d.month) || !digits(text + 8, 2, &d.day) || !date_valid(d))
        return false;
    *ret = d;
    return true;
}

struct date date_add_months(struct date d, int months) {
    int month = d.month - 1 + months;

    d.year += month / 12;
    d.month = month % 12 + 1;
    while (!date_valid(d) && d.day > 28)
        d.day--;
    return d;
}

/* ---- eras */

static const struct {
    uint32_t name[2];
    int first_year;
    int32_t from, to; /* yyyymmdd, inclusive */
} eras[] = {
    {{0x660e, 0x6cbb}, 1868, 18681023, 19120729}, /* 明治 */
    {{0x5927, 0x6b63}, 1912, 19120730, 19261224}, /* 大正 */
    {{0x662d, 0x548c}, 1926, 19261225, 19890107}, /* 昭和 */
    {{0x5e73, 0x6210}, 1989, 19890108, 20190430}, /* 平成 */
    {{0x4ee4, 0x548c}, 2019, 20190501, 21991231}, /* 令和 */
};

static bool in_era(struct date d, size_t era) {
    int32_t day = d.year * 10000 + d.month * 100 + d.day;

    return day >= eras[era].from && day <= eras[era].to;
}

struct cursor {
    const uint32_t *chars;
    size_t count, at;
};

static bool take(struct cursor *c, uint32_t ch) {
    if (c->at >= c->count || c->chars[c->at] != ch)
        return false;
    c->at++;
    return true;
}

/* What may follow a number of a date. */
static bool is_separator(uint32_t ch) {
    return ch == 0x5e74 || ch == 0x6708 || ch == 0x65e5 || ch == '/' || ch == '.' ||
           ch == '-';
}

/* Two ones close together look like 日, which itself never stands before a separator. */
static bool is_eleven(const struct cursor *c) {
    return c->at + 1 < c->count && c->chars[c->at] == 0x65e5 &&
           is_separator(c->chars[c->at + 1]);
}

/* At most `max` digits. */
static bool take_number(struct cursor *c, size_t max, int *ret) {
    size_t n = 0;
    int value = 0;

    while (n < max && c->at < c->count) {
        uint32_t ch = c->chars[c->at];

        if (ch >= '0' && ch <= '9') {
            value = value * 10 + (int)(ch - '0');
            n++;
        } else if (n + 2 <= max && is_eleven(c)) {
            value = value * 100 + 11;
            n += 2;
        } else {
            break;
        }
        c->at++;
    }
    *ret = value;
    return n > 0;
}

/* The kanji, or one of the signs; all of a date alike. *style: 0 at first. */
static bool take_separator(struct cursor *c, uint32_t kanji, uint32_t *style) {
    uint32_t ch = c->at < c->count ? c->chars[c->at] : 0;
    uint32_t own = ch == kanji ? 1 : ch == '/' || ch == '.' || ch == '-' ? ch : 0;

    if (own == 0 || (*style != 0 && *style != own))
        return false;
    *style = own;
    c->at++;
    return true;
}

/* A day may end its date: there is no separator to tell 日 from two ones then. */
static bool take_day(struct cursor *c, uint32_t style, int *ret) {
    if (style != 1 && take(c, 0x65e5)) {
        *ret = 11;
        return true;
    }
    return take_number(c, 2, ret);
}

static bool date_at(struct cursor *c, struct date *ret) {
    struct date d;
    uint32_t style = 0;
    size_t era = 5;
    int month, day;

    for (size_t i = 0; i < 5; i++)
        if (c->at + 1 < c->count && c->chars[c->at] == eras[i].name[0] &&
            c->chars[c->at + 1] == eras[i].name[1])
            era = i;
    if (era < 5) {
        c->at += 2;
        if (take(c, 0x5143)) /* 元 */
            d.year = 1;
        else if (!take_number(c, 2, &d.year) || d.year < 1)
            return false;
        d.year += eras[era].first_year - 1;
    } else if (!take_number(c, 4, &d.year)) {
        return false;
    }
    if (!take_separator(c, 0x5e74, &style) || !take_number(c, 2, &month))
        return false;
    if (!take_separator(c, 0x6708, &style) || !take_day(c, style, &day))
        return false;
    d.month = month;
    d.day = day;
    if (style == 1 && !take(c, 0x65e5))
        return false;
    if (!date_valid(d) || (era < 5 && !in_era(d, era)))
        return false;
    *ret = d;
    return true;
}

bool date_find(const uint32_t *chars, size_t count, struct date *ret, size_t *ret_from,
               size_t *ret_to) {
    for (size_t from = 0; from < count; from++) {
        struct cursor c = {chars, count, from};

        if (from > 0 && chars[from] >= '0' && chars[from] <= '9' &&
            chars[from - 1] >= '0' && chars[from - 1] <= '9')
            continue; /* not in the middle of a number */
        if (!date_at(&c, ret))
            continue;
        *ret_from = from;
        *ret_to = c.at;
        return true;
    }
    return false;
}
