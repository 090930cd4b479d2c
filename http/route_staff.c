/* route_staff: the staff console (server/svc_staff.h) on the staff's listener.
 *
 * What a page shows comes as JSON from the action and goes as JSON to the template, with
 * who is signed in (`me`), a notice of what was done before, and the language's switch
 * around it. A form that was taken is answered by a redirect, so that nothing is sent
 * twice; one that was refused is shown again with what was typed. */
#include <inttypes.h>
#include <stdio.h>

#include "http/http_cookie.h"
#include "http/http_form.h"
#include "http/http_respond.h"
#include "http/http_router.h"
#include "http/http_thread.h"
#include "store/base/log.h"

#define JSON_MAX (16 * 1024 * 1024)
#define NONE (-1)

struct staff_route {
    const char *path;
    int get, get_page;   /* action and page; NONE */
    int post, post_page; /* the page of what it answers, when that is a view */
    int form_page;       /* shown again when the form is refused; NONE: a problem's */
    const char *back;    /* where a person goes on who has to sign in again, or back */
};

static const struct staff_route routes[] = {
    {"/staff", STAFF_DO_HOME, CONSOLE_HOME, NONE, NONE, NONE, "/staff"},
    {"/staff/logout", NONE, NONE, STAFF_DO_SIGN_OUT, NONE, NONE, "/staff"},
    {"/staff/sessions", STAFF_DO_SESSIONS, CONSOLE_SESSIONS, STAFF_DO_SESSION_END, NONE,
     CONSOLE_SESSIONS, "/staff/sessions"},
    {"/staff/password", STAFF_DO_PASSWORD_FORM, CONSOLE_PASSWORD, STAFF_DO_PASSWORD,
     NONE, CONSOLE_PASSWORD, "/staff/password"},
    {"/staff/rps", STAFF_DO_RP_LIST, CONSOLE_RP_LIST, NONE, NONE, NONE, "/staff/rps"},
    {"/staff/rps.json", STAFF_DO_RP_EXPORT, NONE, NONE, NONE, NONE, "/staff/rps"},
    {"/staff/rps/ministries", STAFF_DO_RP_MINISTRIES, CONSOLE_RP_MINISTRIES, NONE, NONE,
     NONE, "/staff/rps/ministries"},
    {"/staff/rps/import", STAFF_DO_RP_IMPORT_FORM, CONSOLE_RP_IMPORT, STAFF_DO_RP_IMPORT,
     CONSOLE_RP_IMPORT, CONSOLE_RP_IMPORT, "/staff/rps/import"},
    {"/staff/rp", STAFF_DO_RP_SHOW, CONSOLE_RP, NONE, NONE, NONE, "/staff/rps"},
    {"/staff/rp/edit", STAFF_DO_RP_FORM, CONSOLE_RP_FORM, STAFF_DO_RP_SAVE,
     CONSOLE_RP_SECRET, CONSOLE_RP_FORM, "/staff/rps"},
    {"/staff/rp/stage", NONE, NONE, STAFF_DO_RP_STAGE, NONE, CONSOLE_RP, "/staff/rp"},
    {"/staff/rp/retire", NONE, NONE, STAFF_DO_RP_RETIRE, NONE, CONSOLE_RP,
     "/staff/rp"},
    {"/staff/rp/secret", NONE, NONE, STAFF_DO_RP_SECRET, CONSOLE_RP_SECRET, CONSOLE_RP,
     "/staff/rp"},
    {"/staff/people", STAFF_DO_PEOPLE_LIST, CONSOLE_PEOPLE, STAFF_DO_PEOPLE_CHANGE,
     CONSOLE_PEOPLE_SEED, CONSOLE_PEOPLE, "/staff/people"},
    {"/staff/people/add", STAFF_DO_PEOPLE_FORM, CONSOLE_PEOPLE_FORM,
     STAFF_DO_PEOPLE_ADD, CONSOLE_PEOPLE_SEED, CONSOLE_PEOPLE_FORM,
     "/staff/people/add"},
    {"/staff/operation", STAFF_DO_OPERATION, CONSOLE_OPERATION, STAFF_DO_OUTBOX_RETRY,
     NONE, CONSOLE_OPERATION, "/staff/operation"},
    {"/staff/audit", STAFF_DO_AUDIT, CONSOLE_AUDIT, NONE, NONE, CONSOLE_AUDIT,
     "/staff/audit"},
    {"/staff/desk", STAFF_DO_DESK, CONSOLE_DESK, NONE, NONE, NONE, "/staff/desk"},
    {"/staff/application", STAFF_DO_APPLICATION, CONSOLE_APPLICATION, NONE, NONE,
     CONSOLE_DESK, "/staff/desk"},
    {"/staff/application/claim", NONE, NONE, STAFF_DO_CLAIM, NONE, CONSOLE_APPLICATION,
     "/staff/desk"},
    {"/staff/application/release", NONE, NONE, STAFF_DO_RELEASE, NONE,
     CONSOLE_APPLICATION, "/staff/desk"},
    {"/staff/application/decide", NONE, NONE, STAFF_DO_DECIDE, NONE, CONSOLE_APPLICATION,
     "/staff/application"},
    {"/staff/scan", STAFF_DO_SCAN, NONE, NONE, NONE, NONE, "/staff/desk"},
    {"/staff/help", STAFF_DO_HELP, CONSOLE_HELP, NONE, NONE, NONE, "/staff/help"},
    {"/staff/help/find", NONE, NONE, STAFF_DO_HELP_FIND, NONE, CONSOLE_HELP,
     "/staff/help"},
    {"/staff/help/resend", NONE, NONE, STAFF_DO_HELP_RESEND, NONE, CONSOLE_HELP,
     "/staff/help"},
    {"/staff/help/correct", NONE, NONE, STAFF_DO_CORRECT, NONE, CONSOLE_HELP,
     "/staff/help"},
    {"/staff/help/settle", NONE, NONE, STAFF_DO_CORRECT_SETTLE, NONE, CONSOLE_HELP,
     "/staff/help"},
    {"/staff/imports", STAFF_DO_IMPORTS, CONSOLE_IMPORTS, STAFF_DO_IMPORT_PROPOSE,
     CONSOLE_IMPORTS, CONSOLE_IMPORTS, "/staff/imports"},
    {"/staff/import", STAFF_DO_IMPORT_SHOW, CONSOLE_IMPORT, STAFF_DO_IMPORT_JUDGE, NONE,
     CONSOLE_IMPORT, "/staff/imports"},
    {"/staff/import/settle", NONE, NONE, STAFF_DO_IMPORT_SETTLE, NONE, CONSOLE_IMPORT,
     "/staff/imports"},
    {"/staff/decisions.csv", STAFF_DO_DECISIONS, NONE, NONE, NONE, CONSOLE_IMPORTS,
     "/staff/imports"},
    {"/staff/intake", STAFF_DO_INTAKE, CONSOLE_INTAKE, NONE, NONE, NONE, "/staff/intake"},
    {"/staff/intake/place", NONE, NONE, STAFF_DO_PLACE, NONE, CONSOLE_INTAKE,
     "/staff/intake"},
    {"/staff/intake/upload", NONE, NONE, STAFF_DO_UPLOAD, NONE, NONE, "/staff/intake"},
    {"/staff/application/receive", NONE, NONE, STAFF_DO_RECEIVE, NONE,
     CONSOLE_APPLICATION, "/staff/application"},
    {"/staff/application/defect", NONE, NONE, STAFF_DO_DEFECT, NONE, CONSOLE_APPLICATION,
     "/staff/application"},
    {"/staff/letter", STAFF_DO_LETTER, NONE, NONE, NONE, NONE, "/staff/desk"},
    {"/staff/application/return", NONE, NONE, STAFF_DO_RETURN, NONE, CONSOLE_APPLICATION,
     "/staff/application"},
    {"/staff/desk/next", NONE, NONE, STAFF_DO_NEXT, NONE, CONSOLE_DESK, "/staff/desk"},
};

