/* fuzz_client_keys: a client's JWK Set, and tokens that say to be signed with it.
 *
 * The input is both: a set, and a token for the set at hand, whose private key nobody
 * holds, so that no token may verify. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/client_keys.h"
#include "store/base/check.h"

static const char set[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\","
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"; /* RFC 7515 A.3.1 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const types[] = {"jwt", NULL};
    static const struct client_jws_rules rules = {JWS_ALGS_STANDARD, types};
    static struct client_keys *fixed;
    struct span input = span_of(data, size);
    json_t *claims = NULL;
    struct client_keys *keys = NULL;
    const char *why = NULL;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    if (!fixed)
        CHECK(client_keys_parse(span_str(set), &fixed, NULL) == OK);
    if (client_keys_parse(input, &keys, &why) == OK)
        CHECK(client_keys_count(keys, JWS_ALGS_STANDARD) <= CLIENT_KEYS_MAX);
    else
        CHECK(why != NULL);
    client_keys_free(keys);
    CHECK(client_keys_verify(fixed, input, &rules, &arena, &claims) != OK);
    if (client_keys_peek(input, &arena, &claims) == OK)
        CHECK(json_is_object(claims));
    json_decref(claims);
    arena_close(&arena);
    return 0;
}
