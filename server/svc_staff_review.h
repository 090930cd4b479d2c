/* svc_staff_review: what the pages of one application share: who may see what was typed
 * and scanned, and where its scans are. Included by svc_staff_*.c alone.
 *
 * Personal data are shown to who has claimed the application (the claim is in the audit),
 * and to supervisors and auditors, whose look is recorded (AUDIT_STAFF_READ). */
#ifndef SERVER_SVC_STAFF_REVIEW_H
#define SERVER_SVC_STAFF_REVIEW_H

#include "ocr-worker/wire/evidence_wire.h"
#include "server/svc_staff_internal.h"
#include "store/store_application.h"
#include "store/store_intake.h"
#include "store/store_review.h"

enum review_sight {
    SIGHT_NONE,     /* states and times alone */
    SIGHT_CLAIM,    /* it is on this person's desk */
    SIGHT_RECORDED, /* a look that leaves a record */
};

/* In the open snapshot: whether the person holds the claim now. */
bool svc_staff_holds(const struct staff_op *op, const struct review *review);
enum review_sight svc_staff_sight(const struct staff_op *op, const struct review *review);

/* Record the look (SIGHT_RECORDED), then `next`. `once`: not when this session's look at
 * the application is known to be recorded. */
void svc_staff_look(struct staff_op *op, const struct application_id *id, bool once,
                    void (*next)(struct svc_state *state));

/* Check boxes of a form: `defect_NAME`. */
uint32_t svc_staff_read_defects(const struct staff_op *op);
/* Array of the names of the defects. */
json_t *svc_staff_defects(uint32_t bits);

/* The field `id`. False: no application can have it. */
bool svc_staff_application_id(const struct staff_op *op, struct application_id *ret_id);
void svc_staff_no_application(struct staff_op *op);
/* An outcome that refuses what was to be done with the application; OUT_OK never comes
 * here. Ends the operation. */
void svc_staff_review_refused(struct staff_op *op, enum outcome_code code);

/* One page of an application, in their order. */
struct review_page {
    struct id128 bundle;
    uint16_t page; /* of the bundle */
    struct intake_page row;
    struct intake_file file;
    uint8_t scan; /* number of the file as the farm counts an application's files */
};
struct review_pages {
    size_t count;
    struct review_page pages[LIMIT_APPLICATION_PAGES];
};
/* In the open snapshot; in the operation's arena. Beyond the limit: the first ones. */
enum err svc_staff_pages(struct staff_op *op, const struct application_id *id,
                         struct review_pages *ret_pages);

/* JSON of the comparison: rows of what was typed and read (svc_staff_evidence.c). */
struct profile;
json_t *svc_staff_evidence_json(const struct profile *profile,
                                const struct ocr_evidence *evidence,
                                const struct application_id *id);

#endif
