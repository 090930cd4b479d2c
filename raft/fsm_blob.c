/* fsm_blob: who holds which blob, and which of them anything still names. */
#include "raft/fsm_internal.h"
#include "store/base/check.h"

/* Ascending, each once. */
static void holder_add(struct blob_row *blob, uint64_t node) {
    size_t i = blob->holders_count;

    if (store_blob_held_by(blob, node) || blob->holders_count == LIMIT_NODES) {
        return;
    }
    while (i > 0 && blob->holders[i - 1] > node) {
        blob->holders[i] = blob->holders[i - 1];
        i--;
    }
    blob->holders[i] = node;
    blob->holders_count++;
}

static void holder_del(struct blob_row *blob, uint64_t node) {
    size_t kept = 0;

    for (size_t i = 0; i < blob->holders_count; i++) {
        if (blob->holders[i] != node) {
            blob->holders[kept++] = blob->holders[i];
        }
    }
    blob->holders_count = kept;
}

enum err fsm_blob_add(struct fsm_tx *tx, const struct cmd_blob_add *cmd,
                      enum outcome_code *ret_code) {
    struct blob_row blob;
    enum err err = store_blob_get(tx->read, &cmd->id, &blob);

    if (err == ERR_NOT_FOUND) {
        blob = (struct blob_row){
            .id = cmd->id,
            .kind = cmd->kind,
            .size = cmd->size,
            .created_ms = tx->now_ms,
        };
        err = OK;
    }
    if (err != OK) {
        return err;
    }
    if (blob.size != cmd->size) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    if (blob.refs == 0) { /* whoever brought it is about to name it */
        blob.drop_ms = tx->now_ms + FSM_BLOB_KEEP_MS;
    }
    for (size_t i = 0; i < cmd->nodes_count; i++) {
        holder_add(&blob, cmd->nodes[i]);
    }
    *ret_code = OUT_OK;
    return store_blob_put(tx->write, &blob);
}

enum err fsm_blob_hold(struct fsm_tx *tx, const struct cmd_blob_hold *cmd,
                       enum outcome_code *ret_code) {
    enum err err = OK;

    *ret_code = OUT_OK;
    for (size_t i = 0; i < cmd->count && err == OK; i++) {
        struct blob_row blob;
        err = store_blob_get(tx->read, &cmd->blobs[i].id, &blob);
        if (err == ERR_NOT_FOUND) {
            err = OK;
            continue;
        }
        if (err != OK) {
            break;
        }
        if (cmd->blobs[i].holds) {
            holder_add(&blob, cmd->node);
        } else {
            holder_del(&blob, cmd->node);
        }
        err = store_blob_put(tx->write, &blob);
    }
    return err;
}

enum err fsm_blob_ref(struct fsm_tx *tx, const struct blob_id *id, int by) {
    struct blob_row blob;
    enum err err = store_blob_get(tx->read, id, &blob);

    if (err != OK) {
        return err;
    }
    if ((by < 0 && blob.refs == 0) || (by > 0 && blob.refs == UINT32_MAX)) {
        return ERR_CORRUPT;
    }
    blob.refs = by < 0 ? blob.refs - 1 : blob.refs + 1;
    blob.drop_ms = blob.refs == 0 ? tx->now_ms + FSM_BLOB_KEEP_MS : 0;
    return store_blob_put(tx->write, &blob);
}
