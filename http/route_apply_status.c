/* route_apply_status: how an application stands, and the link by which its applicant
 * gives it up (server/svc_apply.h). */
#include <stdio.h>

#include "http/http_respond.h"
#include "http/http_router.h"
#include "server/message_text.h"

#define KEY_MAX 64

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
    http_page_set_bool(data, "withdraw_sent",
                       status->acted && status->act == STATUS_WITHDRAW);
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
        http_respond_section(request, 200, PAGE_APPLY_STATUS, "shown", data);
    } else {
        http_page_set(data, "application_id", status->application_id);
        http_page_set(data, "account_id", status->account_id);
        http_page_set_bool(
            data, status->kind == STATUS_MISSING ? "missing" : "limited", true);
        http_page_set_bool(data, "has_notice", true);
        http_respond_section(request, status->kind == STATUS_MISSING ? 404 : 429, PAGE_APPLY_STATUS,
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
    http_respond_section(request, 200, PAGE_APPLY_STATUS, "asks", http_page_data_new());
    http_request_end(request);
}

void route_apply_status_post(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_apply_status *status = &request->op.apply_status;
    struct span act = http_request_field(request, "act");
    http_request_choose_lang(request);
    *status = (struct svc_apply_status){
        .op.from = http_request_origin(request),
        .done = on_status,
        .arg = request,
        .application_id = http_request_field(request, "application_id"),
        .account_id = http_request_field(request, "account_id"),
        .english = request->lang == LANG_EN,
        .act = span_is(act, "resend")     ? STATUS_RESEND
               : span_is(act, "withdraw") ? STATUS_WITHDRAW
                                          : STATUS_LOOK,
    };
    svc_apply_status(request->thread->svc, status);
}

/* ---- giving it up */

static void on_withdraw(struct svc_apply_withdraw *withdraw) {
    static const struct {
        const char *section;
        int status;
    } answers[] = {
        [WITHDRAW_REFUSED] = {"withdraw_refused", 400},
        [WITHDRAW_ASK] = {"asks_withdraw", 200},
        [WITHDRAW_OVER] = {"withdraw_over", 409},
        [WITHDRAW_DONE] = {"withdrawn", 200},
    };
    struct http_request *request = withdraw->arg;
    struct http_page_data *data;
    if (withdraw->op.err != OK) {
        http_respond_failure(request, withdraw->op.err, false);
    } else {
        data = http_page_data_new();
        http_page_set(data, "token", withdraw->token);
        http_page_set(data, "application_id", withdraw->application_id);
        http_page_set(data, "company", withdraw->company);
        http_respond_section(request, answers[withdraw->kind].status, PAGE_APPLY_STATUS,
                             answers[withdraw->kind].section, data);
    }
    svc_op_close(&withdraw->op);
    http_request_end(request);
}

static void start_withdraw(struct http_request *request, bool confirms) {
    struct svc_apply_withdraw *withdraw = &request->op.apply_withdraw;
    http_request_choose_lang(request);
    *withdraw = (struct svc_apply_withdraw){
        .op.from = http_request_origin(request),
        .done = on_withdraw,
        .arg = request,
        .token = http_request_field(request, "token"),
        .confirms = confirms,
    };
    svc_apply_withdraw(request->thread->svc, withdraw);
}

void route_apply_withdraw_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start_withdraw(request, false);
    }
}

void route_apply_withdraw_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start_withdraw(request, true);
    }
}
