/* svc_audit: finding records of the audit, for the operator's port, the staff's console
 * and the account pages.
 *
 *   svc_audit_query (texts, as people give them) -> svc_audit_find -> svc_audit_page
 *
 * Of the criteria the one that narrows most is walked by its index, the others are
 * compared. A page may come before the end of what was looked through: `next` then says
 * where to go on, also when it has no row at all.
 *
 * Who reads of others must leave a record of that: AUDIT_SEARCHED or AUDIT_STAFF_READ,
 * by CMD_AUDIT_NOTE, before it reads. Thread: the svc's; no snapshot is open, and none is
 * left open (V2). */
#ifndef SERVER_SVC_AUDIT_H
#define SERVER_SVC_AUDIT_H

#include "server/svc_internal.h"
#include "store/store_audit.h"

#define AUDIT_PAGE_MAX 500
/* Records that one call looks at. */
#define AUDIT_LOOK_MAX 20000

/* Zeroed: the newest records of all. */
struct svc_audit_query {
    struct span account; /* account ID, or sub in hex; of unknown ones too */
    struct span client_id;
    struct span staff;         /* name, or id in hex */
    struct span application;   /* 申請書ID, as people type it */
    struct span operator_name; /* as in the certificate */
    struct span event;         /* "signin.failed"; "signin.*" for all that begin so */
    struct span address;       /* network address, whole */
    uint64_t from_ms, to_ms;   /* both included; 0: no bound */
    bool upward;               /* oldest first */
    uint64_t at; /* from this seq on, itself included; 0: from the end, or beginning */
    unsigned limit; /* 1 to AUDIT_PAGE_MAX */
    bool sealed;    /* leave origins sealed, as an export does */
};

struct svc_audit_row {
    struct audit_record record; /* spans in the arena */
    struct audit_hash hash;
    struct span address, browser; /* opened; empty: none */
};

struct svc_audit_page {
    struct svc_audit_row *rows;
    size_t count;
    uint64_t next; /* `at` of the next page; 0: that was all */
    struct audit_head head;
};

/* What is wrong with the query's texts; NULL: nothing. Static English. */
const char *svc_audit_check(const struct svc_audit_query *query);
/* ERR_STALE and others: the caller's operation fails with it. */
enum err svc_audit_find(struct svc *svc, struct arena *arena,
                        const struct svc_audit_query *query,
                        struct svc_audit_page *ret_page);
/* The account that the query names, if there is one: a record of the search is about
 * it. */
enum err svc_audit_account(struct svc *svc, struct arena *arena,
                           const struct svc_audit_query *query, bool *ret_known,
                           struct id128 *ret_sub);

/* One record as JSON: the members of struct audit_record, so that its bytes can be
 * made again; identifiers and hashes in hex; address and browser when they were opened. */
void svc_audit_put(struct buf *out, const struct svc_audit_row *row);

#endif
