/* fsm_grant: issuing a code, and redeeming it once (RFC 6749 §4.1, RFC 7636).
 *
 *   ISSUED   fsm_grant_issue
 *   REDEEMED fsm_grant_redeem: of a stored code, or of a sealed one, whose grant has no row
 *            before (redeem_opened)
 *   REVOKED  fsm_grant_revoke: a replay, or the end of the session
 *
 * Invariants:
 *   I1  a sealed code is worth what a stored one is: what is asked at issue is asked when
 *       it is redeemed, and then what is asked of every code. Which of both a code is, a
 *       service decides, and nothing here relies on that;
 *   I2  a code is redeemed once, also a sealed one: the row that its redemption leaves
 *       stays until the code has expired (G5 of store/store_grant.h), and the row's key is
 *       of what is within the seal, the same however often it is sent;
 *   I3  a refusal changes nothing but the proofs that were used for it;
 *   I4  a sealed code is good for its ttl at most, by the replicated clock: one that would
 *       be so for longer from now on is refused. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"

static enum err grant_tell(struct fsm_tx *tx, enum audit_event what, struct id128 sub,
                        struct span client_id) {
    bool replay = what != AUDIT_CONSENT;
    const struct fsm_audit_event event = {
        .event = what,
        .by = replay ? FSM_AUDIT_BY_CLIENT : FSM_AUDIT_BY_SUBJECT,
        .outcome = replay ? OUT_REPLAYED : OUT_OK,
        .has_sub = true,
        .sub = sub,
        .client_id = client_id,
    };

    return fsm_audit_add(tx, &event);
}

enum err fsm_grant_replayed(struct fsm_tx *tx, enum audit_event what,
                            struct grant *grant, struct span client_id) {
    struct id128 sub = grant->sub;
    bool first = grant->state != GRANT_REVOKED;
    enum err err = fsm_grant_revoke(tx, grant);

    return err == OK && first ? grant_tell(tx, what, sub, client_id) : err;
}

/* OUT_OK: the session may issue grants now. */
static enum err issue_session(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                              struct session *ret_session,
                              enum outcome_code *ret_code) {
    struct account account;
    enum err err = store_session_get(tx->read, cmd->session, ret_session);

    if (err == ERR_NOT_FOUND || (err == OK && !fsm_session_timely(tx, ret_session))) {
        *ret_code = OUT_SESSION_ENDED;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    err = store_account_get(tx->read, tx->arena, ret_session->sub, &account);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == ERR_NOT_FOUND || account.state != ACCOUNT_ACTIVE) {
        *ret_code = OUT_ACCOUNT_STATE;
    } else if (account.generation != ret_session->generation) {
        *ret_code = OUT_SESSION_ENDED;
    } else {
        *ret_code =
            ret_session->auth_time_ms < cmd->auth_after_ms ? OUT_REAUTH : OUT_OK;
    }
    return OK;
}

/* OUT_OK: the client is there. */
static enum err issue_client(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                             struct client *ret_client, enum outcome_code *ret_code) {
    enum err err = store_client_get(tx->read, tx->arena, cmd->client_id, ret_client);

    if (err == ERR_NOT_FOUND || (err == OK && !store_client_usable(ret_client))) {
        *ret_code = OUT_CLIENT_STATE;
        return OK;
    }
    *ret_code = OUT_OK;
    return err;
}

/* OUT_OK: the code is new. */
static enum err issue_code(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                           enum outcome_code *ret_code) {
    struct grant taken;
    enum err err = store_grant_get(tx->read, tx->arena, cmd->code, &taken);

