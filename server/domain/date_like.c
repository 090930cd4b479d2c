#include "server/domain/date_like.h"

#include "server/domain/date.h"

/* The first days of the eras (DOMAIN §6.5). */
static const struct {
    const char *name;
    unsigned year, month, day;
} eras[] = {
    {"令和", 2019, 5, 1},   {"平成", 1989, 1, 8},  {"昭和", 1926, 12, 25},
    {"大正", 1912, 7, 30}, {"明治", 1868, 1, 25},
};
#define ERAS (sizeof eras / sizeof eras[0])

static bool contains(struct span text, const char *part) {
    struct span p = span_str(part);

    for (size_t i = 0; i + p.len <= text.len; i++) {
        if (memcmp(text.data + i, p.data, p.len) == 0)
            return true;
    }
    return false;
}

static bool names_era(struct span text) {
    for (size_t i = 0; i < ERAS; i++) {
        if (contains(text, eras[i].name))
            return true;
    }
    return false;
}

static bool begun(const struct date *date, size_t era) {
    unsigned day = date->year * 10000u + date->month * 100u + date->day;

    return day >= eras[era].year * 10000u + eras[era].month * 100u + eras[era].day;
}

static void put_era_year(const struct date *date, struct span like, struct buf *out) {
    size_t era = 0;
    unsigned year;

    while (era + 1 < ERAS && !begun(date, era))
        era++;
    year = date->year - eras[era].year + 1;
    if (year == 1 && contains(like, "元"))
        buf_printf(out, "%s元年", eras[era].name);
    else
        buf_printf(out, "%s%u年", eras[era].name, year);
}

void date_like(struct span day, struct span like, struct buf *out) {
    struct date date;
    bool zeros;

    if (!date_parse(day, &date)) {
        buf_put(out, day.data, day.len);
        return;
    }
    if (names_era(like))
        put_era_year(&date, like, out);
    else
        buf_printf(out, "%u年", (unsigned)date.year);
    zeros = contains(like, "年0") || contains(like, "月0");
    buf_printf(out, zeros ? "%02u月%02u日" : "%u月%u日", (unsigned)date.month,
               (unsigned)date.day);
    if (contains(like, "生"))
        buf_str(out, "生");
}
