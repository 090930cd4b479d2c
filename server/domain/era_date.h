/* era_date: days as people in Japan write them, by an era (和暦) or by the western year
 * (DOMAIN §6.5).
 *
 * 明治 from 1868 on (its calendar is the Gregorian one from 明治6 on; days before that
 * are taken as they are written), 大正 from 1912-07-30, 昭和 from 1926-12-25, 平成 from
 * 1989-01-08, 令和 from 2019-05-01. A day belongs to one era: 昭和64年1月8日 is none.
 * Pure: no clock. */
#ifndef DOMAIN_ERA_DATE_H
#define DOMAIN_ERA_DATE_H

#include "server/domain/date.h"

/* In the order of their years. */
enum era { ERA_WESTERN, ERA_MEIJI, ERA_TAISHO, ERA_SHOWA, ERA_HEISEI, ERA_REIWA, ERAS };

enum era_refusal {
    ERA_OK,
    ERA_EMPTY,   /* a part is missing */
    ERA_NUMBER,  /* a part is no number, or the era is none */
    ERA_DAY,     /* there is no such day in the calendar */
    ERA_OUTSIDE, /* the day is not of this era */
};

/* "western", "meiji" ...; ERAS: none of them. */
enum era era_find(struct span name);
const char *era_name(enum era era);
/* 明治 ...; "" for the western years. */
const char *era_kanji(enum era era);

/* Parts as typed: digits of either width, 元 for the first year. *ret_date is touched on
 * ERA_OK alone. */
enum era_refusal era_date_read(enum era era, struct span year, struct span month,
                               struct span day, struct date *ret_date);
/* Of a day, ERA_MEIJI at least. */
enum era era_of(const struct date *date, unsigned *ret_year);
/* "昭和55年3月7日", 元年 for a first year; `out` is terminated. */
#define ERA_TEXT_MAX 40
void era_date_print(const struct date *date, char out[ERA_TEXT_MAX]);
/* YYYYMMDD, terminated. */
void date_print(const struct date *date, char out[9]);

#endif
