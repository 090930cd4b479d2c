#include "http/http_respond.h"

#include <inttypes.h>
#include <stdio.h>

#include "http/http_cookie.h"
#include "http/http_form.h"
#include "http/http_thread.h"
#include "server/svc_metrics.h"
#include "store/base/log.h"

#define PAGE_MAX (256 * 1024)
#define CONSOLE_MAX (8 * 1024 * 1024)

static const char *reason_of(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 421:
        return "Misdirected Request";
    case 422:
        return "Unprocessable Content";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

static void add(h2o_req_t *h2o, const h2o_token_t *token, const char *value,
                size_t len) {
    h2o_add_header(&h2o->pool, &h2o->res.headers, token, NULL, value, len);
}

#define ADD(h2o, token, text) add(h2o, token, text, sizeof(text) - 1)
#define ADD_NAMED(h2o, name, text)                                                     \
    h2o_add_header_by_str(&(h2o)->pool, &(h2o)->res.headers, name, sizeof(name) - 1,   \
                          0, NULL, text, sizeof(text) - 1)

static const char hsts[] = "max-age=63072000; includeSubDomains";

/* Headers that every response has, then the response itself. */
static void send_all(struct http_thread *thread, h2o_req_t *h2o, int status,
                     const char *type, const char *cache, struct span body) {
    h2o->res.status = status;
    h2o->res.reason = reason_of(status);
    h2o->res.content_length = body.len;
    if (type != NULL) {
        add(h2o, H2O_TOKEN_CONTENT_TYPE, type, strlen(type));
    }
    add(h2o, H2O_TOKEN_CACHE_CONTROL, cache, strlen(cache));
    ADD_NAMED(h2o, "x-content-type-options", "nosniff");
    add(h2o, H2O_TOKEN_STRICT_TRANSPORT_SECURITY, hsts, sizeof(hsts) - 1);
    svc_count_http(thread->shared->counters, status);
    h2o_send_inline(h2o, (const char *)body.data, body.len);
}

static void respond(struct http_request *request, int status, const char *type,
                    const char *cache, struct span body) {
    if (request->h2o != NULL) {
        svc_time_http(request->thread->shared->counters,
                      http_request_now_us() - request->begun_us);
        send_all(request->thread, request->h2o, status, type, cache, body);
    }
}

static void set_cookie(struct http_request *request, const char *name,
                       struct span value, int64_t max_age_s) {
    if (request->h2o == NULL) {
        return;
    }
    struct buf text;
    buf_init(&text, 2 * LIMIT_COOKIE);
    http_cookie_write(name, value, max_age_s, &text);
    if (buf_err(&text) == OK) {
        h2o_iovec_t copy =
            h2o_strdup(&request->h2o->pool, (const char *)text.data, text.len);
        add(request->h2o, H2O_TOKEN_SET_COOKIE, copy.base, copy.len);
    }
    buf_free(&text);
}

void http_respond_cookie(struct http_request *request, const char *name,
                         struct span value) {
    set_cookie(request, name, value, value.len > 0 ? -1 : 0);
}

void http_respond_cookie_year(struct http_request *request, const char *name,
                              struct span value) {
    set_cookie(request, name, value, 365 * 86400);
}

void http_respond_json(struct http_request *request, int status, struct span body) {
    if (request->h2o != NULL) {
        ADD_NAMED(request->h2o, "pragma", "no-cache");
    }
    respond(request, status, "application/json", "no-store", body);
}

void http_respond_document(struct http_request *request, struct span body,
                           uint32_t max_age_s) {
    char cache[32];
    int len = snprintf(cache, sizeof(cache), "public, max-age=%u", (unsigned)max_age_s);
    if (request->h2o != NULL) {
        h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, cache, (size_t)len);
        respond(request, 200, "application/json", copy.base, body);
    }
}

void http_respond_asset(struct http_request *request, const char *type,
                        struct span body) {
    respond(request, 200, type, "public, max-age=31536000, immutable", body);
}

void http_respond_empty(struct http_thread *thread, h2o_req_t *h2o) {
    send_all(thread, h2o, 204, NULL, "no-store", span_of("", 0));
}

