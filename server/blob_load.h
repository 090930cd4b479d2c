/* blob_load: a whole blob in memory, from this node, or brought here first. Slow: on the
 * view pool (svc_view_pool). Thread: any. */
#ifndef SERVER_BLOB_LOAD_H
#define SERVER_BLOB_LOAD_H

#include "server/svc_shared.h"

/* Append its bytes to `out`, whose cap bounds them. ERR_NOT_FOUND: no node that can be
 * reached has it whole. ERR_TOO_BIG, ERR_NOMEM, ERR_IO. */
enum err blob_load(struct svc_shared *shared, const struct blob_row *row,
                   struct buf *out);

#endif
