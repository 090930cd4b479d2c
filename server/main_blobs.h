/* main_blobs: keeps this node's blobs: fetches copies where there are too few, looks for
 * rotten ones, drops what nothing names any more.
 *
 *   there     this node says now and then that it is (CMD_BLOB_NODE), and for how long
 *             its copies are counted on without a further word (blob_lost_after_s)
 *   short     a blob whose copies do not do (store/store_blob_node.h): the node whose
 *             turn it is fetches its bytes from a holder over the peers' channel
 *             (raft/peer_image.h), reads them back, and tells (CMD_BLOB_HOLD); if it
 *             does not, the next one does some time later
 *   rotten    one that this node holds and cannot read: told, deleted; then it is short
 *   stock     folder by folder, quickly at the start: what the cluster thinks that this
 *             node holds, and is not there, is told; what is there and the cluster does
 *             not know of this node (it was restored, or re-seeded) is read, and told
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
