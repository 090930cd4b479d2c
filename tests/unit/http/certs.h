/* certs: a CA, a server's certificate and clients' certificates in a folder, made
 * anew for a test. Failures end the test. */
#ifndef TESTS_UNIT_HTTP_CERTS_H
#define TESTS_UNIT_HTTP_CERTS_H

#include <openssl/ssl.h>

/* Write `folder`/ca.pem, and `folder`/server.pem with server.key. */
void certs_write_server(const char *folder, long serial);

/* A client context with a certificate of that CA for the SAN URI `uri`; NULL: without
 * a certificate. `foreign`: of another CA that has the same name. */
SSL_CTX *certs_client(const char *uri, bool foreign);

void certs_forget(void);

#endif