    *ret_code = err == OK ? OUT_EXISTS : OUT_OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err issue_consent(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                              struct id128 sub) {
    uint64_t scopes;
    enum err err;

    if (cmd->consent_scopes == 0) {
        return OK;
    }
    err = store_consent_get(tx->read, sub, cmd->client_id, &scopes);
    if (err != OK) {
        return err;
    }
    err = store_consent_put(tx->write, sub, cmd->client_id,
                            scopes | cmd->consent_scopes);
    return err == OK ? grant_tell(tx, AUDIT_CONSENT, sub, cmd->client_id) : err;
}

/* When the grant's row has served its ends; redeeming may put that off. */
static uint64_t issue_until_ms(const struct fsm_tx *tx,
                               const struct cmd_grant_issue *cmd,
                               const struct session *session,
                               const struct client *client) {
    uint64_t ttl_ms =
        cmd->code_ttl_ms > cmd->grant_ttl_ms ? cmd->code_ttl_ms : cmd->grant_ttl_ms;
    uint64_t until_ms = tx->now_ms + ttl_ms;

    /* Its end is told to the client when the session ends (fsm_session_end). */
    if (client->backchannel_logout_uri[0] != '\0' && until_ms < session->expires_ms) {
        until_ms = session->expires_ms;
    }
    return until_ms;
}

/* The session was used. */
static enum err issue_touch(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                            struct session *session) {
    if (!store_session_idle_due(session, tx->now_ms, cmd->idle_ms)) {
        return OK;
    }
    session->idle_at_ms = tx->now_ms + cmd->idle_ms;
    return store_session_put(tx->write, session);
}

static struct grant issue_grant(const struct fsm_tx *tx,
                                const struct cmd_grant_issue *cmd,
                                const struct client *client,
                                const struct session *session) {
    struct grant grant = {
        .code = cmd->code,
        .state = GRANT_ISSUED,
        .sub = session->sub,
        .generation = session->generation,
        .session = session->key,
        .sid = session->sid,
        .client_id = cmd->client_id,
        .redirect_uri = cmd->redirect_uri,
        .scopes = cmd->scopes,
        .nonce = cmd->nonce,
        .challenge_method = cmd->challenge_method,
        .auth_time_ms = session->auth_time_ms,
        .methods = session->methods,
        .id_token_claims = cmd->id_token_claims,
        .userinfo_claims = cmd->userinfo_claims,
        .has_dpop_key = cmd->has_dpop_key,
        .code_expires_ms = tx->now_ms + cmd->code_ttl_ms,
        .expires_ms = issue_until_ms(tx, cmd, session, client),
    };

    memcpy(grant.challenge, cmd->challenge, sizeof grant.challenge);
    memcpy(grant.dpop_key, cmd->dpop_key, sizeof grant.dpop_key);
    return grant;
}

static enum err issue_store(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                            const struct client *client, struct session *session) {
    const struct grant grant = issue_grant(tx, cmd, client, session);
    enum err err = issue_touch(tx, cmd, session);

