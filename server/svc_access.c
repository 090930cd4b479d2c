#include "server/svc_access.h"

#include "server/svc_caller.h"

#include <jansson.h>

#include "server/oidc/claims.h"
#include "store/base/codec.h"

enum err svc_access_sign(struct svc *svc, const struct svc_access_new *token,
                         struct arena *arena, struct span *ret_text) {
    const char *audience = token->client->audience;
    struct access_token_claims claims = {
        .issuer = span_str(svc->shared->config->issuer),
        .sub = token->sub,
        .client_id = span_str(token->client->client_id),
        .audience = span_str(audience[0] ? audience : svc->shared->config->issuer),
        .jti = token->jti,
        .issued_s = token->issued_s,
        .expires_s = token->expires_s,
        .auth_time_s = token->auth_time_s,
        .scopes = token->scopes,
    };
    char print[44];
    enum err err;

    if (token->binding->kind != BINDING_NONE) {
        claims.confirmation = token->binding->kind == BINDING_DPOP ? "jkt" : "x5t#S256";
        claims.thumbprint = span_of(
            print, base64url_encode(span_of(token->binding->thumbprint, 32), print));
    }
    buf_reset(&svc->plain);
    claims_access_token(&claims, &svc->plain);
    if (buf_err(&svc->plain))
        return buf_err(&svc->plain);
    buf_reset(&svc->scratch);
    err = jwt_sign(svc->keys.keys, svc_keys_alg(token->client),
                   repl_now_ms(svc->shared->repl), SVC_ACCESS_TYP, buf_span(&svc->plain),
                   &svc->scratch);
    return err ? err : svc_take(arena, &svc->scratch, ret_text);
}

static struct span member(struct arena *arena, const json_t *claims, const char *name) {
    const json_t *value = json_object_get(claims, name);
    struct span none = {NULL, 0};

    return json_is_string(value) ? arena_dup(arena, span_of(json_string_value(value),
                                                            json_string_length(value)))
                                 : none;
}

static uint64_t number(const json_t *claims, const char *name) {
    json_int_t value = json_integer_value(json_object_get(claims, name));

    return value > 0 ? (uint64_t)value : 0;
}

/* Claims of a JWT that this cluster has signed as an access token. */
static enum err take_claims(struct svc *svc, struct arena *arena,
                            struct svc_access *access) {
    json_t *claims = json_loadb((const char *)access->text.data, access->text.len,
                                JSON_REJECT_DUPLICATES, NULL);
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    enum err err = OK;

    access->client_id = member(arena, claims, "client_id");
    access->jti = member(arena, claims, "jti");
    access->issued_s = number(claims, "iat");
    access->expires_s = number(claims, "exp");
    if (!issuer || strcmp(issuer, svc->shared->config->issuer) != 0 ||
        access->client_id.len == 0 || access->jti.len == 0)
        err = ERR_FORGED;
    json_decref(claims);
    return err;
}

static enum err open_jwt(struct svc *svc, struct arena *arena, struct span text,
                         struct svc_access *access) {
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = svc_keys_needed(svc);
    svc_read_end(svc);
    if (!err)
        err = jwt_verify(svc->keys.keys, text, SVC_ACCESS_TYP, arena, &access->text);
    if (!err)
        err = take_claims(svc, arena, access);
    if (err)
        return err == ERR_INVALID ? ERR_FORGED : err;
    err = svc_stamp_open(svc, SEAL_ACCESS_TOKEN, access->jti, &access->stamp);
    access->has_stamp = err == OK;
    return err == ERR_FORGED ? OK : err;
}

enum err svc_access_open(struct svc *svc, struct arena *arena, struct span text,
                         struct svc_access *ret_access) {
    struct svc_access access = {.has_stamp = false};
    enum err err;

    if (memchr(text.data, '.', text.len)) {
        err = open_jwt(svc, arena, text, &access);
    } else {
        err = svc_stamp_open(svc, SEAL_ACCESS_TOKEN, text, &access.stamp);
        access.has_stamp = err == OK;
    }
    if (!err)
        *ret_access = access;
    return err;
}

struct key_hash svc_access_revoked_key(struct svc *svc,
                                       const struct svc_access *access) {
    buf_reset(&svc->scratch);
    put_u8(&svc->scratch, PROOF_REVOKED);
    buf_put(&svc->scratch, access->jti.data, access->jti.len);
    return svc_hash(svc, HASH_PROOF, buf_span(&svc->scratch));
}
