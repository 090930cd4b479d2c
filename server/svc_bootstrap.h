/* svc_bootstrap: what a new cluster needs once, its id and one signing key of each
 * algorithm; and the successors of these keys, when they are due (config key_rotate_s).
 *
 * A thread of its own looks, ten times a second at first; while this node leads and
 * something is missing it submits CMD_CLUSTER_INIT and CMD_KEY_ADD. Any leader may do
 * it: the state machine takes the first of two (OUT_EXISTS is fine). RSA keys take up
 * to a second, which only this thread feels. */
#ifndef SERVER_SVC_BOOTSTRAP_H
#define SERVER_SVC_BOOTSTRAP_H

#include "server/svc_shared.h"

struct svc_bootstrap;

/* `shared` outlives it. ERR_NOMEM, ERR_IO. */
enum err svc_bootstrap_start(struct svc_shared *shared,
                             struct svc_bootstrap **ret_bootstrap);
/* Joins the thread; a command under way is waited for. Before repl_stop. NULL-safe. */
void svc_bootstrap_stop(struct svc_bootstrap *bootstrap);

#endif
