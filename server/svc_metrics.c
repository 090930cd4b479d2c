#include "server/svc_metrics.h"

#include <inttypes.h>

#include "server/svc_admin.h"
#include "server/svc_internal.h"
#include "server/svc_process.h"
#include "store/base/log.h"
#include "store/store_outbox.h"

static void head(struct buf *out, const char *metric, const char *type,
                 const char *help) {
    buf_printf(out, "# HELP %s %s.\n# TYPE %s %s\n", metric, help, metric, type);
}

static void gauge(struct buf *out, const char *metric, const char *help,
                  uint64_t value) {
    head(out, metric, "gauge", help);
    buf_printf(out, "%s %" PRIu64 "\n", metric, value);
}

static void counter(struct buf *out, const char *metric, const char *help,
                    uint64_t value) {
    head(out, metric, "counter", help);
    buf_printf(out, "%s %" PRIu64 "\n", metric, value);
}

static void put_counters(const struct svc_counters *counters, struct buf *out) {
    static const struct {
        const char *metric, *labels, *help;
    } rows[] = {
#define X(id, metric, labels, help) {metric, labels, help},
        SVC_COUNTER_LIST(X)
#undef X
    };

    for (size_t i = 0; i < SVC_COUNTERS; i++) {
        uint64_t value =
            atomic_load_explicit(&counters->values[i], memory_order_relaxed);

        if (rows[i].help[0])
            head(out, rows[i].metric, "counter", rows[i].help);
        if (rows[i].labels[0])
            buf_printf(out, "%s{%s} %" PRIu64 "\n", rows[i].metric, rows[i].labels,
                       value);
        else
            buf_printf(out, "%s %" PRIu64 "\n", rows[i].metric, value);
    }
}

const char *svc_provider_name(enum svc_provider provider) {
    static const char *const names[] = {
#define X(id, name) name,
        SVC_PROVIDER_LIST(X)
#undef X
    };
    return names[provider];
}

