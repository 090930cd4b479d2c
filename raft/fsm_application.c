/* fsm_application: an application's way from the form to the desk.
 *
 * Here because racing requests could disagree: whether somebody has applied already, and
 * which of two moves comes first. Which moves there are stands in
 * store_application_may_move; every change of state goes through fsm_application_enter. */
#include <stdio.h>

#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/base/check.h"
#include "store/store_correction.h"
#include "store/store_staff.h"

enum err fsm_intake_dispatch(struct fsm_tx *tx, const struct command *command,
                             enum outcome_code *ret_code) {
    switch (command->type) {
    case CMD_APPLICATION_SUBMIT:
        return fsm_application_submit(tx, &command->application_submit, ret_code);
    case CMD_APPLICATION_CONFIRM:
        return fsm_application_confirm(tx, &command->application_confirm, ret_code);
    case CMD_APPLICATION_MOVE:
        return fsm_application_move(tx, &command->application_move, ret_code);
    case CMD_BLOB_ADD:
        return fsm_blob_add(tx, &command->blob_add, ret_code);
    case CMD_BLOB_HOLD:
        return fsm_blob_hold(tx, &command->blob_hold, ret_code);
    case CMD_BLOB_NODE:
        return fsm_blob_node(tx, &command->blob_node, ret_code);
    case CMD_BATCH_ADD:
        return fsm_intake_batch(tx, &command->batch_add, ret_code);
    case CMD_BUNDLE_ADD:
        return fsm_intake_bundle(tx, &command->bundle_add, ret_code);
    case CMD_PAGE_PLACE:
        return fsm_intake_place(tx, &command->page_place, ret_code);
    case CMD_JOB_LEASE:
        return fsm_job_lease(tx, &command->job_lease, ret_code);
    case CMD_JOB_RESULT:
        return fsm_job_result(tx, &command->job_result, ret_code);
    case CMD_REVIEW_CLAIM:
        return fsm_review_claim(tx, &command->review_claim, ret_code);
    case CMD_REVIEW_RELEASE:
        return fsm_review_release(tx, &command->review_release, ret_code);
    case CMD_REVIEW_DECIDE:
        return fsm_review_decide(tx, &command->review_decide, ret_code);
    case CMD_ACTIVATION_RENEW:
        return fsm_activation_renew(tx, &command->activation_renew, ret_code);
    case CMD_ACTIVATION_CODE:
        return fsm_activation_code(tx, &command->activation_code, ret_code);
    case CMD_ACTIVATE:
        return fsm_activate(tx, &command->activate, ret_code);
    case CMD_CORRECTION_PROPOSE:
        return fsm_correction_propose(tx, &command->correction_propose, ret_code);
    case CMD_CORRECTION_SETTLE:
        return fsm_correction_settle(tx, &command->correction_settle, ret_code);
    case CMD_IMPORT_PROPOSE:
        return fsm_import_propose(tx, &command->import_propose, ret_code);
    case CMD_IMPORT_APPROVE:
        return fsm_import_approve(tx, &command->import_approve, ret_code);
    case CMD_IMPORT_LINE:
        return fsm_import_line(tx, &command->import_line, ret_code);
    default:
        return ERR_VERSION;
    }
}

/* --- mails for later (store_application.h, P6) --- */

static enum err mail_send(struct fsm_tx *tx, const struct application_mail *mail) {
    const struct message_out message = {
        .present = true,
        .id = mail->id,
        .kind = OUTBOX_MAIL,
        .recipient = mail->recipient,
        .sealed = mail->sealed,
    };

    return fsm_message_tell(tx, &message);
}

static void mail_drop(struct application_mails *mails, size_t i) {
    mails->count--;
    memmove(mails->at + i, mails->at + i + 1,
            (mails->count - i) * sizeof mails->at[0]);
}

/* Those whose cause is over. *ret_arrived: the one to be sent now that the documents
 * are there; kind 0: none. */
static void mails_settle(struct application_mails *mails, enum application_state from,
                         enum application_state to,
                         struct application_mail *ret_arrived) {
    bool came = from == APPLICATION_AWAITING && to != APPLICATION_DEFECT &&
                to != APPLICATION_WITHDRAWN;

    *ret_arrived = (struct application_mail){.kind = (enum application_mail_kind)0};
    for (size_t i = mails->count; i-- > 0;) {
        if (store_application_mail_fits(mails->at[i].kind, to)) {
            continue;
        }
        if (came && mails->at[i].kind == APPLICATION_MAIL_ARRIVED) {
            *ret_arrived = mails->at[i];
        }
        mail_drop(mails, i);
    }
}

