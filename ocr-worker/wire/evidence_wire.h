/* evidence_wire: what a worker found, as bytes between worker and node.
 *
 * Written by ocr-worker (the sandboxed child writes it too: the same bytes go from the
 * child to its parent), read by server/svc_job and by the console that shows crops.
 * To the node these are bytes from outside.
 * Invariants:
 *   E1  every count and length is bounded before it is used;
 *   E2  canonical: bytes that decode are what encode gives again;
 *   E3  decoded spans borrow the input and end with it;
 *   E4  OCR_OK carries no reason, OCR_NG at least one of OCR_REASONS_NG, OCR_REVIEW at
 *       least one reason of any kind.
 * Texts are personal data: sealed by whoever stores them, never logged. */
#ifndef OCR_WORKER_WIRE_EVIDENCE_WIRE_H
#define OCR_WORKER_WIRE_EVIDENCE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define EVIDENCE_WIRE_VERSION 1
#define EVIDENCE_WIRE_MAX (24 * 1024)
#define EVIDENCE_PAGES_MAX 24
#define EVIDENCE_FIELDS_MAX 24
#define EVIDENCE_TEXT_MAX 512
#define EVIDENCE_SIDE_MAX 60000 /* pixels */

enum ocr_verdict { OCR_VERDICT_NONE, OCR_OK, OCR_NG, OCR_REVIEW };
#define OCR_VERDICT_END 4

/* Reasons: bit numbers, never reused. The first block may stand behind NG; those of
 * the second only send the application to a person. */
#define OCR_REASON_LIST(X)                                                     \
    X(OCR_CORP_NUMBER_MISMATCH, 0, "corp_number_mismatch")                     \
    X(OCR_NAME_MISMATCH, 1, "name_mismatch")                                   \
    X(OCR_BIRTHDATE_MISMATCH, 2, "birthdate_mismatch")                         \
    X(OCR_CERT_EXPIRED, 3, "cert_expired")                                     \
    X(OCR_CERT_MISSING, 4, "cert_missing")                                     \
    X(OCR_CERT_PHOTOCOPY, 5, "cert_photocopy")                                 \
    X(OCR_FORM_MISSING, 6, "form_missing")                                     \
    X(OCR_FORM_PHOTOCOPY, 7, "form_photocopy")                                 \
    X(OCR_HAND_CORRECTED, 8, "hand_corrected")                                 \
    X(OCR_RECORD_MISMATCH, 9, "record_mismatch")                               \
    X(OCR_SEAL_MISMATCH, 10, "seal_mismatch")                                  \
    X(OCR_WRONG_DOCUMENT, 11, "wrong_document")                                \
    X(OCR_BLANK_PAGE, 12, "blank_page")                                        \
    X(OCR_DOUBT_NUMBER, 32, "doubt_number")                                    \
    X(OCR_DOUBT_NAME, 33, "doubt_name")                                        \
    X(OCR_DOUBT_BIRTHDATE, 34, "doubt_birthdate")                              \
    X(OCR_DOUBT_ISSUED, 35, "doubt_issued")                                    \
    X(OCR_DOUBT_SEAL, 36, "doubt_seal")                                        \
    X(OCR_DOUBT_ORIGINAL, 37, "doubt_original")                                \
    X(OCR_DOUBT_CORRECTION, 38, "doubt_correction")                            \
    X(OCR_DOUBT_PAGE, 39, "doubt_page")                                        \
    X(OCR_OTHER_APPLICATION, 40, "other_application")                          \
    X(OCR_DUPLICATE_PAGE, 41, "duplicate_page")                                \
    X(OCR_IMAGE_BROKEN, 42, "image_broken")                                    \
    X(OCR_IMAGE_TOO_LARGE, 43, "image_too_large")                              \
    X(OCR_IMAGE_UNKNOWN, 44, "image_unknown")                                  \
    X(OCR_READER_DIED, 45, "reader_died")                                      \
    X(OCR_READER_TIMEOUT, 46, "reader_timeout")                                \
    X(OCR_READER_MEMORY, 47, "reader_memory")                                  \
    X(OCR_TOO_MANY_PAGES, 48, "too_many_pages")                                \
    X(OCR_GRAY_SCAN, 49, "gray_scan")

