/* main_blob_fetch: the bytes of a blob that another node holds, brought here over the
 * peers' channel (raft/peer_image.h), read back and hashed. Slow, and on the network: not
 * for an event loop. One at a time on a node. Thread: any. */
#ifndef SERVER_MAIN_BLOB_FETCH_H
#define SERVER_MAIN_BLOB_FETCH_H

#include "server/svc_shared.h"

/* From whichever of the row's holders gives it. ERR_NOT_FOUND: nobody else holds it; else
 * the last one's error, with a sentence in `why`. */
enum err main_blob_fetch(struct svc_shared *shared, struct sealer *sealer,
                         const struct blob_row *row, char why[256]);

#endif
