#include "server/domain/corporate_number.h"

#define BASE_DIGITS 12

/* 平成26年財務省令第70号: 9 - (sum of P(n) * Q(n) mod 9), P(1) the rightmost digit,
 * Q(n) 1 for odd n and 2 for even n. */
char corporate_number_check_digit(struct span base) {
    unsigned sum = 0;

    if (base.len != BASE_DIGITS)
        return 0;
    for (size_t i = 0; i < BASE_DIGITS; i++) {
        uint8_t c = base.data[BASE_DIGITS - 1 - i];

        if (c < '0' || c > '9')
            return 0;
        sum += (unsigned)(c - '0') * (i % 2 == 0 ? 1u : 2u);
    }
    return (char)('0' + (9 - sum % 9));
}

bool corporate_number_valid(struct span text) {
    char digit;

    if (text.len != BASE_DIGITS + 1)
        return false;
    digit = corporate_number_check_digit(span_of(text.data + 1, BASE_DIGITS));
    return digit != 0 && text.data[0] == (uint8_t)digit;
}
