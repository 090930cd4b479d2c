/* fsm_outbox: messages to other systems, from their cause to their delivery.
 *
 *   PENDING  fsm_outbox_add; fsm_outbox_settle (again later); fsm_outbox_retry
 *   LEASED   fsm_outbox_claim
 *   DEAD     bury, or dropped where there is no room for it
 *
 * Here because racing nodes could disagree about who sends, and because a queue that
 * nobody bounds alike would differ between nodes. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/store_outbox.h"

static bool is_to_person(const struct outbox_message *message) {
    return store_outbox_to_person(message->kind);
}

/* People's messages have room of their own: clients' cannot take it. */
static bool has_room(const struct outbox_message *message,
                     const struct outbox_counts *of_client,
                     const struct outbox_counts *of_all) {
    if (is_to_person(message)) {
        return of_client->waiting < FSM_OUTBOX_WAITING_QUEUE;
    }
    return of_client->waiting < FSM_OUTBOX_WAITING_CLIENT &&
           of_all->waiting < FSM_OUTBOX_WAITING;
}

static bool has_grave(const struct outbox_message *message,
                      const struct outbox_counts *of_client,
                      const struct outbox_counts *of_all) {
    if (is_to_person(message)) {
        return of_client->dead < FSM_OUTBOX_DEAD_QUEUE;
    }
    return of_client->dead < FSM_OUTBOX_DEAD_CLIENT && of_all->dead < FSM_OUTBOX_DEAD;
}

static enum err counts_of(struct fsm_tx *tx, struct span client_id,
                          struct outbox_counts *ret_client,
                          struct outbox_counts *ret_all) {
    enum err err = store_outbox_counts(tx->read, client_id, ret_client);

    return err == OK ? store_outbox_counts(tx->read, span_of(NULL, 0), ret_all) : err;
}

static bool is_expired(const struct fsm_tx *tx, const struct outbox_message *message) {
    return message->expires_ms != 0 && tx->now_ms >= message->expires_ms;
}

/* What is tried from now on is given up then. */
static uint64_t give_up_ms(const struct fsm_tx *tx,
                           const struct outbox_message *message) {
    uint64_t ms = tx->now_ms + FSM_OUTBOX_GIVE_UP_MS;

    return message->expires_ms != 0 && message->expires_ms < ms ? message->expires_ms
                                                                 : ms;
}

/* It will not be tried again by itself. `stored`: it has a row. */
static enum err bury(struct fsm_tx *tx, struct outbox_message *message,
                     enum outbox_reason reason, bool stored) {
    struct outbox_counts of_client, of_all;
    enum err err = counts_of(tx, message->client_id, &of_client, &of_all);

    if (err != OK) {
        return err;
    }
    if (!has_grave(message, &of_client, &of_all)) {
        err = stored ? store_outbox_del(tx->write, message->id) : OK;
        return err == OK ? store_outbox_count_dropped(tx->write, message->client_id)
                         : err;
    }
    message->state = OUTBOX_DEAD;
    message->reason = reason;
    message->node = 0;
    message->at_ms = tx->now_ms + FSM_OUTBOX_DEAD_KEEP_MS;
    if (is_expired(tx, message)) {
        message->sealed = span_of(NULL, 0); /* B5 */
    }
    return store_outbox_put(tx->write, message);
}

enum err fsm_outbox_add(struct fsm_tx *tx, const struct outbox_message *message) {
    struct outbox_counts of_client, of_all;
    struct outbox_message row = *message;
    struct outbox_message there;
    enum err err = store_outbox_get(tx->read, tx->scratch, row.id, &there);

    if (err != ERR_NOT_FOUND) {
        return err;
    }
    err = counts_of(tx, row.client_id, &of_client, &of_all);
    if (err != OK) {
        return err;
    }
    row.state = OUTBOX_PENDING;
    row.reason = OUTBOX_NO_REASON;
    row.created_ms = tx->now_ms;
    row.give_up_ms = give_up_ms(tx, &row);
    row.at_ms = tx->now_ms;
    row.attempts = 0;
    row.node = 0;
    return has_room(&row, &of_client, &of_all) ? store_outbox_put(tx->write, &row)
                                               : bury(tx, &row, OUTBOX_FULL, false);
}

enum err fsm_outbox_has_room(struct fsm_tx *tx, enum outbox_kind kind, bool *ret_room) {
    const struct outbox_message message = {.kind = kind};
    struct outbox_counts of_queue, of_all;
    enum err err = counts_of(tx, store_outbox_queue(kind), &of_queue, &of_all);

    *ret_room = err == OK && has_room(&message, &of_queue, &of_all);
    return err;
}

