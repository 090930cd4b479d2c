/* log: one event, one line, one write. */
#include "store/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "store/base/buf.h"
#include "store/base/codec.h"

#define LOG_VALUE_MAX 1024
#define LOG_FIELDS_MAX 32
/* Every byte of a value may become six. */
#define LOG_LINE_MAX (LOG_FIELDS_MAX * (LOG_VALUE_MAX * 6 + 128) + 1024)

static enum log_level log_level_min = LOG_INFO;
static uint64_t log_node_id;

static struct log_field field(const char *name, int kind, uint64_t number) {
    struct log_field out = {.name = name, .number = number};
    out.kind = (__typeof__(out.kind))kind;
    return out;
}

struct log_field log_u64(const char *name, uint64_t value) {
    return field(name, LOG_FIELD_U64, value);
}

struct log_field log_i64(const char *name, int64_t value) {
    return field(name, LOG_FIELD_I64, (uint64_t)value);
}

struct log_field log_bool(const char *name, bool value) {
    return field(name, LOG_FIELD_BOOL, value);
}

struct log_field log_str(const char *name, const char *value) {
    return log_span(name, span_str(value == NULL ? "" : value));
}

struct log_field log_span(const char *name, struct span value) {
    struct log_field out = field(name, LOG_FIELD_TEXT, 0);
    out.text = value;
    return out;
}

struct log_field log_end(void) {
    return field(NULL, LOG_FIELD_U64, 0);
}

void log_init(enum log_level level_min, uint64_t node_id) {
    log_level_min = level_min;
    log_node_id = node_id;
}

static const char *level_str(enum log_level level) {
    static const char *const names[] = {"debug", "info", "warn", "error", "fatal"};
    return (unsigned)level <= LOG_FATAL ? names[level] : "unknown";
}

static void put_head(struct buf *line, enum log_level level, const char *event) {
    struct timespec now = {0, 0};
    struct tm tm = {0};
    char stamp[32];
    size_t len;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    len = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_str(line, "{\"time\":\"");
    buf_put(line, stamp, len);
    buf_printf(line, ".%03dZ\"", (int)(now.tv_nsec / 1000000));
    buf_json_member(line, "level", span_str(level_str(level)));
    buf_json_u64(line, "node", log_node_id);
    buf_json_member(line, "event", span_str(event));
}

static struct span cut(struct span text) {
    if (text.len > LOG_VALUE_MAX) {
        text.len = LOG_VALUE_MAX;
        /* Not in the middle of a character. */
        while (text.len > LOG_VALUE_MAX - 3 && (text.data[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static void put_field(struct buf *line, const struct log_field *f) {
    switch (f->kind) {
    case LOG_FIELD_TEXT:
        buf_json_member(line, f->name, cut(f->text));
        break;
    case LOG_FIELD_BOOL:
        buf_json_bool(line, f->name, f->number != 0);
        break;
    case LOG_FIELD_U64:
        buf_json_u64(line, f->name, f->number);
        break;
    case LOG_FIELD_I64:
        buf_str(line, ",");
        buf_json(line, span_str(f->name));
        buf_printf(line, ":%lld", (long long)(int64_t)f->number);
        break;
    }
}

static void write_all(struct span out) {
    while (out.len > 0) {
        ssize_t n = write(STDERR_FILENO, out.data, out.len);
        if (n < 0 && errno != EINTR) {
            return; /* nowhere left to say so */
        }
        if (n > 0) {
            out.data += n;
            out.len -= (size_t)n;
        }
    }
}

static _Atomic uint64_t log_counts[LOG_FATAL + 1];

uint64_t log_lines(enum log_level level) {
    return atomic_load_explicit(&log_counts[level], memory_order_relaxed);
}

void log_event(enum log_level level, const char *event, ...) {
    struct buf line;
    va_list args;

    if (level < log_level_min) {
        return;
    }
    atomic_fetch_add_explicit(&log_counts[level], 1, memory_order_relaxed);
    buf_init(&line, LOG_LINE_MAX);
    put_head(&line, level, event);
    va_start(args, event);
    for (int i = 0; i < LOG_FIELDS_MAX; i++) {
        struct log_field f = va_arg(args, struct log_field);
        if (f.name == NULL) {
            break;
        }
        put_field(&line, &f);
    }
    va_end(args);
    buf_str(&line, "}\n");
    if (buf_err(&line) == OK) {
        write_all(buf_span(&line));
    } else {
        write_all(span_str("{\"level\":\"error\",\"event\":\"log.no_memory\"}\n"));
    }
    buf_free(&line);
}
