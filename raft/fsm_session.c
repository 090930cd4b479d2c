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

enum err fsm_session_begin(struct fsm_tx *tx, const struct session *session) {
    struct span origin = tx->actor == NULL ? span_str("") : tx->actor->sealed;
    enum err err = store_session_put(tx->write, session);

    return err == OK && origin.len > 0
               ? store_session_origin_put(tx->write, session, origin)
               : err;
}

enum err fsm_session_make(struct fsm_tx *tx, const struct session *session,
                          const struct key_hash *replaced, enum outcome_code *ret_code) {
    struct outcome_login login = {session->auth_time_ms, session->expires_ms};
    enum outcome_code ended;
    enum err err = OK;

    if (replaced != NULL) {
        /* That it is gone already is as good. */
        err = fsm_session_end(tx, *replaced, &ended);
    }
    if (err == OK) {
        err = fsm_session_begin(tx, session);
    }
    *ret_code = OUT_OK;
    return err == OK ? outcome_login_encode(&login, tx->detail) : err;
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
static enum err login_failed(struct fsm_tx *tx, struct key_hash counter,
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
    return store_attempts_put(tx->write, counter, attempts);
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
        .methods = cmd->methods,
        .idle_at_ms = tx->now_ms + cmd->idle_ms,
        .expires_ms = tx->now_ms + cmd->lifetime_ms,
    };

    return fsm_session_make(tx, &session, cmd->has_replaced ? &cmd->replaced : NULL,
                            ret_code);
}

/* Is a second step due? It is when the account has a factor, whoever asks, but for a
 * browser that it trusts. */
static enum err second_due(struct fsm_tx *tx, const struct cmd_login *cmd,
                           bool *ret_due) {
    size_t count = 0;
    enum err err = OK;

    if (cmd->second == SECOND_ENROLLED) {
        err = fsm_factor_count(tx, cmd->sub, &count);
    }
    *ret_due = count > 0 || cmd->second == SECOND_REQUIRED;
    return err;
}

static enum err login_pending(struct fsm_tx *tx, const struct cmd_login *cmd,
                              enum outcome_code *ret_code) {
    struct signin signin = {
        .key = cmd->signin,
        .sub = cmd->sub,
        .generation = cmd->generation,
        .methods = cmd->methods,
        .auth_time_ms = tx->now_ms,
        .expires_ms = tx->now_ms + cmd->signin_ttl_ms,
    };

    memcpy(signin.browser, cmd->browser, sizeof signin.browser);
    *ret_code = OUT_SECOND_STEP;
    return store_signin_put(tx->write, &signin);
}

/* OUT_OK: neither key that the command brings is taken. */
static enum err login_keys_free(struct fsm_tx *tx, const struct cmd_login *cmd,
                                enum outcome_code *ret_code) {
    struct session session;
    struct signin signin;
    enum err err = store_session_get(tx->read, cmd->session, &session);

    if (err == ERR_NOT_FOUND) {
        err = store_signin_get(tx->read, tx->arena, cmd->signin, &signin);
    }
    *ret_code = err == OK ? OUT_EXISTS : OUT_OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* The password was right. */
static enum err login_passed(struct fsm_tx *tx, const struct cmd_login *cmd,
                             enum outcome_code *ret_code) {
    bool due;
    enum err err = second_due(tx, cmd, &due);

    if (err != OK) {
        return err;
    }
    return due ? login_pending(tx, cmd, ret_code) : login_session(tx, cmd, ret_code);
}

static enum err login(struct fsm_tx *tx, const struct cmd_login *cmd,
                      enum outcome_code *ret_code) {
    /* Strangers and a device that the account knows count apart, so that the former do
     * not lock out the latter (SECURITY_CHECKS D03). */
    struct key_hash counter = cmd->has_device ? cmd->device : cmd->login_index;
    struct login_attempts attempts;
    enum err err = fsm_counter_take(tx, &cmd->caps, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_attempts_get(tx->read, counter, &attempts);
    if (err != OK) {
        return err;
    }
    if (attempts.forget_at_ms <= tx->now_ms) {
        attempts = (struct login_attempts){0}; /* not swept yet */
    }
    if (tx->now_ms < attempts.locked_until_ms) {
        const struct outcome_wait wait = {attempts.locked_until_ms};
        *ret_code = OUT_LOCKED;
        return outcome_wait_encode(&wait, tx->detail);
    }
    if (!cmd->known || !cmd->password_ok) {
        *ret_code = OUT_BAD_CREDENTIALS;
        return login_failed(tx, counter, &attempts);
    }
    err = login_account(tx, cmd, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = login_keys_free(tx, cmd, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = attempts.failures > 0 ? store_attempts_del(tx->write, counter) : OK;
    return err == OK ? login_passed(tx, cmd, ret_code) : err;
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

    if (code == OUT_EXISTS || code == OUT_SECOND_STEP) {
        return OK; /* a service's mistake; the second step is told when it ends */
    }
    if (code == OUT_LIMITED) {
        event.event = AUDIT_LIMITED;
    } else if (code == OUT_BAD_CREDENTIALS) {
        err = locks(tx, cmd->has_device ? cmd->device : cmd->login_index, &locked);
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

struct rename {
    struct fsm_tx *tx;
    struct key_hash to;
};

static enum err rename_grant(void *arg, struct key_hash code) {
    const struct rename *rename = arg;
    struct fsm_tx *tx = rename->tx;
    struct grant grant;
    enum err err;

    arena_reset(tx->scratch);
    err = store_grant_get(tx->read, tx->scratch, code, &grant);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    /* Out of the old session's index and into the new one's. */
    err = store_grant_del(tx->write, code);
    grant.session = rename->to;
    return err == OK ? store_grant_put(tx->write, &grant) : err;
}

enum err fsm_session_rename(struct fsm_tx *tx, struct session *session,
                            struct key_hash key) {
    struct rename rename = {.tx = tx, .to = key};
    enum err err =
        store_grant_of_session(tx->write, session->key, rename_grant, &rename);

    if (err == OK) {
        err = store_session_del(tx->write, session->key);
    }
    session->key = key;
    return err;
}
