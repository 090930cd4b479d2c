/* store_grant: authorization grants with their codes, access and refresh tokens.
 *
 * One grant is one family: everything that a code gave is dead once its grant is
 * revoked. Written by raft/fsm_grant.c and fsm_token.c; read by svc_userinfo.c.
 * Invariants:
 *   G1  a grant moves ISSUED -> REDEEMED -> REVOKED, or ISSUED -> REVOKED; that of a
 *       sealed code begins REDEEMED (raft/fsm_grant.c);
 *   G2  the keys are keyed hashes of code and tokens, which are not stored; those of codes
 *       and access tokens begin with a place (server/crypto/place.h);
 *   G3  a refresh token moves LIVE -> ROTATED; a family has at most one LIVE;
 *   G4  a token is good only while its grant is REDEEMED;
 *   G5  no row goes before its code has expired: a code that was used is known as long
 *       as it could be used again. */
#ifndef STORE_STORE_GRANT_H
#define STORE_STORE_GRANT_H

#include "store/store.h"

enum grant_state { GRANT_ISSUED = 1, GRANT_REDEEMED = 2, GRANT_REVOKED = 3 };
enum challenge_method { CHALLENGE_NONE = 0, CHALLENGE_S256 = 1 };

struct grant {
    struct key_hash code; /* key */
    enum grant_state state;
    struct id128 sub;
    uint64_t generation; /* the account's, at issue */
    struct key_hash session;
    struct id128 sid;
    struct span client_id;
    struct span redirect_uri; /* exactly as in the authorization request */
    uint64_t scopes;
    struct span nonce; /* empty: none was sent */
    enum challenge_method challenge_method;
    uint8_t challenge[32]; /* SHA-256 of the verifier (RFC 7636) */
    uint64_t auth_time_ms;
    uint32_t methods; /* of the session, at issue */
    uint64_t id_token_claims; /* asked for one by one (OIDC Core §5.5): bits of */
    uint64_t userinfo_claims; /* server/oidc/claims.h */
    bool has_dpop_key;        /* every token of the family needs this key (RFC 9449 */
    uint8_t dpop_key[32];     /* §5, §10): its RFC 7638 thumbprint */
    uint64_t code_expires_ms;
    uint64_t expires_ms; /* row may be swept: all that it gave is expired */
};

enum binding_kind {
    BINDING_NONE = 0,
    BINDING_DPOP = 1, /* RFC 9449: thumbprint of the key (`jkt`) */
    BINDING_TLS = 2,  /* RFC 8705: thumbprint of the certificate (`x5t#S256`) */
};
/* Who holds the token can prove this; all zero for BINDING_NONE. */
struct binding {
    enum binding_kind kind;
    uint8_t thumbprint[32];
};

struct access_token {
    struct key_hash key;
    struct key_hash grant;
    struct id128 sub;
    uint64_t scopes;
    struct binding binding;
    uint64_t expires_ms;
};

enum refresh_state { REFRESH_LIVE = 1, REFRESH_ROTATED = 2 };

struct refresh_token {
    struct key_hash key;
    struct key_hash grant;
    enum refresh_state state;
    uint64_t scopes;
    uint64_t expires_ms;
    uint64_t rotated_ms;         /* ROTATED: when */
    struct key_hash next_key;    /* ROTATED: its successor */
    struct key_hash next_access; /* ROTATED: the access token given with it */
};

/* Spans in *ret_grant borrow from the transaction or `arena`. */
enum err store_grant_get(struct store_read *read, struct arena *arena,
                         struct key_hash code, struct grant *ret_grant);
enum err store_grant_put(struct store_write *write, const struct grant *grant);
enum err store_grant_del(struct store_write *write, struct key_hash code);
/* Call `each` for every grant issued in the session, until it returns other
 * than OK. No cursor is open meanwhile: `each` may put and del grants. */
enum err store_grant_of_session(struct store_write *write, struct key_hash session,
                                enum err (*each)(void *arg, struct key_hash code),
                                void *arg);

enum err store_access_get(struct store_read *read, struct key_hash key,
                          struct access_token *ret_token);
enum err store_access_put(struct store_write *write, const struct access_token *token);
enum err store_access_del(struct store_write *write, struct key_hash key);

enum err store_refresh_get(struct store_read *read, struct key_hash key,
                           struct refresh_token *ret_token);
enum err store_refresh_put(struct store_write *write,
                           const struct refresh_token *token);
enum err store_refresh_del(struct store_write *write, struct key_hash key);

#endif
