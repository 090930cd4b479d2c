#include "server/domain/applicant.h"

#include <string.h>

#include "server/domain/account_id.h"
#include "server/domain/name_fold.h"
#include "store/base/codec.h"

/* Of one input, as typed; no field of a profile needs more. */
#define TYPED_MAX 2400

static const char *const kinds[] = {
    [0] = "",
    [APPLICANT_CORPORATION] = "corporation",
    [APPLICANT_SOLE] = "sole_proprietor",
    [APPLICANT_PUBLIC] = "public_body",
    [APPLICANT_OTHER] = "other_body",
};

const char *applicant_kind_name(enum applicant_kind kind) {
    return kind <= APPLICANT_KIND_LAST ? kinds[kind] : "";
}

enum applicant_kind applicant_kind_find(struct span name) {
    for (size_t i = 1; i <= APPLICANT_KIND_LAST; i++)
        if (span_is(name, kinds[i]))
            return (enum applicant_kind)i;
    return (enum applicant_kind)0;
}

const char *applicant_input_name(enum applicant_input input) {
    static const char *const names[] = {
#define X(id, name) [APPLICANT_IN_##id] = name,
        APPLICANT_INPUTS_LIST(X)
#undef X
    };
    return names[input];
}

const char *applicant_fault_word(enum applicant_fault fault) {
    static const char *const words[] = {
#define X(id, word) [APPLICANT_FAULT_##id] = word,
        APPLICANT_FAULTS_LIST(X)
#undef X
    };
    return words[fault];
}

struct reading {
    enum applicant_kind kind;
    const struct span *typed;
    const struct applicant_rules *rules;
    struct arena *arena;
    struct applicant *out;
    enum err err; /* the first */
};

static void fail(struct reading *r, enum applicant_input input,
                 enum applicant_fault fault) {
    r->out->faults_count += r->out->faults[input] == APPLICANT_FAULT_GOOD;
    r->out->faults[input] = fault;
}

/* The text in its normal form, in the arena. False: a fault was noted. */
static bool take(struct reading *r, enum applicant_input input,
                 enum err (*normal)(struct span typed, struct buf *out),
                 struct span *ret_text) {
    struct buf out;
    enum err err;
    bool good = false;

    *ret_text = span_of("", 0);
    if (r->typed[input].len > TYPED_MAX) {
        fail(r, input, APPLICANT_FAULT_LONG);
        return false;
    }
    buf_init(&out, 4 * TYPED_MAX);
    err = normal(r->typed[input], &out);
    if (err == ERR_INVALID) {
        fail(r, input, APPLICANT_FAULT_TEXT);
    } else if (err == ERR_TOO_BIG) { /* one character can become many (NFKC) */
        fail(r, input, APPLICANT_FAULT_LONG);
    } else if (!err && out.len > 0) {
        *ret_text = arena_dup(r->arena, buf_span(&out));
        err = ret_text->data ? OK : ERR_NOMEM;
        good = !err;
    } else {
        good = !err;
    }
    if (err == ERR_NOMEM)
        r->err = err;
    buf_free(&out);
    return good;
}

/* What is wrong with a text of the profile, in the form's words. */
static enum applicant_fault fault_of(enum profile_field field, struct span value) {
    const char *why = "";

    if (profile_field_check(field, value, &why))
        return APPLICANT_FAULT_GOOD;
    if (strstr(why, "too many"))
        return APPLICANT_FAULT_LONG;
    if (strstr(why, "katakana"))
        return APPLICANT_FAULT_KANA;
    return APPLICANT_FAULT_TEXT;
}

/* A text, of the page's input into the profile's field. */
static void read_text(struct reading *r, enum applicant_input input,
                      enum profile_field field, bool required, bool kana) {
    struct span *value = &r->out->profile.fields[field];
    enum applicant_fault fault;

    if (!take(r, input, kana ? name_kana : name_plain, value))
        return;
    fault = value->len > 0 ? fault_of(field, *value)
            : required     ? APPLICANT_FAULT_MISSING
                           : APPLICANT_FAULT_GOOD;
    if (fault)
        fail(r, input, fault);
}

static void read_prefecture(struct reading *r, enum applicant_input input,
                            enum profile_field field, bool required) {
    struct span typed = r->typed[input];
    const char *why;

    if (typed.len == 0 && required)
        fail(r, input, APPLICANT_FAULT_MISSING);
    else if (!profile_field_check(field, typed, &why))
        fail(r, input, APPLICANT_FAULT_PREFECTURE);
    else
        r->out->profile.fields[field] = typed;
}

