/* svc_profile: the personal data of a new account, as its row has them. Thread: the
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

#endif
