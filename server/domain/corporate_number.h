/* corporate_number: 法人番号, 13 digits with a check digit in front (DOMAIN §6.1,
 * 平成26年財務省令第70号). Pure. */
#ifndef DOMAIN_CORPORATE_NUMBER_H
#define DOMAIN_CORPORATE_NUMBER_H

#include <stdbool.h>

#include "store/base/span.h"

/* 13 ASCII digits whose first is the check digit of the others. */
bool corporate_number_valid(struct span text);

/* The check digit ('1' to '9') of 12 ASCII digits (会社法人等番号); 0 when `base`
 * is not that. */
char corporate_number_check_digit(struct span base);

/* What may have gone wrong in a number that does not fit, so that people find it. The
 * check digit cannot say which digit is wrong; it says which of the slips that fingers
 * make would explain it. */
#define CORPORATE_SLIPS_MAX 3
enum corporate_fault {
    CORPORATE_OK,
    CORPORATE_CHARACTER, /* `position` is no digit */
    CORPORATE_SHORT,     /* `count` digits; `check`: 12 of them, it goes in front */
    CORPORATE_LONG,      /* `count` digits; slips: one that was typed twice */
    CORPORATE_CHECK,     /* `check` is expected in front; slips: exchanged or mistaken */
};
struct corporate_slip {
    unsigned position;          /* from 1 */
    char typed[3], meant[3];    /* one digit, or two that follow one another */
};
struct corporate_finding {
    enum corporate_fault fault;
    unsigned position, count;
    char check; /* 0: not known */
    size_t slips_count;
    struct corporate_slip slips[CORPORATE_SLIPS_MAX];
};
/* `text` as typed: digits of either width; spaces and hyphens are passed over.
 * out: the digits, ASCII, terminated, so far as they are 13 or less. */
void corporate_number_find(struct span text, char out[14],
                           struct corporate_finding *ret_finding);

#endif
