/* fsm_key: signing keys. Two nodes may make the first key at once; the first that
 * is applied is the cluster's. */
#include "raft/fsm_internal.h"
#include "store/store_key.h"

struct key_search {
    const struct signing_key *wanted;
    bool taken;
};

static bool key_taken(void *arg, const struct signing_key *key) {
    struct key_search *search = arg;

    search->taken = strcmp(key->kid, search->wanted->kid) == 0 ||
                    (search->wanted->state == KEY_ACTIVE && key->state == KEY_ACTIVE &&
                     key->alg == search->wanted->alg);
    return !search->taken;
}

enum err fsm_key_add(struct fsm_tx *tx, const struct cmd_key_add *cmd,
                     enum outcome_code *ret_code) {
    struct key_search search = {.wanted = &cmd->key, .taken = false};
    struct signing_key key = cmd->key;
    enum err err = store_key_walk(tx->read, tx->arena, key_taken, &search);

    if (err != OK) {
        return err;
    }
    if (search.taken) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    key.created_ms = tx->now_ms;
    *ret_code = OUT_OK;
    return store_key_put(tx->write, &key);
}
