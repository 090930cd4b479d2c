/* claims: the JSON of ID tokens and of userinfo answers.
 *
 * And the claims of logout tokens. Source: OpenID Connect Core §2, §3.1.3.6, §5.3.2,
 * §5.4, §5.5; names, types and scopes of the account's claims: DOMAIN §2.1. An ID token
 * holds no personal data but what was asked for one by one. Absent (empty) values are
 * left out, never written as null or "". Pure. */
#ifndef OIDC_CLAIMS_H
#define OIDC_CLAIMS_H

#include "server/oidc/scope.h"
#include "store/base/buf.h"
#include "store/base/span.h"

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
    uint32_t methods;         /* of acr.h (RFC 9470 §6.2); 0: nobody signed in */
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

/* Those that are no text of the profile. X(identifier, claim's name, scope). */
#define CLAIM_OTHER_LIST(X)                                                            \
    X(ACCOUNT_TYPE, "account_type", SCOPE_PROFILE)                                     \
    X(CORP_TYPE, "corp_type", SCOPE_PROFILE)                                           \
    X(PARENT_ID, "parent_id", SCOPE_PROFILE)                                           \
    X(USER_EMAIL, "user_email", SCOPE_EMAIL)                                           \
    X(MANDATES, "mandate_info", SCOPE_MANDATE)                                         \
    X(VERIFIED, "verified_claims", SCOPE_IDA)                                          \
    X(ROLE, "role", SCOPE_ROLE)                                                        \
    X(DELEGATION, "delegation_info", SCOPE_DELEGATION)                                 \
    X(FAMILY_NAME, "family_name", SCOPE_PROFILE)                                       \
    X(GIVEN_NAME, "given_name", SCOPE_PROFILE)                                         \
    X(BIRTHDATE, "birthdate", SCOPE_PROFILE)                                           \
    X(PREFERRED_USERNAME, "preferred_username", SCOPE_PROFILE)                         \
    X(UPDATED_AT, "updated_at", SCOPE_PROFILE)                                         \
    X(EMAIL_VERIFIED, "email_verified", SCOPE_EMAIL)                                   \
    X(ADDRESS, "address", SCOPE_ADDRESS)                                               \
    X(PHONE_NUMBER, "phone_number", SCOPE_PHONE)                                       \
    X(PHONE_NUMBER_VERIFIED, "phone_number_verified", SCOPE_PHONE)

/* Sets of them are stored with grants: add at the end of a list, never reuse. */
enum account_claim {
#define X(id, name, scope) CLAIM_##id,
    CLAIM_LIST(X)
#undef X
        CLAIM_COUNT,
    CLAIM_OTHER_FIRST = 31, /* the one before the first */
#define X(id, name, scope) CLAIM_##id,
    CLAIM_OTHER_LIST(X)
#undef X
        CLAIM_END
};
#define CLAIM_BIT(claim) (UINT64_C(1) << (claim))

struct account_claims {
    struct span sub;
    uint64_t updated_s;    /* standard claim updated_at */
    unsigned account_type; /* 1 Entry, 2 Prime, 3 Member */
    unsigned corp_type;    /* 1 corporation, 2 sole proprietor; 0: absent */
    struct span parent_id; /* Member: `sub` of its Prime */
    struct span text[CLAIM_COUNT];
    struct span procedure, verified_at, services; /* server/domain/profile.h */
};

/* The set that `scopes` open. With `standard`, what the platform calls by names of its
 * own stands there under those of OpenID Connect Core §5.1 as well: the person is the
 * account's user, `name` stays the business's. */
uint64_t claims_of_scopes(uint64_t scopes, bool standard);
/* The scopes that open the claims of a set. */
uint64_t claims_scopes(uint64_t claims);
/* The set of the one claim of this name; 0: not one of an account's. */
uint64_t claims_find(struct span name);

/* Append the object of userinfo: `sub`, and those of `wanted` that there are. */
void claims_userinfo(const struct account_claims *claims, uint64_t wanted,
                     struct buf *out);

struct id_token_claims {
    struct span issuer;
    struct span sub;
    struct span client_id; /* aud */
    uint64_t issued_s, expires_s, auth_time_s;
    struct span nonce; /* as it was sent */
    struct span jti;
    struct span at_hash; /* server/crypto/digest: digest_at_hash */
    struct span sid;
    uint32_t methods; /* of acr.h: tell `acr` and `amr`; 0: do not */
    const struct account_claims *account; /* with `wanted`; else NULL */
    uint64_t wanted;
};

/* Append one JSON object. The buffer's sticky error tells of failure. */
void claims_id_token(const struct id_token_claims *claims, struct buf *out);

/* Names of all claims that can be supplied, for the discovery document: the
 * i-th, or NULL beyond the last. */
const char *claims_supported(size_t i);

#endif
