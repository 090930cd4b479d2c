/* svc_access: access tokens in both their forms.
 *
 *   opaque   a stamp (svc_stamp): the row says all
 *   JWT      RFC 9068. Of a person: its `jti` is the stamp of the same row, so that it
 *            ends with it. Of a client itself (client_credentials): there is no row; it
 *            is good until it expires, or until its `jti` was revoked (a proof row).
 * Thread: the svc's own. */
#ifndef SERVER_SVC_ACCESS_H
#define SERVER_SVC_ACCESS_H

#include "server/svc_internal.h"

#define SVC_ACCESS_TYP "at+jwt"

/* Shorter than a person's: nothing but its end and a revocation stops it. */
#define SVC_CLIENT_TOKEN_S 600u

struct svc_access_new {
    const struct client *client;
    struct span sub, jti;
    uint64_t issued_s, expires_s;
    uint64_t auth_time_s; /* 0: nobody signed in */
    uint64_t scopes;
    const struct binding *binding;
};
/* Sign it (RFC 9068 §2) into `arena`. The signing keys are up to date. */
enum err svc_access_sign(struct svc *svc, const struct svc_access_new *token,
                         struct arena *arena, struct span *ret_text);

struct svc_access {
    bool has_stamp; /* of a row; else a client's own token, with what follows */
    struct stamped_token stamp;
    struct span client_id, jti; /* in the arena */
    uint64_t issued_s, expires_s;
    struct span text; /* its claims, JSON */
};
/* Read one that was presented. ERR_FORGED: not ours. It may have ended. Opens a
 * snapshot of its own for the signing keys. */
enum err svc_access_open(struct svc *svc, struct arena *arena, struct span text,
                         struct svc_access *ret_access);

/* The key under which a client's own token is revoked. */
struct key_hash svc_access_revoked_key(struct svc *svc,
                                       const struct svc_access *access);

#endif
