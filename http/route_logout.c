/* route_logout: signing out at the provider. GET asks, POST ends the session. */
#include "http/http_cookie.h"
#include "http/http_respond.h"
#include "http/http_router.h"

static void on_logout(struct svc_logout *logout) {
    struct http_request *request = logout->arg;
    http_request_choose_lang(request);
    if (logout->op.err != OK) {
        http_respond_failure(request, logout->op.err, false);
        goto done;
    }
    if (logout->csrf_refused) {
        http_respond_error_page(request, 403, OIDC_INVALID_REQUEST,
                                "the form does not belong to this session");
        goto done;
    }
    if (logout->ended || !logout->signed_in) {
        http_respond_cookie(request, COOKIE_SESSION, span_of("", 0));
    }
    struct http_page_data *data = http_page_data_new();
    http_page_set_bool(data, "ask", logout->signed_in && !logout->ended);
    http_page_set_bool(data, "ended", logout->ended);
    http_page_set_bool(data, "nobody", !logout->signed_in && !logout->ended);
    http_page_set(data, "csrf", logout->set_csrf);
    http_respond_page(request, 200, PAGE_LOGOUT, data, span_of("", 0));
done:
    svc_op_close(&logout->op);
    http_request_end(request);
}

static void start(struct http_request *request, bool confirm, struct span csrf) {
    struct svc_logout *logout = &request->op.logout;
    *logout = (struct svc_logout){
        .done = on_logout,
        .arg = request,
        .confirm = confirm,
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .csrf = csrf,
    };
    svc_logout(request->thread->svc, logout);
}

void route_logout_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start(request, false, span_of("", 0));
    }
}

void route_logout_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        struct span csrf = params_get(&request->params, "csrf", NULL);
        start(request, true, csrf.data != NULL ? csrf : span_of("", 0));
    }
}
