#include "server/svc_keys.h"

_Static_assert((int)KEY_RS256 == (int)CLIENT_RS256 &&
                   (int)KEY_ES256 == (int)CLIENT_ES256 &&
                   (int)KEY_PS256 == (int)CLIENT_PS256,
               "algorithm");

#define ARENA_MAX (1u * 1024 * 1024)

static bool count_key(void *arg, const struct signing_key *key) {
    size_t *count = arg;

    (void)key;
    (*count)++;
    return true;
}

enum err svc_keys_load(struct svc_keys *keys, struct store_read *read,
                       struct sealer *sealer) {
    struct svc_keys next = {0};
    struct arena arena;
    enum err err = store_key_version(read, &next.version);

    if (err || (keys->keys && next.version == keys->version))
        return err;
    arena_init(&arena, ARENA_MAX);
    err = store_key_walk(read, &arena, count_key, &next.count);
    arena_close(&arena);
    if (err || next.count == 0)
        return err;
    err = jwt_keys_load(read, sealer, &next.keys);
    if (err)
        return err;
    svc_keys_drop(keys);
    *keys = next;
    return OK;
}

void svc_keys_drop(struct svc_keys *keys) {
    jwt_keys_unref(keys->keys);
    *keys = (struct svc_keys){0};
}

enum key_alg svc_keys_alg(const struct client *client) {
    return (enum key_alg)client->id_token_alg; /* the same numbers */
}