/* *ret_leased: the row is `node`'s now. */
static enum err claim_one(struct fsm_tx *tx, uint64_t node, struct id128 id,
                          struct outbox_claimed *ret_claimed, bool *ret_leased) {
    struct outbox_message message;
    enum err err;

    *ret_leased = false;
    arena_reset(tx->scratch);
    err = store_outbox_get(tx->read, tx->scratch, id, &message);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (message.state == OUTBOX_DEAD || message.at_ms > tx->now_ms) {
        return OK;
    }
    if (is_expired(tx, &message)) {
        return bury(tx, &message, OUTBOX_EXPIRED, true);
    }
    /* So often begun, and never told how it went: it may be what ends its senders. */
    if (message.attempts >= FSM_OUTBOX_ATTEMPTS_MAX) {
        return bury(tx, &message, OUTBOX_LAPSED, true);
    }
    message.state = OUTBOX_LEASED;
    message.attempts++;
    message.node = node;
    message.at_ms = tx->now_ms + FSM_OUTBOX_LEASE_MS;
    *ret_claimed = (struct outbox_claimed){id, message.attempts};
    *ret_leased = true;
    return store_outbox_put(tx->write, &message);
}

enum err fsm_outbox_claim(struct fsm_tx *tx, const struct cmd_outbox_claim *cmd,
                          enum outcome_code *ret_code) {
    struct outcome_claim claim = {0};
    enum err err = OK;

    for (size_t i = 0; i < cmd->count && err == OK; i++) {
        bool leased = false;
        err = claim_one(tx, cmd->node, cmd->ids[i], &claim.messages[claim.count],
                        &leased);
        claim.count += leased ? 1 : 0;
    }
    *ret_code = OUT_OK;
    return err == OK ? outcome_claim_encode(&claim, tx->detail) : err;
}

uint64_t fsm_outbox_pause_ms(uint32_t attempts) {
    uint64_t ms = FSM_OUTBOX_PAUSE_FIRST_MS;

    for (uint32_t i = 1; i < attempts && ms < FSM_OUTBOX_PAUSE_MAX_MS; i++) {
        ms *= 2;
    }
    return ms < FSM_OUTBOX_PAUSE_MAX_MS ? ms : FSM_OUTBOX_PAUSE_MAX_MS;
}

static enum err settle_one(struct fsm_tx *tx, const struct outbox_settled *settled) {
    struct outbox_message message;
    enum err err;

    arena_reset(tx->scratch);
    err = store_outbox_get(tx->read, tx->scratch, settled->id, &message);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    /* Delivered is delivered, whoever holds the lease by now. */
    if (settled->reason == OUTBOX_NO_REASON) {
        return store_outbox_del(tx->write, settled->id);
    }
    if (message.state != OUTBOX_LEASED || message.attempts != settled->attempt) {
        return OK;
    }
    if (message.attempts >= FSM_OUTBOX_ATTEMPTS_MAX ||
        tx->now_ms >= message.give_up_ms || settled->reason == OUTBOX_REFUSED) {
        return bury(tx, &message, settled->reason, true);
    }
    message.state = OUTBOX_PENDING;
    message.reason = settled->reason;
    message.node = 0;
    message.at_ms = tx->now_ms + fsm_outbox_pause_ms(message.attempts);
    /* It is buried as soon as it cannot be sent, not after a pause that is in vain. */
    if (message.expires_ms != 0 && message.at_ms > message.expires_ms) {
        message.at_ms = message.expires_ms;
    }
    return store_outbox_put(tx->write, &message);
}

enum err fsm_outbox_settle(struct fsm_tx *tx, const struct cmd_outbox_settle *cmd,
                           enum outcome_code *ret_code) {
    enum err err = OK;

    for (size_t i = 0; i < cmd->count && err == OK; i++) {
        err = settle_one(tx, &cmd->messages[i]);
    }
    *ret_code = OUT_OK;
    return err;
}

static enum err tell_retry(struct fsm_tx *tx, const struct outbox_message *message) {
    char id[2 * sizeof message->id.b + 1];
    struct fsm_audit_event event = {.event = AUDIT_OUTBOX_RETRY,
                                    .client_id = message->client_id};

    hex_encode(span_of(message->id.b, sizeof message->id.b), id);
    event.note = span_str(id);
    return fsm_audit_add(tx, &event);
}

enum err fsm_outbox_retry(struct fsm_tx *tx, const struct cmd_outbox_retry *cmd,
                          enum outcome_code *ret_code) {
    struct outbox_counts of_client, of_all;
    struct outbox_message message;
    enum err err = store_outbox_get(tx->read, tx->arena, cmd->id, &message);

    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK) {
        err = counts_of(tx, message.client_id, &of_client, &of_all);
    }
    if (err != OK) {
        return err;
    }
    *ret_code = OUT_OK;
    if (message.state == OUTBOX_LEASED) {
        return OK; /* under way */
    }
    if (is_expired(tx, &message)) {
        *ret_code = OUT_EXPIRED;
        return OK;
    }
    if (message.state == OUTBOX_DEAD && !has_room(&message, &of_client, &of_all)) {
        *ret_code = OUT_FULL;
        return OK;
    }
    message.state = OUTBOX_PENDING;
    message.attempts = 0;
    message.at_ms = tx->now_ms;
    message.give_up_ms = give_up_ms(tx, &message);
    err = store_outbox_put(tx->write, &message);
    return err == OK ? tell_retry(tx, &message) : err;
}
