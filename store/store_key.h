/* store_key: signing keys, shared by all nodes.
 *
 * Written by raft/fsm_key.c; read by server/crypto/jwks through svc_keys.
 * The private part is sealed with the cluster key (purpose SIGNING_KEY,
 * AAD = kid) before it enters a command. */
#ifndef STORE_STORE_KEY_H
#define STORE_STORE_KEY_H

#include "store/store.h"

enum key_alg { KEY_RS256 = 1, KEY_ES256 = 2 };
enum key_state { KEY_ACTIVE = 1, KEY_RETIRED = 2 };

struct signing_key {
    const char *kid; /* key of the row */
    enum key_alg alg;
    enum key_state state;
    struct span public_jwk;     /* JSON, with kid, alg and use */
    struct span sealed_private; /* sealed PKCS#8 DER */
    uint64_t created_ms;
};

enum err store_key_put(struct store_write *write, const struct signing_key *key);
/* In key order, until `each` returns false. */
enum err store_key_walk(struct store_read *read, struct arena *arena,
                        bool (*each)(void *arg, const struct signing_key *key),
                        void *arg);
/* Changes whenever a key is added or its state changes (a cache's version). */
enum err store_key_version(struct store_read *read, uint64_t *ret_version);

#endif
