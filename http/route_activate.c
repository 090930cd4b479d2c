/* route_activate: the link of an approval: a code to the telephone, then the password
 * (server/svc_apply.h). Looking at it changes nothing. */
#include "http/http_respond.h"
#include "http/http_router.h"

static const char *const refusals[] = {
    [PASSWORD_OK] = NULL,
    [PASSWORD_SHORT] = "activate_short",
    [PASSWORD_LONG] = "password_long",
    [PASSWORD_FORM] = "password_form",
    [PASSWORD_COMMON] = "password_common",
    [PASSWORD_CONTEXT] = "password_context",
};

/* What is said above the form; NULL: nothing. */
static const char *notice_of(const struct svc_activate *in) {
    static const char *const notices[] = {
        [ACTIVATE_NO_NOTICE] = NULL,
        [ACTIVATE_SENT] = NULL,
        [ACTIVATE_UNSENT] = "activate_unsent",
        [ACTIVATE_LOCKED] = "activate_locked",
        [ACTIVATE_CODE_WRONG] = "activate_code_wrong",
        [ACTIVATE_CODE_EXPIRED] = "activate_code_expired",
        [ACTIVATE_DIFFERS] = "entry_differs",
        [ACTIVATE_PASSWORD] = NULL,
    };
    return in->notice == ACTIVATE_PASSWORD ? refusals[in->refusal] : notices[in->notice];
}

/* Which inputs it is about. */
static void set_faults(struct http_page_data *data, const struct svc_activate *in) {
    bool password = in->notice == ACTIVATE_DIFFERS || in->notice == ACTIVATE_PASSWORD;
    http_page_set_bool(data, "fault_password", password);
    http_page_set_bool(data, "fault_code", in->notice == ACTIVATE_CODE_WRONG ||
                                               in->notice == ACTIVATE_CODE_EXPIRED);
    if (password) { /* the code was not looked at: it need not be typed again */
        http_page_set(data, "code", in->code);
    }
}

static int status_of(const struct svc_activate *in) {
    switch (in->kind) {
    case ACTIVATE_ASK:
    case ACTIVATE_FORM:
        return in->notice == ACTIVATE_UNSENT || in->notice == ACTIVATE_LOCKED ? 429
               : notice_of(in) != NULL                                       ? 400
                                                                             : 200;
    case ACTIVATE_DONE:
        return 200;
    case ACTIVATE_TAKEN:
    case ACTIVATE_PHONELESS:
        return 409;
    default:
        return 400;
    }
}

static void on_activate(struct svc_activate *in) {
    static const char *const sections[] = {
        [ACTIVATE_REFUSED] = "refused", [ACTIVATE_ASK] = "asks_send",
        [ACTIVATE_FORM] = "asks",       [ACTIVATE_PHONELESS] = "phoneless",
        [ACTIVATE_TAKEN] = "taken",     [ACTIVATE_DONE] = "done",
    };
    struct http_request *request = in->arg;
    struct http_page_data *data;
    if (in->op.err != OK) {
        http_respond_failure(request, in->op.err, false);
    } else {
        data = http_page_data_new();
        http_page_set(data, "token", in->token);
        http_page_set(data, "application_id", in->application_id);
        http_page_set(data, "company", in->company);
        http_page_set(data, "account_id", in->account_id);
        http_page_set(data, "number", in->number);
        http_page_set_bool(data, "shows_facts",
                           in->kind == ACTIVATE_ASK || in->kind == ACTIVATE_FORM);
        http_page_set_bool(data, "sent", in->notice == ACTIVATE_SENT);
        http_page_set_bool(data, "has_notice", notice_of(in) != NULL);
        if (notice_of(in) != NULL) {
            http_page_add_count(data, "notices", request->lang, notice_of(in),
                                in->password_len_min);
        }
        http_page_add_count(data, "hints", request->lang, "activate_password_hint",
                            in->password_len_min);
        set_faults(data, in);
        http_respond_section(request, status_of(in), PAGE_ACTIVATE, sections[in->kind],
                             data);
    }
    svc_op_close(&in->op);
    http_request_end(request);
}

static void start_activate(struct http_request *request, enum svc_activate_act act) {
    struct svc_activate *in = &request->op.activate;
    http_request_choose_lang(request);
    *in = (struct svc_activate){
        .op.from = http_request_origin(request),
        .done = on_activate,
        .arg = request,
        .token = http_request_field(request, "token"),
        .act = act,
        .english = request->lang == LANG_EN,
    };
    if (act == ACTIVATE_SET) {
        in->code = http_request_field(request, "code");
        in->password = http_request_field(request, "password");
        in->again = http_request_field(request, "password_again");
    }
    svc_activate(request->thread->svc, in);
}

void route_activate_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start_activate(request, ACTIVATE_LOOK);
    }
}

void route_activate_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start_activate(request, span_is(http_request_field(request, "act"), "send")
                                    ? ACTIVATE_SEND
                                    : ACTIVATE_SET);
    }
}