static void read_number(struct reading *r) {
    static const enum applicant_fault faults[] = {
        [CORPORATE_OK] = APPLICANT_FAULT_GOOD,
        [CORPORATE_CHARACTER] = APPLICANT_FAULT_NUMBER_CHARACTER,
        [CORPORATE_SHORT] = APPLICANT_FAULT_NUMBER_SHORT,
        [CORPORATE_LONG] = APPLICANT_FAULT_NUMBER_LONG,
        [CORPORATE_CHECK] = APPLICANT_FAULT_NUMBER_CHECK,
    };
    struct corporate_finding *finding = &r->out->number;
    enum applicant_fault fault;
    char digits[14];

    if (r->kind == APPLICANT_SOLE)
        return; /* there is none */
    if (r->typed[APPLICANT_IN_NUMBER].len == 0) {
        if (r->kind == APPLICANT_CORPORATION)
            fail(r, APPLICANT_IN_NUMBER, APPLICANT_FAULT_MISSING);
        return;
    }
    corporate_number_find(r->typed[APPLICANT_IN_NUMBER], digits, finding);
    fault = faults[finding->fault];
    if (fault == APPLICANT_FAULT_NUMBER_SHORT && finding->check)
        fault = APPLICANT_FAULT_NUMBER_BASE;
    if (fault) {
        fail(r, APPLICANT_IN_NUMBER, fault);
        return;
    }
    r->out->profile.fields[PROFILE_CORPORATE_NUMBER] =
        arena_dup(r->arena, span_str(digits));
    if (!r->out->profile.fields[PROFILE_CORPORATE_NUMBER].data)
        r->err = ERR_NOMEM;
}

static uint32_t day_number(const struct date *date) {
    return date->year * 10000u + date->month * 100u + date->day;
}

static void read_birth(struct reading *r) {
    static const enum applicant_fault faults[] = {
        [ERA_OK] = APPLICANT_FAULT_GOOD,
        [ERA_EMPTY] = APPLICANT_FAULT_MISSING,
        [ERA_NUMBER] = APPLICANT_FAULT_BIRTH_NUMBER,
        [ERA_DAY] = APPLICANT_FAULT_BIRTH_DAY,
        [ERA_OUTSIDE] = APPLICANT_FAULT_BIRTH_OUTSIDE,
    };
    enum era era = era_find(r->typed[APPLICANT_IN_BIRTH_ERA]);
    enum applicant_fault fault;
    struct date date;
    char text[9];

    fault = faults[era_date_read(era, r->typed[APPLICANT_IN_BIRTH_YEAR],
                                 r->typed[APPLICANT_IN_BIRTH_MONTH],
                                 r->typed[APPLICANT_IN_BIRTH_DAY], &date)];
    if (!fault && day_number(&date) > day_number(&r->rules->today))
        fault = APPLICANT_FAULT_BIRTH_FUTURE;
    r->out->era = era < ERAS ? era : ERA_WESTERN;
    if (fault) {
        fail(r, APPLICANT_IN_BIRTH_ERA, fault);
        return;
    }
    date_print(&date, text);
    r->out->profile.fields[PROFILE_BIRTHDAY] = arena_dup(r->arena, span_str(text));
    r->out->profile.fields[PROFILE_USER_BIRTHDAY] =
        r->out->profile.fields[PROFILE_BIRTHDAY];
    if (!r->out->profile.fields[PROFILE_BIRTHDAY].data)
        r->err = ERR_NOMEM;
}

/* Seven digits of either width, hyphens and the sign 〒 passed over. */
static void read_post_code(struct reading *r) {
    struct span *value = &r->out->profile.fields[PROFILE_USER_POST_CODE];
    struct span text;
    const char *why;
    char digits[8] = "";
    size_t count = 0;

    if (!take(r, APPLICANT_IN_POST_CODE, name_kana, &text))
        return;
    if (text.len == 0) {
        fail(r, APPLICANT_IN_POST_CODE, APPLICANT_FAULT_MISSING);
        return;
    }
    if (text.len > 3 && memcmp(text.data, "〒", 3) == 0)
        text = span_of(text.data + 3, text.len - 3);
    for (size_t i = 0; i < text.len; i++) {
        bool dash = text.len - i >= 3 && memcmp(text.data + i, "ー", 3) == 0;

        if (dash)
            i += 2;
        else if (text.data[i] != '-' && text.data[i] != ' ' && count++ < 7)
            digits[count - 1] = (char)text.data[i];
    }
    *value = arena_dup(r->arena, span_str(digits));
    if (!value->data)
        r->err = ERR_NOMEM;
    else if (count != 7 || !profile_field_check(PROFILE_USER_POST_CODE, *value, &why))
        fail(r, APPLICANT_IN_POST_CODE, APPLICANT_FAULT_POST_CODE);
}

