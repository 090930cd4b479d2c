#include "server/outbound_call.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/outbound_address.h"
#include "store/base/buf.h"
#include "store/base/check.h"
#include "store/base/secret.h"

/* Of head and body each; a receiver of logout tokens has nothing to say. */
#define ANSWER_MAX (16u * 1024)
#define CONNECT_MS 3000
#define HEADER_MAX 4096

struct call {
    struct outbound_calls *calls;
    CURL *easy; /* NULL: the tag is free */
    char *body;
    size_t body_len, body_at; /* how much of it a mail server has */
    struct curl_slist *headers, *to;
    size_t head_got, body_got;
    bool address_refused;
    bool provider; /* addresses of any network */
};

struct outbound_calls {
    struct outbound_calls_config config;
    CURLM *multi;
    struct curl_slist *headers;
    struct call *call; /* config.max */
};

static void set_up(void) {
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

enum err outbound_calls_new(const struct outbound_calls_config *config,
                            struct outbound_calls **ret_calls) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct outbound_calls *calls;

    CHECK(pthread_once(&once, set_up) == 0);
    calls = calloc(1, sizeof *calls);
    if (!calls)
        return ERR_NOMEM;
    calls->config = *config;
    calls->call = calloc(config->max, sizeof *calls->call);
    calls->multi = curl_multi_init();
    /* "Expect: 100-continue" would cost a second at servers that do not know it. */
    calls->headers = curl_slist_append(NULL, "Expect:");
    if (!calls->call || !calls->multi || !calls->headers) {
        outbound_calls_free(calls);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < config->max; i++)
        calls->call[i].calls = calls;
    curl_multi_setopt(calls->multi, CURLMOPT_MAXCONNECTS, (long)config->max);
    *ret_calls = calls;
    return OK;
}

static void release(struct call *call) {
    if (!call->easy)
        return;
    curl_multi_remove_handle(call->calls->multi, call->easy);
    curl_easy_cleanup(call->easy);
    secret_wipe(call->body, call->body_len);
    free(call->body);
    for (struct curl_slist *at = call->headers; at; at = at->next)
        secret_wipe(at->data, strlen(at->data)); /* one has the secret */
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->to);
    *call = (struct call){.calls = call->calls};
}

void outbound_calls_free(struct outbound_calls *calls) {
    if (!calls)
        return;
    for (size_t i = 0; calls->call && i < calls->config.max; i++)
        release(&calls->call[i]);
    if (calls->multi)
        curl_multi_cleanup(calls->multi);
    curl_slist_free_all(calls->headers);
    free(calls->call);
    free(calls);
}

/* ---- one call */

static size_t on_head(char *data, size_t size, size_t count, void *arg) {
    struct call *call = arg;

    (void)data;
    call->head_got += size * count;
    return call->head_got <= ANSWER_MAX ? size * count : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct call *call = arg;

    (void)data;
    call->body_got += size * count;
    return call->body_got <= ANSWER_MAX ? size * count : 0;
}

/* The last moment before a connection, whatever the name was resolved to. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose,
                               struct curl_sockaddr *to) {
    struct call *call = arg;

    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (!call->provider && !call->calls->config.private_allowed &&
        !outbound_address_public(&to->addr, to->addrlen)) {
        call->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void set_trust(CURL *easy, const struct outbound_calls_config *config) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (config->ca_file[0]) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
}

static void set_bounds(CURL *easy, struct call *call, long timeout_ms) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name server that is silent must not hold up the end of its call, and with it
     * all the others. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* nor one of the environment */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
}

/* A call with its body, address and bounds; what is left is up to its protocol. */
static enum err call_begin(struct outbound_calls *calls, size_t tag, const char *url,
                           const char *protocols, long timeout_ms, struct span body) {
    struct call *call = &calls->call[tag];
    CURL *easy;

    CHECK(tag < calls->config.max && !call->easy);
    call->easy = easy = curl_easy_init();
    if (!easy)
        return ERR_NOMEM;
    call->body = malloc(body.len + 1);
    if (!call->body) {
        release(call);
        return ERR_NOMEM;
    }
    memcpy(call->body, body.data, body.len);
    call->body_len = body.len;
    if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK) {
        release(call);
        return ERR_INVALID;
    }
    set_trust(easy, &calls->config);
    set_bounds(easy, call, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    return OK;
}

static enum err call_go(struct outbound_calls *calls, struct call *call) {
    if (curl_multi_add_handle(calls->multi, call->easy) == CURLM_OK)
        return OK;
    release(call);
    return ERR_NOMEM;
}

static void set_http(struct call *call, struct curl_slist *headers) {
    curl_easy_setopt(call->easy, CURLOPT_USERAGENT, "tasuki");
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE, (long)call->body_len);
}

