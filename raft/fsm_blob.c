/* fsm_blob: who holds which blob, where copies are wanted, and which of them anything
 * still names.
 *
 *   a node    (no row) or LOST -- it says so --> KEEPS -- its word lapses --> DOUBTED
 *             DOUBTED -- it says so --> KEEPS;  DOUBTED -- lapses again --> LOST
 *
 * Members and lost nodes decide which copies count (store/store_blob_node.h), so each
 * change of them begins a walk over all blobs, some a frame. */
#include "raft/fsm_internal.h"
#include "store/base/check.h"
#include "store/store_blob_node.h"

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

static enum err blob_put(struct fsm_tx *tx, const struct blob_places *places,
                         const struct blob_row *blob) {
    return store_blob_put(tx->write, blob, store_blob_is_short(places, blob));
}

enum err fsm_blob_add(struct fsm_tx *tx, const struct cmd_blob_add *cmd,
                      enum outcome_code *ret_code) {
    struct blob_places places;
    struct blob_row blob;
    enum err err = store_blob_places(tx->read, &places);

    if (err == OK) {
        err = store_blob_get(tx->read, &cmd->id, &blob);
    }
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
        if (store_blob_may_hold(&places, cmd->nodes[i])) {
            holder_add(&blob, cmd->nodes[i]);
        }
    }
    *ret_code = OUT_OK;
    return blob_put(tx, &places, &blob);
}

enum err fsm_blob_hold(struct fsm_tx *tx, const struct cmd_blob_hold *cmd,
                       enum outcome_code *ret_code) {
    struct blob_places places;
    struct blob_walk walk;
    bool sorted = store_blob_walk_get(tx->read, &walk) == ERR_NOT_FOUND;
    enum err err = store_blob_places(tx->read, &places);

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
        if (cmd->give_back && (!sorted || !store_blob_spare(&places, &blob, cmd->node))) {
            continue;
        }
        if (!cmd->blobs[i].holds) {
            holder_del(&blob, cmd->node);
        } else if (store_blob_may_hold(&places, cmd->node)) {
            holder_add(&blob, cmd->node);
        }
        err = blob_put(tx, &places, &blob);
    }
    return err;
}

enum err fsm_blob_ref(struct fsm_tx *tx, const struct blob_id *id, int by) {
    struct blob_row blob;
    bool is_short = false;
    enum err err = store_blob_get(tx->read, id, &blob);

    if (err == OK) {
        err = store_blob_short(tx->read, id, &is_short);
    }
    if (err != OK) {
        return err;
    }
    if ((by < 0 && blob.refs == 0) || (by > 0 && blob.refs == UINT32_MAX)) {
        return ERR_CORRUPT;
    }
    blob.refs = by < 0 ? blob.refs - 1 : blob.refs + 1;
    blob.drop_ms = blob.refs == 0 ? tx->now_ms + FSM_BLOB_KEEP_MS : 0;
    return store_blob_put(tx->write, &blob, is_short);
}

/* --- nodes --- */

/* From the first blob on, also when one is under way. */
static enum err walk_begin(struct fsm_tx *tx) {
    struct blob_walk walk = {.at_ms = tx->now_ms + 1};

    return store_blob_count(tx->read) == 0 ? OK : store_blob_walk_put(tx->write, &walk);
}

enum err fsm_blob_member(struct fsm_tx *tx, const struct member *member) {
    struct blob_node node = {.node = member->id,
                             .state = BLOB_NODE_KEEPS,
                             .lease_ms = FSM_BLOB_FIRST_MS,
                             .until_ms = tx->now_ms + FSM_BLOB_FIRST_MS};
    struct blob_node old;
    enum err err = store_blob_node_get(tx->read, member->id, &old);

    if (member->role == MEMBER_GONE) {
        err = store_blob_node_del(tx->write, member->id);
    } else if (err == ERR_NOT_FOUND) { /* it has so long to come up */
        err = store_blob_node_put(tx->write, &node);
    }
    return err == OK ? walk_begin(tx) : err;
}

