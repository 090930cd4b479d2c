/* fsm_staff: the staff's accounts, their signing in with two factors, and its end.
 *
 * Here because racing requests could disagree: which of two uses of one code counts
 * (W2), how many failures there were, and which administrator is the last. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/store_staff.h"

static bool is_active_admin(const struct staff *staff) {
    return staff->state == STAFF_ACTIVE && (staff->roles & STAFF_ADMIN) != 0;
}

/* Is there an active administrator other than `but`? At most FSM_STAFF_MAX rows. */
static enum err other_admin(struct fsm_tx *tx, struct id128 but, bool *ret_found) {
    struct id128 from = {{0}};

    for (;;) {
        struct staff staff;
        size_t i = sizeof from.b;
        arena_reset(tx->scratch);
        enum err err = store_staff_next(tx->read, tx->scratch, from, &staff);
        if (err == ERR_NOT_FOUND) {
            *ret_found = false;
            return OK;
        }
        if (err != OK) {
            return err;
        }
        if (is_active_admin(&staff) && memcmp(staff.id.b, but.b, sizeof but.b) != 0) {
            *ret_found = true;
            return OK;
        }
        /* The next id: big-endian, one more. */
        from = staff.id;
        while (i > 0 && ++from.b[i - 1] == 0) {
            i--;
        }
        if (i == 0) {
            *ret_found = false;
            return OK;
        }
    }
}

static enum err tell(struct fsm_tx *tx, enum audit_event what, struct id128 staff,
                     enum fsm_audit_by by, enum outcome_code outcome) {
    const struct fsm_audit_event event = {.event = what,
                                          .by = by,
                                          .outcome = outcome,
                                          .has_staff = true,
                                          .staff = staff};

    return fsm_audit_add(tx, &event);
}

/* OUT_OK: `old` may become `staff`, whose remaining fields are filled in. */
static enum err replace(struct fsm_tx *tx, const struct staff *old, struct staff *staff,
                        enum outcome_code *ret_code) {
    bool found = true;

    *ret_code = OUT_OK;
    if (old->generation != staff->generation) {
        *ret_code = OUT_ACCOUNT_STATE;
        return OK;
    }
    if (is_active_admin(old) && !is_active_admin(staff)) {
        enum err err = other_admin(tx, old->id, &found);
        if (err != OK) {
            return err;
        }
    }
    if (!found) {
        *ret_code = OUT_ACCOUNT_STATE;
        return OK;
    }
    /* What was read of the older generation, sessions among it, is no longer so. */
    staff->generation = old->generation + 1;
    staff->last_step = old->last_step; /* W2, for a restored seed too */
    staff->created_ms = old->created_ms;
    return OK;
}

