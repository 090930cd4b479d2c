/* store_key: signing keys, shared by all nodes.
 *
 * Written by raft/fsm_key.c; read by server/crypto/jwt through svc_keys.
 * The private part is sealed with the cluster key (purpose SIGNING_KEY,
 * AAD = kid) before it enters a command.
 *
 * A key's life needs no command at its turns: its state follows from the times in its
 * row and from replicated time, on every node alike.
 *
 *   KEY_PUBLISHED  until activates_ms: in the JWKS, signs nothing
 *   KEY_ACTIVE     until retires_ms: signs
 *   KEY_RETIRED    until ends_ms, when it is swept: verifies alone
 *
 * Invariants:
 *   K1  of each algorithm's keys one has no successor (retires_ms 0), if there are any;
 *   K2  any other ends to sign when the next begins, so one signs at each moment;
 *   K3  retires_ms and ends_ms are both 0 or both set;
 *   K4  no two kids begin with the same 16 bytes (the sweep's name for a key). */
#ifndef STORE_STORE_KEY_H
#define STORE_STORE_KEY_H

#include "store/store.h"

/* Numbers are stored; never reuse one. One key is of one algorithm. */
enum key_alg { KEY_RS256 = 1, KEY_ES256 = 2, KEY_PS256 = 3 };
#define KEY_ALG_LAST KEY_PS256
enum key_state { KEY_PUBLISHED = 1, KEY_ACTIVE = 2, KEY_RETIRED = 3 };

struct signing_key {
    const char *kid; /* key of the row */
    enum key_alg alg;
    struct span public_jwk;     /* JSON, with kid, alg and use */
    struct span sealed_private; /* sealed PKCS#8 DER */
    uint64_t created_ms;
    uint64_t activates_ms;
    uint64_t retires_ms; /* 0: has no successor */
    uint64_t ends_ms;
};

/* At replicated time `now_ms`. Pure. */
enum key_state store_key_state(const struct signing_key *key, uint64_t now_ms);
/* Pure: the first 16 bytes of the kid, filled up with zeros (K4). */
struct key_hash store_key_mark(const char *kid);

enum err store_key_put(struct store_write *write, const struct signing_key *key);
/* ERR_NOT_FOUND. `kid` does not borrow from the transaction. */
enum err store_key_del(struct store_write *write, const char *kid);
/* In `arena`. ERR_NOT_FOUND. */
enum err store_key_by_mark(struct store_read *read, struct arena *arena,
                           struct key_hash mark, struct signing_key *ret_key);
/* In key order, until `each` returns false. */
enum err store_key_walk(struct store_read *read, struct arena *arena,
                        bool (*each)(void *arg, const struct signing_key *key),
                        void *arg);
/* Changes whenever a row does (a cache's version). */
enum err store_key_version(struct store_read *read, uint64_t *ret_version);

#endif
