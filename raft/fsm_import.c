/* fsm_import: decisions that come as a file (the report's CSV, DOMAIN §3.3).
 *
 * One person proposes, another one approves (相互牽制 for the whole file), then each line
 * is settled by a command of its own, once. Only what people confirmed is in such a file;
 * the two who stand for it count as the two that an application needs, for the papers
 * that it had when the file came: a line whose application changed since decides nothing
 * (V4 of store/store_review.h). */
#include <stdio.h>

#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/base/codec.h"
#include "store/store_staff.h"

#define HEX_ID (2 * sizeof(struct id128) + 1)

static struct review_import *import_new(struct fsm_tx *tx) {
    return arena_alloc(tx->arena, sizeof(struct review_import));
}

/* A record in the audit: which file, and a word about it. */
static enum err tell(struct fsm_tx *tx, enum audit_event what, struct id128 file,
                     struct id128 staff, const char *word) {
    struct fsm_audit_event event = {.event = what, .has_staff = true, .staff = staff};
    char note[LIMIT_AUDIT_NOTE], id[HEX_ID];

    hex_encode(span_of(file.b, sizeof file.b), id);
    snprintf(note, sizeof note, "%s%s%s", id, word[0] == '\0' ? "" : " ", word);
    event.note = span_str(note);
    return fsm_audit_add(tx, &event);
}

/* How the applications stand that the file is about. */
static enum err revisions(struct fsm_tx *tx, struct review_import *import) {
    struct application application;
    enum err err = OK;

    for (size_t i = 0; i < import->count && err == OK; i++) {
        struct import_line *line = &import->lines[i];
        arena_reset(tx->scratch);
        err = store_application_get(tx->read, tx->scratch, &line->id, &application);
        line->revision = err == OK ? application.revision : 0;
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    return err;
}

enum err fsm_import_propose(struct fsm_tx *tx, const struct cmd_import_propose *cmd,
                            enum outcome_code *ret_code) {
    struct review_import *import = import_new(tx);
    enum err err = fsm_review_staff(tx, cmd->staff, false, FSM_ROLES_REVIEW, ret_code);

    if (import == NULL || err != OK || *ret_code != OUT_OK) {
        return import == NULL ? ERR_NOMEM : err;
    }
    err = store_import_get(tx->read, cmd->id, import);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    if (store_import_count(tx->read) >= FSM_IMPORTS_MAX) {
        *ret_code = OUT_FULL;
        return OK;
    }
    *import = (struct review_import){
        .id = cmd->id,
        .state = IMPORT_PROPOSED,
        .proposer = cmd->staff,
        .created_ms = tx->now_ms,
        .drop_ms = tx->now_ms + FSM_IMPORT_WAIT_MS,
        .count = cmd->count,
    };
    for (size_t i = 0; i < cmd->count; i++) {
        import->lines[i] = (struct import_line){
            .id = cmd->lines[i].id,
            .decision = cmd->lines[i].decision,
            .defects = cmd->lines[i].defects,
            .state = IMPORT_LINE_OPEN,
        };
    }
    err = revisions(tx, import);
    if (err == OK) {
        err = store_import_put(tx->write, import);
    }
    return err == OK ? tell(tx, AUDIT_IMPORT_PROPOSED, cmd->id, cmd->staff, "") : err;
}

enum err fsm_import_approve(struct fsm_tx *tx, const struct cmd_import_approve *cmd,
                            enum outcome_code *ret_code) {
    struct review_import *import = import_new(tx);
    enum err err = fsm_review_staff(tx, cmd->staff, false, FSM_ROLES_SECOND, ret_code);

