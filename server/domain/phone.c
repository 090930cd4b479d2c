#include "server/domain/phone.h"

#include <string.h>

#define DIGITS_MIN 8 /* with the country code; shorter ones are services */
#define JAPAN "81"
#define TAIL_SHOWN 4

const char *phone_refusal_str(enum phone_refusal refusal) {
    static const char *const sentences[] = {
        [PHONE_OK] = "",
        [PHONE_EMPTY] = "it is empty",
        [PHONE_LONG] = "it is longer than a telephone number",
        [PHONE_SHORT] = "it is shorter than a telephone number",
        [PHONE_CHARACTER] = "it has a character that no telephone number has",
        [PHONE_FORM] = "signs stand where none belong",
        [PHONE_NATIONAL] = "a number begins with 0, or with + and a country code",
        [PHONE_COUNTRY] = "messages are not sent to its country",
        [PHONE_NO_MOBILE] = "it is not a mobile number (060, 070, 080 or 090)",
    };
    return sentences[refusal];
}

/* The next character in its ASCII form; 0: it has none. *ret_len: its bytes. */
static char fold(struct span text, size_t *ret_len) {
    const uint8_t *at = text.data;

    *ret_len = 1;
    if (at[0] < 0x80)
        return (char)at[0];
    if (text.len < 3)
        return 0;
    *ret_len = 3;
    if (at[0] == 0xef && at[1] == 0xbc && at[2] >= 0x90 && at[2] <= 0x99)
        return (char)('0' + at[2] - 0x90); /* U+FF10 to U+FF19 */
    if (at[0] == 0xef && at[1] == 0xbc && at[2] == 0x8b)
        return '+'; /* U+FF0B */
    if ((at[0] == 0xef && at[1] == 0xbc && at[2] == 0x8d) ||  /* U+FF0D */
        (at[0] == 0xe2 && at[1] == 0x88 && at[2] == 0x92) ||  /* U+2212 */
        (at[0] == 0xe2 && at[1] == 0x80 && at[2] == 0x90) ||  /* U+2010 */
        (at[0] == 0xe3 && at[1] == 0x83 && at[2] == 0xbc))    /* U+30FC */
        return '-';
    return at[0] == 0xe3 && at[1] == 0x80 && at[2] == 0x80 ? ' ' : 0; /* U+3000 */
}

struct reading {
    char digits[PHONE_DIGITS_MAX + 1]; /* one more than may be: a national 0 */
    size_t count;
    bool plus, bracket, bracket_was;
    char before; /* the last character that was no digit; 0: a digit */
};

static enum phone_refusal take(struct reading *r, char c) {
    if (c >= '0' && c <= '9') {
        if (r->count == sizeof r->digits)
            return PHONE_LONG;
        r->digits[r->count++] = c;
        r->before = 0;
        return PHONE_OK;
    }
    if (c == '+') {
        if (r->plus || r->count > 0 || r->before)
            return PHONE_FORM;
        r->plus = true;
    } else if (c == '(') {
        if (r->bracket_was || r->before == '-')
            return PHONE_FORM;
        r->bracket = r->bracket_was = true;
    } else if (c == ')') {
        if (!r->bracket || r->before)
            return PHONE_FORM;
        r->bracket = false;
    } else if (c == '-' || c == ' ') {
        if (c == '-' && (r->count == 0 || r->before == '-' || r->before == '('))
            return PHONE_FORM;
    } else {
        return PHONE_CHARACTER;
    }
    r->before = c;
    return PHONE_OK;
}

static enum phone_refusal read_digits(struct span text, struct reading *r) {
    while (text.len > 0) {
        size_t len;
        char c = fold(text, &len);
        enum phone_refusal refusal = c ? take(r, c) : PHONE_CHARACTER;

        if (refusal)
            return refusal;
        text = span_of(text.data + len, text.len - len);
    }
    if (r->bracket || r->before == '-')
        return PHONE_FORM;
    return r->count == 0 ? PHONE_EMPTY : PHONE_OK;
}

static bool has_code(const struct phone *phone, const char *code) {
    size_t len = strlen(code);

    return len > 0 && phone->len > 1 + len && memcmp(phone->text + 1, code, len) == 0;
}

static enum phone_refusal country_ok(const struct phone *phone,
                                     const struct phone_countries *countries) {
    const char *code = countries->count == 0 && has_code(phone, JAPAN) ? JAPAN : NULL;

    for (size_t i = 0; i < countries->count && !code; i++)
        if (has_code(phone, countries->code[i]))
            code = countries->code[i];
    if (!code)
        return PHONE_COUNTRY;
    if (strcmp(code, JAPAN) != 0)
        return PHONE_OK;
    /* 060, 070, 080, 090 and eight digits; all others cannot receive, or cost. */
    if (phone->text[3] < '6' || phone->text[3] > '9')
        return PHONE_NO_MOBILE;
    if (phone->text[4] != '0')
        return PHONE_NO_MOBILE;
    return phone->len < 13   ? PHONE_SHORT
           : phone->len > 13 ? PHONE_LONG
                             : PHONE_OK;
}

enum phone_refusal phone_parse(struct span text, const struct phone_countries *countries,
                               struct phone *ret_phone) {
    struct reading r = {.count = 0};
    struct phone phone = {.text = "+"};
    enum phone_refusal refusal;
    size_t skip;

    while (text.len > 0 && text.data[0] == ' ')
        text = span_of(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    if (text.len == 0)
        return PHONE_EMPTY;
    if (text.len > PHONE_INPUT_MAX)
        return PHONE_LONG;
    refusal = read_digits(text, &r);
    if (refusal)
        return refusal;
    if (r.plus ? r.digits[0] == '0' : r.digits[0] != '0')
        return PHONE_NATIONAL;
    skip = r.plus ? 0 : 1;
    phone.len = 1;
    if (!r.plus) {
        memcpy(phone.text + 1, JAPAN, 2);
        phone.len = 3;
    }
    if (phone.len - 1 + r.count - skip > PHONE_DIGITS_MAX)
        return PHONE_LONG;
    memcpy(phone.text + phone.len, r.digits + skip, r.count - skip);
    phone.len += r.count - skip;
    phone.text[phone.len] = '\0';
    if (phone.len - 1 < DIGITS_MIN)
        return PHONE_SHORT;
    refusal = country_ok(&phone, countries);
    if (!refusal)
        *ret_phone = phone;
    return refusal;
}

bool phone_is_e164(struct span text) {
    if (text.len < 1 + DIGITS_MIN || text.len > 1 + PHONE_DIGITS_MAX ||
        text.data[0] != '+' || text.data[1] == '0')
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

void phone_mask(struct span e164, char out[1 + PHONE_DIGITS_MAX + 1]) {
    size_t len = e164.len <= 1 + PHONE_DIGITS_MAX ? e164.len : 1 + PHONE_DIGITS_MAX;

    for (size_t i = 0; i < len; i++) {
        bool shown = i < 3 || i + TAIL_SHOWN >= len;
        out[i] = shown ? (char)e164.data[i] : '*';
    }
    out[len] = '\0';
}
