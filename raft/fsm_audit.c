#include "raft/fsm_audit.h"

#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/store_audit.h"

#define MINUTE_MS 60000u

/* What is capped together; a number of struct audit_bucket. */
enum class {
    CLASS_UNKNOWN = 0, /* about account IDs that nobody has */
    CLASS_FAILED = 1,  /* refusals about accounts and staff */
    CLASS_DONE = 2,    /* what took a password, at least */
    CLASSES
};
_Static_assert(CLASSES == AUDIT_CLASSES, "counts in the chain's head");

static const struct {
    uint32_t records; /* a minute */
    uint32_t buckets; /* at a time */
} caps[CLASSES] = {
    [CLASS_UNKNOWN] = {FSM_AUDIT_UNKNOWN_RECORDS, FSM_AUDIT_UNKNOWN_BUCKETS},
    [CLASS_FAILED] = {FSM_AUDIT_FAILED_RECORDS, FSM_AUDIT_FAILED_BUCKETS},
    [CLASS_DONE] = {FSM_AUDIT_DONE_RECORDS, FSM_AUDIT_DONE_BUCKETS},
};

/* --- one record --- */

static struct span cut(struct span text, size_t max) {
    size_t len = 0;

    while (len < text.len) {
        size_t step = utf8_sequence(span_of(text.data + len, text.len - len));
        if (step == 0 || len + step > max) {
            break;
        }
        len += step;
    }
    return span_of(text.data, len);
}

/* Whose act it is; the rest of the record's origin is the command's. What is about no
 * relying party is found under the one that its sender came from: a sign-in. */
static void set_actor(const struct fsm_tx *tx, const struct fsm_audit_event *event,
                      struct audit_record *record) {
    static const struct actor nobody;
    const struct actor *actor = tx->actor == NULL ? &nobody : tx->actor;

    record->actor_kind = actor->kind;
    record->actor = actor->id;
    record->has_source = actor->has_source;
    memcpy(record->source, actor->source, sizeof record->source);
    record->sealed = actor->sealed;
    if (event->client_id.len == 0) {
        record->client_id = actor->at;
    }
    if (event->by == FSM_AUDIT_BY_SUBJECT && event->has_sub) {
        record->actor_kind = AUDIT_ACCOUNT;
        record->actor = span_of(event->sub.b, sizeof event->sub.b);
    } else if (event->by == FSM_AUDIT_BY_SUBJECT && event->has_staff) {
        record->actor_kind = AUDIT_STAFF;
        record->actor = span_of(event->staff.b, sizeof event->staff.b);
    } else if (event->by == FSM_AUDIT_BY_CLIENT && event->client_id.len > 0) {
        record->actor_kind = AUDIT_CLIENT;
        record->actor = event->client_id;
    }
}

static struct audit_record record_of(const struct fsm_tx *tx,
                                     const struct fsm_audit_event *event) {
    struct audit_record record = {
        .time_ms = tx->now_ms,
        .event = event->event,
        .outcome = (uint16_t)event->outcome,
        .count = 1,
        .has_sub = event->has_sub,
        .has_login = event->has_login,
        .has_staff = event->has_staff,
        .client_id = event->client_id,
        .note = cut(event->note, LIMIT_AUDIT_NOTE),
    };

    set_actor(tx, event, &record);
    if (event->has_sub) {
        memcpy(record.sub, event->sub.b, sizeof record.sub);
    }
    if (event->has_login) {
        memcpy(record.login, event->login.b, sizeof record.login);
    }
    if (event->has_staff) {
        memcpy(record.staff, event->staff.b, sizeof record.staff);
    }
    return record;
}

/* --- caps --- */

/* What operators, staff and the cluster itself do is always written, what staff only try
 * is not: whoever may do little must not be able to push the rest out. And the state
 * machine is not to rely on a sender that says it is nobody. */
static bool is_capped(const struct audit_record *record) {
    switch (record->actor_kind) {
    case AUDIT_ACCOUNT:
    case AUDIT_CLIENT:
    case AUDIT_SOMEBODY:
        return true;
    default:
        return record->event < AUDIT_ACCOUNT_CREATED ||
               record->event == AUDIT_STAFF_SIGNIN_FAILED ||
               record->event == AUDIT_STAFF_REFUSED;
    }
}

static struct audit_bucket bucket_of(const struct audit_record *record) {
    struct audit_bucket bucket = {.minute = record->time_ms / MINUTE_MS,
                                  .event = record->event,
                                  .class = CLASS_FAILED};

    if (record->event == AUDIT_STAFF_REFUSED && record->actor_kind == AUDIT_STAFF &&
        record->actor.len == sizeof bucket.subject) { /* by whom, not about whom */
        bucket.about = AUDIT_ABOUT_STAFF;
        memcpy(bucket.subject, record->actor.data, sizeof bucket.subject);
    } else if (record->has_sub) {
        bucket.about = AUDIT_ABOUT_ACCOUNT;
        memcpy(bucket.subject, record->sub, sizeof bucket.subject);
    } else if (record->has_staff) {
        bucket.about = AUDIT_ABOUT_STAFF;
        memcpy(bucket.subject, record->staff, sizeof bucket.subject);
    } else if (record->has_login) {
        bucket.about = AUDIT_ABOUT_LOGIN;
        bucket.class = CLASS_UNKNOWN;
        memcpy(bucket.subject, record->login, sizeof bucket.subject);
    }
    if (bucket.about != AUDIT_ABOUT_LOGIN && record->outcome == OUT_OK &&
        record->event != AUDIT_STAFF_REFUSED) {
        bucket.class = CLASS_DONE;
    }
    return bucket;
}

