/* worker: a thread of the node's own that looks at something now and then, and submits
 * commands about it, one at a time, waiting for each.
 *
 * The owner gives `run`, which works until worker_sleep says to stop. Thread: worker_*
 * but for worker_start, worker_wake and worker_stop are the worker's own. */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "raft/command.h"
#include "server/svc_shared.h"

struct worker;

/* `shared` and `arg` outlive it. ERR_NOMEM, ERR_IO. */
enum err worker_start(struct svc_shared *shared,
                      void (*run)(struct worker *worker, void *arg), void *arg,
                      struct worker **ret_worker);
/* `run` is told to stop, and joined; a command under way is waited for. Before
 * repl_stop. NULL-safe. */
void worker_stop(struct worker *worker);
/* End its sleep. Thread: any. */
void worker_wake(struct worker *worker);

/* True when told to stop. */
bool worker_sleep(struct worker *worker, unsigned ms);
/* Of repl_submit and of what came of it; OK: *ret_code is what the state machine said.
 */
enum err worker_submit(struct worker *worker, const struct command *command,
                       unsigned wait_ms, enum outcome_code *ret_code);

#endif
