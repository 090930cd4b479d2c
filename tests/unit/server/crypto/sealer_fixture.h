/* sealer_fixture: a keyring of the bytes 0 to 31, and a sealer whose chance is all sevens:
 * what it gives can be written down. */
#ifndef TESTS_UNIT_SERVER_CRYPTO_SEALER_FIXTURE_H
#define TESTS_UNIT_SERVER_CRYPTO_SEALER_FIXTURE_H

#include "server/crypto/keyring.h"
#include "tests/unit/server/unit.h"

struct fixture {
    struct keyring *keyring;
    struct sealer *sealer;
};

static inline void fill_sevens(void *impl, void *out, size_t len) {
    (void)impl;
    memset(out, 7, len);
}

static inline int setup(void **state) {
    static struct fixture fixture;
    struct port_random sevens = {.fill = fill_sevens};
    uint8_t key[32];

    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    assert_int_equal(keyring_from_bytes(key, &fixture.keyring), OK);
    assert_int_equal(sealer_new(fixture.keyring, &sevens, &fixture.sealer), OK);
    *state = &fixture;
    return 0;
}

static inline int teardown(void **state) {
    struct fixture *fixture = *state;

    sealer_free(fixture->sealer);
    keyring_free(fixture->keyring);
    return 0;
}

#endif
