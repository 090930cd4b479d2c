/* svc_account_load: what the account's pages show. */
#include "server/svc_account_internal.h"
#include "server/svc_audit.h"
#include "server/svc_profile.h"
#include "store/base/codec.h"
#include "store/store_factor.h"
#include "store/store_id_change.h"

#define ACTIVITY_ROWS 50

enum err svc_account_profile(struct account_op *op) {
    return svc_profile_open(op->base.svc, &op->out->op.arena, &op->account, &op->profile);
}

static struct account_row *next_row(struct account_op *op) {
    return op->out->rows_count < ACCOUNT_ROWS_MAX
               ? &op->out->rows[op->out->rows_count++]
               : NULL;
}

static enum err load_sessions(struct account_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->out->op.arena;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct key_hash at;
    bool begun = false;

    for (;;) {
        struct account_row *row;
        struct session session;
        struct span origin;
        enum err err = store_session_next(svc->read, op->account.sub,
                                          begun ? &at : NULL, &session, &origin);
        if (err)
            return err == ERR_NOT_FOUND ? OK : err;
        begun = true;
        at = session.key;
        if (session.generation != op->account.generation ||
            now_ms >= store_session_end_ms(&session))
            continue;
        row = next_row(op);
        if (!row)
            return OK;
        *row = (struct account_row){
            .id = svc_id_text(arena, session.sid),
            .time_ms = session.auth_time_ms,
            .own = memcmp(session.key.b, op->session.key.b, sizeof at.b) == 0};
        err = svc_origin_open(svc, origin, arena, &row->detail, &row->text);
        if (err && err != ERR_FORGED)
            return err;
    }
}

static enum err load_factors(struct account_op *op) {
    static const char *const kinds[] = {[FACTOR_SMS] = "sms",
                                        [FACTOR_TOTP] = "totp",
                                        [FACTOR_PASSKEY] = "passkey",
                                        [FACTOR_APP] = "app"};
    struct arena *arena = &op->out->op.arena;
    struct factor factor;
    bool begun = false;
    struct id128 at;
    enum err err;

    while ((err = store_factor_next(op->base.svc->read, arena, op->account.sub,
                                    begun ? &at : NULL, &factor)) == OK) {
        struct account_row *row = next_row(op);
        begun = true;
        at = factor.id;
        if (!row)
            return OK;
        *row = (struct account_row){.id = svc_id_text(arena, factor.id),
                                    .text = span_str(kinds[factor.kind]),
                                    .detail = factor.label,
                                    .time_ms = factor.created_ms,
                                    .used_ms = factor.used_ms};
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

struct activity {
    struct account_op *op;
    size_t count;
    enum err err;
};

static bool add_activity(void *arg, const struct audit_record *record,
                         const struct audit_hash *hash) {
    struct activity *activity = arg;
    struct account_op *op = activity->op;
    struct account_row *row;
    enum err err;

    (void)hash;
    if (record->event >= AUDIT_SEARCHED) /* the staff's work is the staff's */
        return true;
    row = activity->count++ < ACTIVITY_ROWS ? next_row(op) : NULL;
    if (!row)
        return false;
    *row = (struct account_row){.text = span_str(audit_event_str(record->event)),
                                .time_ms = record->time_ms,
                                .count = record->count};
    /* Where an operator or one of the staff was is not the holder's to know. */
    if (record->actor_kind != AUDIT_ACCOUNT && record->actor_kind != AUDIT_SOMEBODY)
        return true;
    err = svc_origin_open(op->base.svc, record->sealed, &op->out->op.arena,
                          &row->detail, &row->id);
    activity->err = err == ERR_FORGED ? OK : err;
    return activity->err == OK;
}

static enum err load_activity(struct account_op *op) {
    struct activity activity = {.op = op};
    enum err err = store_audit_walk(
        op->base.svc->read, AUDIT_BY_ACCOUNT,
        span_of(op->account.sub.b, sizeof op->account.sub.b), UINT64_MAX, true,
        add_activity, &activity);

    return err ? err : activity.err;
}

static enum err load_change(struct account_op *op) {
    struct svc *svc = op->base.svc;
    struct id_change change;
    enum err err = store_id_change_get(svc->read, op->account.sub, &change);

    if (err || change.generation != op->account.generation ||
        repl_now_ms(svc->shared->repl) >= change.expires_ms)
        return err == ERR_NOT_FOUND ? OK : err;
    buf_reset(&svc->plain);
    err = sealer_open(svc->sealer, SEAL_ACCOUNT_ID,
                      span_of(op->account.sub.b, sizeof op->account.sub.b),
                      change.sealed, &svc->plain);
    return err ? err : svc_take(&op->out->op.arena, &svc->plain, &op->out->new_id);
}

enum err svc_account_load(struct account_op *op) {
    enum err err = svc_account_profile(op);

    if (err)
        return err;
    op->out->account_id = op->profile.fields[PROFILE_EMAIL];
    op->out->account_type = (unsigned)op->account.type;
    switch (op->out->page) {
    case ACCOUNT_PAGE_SESSIONS:
        return load_sessions(op);
    case ACCOUNT_PAGE_FACTORS:
        return load_factors(op);
    case ACCOUNT_PAGE_ACTIVITY:
        return load_activity(op);
    case ACCOUNT_PAGE_ID:
        return load_change(op);
    default:
        return OK;
    }
}