    if (import == NULL || err != OK || *ret_code != OUT_OK) {
        return import == NULL ? ERR_NOMEM : err;
    }
    err = store_import_get(tx->read, cmd->id, import);
    if (err != OK) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (import->state != IMPORT_PROPOSED) {
        *ret_code = OUT_APPLICATION_STATE;
        return OK;
    }
    if (cmd->approve &&
        memcmp(import->proposer.b, cmd->staff.b, sizeof cmd->staff.b) == 0) {
        *ret_code = OUT_SAME_PERSON;
        return OK;
    }
    import->state = cmd->approve ? IMPORT_APPROVED : IMPORT_REJECTED;
    import->approver = cmd->staff;
    import->drop_ms = tx->now_ms + (cmd->approve ? FSM_IMPORT_WAIT_MS : FSM_IMPORT_KEEP_MS);
    err = store_import_put(tx->write, import);
    return err == OK ? tell(tx, AUDIT_IMPORT_APPROVED, cmd->id, cmd->staff,
                            cmd->approve ? "approved" : "rejected")
                     : err;
}

/* Word of it: to the desk, with both people's names, to the audit and to the applicant. */
static enum err settled(struct fsm_tx *tx, const struct review_import *import,
                        const struct import_line *line,
                        const struct cmd_import_line *cmd) {
    const struct review_entry both[2] = {
        {.staff = import->proposer,
         .decision = line->decision,
         .defects = line->defects,
         .at_ms = import->created_ms},
        {.staff = import->approver,
         .decision = line->decision,
         .defects = line->defects,
         .at_ms = tx->now_ms},
    };
    char word[sizeof "import " + HEX_ID], id[HEX_ID];
    enum err err = fsm_review_close(tx, &line->id, both);

    hex_encode(span_of(import->id.b, sizeof import->id.b), id);
    snprintf(word, sizeof word, "import %s", id);
    if (err == OK) {
        err = fsm_application_tell(tx,
                                   line->decision == REVIEW_APPROVE
                                       ? AUDIT_APPLICATION_APPROVED
                                       : AUDIT_APPLICATION_DENIED,
                                   &line->id, import->approver, word);
    }
    return err == OK ? fsm_message_tell(tx, &cmd->message) : err;
}

/* Both people's decision on one application. */
static enum err settle(struct fsm_tx *tx, const struct review_import *import,
                       const struct import_line *line,
                       const struct cmd_import_line *cmd,
                       enum import_line_state *ret_state, enum outcome_code *ret_code) {
    const struct fsm_activation activation = {cmd->token, cmd->token_ttl_ms,
                                              &cmd->later};
    struct application application;
    enum err err = store_application_get(tx->read, tx->arena, &line->id, &application);

    *ret_code = OUT_OK;
    if (err != OK || line->revision == 0) {
        *ret_state = IMPORT_LINE_UNKNOWN;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    *ret_state = IMPORT_LINE_STATE;
    if (application.state != APPLICATION_STAFF ||
        application.revision != line->revision) { /* V4 */
        return OK;
    }
    err = fsm_review_settle(tx, &application, line->decision, line->defects,
                            &activation, ret_code);
    if (err == OK && *ret_code == OUT_OK) {
        *ret_state = IMPORT_LINE_DONE;
        err = settled(tx, import, line, cmd);
    } else if (*ret_code == OUT_DUPLICATE_ACCOUNT) {
        *ret_code = OUT_OK;
    }
    return err;
}

static bool has_open(const struct review_import *import) {
    for (size_t i = 0; i < import->count; i++) {
        if (import->lines[i].state == IMPORT_LINE_OPEN) {
            return true;
        }
    }
    return false;
}

enum err fsm_import_line(struct fsm_tx *tx, const struct cmd_import_line *cmd,
                         enum outcome_code *ret_code) {
    struct review_import *import = import_new(tx);
    struct outcome_import_line line = {IMPORT_LINE_OPEN};
    enum err err = import == NULL ? ERR_NOMEM
                                  : store_import_get(tx->read, cmd->id, import);

    *ret_code = OUT_NOT_FOUND;
    if (err != OK || cmd->line >= import->count) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (import->state != IMPORT_APPROVED) {
        *ret_code = OUT_APPLICATION_STATE;
        return OK;
    }
    *ret_code = OUT_OK;
    line.state = import->lines[cmd->line].state;
    if (line.state == IMPORT_LINE_OPEN) { /* V3 */
        err = settle(tx, import, &import->lines[cmd->line], cmd, &line.state, ret_code);
        if (err != OK || *ret_code != OUT_OK) {
            return err;
        }
        import->lines[cmd->line].state = line.state;
        import->drop_ms =
            tx->now_ms + (has_open(import) ? FSM_IMPORT_WAIT_MS : FSM_IMPORT_KEEP_MS);
        err = store_import_put(tx->write, import);
    }
    return err == OK ? outcome_import_line_encode(&line, tx->detail) : err;
}
