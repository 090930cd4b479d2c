#include "server/domain/corporate_number.h"

#include <string.h>

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

/* ---- slips */

#define TYPED_MAX 20

static bool valid(const char *digits) {
    return corporate_number_valid(span_of(digits, strlen(digits)));
}

static void add(struct corporate_finding *finding, unsigned position, const char *typed,
                const char *meant, size_t len) {
    struct corporate_slip *slip;

    if (finding->slips_count == CORPORATE_SLIPS_MAX)
        return;
    slip = &finding->slips[finding->slips_count++];
    *slip = (struct corporate_slip){.position = position};
    memcpy(slip->typed, typed, len);
    memcpy(slip->meant, meant, len);
}

/* Two digits that changed places. */
static void find_swaps(const char *digits, struct corporate_finding *finding) {
    for (size_t i = 0; i + 1 < BASE_DIGITS + 1; i++) {
        char other[BASE_DIGITS + 2];

        memcpy(other, digits, sizeof other);
        other[i] = digits[i + 1];
        other[i + 1] = digits[i];
        if (digits[i] != digits[i + 1] && valid(other))
            add(finding, (unsigned)i + 1, digits + i, other + i, 2);
    }
}

/* One digit that is read for another. */
static void find_lookalikes(const char *digits, struct corporate_finding *finding) {
    static const char *const pairs[] = {"17", "71", "38", "83", "56", "65", "49", "94",
                                        "06", "60", "27", "72", "08", "80", "69", "96"};

    for (size_t i = 0; i < BASE_DIGITS + 1; i++) {
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
            char other[BASE_DIGITS + 2];

            memcpy(other, digits, sizeof other);
            other[i] = pairs[p][1];
            if (digits[i] == pairs[p][0] && valid(other))
                add(finding, (unsigned)i + 1, digits + i, other + i, 1);
        }
    }
}

/* One digit too many: which of two equal ones. */
static void find_doubles(const char *digits, struct corporate_finding *finding) {
    for (size_t i = 0; i + 1 < BASE_DIGITS + 2; i++) {
        char other[BASE_DIGITS + 3];

        memcpy(other, digits, i);
        memcpy(other + i, digits + i + 1, BASE_DIGITS + 2 - i);
        if (digits[i] == digits[i + 1] && valid(other))
            add(finding, (unsigned)i + 1, digits + i, other + i, 1);
    }
}

/* The digits among what was typed; false: finding->position is none. */
static bool take_digits(struct span text, char digits[TYPED_MAX + 1],
                        struct corporate_finding *finding) {
    unsigned position = 0;
    size_t i = 0;

    while (i < text.len) {
        uint8_t c = text.data[i];
        size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        bool wide = len == 3 && text.len - i >= 3 && c == 0xef;

        if (wide && text.data[i + 1] == 0xbc && text.data[i + 2] >= 0x90 &&
            text.data[i + 2] <= 0x99) /* U+FF10 to U+FF19 */
            c = (uint8_t)('0' + text.data[i + 2] - 0x90);
        else if (wide && text.data[i + 1] == 0xbc && text.data[i + 2] == 0x8d)
            c = '-'; /* U+FF0D */
        else if (len == 3 && text.len - i >= 3 &&
                 memcmp(text.data + i, "\xe3\x80\x80", 3) == 0)
            c = ' '; /* U+3000 */
        i += len < text.len - i ? len : text.len - i;
        position++;
        if (c == ' ' || c == '-')
            continue;
        if (c < '0' || c > '9') {
            finding->position = position;
            return false;
        }
        if (finding->count < TYPED_MAX)
            digits[finding->count] = (char)c;
        finding->count++;
    }
    return true;
}

void corporate_number_find(struct span text, char out[14],
                           struct corporate_finding *ret_finding) {
    char digits[TYPED_MAX + 1] = "";
    struct corporate_finding finding = {.fault = CORPORATE_OK};

    memset(out, 0, 14);
    if (!take_digits(text, digits, &finding)) {
        finding.fault = CORPORATE_CHARACTER;
    } else if (finding.count < BASE_DIGITS + 1) {
        finding.fault = CORPORATE_SHORT;
        memcpy(out, digits, finding.count);
        finding.check = corporate_number_check_digit(span_of(digits, finding.count));
    } else if (finding.count > BASE_DIGITS + 1) {
        finding.fault = CORPORATE_LONG;
        if (finding.count == BASE_DIGITS + 2)
            find_doubles(digits, &finding);
    } else {
        memcpy(out, digits, BASE_DIGITS + 1);
        if (!valid(out)) {
            finding.fault = CORPORATE_CHECK;
            finding.check =
                corporate_number_check_digit(span_of(out + 1, BASE_DIGITS));
            find_swaps(out, &finding);
            find_lookalikes(out, &finding);
        }
    }
    *ret_finding = finding;
}
