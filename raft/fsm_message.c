/* fsm_message: mail and text messages to people, from the command that is their cause
 * into the outbox.
 *
 * In the cause's own command, so that there is none without the other: no code that
 * nobody is sent, no message of what did not happen. A text message costs money and
 * reaches a person: whether one more may be sent is decided before anything is written
 * (SECURITY E03). */
#include "raft/fsm_internal.h"
#include "store/store_outbox.h"

static enum err put(struct fsm_tx *tx, const struct message_out *message) {
    struct outbox_message row = {
        .id = message->id,
        .kind = message->kind,
        .client_id = store_outbox_queue(message->kind),
        .sub = message->sub,
        .expires_ms = message->ttl_ms == 0 ? 0 : tx->now_ms + message->ttl_ms,
        .recipient = message->recipient,
        .sealed = message->sealed,
    };
    enum err err = fsm_outbox_add(tx, &row);

    return err == OK && message->kind == OUTBOX_SMS
               ? fsm_usage_sms(tx, message->client_id)
               : err;
}

enum err fsm_message_add(struct fsm_tx *tx, const struct message_out *message,
                         enum outcome_code *ret_code) {
    bool room = false;
    enum err err;

    *ret_code = OUT_OK;
    if (!message->present) {
        return OK;
    }
    err = fsm_outbox_has_room(tx, message->kind, &room);
    if (err == OK && !room) {
        *ret_code = OUT_FULL;
        return OK;
    }
    if (err == OK) {
        err = fsm_counter_take(tx, &message->caps, ret_code);
    }
    return err == OK && *ret_code == OUT_OK ? put(tx, message) : err;
}

enum err fsm_message_tell(struct fsm_tx *tx, const struct message_out *message) {
    return message->present ? put(tx, message) : OK;
}

enum err fsm_message_send(struct fsm_tx *tx, const struct cmd_message_send *cmd,
                          enum outcome_code *ret_code) {
    return fsm_message_add(tx, &cmd->message, ret_code);
}