    if (err == OK && cmd->has_pushed) {
        err = store_request_del(tx->write, cmd->pushed); /* RFC 9126 §4: once */
    }
    return err == OK ? store_grant_put(tx->write, &grant) : err;
}

enum err fsm_grant_issue(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                         enum outcome_code *ret_code) {
    struct session session;
    struct client client;
    enum err err = issue_session(tx, cmd, &session, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = issue_client(tx, cmd, &client, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = issue_code(tx, cmd, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK && cmd->has_pushed) {
        err = fsm_request_open(tx, cmd->pushed, cmd->client_id, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = issue_consent(tx, cmd, session.sub);
        if (err == OK) {
            err = issue_store(tx, cmd, &client, &session);
        }
        if (err == OK) {
            err = fsm_usage_login(tx, cmd->client_id);
        }
    }
    return err;
}

enum err fsm_grant_revoke(struct fsm_tx *tx, struct grant *grant) {
    if (grant->state == GRANT_REVOKED) {
        return OK;
    }
    grant->state = GRANT_REVOKED;
    return store_grant_put(tx->write, grant);
}

/* RFC 7636 §4.6. A verifier without a challenge is a downgrade (RFC 9700 §4.8.2). */
static bool pkce_matches(const struct grant *grant,
                         const struct cmd_grant_redeem *cmd) {
    if (grant->challenge_method == CHALLENGE_NONE) {
        return !cmd->has_verifier;
    }
    return cmd->has_verifier &&
           memcmp(grant->challenge, cmd->verifier_hash, sizeof grant->challenge) == 0;
}

/* What the request says against what the code was issued for. */
static enum outcome_code redeem_request(const struct fsm_tx *tx,
                                        const struct grant *grant,
                                        const struct cmd_grant_redeem *cmd) {
    if (tx->now_ms >= grant->code_expires_ms) {
        return OUT_EXPIRED;
    }
    if (!cmd->has_redirect_uri || !span_equal(cmd->redirect_uri, grant->redirect_uri)) {
        return OUT_REDIRECT_MISMATCH;
    }
    if (!pkce_matches(grant, cmd)) {
        return OUT_PKCE_MISMATCH;
    }
    return fsm_token_bound(grant, &cmd->binding);
}

/* That account and session are still what they were at issue. */
static enum err redeem_holder(struct fsm_tx *tx, const struct grant *grant,
                              enum outcome_code *ret_code) {
    struct session session;
    enum err err = fsm_account_usable(tx, grant->sub, grant->generation, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_session_get(tx->read, grant->session, &session);
    if (err == ERR_NOT_FOUND || (err == OK && !fsm_session_timely(tx, &session))) {
        *ret_code = OUT_SESSION_ENDED;
        return OK;
    }
    return err;
}

static enum err redeem_store(struct fsm_tx *tx, const struct cmd_grant_redeem *cmd,
                             struct grant *grant, enum outcome_code *ret_code) {
    struct fsm_tokens tokens = {
        .access = {.key = cmd->access,
                   .grant = grant->code,
                   .sub = grant->sub,
                   .scopes = grant->scopes,
                   .binding = cmd->binding,
                   .expires_ms = tx->now_ms + cmd->access_ttl_ms},
        .has_refresh = (grant->scopes & cmd->refresh_scope_mask) != 0,
        .refresh = {.key = cmd->refresh,
                    .grant = grant->code,
                    .state = REFRESH_LIVE,
                    .scopes = grant->scopes,
                    .expires_ms = tx->now_ms + cmd->refresh_ttl_ms},
    };

    grant->state = GRANT_REDEEMED;
    if (cmd->bind_refresh) {
        grant->has_dpop_key = true;
        memcpy(grant->dpop_key, cmd->binding.thumbprint, sizeof grant->dpop_key);
    }
    return fsm_token_store(tx, grant, &tokens, ret_code);
}

/* What CMD_GRANT_ISSUE would have said of a sealed code. */
static struct cmd_grant_issue opened_issue(const struct cmd_grant_redeem *cmd) {
    const struct grant_opened *opened = &cmd->opened;
    struct cmd_grant_issue issue = {
        .code = cmd->code,
        .session = opened->session,
        .client_id = cmd->client_id, /* it is sealed for this one */
        .redirect_uri = opened->redirect_uri,
        .scopes = opened->scopes,
        .nonce = opened->nonce,
        .challenge_method = opened->challenge_method,
        .code_ttl_ms = opened->code_ttl_ms,
        .idle_ms = opened->idle_ms,
        .auth_after_ms = opened->auth_after_ms,
        .id_token_claims = opened->id_token_claims,
        .userinfo_claims = opened->userinfo_claims,
        .has_dpop_key = opened->has_dpop_key,
    };

    memcpy(issue.challenge, opened->challenge, sizeof issue.challenge);
    memcpy(issue.dpop_key, opened->dpop_key, sizeof issue.dpop_key);
    return issue;
}

/* OUT_OK: what was consented to when the code was issued still is. */
static enum err opened_consent(struct fsm_tx *tx, const struct grant_opened *opened,
                               const struct client *client, struct id128 sub,
                               enum outcome_code *ret_code) {
    uint64_t scopes;
    enum err err;

    if (client->government) {
        *ret_code = OUT_OK;
        return OK;
    }
    err = store_consent_get(tx->read, sub, span_str(client->client_id), &scopes);
    if (err == OK) {
        *ret_code = (opened->consented & ~scopes) == 0 ? OUT_OK : OUT_REVOKED;
    }
    return err;
}

/* OUT_OK: the code could be issued now, to the same session of the same holder. */
static enum err opened_holds(struct fsm_tx *tx, const struct grant_opened *opened,
                             const struct cmd_grant_issue *issue,
                             struct session *ret_session, struct client *ret_client,
                             enum outcome_code *ret_code) {
    enum err err;

    if (opened->epoch != tx->meta->epoch) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (opened->code_expires_ms > tx->now_ms + opened->code_ttl_ms) {
        *ret_code = OUT_EXPIRED; /* I4 */
        return OK;
    }
    err = issue_session(tx, issue, ret_session, ret_code);
    /* A changed password may have kept the session, not what it had granted. */
    if (err == OK && *ret_code == OUT_OK &&
        ret_session->generation != opened->generation) {
        *ret_code = OUT_ACCOUNT_STATE;
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = issue_client(tx, issue, ret_client, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = opened_consent(tx, opened, ret_client, ret_session->sub, ret_code);
    }
    return err;
}

/* A sealed code: issued and redeemed in one step. */
static enum err redeem_opened(struct fsm_tx *tx, const struct cmd_grant_redeem *cmd,
                              enum outcome_code *ret_code) {
    const struct cmd_grant_issue issue = opened_issue(cmd);
    struct session session;
    struct client client;
    struct grant grant;
    enum err err =
        opened_holds(tx, &cmd->opened, &issue, &session, &client, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    grant = issue_grant(tx, &issue, &client, &session);
    grant.code_expires_ms = cmd->opened.code_expires_ms;
    *ret_code = redeem_request(tx, &grant, cmd);
    if (*ret_code != OUT_OK) {
        return OK;
    }
    err = redeem_store(tx, cmd, &grant, ret_code);
    if (err == OK && *ret_code == OUT_OK) {
        err = issue_touch(tx, &issue, &session);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = fsm_usage_login(tx, cmd->client_id);
    }
    return err;
}

enum err fsm_grant_redeem(struct fsm_tx *tx, const struct cmd_grant_redeem *cmd,
                          enum outcome_code *ret_code) {
    struct grant grant;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_grant_get(tx->read, tx->arena, cmd->code, &grant);
    if (err == ERR_NOT_FOUND && cmd->opens) {
        return redeem_opened(tx, cmd, ret_code);
    }
    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    /* First of all, so that a stranger can neither burn the code nor revoke. */
    if (!span_equal(cmd->client_id, grant.client_id)) {
        *ret_code = OUT_CLIENT_MISMATCH;
        return OK;
    }
    if (grant.state != GRANT_ISSUED) {
        *ret_code = OUT_REPLAYED; /* RFC 6749 §4.1.2 */
        return fsm_grant_replayed(tx, AUDIT_CODE_REPLAYED, &grant, cmd->client_id);
    }
    *ret_code = redeem_request(tx, &grant, cmd);
    if (*ret_code != OUT_OK) {
        return OK;
    }
    err = redeem_holder(tx, &grant, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    return redeem_store(tx, cmd, &grant, ret_code);
}
