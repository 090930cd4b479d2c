#include "http/http_request.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

#include "http/http_cookie.h"
#include "http/http_form.h"
#include "http/http_multipart.h"
#include "http/http_respond.h"
#include "http/http_thread.h"
#include "store/base/check.h"
#include "store/base/secret.h"

#define ARENA_MAX (512 * 1024)
#define SPARES_MAX 256
/* Odd, so that every number comes before one comes again. */
#define REQUEST_ID_STEP 0x9e3779b97f4a7c15u

struct http_gone {
    struct http_request *request;
};

static void on_gone(void *data) {
    struct http_gone *gone = data;
    if (gone->request != NULL) {
        gone->request->h2o = NULL;
        gone->request->gone = NULL;
    }
}

void http_request_choose_lang(struct http_request *request) {
    request->lang = LANG_JA;
    if (request->h2o == NULL) {
        return;
    }
    struct span asked = params_get(&request->params, "ui", NULL);
    struct span locales = params_get(&request->params, "ui_locales", NULL);
    struct span kept = http_request_cookie(request, COOKIE_LANG);
    if (span_is(asked, "en") || span_is(asked, "ja")) {
        request->lang = span_is(asked, "en") ? LANG_EN : LANG_JA;
        http_respond_cookie_year(request, COOKIE_LANG, asked);
    } else if (span_is(kept, "en") || span_is(kept, "ja")) {
        request->lang = span_is(kept, "en") ? LANG_EN : LANG_JA;
    } else if (locales.data == NULL || !http_lang_locales(locales, &request->lang)) {
        request->lang =
            http_lang_accept(http_request_header(request, H2O_TOKEN_ACCEPT_LANGUAGE));
    }
}

uint64_t http_request_now_us(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

struct http_request *http_request_begin(struct http_thread *thread, enum http_door door,
                                        h2o_req_t *h2o) {
    struct http_request *request = thread->spare;
    if (request != NULL) {
        thread->spare = request->next;
        thread->spare_count--;
    } else {
        request = malloc(sizeof(*request));
        CHECK(request != NULL);
        arena_init(&request->arena, ARENA_MAX);
    }
    /* A file is kept whole; a spare may have come by another door. */
    request->arena.max = ARENA_MAX + (http_door_takes_files(door) ? LIMIT_UPLOAD_BODY : 0);
    request->thread = thread;
    request->h2o = h2o;
    request->door = door;
    request->lang = LANG_JA;
    request->id = thread->request_id += REQUEST_ID_STEP;
    request->begun_us = http_request_now_us();
    request->params.count = 0;
    request->gone = h2o_mem_alloc_shared(&h2o->pool, sizeof(*request->gone), on_gone);
    request->gone->request = request;
    thread->requests_count++;
    return request;
}

void http_request_end(struct http_request *request) {
    struct http_thread *thread = request->thread;
    if (request->gone != NULL) {
        request->gone->request = NULL;
    }
    arena_reset(&request->arena);
    thread->requests_count--;
    if (thread->spare_count < SPARES_MAX) {
        request->next = thread->spare;
        thread->spare = request;
        thread->spare_count++;
        return;
    }
    arena_close(&request->arena);
    free(request);
}

void http_request_drop_spares(struct http_thread *thread) {
    while (thread->spare != NULL) {
        struct http_request *request = thread->spare;
        thread->spare = request->next;
        arena_close(&request->arena);
        free(request);
    }
}

struct span http_request_header(struct http_request *request,
                                const h2o_token_t *token) {
    if (request->h2o == NULL) {
        return span_of("", 0);
    }
    ssize_t at = h2o_find_header(&request->h2o->headers, token, -1);
    if (at < 0) {
        return span_of("", 0);
    }
    h2o_iovec_t value = request->h2o->headers.entries[at].value;
    return arena_dup(&request->arena, span_of(value.base, value.len));
}

struct span http_request_header_named(struct http_request *request, const char *name,
                                      bool *ret_twice) {
    *ret_twice = false;
    if (request->h2o == NULL) {
        return span_of("", 0);
    }
    const h2o_headers_t *headers = &request->h2o->headers;
    ssize_t at = h2o_find_header_by_str(headers, name, strlen(name), -1);
    if (at < 0) {
        return span_of("", 0);
    }
    *ret_twice = h2o_find_header_by_str(headers, name, strlen(name), at) >= 0;
    h2o_iovec_t value = headers->entries[at].value;
    return arena_dup(&request->arena, span_of(value.base, value.len));
}

struct span http_request_cookie(struct http_request *request, const char *name) {
    /* Two Cookie headers are never sent by a browser over HTTP/1.1. */
    ssize_t at = h2o_find_header(&request->h2o->headers, H2O_TOKEN_COOKIE, -1);
    if (at < 0 || h2o_find_header(&request->h2o->headers, H2O_TOKEN_COOKIE, at) >= 0) {
        return span_of("", 0);
    }
    h2o_iovec_t value = request->h2o->headers.entries[at].value;
    struct span found = http_cookie_get(span_of(value.base, value.len), name);
    return found.len > 0 ? arena_dup(&request->arena, found) : span_of("", 0);
}

static struct span peer_address(struct http_request *request) {
    struct sockaddr_storage peer;
    char text[INET6_ADDRSTRLEN] = "";
    if (request->h2o->conn->callbacks->get_peername(request->h2o->conn,
                                                    (struct sockaddr *)&peer) >=
            sizeof(struct sockaddr_in) &&
        peer.ss_family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, text,
                  sizeof(text));
    }
    return arena_dup(&request->arena, span_str(text));
}

