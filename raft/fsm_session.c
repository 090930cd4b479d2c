/* fsm_session: signing in with its lock-out, and the end of a session. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/store_expiry.h"
#include "store/store_outbox.h"

bool fsm_session_timely(const struct fsm_tx *tx, const struct session *session) {
    return tx->now_ms < store_session_end_ms(session);
}

uint64_t fsm_session_lock_ms(uint32_t failures) {
    uint64_t ms = FSM_LOCK_FIRST_MS;

    for (uint32_t i = FSM_LOGIN_FAILURES_MAX; i < failures && ms < FSM_LOCK_MAX_MS;
         i++) {
        ms *= 2;
    }
    return ms < FSM_LOCK_MAX_MS ? ms : FSM_LOCK_MAX_MS;
}

/* A4: keep the table of counters within its cap. */
static enum err make_room(struct fsm_tx *tx) {
    struct expiry first;
    uint64_t count;
    enum err err = store_attempts_count(tx->read, &count);

    if (err != OK || count < FSM_ATTEMPTS_ROWS_MAX) {
        return err;
    }
    err = store_expiry_first_of(tx->read, EXPIRY_ATTEMPTS, &first);
    if (err == OK) {
        err = store_attempts_del(tx->write, first.key);
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* Count a failure; unknown account IDs leave the same trace (A4). */
static enum err login_failed(struct fsm_tx *tx, struct key_hash login_index,
                             struct login_attempts *attempts) {
    enum err err = OK;

    if (attempts->failures == 0) {
        err = make_room(tx);
    }
    if (err != OK) {
        return err;
    }
    if (attempts->failures < UINT32_MAX) {
        attempts->failures++;
    }
    attempts->forget_at_ms = tx->now_ms + FSM_ATTEMPTS_FORGET_MS;
    if (attempts->failures >= FSM_LOGIN_FAILURES_MAX) {
        attempts->locked_until_ms =
            tx->now_ms + fsm_session_lock_ms(attempts->failures);
        attempts->forget_at_ms = attempts->locked_until_ms + FSM_ATTEMPTS_FORGET_MS;
    }
    return store_attempts_put(tx->write, login_index, attempts);
}

/* OUT_OK: the account that the password was compared with is still the same. */
static enum err login_account(struct fsm_tx *tx, const struct cmd_login *cmd,
                              enum outcome_code *ret_code) {
    struct account account;
    enum err err = store_account_get(tx->read, tx->arena, cmd->sub, &account);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == ERR_NOT_FOUND || account.generation != cmd->generation ||
        memcmp(account.login_index.b, cmd->login_index.b, sizeof cmd->login_index.b) !=
            0) {
        *ret_code = OUT_BAD_CREDENTIALS;
    } else {
        *ret_code = account.state == ACCOUNT_ACTIVE ? OUT_OK : OUT_ACCOUNT_STATE;
    }
    return OK;
}

static enum err login_session(struct fsm_tx *tx, const struct cmd_login *cmd,
                              enum outcome_code *ret_code) {
    struct session session = {
        .key = cmd->session,
        .sid = cmd->sid,
        .sub = cmd->sub,
        .generation = cmd->generation,
        .auth_time_ms = tx->now_ms,
        .idle_at_ms = tx->now_ms + cmd->idle_ms,
        .expires_ms = tx->now_ms + cmd->lifetime_ms,
    };
    struct outcome_login login = {session.auth_time_ms, session.expires_ms};
    enum outcome_code replaced;
    enum err err = OK;

    if (cmd->has_replaced) {
        /* That it is gone already is as good. */
        err = fsm_session_end(tx, cmd->replaced, &replaced);
    }
    if (err == OK) {
        err = store_session_put(tx->write, &session);
    }
    *ret_code = OUT_OK;
    return err == OK ? outcome_login_encode(&login, tx->detail) : err;
}

static enum err login(struct fsm_tx *tx, const struct cmd_login *cmd,
                      enum outcome_code *ret_code) {
    struct login_attempts attempts;
    struct session taken;
    enum err err = store_attempts_get(tx->read, cmd->login_index, &attempts);

