/* route_authorize: the authorization endpoint, and the pages on the way to a code:
 * sign-in and consent. All three services end in a struct svc_authorize, which
 * `http_route_authorized` turns into a response. */
#include "http/route_authorize.h"

#include <stdio.h>

#include "http/http_cookie.h"
#include "http/http_respond.h"
#include "http/http_router.h"
#include "server/oidc/redirect_uri.h"
#include "server/oidc/scope.h"

static const char *notice_key(enum svc_login_notice notice) {
    switch (notice) {
    case NOTICE_BAD_CREDENTIALS:
        return "notice_bad_credentials";
    case NOTICE_LOCKED:
        return "notice_locked";
    case NOTICE_ACCOUNT_STATE:
        return "notice_account_state";
    case NOTICE_NOT_PERMITTED:
        return "notice_not_permitted";
    case NOTICE_LIMITED:
        return "notice_limited";
    case NOTICE_SIGNIN_OVER:
        return "notice_signin_over";
    case NOTICE_CODE_WRONG:
        return "notice_code_wrong";
    case NOTICE_CODE_USED:
        return "notice_code_used";
    case NOTICE_CODE_EXPIRED:
        return "notice_code_expired";
    case NOTICE_CODE_LOCKED:
        return "notice_code_locked";
    case NOTICE_CODE_UNSENT:
        return "notice_code_unsent";
    case NOTICE_PHONE:
        return "notice_phone";
    case NOTICE_APP_WAITING:
        return "notice_app_waiting";
    case NOTICE_APP_EXPIRED:
        return "notice_app_expired";
    case NOTICE_APP_UNREGISTERED:
        return "notice_app_unregistered";
    case NOTICE_APP_DENIED:
        return "notice_app_denied";
    case NOTICE_PASSKEY:
        return "notice_passkey";
    default:
        return NULL;
    }
}

/* What the service says of itself: its mark, and where its rules stand. */
static struct http_origins set_service(struct http_page_data *data,
                                       const struct svc_authorize *authorize) {
    struct http_origins origins = {.form_action = authorize->redirect_origin};
    struct span host;
    http_page_set(data, "client_name", authorize->client_name);
    http_page_set(data, "logo_uri", authorize->logo_uri);
    http_page_set(data, "policy_uri", authorize->policy_uri);
    http_page_set(data, "tos_uri", authorize->tos_uri);
    http_page_set_bool(data, "has_logo", authorize->logo_uri.len > 0);
    http_page_set_bool(data, "has_policy", authorize->policy_uri.len > 0);
    http_page_set_bool(data, "has_tos", authorize->tos_uri.len > 0);
    http_page_set_bool(data, "has_rules",
                       authorize->policy_uri.len + authorize->tos_uri.len > 0);
    if (authorize->logo_uri.len > 0) {
        redirect_uri_origin(authorize->logo_uri, &origins.image, &host);
    }
    return origins;
}

#define MINUTE_MS (60u * 1000)
#define HOURS_FROM_MINUTES 90 /* "in 2 hours" says enough from here on */

/* The notice with a time to wait, in minutes or hours and never in one of them. False: it
 * has none that is worth saying. */
static bool set_wait(struct http_request *request, struct http_page_data *data,
                     enum svc_login_notice notice, uint64_t wait_ms) {
    uint64_t minutes = (wait_ms + MINUTE_MS - 1) / MINUTE_MS;
    bool hours = minutes > HOURS_FROM_MINUTES, locked = notice == NOTICE_LOCKED;
    if (minutes < 2 || (!locked && notice != NOTICE_LIMITED)) {
        return false;
    }
    http_page_add_count(data, "notices", request->lang,
                        locked ? (hours ? "notice_locked_hours" : "notice_locked_minutes")
                        : hours ? "notice_limited_hours"
                                : "notice_limited_minutes",
                        hours ? (minutes + 59) / 60 : minutes);
    return true;
}

static void set_notice(struct http_request *request, struct http_page_data *data,
                       const struct svc_authorize *authorize) {
    enum svc_login_notice notice = authorize->notice;
    if (notice_key(notice) != NULL) {
        if (!set_wait(request, data, notice, authorize->notice_wait_ms)) {
            http_page_add_message(data, "notices", request->lang, notice_key(notice));
        }
        http_page_set_bool(data, "has_notice", true);
        http_page_set_bool(data, "code_locked", notice == NOTICE_CODE_LOCKED);
    }
}

static void show_login(struct http_request *request,
                       const struct svc_authorize *authorize, struct span account_id) {
    struct http_page_data *data = http_page_data_new();
    http_page_set(data, "login_state", authorize->login_state);
    struct http_origins origins = set_service(data, authorize);
    http_page_set(data, "account_id", account_id);
    http_page_set(data, "passkey_challenge", authorize->passkey_challenge);
    http_page_set(data, "passkey_rp_id", authorize->passkey_rp_id);
    set_notice(request, data, authorize);
    http_respond_page(request, 200, PAGE_LOGIN, data, origins);
}

