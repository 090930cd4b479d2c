/* store_usage: how often relying parties use the platform, by month (DOMAIN: login,
 * Userinfo, TOP-page and SMS counters).
 *
 * Written by raft/fsm_usage.c; read by server/svc_admin_usage.c. Key: month, client_id.
 * An empty client_id stands for what belongs to none, as the TOP page. Months are those
 * of Japan (store/base/japan.h), counted from January 1970. */
#ifndef STORE_STORE_USAGE_H
#define STORE_STORE_USAGE_H

#include "store/store.h"

enum usage_kind {
    USAGE_LOGIN,    /* a person was sent back to the RP with a code */
    USAGE_USERINFO, /* a userinfo request was answered */
    USAGE_TOP,      /* the TOP page was shown */
    USAGE_SMS,      /* a text message was sent on behalf of the RP's sign-in */
    USAGE_APP_ANDROID, /* a device of the smartphone app was registered */
    USAGE_APP_IOS,
    USAGE_KINDS
};

struct usage_row {
    uint32_t month;
    struct span client_id; /* borrows from the snapshot */
    uint64_t counts[USAGE_KINDS];
};

/* The month that the moment (ms since 1970, UTC) is in. */
uint32_t store_usage_month(uint64_t ms);
/* "yyyy-mm" and its end. */
#define STORE_USAGE_MONTH_TEXT 8
void store_usage_month_print(uint32_t month, char out[STORE_USAGE_MONTH_TEXT]);

/* ERR_NOT_FOUND. */
enum err store_usage_get(struct store_read *read, uint32_t month, struct span client_id,
                         struct usage_row *ret_row);
/* The first row, of the oldest month. ERR_NOT_FOUND. */
enum err store_usage_first(struct store_read *read, struct usage_row *ret_row);
/* client_id must not borrow from the transaction. */
enum err store_usage_put(struct store_write *write, const struct usage_row *row);
enum err store_usage_del(struct store_write *write, uint32_t month,
                         struct span client_id);
/* By month, then client_id, until it returns false. */
enum err store_usage_walk(struct store_read *read,
                          bool (*each)(void *arg, const struct usage_row *row),
                          void *arg);

#endif
