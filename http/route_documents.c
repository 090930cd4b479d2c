/* route_documents: discovery, keys, health, style sheet, the TOP page, and what is
 * shown where there is none. */
#include "http/http_cookie.h"
#include "http/http_respond.h"
#include "http/http_router.h"

void route_discovery(struct http_request *request) {
    http_respond_document(request, svc_discovery(request->thread->svc),
                          SVC_DOCUMENT_AGE_S);
    http_request_end(request);
}

void route_jwks(struct http_request *request) {
    uint32_t max_age_s;
    struct span jwks = svc_jwks(request->thread->svc, &max_age_s);
    if (jwks.len > 0) {
        http_respond_document(request, jwks, max_age_s);
    } else {
        http_respond_failure(request, ERR_NO_LEADER, true);
    }
    http_request_end(request);
}

/* Terse on purpose: reasons are for the operator's port (SECURITY_CHECKS G08). */
void route_health(struct http_request *request) {
    const char *why = NULL;
    bool ready = svc_ready(request->thread->svc, &why);
    http_respond_text(request, ready ? 200 : 503, ready ? "ok\n" : "not ready\n");
    http_request_end(request);
}

void route_style(struct http_request *request) {
    http_respond_asset(request, "text/css; charset=utf-8", http_page_style());
    http_request_end(request);
}

void route_script(struct http_request *request) {
    http_respond_asset(request, "text/javascript; charset=utf-8",
                       http_page_script(SCRIPT_FACTOR));
    http_request_end(request);
}

void route_apply_script(struct http_request *request) {
    http_respond_asset(request, "text/javascript; charset=utf-8",
                       http_page_script(SCRIPT_APPLY));
    http_request_end(request);
}

void route_icon(struct http_request *request) {
    http_respond_text(request, 404, "");
    http_request_end(request);
}

/* For people who followed a wrong link. */
void route_missing(struct http_request *request) {
    http_request_choose_lang(request);
    struct http_page_data *data = http_page_data_new();
    http_page_set_bool(data, "missing", true);
    http_respond_page(request, 404, PAGE_ERROR, data, (struct http_origins){0});
    http_request_end(request);
}

void route_home(struct http_request *request) {
    if (!http_request_query(request, false)) {
        return;
    }
    http_request_choose_lang(request);
    svc_top_shown(request->thread->svc);
    struct http_page_data *data = http_page_data_new();
    http_page_set_bool(data, "session_cookie",
                       http_request_cookie(request, COOKIE_SESSION).len > 0);
    http_respond_page(request, 200, PAGE_HOME, data, (struct http_origins){0});
    http_request_end(request);
}
