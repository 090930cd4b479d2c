#include "server/crypto/password.h"

#include <pthread.h>
#include <sodium.h>

#include "store/base/check.h"
#include "store/base/port.h"

/* DESIGN §2: 19 MiB, two passes. */
#define OPS_LIMIT 2
#define MEM_LIMIT ((size_t)19456 * 1024)

_Static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "PHC string does not fit");

static char decoy[PASSWORD_HASH_MAX];
static pthread_once_t decoy_once = PTHREAD_ONCE_INIT;

/* A hash of random bytes that are forgotten at once: nothing verifies against it,
 * and its cost is that of any other. */
static void make_decoy(void) {
    uint8_t bytes[32];

    CHECK(sodium_init() >= 0);
    port_system_random.fill(port_system_random.impl, bytes, sizeof(bytes));
    if (crypto_pwhash_str(decoy, (const char *)bytes, sizeof(bytes), OPS_LIMIT,
                          MEM_LIMIT) != 0)
        decoy[0] = 0;
    secret_wipe(bytes, sizeof(bytes));
}

/* libsodium takes a pointer even for no bytes. */
static const char *bytes_of(struct span password) {
    return password.len > 0 ? (const char *)password.data : "";
}

enum err password_hash(struct span password, char out[PASSWORD_HASH_MAX]) {
    char text[crypto_pwhash_STRBYTES];

    CHECK(pthread_once(&decoy_once, make_decoy) == 0);
    if (crypto_pwhash_str(text, bytes_of(password), password.len, OPS_LIMIT,
                          MEM_LIMIT) != 0)
        return ERR_NOMEM;
    memset(out, 0, PASSWORD_HASH_MAX);
    memcpy(out, text, strlen(text));
    return OK;
}

bool password_verify(struct span password, struct span stored) {
    char text[PASSWORD_HASH_MAX] = {0};
    bool known = stored.len > 0 && stored.len < sizeof(text);
    int result;

    CHECK(pthread_once(&decoy_once, make_decoy) == 0);
    if (known)
        memcpy(text, stored.data, stored.len);
    else
        memcpy(text, decoy, sizeof(text));
    result = crypto_pwhash_str_verify(text, bytes_of(password), password.len);
    return known && result == 0;
}
