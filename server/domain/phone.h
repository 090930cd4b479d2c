/* phone: a number that text messages are sent to, in the one form (ITU-T E.164) that is
 * compared, counted and given to a provider.
 *
 * A number without "+" is a Japanese one (0 and nine or ten digits). Full-width digits,
 * plus and hyphens, which Japanese keyboards give, are read as their ASCII forms; nothing
 * else is folded. Hyphens, spaces and one pair of brackets may stand between digits.
 * Refused with a reason: letters, extensions, a second number, anything that is longer
 * than a number can be (SECURITY E04). Pure. */
#ifndef DOMAIN_PHONE_H
#define DOMAIN_PHONE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/span.h"

#define PHONE_DIGITS_MAX 15 /* E.164 §6.1 */
#define PHONE_INPUT_MAX 64
/* Country codes of those that may be sent to; 1 to 3 digits each. */
#define PHONE_COUNTRIES_MAX 16

struct phone {
    char text[1 + PHONE_DIGITS_MAX + 1]; /* "+819012345678" */
    size_t len;
};

struct phone_countries {
    char code[PHONE_COUNTRIES_MAX][4]; /* "81" */
    size_t count;                      /* 0: Japan alone */
};

static inline struct span phone_span(const struct phone *phone) {
    return span_of(phone->text, phone->len);
}

enum phone_refusal {
    PHONE_OK,
    PHONE_EMPTY,
    PHONE_LONG,       /* more digits than a number has */
    PHONE_SHORT,
    PHONE_CHARACTER,  /* neither a digit nor what may stand between digits */
    PHONE_FORM,       /* brackets, hyphens or "+" where they do not belong */
    PHONE_NATIONAL,   /* neither "+" nor a leading 0 */
    PHONE_COUNTRY,    /* not of a country that messages are sent to */
    PHONE_NO_MOBILE,  /* Japanese, and cannot receive: not 060, 070, 080 or 090 */
};
/* A sentence in English, for operators and logs; "" for PHONE_OK. */
const char *phone_refusal_str(enum phone_refusal refusal);

enum phone_refusal phone_parse(struct span text, const struct phone_countries *countries,
                               struct phone *ret_phone);
/* Is it just what phone_parse gives? The form alone, of any country. */
bool phone_is_e164(struct span text);
/* "+81*****5678": enough to recognise one's own. `out` as large as phone.text. */
void phone_mask(struct span e164, char out[1 + PHONE_DIGITS_MAX + 1]);

#endif
