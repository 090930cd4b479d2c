/* fsm_activation: what an approval gives: links, a code to the applicant's telephone, and
 * with both the Prime account; or nothing, when its time is over.
 *
 * Here because links of one application could be used at once, because codes are guessed
 * at all nodes together, and because the account ID could be taken meanwhile.
 * Invariants:
 *   N1  the mailbox alone sets nothing up: CMD_ACTIVATE proves a code that was sent to
 *       the application's telephone, once and within its time, and that number is the
 *       account's second step from its first moment on, so that a new password by mail
 *       does not lead past it either;
 *   N2  a new link leaves those that there are (APPLICATION_TOKENS_MAX, the newest ones),
 *       since a form that one has opened may be half filled in; the use of one ends all;
 *   N3  nothing moves the time at which an approval lapses.
 * Wrong codes are counted by application, whatever the link, the node or the code that was
 * sent: FSM_FACTOR_FAILURES_MAX within FSM_FACTOR_DAY_MS of the first. One of 10^6 is
 * right, and in 24 hours two such days meet at most: 2e-5 (SECURITY E01). */
#include "raft/fsm_factor.h"
#include "raft/fsm_internal.h"
#include "store/base/secret.h"

/* An application has but one: no reserve of guesses comes with a new password. */
#define NO_GENERATION 1u

static bool is_zero(const struct key_hash *hash) {
    static const struct key_hash zero;

    return memcmp(hash->b, zero.b, sizeof zero.b) == 0;
}