enum err fsm_blob_node(struct fsm_tx *tx, const struct cmd_blob_node *cmd,
                       enum outcome_code *ret_code) {
    struct blob_node node = {.state = BLOB_NODE_KEEPS};
    struct blob_places places;
    bool was_lost;
    enum err err = store_blob_places(tx->read, &places);

    if (err == OK) {
        err = store_blob_node_get(tx->read, cmd->node, &node);
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (!store_blob_may_hold(&places, cmd->node)) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    *ret_code = OUT_OK;
    was_lost = err == OK && node.state == BLOB_NODE_LOST;
    node = (struct blob_node){.node = cmd->node,
                              .state = BLOB_NODE_KEEPS,
                              .lease_ms = cmd->lease_ms,
                              .until_ms = tx->now_ms + cmd->lease_ms};
    err = store_blob_node_put(tx->write, &node);
    return err == OK && was_lost ? walk_begin(tx) : err;
}

/* --- what is due --- */

enum err fsm_blob_due_ms(struct fsm_tx *tx, struct key_hash mark, uint64_t *ret_ms) {
    uint64_t id = store_blob_node_of(mark);
    struct blob_node node;
    struct blob_walk walk;
    enum err err = id == 0 ? store_blob_walk_get(tx->read, &walk)
                           : store_blob_node_get(tx->read, id, &node);

    if (err != OK) {
        return err;
    }
    *ret_ms = id == 0 ? walk.at_ms : node.until_ms;
    return id != 0 && node.until_ms == 0 ? ERR_NOT_FOUND : OK;
}

static enum err node_due(struct fsm_tx *tx, uint64_t id) {
    struct blob_node node;
    enum err err = store_blob_node_get(tx->read, id, &node);

    if (err != OK) {
        return err;
    }
    if (node.state == BLOB_NODE_KEEPS) {
        node.state = BLOB_NODE_DOUBTED;
        node.until_ms = tx->now_ms + (node.lease_ms < FSM_BLOB_DOUBT_MS
                                          ? node.lease_ms
                                          : FSM_BLOB_DOUBT_MS);
        return store_blob_node_put(tx->write, &node);
    }
    node.state = BLOB_NODE_LOST;
    node.until_ms = 0;
    err = store_blob_node_put(tx->write, &node);
    return err == OK ? walk_begin(tx) : err;
}

/* Holders that are gone are forgotten; short or not is found anew. */
static enum err look_at(struct fsm_tx *tx, const struct blob_places *places,
                        struct blob_row *blob) {
    size_t i = 0, before = blob->holders_count;
    bool was_short = false;
    enum err err = store_blob_short(tx->read, &blob->id, &was_short);

    while (i < blob->holders_count) {
        if (store_blob_may_hold(places, blob->holders[i])) {
            i++;
        } else {
            holder_del(blob, blob->holders[i]);
        }
    }
    if (err != OK || (before == blob->holders_count &&
                      was_short == store_blob_is_short(places, blob))) {
        return err;
    }
    return blob_put(tx, places, blob);
}

static enum err walk_on(struct fsm_tx *tx) {
    struct blob_places places;
    struct blob_walk walk;
    bool end = false;
    enum err err = store_blob_walk_get(tx->read, &walk);

    if (err == OK) {
        err = store_blob_places(tx->read, &places);
    }
    for (int i = 0; i < FSM_BLOB_WALK_ROWS && err == OK && !end; i++) {
        struct blob_row blob;
        err = store_blob_next(tx->read, &walk.next, false, &blob);
        if (err == ERR_NOT_FOUND) {
            end = true;
            err = OK;
        } else if (err == OK) {
            walk.next = blob.id;
            end = !store_blob_after(&walk.next);
            err = look_at(tx, &places, &blob);
        }
    }
    walk.at_ms = tx->now_ms + 1; /* the next frame's */
    if (err != OK) {
        return err;
    }
    return end ? store_blob_walk_del(tx->write) : store_blob_walk_put(tx->write, &walk);
}

enum err fsm_blob_due(struct fsm_tx *tx, struct key_hash mark) {
    uint64_t id = store_blob_node_of(mark);

    return id == 0 ? walk_on(tx) : node_due(tx, id);
}
