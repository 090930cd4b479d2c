/* svc_application: typed data, their indexes, and what a worker sees of them. */
#include "server/svc_application.h"

#include <stdio.h>

#include "server/domain/account_id.h"
#include "server/domain/name_fold.h"
#include "server/svc_internal.h"
#include "store/base/japan.h"

static struct span bound_to(const struct id128 *key) {
    return span_of(key->b, sizeof key->b);
}

/* One part of what is looked for, apart from the next one. */
static enum err put_part(struct buf *out, struct span text) {
    enum err err = name_fold(text, out);

    buf_put(out, "\n", 1);
    return err ? err : buf_err(out);
}

/* Keyed hashes of the person of an organisation: with the name, and without it; each name
 * as all its spellings (domain/name_fold.h). Of a 個人事業主, who has no number, the person
 * is birth date, name, reading and town: people of one name and birthday are no rarity.
 * Zero when there is nothing to go by: nobody is taken for another. */
static enum err indexes(struct svc *svc, const struct profile *profile,
                        struct cmd_application_submit *cmd) {
    static const enum profile_field of_sole[] = {
        PROFILE_REP_LAST_NAME,  PROFILE_REP_FIRST_NAME, PROFILE_REP_LAST_KANA,
        PROFILE_REP_FIRST_KANA, PROFILE_PREFECTURE,     PROFILE_ADDRESS1,
    };
    const struct span *of = profile->fields;
    bool sole = cmd->kind == APPLICATION_SOLE;
    struct buf *text = &svc->plain;
    enum err err;

    if (of[PROFILE_BIRTHDAY].len == 0 ||
        (!sole && of[PROFILE_CORPORATE_NUMBER].len == 0))
        return OK;
    buf_reset(text);
    err = put_part(text, sole ? span_str("sole") : of[PROFILE_CORPORATE_NUMBER]);
    if (!err)
        err = put_part(text, of[PROFILE_BIRTHDAY]);
    if (!err && !sole)
        cmd->pair_index = svc_hash(svc, HASH_APPLICANT, buf_span(text));
    for (size_t i = 0; i < (sole ? sizeof of_sole / sizeof *of_sole : 2) && !err; i++)
        err = put_part(text, of[of_sole[i]]);
    if (!err)
        cmd->person_index = svc_hash(svc, HASH_APPLICANT, buf_span(text));
    buf_reset(text);
    return err;
}

enum err svc_application_seal_again(struct svc *svc, struct arena *arena,
                                    const struct application_id *id,
                                    const struct profile *profile,
                                    struct span *ret_sealed) {
    struct id128 key = store_application_key(id);
    struct buf plain, sealed;
    enum err err;

    buf_init(&plain, PROFILE_ENCODED_MAX);
    buf_init(&sealed, PROFILE_ENCODED_MAX + SEAL_OVERHEAD);
    err = profile_encode(profile, &plain);
    if (!err)
        err = sealer_seal(svc->sealer, SEAL_APPLICATION, bound_to(&key),
                          buf_span(&plain), &sealed);
    if (!err)
        err = svc_take(arena, &sealed, ret_sealed);
    buf_free(&plain);
    buf_free(&sealed);
    return err;
}

enum err svc_application_seal(struct svc *svc, struct arena *arena,
                              const struct profile *profile,
                              struct cmd_application_submit *cmd) {
    struct account_id id;
    enum err err;

    if (!account_id_parse(profile->fields[PROFILE_EMAIL], &id, NULL))
        return ERR_INVALID;
    cmd->account_index = svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&id));
    err = indexes(svc, profile, cmd);
    return err ? err
               : svc_application_seal_again(svc, arena, &cmd->id, profile, &cmd->sealed);
}

bool svc_application_id_read(struct span typed, struct application_id *ret_id) {
    size_t len = 0;

    memset(ret_id, 0, sizeof *ret_id);
    for (size_t i = 0; i < typed.len; i++) {
        uint8_t c = typed.data[i];

        if (c == ' ' || c == '-')
            continue;
        if (len == APPLICATION_ID_MAX)
            return false;
        ret_id->text[len++] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return store_application_id_ok(ret_id);
}

enum err svc_application_open(struct svc *svc, struct arena *arena,
                              const struct application *application,
                              struct profile *ret_profile) {
    struct id128 key = store_application_key(&application->id);
    struct span plain;
    struct buf opened;
    enum err err;

    buf_init(&opened, PROFILE_ENCODED_MAX);
    err = sealer_open(svc->sealer, SEAL_APPLICATION, bound_to(&key),
                      application->sealed, &opened);
    if (!err)
        err = svc_take(arena, &opened, &plain);
    buf_free(&opened);
    return err ? err : profile_decode(plain, ret_profile);
}

/* --- for a worker --- */

/* Several texts as one, `between` them where neither is empty. */
static struct span joined(struct arena *arena, struct span a, const char *between,
                          struct span b) {
    struct span middle = span_str(a.len > 0 && b.len > 0 ? between : "");
    size_t len = a.len + middle.len + b.len;
    uint8_t *text = arena_alloc(arena, len + 1);

    if (!text)
        return span_of(NULL, 0);
    memcpy(text, a.data ? (const void *)a.data : "", a.len);
    memcpy(text + a.len, middle.data, middle.len);
    memcpy(text + a.len + middle.len, b.data ? (const void *)b.data : "", b.len);
    return span_of(text, len);
}

/* YYYYMMDD to YYYY-MM-DD. */
static struct span dashed(struct arena *arena, struct span day) {
    char text[16] = "";

    if (day.len != 8)
        return day;
    snprintf(text, sizeof text, "%.4s-%.2s-%.2s", (const char *)day.data,
             (const char *)day.data + 4, (const char *)day.data + 6);
    return arena_dup(arena, span_str(text));
}

/* "" for day 0. */
static struct span day_text(struct arena *arena, uint32_t day) {
    char text[JAPAN_TEXT_MAX];

    if (day == 0)
        return span_of("", 0);
    japan_print(japan_day_ms(day), JAPAN_DAY, text);
    return arena_dup(arena, span_str(text));
}

enum err svc_application_record(struct svc *svc, struct arena *arena,
                                const struct application *application,
                                struct job_record *ret_record) {
    struct profile profile;
    const struct span *of = profile.fields;
    enum err err = svc_application_open(svc, arena, application, &profile);

    if (err)
        return err;
    *ret_record = (struct job_record){
        .application_id = arena_dup(arena, span_str(application->id.text)),
        .corporate_number = of[PROFILE_CORPORATE_NUMBER],
        .company = of[PROFILE_NAME],
        .address =
            joined(arena, of[PROFILE_ADDRESS1], "", of[PROFILE_ADDRESS2]),
        .title = span_of("", 0),
        .name = joined(arena, of[PROFILE_REP_LAST_NAME], " ",
                       of[PROFILE_REP_FIRST_NAME]),
        .birth_date = dashed(arena, of[PROFILE_BIRTHDAY]),
        .received_on = day_text(arena, application->received_day),
    };
    return OK;
}
