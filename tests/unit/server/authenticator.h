/* authenticator: a passkey made of OpenSSL keys, and what a browser would bring from
 * it, also wrongly. */
#ifndef TESTS_UNIT_SERVER_AUTHENTICATOR_H
#define TESTS_UNIT_SERVER_AUTHENTICATOR_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "server/crypto/webauthn.h"
#include "store/base/buf.h"

struct authenticator {
    EVP_PKEY *key;
    enum cose_alg alg;
    const char *origin, *rp_id;
    const char *type;  /* NULL: as the ceremony has it */
    const char *extra; /* more members of the client data, with a comma before them */
    const char *format; /* of the attestation; NULL: none */
    uint8_t id[32];
    uint32_t sign_count;
    uint8_t flags; /* WEBAUTHN_ATTESTED is set where it is due */
};

void authenticator_init(struct authenticator *authenticator, enum cose_alg alg);
void authenticator_close(struct authenticator *authenticator);

struct authenticator_answer {
    struct buf client_data, object, auth_data, signature;
};
void authenticator_answer_init(struct authenticator_answer *answer);
void authenticator_answer_free(struct authenticator_answer *answer);

/* client_data and object. */
void authenticator_create(const struct authenticator *authenticator,
                          const uint8_t challenge[WEBAUTHN_CHALLENGE],
                          struct authenticator_answer *answer);
/* client_data, auth_data and signature. */
void authenticator_get(const struct authenticator *authenticator,
                       const uint8_t challenge[WEBAUTHN_CHALLENGE],
                       struct authenticator_answer *answer);
/* The signature once more, over what the answer has become. */
void authenticator_sign(const struct authenticator *authenticator,
                        struct authenticator_answer *answer);
/* The public key as COSE. */
void authenticator_cose(const struct authenticator *authenticator, struct buf *out);
/* Authenticator data with an attested credential around `cose`, whatever that is. */
void authenticator_attested(const struct authenticator *authenticator,
                            struct span cose, struct buf *out);
/* An attestation object around any authenticator data. */
void authenticator_object(const struct authenticator *authenticator,
                          struct span auth_data, struct buf *out);

#endif