/* The second step: the method's own part of the page, and what else there is. */
static void show_factor(struct http_request *request,
                        const struct svc_authorize *authorize) {
    const struct svc_factor_page *page = authorize->factor;
    struct http_page_data *data = http_page_data_new();
    char name[64];
    http_page_set(data, "login_state", authorize->login_state);
    struct http_origins origins = set_service(data, authorize);
    set_notice(request, data, authorize);
    http_page_set_bool(data, "enrols", page->enrols);
    http_page_set_bool(data, "raises", page->raises);
    http_page_set_bool(data, "may_remember", page->may_remember);
    http_page_set_bool(data, "has_method", page->method != NULL);
    if (page->method != NULL) {
        snprintf(name, sizeof name, "is_%s", page->method);
        http_page_set_bool(data, name, true);
    }
    for (size_t i = 0; i < page->values_count; i++) {
        if (page->values[i].text.len > 0) {
            http_page_set(data, page->values[i].name, page->values[i].text);
        } else {
            http_page_set_bool(data, page->values[i].name, true);
        }
    }
    for (size_t i = 0; i < page->choices_count; i++) {
        const struct svc_factor_choice *choice = &page->choices[i];
        snprintf(name, sizeof name, "factor_%s", choice->method);
        http_page_add_choice(data, choice->current ? "current" : "choices",
                             request->lang, name, choice->label, choice->value);
        http_page_set_bool(data, choice->current ? "has_current" : "has_choices", true);
    }
    http_respond_page(request, 200, PAGE_FACTOR, data, origins);
}

/* OAuth 2.0 Form Post Response Mode. Without scripts the person presses the button. */
static void show_post(struct http_request *request,
                      const struct svc_authorize *authorize) {
    struct http_page_data *data = http_page_data_new();
    http_page_set(data, "location", authorize->location);
    for (size_t i = 0; i < authorize->fields_count; i++) {
        http_page_add_field(data, "fields", authorize->fields[i].name,
                            authorize->fields[i].value);
    }
    http_respond_page(request, 200, PAGE_POST, data,
                      (struct http_origins){.form_action = authorize->redirect_origin});
}

static void show_consent(struct http_request *request,
                         const struct svc_authorize *authorize) {
    static const struct {
        uint64_t scope;
        const char *message;
    } scopes[] = {
        {SCOPE_PROFILE, "scope_profile"}, {SCOPE_USER, "scope_user"},
        {SCOPE_EMAIL, "scope_email"},     {SCOPE_ADDRESS, "scope_address"},
        {SCOPE_PHONE, "scope_phone"},     {SCOPE_MANDATE, "scope_mandate"},
        {SCOPE_IDA, "scope_ida"},         {SCOPE_ROLE, "scope_role"},
        {SCOPE_DELEGATION, "scope_delegation"},
        {SCOPE_OFFLINE_ACCESS, "scope_offline"}};
    struct http_page_data *data = http_page_data_new();
    http_page_set(data, "login_state", authorize->login_state);
    struct http_origins origins = set_service(data, authorize);
    http_page_set(data, "redirect_host", authorize->redirect_host);
    http_page_add_message(data, "scopes", request->lang, "scope_openid");
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (authorize->consent_scopes & scopes[i].scope) {
            http_page_add_message(data, "scopes", request->lang, scopes[i].message);
        }
    }
    http_respond_page(request, 200, PAGE_CONSENT, data, origins);
}

void http_route_authorized(struct http_request *request,
                           const struct svc_authorize *authorize,
                           struct span account_id) {
    http_request_choose_lang(request);
    if (authorize->set_session_cookie.len > 0) {
        http_respond_cookie(request, COOKIE_SESSION, authorize->set_session_cookie);
    }
    if (authorize->set_device_cookie.len > 0) {
        http_respond_cookie_year(request, COOKIE_DEVICE, authorize->set_device_cookie);
    }
    if (authorize->set_browser_cookie.len > 0) {
        http_respond_cookie(request, COOKIE_BROWSER, authorize->set_browser_cookie);
    }
    switch (authorize->kind) {
    case AUTHORIZE_REDIRECT:
        http_respond_redirect(request, authorize->location);
        break;
    case AUTHORIZE_POST:
        show_post(request, authorize);
        break;
    case AUTHORIZE_LOGIN:
        show_login(request, authorize,
                   account_id.len > 0 ? account_id : authorize->login_hint);
        break;
    case AUTHORIZE_FACTOR:
        show_factor(request, authorize);
        break;
    case AUTHORIZE_CONSENT:
        show_consent(request, authorize);
        break;
    case AUTHORIZE_REFUSED:
        http_respond_error_page(request, 400, authorize->refusal,
                                authorize->description);
        break;
    }
}

static void on_authorized(struct svc_authorize *authorize) {
    struct http_request *request = authorize->arg;
    if (authorize->op.err != OK) {
        http_request_choose_lang(request);
        http_respond_failure(request, authorize->op.err, false);
    } else {
        http_route_authorized(request, authorize, span_of("", 0));
    }
    svc_op_close(&authorize->op);
    http_request_end(request);
}

static void start(struct http_request *request) {
    struct svc_authorize *authorize = &request->op.authorize;
    *authorize = (struct svc_authorize){
        .done = on_authorized,
        .arg = request,
        .params = &request->params,
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .browser_cookie = http_request_cookie(request, COOKIE_BROWSER),
    };
    svc_authorize(request->thread->svc, authorize);
}

void route_authorize_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start(request);
    }
}

/* OIDC Core §3.1.2.1: the parameters are then the body's, and only there. */
void route_authorize_post(struct http_request *request) {
    if (request->h2o->query_at != SIZE_MAX) {
        http_request_choose_lang(request);
        http_respond_error_page(request, 400, OIDC_INVALID_REQUEST,
                                "parameters stand in the query and in the body");
        http_request_end(request);
    } else if (http_request_form(request, false)) {
        start(request);
    }
}
