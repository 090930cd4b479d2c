/* route_operator: the operator's port (mutual TLS), as svc_admin.h describes it. */
#include "http/http_respond.h"
#include "http/http_router.h"

static void respond_message(struct http_request *request, int status,
                            struct span message) {
    struct buf body;
    buf_init(&body, 4096);
    buf_str(&body, "{");
    buf_json_member(&body, "error", message);
    buf_str(&body, "}");
    http_respond_json(request, status, buf_span(&body));
    buf_free(&body);
}

static void on_admin(struct svc_admin *admin) {
    struct http_request *request = admin->arg;
    if (admin->op.err != OK) {
        http_respond_failure(request, admin->op.err, true);
    } else {
        switch (admin->kind) {
        case ADMIN_OK:
            http_respond_json(request, 200, admin->body);
            break;
        case ADMIN_INVALID:
            respond_message(request, 422, admin->message);
            break;
        case ADMIN_CONFLICT:
            respond_message(request, 409, admin->message);
            break;
        case ADMIN_NOT_FOUND:
            respond_message(request, 404, admin->message);
            break;
        }
    }
    svc_op_close(&admin->op);
    http_request_end(request);
}

static void start(struct http_request *request, enum svc_admin_action action) {
    struct svc_admin *admin = &request->op.admin;
    *admin = (struct svc_admin){
        .op.from = http_request_origin(request),
        .done = on_admin,
        .arg = request,
        .action = action,
        .body_in = arena_dup(&request->arena, http_request_body(request)),
    };
    http_request_wipe_body(request);
    svc_admin(request->thread->svc, admin);
}

void route_operator_status(struct http_request *request) {
    start(request, ADMIN_STATUS);
}

void route_operator_account_add(struct http_request *request) {
    start(request, ADMIN_ACCOUNT_ADD);
}

void route_operator_factor(struct http_request *request) {
    start(request, ADMIN_FACTOR);
}

void route_operator_client_add(struct http_request *request) {
    start(request, ADMIN_CLIENT_ADD);
}

void route_operator_client_list(struct http_request *request) {
    start(request, ADMIN_CLIENT_LIST);
}

void route_operator_client_change(struct http_request *request) {
    start(request, ADMIN_CLIENT_CHANGE);
}

void route_operator_registration(struct http_request *request) {
    start(request, ADMIN_REGISTRATION);
}

void route_operator_usage(struct http_request *request) {
    start(request, ADMIN_USAGE);
}

void route_operator_staff_add(struct http_request *request) {
    start(request, ADMIN_STAFF_ADD);
}

void route_operator_staff_list(struct http_request *request) {
    start(request, ADMIN_STAFF_LIST);
}

void route_operator_staff_change(struct http_request *request) {
    start(request, ADMIN_STAFF_CHANGE);
}

void route_operator_outbox_list(struct http_request *request) {
    start(request, ADMIN_OUTBOX_LIST);
}

void route_operator_outbox_retry(struct http_request *request) {
    start(request, ADMIN_OUTBOX_RETRY);
}

void route_operator_outbox_test(struct http_request *request) {
    start(request, ADMIN_OUTBOX_TEST);
}

void route_operator_key_list(struct http_request *request) {
    start(request, ADMIN_KEY_LIST);
}

void route_operator_key_rotate(struct http_request *request) {
    start(request, ADMIN_KEY_ROTATE);
}

void route_operator_key_revoke(struct http_request *request) {
    start(request, ADMIN_KEY_REVOKE);
}

void route_operator_audit_head(struct http_request *request) {
    start(request, ADMIN_AUDIT_HEAD);
}

void route_operator_audit(struct http_request *request) {
    start(request, ADMIN_AUDIT);
}

void route_operator_node_list(struct http_request *request) {
    start(request, ADMIN_NODE_LIST);
}

void route_operator_node_add(struct http_request *request) {
    start(request, ADMIN_NODE_ADD);
}

void route_operator_node_promote(struct http_request *request) {
    start(request, ADMIN_NODE_PROMOTE);
}

void route_operator_node_remove(struct http_request *request) {
    start(request, ADMIN_NODE_REMOVE);
}

void route_operator_leader_regions(struct http_request *request) {
    start(request, ADMIN_LEADER_REGIONS);
}

void route_operator_transfer(struct http_request *request) {
    start(request, ADMIN_TRANSFER);
}

void route_operator_application_list(struct http_request *request) {
    start(request, ADMIN_APPLICATION_LIST);
}

void route_operator_application_add(struct http_request *request) {
    start(request, ADMIN_APPLICATION_ADD);
}

void route_operator_evidence(struct http_request *request) {
    start(request, ADMIN_EVIDENCE);
}

void route_operator_batch_add(struct http_request *request) {
    start(request, ADMIN_BATCH_ADD);
}

void route_operator_bundle_add(struct http_request *request) {
    start(request, ADMIN_BUNDLE_ADD);
}

void route_operator_batch_progress(struct http_request *request) {
    start(request, ADMIN_BATCH_PROGRESS);
}

void route_operator_page_place(struct http_request *request) {
    start(request, ADMIN_PAGE_PLACE);
}

void route_operator_decisions(struct http_request *request) {
    start(request, ADMIN_DECISIONS);
}

void route_operator_decisions_import(struct http_request *request) {
    start(request, ADMIN_DECISIONS_IMPORT);
}

void route_operator_metrics(struct http_request *request) {
    struct buf text;
    buf_init(&text, 256 * 1024);
    svc_metrics(request->thread->svc, &text);
    http_respond_metrics(request, buf_span(&text));
    buf_free(&text);
    http_request_end(request);
}
