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

#endif
