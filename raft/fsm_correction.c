/* fsm_correction: the telephone number of an application is put right: the help desk asks
 * for it, another person agrees.
 *
 * Here because the number opens an account (N1 of fsm_activation.c): two people have to
 * agree on it (相互牽制), and a code that is under way to the old number must be worth
 * nothing from the moment on at which the new one holds, whichever node sends it.
 * Invariants:
 *   Y1  nobody alone changes a number: who asks is not who agrees;
 *   Y2  `corrections` of the application counts what was agreed on. A code is sent, and
 *       an account made, only by who has seen the number that holds (OUT_CHANGING);
 *   Y3  links, wrong codes and the time at which an approval lapses stay as they are: a
 *       call to the help desk buys no further guesses. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/store_correction.h"
#include "store/store_staff.h"

#define FSM_ROLES_HELP (STAFF_HELP_DESK | STAFF_SUPERVISOR)

static bool same(struct id128 a, struct id128 b) {
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

/* OUT_OK: the application, which may be corrected now. */
static enum err correctable(struct fsm_tx *tx, const struct application_id *id,
                            struct application *ret_application,
                            enum outcome_code *ret_code) {
    enum err err = store_application_get(tx->read, tx->arena, id, ret_application);

    if (err != OK) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    *ret_code =
        store_correction_fits(ret_application->state) ? OUT_OK : OUT_APPLICATION_STATE;
    return OK;
}

enum err fsm_correction_propose(struct fsm_tx *tx,
                                const struct cmd_correction_propose *cmd,
                                enum outcome_code *ret_code) {
    const struct correction correction = {
        .id = cmd->id,
        .name = cmd->name,
        .by = cmd->staff,
        .basis = cmd->basis,
        .made_ms = tx->now_ms,
        .ends_ms = tx->now_ms + FSM_CORRECTION_WAIT_MS,
        .sealed = cmd->sealed,
    };
    struct application application;
    uint64_t ends_ms;
    enum err err = fsm_review_staff(tx, cmd->staff, false, FSM_ROLES_HELP, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = correctable(tx, &cmd->id, &application, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (application.corrections != cmd->corrections) {
        *ret_code = OUT_CHANGING;
        return OK;
    }
    err = store_correction_ends_ms(tx->read, &cmd->id, &ends_ms);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    if (store_correction_count(tx->read) >= FSM_CORRECTIONS_MAX) {
        *ret_code = OUT_FULL;
        return OK;
    }
    err = store_correction_put(tx->write, &correction);
    return err == OK ? fsm_application_tell(tx, AUDIT_PHONE_PROPOSED, &cmd->id, cmd->staff,
                                            store_correction_basis_name(cmd->basis))
                     : err;
}

/* Whoever asked for it may take it back, but not agree (Y1). */
static enum err may_settle(struct fsm_tx *tx, const struct cmd_correction_settle *cmd,
                           const struct correction *correction,
                           enum outcome_code *ret_code) {
    bool own = same(cmd->staff, correction->by);

    if (own && cmd->approve) {
        *ret_code = OUT_SAME_PERSON;
        return OK;
    }
    return fsm_review_staff(tx, cmd->staff, false,
                            own ? FSM_ROLES_HELP | FSM_ROLES_SECOND : FSM_ROLES_SECOND,
                            ret_code);
}

static enum err agree(struct fsm_tx *tx, const struct cmd_correction_settle *cmd,
                      const struct correction *correction,
                      struct application *application) {
    enum err err;

    application->sealed = correction->sealed;
    application->corrections++;
    memset(application->code.b, 0, sizeof application->code.b);
    application->code_ends_ms = 0;
    err = fsm_application_enter(tx, application, application->state);
    return err == OK ? fsm_message_tell(tx, &cmd->message) : err;
}

enum err fsm_correction_settle(struct fsm_tx *tx,
                               const struct cmd_correction_settle *cmd,
                               enum outcome_code *ret_code) {
    struct application application;
    struct correction correction;
    enum err err = store_correction_get(tx->read, tx->arena, &cmd->id, &correction);

    if (err != OK || !same(correction.name, cmd->name)) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    err = may_settle(tx, cmd, &correction, ret_code);
    if (err == OK && *ret_code == OUT_OK) {
        err = correctable(tx, &cmd->id, &application, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (cmd->approve) {
        err = agree(tx, cmd, &correction, &application);
    }
    if (err == OK) {
        err = store_correction_del(tx->write, &cmd->id);
    }
    return err == OK ? fsm_application_tell(
                           tx, cmd->approve ? AUDIT_PHONE_CHANGED : AUDIT_PHONE_REFUSED,
                           &cmd->id, cmd->staff,
                           store_correction_basis_name(correction.basis))
                     : err;
}
