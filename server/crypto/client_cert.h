/* client_cert: certificates that clients show (RFC 8705), as DER. The handshake has
 * proven that the client holds the key; nothing else is known of them here.
 * Thread: any. */
#ifndef CRYPTO_CLIENT_CERT_H
#define CRYPTO_CLIENT_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/err.h"
#include "store/base/limits.h"
#include "store/base/span.h"

/* RFC 8705 §2.2: is it one of those in the client's JWK Set (first of `x5c`)? */
bool client_cert_registered(struct span der, struct span jwks);

/* Certification authorities whose certificates prove a subject (RFC 8705 §2.1). */
struct client_ca;
/* PEM file. ERR_CONFIG: not readable, or none in it. */
enum err client_ca_open(const char *path, struct client_ca **ret_ca);
void client_ca_free(struct client_ca *ca); /* NULL-safe */
/* Does a chain lead to one of them, at `now_s`, and has the certificate this subject?
 * "dn:" and RFC 4514's text, or "dns:", "uri:", "ip:", "email:" and a subject
 * alternative name. `ca` may be NULL: false. `chain` (DER, end to end, at most
 * CLIENT_CHAIN_MAX are looked at; may be empty) is what the client sent besides: it may
 * lead to an authority and is one in nothing. */
#define CLIENT_CHAIN_MAX 4
bool client_cert_issued(const struct client_ca *ca, struct span der, struct span chain,
                        const char *subject, int64_t now_s);
/* Is it one of the forms above? */
bool client_cert_subject_valid(struct span subject);

/* Whom it was issued to: the subject's common name, or "serial:" and digits when that is
 * none, too long, or no text; "unreadable". Terminated. */
#define CLIENT_CERT_NAME 64
void client_cert_name(struct span der, char out[CLIENT_CERT_NAME + 1]);

#endif
