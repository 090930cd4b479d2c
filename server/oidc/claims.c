#include "server/oidc/claims.h"

#include "server/oidc/acr.h"

_Static_assert(CLAIM_USER_ADDRESS3 == CLAIM_USER_ADDRESS2 + 1, "parts of the street");

static const struct {
    const char *name;
    uint64_t scope;
} account_claims[CLAIM_END] = {
#define X(id, name, scope) [CLAIM_##id] = {name, scope},
    CLAIM_LIST(X) CLAIM_OTHER_LIST(X)
#undef X
};
_Static_assert(CLAIM_END <= 63, "sets are of 64 bits");

/* Claims of the protocol. */
static const char *const protocol_claims[] = {
    "sub",       "iss",   "aud",     "exp", "iat",
    "auth_time", "nonce", "at_hash", "jti", "sid",
    "acr",       "amr",
};
#define PROTOCOL_CLAIMS (sizeof(protocol_claims) / sizeof(protocol_claims[0]))

/* For profiles that follow OpenID Connect Core §5.1. */
#define CLAIMS_STANDARD                                                                \
    (CLAIM_BIT(CLAIM_FAMILY_NAME) | CLAIM_BIT(CLAIM_GIVEN_NAME) |                      \
     CLAIM_BIT(CLAIM_BIRTHDATE) | CLAIM_BIT(CLAIM_PREFERRED_USERNAME) |                \
     CLAIM_BIT(CLAIM_UPDATED_AT) | CLAIM_BIT(CLAIM_EMAIL_VERIFIED) |                   \
     CLAIM_BIT(CLAIM_ADDRESS) | CLAIM_BIT(CLAIM_PHONE_NUMBER) |                        \
     CLAIM_BIT(CLAIM_PHONE_NUMBER_VERIFIED))

uint64_t claims_of_scopes(uint64_t scopes, bool standard) {
    uint64_t claims = 0;

    for (size_t i = 0; i < CLAIM_END; i++)
        if (scopes & account_claims[i].scope)
            claims |= CLAIM_BIT(i);
    return standard ? claims : claims & ~CLAIMS_STANDARD;
}

uint64_t claims_scopes(uint64_t claims) {
    uint64_t scopes = 0;

    for (size_t i = 0; i < CLAIM_END; i++)
        if (claims & CLAIM_BIT(i))
            scopes |= account_claims[i].scope;
    return scopes;
}

uint64_t claims_find(struct span name) {
    for (size_t i = 0; i < CLAIM_END; i++)
        if (account_claims[i].name && span_is(name, account_claims[i].name))
            return CLAIM_BIT(i);
    return 0;
}

static void member(struct buf *out, const char *name, struct span value) {
    if (value.len > 0)
        buf_json_member(out, name, value);
}

void claims_logout_token(const struct logout_token_claims *claims, struct buf *out) {
    buf_str(out, "{");
    member(out, "iss", claims->issuer);
    member(out, "sub", claims->sub);
    member(out, "aud", claims->client_id);
    buf_json_u64(out, "iat", claims->issued_s);
    buf_json_u64(out, "exp", claims->expires_s);
    member(out, "jti", claims->jti);
    member(out, "sid", claims->sid);
    buf_str(out, ",\"events\":{"
                 "\"http://schemas.openid.net/event/backchannel-logout\":{}}}");
}

static void put_scope(uint64_t scopes, struct buf *out) {
    if (scopes == 0)
        return;
    buf_str(out, ",\"scope\":\"");
    scope_print(scopes, out); /* names of scopes need no escape */
    buf_str(out, "\"");
}

static void put_confirmation(const char *name, struct span thumbprint,
                             struct buf *out) {
    if (!name)
        return;
    buf_json_name(out, "cnf");
    buf_str(out, "{");
    buf_json_member(out, name, thumbprint);
    buf_str(out, "}");
}

void claims_access_token(const struct access_token_claims *claims, struct buf *out) {
    buf_str(out, "{");
    member(out, "iss", claims->issuer);
    member(out, "sub", claims->sub);
    member(out, "client_id", claims->client_id);
    member(out, "aud", claims->audience);
    member(out, "jti", claims->jti);
    buf_json_u64(out, "iat", claims->issued_s);
    buf_json_u64(out, "exp", claims->expires_s);
    if (claims->auth_time_s != 0)
        buf_json_u64(out, "auth_time", claims->auth_time_s);
    put_scope(claims->scopes, out);
    put_confirmation(claims->confirmation, claims->thumbprint, out);
    buf_str(out, "}");
}

void claims_introspection(const struct introspection *token, struct buf *out) {
    buf_str(out, "{\"active\":true");
    member(out, "iss", token->issuer);
    member(out, "sub", token->sub);
    member(out, "client_id", token->client_id);
    member(out, "token_type", span_str(token->token_type));
    buf_json_u64(out, "exp", token->expires_s);
    buf_json_u64(out, "auth_time", token->auth_time_s);
    if (token->methods != 0)
        acr_claims(token->methods, out);
    put_scope(token->scopes, out);
    put_confirmation(token->confirmation, token->thumbprint, out);
    buf_str(out, "}");
}