static struct audit_bucket bucket_of_all(const struct audit_bucket *of,
                                         enum audit_event event) {
    return (struct audit_bucket){.minute = of->minute,
                                 .event = event,
                                 .about = AUDIT_ABOUT_ALL,
                                 .class = of->class};
}

static enum err bucket_read(struct fsm_tx *tx, struct audit_bucket *bucket,
                            bool *ret_there) {
    enum err err = store_audit_bucket_get(tx->read, bucket);

    *ret_there = err == OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err hold(struct fsm_tx *tx, struct audit_bucket *bucket, bool has_own) {
    struct audit_bucket shared = bucket_of_all(bucket, bucket->event);
    bool there;
    enum err err;

    if (has_own) {
        bucket->held += bucket->held < UINT32_MAX ? 1 : 0;
        return store_audit_bucket_put(tx->write, bucket);
    }
    err = bucket_read(tx, &shared, &there);
    shared.held += shared.held < UINT32_MAX ? 1 : 0;
    return err == OK ? store_audit_bucket_put(tx->write, &shared) : err;
}

static enum err add_capped(struct fsm_tx *tx, struct audit_record *record) {
    struct audit_bucket own = bucket_of(record);
    struct audit_bucket total = bucket_of_all(&own, (enum audit_event)0);
    struct audit_head head;
    bool has_own, has_total;
    enum err err = store_audit_head(tx->read, &head);

    if (err == OK) {
        err = bucket_read(tx, &own, &has_own);
    }
    if (err == OK) {
        err = bucket_read(tx, &total, &has_total);
    }
    if (err != OK) {
        return err;
    }
    has_own = has_own || head.buckets[own.class] < caps[own.class].buckets;
    if (!has_own || own.written >= FSM_AUDIT_MINUTE_SUBJECT ||
        total.written >= caps[own.class].records) {
        return hold(tx, &own, has_own);
    }
    own.written++;
    total.written++;
    err = store_audit_bucket_put(tx->write, &own);
    if (err == OK) {
        err = store_audit_bucket_put(tx->write, &total);
    }
    return err == OK ? store_audit_add(tx->write, record) : err;
}

enum err fsm_audit_add(struct fsm_tx *tx, const struct fsm_audit_event *event) {
    struct audit_record record = record_of(tx, event);

    CHECK(event->event > 0 && event->event <= AUDIT_EVENT_MAX);
    return is_capped(&record) ? add_capped(tx, &record)
                              : store_audit_add(tx->write, &record);
}

enum err fsm_audit_note(struct fsm_tx *tx, const struct cmd_audit_note *cmd,
                        enum outcome_code *ret_code) {
    const struct fsm_audit_event event = {.event = cmd->event,
                                          .has_sub = cmd->has_sub,
                                          .sub = cmd->sub,
                                          .has_staff = cmd->has_staff,
                                          .staff = cmd->staff,
                                          .client_id = cmd->client_id,
                                          .note = cmd->note};

    *ret_code = OUT_OK;
    return fsm_audit_add(tx, &event);
}

/* --- sweeping --- */

/* "since " and the minute's begin, in ms since 1970. */
static struct span minute_note(uint64_t minute, char out[32]) {
    static const char begin[] = "since ";
    char digits[20];
    size_t count = 0, len = sizeof begin - 1;
    uint64_t ms = minute * MINUTE_MS;

    memcpy(out, begin, len);
    do {
        digits[count++] = (char)('0' + ms % 10);
        ms /= 10;
    } while (ms > 0);
    while (count > 0) {
        out[len++] = digits[--count];
    }
    return span_of(out, len);
}

/* One record for all that were held. */
static enum err tell_held(struct fsm_tx *tx, const struct audit_bucket *bucket) {
    char note[32];
    struct audit_record record = {
        .time_ms = tx->now_ms,
        .event = bucket->event,
        .actor_kind = AUDIT_SYSTEM,
        .count = bucket->held,
        .has_sub = bucket->about == AUDIT_ABOUT_ACCOUNT,
        .has_login = bucket->about == AUDIT_ABOUT_LOGIN,
        .has_staff = bucket->about == AUDIT_ABOUT_STAFF,
        .note = minute_note(bucket->minute, note),
    };

    memcpy(record.has_sub     ? record.sub
           : record.has_staff ? record.staff
                              : record.login,
           bucket->subject, sizeof bucket->subject);
    return store_audit_add(tx->write, &record);
}

static enum err close_bucket(struct fsm_tx *tx, bool *ret_more) {
    struct audit_bucket bucket;
    enum err err =
        store_audit_bucket_before(tx->write, tx->now_ms / MINUTE_MS, &bucket);

    *ret_more = err == OK;
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    err = store_audit_bucket_del(tx->write, &bucket);
    return err == OK && bucket.held > 0 ? tell_held(tx, &bucket) : err;
}

static enum err prune(struct fsm_tx *tx, bool *ret_more) {
    struct audit_head head;
    uint64_t oldest_ms;
    enum err err = store_audit_oldest_ms(tx->write, &oldest_ms);

    *ret_more = false;
    if (err == OK) {
        err = store_audit_head(tx->read, &head);
    }
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    *ret_more = head.seq - head.pruned_seq > FSM_AUDIT_RECORDS_MAX ||
                tx->now_ms - oldest_ms > FSM_AUDIT_KEEP_MS;
    return *ret_more ? store_audit_prune(tx->write) : OK;
}

enum err fsm_audit_sweep(struct fsm_tx *tx, uint64_t rows_max) {
    bool more = true;
    enum err err = OK;

    for (uint64_t i = 0; i < rows_max && more && err == OK; i++) {
        err = close_bucket(tx, &more);
    }
    more = true;
    for (uint64_t i = 0; i < rows_max && more && err == OK; i++) {
        err = prune(tx, &more);
    }
    return err;
}
