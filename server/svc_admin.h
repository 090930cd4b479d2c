/* svc_admin: the operator's use cases, reached through the operator port alone.
 *
 * Input is the JSON of a request body, parsed here with named errors; output is
 * JSON text for the CLI (ops/cli). */
#ifndef SERVER_SVC_ADMIN_H
#define SERVER_SVC_ADMIN_H

#include "server/svc.h"

enum svc_admin_kind {
    ADMIN_OK,       /* `body` is the result */
    ADMIN_INVALID,  /* `message` names the member and what is wrong with it */
    ADMIN_CONFLICT, /* exists already */
    ADMIN_NOT_FOUND,
};
enum svc_admin_action {
    ADMIN_STATUS,      /* GET  /v1/status: this node's view of the cluster */
    ADMIN_ACCOUNT_ADD, /* POST /v1/accounts */
    ADMIN_CLIENT_ADD,  /* POST /v1/clients: answers the secret, once */
    ADMIN_CLIENT_LIST, /* GET  /v1/clients */
    ADMIN_TRANSFER,    /* POST /v1/transfer {"to": id or 0} */
};
struct svc_admin {
    struct svc_op op;
    void (*done)(struct svc_admin *admin);
    void *arg;
    enum svc_admin_action action;
    struct span body_in;
    enum svc_admin_kind kind;
    struct span body;
    struct span message;
};
void svc_admin(struct svc *svc, struct svc_admin *admin);

/* Prometheus text (version 0.0.4) of this node. Appends to `out`. */
void svc_metrics(struct svc *svc, struct buf *out);

#endif
