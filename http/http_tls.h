/* http_tls: the TLS contexts of the listeners, made anew when a file changes.
 *
 * TLS 1.2 with forward secrecy and AEAD, or 1.3; ALPN http/1.1 only; no
 * renegotiation, no early data. The balancer's and the operator's listeners ask for
 * a client certificate of the cluster's CA whose SAN URI is
 * `tasuki://<cluster id>/balancer` or `/operator` (DESIGN §3, Balancer); the staff's
 * stands behind a balancer, too. DOOR_MTLS asks
 * clients for a certificate and takes any or none: which client it belongs to is seen
 * later (RFC 8705). */
#ifndef HTTP_HTTP_TLS_H
#define HTTP_HTTP_TLS_H

#include <openssl/ssl.h>

#include "server/config.h"

enum http_door { DOOR_DIRECT, DOOR_BALANCER, DOOR_OPERATOR, DOOR_MTLS, DOOR_STAFF, DOOR_WORKER,
                 DOORS };

/* ERR_CONFIG with one sentence that names the file. */
enum err http_tls_new(const struct config *config, enum http_door door,
                      SSL_CTX **ret_ctx, char why[256]);

/* Call `told` with each certificate that a client of the context has proven to hold,
 * and with those that it sent behind it (may be NULL). The SSL's BIO holds the socket, as
 * libh2o makes it. DOOR_MTLS alone: it resumes no sessions, since a resumed one has
 * the first certificate and not the others. */
typedef void http_tls_told(SSL *ssl, X509 *cert, const STACK_OF(X509) * sent);
void http_tls_on_certificate(SSL_CTX *ctx, http_tls_told *told);

/* Another number when one of the files that http_tls_new reads is another, or was
 * written to; an older file put in the place of a newer one is another. */
uint64_t http_tls_stamp(const struct config *config);

#endif