void fsm_application_later(struct fsm_tx *tx, const struct application_mails *later,
                           struct application *application) {
    application->mails = *later;
    for (size_t i = 0; i < later->count; i++) {
        uint64_t after_ms = (uint64_t)later->at[i].after_s * 1000;
        application->mails.at[i].at_ms = after_ms == 0 ? 0 : tx->now_ms + after_ms;
        application->mails.at[i].after_s = 0;
    }
}

enum err fsm_application_enter(struct fsm_tx *tx, struct application *application,
                               enum application_state state) {
    enum application_state from = application->state;
    struct application_mail arrived;
    enum err err;

    if (from != state) {
        CHECK(store_application_may_move(from, state));
        application->state = state;
        application->state_ms = tx->now_ms;
    }
    mails_settle(&application->mails, from, state, &arrived);
    application->revision++;
    err = store_application_put(tx->write, application);
    if (err == OK && !store_correction_fits(state)) {
        err = store_correction_del(tx->write, &application->id);
    }
    return err == OK && arrived.kind != 0 ? mail_send(tx, &arrived) : err;
}

/* The mail that is due first. False: none is. */
static bool mail_due(struct fsm_tx *tx, struct application *application,
                     struct application_mail *ret_mail) {
    struct application_mails *mails = &application->mails;

    for (size_t i = 0; i < mails->count; i++) {
        if (mails->at[i].at_ms != 0 && mails->at[i].at_ms <= tx->now_ms &&
            store_application_mail_fits(mails->at[i].kind, application->state)) {
            *ret_mail = mails->at[i];
            mail_drop(mails, i);
            return true;
        }
    }
    return false;
}

/* What the mail that is due now brings with it; *ret_to: the state after it. */
static enum err mail_effect(struct fsm_tx *tx, const struct application_mail *mail,
                            struct application *application,
                            enum application_state *ret_to) {
    *ret_to = application->state;
    switch (mail->kind) {
    case APPLICATION_MAIL_LAPSED:
        *ret_to = APPLICATION_DEFECT;
        application->defects |= DEFECT_NO_DOCUMENTS;
        application->decided_ms = tx->now_ms;
        return OK;
    case APPLICATION_MAIL_EXPIRED:
        *ret_to = APPLICATION_LAPSED;
        fsm_activation_void(application);
        return OK;
    case APPLICATION_MAIL_ACTIVATE:
        return fsm_activation_remind(tx, application, mail);
    default:
        return OK;
    }
}

static enum err due_tell(struct fsm_tx *tx, const struct application_id *id,
                         enum application_state from, enum application_state to) {
    const struct id128 none = {{0}};

    if (from == to) {
        return fsm_application_tell(tx, AUDIT_APPLICATION_REMINDED, id, none, "");
    }
    return fsm_application_tell(tx, AUDIT_APPLICATION_MOVED, id, none,
                                to == APPLICATION_DEFECT ? "defect lapsed" : "lapsed");
}

enum err fsm_application_due(struct fsm_tx *tx, const struct application_id *id) {
    enum application_state from, to;
    struct application application;
    struct application_mail mail;
    enum err err;

    arena_reset(tx->scratch);
    err = store_application_get(tx->read, tx->scratch, id, &application);
    if (err != OK) {
        return err;
    }
    if (application.state == APPLICATION_SUBMITTED) {
        return store_application_del(tx->write, id);
    }
    from = application.state;
    if (!mail_due(tx, &application, &mail)) {
        return ERR_CORRUPT; /* its expiry entry said so (P5) */
    }
    err = mail_effect(tx, &mail, &application, &to);
    if (err == OK) {
        err = fsm_application_enter(tx, &application, to);
    }
    if (err == OK) {
        err = mail_send(tx, &mail);
    }
    return err == OK ? due_tell(tx, id, from, to) : err;
}

enum err fsm_application_tell(struct fsm_tx *tx, enum audit_event what,
                              const struct application_id *id, struct id128 staff,
                              const char *word) {
    const struct id128 none = {{0}};
    char note[LIMIT_AUDIT_NOTE];
    struct fsm_audit_event event = {
        .event = what,
        .has_staff = memcmp(staff.b, none.b, sizeof none.b) != 0,
        .staff = staff,
    };

    snprintf(note, sizeof note, "%s%s%s", id->text, word[0] == '\0' ? "" : " ", word);
    event.note = span_str(note);
    return fsm_audit_add(tx, &event);
}

/* --- duplicates (DOMAIN §3.2, items 8 and 9) ---
 *
 * One whose mail is not confirmed stands in nobody's way: anybody could have typed it. So
 * it is not even found (P7 of store_application.h), and what is found of a person is one
 * that is open, and those that became accounts which are closed by now. */

