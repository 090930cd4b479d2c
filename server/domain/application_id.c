/* application_id: making and checking. */
#include "server/domain/application_id.h"

#include <stdio.h>

#define DIGITS 9

/* ISO/IEC 7064: the number with its check digits is 1 modulo 97. */
static unsigned remainder_of(const char *digits, size_t len) {
    unsigned rest = 0;

    for (size_t i = 0; i < len; i++) {
        rest = (rest * 10 + (unsigned)(digits[i] - '0')) % 97;
    }
    return rest;
}

void application_id_make(uint64_t random, char out[APPLICATION_ID_TEXT]) {
    char base[DIGITS + 3];
    unsigned check;

    snprintf(base, sizeof base, "%09u00", (unsigned)(random % 1000000000u));
    check = 98 - remainder_of(base, DIGITS + 2);
    snprintf(out, APPLICATION_ID_TEXT, "P%.9s%02u", base, check);
}

bool application_id_sound(struct span text) {
    if (text.len != APPLICATION_ID_TEXT - 1 || text.data[0] != 'P') {
        return false;
    }
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return remainder_of((const char *)text.data + 1, text.len - 1) == 1;
}
