#include "server/svc_admin.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/svc_admin_internal.h"
#include "server/svc_origin.h"
#include "store/base/check.h"

static void finish(struct svc_state *state) {
    struct admin_op *op = (struct admin_op *)state;

    svc_json_close(&op->json);
    op->admin->done(op->admin);
}

void svc_admin_refuse(struct admin_op *op, enum svc_admin_kind kind,
                      const char *message) {
    struct span text = span_str(message);

    op->admin->message = arena_dup(&op->admin->op.arena, text);
    if (!op->admin->message.data) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    op->admin->kind = kind;
    finish(&op->base);
}

void svc_admin_invalid(struct admin_op *op) {
    CHECK(op->json.failed);
    svc_admin_refuse(op, ADMIN_INVALID, op->json.message);
}

void svc_admin_answer(struct admin_op *op, const struct buf *out) {
    enum err err = svc_take(&op->admin->op.arena, out, &op->admin->body);

    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    op->admin->kind = ADMIN_OK;
    finish(&op->base);
}

/* ---- transfer */

static void refuse_transfer(struct admin_op *op) {
    struct repl_status status;
    char message[128];

    repl_status(op->base.svc->shared->repl, &status);
    if (status.leader_id == 0)
        snprintf(message, sizeof message, "no leader is known at present");
    else
        snprintf(message, sizeof message, "this node does not lead: ask node %" PRIu64,
                 status.leader_id);
    svc_admin_refuse(op, ADMIN_CONFLICT, message);
}

static void transferred(struct svc_state *state) {
    struct admin_op *op = (struct admin_op *)state;
    struct svc *svc = state->svc;
    struct repl_status status;

    if (state->wait.err == ERR_NOT_LEADER) {
        refuse_transfer(op);
        return;
    }
    if (state->wait.err == ERR_NOT_FOUND || state->wait.err == ERR_INVALID) {
        svc_admin_refuse(op, ADMIN_NOT_FOUND, "to: there is no such voter");
        return;
    }
    if (state->wait.err) {
        svc_fail(state, state->wait.err);
        return;
    }
    repl_status(svc->shared->repl, &status);
    buf_reset(&svc->scratch);
    buf_str(&svc->scratch, "{");
    buf_json_u64(&svc->scratch, "leader_id", status.leader_id);
    buf_str(&svc->scratch, "}");
    svc_admin_answer(op, &svc->scratch);
}

static void transfer(struct admin_op *op) {
    static const char *const members[] = {"to", NULL};
    struct repl_status status;
    json_t *to_value;
    json_int_t to = 0;
    bool found;

    svc_json_parse(&op->json, op->admin->body_in, members);
    to_value = op->json.failed ? NULL : json_object_get(op->json.root, "to");
    if (to_value && (!json_is_integer(to_value) || json_integer_value(to_value) < 0))
        svc_json_fail(&op->json, "to: a node's id is expected, or 0 for any");
    if (op->json.failed) {
        svc_admin_invalid(op);
        return;
    }
    to = to_value ? json_integer_value(to_value) : 0;
    found = to == 0;
    repl_status(op->base.svc->shared->repl, &status);
    for (size_t i = 0; i < status.nodes_count; i++)
        found = found || status.nodes[i].id == (uint64_t)to;
    if (!found)
        svc_admin_refuse(op, ADMIN_NOT_FOUND, "to: there is no such node");
    else if ((uint64_t)to == status.node_id)
        svc_admin_refuse(op, ADMIN_INVALID, "to: that is the node that was asked");
    else
        svc_transfer(&op->base, (uint64_t)to, transferred);
}

