/* route_logout: the end_session_endpoint (RP-Initiated Logout 1.0), and the page of a
 * person who signs out here.
 *
 * A relying party's POST comes from another site, so the browser keeps our cookies
 * back: it is sent on to the same address by GET, which brings them. Our own form is
 * told by its `csrf`; it carries the relying party's request as it was, in one field.
 */
#include "http/http_cookie.h"
#include "http/http_form.h"
#include "http/http_respond.h"
#include "http/http_router.h"
#include "server/oidc/logout_check.h"

/* The parameters of the request, escaped. False: they are too long. */
static bool write_request(const struct params *params, size_t len_max,
                          struct buf *out) {
    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];
        for (size_t j = 0; logout_params[j] != NULL; j++) {
            if (span_is(param->name, logout_params[j])) {
                buf_printf(out, "%s%s=", out->len > 0 ? "&" : "", logout_params[j]);
                http_form_escape(param->value, out);
            }
        }
    }
    return buf_err(out) == OK && out->len <= len_max;
}

static void refuse(struct http_request *request, int status, const char *why) {
    http_respond_error_page(request, status, OIDC_INVALID_REQUEST, why);
}

static void show(struct http_request *request, const struct svc_logout *logout) {
    bool ask = logout->signed_in && !logout->ended;
    struct http_page_data *data;
    struct buf fields;
    buf_init(&fields, 4 * LIMIT_URL);
    if (ask && !write_request(logout->params, LIMIT_FORM_VALUE, &fields)) {
        refuse(request, 400, "the request is too long");
        buf_free(&fields);
        return;
    }
    data = http_page_data_new();
    http_page_set_bool(data, "ask", ask);
    http_page_set_bool(data, "ended", logout->ended);
    http_page_set_bool(data, "nobody", !logout->signed_in && !logout->ended);
    http_page_set(data, "csrf", logout->set_csrf);
    http_page_set(data, "request", buf_span(&fields));
    http_page_set(data, "client_name", logout->client_name);
    http_page_set(data, "back", logout->back);
    http_respond_page(request, 200, PAGE_LOGOUT, data,
                      (struct http_origins){.form_action = logout->redirect_origin});
    buf_free(&fields);
}

static void on_logout(struct svc_logout *logout) {
    struct http_request *request = logout->arg;
    http_request_choose_lang(request);
    if (logout->op.err != OK) {
        http_respond_failure(request, logout->op.err, false);
    } else if (logout->refusal != OIDC_OK) {
        http_respond_error_page(request, 400, logout->refusal, logout->description);
    } else if (logout->csrf_refused) {
        refuse(request, 403, "the form does not belong to this session");
    } else {
        if (logout->ended || !logout->signed_in) {
            http_respond_cookie(request, COOKIE_SESSION, span_of("", 0));
        }
        if (logout->location.len > 0) {
            http_respond_redirect(request, logout->location);
        } else {
            show(request, logout);
        }
    }
    svc_op_close(&logout->op);
    http_request_end(request);
}

static void start(struct http_request *request, const struct params *params,
                  bool confirm, struct span csrf) {
    struct svc_logout *logout = &request->op.logout;
    *logout = (struct svc_logout){
        .op.from = http_request_origin(request),
        .done = on_logout,
        .arg = request,
        .params = params,
        .confirm = confirm,
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .csrf = csrf,
    };
    svc_logout(request->thread->svc, logout);
}

void route_logout_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start(request, &request->params, false, span_of("", 0));
    }
}

static void refuse_and_end(struct http_request *request, const char *why) {
    http_request_choose_lang(request);
    refuse(request, 400, why);
    http_request_end(request);
}

/* A relying party's POST: once more, by GET. False: it has no parameter of one. */
static bool send_on(struct http_request *request) {
    static const char path[] = "/oauth/logout?";
    struct buf query, location;
    buf_init(&query, 4 * LIMIT_URL);
    buf_init(&location, 4 * LIMIT_URL);
    bool fits = write_request(&request->params, LIMIT_URL - sizeof(path), &query);
    bool any = query.len > 0;
    if (any && fits) {
        buf_str(&location, path);
        buf_put(&location, query.data, query.len);
        http_respond_redirect(request, buf_span(&location));
        http_request_end(request);
    } else if (any) {
        refuse_and_end(request, "the request is too long");
    }
    buf_free(&query);
    buf_free(&location);
    return any;
}

void route_logout_post(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct span csrf = params_get(&request->params, "csrf", NULL);
    if (csrf.data == NULL && send_on(request)) {
        return;
    }
    /* A page of ours has sent it, or nobody that is known. */
    struct params *inner = arena_alloc(&request->arena, sizeof(*inner));
    const char *why = "the request is malformed";
    struct span text = params_get(&request->params, "request", NULL);
    if (inner == NULL || http_form_parse(text, &request->arena, inner, &why) != OK) {
        refuse_and_end(request, why);
        return;
    }
    start(request, inner, true, csrf.data != NULL ? csrf : span_of("", 0));
}
