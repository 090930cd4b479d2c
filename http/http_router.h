/* http_router: what answers where.
 *
 *   h2o -> guard (http_head) -> host -> path, method (the table in http_router.c)
 *       -> route_*
 *
 * Paths are compared byte for byte: a path with `//`, dot segments, escapes or
 * parameters equals none of ours and gets 404, so there are no two spellings of one
 * resource. The operator's routes exist on the operator's door alone.
 *
 * Scripts of other sites (RPs in a browser) may call what needs no cookie: documents,
 * token, revocation, pushed requests, userinfo (RFC 9700 §2.1, §4.17 leave out the
 * authorization endpoint). Any origin, never with credentials: what such a script may
 * do is decided by the code, verifier or token that it holds, as for any other program.
 */
#ifndef HTTP_HTTP_ROUTER_H
#define HTTP_HTTP_ROUTER_H

#include "http/http_request.h"
#include "http/http_thread.h"

void http_router_register(struct http_listener *listener);

/* True when `host` (of a Host header or an absolute target) is one of ours. */
bool http_router_host_known(const struct config *config, struct span host);

/* The routes; each owns the request until http_request_end. */
typedef void http_route(struct http_request *request);
http_route route_home, route_health, route_style, route_script, route_apply_script, route_passkey, route_icon, route_missing;
http_route route_authorize_get, route_authorize_post, route_login, route_factor,
    route_recover_get, route_recover_post, route_reset_get, route_reset_post,
    route_entry_get, route_entry_post, route_entry_confirm_get, route_entry_confirm_post,
    route_consent;
http_route route_apply_get, route_apply_post, route_apply_confirm_get,
    route_apply_confirm_post, route_apply_document, route_apply_status_get, route_apply_status_post,
    route_apply_withdraw_get, route_apply_withdraw_post, route_activate_get,
    route_activate_post;
http_route route_token, route_par, route_revoke, route_introspect, route_userinfo_get,
    route_userinfo_post;
http_route route_discovery, route_jwks, route_logout_get, route_logout_post;
http_route route_register_read, route_register_write;
http_route route_enrol_get, route_enrol_post;
http_route route_app_register, route_app_challenges, route_app_answer, route_app_push;
http_route route_staff_root, route_staff_style, route_staff_script, route_staff_login_get,
    route_staff_login_post, route_staff_get, route_staff_post;
http_route route_operator_status, route_operator_account_add, route_operator_factor;
http_route route_operator_staff_list, route_operator_staff_change;
http_route route_operator_staff_add, route_operator_registration, route_operator_usage;
http_route route_operator_client_add, route_operator_client_list;
http_route route_operator_outbox_list, route_operator_outbox_retry,
    route_operator_outbox_test;
http_route route_operator_key_list, route_operator_key_rotate,
    route_operator_key_revoke, route_operator_client_change;
http_route route_account_get, route_account_post, route_account_signed_in;
http_route route_operator_audit_head, route_operator_audit;
http_route route_operator_node_list, route_operator_node_add;
http_route route_operator_node_promote, route_operator_node_remove;
http_route route_operator_leader_regions;
http_route route_operator_application_list, route_operator_application_add,
    route_operator_batch_add, route_operator_bundle_add, route_operator_batch_progress,
    route_operator_page_place, route_operator_evidence, route_operator_decisions,
    route_operator_decisions_import;
http_route route_blob_known, route_blob_part, route_blob_commit, route_blob_chunk;
http_route route_job_lease, route_job_result, route_job_failed;
http_route route_operator_transfer, route_operator_metrics;

#endif
