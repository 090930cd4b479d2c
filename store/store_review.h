/* store_review: who looks at an application, what they decided, and imports of
 * decisions (the report's CSV).
 *
 * Written by raft/fsm_review.c. Invariants:
 *   V1  one person holds an application at a time; the claim ends by itself;
 *   V2  `pending` is the decision that waits for a second person; it was made by
 *       another one than whoever confirms it (相互牽制);
 *   V3  an import's line is settled once, whoever sends it again;
 *   V4  an import's line is about the application as it stood when the file came: one
 *       whose papers, findings or state changed since is not decided by it;
 *   V5  an import has an expiry entry for its `drop_ms`, and stands in an index by the
 *       time at which it came.
 * Thread: the transaction's. */
#ifndef STORE_STORE_REVIEW_H
#define STORE_STORE_REVIEW_H

#include "store/base/limits.h"
#include "store/store.h"
#include "store/store_application.h"

/* Numbers are stored; never reuse one. */
enum review_decision {
    REVIEW_APPROVE = 1, /* 承認 */
    REVIEW_DENY = 2,    /* 否認 */
    REVIEW_HOLD = 3,    /* 保留 */
};

struct review_entry {
    struct id128 staff;
    enum review_decision decision;
    uint32_t defects;
    uint64_t at_ms;
    struct span note; /* sealed; LIMIT_REVIEW_NOTE */
};

struct review {
    struct application_id id;
    bool claimed;
    struct id128 holder;
    uint64_t until_ms;
    uint32_t claim; /* counts claims: names the current one */
    bool pending;   /* the last entry waits for another person (V2) */
    size_t count;   /* the latest LIMIT_REVIEW_ENTRIES, the oldest first */
    struct review_entry entries[LIMIT_REVIEW_ENTRIES];
};

/* Zeroed when there is none. Notes are copied into `arena`. ERR_CORRUPT, ERR_NOMEM. */
enum err store_review_get(struct store_read *read, struct arena *arena,
                          const struct application_id *id, struct review *ret_review);
enum err store_review_put(struct store_write *write, const struct review *review);
enum err store_review_del(struct store_write *write, const struct application_id *id);

enum import_state { IMPORT_PROPOSED = 1, IMPORT_APPROVED = 2, IMPORT_REJECTED = 3 };
enum import_line_state {
    IMPORT_LINE_OPEN = 0,
    IMPORT_LINE_DONE = 1,
    IMPORT_LINE_UNKNOWN = 2, /* no such application, when the file came or now */
    IMPORT_LINE_STATE = 3,   /* it is not to be decided now, or has changed since (V4) */
    IMPORT_LINE_SAME = 4,    /* one of the two has reviewed it before, alone */
};
#define IMPORT_LINE_LAST IMPORT_LINE_SAME

struct review_import {
    struct id128 id; /* of its bytes: a file that comes twice is one */
    enum import_state state;
    struct id128 proposer, approver;
    uint64_t created_ms;
    uint64_t drop_ms; /* then it goes, judged or not */
    size_t count;
    struct import_line {
        struct application_id id;
        enum review_decision decision; /* REVIEW_APPROVE (OK) or REVIEW_DENY (NG) */
        uint32_t defects;
        uint64_t revision; /* the application's, when the file came; 0: there was none */
        enum import_line_state state;
    } lines[LIMIT_IMPORT_LINES];
};

/* The struct is large: callers give one from an arena. */
enum err store_import_get(struct store_read *read, struct id128 id,
                          struct review_import *ret_import);
enum err store_import_put(struct store_write *write,
                          const struct review_import *import);
enum err store_import_del(struct store_write *write, struct id128 id);
/* When it goes. ERR_NOT_FOUND. */
enum err store_import_drop_ms(struct store_read *read, struct id128 id, uint64_t *ret_ms);
uint64_t store_import_count(struct store_read *read);
/* From the latest on: the next one that came before *at, which is changed to it (both
 * zero: the latest). ERR_NOT_FOUND: there is none. */
struct import_at {
    uint64_t created_ms;
    struct id128 id;
};
enum err store_import_before(struct store_read *read, struct import_at *at);

#endif
