/* judge: from what was read to a verdict. Pure: no pixels, no clock.
 *
 * Rules, in this order of weight:
 *   V1  NG only where another reading, or a missing or unfit document, is positively
 *       supported; a doubt is REVIEW;
 *   V2  OK only where every field agrees and nothing is in doubt: the seal too;
 *   V3  a document that cannot be what was asked for (missing, wrong, copied,
 *       corrected) is the reason, not what was read on it. */
#ifndef OCR_WORKER_JUDGE_H
#define OCR_WORKER_JUDGE_H

#include "ocr-worker/date.h"
#include "ocr-worker/wire/evidence_wire.h"

#define SEAL_DIFFERENT 0.70
#define SEAL_CONSISTENT 0.971
/* Above that, and below this, strokes must be of one width and in the same places. */
#define SEAL_EXACT 0.978
#define SEAL_WEIGHT_OFF 1.13
#define SEAL_STRAY 0.018
#define CERT_MONTHS 3

struct finding {
    uint8_t verdict; /* enum ocr_field_verdict; 0: not looked at */
};

struct findings {
    uint64_t faults; /* reasons of files and pages that stop the reading */
    unsigned forms, certificates, registries, personals, covers, blanks, unknowns;
    bool form_gray, cert_gray;
    bool other_application; /* the form's code names another one */
    /* Against the record; the certificate's number too. */
    uint8_t form_number, form_name, form_birth;
    uint8_t cert_number, cert_name, cert_birth;
    bool numbers_equal; /* form and certificate agree with one another, for certain */
    bool names_equal;
    bool births_equal;
    uint8_t issued; /* agrees: read for certain */
    struct date issued_on, received_on;
    bool seal_found[2]; /* form, certificate */
    bool form_seal_red;
    bool seals_framed; /* both where a seal belongs: the right things were compared */
    double seal_score, seal_weight, seal_stray;
    bool correction, correction_doubt;
    bool cert_copy, cert_copy_doubt, form_copy, form_copy_doubt;
};

/* As nobody but a person can say better. */
bool judge_seal_consistent(const struct findings *f);
/* Verdict and reasons into *ret. */
void judge(const struct findings *f, struct ocr_evidence *ret);

#endif
