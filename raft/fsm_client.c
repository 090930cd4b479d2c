/* fsm_client: relying parties. */
#include "raft/fsm_internal.h"

enum err fsm_client_put(struct fsm_tx *tx, const struct cmd_client_put *cmd,
                        enum outcome_code *ret_code) {
    struct client client = cmd->client;
    struct client old;
    enum err err =
        store_client_get(tx->read, tx->arena, span_str(client.client_id), &old);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == OK && !cmd->replace) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    client.created_ms = err == OK ? old.created_ms : tx->now_ms;
    *ret_code = OUT_OK;
    return store_client_put(tx->write, &client);
}
