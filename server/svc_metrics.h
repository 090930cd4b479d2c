/* svc_metrics: what is counted on this node. Relaxed atomics: a scrape may see one
 * counter a request ahead of another. Thread: any. */
#ifndef SERVER_SVC_METRICS_H
#define SERVER_SVC_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

/* X(identifier, metric, labels, help); equal metrics stand together, the help with
 * the first. Names are part of the operators' interface. */
#define SVC_COUNTER_LIST(X)                                                            \
    X(COUNT_LOGIN_OK, "tasuki_logins_total", "result=\"ok\"", "Attempts to sign in")   \
    X(COUNT_LOGIN_FAILED, "tasuki_logins_total", "result=\"failed\"", "")              \
    X(COUNT_LOGIN_LOCKED, "tasuki_logins_total", "result=\"locked\"", "")              \
    X(COUNT_LOGIN_LIMITED, "tasuki_logins_total", "result=\"limited\"", "")            \
    X(COUNT_LOGOUT, "tasuki_logouts_total", "", "Sessions ended by their holders")     \
    X(COUNT_CODE_ISSUED, "tasuki_codes_total", "", "Authorization codes issued")       \
    X(COUNT_TOKEN_CODE, "tasuki_token_requests_total", "result=\"code\"",              \
      "Token requests")                                                                \
    X(COUNT_TOKEN_REFRESH, "tasuki_token_requests_total", "result=\"refresh\"", "")    \
    X(COUNT_TOKEN_REFUSED, "tasuki_token_requests_total", "result=\"refused\"", "")    \
    X(COUNT_USERINFO, "tasuki_userinfo_requests_total", "result=\"ok\"",               \
      "Userinfo requests")                                                             \
    X(COUNT_USERINFO_REFUSED, "tasuki_userinfo_requests_total", "result=\"refused\"",  \
      "")                                                                              \
    X(COUNT_UNAVAILABLE, "tasuki_unavailable_total", "",                               \
      "Operations ended because the cluster could not serve them")                     \
    X(COUNT_HTTP_1XX, "tasuki_http_responses_total", "class=\"1xx\"",                  \
      "Responses by class of status")                                                  \
    X(COUNT_HTTP_2XX, "tasuki_http_responses_total", "class=\"2xx\"", "")              \
    X(COUNT_HTTP_3XX, "tasuki_http_responses_total", "class=\"3xx\"", "")              \
    X(COUNT_HTTP_4XX, "tasuki_http_responses_total", "class=\"4xx\"", "")              \
    X(COUNT_HTTP_5XX, "tasuki_http_responses_total", "class=\"5xx\"", "")

enum svc_counter {
#define X(id, metric, labels, help) id,
    SVC_COUNTER_LIST(X)
#undef X
        SVC_COUNTERS
};

/* Zeroed at the start. */
struct svc_counters {
    _Atomic uint64_t values[SVC_COUNTERS];
};

static inline void svc_count(struct svc_counters *counters, enum svc_counter which) {
    atomic_fetch_add_explicit(&counters->values[which], 1, memory_order_relaxed);
}

/* For the HTTP layer, once per response: `status` 100 to 599. */
static inline void svc_count_http(struct svc_counters *counters, int status) {
    if (status >= 100 && status < 600)
        svc_count(counters, (enum svc_counter)((int)COUNT_HTTP_1XX + status / 100 - 1));
}

#endif
