/* svc_admin_internal: what the files svc_admin*.c share. Included by them alone. */
#ifndef SERVER_SVC_ADMIN_INTERNAL_H
#define SERVER_SVC_ADMIN_INTERNAL_H

#include "server/svc_admin.h"
#include "server/svc_internal.h"
#include "server/svc_json.h"

struct admin_op {
    struct svc_state base; /* first */
    struct svc_admin *admin;
    struct svc_json json;
};

/* Answers; each ends the operation. `message` is copied. */
void svc_admin_refuse(struct admin_op *op, enum svc_admin_kind kind,
                      const char *message);
void svc_admin_answer(struct admin_op *op, const struct buf *out);
/* The document's first mistake, as ADMIN_INVALID. */
void svc_admin_invalid(struct admin_op *op);

/* Room of an action's own state: svc_admin allocates the largest. */
size_t svc_admin_account_size(void);
size_t svc_admin_intake_size(void);
size_t svc_admin_decisions_size(void);
size_t svc_admin_client_size(void);
size_t svc_admin_staff_size(void);
size_t svc_admin_key_size(void);
size_t svc_admin_client_change_size(void);
size_t svc_admin_node_size(void);
size_t svc_admin_audit_size(void);
size_t svc_admin_registration_size(void);

void svc_admin_decisions(struct admin_op *op);
void svc_admin_decisions_import(struct admin_op *op);
void svc_admin_intake(struct admin_op *op);
void svc_admin_evidence(struct admin_op *op);
void svc_admin_account_add(struct admin_op *op);
void svc_admin_factor(struct admin_op *op);
void svc_admin_client_add(struct admin_op *op);
void svc_admin_client_list(struct admin_op *op);
void svc_admin_client_change(struct admin_op *op);
void svc_admin_registration(struct admin_op *op);
void svc_admin_usage(struct admin_op *op);
void svc_admin_key_list(struct admin_op *op);
void svc_admin_key_rotate(struct admin_op *op);
void svc_admin_key_revoke(struct admin_op *op);
void svc_admin_node_change(struct admin_op *op);
void svc_admin_node_list(struct admin_op *op);
void svc_admin_audit_head(struct admin_op *op);
void svc_admin_audit(struct admin_op *op);
void svc_admin_outbox_list(struct admin_op *op);
void svc_admin_outbox_retry(struct admin_op *op);
void svc_admin_outbox_test(struct admin_op *op);
/* ,"outbox":{waiting, dead, dropped}. In the open snapshot. */
enum err svc_admin_put_outbox(struct svc *svc, struct buf *out);
void svc_admin_staff_add(struct admin_op *op);
void svc_admin_staff_list(struct admin_op *op);
void svc_admin_staff_change(struct admin_op *op);
void svc_admin_status(struct admin_op *op);
/* configuration_index, member_change, leader_regions and nodes. */
/* In the open snapshot. `list`: the first of those that are short, one by one. */
enum err svc_admin_put_blobs(struct svc *svc, struct buf *out, bool list);
void svc_admin_put_members(struct buf *out, const struct repl_status *status);

/* Shared by svc_admin_client and svc_admin_client_change: the secret in a request, or
 * one that is drawn. */
#define CLIENT_SECRET_TEXT 43 /* base64url of 32 random bytes */
struct span svc_admin_secret(struct svc_json *json);
/* Of the row that is changed; 0: any. */
uint64_t svc_admin_revision(struct svc_json *json);
struct span svc_admin_secret_draw(struct svc *svc, char text[CLIENT_SECRET_TEXT + 1]);

#endif
