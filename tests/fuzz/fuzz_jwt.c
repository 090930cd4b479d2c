/* fuzz_jwt: jwt_verify over arbitrary bytes, with a cluster's two keys.
 *
 * The input is the token; what needs a good signature is reached by signing the
 * input as claims. Nothing that was not signed here may verify: keys are fresh in
 * every process. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/jwt.h"
#include "store/base/check.h"
#include "store/base/limits.h"

static struct jwt_keys *keys;
static struct arena arena;

static void once(void) {
    uint8_t key[32];
    struct keyring *keyring;
    struct sealer *sealer;
    struct signing_key rows[2];
    struct arena made;

    port_system_random.fill(port_system_random.impl, key, sizeof(key));
    arena_init(&arena, 1 << 20);
    arena_init(&made, 1 << 20);
    CHECK(keyring_from_bytes(key, &keyring) == OK);
    CHECK(sealer_new(keyring, &port_system_random, &sealer) == OK);
    CHECK(jwt_key_generate(KEY_RS256, sealer, &made, &rows[0]) == OK);
    CHECK(jwt_key_generate(KEY_ES256, sealer, &made, &rows[1]) == OK);
    CHECK(jwt_keys_from_rows(rows, 2, sealer, &keys) == OK);
    arena_close(&made);
    sealer_free(sealer);
    keyring_free(keyring);
}

/* Claims that are signed well must come back byte for byte, or be refused. */
static void sign_and_verify(struct span claims) {
    struct span out = {NULL, 0};
    struct buf token;

    buf_init(&token, LIMIT_JWT);
    if (jwt_sign(keys, KEY_ES256, 0, "JWT", claims, &token) == OK &&
        jwt_verify(keys, buf_span(&token), "JWT", &arena, &out) == OK)
        CHECK(span_equal(out, claims));
    buf_free(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span out;

    if (!keys)
        once();
    CHECK(jwt_verify(keys, span_of(data, size), "JWT", &arena, &out) != OK);
    if (size > 0 && data[0] == '{')
        sign_and_verify(span_of(data, size));
    arena_reset(&arena);
    return 0;
}
