/* outcome_intake: details of the intake's outcomes, by fields. */
#include "raft/command.h"

#include "store/base/fields.h"

#define DETAIL_VERSION 1

static void version(struct fields *f) {
    uint8_t number = DETAIL_VERSION;

    field_u8(f, &number);
    field_rule(f, number == DETAIL_VERSION);
}

static void leases(struct fields *f, struct outcome_leases *out) {
    version(f);
    field_count(f, &out->count, LIMIT_JOB_LEASES);
    for (size_t i = 0; i < out->count; i++) {
        struct leased *job = &out->jobs[i];
        FIELD_ENUM(f, job->key.kind, JOB_SORT, JOB_READ);
        field_fixed(f, job->key.subject.b, sizeof job->key.subject.b);
        field_u32(f, &job->attempt);
        field_u64(f, &job->until_ms);
    }
}

static void claimed(struct fields *f, struct outcome_claimed *out) {
    version(f);
    field_u32(f, &out->claim);
    field_u64(f, &out->until_ms);
}

static void decided(struct fields *f, struct outcome_decided *out) {
    version(f);
    FIELD_ENUM(f, out->state, APPLICATION_SUBMITTED, APPLICATION_STATE_LAST);
    field_bool(f, &out->needs_second);
}

static void import_line(struct fields *f, struct outcome_import_line *out) {
    version(f);
    FIELD_ENUM(f, out->state, IMPORT_LINE_OPEN, IMPORT_LINE_LAST);
}

/* Both directions of one detail. */
#define OUTCOME_CODEC(name)                                                            \
    enum err outcome_##name##_encode(const struct outcome_##name *from,                \
                                     struct buf *out) {                                \
        struct outcome_##name copy = *from;                                            \
        struct fields f = fields_to(out);                                              \
        name(&f, &copy);                                                               \
        return fields_end(&f);                                                         \
    }                                                                                  \
    enum err outcome_##name##_decode(struct span in, struct outcome_##name *ret) {     \
        struct outcome_##name read;                                                    \
        struct fields f = fields_from(in);                                             \
        enum err err;                                                                  \
        memset(&read, 0, sizeof read);                                                 \
        name(&f, &read);                                                               \
        err = fields_end(&f);                                                          \
        if (err == OK) {                                                               \
            *ret = read;                                                               \
        }                                                                              \
        return err;                                                                    \
    }

OUTCOME_CODEC(leases)
OUTCOME_CODEC(claimed)
OUTCOME_CODEC(decided)
OUTCOME_CODEC(import_line)
