/* staff_permission: which role may do what in the staff console. The one table of it:
 * services ask here before they read or write anything, pages ask here what to offer,
 * and the tests go through all actions by all roles (SECURITY G12).
 *
 * A person may hold several roles and may do what any of them may. That two people act
 * where the domain wants two (相互牽制) is not decided here, but by the state machine.
 * Pure. Thread: any. */
#ifndef SERVER_STAFF_PERMISSION_H
#define SERVER_STAFF_PERMISSION_H

#include <stdbool.h>
#include <stdint.h>

/* X(ACTION, "name", roles, flags). Names are what views and records call it. */
#define STAFF_ACTIONS(X)                                                               \
    /* Everybody who is signed in. */                                                  \
    X(HOME, "home", ANYBODY, 0)                                                        \
    X(SESSIONS, "sessions", ANYBODY, 0)                                                \
    X(SESSION_END, "session_end", ANYBODY, WRITES)                                     \
    X(SIGN_OUT, "sign_out", ANYBODY, WRITES)                                           \
    X(PASSWORD_FORM, "password_form", ANYBODY, FRESH)                                  \
    X(PASSWORD, "password", ANYBODY, WRITES | FRESH)                                   \
    /* Relying parties. */                                                             \
    X(RP_LIST, "rp_list", RP_READERS, 0)                                               \
    X(RP_SHOW, "rp_show", RP_READERS, 0)                                               \
    X(RP_MINISTRIES, "rp_ministries", RP_READERS, 0)                                   \
    X(RP_EXPORT, "rp_export", STAFF_RP_ADMIN | STAFF_AUDITOR, 0)                       \
    X(RP_FORM, "rp_form", STAFF_RP_ADMIN, 0)                                           \
    X(RP_SAVE, "rp_save", STAFF_RP_ADMIN, WRITES)                                      \
    X(RP_STAGE, "rp_stage", STAFF_RP_ADMIN, WRITES)                                    \
    X(RP_RETIRE, "rp_retire", STAFF_RP_ADMIN, WRITES | FRESH)                          \
    X(RP_SECRET, "rp_secret", STAFF_RP_ADMIN, WRITES | FRESH)                          \
    X(RP_IMPORT_FORM, "rp_import_form", STAFF_RP_ADMIN, FRESH)                         \
    X(RP_IMPORT, "rp_import", STAFF_RP_ADMIN, WRITES | FRESH)                          \
    /* The staff themselves. */                                                        \
    X(PEOPLE_LIST, "people_list", STAFF_ADMIN | STAFF_AUDITOR, 0)                      \
    X(PEOPLE_FORM, "people_form", STAFF_ADMIN, FRESH)                                  \
    X(PEOPLE_ADD, "people_add", STAFF_ADMIN, WRITES | FRESH)                           \
    X(PEOPLE_CHANGE, "people_change", STAFF_ADMIN, WRITES | FRESH)                     \
    /* Keys, nodes, outbox. */                                                         \
    X(OPERATION, "operation", STAFF_OPERATOR | STAFF_AUDITOR, 0)                       \
    X(OUTBOX_RETRY, "outbox_retry", STAFF_OPERATOR, WRITES)                            \
    X(AUDIT, "audit", STAFF_AUDITOR | STAFF_ADMIN, 0)                                  \
    /* The operation center. */                                                        \
    X(DESK, "desk", DESK_READERS, 0)                                                   \
    X(APPLICATION, "application", DESK_READERS, 0)                                     \
    X(CLAIM, "claim", REVIEWERS, WRITES)                                               \
    X(RELEASE, "release", REVIEWERS, WRITES)                                           \
    X(NEXT, "next", REVIEWERS, WRITES)                                                 \
    X(DECIDE, "decide", REVIEWERS, WRITES)                                             \
    X(SCAN, "scan", DESK_READERS, 0)                                                   \
    X(INTAKE, "intake", INTAKERS | STAFF_AUDITOR, 0)                                   \
    X(PLACE, "place", INTAKERS, WRITES)                                                \
    X(UPLOAD, "upload", INTAKERS, WRITES)                                              \
    X(RECEIVE, "receive", INTAKERS, WRITES)                                            \
    X(DEFECT, "defect", INTAKERS, WRITES)                                              \
    X(LETTER, "letter", INTAKERS | STAFF_APPROVER, 0)                                  \
    X(RETURN, "return", INTAKERS, WRITES)                                              \
    X(HELP, "help", HELP_READERS, 0)                                                   \
    X(HELP_FIND, "help_find", HELP_READERS, WRITES)                                    \
    X(HELP_RESEND, "help_resend", HELPERS, WRITES)                                     \
    X(CORRECT, "correct", HELPERS, WRITES)                                             \
    X(CORRECT_SETTLE, "correct_settle", HELPERS | SECOND, WRITES | FRESH)              \
    X(IMPORTS, "imports", REVIEWERS | STAFF_AUDITOR, 0)                                \
    X(IMPORT_PROPOSE, "import_propose", REVIEWERS, WRITES)                             \
    X(IMPORT_SHOW, "import_show", REVIEWERS | STAFF_AUDITOR, 0)                        \
    X(IMPORT_JUDGE, "import_judge", SECOND, WRITES | FRESH)                            \
    X(IMPORT_SETTLE, "import_settle", SECOND, WRITES)                                  \
    X(DECISIONS, "decisions", SECOND | STAFF_AUDITOR, 0)

enum staff_action {
#define STAFF_ACTION(id, name, roles, flags) STAFF_DO_##id,
    STAFF_ACTIONS(STAFF_ACTION)
#undef STAFF_ACTION
        STAFF_ACTIONS_COUNT
};

/* `roles`: bits of enum staff_role (store/store_staff.h). */
bool staff_permission(uint32_t roles, enum staff_action action);
/* It changes something: a form with the session's token, and by the newest data. */
bool staff_permission_writes(enum staff_action action);
/* Only soon after both factors were shown. */
bool staff_permission_fresh(enum staff_action action);
const char *staff_permission_name(enum staff_action action);

/* Names of the roles, in the order of their bits, ended by NULL. */
extern const char *const staff_role_names[];

#endif
