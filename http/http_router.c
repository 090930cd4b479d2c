#include "http/http_router.h"

#include <strings.h>

#include "http/http_console.h"
#include "http/http_head.h"
#include "http/http_page.h"
#include "http/http_respond.h"

struct route {
    const char *path;
    http_route *get; /* and HEAD; NULL: not allowed */
    http_route *post;
    enum {
        PLAIN = 0,
        OWN_FORM = 1,     /* POST comes from a page of ours: other sites are refused */
        CROSS_ORIGIN = 2, /* scripts of any site may call it (http_router.h) */
        MANAGED = 4,      /* `post` takes PUT and DELETE too (RFC 7592) */
        TAKES_FILE = 8,   /* its body may be larger than a form's (H5 of http_thread.h) */
    } traits;
};

static const struct route public_routes[] = {
    {"/oauth/userinfo", route_userinfo_get, route_userinfo_post, CROSS_ORIGIN},
    {"/oauth/token", NULL, route_token, CROSS_ORIGIN},
    {"/oauth/par", NULL, route_par, CROSS_ORIGIN},
    {"/oauth/revoke", NULL, route_revoke, CROSS_ORIGIN},
    {"/oauth/introspect", NULL, route_introspect, PLAIN},
    {"/oauth/register", route_register_read, route_register_write, MANAGED},
    {"/.well-known/oauth-authorization-server/oauth", route_discovery, NULL,
     CROSS_ORIGIN},
    {"/oauth/authorize", route_authorize_get, route_authorize_post, PLAIN},
    {"/oauth/jwks", route_jwks, NULL, CROSS_ORIGIN},
    {"/oauth/.well-known/openid-configuration", route_discovery, NULL, CROSS_ORIGIN},
    {"/oauth/login", NULL, route_login, OWN_FORM},
    {"/oauth/factor", NULL, route_factor, OWN_FORM},
    {"/oauth/passkey", NULL, route_passkey, OWN_FORM},
    {"/account/enrol", route_enrol_get, route_enrol_post, OWN_FORM},
    {"/oauth/consent", NULL, route_consent, OWN_FORM},
    {"/oauth/recover", route_recover_get, route_recover_post, OWN_FORM},
    {"/oauth/reset", route_reset_get, route_reset_post, OWN_FORM},
    {"/register", route_entry_get, route_entry_post, OWN_FORM},
    {"/register/confirm", route_entry_confirm_get, route_entry_confirm_post, OWN_FORM},
    {"/apply", route_apply_get, route_apply_post, OWN_FORM},
    {"/apply/confirm", route_apply_confirm_get, route_apply_confirm_post, OWN_FORM},
    {"/apply/document", route_apply_document, NULL, PLAIN},
    {"/apply/status", route_apply_status_get, route_apply_status_post, OWN_FORM},
    {"/apply/withdraw", route_apply_withdraw_get, route_apply_withdraw_post, OWN_FORM},
    {"/apply/activate", route_activate_get, route_activate_post, OWN_FORM},
    {"/oauth/app/register", NULL, route_app_register, PLAIN},
    {"/oauth/app/challenges", NULL, route_app_challenges, PLAIN},
    {"/oauth/app/answer", NULL, route_app_answer, PLAIN},
    {"/oauth/app/push", NULL, route_app_push, PLAIN},
    {"/oauth/logout", route_logout_get, route_logout_post, PLAIN},
    {"/account", route_account_get, NULL, OWN_FORM},
    {"/account/password", route_account_get, route_account_post, OWN_FORM},
    {"/account/sessions", route_account_get, route_account_post, OWN_FORM},
    {"/account/factors", route_account_get, route_account_post, OWN_FORM},
    {"/account/id", route_account_get, route_account_post, OWN_FORM},
    {"/account/confirm", route_account_get, route_account_post, OWN_FORM},
    {"/account/activity", route_account_get, NULL, OWN_FORM},
    {"/account/close", route_account_get, route_account_post, OWN_FORM},
    {"/account/signed-in", route_account_signed_in, NULL, PLAIN},
    {"/health", route_health, NULL, PLAIN},
    {"/", route_home, NULL, PLAIN},
    {"/favicon.ico", route_icon, NULL, PLAIN},
};

