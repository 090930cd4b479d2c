/* fsm_client: relying parties. What one is like comes from its registration; where it
 * stands in its onboarding, and which secrets are good, change by commands of their own,
 * so that neither a registration that comes late nor two that race undo them. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"

static bool has_secret(const struct client *client) {
    return client->auth == CLIENT_AUTH_BASIC || client->auth == CLIENT_AUTH_POST;
}

static bool is_zero(const uint8_t hash[32]) {
    static const uint8_t zero[32];

    return memcmp(hash, zero, sizeof zero) == 0;
}

/* A replaced row keeps what the registration does not tell. */
static enum outcome_code keep(const struct client *old, struct client *client) {
    if (old->stage == CLIENT_RETIRED) {
        return OUT_CLIENT_STATE;
    }
    client->revision = old->revision + 1;
    client->features |= old->features & CLIENT_DYNAMIC;
    if (is_zero(client->registration_hash)) {
        memcpy(client->registration_hash, old->registration_hash,
               sizeof client->registration_hash);
    }
    client->created_ms = old->created_ms;
    client->stage = old->stage;
    client->suspended_from = old->suspended_from;
    if (!has_secret(client) || !is_zero(client->secret_hash)) {
        return OUT_OK;
    }
    if (!has_secret(old)) {
        return OUT_CLIENT_STATE;
    }
    memcpy(client->secret_hash, old->secret_hash, sizeof client->secret_hash);
    memcpy(client->old_secret_hash, old->old_secret_hash,
           sizeof client->old_secret_hash);
    client->old_secret_until_ms = old->old_secret_until_ms;
    return OUT_OK;
}

static enum err tell(struct fsm_tx *tx, enum audit_event what, const char *client_id,
                     const char *note) {
    const struct fsm_audit_event event = {
        .event = what, .client_id = span_str(client_id), .note = span_str(note)};

    return fsm_audit_add(tx, &event);
}

static const char *const stages[CLIENT_RETIRED + 1] = {
    [CLIENT_APPLIED] = "applied",     [CLIENT_IN_VERIFICATION] = "in_verification",
    [CLIENT_APPROVED] = "approved",   [CLIENT_LIVE] = "live",
    [CLIENT_SUSPENDED] = "suspended", [CLIENT_RETIRED] = "retired"};

enum err fsm_client_put(struct fsm_tx *tx, const struct cmd_client_put *cmd,
                        enum outcome_code *ret_code) {
    struct client client = cmd->client;
    struct client old;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_client_get(tx->read, tx->arena, span_str(client.client_id), &old);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    client.created_ms = tx->now_ms;
    client.revision = 1;
    if (client.stage == CLIENT_SUSPENDED) {
        client.suspended_from = CLIENT_IN_VERIFICATION; /* nobody knows what it was */
    }
    if (cmd->revision != 0 && (err != OK || old.revision != cmd->revision)) {
        *ret_code = OUT_CLIENT_STATE;
    } else if (err == OK) {
        *ret_code = cmd->replace ? keep(&old, &client) : OUT_EXISTS;
    } else if (cmd->replace && has_secret(&client) && is_zero(client.secret_hash)) {
        *ret_code = OUT_CLIENT_STATE;
    }
    if (*ret_code != OUT_OK) {
        return OK;
    }
    err = store_client_put(tx->write, &client);
    return err == OK ? tell(tx,
                            client.revision == 1 ? AUDIT_CLIENT_CREATED
                                                 : AUDIT_CLIENT_CHANGED,
                            client.client_id, stages[client.stage])
                     : err;
}

/* Onboarding goes step by step, for every relying party alike (DOMAIN §2). */
static bool may_become(const struct client *client, enum client_stage to) {
    static const unsigned next[CLIENT_RETIRED + 1] = {
        [CLIENT_APPLIED] = 1u << CLIENT_IN_VERIFICATION | 1u << CLIENT_RETIRED,
        [CLIENT_IN_VERIFICATION] =
            1u << CLIENT_APPROVED | 1u << CLIENT_SUSPENDED | 1u << CLIENT_RETIRED,
        [CLIENT_APPROVED] =
            1u << CLIENT_LIVE | 1u << CLIENT_SUSPENDED | 1u << CLIENT_RETIRED,
        [CLIENT_LIVE] = 1u << CLIENT_SUSPENDED | 1u << CLIENT_RETIRED,
        [CLIENT_SUSPENDED] = 1u << CLIENT_RETIRED,
    };

    return (next[client->stage] & 1u << to) != 0 ||
           (client->stage == CLIENT_SUSPENDED && to == client->suspended_from);
}

static void become(struct client *client, enum client_stage to) {
    client->suspended_from = to == CLIENT_SUSPENDED ? client->stage : 0;
    client->stage = to;
}

static void rotate(struct client *client, const struct cmd_client_change *cmd,
                   uint64_t now_ms) {
    memset(client->old_secret_hash, 0, sizeof client->old_secret_hash);
    client->old_secret_until_ms = 0;
    if (cmd->overlap_ms > 0) {
        memcpy(client->old_secret_hash, client->secret_hash,
               sizeof client->old_secret_hash);
        client->old_secret_until_ms = now_ms + cmd->overlap_ms;
    }
    memcpy(client->secret_hash, cmd->secret_hash, sizeof client->secret_hash);
}

enum err fsm_client_change(struct fsm_tx *tx, const struct cmd_client_change *cmd,
                           enum outcome_code *ret_code) {
    struct client client;
    enum err err =
        store_client_get(tx->read, tx->arena, span_str(cmd->client_id), &client);

    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    if ((cmd->revision != 0 && cmd->revision != client.revision) ||
        (cmd->stage != 0 && !may_become(&client, cmd->stage)) ||
        (cmd->has_secret &&
         (!has_secret(&client) || client.stage == CLIENT_RETIRED))) {
        *ret_code = OUT_CLIENT_STATE;
        return OK;
    }
    if (cmd->stage != 0) {
        become(&client, cmd->stage);
    }
    if (cmd->has_secret) {
        rotate(&client, cmd, tx->now_ms);
    }
    client.revision++;
    *ret_code = OUT_OK;
    err = store_client_put(tx->write, &client);
    if (err == OK && cmd->stage != 0) {
        err = tell(tx, AUDIT_CLIENT_STAGE, cmd->client_id, stages[cmd->stage]);
    }
    if (err == OK && cmd->has_secret) {
        err = tell(tx, AUDIT_CLIENT_SECRET, cmd->client_id, "");
    }
    return err;
}
