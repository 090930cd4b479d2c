/* command_intake: the commands from the application to the activated Prime: applications,
 * scans, the OCR farm's jobs, reviews, imports, activation. Included by raft/command.h.
 *
 * Their payloads have a place for the actor (raft/fsm_audit.h), and are written by fields (store/base/fields.h), a version number first,
 * rather than by protobuf; C1 to C4 of raft/command.h hold alike. */
#ifndef RAFT_COMMAND_INTAKE_H
#define RAFT_COMMAND_INTAKE_H

#include "store/base/limits.h"
#include "store/store_application.h"
#include "store/store_blob.h"
#include "store/store_correction.h"
#include "store/store_factor.h"
#include "store/store_intake.h"
#include "store/store_job.h"
#include "store/store_review.h"

/* A new application. `confirmed`: its mail address is known to be the applicant's, so it
 * waits for documents; else it waits for its token, and what `entry` would say is looked
 * up. OUT_EXISTS: the id or the token is taken: draw again. A duplicate is OUT_OK where
 * `known` is sent in the place of `message`. OUT_DUPLICATE_ACCOUNT: the account ID is a Prime's or a Member's, of
 * an open application, or of an Entry that is not `entry`. OUT_DUPLICATE_PERSON: the same
 * person of the same corporation has an open application or came to be a Prime by one. */
struct cmd_application_submit {
    struct application_id id;
    enum application_kind kind;
    enum client_environment environment;
    uint32_t form_version;
    struct key_hash account_index, person_index, pair_index;
    bool has_entry;
    struct id128 entry;
    uint32_t received_day; /* 0, but for records that came with their documents */
    bool confirmed;
    struct key_hash token; /* when not confirmed */
    uint32_t token_ttl_ms;
    bool english;
    struct span sealed;
    struct message_out message; /* the token, or the way on; OUT_LIMITED, OUT_FULL */
    struct message_out known;   /* that there is one already; likewise */
};
/* OUT_NOT_FOUND, OUT_EXPIRED; a duplicate as above. */
struct cmd_application_confirm {
    struct key_hash token;
    struct message_out message;
    struct application_mails later; /* of AWAITING */
};
/* A person, or the applicant (a zero staff), moves it: received, a defect before the
 * review, withdrawn, returned. Other moves are not made by this command
 * (OUT_APPLICATION_STATE). OUT_NOT_FOUND; OUT_ACCOUNT_STATE: no active staff; OUT_ROLE:
 * not of the intake (a supervisor or the help desk withdraws). These two are of every
 * command that a person of the staff gives. */
struct cmd_application_move {
    struct application_id id;
    enum application_state from, to;
    struct id128 staff;
    uint32_t defects;      /* APPLICATION_DEFECT: one at least */
    uint32_t received_day; /* APPLICATION_RECEIVED */
    char tracking[33];     /* APPLICATION_RETURNED */
    struct message_out message;
};

/* These nodes have synced the bytes. Known already: they are added. OUT_EXISTS: with
 * another size or kind, which no honest node tells. */
struct cmd_blob_add {
    struct blob_id id;
    enum blob_kind kind;
    uint64_t size;
    size_t nodes_count;
    uint64_t nodes[LIMIT_NODES]; /* ascending */
};
/* What a node holds by now, or does not any more. Blobs that there are not are passed
 * over, and so is what a node says that is no member. */
struct cmd_blob_hold {
    uint64_t node;
    bool give_back; /* nothing is gone yet: where enough copies are left without this
                       node's, it is no holder any more, and may delete its own */
    size_t count;
    struct blob_held {
        struct blob_id id;
        bool holds;
    } blobs[LIMIT_BLOB_BATCH];
};

/* This node is there, and its copies are counted on for so long. OUT_NOT_FOUND: it is no
 * member. */
struct cmd_blob_node {
    uint64_t node;
    uint32_t lease_ms;
};