static const struct route operator_routes[] = {
    {"/v1/status", route_operator_status, NULL, PLAIN},
    {"/v1/accounts", NULL, route_operator_account_add, PLAIN},
    {"/v1/accounts/factors", NULL, route_operator_factor, PLAIN},
    {"/v1/clients", route_operator_client_list, route_operator_client_add, PLAIN},
    {"/v1/clients/change", NULL, route_operator_client_change, PLAIN},
    {"/v1/registration-tokens", NULL, route_operator_registration, PLAIN},
    {"/v1/staff", route_operator_staff_list, route_operator_staff_add, PLAIN},
    {"/v1/staff/change", NULL, route_operator_staff_change, PLAIN},
    {"/v1/usage", route_operator_usage, NULL, PLAIN},
    {"/v1/outbox", route_operator_outbox_list, NULL, PLAIN},
    {"/v1/outbox/retry", NULL, route_operator_outbox_retry, PLAIN},
    {"/v1/outbox/test", NULL, route_operator_outbox_test, PLAIN},
    {"/v1/keys", route_operator_key_list, route_operator_key_rotate, PLAIN},
    {"/v1/keys/revoke", NULL, route_operator_key_revoke, PLAIN},
    {"/v1/audit", route_operator_audit_head, route_operator_audit, PLAIN},
    {"/v1/nodes", route_operator_node_list, route_operator_node_add, PLAIN},
    {"/v1/nodes/promote", NULL, route_operator_node_promote, PLAIN},
    {"/v1/nodes/remove", NULL, route_operator_node_remove, PLAIN},
    {"/v1/leader-regions", NULL, route_operator_leader_regions, PLAIN},
    {"/v1/blobs/known", NULL, route_blob_known, PLAIN},
    {"/v1/blobs/part", NULL, route_blob_part, PLAIN},
    {"/v1/blobs/commit", NULL, route_blob_commit, PLAIN},
    {"/v1/applications", route_operator_application_list,
     route_operator_application_add, PLAIN},
    {"/v1/applications/evidence", NULL, route_operator_evidence, PLAIN},
    {"/v1/intake/batches", NULL, route_operator_batch_add, PLAIN},
    {"/v1/intake/bundles", NULL, route_operator_bundle_add, PLAIN},
    {"/v1/intake/progress", NULL, route_operator_batch_progress, PLAIN},
    {"/v1/intake/place", NULL, route_operator_page_place, PLAIN},
    {"/v1/decisions", NULL, route_operator_decisions, PLAIN},
    {"/v1/decisions/import", NULL, route_operator_decisions_import, TAKES_FILE},
    {"/v1/transfer", NULL, route_operator_transfer, PLAIN},
    {"/metrics", route_operator_metrics, NULL, PLAIN},
    {"/health", route_health, NULL, PLAIN},
};

/* What clients do with their certificates; people and browsers have no business here.
 */
static const struct route mtls_routes[] = {
    {"/oauth/userinfo", route_userinfo_get, route_userinfo_post, CROSS_ORIGIN},
    {"/oauth/token", NULL, route_token, CROSS_ORIGIN},
    {"/oauth/par", NULL, route_par, CROSS_ORIGIN},
    {"/oauth/revoke", NULL, route_revoke, CROSS_ORIGIN},
    {"/oauth/introspect", NULL, route_introspect, PLAIN},
    {"/health", route_health, NULL, PLAIN},
};