/* yyyymmdd as yyyy-mm-dd. */
static void birthdate(struct span value, struct buf *out) {
    char text[11];

    if (value.len != 8)
        return;
    memcpy(text, value.data, 4);
    text[4] = text[7] = '-';
    memcpy(text + 5, value.data + 4, 2);
    memcpy(text + 8, value.data + 6, 2);
    member(out, "birthdate", span_of(text, 10));
}

/* Parts of the street's address, one after another. */
static void joined(struct buf *out, const char *name, const struct span *parts,
                   size_t count) {
    uint8_t text[2048];
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > sizeof text - len)
            return;
        if (parts[i].len > 0)
            memcpy(text + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    member(out, name, span_of(text, len));
}

/* OpenID Connect Core §5.1.1. Nothing without a postal code, a street or a region. */
static void address(const struct account_claims *claims, struct buf *out) {
    const struct span *text = claims->text;

    if (text[CLAIM_USER_POST_CODE].len == 0 && text[CLAIM_USER_PREFECTURE].len == 0 &&
        text[CLAIM_USER_ADDRESS1].len == 0)
        return;
    buf_json_name(out, "address");
    buf_str(out, "{");
    buf_json_member(out, "country", span_str("JP"));
    member(out, "postal_code", text[CLAIM_USER_POST_CODE]);
    member(out, "region", text[CLAIM_USER_PREFECTURE]);
    member(out, "locality", text[CLAIM_USER_ADDRESS1]);
    joined(out, "street_address", &text[CLAIM_USER_ADDRESS2], 2);
    buf_str(out, "}");
}

/* Services that a Member may use: an empty list for who has no limit. */
static void mandates(const struct account_claims *claims, struct buf *out) {
    struct span rest = claims->services;

    buf_json_name(out, "mandate_info");
    buf_str(out, "[");
    for (size_t i = 0, start = 0; rest.len > 0 && i <= rest.len; i++) {
        if (i < rest.len && rest.data[i] != ' ')
            continue;
        buf_str(out, start > 0 ? ",{" : "{");
        buf_json_member(out, "client_id", span_of(rest.data + start, i - start));
        buf_str(out, "}");
        start = i + 1;
    }
    buf_str(out, "]");
}

/* The representative of a Prime, as its documents name the person. */
static void verified_person(const struct account_claims *claims, struct buf *out) {
    const struct span *text = claims->text;

    member(out, "family_name", text[CLAIM_REP_LAST_NAME]);
    member(out, "given_name", text[CLAIM_REP_FIRST_NAME]);
    birthdate(text[CLAIM_BIRTHDAY], out);
    if (claims->corp_type != 2)
        return;
    buf_json_name(out, "address");
    buf_str(out, "{");
    member(out, "region", text[CLAIM_PREFECTURE]);
    member(out, "locality", text[CLAIM_ADDRESS1]);
    member(out, "street_address", text[CLAIM_ADDRESS2]);
    buf_json_member(out, "country", span_str("JP"));
    buf_str(out, "}");
}

/* On behalf of which corporation, and as what. */
static void authority(const struct account_claims *claims, const char *role,
                      struct buf *out) {
    buf_json_name(out, "authority");
    buf_str(out, "{");
    buf_json_name(out, "applies_to");
    buf_str(out, "{");
    member(out, "registration_number", claims->text[CLAIM_CORPORATE_NUMBER]);
    buf_str(out, "}");
    buf_json_name(out, "permission");
    buf_str(out, "[{");
    buf_json_member(out, "role", span_str(role));
    buf_str(out, "}]}");
}

/* DOMAIN §2.1: an Entry has proven an address only (ial1); what is claimed of a Prime
 * was compared with documents (ial2), of a Member by its Prime. */
static void verified_claims(const struct account_claims *claims, struct buf *out) {
    bool entry = claims->account_type == 1;

    buf_json_name(out, "verified_claims");
    buf_str(out, "{");
    buf_json_name(out, "verification");
    buf_str(out, "{");
    buf_json_member(out, "trust_framework", span_str("jp_gbizid_v1"));
    buf_json_member(out, "assurance_level", span_str(entry ? "ial1" : "ial2"));
    if (!entry)
        member(out, "time", claims->verified_at);
    if (!entry && claims->procedure.len > 0) {
        buf_json_name(out, "assurance_process");
        buf_str(out, "{");
        member(out, "procedure", claims->procedure);
        buf_str(out, "}");
    }
    buf_str(out, "}");
    buf_json_name(out, "claims");
    buf_str(out, "{");
    if (claims->account_type == 2)
        verified_person(claims, out);
    if (claims->account_type == 3 ||
        (claims->account_type == 2 && claims->corp_type == 1))
        authority(claims, claims->account_type == 2 ? "prime" : "member", out);
    buf_str(out, "}}");
}