/* OUT_OK likewise when the same batch is there already. OUT_ACCOUNT_STATE. */
struct cmd_batch_add {
    struct id128 id;
    char label[65];
    enum client_environment environment;
    struct id128 staff; /* zero: the operator */
    uint32_t received_day;
};
/* OUT_EXISTS: the bundle came before, with whatever batch: nothing changes.
 * OUT_NOT_FOUND: no such batch, or a file is no blob of the cluster. OUT_ACCOUNT_STATE,
 * OUT_ROLE. */
struct cmd_bundle_add {
    struct id128 batch;
    struct id128 staff; /* zero: the operator */
    uint32_t position;
    size_t count;
    struct intake_file files[LIMIT_BUNDLE_FILES];
};
/* A person says whose a page is, or that it is nobody's (an empty id). OUT_NOT_FOUND;
 * OUT_APPLICATION_STATE: the application it comes from or goes to is decided, or waits
 * for its mail's confirmation; OUT_FULL: it has as many as may be. */
struct cmd_page_place {
    struct id128 bundle;
    uint16_t page;
    struct application_id id;
    struct id128 staff;
};

/* OUT_OK: outcome_leases, none when nothing is due. */
struct cmd_job_lease {
    enum client_environment environment;
    char worker[65];
    uint32_t lease_ms;
    uint8_t count; /* 1 to LIMIT_JOB_LEASES */
};
/* What came of an attempt. OUT_NOT_FOUND: no such job; OUT_JOB_LATE: of another attempt,
 * or of another worker, or it is over: nothing changes. OUT_REPLAYED: this very result
 * was taken before. */
struct cmd_job_result {
    struct job_key key;
    uint32_t attempt;
    char worker[65];
    bool failed;    /* nothing could be said: it is offered again, if it may */
    char error[65]; /* why */
    /* JOB_READ */
    enum farm_verdict verdict;
    uint64_t reasons;
    bool has_evidence;
    struct blob_id evidence; /* a blob of the cluster: OUT_NOT_FOUND */
    /* JOB_SORT; states are not used */
    size_t pages_count;
    struct intake_page pages[LIMIT_BUNDLE_PAGES];
};

/* OUT_OK: outcome_claimed. OUT_CLAIMED: another person has it; OUT_SAME_PERSON: a second
 * person is waited for, and this is the first; OUT_APPLICATION_STATE, OUT_NOT_FOUND,
 * OUT_ACCOUNT_STATE. Who has it already extends the claim. */
struct cmd_review_claim {
    struct application_id id;
    struct id128 staff;
    uint32_t lease_ms;
};
/* By who has it, or by a supervisor. OUT_CLAIMED: the claim is over, or another one, so
 * that nothing is taken from who has it by now. */
struct cmd_review_release {
    struct application_id id;
    struct id128 staff;
    uint32_t claim; /* as outcome_claimed named it */
};
/* 承認, 否認, 保留 by who holds the claim. 否認 names one defect at least. Where one
 * person does not do (fsm_review_needs_two), the first decision waits for an equal one by
 * another, an approver or a supervisor (OUT_ROLE, already when it is claimed).
 * OUT_OK: outcome_decided. OUT_CLAIMED: the claim is over; OUT_SAME_PERSON;
 * OUT_EXISTS: the token is taken; OUT_DUPLICATE_ACCOUNT: by now an account has the ID.
 * 承認 has the mail with which it lapses (APPLICATION_MAIL_EXPIRED) in `later`. */
struct cmd_review_decide {
    struct application_id id;
    struct id128 staff;
    uint32_t claim; /* as outcome_claimed named it */
    enum review_decision decision;
    uint32_t defects;
    struct span note;      /* sealed */
    struct key_hash token; /* 承認: of the activation */
    uint32_t token_ttl_ms;
    struct message_out message; /* sent when the decision stands */
    struct application_mails later; /* 承認: of APPROVED */
};
/* 承認メール再送: a link more (N2 of raft/fsm_activation.c). OUT_NOT_FOUND,
 * OUT_APPLICATION_STATE, OUT_EXISTS. */
