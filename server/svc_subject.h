/* svc_subject: the names by which a client knows an account (`sub`) and a session (`sid`).
 *
 * Public: their own, the same for all. Pairwise (OpenID Connect Core §8.1): a keyed hash
 * of the client's sector and the account or session, so that services of two sectors
 * cannot tell by a name that it is the same one: a `sid` that all share would. It stays
 * as long as the cluster's key does. Other claims may still tell (an e-mail address). */
#ifndef SERVER_SVC_SUBJECT_H
#define SERVER_SVC_SUBJECT_H

#include "server/crypto/keyring.h"
#include "store/base/arena.h"
#include "store/store_client.h"

#define SVC_SUBJECT_LEN 43

/* Ends with NUL; the length is returned. */
size_t svc_subject(struct sealer *sealer, const struct client *client, struct id128 id,
                   char text[SVC_SUBJECT_LEN + 1]);
/* The same in the arena. NULL data: no memory. */
struct span svc_subject_text(struct sealer *sealer, const struct client *client,
                             struct id128 id, struct arena *arena);

#endif