static uint64_t relaxed(const _Atomic uint64_t *value) {
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void put_providers(const struct svc_counters *counters, struct buf *out) {
    static const char metric[] = "tasuki_provider_messages_total";

    head(out, metric, "counter", "Mail and text messages given to a provider");
    for (int i = 0; i < SVC_PROVIDERS; i++) {
        const struct svc_provider_counters *of = &counters->providers[i];
        const char *name = svc_provider_name((enum svc_provider)i);
        buf_printf(out, "%s{provider=\"%s\",result=\"delivered\"} %" PRIu64 "\n", metric,
                   name, relaxed(&of->delivered));
        buf_printf(out, "%s{provider=\"%s\",result=\"refused\"} %" PRIu64 "\n", metric,
                   name, relaxed(&of->refused));
        buf_printf(out, "%s{provider=\"%s\",result=\"failed\"} %" PRIu64 "\n", metric,
                   name, relaxed(&of->failed));
    }
    head(out, "tasuki_provider_breaker", "gauge",
         "0: calls go through, 1: open after failures, 2: one call tries again");
    for (int i = 0; i < SVC_PROVIDERS; i++)
        buf_printf(out, "tasuki_provider_breaker{provider=\"%s\"} %" PRIu64 "\n",
                   svc_provider_name((enum svc_provider)i),
                   relaxed(&counters->providers[i].state));
}

static void put_http_times(const struct svc_counters *counters, struct buf *out) {
    static const char *const labels[] = {
#define X(us, label) label,
        SVC_HTTP_TIME_LIST(X)
#undef X
            "+Inf"};
    uint64_t total = 0;

    head(out, "tasuki_http_request_seconds", "histogram",
         "Time from a request's arrival to its response");
    for (size_t i = 0; i <= SVC_HTTP_TIMES; i++) {
        total += atomic_load_explicit(&counters->http_times[i], memory_order_relaxed);
        buf_printf(out, "tasuki_http_request_seconds_bucket{le=\"%s\"} %" PRIu64 "\n",
                   labels[i], total);
    }
    uint64_t sum_us =
        atomic_load_explicit(&counters->http_us_sum, memory_order_relaxed);
    buf_printf(out, "tasuki_http_request_seconds_sum %.6f\n", (double)sum_us / 1e6);
    buf_printf(out, "tasuki_http_request_seconds_count %" PRIu64 "\n", total);
}

static void put_nodes(const struct repl_status *status, struct buf *out) {
    head(out, "tasuki_node_applied_index", "gauge", "Applied index as last reported");
    for (size_t i = 0; i < status->nodes_count; i++)
        buf_printf(out, "tasuki_node_applied_index{node=\"%" PRIu64 "\"} %" PRIu64 "\n",
                   status->nodes[i].id, status->nodes[i].applied_index);
    head(out, "tasuki_node_connected", "gauge", "1 while this node reaches the other");
    for (size_t i = 0; i < status->nodes_count; i++)
        buf_printf(out, "tasuki_node_connected{node=\"%" PRIu64 "\"} %d\n",
                   status->nodes[i].id,
                   status->nodes[i].self || status->nodes[i].connected);
    head(out, "tasuki_node_digest_differs", "gauge",
         "1 when the other node has another state at an equal index");
    for (size_t i = 0; i < status->nodes_count; i++)
        buf_printf(out, "tasuki_node_digest_differs{node=\"%" PRIu64 "\"} %d\n",
                   status->nodes[i].id, status->nodes[i].digest_differs);
    head(out, "tasuki_node_clock_offset_seconds", "gauge",
         "Wall clock of the other node minus ours");
    for (size_t i = 0; i < status->nodes_count; i++)
        buf_printf(out, "tasuki_node_clock_offset_seconds{node=\"%" PRIu64 "\"} %.3f\n",
                   status->nodes[i].id,
                   (double)status->nodes[i].clock_offset_ms / 1000.0);
}

static void put_repl(const struct repl_status *status, struct buf *out) {
    gauge(out, "tasuki_ready", "1 when this node should get traffic", status->ready);
    gauge(out, "tasuki_leader", "1 while this node leads",
          status->leader_id == status->node_id);
    gauge(out, "tasuki_leader_id", "Node that leads, 0 when none is known",
          status->leader_id);
    gauge(out, "tasuki_term", "Raft term", status->term);
    gauge(out, "tasuki_applied_index", "Raft index applied here",
          status->applied_index);
    gauge(out, "tasuki_commit_index", "Raft index known to be committed",
          status->commit_index);
    gauge(out, "tasuki_last_index", "Last raft index in this node's log",
          status->last_index);
    gauge(out, "tasuki_epoch", "Raised by a restore or a forced recovery",
          status->epoch);
    gauge(out, "tasuki_fsm_version", "Replicated version of the state machine",
          status->fsm_version);
    gauge(out, "tasuki_queue_length", "Commands that wait on this node",
          status->queue_len);
    gauge(out, "tasuki_trailing_frames", "Frames kept behind the last snapshot",
          status->trailing_frames);
    head(out, "tasuki_staleness_seconds", "gauge",
         "Proven age of this node's data; +Inf before the first proof");
    if (status->staleness_ms == UINT64_MAX)
        buf_str(out, "tasuki_staleness_seconds +Inf\n");
    else
        buf_printf(out, "tasuki_staleness_seconds %.3f\n",
                   (double)status->staleness_ms / 1000.0);
    counter(out, "tasuki_frames_applied_total", "Frames applied since the start",
            status->frames_applied);
    counter(out, "tasuki_commands_applied_total", "Commands applied since the start",
            status->commands_applied);
}

static void put_outbox(const struct outbox_counts *counts, struct buf *out) {
    head(out, "tasuki_outbox_messages", "gauge",
         "Messages to other systems: waiting, or given up");
    buf_printf(out, "tasuki_outbox_messages{state=\"waiting\"} %" PRIu64 "\n",
               counts->waiting);
    buf_printf(out, "tasuki_outbox_messages{state=\"dead\"} %" PRIu64 "\n",
               counts->dead);
    counter(out, "tasuki_outbox_dropped_total",
            "Messages neither sent nor kept, for want of room", counts->dropped);
}

static void put_store(struct svc *svc, struct buf *out) {
    struct outbox_counts outbox;
    const char *names[STORE_TABLES_MAX];
    uint64_t counts[STORE_TABLES_MAX];
    enum err err;
    size_t count;

    gauge(out, "tasuki_store_used_bytes", "Bytes of the store's map in use",
          store_used_bytes(svc->shared->store));
    if (svc_read_begin(svc))
        return; /* the gauges are absent then, which a scrape shows */
    count = store_table_counts(svc->read, names, counts, STORE_TABLES_MAX);
    err = store_outbox_counts(svc->read, span_of(NULL, 0), &outbox);
    svc_read_end(svc);
    if (!err)
        put_outbox(&outbox, out);
    head(out, "tasuki_store_rows", "gauge", "Rows by table");
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "tasuki_store_rows{table=\"%s\"} %" PRIu64 "\n", names[i],
                   counts[i]);
}

/* What Prometheus' clients call the same everywhere. /proc is no disk: it answers when
 * the disk does not. */
static void put_process(struct buf *out) {
    static const char *const levels[] = {"debug", "info", "warn", "error", "fatal"};
    struct svc_process process;

    head(out, "tasuki_log_lines_total", "counter", "Lines logged since the start");
    for (int i = LOG_INFO; i <= LOG_FATAL; i++)
        buf_printf(out, "tasuki_log_lines_total{level=\"%s\"} %" PRIu64 "\n", levels[i],
                   log_lines((enum log_level)i));
    if (!svc_process_read(&process))
        return; /* absent then, which a scrape shows */
    gauge(out, "process_start_time_seconds", "When the process was started",
          process.start_s);
    gauge(out, "process_resident_memory_bytes", "Memory in use, mapped store included",
          process.resident_bytes);
    gauge(out, "process_anonymous_memory_bytes", "Memory in use without the mapped store",
          process.anonymous_bytes);
    gauge(out, "process_open_fds", "Open files and connections", process.open_files);
    gauge(out, "process_max_fds", "As many may be open", process.open_files_max);
    head(out, "process_cpu_seconds_total", "counter", "Processor time used");
    buf_printf(out, "process_cpu_seconds_total %.2f\n", process.cpu_s);
}

void svc_metrics(struct svc *svc, struct buf *out) {
    struct repl_status status;

    repl_status(svc->shared->repl, &status);
    put_counters(svc->shared->counters, out);
    put_providers(svc->shared->counters, out);
    put_process(out);
    put_http_times(svc->shared->counters, out);
    put_repl(&status, out);
    put_nodes(&status, out);
    put_store(svc, out);
}
