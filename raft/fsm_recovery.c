/* fsm_recovery: a new password, by a link that was mailed, or by its holder (whose
 * service has asked for the old one and a fresh sign-in).
 *
 * Either way the account's generation rises: every session, refresh token, pending
 * sign-in, trusted browser and other link ends with it. No session begins: who has set
 * the password signs in with it, and gives the second factor (SECURITY E12).
 *
 *   R4  no stranger keeps a holder out by using up what may be mailed to an address in a
 *       day: where that bound is reached, one more link is sent as soon as the last one has
 *       ended. Whoever asks, a mail goes to the holder alone; so as long as somebody asks
 *       there is a link in the mailbox that is good, and in its life time one mail. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/base/secret.h"
#include "store/store_recovery.h"

/* OUT_LIMITED stays where the account has a link that is good (R4). */
static enum err one_more(struct fsm_tx *tx, const struct cmd_recovery_ask *cmd,
                         enum outcome_code *ret_code) {
    struct message_out message = cmd->message;
    struct recovery last;
    enum err err = store_recovery_get(tx->read, cmd->sub, &last);

    if (err == OK && tx->now_ms < last.expires_ms && last.generation == cmd->generation) {
        return OK;
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    message.caps.count = 0;
    for (size_t i = 0; i < cmd->message.caps.count; i++) {
        if (!cmd->message.caps.at[i].yields) {
            message.caps.at[message.caps.count++] = cmd->message.caps.at[i];
        }
    }
    buf_reset(tx->detail); /* of the refusal */
    return fsm_message_add(tx, &message, ret_code);
}

enum err fsm_recovery_ask(struct fsm_tx *tx, const struct cmd_recovery_ask *cmd,
                          enum outcome_code *ret_code) {
    struct fsm_audit_event event = {.event = AUDIT_RESET_ASKED,
                                    .has_sub = cmd->known,
                                    .sub = cmd->sub,
                                    .has_login = !cmd->known,
                                    .login = cmd->login_index};
    struct recovery recovery = {.sub = cmd->sub,
                                .secret = cmd->secret,
                                .login_index = cmd->login_index,
                                .generation = cmd->generation,
                                .expires_ms = tx->now_ms + cmd->ttl_ms};
    struct account account;
    enum err err = OK;

    *ret_code = OUT_OK;
    if (cmd->known) {
        err = store_account_get(tx->read, tx->arena, cmd->sub, &account);
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    /* Who has no account is counted like who has one, and sent nothing (D02). */
    if (!cmd->known || err == ERR_NOT_FOUND || account.state != ACCOUNT_ACTIVE ||
        account.generation != cmd->generation) {
        err = fsm_counter_take_own(tx, &cmd->message.caps, ret_code);
    } else {
        err = fsm_message_add(tx, &cmd->message, ret_code);
        if (err == OK && *ret_code == OUT_LIMITED) {
            err = one_more(tx, cmd, ret_code);
        }
        if (err == OK && *ret_code == OUT_OK) {
            err = store_recovery_put(tx->write, &recovery);
        }
    }
    event.outcome = *ret_code;
    return err == OK ? fsm_audit_add(tx, &event) : err;
}

/* OUT_OK: the link holds. OUT_EXPIRED. */
static enum err check_link(struct fsm_tx *tx, const struct cmd_password_set *cmd,
                           const struct account *account, enum outcome_code *ret_code) {
    struct recovery recovery;
    enum err err = store_recovery_get(tx->read, cmd->sub, &recovery);

    *ret_code =
        err == OK && tx->now_ms < recovery.expires_ms &&
                recovery.generation == account->generation &&
                memcmp(recovery.login_index.b, account->login_index.b,
                       sizeof recovery.login_index.b) == 0 &&
                secret_equal(span_of(recovery.secret.b, sizeof recovery.secret.b),
                             span_of(cmd->secret.b, sizeof cmd->secret.b))
            ? OUT_OK
            : OUT_EXPIRED;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* Failures of strangers are forgiven: they were about the old password. */
static enum err forgive(struct fsm_tx *tx, struct key_hash login_index) {
    struct login_attempts attempts;
    enum err err = store_attempts_get(tx->read, login_index, &attempts);

    return err == OK && attempts.failures > 0
               ? store_attempts_del(tx->write, login_index)
               : err;
}

enum err fsm_password_set(struct fsm_tx *tx, const struct cmd_password_set *cmd,
                          enum outcome_code *ret_code) {
    const struct fsm_audit_event event = {
        .event = cmd->has_secret ? AUDIT_PASSWORD_RESET : AUDIT_PASSWORD_CHANGED,
        .by = FSM_AUDIT_BY_SUBJECT,
        .has_sub = true,
        .sub = cmd->sub};
    struct account account;
    enum err err = store_account_get(tx->read, tx->arena, cmd->sub, &account);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == ERR_NOT_FOUND || account.state != ACCOUNT_ACTIVE ||
        account.generation != cmd->generation) {
        *ret_code = OUT_ACCOUNT_STATE;
        return OK;
    }
    /* Without a link nobody has proven anything. */
    *ret_code = OUT_EXPIRED;
    err = cmd->has_secret ? check_link(tx, cmd, &account, ret_code) : OK;
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    account.password_hash = cmd->password_hash;
    account.generation++;
    err = store_account_put(tx->write, &account);
    if (err == OK) {
        err = store_recovery_del(tx->write, cmd->sub);
    }
    if (err == OK) {
        err = forgive(tx, account.login_index);
    }
    if (err == OK) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    return err == OK ? fsm_audit_add(tx, &event) : err;
}
