/* main_blob_fetch: the bytes of a blob that another node holds, brought here over the
 * peers' channel (raft/peer_image.h), into this node's folder or into that of a backup;
 * read back and hashed before they count. Slow, and on the network: not for an event loop.
 * Of several that want the same one at once, one fetches and the others wait for it: a
 * page asks for all pictures of a scan together. Thread: any; a sealer is one thread's. */
#ifndef SERVER_MAIN_BLOB_FETCH_H
#define SERVER_MAIN_BLOB_FETCH_H

#include "server/svc_shared.h"

/* From whichever of the row's holders is up and gives it. ERR_NOT_FOUND: nobody else
 * holds it, or none of them is up; else the last one's error. With a sentence in `why`. */
enum err main_blob_fetch(struct svc_shared *shared, struct sealer *sealer,
                         const struct blob_row *row, char why[256]);

/* From this one. OK: it stands in `dir`, whole. ERR_BUSY, ERR_IO, ERR_TIMEOUT,
 * ERR_DENIED: of the holder, or it does not hold it; ERR_FORGED: what it has is rotten;
 * ERR_NO_SPACE. */
enum err main_blob_take(const struct config *config, struct port_clock clock,
                        struct blob_dir *dir, struct sealer *sealer,
                        const struct blob_id *id, uint64_t size, uint64_t holder,
                        const char *address, char why[256]);

#endif
