/* profile: the attributes of an account that its scopes open (DOMAIN §2.1), with their
 * rules and their encoding; the last three say how it was proven and what it may use.
 *
 * The encoding is what gets sealed into an account's row (SEAL_PROFILE): u8
 * version, u8 corp_type, then per field that is present u8 number, u16 length,
 * bytes, in rising order. Numbers are stored: never reuse one. Pure. */
#ifndef DOMAIN_PROFILE_H
#define DOMAIN_PROFILE_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* X(identifier, number, name, longest in characters, rule). The identifiers are
 * those of server/oidc/claims.h, the names those of the claims. */
#define PROFILE_LIST(X)                                                                \
    X(CORPORATE_NUMBER, 1, "corporate_number", 13, RULE_CORPORATE_NUMBER)              \
    X(NAME, 2, "name", 150, RULE_TEXT)                                                 \
    X(EN_NAME, 3, "en_name", 300, RULE_ASCII)                                          \
    X(PREFECTURE, 4, "prefecture_name", 2, RULE_PREFECTURE)                            \
    X(ADDRESS1, 5, "address1", 100, RULE_TEXT)                                         \
    X(ADDRESS2, 6, "address2", 150, RULE_TEXT)                                         \
    X(REP_LAST_NAME, 7, "rep_last_nm", 50, RULE_TEXT)                                  \
    X(REP_FIRST_NAME, 8, "rep_first_nm", 50, RULE_TEXT)                                \
    X(REP_LAST_KANA, 9, "rep_last_nm_kana", 50, RULE_KANA)                             \
    X(REP_FIRST_KANA, 10, "rep_first_nm_kana", 50, RULE_KANA)                          \
    X(BIRTHDAY, 11, "birthday_ymd", 8, RULE_DATE)                                      \
    X(USER_LAST_NAME, 12, "user_last_nm", 50, RULE_TEXT)                               \
    X(USER_FIRST_NAME, 13, "user_first_nm", 50, RULE_TEXT)                             \
    X(USER_LAST_KANA, 14, "user_last_nm_kana", 50, RULE_KANA)                          \
    X(USER_FIRST_KANA, 15, "user_first_nm_kana", 50, RULE_KANA)                        \
    X(USER_POST_CODE, 16, "user_post_code", 7, RULE_POST_CODE)                         \
    X(USER_PREFECTURE, 17, "user_prefecture_name", 2, RULE_PREFECTURE)                 \
    X(USER_ADDRESS1, 18, "user_address1", 100, RULE_TEXT)                              \
    X(USER_ADDRESS2, 19, "user_address2", 150, RULE_TEXT)                              \
    X(USER_ADDRESS3, 20, "user_address3", 150, RULE_TEXT)                              \
    X(USER_DEPARTMENT, 21, "user_department", 150, RULE_TEXT)                          \
    X(USER_TEL, 22, "user_tel_no_contact", 16, RULE_TEL)                               \
    X(USER_BIRTHDAY, 23, "user_birthday_ymd", 8, RULE_DATE)                            \
    X(EMAIL, 24, "email", 254, RULE_EMAIL)                                             \
    X(PROCEDURE, 25, "procedure", 64, RULE_PROCEDURE)                                  \
    X(VERIFIED_AT, 26, "verified_at", 20, RULE_TIME)                                   \
    X(SERVICES, 27, "services", 1040, RULE_SERVICES)

enum profile_field {
#define X(id, number, name, len_max, rule) PROFILE_##id,
    PROFILE_LIST(X)
#undef X
        PROFILE_COUNT
};

enum corp_type { CORP_NONE = 0, CORP_CORPORATION = 1, CORP_SOLE = 2 };

#define PROFILE_ENCODED_MAX 12288

struct profile {
    enum corp_type corp_type;
    struct span fields[PROFILE_COUNT]; /* UTF-8; empty: absent. Borrowed */
};

/* The claim's name, as JSON members and messages call the field. */
const char *profile_field_name(enum profile_field field);
/* PROFILE_COUNT when there is none of this name. */
enum profile_field profile_field_find(struct span name);

/* What a value must look like. Lengths count characters, not bytes. */
enum profile_rule {
    RULE_TEXT, /* no controls, no invisible or direction characters */
    RULE_ASCII,
    RULE_KANA,             /* full-width katakana */
    RULE_PREFECTURE,       /* JIS X 0401: 01 to 47 */
    RULE_CORPORATE_NUMBER, /* 13 digits; the check digit is profile_check's */
    RULE_DATE,
    RULE_POST_CODE, /* 7 digits */
    RULE_TEL,       /* 9 to 15 digits, with or without + (E.164) */
    RULE_EMAIL,     /* an account ID in its canonical form */
    RULE_PROCEDURE, /* how the account was proven, by the platform's names */
    RULE_TIME,      /* yyyy-mm-ddThh:mm:ssZ */
    RULE_SERVICES,  /* client_ids that a Member may use, a space between each two */
};

/* One field by its rule; an empty value is good (absent). False: *ret_why is
 * static English of what is expected. */
bool profile_field_check(enum profile_field field, struct span value,
                         const char **ret_why);
/* All fields, and what they ask of one another: a corporation's number has the
 * check digit of DOMAIN §6.1 (個人事業主管理番号 have none), and a number needs a
 * corp_type. False: *ret_field and *ret_why. */
bool profile_check(const struct profile *profile, enum profile_field *ret_field,
                   const char **ret_why);

/* ERR_TOO_BIG beyond PROFILE_ENCODED_MAX, ERR_NOMEM. */
enum err profile_encode(const struct profile *profile, struct buf *out);
/* Fields borrow from `in`. ERR_VERSION, ERR_INVALID. Fields of numbers that this
 * release does not know are ERR_VERSION too: they must not be lost by a rewrite. */
enum err profile_decode(struct span in, struct profile *ret_profile);

#endif