enum err fsm_staff_put(struct fsm_tx *tx, const struct cmd_staff_put *cmd,
                       enum outcome_code *ret_code) {
    struct staff staff = cmd->staff;
    struct staff old;
    enum err err = store_staff_get(tx->read, tx->arena, staff.id, &old);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    *ret_code = OUT_OK;
    staff.last_step = 0;
    staff.failures = 0; /* to change an account is to lift its lock */
    staff.locked_until_ms = 0;
    if (err == OK && staff.generation == 0) {
        *ret_code = OUT_EXISTS;
    } else if (err == OK) {
        err = replace(tx, &old, &staff, ret_code);
    } else if (staff.generation != 0) {
        *ret_code = OUT_NOT_FOUND;
        err = OK;
    } else {
        *ret_code = store_staff_count(tx->read) < FSM_STAFF_MAX ? OUT_OK : OUT_FULL;
        staff.generation = 1;
        staff.created_ms = tx->now_ms;
        err = OK;
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_staff_put(tx->write, &staff);
    if (err == ERR_EXISTS) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    return err == OK ? tell(tx,
                            staff.generation == 1 ? AUDIT_STAFF_CREATED
                                                  : AUDIT_STAFF_CHANGED,
                            staff.id, FSM_AUDIT_BY_SENDER, OUT_OK)
                     : err;
}

/* A failure counts, whichever factor was wrong; OUT_LOCKED is not told apart. */
static enum err failed(struct fsm_tx *tx, struct staff *staff, enum outcome_code why) {
    bool locks;
    enum err err;

    if (staff->failures < UINT32_MAX) {
        staff->failures++;
    }
    locks = staff->failures >= FSM_LOGIN_FAILURES_MAX;
    if (locks) {
        staff->locked_until_ms = tx->now_ms + fsm_session_lock_ms(staff->failures);
    }
    err = store_staff_put(tx->write, staff);
    return err == OK ? tell(tx,
                            locks ? AUDIT_STAFF_LOCKED : AUDIT_STAFF_SIGNIN_FAILED,
                            staff->id, FSM_AUDIT_BY_SENDER, why)
                     : err;
}

/* OUT_OK: both factors hold, now. The service judged by its own clock, which may
 * stand behind; the frame's time decides. */
static enum outcome_code factors(const struct fsm_tx *tx, const struct staff *staff,
                                 const struct cmd_staff_login *cmd) {
    uint64_t now = tx->now_ms / FSM_TOTP_STEP_MS;

    if (!cmd->password_ok || !cmd->has_step) {
        return OUT_BAD_CREDENTIALS;
    }
    if (cmd->step > now + 1 || now > cmd->step + FSM_TOTP_LATE_STEPS) {
        return OUT_EXPIRED;
    }
    return cmd->step > staff->last_step ? OUT_OK : OUT_REPLAYED;
}

static enum err make_session(struct fsm_tx *tx, const struct cmd_staff_login *cmd) {
    struct staff_session session = {
        .key = cmd->session,
        .staff = cmd->id,
        .generation = cmd->generation,
        .auth_time_ms = tx->now_ms,
        .idle_at_ms = tx->now_ms + cmd->idle_ms,
        .expires_ms = tx->now_ms + cmd->lifetime_ms,
    };
    struct outcome_login login = {session.auth_time_ms, session.expires_ms};
    enum outcome_code replaced;
    enum err err = OK;

    if (cmd->has_replaced) {
        err = fsm_staff_session_end(tx, cmd->replaced, &replaced);
    }
    if (err == OK) {
        err = store_staff_session_put(tx->write, &session);
    }
    if (err == OK) {
        err = tell(tx, AUDIT_STAFF_SIGNIN, cmd->id, FSM_AUDIT_BY_SUBJECT, OUT_OK);
    }
    return err == OK ? outcome_login_encode(&login, tx->detail) : err;
}

enum err fsm_staff_login(struct fsm_tx *tx, const struct cmd_staff_login *cmd,
                         enum outcome_code *ret_code) {
    struct staff_session taken;
    struct staff staff;
    enum err err = ERR_NOT_FOUND;

    if (cmd->known) {
        err = store_staff_get(tx->read, tx->arena, cmd->id, &staff);
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == ERR_NOT_FOUND || staff.generation != cmd->generation) {
        *ret_code = OUT_BAD_CREDENTIALS;
        return OK;
    }
    if (tx->now_ms < staff.locked_until_ms) {
        *ret_code = OUT_LOCKED;
        return OK;
    }
    *ret_code = factors(tx, &staff, cmd);
    if (*ret_code != OUT_OK) {
        return failed(tx, &staff, *ret_code);
    }
    if (staff.state != STAFF_ACTIVE) {
        *ret_code = OUT_ACCOUNT_STATE;
        return OK;
    }
    err = store_staff_session_get(tx->read, cmd->session, &taken);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    staff.last_step = cmd->step;
    staff.failures = 0;
    staff.locked_until_ms = 0;
    err = store_staff_put(tx->write, &staff);
    return err == OK ? make_session(tx, cmd) : err;
}

enum err fsm_staff_session_end(struct fsm_tx *tx, struct key_hash session,
                               enum outcome_code *ret_code) {
    struct staff_session row;
    enum err err = store_staff_session_get(tx->read, session, &row);

    *ret_code = err == ERR_NOT_FOUND ? OUT_NOT_FOUND : OUT_OK;
    if (err == ERR_NOT_FOUND) {
        return OK;
    }
    if (err == OK) {
        err = store_staff_session_del(tx->write, session);
    }
    return err == OK
               ? tell(tx, AUDIT_STAFF_SIGNOUT, row.staff, FSM_AUDIT_BY_SUBJECT, OUT_OK)
               : err;
}

/* W4: a session that has ended is not brought back, however late its touch comes. */
enum err fsm_staff_touch(struct fsm_tx *tx, const struct cmd_staff_touch *cmd,
                         enum outcome_code *ret_code) {
    struct staff_session session;
    struct staff staff;
    enum err err = store_staff_session_get(tx->read, cmd->session, &session);

    *ret_code = OUT_SESSION_ENDED;
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    err = store_staff_get(tx->read, tx->arena, session.staff, &staff);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    if (tx->now_ms >= store_staff_session_end_ms(&session) ||
        staff.generation != session.generation || staff.state != STAFF_ACTIVE) {
        return OK;
    }
    session.idle_at_ms = tx->now_ms + cmd->idle_ms;
    *ret_code = OUT_OK;
    return store_staff_session_put(tx->write, &session);
}
