/* svc_shared: what the services of all HTTP threads use together. Built once by
 * server/main.c, immutable afterwards but for what guards itself. */
#ifndef SERVER_SVC_SHARED_H
#define SERVER_SVC_SHARED_H

#include <stdatomic.h>

#include "raft/repl.h"
#include "server/blob.h"
#include "server/config.h"
#include "server/crypto/keyring.h"
#include "server/hash_pool.h"
#include "server/rate_limit.h"
#include "server/scrub.h"
#include "store/base/port.h"
#include "store/store.h"

struct svc_shared {
    const struct config *config;
    struct store *store;
    struct repl *repl;
    struct keyring *keyring;
    struct hash_pool *hash_pool;
    struct hash_pool *disk_pool; /* reads and writes blobs: never behind a hash */
    struct rate_limit *login_limit; /* per client address, local to the node */
    struct port_clock clock;
    struct port_random random;
    atomic_bool draining; /* this node is about to end: no new work for it */
    struct client_ca *client_ca; /* proves subjects (RFC 8705 §2.1); NULL: none does */
    struct blob_dir *blobs;        /* server/blob.h */
    /* Bring one here from another node (main_blob_fetch.h); NULL: there is no other. */
    enum err (*blob_fetch)(struct svc_shared *shared, struct sealer *sealer,
                           const struct blob_row *row, char why[256]);
    const char *scan_viewer; /* path of tasuki-ocr, which shows scans (scan_view.h) */
    struct hash_pool *view_pool; /* for what looks at scans: reads blobs, waits for
                                    children; NULL: the hash pool does it */
    struct scrub *scrub;         /* NULL: none runs */
    struct usage *usage;           /* server/usage.h; NULL: nothing is counted */
    struct svc_counters *counters; /* server/svc_metrics.h: relaxed atomics */
};

#endif
