/* fsm_counter: how often something may be done (SECURITY E01, E03).
 *
 * Here because nodes that count for themselves let through as many times the bound as
 * there are nodes, and because a count that its leader forgets begins anew. Windows
 * stand where they began: a counter that goes on does not move its end. A refusal
 * counts nothing, so rows are bounded by what was let through; it says when the last of
 * the windows that are full ends. */
#include "raft/fsm_internal.h"
#include "store/store_counter.h"

/* What stands in the window that is open now, or in one that begins. */
static enum err counter_now(struct fsm_tx *tx, const struct cap *cap,
                            struct counter *ret_counter) {
    enum err err = store_counter_get(tx->read, cap->key, ret_counter);

    if (err == ERR_NOT_FOUND || (err == OK && ret_counter->until_ms <= tx->now_ms)) {
        *ret_counter = (struct counter){0, tx->now_ms + cap->window_ms};
        err = OK;
    }
    return err;
}

/* `own`: those that are somebody's alone. */
static enum err take(struct fsm_tx *tx, const struct caps *caps, bool own,
                     enum outcome_code *ret_code) {
    struct counter counters[LIMIT_MESSAGE_CAPS];
    struct outcome_wait wait = {0};
    enum err err = OK;

    *ret_code = OUT_OK;
    for (size_t i = 0; i < caps->count && err == OK; i++) {
        if (own && caps->at[i].shared) {
            continue;
        }
        err = counter_now(tx, &caps->at[i], &counters[i]);
        if (err == OK && counters[i].count >= caps->at[i].max) {
            *ret_code = OUT_LIMITED;
            wait.until_ms = counters[i].until_ms > wait.until_ms ? counters[i].until_ms
                                                                 : wait.until_ms;
        }
    }
    if (err == OK && *ret_code == OUT_LIMITED) {
        return outcome_wait_encode(&wait, tx->detail);
    }
    for (size_t i = 0; i < caps->count && err == OK; i++) {
        if (own && caps->at[i].shared) {
            continue;
        }
        counters[i].count++;
        err = store_counter_put(tx->write, caps->at[i].key, &counters[i]);
    }
    return err;
}

enum err fsm_counter_take(struct fsm_tx *tx, const struct caps *caps,
                          enum outcome_code *ret_code) {
    return take(tx, caps, false, ret_code);
}

enum err fsm_counter_take_own(struct fsm_tx *tx, const struct caps *caps,
                              enum outcome_code *ret_code) {
    return take(tx, caps, true, ret_code);
}