struct alike {
    struct fsm_tx *tx;
    const struct application *of;
    bool duplicate; /* one of the hash stands in the way */
    bool other;     /* one of the hash has another person_index */
    enum err err;
};

/* Is the account that came of it still there? */
static enum err account_lives(struct fsm_tx *tx, const struct application *application,
                              bool *ret_lives) {
    struct account account;
    enum err err = OK;

    *ret_lives = false;
    if (application->has_sub) {
        err = store_account_get(tx->read, tx->scratch, application->sub, &account);
        *ret_lives = err == OK && account.state != ACCOUNT_DELETED;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static bool alike_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct alike *alike = arg;
    struct application other;
    bool lives = false;

    (void)since_ms;
    if (strcmp(id->text, alike->of->id.text) == 0) {
        return true;
    }
    arena_reset(alike->tx->scratch);
    alike->err =
        store_application_get(alike->tx->read, alike->tx->scratch, id, &other);
    if (alike->err == OK && other.state == APPLICATION_ACTIVATED) {
        alike->err = account_lives(alike->tx, &other, &lives);
    }
    if (alike->err == OK && (lives || store_application_open(other.state))) {
        alike->duplicate = true;
        alike->other = alike->other ||
                       memcmp(other.person_index.b, alike->of->person_index.b,
                              sizeof other.person_index.b) != 0;
    }
    return alike->err == OK && !alike->other;
}

static enum err find(struct fsm_tx *tx, const struct application *application,
                     enum application_index index, struct key_hash key,
                     struct alike *ret_alike) {
    enum err err;

    *ret_alike = (struct alike){.tx = tx, .of = application};
    err = store_application_find(tx->read, index, key, alike_each, ret_alike);
    return err == OK ? ret_alike->err : err;
}

/* The account ID: of an account that is no Entry of this applicant. `by_mail`: whoever
 * reads the mail of the account ID confirms it, so an Entry of it is the applicant's. */
static enum err account_taken(struct fsm_tx *tx, struct application *application,
                              bool by_mail, bool *ret_taken) {
    struct account account;
    enum err err;

    arena_reset(tx->scratch);
    err = store_account_find(tx->read, tx->scratch, application->account_index,
                             &account);
    if (by_mail) {
        application->has_entry = err == OK && account.type == ACCOUNT_ENTRY &&
                                 account.state == ACCOUNT_ACTIVE;
        application->entry = application->has_entry ? account.sub : (struct id128){{0}};
    }
    *ret_taken = err == OK && !(application->has_entry &&
                                account.type == ACCOUNT_ENTRY &&
                                memcmp(account.sub.b, application->entry.b,
                                       sizeof account.sub.b) == 0);
    return err == ERR_NOT_FOUND ? OK : err;
}

static bool is_zero(const struct key_hash *hash) {
    const struct key_hash zero = {{0}};

    return memcmp(hash->b, zero.b, sizeof zero.b) == 0;
}

/* OUT_OK, and whether the pair is known under another name. */
static enum err duplicates(struct fsm_tx *tx, struct application *application,
                           bool by_mail, enum outcome_code *ret_code) {
    struct alike alike;
    bool taken;
    enum err err = account_taken(tx, application, by_mail, &taken);

    if (err == OK && !taken) {
        err = find(tx, application, APPLICATION_BY_ACCOUNT, application->account_index,
                   &alike);
        taken = err == OK && alike.duplicate;
    }
    if (err != OK || taken) {
        *ret_code = OUT_DUPLICATE_ACCOUNT;
        return err;
    }
    *ret_code = OUT_OK;
    if (!is_zero(&application->person_index)) {
        err = find(tx, application, APPLICATION_BY_PERSON, application->person_index,
                   &alike);
        if (err != OK || alike.duplicate) {
            *ret_code = OUT_DUPLICATE_PERSON;
            return err;
        }
    }
    if (!is_zero(&application->pair_index)) {
        err =
            find(tx, application, APPLICATION_BY_PAIR, application->pair_index, &alike);
        application->alike = err == OK && alike.other;
    }
    return err;
}

/* --- commands --- */

static const struct id128 nobody = {{0}};

static struct application application_of(const struct fsm_tx *tx,
                                         const struct cmd_application_submit *cmd) {
    struct application application = {
        .id = cmd->id,
        .kind = cmd->kind,
        .state = cmd->confirmed ? APPLICATION_AWAITING : APPLICATION_SUBMITTED,
        .environment = cmd->environment,
        .form_version = cmd->form_version,
        .account_index = cmd->account_index,
        .person_index = cmd->person_index,
        .pair_index = cmd->pair_index,
        .has_entry = cmd->has_entry,
        .entry = cmd->entry,
        .received_day = cmd->received_day,
        .created_ms = tx->now_ms,
        .state_ms = tx->now_ms,
        .revision = 1,
        .tokens_count = cmd->confirmed ? 0 : 1,
        .tokens = {{cmd->token, cmd->confirmed ? 0 : tx->now_ms + cmd->token_ttl_ms}},
        .english = cmd->english,
        .sealed = cmd->sealed,
    };

    return application;
}

enum err fsm_application_submit(struct fsm_tx *tx,
                                const struct cmd_application_submit *cmd,
                                enum outcome_code *ret_code) {
    struct application application = application_of(tx, cmd);
    struct application there;
    enum err err = store_application_get(tx->read, tx->arena, &cmd->id, &there);

    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    if (!cmd->confirmed) {
        err = store_application_by_token(tx->read, tx->arena, cmd->token, &there);
        if (err != ERR_NOT_FOUND) {
            *ret_code = OUT_EXISTS;
            return err;
        }
    }
    err = duplicates(tx, &application, !cmd->confirmed, ret_code);
    if (err == OK && *ret_code != OUT_OK && cmd->known.present) {
        /* Who sent the form hears the same; the mail tells who reads it. */
        return fsm_message_add(tx, &cmd->known, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = fsm_message_add(tx, &cmd->message, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_application_put(tx->write, &application);
    return err == OK
               ? fsm_application_tell(tx, AUDIT_APPLICATION_SUBMITTED, &cmd->id,
                                      nobody,
                                      store_application_kind_name(cmd->kind))
               : err;
}

enum err fsm_application_confirm(struct fsm_tx *tx,
                                 const struct cmd_application_confirm *cmd,
                                 enum outcome_code *ret_code) {
    struct application application;
    enum err err =
        store_application_by_token(tx->read, tx->arena, cmd->token, &application);

    *ret_code = OUT_NOT_FOUND;
    if (err != OK || application.state != APPLICATION_SUBMITTED) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (tx->now_ms >= store_application_token_ends_ms(&application, cmd->token)) {
        *ret_code = OUT_EXPIRED;
        return OK;
    }
    err = duplicates(tx, &application, true, ret_code);
    if (err == OK && *ret_code == OUT_OK) {
        err = fsm_message_add(tx, &cmd->message, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    fsm_activation_void(&application);
    fsm_application_later(tx, &cmd->later, &application);
    err = fsm_application_enter(tx, &application, APPLICATION_AWAITING);
    return err == OK ? fsm_application_tell(tx, AUDIT_APPLICATION_CONFIRMED,
                                            &application.id, nobody, "")
                     : err;
}

/* The moves that a person makes by CMD_APPLICATION_MOVE. */
static bool by_hand(enum application_state to) {
    return to == APPLICATION_RECEIVED || to == APPLICATION_DEFECT ||
           to == APPLICATION_WITHDRAWN || to == APPLICATION_RETURNED;
}

static enum err leave_desk(struct fsm_tx *tx, const struct application *application) {
    enum err err = fsm_review_void(tx, &application->id);

    return err == OK ? fsm_job_cancel(tx, fsm_job_of(&application->id)) : err;
}

enum err fsm_application_move(struct fsm_tx *tx, const struct cmd_application_move *cmd,
                              enum outcome_code *ret_code) {
    struct application application;
    enum err err = fsm_review_staff(tx, cmd->staff, cmd->to == APPLICATION_WITHDRAWN,
                                    cmd->to == APPLICATION_WITHDRAWN
                                        ? STAFF_SUPERVISOR | STAFF_HELP_DESK
                                        : FSM_ROLES_INTAKE,
                                    ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_application_get(tx->read, tx->arena, &cmd->id, &application);
    if (err != OK) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (application.state != cmd->from || !by_hand(cmd->to) ||
        !store_application_may_move(cmd->from, cmd->to)) {
        *ret_code = OUT_APPLICATION_STATE;
        return OK;
    }
    application.defects |= cmd->defects;
    if (cmd->to == APPLICATION_RECEIVED && application.received_day == 0) {
        application.received_day = cmd->received_day;
    }
    if (cmd->to == APPLICATION_RETURNED) {
        memcpy(application.tracking, cmd->tracking, sizeof application.tracking);
        application.before_review = cmd->from == APPLICATION_DEFECT;
    } else if (cmd->to != APPLICATION_RECEIVED) {
        application.decided_ms = tx->now_ms;
        fsm_activation_void(&application);
        err = leave_desk(tx, &application);
    }
    if (err == OK) {
        err = fsm_application_enter(tx, &application, cmd->to);
    }
    if (err == OK) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    return err == OK
               ? fsm_application_tell(tx, AUDIT_APPLICATION_MOVED, &cmd->id, cmd->staff,
                                      store_application_state_name(cmd->to))
               : err;
}