/* The staff console (route_staff.c says which action and page a path is). */
static const struct route staff_routes[] = {
    {"/staff", route_staff_get, NULL, PLAIN},
    {"/staff/login", route_staff_login_get, route_staff_login_post, OWN_FORM},
    {"/staff/logout", NULL, route_staff_post, OWN_FORM},
    {"/staff/sessions", route_staff_get, route_staff_post, OWN_FORM},
    {"/staff/password", route_staff_get, route_staff_post, OWN_FORM},
    {"/staff/rps", route_staff_get, NULL, PLAIN},
    {"/staff/rps.json", route_staff_get, NULL, PLAIN},
    {"/staff/rps/ministries", route_staff_get, NULL, PLAIN},
    {"/staff/rps/import", route_staff_get, route_staff_post, OWN_FORM | TAKES_FILE},
    {"/staff/rp", route_staff_get, NULL, PLAIN},
    {"/staff/rp/edit", route_staff_get, route_staff_post, OWN_FORM},
    {"/staff/rp/stage", NULL, route_staff_post, OWN_FORM},
    {"/staff/rp/retire", NULL, route_staff_post, OWN_FORM},
    {"/staff/rp/secret", NULL, route_staff_post, OWN_FORM},
    {"/staff/people", route_staff_get, route_staff_post, OWN_FORM},
    {"/staff/people/add", route_staff_get, route_staff_post, OWN_FORM},
    {"/staff/operation", route_staff_get, route_staff_post, OWN_FORM},
    {"/staff/audit", route_staff_get, NULL, PLAIN},
    {"/staff/desk", route_staff_get, NULL, PLAIN},
    {"/staff/application", route_staff_get, NULL, PLAIN},
    {"/staff/application/claim", NULL, route_staff_post, OWN_FORM},
    {"/staff/application/release", NULL, route_staff_post, OWN_FORM},
    {"/staff/application/decide", NULL, route_staff_post, OWN_FORM},
    {"/staff/scan", route_staff_get, NULL, PLAIN},
    {"/staff/help", route_staff_get, NULL, PLAIN},
    {"/staff/help/find", NULL, route_staff_post, OWN_FORM},
    {"/staff/help/resend", NULL, route_staff_post, OWN_FORM},
    {"/staff/help/correct", NULL, route_staff_post, OWN_FORM},
    {"/staff/help/settle", NULL, route_staff_post, OWN_FORM},
    {"/staff/imports", route_staff_get, route_staff_post, OWN_FORM | TAKES_FILE},
    {"/staff/import", route_staff_get, route_staff_post, OWN_FORM},
    {"/staff/import/settle", NULL, route_staff_post, OWN_FORM},
    {"/staff/decisions.csv", route_staff_get, NULL, PLAIN},
    {"/staff/intake", route_staff_get, NULL, PLAIN},
    {"/staff/intake/place", NULL, route_staff_post, OWN_FORM},
    {"/staff/intake/upload", NULL, route_staff_post, OWN_FORM},
    {"/staff/application/receive", NULL, route_staff_post, OWN_FORM},
    {"/staff/application/defect", NULL, route_staff_post, OWN_FORM},
    {"/staff/letter", route_staff_get, NULL, PLAIN},
    {"/staff/application/return", NULL, route_staff_post, OWN_FORM},
    {"/staff/desk/next", NULL, route_staff_post, OWN_FORM},
    {"/", route_staff_root, NULL, PLAIN},
    {"/health", route_health, NULL, PLAIN},
    {"/favicon.ico", route_icon, NULL, PLAIN},
};

/* What the OCR farm asks for (server/svc_job.h). */
static const struct route worker_routes[] = {
    {"/v1/jobs/lease", NULL, route_job_lease, PLAIN},
    {"/v1/jobs/blob", route_blob_chunk, NULL, PLAIN},
    {"/v1/jobs/result", NULL, route_job_result, PLAIN},
    {"/v1/jobs/failed", NULL, route_job_failed, PLAIN},
    {"/health", route_health, NULL, PLAIN},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 3986 §3.2.3: what follows the colon is digits, or it is no port. */
static struct span without_port(struct span host) {
    const uint8_t *colon = memchr(host.data, ':', host.len);
    if (colon == NULL) {
        return host;
    }
    for (const uint8_t *p = colon + 1; p < host.data + host.len; p++) {
        if (*p < '0' || *p > '9') {
            return host;
        }
    }
    return span_of(host.data, (size_t)(colon - host.data));
}

static bool same_host(struct span a, struct span b) {
    return a.len == b.len &&
           strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0;
}

bool http_router_host_known(const struct config *config, struct span host) {
    for (size_t i = 0; i < config->hosts_count; i++) {
        struct span known = span_str(config->hosts[i]);
        bool any_port = memchr(known.data, ':', known.len) == NULL;
        if (same_host(known, any_port ? without_port(host) : host)) {
            return true;
        }
    }
    return false;
}

static int status_of(enum http_head_verdict verdict) {
    switch (verdict) {
    case HEAD_CHUNKED:
        return 411;
    case HEAD_URL_TOO_LONG:
        return 414;
    case HEAD_FIELDS_TOO_MANY:
        return 431;
    case HEAD_HTTP_VERSION:
        return 505;
    default:
        return 400;
    }
}

/* An absolute-form target (RFC 9112 §3.2.2) names the host; h2o keeps it as it is. */
static bool split_target(struct http_head *head, struct span *ret_path) {
    static const char scheme[] = "https://";
    size_t len = sizeof(scheme) - 1;
    struct span target = head->target;
    if (target.data[0] == '/') {
        *ret_path = target;
        return true;
    }
    if (target.len <= len || strncasecmp((const char *)target.data, scheme, len) != 0) {
        return false;
    }
    struct span rest = span_of(target.data + len, target.len - len);
    const uint8_t *slash = memchr(rest.data, '/', rest.len);
    if (slash == NULL || slash == rest.data) {
        return false;
    }
    head->host = span_of(rest.data, (size_t)(slash - rest.data));
    *ret_path = span_of(slash, rest.len - head->host.len);
    return true;
}

static struct span header_of(const h2o_req_t *h2o, const char *name, size_t len) {
    ssize_t at = h2o_find_header_by_str(&h2o->headers, name, len, -1);
    if (at < 0) {
        return span_of(NULL, 0);
    }
    h2o_iovec_t value = h2o->headers.entries[at].value;
    return span_of(value.base, value.len);
}

/* Only a page of our own may send a form here (SECURITY_CHECKS D15). Browsers say
 * where a form comes from by Sec-Fetch-Site; older ones by Origin, which our own
 * `no-referrer` makes "null": there the form's binding to the browser's cookie,
 * which is SameSite, stands alone. */
static bool is_cross_site(const struct config *config, const h2o_req_t *h2o) {
    static const char scheme[] = "https://";
    size_t len = sizeof(scheme) - 1;
    struct span site = header_of(h2o, H2O_STRLIT("sec-fetch-site"));
    if (site.data != NULL) {
        return !span_is(site, "same-origin") && !span_is(site, "none");
    }
    struct span origin = header_of(h2o, H2O_STRLIT("origin"));
    if (origin.data == NULL || span_is(origin, "null")) {
        return false;
    }
    return origin.len <= len || memcmp(origin.data, scheme, len) != 0 ||
           !http_router_host_known(config,
                                   span_of(origin.data + len, origin.len - len));
}

static void respond_header(h2o_req_t *h2o, const char *name, const char *value) {
    h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, name, strlen(name), 0, NULL,
                          value, strlen(value));
}

