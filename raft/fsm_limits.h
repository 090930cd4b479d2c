/* fsm_limits: bounds and times that the state machine itself decides. A change of
 * any of them changes what frames do, and so needs a new fsm version. */
#ifndef RAFT_FSM_LIMITS_H
#define RAFT_FSM_LIMITS_H

#include "store/base/limits.h"

/* Outcomes kept per node; older ones are forgotten even if the node's low mark
 * stands still. More than the node may have outstanding. */
#define FSM_OUTCOMES_PER_NODE (2u * LIMIT_SUBMIT_QUEUE)

/* Lock-out: this many consecutive failures lock for the first time, and each
 * further one doubles (NIST SP 800-63B §3.2.2 allows at most 100 guesses). */
#define FSM_LOGIN_FAILURES_MAX 10u
#define FSM_LOCK_FIRST_MS (15ull * 60 * 1000)
#define FSM_LOCK_MAX_MS (24ull * 60 * 60 * 1000)
/* Without a further failure the counter is forgotten, after the lock's end. */
#define FSM_ATTEMPTS_FORGET_MS (24ull * 60 * 60 * 1000)
/* Rows of counters; then the one that would be forgotten first makes room. */
#define FSM_ATTEMPTS_ROWS_MAX 100000u

/* Staff accounts; beyond it OUT_FULL. */
#define FSM_STAFF_MAX 1000u
/* Staff's one-time codes (server/domain/totp.h). A code of the step before is still
 * good when it is compared, and the command may wait for one step more. */
#define FSM_TOTP_STEP_MS 30000u
#define FSM_TOTP_LATE_STEPS 2u

/* Second factors of one account; beyond it OUT_FULL. */
#define FSM_FACTORS_MAX LIMIT_FACTORS
/* Wrong codes of the second step, and how long they are remembered: raft/fsm_factor.h
 * says what chance that leaves. */
#define FSM_FACTOR_FAILURES_MAX 10u
/* And so many more for the holder who has changed the password since. */
#define FSM_FACTOR_RESERVE 5u
#define FSM_FACTOR_DAY_MS (24ull * 60 * 60 * 1000)
/* Codes that are sent in one sign-in. */
#define FSM_SIGNIN_CODES_MAX 5u
/* Questions to the smartphone app: how long one may be answered, how many of one account
 * there may be in that time, and how many wrong numbers are a no. A number has two
 * digits: a person who guesses with the device in hand approves with 1 in 30. */
#define FSM_APP_CHALLENGE_MS (2ull * 60 * 1000)
#define FSM_APP_CHALLENGES_MAX 3u
#define FSM_APP_WRONG_MAX 3u

/* The outbox: messages that wait, and dead letters. What is over the first is a dead
 * letter, what is over the second is dropped and counted. */
#define FSM_OUTBOX_WAITING_CLIENT 10000u
#define FSM_OUTBOX_WAITING 200000u
/* Mail waits in one queue and text messages in another one, beside those of clients. */
#define FSM_OUTBOX_WAITING_QUEUE 100000u
#define FSM_OUTBOX_DEAD_QUEUE 10000u
#define FSM_OUTBOX_DEAD_CLIENT 1000u
#define FSM_OUTBOX_DEAD 20000u
#define FSM_OUTBOX_DEAD_KEEP_MS (7ull * 24 * 60 * 60 * 1000)
/* An attempt takes at most ten seconds, and its end is told in one more. */
#define FSM_OUTBOX_LEASE_MS 15000u
/* The pause after a failure doubles from attempt to attempt. */
#define FSM_OUTBOX_PAUSE_FIRST_MS 1000u
#define FSM_OUTBOX_PAUSE_MAX_MS (10u * 60 * 1000)
#define FSM_OUTBOX_ATTEMPTS_MAX 20u
#define FSM_OUTBOX_GIVE_UP_MS (24ull * 60 * 60 * 1000)

/* A frame without a tick sweeps too, or a busy cluster would never sweep: this many
 * rows a command, more than a command makes. */
#define FSM_SWEEP_PER_COMMAND 4u

/* End of the year 9999: a stamp beyond it is taken for this one, so that adding
 * a life time can never overflow. */
#define FSM_CLOCK_MAX_MS 253402300799999ull

/* Sessions whose rows one command of their holder takes away (raft/fsm_self.c). */
#define FSM_SELF_SESSIONS 1000u

/* The audit (raft/fsm_audit.h): how long records are kept, and how many at most, about
 * 600 bytes each. */
#define FSM_AUDIT_KEEP_MS (5ull * 366 * 24 * 60 * 60 * 1000)
#define FSM_AUDIT_RECORDS_MAX 30000000u
/* Records of one event about one account in a minute. */
#define FSM_AUDIT_MINUTE_SUBJECT 10u
/* Records a minute, and buckets at a time: about account IDs that nobody has, of
 * refusals, and of what succeeds. */
#define FSM_AUDIT_UNKNOWN_RECORDS 120u
#define FSM_AUDIT_UNKNOWN_BUCKETS 200u
#define FSM_AUDIT_FAILED_RECORDS 1200u
#define FSM_AUDIT_FAILED_BUCKETS 2000u
#define FSM_AUDIT_DONE_RECORDS 12000u
#define FSM_AUDIT_DONE_BUCKETS 12000u

/* Counters of relying parties: months that are kept beside the current one, and rows
 * that may be forgotten when one is made. */
#define FSM_USAGE_MONTHS 36
#define FSM_USAGE_FORGET_ROWS 8

/* The OCR farm's jobs: so many failures (lapsed leases included) of one round, then a
 * person looks; the pause after a failure; and how long finished rows are known, longer
 * than any result is under way. */
#define FSM_JOB_FAILURES_MAX 5u
#define FSM_JOB_PAUSE_MS 2000u
#define FSM_JOB_LEASE_MAX_MS (10u * 60 * 1000)
#define FSM_JOB_KEEP_MS (7ull * 24 * 60 * 60 * 1000)
/* ocr_reasons of a job that nobody could finish. */
#define FSM_OCR_REASON_POISON (1ull << 63)
/* A blob that nothing names, or no longer. */
#define FSM_BLOB_KEEP_MS (24ull * 60 * 60 * 1000)
/* Blobs that one frame looks at when members or lost nodes have changed. */
#define FSM_BLOB_WALK_ROWS 128
/* A new member counts so long without a word of its own. */
#define FSM_BLOB_FIRST_MS (10u * 60 * 1000)
/* A node whose word lapsed has its lease again, this at most, before it is lost: after
 * a power cut of all, every word has lapsed, and everybody is about to say it anew. */
#define FSM_BLOB_DOUBT_MS (60u * 1000)
/* A person's claim of an application. */
#define FSM_CLAIM_MAX_MS (2u * 60 * 60 * 1000)
/* Telephone numbers of applications that wait for a second person: so long, and so many;
 * beyond it OUT_FULL. */
#define FSM_CORRECTION_WAIT_MS (14ull * 24 * 60 * 60 * 1000)
#define FSM_CORRECTIONS_MAX 2000u
/* Imports of decisions; beyond it OUT_FULL. */
#define FSM_IMPORTS_MAX 20000u
/* One that was rejected, or whose last line is settled, is shown so long. */
#define FSM_IMPORT_KEEP_MS (30ull * 24 * 60 * 60 * 1000)
/* One that nobody judges, or whose lines nobody goes on with: what it was about has
 * changed by then. */
#define FSM_IMPORT_WAIT_MS (90ull * 24 * 60 * 60 * 1000)

#endif
