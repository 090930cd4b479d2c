/* svc_hint: ID tokens of ours that come back (OpenID Connect Core §3.1.2.1,
 * RP-Initiated Logout 1.0 §2). An expired one is fine: it is a hint. */
#include <jansson.h>

#include "server/svc_internal.h"

/* Absent: an empty span. NULL data: no memory. */
static struct span take(struct arena *arena, const json_t *claims, const char *name) {
    const json_t *value = json_object_get(claims, name);

    return arena_dup(arena, json_is_string(value) ? span_of(json_string_value(value),
                                                            json_string_length(value))
                                                  : span_of("", 0));
}

static enum err read_claims(struct svc *svc, struct arena *arena, struct span text,
                            struct svc_hint *ret_hint) {
    json_t *claims =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    struct svc_hint hint = {
        .client_id = take(arena, claims, "aud"),
        .sub = take(arena, claims, "sub"),
        .sid = take(arena, claims, "sid"),
    };
    enum err err = OK;

    if (!hint.client_id.data || !hint.sub.data || !hint.sid.data)
        err = ERR_NOMEM;
    else if (!issuer || strcmp(issuer, svc->shared->config->issuer) != 0 ||
             hint.client_id.len == 0 || hint.sub.len == 0)
        err = ERR_FORGED;
    json_decref(claims);
    if (!err)
        *ret_hint = hint;
    return err;
}

enum err svc_hint_verify(struct svc *svc, struct arena *arena, struct span token,
                         struct svc_hint *ret_hint) {
    struct span claims;
    enum err err;

    err = svc_read_begin(svc);
    if (err)
        return err;
    err = svc_keys_needed(svc);
    svc_read_end(svc);
    if (!err)
        err = jwt_verify(svc->keys.keys, token, "JWT", arena, &claims);
    if (!err)
        err = read_claims(svc, arena, claims, ret_hint);
    return err == ERR_INVALID ? ERR_FORGED : err;
}