/* A field that stands twice is taken for none. */
static struct span field(const struct http_request *request, const char *name) {
    bool twice = false;
    struct span value = params_get(&request->params, name, &twice);
    return twice || value.data == NULL ? span_of("", 0) : value;
}

/* A place of ours to go on to: it stands in a link, which anybody may have made. */
static bool is_place(struct span text) {
    static const char begin[] = "/staff";
    if (text.len < sizeof(begin) - 1 || text.len > 512 ||
        memcmp(text.data, begin, sizeof(begin) - 1) != 0) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9');
        if (!plain && (c == 0 || strchr("/?=&%._-", c) == NULL)) {
            return false;
        }
    }
    return text.len == sizeof(begin) - 1 || text.data[sizeof(begin) - 1] == '/' ||
           text.data[sizeof(begin) - 1] == '?';
}

/* ---- the JSON around what an action answers */

static void put_switch(struct http_request *request, struct buf *json) {
    static const char *const names[LANGS] = {"switch_ja", "switch_en"};
    static const char *const languages[LANGS] = {"ja", "en"};
    h2o_req_t *h2o = request->h2o;
    if (h2o == NULL || !h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("GET"))) {
        return;
    }
    size_t path_len = h2o->query_at != SIZE_MAX ? h2o->query_at : h2o->path.len;
    for (int lang = 0; lang < LANGS; lang++) {
        struct buf link;
        buf_init(&link, 3 * LIMIT_URL);
        buf_put(&link, h2o->path.base, path_len);
        buf_str(&link, "?");
        for (size_t i = 0; i < request->params.count; i++) {
            const struct param *param = &request->params.items[i];
            if (!span_is(param->name, "ui") && !span_is(param->name, "notice")) {
                http_form_escape(param->name, &link);
                buf_str(&link, "=");
                http_form_escape(param->value, &link);
                buf_str(&link, "&");
            }
        }
        buf_printf(&link, "ui=%s", languages[lang]);
        buf_json_member(json, names[lang], buf_span(&link));
        buf_free(&link);
    }
    buf_json_bool(json, "switch", true);
}

