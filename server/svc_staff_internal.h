/* svc_staff_internal: what the files svc_staff*.c share. Included by them alone. */
#ifndef SERVER_SVC_STAFF_INTERNAL_H
#define SERVER_SVC_STAFF_INTERNAL_H

#include <jansson.h>

#include "server/svc_admin.h"
#include "server/svc_internal.h"
#include "server/svc_staff.h"
#include "store/store_staff.h"

struct staff_op {
    struct svc_state base; /* first */
    struct svc_staff *staff;
    struct stamped_token stamp;
    struct staff_session session;
    struct staff account; /* of who acts */
    bool signed_in;
    /* The operator's use case that the action calls. */
    struct svc_admin admin;
    bool admin_open;
    bool trying; /* svc_staff_try */
    uint64_t written_index; /* of the latest command that was taken; 0: none was */
    struct buf call;
    void (*after)(struct staff_op *op);
    void (*otherwise)(struct staff_op *op); /* svc_staff_role_refused's */
    struct application_id look; /* svc_staff_look's */
    void (*look_next)(struct svc_state *state);
    json_t *typed; /* what the form held, for it to be shown again; NULL: nothing */
    bool refused;  /* the page is made again, around what was refused */
    enum svc_staff_kind refused_kind;
    json_t *kept;  /* the action's own, between its steps; NULL: nothing */
    void *work;    /* likewise, with what frees it; NULL: nothing */
    void (*work_free)(void *work);
};

/* Answers; each ends the operation. */
/* Steals `view`, which may be NULL (no memory). */
void svc_staff_view(struct staff_op *op, json_t *view);
/* A message, beside what was typed. `message` is copied. Without op->typed the page that
 * the form stands on is made again, as things are now, with the fields as its `typed`. */
void svc_staff_refuse(struct staff_op *op, enum svc_staff_kind kind,
                      struct span message);
void svc_staff_taken(struct staff_op *op);
/* A JPEG of our own making, to be shown in a page; it is copied. */
void svc_staff_image(struct staff_op *op, struct span jpeg);
/* `file` and `file_name` have been set. */
void svc_staff_file(struct staff_op *op);
void svc_staff_done(struct staff_op *op, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What an outcome is answered as: a conflict, with the console's reason and a message.
 * False: the table has none for it; else the operation has ended. */
struct staff_refusal {
    enum outcome_code code;
    const char *reason, *message;
};
bool svc_staff_refuse_by(struct staff_op *op, enum outcome_code code,
                         const struct staff_refusal *table, size_t count);

/* The state machine has refused for who acts (OUT_ROLE, OUT_ACCOUNT_STATE): the role, or
 * the account, may have been taken away since the table was asked. Then it is answered as
 * the table would by now; else `otherwise` does. */
void svc_staff_role_refused(struct staff_op *op, void (*otherwise)(struct staff_op *op));

/* Call an operator's use case with `body` (stolen; NULL: none), then `after`. Its errors
 * and refusals end the operation. */
void svc_staff_call(struct staff_op *op, enum svc_admin_action action, json_t *body,
                    void (*after)(struct staff_op *op));
/* Likewise, and `after` is called however it went: op->admin says so. */
void svc_staff_try(struct staff_op *op, enum svc_admin_action action, json_t *body,
                   void (*after)(struct staff_op *op));
/* Its answer, parsed; NULL: no memory. The caller owns it. */
json_t *svc_staff_answer(struct staff_op *op);

/* The field's value; empty when it is absent, or stands there twice. */
struct span svc_staff_field(const struct staff_op *op, const char *name);
/* The fields, for a page to show them again; its `typed`. */
json_t *svc_staff_typed(const struct staff_op *op);
/* A string, NULL for no memory or bad UTF-8 (params are UTF-8). */
json_t *svc_staff_text(struct span text);
/* Array of the names of the roles. */
json_t *svc_staff_roles(uint32_t roles);
json_t *svc_staff_id(struct id128 id);

/* The actions. Each ends the operation. */
void svc_staff_home(struct staff_op *op);
void svc_staff_sessions(struct staff_op *op);
void svc_staff_session_end(struct staff_op *op);
void svc_staff_sign_out(struct staff_op *op);
void svc_staff_password_form(struct staff_op *op);
void svc_staff_password(struct staff_op *op);
void svc_staff_rp_list(struct staff_op *op);
void svc_staff_rp_show(struct staff_op *op);
void svc_staff_rp_ministries(struct staff_op *op);
void svc_staff_rp_export(struct staff_op *op);
void svc_staff_rp_form(struct staff_op *op);
void svc_staff_rp_save(struct staff_op *op);
void svc_staff_rp_stage(struct staff_op *op);
void svc_staff_rp_secret(struct staff_op *op);
void svc_staff_rp_import_form(struct staff_op *op);
void svc_staff_rp_import(struct staff_op *op);
void svc_staff_people_list(struct staff_op *op);
void svc_staff_people_form(struct staff_op *op);
void svc_staff_people_add(struct staff_op *op);
void svc_staff_people_change(struct staff_op *op);
void svc_staff_operation(struct staff_op *op);
void svc_staff_outbox_retry(struct staff_op *op);
void svc_staff_audit(struct staff_op *op);
void svc_staff_desk(struct staff_op *op);
void svc_staff_application(struct staff_op *op);
void svc_staff_claim(struct staff_op *op);
void svc_staff_release(struct staff_op *op);
void svc_staff_next(struct staff_op *op);
void svc_staff_decide(struct staff_op *op);
void svc_staff_scan(struct staff_op *op);
void svc_staff_intake(struct staff_op *op);
void svc_staff_place(struct staff_op *op);
void svc_staff_upload(struct staff_op *op);
void svc_staff_receive(struct staff_op *op);
void svc_staff_defect(struct staff_op *op);
void svc_staff_letter(struct staff_op *op);
void svc_staff_return(struct staff_op *op);
void svc_staff_help(struct staff_op *op);
void svc_staff_help_find(struct staff_op *op);
void svc_staff_help_resend(struct staff_op *op);
void svc_staff_correct(struct staff_op *op);
void svc_staff_correct_settle(struct staff_op *op);
void svc_staff_imports(struct staff_op *op);
void svc_staff_import_propose(struct staff_op *op);
void svc_staff_import_show(struct staff_op *op);
void svc_staff_import_judge(struct staff_op *op);
void svc_staff_import_settle(struct staff_op *op);
void svc_staff_decisions(struct staff_op *op);

#endif