/* The answer of a CROSS_ORIGIN route is any site's to read. */
static void allow_origin(h2o_req_t *h2o) {
    respond_header(h2o, "access-control-allow-origin", "*");
    respond_header(h2o, "access-control-expose-headers",
                   "dpop-nonce, www-authenticate");
}

/* The question that a browser asks before such a call. */
static void respond_preflight(struct http_thread *thread, h2o_req_t *h2o,
                              const struct route *route) {
    allow_origin(h2o);
    respond_header(h2o, "access-control-allow-methods",
                   route->get == NULL    ? "POST"
                   : route->post == NULL ? "GET"
                                         : "GET, POST");
    respond_header(h2o, "access-control-allow-headers",
                   "authorization, content-type, dpop");
    respond_header(h2o, "access-control-max-age", "3600");
    http_respond_empty(thread, h2o);
}

/* The value of Allow (RFC 9110 §10.2.1). */
static const char *allowed(const struct route *route) {
    if (route->traits & MANAGED) {
        return "GET, HEAD, POST, PUT, DELETE";
    }
    return route->get == NULL    ? "POST"
           : route->post == NULL ? "GET, HEAD"
                                 : "GET, HEAD, POST";
}

static http_route *handler_of(const struct route *route, struct span method) {
    if (span_is(method, "POST")) {
        return route->post;
    }
    if (span_is(method, "GET") || span_is(method, "HEAD")) {
        return route->get;
    }
    bool managed = span_is(method, "PUT") || span_is(method, "DELETE");
    return managed && route->traits & MANAGED ? route->post : NULL;
}

static void dispatch(struct http_thread *thread, enum http_door door, h2o_req_t *h2o,
                     const struct route *route, struct span method) {
    bool is_post = span_is(method, "POST");
    http_route *handler = handler_of(route, method);
    if (route->traits & CROSS_ORIGIN && span_is(method, "OPTIONS")) {
        respond_preflight(thread, h2o, route);
        return;
    }
    if (route->traits & CROSS_ORIGIN) {
        allow_origin(h2o);
    }
    if (handler == NULL) {
        http_respond_raw(thread, h2o, 405, "see the Allow header", allowed(route));
        return;
    }
    if (h2o->entity.len > (route->traits & TAKES_FILE ? LIMIT_UPLOAD_BODY : LIMIT_REQUEST_BODY)) {
        http_respond_raw(thread, h2o, 413, "the body is too large", NULL);
        return;
    }
    if (is_post && route->traits & OWN_FORM && is_cross_site(thread->config, h2o)) {
        http_respond_raw(thread, h2o, 403, "the form was sent by another site", NULL);
        return;
    }
    handler(http_request_begin(thread, door, h2o));
}

