/* store_client: relying parties (RP, 行政サービス) registered here.
 *
 * Written by raft/fsm_client.c; read by server/svc_*.c.
 * Source: RFC 6749 §2, OpenID Connect Registration 1.0 §2, DOMAIN §2. */
#ifndef STORE_STORE_CLIENT_H
#define STORE_STORE_CLIENT_H

#include "store/store.h"

enum client_auth { CLIENT_AUTH_NONE = 1, CLIENT_AUTH_BASIC = 2, CLIENT_AUTH_POST = 3 };
enum client_profile { CLIENT_GBIZID = 1, CLIENT_STANDARD = 2 };
enum client_alg { CLIENT_RS256 = 1, CLIENT_ES256 = 2 };
enum client_environment { ENV_DEMO = 1, ENV_VERIFICATION = 2, ENV_PRODUCTION = 3 };
/* Bits of `features`; numbers are stored, 0 to 9 are given away. */
enum client_feature {
    CLIENT_LOGOUT_SESSION = 1 << 10, /* logout tokens must name the `sid` */
};
#define CLIENT_FEATURES_ALL ((uint64_t)CLIENT_LOGOUT_SESSION)

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
    bool retired;
    uint8_t secret_hash[32]; /* keyed hash; zero for CLIENT_AUTH_NONE */
    uint64_t scopes;         /* set of enum scope bits that may be asked for */
    uint32_t account_types;  /* bit (1 << enum account_type) */
    const char *redirect_uris[CLIENT_REDIRECTS_MAX];
    size_t redirect_uris_count;
    const char *post_logout_uris[CLIENT_REDIRECTS_MAX];
    size_t post_logout_uris_count;
    uint64_t features; /* enum client_feature */
    /* OpenID Connect Back-Channel Logout 1.0 §2.2; "" when none. May be NULL on its
     * way into the store. */
    const char *backchannel_logout_uri;
    uint64_t created_ms;
};

/* Everything in *ret_client lives in `arena`. ERR_NOT_FOUND, ERR_CORRUPT. */
enum err store_client_get(struct store_read *read, struct arena *arena,
                          struct span client_id, struct client *ret_client);
enum err store_client_put(struct store_write *write, const struct client *client);
/* Call `each` per client in key order until it returns false. */
enum err store_client_walk(struct store_read *read, struct arena *arena,
                           bool (*each)(void *arg, const struct client *client),
                           void *arg);

#endif
