/* store_job: work for the OCR farm, leased by workers.
 *
 * A job is named by its kind and its subject, so there is one for each at a time.
 * Written by raft/fsm_job.c.
 * Invariants:
 *   J1  WAITING -> LEASED -> DONE, WAITING (lapsed, failed) or POISON (as often as may
 *       be); who holds the current attempt alone gives the result;
 *   J2  `attempt` only grows while the row is there, a new round of the same job
 *       included: a result of an older one changes nothing;
 *   J3  counts are those of the rows, by environment and state;
 *   J4  a farm of one environment never sees another's (DOMAIN §3.3, テスト系);
 *   J5  DONE and POISON rows alone have an expiry entry.
 * Thread: the transaction's. */
#ifndef STORE_STORE_JOB_H
#define STORE_STORE_JOB_H

#include "store/base/limits.h"
#include "store/store.h"
#include "store/store_application.h"

/* Numbers are stored; never reuse one. */
enum job_kind {
    JOB_SORT = 1, /* a bundle: which page is whose, and what is it */
    JOB_READ = 2, /* an application: do its pages say what was typed */
};
enum job_state { JOB_WAITING = 1, JOB_LEASED = 2, JOB_DONE = 3, JOB_POISON = 4 };

struct job_key {
    enum job_kind kind;
    struct id128 subject; /* bundle, or store_application_key */
};

struct ocr_job {
    struct job_key key;
    enum job_state state;
    enum client_environment environment;
    uint32_t attempt;  /* begun; names the lease */
    uint32_t failures; /* of this round, lapses included */
    uint64_t created_ms;
    uint64_t at_ms; /* WAITING: due; LEASED: due again; else may be swept */
    char worker[65];
    char error[65]; /* why the last attempt failed; "" */
};

enum err store_job_get(struct store_read *read, struct job_key key,
                       struct ocr_job *ret_job);
enum err store_job_put(struct store_write *write, const struct ocr_job *job);
enum err store_job_del(struct store_write *write, struct job_key key);
enum err store_job_count(struct store_read *read, enum client_environment environment,
                         enum job_state state, uint64_t *ret_count);
/* Those that are due (a lease that ran out is), the one that is due for longest first. */
enum err store_job_walk_due(struct store_read *read,
                            enum client_environment environment, uint64_t now_ms,
                            bool (*each)(void *arg, struct job_key key), void *arg);
/* By the key of its expiry entry (J5). */
struct key_hash store_job_mark(struct job_key key);
enum err store_job_by_mark(struct store_read *read, struct key_hash mark,
                           struct ocr_job *ret_job);

#endif
