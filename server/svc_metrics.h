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
    X(COUNT_TOKEN_CLIENT, "tasuki_token_requests_total", "result=\"client\"", "")      \
    X(COUNT_TOKEN_REFUSED, "tasuki_token_requests_total", "result=\"refused\"", "")    \
    X(COUNT_USERINFO, "tasuki_userinfo_requests_total", "result=\"ok\"",               \
      "Userinfo requests")                                                             \
    X(COUNT_USERINFO_REFUSED, "tasuki_userinfo_requests_total", "result=\"refused\"",  \
      "")                                                                              \
    X(COUNT_OUTBOUND_DELIVERED, "tasuki_outbound_messages_total",                      \
      "result=\"delivered\"", "Messages to other systems, sent by this node")          \
    X(COUNT_OUTBOUND_REFUSED, "tasuki_outbound_messages_total", "result=\"refused\"",  \
      "")                                                                              \
    X(COUNT_OUTBOUND_FAILED, "tasuki_outbound_messages_total", "result=\"failed\"",    \
      "")                                                                              \
    X(COUNT_OUTBOUND_NEEDLESS, "tasuki_outbound_messages_total",                       \
      "result=\"needless\"", "")                                                       \
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

/* X(upper bound in microseconds, the same in seconds as a label). */
#define SVC_HTTP_TIME_LIST(X)                                                          \
    X(500, "0.0005")                                                                   \
    X(1000, "0.001")                                                                   \
    X(2500, "0.0025")                                                                  \
    X(5000, "0.005")                                                                   \
    X(10000, "0.01")                                                                   \
    X(25000, "0.025")                                                                  \
    X(50000, "0.05")                                                                   \
    X(100000, "0.1")                                                                   \
    X(250000, "0.25")                                                                  \
    X(1000000, "1")                                                                    \
    X(5000000, "5")

enum {
#define X(us, label) SVC_HTTP_TIME_##us,
    SVC_HTTP_TIME_LIST(X)
#undef X
        SVC_HTTP_TIMES
};

/* Who delivers mail and text messages (server/outbound_provider.c); of each kind the
 * preferred one first. Names stand in metrics and logs. */
#define SVC_PROVIDER_LIST(X)                                                           \
    X(PROVIDER_SMTP, "smtp")                                                           \
    X(PROVIDER_SMTP_2, "smtp_2")                                                       \
    X(PROVIDER_SMS, "sms")                                                             \
    X(PROVIDER_SMS_2, "sms_2")                                                         \
    X(PROVIDER_PUSH, "push")                                                           \
    X(PROVIDER_PUSH_2, "push_2")

enum svc_provider {
#define X(id, name) id,
    SVC_PROVIDER_LIST(X)
#undef X
        SVC_PROVIDERS
};
const char *svc_provider_name(enum svc_provider provider);

struct svc_provider_counters {
    _Atomic uint64_t delivered, refused, failed;
    _Atomic uint64_t state; /* enum breaker_state */
};

/* Zeroed at the start. */
struct svc_counters {
    _Atomic uint64_t values[SVC_COUNTERS];
    _Atomic uint64_t http_times[SVC_HTTP_TIMES + 1]; /* each its own; last: longer */
    _Atomic uint64_t http_us_sum;
    struct svc_provider_counters providers[SVC_PROVIDERS];
};

static inline void svc_count(struct svc_counters *counters, enum svc_counter which) {
    atomic_fetch_add_explicit(&counters->values[which], 1, memory_order_relaxed);
}

/* For the HTTP layer, once per response: `status` 100 to 599. */
static inline void svc_count_http(struct svc_counters *counters, int status) {
    if (status >= 100 && status < 600)
        svc_count(counters, (enum svc_counter)((int)COUNT_HTTP_1XX + status / 100 - 1));
}

/* For the HTTP layer: from a request's arrival to its response. */
static inline void svc_time_http(struct svc_counters *counters, uint64_t us) {
    static const uint64_t bounds[] = {
#define X(us_, label) us_,
        SVC_HTTP_TIME_LIST(X)
#undef X
    };
    unsigned i = 0;
    while (i < SVC_HTTP_TIMES && us > bounds[i])
        i++;
    atomic_fetch_add_explicit(&counters->http_times[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->http_us_sum, us, memory_order_relaxed);
}

#endif
