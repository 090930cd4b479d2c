/* svc_device: what a browser's cookie says of the accounts that have signed in with it.
 *
 * A sealed list of a few accounts, each with a number of its own. An account that stands
 * there is known on this device: its wrong passwords and codes count apart from those of
 * strangers (raft/fsm_session, fsm_factor), so that strangers cannot lock it out here.
 * Where the configuration lets it, its holder may have the device remembered: then the
 * second step is not asked for a while. That ends with the account's generation, so with
 * every change of password or factor. Nobody but the server reads it. Thread: the svc's. */
#ifndef SERVER_SVC_DEVICE_H
#define SERVER_SVC_DEVICE_H

#include "server/svc_internal.h"

#define SVC_DEVICE_ACCOUNTS 4

struct svc_device_entry {
    struct id128 sub;
    struct id128 nonce;
    uint64_t generation;   /* of the account, when it was remembered */
    uint64_t trusted_until_ms; /* 0: known, but asked every time */
};

/* False: the account has not signed in with this browser. */
bool svc_device_find(struct svc *svc, struct span cookie, struct id128 sub,
                     struct svc_device_entry *ret_entry);
/* The counter of the account's wrong answers on this device. */
struct key_hash svc_device_counter(struct svc *svc,
                                   const struct svc_device_entry *entry);
/* May the second step be left out? `now_ms` is replicated time. */
bool svc_device_trusted(const struct svc_device_entry *entry, uint64_t generation,
                        uint64_t now_ms);
/* The cookie with the account in front; who was not seen for longest goes.
 * `trusted_until_ms` 0: as it is. */
enum err svc_device_add(struct svc *svc, struct span cookie, struct id128 sub,
                        uint64_t generation, uint64_t trusted_until_ms,
                        struct arena *arena, struct span *ret_cookie);

#endif
