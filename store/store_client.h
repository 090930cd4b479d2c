/* store_client: relying parties (RP, 行政サービス) registered here.
 *
 * Written by raft/fsm_client.c; read by server/svc_*.c.
 * Source: RFC 6749 §2, OpenID Connect Registration 1.0 §2, DOMAIN §2. */
#ifndef STORE_STORE_CLIENT_H
#define STORE_STORE_CLIENT_H

#include "store/base/buf.h"
#include "store/store.h"

enum client_auth {
    CLIENT_AUTH_NONE = 1,
    CLIENT_AUTH_BASIC = 2,
    CLIENT_AUTH_POST = 3,
    CLIENT_AUTH_PRIVATE_KEY_JWT = 4, /* RFC 7523, keys in `jwks` */
    CLIENT_AUTH_TLS = 5,             /* RFC 8705 §2.1: a CA's, `tls_subject` */
    CLIENT_AUTH_SELF_SIGNED_TLS = 6, /* RFC 8705 §2.2: certificates in `jwks` (x5c) */
};
/* CLIENT_FAPI2: CLIENT_STANDARD under the rules of FAPI 2.0 Security Profile: PAR,
 * PKCE, sender-constrained tokens, ES256 or PS256, keys or certificates as credentials.
 */
enum client_profile { CLIENT_GBIZID = 1, CLIENT_STANDARD = 2, CLIENT_FAPI2 = 3 };
enum client_alg { CLIENT_RS256 = 1, CLIENT_ES256 = 2, CLIENT_PS256 = 3 };
enum client_environment { ENV_DEMO = 1, ENV_VERIFICATION = 2, ENV_PRODUCTION = 3 };
/* Onboarding (接続申請から廃止まで). Only CLIENT_IN_VERIFICATION, in the environments
 * demo and verification, and CLIENT_LIVE may be signed in to. */
enum client_stage {
    CLIENT_APPLIED = 1,
    CLIENT_IN_VERIFICATION = 2,
    CLIENT_APPROVED = 3,
    CLIENT_LIVE = 4,
    CLIENT_SUSPENDED = 5, /* may go back to what it was */
    CLIENT_RETIRED = 6,   /* for ever */
};
/* Bits of `features`. */
enum client_feature {
    CLIENT_PAIRWISE = 1 << 0,        /* `sub` differs by sector (OIDC Core §8.1) */
    CLIENT_JWT_ACCESS = 1 << 1,      /* access tokens by RFC 9068, else opaque */
    CLIENT_REQUIRE_PAR = 1 << 2,     /* RFC 9126 §6 */
    CLIENT_REQUIRE_SIGNED = 1 << 3,  /* RFC 9101 §10.5: signed request objects alone */
    CLIENT_DPOP_BOUND = 1 << 4,      /* RFC 9449 §5.2 */
    CLIENT_TLS_BOUND = 1 << 5,       /* RFC 8705 §3.4 */
    CLIENT_CREDENTIALS = 1 << 6,     /* grant type client_credentials */
    CLIENT_INTROSPECTION = 1 << 7,   /* may introspect others' tokens (RFC 7662) */
    CLIENT_USERINFO_SIGNED = 1 << 8, /* userinfo as a JWT */
    CLIENT_NO_CODE = 1 << 9,         /* has no authorization code grant */
    CLIENT_LOGOUT_SESSION = 1 << 10, /* logout tokens must name the `sid` */
    CLIENT_DYNAMIC = 1 << 11,        /* registered by itself (RFC 7591) */
};
#define CLIENT_FEATURES_ALL ((uint64_t)(2 * CLIENT_DYNAMIC - 1))

#define CLIENT_REDIRECTS_MAX 16

struct client {
    const char *client_id; /* key; [A-Za-z0-9._-], at most LIMIT_CLIENT_ID */
    const char *name;      /* shown to people, UTF-8 (Japanese) */
    const char *ministry;
    const char *start_month; /* "yyyy-mm" or "" */
    enum client_environment environment;
    enum client_profile profile;
    enum client_auth auth;
    enum client_alg id_token_alg;
    bool native;     /* RFC 8252: loopback redirect with any port */
    bool government; /* consent is not asked (DESIGN §4) */
    enum client_stage stage;
    enum client_stage suspended_from; /* where CLIENT_SUSPENDED may go back to; 0: none */
    uint64_t features;       /* enum client_feature */
    uint8_t secret_hash[32]; /* keyed hash; zero when it has none */
    /* The one before a rotation is good until then, zero when there is none. */
    uint8_t old_secret_hash[32];
    uint64_t old_secret_until_ms;
    const char *jwks;        /* JWK Set, JSON; "" when none; LIMIT_CLIENT_JWKS */
    const char *tls_subject; /* "dn:", "dns:", "uri:", "ip:" or "email:" and the value
                                that the certificate must have; "" when none */
    const char *sector;      /* pairwise: host of the sector; "" when none */
    const char *audience;    /* `aud` of its JWT access tokens; "": the issuer */
    const char *backchannel_logout_uri; /* "" when none, as all below */
    const char *initiate_login_uri;
    const char *logo_uri, *policy_uri, *tos_uri;
    const char *contacts;   /* who answers for it; shown to staff alone */
    uint64_t scopes;        /* set of enum scope bits that may be asked for */
    uint32_t account_types; /* bit (1 << enum account_type) */
    const char *redirect_uris[CLIENT_REDIRECTS_MAX];
    size_t redirect_uris_count;
    const char *post_logout_uris[CLIENT_REDIRECTS_MAX];
    size_t post_logout_uris_count;
    uint64_t created_ms;
    uint64_t revision; /* raised by every change of the row */
    /* Keyed hash of its registration access token (RFC 7592); zero when it has none. */
    uint8_t registration_hash[32];
};

/* A row's bytes, as commands carry them too: equal clients have equal bytes. Absent
 * strings may be NULL. Counts beyond CLIENT_REDIRECTS_MAX are CHECKed. */
void store_client_encode(const struct client *client, struct buf *out);
/* ERR_CORRUPT. Everything in *ret_client lives in `arena`. */
enum err store_client_decode(struct span client_id, struct span row,
                             struct arena *arena, struct client *ret_client);

/* May it be signed in to, and have tokens, now? */
static inline bool store_client_usable(const struct client *client) {
    return client->stage == CLIENT_LIVE || (client->stage == CLIENT_IN_VERIFICATION &&
                                            client->environment != ENV_PRODUCTION);
}

/* Everything in *ret_client lives in `arena`. ERR_NOT_FOUND, ERR_CORRUPT. */
enum err store_client_get(struct store_read *read, struct arena *arena,
                          struct span client_id, struct client *ret_client);
enum err store_client_put(struct store_write *write, const struct client *client);
/* Call `each` per client in key order until it returns false. */
enum err store_client_walk(struct store_read *read, struct arena *arena,
                           bool (*each)(void *arg, const struct client *client),
                           void *arg);

#endif
