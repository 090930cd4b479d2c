/* store_correction: an application's telephone number that the help desk asks to be put
 * right, until a second person has agreed (相互牽制) or nobody did in time.
 *
 * Written by raft/fsm_correction.c; read by server/svc_staff_help.c.
 * Invariants:
 *   O1  one row an application; it is gone when the application's state is over in which
 *       a number is still of use (store_correction_fits);
 *   O2  what is asked for is the whole profile as it is to be, sealed like the one that
 *       it takes the place of: whoever agrees puts nothing in;
 *   O3  each has an expiry entry for its `ends_ms`.
 * Thread: the transaction's. */
#ifndef STORE_STORE_CORRECTION_H
#define STORE_STORE_CORRECTION_H

#include "store/store_application.h"

/* How the help desk knew that it spoke with the applicant. Numbers are stored; never reuse
 * one. */
enum correction_basis {
    CORRECTION_CALLED_BACK = 1, /* at the organisation's own published number */
    CORRECTION_WRITTEN = 2,     /* a letter under the registered seal */
    CORRECTION_FORM = 3,        /* the signed form has it, and was typed otherwise */
};
#define CORRECTION_BASIS_LAST CORRECTION_FORM

struct correction {
    struct application_id id;
    struct id128 name; /* drawn for it: whoever agrees has seen this one */
    struct id128 by;   /* of the staff */
    enum correction_basis basis;
    uint64_t made_ms, ends_ms;
    struct span sealed; /* LIMIT_SEALED_PROFILE */
};

/* Its mailbox has answered, and no account has come of it yet. */
bool store_correction_fits(enum application_state state);
/* "called_back" */
const char *store_correction_basis_name(enum correction_basis basis);

/* `sealed` is copied into `arena`. ERR_NOT_FOUND, ERR_CORRUPT, ERR_NOMEM. */
enum err store_correction_get(struct store_read *read, struct arena *arena,
                              const struct application_id *id,
                              struct correction *ret_correction);
enum err store_correction_put(struct store_write *write,
                              const struct correction *correction);
/* That there is none is as good. */
enum err store_correction_del(struct store_write *write,
                              const struct application_id *id);
uint64_t store_correction_count(struct store_read *read);
/* `ends_ms` of the row alone. ERR_NOT_FOUND. */
enum err store_correction_ends_ms(struct store_read *read,
                                  const struct application_id *id, uint64_t *ret_ms);

/* `correction` borrows from the transaction. In order of the applications' ids. */
typedef bool store_correction_each(void *arg, const struct correction *correction);
enum err store_correction_walk(struct store_read *read, store_correction_each *each,
                               void *arg);

#endif