void http_respond_jwt(struct http_request *request, const char *type, struct span jwt) {
    respond(request, 200, type, "no-store", jwt);
}

void http_respond_text(struct http_request *request, int status, const char *text) {
    respond(request, status, "text/plain; charset=utf-8", "no-store", span_str(text));
}

void http_respond_bytes(struct http_request *request, struct span body) {
    respond(request, 200, "application/octet-stream", "no-store", body);
}

void http_respond_nothing(struct http_request *request) {
    respond(request, 204, NULL, "no-store", span_of("", 0));
}

void http_respond_metrics(struct http_request *request, struct span body) {
    respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", "no-store", body);
}

int http_respond_status(enum oidc_error error) {
    switch (error) {
    case OIDC_OK:
        return 200;
    case OIDC_INVALID_CLIENT:
    case OIDC_INVALID_TOKEN:
        return 401;
    case OIDC_INSUFFICIENT_SCOPE:
        return 403;
    case OIDC_SERVER_ERROR:
        return 500;
    case OIDC_TEMPORARILY_UNAVAILABLE:
        return 503;
    default:
        return 400;
    }
}

void http_respond_challenge(struct http_request *request, const char *value) {
    if (request->h2o != NULL) {
        h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, value, strlen(value));
        add(request->h2o, H2O_TOKEN_WWW_AUTHENTICATE, copy.base, copy.len);
    }
}

void http_respond_done(struct http_request *request) {
    respond(request, 204, NULL, "no-store", span_of("", 0));
}

void http_respond_dpop_nonce(struct http_request *request, struct span nonce) {
    if (request->h2o == NULL || nonce.len == 0) {
        return;
    }
    h2o_req_t *h2o = request->h2o;
    h2o_iovec_t copy = h2o_strdup(&h2o->pool, (const char *)nonce.data, nonce.len);
    h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, H2O_STRLIT("dpop-nonce"), 0,
                          NULL, copy.base, copy.len);
}

void http_respond_oauth_error(struct http_request *request, int status,
                              enum oidc_error error, const char *description) {
    struct buf body;
    buf_init(&body, 4096);
    buf_str(&body, "{");
    buf_json_member(&body, "error", span_str(oidc_error_str(error)));
    if (description != NULL) {
        buf_json_member(&body, "error_description", span_str(description));
    }
    buf_str(&body, "}");
    http_respond_json(request, status, buf_span(&body));
    buf_free(&body);
}

void http_respond_redirect(struct http_request *request, struct span location) {
    h2o_req_t *h2o = request->h2o;
    if (h2o == NULL) {
        return;
    }
    h2o_iovec_t copy =
        h2o_strdup(&h2o->pool, (const char *)location.data, location.len);
    add(h2o, H2O_TOKEN_LOCATION, copy.base, copy.len);
    ADD_NAMED(h2o, "referrer-policy", "no-referrer");
    bool post = h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("POST"));
    respond(request, post ? 303 : 302, NULL, "no-store", span_of("", 0));
}

/* The one script that there is: SHA-256 of what stands in pages/post.mustache. */
#define POST_SCRIPT " script-src 'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE=';"

/* A further source in a directive. */
static void put_origin(struct buf *policy, struct span origin) {
    if (origin.len > 0) {
        buf_str(policy, " ");
        buf_put(policy, origin.data, origin.len);
    }
}

