/* oidc_client: a relying party as the protocol rules see it.
 *
 * A view: services fill it from the store's client row, whose enums have the same
 * numbers; spans and strings borrow from there. */
#ifndef OIDC_OIDC_CLIENT_H
#define OIDC_OIDC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/span.h"

/* Token endpoint authentication (OpenID Connect Core §9). */
enum oidc_auth {
    OIDC_AUTH_NONE = 1,
    OIDC_AUTH_BASIC = 2,
    OIDC_AUTH_POST = 3,
    OIDC_AUTH_PRIVATE_KEY_JWT = 4,
    OIDC_AUTH_TLS = 5,
    OIDC_AUTH_SELF_SIGNED_TLS = 6,
};
/* DESIGN §4: gbizid as the real platform behaves, standard as the RFCs ask, fapi2 with
 * the rules of FAPI 2.0 Security Profile on top. */
enum oidc_profile { OIDC_GBIZID = 1, OIDC_STANDARD = 2, OIDC_FAPI2 = 3 };
enum oidc_alg { OIDC_RS256 = 1, OIDC_ES256 = 2, OIDC_PS256 = 3 };

struct oidc_client {
    struct span client_id;
    enum oidc_profile profile;
    enum oidc_auth auth; /* OIDC_AUTH_NONE: a public client */
    enum oidc_alg id_token_alg;
    bool native;       /* RFC 8252 */
    uint64_t features; /* enum client_feature of store/store_client.h */
    uint64_t scopes;   /* what it may be given (server/oidc/scope.h) */
    const char *const *redirect_uris;
    size_t redirect_uris_count;
};

#endif
