#include "server/domain/date.h"

static bool leap(unsigned year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool date_parse(struct span text, struct date *ret_date) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned number = 0;
    unsigned year, month, day, last;

    if (text.len != 8)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    year = number / 10000;
    month = number / 100 % 100;
    day = number % 100;
    if (year < 1868 || month < 1 || month > 12)
        return false;
    last = days[month - 1] + (month == 2 && leap(year) ? 1u : 0u);
    if (day < 1 || day > last)
        return false;
    *ret_date = (struct date){(uint16_t)year, (uint8_t)month, (uint8_t)day};
    return true;
}
