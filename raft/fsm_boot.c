/* fsm_boot: sequences of a node's boot, so that a command applies once (F4). */
#include "raft/fsm_internal.h"
#include "store/store_outcome.h"

static enum err slot_flush(struct fsm_tx *tx, struct fsm_boot_slot *slot) {
    enum err err;

    if (!slot->dirty) {
        return OK;
    }
    slot->dirty = false;
    err = store_boot_put(tx->write, &slot->boot);
    if (err != OK) {
        return err;
    }
    return store_outcome_trim(tx->write, slot->boot.node, slot->boot.low);
}

enum err fsm_boot_flush(struct fsm_tx *tx, struct fsm_boots *boots) {
    for (size_t i = 0; i < boots->count; i++) {
        enum err err = slot_flush(tx, &boots->slots[i]);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

enum err fsm_boot_find(struct fsm_tx *tx, struct fsm_boots *boots, uint64_t node,
                       struct fsm_boot_slot **ret_slot) {
    struct fsm_boot_slot fresh = {.boot = {.node = node}};
    struct fsm_boot_slot *slot;
    enum err err;

    for (size_t i = 0; i < boots->count; i++) {
        if (boots->slots[i].boot.node == node) {
            *ret_slot = &boots->slots[i];
            return OK;
        }
    }
    err = store_boot_get(tx->read, node, &fresh.boot);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    fresh.known = err == OK;
    if (boots->count < LIMIT_NODES) {
        slot = &boots->slots[boots->count++];
    } else {
        slot = &boots->slots[boots->next];
        boots->next = (boots->next + 1) % LIMIT_NODES;
        err = slot_flush(tx, slot);
        if (err != OK) {
            return err;
        }
    }
    *slot = fresh;
    *ret_slot = slot;
    return OK;
}

enum err fsm_boot_register(struct fsm_tx *tx, struct fsm_boots *boots,
                           const struct cmd_boot_register *cmd,
                           enum outcome_code *ret_code) {
    struct fsm_boot_slot *slot;
    struct outcome_boot registered;
    enum err err = fsm_boot_find(tx, boots, cmd->node, &slot);

    if (err != OK) {
        return err;
    }
    if (slot->known && cmd->boot < slot->boot.boot) {
        registered.registered = slot->boot.boot;
        *ret_code = OUT_UNKNOWN_BOOT;
        return outcome_boot_encode(&registered, tx->detail);
    }
    if (!slot->known || cmd->boot > slot->boot.boot) {
        /* Nobody waits for what the earlier boot submitted. */
        err = store_outcome_trim(tx->write, cmd->node, UINT64_MAX);
        slot->boot.boot = cmd->boot;
        slot->boot.low = 0;
        slot->known = true;
        slot->dirty = true;
    }
    *ret_code = OUT_OK;
    return err;
}

bool fsm_boot_admit(struct fsm_boot_slot *slot, const struct envelope *envelope) {
    uint64_t low = envelope->low;

    if (low > envelope->seq) {
        low = envelope->seq;
    }
    if (envelope->seq >= FSM_OUTCOMES_PER_NODE &&
        low < envelope->seq - FSM_OUTCOMES_PER_NODE + 1) {
        low = envelope->seq - FSM_OUTCOMES_PER_NODE + 1;
    }
    if (low > slot->boot.low) {
        slot->boot.low = low;
        slot->dirty = true;
    }
    /* The last number is kept free: trimming takes what is below a mark. */
    return envelope->seq >= slot->boot.low && envelope->seq != UINT64_MAX;
}
