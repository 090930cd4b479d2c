/* svc_keys: a thread's copy of the cluster's signing keys, and which of them signs for
 * a client. */
#ifndef SERVER_SVC_KEYS_H
#define SERVER_SVC_KEYS_H

#include "server/crypto/jwt.h"
#include "store/store_client.h"

/* A retired key verifies so long: tokens live for an hour, but ID tokens come back as
 * hints later (svc_hint). */
#define SVC_KEY_KEEP_MS (7u * 24 * 3600 * 1000)

struct svc_keys {
    struct jwt_keys *keys; /* NULL until there are any */
    uint64_t version;
    size_t count;
};

/* Load what the snapshot has, unless it is what *keys has. Anything else leaves *keys
 * as it is. */
enum err svc_keys_load(struct svc_keys *keys, struct store_read *read,
                       struct sealer *sealer);
void svc_keys_drop(struct svc_keys *keys);

/* The algorithm of the client's ID tokens and logout tokens. */
enum key_alg svc_keys_alg(const struct client *client);

#endif
