#include "ops/bench.d/load_flow.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_AFTER_ERROR_MS 20

static const char *const step_names[LOAD_STEPS] = {
    "authorize", "login", "consent", "token", "refresh", "get", "client",
};

const char *load_step_name(enum load_step step) {
    return step_names[step];
}

uint64_t load_now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- text that grows up to its cap; what does not fit is a programmer's error. */

struct text {
    char *data;
    size_t len, cap;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text,
                                                      const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->data + text->len, text->cap - text->len, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= text->cap - text->len) {
        fprintf(stderr, "load: a request is longer than %zu bytes\n", text->cap);
        exit(2);
    }
    text->len += (size_t)n;
}

static void add_escaped(struct text *text, const char *value) {
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (isalnum(c) || strchr("-._~", c) != NULL) {
            add(text, "%c", c);
        } else {
            add(text, "%%%02X", c);
        }
    }
}

static void add_field(struct text *text, const char *name, const char *value) {
    if (text->len > 0) {
        add(text, "&");
    }
    add(text, "%s=", name);
    add_escaped(text, value);
}

/* ---- requests */

static void base64(const void *data, size_t len, char *out) {
    EVP_EncodeBlock((unsigned char *)out, data, (int)len);
}

static void base64url(const void *data, size_t len, char *out) {
    base64(data, len, out);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
        if (*c == '=') {
            *c = '\0';
            return;
        }
    }
}

static void add_cookies(struct text *text, const struct load_user *user) {
    bool first = true;
    for (size_t i = 0; i < LOAD_COOKIES && user->cookies[i].name[0] != '\0'; i++) {
        add(text, "%s%s=%s", first ? "Cookie: " : "; ", user->cookies[i].name,
            user->cookies[i].value);
        first = false;
    }
    add(text, first ? "" : "\r\n");
}

