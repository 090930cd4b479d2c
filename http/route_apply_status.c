/* route_apply_status: how an application stands, and the activation of an account that it
 * led to (server/svc_apply.h). */
#include <stdio.h>

#include "http/http_respond.h"
#include "http/http_router.h"
#include "server/message_text.h"

#define KEY_MAX 64

/* Empty when it is absent, or there twice. */
static struct span field(const struct http_request *request, const char *name) {
    bool twice = false;
    struct span value = params_get(&request->params, name, &twice);
    return twice || value.data == NULL ? span_of("", 0) : value;
}

static void show(struct http_request *request, int status, enum http_page page,
                 const char *what, struct http_page_data *data) {
    http_page_set_bool(data, what, true);
    http_respond_page(request, status, page, data, (struct http_origins){0});
}

/* ---- the status */

static struct span moment(struct http_request *request, uint64_t ms) {
    char text[MESSAGE_TIME_MAX];
    if (ms == 0) {
        return span_of("", 0);
    }
    message_time(ms, request->lang == LANG_EN, text);
    return arena_dup(&request->arena, span_str(text));
}

static void add_lines(struct http_request *request, struct http_page_data *data,
                      struct span lines) {
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t len = end == NULL ? lines.len : (size_t)(end - lines.data);
        const struct http_page_cell cells[] = {{"text", span_of(lines.data, len), NULL}};
        http_page_add_row(data, "defects", request->lang, cells, 1);
        lines = end == NULL ? span_of("", 0)
                            : span_of(end + 1, lines.len - len - 1);
    }
}

static void set_status(struct http_request *request, struct http_page_data *data,
                       const struct svc_apply_status *status) {
    char key[KEY_MAX];
    /* One row, so that the message is found by the state's name. */
    snprintf(key, sizeof key, "apply_state_%s", status->state);
    http_page_add_message(data, "state", request->lang, key);
    snprintf(key, sizeof key, "apply_next_%s", status->state);
    http_page_add_message(data, "next", request->lang, key);
    http_page_set(data, "state_name", span_str(status->state));
    http_page_set(data, "application_id", status->application_id);
    http_page_set(data, "account_id", status->account_id);
    http_page_set(data, "since", moment(request, status->state_ms));
    http_page_set(data, "applied", moment(request, status->created_ms));
    http_page_set_bool(data, "may_withdraw", status->awaited);
    http_page_set_bool(data, "may_resend", status->approved);
    http_page_set_bool(data, "resent", status->acted && status->act == STATUS_RESEND);
    http_page_set_bool(data, "act_failed", status->act_failed);
    add_lines(request, data, status->defects);
    http_page_set_bool(data, "has_defects", status->defects.len > 0);
}

static void on_status(struct svc_apply_status *status) {
    struct http_request *request = status->arg;
    struct http_page_data *data = http_page_data_new();
    if (status->op.err != OK) {
        http_page_data_free(data);
        http_respond_failure(request, status->op.err, false);
    } else if (status->kind == STATUS_SHOWN) {
        set_status(request, data, status);
        show(request, 200, PAGE_APPLY_STATUS, "shown", data);
    } else {
        http_page_set(data, "application_id", status->application_id);
        http_page_set(data, "account_id", status->account_id);
        http_page_set_bool(
            data, status->kind == STATUS_MISSING ? "missing" : "limited", true);
        http_page_set_bool(data, "has_notice", true);
        show(request, status->kind == STATUS_MISSING ? 404 : 429, PAGE_APPLY_STATUS,
             "asks", data);
    }
    svc_op_close(&status->op);
    http_request_end(request);
}

void route_apply_status_get(struct http_request *request) {
    if (!http_request_query(request, false)) {
        return;
    }
    http_request_choose_lang(request);
    show(request, 200, PAGE_APPLY_STATUS, "asks", http_page_data_new());
    http_request_end(request);
}

void route_apply_status_post(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_apply_status *status = &request->op.apply_status;
    struct span act = field(request, "act");
    http_request_choose_lang(request);
    *status = (struct svc_apply_status){
        .op.from = http_request_origin(request),
        .done = on_status,
        .arg = request,
        .application_id = field(request, "application_id"),
        .account_id = field(request, "account_id"),
        .english = request->lang == LANG_EN,
        .act = span_is(act, "resend")     ? STATUS_RESEND
               : span_is(act, "withdraw") ? STATUS_WITHDRAW
                                          : STATUS_LOOK,
    };
    svc_apply_status(request->thread->svc, status);
}

/* ---- the activation */

static const char *const refusals[] = {
    [PASSWORD_OK] = NULL,
    [PASSWORD_SHORT] = "activate_short",
    [PASSWORD_LONG] = "password_long",
    [PASSWORD_FORM] = "password_form",
    [PASSWORD_COMMON] = "password_common",
    [PASSWORD_CONTEXT] = "password_context",
};

static void show_form(struct http_request *request, const struct svc_activate *in) {
    struct http_page_data *data = http_page_data_new();
    const char *refusal = in->activates ? refusals[in->refusal] : NULL;
    http_page_set(data, "token", in->token);
    http_page_set(data, "application_id", in->application_id);
    http_page_set(data, "company", in->company);
    http_page_set(data, "account_id", in->account_id);
    if (in->activates && in->differs) {
        http_page_add_message(data, "notices", request->lang, "entry_differs");
    } else if (refusal != NULL) {
        http_page_add_message(data, "notices", request->lang, refusal);
    }
    http_page_set_bool(data, "has_notice", in->activates);
    show(request, in->activates ? 400 : 200, PAGE_ACTIVATE, "asks", data);
}

static void on_activate(struct svc_activate *in) {
    struct http_request *request = in->arg;
    if (in->op.err != OK) {
        http_respond_failure(request, in->op.err, false);
    } else if (in->kind == ACTIVATE_FORM) {
        show_form(request, in);
    } else {
        struct http_page_data *data = http_page_data_new();
        http_page_set(data, "account_id", in->account_id);
        show(request,
             in->kind == ACTIVATE_DONE    ? 200
             : in->kind == ACTIVATE_TAKEN ? 409
                                          : 400,
             PAGE_ACTIVATE,
             in->kind == ACTIVATE_DONE    ? "done"
             : in->kind == ACTIVATE_TAKEN ? "taken"
                                          : "refused",
             data);
    }
    svc_op_close(&in->op);
    http_request_end(request);
}

static void start_activate(struct http_request *request, bool activates) {
    struct svc_activate *in = &request->op.activate;
    http_request_choose_lang(request);
    *in = (struct svc_activate){
        .op.from = http_request_origin(request),
        .done = on_activate,
        .arg = request,
        .token = field(request, "token"),
        .activates = activates,
    };
    if (activates) {
        in->password = field(request, "password");
        in->again = field(request, "password_again");
    }
    svc_activate(request->thread->svc, in);
}

void route_activate_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start_activate(request, false);
    }
}

void route_activate_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start_activate(request, true);
    }
}
