#include "server/oidc/claims.h"

_Static_assert(CLAIM_USER_ADDRESS3 == CLAIM_USER_ADDRESS2 + 1, "parts of the street");

static const struct {
    const char *name;
    uint64_t scope;
} account_claims[] = {
#define X(id, name, scope) [CLAIM_##id] = {name, scope},
    CLAIM_LIST(X)
#undef X
};

/* Claims that do not come from the table: protocol, and of their own type. */
static const char *const other_claims[] = {
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "jti",
    "sid",
    "account_type",
    "corp_type",
    "parent_id",
    "user_email",
    "family_name",
    "given_name",
    "birthdate",
    "email_verified",
    "address",
    "phone_number",
    "phone_number_verified",
    "preferred_username",
    "updated_at",
};
#define OTHER_CLAIMS (sizeof(other_claims) / sizeof(other_claims[0]))

static void member(struct buf *out, const char *name, struct span value) {
    if (value.len > 0)
        buf_json_member(out, name, value);
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
    buf_str(out, "}");
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
    buf_str(out, ",\"cnf\":{");
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
    put_scope(token->scopes, out);
    put_confirmation(token->confirmation, token->thumbprint, out);
    buf_str(out, "}");
}

/* yyyymmdd as yyyy-mm-dd. */
static void birthdate(struct span value, struct buf *out) {
    if (value.len == 8)
        buf_printf(out, ",\"birthdate\":\"%.4s-%.2s-%.2s\"", (const char *)value.data,
                   (const char *)value.data + 4, (const char *)value.data + 6);
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
    buf_str(out, ",\"address\":{");
    buf_json_member(out, "country", span_str("JP"));
    member(out, "postal_code", text[CLAIM_USER_POST_CODE]);
    member(out, "region", text[CLAIM_USER_PREFECTURE]);
    member(out, "locality", text[CLAIM_USER_ADDRESS1]);
    joined(out, "street_address", &text[CLAIM_USER_ADDRESS2], 2);
    buf_str(out, "}");
}

static void standard_claims(const struct account_claims *claims, uint64_t scopes,
                            struct buf *out) {
    if (scopes & SCOPE_PROFILE) {
        member(out, "family_name", claims->text[CLAIM_USER_LAST_NAME]);
        member(out, "given_name", claims->text[CLAIM_USER_FIRST_NAME]);
        birthdate(claims->text[CLAIM_USER_BIRTHDAY], out);
        member(out, "preferred_username", claims->sub); /* nothing of it is personal */
        buf_json_u64(out, "updated_at", claims->updated_s);
    }
    /* An account's address was proven when it was made. */
    if (scopes & SCOPE_EMAIL && claims->text[CLAIM_EMAIL].len > 0)
        buf_json_bool(out, "email_verified", true);
    if (scopes & SCOPE_ADDRESS)
        address(claims, out);
    if (scopes & SCOPE_PHONE && claims->text[CLAIM_USER_TEL].len > 0) {
        member(out, "phone_number", claims->text[CLAIM_USER_TEL]);
        buf_json_bool(out, "phone_number_verified", false);
    }
}

void claims_userinfo(const struct account_claims *claims, uint64_t scopes,
                     struct buf *out) {
    buf_str(out, "{");
    member(out, "sub", claims->sub);
    if (scopes & SCOPE_PROFILE) {
        buf_json_u64(out, "account_type", claims->account_type);
        if (claims->corp_type != 0)
            buf_json_u64(out, "corp_type", claims->corp_type);
        member(out, "parent_id", claims->parent_id);
    }
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        if (scopes & account_claims[i].scope)
            member(out, account_claims[i].name, claims->text[i]);
    if (scopes & SCOPE_EMAIL)
        member(out, "user_email", claims->text[CLAIM_EMAIL]);
    if (claims->standard)
        standard_claims(claims, scopes, out);
    buf_str(out, "}");
}

const char *claims_supported(size_t i) {
    if (i < OTHER_CLAIMS)
        return other_claims[i];
    i -= OTHER_CLAIMS;
    return i < CLAIM_COUNT ? account_claims[i].name : NULL;
}
