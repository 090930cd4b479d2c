/* svc_profile: the personal data of an account, as its row has them. Thread: the
 * svc's. */
#ifndef SERVER_SVC_PROFILE_H
#define SERVER_SVC_PROFILE_H

#include "server/domain/profile.h"
#include "server/svc_internal.h"

/* Encode and seal the profile of `sub`; *ret_sealed lives in `arena`. ERR_TOO_BIG,
 * ERR_NOMEM, ERR_CRYPTO. */
enum err svc_profile_seal(struct svc *svc, struct id128 sub,
                          const struct profile *profile, struct arena *arena,
                          struct span *ret_sealed);
/* The profile of the row, in `arena`; empty when it has none. ERR_CORRUPT, ERR_NOMEM. */
enum err svc_profile_open(struct svc *svc, struct arena *arena,
                          const struct account *account, struct profile *ret_profile);
/* The holder's address, in a snapshot of its own; empty when there is none.
 * ERR_NOT_FOUND: no such account. */
enum err svc_profile_address(struct svc *svc, struct arena *arena, struct id128 sub,
                             struct span *ret_address);

#endif
