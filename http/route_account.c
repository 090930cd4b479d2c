/* route_account: the account's pages (server/svc_account.h). One path a page below
 * /account; the form of a page is posted to the page itself. */
#include <stdio.h>

#include "http/http_cookie.h"
#include "http/http_respond.h"
#include "http/http_router.h"
#include "server/svc_account.h"
#include "store/base/japan.h"

#define BASE "/account"

static const char *const names[ACCOUNT_PAGES] = {
    [ACCOUNT_PAGE_HOME] = "home",         [ACCOUNT_PAGE_PASSWORD] = "password",
    [ACCOUNT_PAGE_SESSIONS] = "sessions", [ACCOUNT_PAGE_FACTORS] = "factors",
    [ACCOUNT_PAGE_ID] = "id",             [ACCOUNT_PAGE_CONFIRM] = "confirm",
    [ACCOUNT_PAGE_ACTIVITY] = "activity", [ACCOUNT_PAGE_CLOSE] = "close",
};

/* The message of each notice; DONE has one a page. */
static const char *const notices[] = {
    [ACCOUNT_MAILED] = "account_mailed",
    [ACCOUNT_VOID] = "account_void",
    [ACCOUNT_TAKEN] = "account_taken",
    [ACCOUNT_BAD_PASSWORD] = "account_bad_password",
    [ACCOUNT_DIFFERENT] = "account_different",
    [ACCOUNT_BAD_ID] = "account_bad_id",
    [ACCOUNT_NOT_CONFIRMED] = "account_not_confirmed",
    [ACCOUNT_GONE] = "account_gone",
    [ACCOUNT_CHANGED] = "account_changed",
    [ACCOUNT_LIMITED] = "account_limited",
};

static bool is_good(enum account_notice notice) {
    return notice == ACCOUNT_DONE || notice == ACCOUNT_MAILED;
}

static void set_notice(struct http_page_data *data, const struct svc_account *account,
                       enum http_lang lang) {
    char done[32];
    const char *key;
    if (account->notice == ACCOUNT_NO_NOTICE) {
        return;
    }
    (void)snprintf(done, sizeof(done), "account_done_%s", names[account->page]);
    key = account->notice == ACCOUNT_DONE ? done : notices[account->notice];
    http_page_set_bool(data, is_good(account->notice) ? "has_success" : "has_notice",
                       true);
    http_page_add_message(data, "notices", lang, key);
}

static struct span time_text(uint64_t ms, char out[JAPAN_TEXT_MAX]) {
    japan_print(ms, JAPAN_MINUTE, out);
    return span_str(out);
}

