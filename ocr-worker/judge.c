#include "ocr-worker/judge.h"

struct sums {
    uint64_t against; /* positively */
    uint64_t doubt;
};

static void documents(const struct findings *f, struct sums *s) {
    if (f->forms == 0 && f->unknowns == 0)
        s->against |= OCR_REASON(OCR_FORM_MISSING);
    if (f->forms == 0 && f->unknowns > 0)
        s->doubt |= OCR_REASON(OCR_DOUBT_PAGE);
    if (f->forms > 1 || f->certificates > 1)
        s->doubt |= OCR_REASON(OCR_DUPLICATE_PAGE);
    if (f->certificates > 0)
        return;
    if (f->unknowns > 0)
        s->doubt |= OCR_REASON(OCR_DOUBT_PAGE);
    else if (f->registries > 0 || f->personals > 0)
        s->against |= OCR_REASON(OCR_WRONG_DOCUMENT);
    else if (f->blanks > 0)
        s->against |= OCR_REASON(OCR_BLANK_PAGE);
    else
        s->against |= OCR_REASON(OCR_CERT_MISSING);
}

static void originals(const struct findings *f, struct sums *s) {
    if (f->certificates > 0 && f->cert_copy)
        s->against |= OCR_REASON(OCR_CERT_PHOTOCOPY);
    else if (f->certificates > 0 && f->cert_copy_doubt)
        s->doubt |= OCR_REASON(OCR_DOUBT_ORIGINAL);
    if (f->forms > 0 && f->form_copy)
        s->against |= OCR_REASON(OCR_FORM_PHOTOCOPY);
    else if (f->forms > 0 && f->form_copy_doubt)
        s->doubt |= OCR_REASON(OCR_DOUBT_ORIGINAL);
    if (f->forms > 0 && f->correction)
        s->against |= OCR_REASON(OCR_HAND_CORRECTED);
    else if (f->forms > 0 && f->correction_doubt)
        s->doubt |= OCR_REASON(OCR_DOUBT_CORRECTION);
    if ((f->forms > 0 && f->form_gray) || (f->certificates > 0 && f->cert_gray))
        s->doubt |= OCR_REASON(OCR_GRAY_SCAN);
}

static bool fits(uint8_t verdict) {
    return verdict == OCR_FIELD_AGREES || verdict == OCR_FIELD_VARIANT;
}

/* One field on both papers, each against the record. */
static void field(const struct findings *f, uint8_t form, uint8_t cert, bool equal,
                  enum ocr_reason mismatch, enum ocr_reason doubt, struct sums *s) {
    bool form_off = form == OCR_FIELD_DIFFERS, cert_off = cert == OCR_FIELD_DIFFERS;

    if (f->forms == 0 || f->certificates == 0)
        return;
    if (form_off && (fits(cert) || (cert_off && !equal)))
        s->against |= OCR_REASON(fits(cert) ? mismatch : OCR_RECORD_MISMATCH);
    else if (form_off && cert_off && equal)
        s->against |= OCR_REASON(OCR_RECORD_MISMATCH);
    else if (cert_off && fits(form))
        s->against |= OCR_REASON(mismatch);
    else if (!fits(form) || !fits(cert))
        s->doubt |= OCR_REASON(doubt);
}

static void dates(const struct findings *f, struct sums *s) {
    struct date last;

    if (f->certificates == 0)
        return;
    if (f->issued != OCR_FIELD_AGREES) {
        s->doubt |= OCR_REASON(OCR_DOUBT_ISSUED);
        return;
    }
    last = date_add_months(f->issued_on, CERT_MONTHS);
    if (date_days(last) < date_days(f->received_on))
        s->against |= OCR_REASON(OCR_CERT_EXPIRED);
    else if (date_days(f->issued_on) > date_days(f->received_on))
        s->doubt |= OCR_REASON(OCR_DOUBT_ISSUED); /* from the future: misread */
}

bool judge_seal_consistent(const struct findings *f) {
    if (f->seal_score >= SEAL_EXACT)
        return true;
    return f->seal_score >= SEAL_CONSISTENT && f->seal_weight < SEAL_WEIGHT_OFF &&
           f->seal_weight > 1 / SEAL_WEIGHT_OFF && f->seal_stray < SEAL_STRAY;
}

static void seals(const struct findings *f, struct sums *s) {
    if (f->forms == 0 || f->certificates == 0)
        return;
    if (!f->seal_found[0] || !f->seal_found[1] || !f->form_seal_red)
        s->doubt |= OCR_REASON(OCR_DOUBT_SEAL);
    else if (f->seal_score < SEAL_DIFFERENT && f->seals_framed)
        s->against |= OCR_REASON(OCR_SEAL_MISMATCH);
    else if (!judge_seal_consistent(f))
        s->doubt |= OCR_REASON(OCR_DOUBT_SEAL);
}

void judge(const struct findings *f, struct ocr_evidence *ret) {
    const uint64_t unfit =
        OCR_REASON(OCR_FORM_MISSING) | OCR_REASON(OCR_CERT_MISSING) |
        OCR_REASON(OCR_WRONG_DOCUMENT) | OCR_REASON(OCR_BLANK_PAGE) |
        OCR_REASON(OCR_CERT_PHOTOCOPY) | OCR_REASON(OCR_FORM_PHOTOCOPY) |
        OCR_REASON(OCR_HAND_CORRECTED);
    struct sums s = {0, f->faults};

    documents(f, &s);
    originals(f, &s);
    if ((s.against & unfit) == 0) { /* V3 */
        field(f, f->form_number, f->cert_number, f->numbers_equal,
              OCR_CORP_NUMBER_MISMATCH, OCR_DOUBT_NUMBER, &s);
        field(f, f->form_name, f->cert_name, f->names_equal, OCR_NAME_MISMATCH,
              OCR_DOUBT_NAME, &s);
        field(f, f->form_birth, f->cert_birth, f->births_equal, OCR_BIRTHDATE_MISMATCH,
              OCR_DOUBT_BIRTHDATE, &s);
        dates(f, &s);
        seals(f, &s);
    }
    /* What stands on a paper that may be a copy is no evidence against anybody. */
    if ((s.against & unfit) == 0 && (s.doubt & OCR_REASON(OCR_DOUBT_ORIGINAL)) != 0)
        s.against = 0;
    if (f->faults != 0) /* what is missing may be what could not be read */
        s.against = 0;
    if (f->other_application)
        s.doubt |= OCR_REASON(OCR_OTHER_APPLICATION);
    /* What stopped the reading, or a page of unknown kind, overrules a fault found. */
    if (f->faults != 0 || f->other_application || (s.doubt & OCR_REASON(OCR_DUPLICATE_PAGE)))
        ret->verdict = OCR_REVIEW;
    else
        ret->verdict = s.against != 0 ? OCR_NG : s.doubt != 0 ? OCR_REVIEW : OCR_OK;
    ret->reasons = s.against | s.doubt;
}