static void add_client(struct text *head, struct text *form,
                       const struct load_options *options) {
    if (options->signer != NULL && options->audience[0] != '\0') {
        char assertion[LOAD_TEXT];
        if (!load_sign_assertion(options->signer, options->client_id, options->audience,
                                 assertion, sizeof(assertion))) {
            fprintf(stderr, "load: no assertion could be signed\n");
            exit(2);
        }
        add_field(form, "client_assertion_type",
                  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        add_field(form, "client_assertion", assertion);
        return;
    }
    if (options->client_secret[0] == '\0') {
        add_field(form, "client_id", options->client_id);
        return;
    }
    /* RFC 6749 §2.3.1: form-encoded, then Basic. */
    char pair[1024], encoded[1500];
    struct text plain = {.data = pair, .cap = sizeof(pair)};
    add_escaped(&plain, options->client_id);
    add(&plain, ":");
    add_escaped(&plain, options->client_secret);
    base64(pair, plain.len, encoded);
    add(head, "Authorization: Basic %s\r\n", encoded);
}

static void add_proof(struct text *head, const struct load_user *user) {
    const struct load_options *options = user->options;
    char proof[LOAD_TEXT];
    if (options->signer == NULL || options->endpoint[0] == '\0') {
        return;
    }
    if (!load_sign_proof(options->signer, options->endpoint, user->nonce, proof,
                         sizeof(proof))) {
        fprintf(stderr, "load: no proof could be signed\n");
        exit(2);
    }
    add(head, "DPoP: %s\r\n", proof);
}

static void authorize_query(struct load_user *user, struct text *out) {
    const struct load_options *options = user->options;
    char unique[32];
    snprintf(unique, sizeof(unique), "n%llu", (unsigned long long)user->serial++);
    add_field(out, "response_type", "code");
    add_field(out, "client_id", options->client_id);
    add_field(out, "redirect_uri", options->redirect_uri);
    add_field(out, "scope", options->scope);
    add_field(out, "state", unique);
    add_field(out, "nonce", unique);
    add_field(out, "code_challenge", user->challenge);
    add_field(out, "code_challenge_method", "S256");
}

static void token_form(struct load_user *user, struct text *out) {
    if (user->step == LOAD_STEP_CLIENT) {
        add_field(out, "grant_type", "client_credentials");
        add_field(out, "scope", user->options->scope);
        if (user->options->resource[0] != '\0') {
            add_field(out, "resource", user->options->resource);
        }
        return;
    }
    if (user->step == LOAD_STEP_REFRESH) {
        add_field(out, "grant_type", "refresh_token");
        add_field(out, "refresh_token", user->refresh);
        return;
    }
    add_field(out, "grant_type", "authorization_code");
    add_field(out, "code", user->code);
    add_field(out, "redirect_uri", user->options->redirect_uri);
    add_field(out, "code_verifier", user->verifier);
}

static void page_form(struct load_user *user, struct text *out) {
    add_field(out, "login_state", user->login_state);
    if (user->step == LOAD_STEP_CONSENT) {
        add_field(out, "decision", "allow");
        return;
    }
    add_field(out, "account_id", user->options->account);
    add_field(out, "password", user->options->password);
}

static void post(struct text *out, const char *path, const struct load_conn *conn,
                 const struct text *head, const struct text *form) {
    add(out,
        "POST %s HTTP/1.1\r\nHost: %s\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: %zu\r\n%.*s\r\n%.*s",
        path, conn->node->host, form->len, (int)head->len, head->data, (int)form->len,
        form->data);
}

static void send_step(struct load_user *user) {
    bool back = user->step >= LOAD_STEP_TOKEN;
    struct load_conn *conn = back ? &user->back : &user->browser;
    char head_bytes[8192] = "", form_bytes[LOAD_REQUEST_MAX] = "";
    struct text out = {.data = conn->out, .cap = LOAD_REQUEST_MAX};
    struct text head = {.data = head_bytes, .cap = sizeof(head_bytes)};
    struct text form = {.data = form_bytes, .cap = sizeof(form_bytes)};

    user->step_us = load_now_us();
    switch (user->step) {
    case LOAD_STEP_AUTHORIZE:
        authorize_query(user, &form);
        add_cookies(&head, user);
        add(&out, "GET /oauth/authorize?%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", form.data,
            conn->node->host, head.data);
        break;
    case LOAD_STEP_LOGIN:
    case LOAD_STEP_CONSENT:
        add_cookies(&head, user);
        add(&head, "Origin: https://%s\r\n", conn->node->host);
        page_form(user, &form);
        post(&out, user->step == LOAD_STEP_LOGIN ? "/oauth/login" : "/oauth/consent",
             conn, &head, &form);
        break;
    case LOAD_STEP_TOKEN:
    case LOAD_STEP_REFRESH:
    case LOAD_STEP_CLIENT:
        token_form(user, &form);
        add_client(&head, &form, user->options);
        add_proof(&head, user);
        post(&out, "/oauth/token", conn, &head, &form);
        break;
    case LOAD_STEP_GET:
    default:
        if (user->options->bearer) {
            add(&head, "Authorization: Bearer %s\r\n", user->access);
        }
        add(&out, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", user->options->path,
            conn->node->host, head.data);
    }
    load_conn_send(conn, out.len,
                   user->step_us / 1000 + user->options->request_timeout_ms);
}

/* ---- responses */

/* Copy what stands between `before` and one of `until`. False: not there, or too
 * long. */
static bool cut(const char *text, const char *before, const char *until, char *out,
                size_t cap) {
    const char *at = text == NULL ? NULL : strstr(text, before);
    if (at == NULL) {
        return false;
    }
    at += strlen(before);
    size_t len = strcspn(at, until);
    if (len == 0 || len >= cap) {
        return false;
    }
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

static void keep_cookies(struct load_user *user, const struct load_response *response) {
    const char *value;
    size_t len;
    for (unsigned n = 0; load_response_header(response, "set-cookie", n, &value, &len);
         n++) {
        size_t name_len = strcspn(value, "=\r");
        size_t value_len = strcspn(value + name_len, ";\r");
        size_t i = 0;
        if (value[name_len] != '=' || name_len >= sizeof(user->cookies[0].name) ||
            value_len > sizeof(user->cookies[0].value)) {
            continue;
        }
        while (i < LOAD_COOKIES - 1 && user->cookies[i].name[0] != '\0' &&
               (strlen(user->cookies[i].name) != name_len ||
                memcmp(user->cookies[i].name, value, name_len) != 0)) {
            i++;
        }
        memcpy(user->cookies[i].name, value, name_len);
        user->cookies[i].name[name_len] = '\0';
        memcpy(user->cookies[i].value, value + name_len + 1, value_len - 1);
        user->cookies[i].value[value_len - 1] = '\0';
    }
}

static void count_error(struct load_user *user, const struct load_response *response,
                        const char *failure) {
    struct load_stats *stats = user->stats;
    if (user->ready && !stats->measuring) {
        return;
    }
    stats->errors++;
    if (stats->first_error[0] != '\0') {
        return;
    }
    int n = snprintf(stats->first_error, sizeof(stats->first_error), "%s: %s",
                     step_names[user->step], failure);
    if (response != NULL && n > 0 && (size_t)n < sizeof(stats->first_error)) {
        snprintf(stats->first_error + n, sizeof(stats->first_error) - (size_t)n,
                 ", status %d, body %.300s", response->status, response->body);
    }
}

static void begin_unit(struct load_user *user) {
    static const enum load_step first[] = {
        [LOAD_GET] = LOAD_STEP_GET,
        [LOAD_CODE] = LOAD_STEP_AUTHORIZE,
        [LOAD_REFRESH] = LOAD_STEP_REFRESH,
        [LOAD_LOGIN] = LOAD_STEP_AUTHORIZE,
        [LOAD_CLIENT] = LOAD_STEP_CLIENT,
    };
    user->ready = true;
    user->step = first[user->options->flow];
    if (user->options->flow == LOAD_LOGIN) {
        memset(user->cookies, 0, sizeof(user->cookies));
    }
    user->unit_us = load_now_us();
    send_step(user);
}

static void end_unit(struct load_user *user) {
    if (user->ready && user->stats->measuring) {
        user->stats->units++;
        load_hist_add(&user->stats->unit, load_now_us() - user->unit_us);
    }
    begin_unit(user);
}

/* After an error all starts again: cookies may have ended, a chain may be broken. */
static void pause_user(struct load_user *user) {
    user->ready = false;
    user->waiting = true;
    user->resume_ms = load_now_us() / 1000 + PAUSE_AFTER_ERROR_MS;
}

static bool is_redirect(const struct load_response *response) {
    return response->status == 302 || response->status == 303;
}

/* After a page or a redirect: what comes next? NULL, or what was wrong. */
static const char *after_page(struct load_user *user,
                              const struct load_response *response) {
    char location[8192];
    const char *value;
    size_t len;
    keep_cookies(user, response);
    if (is_redirect(response) &&
        load_response_header(response, "location", 0, &value, &len) &&
        len < sizeof(location)) {
        memcpy(location, value, len);
        location[len] = '\0';
        bool got = cut(location, "?code=", "&#", user->code, sizeof(user->code)) ||
                   cut(location, "&code=", "&#", user->code, sizeof(user->code));
        user->step = LOAD_STEP_TOKEN;
        return got ? NULL : "redirect without a code";
    }
    if (response->status != 200) {
        return "neither page nor redirect";
    }
    const char *field = strstr(response->body, "name=\"login_state\"");
    if (!cut(field, "value=\"", "\"", user->login_state, sizeof(user->login_state))) {
        return "page without login_state";
    }
    if (strstr(response->body, "name=\"password\"") == NULL) {
        user->step = LOAD_STEP_CONSENT;
    } else if (user->step == LOAD_STEP_AUTHORIZE &&
               (!user->ready || user->options->flow == LOAD_LOGIN)) {
        user->step = LOAD_STEP_LOGIN;
    } else {
        return "login page though signed in, or sign-in refused";
    }
    return NULL;
}

/* RFC 9449 §8: any answer may bring the nonce for the next proof. True: this one did
 * nothing but that. */
static bool only_asks_for_nonce(struct load_user *user,
                                const struct load_response *response) {
    const char *value;
    size_t len;
    if (user->options->endpoint[0] == '\0' ||
        !load_response_header(response, "dpop-nonce", 0, &value, &len)) {
        return false;
    }
    len = strcspn(value, "\r\n\"\\") < len ? strcspn(value, "\r\n\"\\") : len;
    if (len == 0 || len >= sizeof(user->nonce)) {
        return false;
    }
    memcpy(user->nonce, value, len);
    user->nonce[len] = '\0';
    return response->status != 200 &&
           strstr(response->body, "use_dpop_nonce") != NULL;
}

static const char *after_token(struct load_user *user,
                               const struct load_response *response) {
    if (response->status != 200) {
        return "no tokens";
    }
    if (!cut(response->body, "\"access_token\":\"", "\"", user->access,
             sizeof(user->access))) {
        return "no access_token";
    }
    bool refresh = cut(response->body, "\"refresh_token\":\"", "\"", user->refresh,
                       sizeof(user->refresh));
    if (user->options->flow == LOAD_REFRESH && !refresh) {
        return "no refresh_token";
    }
    return NULL;
}

static const char *understand(struct load_user *user,
                              const struct load_response *response) {
    switch (user->step) {
    case LOAD_STEP_AUTHORIZE:
    case LOAD_STEP_LOGIN:
    case LOAD_STEP_CONSENT:
        return after_page(user, response);
    case LOAD_STEP_TOKEN:
    case LOAD_STEP_REFRESH:
    case LOAD_STEP_CLIENT:
        return after_token(user, response);
    case LOAD_STEP_GET:
    default:
        return response->status == 200 ? NULL : "unexpected status";
    }
}

static void on_response(void *arg, const struct load_response *response,
                        const char *failure) {
    struct load_user *user = arg;
    enum load_step step = user->step;
    uint64_t took_us = load_now_us() - user->step_us;
    if (response != NULL && step >= LOAD_STEP_TOKEN &&
        only_asks_for_nonce(user, response)) {
        send_step(user); /* the same once more; its time is the unit's */
        return;
    }
    if (response != NULL) {
        failure = understand(user, response);
    }
    if (failure != NULL) {
        user->step = step;
        count_error(user, response, failure);
        pause_user(user);
        return;
    }
    if (user->ready && user->stats->measuring) {
        load_hist_add(&user->stats->steps[step], took_us);
    }
    if (step >= LOAD_STEP_TOKEN) {
        end_unit(user);
    } else {
        send_step(user);
    }
}

void load_user_poll(struct load_user *user) {
    enum load_flow flow = user->options->flow;
    bool needs_session =
        (flow != LOAD_GET && flow != LOAD_CLIENT) || user->options->bearer;
    uint64_t now_ms = load_now_us() / 1000;
    struct load_conn *conns[] = {&user->browser, &user->back};
    for (size_t i = 0; i < 2; i++) {
        if (conns[i]->asked && now_ms >= conns[i]->deadline_ms) {
            load_conn_fail(conns[i], "no answer in time");
        }
    }
    if (!user->waiting || now_ms < user->resume_ms) {
        return;
    }
    if (user->teacher != NULL && needs_session && user->options->flow != LOAD_LOGIN) {
        if (!user->teacher->ready) {
            return;
        }
        memcpy(user->cookies, user->teacher->cookies, sizeof(user->cookies));
    }
    user->waiting = false;
    if (!needs_session || user->options->flow == LOAD_LOGIN) {
        begin_unit(user);
        return;
    }
    user->step = LOAD_STEP_AUTHORIZE;
    send_step(user);
}

bool load_user_init(struct load_user *user, unsigned number,
                    const struct load_options *options, struct load_stats *stats,
                    int epoll, SSL_CTX *tls, const struct load_node *browser,
                    const struct load_node *back, struct load_user *teacher) {
    unsigned char secret[32], digest[32];
    char text[64];
    *user = (struct load_user){
        .options = options,
        .stats = stats,
        .teacher = teacher,
        .waiting = true,
        .serial = (uint64_t)number << 32,
    };
    if (RAND_bytes(secret, sizeof(secret)) != 1) {
        return false;
    }
    base64url(secret, sizeof(secret), text);
    memcpy(user->verifier, text, sizeof(user->verifier));
    if (EVP_Digest(user->verifier, strlen(user->verifier), digest, NULL, EVP_sha256(),
                   NULL) != 1) {
        return false;
    }
    base64url(digest, sizeof(digest), text);
    memcpy(user->challenge, text, sizeof(user->challenge));
    return load_conn_init(&user->browser, epoll, tls, browser, on_response, user) &&
           load_conn_init(&user->back, epoll, tls, back, on_response, user);
}

void load_user_close(struct load_user *user) {
    load_conn_close(&user->browser);
    load_conn_close(&user->back);
}
