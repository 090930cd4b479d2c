/* route_entry: the pages on which people register an Entry account of their own. Looking
 * at one changes nothing. */
#include "http/http_respond.h"
#include "http/http_router.h"

static void show(struct http_request *request, int status, const char *what,
                 struct http_page_data *data) {
    http_page_set_bool(data, what, true);
    http_respond_page(request, status, PAGE_ENTRY, data, (struct http_origins){0});
}

static void add_notice(const struct http_request *request, struct http_page_data *data,
                       const char *key, const char *field) {
    http_page_add_message(data, "notices", request->lang, key);
    http_page_set_bool(data, "has_notice", true);
    http_page_set_bool(data, field, true);
}

void route_entry_get(struct http_request *request) {
    if (!http_request_query(request, false)) {
        return;
    }
    http_request_choose_lang(request);
    show(request, 200, "asks_address", http_page_data_new());
    http_request_end(request);
}

static void on_ask(struct svc_entry_ask *ask) {
    struct http_request *request = ask->arg;
    if (ask->op.err != OK) {
        http_respond_failure(request, ask->op.err, false);
    } else if (ask->bad) {
        struct http_page_data *data = http_page_data_new();
        add_notice(request, data, "entry_bad_address", "bad_address");
        show(request, 400, "asks_address", data);
    } else {
        show(request, 200, "sent", http_page_data_new());
    }
    svc_op_close(&ask->op);
    http_request_end(request);
}

void route_entry_post(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_entry_ask *ask = &request->op.entry_ask;
    http_request_choose_lang(request);
    *ask = (struct svc_entry_ask){
        .op.from = http_request_origin(request),
        .done = on_ask,
        .arg = request,
        .account_id = http_request_field(request, "account_id"),
        .english = request->lang == LANG_EN,
    };
    svc_entry_ask(request->thread->svc, ask);
}

/* The message, and the field that it is about. */
static const char *const notices[][2] = {
    [ENTRY_BAD_NAME] = {"entry_bad_name", "bad_name"},
    [ENTRY_BAD_KANA] = {"entry_bad_kana", "bad_kana"},
    [ENTRY_BAD_PHONE] = {"entry_bad_phone", "bad_phone"},
    [ENTRY_PASSWORD_DIFFERS] = {"entry_differs", "bad_password"},
    [ENTRY_PASSWORD_SHORT] = {"password_short", "bad_password"},
    [ENTRY_PASSWORD_LONG] = {"password_long", "bad_password"},
    [ENTRY_PASSWORD_FORM] = {"password_form", "bad_password"},
    [ENTRY_PASSWORD_COMMON] = {"password_common", "bad_password"},
    [ENTRY_PASSWORD_CONTEXT] = {"password_context", "bad_password"},
};

/* The form, with all that was typed but the passwords. */
static void show_form(struct http_request *request, const struct svc_entry *entry) {
    struct http_page_data *data = http_page_data_new();
    http_page_set(data, "token", entry->token);
    http_page_set(data, "account_id", entry->account_id);
    http_page_set(data, "last_name", entry->last_name);
    http_page_set(data, "first_name", entry->first_name);
    http_page_set(data, "last_kana", entry->last_kana);
    http_page_set(data, "first_kana", entry->first_kana);
    http_page_set(data, "phone", entry->phone);
    for (size_t i = 0; i < entry->notices_count; i++) {
        add_notice(request, data, notices[entry->notices[i]][0],
                   notices[entry->notices[i]][1]);
    }
    show(request, 200, "asks_person", data);
}

static void on_entry(struct svc_entry *entry) {
    struct http_request *request = entry->arg;
    struct http_page_data *data;
    if (entry->op.err != OK) {
        http_respond_failure(request, entry->op.err, false);
    } else if (entry->kind == ENTRY_FORM) {
        show_form(request, entry);
    } else if (entry->kind == ENTRY_REFUSED) {
        data = http_page_data_new();
        add_notice(request, data, "entry_over", "over");
        show(request, 400, "asks_address", data);
    } else {
        data = http_page_data_new();
        http_page_set(data, "account_id", entry->account_id);
        show(request, entry->kind == ENTRY_DONE ? 200 : 409,
             entry->kind == ENTRY_DONE ? "done" : "known", data);
    }
    svc_op_close(&entry->op);
    http_request_end(request);
}

static void start(struct http_request *request, bool creates) {
    struct svc_entry *entry = &request->op.entry;
    http_request_choose_lang(request);
    *entry = (struct svc_entry){
        .op.from = http_request_origin(request),
        .done = on_entry,
        .arg = request,
        .token = http_request_field(request, "token"),
        .creates = creates,
    };
    if (creates) {
        entry->last_name = http_request_field(request, "last_name");
        entry->first_name = http_request_field(request, "first_name");
        entry->last_kana = http_request_field(request, "last_kana");
        entry->first_kana = http_request_field(request, "first_kana");
        entry->phone = http_request_field(request, "phone");
        entry->password = http_request_field(request, "password");
        entry->again = http_request_field(request, "password_again");
    }
    svc_entry(request->thread->svc, entry);
}

void route_entry_confirm_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start(request, false);
    }
}

void route_entry_confirm_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start(request, true);
    }
}
