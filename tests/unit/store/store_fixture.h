/* store_fixture: a store in a folder of its own. */
#ifndef TESTS_UNIT_STORE_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_STORE_FIXTURE_H

#include "store/store.h"
#include "store/store_write.h"

struct store_fixture {
    char dir[64];
    struct store *store;
};

void store_fixture_open(struct store_fixture *fx);
/* Close and open the same folder again. */
void store_fixture_reopen(struct store_fixture *fx);
void store_fixture_close(struct store_fixture *fx);

/* Distinct keys by number. */
struct key_hash key_of(uint64_t n);
struct id128 id_of(uint64_t n);

/* The digest that stands in meta equals the one computed from the rows. */
void assert_digest_sound(struct store *store);
struct store_meta meta_of(struct store *store);

#endif