static void add_page_headers(h2o_req_t *h2o, enum http_page page,
                             struct http_origins origins) {
    char policy[1024];
    struct buf built;
    buf_init(&built, sizeof(policy) - 1);
    buf_str(&built, "default-src 'none';");
    buf_str(&built, page == PAGE_POST              ? POST_SCRIPT
                    : http_page_has_script(page) ? " script-src 'self';"
                                                 : "");
    buf_str(&built, " style-src 'self'; img-src 'self'");
    put_origin(&built, origins.image);
    buf_str(&built, "; form-action 'self'");
    put_origin(&built, origins.form_action);
    buf_str(&built, "; frame-ancestors 'none'; base-uri 'none'");
    int len = buf_err(&built) == OK
                  ? snprintf(policy, sizeof(policy), "%.*s", (int)built.len,
                             (const char *)built.data)
                  : -1;
    buf_free(&built);
    if (len < 0 || (size_t)len >= sizeof(policy)) {
        /* An origin too long for the policy: its redirect is not followed. */
        len = snprintf(policy, sizeof(policy),
                       "default-src 'none'; style-src 'self'; form-action 'self'; "
                       "frame-ancestors 'none'; base-uri 'none'");
    }
    h2o_iovec_t copy = h2o_strdup(&h2o->pool, policy, (size_t)len);
    h2o_add_header_by_str(&h2o->pool, &h2o->res.headers,
                          H2O_STRLIT("content-security-policy"), 0, NULL, copy.base,
                          copy.len);
    ADD_NAMED(h2o, "x-frame-options", "DENY");
    ADD_NAMED(h2o, "referrer-policy", "no-referrer");
    ADD_NAMED(h2o, "cross-origin-opener-policy", "same-origin");
    ADD(h2o, H2O_TOKEN_VARY, "accept-language, cookie");
}

static const char *environment_name(const struct http_request *request) {
    return config_environment_name(request->thread->config->environment);
}

/* Links to this page in either language: its own address with another `ui`. A page
 * that answers a form has no address, and no switch. */
static void add_switch(struct http_request *request, struct http_page_data *data) {
    h2o_req_t *h2o = request->h2o;
    if (!h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("GET"))) {
        return;
    }
    static const char *const languages[LANGS] = {"ja", "en"};
    static const char *const keys[LANGS] = {"switch_ja", "switch_en"};
    for (int lang = 0; lang < LANGS; lang++) {
        struct buf link;
        buf_init(&link, 3 * LIMIT_URL);
        size_t path_len = h2o->query_at != SIZE_MAX ? h2o->query_at : h2o->path.len;
        buf_put(&link, h2o->path.base, path_len);
        buf_str(&link, "?");
        for (size_t i = 0; i < request->params.count; i++) {
            if (!span_is(request->params.items[i].name, "ui")) {
                http_form_escape(request->params.items[i].name, &link);
                buf_str(&link, "=");
                http_form_escape(request->params.items[i].value, &link);
                buf_str(&link, "&");
            }
        }
        buf_printf(&link, "ui=%s", languages[lang]);
        if (buf_err(&link) == OK) {
            http_page_set(data, keys[lang], buf_span(&link));
            http_page_set_bool(data, "switch", true);
        }
        buf_free(&link);
    }
}

void http_respond_page(struct http_request *request, int status, enum http_page page,
                       struct http_page_data *data, struct http_origins origins) {
    if (request->h2o == NULL) {
        http_page_data_free(data);
        return;
    }
    struct buf html;
    buf_init(&html, PAGE_MAX);
    add_switch(request, data);
    enum err err =
        http_page_render(page, request->lang, environment_name(request), data, &html);
    http_page_data_free(data);
    if (err == OK) {
        add_page_headers(request->h2o, page, origins);
        respond(request, status, "text/html; charset=utf-8", "no-store",
                buf_span(&html));
    } else {
        respond(request, 500, "text/plain; charset=utf-8", "no-store",
                span_str("internal error\n"));
    }
    buf_free(&html);
}

void http_respond_section(struct http_request *request, int status, enum http_page page,
                          const char *section, struct http_page_data *data) {
    http_page_set_bool(data, section, true);
    http_respond_page(request, status, page, data, (struct http_origins){0});
}

