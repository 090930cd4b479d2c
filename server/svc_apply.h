/* svc_apply: an application for a Prime account, as its applicant makes it.
 *
 *   form ─ checked ─ shown again ─ CMD_APPLICATION_SUBMIT ─ mail with a link
 *   link ─ GET shows, POST confirms ─ CMD_APPLICATION_CONFIRM ─ 申請書ID, form to print
 *   status: 申請書ID and account ID; 承認メール再送
 *   取下げ: asked for there ─ mail with a link ─ GET shows, POST ─ CMD_APPLICATION_MOVE
 *   承認 ─ mail with a link ─ GET shows, POST sends a code to the telephone
 *        ─ POST with it sets a password ─ CMD_ACTIVATE ─ Prime
 *
 * Invariants:
 *   L1  until its mail address is confirmed by POST an application stands in nobody's
 *       way, and is gone after a day (raft/fsm_application, E08 of SECURITY);
 *   L2  whoever fills in the form hears the same, after the same work, whether the
 *       account ID or the person is known or not: the mail tells who reads it (D02);
 *   L3  an application is found by its number and its account ID together; which of the
 *       two does not fit is not told, and attempts are limited by address and by number;
 *   L4  looking changes nothing: every change is a POST;
 *   L5  number and account ID are what stands on an envelope: they show a status. What
 *       changes something is confirmed through the mailbox, and what opens an account
 *       through the telephone of the application too (raft/fsm_activation.c, N1).
 * Thread: the svc's. */
#ifndef SERVER_SVC_APPLY_H
#define SERVER_SVC_APPLY_H

#include "server/domain/applicant.h"
#include "server/domain/password_rule.h"
#include "server/svc.h"

/* ---- the form: POST /apply */
enum svc_apply_step { APPLY_EDIT, APPLY_CHECK, APPLY_SEND };
enum svc_apply_kind {
    APPLY_FORM,    /* to be filled in, or corrected: `applicant` has the faults */
    APPLY_CHECKED, /* to be looked over and sent */
    APPLY_SENT,    /* a mail is under way */
    APPLY_LIMITED, /* too many from this address */
    APPLY_CLOSED,  /* such applications are not taken */
};
struct svc_apply {
    struct svc_op op;
    void (*done)(struct svc_apply *apply);
    void *arg;
    /* in */
    enum svc_apply_step step;
    enum applicant_kind applicant_kind;
    struct span typed[APPLICANT_INPUTS];
    bool english;
    /* out */
    enum svc_apply_kind kind;
    struct applicant applicant; /* as far as it could be read */
};
void svc_apply(struct svc *svc, struct svc_apply *apply);
/* May such an organisation apply here? */
bool svc_apply_open(struct svc *svc, enum applicant_kind kind);
/* What it sends with its form, from the configuration; empty: the page's own words. */
struct span svc_apply_documents(struct svc *svc, bool english);

/* ---- the mailed link: GET and POST (confirms) /apply/confirm */
enum svc_apply_confirm_kind {
    CONFIRM_REFUSED, /* used, too old, or none */
    CONFIRM_ASK,
    CONFIRM_TAKEN,   /* meanwhile the account ID or the person has an application */
    CONFIRM_LIMITED, /* no more mail can be sent to the address now */
    CONFIRM_DONE,
};
struct svc_apply_confirm {
    struct svc_op op;
    void (*done)(struct svc_apply_confirm *confirm);
    void *arg;
    /* in */
    struct span token;
    bool confirms;
    /* out: ASK, DONE */
    enum svc_apply_confirm_kind kind;
    enum applicant_kind of;
    struct span application_id, company, email;
    struct span ticket; /* DONE: opens the form to be printed */
};
void svc_apply_confirm(struct svc *svc, struct svc_apply_confirm *confirm);

