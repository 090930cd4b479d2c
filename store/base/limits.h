/* limits: every bound on what comes from outside, and every queue's length, in
 * one place. Bytes unless the name says otherwise. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define LIMIT_REQUEST_BODY (64 * 1024)
/* With a file, on the doors of staff and operators, for the paths that http_router names. */
#define LIMIT_REGISTRY_FILE (4 * 1024 * 1024)
#define LIMIT_DECISIONS_FILE (512 * 1024) /* a CSV of decisions */
#define LIMIT_UPLOAD_BODY (LIMIT_REGISTRY_FILE + 64 * 1024)
#define LIMIT_FORM_FIELDS 64
#define LIMIT_FORM_NAME 64
#define LIMIT_FORM_VALUE 8192
#define LIMIT_URL 8192
#define LIMIT_HEADERS 64
#define LIMIT_COOKIE 4096
#define LIMIT_JWT 8192
#define LIMIT_PASSWORD 512
#define LIMIT_ACCOUNT_ID 254 /* RFC 5321 §4.5.3.1.3 */
#define LIMIT_CLIENT_ID 64
#define LIMIT_STATE 2048
#define LIMIT_NONCE 512
#define LIMIT_REDIRECT_URI 2048
#define LIMIT_SCOPE 1024

/* Parts of stored rows. */
#define LIMIT_PASSWORD_HASH 256
#define LIMIT_SEALED_PROFILE (16 * 1024)
#define LIMIT_KID 64
#define LIMIT_PUBLIC_JWK 4096
#define LIMIT_SEALED_KEY (8 * 1024)
#define LIMIT_SIGNING_KEYS 32 /* rows */
#define LIMIT_CLIENT_NAME 512
#define LIMIT_STAFF_NAME 64
#define LIMIT_SEALED_SEED 128
/* Where a request came from (server/svc_origin.h), and texts of the audit. */
#define LIMIT_SEALED_ORIGIN 320
#define LIMIT_AUDIT_ACTOR 64
#define LIMIT_SEALED_ACCOUNT_ID 320
#define LIMIT_AUDIT_NOTE 128
#define LIMIT_CLIENT_JWKS (8 * 1024)
#define LIMIT_CLIENT_SUBJECT 1024
#define LIMIT_CLIENT_CERT (8 * 1024)
#define LIMIT_CLIENT_CHAIN (16 * 1024) /* what stands between it and an authority */
/* An authorization request that was pushed (RFC 9126), encoded. */
#define LIMIT_PUSHED_REQUEST (12 * 1024)

/* A second factor of an account, and what a sign-in in progress keeps for its method. */
#define LIMIT_FACTORS 10 /* rows of one account */
#define LIMIT_FACTOR_LABEL 128
#define LIMIT_FACTOR_SEALED 2048
#define LIMIT_SIGNIN_DATA 1024

/* One replicated command, encoded; and one frame of them. */
#define LIMIT_COMMAND (48 * 1024)
#define LIMIT_OUTCOME (16 * 1024)
#define LIMIT_FRAME (1024 * 1024)
#define LIMIT_FRAME_COMMANDS 256
/* Commands that wait on one node; beyond it ERR_BUSY. */
#define LIMIT_SUBMIT_QUEUE 4096
/* Requests that wait on one node for an index; beyond it ERR_BUSY. */
#define LIMIT_INDEX_WAITERS 4096
/* One message between peers. */
#define LIMIT_PEER_MESSAGE (2 * 1024 * 1024)
#define LIMIT_NODES 16
/* Messages of the outbox that one command leases or settles. */
#define LIMIT_OUTBOX_BATCH 64
/* What is said to a person, sealed; and counters that one message is held against. */
#define LIMIT_SEALED_MESSAGE (8 * 1024)
#define LIMIT_MESSAGE_CAPS 8
/* Clients that one batch of counters names. */
#define LIMIT_USAGE_BATCH 64
/* Intake: files and pages of a bundle, pages of an application, claims of blobs and jobs
 * that one command names, a review's kept entries, lines of one import. */
#define LIMIT_BUNDLE_FILES 16
#define LIMIT_BUNDLE_PAGES 256
#define LIMIT_APPLICATION_PAGES 32
#define LIMIT_BLOB_BATCH 64
#define LIMIT_JOB_LEASES 8
#define LIMIT_REVIEW_ENTRIES 16
#define LIMIT_REVIEW_NOTE 2048
#define LIMIT_IMPORT_LINES 200
/* One scan; and one piece of evidence. */
#define LIMIT_BLOB (64 * 1024 * 1024)
#define LIMIT_EVIDENCE (2 * 1024 * 1024)
/* Rows that one frame may sweep. */
#define LIMIT_SWEEP_ROWS 256
/* Password hashes that wait for a thread; beyond it ERR_BUSY. */
#define LIMIT_HASH_QUEUE 256

#endif
