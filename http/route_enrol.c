/* route_enrol: a further passkey, or a further device, of somebody who is signed in. */
#include "http/http_cookie.h"
#include "http/http_page.h"
#include "http/http_respond.h"
#include "http/http_router.h"

static const char *notice_of(enum enrol_notice notice) {
    switch (notice) {
    case ENROL_PASSKEY:
        return "notice_passkey";
    case ENROL_FULL:
        return "enrol_full";
    case ENROL_PHONE:
        return "notice_phone";
    case ENROL_CODE_WRONG:
        return "notice_code_wrong";
    case ENROL_EXPIRED:
        return "enrol_expired";
    case ENROL_UNSENT:
        return "enrol_unsent";
    case ENROL_LOCKED:
        return "enrol_locked";
    default:
        return NULL;
    }
}

/* What is done, in a sentence; NULL: nothing. */
static const char *done_of(enum enrol_notice notice) {
    switch (notice) {
    case ENROL_DONE:
        return "enrol_done";
    case ENROL_ADDED:
        return "enrol_added";
    case ENROL_CHANGED:
        return "enrol_changed";
    default:
        return NULL;
    }
}

static void set_codes(struct http_page_data *data, const struct svc_enrol *enrol) {
    http_page_set(data, "number", enrol->number);
    http_page_set(data, "replaces", enrol->replaces);
    http_page_set(data, "replaced_label", enrol->replaced_label);
    if (enrol->seed.len > 0) {
        http_page_set(data, "seed", enrol->seed);
        http_page_set(data, "totp_path", enrol->totp_path);
        http_page_set(data, "totp_size", enrol->totp_size);
    }
}

static void show(struct http_request *request, const struct svc_enrol *enrol) {
    struct http_page_data *data = http_page_data_new();
    const char *notice = notice_of(enrol->notice), *done = done_of(enrol->notice);
    http_page_set(data, "enrol_state", enrol->state);
    http_page_set(data, "challenge", enrol->challenge);
    http_page_set(data, "rp_id", enrol->rp_id);
    http_page_set(data, "user", enrol->user);
    http_page_set(data, "user_name", enrol->user_name);
    if (notice != NULL) {
        http_page_add_message(data, "notices", request->lang, notice);
        http_page_set_bool(data, "has_notice", true);
    }
    if (done != NULL) {
        http_page_add_message(data, "done", request->lang, done);
    }
    set_codes(data, enrol);
    if (enrol->app_code.len > 0) {
        http_page_set(data, "app_code", enrol->app_code);
        http_page_set(data, "qr_path", enrol->qr_path);
        http_page_set(data, "qr_size", enrol->qr_size);
    }
    http_respond_page(request, 200, PAGE_ENROL, data, (struct http_origins){.image = {0}});
}

static void on_enrol(struct svc_enrol *enrol) {
    struct http_request *request = enrol->arg;
    if (enrol->op.err != OK) {
        http_respond_failure(request, enrol->op.err, false);
    } else if (enrol->kind == ENROL_SIGN_IN) {
        http_respond_redirect(request, span_str("/account/factors"));
    } else if (enrol->kind == ENROL_FORGED) {
        http_respond_error_page(request, 400, OIDC_INVALID_REQUEST,
                                "the form has expired or belongs to another session; "
                                "open the page again");
    } else {
        if (enrol->set_device_cookie.len > 0) {
            http_respond_cookie_year(request, COOKIE_DEVICE, enrol->set_device_cookie);
        }
        show(request, enrol);
    }
    svc_op_close(&enrol->op);
    http_request_end(request);
}

static void start(struct http_request *request, bool post) {
    struct svc_enrol *enrol = &request->op.enrol;
    http_request_choose_lang(request);
    *enrol = (struct svc_enrol){
        .op.from = http_request_origin(request),
        .done = on_enrol,
        .arg = request,
        .post = post,
        .english = request->lang == LANG_EN,
        .params = &request->params,
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .device_cookie = http_request_cookie(request, COOKIE_DEVICE),
    };
    svc_enrol(request->thread->svc, enrol);
}

void route_enrol_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start(request, false);
    }
}

void route_enrol_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start(request, true);
    }
}