/* The member of `member: what is wrong`, or of `member[0]: ...`; empty: it names none. */
static struct span member_of(struct span message) {
    size_t len = 0;
    while (len < message.len &&
           ((message.data[len] >= 'a' && message.data[len] <= 'z') ||
            message.data[len] == '_')) {
        len++;
    }
    bool named = len > 0 && len < message.len &&
                 (message.data[len] == ':' || message.data[len] == '[');
    return span_of(message.data, named ? len : 0);
}

/* Why a form was refused, for the head of its page: the field in the page's language, the
 * way to it when what it holds was wrong, and `bad`, by which the page marks it. */
static void put_refusal(struct buf *json, const struct svc_staff *staff) {
    char key[64];
    struct span member = member_of(staff->message);
    bool invalid = staff->kind != STAFF_CONFLICT;
    buf_json_name(json, "refusal");
    buf_str(json, "{");
    buf_json_bool(json, "invalid", invalid);
    snprintf(key, sizeof(key), "field_%.*s", (int)(member.len < 32 ? member.len : 32),
             (const char *)member.data);
    if (invalid && http_console_known(key)) {
        buf_json_member(json, "named", span_str(key));
    }
    if (invalid && member.len > 0) {
        buf_json_member(json, "anchor", member);
    }
    if (staff->reason != NULL) {
        buf_json_member(json, "why", span_str(staff->reason));
    } else {
        buf_json_member(json, "text", staff->message);
    }
    buf_str(json, "}");
    if (invalid && member.len > 0) {
        buf_json_name(json, "bad");
        buf_printf(json, "{\"%.*s\":true}", (int)member.len, (const char *)member.data);
    }
}

/* `refused`: the page is that of its form; NULL: nothing was. */
static void show(struct http_request *request, int status, enum console_page page,
                 struct span me, struct span view, const struct svc_staff *refused) {
    char key[64] = "";
    struct span notice = field(request, "notice");
    struct buf json;
    buf_init(&json, JSON_MAX);
    buf_str(&json, "{");
    put_switch(request, &json);
    if (notice.len > 0 && notice.len < 32) {
        snprintf(key, sizeof(key), "notice_%.*s", (int)notice.len,
                 (const char *)notice.data);
    }
    if (http_console_known(key)) {
        buf_json_member(&json, "notice", span_str(key));
    }
    if (me.len > 0) {
        buf_json_name(&json, "me");
        buf_put(&json, me.data, me.len);
    }
    if (refused != NULL) {
        put_refusal(&json, refused);
    }
    buf_json_name(&json, "v");
    buf_put(&json, view.len > 0 ? (const char *)view.data : "{}",
            view.len > 0 ? view.len : 2);
    buf_str(&json, "}");
    http_respond_console(request, status, page, buf_span(&json));
    buf_free(&json);
}

