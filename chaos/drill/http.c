#include "chaos/drill/http.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct http *http = arg;
    buf_put(&http->body, data, size * count);
    return buf_err(&http->body) == OK ? size * count : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg) {
    struct http *http = arg;
    size_t len = size * count;
    static const char name[] = "location:";

    if (len > sizeof(name) && strncasecmp(data, name, sizeof(name) - 1) == 0) {
        const char *value = data + sizeof(name) - 1;
        const char *end = data + len;
        while (value < end && *value == ' ') {
            value++;
        }
        while (end > value && (end[-1] == '\r' || end[-1] == '\n')) {
            end--;
        }
        if ((size_t)(end - value) < sizeof(http->location)) {
            memcpy(http->location, value, (size_t)(end - value));
            http->location[end - value] = '\0';
        }
    }
    return len;
}

void http_prefer(struct http *http, unsigned region) {
    const struct lab *lab = http->lab;
    const unsigned ports[] = {lab->port, LAB_PORT_STAFF};
    size_t count = lab->plan.regions_count;

    curl_slist_free_all(http->resolve);
    http->resolve = NULL;
    for (size_t k = 0; k < 2; k++) {
        char line[512];
        int used = snprintf(line, sizeof(line), "%s:%u:", lab->host, ports[k]);
        for (size_t i = 0; i < count; i++) {
            used += snprintf(line + used, sizeof(line) - (size_t)used, "%s%s",
                             i > 0 ? "," : "",
                             lab->balancers[(region + i) % count].address);
        }
        http->resolve = curl_slist_append(http->resolve, line);
    }
    curl_easy_setopt(http->easy, CURLOPT_RESOLVE, http->resolve);
}

