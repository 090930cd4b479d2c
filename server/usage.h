/* usage: what this node's threads count about relying parties, until the state machine
 * has it (store/store_usage.h).
 *
 *   HTTP threads -> usage_count -> a table -> every 10 s, in batches: CMD_USAGE_ADD
 *
 * A batch carries something to be used once, and is sent again until its fate is known:
 * it is counted once. What a node has not sent when it dies is lost: 10 s at most. Of
 * more than USAGE_CLIENTS_MAX clients within the 10 s those beyond are not counted, and
 * a warning is logged. Thread: usage_count any; the rest the owner's. */
#ifndef SERVER_USAGE_H
#define SERVER_USAGE_H

#include "server/svc_shared.h"
#include "store/store_usage.h"

#define USAGE_CLIENTS_MAX 8192

struct usage;

/* `shared` outlives it. ERR_NOMEM, ERR_IO. */
enum err usage_start(struct svc_shared *shared, struct usage **ret_usage);
/* What is counted by then is sent, if the cluster takes it within 2 s. Before
 * repl_stop, after those who count. NULL-safe. */
void usage_stop(struct usage *usage);

/* One more. `usage` NULL: it is not counted (tests). An empty client_id: of none. */
void usage_count(struct usage *usage, struct span client_id, enum usage_kind kind);

#endif
