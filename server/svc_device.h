/* svc_device: what a browser's cookie says of the accounts that have signed in with it.
 *
 * A sealed list of a few accounts, each with a number of its own. An account that stands
 * there, as of its present generation, is known on this device: its wrong passwords count
 * apart from those of strangers (raft/fsm_session), so that strangers cannot lock it out
 * here. So do its wrong codes (raft/fsm_factor), but only once a second step was passed
 * here: who has the password alone gets as many devices as they like, and must not get as
 * many counters of guesses (SECURITY E01). After a change of password or factor each of
 * the holder's browsers is a stranger's until the account signs in with it once more,
 * but for the one in which it was changed: strangers who go on do not lock out who has
 * just set another password because of them.
 * Where the configuration lets it, its holder may have the device remembered: then the
 * second step is not asked for a while. That ends with the account's generation, so with
 * every change of password or factor. Nobody but the server reads it. Thread: the svc's. */
#ifndef SERVER_SVC_DEVICE_H
#define SERVER_SVC_DEVICE_H

#include "server/svc_internal.h"

#define SVC_DEVICE_ACCOUNTS 4

/* In nonce.b[0]: a second step has been passed with this very nonce. It is a part of the
 * nonce, so what was counted for one that is not proven says nothing of one that is. */
#define SVC_DEVICE_PROVEN 0x01

struct svc_device_entry {
    struct id128 sub;
    struct id128 nonce; /* random but for SVC_DEVICE_PROVEN */
    uint64_t generation; /* of the account, when it signed in here last */
    uint64_t trusted_until_ms; /* 0: known, but asked every time */
};

/* What stands in the cookie's seal. Pure. Decoding gives how many there are: 0 for what
 * encoding does not give. */
#define SVC_DEVICE_PLAIN_MAX (2 + SVC_DEVICE_ACCOUNTS * (16 + 16 + 8 + 8))
size_t svc_device_decode(struct span plain,
                         struct svc_device_entry entries[SVC_DEVICE_ACCOUNTS]);
enum err svc_device_encode(const struct svc_device_entry *entries, size_t count,
                           struct buf *out);

/* False: the account, as of this generation, has not signed in with this browser. */
bool svc_device_find(struct svc *svc, struct span cookie, struct id128 sub,
                     uint64_t generation, struct svc_device_entry *ret_entry);
/* Has it passed a second step here? Then wrong codes have the device's own counter. */
bool svc_device_proven(const struct svc_device_entry *entry);
/* The counter of the account's wrong answers on this device. */
struct key_hash svc_device_counter(struct svc *svc,
                                   const struct svc_device_entry *entry);
/* May the second step be left out? `now_ms` is replicated time. */
bool svc_device_trusted(const struct svc_device_entry *entry, uint64_t now_ms);
/* The cookie with the account in front; who was not seen for longest goes. `second`: a
 * second step, or a passkey, was passed just now; what is proven stays so within its
 * generation. `trusted_until_ms` 0: as it is. */
enum err svc_device_add(struct svc *svc, struct span cookie, struct id128 sub,
                        uint64_t generation, bool second, uint64_t trusted_until_ms,
                        struct arena *arena, struct span *ret_cookie);

/* In an open snapshot: `was`, the session of this browser, has changed the account and
 * went on as one of a later generation; so the account stays known here, though trusted no
 * more. *ret_cookie is left as it is where nothing changed. */
enum err svc_device_renew(struct svc *svc, struct span cookie, const struct session *was,
                          struct arena *arena, struct span *ret_cookie);

#endif
