/* job_wire: what a worker is asked to read, as bytes between node and worker.
 *
 * Written by server/svc_job, read by ocr-worker/lease; both sides link this file.
 * Invariants:
 *   J1  every length is bounded before anything is copied or allocated;
 *   J2  encoding is canonical: decode(encode(x)) gives x, and bytes that decode are
 *       what encode gives again;
 *   J3  decoded spans borrow the input and end with it.
 * The record holds personal data: over mutual TLS and in memory only, never logged. */
#ifndef OCR_WORKER_WIRE_JOB_WIRE_H
#define OCR_WORKER_WIRE_JOB_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define JOB_WIRE_VERSION 1
#define JOB_WIRE_MAX (16 * 1024)
#define JOB_ID_MAX 32
#define JOB_SCANS_MAX 16
#define JOB_TEXT_MAX 1024
#define JOB_HASH_LEN 32
#define JOB_SCAN_BYTES_MAX (64u * 1024 * 1024)

enum job_media { JOB_MEDIA_TIFF = 1, JOB_MEDIA_JPEG = 2, JOB_MEDIA_PDF = 3 };
#define JOB_MEDIA_END 4

/* One scan file: a blob by its SHA-256. */
struct job_scan {
    uint8_t hash[JOB_HASH_LEN];
    uint32_t len;
    uint8_t media; /* what the intake took it for; the worker trusts the bytes alone */
};

/* What the applicant typed. UTF-8; dates as YYYY-MM-DD; the number 13 digits. */
struct job_record {
    struct span application_id;
    struct span corporate_number;
    struct span company;
    struct span address;
    struct span title;
    struct span name;
    struct span birth_date;
    struct span received_on;
};

struct job {
    struct span id; /* the node's, opaque to the worker, 1..JOB_ID_MAX bytes */
    uint32_t attempt;
    uint32_t lease_ms; /* what was left of the lease when the node answered */
    struct job_record record;
    uint32_t scan_count; /* 0..JOB_SCANS_MAX */
    struct job_scan scans[JOB_SCANS_MAX];
};

/* Append to `out`. ERR_INVALID: a field is beyond its bound or not UTF-8. */
enum err job_encode(const struct job *job, struct buf *out);
/* ERR_TOO_BIG, ERR_VERSION, ERR_INVALID: *ret_job is untouched. */
enum err job_decode(struct span in, struct job *ret_job);

#endif
