/* log: structured logging, one JSON object a line on standard error.
 *
 *   log_event(LOG_WARN, "peer.refused", log_u64("peer", id),
 *             log_str("why", err_str(err)), log_end());
 *
 * Libraries (store, raft/command, raft/fsm, server/oidc, server/crypto) do not
 * log: whoever absorbs an error logs it, once. Secrets have no log_ function.
 * Values are escaped and cut at 1,024 bytes, so one event is one line always.
 * Thread: any. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL };

struct log_field {
    const char *name; /* NULL ends the list */
    enum { LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_TEXT, LOG_FIELD_BOOL } kind;
    uint64_t number;
    struct span text;
};

struct log_field log_u64(const char *name, uint64_t value);
struct log_field log_i64(const char *name, int64_t value);
struct log_field log_bool(const char *name, bool value);
struct log_field log_str(const char *name, const char *value); /* NULL: "" */
struct log_field log_span(const char *name, struct span value);
struct log_field log_end(void);

/* Set once, before threads start: lowest level printed, node id in each line. */
void log_init(enum log_level level_min, uint64_t node_id);

void log_event(enum log_level level, const char *event, ...);

/* Lines of that level since the start, for metrics. */
uint64_t log_lines(enum log_level level);

#endif