enum err outbound_calls_post(struct outbound_calls *calls, size_t tag, const char *url,
                             struct span form) {
    struct call *call = &calls->call[tag];
    enum err err = call_begin(calls, tag, url, "https", OUTBOUND_CALL_MS, form);

    if (err)
        return err;
    set_http(call, calls->headers);
    return call_go(calls, call);
}

/* ---- to providers */

static bool add_header(struct call *call, const char *name, const char *value) {
    struct curl_slist *list;
    struct buf line;

    buf_init(&line, HEADER_MAX);
    buf_str(&line, name);
    buf_str(&line, value);
    buf_put(&line, "", 1);
    list = buf_err(&line) ? NULL
                          : curl_slist_append(call->headers, (const char *)line.data);
    buf_free(&line);
    call->headers = list ? list : call->headers;
    return list != NULL;
}

enum err outbound_calls_json(struct outbound_calls *calls, size_t tag,
                             const struct outbound_request *request) {
    struct call *call = &calls->call[tag];
    enum err err = call_begin(calls, tag, request->url, "https,http",
                              request->timeout_ms, request->body);

    if (err)
        return err;
    call->provider = true;
    if (!add_header(call, "Expect:", "") ||
        !add_header(call, "Content-Type: ", "application/json") ||
        !add_header(call, "Idempotency-Key: ", request->idempotency_key) ||
        (request->bearer &&
         !add_header(call, "Authorization: Bearer ", request->bearer))) {
        release(call);
        return ERR_NOMEM;
    }
    set_http(call, call->headers);
    return call_go(calls, call);
}

static size_t on_read(char *out, size_t size, size_t count, void *arg) {
    struct call *call = arg;
    size_t left = call->body_len - call->body_at;
    size_t len = size * count < left ? size * count : left;

    memcpy(out, call->body + call->body_at, len);
    call->body_at += len;
    return len;
}

enum err outbound_calls_mail(struct outbound_calls *calls, size_t tag,
                             const struct outbound_request *request) {
    struct call *call = &calls->call[tag];
    enum err err = call_begin(calls, tag, request->url, "smtp,smtps",
                              request->timeout_ms, request->body);
    CURL *easy = call->easy;

    if (err)
        return err;
    call->provider = true;
    call->to = curl_slist_append(NULL, request->mail_to);
    if (!call->to) {
        release(call);
        return ERR_NOMEM;
    }
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, request->mail_from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, call->to);
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     (long)(request->starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    if (request->user) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, request->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, request->password);
    }
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body_len);
    return call_go(calls, call);
}

/* ---- all of them */

static enum outbound_end end_of(const struct call *call, CURLcode code) {
    if (call->address_refused)
        return OUTBOUND_END_ADDRESS;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return OUTBOUND_END_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return OUTBOUND_END_UNREACHABLE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED: /* no STARTTLS */
        return OUTBOUND_END_TLS;
    default:
        return OUTBOUND_END_BROKEN;
    }
}

/* A mail server that says no is an answer, at whatever step of the talk: libcurl makes
 * an error of it, and keeps the reply's code. */
static bool mail_refused(const struct call *call, CURLcode code, long status) {
    return call->to && status >= 400 && status <= 599 &&
           (code == CURLE_SEND_ERROR || code == CURLE_WEIRD_SERVER_REPLY ||
            code == CURLE_LOGIN_DENIED || code == CURLE_REMOTE_ACCESS_DENIED ||
            code == CURLE_UPLOAD_FAILED || code == CURLE_QUOTE_ERROR);
}

static struct outbound_result result_of(const struct call *call, CURLcode code) {
    struct outbound_result result = {.end = OUTBOUND_ANSWERED};
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    /* A body that is cut because it is too long is behind a whole head. */
    if (code != CURLE_OK && !mail_refused(call, code, status) &&
        !(code == CURLE_WRITE_ERROR && call->body_got > ANSWER_MAX && status >= 200))
        result.end = end_of(call, code);
    else if (status < 100 || status > 599)
        result.end = OUTBOUND_END_BROKEN;
    else
        result.status = (int)status;
    return result;
}

void outbound_calls_run(struct outbound_calls *calls, int wait_ms,
                        void (*ended)(void *arg, size_t tag,
                                      const struct outbound_result *result),
                        void *arg) {
    const CURLMsg *message;
    int left, running;

    CHECK(curl_multi_perform(calls->multi, &running) == CURLM_OK);
    CHECK(curl_multi_poll(calls->multi, NULL, 0, wait_ms, NULL) == CURLM_OK);
    CHECK(curl_multi_perform(calls->multi, &running) == CURLM_OK);
    while ((message = curl_multi_info_read(calls->multi, &left)) != NULL) {
        struct outbound_result result;
        struct call *call = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        CHECK(call && call->easy == message->easy_handle);
        result = result_of(call, code);
        release(call);
        ended(arg, (size_t)(call - calls->call), &result);
    }
}

void outbound_calls_wake(struct outbound_calls *calls) {
    CHECK(curl_multi_wakeup(calls->multi) == CURLM_OK);
}
