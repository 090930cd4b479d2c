#include "server/outbound_call.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/outbound_address.h"
#include "store/base/check.h"
#include "store/base/secret.h"

/* Of head and body each; a receiver of logout tokens has nothing to say. */
#define ANSWER_MAX (16u * 1024)
#define CONNECT_MS 3000

struct call {
    struct outbound_calls *calls;
    CURL *easy; /* NULL: the tag is free */
    char *form;
    size_t form_len;
    size_t head_len, body_len;
    bool address_refused;
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
    secret_wipe(call->form, call->form_len);
    free(call->form);
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
    call->head_len += size * count;
    return call->head_len <= ANSWER_MAX ? size * count : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct call *call = arg;

    (void)data;
    call->body_len += size * count;
    return call->body_len <= ANSWER_MAX ? size * count : 0;
}

/* The last moment before a connection, whatever the name was resolved to. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose,
                               struct curl_sockaddr *to) {
    struct call *call = arg;

    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (!call->calls->config.private_allowed &&
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

static void set_bounds(CURL *easy, struct call *call) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name server that is silent must not hold up the end of its call, and with it
     * all the others. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)OUTBOUND_CALL_MS);
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

enum err outbound_calls_post(struct outbound_calls *calls, size_t tag, const char *url,
                             struct span form) {
    struct call *call = &calls->call[tag];
    CURL *easy;

    CHECK(tag < calls->config.max && !call->easy);
    call->easy = easy = curl_easy_init();
    if (!easy)
        return ERR_NOMEM;
    call->form = malloc(form.len + 1);
    if (!call->form) {
        release(call);
        return ERR_NOMEM;
    }
    memcpy(call->form, form.data, form.len);
    call->form_len = form.len;
    if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK) {
        release(call);
        return ERR_INVALID;
    }
    set_trust(easy, &calls->config);
    set_bounds(easy, call);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tasuki");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, calls->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->form);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->form_len);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    if (curl_multi_add_handle(calls->multi, easy) != CURLM_OK) {
        release(call);
        return ERR_NOMEM;
    }
    return OK;
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
        return OUTBOUND_END_TLS;
    default:
        return OUTBOUND_END_BROKEN;
    }
}

static struct outbound_result result_of(const struct call *call, CURLcode code) {
    struct outbound_result result = {.end = OUTBOUND_ANSWERED};
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    /* A body that is cut because it is too long is behind a whole head. */
    if (code != CURLE_OK &&
        !(code == CURLE_WRITE_ERROR && call->body_len > ANSWER_MAX && status >= 200))
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
