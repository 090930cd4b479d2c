#include "server/crypto/password.h"

#include <pthread.h>
#include <sodium.h>

#include "store/base/check.h"
#include "store/base/port.h"

/* DESIGN §2: 19 MiB, two passes. */
#define OPS_LIMIT 2
#define MEM_LIMIT ((size_t)19456 * 1024)

_Static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "PHC string does not fit");

static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t decoy_lock = PTHREAD_MUTEX_INITIALIZER;
static char decoy[PASSWORD_HASH_MAX]; /* under decoy_lock; empty: not made yet */

static void start_sodium(void) {
    CHECK(sodium_init() >= 0);
}

/* A hash of random bytes that are forgotten at once: nothing verifies against it,
 * and its cost is that of any other. Without memory it stays empty, and the next call
 * tries again: an empty one for good would tell unknown accounts by their time. */
static void decoy_get(char out[PASSWORD_HASH_MAX]) {
    uint8_t bytes[32];

    CHECK(pthread_mutex_lock(&decoy_lock) == 0);
    if (!decoy[0]) {
        port_system_random.fill(port_system_random.impl, bytes, sizeof(bytes));
        if (crypto_pwhash_str(decoy, (const char *)bytes, sizeof(bytes), OPS_LIMIT,
                              MEM_LIMIT) != 0)
            decoy[0] = 0;
        secret_wipe(bytes, sizeof(bytes));
    }
    memcpy(out, decoy, sizeof(decoy));
    CHECK(pthread_mutex_unlock(&decoy_lock) == 0);
}

/* libsodium takes a pointer even for no bytes. */
static const char *bytes_of(struct span password) {
    return password.len > 0 ? (const char *)password.data : "";
}

enum err password_hash(struct span password, char out[PASSWORD_HASH_MAX]) {
    char text[crypto_pwhash_STRBYTES];

    CHECK(pthread_once(&sodium_once, start_sodium) == 0);
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

    CHECK(pthread_once(&sodium_once, start_sodium) == 0);
    decoy_get(text); /* for known accounts too: the first call takes longer */
    if (known) {
        memset(text, 0, sizeof(text));
        memcpy(text, stored.data, stored.len);
    }
    result = crypto_pwhash_str_verify(text, bytes_of(password), password.len);
    return known && result == 0;
}
