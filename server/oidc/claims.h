/* claims: the JSON of ID tokens and of userinfo answers.
 *
 * And the claims of logout tokens. Source: OpenID Connect Core §2, §3.1.3.6, §5.3.2,
 * §5.4; names, types and scopes of the account's claims: DOMAIN §2.1. An ID token holds
 * no personal data. Absent (empty) values are left out, never written as null or "".
 * Pure. */
#ifndef OIDC_CLAIMS_H
#define OIDC_CLAIMS_H

#include "server/oidc/scope.h"
#include "store/base/buf.h"
#include "store/base/span.h"

struct id_token_claims {
    struct span issuer;
    struct span sub;
    struct span client_id; /* aud */
    uint64_t issued_s, expires_s, auth_time_s;
    struct span nonce; /* as it was sent */
    struct span jti;
    struct span at_hash; /* server/crypto/digest: digest_at_hash */
    struct span sid;
};

/* Append one JSON object. The buffer's sticky error tells of failure. */
void claims_id_token(const struct id_token_claims *claims, struct buf *out);

struct logout_token_claims {
    struct span issuer;
    struct span sub;
    struct span client_id; /* aud */
    uint64_t issued_s, expires_s;
    struct span jti; /* the message's: equal whenever it is sent again */
    struct span sid;
};

/* A logout token's claims (Back-Channel Logout 1.0 §2.4), never a nonce. */
void claims_logout_token(const struct logout_token_claims *claims, struct buf *out);

struct access_token_claims {
    struct span issuer, sub, client_id, audience, jti;
    uint64_t issued_s, expires_s;
    uint64_t auth_time_s; /* 0: left out */
    uint64_t scopes;
    const char
        *confirmation; /* member of `cnf` (RFC 9449 §6, RFC 8705 §3.1); or NULL */
    struct span thumbprint;
};

/* An access token's claims (RFC 9068 §2.2). */
void claims_access_token(const struct access_token_claims *claims, struct buf *out);

/* What there is to say of an active token (RFC 7662 §2.2). */
struct introspection {
    struct span issuer, sub, client_id;
    const char *token_type;
    uint64_t expires_s, auth_time_s, scopes;
    const char *confirmation; /* as above */
    struct span thumbprint;
};
void claims_introspection(const struct introspection *token, struct buf *out);

/* X(identifier, claim's name, scope that opens it). The identifiers are those of
 * server/domain/profile.h where the value comes from there. */
#define CLAIM_LIST(X)                                                                  \
    X(CORPORATE_NUMBER, "corporate_number", SCOPE_PROFILE)                             \
    X(NAME, "name", SCOPE_PROFILE)                                                     \
    X(EN_NAME, "en_name", SCOPE_PROFILE)                                               \
    X(PREFECTURE, "prefecture_name", SCOPE_PROFILE)                                    \
    X(ADDRESS1, "address1", SCOPE_PROFILE)                                             \
    X(ADDRESS2, "address2", SCOPE_PROFILE)                                             \
    X(REP_LAST_NAME, "rep_last_nm", SCOPE_PROFILE)                                     \
    X(REP_FIRST_NAME, "rep_first_nm", SCOPE_PROFILE)                                   \
    X(REP_LAST_KANA, "rep_last_nm_kana", SCOPE_PROFILE)                                \
    X(REP_FIRST_KANA, "rep_first_nm_kana", SCOPE_PROFILE)                              \
    X(BIRTHDAY, "birthday_ymd", SCOPE_PROFILE)                                         \
    X(USER_LAST_NAME, "user_last_nm", SCOPE_USER)                                      \
    X(USER_FIRST_NAME, "user_first_nm", SCOPE_USER)                                    \
    X(USER_LAST_KANA, "user_last_nm_kana", SCOPE_USER)                                 \
    X(USER_FIRST_KANA, "user_first_nm_kana", SCOPE_USER)                               \
    X(USER_POST_CODE, "user_post_code", SCOPE_USER)                                    \
    X(USER_PREFECTURE, "user_prefecture_name", SCOPE_USER)                             \
    X(USER_ADDRESS1, "user_address1", SCOPE_USER)                                      \
    X(USER_ADDRESS2, "user_address2", SCOPE_USER)                                      \
    X(USER_ADDRESS3, "user_address3", SCOPE_USER)                                      \
    X(USER_DEPARTMENT, "user_department", SCOPE_USER)                                  \
    X(USER_TEL, "user_tel_no_contact", SCOPE_USER)                                     \
    X(USER_BIRTHDAY, "user_birthday_ymd", SCOPE_USER)                                  \
    X(EMAIL, "email", SCOPE_EMAIL)

enum account_claim {
#define X(id, name, scope) CLAIM_##id,
    CLAIM_LIST(X)
#undef X
        CLAIM_COUNT
};

struct account_claims {
    struct span sub;
    uint64_t updated_s;    /* standard claim updated_at */
    bool standard;         /* the standard claims too (OpenID Connect Core §5.1) */
    unsigned account_type; /* 1 Entry, 2 Prime, 3 Member */
    unsigned corp_type;    /* 1 corporation, 2 sole proprietor; 0: absent */
    struct span parent_id; /* Member: `sub` of its Prime */
    struct span text[CLAIM_COUNT];
};

/* Append the object of what `scopes` open. `user_email` (deprecated by the
 * platform) repeats `email`. With `standard`, what the platform calls by names of its
 * own stands there under the standard ones as well: the person is the account's user,
 * `name` stays the business's. */
void claims_userinfo(const struct account_claims *claims, uint64_t scopes,
                     struct buf *out);

/* Names of all claims that can be supplied, for the discovery document: the
 * i-th, or NULL beyond the last. */
const char *claims_supported(size_t i);

#endif