static const struct route *find(enum http_door door, struct span path) {
    static const struct {
        const struct route *routes;
        size_t count;
        bool pages;
    } tables[DOORS] = {
        [DOOR_DIRECT] = {public_routes, COUNT(public_routes), true},
        [DOOR_BALANCER] = {public_routes, COUNT(public_routes), true},
        [DOOR_OPERATOR] = {operator_routes, COUNT(operator_routes), false},
        [DOOR_MTLS] = {mtls_routes, COUNT(mtls_routes), false},
        [DOOR_STAFF] = {staff_routes, COUNT(staff_routes), true},
        [DOOR_WORKER] = {worker_routes, COUNT(worker_routes), false},
    };
    for (size_t i = 0; i < tables[door].count; i++) {
        if (span_is(path, tables[door].routes[i].path)) {
            return &tables[door].routes[i];
        }
    }
    static const struct route style = {NULL, route_style, NULL, PLAIN};
    static const struct route staff_style = {NULL, route_staff_style, NULL, PLAIN};
    if (door == DOOR_STAFF && span_is(path, http_console_style_path())) {
        return &staff_style;
    }
    static const struct route staff_script = {NULL, route_staff_script, NULL, PLAIN};
    if (door == DOOR_STAFF && span_is(path, http_console_script_path())) {
        return &staff_script;
    }
    static const struct route script = {NULL, route_script, NULL, PLAIN};
    static const struct route apply_script = {NULL, route_apply_script, NULL, PLAIN};
    if (!tables[door].pages) {
        return NULL;
    }
    return span_is(path, http_page_style_path())                 ? &style
           : span_is(path, http_page_script_path(SCRIPT_FACTOR)) ? &script
           : span_is(path, http_page_script_path(SCRIPT_APPLY))  ? &apply_script
                                                                 : NULL;
}

/* Browsers name it first when they go to an address. */
static bool asks_for_page(const h2o_req_t *h2o) {
    static const char html[] = "text/html";
    struct span accept = header_of(h2o, H2O_STRLIT("accept"));
    return accept.len >= sizeof(html) - 1 &&
           memcmp(accept.data, html, sizeof(html) - 1) == 0;
}

struct door_handler {
    h2o_handler_t super;
    struct http_listener *listener;
};

static int on_request(h2o_handler_t *self, h2o_req_t *h2o) {
    struct http_listener *listener = ((struct door_handler *)self)->listener;
    struct http_thread *thread = listener->thread;
    /* h2o consumes the head only after the response: it is still in the input. */
    h2o_socket_t *socket = h2o->conn->callbacks->get_socket(h2o->conn);
    struct http_head head;
    const char *why = "malformed";
    enum http_head_verdict verdict = http_head_check(
        span_of(socket->input->bytes, socket->input->size), &head, &why);
    if (verdict != HEAD_OK) {
        http_respond_raw(thread, h2o, status_of(verdict), why, NULL);
        return 0;
    }
    struct span path;
    if (!split_target(&head, &path)) {
        http_respond_raw(thread, h2o, 400, "request target is malformed", NULL);
        return 0;
    }
    if (listener->door != DOOR_OPERATOR &&
        !http_router_host_known(thread->config, head.host)) {
        http_respond_raw(thread, h2o, 421, "this server does not serve that host",
                         NULL);
        return 0;
    }
    const uint8_t *question = memchr(path.data, '?', path.len);
    struct span bare =
        question != NULL ? span_of(path.data, (size_t)(question - path.data)) : path;
    const struct route *route = find(listener->door, bare);
    static const struct route missing = {NULL, route_missing, NULL, PLAIN};
    if (route == NULL && listener->door != DOOR_OPERATOR && asks_for_page(h2o) &&
        span_is(head.method, "GET")) {
        route = &missing;
    }
    if (route == NULL) {
        http_respond_raw(thread, h2o, 404, "there is nothing here", NULL);
        return 0;
    }
    dispatch(thread, listener->door, h2o, route, head.method);
    return 0;
}

void http_router_register(struct http_listener *listener) {
    h2o_pathconf_t *path = h2o_config_register_path(listener->host, "/", 0);
    struct door_handler *handler =
        (struct door_handler *)h2o_create_handler(path, sizeof(*handler));
    handler->super.on_req = on_request;
    handler->listener = listener;
}
