/* route_login: the forms of the sign-in and of the consent page. */
#include "http/http_cookie.h"
#include "http/http_respond.h"
#include "http/http_router.h"
#include "http/route_authorize.h"

static void refuse_form(struct http_request *request) {
    http_respond_error_page(request, 400, OIDC_INVALID_REQUEST,
                            "the form has expired or belongs to another browser; go "
                            "back to the service and start again");
}

/* What has come of a form; `op` and what it gave end with it. */
static void finish(struct http_request *request, struct svc_op *op, bool refused,
                   const struct svc_authorize *next, struct span account_id) {
    http_request_choose_lang(request);
    if (op->err != OK) {
        http_respond_failure(request, op->err, false);
    } else if (refused) {
        refuse_form(request);
    } else {
        http_route_authorized(request, next, account_id);
    }
    svc_op_close(op);
    http_request_end(request);
}

static void on_login(struct svc_login *login) {
    finish(login->arg, &login->op, login->kind == LOGIN_REFUSED, &login->next,
           login->account_id);
}

/* A field that stands twice is taken for none. */
static struct span field(const struct http_request *request, const char *name) {
    bool twice = false;
    struct span value = params_get(&request->params, name, &twice);
    return twice || value.data == NULL ? span_of("", 0) : value;
}

void route_login(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_login *login = &request->op.login;
    http_request_choose_lang(request);
    *login = (struct svc_login){
        .op.from = http_request_origin(request),
        .done = on_login,
        .arg = request,
        .account_id = field(request, "account_id"),
        .password = field(request, "password"),
        .login_state = field(request, "login_state"),
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .browser_cookie = http_request_cookie(request, COOKIE_BROWSER),
        .device_cookie = http_request_cookie(request, COOKIE_DEVICE),
        .client_address = http_request_client(request),
        .english = request->lang == LANG_EN,
    };
    svc_login(request->thread->svc, login);
}

static void on_factor(struct svc_factor *factor) {
    finish(factor->arg, &factor->op, factor->kind == LOGIN_REFUSED, &factor->next,
           span_of("", 0));
}

void route_factor(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_factor *factor = &request->op.factor;
    http_request_choose_lang(request);
    *factor = (struct svc_factor){
        .op.from = http_request_origin(request),
        .done = on_factor,
        .arg = request,
        .params = &request->params,
        .login_state = field(request, "login_state"),
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .browser_cookie = http_request_cookie(request, COOKIE_BROWSER),
        .device_cookie = http_request_cookie(request, COOKIE_DEVICE),
        .english = request->lang == LANG_EN,
    };
    svc_factor(request->thread->svc, factor);
}

static void on_passkey(struct svc_passkey *passkey) {
    finish(passkey->arg, &passkey->op, passkey->kind == LOGIN_REFUSED, &passkey->next,
           span_of("", 0));
}

void route_passkey(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_passkey *passkey = &request->op.passkey;
    http_request_choose_lang(request);
    *passkey = (struct svc_passkey){
        .op.from = http_request_origin(request),
        .done = on_passkey,
        .arg = request,
        .params = &request->params,
        .login_state = field(request, "login_state"),
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .browser_cookie = http_request_cookie(request, COOKIE_BROWSER),
        .device_cookie = http_request_cookie(request, COOKIE_DEVICE),
    };
    svc_passkey(request->thread->svc, passkey);
}

static void on_consent(struct svc_consent *consent) {
    finish(consent->arg, &consent->op, false, &consent->next, span_of("", 0));
}

void route_consent(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct span decision = field(request, "decision");
    if (!span_is(decision, "allow") && !span_is(decision, "deny")) {
        http_request_choose_lang(request);
        http_respond_error_page(request, 400, OIDC_INVALID_REQUEST,
                                "decision must be allow or deny");
        http_request_end(request);
        return;
    }
    struct svc_consent *consent = &request->op.consent;
    *consent = (struct svc_consent){
        .op.from = http_request_origin(request),
        .done = on_consent,
        .arg = request,
        .login_state = field(request, "login_state"),
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .browser_cookie = http_request_cookie(request, COOKIE_BROWSER),
        .allow = span_is(decision, "allow"),
    };
    svc_consent(request->thread->svc, consent);
}
