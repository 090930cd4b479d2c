/* store_request: authorization requests that were pushed (RFC 9126).
 *
 * Written by raft/fsm_request.c, deleted by fsm_grant.c; read by the authorization
 * endpoint. Invariants:
 *   Q1  the key is a keyed hash of the secret in the request_uri;
 *   Q2  the request was checked, and its client authenticated, when it was pushed;
 *   Q3  expires_ms <= keep_until_ms: it is begun before the first, and answered with a
 *       code before the second. */
#ifndef STORE_STORE_REQUEST_H
#define STORE_STORE_REQUEST_H

#include "store/store.h"

struct pushed_request {
    struct key_hash key;
    struct span client_id;
    struct span form; /* the request (server/oidc/login_state); LIMIT_PUSHED_REQUEST */
    uint64_t expires_ms;
    uint64_t keep_until_ms;
};

/* Spans in *ret_request borrow from the transaction. */
enum err store_request_get(struct store_read *read, struct key_hash key,
                           struct pushed_request *ret_request);
enum err store_request_put(struct store_write *write,
                           const struct pushed_request *request);
enum err store_request_del(struct store_write *write, struct key_hash key);

#endif
