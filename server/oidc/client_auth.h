/* client_auth: which client sent a token request, and how it proves that.
 *
 * Source: RFC 6749 §2.3.1 and §5.2, RFC 7617, RFC 7521 §4.2. Parsing only: the secret
 * is compared by the service, as a keyed hash in constant time, also for unknown
 * clients. */
#ifndef OIDC_CLIENT_AUTH_H
#define OIDC_CLIENT_AUTH_H

#include "server/oidc/oidc_client.h"
#include "server/oidc/oidc_error.h"
#include "server/oidc/params.h"

#define CLIENT_SECRET_MAX 256

/* Holds a secret: wipe with client_auth_wipe. Spans point into this struct, so
 * it must not be copied. */
struct client_credentials {
    enum oidc_auth method;
    struct span client_id;
    struct span secret;    /* empty but for OIDC_AUTH_BASIC and _POST */
    struct span assertion; /* OIDC_AUTH_PRIVATE_KEY_JWT: not verified; client_id may be
                              empty then, and stands in it */
    bool basic_used;       /* an Authorization header was there: 401 gets a challenge */
    uint8_t id_bytes[LIMIT_CLIENT_ID];
    uint8_t secret_bytes[CLIENT_SECRET_MAX];
};

/* `authorization`: the header's value, empty when absent. `basic_used` is set in
 * any case, the rest on OIDC_OK alone. A repeated parameter, or a client_id that
 * contradicts the header: invalid_request (RFC 6749 §5.2). Two methods at once,
 * malformed Basic, no client at all: invalid_client, as a client that sends its
 * secret twice has not authenticated (SECURITY_CHECKS B09). */
struct oidc_verdict client_auth_parse(struct span authorization,
                                      const struct params *params,
                                      struct client_credentials *ret_credentials);

/* The method must be the one that the client is registered with. */
struct oidc_verdict client_auth_check(const struct oidc_client *client,
                                      const struct client_credentials *credentials);

/* The one refusal for an unknown client and a wrong secret alike. */
struct oidc_verdict client_auth_failed(void);

void client_auth_wipe(struct client_credentials *credentials);

/* 1 to LIMIT_CLIENT_ID characters of [A-Za-z0-9._-]: ids that mean the same in a
 * URL, a form and a Basic header. */
bool client_auth_id_valid(struct span client_id);

#endif