/* Actions that keep more between their steps than the request. */
static size_t size_of(enum svc_admin_action action) {
    if (action == ADMIN_ACCOUNT_ADD)
        return svc_admin_account_size();
    if (action == ADMIN_CLIENT_ADD)
        return svc_admin_client_size();
    if (action == ADMIN_CLIENT_CHANGE)
        return svc_admin_client_change_size();
    if (action >= ADMIN_APPLICATION_ADD && action <= ADMIN_PAGE_PLACE)
        return svc_admin_intake_size();
    if (action == ADMIN_DECISIONS || action == ADMIN_DECISIONS_IMPORT)
        return svc_admin_decisions_size();
    if (action == ADMIN_AUDIT)
        return svc_admin_audit_size();
    if (action == ADMIN_REGISTRATION)
        return svc_admin_registration_size();
    if (action == ADMIN_STAFF_ADD || action == ADMIN_STAFF_CHANGE)
        return svc_admin_staff_size();
    if (action == ADMIN_KEY_ROTATE || action == ADMIN_KEY_REVOKE)
        return svc_admin_key_size();
    if (action >= ADMIN_NODE_ADD && action <= ADMIN_LEADER_REGIONS)
        return svc_admin_node_size();
    return sizeof(struct admin_op);
}

static void (*const actions[])(struct admin_op *op) = {
    [ADMIN_STATUS] = svc_admin_status,
    [ADMIN_ACCOUNT_ADD] = svc_admin_account_add,
    [ADMIN_FACTOR] = svc_admin_factor,
    [ADMIN_CLIENT_ADD] = svc_admin_client_add,
    [ADMIN_CLIENT_LIST] = svc_admin_client_list,
    [ADMIN_CLIENT_CHANGE] = svc_admin_client_change,
    [ADMIN_REGISTRATION] = svc_admin_registration,
    [ADMIN_STAFF_ADD] = svc_admin_staff_add,
    [ADMIN_STAFF_LIST] = svc_admin_staff_list,
    [ADMIN_STAFF_CHANGE] = svc_admin_staff_change,
    [ADMIN_USAGE] = svc_admin_usage,
    [ADMIN_OUTBOX_LIST] = svc_admin_outbox_list,
    [ADMIN_OUTBOX_RETRY] = svc_admin_outbox_retry,
    [ADMIN_OUTBOX_TEST] = svc_admin_outbox_test,
    [ADMIN_KEY_LIST] = svc_admin_key_list,
    [ADMIN_KEY_ROTATE] = svc_admin_key_rotate,
    [ADMIN_KEY_REVOKE] = svc_admin_key_revoke,
    [ADMIN_NODE_LIST] = svc_admin_node_list,
    [ADMIN_AUDIT_HEAD] = svc_admin_audit_head,
    [ADMIN_AUDIT] = svc_admin_audit,
    [ADMIN_NODE_ADD] = svc_admin_node_change,
    [ADMIN_NODE_PROMOTE] = svc_admin_node_change,
    [ADMIN_NODE_REMOVE] = svc_admin_node_change,
    [ADMIN_LEADER_REGIONS] = svc_admin_node_change,
    [ADMIN_APPLICATION_ADD] = svc_admin_intake,
    [ADMIN_APPLICATION_LIST] = svc_admin_intake,
    [ADMIN_BATCH_ADD] = svc_admin_intake,
    [ADMIN_BUNDLE_ADD] = svc_admin_intake,
    [ADMIN_BATCH_PROGRESS] = svc_admin_intake,
    [ADMIN_PAGE_PLACE] = svc_admin_intake,
    [ADMIN_DECISIONS] = svc_admin_decisions,
    [ADMIN_DECISIONS_IMPORT] = svc_admin_decisions_import,
    [ADMIN_EVIDENCE] = svc_admin_evidence,
    [ADMIN_TRANSFER] = transfer,
};

void svc_admin(struct svc *svc, struct svc_admin *admin) {
    struct admin_op *op;

    admin->kind = ADMIN_OK;
    admin->body = admin->message = span_of(NULL, 0);
    op = svc_op_begin(svc, &admin->op, size_of(admin->action), finish);
    if (!op) {
        admin->done(admin);
        return;
    }
    op->admin = admin;
    if (admin->by_staff.len > 0)
        svc_act_as(&op->base, AUDIT_STAFF, admin->by_staff);
    CHECK((size_t)admin->action < sizeof actions / sizeof actions[0] &&
          actions[admin->action]);
    actions[admin->action](op);
}