    if (err != OK) {
        return err;
    }
    if (attempts.forget_at_ms <= tx->now_ms) {
        attempts = (struct login_attempts){0}; /* not swept yet */
    }
    if (tx->now_ms < attempts.locked_until_ms) {
        *ret_code = OUT_LOCKED;
        return OK;
    }
    if (!cmd->known || !cmd->password_ok) {
        *ret_code = OUT_BAD_CREDENTIALS;
        return login_failed(tx, cmd->login_index, &attempts);
    }
    err = login_account(tx, cmd, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_session_get(tx->read, cmd->session, &taken);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    err = attempts.failures > 0 ? store_attempts_del(tx->write, cmd->login_index) : OK;
    return err == OK ? login_session(tx, cmd, ret_code) : err;
}

/* Did that failure lock? */
static enum err locks(struct fsm_tx *tx, struct key_hash login_index, bool *ret_locks) {
    struct login_attempts attempts;
    enum err err = store_attempts_get(tx->read, login_index, &attempts);

    *ret_locks = err == OK && attempts.locked_until_ms > tx->now_ms;
    return err;
}

static enum err login_tell(struct fsm_tx *tx, const struct cmd_login *cmd,
                           enum outcome_code code) {
    struct fsm_audit_event event = {.event = AUDIT_SIGNIN_REFUSED,
                                    .outcome = code,
                                    .has_sub = cmd->known,
                                    .sub = cmd->sub,
                                    .has_login = !cmd->known,
                                    .login = cmd->login_index};
    bool locked = false;
    enum err err = OK;

    if (code == OUT_EXISTS) {
        return OK; /* a service's mistake, and nobody's sign-in */
    }
    if (code == OUT_BAD_CREDENTIALS) {
        err = locks(tx, cmd->login_index, &locked);
        event.event = locked ? AUDIT_SIGNIN_LOCKED : AUDIT_SIGNIN_FAILED;
    } else if (code == OUT_OK) {
        event.event = AUDIT_SIGNIN;
        event.by = FSM_AUDIT_BY_SUBJECT;
    }
    return err == OK ? fsm_audit_add(tx, &event) : err;
}

enum err fsm_session_login(struct fsm_tx *tx, const struct cmd_login *cmd,
                           enum outcome_code *ret_code) {
    enum err err = login(tx, cmd, ret_code);

    return err == OK ? login_tell(tx, cmd, *ret_code) : err;
}

/* The client that the session signed in to is told, once however many grants it has
 * there (OpenID Connect Back-Channel Logout 1.0 §2.3). */
static enum err tell_client(struct fsm_tx *tx, const struct grant *grant) {
    struct outbox_message message = {
        .id = store_outbox_id(OUTBOX_BACKCHANNEL_LOGOUT,
                              span_of(grant->session.b, sizeof grant->session.b),
                              grant->client_id),
        .kind = OUTBOX_BACKCHANNEL_LOGOUT,
        .client_id = grant->client_id,
        .sub = grant->sub,
        .sid = grant->sid,
    };
    struct client client;
    enum err err = store_client_get(tx->read, tx->scratch, grant->client_id, &client);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (!store_client_usable(&client) || client.backchannel_logout_uri[0] == '\0') {
        return OK;
    }
    return fsm_outbox_add(tx, &message);
}

static enum err end_one(void *arg, struct key_hash code) {
    struct fsm_tx *tx = arg;
    struct grant grant;
    enum err err;

    arena_reset(tx->scratch);
    err = store_grant_get(tx->read, tx->scratch, code, &grant);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    /* A code that was never redeemed has signed nobody in. */
    if (grant.state != GRANT_ISSUED) {
        err = tell_client(tx, &grant);
    }
    return err == OK ? fsm_grant_revoke(tx, &grant) : err;
}

enum err fsm_session_end(struct fsm_tx *tx, struct key_hash session,
                         enum outcome_code *ret_code) {
    struct session row;
    enum err err = store_session_get(tx->read, session, &row);

    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK) {
        err = store_grant_of_session(tx->write, session, end_one, tx);
    }
    if (err == OK) {
        err = store_session_del(tx->write, session);
    }
    *ret_code = OUT_OK;
    return err;
}

enum err fsm_session_sign_out(struct fsm_tx *tx, struct key_hash session,
                              enum outcome_code *ret_code) {
    struct fsm_audit_event event = {
        .event = AUDIT_SIGNOUT, .by = FSM_AUDIT_BY_SUBJECT, .has_sub = true};
    struct session row;
    enum err err = store_session_get(tx->read, session, &row);

    if (err == OK) {
        event.sub = row.sub;
        err = fsm_session_end(tx, session, ret_code);
        return err == OK ? fsm_audit_add(tx, &event) : err;
    }
    *ret_code = OUT_NOT_FOUND;
    return err == ERR_NOT_FOUND ? OK : err;
}