static void role(const struct account_claims *claims, struct buf *out) {
    buf_json_name(out, "role");
    buf_str(out, "{");
    if (claims->account_type != 1) {
        buf_json_name(out, "permission");
        buf_str(out, "[{");
        buf_json_member(out, "role",
                        span_str(claims->account_type == 2 ? "jp_gbizid_prime"
                                                           : "jp_gbizid_member"));
        buf_str(out, "}]");
    }
    buf_str(out, "}");
}

/* One that is no text of the profile. */
static void other_claim(enum account_claim claim, const struct account_claims *claims,
                        struct buf *out) {
    const struct span *text = claims->text;
    const char *name = account_claims[claim].name;

    switch (claim) {
    case CLAIM_ACCOUNT_TYPE:
        buf_json_u64(out, name, claims->account_type);
        break;
    case CLAIM_CORP_TYPE:
        if (claims->corp_type != 0)
            buf_json_u64(out, name, claims->corp_type);
        break;
    case CLAIM_PARENT_ID:
        member(out, name, claims->parent_id);
        break;
    case CLAIM_USER_EMAIL: /* deprecated by the platform */
        member(out, name, text[CLAIM_EMAIL]);
        break;
    case CLAIM_MANDATES:
        mandates(claims, out);
        break;
    case CLAIM_VERIFIED:
        verified_claims(claims, out);
        break;
    case CLAIM_ROLE:
        role(claims, out);
        break;
    case CLAIM_DELEGATION: /* nobody signs in for another yet */
        buf_json_name(out, name);
        buf_str(out, "{}");
        break;
    case CLAIM_FAMILY_NAME:
        member(out, name, text[CLAIM_USER_LAST_NAME]);
        break;
    case CLAIM_GIVEN_NAME:
        member(out, name, text[CLAIM_USER_FIRST_NAME]);
        break;
    case CLAIM_BIRTHDATE:
        birthdate(text[CLAIM_USER_BIRTHDAY], out);
        break;
    case CLAIM_PREFERRED_USERNAME:
        member(out, name, claims->sub); /* nothing of it is personal */
        break;
    case CLAIM_UPDATED_AT:
        buf_json_u64(out, name, claims->updated_s);
        break;
    case CLAIM_EMAIL_VERIFIED: /* it was proven when the account was made */
        if (text[CLAIM_EMAIL].len > 0)
            buf_json_bool(out, name, true);
        break;
    case CLAIM_ADDRESS:
        address(claims, out);
        break;
    case CLAIM_PHONE_NUMBER:
        member(out, name, text[CLAIM_USER_TEL]);
        break;
    case CLAIM_PHONE_NUMBER_VERIFIED:
        if (text[CLAIM_USER_TEL].len > 0)
            buf_json_bool(out, name, false);
        break;
    default:
        break;
    }
}

static void put_claims(const struct account_claims *claims, uint64_t wanted,
                       struct buf *out) {
    for (size_t i = 0; i < CLAIM_END; i++) {
        if (!(wanted & CLAIM_BIT(i)))
            continue;
        if (i < CLAIM_COUNT)
            member(out, account_claims[i].name, claims->text[i]);
        else
            other_claim((enum account_claim)i, claims, out);
    }
}

void claims_userinfo(const struct account_claims *claims, uint64_t wanted,
                     struct buf *out) {
    buf_str(out, "{");
    member(out, "sub", claims->sub);
    put_claims(claims, wanted, out);
    buf_str(out, "}");
}

void claims_id_token(const struct id_token_claims *claims, struct buf *out) {
    buf_str(out, "{");
    member(out, "iss", claims->issuer);
    member(out, "sub", claims->sub);
    member(out, "aud", claims->client_id);
    buf_json_u64(out, "exp", claims->expires_s);
    buf_json_u64(out, "iat", claims->issued_s);
    buf_json_u64(out, "auth_time", claims->auth_time_s);
    member(out, "nonce", claims->nonce);
    member(out, "at_hash", claims->at_hash);
    member(out, "sid", claims->sid);
    member(out, "jti", claims->jti);
    if (claims->methods != 0)
        acr_claims(claims->methods, out);
    if (claims->account)
        put_claims(claims->account, claims->wanted, out);
    buf_str(out, "}");
}

const char *claims_supported(size_t i) {
    if (i < PROTOCOL_CLAIMS)
        return protocol_claims[i];
    i -= PROTOCOL_CLAIMS;
    if (i >= CLAIM_COUNT)
        i += CLAIM_OTHER_FIRST + 1 - CLAIM_COUNT;
    return i < CLAIM_END ? account_claims[i].name : NULL;
}
