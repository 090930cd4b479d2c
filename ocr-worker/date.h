/* date: dates as they are printed, western or by era, and calendar months. Pure. */
#ifndef OCR_WORKER_DATE_H
#define OCR_WORKER_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct date {
    int year, month, day;
};

bool date_valid(struct date date);
/* Days since 1970-01-01, for comparing. */
int32_t date_days(struct date date);
/* YYYY-MM-DD. False: not one. */
bool date_parse_iso(const char *text, size_t len, struct date *ret);
/* The same day `months` later; the last day of the month where there is no such day. */
struct date date_add_months(struct date date, int months);

/* Find a date in a row of characters: 昭和５６年３月１１日, 平成元年..., 1981年3月11日,
 * 1981/03/11. Digits are ASCII already. [*ret_from, *ret_to) is where it stands. An era's
 * year outside of its era is no date. */
bool date_find(const uint32_t *chars, size_t count, struct date *ret, size_t *ret_from,
               size_t *ret_to);

#endif