/* ---- what cannot be shown or done */

/* `reason`: a message of the catalogue that says what stands in the way; or NULL. */
static void problem_why(struct http_request *request, int status, const char *kind,
                        struct span me, const char *back, struct span message,
                        const char *reason) {
    char id[2 * sizeof(request->id) + 1];
    struct buf view;
    buf_init(&view, 4096);
    snprintf(id, sizeof(id), "%016" PRIx64, request->id);
    buf_str(&view, "{");
    buf_json_bool(&view, kind, true);
    buf_json_member(&view, "request_id", span_str(id));
    buf_json_member(&view, "back", span_str(back));
    if (reason != NULL) {
        buf_json_member(&view, "why", span_str(reason));
    }
    if (message.len > 0) {
        buf_json_member(&view, "detail", message);
    }
    buf_str(&view, "}");
    log_event(LOG_INFO, "staff.problem", log_str("request", id),
              log_u64("status", (uint64_t)status), log_str("kind", kind), log_end());
    show(request, status, CONSOLE_PROBLEM, me, buf_span(&view), NULL);
    buf_free(&view);
}

static void problem(struct http_request *request, int status, const char *kind,
                    struct span me, const char *back, struct span message) {
    problem_why(request, status, kind, me, back, message, NULL);
}

static void unavailable(struct http_request *request, enum err err, struct span me) {
    bool again = err == ERR_BUSY || err == ERR_TIMEOUT || err == ERR_STALE ||
                 err == ERR_NO_LEADER || err == ERR_NOT_LEADER || err == ERR_CLOSED ||
                 err == ERR_NO_SPACE;
    problem(request, again ? 503 : 500, again ? "unavailable" : "fault", me, "/staff",
            span_of("", 0));
}

static void to_login(struct http_request *request, const char *why, struct span next) {
    struct buf location;
    buf_init(&location, 4096);
    buf_printf(&location, "/staff/login?notice=%s", why);
    if (is_place(next)) {
        buf_str(&location, "&next=");
        http_form_escape(next, &location);
    }
    http_respond_redirect(request, buf_span(&location));
    buf_free(&location);
}

/* ---- actions */

static bool is_post(const struct http_request *request) {
    h2o_req_t *h2o = request->h2o;
    return h2o != NULL && h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("POST"));
}

static struct span path_of(const struct http_request *request) {
    h2o_req_t *h2o = request->h2o;
    size_t len = h2o->query_at != SIZE_MAX ? h2o->query_at : h2o->path.len;
    return span_of(h2o->path.base, len);
}

static const struct staff_route *route_of(const struct http_request *request) {
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (request->h2o != NULL && span_is(path_of(request), routes[i].path)) {
            return &routes[i];
        }
    }
    return NULL;
}

