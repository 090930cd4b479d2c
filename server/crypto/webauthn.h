/* webauthn: what a browser brings back from navigator.credentials (WebAuthn Level 3).
 *
 *   options with a challenge -> browser -> authenticator -> clientDataJSON,
 *   attestation object or authenticator data with a signature -> here
 *
 * webauthn_register does §7.1, webauthn_assert does §7.2, but for what only rows can
 * tell: that a credential id is new, whose it is, and that its counter rises; those
 * stand in raft/fsm_factor_passkey.c, and that a challenge is used once in fsm_proof.
 *
 * Attestation is not asked for (conveyance "none"). A statement of another format is
 * parsed and passed over, so nothing is believed of the make of an authenticator.
 * Every length is compared with the bytes that are there. Thread: any (pure). */
#ifndef CRYPTO_WEBAUTHN_H
#define CRYPTO_WEBAUTHN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/crypto/cose_key.h"
#include "store/base/span.h"

#define WEBAUTHN_CHALLENGE 32
#define WEBAUTHN_AAGUID 16
#define WEBAUTHN_CREDENTIAL_ID_MAX 1023 /* §4 "Credential ID" */
#define WEBAUTHN_CLIENT_DATA_MAX 4096
#define WEBAUTHN_ATTESTATION_MAX 8192
#define WEBAUTHN_AUTH_DATA_MAX 2048
#define WEBAUTHN_SIGNATURE_MAX 512

/* Flags of the authenticator data (§6.1). */
enum webauthn_flag {
    WEBAUTHN_PRESENT = 1 << 0,
    WEBAUTHN_VERIFIED = 1 << 2,
    WEBAUTHN_BACKUP_ELIGIBLE = 1 << 3,
    WEBAUTHN_BACKED_UP = 1 << 4,
    WEBAUTHN_ATTESTED = 1 << 6,
    WEBAUTHN_EXTENDED = 1 << 7,
};

/* Why a response is refused: for logs and tests, not for the page. */
#define WEBAUTHN_FAULTS(X)                                                             \
    X(WEBAUTHN_FINE, "fine")                                                           \
    X(WEBAUTHN_BAD_CLIENT_DATA, "the client data are not what §5.8.1 describes")       \
    X(WEBAUTHN_BAD_TYPE, "the client data are of another ceremony")                    \
    X(WEBAUTHN_BAD_CHALLENGE, "it answers another challenge")                          \
    X(WEBAUTHN_BAD_ORIGIN, "it was made for another origin")                           \
    X(WEBAUTHN_CROSS_ORIGIN, "it was made in a frame of another origin")               \
    X(WEBAUTHN_BAD_AUTH_DATA, "the authenticator data are not what §6.1 describes")    \
    X(WEBAUTHN_BAD_RP, "it was made for another relying party")                        \
    X(WEBAUTHN_NOT_PRESENT, "nobody was present")                                      \
    X(WEBAUTHN_NOT_VERIFIED, "the person was not verified")                            \
    X(WEBAUTHN_BAD_BACKUP, "the backup flags contradict each other, or have changed")  \
    X(WEBAUTHN_BAD_ATTESTATION, "the attestation object is not what §6.5 describes")   \
    X(WEBAUTHN_BAD_KEY, "the key is of no kind that was offered")                      \
    X(WEBAUTHN_BAD_SIGNATURE, "the signature is not of the registered key")
enum webauthn_fault {
#define X(name, text) name,
    WEBAUTHN_FAULTS(X)
#undef X
};
const char *webauthn_fault_str(enum webauthn_fault fault);

/* What the ceremony was begun with. */
struct webauthn_expect {
    uint8_t challenge[WEBAUTHN_CHALLENGE];
    struct span origin; /* https://host[:port] */
    struct span rp_id;  /* host */
    bool verified;      /* user verification was required */
};

/* What a browser gives for a new credential. */
struct webauthn_attestation {
    struct span client_data; /* JSON text */
    struct span object;      /* CBOR */
};
/* A credential to be stored. Spans borrow from the attestation. */
struct webauthn_credential {
    struct span id;  /* 1 to WEBAUTHN_CREDENTIAL_ID_MAX bytes */
    struct span key; /* COSE, at most COSE_KEY_MAX */
    enum cose_alg alg;
    uint32_t sign_count;
    uint8_t flags; /* enum webauthn_flag */
    uint8_t aaguid[WEBAUTHN_AAGUID]; /* as the authenticator says, unproven */
};
enum webauthn_fault webauthn_register(const struct webauthn_expect *expect,
                                      const struct webauthn_attestation *attestation,
                                      struct webauthn_credential *ret_credential);

/* What a browser gives for a sign-in. */
struct webauthn_assertion {
    struct span client_data;
    struct span auth_data;
    struct span signature;
};
/* `key` and `flags` are the stored credential's. */
enum webauthn_fault webauthn_assert(const struct webauthn_expect *expect,
                                    struct span key, uint8_t flags,
                                    const struct webauthn_assertion *assertion,
                                    uint32_t *ret_sign_count, uint8_t *ret_flags);

/* The parts, each one a parser of its own; the fuzz targets call them. */

enum webauthn_ceremony { WEBAUTHN_CREATE, WEBAUTHN_GET };
enum webauthn_fault webauthn_client_data(struct span json,
                                         enum webauthn_ceremony ceremony,
                                         const struct webauthn_expect *expect);

struct webauthn_auth_data {
    struct span rp_id_hash;
    uint8_t flags;
    uint32_t sign_count;
    struct webauthn_credential credential; /* with WEBAUTHN_ATTESTED */
};
/* false: malformed, or bytes behind it. */
bool webauthn_auth_data(struct span in, struct webauthn_auth_data *ret_data);

/* The authenticator data inside an attestation object; the statement is passed over,
 * but one of the format "none" must be empty (§8.7). */
bool webauthn_attestation_object(struct span in, struct span *ret_auth_data);

#endif