bool http_open(struct http *http, const struct lab *lab) {
    char path[LAB_PATH + 16];

    *http = (struct http){.lab = lab, .easy = curl_easy_init()};
    if (http->easy == NULL) {
        return false;
    }
    buf_init(&http->body, HTTP_BODY_MAX);
    snprintf(path, sizeof(path), "%s/ca.crt", lab->pki);
    curl_easy_setopt(http->easy, CURLOPT_CAINFO, path);
    curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(http->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(http->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(http->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(http->easy, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(http->easy, CURLOPT_COOKIEFILE, "");
    snprintf(http->origin, sizeof(http->origin), "Origin: %s", lab->base);
    http_prefer(http, 0);
    return true;
}

void http_close(struct http *http) {
    curl_easy_cleanup(http->easy);
    curl_slist_free_all(http->resolve);
    buf_free(&http->body);
}

void http_certificate(struct http *http, const char *name) {
    char path[LAB_PATH + 64];
    snprintf(path, sizeof(path), "%s/%.40s.crt", http->lab->pki, name);
    curl_easy_setopt(http->easy, CURLOPT_SSLCERT, path);
    snprintf(path, sizeof(path), "%s/%.40s.key", http->lab->pki, name);
    curl_easy_setopt(http->easy, CURLOPT_SSLKEY, path);
}

void http_forget(struct http *http) {
    curl_easy_setopt(http->easy, CURLOPT_COOKIELIST, "ALL");
}

void http_basic(struct http *http, const char *user, const char *secret) {
    snprintf(http->authorization, sizeof(http->authorization), "%s:%s", user, secret);
}

static int exchange(struct http *http, const char *url, const char *type,
                    unsigned timeout_ms) {
    struct curl_slist *headers = NULL;
    char whole[4096];
    long status = 0;

    snprintf(whole, sizeof(whole), "%s%s", url[0] == '/' ? http->lab->base : "", url);
    buf_reset(&http->body);
    http->location[0] = '\0';
    curl_easy_setopt(http->easy, CURLOPT_URL, whole);
    curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    /* One address that swallows packets must not take all of the time. */
    curl_easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms * 2 / 3);
    headers = curl_slist_append(headers, http->origin);
    headers = curl_slist_append(headers, "Expect:");
    if (type != NULL) {
        headers = curl_slist_append(headers, type);
    }
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
    if (http->authorization[0] != '\0') {
        curl_easy_setopt(http->easy, CURLOPT_USERPWD, http->authorization);
    }
    CURLcode code = curl_easy_perform(http->easy);
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(http->easy, CURLINFO_TOTAL_TIME, &http->seconds);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (code == CURLE_OK) {
        return (int)status;
    }
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ? -1 : 0;
}

int http_get(struct http *http, const char *url, unsigned timeout_ms) {
    curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(http->easy, CURLOPT_FRESH_CONNECT, 0L);
    return exchange(http, url, NULL, timeout_ms);
}

/* libcurl sends a request again by itself when a connection that it had kept turns out
 * to be dead, though it may have been served: what has an effect goes over a new one. */
static void as_post(struct http *http, const char *body, size_t len) {
    curl_easy_setopt(http->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(http->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE, (long)len);
    curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, body);
}

static void escape(CURL *easy, struct buf *out, const char *value) {
    char *text = curl_easy_escape(easy, value, 0);
    buf_str(out, text != NULL ? text : "");
    curl_free(text);
}

int http_post(struct http *http, const char *url, const struct http_form *form,
              unsigned timeout_ms) {
    struct buf body;

    buf_init(&body, HTTP_BODY_MAX);
    for (size_t i = 0; i < form->count; i++) {
        buf_printf(&body, "%s%s=", i > 0 ? "&" : "", form->at[i].name);
        escape(http->easy, &body, form->at[i].value);
    }
    as_post(http, (const char *)body.data, body.len);
    int status = buf_err(&body) == OK ? exchange(http, url, NULL, timeout_ms) : -1;
    buf_free(&body);
    return status;
}

int http_json(struct http *http, const char *url, const char *body,
              unsigned timeout_ms) {
    as_post(http, body, strlen(body));
    return exchange(http, url, "Content-Type: application/json", timeout_ms);
}

int http_bytes(struct http *http, const char *url, struct span body,
               unsigned timeout_ms) {
    as_post(http, body.len > 0 ? (const char *)body.data : "", body.len);
    return exchange(http, url, "Content-Type: application/octet-stream", timeout_ms);
}

/* ---- what pages say */

/* The entities that the templates write. */
static void html_decode(const char *from, size_t len, char *to, size_t size) {
    static const struct {
        const char *entity, *text;
    } table[] = {{"&amp;", "&"},  {"&lt;", "<"},   {"&gt;", ">"},
                 {"&quot;", "\""}, {"&#x27;", "'"}, {"&#39;", "'"}};
    size_t used = 0;

    for (size_t i = 0; i < len && used + 1 < size;) {
        size_t step = 1;
        char c = from[i];
        for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
            size_t n = strlen(table[k].entity);
            if (n <= len - i && memcmp(from + i, table[k].entity, n) == 0) {
                c = table[k].text[0];
                step = n;
                break;
            }
        }
        to[used++] = c;
        i += step;
    }
    to[used] = '\0';
}

bool http_hidden(const struct http *http, const char *name, char *ret, size_t size) {
    char mark[96];
    const char *page = (const char *)http->body.data;
    size_t mark_len =
        (size_t)snprintf(mark, sizeof(mark), "name=\"%s\" value=\"", name);
    const char *at =
        http->body.len > 0 ? memmem(page, http->body.len, mark, mark_len) : NULL;

    if (at == NULL) {
        return false;
    }
    at += mark_len;
    const char *end = memchr(at, '"', (size_t)(page + http->body.len - at));
    if (end == NULL || (size_t)(end - at) >= size) {
        return false;
    }
    html_decode(at, (size_t)(end - at), ret, size);
    return true;
}

bool http_parameter(const struct http *http, const char *name, char *ret, size_t size) {
    const char *at = strchr(http->location, '?');
    size_t name_len = strlen(name);

    while (at != NULL) {
        at++;
        if (strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            const char *value = at + name_len + 1;
            int len;
            char *text = curl_easy_unescape(http->easy, value,
                                            (int)strcspn(value, "&#"), &len);
            bool fits = text != NULL && (size_t)len < size;
            if (fits) {
                memcpy(ret, text, (size_t)len + 1);
            }
            curl_free(text);
            return fits;
        }
        at = strchr(at, '&');
    }
    return false;
}

bool http_member(const struct http *http, const char *name, char *ret, size_t size) {
    json_t *json = json_loadb((const char *)http->body.data, http->body.len, 0, NULL);
    const char *value = json_string_value(json_object_get(json, name));
    bool fits = value != NULL && strlen(value) < size;
    if (fits) {
        memcpy(ret, value, strlen(value) + 1);
    }
    json_decref(json);
    return fits;
}