/* What stands last in the last of the headers: whether the balancer adds a header or
 * appends to the client's, that is the one which it has written. */
static struct span last_forwarded(const h2o_req_t *h2o) {
    struct span value = span_of("", 0);
    ssize_t at = -1;
    while ((at = h2o_find_header(&h2o->headers, H2O_TOKEN_X_FORWARDED_FOR, at)) >= 0) {
        h2o_iovec_t found = h2o->headers.entries[at].value;
        value = span_of(found.base, found.len);
    }
    for (size_t i = value.len; i > 0; i--) {
        if (value.data[i - 1] == ',' || value.data[i - 1] == ' ') {
            return span_of(value.data + i, value.len - i);
        }
    }
    return value;
}

struct span http_request_client(struct http_request *request) {
    if (request->door != DOOR_BALANCER && request->door != DOOR_STAFF) {
        return peer_address(request);
    }
    struct span forwarded = last_forwarded(request->h2o);
    char text[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    if (forwarded.len >= sizeof(text)) {
        return peer_address(request);
    }
    memcpy(text, forwarded.data, forwarded.len);
    text[forwarded.len] = '\0';
    return inet_pton(AF_INET, text, &parsed) == 1 ||
                   inet_pton(AF_INET6, text, &parsed) == 1
               ? arena_dup(&request->arena, forwarded)
               : peer_address(request);
}

struct svc_origin http_request_origin(struct http_request *request) {
    struct svc_origin origin = {
        .address = http_request_client(request),
        .browser = http_request_header(request, H2O_TOKEN_USER_AGENT),
    };
    if (request->door == DOOR_OPERATOR) {
        struct span chain;
        origin.operator_cert =
            arena_dup(&request->arena, http_thread_certificate(request->h2o, &chain));
    }
    return origin;
}

static void refuse(struct http_request *request, bool as_json, int status,
                   const char *why) {
    if (as_json) {
        http_respond_oauth_error(request, status, OIDC_INVALID_REQUEST, why);
    } else {
        http_request_choose_lang(request); /* by what was read before the error */
        http_respond_error_page(request, status, OIDC_INVALID_REQUEST, why);
    }
    http_request_end(request);
}

struct span http_request_field(const struct http_request *request, const char *name) {
    bool twice = false;
    struct span value = params_get(&request->params, name, &twice);
    return twice || value.data == NULL ? span_of("", 0) : value;
}

/* What h2o has of a body: nothing, when there was none. */
struct span http_request_body(const struct http_request *request) {
    h2o_iovec_t body = request->h2o->entity;
    return span_of(body.base != NULL ? body.base : "", body.len);
}

void http_request_wipe_body(struct http_request *request) {
    if (request->h2o->entity.len > 0) {
        secret_wipe(request->h2o->entity.base, request->h2o->entity.len);
    }
}

static bool parse(struct http_request *request, struct span text, bool is_body,
                  bool as_json) {
    const char *why = "out of memory";
    enum err err = http_form_parse(text, &request->arena, &request->params, &why);
    if (is_body) {
        http_request_wipe_body(request);
    }
    if (err != OK) {
        refuse(request, as_json, err == ERR_NOMEM ? 503 : 400, why);
    }
    return err == OK;
}

bool http_request_query(struct http_request *request, bool as_json) {
    const h2o_req_t *h2o = request->h2o;
    if (h2o->query_at == SIZE_MAX) {
        return true;
    }
    return parse(
        request,
        span_of(h2o->path.base + h2o->query_at + 1, h2o->path.len - h2o->query_at - 1),
        false, as_json);
}

static bool is_type(struct span type, const char *name) {
    size_t len = strlen(name);
    return type.len >= len && h2o_lcstris((const char *)type.data, len, name, len) &&
           (type.len == len || type.data[len] == ';' || type.data[len] == ' ');
}

bool http_request_json(struct http_request *request) {
    if (is_type(http_request_header(request, H2O_TOKEN_CONTENT_TYPE),
                "application/json")) {
        return true;
    }
    refuse(request, true, 415, "Content-Type must be application/json");
    return false;
}

bool http_request_form(struct http_request *request, bool as_json) {
    struct span type = http_request_header(request, H2O_TOKEN_CONTENT_TYPE);
    if (!is_type(type, "application/x-www-form-urlencoded")) {
        refuse(request, as_json, as_json ? 400 : 415,
               "Content-Type must be application/x-www-form-urlencoded");
        return false;
    }
    return parse(request, http_request_body(request), true, as_json);
}

bool http_request_upload(struct http_request *request, struct span *ret_file) {
    struct span boundary = http_multipart_boundary(
        http_request_header(request, H2O_TOKEN_CONTENT_TYPE));
    struct http_multipart_file file;
    const char *why = "out of memory";
    *ret_file = span_of("", 0);
    if (boundary.len == 0) {
        return http_request_form(request, false);
    }
    struct span body = arena_dup(&request->arena, http_request_body(request));
    http_request_wipe_body(request);
    enum err err = body.data == NULL
                       ? ERR_NOMEM
                       : http_multipart_parse(body, boundary, &request->params, &file, &why);
    if (err != OK) {
        refuse(request, false, err == ERR_NOMEM ? 503 : 400, why);
        return false;
    }
    *ret_file = file.bytes;
    return true;
}
