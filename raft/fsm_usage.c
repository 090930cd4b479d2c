/* fsm_usage: what relying parties use is counted, and kept for FSM_USAGE_MONTHS.
 *
 * A sign-in is counted by the command that stores its grant: with its code, or, of a sealed
 * code, when that is redeemed. So none is lost and none counted twice. What causes no command is counted by the nodes and brought in batches
 * (CMD_USAGE_ADD), each of them once. */
#include "raft/fsm_internal.h"
#include "store/store_usage.h"

static uint64_t sum(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Rows of months that nobody asks for any more; some at a time. */
static enum err forget(struct fsm_tx *tx, uint32_t month) {
    struct usage_row row;
    enum err err = OK;

    for (int i = 0; i < FSM_USAGE_FORGET_ROWS && err == OK; i++) {
        uint8_t id[LIMIT_CLIENT_ID];

        err = store_usage_first(tx->read, &row);
        if (err != OK || row.month + FSM_USAGE_MONTHS >= month) {
            break;
        }
        if (row.client_id.len > 0) {
            memcpy(id, row.client_id.data, row.client_id.len); /* T2 */
        }
        err = store_usage_del(tx->write, row.month, span_of(id, row.client_id.len));
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err add(struct fsm_tx *tx, struct span client_id,
                    const uint64_t counts[USAGE_KINDS]) {
    uint32_t month = store_usage_month(tx->now_ms);
    struct usage_row row = {.month = month, .client_id = client_id};
    enum err err = store_usage_get(tx->read, month, client_id, &row);

    if (err == ERR_NOT_FOUND) {
        err = forget(tx, month);
    }
    if (err != OK) {
        return err;
    }
    for (size_t i = 0; i < USAGE_KINDS; i++) {
        row.counts[i] = sum(row.counts[i], counts[i]);
    }
    return store_usage_put(tx->write, &row);
}

enum err fsm_usage_login(struct fsm_tx *tx, struct span client_id) {
    static const uint64_t one[USAGE_KINDS] = {[USAGE_LOGIN] = 1};

    return add(tx, client_id, one);
}

/* Rows are for the clients that there are, and for none: their number is bounded. */
static enum err add_known(struct fsm_tx *tx, const struct usage_item *item) {
    struct client client;
    enum err err = OK;

    if (item->client_id.len > 0) {
        arena_reset(tx->scratch);
        err = store_client_get(tx->read, tx->scratch, item->client_id, &client);
    }
    if (err == ERR_NOT_FOUND) {
        return OK;
    }
    return err == OK ? add(tx, item->client_id, item->counts) : err;
}

enum err fsm_usage_sms(struct fsm_tx *tx, struct span client_id) {
    const struct usage_item item = {client_id, {[USAGE_SMS] = 1}};

    return add_known(tx, &item);
}

enum err fsm_usage_app(struct fsm_tx *tx, enum app_platform platform) {
    struct usage_item item = {.client_id = {NULL, 0}};

    item.counts[platform == APP_IOS ? USAGE_APP_IOS : USAGE_APP_ANDROID] = 1;
    return add_known(tx, &item);
}

enum err fsm_usage_add(struct fsm_tx *tx, const struct cmd_usage_add *cmd,
                       enum outcome_code *ret_code) {
    struct proofs once = {.count = 1};
    enum err err;

    once.at[0] = cmd->once;
    err = fsm_proof_use(tx, &once, ret_code);
    for (size_t i = 0; i < cmd->count && *ret_code == OUT_OK && err == OK; i++) {
        err = add_known(tx, &cmd->items[i]);
    }
    return err;
}
