/* fsm_request: pushed authorization requests (RFC 9126). A request may be begun while
 * it lives, more than once (a page is loaded again), and is answered with one code:
 * that deletes it (fsm_grant_issue). */
#include "raft/fsm_internal.h"

enum err fsm_request_push(struct fsm_tx *tx, const struct cmd_request_push *cmd,
                          enum outcome_code *ret_code) {
    struct pushed_request request;
    struct client client;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_client_get(tx->read, tx->arena, cmd->client_id, &client);
    if (err == ERR_NOT_FOUND || (err == OK && !store_client_usable(&client))) {
        *ret_code = OUT_CLIENT_STATE;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    err = store_request_get(tx->read, cmd->key, &request);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    request = (struct pushed_request){
        .key = cmd->key,
        .client_id = cmd->client_id,
        .form = cmd->form,
        .expires_ms = tx->now_ms + cmd->ttl_ms,
        .keep_until_ms = tx->now_ms + cmd->keep_ms,
    };
    return store_request_put(tx->write, &request);
}

enum err fsm_request_open(struct fsm_tx *tx, struct key_hash key, struct span client_id,
                          enum outcome_code *ret_code) {
    struct pushed_request request;
    enum err err = store_request_get(tx->read, key, &request);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    *ret_code = err == OK && tx->now_ms < request.keep_until_ms &&
                        span_equal(request.client_id, client_id)
                    ? OUT_OK
                    : OUT_REPLAYED;
    return OK;
}
