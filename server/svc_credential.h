/* svc_credential: passkeys as the use cases keep and check them. Private to
 * server/svc_*.c; what the bytes mean is in server/crypto/webauthn.h.
 *
 * A passkey must verify its holder (PIN, finger, face): it is two factors by itself, and
 * the same one serves alone and as a second step.
 *
 * The user handle is a keyed hash of the account: the same for all its passkeys, so an
 * authenticator keeps one of them, and it tells nothing to who reads it. */
#ifndef SERVER_SVC_CREDENTIAL_H
#define SERVER_SVC_CREDENTIAL_H

#include "server/crypto/webauthn.h"
#include "server/oidc/acr.h"
#include "server/oidc/params.h"
#include "server/svc_internal.h"

/* A page waits so long for its passkey. */
#define SVC_PASSKEY_TTL_MS (5u * 60 * 1000)

/* Origin, relying party and challenge of a ceremony on our pages. They borrow from the
 * configuration. */
struct webauthn_expect svc_credential_expect(const struct svc *svc,
                                             const uint8_t challenge[WEBAUTHN_CHALLENGE]);
/* How a passkey is found, and what the state machine compares of a challenge. */
struct key_hash svc_credential_index(struct svc *svc, struct span id);
struct key_hash svc_credential_code(struct svc *svc,
                                    const uint8_t challenge[WEBAUTHN_CHALLENGE]);
struct key_hash svc_credential_user(struct svc *svc, struct id128 sub);
/* What a sign-in by one with these flags is worth: bits of acr.h. */
uint32_t svc_credential_methods(uint8_t flags);

/* A form field of base64url, decoded into `arena`. false: it is none, is empty, stands
 * twice, or is longer than `max` bytes. */
bool svc_credential_field(const struct params *params, const char *name, size_t max,
                          struct arena *arena, struct span *ret_bytes);
/* base64url in `arena`; NULL data: no memory. */
struct span svc_credential_text(struct arena *arena, struct span bytes);

/* What a factor's row seals. Spans borrow. */
struct svc_credential {
    uint8_t flags; /* enum webauthn_flag, of the registration */
    struct span id, key;
};
enum err svc_credential_pack(const struct svc_credential *credential, struct buf *out);
/* ERR_CORRUPT. */
enum err svc_credential_unpack(struct span in, struct svc_credential *ret_credential);

/* The answer that stands in the form (client_data, auth_data, signature), judged with
 * the stored credential; refusals are logged without what identifies anybody.
 * WEBAUTHN_BAD_CLIENT_DATA also for a field that is missing. */
enum webauthn_fault svc_credential_assert(struct arena *arena,
                                          const struct params *params,
                                          const struct webauthn_expect *expect,
                                          const struct svc_credential *credential,
                                          uint32_t *ret_sign_count, uint8_t *ret_flags);
/* The new credential that stands in it (client_data, attestation). */
enum webauthn_fault svc_credential_create(struct arena *arena,
                                          const struct params *params,
                                          const struct webauthn_expect *expect,
                                          struct webauthn_credential *ret_credential);

#endif
