#include "server/crypto/client_keys.h"

#include <stdlib.h>
#include <strings.h>

#include "server/crypto/jwk.h"
#include "server/crypto/jws.h"

struct client_key {
    struct jwk jwk;
    char kid[LIMIT_KID + 1]; /* "": it has none */
    unsigned algs;           /* that it may verify */
};

struct client_keys {
    size_t count;
    struct client_key keys[CLIENT_KEYS_MAX];
};

static const struct {
    const char *name;
    enum client_jws_alg alg;
    enum jwk_type type;
} algs[] = {
    {"RS256", JWS_RS256, JWK_RSA},
    {"PS256", JWS_PS256, JWK_RSA},
    {"ES256", JWS_ES256, JWK_P256},
};
#define ALGS (sizeof(algs) / sizeof(algs[0]))

/* 0: none of ours. */
static unsigned alg_of(const char *name) {
    for (size_t i = 0; i < ALGS; i++)
        if (strcmp(name, algs[i].name) == 0)
            return (unsigned)algs[i].alg;
    return 0;
}

static unsigned algs_of_type(enum jwk_type type) {
    unsigned mask = 0;

    for (size_t i = 0; i < ALGS; i++)
        if (algs[i].type == type)
            mask |= (unsigned)algs[i].alg;
    return mask;
}

static bool kid_taken(const struct client_keys *keys, const char *kid) {
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].kid, kid) == 0)
            return true;
    return false;
}

static enum err key_add(struct client_keys *keys, const json_t *object,
                        const char **ret_why) {
    struct client_key *key = &keys->keys[keys->count];
    const json_t *kid = json_object_get(object, "kid");
    const json_t *use = json_object_get(object, "use");
    const json_t *alg = json_object_get(object, "alg");
    enum err err;

    *ret_why = "a key is not an object, or a member of it is not a text";
    if (!json_is_object(object) || (kid && !json_is_string(kid)) ||
        (use && !json_is_string(use)) || (alg && !json_is_string(alg)))
        return ERR_INVALID;
    *ret_why = "a kid is empty, too long, or stands there twice";
    if (kid && (json_string_length(kid) == 0 || json_string_length(kid) > LIMIT_KID ||
                kid_taken(keys, json_string_value(kid))))
        return ERR_INVALID;
    err = jwk_load_public(object, &key->jwk, ret_why);
    if (err)
        return err == ERR_NOT_FOUND ? OK : err;
    key->algs = algs_of_type(key->jwk.type);
    if (alg)
        key->algs &= alg_of(json_string_value(alg));
    if (use && strcmp(json_string_value(use), "sig") != 0)
        key->algs = 0;
    key->kid[0] = '\0';
    if (kid)
        memcpy(key->kid, json_string_value(kid), json_string_length(kid) + 1);
    keys->count++;
    return OK;
}

static enum err keys_add_all(struct client_keys *keys, const json_t *set,
                             const char **ret_why) {
    const json_t *array = json_object_get(set, "keys");
    size_t count = json_array_size(array);
    enum err err = OK;

    *ret_why = "it is not a JSON object whose keys are an array of 1 to 16";
    if (!json_is_array(array) || count == 0 || count > CLIENT_KEYS_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < count && !err; i++)
        err = key_add(keys, json_array_get(array, i), ret_why);
    return err;
}

enum err client_keys_parse(struct span jwks, struct client_keys **ret_keys,
                           const char **ret_why) {
    const char *why = "it is empty or too long";
    struct client_keys *keys;
    enum err err = ERR_INVALID;
    json_t *set = NULL;

    keys = calloc(1, sizeof(*keys));
    if (!keys)
        return ERR_NOMEM;
    if (jwks.len > 0 && jwks.len <= LIMIT_CLIENT_JWKS) {
        set =
            json_loadb((const char *)jwks.data, jwks.len, JSON_REJECT_DUPLICATES, NULL);
        err = keys_add_all(keys, set, &why);
    }
    json_decref(set);
    if (!err) {
        *ret_keys = keys;
    } else {
        client_keys_free(keys);
        if (ret_why)
            *ret_why = why;
    }
    return err;
}

void client_keys_free(struct client_keys *keys) {
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++)
        jwk_close(&keys->keys[i].jwk);
    free(keys);
}

size_t client_keys_count(const struct client_keys *keys, unsigned mask) {
    size_t count = 0;

    for (size_t i = 0; i < keys->count; i++)
        if (keys->keys[i].algs & mask)
            count++;
    return count;
}

/* By its kid; without one there must be no choice (OpenID Connect Core §10.1). */
static const struct client_key *key_find(const struct client_keys *keys,
                                         const char *kid, unsigned alg) {
    const struct client_key *found = NULL;

    for (size_t i = 0; i < keys->count; i++) {
        const struct client_key *key = &keys->keys[i];

        if (!(key->algs & alg) || (kid && strcmp(key->kid, kid) != 0))
            continue;
        if (found)
            return NULL;
        found = key;
    }
    return found;
}

/* RFC 8725 §3.11. "application/" may be left out, and is (RFC 7515 §4.1.9). */
static bool type_allowed(const json_t *typ, const char *const types[]) {
    const char *name = json_string_value(typ);

    if (!typ)
        return true;
    if (!name)
        return false;
    if (strncasecmp(name, "application/", 12) == 0)
        name += 12;
    for (size_t i = 0; types[i]; i++)
        if (strcasecmp(name, types[i]) == 0)
            return true;
    return false;
}

static enum err header_check(const struct client_keys *keys, const json_t *header,
                             const struct client_jws_rules *rules,
                             const struct client_key **ret_key) {
    static const char *const refused[] = {"jku", "jwk", "x5u", "x5c", "crit", "b64"};
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const json_t *kid = json_object_get(header, "kid");
    unsigned mask;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (json_object_get(header, refused[i]))
            return ERR_INVALID;
    if (!alg || (kid && !json_is_string(kid)) ||
        !type_allowed(json_object_get(header, "typ"), rules->types))
        return ERR_INVALID;
    mask = alg_of(alg) & rules->algs;
    if (mask == 0)
        return ERR_FORGED;
    if (kid && json_string_length(kid) == 0)
        return ERR_FORGED;
    *ret_key = key_find(keys, json_string_value(kid), mask);
    return *ret_key ? OK : ERR_FORGED;
}

enum err client_keys_verify(const struct client_keys *keys, struct span token,
                            const struct client_jws_rules *rules, struct arena *arena,
                            json_t **ret_claims) {
    const struct client_key *key = NULL;
    struct jws_parts parts;
    struct span text;
    json_t *header;
    enum err err;

    if (token.len > LIMIT_JWT || !jws_split(token, &parts))
        return ERR_INVALID;
    header = jws_object(parts.header, arena, &text);
    if (!header)
        return ERR_INVALID;
    err = header_check(keys, header, rules, &key);
    json_decref(header);
    return err ? err
               : jws_verify(token, &parts, key->jwk.cjose, key->jwk.signature_len,
                            arena, ret_claims, &text);
}

enum err client_keys_peek(struct span token, struct arena *arena, json_t **ret_claims) {
    struct jws_parts parts;
    struct span text;
    json_t *claims;

    if (token.len > LIMIT_JWT || !jws_split(token, &parts))
        return ERR_INVALID;
    claims = jws_object(parts.payload, arena, &text);
    if (!claims)
        return ERR_INVALID;
    *ret_claims = claims;
    return OK;
}