static void read_phone(struct reading *r) {
    struct span *value = &r->out->profile.fields[PROFILE_USER_TEL];
    struct phone phone;

    switch (phone_parse(r->typed[APPLICANT_IN_PHONE], r->rules->countries, &phone)) {
    case PHONE_OK:
        *value = arena_dup(r->arena, phone_span(&phone));
        if (!value->data)
            r->err = ERR_NOMEM;
        break;
    case PHONE_EMPTY:
        fail(r, APPLICANT_IN_PHONE, APPLICANT_FAULT_MISSING);
        break;
    case PHONE_NO_MOBILE:
        fail(r, APPLICANT_IN_PHONE, APPLICANT_FAULT_PHONE_MOBILE);
        break;
    case PHONE_COUNTRY:
        fail(r, APPLICANT_IN_PHONE, APPLICANT_FAULT_PHONE_COUNTRY);
        break;
    default:
        fail(r, APPLICANT_IN_PHONE, APPLICANT_FAULT_PHONE);
        break;
    }
}

static void read_email(struct reading *r) {
    struct span *value = &r->out->profile.fields[PROFILE_EMAIL];
    struct account_id id;

    if (r->typed[APPLICANT_IN_EMAIL].len == 0) {
        fail(r, APPLICANT_IN_EMAIL, APPLICANT_FAULT_MISSING);
    } else if (!account_id_parse(r->typed[APPLICANT_IN_EMAIL], &id, NULL)) {
        fail(r, APPLICANT_IN_EMAIL, APPLICANT_FAULT_EMAIL);
    } else {
        *value = arena_dup(r->arena, account_id_span(&id));
        if (!value->data)
            r->err = ERR_NOMEM;
    }
}

/* Where letters go to; nothing of it: to the seat. */
static void read_contact(struct reading *r) {
    struct span *of = r->out->profile.fields;
    bool given = r->typed[APPLICANT_IN_CONTACT_PREFECTURE].len > 0 ||
                 r->typed[APPLICANT_IN_CONTACT_ADDRESS1].len > 0 ||
                 r->typed[APPLICANT_IN_CONTACT_ADDRESS2].len > 0;

    read_post_code(r);
    read_text(r, APPLICANT_IN_DEPARTMENT, PROFILE_USER_DEPARTMENT, false, false);
    if (!given) {
        of[PROFILE_USER_PREFECTURE] = of[PROFILE_PREFECTURE];
        of[PROFILE_USER_ADDRESS1] = of[PROFILE_ADDRESS1];
        of[PROFILE_USER_ADDRESS2] = of[PROFILE_ADDRESS2];
        return;
    }
    read_prefecture(r, APPLICANT_IN_CONTACT_PREFECTURE, PROFILE_USER_PREFECTURE, true);
    read_text(r, APPLICANT_IN_CONTACT_ADDRESS1, PROFILE_USER_ADDRESS1, true, false);
    read_text(r, APPLICANT_IN_CONTACT_ADDRESS2, PROFILE_USER_ADDRESS2, true, false);
}

static void read_person(struct reading *r) {
    struct span *of = r->out->profile.fields;

    read_text(r, APPLICANT_IN_LAST, PROFILE_REP_LAST_NAME, true, false);
    read_text(r, APPLICANT_IN_FIRST, PROFILE_REP_FIRST_NAME, true, false);
    read_text(r, APPLICANT_IN_LAST_KANA, PROFILE_REP_LAST_KANA, true, true);
    read_text(r, APPLICANT_IN_FIRST_KANA, PROFILE_REP_FIRST_KANA, true, true);
    read_birth(r);
    of[PROFILE_USER_LAST_NAME] = of[PROFILE_REP_LAST_NAME];
    of[PROFILE_USER_FIRST_NAME] = of[PROFILE_REP_FIRST_NAME];
    of[PROFILE_USER_LAST_KANA] = of[PROFILE_REP_LAST_KANA];
    of[PROFILE_USER_FIRST_KANA] = of[PROFILE_REP_FIRST_KANA];
}

enum err applicant_read(enum applicant_kind kind,
                        const struct span typed[APPLICANT_INPUTS],
                        const struct applicant_rules *rules, struct arena *arena,
                        struct applicant *ret_applicant) {
    struct reading r = {kind, typed, rules, arena, ret_applicant, OK};

    *ret_applicant = (struct applicant){.faults_count = 0};
    ret_applicant->profile.corp_type =
        kind == APPLICANT_SOLE ? CORP_SOLE : CORP_CORPORATION;
    read_number(&r);
    read_text(&r, APPLICANT_IN_NAME, PROFILE_NAME, kind != APPLICANT_SOLE, false);
    read_prefecture(&r, APPLICANT_IN_PREFECTURE, PROFILE_PREFECTURE, true);
    read_text(&r, APPLICANT_IN_ADDRESS1, PROFILE_ADDRESS1, true, false);
    read_text(&r, APPLICANT_IN_ADDRESS2, PROFILE_ADDRESS2, true, false);
    read_person(&r);
    read_contact(&r);
    read_phone(&r);
    read_email(&r);
    if (!span_is(typed[APPLICANT_IN_AGREE], "yes"))
        fail(&r, APPLICANT_IN_AGREE, APPLICANT_FAULT_AGREE);
    return r.err;
}
