/* fsm_token: storing tokens, and rotating refresh tokens with detection of reuse
 * (RFC 9700 §4.14.2).
 *
 *   LIVE    fsm_token_store
 *   ROTATED fsm_token_refresh; presented again it gets its successor once more
 *           within the grace time, and ends the family otherwise. */
#include "raft/fsm_internal.h"

static enum err detail_write(struct fsm_tx *tx, const struct grant *grant,
                             const struct access_token *access, bool has_refresh) {
    struct outcome_tokens out = {
        .sub = grant->sub,
        .sid = grant->sid,
        .grant = grant->code,
        .scopes = access->scopes,
        .auth_time_ms = grant->auth_time_ms,
        .methods = grant->methods,
        .access_expires_ms = access->expires_ms,
        .id_token_claims = grant->id_token_claims,
        .binding = access->binding,
        .has_refresh = has_refresh,
        .nonce = grant->nonce,
    };
    return outcome_tokens_encode(&out, tx->detail);
}

/* OUT_OK: neither key is taken. */
static enum err keys_free(struct fsm_tx *tx, const struct fsm_tokens *tokens,
                          enum outcome_code *ret_code) {
    struct access_token access;
    struct refresh_token refresh;
    enum err err = store_access_get(tx->read, tokens->access.key, &access);

    if (err == ERR_NOT_FOUND && tokens->has_refresh) {
        err = store_refresh_get(tx->read, tokens->refresh.key, &refresh);
    }
    *ret_code = err == OK ? OUT_EXISTS : OUT_OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

enum outcome_code fsm_token_bound(const struct grant *grant,
                                  const struct binding *binding) {
    if (grant->has_dpop_key &&
        (binding->kind != BINDING_DPOP ||
         memcmp(binding->thumbprint, grant->dpop_key, sizeof grant->dpop_key) != 0)) {
        return OUT_BINDING_MISMATCH;
    }
    return OUT_OK;
}

enum err fsm_token_store(struct fsm_tx *tx, struct grant *grant,
                         const struct fsm_tokens *tokens, enum outcome_code *ret_code) {
    enum err err = keys_free(tx, tokens, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    grant->expires_ms = later(grant->expires_ms, tokens->access.expires_ms);
    if (tokens->has_refresh) {
        grant->expires_ms = later(grant->expires_ms, tokens->refresh.expires_ms);
    }
    err = store_grant_put(tx->write, grant);
    if (err == OK) {
        err = store_access_put(tx->write, &tokens->access);
    }
    if (err == OK && tokens->has_refresh) {
        err = store_refresh_put(tx->write, &tokens->refresh);
    }
    if (err == OK) {
        err = detail_write(tx, grant, &tokens->access, tokens->has_refresh);
    }
    return err;
}

/* An honest retry: the caller lost our answer and asks again. It names the same
 * successor (both derive it from the presented token), soon, and has not used it. */
static enum err retry_honest(struct fsm_tx *tx, const struct cmd_token_refresh *cmd,
                             const struct refresh_token *token,
                             struct access_token *ret_access, bool *ret_honest) {
    struct refresh_token next;
    enum err err;

    *ret_honest = false;
    if (tx->now_ms - token->rotated_ms > cmd->grace_ms ||
        memcmp(token->next_key.b, cmd->next_refresh.b, sizeof token->next_key.b) != 0 ||
        memcmp(token->next_access.b, cmd->next_access.b, sizeof token->next_access.b) !=
            0) {
        return OK;
    }
    err = store_refresh_get(tx->read, token->next_key, &next);
    if (err == OK && next.state == REFRESH_LIVE) {
        err = store_access_get(tx->read, token->next_access, ret_access);
        *ret_honest = err == OK;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err rotate(struct fsm_tx *tx, const struct cmd_token_refresh *cmd,
                       struct refresh_token *token, struct grant *grant,
                       uint64_t scopes, enum outcome_code *ret_code) {
    struct fsm_tokens tokens = {
        .access = {.key = cmd->next_access,
                   .grant = grant->code,
                   .sub = grant->sub,
                   .scopes = scopes,
                   .binding = cmd->binding,
                   .expires_ms = tx->now_ms + cmd->access_ttl_ms},
        .has_refresh = true,
        /* RFC 6749 §6: a narrower scope narrows the access token alone. */
        .refresh = {.key = cmd->next_refresh,
                    .grant = grant->code,
                    .state = REFRESH_LIVE,
                    .scopes = token->scopes,
                    .expires_ms = tx->now_ms + cmd->refresh_ttl_ms},
    };
    enum err err = fsm_token_store(tx, grant, &tokens, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    token->state = REFRESH_ROTATED;
    token->rotated_ms = tx->now_ms;
    token->next_key = cmd->next_refresh;
    token->next_access = cmd->next_access;
    return store_refresh_put(tx->write, token);
}

/* The token's family, and whether it may be refreshed by this client now. */
static enum err refresh_family(struct fsm_tx *tx, const struct cmd_token_refresh *cmd,
                               const struct refresh_token *token,
                               struct grant *ret_grant, enum outcome_code *ret_code) {
    enum err err = store_grant_get(tx->read, tx->arena, token->grant, ret_grant);

    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    if (!span_equal(cmd->client_id, ret_grant->client_id)) {
        *ret_code = OUT_CLIENT_MISMATCH;
    } else if (ret_grant->state != GRANT_REDEEMED) {
        *ret_code = OUT_REVOKED;
    } else if (tx->now_ms >= token->expires_ms) {
        *ret_code = OUT_EXPIRED;
    } else {
        *ret_code = fsm_token_bound(ret_grant, &cmd->binding);
    }
    return OK;
}

static bool same_binding(const struct binding *a, const struct binding *b) {
    return a->kind == b->kind &&
           memcmp(a->thumbprint, b->thumbprint, sizeof a->thumbprint) == 0;
}

/* A token that passed refresh_family, and is LIVE or honestly asked for again. */
static enum err refresh_answer(struct fsm_tx *tx, const struct cmd_token_refresh *cmd,
                               struct refresh_token *token, struct grant *grant,
                               const struct access_token *given,
                               enum outcome_code *ret_code) {
    uint64_t scopes = cmd->scopes == 0 ? token->scopes : cmd->scopes;
    enum err err;

    if ((scopes & ~token->scopes) != 0 || (given != NULL && given->scopes != scopes)) {
        *ret_code = OUT_SCOPE;
        return OK;
    }
    if (given != NULL && !same_binding(&given->binding, &cmd->binding)) {
        *ret_code = OUT_BINDING_MISMATCH;
        return OK;
    }
    err = fsm_account_usable(tx, grant->sub, grant->generation, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    return given != NULL ? detail_write(tx, grant, given, true)
                         : rotate(tx, cmd, token, grant, scopes, ret_code);
}

enum err fsm_token_refresh(struct fsm_tx *tx, const struct cmd_token_refresh *cmd,
                           enum outcome_code *ret_code) {
    struct refresh_token token;
    struct access_token given;
    struct grant grant;
    bool honest = false;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_refresh_get(tx->read, cmd->refresh, &token);
    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK) {
        err = refresh_family(tx, cmd, &token, &grant, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (token.state == REFRESH_ROTATED) {
        err = retry_honest(tx, cmd, &token, &given, &honest);
        if (err == OK && !honest) {
            *ret_code = OUT_REPLAYED;
            err = fsm_grant_replayed(tx, AUDIT_REFRESH_REPLAYED, &grant,
                                     cmd->client_id);
        }
        if (err != OK || !honest) {
            return err;
        }
    }
    return refresh_answer(tx, cmd, &token, &grant, honest ? &given : NULL, ret_code);
}

/* The family that the token is of. ERR_NOT_FOUND. */
static enum err revoke_family(struct fsm_tx *tx, const struct cmd_token_revoke *cmd,
                              struct grant *ret_grant) {
    struct refresh_token refresh;
    struct access_token access;
    enum err err = cmd->refresh ? store_refresh_get(tx->read, cmd->key, &refresh)
                                : store_access_get(tx->read, cmd->key, &access);

    if (err != OK) {
        return err;
    }
    return store_grant_get(tx->read, tx->arena,
                           cmd->refresh ? refresh.grant : access.grant, ret_grant);
}

enum err fsm_token_revoke(struct fsm_tx *tx, const struct cmd_token_revoke *cmd,
                          enum outcome_code *ret_code) {
    struct grant grant;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = revoke_family(tx, cmd, &grant);
    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    if (!span_equal(cmd->client_id, grant.client_id)) {
        *ret_code = OUT_CLIENT_MISMATCH;
        return OK;
    }
    return cmd->refresh ? fsm_grant_revoke(tx, &grant)
                        : store_access_del(tx->write, cmd->key);
}