/* A form's person goes back to the page that it stood on; that of an `id`, to it. */
static void go_back_to(const struct http_request *request,
                       const struct staff_route *route, char out[256]) {
    struct span id = field(request, "id");
    bool plain = id.len > 0 && id.len <= LIMIT_CLIENT_ID;
    for (size_t i = 0; i < id.len && plain; i++) {
        uint8_t c = id.data[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    }
    bool of_rp = span_is(span_str(route->back), "/staff/rp");
    bool of_help = span_is(span_str(route->back), "/staff/help");
    bool of_id =
        of_rp || of_help || span_is(span_str(route->back), "/staff/application");
    snprintf(out, 256, "%s%s%.*s",
             of_id && !plain ? (of_rp     ? "/staff/rps"
                                : of_help ? "/staff/help"
                                          : "/staff/desk")
                             : route->back,
             of_id && plain ? "?id=" : "", of_id && plain ? (int)id.len : 0,
             (const char *)id.data);
}

static void sign_in(struct http_request *request, const struct staff_route *route,
                    const char *why) {
    char back[256];
    go_back_to(request, route, back);
    h2o_req_t *h2o = request->h2o;
    to_login(request, why,
             is_post(request) ? span_str(back) : span_of(h2o->path.base, h2o->path.len));
}

static void refused(struct http_request *request, const struct svc_staff *staff,
                    const struct staff_route *route) {
    bool missing = staff->kind == STAFF_MISSING;
    int status = staff->kind == STAFF_INVALID ? 422 : missing ? 404 : 409;
    char back[256];
    go_back_to(request, route, back);
    if (route->form_page != NONE && staff->view.len > 0) {
        show(request, status, (enum console_page)route->form_page, staff->me,
             staff->view, staff);
    } else if (missing) {
        problem(request, status, "missing", staff->me, route->back, staff->message);
    } else {
        problem_why(request, status, "refused", staff->me, back, staff->message,
                    staff->reason);
    }
}

static bool ends(struct span name, const char *with) {
    size_t len = strlen(with);
    return name.len > len && memcmp(name.data + name.len - len, with, len) == 0;
}

static const char *file_type(struct span name) {
    return ends(name, ".csv")   ? "text/csv"
           : ends(name, ".pdf") ? "application/pdf"
                                : "application/json";
}

static void answer(struct http_request *request, const struct svc_staff *staff,
                   const struct staff_route *route) {
    const struct span none = span_of("", 0);
    int page = is_post(request) ? route->post_page : route->get_page;
    switch (staff->kind) {
    case STAFF_VIEW:
        show(request, 200, page != NONE ? (enum console_page)page : CONSOLE_HOME,
             staff->me, staff->view, NULL);
        return;
    case STAFF_DONE:
        http_respond_redirect(request, staff->location);
        return;
    case STAFF_FILE:
        http_respond_file(request, file_type(staff->file_name), staff->file_name,
                          staff->file);
        return;
    case STAFF_TAKEN:
        http_respond_nothing(request);
        return;
    case STAFF_IMAGE:
        http_respond_image(request, staff->file);
        return;
    case STAFF_SIGN_IN:
        sign_in(request, route, staff->signed_out ? "ended" : "needed");
        return;
    case STAFF_AGAIN:
        sign_in(request, route, "again");
        return;
    case STAFF_FORBIDDEN:
        problem(request, 403, "forbidden", staff->me, "/staff", none);
        return;
    case STAFF_CSRF:
        problem(request, 403, "csrf", staff->me, route->back, none);
        return;
    case STAFF_MISSING:
    case STAFF_INVALID:
    case STAFF_CONFLICT:
        refused(request, staff, route);
        return;
    }
}

static void on_staff(struct svc_staff *staff) {
    struct http_request *request = staff->arg;
    const struct staff_route *route = route_of(request);
    if (route != NULL) { /* else the client has gone */
        http_request_choose_lang(request);
        if (staff->signed_out) {
            http_respond_cookie(request, COOKIE_STAFF, span_of("", 0));
        } else if (staff->set_session_cookie.len > 0) {
            http_respond_cookie(request, COOKIE_STAFF, staff->set_session_cookie);
        }
        if (staff->op.err != OK) {
            unavailable(request, staff->op.err, staff->me);
        } else {
            answer(request, staff, route);
        }
    }
    svc_op_close(&staff->op);
    http_request_end(request);
}

static void start(struct http_request *request, int action, struct span upload) {
    struct svc_staff *staff = &request->op.staff;
    *staff = (struct svc_staff){
        .op.from = http_request_origin(request),
        .done = on_staff,
        .arg = request,
        .action = (enum staff_action)action,
        .params = &request->params,
        .session_cookie = http_request_cookie(request, COOKIE_STAFF),
        .upload = upload,
    };
    svc_staff(request->thread->svc, staff);
}

static void missing(struct http_request *request) {
    http_request_choose_lang(request);
    problem(request, 404, "missing", span_of("", 0), "/staff", span_of("", 0));
    http_request_end(request);
}

void route_staff_get(struct http_request *request) {
    const struct staff_route *route = route_of(request);
    if (route == NULL) {
        missing(request); /* of an absolute target: no browser sends one */
    } else if (http_request_query(request, false)) {
        start(request, route->get, span_of("", 0));
    }
}

void route_staff_post(struct http_request *request) {
    const struct staff_route *route = route_of(request);
    struct span upload;
    if (route == NULL) {
        missing(request);
    } else if (http_request_upload(request, &upload)) {
        start(request, route->post, upload);
    }
}

void route_staff_root(struct http_request *request) {
    http_respond_redirect(request, span_str("/staff"));
    http_request_end(request);
}

void route_staff_style(struct http_request *request) {
    http_respond_asset(request, "text/css; charset=utf-8", http_console_style());
    http_request_end(request);
}

void route_staff_script(struct http_request *request) {
    http_respond_asset(request, "text/javascript; charset=utf-8", http_console_script());
    http_request_end(request);
}

/* ---- signing in */

static void login_page(struct http_request *request, int status, const char *failure,
                       struct span name) {
    struct span set_cookie, csrf, next = field(request, "next");
    struct buf view;
    enum err err = svc_staff_form(request->thread->svc, &request->arena,
                                  http_request_cookie(request, COOKIE_STAFF_BROWSER),
                                  &set_cookie, &csrf);
    if (err != OK) {
        unavailable(request, err, span_of("", 0));
        return;
    }
    if (set_cookie.len > 0) {
        http_respond_cookie(request, COOKIE_STAFF_BROWSER, set_cookie);
    }
    buf_init(&view, 16 * 1024);
    buf_str(&view, "{");
    buf_json_member(&view, "csrf", csrf);
    buf_json_member(&view, "name", name.len <= LIMIT_STAFF_NAME ? name : span_of("", 0));
    buf_json_member(&view, "next", is_place(next) ? next : span_str("/staff"));
    if (failure != NULL) {
        buf_json_bool(&view, failure, true);
    }
    buf_str(&view, "}");
    show(request, status, CONSOLE_LOGIN, span_of("", 0), buf_span(&view), NULL);
    buf_free(&view);
}

void route_staff_login_get(struct http_request *request) {
    if (!http_request_query(request, false)) {
        return;
    }
    http_request_choose_lang(request);
    login_page(request, 200, NULL, span_of("", 0));
    http_request_end(request);
}

static void on_login(struct svc_staff_login *login) {
    static const char *const failures[] = {
        [STAFF_LOGIN_FAILED] = "failed",
        [STAFF_LOGIN_LIMITED] = "limited",
        [STAFF_LOGIN_FORM] = "expired",
    };
    struct http_request *request = login->arg;
    struct span next = field(request, "next");
    if (request->h2o != NULL) {
        http_request_choose_lang(request);
        if (login->op.err != OK) {
            unavailable(request, login->op.err, span_of("", 0));
        } else if (login->kind == STAFF_LOGIN_OK) {
            http_respond_cookie(request, COOKIE_STAFF, login->set_session_cookie);
            http_respond_redirect(request, is_place(next) ? next : span_str("/staff"));
        } else {
            login_page(request, login->kind == STAFF_LOGIN_FORM ? 403 : 200,
                       failures[login->kind], login->name);
        }
    }
    svc_op_close(&login->op);
    http_request_end(request);
}

void route_staff_login_post(struct http_request *request) {
    if (!http_request_form(request, false)) {
        return;
    }
    struct svc_staff_login *login = &request->op.staff_login;
    *login = (struct svc_staff_login){
        .op.from = http_request_origin(request),
        .done = on_login,
        .arg = request,
        .name = field(request, "name"),
        .password = field(request, "password"),
        .code = field(request, "code"),
        .csrf = field(request, "csrf"),
        .browser_cookie = http_request_cookie(request, COOKIE_STAFF_BROWSER),
        .session_cookie = http_request_cookie(request, COOKIE_STAFF),
        .client_address = http_request_client(request),
    };
    svc_staff_login(request->thread->svc, login);
}
