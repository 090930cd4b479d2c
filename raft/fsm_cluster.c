/* fsm_cluster: the cluster's identity and its replicated version. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"

enum err fsm_cluster_init(struct fsm_tx *tx, const struct cmd_cluster_init *cmd,
                          enum outcome_code *ret_code) {
    static const struct id128 none;

    if (memcmp(tx->meta->cluster_id.b, none.b, sizeof none.b) != 0) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    tx->meta->cluster_id = cmd->cluster_id;
    tx->meta->epoch = 1;
    if (tx->meta->fsm_version == 0) {
        tx->meta->fsm_version = 1;
    }
    *ret_code = OUT_OK;
    const struct fsm_audit_event event = {.event = AUDIT_CLUSTER_INIT};
    return fsm_audit_add(tx, &event);
}

enum err fsm_cluster_version(struct fsm_tx *tx, const struct cmd_fsm_version *cmd,
                             enum outcome_code *ret_code) {
    /* Nodes of a newer release go on with it. To refuse it here would make this
     * node differ from them; a newer binary resumes at this very frame. */
    if (cmd->version > FSM_VERSION_MAX) {
        return ERR_VERSION;
    }
    if (cmd->version < tx->meta->fsm_version) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    *ret_code = OUT_OK;
    if (cmd->version == tx->meta->fsm_version) {
        return OK;
    }
    tx->meta->fsm_version = cmd->version;
    const struct fsm_audit_event event = {.event = AUDIT_CLUSTER_VERSION};
    return fsm_audit_add(tx, &event);
}

enum err fsm_cluster_backup(struct fsm_tx *tx, const struct cmd_backup_note *cmd,
                            enum outcome_code *ret_code) {
    struct store_backup backup = cmd->backup, last;
    enum err err = store_backup_get(tx->read, &last);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == OK && last.index > backup.index) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    *ret_code = OUT_OK;
    backup.kept_ms = tx->now_ms;
    return store_backup_put(tx->write, &backup);
}
