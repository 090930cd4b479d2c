/* svc_secret: codes and opaque access tokens, and the keys of their rows
 * (server/crypto/place.h).
 *
 * Whoever is shown one looks its row up by these functions alone. Thread: the caller's. */
#ifndef SVC_SECRET_H
#define SVC_SECRET_H

#include "server/svc_internal.h"

/* A code of `len` letters of [A-Za-z0-9], FLOW_CODE_LEN or FLOW_CODE_LEN_GBIZID. The last
 * three of a long one are its mark. A short one has none: all of it must be chance. */
void svc_code_draw(struct svc *svc, char *out, size_t len);
/* Of any text that is said to be a code. */
struct key_hash svc_code_key(struct svc *svc, struct span code);

/* The last two bytes are its mark. */
void svc_access_draw(struct svc *svc, uint8_t out[TOKEN_SECRET_MAX]);
/* `secret` has at least TOKEN_SECRET_MIN bytes (token_format.h). */
struct key_hash svc_access_key(struct svc *svc, struct span secret);

#endif