struct cmd_activation_renew {
    struct application_id id;
    struct id128 staff; /* zero: the applicant, or a reminder */
    struct key_hash token;
    uint32_t token_ttl_ms;
    struct message_out message; /* OUT_LIMITED, OUT_FULL */
    struct application_mails later; /* in the place of those that there are, but for the
                                       one with which it lapses */
};
/* A code goes to the applicant's telephone, in the place of the last one. OUT_NOT_FOUND:
 * no such token; OUT_EXPIRED: it has ended; OUT_CHANGING: the number is another one by
 * now; OUT_LOCKED: too many wrong codes; OUT_LIMITED, OUT_FULL. */
struct cmd_activation_code {
    struct key_hash token;
    uint32_t corrections; /* the application's, when its number was read */
    struct key_hash code;
    uint32_t code_ttl_ms;
    struct message_out message;
};
/* The applicant sets up: the account comes to be, or the Entry becomes a Prime.
 * OUT_NOT_FOUND: no such token; OUT_EXPIRED; OUT_CHANGING: the number is another one by
 * now; OUT_BAD_CREDENTIALS: not the code, or it has ended; OUT_LOCKED; OUT_DUPLICATE_ACCOUNT: the account ID is another's, or the Entry is
 * not of `generation`; OUT_EXISTS: `sub` is taken. */
struct cmd_activate {
    struct key_hash token;
    uint32_t corrections; /* as of cmd_activation_code */
    struct key_hash code;
    struct factor phone;  /* that the code went to: id, label, index and sealed */
    struct id128 sub;     /* of the Entry, where it is one */
    uint64_t generation;  /* of the Entry; 0: a new account */
    struct span password_hash, sealed_profile;
    struct message_out message;
};

/* The help desk asks for another telephone number of the applicant's. OUT_EXISTS: one
 * waits already; OUT_CHANGING: `sealed` was made of what does not hold any more;
 * OUT_APPLICATION_STATE: it is of no use any more, or the mailbox has not answered;
 * OUT_NOT_FOUND, OUT_FULL. */
struct cmd_correction_propose {
    struct application_id id;
    struct id128 name;
    struct id128 staff;
    enum correction_basis basis;
    uint32_t corrections; /* the application's, when `sealed` was made */
    struct span sealed;   /* the whole profile, with the new number */
};
/* Another person, an approver or a supervisor, agrees or refuses; who asked may take it
 * back. OUT_NOT_FOUND: it is gone, or another one stands in its place; OUT_SAME_PERSON,
 * OUT_APPLICATION_STATE. */
struct cmd_correction_settle {
    struct application_id id;
    struct id128 name;
    struct id128 staff;
    bool approve;
    struct message_out message; /* to the applicant; when it is agreed on */
};

/* A file of decisions is proposed by one person (OUT_EXISTS: it is there already),
 * approved or rejected by another one (OUT_SAME_PERSON), then its lines are settled one
 * by one. OUT_FULL: as many imports as may be. */
struct cmd_import_propose {
    struct id128 id;
    struct id128 staff;
    size_t count;
    struct import_proposed {
        struct application_id id;
        enum review_decision decision;
        uint32_t defects;
    } lines[LIMIT_IMPORT_LINES];
};
struct cmd_import_approve {
    struct id128 id;
    struct id128 staff;
    bool approve;
};
/* OUT_OK: settled, now or before: outcome_import_line says how. OUT_NOT_FOUND,
 * OUT_APPLICATION_STATE: it is not approved; OUT_EXISTS: the token is taken. */
struct cmd_import_line {
    struct id128 id;
    uint16_t line; /* from 0 */
    struct key_hash token;
    uint32_t token_ttl_ms;
    struct message_out message; /* sent when the line is settled */
    struct application_mails later; /* 承認: of APPROVED */
};

/* --- what they give --- */

struct outcome_leases {
    size_t count;
    struct leased {
        struct job_key key;
        uint32_t attempt;
        uint64_t until_ms;
    } jobs[LIMIT_JOB_LEASES];
};
struct outcome_claimed {
    uint32_t claim;
    uint64_t until_ms;
};
struct outcome_decided {
    enum application_state state;
    bool needs_second; /* it waits for another person's equal decision */
};
struct outcome_import_line {
    enum import_line_state state;
};

#endif