/* ---- the status: POST /apply/status */
enum svc_apply_act { STATUS_LOOK, STATUS_RESEND, STATUS_WITHDRAW };
enum svc_apply_status_kind {
    STATUS_MISSING, /* no such number with such an account ID */
    STATUS_LIMITED,
    STATUS_SHOWN,
};
struct svc_apply_status {
    struct svc_op op;
    void (*done)(struct svc_apply_status *status);
    void *arg;
    /* in */
    struct span application_id, account_id;
    enum svc_apply_act act;
    bool english;
    /* out */
    enum svc_apply_status_kind kind;
    bool acted;      /* the mail is under way */
    bool act_failed; /* not now: limited, or its state does not allow it any more */
    const char *state;  /* "awaiting" ... */
    bool approved;      /* it waits to be set up */
    uint64_t created_ms, state_ms;
    bool awaited; /* its papers: it may be withdrawn, by a mailed link. The form itself is not handed out
                   * here: the number stands on the envelope */
    struct span defects;            /* a line each; empty: none */
};
void svc_apply_status(struct svc *svc, struct svc_apply_status *status);

/* ---- giving it up: GET and POST (withdraws) /apply/withdraw */
enum svc_apply_withdraw_kind {
    WITHDRAW_REFUSED, /* too old, or none */
    WITHDRAW_ASK,
    WITHDRAW_OVER, /* its papers are looked at, or it has ended */
    WITHDRAW_DONE,
};
struct svc_apply_withdraw {
    struct svc_op op;
    void (*done)(struct svc_apply_withdraw *withdraw);
    void *arg;
    /* in */
    struct span token;
    bool confirms;
    /* out: all but REFUSED */
    enum svc_apply_withdraw_kind kind;
    struct span application_id, company;
};
void svc_apply_withdraw(struct svc *svc, struct svc_apply_withdraw *withdraw);

/* ---- the form on paper: GET /apply/document */
enum svc_apply_print_kind {
    PRINT_REFUSED, /* no ticket of ours, or too old */
    PRINT_OVER,    /* it was sent in, withdrawn or given up */
    PRINT_DONE,
};
struct svc_apply_print {
    struct svc_op op;
    void (*done)(struct svc_apply_print *print);
    void *arg;
    /* in */
    struct span ticket;
    /* out */
    enum svc_apply_print_kind kind;
    struct span pdf, application_id;
};
void svc_apply_print(struct svc *svc, struct svc_apply_print *print);

/* ---- the activation: GET and POST /apply/activate */
enum svc_activate_act {
    ACTIVATE_LOOK,
    ACTIVATE_SEND, /* a code to the telephone */
    ACTIVATE_SET,  /* the password, with that code */
};
enum svc_activate_kind {
    ACTIVATE_REFUSED,   /* used, too old, or none */
    ACTIVATE_ASK,       /* a code is to be sent to `number` */
    ACTIVATE_FORM,      /* one was: code and password are asked for */
    ACTIVATE_PHONELESS, /* the application has no number that can be sent to */
    ACTIVATE_TAKEN,     /* meanwhile the account ID is another's */
    ACTIVATE_DONE,
};
enum svc_activate_notice {
    ACTIVATE_NO_NOTICE,
    ACTIVATE_SENT,         /* no fault: the code is under way */
    ACTIVATE_UNSENT,       /* too many were sent */
    ACTIVATE_LOCKED,       /* too many were wrong */
    ACTIVATE_CODE_WRONG,
    ACTIVATE_CODE_EXPIRED, /* or none was sent */
    ACTIVATE_DIFFERS,      /* the password, the second time */
    ACTIVATE_PASSWORD,     /* `refusal` */
};
struct svc_activate {
    struct svc_op op;
    void (*done)(struct svc_activate *activate);
    void *arg;
    /* in */
    struct span token, code, password, again;
    enum svc_activate_act act;
    bool english;
    /* out */
    enum svc_activate_kind kind;
    enum svc_activate_notice notice;
    struct span application_id, company, account_id;
    struct span number;            /* its last digits */
    enum password_refusal refusal; /* domain/password_rule.h */
    size_t password_len_min;
};
void svc_activate(struct svc *svc, struct svc_activate *activate);

#endif
