#include "server/domain/app_code.h"

#include <string.h>

#define DIGITS 26
#define GROUP 4
#define TEXT_MAX 64

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Five bits from bit `at` on; those beyond the end are zero. */
static unsigned bits_at(const uint8_t code[APP_CODE_BYTES], size_t at) {
    unsigned value = 0;

    for (size_t i = at; i < at + 5; i++) {
        unsigned byte = i < APP_CODE_BYTES * 8 ? code[i / 8] : 0;
        unsigned bit = byte >> (7 - i % 8) & 1u;
        value = value << 1 | bit;
    }
    return value;
}

void app_code_print(const uint8_t code[APP_CODE_BYTES], char out[APP_CODE_TEXT_SIZE]) {
    size_t len = 0;

    for (size_t i = 0; i < DIGITS; i++) {
        if (i > 0 && i % GROUP == 0)
            out[len++] = '-';
        out[len++] = alphabet[bits_at(code, i * 5)];
    }
    out[len] = '\0';
}

/* -1: no digit. */
static int value_of(uint8_t c) {
    const char *found;

    if (c >= 'a' && c <= 'z')
        c = (uint8_t)(c - 'a' + 'A');
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    found = c == '\0' ? NULL : strchr(alphabet, c);
    return found ? (int)(found - alphabet) : -1;
}

enum err app_code_parse(struct span text, uint8_t ret_code[APP_CODE_BYTES]) {
    uint8_t code[APP_CODE_BYTES] = {0};
    size_t digits = 0;

    if (text.len > TEXT_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        int value = value_of(c);

        if (c == '-' || c == ' ')
            continue;
        if (value < 0 || digits == DIGITS)
            return ERR_INVALID;
        for (size_t bit = 0; bit < 5; bit++) {
            size_t at = digits * 5 + bit;
            unsigned set = (unsigned)value >> (4 - bit) & 1u;

            if (at >= APP_CODE_BYTES * 8 && set)
                return ERR_INVALID; /* the last digit has two bits too many */
            if (set)
                code[at / 8] |= (uint8_t)(1u << (7 - at % 8));
        }
        digits++;
    }
    if (digits != DIGITS)
        return ERR_INVALID;
    memcpy(ret_code, code, sizeof code);
    return OK;
}
