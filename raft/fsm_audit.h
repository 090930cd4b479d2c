/* fsm_audit: one record for each security event, written by the command that is its
 * cause, so that neither can be without the other (store/store_audit.h has the chain).
 *
 * To add an event:
 *   1. give it a number and a name in store/audit_record.{h,c}, in your block;
 *   2. where the rule has decided, and has written what it decided, call
 *
 *        const struct fsm_audit_event event = {.event = AUDIT_PASSWORD_CHANGED,
 *                                              .has_sub = true, .sub = account.sub};
 *        err = fsm_audit_add(tx, &event);
 *
 *      Who did it, and from where, comes from the command (struct actor), which services
 *      fill by svc_submit (server/svc_origin.h); give your message the line
 *      `Actor actor = 100;` in raft/command.proto and it has a place for one;
 *   3. if persons or clients can cause it without end, nothing more is needed: what one
 *      account causes in a minute is capped, below. What operators, staff and the cluster
 *      do is always written; what staff may not do and try is capped by who tries.
 * Not for what happens thousands of times a second: tokens are counted, not recorded.
 *
 * Caps. Of one kind of event about one account (or unknown account ID) in one minute the
 * first FSM_AUDIT_MINUTE_SUBJECT are written, and of all together a number that
 * depends on their class. The rest are counted in buckets, of bounded number, and come as
 * one record with that count when the minute is over (audit_record.count). So a flood
 * leaves a trace of its size, and can neither fill the store nor drown what is written of
 * other accounts. */
#ifndef RAFT_FSM_AUDIT_H
#define RAFT_FSM_AUDIT_H

#include "raft/fsm_internal.h"

/* Whose act it is. */
enum fsm_audit_by {
    FSM_AUDIT_BY_SENDER = 0, /* the command's actor */
    FSM_AUDIT_BY_SUBJECT, /* the account or the staff that it is about: it has proven to
                             be it, just now */
    FSM_AUDIT_BY_CLIENT,  /* client_id */
};

/* Zeroed but for `event`: by the command's actor, about nobody, and it went well. */
struct fsm_audit_event {
    enum audit_event event;
    enum fsm_audit_by by;
    enum outcome_code outcome; /* why it was refused */
    bool has_sub, has_login, has_staff;
    struct id128 sub;      /* the account that it is about */
    struct key_hash login; /* what was given for an account ID, whether known or not */
    struct id128 staff;
    struct span client_id; /* must not borrow from the transaction */
    struct span note;      /* likewise; UTF-8, cut at LIMIT_AUDIT_NOTE */
};
enum err fsm_audit_add(struct fsm_tx *tx, const struct fsm_audit_event *event);

/* CMD_AUDIT_NOTE */
enum err fsm_audit_note(struct fsm_tx *tx, const struct cmd_audit_note *cmd,
                        enum outcome_code *ret_code);
/* Close buckets of minutes that are over, and let go of records that are too old or too
 * many: at most `rows_max` of each. */
enum err fsm_audit_sweep(struct fsm_tx *tx, uint64_t rows_max);

#endif
