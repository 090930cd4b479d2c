/* route_recover: the pages of a forgotten password. Looking at one changes nothing. */
#include "http/http_cookie.h"
#include "http/http_respond.h"
#include "http/http_router.h"

/* `what`: the part of the page that is shown. */
static void show(struct http_request *request, int status, const char *what,
                 const char *notice, struct span token) {
    struct http_page_data *data = http_page_data_new();
    http_page_set_bool(data, what, true);
    http_page_set(data, "token", token);
    if (notice != NULL) {
        http_page_add_message(data, "notices", request->lang, notice);
        http_page_set_bool(data, "has_notice", true);
    }
    http_respond_page(request, status, PAGE_RECOVER, data, (struct http_origins){0});
}

void route_recover_get(struct http_request *request) {
    if (!http_request_query(request, false)) {
        return;
    }
    http_request_choose_lang(request);
    show(request, 200, "asks_account", NULL, span_of("", 0));
    http_request_end(request);
}

static void on_recover(struct svc_recover *recover) {
    struct http_request *request = recover->arg;
    if (recover->op.err != OK) {
        http_respond_failure(request, recover->op.err, false);
    } else {
        show(request, 200, "sent", NULL, span_of("", 0));
    }
    svc_op_close(&recover->op);
    http_request_end(request);
}

void route_recover_post(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_recover *recover = &request->op.recover;
    http_request_choose_lang(request);
    *recover = (struct svc_recover){
        .op.from = http_request_origin(request),
        .done = on_recover,
        .arg = request,
        .account_id = http_request_field(request, "account_id"),
        .english = request->lang == LANG_EN,
    };
    svc_recover(request->thread->svc, recover);
}

static const char *notice_key(enum svc_login_notice notice) {
    switch (notice) {
    case NOTICE_PASSWORD_SHORT:
        return "password_short";
    case NOTICE_PASSWORD_LONG:
        return "password_long";
    case NOTICE_PASSWORD_COMMON:
        return "password_common";
    case NOTICE_PASSWORD_CONTEXT:
        return "password_context";
    default:
        return "password_form";
    }
}

static void on_reset(struct svc_reset *reset) {
    struct http_request *request = reset->arg;
    if (reset->op.err != OK) {
        http_respond_failure(request, reset->op.err, false);
    } else if (reset->kind == RESET_REFUSED) {
        show(request, 400, "asks_account", "recover_over", span_of("", 0));
    } else if (reset->kind == RESET_DONE) {
        http_respond_cookie_year(request, COOKIE_DEVICE, reset->set_device_cookie);
        show(request, 200, "done", NULL, span_of("", 0));
    } else {
        show(request, 200, "asks_password",
             reset->kind == RESET_AGAIN ? notice_key(reset->notice) : NULL,
             reset->token);
    }
    svc_op_close(&reset->op);
    http_request_end(request);
}

static void start(struct http_request *request, bool sets) {
    struct svc_reset *reset = &request->op.reset;
    http_request_choose_lang(request);
    *reset = (struct svc_reset){
        .op.from = http_request_origin(request),
        .done = on_reset,
        .arg = request,
        .token = http_request_field(request, "token"),
        .device_cookie = http_request_cookie(request, COOKIE_DEVICE),
        .password = sets ? http_request_field(request, "password") : span_of("", 0),
        .sets = sets,
        .english = request->lang == LANG_EN,
    };
    svc_reset(request->thread->svc, reset);
}

void route_reset_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start(request, false);
    }
}

void route_reset_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start(request, true);
    }
}