/* "Chrome / Windows", as people call it; the header itself when it names none. */
static struct span browser_text(struct span agent, char out[48]) {
    static const char *const browsers[][2] = {
        {"Edg", "Edge"},       {"OPR/", "Opera"},     {"Firefox/", "Firefox"},
        {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {NULL, NULL}};
    static const char *const systems[][2] = {
        {"iPhone", "iPhone"}, {"iPad", "iPad"},     {"Android", "Android"},
        {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"Linux", "Linux"}, {NULL, NULL}};
    const char *browser = NULL, *system = NULL;
    if (agent.len == 0) {
        return agent;
    }
    for (size_t i = 0; browsers[i][0] != NULL && browser == NULL; i++) {
        browser = memmem(agent.data, agent.len, browsers[i][0], strlen(browsers[i][0]))
                      ? browsers[i][1]
                      : NULL;
    }
    for (size_t i = 0; systems[i][0] != NULL && system == NULL; i++) {
        system = memmem(agent.data, agent.len, systems[i][0], strlen(systems[i][0]))
                     ? systems[i][1]
                     : NULL;
    }
    if (browser == NULL || system == NULL) {
        return agent;
    }
    (void)snprintf(out, 48, "%s / %s", browser, system);
    return span_str(out);
}

/* The message of an event or a kind of factor; what has none is shown as it is. */
static void add_row(struct http_page_data *data, const struct account_row *row,
                    const char *prefix, enum http_lang lang) {
    char key[64], time[JAPAN_TEXT_MAX], used[JAPAN_TEXT_MAX];
    char count[24] = "", browser[48], about[48];
    size_t at = (size_t)snprintf(key, sizeof(key), "%s", prefix);
    for (size_t i = 0; i < row->text.len && at + 1 < sizeof(key) && *prefix; i++) {
        char c = (char)row->text.data[i];
        key[at++] = c == '.' || c == '-' ? '_' : c;
    }
    key[at] = '\0';
    if (row->count > 1) {
        (void)snprintf(count, sizeof(count), "%llu", (unsigned long long)row->count);
    }
    const struct http_page_cell cells[] = {
        {"id", row->id, NULL},
        {"browser", browser_text(row->id, about), NULL},
        {"text", *prefix ? row->text : browser_text(row->text, browser),
         *prefix ? key : NULL},
        {"detail", row->detail, NULL},
        {"time", time_text(row->time_ms, time), NULL},
        {"used", row->used_ms > 0 ? time_text(row->used_ms, used) : span_of("", 0),
         NULL},
        {"count", span_str(count), NULL},
        {"own", span_str(row->own ? "1" : ""), NULL},
        {"change", span_is(row->text, "sms") ? row->id : span_of("", 0), NULL},
    };
    http_page_add_row(data, "rows", lang, cells, sizeof(cells) / sizeof(cells[0]));
}

static void show(struct http_request *request, const struct svc_account *account) {
    static const char *const types[] = {"", "account_entry", "account_prime",
                                        "account_member"};
    struct http_page_data *data = http_page_data_new();
    const char *prefix = account->page == ACCOUNT_PAGE_FACTORS    ? "account_factor_"
                         : account->page == ACCOUNT_PAGE_ACTIVITY ? "account_event_"
                                                                  : "";
    char flag[32];
    (void)snprintf(flag, sizeof(flag), "is_%s", names[account->page]);
    http_page_set_bool(data, flag, true);
    http_page_set_bool(data, "done", account->notice == ACCOUNT_DONE);
    http_page_set_bool(data, "gone", account->notice == ACCOUNT_VOID ||
                                         account->notice == ACCOUNT_TAKEN);
    http_page_set(data, "csrf", account->csrf);
    http_page_set(data, "token", account->token);
    http_page_set(data, "account_id", account->account_id);
    http_page_set(data, "new_id", account->new_id);
    http_page_set_bool(data, "signed_in", account->account_id.len > 0);
    if (account->account_type > 0 && account->account_type <= 3) {
        http_page_add_message(data, "types", request->lang,
                              types[account->account_type]);
    }
    http_page_set_bool(data, "has_rows", account->rows_count > 0);
    for (size_t i = 0; i < account->rows_count; i++) {
        add_row(data, &account->rows[i], prefix, request->lang);
    }
    set_notice(data, account, request->lang);
    http_respond_page(request, 200, PAGE_ACCOUNT, data, (struct http_origins){0});
}

static void on_account(struct svc_account *account) {
    struct http_request *request = account->arg;
    if (account->op.err != OK) {
        http_respond_failure(request, account->op.err, false);
    } else {
        if (account->signed_out) {
            http_respond_cookie(request, COOKIE_SESSION, span_of("", 0));
        }
        if (account->set_device_cookie.len > 0) {
            http_respond_cookie_year(request, COOKIE_DEVICE, account->set_device_cookie);
        }
        switch (account->kind) {
        case ACCOUNT_SIGN_IN:
            http_respond_redirect(request, account->location);
            break;
        case ACCOUNT_FORGED:
            http_respond_error_page(request, 403, OIDC_INVALID_REQUEST,
                                    "the form does not belong to this session");
            break;
        case ACCOUNT_SHOW:
            show(request, account);
            break;
        }
    }
    svc_op_close(&account->op);
    http_request_end(request);
}

/* The page that the path names. */
static enum account_page page_of(const struct http_request *request) {
    struct span path = span_of(request->h2o->path_normalized.base,
                               request->h2o->path_normalized.len);
    size_t len = sizeof(BASE) - 1;
    if (path.len <= len + 1) {
        return ACCOUNT_PAGE_HOME;
    }
    return svc_account_page(span_of(path.data + len + 1, path.len - len - 1));
}

static void start(struct http_request *request, bool post) {
    struct svc_account *account = &request->op.account;
    enum account_page page = page_of(request);
    if (page == ACCOUNT_PAGES) { /* the table of routes names none such */
        route_missing(request);
        return;
    }
    http_request_choose_lang(request);
    *account = (struct svc_account){
        .op.from = http_request_origin(request),
        .done = on_account,
        .arg = request,
        .page = page,
        .post = post,
        .english = request->lang == LANG_EN,
        .params = &request->params,
        .session_cookie = http_request_cookie(request, COOKIE_SESSION),
        .device_cookie = http_request_cookie(request, COOKIE_DEVICE),
    };
    svc_account(request->thread->svc, account);
}

void route_account_get(struct http_request *request) {
    if (http_request_query(request, false)) {
        start(request, false);
    }
}

void route_account_post(struct http_request *request) {
    if (http_request_form(request, false)) {
        start(request, true);
    }
}

/* Back from the sign-in: to the page that began it, which `state` names. The code is
 * nobody's (svc_account.c). */
void route_account_signed_in(struct http_request *request) {
    struct span state;
    char location[64];
    enum account_page page;
    if (!http_request_query(request, false)) {
        return;
    }
    state = params_get(&request->params, "state", NULL);
    page = state.data == NULL ? ACCOUNT_PAGES : svc_account_page(state);
    if (page == ACCOUNT_PAGES || page == ACCOUNT_PAGE_CONFIRM) {
        page = ACCOUNT_PAGE_HOME;
    }
    if (params_get(&request->params, "error", NULL).data != NULL) {
        http_request_choose_lang(request);
        http_respond_error_page(request, 400, OIDC_ACCESS_DENIED,
                                "the sign-in was not finished");
    } else {
        (void)snprintf(location, sizeof(location), BASE "%s%s",
                       page == ACCOUNT_PAGE_HOME ? "" : "/", svc_account_path(page));
        http_respond_redirect(request, span_str(location));
    }
    http_request_end(request);
}