static bool is_same(const struct key_hash *a, const struct key_hash *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* --- links --- */

void fsm_activation_void(struct application *application) {
    memset(application->tokens, 0, sizeof application->tokens);
    application->tokens_count = 0;
    memset(application->code.b, 0, sizeof application->code.b);
    application->code_ends_ms = 0;
}

/* In front of those that have not ended; the oldest makes room. */
static void link_add(const struct fsm_tx *tx, struct application *application,
                     struct key_hash token, uint32_t ttl_ms) {
    struct application_token live[APPLICATION_TOKENS_MAX] = {
        {token, tx->now_ms + ttl_ms}};
    size_t count = 1;

    for (size_t i = 0; i < application->tokens_count; i++) {
        const struct application_token *old = &application->tokens[i];
        if (count < APPLICATION_TOKENS_MAX && old->ends_ms > tx->now_ms &&
            !is_same(&old->hash, &token)) {
            live[count++] = *old;
        }
    }
    memcpy(application->tokens, live, sizeof live);
    application->tokens_count = count;
}

enum err fsm_activation_taken(struct fsm_tx *tx, const struct application *application,
                              struct key_hash token, bool *ret_taken) {
    struct application other;
    enum err err = store_application_by_token(tx->read, tx->scratch, token, &other);

    *ret_taken = err == OK && strcmp(other.id.text, application->id.text) != 0;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* The mails of the new link in the place of the old one's; the last one stays (N3), and
 * none comes after it. */
static void mails_renew(struct fsm_tx *tx, const struct application_mails *later,
                        struct application *application) {
    struct application_mails *mails = &application->mails;
    struct application_mail last = {.at_ms = 0};
    size_t kept = 0;

    for (size_t i = 0; i < mails->count; i++) {
        if (mails->at[i].kind == APPLICATION_MAIL_EXPIRED) {
            last = mails->at[i];
        }
    }
    fsm_application_later(tx, later, application);
    if (last.at_ms == 0) { /* the approval's own */
        return;
    }
    for (size_t i = 0; i < mails->count; i++) {
        if (mails->at[i].at_ms < last.at_ms && kept < APPLICATION_MAILS_MAX - 1) {
            mails->at[kept++] = mails->at[i];
        }
    }
    mails->at[kept++] = last;
    mails->count = kept;
}

void fsm_activation_give(struct fsm_tx *tx, struct application *application,
                         const struct fsm_activation *activation) {
    link_add(tx, application, activation->token, activation->ttl_ms);
    application->reminders++;
    mails_renew(tx, activation->later, application);
}

enum err fsm_activation_remind(struct fsm_tx *tx, struct application *application,
                               const struct application_mail *mail) {
    bool taken = true;
    enum err err = OK;

    if (!is_zero(&mail->token)) {
        err = fsm_activation_taken(tx, application, mail->token, &taken);
    }
    if (err == OK && !taken) {
        link_add(tx, application, mail->token, mail->token_ttl_ms);
    }
    return err;
}

enum err fsm_activation_renew(struct fsm_tx *tx, const struct cmd_activation_renew *cmd,
                              enum outcome_code *ret_code) {
    const struct fsm_activation activation = {cmd->token, cmd->token_ttl_ms,
                                              &cmd->later};
    struct application application;
    bool taken;
    enum err err = fsm_review_staff(tx, cmd->staff, true,
                                    FSM_ROLES_REVIEW | FSM_ROLES_INTAKE | STAFF_HELP_DESK,
                                    ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_application_get(tx->read, tx->arena, &cmd->id, &application);
    if (err != OK) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (application.state != APPLICATION_APPROVED) {
        *ret_code = OUT_APPLICATION_STATE;
        return OK;
    }
    arena_reset(tx->scratch);
    err = fsm_activation_taken(tx, &application, cmd->token, &taken);
    if (err != OK || taken) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    err = fsm_message_add(tx, &cmd->message, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    fsm_activation_give(tx, &application, &activation);
    err = fsm_application_enter(tx, &application, APPLICATION_APPROVED);
    return err == OK ? fsm_application_tell(tx, AUDIT_ACTIVATION_RENEWED, &cmd->id,
                                            cmd->staff, "")
                     : err;
}

/* OUT_OK: the approved application of a link that is good now, by who has seen the number
 * that it has (Y2 of fsm_correction.c). */
static enum err linked(struct fsm_tx *tx, struct key_hash token, uint32_t corrections,
                       struct application *ret_application,
                       enum outcome_code *ret_code) {
    enum err err =
        store_application_by_token(tx->read, tx->arena, token, ret_application);

    *ret_code = OUT_NOT_FOUND;
    if (err == OK && ret_application->state == APPLICATION_APPROVED) {
        bool ended =
            tx->now_ms >= store_application_token_ends_ms(ret_application, token);
        *ret_code = ended                                         ? OUT_EXPIRED
                    : ret_application->corrections != corrections ? OUT_CHANGING
                                                                  : OUT_OK;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* --- the code --- */

/* Failures are counted where those of accounts are: an application's id is no `sub`. */
static enum err codes_open(struct fsm_tx *tx, const struct application *application,
                           enum outcome_code *ret_code) {
    struct id128 id = store_application_key(&application->id);
    struct factor_guard guard;
    struct key_hash counter;
    enum err err;

    memcpy(counter.b, id.b, sizeof counter.b);
    err = store_factor_guard_get(tx->read, counter, &guard);
    *ret_code = err == OK && guard.ends_ms > tx->now_ms &&
                        guard.failures >= FSM_FACTOR_FAILURES_MAX
                    ? OUT_LOCKED
                    : OUT_OK;
    return err;
}

enum err fsm_activation_code(struct fsm_tx *tx, const struct cmd_activation_code *cmd,
                             enum outcome_code *ret_code) {
    struct application application;
    enum err err = linked(tx, cmd->token, cmd->corrections, &application, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = codes_open(tx, &application, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = fsm_message_add(tx, &cmd->message, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    application.code = cmd->code;
    application.code_ends_ms = tx->now_ms + cmd->code_ttl_ms;
    err = fsm_application_enter(tx, &application, APPLICATION_APPROVED);
    return err == OK ? fsm_application_tell(tx, AUDIT_ACTIVATION_CODE_SENT,
                                            &application.id, (struct id128){{0}}, "")
                     : err;
}

/* OUT_OK: it is the one that was sent. OUT_BAD_CREDENTIALS counts, where there was one
 * to be guessed; OUT_LOCKED: too many were wrong, this one included. */
static enum err code_proven(struct fsm_tx *tx, const struct application *application,
                            struct key_hash code, enum outcome_code *ret_code) {
    enum err err = codes_open(tx, application, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (is_zero(&application->code) || tx->now_ms >= application->code_ends_ms) {
        *ret_code = OUT_BAD_CREDENTIALS;
        return OK;
    }
    if (secret_equal(span_of(code.b, sizeof code.b),
                     span_of(application->code.b, sizeof application->code.b))) {
        return OK;
    }
    err = fsm_factor_guard_add(tx, store_application_key(&application->id),
                               NO_GENERATION, 1);
    if (err == OK) {
        err = codes_open(tx, application, ret_code);
    }
    *ret_code = *ret_code == OUT_OK ? OUT_BAD_CREDENTIALS : *ret_code;
    return err == OK ? fsm_application_tell(tx, AUDIT_ACTIVATION_CODE_WRONG,
                                            &application->id, (struct id128){{0}}, "")
                     : err;
}

/* --- the account --- */

/* The account that the applicant gets. OUT_OK: it may be stored. */
static enum err prime_of(struct fsm_tx *tx, const struct application *application,
                         const struct cmd_activate *cmd, struct account *ret_account,
                         enum outcome_code *ret_code) {
    struct account account;
    enum err err = store_account_find(tx->read, tx->arena, application->account_index,
                                      &account);

    *ret_code = OUT_DUPLICATE_ACCOUNT;
    if (err == ERR_NOT_FOUND && cmd->generation == 0) {
        err = store_account_get(tx->read, tx->arena, cmd->sub, &account);
        if (err != ERR_NOT_FOUND) {
            *ret_code = OUT_EXISTS;
            return err;
        }
        account = (struct account){
            .sub = cmd->sub,
            .login_index = application->account_index,
            .created_ms = tx->now_ms,
        };
    } else if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    } else if (account.type != ACCOUNT_ENTRY || account.state != ACCOUNT_ACTIVE ||
               cmd->generation == 0 || account.generation != cmd->generation ||
               memcmp(account.sub.b, cmd->sub.b, sizeof account.sub.b) != 0) {
        return OK;
    }
    account.type = ACCOUNT_PRIME;
    account.state = ACCOUNT_ACTIVE;
    account.generation++; /* sessions of the Entry end: it is another kind of account */
    account.password_hash = cmd->password_hash;
    account.sealed_profile = cmd->sealed_profile;
    *ret_account = account;
    *ret_code = OUT_OK;
    return OK;
}

/* The account, with the telephone that has just been proven (N1). */
static enum err account_store(struct fsm_tx *tx, const struct account *account,
                              const struct cmd_activate *cmd) {
    struct factor factor = cmd->phone;
    enum err err = fsm_self_forget(tx, account->sub);

    /* Whoever made the Entry need not be whom the papers name. */
    if (err == OK) {
        err = store_account_put(tx->write, account);
    }
    factor.sub = account->sub;
    factor.kind = FACTOR_SMS;
    factor.step = 0;
    factor.created_ms = factor.used_ms = tx->now_ms;
    return err == OK ? store_factor_put(tx->write, &factor) : err;
}

static enum err activation_tell(struct fsm_tx *tx,
                                const struct application *application) {
    const struct fsm_audit_event event = {
        .event = AUDIT_APPLICATION_ACTIVATED,
        .by = FSM_AUDIT_BY_SUBJECT,
        .has_sub = true,
        .sub = application->sub,
        .note = span_str(application->id.text),
    };
    enum err err = fsm_audit_add(tx, &event);

    return err == OK ? fsm_factor_tell(tx, AUDIT_FACTOR_ADDED, application->sub,
                                       FACTOR_SMS, OUT_OK, FSM_AUDIT_BY_SUBJECT)
                     : err;
}

enum err fsm_activate(struct fsm_tx *tx, const struct cmd_activate *cmd,
                      enum outcome_code *ret_code) {
    struct application application;
    struct account account;
    enum err err = linked(tx, cmd->token, cmd->corrections, &application, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = code_proven(tx, &application, cmd->code, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = prime_of(tx, &application, cmd, &account, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = account_store(tx, &account, cmd);
    if (err != OK) {
        return err;
    }
    application.has_sub = true;
    application.sub = account.sub;
    fsm_activation_void(&application);
    err = fsm_application_enter(tx, &application, APPLICATION_ACTIVATED);
    if (err == OK) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    return err == OK ? activation_tell(tx, &application) : err;
}
