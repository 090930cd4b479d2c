/* applicant: an application for a Prime account, from what was typed into the form to the
 * profile that is kept, field by field (DOMAIN §1.1, §6.4).
 *
 * People are met half-way: digits of either width, hiragana for katakana, half-width
 * katakana, hyphens and spaces in numbers, days of any era. What cannot be meant is named
 * with the field and the reason. Pure: no clock, the day comes from the caller. */
#ifndef DOMAIN_APPLICANT_H
#define DOMAIN_APPLICANT_H

#include "server/domain/corporate_number.h"
#include "server/domain/era_date.h"
#include "server/domain/phone.h"
#include "server/domain/profile.h"
#include "store/base/arena.h"

/* The numbers of enum application_kind. */
enum applicant_kind {
    APPLICANT_CORPORATION = 1, /* 法人 */
    APPLICANT_SOLE = 2,        /* 個人事業主 */
    APPLICANT_PUBLIC = 3,      /* 国・地方公共団体 */
    APPLICANT_OTHER = 4,       /* その他団体 */
};
#define APPLICANT_KIND_LAST APPLICANT_OTHER
/* "corporation" ...; "" for none. 0: there is no such kind. */
const char *applicant_kind_name(enum applicant_kind kind);
enum applicant_kind applicant_kind_find(struct span name);

/* The form's inputs, in the order of the page; X(identifier, name). */
#define APPLICANT_INPUTS_LIST(X)                                                       \
    X(NUMBER, "corporate_number")                                                      \
    X(NAME, "company")                                                                 \
    X(PREFECTURE, "prefecture")                                                        \
    X(ADDRESS1, "address1")                                                            \
    X(ADDRESS2, "address2")                                                            \
    X(LAST, "last_name")                                                               \
    X(FIRST, "first_name")                                                             \
    X(LAST_KANA, "last_kana")                                                          \
    X(FIRST_KANA, "first_kana")                                                        \
    X(BIRTH_ERA, "birth_era")                                                          \
    X(BIRTH_YEAR, "birth_year")                                                        \
    X(BIRTH_MONTH, "birth_month")                                                      \
    X(BIRTH_DAY, "birth_day")                                                          \
    X(POST_CODE, "post_code")                                                          \
    X(CONTACT_PREFECTURE, "contact_prefecture")                                        \
    X(CONTACT_ADDRESS1, "contact_address1")                                            \
    X(CONTACT_ADDRESS2, "contact_address2")                                            \
    X(DEPARTMENT, "department")                                                        \
    X(PHONE, "phone")                                                                  \
    X(EMAIL, "email")                                                                  \
    X(AGREE, "agree")
enum applicant_input {
#define X(id, name) APPLICANT_IN_##id,
    APPLICANT_INPUTS_LIST(X)
#undef X
        APPLICANT_INPUTS
};
const char *applicant_input_name(enum applicant_input input);

/* Why an input is not taken; X(identifier, word of the message). */
#define APPLICANT_FAULTS_LIST(X)                                                       \
    X(GOOD, "")                                                                        \
    X(MISSING, "missing")                                                              \
    X(LONG, "long")                                                                    \
    X(TEXT, "text")                                                                    \
    X(KANA, "kana")                                                                    \
    X(PREFECTURE, "prefecture")                                                        \
    X(POST_CODE, "post_code")                                                          \
    X(NUMBER_CHARACTER, "number_character")                                            \
    X(NUMBER_SHORT, "number_short")                                                    \
    X(NUMBER_BASE, "number_base") /* 会社法人等番号, without the check digit */        \
    X(NUMBER_LONG, "number_long")                                                      \
    X(NUMBER_CHECK, "number_check")                                                    \
    X(BIRTH_NUMBER, "birth_number")                                                    \
    X(BIRTH_DAY, "birth_day")                                                          \
    X(BIRTH_OUTSIDE, "birth_outside")                                                  \
    X(BIRTH_FUTURE, "birth_future")                                                    \
    X(PHONE, "phone")                                                                  \
    X(PHONE_MOBILE, "phone_mobile")                                                    \
    X(PHONE_COUNTRY, "phone_country")                                                  \
    X(EMAIL, "email")                                                                  \
    X(AGREE, "agree")
enum applicant_fault {
#define X(id, word) APPLICANT_FAULT_##id,
    APPLICANT_FAULTS_LIST(X)
#undef X
        APPLICANT_FAULTS
};
const char *applicant_fault_word(enum applicant_fault fault);

struct applicant_rules {
    const struct phone_countries *countries;
    struct date today; /* in Japan */
};

struct applicant {
    struct profile profile; /* whole when faults_count is 0; spans live in the arena */
    size_t faults_count;
    enum applicant_fault faults[APPLICANT_INPUTS];
    struct corporate_finding number; /* NUMBER_* */
    enum era era;                    /* BIRTH_OUTSIDE: that was chosen */
};

/* `typed` are UTF-8 or not, and as long as they like: what is too long is a fault. Faults
 * of the birth date stand at APPLICANT_IN_BIRTH_ERA. ERR_NOMEM. */
enum err applicant_read(enum applicant_kind kind,
                        const struct span typed[APPLICANT_INPUTS],
                        const struct applicant_rules *rules, struct arena *arena,
                        struct applicant *ret_applicant);

#endif
