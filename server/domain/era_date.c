#include "server/domain/era_date.h"

#include <stdio.h>
#include <string.h>

#define PART_DIGITS 4

static const struct {
    const char *name, *kanji;
    unsigned before; /* the year before its first one */
    uint32_t first;  /* its first day, YYYYMMDD */
} eras[ERAS] = {
    [ERA_WESTERN] = {"western", "", 0, 18680101},
    [ERA_MEIJI] = {"meiji", "明治", 1867, 18680101},
    [ERA_TAISHO] = {"taisho", "大正", 1911, 19120730},
    [ERA_SHOWA] = {"showa", "昭和", 1925, 19261225},
    [ERA_HEISEI] = {"heisei", "平成", 1988, 19890108},
    [ERA_REIWA] = {"reiwa", "令和", 2018, 20190501},
};

enum era era_find(struct span name) {
    size_t i = 0;

    while (i < ERAS && !span_is(name, eras[i].name))
        i++;
    return (enum era)i;
}

const char *era_name(enum era era) {
    return eras[era].name;
}

const char *era_kanji(enum era era) {
    return eras[era].kanji;
}

static uint32_t number_of(const struct date *date) {
    return date->year * 10000u + date->month * 100u + date->day;
}

/* One to four digits, ASCII or full-width. */
static bool read_part(struct span text, unsigned *ret_number) {
    unsigned number = 0, count = 0;

    while (text.len > 0) {
        uint8_t c = text.data[0];
        size_t len = 1;

        if (text.len >= 3 && c == 0xef && text.data[1] == 0xbc &&
            text.data[2] >= 0x90 && text.data[2] <= 0x99) { /* U+FF10 to U+FF19 */
            c = (uint8_t)('0' + text.data[2] - 0x90);
            len = 3;
        }
        if (c < '0' || c > '9' || ++count > PART_DIGITS)
            return false;
        number = number * 10 + (unsigned)(c - '0');
        text = span_of(text.data + len, text.len - len);
    }
    *ret_number = number;
    return count > 0;
}

enum era era_of(const struct date *date, unsigned *ret_year) {
    enum era era = ERA_REIWA;

    while (era > ERA_MEIJI && number_of(date) < eras[era].first)
        era--;
    *ret_year = date->year - eras[era].before;
    return era;
}

enum era_refusal era_date_read(enum era era, struct span year, struct span month,
                               struct span day, struct date *ret_date) {
    unsigned y, m, d, of_era;
    char text[16];
    struct date date;

    if (year.len == 0 || month.len == 0 || day.len == 0)
        return ERA_EMPTY;
    if (era >= ERAS || !read_part(month, &m) || !read_part(day, &d))
        return ERA_NUMBER;
    if (era != ERA_WESTERN && span_is(year, "元"))
        y = 1;
    else if (!read_part(year, &y))
        return ERA_NUMBER;
    if (y == 0 || (era != ERA_WESTERN && y > 99))
        return ERA_OUTSIDE;
    y += eras[era].before;
    if (y < 1868 || y > 9999)
        return ERA_OUTSIDE;
    if (m > 99 || d > 99)
        return ERA_DAY;
    snprintf(text, sizeof text, "%04u%02u%02u", y, m, d);
    if (!date_parse(span_str(text), &date))
        return ERA_DAY;
    if (era != ERA_WESTERN && era_of(&date, &of_era) != era)
        return ERA_OUTSIDE;
    *ret_date = date;
    return ERA_OK;
}

void era_date_print(const struct date *date, char out[ERA_TEXT_MAX]) {
    unsigned year;
    enum era era = era_of(date, &year);

    if (year == 1)
        snprintf(out, ERA_TEXT_MAX, "%s元年%u月%u日", eras[era].kanji, date->month,
                 date->day);
    else
        snprintf(out, ERA_TEXT_MAX, "%s%u年%u月%u日", eras[era].kanji, year,
                 date->month, date->day);
}

void date_print(const struct date *date, char out[9]) {
    snprintf(out, 9, "%04u%02u%02u", date->year % 10000u, date->month % 100u,
             date->day % 100u);
}