enum ocr_reason {
#define X(name, bit, text) name = bit,
    OCR_REASON_LIST(X)
#undef X
};
#define OCR_REASON(reason) (UINT64_C(1) << (reason))
#define OCR_REASONS_NG UINT64_C(0x1fff)

enum ocr_page_kind {
    OCR_PAGE_UNKNOWN,
    OCR_PAGE_FORM,
    OCR_PAGE_CERTIFICATE,
    OCR_PAGE_REGISTRY,
    OCR_PAGE_PERSONAL,
    OCR_PAGE_COVER,
    OCR_PAGE_BLANK,
};
#define OCR_PAGE_KIND_END 7

/* One page of one scan, in the order of the scans. `turn`: clockwise degrees by which
 * the content stands turned in the scan (0, 90, 180, 270); `skew` on top of it, in
 * hundredths of a degree. */
struct ocr_page {
    uint8_t scan;
    uint8_t index; /* within the scan */
    uint8_t kind;
    uint16_t turn;
    int16_t skew;
    uint16_t width;
    uint16_t height;
    uint16_t dpi;
    bool gray;
};

enum ocr_field_kind {
    OCR_FIELD_APPLICATION_ID = 1,
    OCR_FIELD_FORM_NUMBER,
    OCR_FIELD_FORM_NAME,
    OCR_FIELD_FORM_BIRTH,
    OCR_FIELD_FORM_SEAL,
    OCR_FIELD_CERT_NUMBER,
    OCR_FIELD_CERT_NAME,
    OCR_FIELD_CERT_BIRTH,
    OCR_FIELD_CERT_ISSUED,
    OCR_FIELD_CERT_SEAL,
    OCR_FIELD_CORRECTION, /* box: what looks like a correction by hand */
    OCR_FIELD_COPY_MARK,
    OCR_FIELD_CERT_COMPANY,
};
#define OCR_FIELD_KIND_END 14

enum ocr_field_verdict {
    OCR_FIELD_AGREES = 1,
    OCR_FIELD_VARIANT, /* another spelling of the same characters, by the table */
    OCR_FIELD_DIFFERS, /* another reading is positively supported */
    OCR_FIELD_DOUBTFUL,
    OCR_FIELD_ABSENT,
};
#define OCR_FIELD_VERDICT_END 6

struct ocr_point {
    int32_t x;
    int32_t y;
};

struct ocr_field {
    uint8_t kind;
    uint8_t verdict;
    uint16_t confidence; /* per mille; for seals the score of the comparison */
    uint8_t page;        /* index into pages */
    struct ocr_point quad[4]; /* scan pixels, clockwise from the upright top left */
    struct span text;         /* as read; may be empty */
};

struct ocr_evidence {
    struct span job_id; /* as in the job; empty in tasuki-ocr read */
    uint32_t attempt;
    uint8_t verdict;
    uint64_t reasons;
    uint32_t elapsed_ms;
    uint32_t form_version; /* of the QR code; 0: unread */
    uint32_t page_count;
    uint32_t field_count;
    struct ocr_page pages[EVIDENCE_PAGES_MAX];
    struct ocr_field fields[EVIDENCE_FIELDS_MAX];
};

enum err evidence_encode(const struct ocr_evidence *evidence, struct buf *out);
/* ERR_TOO_BIG, ERR_VERSION, ERR_INVALID: *ret_evidence is untouched. */
enum err evidence_decode(struct span in, struct ocr_evidence *ret_evidence);

/* Names as in reports and JSON; "?" for what is none. */
const char *ocr_verdict_str(unsigned verdict);
const char *ocr_reason_str(unsigned bit);
const char *ocr_page_kind_str(unsigned kind);
const char *ocr_field_kind_str(unsigned kind);
const char *ocr_field_verdict_str(unsigned verdict);
/* The whole as a JSON object: for tasuki-ocr read, exports and the console. */
void evidence_json(const struct ocr_evidence *evidence, struct buf *out);

#endif
