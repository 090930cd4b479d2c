#include "server/domain/profile.h"

#include "server/domain/account_id.h"
#include "server/domain/corporate_number.h"
#include "server/domain/date.h"
#include "store/base/codec.h"
#include "store/base/limits.h"

#define PROFILE_VERSION 1

static const struct {
    const char *name;
    uint8_t number;
    uint16_t len_max; /* characters */
    enum profile_rule rule;
} fields[PROFILE_COUNT] = {
#define X(id, number, name, len_max, rule)                                             \
    [PROFILE_##id] = {name, number, len_max, rule},
    PROFILE_LIST(X)
#undef X
};

const char *profile_field_name(enum profile_field field) {
    return fields[field].name;
}

enum profile_field profile_field_find(struct span name) {
    size_t i = 0;

    while (i < PROFILE_COUNT && !span_is(name, fields[i].name))
        i++;
    return (enum profile_field)i;
}

/* The next character of valid UTF-8. */
static uint32_t next_char(struct span *text) {
    uint8_t first = text->data[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = len == 1 ? first : first & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (text->data[i] & 0x3f);
    *text = span_of(text->data + len, text->len - len);
    return c;
}

/* Characters that cannot be seen, or that turn what is seen around. */
static bool deceptive(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff0 && c <= 0xfffd) ||
           (c >= 0xe0000 && c <= 0xe0fff && !(c >= 0xe0100 && c <= 0xe01ef)) ||
           (c & 0xfffe) == 0xfffe;
}

/* Full-width katakana with its marks, and the spaces between names. */
static bool kana(uint32_t c) {
    return (c >= 0x30a1 && c <= 0x30fa) || c == 0x30fb || c == 0x30fc || c == 0x30fd ||
           c == 0x30fe || c == ' ' || c == 0x3000;
}

static bool space(uint32_t c) {
    return c == ' ' || c == 0x3000;
}

static bool char_fits(uint32_t c, enum profile_rule rule) {
    if (rule == RULE_KANA)
        return kana(c);
    if (rule == RULE_ASCII)
        return c >= 0x20 && c < 0x7f;
    return !deceptive(c);
}

static const char *text_fault(struct span value, enum profile_rule rule,
                              size_t len_max) {
    size_t count = 0;
    uint32_t first = 0;
    uint32_t c = 0;

    if (!utf8_valid(value))
        return "it must be UTF-8";
    while (value.len > 0) {
        c = next_char(&value);
        first = count == 0 ? c : first;
        if (!char_fits(c, rule))
            return rule == RULE_KANA    ? "full-width katakana are expected"
                   : rule == RULE_ASCII ? "printable ASCII is expected"
                                        : "it has invisible or control characters";
        if (++count > len_max)
            return "it has too many characters";
    }
    if (space(first) || space(c))
        return "it begins or ends with a space";
    return NULL;
}

static bool digits(struct span value, size_t min, size_t max) {
    if (value.len < min || value.len > max)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
    return true;
}

static bool prefecture_valid(struct span value) {
    unsigned code;

    if (!digits(value, 2, 2))
        return false;
    code = (unsigned)(value.data[0] - '0') * 10 + (unsigned)(value.data[1] - '0');
    return code >= 1 && code <= 47;
}

static bool tel_valid(struct span value) {
    if (value.len > 0 && value.data[0] == '+')
        return digits(span_of(value.data + 1, value.len - 1), 9, 15) &&
               value.data[1] != '0';
    return digits(value, 9, 15);
}

static bool email_valid(struct span value) {
    struct account_id id;

    return account_id_parse(value, &id, NULL) &&
           span_equal(account_id_span(&id), value);
}

/* By the platform's names (DOMAIN §2.1). */
static bool procedure_valid(struct span value) {
    static const char *const names[] = {
        "jp_gbizid_document_corporation",         "jp_gbizid_online_corporation",
        "jp_gbizid_one_stop_service",             "jp_gbizid_document_sole_proprietorship",
        "jp_gbizid_online_sole_proprietorship",   "jp_gbizid_member",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_is(value, names[i]))
            return true;
    return false;
}

/* yyyy-mm-ddThh:mm:ssZ (RFC 3339, UTC) of a day that there is. */
static bool time_valid(struct span value) {
    static const char shape[] = "0000-00-00T00:00:00Z";
    uint8_t day[8];
    struct date date;

    if (value.len != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        bool digit = value.data[i] >= '0' && value.data[i] <= '9';

        if (shape[i] == '0' ? !digit : value.data[i] != (uint8_t)shape[i])
            return false;
    }
    memcpy(day, value.data, 4);
    memcpy(day + 4, value.data + 5, 2);
    memcpy(day + 6, value.data + 8, 2);
    return date_parse(span_of(day, sizeof day), &date) &&
           memcmp(value.data + 11, "24", 2) < 0 && value.data[14] < '6' &&
           value.data[17] < '6';
}

/* client_ids with one space between each two. */
static bool services_valid(struct span value, size_t len_max) {
    size_t start = 0;

    if (value.len > len_max)
        return false;
    for (size_t i = 0; i <= value.len; i++) {
        uint8_t c = i < value.len ? value.data[i] : ' ';
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';

        if (good)
            continue;
        if (c != ' ' || i == start || i - start > LIMIT_CLIENT_ID)
            return false;
        start = i + 1;
    }
    return true;
}

/* NULL when the value is good. */
static const char *field_fault(enum profile_field field, struct span value) {
    enum profile_rule rule = fields[field].rule;
    struct date date;

    switch (rule) {
    case RULE_TEXT:
    case RULE_ASCII:
    case RULE_KANA:
        return text_fault(value, rule, fields[field].len_max);
    case RULE_PREFECTURE:
        return prefecture_valid(value) ? NULL
                                       : "a code of JIS X 0401, 01 to 47, is expected";
    case RULE_CORPORATE_NUMBER:
        return digits(value, 13, 13) ? NULL : "13 digits are expected";
    case RULE_DATE:
        return date_parse(value, &date) ? NULL : "a day as YYYYMMDD is expected";
    case RULE_POST_CODE:
        return digits(value, 7, 7) ? NULL : "7 digits are expected";
    case RULE_TEL:
        return tel_valid(value) ? NULL
                                : "9 to 15 digits, with or without +, are expected";
    case RULE_EMAIL:
        return email_valid(value) ? NULL : "a lower-case e-mail address is expected";
    case RULE_PROCEDURE:
        return procedure_valid(value) ? NULL : "there is no such procedure";
    case RULE_TIME:
        return time_valid(value) ? NULL : "yyyy-mm-ddThh:mm:ssZ is expected";
    case RULE_SERVICES:
        return services_valid(value, fields[field].len_max)
                   ? NULL
                   : "client_ids with a space between each two are expected";
    }
    return "there is no rule for it";
}

bool profile_field_check(enum profile_field field, struct span value,
                         const char **ret_why) {
    const char *fault = value.len > 0 ? field_fault(field, value) : NULL;

    if (fault)
        *ret_why = fault;
    return fault == NULL;
}

bool profile_check(const struct profile *profile, enum profile_field *ret_field,
                   const char **ret_why) {
    struct span number = profile->fields[PROFILE_CORPORATE_NUMBER];
    const char *fault = NULL;
    size_t i;

    for (i = 0; i < PROFILE_COUNT; i++) {
        if (!profile_field_check((enum profile_field)i, profile->fields[i], ret_why)) {
            *ret_field = (enum profile_field)i;
            return false;
        }
    }
    if (number.len > 0 && profile->corp_type == CORP_NONE)
        fault = "it needs a corp_type";
    if (number.len > 0 && profile->corp_type == CORP_CORPORATION &&
        !corporate_number_valid(number))
        fault = "its check digit is wrong";
    if (fault) {
        *ret_field = PROFILE_CORPORATE_NUMBER;
        *ret_why = fault;
    }
    return fault == NULL;
}

/* Bytes that a field may take: four a character. */
static size_t bytes_max(size_t i) {
    return (size_t)fields[i].len_max * 4;
}

enum err profile_encode(const struct profile *profile, struct buf *out) {
    size_t total = 2;

    for (size_t i = 0; i < PROFILE_COUNT; i++) {
        if (profile->fields[i].len > bytes_max(i))
            return ERR_TOO_BIG;
        total += profile->fields[i].len > 0 ? profile->fields[i].len + 3 : 0;
    }
    if (total > PROFILE_ENCODED_MAX)
        return ERR_TOO_BIG;
    put_u8(out, PROFILE_VERSION);
    put_u8(out, (uint8_t)profile->corp_type);
    for (size_t i = 0; i < PROFILE_COUNT; i++) {
        if (profile->fields[i].len == 0)
            continue;
        put_u8(out, fields[i].number);
        put_u16(out, (uint16_t)profile->fields[i].len);
        buf_put(out, profile->fields[i].data, profile->fields[i].len);
    }
    return buf_err(out);
}

/* The field of a stored number; PROFILE_COUNT when this release has none. */
static size_t field_of(uint8_t number) {
    size_t i = 0;

    while (i < PROFILE_COUNT && fields[i].number != number)
        i++;
    return i;
}

enum err profile_decode(struct span in, struct profile *ret_profile) {
    struct profile profile = {0};
    struct reader reader = reader_of(in);
    uint8_t corp_type, number;
    unsigned last = 0;

    if (in.len < 2 || in.len > PROFILE_ENCODED_MAX)
        return ERR_INVALID;
    if (read_u8(&reader) != PROFILE_VERSION)
        return ERR_VERSION;
    corp_type = read_u8(&reader);
    if (corp_type > CORP_SOLE)
        return ERR_INVALID;
    profile.corp_type = (enum corp_type)corp_type;
    while (reader_left(&reader) > 0) {
        size_t i = field_of(number = read_u8(&reader));
        uint16_t len = read_u16(&reader);
        struct span value = read_bytes(&reader, len);

        if (reader.bad || len == 0 || number <= last)
            return ERR_INVALID;
        if (i == PROFILE_COUNT)
            return ERR_VERSION;
        if (len > bytes_max(i) || !utf8_valid(value))
            return ERR_INVALID;
        profile.fields[i] = value;
        last = number;
    }
    *ret_profile = profile;
    return OK;
}
