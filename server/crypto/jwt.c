#include "server/crypto/jwt.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/crypto/jws.h"
#include "server/crypto/jwt_key.h"
#include "store/base/check.h"
#include "store/base/limits.h"

#define KID_MAX 64
#define JWKS_MAX (128 * 1024)
#define P256_SIGNATURE 64

struct jwt_key {
    char kid[KID_MAX + 1];
    enum key_alg alg;
    uint64_t activates_ms, retires_ms; /* as in struct signing_key */
    size_t signature_len;
    cjose_jwk_t *jwk;
};

struct jwt_keys {
    atomic_uint refs;
    size_t count;
    struct jwt_key keys[JWT_KEYS_MAX];
    struct buf jwks;
};

static void keys_free(struct jwt_keys *keys) {
    for (size_t i = 0; i < keys->count; i++)
        cjose_jwk_release(keys->keys[i].jwk);
    buf_free(&keys->jwks);
    free(keys);
}

static enum err keys_add(struct jwt_keys *keys, const struct signing_key *row,
                         struct sealer *sealer) {
    struct jwt_key *key = &keys->keys[keys->count];
    size_t kid_len = strlen(row->kid);
    enum err err;

    if (kid_len == 0 || kid_len > KID_MAX || row->alg < KEY_RS256 ||
        row->alg > KEY_ALG_LAST)
        return ERR_CORRUPT;
    err = jwt_key_load(row, sealer, &key->jwk);
    if (err != OK)
        return err;
    memcpy(key->kid, row->kid, kid_len + 1);
    key->alg = row->alg;
    key->activates_ms = row->activates_ms;
    key->retires_ms = row->retires_ms;
    key->signature_len = row->alg == KEY_ES256
                             ? P256_SIGNATURE
                             : (cjose_jwk_get_keysize(key->jwk, NULL) + 7) / 8;
    if (keys->count > 0)
        buf_str(&keys->jwks, ",");
    buf_put(&keys->jwks, row->public_jwk.data, row->public_jwk.len);
    keys->count++;
    return buf_err(&keys->jwks);
}

enum err jwt_keys_from_rows(const struct signing_key *rows, size_t count,
                            struct sealer *sealer, struct jwt_keys **ret_keys) {
    struct jwt_keys *keys;
    enum err err = OK;

    if (count == 0)
        return ERR_NOT_FOUND;
    if (count > JWT_KEYS_MAX)
        return ERR_TOO_BIG;
    keys = calloc(1, sizeof(*keys));
    if (!keys)
        return ERR_NOMEM;
    atomic_init(&keys->refs, 1);
    buf_init(&keys->jwks, JWKS_MAX);
    buf_str(&keys->jwks, "{\"keys\":[");
    for (size_t i = 0; i < count && err == OK; i++)
        err = keys_add(keys, &rows[i], sealer);
    buf_str(&keys->jwks, "]}");
    if (err == OK)
        err = buf_err(&keys->jwks);
    if (err == OK)
        *ret_keys = keys;
    else
        keys_free(keys);
    return err;
}

struct rows {
    struct signing_key items[JWT_KEYS_MAX];
    size_t count;
    bool too_many;
};

static bool collect(void *arg, const struct signing_key *key) {
    struct rows *rows = arg;

    if (rows->count == JWT_KEYS_MAX) {
        rows->too_many = true;
        return false;
    }
    rows->items[rows->count++] = *key;
    return true;
}

enum err jwt_keys_load(struct store_read *read, struct sealer *sealer,
                       struct jwt_keys **ret_keys) {
    struct rows rows = {.count = 0};
    struct arena arena;
    enum err err;

    arena_init(&arena, 1024 * 1024);
    err = store_key_walk(read, &arena, collect, &rows);
    if (err == OK && rows.too_many)
        err = ERR_TOO_BIG;
    if (err == OK)
        err = jwt_keys_from_rows(rows.items, rows.count, sealer, ret_keys);
    arena_close(&arena);
    return err;
}

struct jwt_keys *jwt_keys_ref(struct jwt_keys *keys) {
    atomic_fetch_add_explicit(&keys->refs, 1, memory_order_relaxed);
    return keys;
}

void jwt_keys_unref(struct jwt_keys *keys) {
    if (keys && atomic_fetch_sub_explicit(&keys->refs, 1, memory_order_acq_rel) == 1)
        keys_free(keys);
}

struct span jwt_keys_jwks(const struct jwt_keys *keys) {
    return buf_span(&keys->jwks);
}

