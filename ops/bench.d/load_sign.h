/* load_sign: what a client signs with its own key (P-256, ES256): assertions for
 * private_key_jwt (RFC 7523) and DPoP proofs (RFC 9449). One thread. */
#ifndef BENCH_LOAD_SIGN_H
#define BENCH_LOAD_SIGN_H

#include <stdbool.h>
#include <stddef.h>

struct load_signer;

#define LOAD_KID "bench"

/* The private key in a PEM file. NULL: no such key. */
struct load_signer *load_signer_new(const char *pem_file);
void load_signer_free(struct load_signer *signer);

/* Into `out`, ended with a zero. False: it does not fit, or OpenSSL failed. */
bool load_sign_assertion(struct load_signer *signer, const char *client_id,
                         const char *audience, char *out, size_t cap);
/* A proof for POST to `url`; `nonce` may be empty. */
bool load_sign_proof(struct load_signer *signer, const char *url, const char *nonce,
                     char *out, size_t cap);

#endif
