/* svc_application: typed data, their indexes, and what a worker sees of them. */
#include "server/svc_application.h"

#include <stdio.h>

#include "server/domain/account_id.h"
#include "server/svc_internal.h"

static struct span bound_to(const struct id128 *key) {
    return span_of(key->b, sizeof key->b);
}

/* Spaces of both widths are no part of a name; fields are kept apart. */
static void put_bare(struct buf *out, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == ' ')
            continue;
        if (text.len - i >= 3 && memcmp(text.data + i, "\xe3\x80\x80", 3) == 0) {
            i += 2;
            continue;
        }
        buf_put(out, text.data + i, 1);
    }
    buf_put(out, "\n", 1);
}

/* A keyed hash of the person of a corporation: with the name, and without it. Zero when
 * there is no number or no birth date, as of public bodies: nobody is taken for another. */
static enum err indexes(struct svc *svc, const struct profile *profile,
                        struct cmd_application_submit *cmd) {
    struct span number = profile->fields[PROFILE_CORPORATE_NUMBER];
    struct span birth = profile->fields[PROFILE_BIRTHDAY];
    struct buf *text = &svc->plain;
    enum err err;

    if (number.len == 0 || birth.len == 0)
        return OK;
    buf_reset(text);
    put_bare(text, number);
    put_bare(text, birth);
    cmd->pair_index = svc_hash(svc, HASH_APPLICANT, buf_span(text));
    put_bare(text, profile->fields[PROFILE_REP_LAST_NAME]);
    put_bare(text, profile->fields[PROFILE_REP_FIRST_NAME]);
    cmd->person_index = svc_hash(svc, HASH_APPLICANT, buf_span(text));
    err = buf_err(text);
    buf_reset(text);
    return err;
}

enum err svc_application_seal(struct svc *svc, struct arena *arena,
                              const struct profile *profile,
                              struct cmd_application_submit *cmd) {
    struct id128 key = store_application_key(&cmd->id);
    struct account_id id;
    struct buf plain, sealed;
    enum err err;

    if (!account_id_parse(profile->fields[PROFILE_EMAIL], &id, NULL))
        return ERR_INVALID;
    cmd->account_index = svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&id));
    err = indexes(svc, profile, cmd);
    buf_init(&plain, PROFILE_ENCODED_MAX);
    buf_init(&sealed, PROFILE_ENCODED_MAX + SEAL_OVERHEAD);
    if (!err)
        err = profile_encode(profile, &plain);
    if (!err)
        err = sealer_seal(svc->sealer, SEAL_APPLICATION, bound_to(&key),
                          buf_span(&plain), &sealed);
    if (!err)
        err = svc_take(arena, &sealed, &cmd->sealed);
    buf_free(&plain);
    buf_free(&sealed);
    return err;
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

/* Days since 1970 as a date; after Howard Hinnant's days_from_civil, turned round. */
static struct span day_text(struct arena *arena, uint32_t day) {
    uint32_t z = day + 719468u, era = z / 146097u, doe = z - era * 146097u;
    uint32_t yoe = (doe - doe / 1460u + doe / 36524u - doe / 146096u) / 365u;
    uint32_t doy = doe - (365u * yoe + yoe / 4u - yoe / 100u);
    uint32_t mp = (5u * doy + 2u) / 153u, month = mp < 10 ? mp + 3 : mp - 9;
    uint32_t year = yoe + era * 400u + (month <= 2 ? 1 : 0);
    char text[32];

    if (day == 0)
        return span_of("", 0);
    snprintf(text, sizeof text, "%04u-%02u-%02u", year % 10000u, month,
             doy - (153u * mp + 2u) / 5u + 1u);
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
