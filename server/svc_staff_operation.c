/* svc_staff_operation: nodes, signing keys and the outbox at one glance. Changes of keys
 * and members are made with the operator's command; a dead letter is tried again here. */
#include "server/svc_staff_internal.h"

static void outbox_listed(struct staff_op *op) {
    json_t *view = op->kept;

    op->kept = NULL;
    json_object_set_new(view, "outbox", svc_staff_answer(op));
    svc_staff_view(op, view);
}

static void keys_listed(struct staff_op *op) {
    json_object_update_new(op->kept, svc_staff_answer(op));
    svc_staff_call(op, ADMIN_OUTBOX_LIST, NULL, outbox_listed);
}

static void nodes_listed(struct staff_op *op) {
    op->kept = svc_staff_answer(op);
    svc_staff_call(op, ADMIN_KEY_LIST, NULL, keys_listed);
}

void svc_staff_operation(struct staff_op *op) {
    svc_staff_call(op, ADMIN_NODE_LIST, NULL, nodes_listed);
}

static void retried(struct staff_op *op) {
    svc_staff_done(op, "/staff/operation?notice=retried");
}

void svc_staff_outbox_retry(struct staff_op *op) {
    svc_staff_call(op, ADMIN_OUTBOX_RETRY,
                   json_pack("{s:o}", "id", svc_staff_text(svc_staff_field(op, "id"))),
                   retried);
}