/* The state of a key depends on its times alone, and one is active at a time (K2). */
static const struct jwt_key *signing_key_of(const struct jwt_keys *keys,
                                            enum key_alg alg, uint64_t now_ms) {
    for (size_t i = 0; i < keys->count; i++) {
        const struct jwt_key *key = &keys->keys[i];
        struct signing_key times = {.activates_ms = key->activates_ms,
                                    .retires_ms = key->retires_ms};

        if (key->alg == alg && store_key_state(&times, now_ms) == KEY_ACTIVE)
            return key;
    }
    return NULL;
}

bool jwt_keys_can_sign(const struct jwt_keys *keys, enum key_alg alg, uint64_t now_ms) {
    return signing_key_of(keys, alg, now_ms) != NULL;
}

enum err jwt_sign(const struct jwt_keys *keys, enum key_alg alg, uint64_t now_ms,
                  const char *typ, struct span claims, struct buf *out) {
    const struct jwt_key *key = signing_key_of(keys, alg, now_ms);
    cjose_header_t *header;
    cjose_jws_t *jws = NULL;
    const char *text = NULL;
    enum err err = ERR_CRYPTO;

    if (!key)
        return ERR_NOT_FOUND;
    header = cjose_header_new(NULL);
    if (header &&
        cjose_header_set(header, CJOSE_HDR_ALG, jwt_alg_name(alg), NULL) &&
        cjose_header_set(header, CJOSE_HDR_KID, key->kid, NULL) &&
        cjose_header_set(header, "typ", typ, NULL))
        jws = cjose_jws_sign(key->jwk, header, claims.data, claims.len, NULL);
    if (jws && cjose_jws_export(jws, &text, NULL) && text) {
        buf_str(out, text);
        err = buf_err(out);
    }
    cjose_jws_release(jws);
    if (header)
        cjose_header_release(header);
    return err;
}

static const struct jwt_key *key_by_kid(const struct jwt_keys *keys, const char *kid) {
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].kid, kid) == 0)
            return &keys->keys[i];
    return NULL;
}

/* RFC 8725 §3.1, §3.11: the header may choose nothing but one of our own keys. */
static enum err header_check(json_t *header, const char *typ_wanted,
                             const char **ret_alg, const char **ret_kid) {
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *kid = json_string_value(json_object_get(header, "kid"));
    json_t *typ = json_object_get(header, "typ");
    const char *name;
    json_t *value;

    json_object_foreach(header, name, value) {
        if (strcmp(name, "alg") != 0 && strcmp(name, "kid") != 0 &&
            strcmp(name, "typ") != 0)
            return ERR_INVALID;
    }
    if (!alg || !kid)
        return ERR_INVALID;
    if (typ ? !json_is_string(typ) || strcmp(json_string_value(typ), typ_wanted) != 0
            : strcmp(typ_wanted, "JWT") != 0)
        return ERR_INVALID;
    *ret_alg = alg;
    *ret_kid = kid;
    return OK;
}

static enum err header_key(const struct jwt_keys *keys, json_t *header,
                           const char *typ, const struct jwt_key **ret_key) {
    const char *alg, *kid;
    enum err err = header_check(header, typ, &alg, &kid);

    if (err != OK)
        return err;
    *ret_key = key_by_kid(keys, kid);
    return *ret_key && strcmp(alg, jwt_alg_name((*ret_key)->alg)) == 0 ? OK
                                                                       : ERR_FORGED;
}

bool jwt_keys_know(const struct jwt_keys *keys, struct span token, const char *typ,
                   struct arena *arena) {
    const char *alg, *kid;
    struct span text;
    struct jws_parts parts;
    json_t *object;
    bool known = true;

    if (token.len == 0 || token.len > LIMIT_JWT || !jws_split(token, &parts))
        return true;
    object = jws_object(parts.header, arena, &text);
    if (!object)
        return true;
    if (header_check(object, typ, &alg, &kid) == OK && strlen(kid) <= KID_MAX)
        known = keys && key_by_kid(keys, kid);
    json_decref(object);
    return known;
}

enum err jwt_verify(const struct jwt_keys *keys, struct span token, const char *typ,
                    struct arena *arena, struct span *ret_claims) {
    const struct jwt_key *key = NULL;
    struct span header_text;
    struct jws_parts parts;
    json_t *object;
    enum err err;

    if (token.len == 0 || token.len > LIMIT_JWT || !jws_split(token, &parts))
        return ERR_INVALID;
    object = jws_object(parts.header, arena, &header_text);
    if (!object)
        return ERR_INVALID;
    err = header_key(keys, object, typ, &key);
    json_decref(object);
    if (err != OK)
        return err;
    err = jws_verify(token, &parts, key->jwk, key->signature_len, arena, &object,
                     ret_claims);
    if (err == OK)
        json_decref(object);
    return err;
}