void http_respond_console(struct http_request *request, int status,
                          enum console_page page, struct span json) {
    h2o_req_t *h2o = request->h2o;
    if (h2o == NULL) {
        return;
    }
    struct buf html;
    buf_init(&html, CONSOLE_MAX);
    enum err err = http_console_render(page, request->lang, environment_name(request),
                                       json, &html);
    ADD_NAMED(h2o, "content-security-policy",
              "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
              "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    ADD_NAMED(h2o, "x-frame-options", "DENY");
    ADD_NAMED(h2o, "referrer-policy", "no-referrer");
    ADD_NAMED(h2o, "cross-origin-opener-policy", "same-origin");
    if (err == OK) {
        respond(request, status, "text/html; charset=utf-8", "no-store",
                buf_span(&html));
    } else {
        log_event(LOG_ERROR, "http.console", log_str("error", err_str(err)), log_end());
        respond(request, 500, "text/plain; charset=utf-8", "no-store",
                span_str("internal error\n"));
    }
    buf_free(&html);
}

void http_respond_image(struct http_request *request, struct span jpeg) {
    h2o_req_t *h2o = request->h2o;
    if (h2o == NULL) {
        return;
    }
    ADD_NAMED(h2o, "content-security-policy",
              "default-src 'none'; sandbox; frame-ancestors 'none'");
    ADD_NAMED(h2o, "cross-origin-resource-policy", "same-origin");
    ADD_NAMED(h2o, "referrer-policy", "no-referrer");
    respond(request, 200, "image/jpeg", "no-store", jpeg);
}

void http_respond_file(struct http_request *request, const char *type,
                       struct span name, struct span body) {
    if (request->h2o == NULL) {
        return;
    }
    char value[160];
    int len = snprintf(value, sizeof(value), "attachment; filename=\"%.*s\"",
                       (int)name.len, (const char *)name.data);
    if (len > 0 && (size_t)len < sizeof(value)) {
        h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, value, (size_t)len);
        h2o_add_header_by_str(&request->h2o->pool, &request->h2o->res.headers,
                              H2O_STRLIT("content-disposition"), 0, NULL, copy.base,
                              copy.len);
    }
    respond(request, 200, type, "no-store", body);
}

void http_respond_error_page(struct http_request *request, int status,
                             enum oidc_error error, const char *description) {
    struct http_page_data *data = http_page_data_new();
    http_page_set(data, "error", span_str(oidc_error_str(error)));
    http_page_set(data, "description",
                  span_str(description != NULL ? description : ""));
    char id[2 * sizeof(request->id) + 1];
    snprintf(id, sizeof(id), "%016" PRIx64, request->id);
    http_page_set(data, "request_id", span_str(id));
    log_event(LOG_INFO, "http.error_page", log_str("request", id),
              log_u64("status", (uint64_t)status),
              log_str("error", oidc_error_str(error)), log_str("why", description),
              log_end());
    http_page_set_bool(data, "unavailable", status == 503);
    http_page_set_bool(data, "refused", status != 503);
    http_respond_page(request, status, PAGE_ERROR, data, (struct http_origins){0});
}

void http_respond_failure(struct http_request *request, enum err err, bool as_json) {
    bool again = err == ERR_BUSY || err == ERR_TIMEOUT || err == ERR_STALE ||
                 err == ERR_NO_LEADER || err == ERR_NOT_LEADER || err == ERR_CLOSED ||
                 err == ERR_NO_SPACE;
    int status = again ? 503 : 500;
    enum oidc_error error = again ? OIDC_TEMPORARILY_UNAVAILABLE : OIDC_SERVER_ERROR;
    if (again && request->h2o != NULL) {
        ADD_NAMED(request->h2o, "retry-after", "1");
    }
    if (as_json) {
        http_respond_oauth_error(request, status, error, again ? err_str(err) : NULL);
    } else {
        http_respond_error_page(request, status, error, again ? err_str(err) : NULL);
    }
}

void http_respond_raw(struct http_thread *thread, h2o_req_t *h2o, int status,
                      const char *why, const char *allow) {
    char body[256];
    int len =
        snprintf(body, sizeof(body), "%d %s: %s\n", status, reason_of(status), why);
    if (allow != NULL) {
        h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, H2O_STRLIT("allow"), 0,
                              NULL, allow, strlen(allow));
    } else {
        h2o->http1_is_persistent = 0;
    }
    add_page_headers(h2o, PAGE_ERROR, (struct http_origins){0});
    send_all(thread, h2o, status, "text/plain; charset=utf-8", "no-store",
             span_of(body, len > 0 ? (size_t)len : 0));
}
