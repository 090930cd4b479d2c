/* main_blobs: keeps this node's blobs: fetches copies where there are too few, looks for
 * rotten ones, drops what nothing names any more.
 *
 *   short     a row with fewer than BLOB_COPIES holders, this node not among them: its
 *             bytes are fetched from a holder over the peers' channel (raft/peer_image.h),
 *             read back, and told (CMD_BLOB_HOLD)
 *   rotten    one that this node holds and cannot read: told, deleted; then it is short
 *   dropped   a file of a blob that the cluster does not know any more
 *
 * A thread of its own. */
#ifndef SERVER_MAIN_BLOBS_H
#define SERVER_MAIN_BLOBS_H

#include "server/svc_shared.h"

struct main_blobs;

enum err main_blobs_start(struct svc_shared *shared, struct main_blobs **ret_blobs);
/* Before repl_stop. NULL-safe. */
void main_blobs_stop(struct main_blobs *blobs);

#endif
