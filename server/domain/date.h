/* date: calendar days written YYYYMMDD (claims birthday_ymd, user_birthday_ymd).
 * Pure: no clock. */
#ifndef DOMAIN_DATE_H
#define DOMAIN_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/span.h"

struct date {
    uint16_t year; /* 1868 to 9999: 明治 began in 1868 */
    uint8_t month, day;
};

/* Eight ASCII digits that name a day of the Gregorian calendar. */
bool date_parse(struct span text, struct date *ret_date);

#endif
